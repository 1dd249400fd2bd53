#include "pool.h"

#include <mbedtls/base64.h>
#include <stdlib.h>
#include <string.h>

#include "der.h"

#define LISTS_MAX 65536 /* per link */
#define PEM_BEGIN "-----BEGIN "
#define PEM_END "-----END "

void audit_pool_init(struct audit_pool *pool)
{
	memset(pool, 0, sizeof *pool);
	(void)pthread_mutex_init(&pool->mutex, NULL);
}

void audit_pool_free(struct audit_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++) {
		free(pool->entries[i]->memory);
		free(pool->entries[i]);
	}
	for (size_t i = 0; i < pool->link_count; i++) {
		free(pool->links[i]->lists);
		free(pool->links[i]);
	}
	free(pool->entries);
	free(pool->links);
	(void)pthread_mutex_destroy(&pool->mutex);
	memset(pool, 0, sizeof *pool);
}

/* Room for one more in an array that doubles whenever a power of two is reached. */
static void *grow(void *array, size_t count, size_t size)
{
	return (count & (count - 1)) == 0 ? reallocarray(array, count == 0 ? 1 : 2 * count, size) : array;
}

static struct audit_entry *find(const struct audit_pool *pool, struct bytes der)
{
	uint8_t hash[AUDIT_HASH_BYTES];

	audit_sha256(der, hash);
	for (size_t i = 0; i < pool->count; i++) {
		if (memcmp(pool->entries[i]->certificate.sha256, hash, sizeof hash) == 0) {
			return pool->entries[i];
		}
	}
	return NULL;
}

static struct audit_entry *add(struct audit_pool *pool, struct bytes der)
{
	struct audit_entry *entry = NULL;
	struct audit_entry **moved = NULL;

	if (pool->count == AUDIT_POOL_MAX || der.length > AUDIT_CERTIFICATE_MAX_BYTES ||
	    (moved = grow(pool->entries, pool->count, sizeof(struct audit_entry *))) == NULL) {
		return NULL;
	}
	pool->entries = moved;
	entry = calloc(1, sizeof *entry);
	if (entry != NULL && (entry->memory = malloc(der.length + 1)) != NULL) {
		memcpy(entry->memory, der.data, der.length);
		if (audit_certificate_read((struct bytes){ entry->memory, der.length }, &entry->certificate)) {
			pool->entries[pool->count++] = entry;
			return entry;
		}
		free(entry->memory);
	}
	free(entry);
	return NULL;
}

const struct audit_entry *audit_pool_add(struct audit_pool *pool, struct bytes der, bool trusted)
{
	struct audit_entry *entry = NULL;

	if (der.length == 0) {
		return NULL;
	}
	(void)pthread_mutex_lock(&pool->mutex);
	entry = find(pool, der);
	if (entry == NULL) {
		entry = add(pool, der);
	}
	if (entry != NULL && trusted) {
		entry->trusted = true;
	}
	(void)pthread_mutex_unlock(&pool->mutex);
	return entry;
}

struct audit_link *audit_pool_link(struct audit_pool *pool, const struct audit_entry *subject, const struct audit_entry *issuer)
{
	struct audit_link **moved = NULL;
	struct audit_link *link = NULL;

	for (size_t i = 0; i < pool->link_count; i++) {
		if (pool->links[i]->subject == subject && pool->links[i]->issuer == issuer) {
			return pool->links[i];
		}
	}
	if (pool->link_count == AUDIT_LINKS_MAX || (moved = grow(pool->links, pool->link_count, sizeof(struct audit_link *))) == NULL) {
		return NULL;
	}
	pool->links = moved;
	link = calloc(1, sizeof *link);
	if (link != NULL) {
		*link = (struct audit_link){ .subject = subject, .issuer = issuer, .revoked_s = INT64_MAX, .condemned_s = INT64_MAX };
		link->good = audit_certificate_signed_by(&subject->certificate, &issuer->certificate);
		pool->links[pool->link_count++] = link;
	}
	return link;
}

/* RFC 3161 section 4: after these reasons, when they are given, what was signed before stays good. */
static bool keeps_the_past(int reason)
{
	return reason == AUDIT_REASON_UNSPECIFIED || reason == AUDIT_REASON_AFFILIATION || reason == AUDIT_REASON_SUPERSEDED ||
	       reason == AUDIT_REASON_CESSATION;
}

static void tell(struct audit_link *link, const struct audit_crl *crl)
{
	struct audit_list_time *moved = NULL;
	int64_t revoked_s = INT64_MAX;
	int reason = -1;

	switch (audit_crl_find(crl, link->subject->certificate.serial, &revoked_s, &reason)) {
	case AUDIT_LISTED:
		if (revoked_s < link->revoked_s) {
			link->revoked_s = revoked_s;
		}
		if (!keeps_the_past(reason) && revoked_s < link->condemned_s) {
			link->condemned_s = revoked_s;
		}
		break;
	case AUDIT_NOT_LISTED:
		break;
	case AUDIT_LIST_UNUSABLE:
		return;
	}
	if (link->list_count < LISTS_MAX && (moved = grow(link->lists, link->list_count, sizeof *moved)) != NULL) {
		link->lists = moved;
		link->lists[link->list_count++] = (struct audit_list_time){ crl->this_s, crl->next_s };
	}
}

bool audit_pool_apply(struct audit_pool *pool, struct bytes der)
{
	const struct audit_entry *signer = NULL;
	struct audit_crl crl;

	if (!audit_crl_read(der, &crl)) {
		return false;
	}
	/* Certificates of one authority mostly share one key: whoever signed it stays the first to be asked. */
	for (size_t i = 0; i < pool->count && signer == NULL; i++) {
		if (audit_crl_signed_by(&crl, &pool->entries[i]->certificate)) {
			signer = pool->entries[i];
		}
	}
	for (size_t i = 0; signer != NULL && i < pool->link_count; i++) {
		struct audit_link *link = pool->links[i];
		bool same_key = audit_bytes_equal(link->issuer->certificate.spki, signer->certificate.spki) &&
		                audit_bytes_equal(link->issuer->certificate.subject, signer->certificate.subject);

		if (link->good && same_key && audit_crl_is_about(&crl, &link->subject->certificate)) {
			tell(link, &crl);
		}
	}
	return signer != NULL;
}

/* --- files --- */

static bool is_text(struct bytes text, const char *word)
{
	return text.length == strlen(word) && memcmp(text.data, word, text.length) == 0;
}

static const uint8_t *find_text(struct bytes text, const char *word)
{
	return text.length == 0 ? NULL : memmem(text.data, text.length, word, strlen(word));
}

/* What stands between the lines BEGIN and END of a block; moves behind it. */
static bool next_block(struct bytes *from, struct bytes *ret_label, struct bytes *ret_body)
{
	const uint8_t *begin = find_text(*from, PEM_BEGIN), *label_end = NULL, *end = NULL;
	struct bytes rest;

	if (begin == NULL) {
		return false;
	}
	begin += sizeof PEM_BEGIN - 1;
	rest = (struct bytes){ begin, from->length - (size_t)(begin - from->data) };
	label_end = find_text(rest, "-----");
	if (label_end == NULL) {
		return false;
	}
	*ret_label = (struct bytes){ begin, (size_t)(label_end - begin) };
	rest = (struct bytes){ label_end + 5, rest.length - ret_label->length - 5 };
	end = find_text(rest, PEM_END);
	if (end == NULL) {
		return false;
	}
	*ret_body = (struct bytes){ rest.data, (size_t)(end - rest.data) };
	*from = (struct bytes){ end, rest.length - ret_body->length };
	return true;
}

static bool read_block(struct bytes body, bool is_crl, void (*found)(void *context, struct bytes der, bool is_crl), void *context)
{
	size_t size = body.length / 4 * 3 + 4, length = 0;
	uint8_t *der = malloc(size);
	bool good = der != NULL && mbedtls_base64_decode(der, size, &length, body.data, body.length) == 0;

	if (good) {
		found(context, (struct bytes){ der, length }, is_crl);
	}
	free(der);
	return good;
}

static bool is_crl(struct bytes der)
{
	struct audit_certificate certificate;

	return !audit_certificate_read(der, &certificate);
}

bool audit_pool_each(struct bytes file, void (*found)(void *context, struct bytes der, bool is_crl), void *context)
{
	struct bytes label, body;
	bool any = false;

	if (file.length > 0 && file.data[0] == DER_SEQUENCE) {
		if (!audit_der_is_whole(file)) {
			return false;
		}
		found(context, file, is_crl(file));
		return true;
	}
	while (next_block(&file, &label, &body)) {
		bool list = is_text(label, "X509 CRL");

		if (!list && !is_text(label, "CERTIFICATE") && !is_text(label, "X509 CERTIFICATE")) {
			continue; /* keys and the like stand in the same file at times */
		}
		if (!read_block(body, list, found, context)) {
			return false;
		}
		any = true;
	}
	return any;
}
