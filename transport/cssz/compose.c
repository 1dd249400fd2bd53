/* What goes to VREP, and where (spec/cssz 2, 3, 4, 5). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/base64.h"
#include "../base/deflate.h"
#include "../base/receipt.h"
#include "../base/signer.h"
#include "cssz.h"
#include "encrypt.h"
#include "facts.h"
#include "isds.h"
#include "query.h"
#include "road.h"
#include "validator.h"

#define SIGNATURE_MAX_BYTES (UINT64_C(1) << 20) /* a detached CMS with its chain */
#define CERTIFICATES_MAX_BYTES (UINT64_C(1) << 20)
#define WORD_SIZE 33

static int write_text(int fd, const char *text)
{
	return fd_write_all(fd, text, strlen(text));
}

/* What is the same for all requests about one service. */
static int read_service(const struct job *job, char class_name[CSSZ_CLASS_SIZE], char key_type[WORD_SIZE])
{
	(void)job_parameter(job, "option.class", "", class_name, CSSZ_CLASS_SIZE);
	(void)job_parameter(job, "option.key-type", "vars", key_type, WORD_SIZE);
	return cssz_is_plain(class_name) && cssz_is_plain(key_type) ? 0 : ERR_FORMAT;
}

/* The form is signed as it is; that it can be sent at all is seen before a signature is spent on it. */
static int compose_content(struct job *job)
{
	char class_name[CSSZ_CLASS_SIZE], key_type[WORD_SIZE];
	struct cssz_facts facts;
	int err = 0;
	const char *fault = cssz_facts_read(job, job_input(job, 1), &facts, &err);

	if (fault != NULL) {
		return job_fail(job, err == 0 ? ERR_FORMAT : err, "%s", fault);
	}
	if (read_service(job, class_name, key_type) != 0) {
		return job_fail(job, ERR_FORMAT, "the catalogue does not say the class of this form");
	}
	err = road_check(job);
	if (err != 0) {
		return err;
	}
	lines_set(&job->result, "same", "yes");
	return 0;
}

/* What a message is made of. */
struct parts {
	uint8_t *content, *signature, *certificates;
	size_t content_length, signature_length, certificates_length;
	unsigned char *enveloped;
	size_t enveloped_length;
	struct cssz_facts facts;
	bool gzip;
};

static void cleanup_parts(struct parts *parts)
{
	free(parts->content);
	free(parts->signature);
	free(parts->certificates);
	OPENSSL_free(parts->enveloped);
}

/* The content that is enveloped: compressed, unless the option says raw. */
static int read_content(struct job *job, int original, struct parts *parts)
{
	char encoding[WORD_SIZE];
	struct deflated packed = { 0 };
	int err = ERR_INTERNAL;

	(void)job_parameter(job, "option.encoding", "gzip", encoding, sizeof encoding);
	parts->gzip = strcmp(encoding, "gzip") == 0;
	if (!parts->gzip && strcmp(encoding, "raw") != 0) {
		return job_fail(job, ERR_UNSUPPORTED, "the option encoding knows gzip and raw");
	}
	if (parts->gzip) {
		err = deflate_fd(original, DEFLATE_GZIP, CSSZ_DATA_MAX_BYTES, &packed);
		parts->content = packed.data;
		parts->content_length = packed.length;
	} else {
		err = fd_read_all(original, CSSZ_DATA_MAX_BYTES, &parts->content, &parts->content_length);
	}
	return err == 0 ? 0 : job_fail(job, err, err == ERR_LIMIT ? "the form is larger than ČSSZ takes (20 MiB)" : "the form cannot be read");
}

static int envelop(struct job *job, struct parts *parts)
{
	const char *why = NULL;
	char cipher[WORD_SIZE], sha256[SIGNER_HEX_SIZE];
	X509 *recipient = NULL;
	int err = ERR_CERT;

	(void)job_parameter(job, "encrypt-sha256", "", sha256, sizeof sha256);
	recipient = encrypt_choose(span_of(parts->certificates, parts->certificates_length), sha256, time(NULL), &why);
	(void)job_parameter(job, "option.cipher", "aes-256-cbc", cipher, sizeof cipher);
	if (recipient == NULL) {
		return job_fail(job, err, "%s", why);
	}
	err = encrypt_for(recipient, cipher, &parts->content, parts->content_length, &parts->enveloped, &parts->enveloped_length);
	X509_free(recipient);
	return err == 0 ? 0 : job_fail(job, err, err == ERR_UNSUPPORTED ? "the option cipher names none that is known" : "the form cannot be encrypted");
}

static int write_message(struct job *job, int out, const struct parts *parts)
{
	static const char header[] = "<Header><Signature xmlns:dt=\"urn:schemas-microsoft-com:datatypes\" dt:dt=\"bin.base64\">";
	static const char middle[] = "</Signature><Vendor productName=\"Podatelna\" version=\"" PODATELNA_VERSION "\"/></Header>";
	char class_name[CSSZ_CLASS_SIZE], key_type[WORD_SIZE], etype[WORD_SIZE], start[512], body[256];
	struct road road;
	struct envelope envelope = { .kind = ENVELOPE_SUBMIT, .class_name = class_name, .vs = parts->facts.vs, .key_type = key_type, .correlation_id = "" };
	int err = read_service(job, class_name, key_type);

	(void)job_parameter(job, "option.etype", "", etype, sizeof etype);
	if (err != 0 || !cssz_is_plain(etype)) {
		return job_fail(job, ERR_FORMAT, "the catalogue does not say class and etype of this form");
	}
	(void)snprintf(start, sizeof start, "<Message xmlns=\"http://www.cssz.cz/XMLSchema/envelope\" version=\"1.2\" eType=\"%s\">%s", etype, header);
	(void)snprintf(body, sizeof body,
	               "<Body xmlns:dt=\"urn:schemas-microsoft-com:datatypes\" encrypted=\"yes\" contentEncoding=\"%s\" dt:dt=\"bin.base64\">",
	               parts->gzip ? "gzip" : "raw");
	err = road_begin(job, out, &envelope, &road);
	err = err != 0 ? err : write_text(out, start);
	err = err != 0 ? err : base64_write(out, span_of(parts->signature, parts->signature_length));
	err = err != 0 ? err : write_text(out, middle);
	err = err != 0 ? err : write_text(out, body);
	err = err != 0 ? err : base64_write(out, span_of(parts->enveloped, parts->enveloped_length));
	err = err != 0 ? err : write_text(out, "</Body></Message>");
	err = err != 0 ? err : road_end(out, &road);
	return err == 0 || job->reason[0] != '\0' ? err : job_fail(job, err, "the message cannot be written");
}

static int compose_file(struct job *job)
{
	_cleanup_(cleanup_parts) struct parts parts = { 0 };
	_cleanup_close_ int original = -1;
	const char *fault = NULL;
	int err = fd_read_all(job_input(job, 1), SIGNATURE_MAX_BYTES, &parts.signature, &parts.signature_length);

	err = err != 0 ? err
	               : job_keep(job_input(job, 2), CSSZ_DATA_MAX_BYTES, &original); /* read twice: for what the envelope says of it, and for what is in it */
	err = err != 0 ? err : fd_read_all(job_input(job, 3), CERTIFICATES_MAX_BYTES, &parts.certificates, &parts.certificates_length);
	if (err != 0) {
		return job_fail(job, err, err == ERR_LIMIT ? "the form is larger than ČSSZ takes (20 MiB)" : "signature, form or certificates cannot be read");
	}
	if (parts.signature_length == 0) {
		return job_fail(job, ERR_FORMAT, "there is no signature");
	}
	fault = cssz_facts_read(job, original, &parts.facts, &err);
	if (fault != NULL) {
		return job_fail(job, err == 0 ? ERR_FORMAT : err, "%s", fault);
	}
	(void)lseek(original, 0, SEEK_SET);
	err = read_content(job, original, &parts);
	err = err != 0 ? err : envelop(job, &parts);
	err = err != 0 ? err : write_message(job, job_fd(job, 4), &parts);
	if (err == 0 && lseek(job_fd(job, 4), 0, SEEK_CUR) > (off_t)cssz_request_max(job)) {
		err = job_fail(job, ERR_LIMIT, "the request is larger than ČSSZ takes");
	}
	if (err != 0) {
		return err;
	}
	lines_set(&job->result, "same", "no");
	return road_tell_outside(job, ENVELOPE_SUBMIT);
}

static int compose_question(struct job *job, bool close)
{
	char class_name[CSSZ_CLASS_SIZE], key_type[WORD_SIZE], vs[CSSZ_VS_SIZE], id[CSSZ_ID_SIZE], variant[WORD_SIZE], receipt[RECEIPT_MAX_BYTES];
	struct road road;
	struct envelope envelope = { .kind = ENVELOPE_POLL, .class_name = class_name, .vs = vs, .key_type = key_type, .correlation_id = id };
	ssize_t length = fd_read_full(job_input(job, 1), receipt, sizeof receipt);
	struct span lines = span_of(receipt, length > 0 ? (size_t)length : 0);
	bool by_request = false;
	int err = ERR_INTERNAL;

	if (length < 0 || !lines_find_string(lines, "correlation-id", id, sizeof id) || !lines_find_string(lines, "class", class_name, sizeof class_name) ||
	    !lines_find_string(lines, "vs", vs, sizeof vs) || !cssz_is_id(id) || !cssz_is_plain(class_name) || (vs[0] != '\0' && !cssz_is_plain(vs))) {
		return job_fail(job, ERR_FORMAT, "the receipt says neither what to ask for nor where");
	}
	(void)job_parameter(job, "option.key-type", "vars", key_type, sizeof key_type);
	(void)job_parameter(job, "option.close", "a", variant, sizeof variant);
	by_request = close && strcmp(variant, "b") == 0;
	if (!cssz_is_plain(key_type)) {
		return job_fail(job, ERR_FORMAT, "the option key-type is malformed");
	}
	envelope.kind = !close ? ENVELOPE_POLL : by_request ? ENVELOPE_CLOSE_REQUEST : ENVELOPE_CLOSE_POLL;
	err = road_begin(job, job_fd(job, 2), &envelope, &road);
	err = err != 0 ? err : road_end(job_fd(job, 2), &road);
	if (err != 0) {
		return job->reason[0] != '\0' ? err : job_fail(job, err, "the question cannot be written");
	}
	lines_set(&job->result, "same", "no");
	return road_tell_outside(job, envelope.kind);
}

int cssz_compose(struct job *job)
{
	char what[16];

	(void)job_parameter(job, "what", "", what, sizeof what);
	if (strcmp(what, "content") == 0 && cssz_asks(job)) {
		return cssz_compose_query(job);
	}
	if (strcmp(what, "content") == 0) {
		return compose_content(job);
	}
	if (strcmp(what, "file") == 0) {
		return compose_file(job);
	}
	if (strcmp(what, "check") == 0) {
		return cssz_compose_check(job);
	}
	if (strcmp(what, "isds") == 0) {
		return cssz_compose_isds(job);
	}
	if (strcmp(what, "poll") == 0 || strcmp(what, "close") == 0) {
		return compose_question(job, what[0] == 'c');
	}
	return job_fail(job, ERR_UNSUPPORTED, "nothing of that name can be composed");
}
