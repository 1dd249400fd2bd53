#include "toy.h"

#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/digest.h"
#include "../base/report.h"

#define WORD_SIZE 32
#define ID_SIZE 65
#define REASON_SIZE 513
#define REPLY_MAX_BYTES 65536
#define DEADLINE_MS 60000

struct toy_receipt {
	bool found;
	char id[ID_SIZE], sha256[DIGEST_HEX_SIZE], result[WORD_SIZE], reason[REASON_SIZE];
};

/* The original: its digest and the id of its root. */
struct toy_original {
	EVP_MD_CTX *digest;
	struct xmlwalk *walk;
	char id[ID_SIZE];
};

static int toy_compose(struct job *job)
{
	char what[WORD_SIZE];

	(void)job_parameter(job, "what", "", what, sizeof what);
	if (strcmp(what, "content") == 0) {
		lines_set(&job->result, "same", "yes");
		return 0;
	}
	if (strcmp(what, "file") != 0) {
		return job_fail(job, ERR_UNSUPPORTED, "this partner has no test run and no polling");
	}
	lines_set(&job->result, "same", "yes");
	lines_set(&job->result, "method", "POST");
	lines_set(&job->result, "path", "/inbox");
	lines_set(&job->result, "header.1", "Content-Type: application/pkcs7-mime");
	lines_set_u64(&job->result, "reply-limit", REPLY_MAX_BYTES);
	lines_set_u64(&job->result, "deadline-ms", DEADLINE_MS);
	return 0;
}

static void take(const struct xml_element *element, const char *name, char *ret, size_t size)
{
	struct span value;

	if (xml_attribute_find(element, name, &value)) {
		job_copy_value(value, ret, size);
	}
}

static int on_reply_start(void *context, const struct xml_element *element)
{
	struct toy_receipt *receipt = context;

	if (element->depth == 1 && span_equals_string(element->name, "ToyReceipt")) {
		receipt->found = true;
		take(element, "id", receipt->id, sizeof receipt->id);
		take(element, "sha256", receipt->sha256, sizeof receipt->sha256);
		take(element, "result", receipt->result, sizeof receipt->result);
		take(element, "reason", receipt->reason, sizeof receipt->reason);
	}
	return 0;
}

static int on_original_start(void *context, const struct xml_element *element)
{
	struct toy_original *original = context;

	if (element->depth == 1) {
		take(element, "id", original->id, sizeof original->id);
	}
	return 0;
}

static const struct xml_handler reply_events = { .start = on_reply_start };
static const struct xml_handler original_events = { .start = on_original_start };

static int feed_original(void *context, struct span bytes)
{
	struct toy_original *original = context;

	(void)xmlwalk_feed(original->walk, bytes);
	return digest_feed(original->digest, bytes);
}

static void cleanup_original(struct toy_original *original)
{
	EVP_MD_CTX_free(original->digest);
	xmlwalk_free(original->walk);
}

static int tell(struct job *job, const char *verdict, const char *reason)
{
	lines_set(&job->result, "verdict", verdict);
	lines_set(&job->result, "evidence", "channel");
	lines_set(&job->result, "reason", reason);
	return 0;
}

static int judge(struct job *job, const struct toy_receipt *receipt, const struct toy_original *original, const char *sha256)
{
	bool ours = strcmp(receipt->sha256, sha256) == 0 && strcmp(receipt->id, original->id) == 0;
	struct report report = { .fd = job_fd(job, CLASSIFY_REPORT_OUT) };

	if (strcmp(receipt->result, "ok") == 0) {
		return ours ? tell(job, "accepted", NULL) : tell(job, "mismatch", "a receipt of something else");
	}
	if (strcmp(receipt->result, "bad") != 0) {
		return tell(job, "unknown", "a result that is not known");
	}
	if (receipt->sha256[0] != '\0' && !ours) {
		return tell(job, "mismatch", "a refusal of something else");
	}
	report_line(&report, "%s", receipt->reason);
	lines_set(&job->result, "report", report.lines > 0 ? "yes" : "no");
	lines_set(&job->result, "errors", "1");
	return report.err == 0 ? tell(job, "refused", "the partner refused it") : job_fail(job, report.err, "the report cannot be written");
}

static int toy_classify(struct job *job)
{
	__attribute__((cleanup(cleanup_original))) struct toy_original original = { .digest = digest_new("SHA256") };
	struct toy_receipt receipt = { 0 };
	struct xml_outcome outcome;
	char purpose[WORD_SIZE], sha256[DIGEST_HEX_SIZE];
	uint64_t status = job_parameter_u64(job, "http-status", 0);
	int err = ERR_MEMORY;

	(void)job_parameter(job, "purpose", "", purpose, sizeof purpose);
	if (strcmp(purpose, "file") != 0) {
		return job_fail(job, ERR_UNSUPPORTED, "this partner has no such purpose");
	}
	original.walk = xmlwalk_new(&original_events, &original);
	if (original.digest != NULL && original.walk != NULL) {
		err = job_each_chunk(job_input(job, CLASSIFY_ORIGINAL), JOB_STREAM_MAX_BYTES, feed_original, &original);
	}
	err = err != 0 ? err : digest_hex(original.digest, sha256);
	if (err != 0) {
		return job_fail(job, err, "the original cannot be read");
	}
	lines_set(&job->result, "receipt", "no");
	lines_set(&job->result, "report", "no");
	if (status >= 300 && status <= 399) {
		return tell(job, "unavailable", "the service is redirected");
	}
	if (xmlwalk_read(job_input(job, CLASSIFY_REPLY), REPLY_MAX_BYTES, &reply_events, &receipt, &outcome) != 0 || !receipt.found) {
		return tell(job, "unknown", "not a receipt");
	}
	return judge(job, &receipt, &original, sha256);
}

/* A channel receipt has no secrets to show. */
static int toy_receipt_text(struct job *job)
{
	lines_set(&job->result, "size", "0");
	return 0;
}

const struct partner toy_partner = { .name = "toy", .compose = toy_compose, .classify = toy_classify, .receipt = toy_receipt_text };
