#include "validator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/charset.h"
#include "../base/libcrypto.h"
#include "../base/report.h"
#include "words.h"

#define GUID_SIZE 37
#define REPLY_MAX_BYTES (UINT64_C(4) << 20)
#define DEADLINE_MS 60000
#define WORD_SIZE 65
#define TEXT_SIZE 2049

#define HEAD                                                                                                                                                   \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><ValidujPodani "                \
	"xmlns=\"urn:cz:isvs:cssz:schemas:ePodaniValidace:v1\"><PozadavekId>"
#define TAIL "</ValidujPodani></s:Body></s:Envelope>\n"

/* --- the question --- */

static bool make_guid(struct span form, char ret[GUID_SIZE])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (EVP_Digest(form.data, form.length, hash, &length, EVP_sha256(), NULL) != 1) {
		return false;
	}
	hash[6] = (uint8_t)((hash[6] & 0x0F) | 0x80);
	hash[8] = (uint8_t)((hash[8] & 0x3F) | 0x80);
	(void)snprintf(ret, GUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3], hash[4],
	               hash[5], hash[6], hash[7], hash[8], hash[9], hash[10], hash[11], hash[12], hash[13], hash[14], hash[15]);
	return true;
}

/* The form as it is, but for mark and declaration: the message around it is in UTF-8. */
static struct span without_declaration(struct span form)
{
	static const char declaration[] = "<?xml";
	const uint8_t *end = NULL;

	if (form.length >= 3 && memcmp(form.data, "\xEF\xBB\xBF", 3) == 0) {
		form = span_of(form.data + 3, form.length - 3);
	}
	if (form.length > sizeof declaration && memcmp(form.data, declaration, sizeof declaration - 1) == 0) {
		end = memmem(form.data, form.length, "?>", 2);
	}
	return end == NULL ? form : span_of(end + 2, form.length - (size_t)(end + 2 - form.data));
}

static int write_form(int out, struct span form)
{
	char encoding[XMLWALK_ENCODING_SIZE] = "utf-8";
	_cleanup_free_ uint8_t *converted = NULL;
	struct span bytes = without_declaration(form);
	enum charset charset = CHARSET_UTF8;

	charset_declared(form, encoding, sizeof encoding);
	charset = charset_by_name(span_of_string(encoding));
	if (charset == CHARSET_UTF8) {
		return fd_write_all(out, bytes.data, bytes.length);
	}
	if (charset == CHARSET_UNKNOWN) {
		return ERR_UNSUPPORTED; /* such a form is not taken in */
	}
	converted = malloc(CHARSET_GROWTH_MAX * bytes.length + 1);
	return converted == NULL ? ERR_MEMORY : fd_write_all(out, converted, charset_to_utf8(charset, bytes, converted));
}

int cssz_compose_check(struct job *job)
{
	_cleanup_free_ uint8_t *form = NULL;
	char guid[GUID_SIZE], now[CLOCK_UTC_SIZE], line[512], path[CSSZ_PATH_SIZE];
	size_t length = 0;
	int err = fd_read_all(job_input(job, 1), CSSZ_DATA_MAX_BYTES, &form, &length);

	if (err != 0) {
		return job_fail(job, err, err == ERR_LIMIT ? "the form is larger than ČSSZ takes (20 MiB)" : "the form cannot be read");
	}
	if (!make_guid(span_of(form, length), guid)) {
		return job_fail(job, ERR_MEMORY, "no memory");
	}
	clock_format_utc(clock_utc_ms(), now);
	now[strcspn(now, "Z")] = '\0';
	(void)snprintf(line, sizeof line, HEAD "%s</PozadavekId><PozadavekCas>%s</PozadavekCas>", guid, now);
	err = fd_write_all(job_fd(job, 2), line, strlen(line));
	err = err != 0 ? err : write_form(job_fd(job, 2), span_of(form, length));
	err = err != 0 ? err : fd_write_all(job_fd(job, 2), TAIL, strlen(TAIL));
	if (err != 0) {
		return job_fail(job, err, "the question cannot be written");
	}
	(void)job_parameter(job, "option.check-path", "/ePodaniValidace.svc", path, sizeof path);
	lines_set(&job->result, "same", "no");
	lines_set(&job->result, "method", "POST");
	lines_set(&job->result, "path", path);
	lines_set(&job->result, "header.1", "Content-Type: text/xml; charset=utf-8");
	lines_set(&job->result, "header.2", "SOAPAction: \"ePodaniValidace\"");
	lines_set_u64(&job->result, "reply-limit", REPLY_MAX_BYTES);
	lines_set_u64(&job->result, "deadline-ms", DEADLINE_MS);
	return 0;
}

/* --- the answer --- */

struct answer {
	struct report report;
	char language[4];
	char id[WORD_SIZE], code[WORD_SIZE];
	char category[WORD_SIZE], number[WORD_SIZE], form[2 * WORD_SIZE], text[TEXT_SIZE]; /* of the fault that is being read */
	char *collecting;
	size_t room;
	uint64_t faults;
	bool in_fault;
};

static void collect(struct answer *answer, char *place, size_t size)
{
	answer->collecting = place;
	answer->room = size;
	place[0] = '\0';
}

static int on_start(void *context, const struct xml_element *element)
{
	struct answer *answer = context;

	answer->collecting = NULL;
	if (span_equals_string(element->name, "Chyba")) {
		answer->in_fault = true;
		answer->category[0] = answer->number[0] = answer->form[0] = answer->text[0] = '\0';
	} else if (answer->in_fault && span_equals_string(element->name, "Kategorie")) {
		collect(answer, answer->category, sizeof answer->category);
	} else if (answer->in_fault && span_equals_string(element->name, "Kod")) {
		collect(answer, answer->number, sizeof answer->number);
	} else if (answer->in_fault && span_equals_string(element->name, "Popis")) {
		collect(answer, answer->text, sizeof answer->text);
	} else if (answer->in_fault && span_equals_string(element->name, "FormularIdentifikace")) {
		collect(answer, answer->form, sizeof answer->form);
	} else if (span_equals_string(element->name, "PozadavekId")) {
		collect(answer, answer->id, sizeof answer->id);
	} else if (span_equals_string(element->name, "VysledekKod")) {
		collect(answer, answer->code, sizeof answer->code);
	}
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct answer *answer = context;

	if (answer->collecting != NULL) {
		size_t have = strlen(answer->collecting);

		job_copy_value(text, answer->collecting + have, answer->room - have);
	}
	return 0;
}

static void tell_fault(struct answer *answer)
{
	bool form = strcmp(answer->category, "Formular") == 0;

	answer->faults++;
	report_line(&answer->report, "%s%s%s%s%s%s: %s", cssz_word(answer->language, form ? WORD_FORM : WORD_WHOLE), answer->form[0] != '\0' ? " " : "",
	            answer->form, answer->number[0] != '\0' ? " [" : "", answer->number, answer->number[0] != '\0' ? "]" : "", answer->text);
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct answer *answer = context;

	(void)depth;
	if (answer->collecting != NULL) {
		job_trim(answer->collecting);
		answer->collecting = NULL;
	}
	if (answer->in_fault && span_equals_string(name, "Chyba")) {
		answer->in_fault = false;
		tell_fault(answer);
	}
	return 0;
}

static int tell(struct job *job, const char *verdict, const char *reason)
{
	lines_set(&job->result, "verdict", verdict);
	lines_set(&job->result, "evidence", "channel");
	lines_set(&job->result, "reason", reason);
	return 0;
}

/* 0, or the failure of reading the form. */
static int is_of_this_form(struct job *job, const char *id, bool *ret)
{
	_cleanup_free_ uint8_t *form = NULL;
	char guid[GUID_SIZE];
	size_t length = 0;
	int err = fd_read_all(job_input(job, CLASSIFY_ORIGINAL), CSSZ_DATA_MAX_BYTES, &form, &length);

	*ret = err == 0 && make_guid(span_of(form, length), guid) && strcasecmp(guid, id) == 0;
	return err;
}

int cssz_classify_check(struct job *job)
{
	static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };
	struct answer answer = { .report = { .fd = job_fd(job, CLASSIFY_REPORT_OUT) } };
	struct xml_outcome outcome;
	bool same = false;
	int err = ERR_INTERNAL;

	(void)job_parameter(job, "language", "cs", answer.language, sizeof answer.language);
	err = xmlwalk_read(job_input(job, CLASSIFY_REPLY), REPLY_MAX_BYTES, &events, &answer, &outcome);
	if (err != 0 || answer.code[0] == '\0' || answer.report.err != 0) {
		return tell(job, "unavailable", "the validator did not answer with a result");
	}
	err = is_of_this_form(job, answer.id, &same);
	if (err != 0) {
		return job_fail(job, err, "the form cannot be read");
	}
	if (!same) {
		return tell(job, "unavailable", "the validator answered about another form");
	}
	if (strcmp(answer.code, "OK") == 0 && answer.faults == 0) {
		return tell(job, "passed", NULL);
	}
	if (strcmp(answer.code, "CHYBA") != 0 || answer.faults == 0) {
		return tell(job, "unavailable", "the validator contradicts itself");
	}
	if (answer.report.omitted > 0) {
		answer.report.lines = 0;
		report_line(&answer.report, "… %s: %zu", cssz_word(answer.language, WORD_MORE), answer.report.omitted);
	}
	lines_set(&job->result, "report", "yes");
	lines_set_u64(&job->result, "errors", answer.faults);
	return tell(job, "refused", "the validator of the partner found errors in the form; it was neither signed nor sent");
}
