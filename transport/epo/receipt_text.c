/* The lines of stav.txt that tell a person how the portal knows the filing (spec/epo 7.2, 7.3; design 5, receipt_on_share). */
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "epo.h"
#include "receipt.h"
#include "words.h"

#define TEXT_SIZE 4096
#define VALUE_SIZE 513
#define DATE_SIZE 64
#define OPTION_SIZE 16

struct rendering {
	const char *language, *end; /* of a line */
	char text[TEXT_SIZE];
	size_t length;
};

static void add(struct rendering *rendering, enum epo_word word, const char *value)
{
	int written = snprintf(rendering->text + rendering->length, sizeof rendering->text - rendering->length, "%s: %s%s", epo_word(rendering->language, word),
	                       value, rendering->end);

	if (written > 0 && (size_t)written < sizeof rendering->text - rendering->length) {
		rendering->length += (size_t)written;
	}
}

static void render(struct rendering *rendering, struct span receipt, bool with_password)
{
	char value[VALUE_SIZE], date[DATE_SIZE];

	if (lines_find_string(receipt, "cislo", value, sizeof value)) {
		add(rendering, WORD_NUMBER, value);
	}
	if (lines_find_string(receipt, "id-predani", value, sizeof value)) {
		add(rendering, WORD_TRANSFER, value);
	}
	if (lines_find_string(receipt, "heslo", value, sizeof value)) {
		add(rendering, WORD_PASSWORD, with_password ? value : epo_word(rendering->language, WORD_PASSWORD_KEPT));
	}
	if (lines_find_string(receipt, "datum", value, sizeof value)) {
		add(rendering, WORD_DATE, epo_receipt_date(value, date, sizeof date) ? date : value);
	}
	if (lines_find_string(receipt, "zarep", value, sizeof value)) {
		add(rendering, WORD_RECOGNISED, epo_word(rendering->language, strcmp(value, "yes") == 0 ? WORD_YES : WORD_NO));
	}
	explicit_bzero(value, sizeof value);
}

int epo_receipt_text(struct job *job)
{
	char level[OPTION_SIZE], language[OPTION_SIZE], end[OPTION_SIZE], receipt[RECEIPT_MAX_BYTES];
	struct rendering rendering = { .language = language };
	ssize_t length = fd_read_full(job_input(job, 1), receipt, sizeof receipt);
	int err = ERR_FORMAT;

	(void)job_parameter(job, "level", "none", level, sizeof level);
	(void)job_parameter(job, "language", "cs", language, sizeof language);
	(void)job_parameter(job, "line-end", "lf", end, sizeof end);
	rendering.end = strcmp(end, "crlf") == 0 ? "\r\n" : "\n";
	if (length >= 0 && (size_t)length < sizeof receipt && lines_valid(span_of(receipt, (size_t)length))) {
		bool full = strcmp(level, "full") == 0;

		if (full || strcmp(level, "no-password") == 0) {
			render(&rendering, span_of(receipt, (size_t)length), full);
		}
		err = fd_write_all(job_fd(job, 2), rendering.text, rendering.length);
	}
	lines_set_u64(&job->result, "size", rendering.length);
	explicit_bzero(receipt, sizeof receipt);
	explicit_bzero(rendering.text, sizeof rendering.text);
	return err == 0 ? 0 : job_fail(job, err, "the receipt cannot be read, or its text cannot be written");
}
