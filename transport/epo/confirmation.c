/* The content of a confirmation whose signature was verified before: is it ours, and what does it say? (spec/epo 7.2) */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../base/digest.h"
#include "../base/report.h"
#include "classify.h"
#include "datamatch.h"
#include "receipt.h"

#define NAME_SIZE 65
#define VALUE_SIZE 513
#define DATE_SIZE 64
#define ARCHIVE_EXTRA_BYTES 65536

struct confirmation {
	char root[NAME_SIZE];
	unsigned filings; /* elements Podani */
	char number[VALUE_SIZE], password[VALUE_SIZE], date[VALUE_SIZE], recognised[NAME_SIZE];
	size_t control_depth; /* of the Kontrola around us */
	bool checksum_known, checksum_differs;
	char checksum[VALUE_SIZE];
	size_t data_depth;
	unsigned data_count;
	struct datamatch *data;
};

/* Digests of the original. */
struct original {
	EVP_MD_CTX *md5, *sha256;
	uint64_t size;
	char md5_hex[DIGEST_HEX_SIZE], sha256_hex[DIGEST_HEX_SIZE];
};

static void cleanup_confirmation(struct confirmation **confirmation)
{
	if (*confirmation != NULL) {
		datamatch_free((*confirmation)->data);
		explicit_bzero(*confirmation, sizeof **confirmation);
		free(*confirmation);
	}
}

static void cleanup_original(struct original *original)
{
	EVP_MD_CTX_free(original->md5);
	EVP_MD_CTX_free(original->sha256);
}

static int feed_original(void *context, struct span bytes)
{
	struct original *original = context;
	int err = digest_feed(original->md5, bytes);

	original->size += bytes.length;
	return err != 0 ? err : digest_feed(original->sha256, bytes);
}

static int original_read(struct job *job, struct original *original)
{
	int err = ERR_MEMORY;

	original->md5 = digest_new("MD5");
	original->sha256 = digest_new("SHA256");
	if (original->md5 != NULL && original->sha256 != NULL) {
		err = job_each_chunk(job_input(job, CLASSIFY_ORIGINAL), JOB_STREAM_MAX_BYTES, feed_original, original);
	}
	err = err != 0 ? err : digest_hex(original->md5, original->md5_hex);
	err = err != 0 ? err : digest_hex(original->sha256, original->sha256_hex);
	return err == 0 ? 0 : job_fail(job, err, "the original cannot be read");
}

static void take(const struct xml_element *element, const char *name, char *ret, size_t size)
{
	struct span value;

	if (xml_attribute_find(element, name, &value)) {
		job_copy_value(value, ret, size);
	}
}

/* Kontrola/Soubor@KC. Several must agree. */
static void take_checksum(struct confirmation *confirmation, const struct xml_element *element)
{
	char checksum[VALUE_SIZE] = "";

	take(element, "KC", checksum, sizeof checksum);
	job_trim(checksum);
	if (checksum[0] == '\0') {
		return;
	}
	confirmation->checksum_differs = confirmation->checksum_differs || (confirmation->checksum_known && strcasecmp(checksum, confirmation->checksum) != 0);
	confirmation->checksum_known = true;
	memcpy(confirmation->checksum, checksum, sizeof checksum);
}

static int on_start(void *context, const struct xml_element *element)
{
	struct confirmation *confirmation = context;

	if (element->depth == 1) {
		job_copy_value(element->name, confirmation->root, sizeof confirmation->root);
	} else if (span_equals_string(element->name, "Podani")) {
		confirmation->filings++;
		take(element, "Cislo", confirmation->number, sizeof confirmation->number);
		take(element, "Heslo", confirmation->password, sizeof confirmation->password);
		take(element, "Datum", confirmation->date, sizeof confirmation->date);
		take(element, "ZAREP", confirmation->recognised, sizeof confirmation->recognised);
	} else if (span_equals_string(element->name, "Kontrola")) {
		confirmation->control_depth = element->depth;
	} else if (span_equals_string(element->name, "Soubor") && confirmation->control_depth != 0 && element->depth == confirmation->control_depth + 1) {
		take_checksum(confirmation, element);
	} else if (span_equals_string(element->name, "Data") && confirmation->data_depth == 0) {
		confirmation->data_depth = element->depth;
		confirmation->data_count++;
	}
	return 0;
}

static int on_text(void *context, struct span text)
{
	struct confirmation *confirmation = context;

	if (confirmation->data_depth != 0 && confirmation->data_count == 1) {
		datamatch_feed(confirmation->data, text);
	}
	return 0;
}

static int on_end(void *context, struct span name, size_t depth)
{
	struct confirmation *confirmation = context;

	(void)name;
	if (confirmation->data_depth == depth) {
		confirmation->data_depth = 0;
	}
	if (confirmation->control_depth == depth) {
		confirmation->control_depth = 0;
	}
	return 0;
}

static const struct xml_handler events = { .start = on_start, .text = on_text, .end = on_end };

/* NULL: everything that must be there is there. */
static const char *content_fault(const struct confirmation *confirmation)
{
	return strcmp(confirmation->root, "Pisemnost") != 0 || confirmation->filings == 0 ? "the signed content is not a confirmation"
	       : confirmation->filings > 1                                                ? "more than one filing in the confirmation"
	       : confirmation->number[0] == '\0'                                          ? "the confirmation has no filing number"
	       : confirmation->date[0] == '\0'                                            ? "the confirmation has no date"
	       : confirmation->password[0] == '\0'                                        ? "the confirmation has no password"
	                                                                                  : NULL;
}

/* NULL: it confirms what was sent. */
static const char *binding_fault(struct confirmation *confirmation, const struct original *original)
{
	if (confirmation->checksum_differs) {
		return "the confirmation holds several check sums";
	}
	if (confirmation->checksum_known) {
		return strcasecmp(confirmation->checksum, original->md5_hex) == 0 ? NULL : "the check sum is not that of what was sent";
	}
	if (confirmation->data_count == 0) {
		return "neither check sum nor data in the confirmation";
	}
	return confirmation->data_count == 1 && datamatch_equals(confirmation->data, original->sha256_hex) ? NULL
	                                                                                                   : "no check sum, and the data is not what was sent";
}

static int tell_taken(struct job *job, const struct confirmation *confirmation)
{
	struct lines receipt = { 0 };
	char date[DATE_SIZE];
	int err = ERR_INTERNAL;

	lines_set(&receipt, "cislo", confirmation->number);
	lines_set(&receipt, "heslo", confirmation->password);
	lines_set(&receipt, "datum", confirmation->date);
	lines_set(&receipt, "zarep", strcmp(confirmation->recognised, "true") == 0 || strcmp(confirmation->recognised, "1") == 0 ? "yes" : "no");
	err = receipt_write(job_fd(job, CLASSIFY_RECEIPT_OUT), &receipt);
	if (err != 0) {
		return job_fail(job, err, "the receipt cannot be written");
	}
	lines_set(&job->result, "receipt", "yes");
	lines_set(&job->result, "poll", "state");
	if (!epo_receipt_date(confirmation->date, date, sizeof date)) {
		lines_set(&job->result, "unread", "yes");
	}
	return epo_tell(job, "taken", "signed", NULL);
}

int epo_classify_confirmation(struct job *job)
{
	_cleanup_(cleanup_confirmation) struct confirmation *confirmation = calloc(1, sizeof *confirmation);
	_cleanup_(cleanup_original) struct original original = { 0 };
	struct xml_outcome outcome;
	const char *fault = NULL;
	int err = original_read(job, &original);

	if (err != 0) {
		return err;
	}
	/* Equal content is not longer than the original, nor is an archive of it by more than its headers. */
	if (confirmation == NULL || (confirmation->data = datamatch_new(original.size + ARCHIVE_EXTRA_BYTES)) == NULL) {
		return job_fail(job, ERR_MEMORY, "no memory");
	}
	lines_set(&job->result, "receipt", "no");
	lines_set(&job->result, "report", "no");
	if (xmlwalk_read(job_input(job, CLASSIFY_REPLY), JOB_STREAM_MAX_BYTES, &events, confirmation, &outcome) != 0) {
		return epo_tell(job, "unknown", "signed", outcome.fault[0] != '\0' ? outcome.fault : "the confirmation cannot be read");
	}
	fault = content_fault(confirmation);
	if (fault != NULL) {
		return epo_tell(job, "unknown", "signed", fault);
	}
	fault = binding_fault(confirmation, &original);
	return fault != NULL ? epo_tell(job, "mismatch", "signed", fault) : tell_taken(job, confirmation);
}
