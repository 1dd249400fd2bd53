#include "table.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "appliance/base/record.h"
#include "journal_ref.h"

#define S TABLE_STORE
#define H TABLE_HUB
#define T TABLE_TOKEN
#define BOX false
#define CASE true
#define TRANSPARENT TABLE_TRANSPARENT
#define FORCED TABLE_FORCED
#define QUIET TABLE_QUIET
#define REPORT "body-sent content-type curl-code date-off-ms error far http-status location peer-sha256 tls"

/* clang-format off */
static const struct table_rule rules[] = {
	/* type, of, writers, required, optional, follows, marks */
	{ "boot", BOX, S, "version", "boot-id unclean", "", 0 },
	{ "clock-accepted", BOX, H | S, "by reason", "off-ms", "", 0 },
	{ "rolled-back", BOX, S | H, "reason", "accepted mark-hash mark-index size", "", 0 },
	{ "recovered", BOX, S, "from-index quarantined-bytes sha256", "file", "", 0 },
	{ "config", BOX, H, "sha256", "from partner version what", "", 0 },
	{ "token", BOX, S | H | T, "event token", "serial-sha256", "", QUIET },
	{ "pin-try", BOX, S | T, "serial-sha256 source token", "fingerprint", "", QUIET },
	{ "unwrap", BOX, S, "token what", "generation key sha256", "", QUIET },
	{ "tls", BOX, S | T, "key sha256 token", "algorithm peer session", "", QUIET },
	{ "anchor", BOX, S | H, "", "event file off-ms policy purpose root serial sha256 size time tsa until used", "", QUIET },
	{ "segment", BOX, S, "count first last root", "", "", QUIET },

	{ "received", CASE, H | S, "by kind object-name object-original", "claim folder-hint seen source", "-", 0 },
	{ "recognised", CASE, H, "form label-id partner", "approval encoding owes period version", "received unknown", 0 },
	{ "unknown", CASE, H, "reason", "root", "received", 0 },
	{ "held", CASE, H, "reason", "act deferred forms package packages seen", "received recognised", 0 },
	{ "approved", CASE, H, "by", "act deferred forms package packages", "closed held recognised unclear", 0 },
	{ "rejected", CASE, H, "by reason", "", "held", 0 },
	{ "refused", CASE, H, "reason", "", "approved received recognised unknown", 0 },
	{ "intent", CASE, S, "attempt digest form key object-* purpose", "deadline-ms want", "abandoned approved not-sent request tested", 0 },
	{ "abandoned", CASE, S, "intent reason", "", "intent", 0 },
	{ "signed", CASE, S, "algorithm intent object-signed signer", "serial", "intent", 0 },
	{ "stamped", CASE, S | H, "sha256 tsa", "off-ms policy serial time", "signed", 0 },
	{ "request", CASE, H, "attempt env object-request purpose url", "content-type headers-n method",
	  "abandoned approved attached not-sent reply request sent signed stamped tested unclear verified", 0 },
	{ "tested", CASE, H, "evidence verdict", "errors", "not-sent reply request", 0 },
	{ "sending", CASE, H, "attempt env object-request url", "content-type headers-n method", "request", 0 },
	{ "not-sent", CASE, S | H, "answers error far", REPORT, "request sending", FORCED },
	{ "sent", CASE, H, "evidence verdict", "errors stage", "attached reply unclear verified", 0 },
	{ "unclear", CASE, H, "reason", "verdict",
	  "abandoned approved attached held intent not-sent received recognised reply request sending sent signed stamped tested unclear unknown verified", 0 },
	{ "reply", CASE, S, "answers far object-peer object-reply", REPORT, "request sending", FORCED },
	{ "verified", CASE, H, "evidence result", "form signer-name", "attached reply unclear", 0 },
	{ "closed", CASE, H, "evidence verdict", "data errors keep-until warnings",
	  "abandoned approved attached not-sent reply request sent signed stamped tested unclear verified", 0 },
	{ "attached", CASE, H, "by object-reply", "", "sent unclear", 0 },
	{ "delivered", CASE, H, "place", "item", "any", TRANSPARENT },
	{ "shown", CASE, H, "by what", "", "any", TRANSPARENT },
	{ "deleted", CASE, H, "by", "", "abandoned approved closed not-sent refused rejected tested unknown", 0 },
	{ "erased", CASE, H | S, "basis by", "asked-by keep-until stage", "any", TRANSPARENT },
	{ "archived", CASE, H | S, "basis by", "event place", "any", TRANSPARENT },
};
/* clang-format on */

#define RULE_COUNT (sizeof rules / sizeof rules[0])

static const char common_case[] = "attempt by case detail env evidence group kind object-* parent partner prev reason signer";
static const char common_box[] = "by detail reason";
static const char object_prefix[] = "object-";
static const char *const object_roles = "attachment confirmation content name original peer receipt reply report request signed";

const struct table_rule *table_nth(size_t n)
{
	return n < RULE_COUNT ? &rules[n] : NULL;
}

const struct table_rule *table_find(const char *type)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		if (strcmp(rules[i].type, type) == 0) {
			return &rules[i];
		}
	}
	return NULL;
}

const char *table_common(bool of_case)
{
	return of_case ? common_case : common_box;
}

/* The next word of a list parted by blanks. */
static bool next_word(struct span *list, struct span *ret)
{
	if (span_is_empty(*list)) {
		return false;
	}
	if (!span_read_until(list, ' ', ret)) {
		*ret = *list;
		*list = span_of("", 0);
	}
	return true;
}

/* Asked several times for each field of each record that is written or read: without a copy, without a second look. */
static bool has_word(const char *list, struct span word)
{
	const char *at = list, *end = strchrnul(at, ' ');

	while ((size_t)(end - at) != word.length || memcmp(at, word.data, word.length) != 0) {
		if (*end == '\0') {
			return false;
		}
		at = end + 1;
		end = strchrnul(at, ' ');
	}
	return word.length > 0;
}

static bool split_object(struct span name, struct span *ret_role)
{
	struct span prefix;

	if (!span_starts_with(name, object_prefix) || !span_read_bytes(&name, sizeof object_prefix - 1, &prefix)) {
		return false;
	}
	*ret_role = name;
	return true;
}

static bool has_object(struct span body)
{
	struct span name, value, role;

	while (lines_next(&body, &name, &value)) {
		if (split_object(name, &role)) {
			return true;
		}
	}
	return false;
}

static bool has_field(struct span body, struct span word)
{
	char name[LINES_NAME_MAX + 1];
	struct span value;

	if (span_equals_string(word, "object-*")) {
		return has_object(body);
	}
	return span_copy_string(word, name, sizeof name) && lines_find(body, name, &value) && !span_is_empty(value);
}

/* Words and lines both ascend, so that one walk over the body meets them all. */
static bool walk_to(struct span *body, struct span word)
{
	const bool object = span_equals_string(word, "object-*");
	struct span name, value;

	while (lines_next(body, &name, &value)) {
		if (object ? span_starts_with(name, object_prefix) : span_equals(name, word) && !span_is_empty(value)) {
			return true;
		}
	}
	return false;
}

static int check_required(const struct table_rule *rule, struct span body, char why[TABLE_WHY_SIZE])
{
	struct span rest = span_of_string(rule->required), word;

	while (next_word(&rest, &word)) {
		if (!walk_to(&body, word)) {
			(void)snprintf(why, TABLE_WHY_SIZE, "record %s lacks the field %.*s", rule->type, (int)word.length, (const char *)word.data);
			return ERR_FORMAT;
		}
	}
	return 0;
}

static int check_object(const struct table_rule *rule, struct span role, struct span value, char why[TABLE_WHY_SIZE])
{
	struct journal_ref ref;

	if (!rule->of_case || !has_word(object_roles, role)) {
		(void)snprintf(why, TABLE_WHY_SIZE, "record %s cannot have an object of that role", rule->type);
		return ERR_FORMAT;
	}
	if (journal_ref_parse(value, &ref) != 0) {
		(void)snprintf(why, TABLE_WHY_SIZE, "record %s: the object reference is malformed", rule->type);
		return ERR_FORMAT;
	}
	return 0;
}

static bool by_valid(struct span by)
{
	struct span prefix;
	uint64_t uid = 0;

	return span_equals_string(by, "box") ||
	       (span_starts_with(by, "uid:") && span_read_bytes(&by, 4, &prefix) && span_parse_u64(by, &uid) && uid <= UINT32_MAX);
}

static int check_fields(const struct table_rule *rule, struct span body, char why[TABLE_WHY_SIZE])
{
	struct span name, value, role;

	while (lines_next(&body, &name, &value)) {
		if (split_object(name, &role)) {
			int err = check_object(rule, role, value, why);

			if (err != 0) {
				return err;
			}
		} else if (!has_word(rule->required, name) && !has_word(rule->optional, name) && !has_word(table_common(rule->of_case), name)) {
			(void)snprintf(why, TABLE_WHY_SIZE, "record %s has no field %.*s", rule->type, (int)name.length, (const char *)name.data);
			return ERR_FORMAT;
		}
		if ((span_equals_string(name, "by") && !by_valid(value)) || (span_equals_string(name, "case") && !table_case_valid(value))) {
			(void)snprintf(why, TABLE_WHY_SIZE, "record %s: the value of %.*s is malformed", rule->type, (int)name.length, (const char *)name.data);
			return ERR_FORMAT;
		}
	}
	return 0;
}

static bool has_fields(struct span body, const char *names)
{
	struct span rest = span_of_string(names), word;

	while (next_word(&rest, &word)) {
		if (!has_field(body, word)) {
			return false;
		}
	}
	return true;
}

static bool has_any_field(struct span body, const char *names)
{
	struct span rest = span_of_string(names), word;

	while (next_word(&rest, &word)) {
		if (has_field(body, word)) {
			return true;
		}
	}
	return false;
}

/* One type for all that is said about anchors; which fields it has follows from its event (FORMAT.txt, section 6). Only the store makes checkpoints and keeps
 * stamps; what a person says of a package comes from the hub. */
static int check_anchor(struct span body, enum table_writer writer, char why[TABLE_WHY_SIZE])
{
	struct span event;
	bool has = lines_find(body, "event", &event), package = has && span_equals_string(event, "package"), good = false;

	if (!has) {
		good = has_fields(body, "root size") && !has_any_field(body, "file off-ms policy purpose serial sha256 time tsa until used");
	} else if (span_equals_string(event, "stamp") || span_equals_string(event, "renewal")) {
		good = has_fields(body, "file root sha256 size time tsa");
	} else if (span_equals_string(event, "bad-stamp")) {
		good = has_fields(body, "file reason root sha256 size tsa");
	} else if (package) {
		good = has_fields(body, "by reason tsa used") && !has_any_field(body, "file root sha256 size");
	} else if (span_equals_string(event, "crl") || span_equals_string(event, "cert")) {
		good = has_fields(body, "file sha256") && !has_any_field(body, "off-ms policy root size used");
	}
	if (!good) {
		(void)snprintf(why, TABLE_WHY_SIZE, "the fields of anchor do not fit its event");
		return ERR_FORMAT;
	}
	if (!package && writer == TABLE_HUB) {
		(void)snprintf(why, TABLE_WHY_SIZE, "only the store makes checkpoints and keeps stamps");
		return ERR_DENIED;
	}
	return 0;
}

/* A wish for erasure (stage: asked) erases nothing; the erasure that follows it names who asked, and that is another person than the one who agrees. */
static int check_erased(struct span body, char why[TABLE_WHY_SIZE])
{
	struct span stage, asked, by;
	bool has_stage = lines_find(body, "stage", &stage), has_asked = lines_find(body, "asked-by", &asked);

	if ((has_stage && (has_asked || !span_equals_string(stage, "asked"))) ||
	    (has_asked && (!by_valid(asked) || !lines_find(body, "by", &by) || span_equals(asked, by)))) {
		(void)snprintf(why, TABLE_WHY_SIZE, "erased: either stage: asked, or asked-by with another person than by, or neither");
		return ERR_FORMAT;
	}
	return 0;
}

/* The id of an archive: 16 hex digits, not all zero. */
static bool read_place(struct span body, uint64_t *ret)
{
	uint8_t bytes[8];
	struct span place;

	if (!lines_find(body, "place", &place) || !span_parse_hex(place, bytes, sizeof bytes)) {
		return false;
	}
	*ret = 0;
	for (size_t i = 0; i < sizeof bytes; i++) {
		*ret = *ret << 8 | bytes[i];
	}
	return *ret != 0;
}

static int check_archived(struct span body, char why[TABLE_WHY_SIZE])
{
	struct span event;
	uint64_t place = 0;

	if (!lines_find(body, "event", &event) || (!span_equals_string(event, "out") && !span_equals_string(event, "back")) || !read_place(body, &place)) {
		(void)snprintf(why, TABLE_WHY_SIZE, "archived needs event: out or back, and place: the id of the archive");
		return ERR_FORMAT;
	}
	return 0;
}

/* Whether a partner's certificate counts, only a person says, and why. */
static int check_config(struct span body, char why[TABLE_WHY_SIZE])
{
	struct span what, by, sha256;
	uint8_t bytes[32];

	if (!lines_find(body, "what", &what)) {
		return 0;
	}
	if ((!span_equals_string(what, "certificate-approved") && !span_equals_string(what, "certificate-revoked")) || !has_fields(body, "by partner reason") ||
	    !lines_find(body, "by", &by) || !span_starts_with(by, "uid:") || !lines_find(body, "sha256", &sha256) ||
	    !span_parse_hex(sha256, bytes, sizeof bytes)) {
		(void)snprintf(why, TABLE_WHY_SIZE, "config about a certificate needs a person, a reason, partner and sha256 (64 hex digits)");
		return ERR_FORMAT;
	}
	return 0;
}

/* What the words of the table cannot say (FORMAT.txt, notes under the table). */
static int check_special(const struct table_rule *rule, struct span body, enum table_writer writer, char why[TABLE_WHY_SIZE])
{
	struct span value;
	bool accepted = false;

	if (rule->of_case && !lines_find(body, "case", &value)) {
		(void)snprintf(why, TABLE_WHY_SIZE, "record %s lacks the field case", rule->type);
		return ERR_FORMAT;
	}
	if (strcmp(rule->type, "anchor") == 0) {
		return check_anchor(body, writer, why);
	}
	if (strcmp(rule->type, "erased") == 0) {
		return check_erased(body, why);
	}
	if (strcmp(rule->type, "archived") == 0) {
		return check_archived(body, why);
	}
	if (strcmp(rule->type, "config") == 0) {
		return check_config(body, why);
	}
	if (strcmp(rule->type, "rolled-back") != 0) {
		return 0;
	}
	accepted = lines_find(body, "accepted", &value);
	if (accepted ? !span_equals_string(value, "yes") || !lines_find(body, "by", &value) : !lines_find(body, "size", &value)) {
		(void)snprintf(why, TABLE_WHY_SIZE, "rolled-back needs either size, or accepted: yes with by");
		return ERR_FORMAT;
	}
	if (!accepted && writer != 0 && writer != TABLE_STORE) {
		(void)snprintf(why, TABLE_WHY_SIZE, "only the store notes a roll-back");
		return ERR_DENIED;
	}
	return 0;
}

/* Back from `unclear` or `closed` only by a person with a reason, and from `closed` only when it failed (design 3). */
static int check_taken_back(const struct table_case *state, struct span body, char why[TABLE_WHY_SIZE])
{
	struct span by, reason;

	if (strcmp(state->last->type, "unclear") != 0 && strcmp(state->last->type, "closed") != 0) {
		return 0;
	}
	if (strcmp(state->last->type, "closed") == 0 && !state->failed) {
		(void)snprintf(why, TABLE_WHY_SIZE, "approved cannot follow a closed that did not fail");
		return ERR_STATE;
	}
	if (!lines_find(body, "by", &by) || !span_starts_with(by, "uid:") || !lines_find(body, "reason", &reason) || span_is_empty(reason)) {
		(void)snprintf(why, TABLE_WHY_SIZE, "approved after %s needs a person and a reason", state->last->type);
		return ERR_STATE;
	}
	return 0;
}

static int check_order(const struct table_rule *rule, struct span body, const struct table_case *state, char why[TABLE_WHY_SIZE])
{
	const char *before = state->last == NULL ? "-" : state->last->type;

	if (strcmp(before, "-") == 0 ? strcmp(rule->follows, "-") != 0
	                             : (rule->marks & FORCED) == 0 && strcmp(rule->follows, "any") != 0 && !has_word(rule->follows, span_of_string(before))) {
		(void)snprintf(why, TABLE_WHY_SIZE, "%s cannot follow %s", rule->type, before);
		return ERR_STATE;
	}
	if (strcmp(rule->type, "sending") == 0 && state->sending != 0) {
		/* P3: the bytes of an earlier sending may have left; only `not-sent` about it, or a person, makes room for another. */
		(void)snprintf(why, TABLE_WHY_SIZE, "sending: the outcome of record %llu is not known to be not-sent",
		               (unsigned long long)(state->sending - 1));
		return ERR_STATE;
	}
	return state->last != NULL && strcmp(rule->type, "approved") == 0 ? check_taken_back(state, body, why) : 0;
}

static void advance(const struct table_rule *rule, struct span body, uint64_t index, struct table_case *state)
{
	struct span value;
	uint64_t answers = 0;

	state->begun = true;
	state->erased = state->erased || (strcmp(rule->type, "erased") == 0 && !lines_find(body, "stage", &value));
	if (strcmp(rule->type, "archived") == 0 &&
	    (!lines_find(body, "event", &value) || !span_equals_string(value, "out") || !read_place(body, &state->archived))) {
		state->archived = 0;
	}
	if ((rule->marks & TRANSPARENT) != 0) {
		return;
	}
	if (strcmp(rule->type, "sending") == 0) {
		state->sending = index + 1;
	} else if ((strcmp(rule->type, "not-sent") == 0 && lines_find_u64(body, "answers", &answers) && answers + 1 == state->sending) ||
	           strcmp(rule->type, "approved") == 0) { /* after a `sending` that takes a person: check_taken_back */
		state->sending = 0;
	}
	state->failed = strcmp(rule->type, "closed") == 0 && lines_find(body, "verdict", &value) && span_equals_string(value, "failed");
	state->last = rule;
}

static int check(const struct table_rule *rule, enum table_writer writer, struct span body, uint64_t index, struct table_case *state, char why[TABLE_WHY_SIZE])
{
	int err = check_required(rule, body, why);

	if (err == 0) {
		err = check_fields(rule, body, why);
	}
	if (err == 0) {
		err = check_special(rule, body, writer, why);
	}
	if (err != 0 || !rule->of_case) {
		return err;
	}
	if (state == NULL) {
		(void)snprintf(why, TABLE_WHY_SIZE, "%s is a record of a case", rule->type);
		return ERR_STATE;
	}
	err = check_order(rule, body, state, why);
	if (err == 0) {
		advance(rule, body, index, state);
	}
	return err;
}

int table_check(const char *type, enum table_writer writer, struct span body, uint64_t index, struct table_case *state, char why[TABLE_WHY_SIZE])
{
	const struct table_rule *rule = table_find(type);
	struct span prev;

	if (rule == NULL) {
		(void)snprintf(why, TABLE_WHY_SIZE, "there is no such type of record");
		return ERR_STATE;
	}
	if ((rule->writers & (unsigned)writer) == 0) {
		(void)snprintf(why, TABLE_WHY_SIZE, "record %s is not for this writer", type);
		return ERR_DENIED;
	}
	if (!rule->of_case && state != NULL) {
		(void)snprintf(why, TABLE_WHY_SIZE, "%s is a record of the box", type);
		return ERR_STATE;
	}
	if (lines_find(body, "prev", &prev)) {
		(void)snprintf(why, TABLE_WHY_SIZE, "prev is added by the journal");
		return ERR_FORMAT;
	}
	return check(rule, writer, body, index, state, why);
}

int table_check_stored(const char *type, struct span body, uint64_t index, struct table_case *state, char why[TABLE_WHY_SIZE])
{
	const struct table_rule *rule = table_find(type);

	if (rule == NULL) {
		(void)snprintf(why, TABLE_WHY_SIZE, "there is no such type of record");
		return ERR_STATE;
	}
	return check(rule, 0, body, index, state, why);
}

void table_apply(const char *type, struct span body, uint64_t index, struct table_case *state)
{
	const struct table_rule *rule = table_find(type);

	if (rule != NULL && rule->of_case) {
		advance(rule, body, index, state);
	}
}

static bool read_digits(struct span *from, size_t count, unsigned *ret)
{
	struct span digits;
	uint64_t value = 0;

	if (!span_read_bytes(from, count, &digits) || !span_parse_u64(digits, &value)) {
		return false;
	}
	*ret = (unsigned)value;
	return true;
}

bool table_case_parse(struct span number, char *ret_letter, unsigned *ret_year, unsigned *ret_number)
{
	char letter = '\0';
	unsigned year = 0, count = 0;
	struct span dash;
	uint8_t first = 0;

	if (number.length == TABLE_CASE_MAX_BYTES) {
		if (!span_read_u8(&number, &first) || first < 'A' || first > 'Z') {
			return false;
		}
		letter = (char)first;
	}
	if (!read_digits(&number, 4, &year) || !span_read_bytes(&number, 1, &dash) || dash.data[0] != '-' || !read_digits(&number, 6, &count) ||
	    !span_is_empty(number)) {
		return false;
	}
	*ret_letter = letter;
	*ret_year = year;
	*ret_number = count;
	return true;
}

bool table_case_valid(struct span number)
{
	char letter = '\0';
	unsigned year = 0, count = 0;

	return table_case_parse(number, &letter, &year, &count);
}

static const char *writers_text(unsigned writers)
{
	static const char *const texts[] = { "none", "store", "hub", "store hub", "token", "store token", "hub token", "store hub token" };

	return texts[writers & 7U];
}

static const char *marks_text(unsigned marks)
{
	return (marks & TRANSPARENT) != 0 ? "transparent" : (marks & FORCED) != 0 ? "forced" : (marks & QUIET) != 0 ? "quiet" : "none";
}

void table_format(const struct table_rule *rule, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s\n  of: %s  by: %s\n  required: %s\n  optional: %s\n  follows: %s  marks: %s\n", rule->type,
	               rule->of_case ? "case" : "box", writers_text(rule->writers), rule->required[0] == '\0' ? "none" : rule->required,
	               rule->optional[0] == '\0' ? "none" : rule->optional, rule->of_case ? rule->follows : "none", marks_text(rule->marks));
}
