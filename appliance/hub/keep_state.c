/* The state as bytes: magic, program, case by case from the oldest, the books, a sum over all. Structs go as they lie in memory, pointers left out: who reads it is the same program.
 *
 * A new field of struct hub_case goes along by itself, unless it is a pointer or does not come from records: then plain_case and restore_texts need to know it. What
 * else records leave in struct hub goes into put_hub and take_hub. */
#include "keep.h"

#include <stdlib.h>
#include <string.h>

#include "../base/err.h"
#include "hub.h"
#include "metrics_private.h"

#define MAGIC "podatelna-kept 1\n"
#define TEXT_MAX_BYTES 65536
#define FIRST_ROOM ((size_t)1024 * 1024)

struct pack {
	uint8_t *data;
	size_t length, room;
	bool failed;
};

static void put(struct pack *pack, const void *data, size_t length)
{
	size_t larger = pack->room == 0 ? FIRST_ROOM : pack->room;
	uint8_t *moved = NULL;

	if (pack->failed || length == 0) {
		return;
	}
	while (larger < pack->length + length) {
		larger += larger / 2;
	}
	if (larger != pack->room) {
		moved = larger > KEEP_MAX_BYTES ? NULL : realloc(pack->data, larger);
		if (moved == NULL) {
			pack->failed = true;
			return;
		}
		pack->data = moved;
		pack->room = larger;
	}
	memcpy(pack->data + pack->length, data, length);
	pack->length += length;
}

/* Length, then the bytes; UINT32_MAX for NULL. */
static void put_text(struct pack *pack, const char *text)
{
	uint32_t length = text == NULL ? UINT32_MAX : (uint32_t)strnlen(text, TEXT_MAX_BYTES);

	put(pack, &length, sizeof length);
	put(pack, text, text == NULL ? 0 : length);
}

/* Most of a case is zero: runs of zeros (at most 255) and of other bytes (likewise) by turns. */
static void put_sparse(struct pack *pack, const uint8_t *data, size_t length)
{
	size_t at = 0;

	while (at < length) {
		uint8_t zeros = 0, others = 0;

		while (at + zeros < length && zeros < UINT8_MAX && data[at + zeros] == 0) {
			zeros++;
		}
		at += zeros;
		while (at + others < length && others < UINT8_MAX && (data[at + others] != 0 || (at + others + 1 < length && data[at + others + 1] != 0))) {
			others++;
		}
		put(pack, &zeros, 1);
		put(pack, &others, 1);
		put(pack, data + at, others);
		at += others;
	}
}

uint64_t keep_mix(uint64_t hash, struct span bytes)
{
	for (size_t i = 0; i < bytes.length; i++) {
		hash = (hash ^ bytes.data[i]) * UINT64_C(1099511628211);
	}
	return hash;
}

static bool take(struct span *from, void *place, size_t length)
{
	struct span bytes;

	if (!span_read_bytes(from, length, &bytes)) {
		return false;
	}
	if (length > 0) {
		memcpy(place, bytes.data, length);
	}
	return true;
}

static bool take_sparse(struct span *from, uint8_t *place, size_t length)
{
	size_t at = 0;

	while (at < length) {
		uint8_t zeros = 0, others = 0;

		if (!span_read_u8(from, &zeros) || !span_read_u8(from, &others) || (zeros == 0 && others == 0) || (size_t)zeros + others > length - at) {
			return false;
		}
		memset(place + at, 0, zeros);
		at += zeros;
		if (!take(from, place + at, others)) {
			return false;
		}
		at += others;
	}
	return true;
}

/* --- cases --- */

/* Without pointers, and without what does not come from records. What a closed case no longer needs (cases_sweep) is not kept either. */
static void plain_case(const struct hub_case *of, struct hub_case *ret)
{
	memcpy(ret, of, sizeof *ret);
	ret->next_in_bucket = ret->next_open = ret->next_all = NULL;
	ret->kind = ret->partner = ret->env = ret->by = ret->erase_by = ret->waiting = ret->times.key = NULL;
	ret->reason = ret->error = ret->signed_ref = ret->request_ref = ret->outside = NULL;
	ret->in_open_list = ret->since_start = ret->asked = ret->partner_told = false;
	ret->work = NULL;
	ret->until_ms = 0;
	ret->due_ms = ret->settled = ret->death_epoch = ret->sought = 0;
	ret->failures = ret->deaths = ret->absent = 0;
	ret->absent_ms = 0;
	ret->item = ret->open_tries = 0;
	ret->items_done = ret->data_unread = false;
}

static void put_case(struct pack *pack, const struct hub_case *of)
{
	struct hub_case plain;

	plain_case(of, &plain);
	put_sparse(pack, (const uint8_t *)&plain, sizeof plain);
	put_text(pack, of->kind);
	put_text(pack, of->partner);
	put_text(pack, of->env);
	put_text(pack, of->by);
	put_text(pack, of->erase_by);
	put_text(pack, of->times.key);
	put_text(pack, of->reason);
	put_text(pack, of->error);
	put_text(pack, of->is_open ? of->signed_ref : NULL);
	put_text(pack, of->is_open ? of->request_ref : NULL);
}

/* The list of all begins with the newest; it is kept from the oldest on. */
static int put_cases(struct pack *pack, const struct cases *cases)
{
	struct in_order {
		const struct hub_case *of;
	} *order = calloc(cases->count + 1, sizeof *order);
	const uint64_t count = cases->count;
	size_t place = cases->count;

	if (order == NULL) {
		return ERR_MEMORY;
	}
	for (const struct hub_case *each = cases->all; each != NULL && place > 0; each = each->next_all) {
		order[--place].of = each;
	}
	put(pack, &count, sizeof count);
	for (size_t i = 0; i < cases->count && place == 0; i++) {
		if (order[i].of != NULL) {
			put_case(pack, order[i].of);
		}
	}
	free(order);
	return place == 0 ? 0 : ERR_INTERNAL;
}

static bool take_span(struct span *from, struct span *ret, bool *ret_null)
{
	uint32_t length = 0;

	if (!take(from, &length, sizeof length) || (length != UINT32_MAX && length > TEXT_MAX_BYTES)) {
		return false;
	}
	*ret_null = length == UINT32_MAX;
	return *ret_null || span_read_bytes(from, length, ret);
}

static bool take_word(struct span *from, const char **place)
{
	char text[CASE_WORD_MAX_BYTES + 1];
	struct span bytes;
	bool null = true;

	if (!take_span(from, &bytes, &null) || (!null && !span_copy_string(bytes, text, sizeof text))) {
		return false;
	}
	*place = null ? NULL : intern(text);
	return null || *place != NULL;
}

static bool take_text(struct span *from, char **place)
{
	struct span bytes;
	bool null = true;

	if (!take_span(from, &bytes, &null)) {
		return false;
	}
	*place = null ? NULL : strndup((const char *)bytes.data, bytes.length);
	return null || *place != NULL;
}

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool is_sound(const struct hub_case *of)
{
	return is_text(of->number, sizeof of->number) && of->number[0] != '\0' && is_text(of->form, sizeof of->form) && is_text(of->stage, sizeof of->stage) &&
	       is_text(of->group, sizeof of->group) && is_text(of->sealer, sizeof of->sealer) && (unsigned)of->act <= ACT_CANCELLATION &&
	       is_text(of->seen, sizeof of->seen) && is_text(of->keep_until, sizeof of->keep_until) && (unsigned)of->state < CASE_STATE_COUNT &&
	       (unsigned)of->last < RECORD_KIND_COUNT && (unsigned)of->purpose <= PURPOSE_CHECK && (unsigned)of->times.counted < CASE_STATE_COUNT;
}

static bool take_case(struct span *from, struct cases *cases)
{
	struct hub_case *of = calloc(1, sizeof *of);

	if (of == NULL) {
		return false;
	}
	if (!take_sparse(from, (uint8_t *)of, sizeof *of) || !is_sound(of)) {
		free(of);
		return false;
	}
	of->waiting = "";
	cases_put(cases, of); /* from here on cases_free frees it */
	return take_word(from, &of->kind) && take_word(from, &of->partner) && take_word(from, &of->env) && take_word(from, &of->by) &&
	       take_word(from, &of->erase_by) && take_word(from, &of->times.key) && take_text(from, &of->reason) && take_text(from, &of->error) &&
	       take_text(from, &of->signed_ref) && take_text(from, &of->request_ref) && of->kind != NULL && of->partner != NULL && of->env != NULL &&
	       of->by != NULL && of->erase_by != NULL;
}

/* --- the rest --- */

static void put_book(struct pack *pack, const struct stamp_book *book)
{
	struct stamp_book plain = *book;
	const uint64_t count = book->use_count;

	plain.config = NULL;
	plain.uses = NULL;
	plain.use_room = 0;
	put(pack, &plain, sizeof plain);
	put(pack, &count, sizeof count);
	for (size_t i = 0; i < book->use_count; i++) {
		put(pack, &book->uses[i], sizeof book->uses[i]);
	}
}

static bool take_book(struct span *from, struct stamp_book *book, const struct config *config)
{
	uint64_t count = 0;

	if (!take(from, book, sizeof *book)) {
		*book = (struct stamp_book){ .config = config };
		return false;
	}
	book->config = config;
	book->uses = NULL;
	book->use_room = 0;
	if (!take(from, &count, sizeof count) || count != book->use_count || count > from->length / sizeof *book->uses) {
		return false;
	}
	book->uses = calloc((size_t)count + 1, sizeof *book->uses);
	book->use_room = (size_t)count + 1;
	return book->uses != NULL && take(from, book->uses, (size_t)count * sizeof *book->uses);
}

static void put_metrics(struct pack *pack, const struct metrics *metrics)
{
	uint8_t there = metrics != NULL ? 1 : 0;

	put(pack, &there, sizeof there);
	if (metrics != NULL) {
		put(pack, &metrics->journal_bytes, sizeof metrics->journal_bytes);
		put(pack, metrics->closed, sizeof metrics->closed);
		put(pack, metrics->signatures, sizeof metrics->signatures);
		put(pack, metrics->logins, sizeof metrics->logins);
		put(pack, metrics->refusals, sizeof metrics->refusals);
		put(pack, &metrics->first_post, sizeof metrics->first_post);
		put(pack, &metrics->signing, sizeof metrics->signing);
		put(pack, &metrics->verdict, sizeof metrics->verdict);
	}
}

/* `metrics` is a copy that counts only when all is read. */
static bool take_metrics(struct span *from, bool wanted, struct metrics *metrics)
{
	uint8_t there = 0;

	if (!span_read_u8(from, &there) || (there == 1) != wanted) {
		return false;
	}
	return !wanted || (take(from, &metrics->journal_bytes, sizeof metrics->journal_bytes) && take(from, metrics->closed, sizeof metrics->closed) &&
	                   take(from, metrics->signatures, sizeof metrics->signatures) && take(from, metrics->logins, sizeof metrics->logins) &&
	                   take(from, metrics->refusals, sizeof metrics->refusals) && take(from, &metrics->first_post, sizeof metrics->first_post) &&
	                   take(from, &metrics->signing, sizeof metrics->signing) && take(from, &metrics->verdict, sizeof metrics->verdict));
}

/* What records leave in struct hub itself. */
struct kept_hub {
	int64_t checkpoint_ms;
	uint64_t rolled_back_index;
	uint64_t rolled_back;
	struct clock_figure stamp, date;
	struct renew_book renew;
	struct trust_book trust;
	struct pin_book pins;
};

static void put_hub(struct pack *pack, const struct hub *hub)
{
	struct kept_hub kept;

	memset(&kept, 0, sizeof kept);
	kept.checkpoint_ms = hub->checkpoint_ms;
	kept.rolled_back_index = hub->rolled_back_index;
	kept.rolled_back = hub->rolled_back ? 1 : 0;
	kept.stamp = hub->timekeeper.stamp;
	kept.date = hub->timekeeper.date;
	kept.renew = hub->renew_book;
	kept.trust = hub->trust_book;
	kept.pins = hub->pin_book;
	put(pack, &kept, sizeof kept);
}

/* Figures of a clock in doubt are not taken from the past (timekeeper_record). */
static void apply_hub(struct hub *hub, const struct kept_hub *kept)
{
	hub->checkpoint_ms = kept->checkpoint_ms;
	hub->rolled_back_index = kept->rolled_back_index;
	hub->rolled_back = kept->rolled_back != 0;
	hub->renew_book = kept->renew;
	hub->trust_book = kept->trust;
	hub->pin_book = kept->pins;
	if (hub->timekeeper.doubt == CLOCK_BELIEVED) {
		hub->timekeeper.stamp = kept->stamp;
		hub->timekeeper.date = kept->date;
	}
}

int keep_pack(const struct hub *hub, uint8_t **ret_data, size_t *ret_length)
{
	struct pack pack = { 0 };
	uint64_t sum = 0;
	int err = 0;

	put(&pack, MAGIC, sizeof MAGIC - 1);
	put(&pack, &hub->keep.program, sizeof hub->keep.program);
	err = put_cases(&pack, &hub->cases);
	put_book(&pack, &hub->stamp_book);
	put_metrics(&pack, hub->metrics);
	put_hub(&pack, hub);
	sum = keep_mix(KEEP_MIX, span_of(pack.data, pack.length));
	put(&pack, &sum, sizeof sum);
	if (err != 0 || pack.failed) {
		free(pack.data);
		return ERR_MEMORY;
	}
	*ret_data = pack.data;
	*ret_length = pack.length;
	return 0;
}

/* Counts within their arrays, texts with their ends. */
static bool books_hold(const struct kept_hub *kept)
{
	bool good = kept->renew.count <= RENEW_GROUPS_MAX && kept->trust.list_count <= TRUST_LISTS_MAX && pin_book_holds(&kept->pins);

	for (size_t i = 0; good && i < RENEW_GROUPS_MAX; i++) {
		good = is_text(kept->renew.groups[i].file, RENEW_FILE_SIZE) && is_text(kept->renew.groups[i].digest, RENEW_DIGEST_SIZE);
	}
	for (size_t i = 0; good && i < CONFIG_TSAS_MAX; i++) {
		good = is_text(kept->renew.tsas[i].file, RENEW_FILE_SIZE) && is_text(kept->renew.tsas[i].digest, RENEW_DIGEST_SIZE);
	}
	for (size_t i = 0; good && i < TRUST_LISTS_MAX; i++) {
		good = is_text(kept->trust.lists[i].url, TRUST_URL_SIZE) && is_text(kept->trust.lists[i].sha256, sizeof kept->trust.lists[i].sha256);
	}
	for (size_t i = 0; good && i < TRUST_CERTS_MAX; i++) {
		good = is_text(kept->trust.certs[i], sizeof kept->trust.certs[i]);
	}
	return good;
}

/* Takes the sum off the end. */
static bool is_whole(struct span *state)
{
	struct span all;
	uint64_t sum = 0;

	return state->length > sizeof sum && span_read_bytes(state, state->length - sizeof sum, &all) && take(state, &sum, sizeof sum) &&
	       sum == keep_mix(KEEP_MIX, all) && ((*state = all), true);
}

static bool take_all(const struct hub *hub, struct span *from, struct cases *cases, struct stamp_book *book, struct metrics *metrics, struct kept_hub *kept)
{
	struct span magic;
	uint64_t program = 0, count = 0;

	if (!span_read_bytes(from, sizeof MAGIC - 1, &magic) || !span_equals_string(magic, MAGIC) || !take(from, &program, sizeof program) ||
	    program != hub->keep.program || !take(from, &count, sizeof count)) {
		return false;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (!take_case(from, cases)) {
			return false;
		}
	}
	return take_book(from, book, hub->config) && take_metrics(from, hub->metrics != NULL, metrics) && take(from, kept, sizeof *kept) &&
	       is_text(kept->stamp.from, sizeof kept->stamp.from) && is_text(kept->date.from, sizeof kept->date.from) && books_hold(kept) &&
	       span_is_empty(*from);
}

bool keep_unpack(struct hub *hub, struct span state)
{
	struct cases *cases = calloc(1, sizeof *cases);
	struct metrics *metrics = calloc(1, sizeof *metrics);
	struct stamp_book book = { .config = hub->config };
	struct kept_hub kept;
	bool good = cases != NULL && metrics != NULL && hub->cases.count == 0;

	if (good && hub->metrics != NULL) {
		*metrics = *hub->metrics;
	}
	good = good && is_whole(&state) && take_all(hub, &state, cases, &book, metrics, &kept);
	if (good) {
		hub->cases = *cases;
		hub->stamp_book = book;
		apply_hub(hub, &kept);
		if (hub->metrics != NULL) {
			*hub->metrics = *metrics;
		}
	} else if (cases != NULL) {
		cases_free(cases);
		stamp_book_free(&book);
	}
	free(cases);
	free(metrics);
	return good;
}
