/* What goes to EPO, and where (spec/epo 2, 3, 8). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/receipt.h"
#include "../base/zip.h"
#include "epo.h"

#define FORM_SIZE 33
#define FORMS_SIZE 1024
#define EMAIL_SIZE 255 /* RFC 5321 4.5.3.1.3 */
#define VALUE_SIZE 513
#define FILE_DEADLINE_MS 120000 /* spec/epo 5: whole exchange 60 to 120 s */
#define POLL_DEADLINE_MS 60000
#define ACCEPT "Accept: application/pkcs7-signature, application/xml, text/xml"
#define ZIP_LIMIT_BYTES (UINT64_C(64) << 20) /* the size was limited where the file came in; this bounds memory */
#define ZIP_FORMS "DPHKH1"                   /* spec/epo 3.2: compression before signing is mandatory */

static bool form_is_plain(const char *form)
{
	for (size_t i = 0; form[i] != '\0'; i++) {
		if (!isalnum((unsigned char)form[i])) {
			return false;
		}
	}
	return form[0] != '\0';
}

/* A confirmation carries the filing in hex: twice its size, and the rest of it (spec/epo 7.2). What is signed without a ZIP around it tells the size. */
static uint64_t reply_limit(const struct job *job, uint64_t signed_size)
{
	uint64_t size = signed_size > JOB_XML_LIMIT_BYTES ? signed_size : JOB_XML_LIMIT_BYTES;

	return 2 * job_parameter_u64(job, "original-size", size) + JOB_REPLY_EXTRA_BYTES;
}

static int count(void *context, struct span bytes)
{
	uint64_t *size = context;

	*size += bytes.length;
	return 0;
}

/* Where a filing goes and what stands around it, each name after `prefix`. */
static int tell_outside(struct job *job, const char *prefix, bool test, uint64_t size)
{
	char email[EMAIL_SIZE], escaped[3 * EMAIL_SIZE], name[LINES_NAME_MAX + 1];
	const char *const fixed[][2] = { { "method", "POST" }, { "header.1", "Content-Type: application/pkcs7-signature" }, { "header.2", ACCEPT } };

	if (job_parameter_whole(job, "email", email, sizeof email) != 0 || !job_percent_encode(span_of_string(email), escaped, sizeof escaped)) {
		return job_fail(job, ERR_LIMIT, "the e-mail address is too long");
	}
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
		(void)snprintf(name, sizeof name, "%s%s", prefix, fixed[i][0]);
		lines_set(&job->result, name, fixed[i][1]);
	}
	(void)snprintf(name, sizeof name, "%spath", prefix);
	if (email[0] != '\0') {
		lines_setf(&job->result, name, "/epo_podani?%semail=%s", test ? "test=1&" : "", escaped);
	} else {
		lines_set(&job->result, name, test ? "/epo_podani?test=1" : "/epo_podani");
	}
	(void)snprintf(name, sizeof name, "%sreply-limit", prefix);
	lines_set_u64(&job->result, name, reply_limit(job, size));
	(void)snprintf(name, sizeof name, "%sdeadline-ms", prefix);
	lines_set_u64(&job->result, name, FILE_DEADLINE_MS);
	return 0;
}

/* The original is what a confirmation repeats: with its size known, both requests can be described before there is a signature. */
static int tell_outsides(struct job *job)
{
	uint64_t size = 0;
	int err = job_each_chunk(job_input(job, 1), JOB_STREAM_MAX_BYTES, count, &size);

	if (err != 0) {
		return job_fail(job, err, "the filing cannot be read");
	}
	err = tell_outside(job, "test.", true, size);
	return err != 0 ? err : tell_outside(job, "file.", false, size);
}

/* What is signed: a ZIP for the forms that need it, otherwise the original. */
static int compose_content(struct job *job)
{
	char form[FORM_SIZE], forms[FORMS_SIZE], name[FORM_SIZE + 4];
	uint64_t size = 0, limit = job_parameter_u64(job, "limit", ZIP_LIMIT_BYTES);
	int err = ERR_INTERNAL;

	(void)job_parameter(job, "form", "", form, sizeof form);
	(void)job_parameter(job, "option.zip-forms", ZIP_FORMS, forms, sizeof forms);
	if (!form_is_plain(form)) {
		return job_fail(job, ERR_FORMAT, "no form, or not a form of EPO");
	}
	if (!job_list_has(forms, " ,|", form)) {
		lines_set(&job->result, "same", "yes");
		return tell_outsides(job);
	}
	(void)snprintf(name, sizeof name, "%s.xml", form);
	err = zip_write_single(job_input(job, 1), job_fd(job, 2), name, limit, &size);
	if (err != 0) {
		return job_fail(job, err, err == ERR_LIMIT ? "larger than %llu bytes" : "the archive cannot be written", (unsigned long long)limit);
	}
	lines_set(&job->result, "same", "no");
	lines_set_u64(&job->result, "size", size);
	return 0;
}

static int compose_filing(struct job *job, bool test)
{
	uint64_t size = 0;
	int err = job_each_chunk(job_input(job, 1), JOB_STREAM_MAX_BYTES, count, &size);

	if (err != 0) {
		return job_fail(job, err, "the signed filing cannot be read");
	}
	lines_set(&job->result, "same", "yes");
	return tell_outside(job, "", test, size);
}

/* C=…&H=… from the receipt; both are secret and are wiped. */
static int write_question(struct job *job, struct span receipt, const char *number_name, uint64_t *ret_size)
{
	char number[VALUE_SIZE], password[VALUE_SIZE], number_text[3 * VALUE_SIZE], password_text[3 * VALUE_SIZE], body[6 * VALUE_SIZE + 8];
	int err = ERR_FORMAT;

	if (lines_find_string(receipt, number_name, number, sizeof number) && lines_find_string(receipt, "heslo", password, sizeof password) &&
	    number[0] != '\0' && job_percent_encode(span_of_string(number), number_text, sizeof number_text) &&
	    job_percent_encode(span_of_string(password), password_text, sizeof password_text)) {
		int length = snprintf(body, sizeof body, "C=%s&H=%s", number_text, password_text);

		err = fd_write_all(job_fd(job, 2), body, (size_t)length);
		*ret_size = (uint64_t)length;
	}
	explicit_bzero(number, sizeof number);
	explicit_bzero(password, sizeof password);
	explicit_bzero(number_text, sizeof number_text);
	explicit_bzero(password_text, sizeof password_text);
	explicit_bzero(body, sizeof body);
	return err;
}

static int compose_poll(struct job *job)
{
	_cleanup_free_ uint8_t *receipt = NULL;
	size_t length = 0;
	uint64_t size = 0;
	char stage[32];
	bool state = false;
	int err = ERR_INTERNAL;

	(void)job_parameter(job, "stage", "", stage, sizeof stage);
	state = strcmp(stage, "state") == 0;
	if (!state && strcmp(stage, "result") != 0) {
		return job_fail(job, ERR_UNSUPPORTED, "no such stage of polling");
	}
	err = fd_read_all(job_input(job, 1), RECEIPT_MAX_BYTES, &receipt, &length);
	if (err != 0) {
		return job_fail(job, err, "the receipt cannot be read");
	}
	err = write_question(job, span_of(receipt, length), state ? "cislo" : "id-predani", &size);
	explicit_bzero(receipt, length);
	if (err != 0) {
		return job_fail(job, err, "the receipt has no number or password for this stage, or the question cannot be written");
	}
	lines_set(&job->result, "same", "no");
	lines_set_u64(&job->result, "size", size);
	lines_set(&job->result, "method", "POST");
	lines_set(&job->result, "path", state ? "/epo_stav" : "/epo_prijeti");
	lines_set(&job->result, "header.1", "Content-Type: application/x-www-form-urlencoded");
	lines_set(&job->result, "header.2", ACCEPT);
	lines_set_u64(&job->result, "reply-limit", reply_limit(job, 0));
	lines_set_u64(&job->result, "deadline-ms", state ? POLL_DEADLINE_MS : FILE_DEADLINE_MS);
	return 0;
}

int epo_compose(struct job *job)
{
	char what[16];

	(void)job_parameter(job, "what", "", what, sizeof what);
	if (strcmp(what, "content") == 0) {
		return compose_content(job);
	}
	if (strcmp(what, "test") == 0 || strcmp(what, "file") == 0) {
		return compose_filing(job, what[0] == 't');
	}
	if (strcmp(what, "poll") == 0) {
		return compose_poll(job);
	}
	return job_fail(job, ERR_UNSUPPORTED, "nothing of that name can be composed");
}
