#include "case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/err.h"
#include "query_timer.h"

#define INTERNED_MAX 4096

static const char *const kind_names[RECORD_KIND_COUNT] = {
	[RECORD_OTHER] = "",          [RECORD_RECEIVED] = "received",   [RECORD_RECOGNISED] = "recognised", [RECORD_UNKNOWN] = "unknown",
	[RECORD_HELD] = "held",       [RECORD_APPROVED] = "approved",   [RECORD_REJECTED] = "rejected",     [RECORD_REFUSED] = "refused",
	[RECORD_INTENT] = "intent",   [RECORD_ABANDONED] = "abandoned", [RECORD_SIGNED] = "signed",         [RECORD_STAMPED] = "stamped",
	[RECORD_REQUEST] = "request", [RECORD_TESTED] = "tested",       [RECORD_SENDING] = "sending",       [RECORD_NOT_SENT] = "not-sent",
	[RECORD_SENT] = "sent",       [RECORD_UNCLEAR] = "unclear",     [RECORD_REPLY] = "reply",           [RECORD_VERIFIED] = "verified",
	[RECORD_CLOSED] = "closed",   [RECORD_ATTACHED] = "attached",   [RECORD_DELETED] = "deleted",
};

enum record_kind record_kind_of(const char *type)
{
	for (size_t i = 1; i < RECORD_KIND_COUNT; i++) {
		if (strcmp(kind_names[i], type) == 0) {
			return (enum record_kind)i;
		}
	}
	return RECORD_OTHER;
}

const char *intern(const char *text)
{
	static char *pool[INTERNED_MAX];
	static size_t count;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(pool[i], text) == 0) {
			return pool[i];
		}
	}
	if (count == INTERNED_MAX || (pool[count] = strdup(text)) == NULL) {
		return NULL;
	}
	return pool[count++];
}

static size_t bucket_of(const char *number)
{
	uint32_t hash = 2166136261U;

	for (const char *c = number; *c != '\0'; c++) {
		hash = (hash ^ (uint8_t)*c) * 16777619U;
	}
	return hash % CASES_BUCKETS;
}

static struct hub_case *find_exact(struct cases *cases, const char *number)
{
	struct hub_case *each = cases->buckets[bucket_of(number)];

	while (each != NULL && strcmp(each->number, number) != 0) {
		each = each->next_in_bucket;
	}
	return each;
}

struct hub_case *case_find(struct cases *cases, const char *number)
{
	struct hub_case *found = find_exact(cases, number);

	for (struct hub_case *each = cases->all; found == NULL && number[0] != '\0' && each != NULL; each = each->next_all) {
		const char *dash = strrchr(each->number, '-');
		size_t zeros = dash == NULL ? 0 : strspn(dash + 1, "0");

		if (dash != NULL && strcmp(dash + 1 + zeros, number) == 0) {
			found = each; /* newest first: a short number means the latest year */
		}
	}
	return found;
}

bool case_claimed(const struct cases *cases, uint64_t claim)
{
	for (const struct hub_case *each = cases->all; each != NULL; each = each->next_all) {
		if (each->claim == claim) {
			return true;
		}
	}
	return false;
}

static void enter_all(struct cases *cases, struct hub_case *added)
{
	size_t bucket = bucket_of(added->number);

	added->next_in_bucket = cases->buckets[bucket];
	cases->buckets[bucket] = added;
	added->next_all = cases->all;
	cases->all = added;
	cases->count++;
}

static struct hub_case *add_case(struct cases *cases, const char *number)
{
	struct hub_case *added = calloc(1, sizeof *added);

	if (added == NULL) {
		return NULL;
	}
	(void)snprintf(added->number, sizeof added->number, "%s", number);
	added->kind = added->partner = added->env = added->by = added->waiting = added->erase_by = "";
	enter_all(cases, added);
	return added;
}

static void enter_open_list(struct cases *cases, struct hub_case *each)
{
	if (each->in_open_list) {
		return;
	}
	each->next_open = NULL;
	if (cases->open == NULL) {
		cases->open = each;
	} else {
		cases->open_tail->next_open = each;
	}
	cases->open_tail = each;
	each->in_open_list = true;
	cases->open_count++;
}

void cases_put(struct cases *cases, struct hub_case *added)
{
	enter_all(cases, added);
	if (added->is_open) {
		enter_open_list(cases, added);
	}
}

void cases_sweep(struct cases *cases)
{
	struct hub_case **place = &cases->open;

	cases->open_tail = NULL;
	while (*place != NULL) {
		struct hub_case *each = *place;

		if (!each->is_open && each->work == NULL) {
			*place = each->next_open;
			each->in_open_list = false;
			cases->open_count--;
			free(each->request_ref); /* a closed case keeps only what lists show */
			free(each->signed_ref);
			free(each->outside);
			each->request_ref = each->signed_ref = each->outside = NULL;
		} else {
			cases->open_tail = each;
			place = &each->next_open;
		}
	}
}

void cases_free(struct cases *cases)
{
	struct hub_case *each = cases->all;

	while (each != NULL) {
		struct hub_case *next = each->next_all;

		free(each->reason);
		free(each->error);
		free(each->request_ref);
		free(each->signed_ref);
		free(each->outside);
		free(each);
		each = next;
	}
	memset(cases, 0, sizeof *cases);
}

/* --- what each record means --- */

static int set_word(const struct record *record, const char *name, const char **place)
{
	char text[CASE_WORD_MAX_BYTES + 1];
	const char *word = NULL;

	if (!record_field_string(record, name, text, sizeof text)) {
		return 0;
	}
	word = intern(text);
	if (word == NULL) {
		return ERR_MEMORY;
	}
	*place = word;
	return 0;
}

static void set_text(const struct record *record, const char *name, char **place, bool clear)
{
	struct span value;

	if (record_field(record, name, &value)) {
		free(*place);
		*place = strndup((const char *)value.data, value.length);
	} else if (clear) {
		free(*place);
		*place = NULL;
	}
}

static uint64_t number_field(const struct record *record, const char *name, uint64_t otherwise)
{
	struct span value;
	uint64_t number = otherwise;

	if (record_field(record, name, &value)) {
		(void)span_parse_u64(value, &number);
	}
	return number;
}

static enum case_purpose purpose_of(const struct record *record)
{
	return record_field_is(record, "purpose", "test")    ? PURPOSE_TEST
	       : record_field_is(record, "purpose", "poll")  ? PURPOSE_POLL
	       : record_field_is(record, "purpose", "check") ? PURPOSE_CHECK
	                                                     : PURPOSE_FILE;
}

static enum case_state closed_state(const struct record *record)
{
	if (record_field_is(record, "verdict", "accepted")) {
		return CASE_DONE;
	}
	/* Of a filing taken in part the rest is wrong, and it is not to be sent again as a whole. */
	return record_field_is(record, "verdict", "data-error") || record_field_is(record, "verdict", "partial") ? CASE_DATA_ERROR : CASE_FAILED;
}

/* A `not-sent` about the filing itself, not about a question whether it arrived (flow_ask). */
static bool is_about_filing(const struct hub_case *each, const struct record *record)
{
	return each->purpose == PURPOSE_FILE || (each->sending_index != 0 && number_field(record, "answers", 0) == each->sending_index);
}

/* A question about a form before it is signed: ready, signing, testing (once answered), and ready again or, with `closed` in the same batch, the end. */
static enum case_state state_of_check(enum record_kind kind, const struct record *record)
{
	return kind == RECORD_REPLY || (kind == RECORD_TESTED && record_field_is(record, "verdict", "failed")) ? CASE_TESTING : CASE_READY;
}

/* The state that a record leads to (README, table of states). */
static enum case_state state_after(const struct hub_case *before, enum record_kind kind, const struct record *record)
{
	switch (kind) {
	case RECORD_RECEIVED:
		return CASE_RECEIVED;
	case RECORD_UNKNOWN:
		return CASE_UNKNOWN;
	case RECORD_HELD:
		return CASE_HELD;
	case RECORD_APPROVED:
	case RECORD_ABANDONED:
		return CASE_READY;
	case RECORD_REJECTED:
	case RECORD_REFUSED:
		return CASE_REFUSED;
	case RECORD_INTENT:
	case RECORD_SIGNED:
	case RECORD_STAMPED:
		return CASE_SIGNING;
	case RECORD_REQUEST:
		return purpose_of(record) == PURPOSE_TEST ? CASE_TESTING : purpose_of(record) == PURPOSE_CHECK ? CASE_SIGNING : before->state;
	case RECORD_SENDING:
		return CASE_SENDING;
	case RECORD_REPLY:
	case RECORD_TESTED:
		return before->purpose == PURPOSE_CHECK ? state_of_check(kind, record) : before->state;
	case RECORD_NOT_SENT:
		return before->purpose == PURPOSE_CHECK || (before->state == CASE_SENDING && is_about_filing(before, record)) ? CASE_READY : before->state;
	case RECORD_SENT:
		return CASE_SENT;
	case RECORD_UNCLEAR:
		return CASE_UNCERTAIN;
	case RECORD_CLOSED:
		return closed_state(record);
	case RECORD_DELETED:
		return CASE_DELETED;
	default:
		return before->state;
	}
}

static void apply_request(struct hub_case *each, const struct record *record, enum record_kind kind)
{
	struct span url;

	each->authorising = record->index;
	if (record_field(record, "url", &url)) {
		each->asked_at = case_server(url);
		each->filed_at = kind == RECORD_SENDING ? each->asked_at : each->filed_at;
	}
	set_text(record, "object-request", &each->request_ref, false);
	if (kind == RECORD_REQUEST) {
		each->purpose = purpose_of(record);
		each->polls += each->purpose == PURPOSE_POLL ? 1 : 0;
		each->asked = each->asked && each->purpose != PURPOSE_POLL;
		each->since_start = each->since_start && each->purpose != PURPOSE_POLL;
		each->tests += each->purpose == PURPOSE_TEST ? 1 : 0;
	} else {
		each->purpose = PURPOSE_FILE;
		each->earlier_ms = each->sending_ms != 0 ? each->sending_ms : each->earlier_ms;
		each->sending_ms = record->utc_ms;
		each->sending_index = record->index;
		each->polls = each->absent = 0;
	}
	each->attempt = (uint32_t)number_field(record, "attempt", each->attempt);
}

/* A valid signature says that the partner wrote it; only the outcome that rests on it says that it is about this filing. */
static void apply_evidence(struct hub_case *each, const struct record *record)
{
	each->attached = false;
	if (record_field_is(record, "evidence", "signed")) {
		each->verified = true;
		each->confirmation_index = each->signed_reply_index != 0 ? each->signed_reply_index : each->confirmation_index;
	}
	each->signed_reply_index = 0;
}

static void apply_reply(struct hub_case *each, const struct record *record, enum record_kind kind)
{
	each->http_status = (uint16_t)number_field(record, "http-status", 0);
	each->has_reply = true;
	each->sealer[0] = '\0'; /* it was about another reply */
	each->reply_index = record->index;
	each->attached = kind == RECORD_ATTACHED;
	each->reply_complete = kind == RECORD_ATTACHED || record_field_is(record, "far", "reply-done");
	if (kind == RECORD_ATTACHED) {
		each->purpose = PURPOSE_FILE;
	}
	each->file_reply_index = each->purpose == PURPOSE_FILE ? record->index : each->file_reply_index;
}

static void apply_objects(struct hub_case *each, const struct record *record, enum record_kind kind)
{
	struct span ignored;

	each->has_receipt = each->has_receipt || record_field(record, "object-receipt", &ignored);
	each->has_confirmation = each->has_confirmation || record_field(record, "object-confirmation", &ignored);
	if (record_field(record, "object-report", &ignored)) {
		each->has_report = true;
		each->report_index = record->index;
		each->test_report_index = kind == RECORD_TESTED || each->purpose == PURPOSE_TEST ? record->index : each->test_report_index;
	}
}

static void apply_closed(struct hub_case *each, const struct record *record)
{
	struct span ignored;

	each->data_index = record_field(record, "object-attachment", &ignored) ? record->index : 0;
	each->data_enveloped = record_field_is(record, "data", "enveloped");
	each->closed_ms = record->utc_ms;
	each->partial = record_field_is(record, "verdict", "partial");
	each->warnings = (uint32_t)number_field(record, "warnings", 0);
	each->keep_until[0] = '\0';
	(void)record_field_string(record, "keep-until", each->keep_until, sizeof each->keep_until);
	apply_evidence(each, record);
}

static void apply_tested(struct hub_case *each, const struct record *record)
{
	bool passed = record_field_is(record, "verdict", "passed");

	if (each->purpose == PURPOSE_CHECK) {
		each->checked = passed;
		each->unchecked += passed ? 0 : 1;
	} else {
		each->tested_passed = passed;
		each->tested_ms = passed ? record->utc_ms : 0;
	}
}

static void apply_approved(struct hub_case *each, const struct record *record)
{
	each->duplicate_cleared = each->duplicate_cleared || !record_field_is(record, "by", "box");
	each->tests = each->sign_failures = each->unchecked = 0;
	each->checked = false;
	each->sealer[0] = '\0';
}

static void apply_verified(struct hub_case *each, const struct record *record)
{
	each->result_valid = record_field_is(record, "result", "valid");
	each->signed_reply_index = each->result_valid ? each->reply_index : 0;
	each->sealer[0] = '\0';
	if (!each->result_valid && record_field_is(record, "detail", CASE_UNKNOWN_SIGNER)) {
		(void)record_field_string(record, "signer", each->sealer, sizeof each->sealer);
	}
}

static void apply_facts(struct hub_case *each, const struct record *record, enum record_kind kind)
{
	char source[CASE_WORD_MAX_BYTES + 1];

	switch (kind) {
	case RECORD_RECEIVED:
		each->claim = number_field(record, "claim", 0);
		each->timer = record_field_string(record, "source", source, sizeof source) ? query_timer_id(source) : 0;
		(void)record_field_string(record, "seen", each->seen, sizeof each->seen);
		break;
	case RECORD_RECOGNISED:
		each->approval_needed = !record_field_is(record, "approval", "none");
		each->two_person = record_field_is(record, "approval", "two-person");
		break;
	case RECORD_CLOSED:
		apply_closed(each, record);
		break;
	case RECORD_UNCLEAR:
		apply_evidence(each, record);
		break;
	case RECORD_APPROVED:
		apply_approved(each, record);
		break;
	case RECORD_ABANDONED:
		each->sign_failures++;
		break;
	case RECORD_INTENT:
		each->attempt = (uint32_t)number_field(record, "attempt", each->attempt);
		each->tested_ms = 0;
		each->tests = 0;
		break;
	case RECORD_SIGNED:
	case RECORD_STAMPED:
		each->stamped = kind == RECORD_STAMPED;
		each->sign_failures = 0;
		set_text(record, "object-signed", &each->signed_ref, false);
		break;
	case RECORD_REQUEST:
	case RECORD_SENDING:
		apply_request(each, record, kind);
		break;
	case RECORD_TESTED:
		apply_tested(each, record);
		break;
	case RECORD_SENT:
		each->polls = 0;
		apply_evidence(each, record);
		(void)record_field_string(record, "stage", each->stage, sizeof each->stage);
		break;
	case RECORD_REPLY:
	case RECORD_ATTACHED:
		apply_reply(each, record, kind);
		break;
	case RECORD_VERIFIED:
		apply_verified(each, record);
		break;
	default:
		break;
	}
	apply_objects(each, record, kind);
}

/* What the check at intake found (job.h), and whether the partner may have it. */
static void apply_limits(struct hub_case *each, const struct record *record, enum record_kind kind)
{
	if (kind == RECORD_NOT_SENT && is_about_filing(each, record)) {
		each->sending_ms = 0;
	}
	if (kind == RECORD_NOT_SENT && each->purpose == PURPOSE_CHECK) {
		each->unchecked++;
	}
	if (kind == RECORD_HELD || kind == RECORD_APPROVED) {
		each->forms = number_field(record, "forms", each->forms);
		each->deferred = each->deferred || record_field_is(record, "deferred", "yes");
		(void)record_field_string(record, "group", each->group, sizeof each->group);
		each->package = (uint32_t)number_field(record, "package", each->package);
		each->packages = (uint32_t)number_field(record, "packages", each->packages);
		each->act = record_field_is(record, "act", "correction")     ? ACT_CORRECTION
		            : record_field_is(record, "act", "cancellation") ? ACT_CANCELLATION
		                                                             : each->act;
	}
}

/* Which partner and form it is for is told by `recognised` alone; other records use these names for matters of their own. */
static int apply_words(struct hub_case *each, const struct record *record, enum record_kind kind)
{
	int err = 0;

	if (kind != RECORD_RECOGNISED) {
		return 0;
	}
	err = set_word(record, "partner", &each->partner);
	err = err != 0 ? err : set_word(record, "kind", &each->kind); /* what a file from the inbox is was not known before */
	(void)record_field_string(record, "form", each->form, sizeof each->form);
	return err != 0 ? err : set_word(record, "env", &each->env);
}

/* The id of an archive, 16 hex digits; 0 when it is none. */
static uint64_t place_field(const struct record *record)
{
	uint8_t bytes[8];
	struct span value;
	uint64_t place = 0;

	if (record_field(record, "place", &value) && span_parse_hex(value, bytes, sizeof bytes)) {
		for (size_t i = 0; i < sizeof bytes; i++) {
			place = place << 8 | bytes[i];
		}
	}
	return place;
}

/* Data that came back go to the share one item after the other, and only then the papers of the case. */
static void apply_delivered(struct hub_case *each, const struct record *record)
{
	struct span ignored;

	if (record_field(record, "item", &ignored)) {
		each->items = number_field(record, "item", each->items);
	} else if (record_field(record, "object-content", &ignored)) {
		each->opened_index = record->index;
	} else {
		each->delivered = true;
	}
}

/* Erasure and archive change no state: they are about the content alone. */
static int apply_content(struct hub_case *each, const struct record *record)
{
	if (strcmp(record->type, "archived") == 0) {
		each->archived = record_field_is(record, "event", "out") ? place_field(record) : 0;
	} else if (strcmp(record->type, "erased") == 0 && record_field_is(record, "stage", "asked")) {
		each->erase_asked_ms = record->utc_ms;
		return set_word(record, "by", &each->erase_by);
	} else if (strcmp(record->type, "erased") == 0) {
		each->erased = record->index;
	}
	return 0;
}

int case_apply(struct cases *cases, const struct record *record, struct hub_case **ret_case)
{
	char number[CASE_NUMBER_SIZE];
	enum record_kind kind = record_kind_of(record->type);
	struct hub_case *each = NULL;
	enum case_state state = CASE_NONE;

	*ret_case = NULL;
	if (!record_field_string(record, "case", number, sizeof number)) {
		return 0;
	}
	each = find_exact(cases, number);
	if (each == NULL && kind != RECORD_RECEIVED) {
		return ERR_FORMAT;
	}
	if (each == NULL) {
		each = add_case(cases, number);
		if (each == NULL || set_word(record, "kind", &each->kind) != 0 || set_word(record, "by", &each->by) != 0) {
			return ERR_MEMORY;
		}
		each->received_ms = record->utc_ms;
		each->first_index = record->index;
	}
	memcpy(each->head, record->hash, sizeof each->head);
	*ret_case = each;
	if (kind == RECORD_OTHER) {
		if (strcmp(record->type, "delivered") == 0) {
			apply_delivered(each, record);
		}
		each->papers_held = each->papers_held || (each->delivered && each->state == CASE_HELD);
		each->is_open = !state_is_closed(each->state) || !each->delivered;
		return apply_content(each, record);
	}
	state = state_after(each, kind, record);
	if (!state_may_follow(each->state, state)) {
		return ERR_STATE;
	}
	if (state != each->state) {
		each->delivered = false;
		each->changed_ms = record->utc_ms;
		each->changed_index = record->index;
		each->failures = each->deaths = 0;
		each->due_ms = 0;
	}
	each->state = state;
	each->last = kind;
	each->last_index = record->index;
	each->head_ms = record->utc_ms;
	apply_facts(each, record, kind);
	apply_limits(each, record, kind);
	set_text(record, "reason", &each->reason, true);
	set_text(record, "error", &each->error, true);
	each->is_open = !state_is_closed(state) || !each->delivered;
	enter_open_list(cases, each);
	return apply_words(each, record, kind);
}
