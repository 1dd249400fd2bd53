#include "datamatch.h"

#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../base/digest.h"
#include "../base/zip.h"

#define STEP_BYTES 4096
#define ZIP_MAGIC_BYTES 4

/* One reading of the text. */
struct reading {
	EVP_MD_CTX *digest;
	uint8_t step[STEP_BYTES];
	size_t step_length;
	uint32_t bits; /* not yet whole bytes */
	unsigned bit_count;
	bool wrong;  /* the text is not in this form */
	bool padded; /* base64: only padding may follow */
	bool is_zip, first_seen;
	uint8_t *kept; /* the ZIP */
	size_t kept_length, kept_size;
	uint64_t total;
};

struct datamatch {
	uint64_t limit;
	struct reading hex, base64;
};

struct datamatch *datamatch_new(uint64_t limit)
{
	struct datamatch *match = calloc(1, sizeof *match);

	if (match == NULL) {
		return NULL;
	}
	match->limit = limit;
	match->hex.digest = digest_new("SHA256");
	match->base64.digest = digest_new("SHA256");
	if (match->hex.digest == NULL || match->base64.digest == NULL) {
		datamatch_free(match);
		return NULL;
	}
	return match;
}

void datamatch_free(struct datamatch *match)
{
	if (match != NULL) {
		EVP_MD_CTX_free(match->hex.digest);
		EVP_MD_CTX_free(match->base64.digest);
		free(match->hex.kept);
		free(match->base64.kept);
		free(match);
	}
}

static bool keep(struct reading *reading, struct span bytes)
{
	if (reading->kept_size - reading->kept_length < bytes.length) {
		size_t larger = 2 * reading->kept_size + bytes.length;
		uint8_t *moved = realloc(reading->kept, larger);

		if (moved == NULL) {
			return false;
		}
		reading->kept = moved;
		reading->kept_size = larger;
	}
	memcpy(reading->kept + reading->kept_length, bytes.data, bytes.length);
	reading->kept_length += bytes.length;
	return true;
}

static void flush(struct reading *reading, uint64_t limit)
{
	struct span bytes = span_of(reading->step, reading->step_length);

	reading->step_length = 0;
	if (bytes.length == 0 || reading->wrong) {
		return;
	}
	if (!reading->first_seen) {
		reading->first_seen = true;
		reading->is_zip = span_starts_with(bytes, "PK\x03\x04");
	}
	reading->total += bytes.length;
	reading->wrong = reading->total > limit || digest_feed(reading->digest, bytes) != 0 || (reading->is_zip && !keep(reading, bytes));
}

static void put_bits(struct reading *reading, uint32_t value, unsigned count, uint64_t limit)
{
	reading->bits = reading->bits << count | value;
	reading->bit_count += count;
	if (reading->bit_count < 8) {
		return;
	}
	reading->bit_count -= 8;
	reading->step[reading->step_length++] = (uint8_t)(reading->bits >> reading->bit_count);
	reading->bits &= (1U << reading->bit_count) - 1;
	if (reading->step_length == sizeof reading->step) {
		flush(reading, limit);
	}
}

static int hex_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int base64_value(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
}

void datamatch_feed(struct datamatch *match, struct span text)
{
	for (size_t i = 0; i < text.length; i++) {
		uint8_t c = text.data[i];
		int hex = hex_value(c), base64 = base64_value(c);

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			continue;
		}
		if (hex < 0) {
			match->hex.wrong = true;
		} else if (!match->hex.wrong) {
			put_bits(&match->hex, (uint32_t)hex, 4, match->limit);
		}
		if (c == '=') {
			match->base64.padded = true;
		} else if (base64 < 0 || match->base64.padded) {
			match->base64.wrong = true;
		} else if (!match->base64.wrong) {
			put_bits(&match->base64, (uint32_t)base64, 6, match->limit);
		}
	}
}

static int feed_digest(void *context, struct span bytes)
{
	return digest_feed(context, bytes);
}

static bool reading_equals(struct reading *reading, uint64_t limit, const char *sha256)
{
	_cleanup_digest_ EVP_MD_CTX *inside = NULL;
	char hex[DIGEST_HEX_SIZE];

	flush(reading, limit);
	if (reading->wrong || reading->bits != 0 || digest_hex(reading->digest, hex) != 0) {
		return false;
	}
	if (strcmp(hex, sha256) == 0) {
		return true;
	}
	inside = reading->is_zip ? digest_new("SHA256") : NULL;
	return inside != NULL && zip_read_single(span_of(reading->kept, reading->kept_length), limit, feed_digest, inside) == 0 &&
	       digest_hex(inside, hex) == 0 && strcmp(hex, sha256) == 0;
}

bool datamatch_equals(struct datamatch *match, const char *sha256)
{
	return reading_equals(&match->hex, match->limit, sha256) || reading_equals(&match->base64, match->limit, sha256);
}
