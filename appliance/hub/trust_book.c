#include "trust_book.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"

static struct trust_list *find(struct trust_book *book, const char *url)
{
	for (size_t i = 0; i < book->list_count; i++) {
		if (strcmp(book->lists[i].url, url) == 0) {
			return &book->lists[i];
		}
	}
	return NULL;
}

const struct trust_list *trust_book_list(const struct trust_book *book, const char *url)
{
	return find((struct trust_book *)book, url);
}

bool trust_book_has(const struct trust_book *book, const char *cert_sha256)
{
	size_t kept = book->cert_count < TRUST_CERTS_MAX ? book->cert_count : TRUST_CERTS_MAX;

	for (size_t i = 0; i < kept; i++) {
		if (strcmp(book->certs[i], cert_sha256) == 0) {
			return true;
		}
	}
	return false;
}

static int64_t moment_of(const struct record *record, const char *name)
{
	struct span text;
	int64_t utc_ms = 0;

	return record_field(record, name, &text) && clock_parse_utc(text, &utc_ms) ? utc_ms : 0;
}

/* The place of that address, now the one with the newest news. */
static struct trust_list *renew_place(struct trust_book *book, const char *url)
{
	struct trust_list *old = find(book, url);

	if (old == NULL && book->list_count == TRUST_LISTS_MAX) {
		old = &book->lists[0];
	}
	if (old != NULL) {
		size_t after = (size_t)(&book->lists[book->list_count] - (old + 1));

		memmove(old, old + 1, after * sizeof *old);
		book->list_count--;
	}
	return &book->lists[book->list_count++];
}

void trust_book_record(struct trust_book *book, const struct record *record)
{
	struct trust_list list = { .time_ms = moment_of(record, "time"), .until_ms = moment_of(record, "until"), .kept_ms = record->utc_ms };
	char sha256[65];

	if (!record_field_string(record, "sha256", sha256, sizeof sha256)) {
		return;
	}
	if (record_field_is(record, "event", "cert") && !trust_book_has(book, sha256)) {
		(void)snprintf(book->certs[book->cert_count++ % TRUST_CERTS_MAX], sizeof book->certs[0], "%s", sha256);
	}
	if (record_field_is(record, "event", "crl") && record_field_string(record, "detail", list.url, sizeof list.url)) {
		(void)snprintf(list.sha256, sizeof list.sha256, "%s", sha256);
		*renew_place(book, list.url) = list;
	}
}

static int64_t pause_of(uint32_t failures, int64_t every_ms)
{
	int64_t pause = TRUST_FAILED_FIRST_MS;

	for (uint32_t i = 1; i < failures && pause < every_ms; i++) {
		pause *= 2;
	}
	return failures == 0 || pause > every_ms ? every_ms : pause;
}

bool trust_book_due(const struct trust_need *need, int64_t every_ms, int64_t now_ms)
{
	int64_t last_call_ms = need->until_ms - 2 * every_ms;

	if (every_ms == 0 || need->used_ms == 0 || now_ms >= need->until_ms + every_ms) {
		return false;
	}
	/* A clock that was put back must not stop the tries. */
	if (need->tried_ms != 0 && need->tried_ms <= now_ms && now_ms - need->tried_ms < pause_of(need->failures, every_ms)) {
		return false;
	}
	if (need->last == NULL) {
		return true;
	}
	if (need->last->kept_ms <= now_ms && now_ms - need->last->kept_ms < every_ms) {
		return false;
	}
	return need->last->time_ms <= need->used_ms || (now_ms >= last_call_ms && need->last->time_ms < last_call_ms);
}
