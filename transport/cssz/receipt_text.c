/* The kind `receipt` of job.h for ČSSZ: what a person needs to ask about the filing. There is no password: whoever knows the identifier may ask. */
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/receipt.h"
#include "cssz.h"
#include "words.h"

#define OPTION_SIZE 16
#define LINE_SIZE 512

int cssz_receipt_text(struct job *job)
{
	static const struct {
		const char *name;
		enum cssz_word word;
	} shown[] = { { "correlation-id", WORD_ID }, { "class", WORD_CLASS }, { "vs", WORD_SYMBOL } };
	char level[OPTION_SIZE], language[OPTION_SIZE], end[OPTION_SIZE], receipt[RECEIPT_MAX_BYTES], value[CSSZ_ID_SIZE], line[LINE_SIZE];
	ssize_t length = fd_read_full(job_input(job, 1), receipt, sizeof receipt);
	struct span lines = span_of(receipt, length > 0 ? (size_t)length : 0);
	uint64_t size = 0;
	int err = length < 0 || !lines_valid(lines) ? ERR_FORMAT : 0;

	(void)job_parameter(job, "level", "none", level, sizeof level);
	(void)job_parameter(job, "language", "cs", language, sizeof language);
	(void)job_parameter(job, "line-end", "lf", end, sizeof end);
	for (size_t i = 0; err == 0 && strcmp(level, "none") != 0 && i < sizeof shown / sizeof shown[0]; i++) {
		if (lines_find_string(lines, shown[i].name, value, sizeof value) && value[0] != '\0') {
			int wrote =
			    snprintf(line, sizeof line, "%s: %s%s", cssz_word(language, shown[i].word), value, strcmp(end, "crlf") == 0 ? "\r\n" : "\n");

			err = fd_write_all(job_fd(job, 2), line, (size_t)wrote);
			size += (uint64_t)wrote;
		}
	}
	lines_set_u64(&job->result, "size", size);
	return err == 0 ? 0 : job_fail(job, err, "the receipt cannot be read, or its text cannot be written");
}
