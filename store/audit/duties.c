/* duties.c - section 6 of FORMAT.txt: the order that the table gives, and the duties that it can only say in words. */
#include <mbedtls/sha256.h>
#include <stdlib.h>
#include <string.h>

#include "chains.h"
#include "words.h"

#define ZONE_MOST_MS (INT64_C(2) * 3600 * 1000) /* Prague is at most two hours before UTC */
#define NOBODY (-2)

static bool is(const struct chain *chain, const struct fact *fact, enum rule_type type)
{
	return fact_type_is(&chain->audit->rules, fact, type);
}

static void table(struct chain *chain, const struct fact *fact, const char *why)
{
	/* one of the sentences below, each a msgid by N_ */
	audit_found(chain->audit, AUDIT_TABLE, fact->index, "%s", _(why));
}

static void duty(struct chain *chain, const struct fact *fact, const char *why)
{
	audit_found(chain->audit, AUDIT_DUTY, fact->index, "%s", _(why));
}

static bool has_all(const struct fact *fact, const uint8_t *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fact_value(fact, fields[i]).length == 0) {
			return false;
		}
	}
	return true;
}

static bool has_any(const struct fact *fact, const uint8_t *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fact_has(fact, fields[i])) {
			return true;
		}
	}
	return false;
}

/* --- records of the box ---------------------------------------------------------------------------------------------------------------------------------- */

static void check_anchor(struct chain *chain, const struct fact *fact)
{
	static const uint8_t only_events[] = { FIELD_FILE,   FIELD_OFF_MS, FIELD_POLICY, FIELD_PURPOSE, FIELD_SERIAL,
		                               FIELD_SHA256, FIELD_TIME,   FIELD_TSA,    FIELD_UNTIL,   FIELD_USED };
	static const uint8_t of_tree[] = { FIELD_SIZE, FIELD_ROOT };
	static const uint8_t of_stamp[] = { FIELD_FILE, FIELD_ROOT, FIELD_SHA256, FIELD_SIZE, FIELD_TIME, FIELD_TSA };
	static const uint8_t of_bad[] = { FIELD_FILE, FIELD_REASON, FIELD_ROOT, FIELD_SHA256, FIELD_SIZE, FIELD_TSA };
	static const uint8_t of_package[] = { FIELD_BY, FIELD_REASON, FIELD_TSA, FIELD_USED };
	static const uint8_t not_package[] = { FIELD_FILE, FIELD_ROOT, FIELD_SHA256, FIELD_SIZE };
	static const uint8_t of_trust[] = { FIELD_FILE, FIELD_SHA256 };
	uint64_t size = 0;
	bool good = false;

	if (!fact_has(fact, FIELD_EVENT)) {
		good = has_all(fact, of_tree, sizeof of_tree) && !has_any(fact, only_events, sizeof only_events);
	} else if (fact_is(fact, FIELD_EVENT, "stamp") || fact_is(fact, FIELD_EVENT, "renewal")) {
		good = has_all(fact, of_stamp, sizeof of_stamp);
	} else if (fact_is(fact, FIELD_EVENT, "bad-stamp")) {
		good = has_all(fact, of_bad, sizeof of_bad);
	} else if (fact_is(fact, FIELD_EVENT, "package")) {
		good = has_all(fact, of_package, sizeof of_package) && !has_any(fact, not_package, sizeof not_package);
	} else if (fact_is(fact, FIELD_EVENT, "crl") || fact_is(fact, FIELD_EVENT, "cert")) {
		good = has_all(fact, of_trust, sizeof of_trust);
	}
	if (!good || (fact_has(fact, FIELD_SIZE) && (!fact_number(fact, FIELD_SIZE, &size) || size > fact->index))) {
		table(chain, fact, N_("the fields of anchor do not fit its event"));
	}
}

static void check_rolled_back(struct chain *chain, const struct fact *fact)
{
	if (fact_has(fact, FIELD_ACCEPTED)) {
		chain->rolled_back = false;
		if (!fact_is(fact, FIELD_ACCEPTED, "yes") || !fact_has(fact, FIELD_BY)) {
			table(chain, fact, N_("rolled-back has neither size, nor accepted: yes with by"));
		}
	} else {
		chain->rolled_back = true;
		if (!fact_has(fact, FIELD_SIZE)) {
			table(chain, fact, N_("rolled-back has neither size, nor accepted: yes with by"));
		}
	}
}

/* --- the order in a case --------------------------------------------------------------------------------------------------------------------------------- */

static void say_order(struct chain *chain, const struct fact *fact, const char *before)
{
	const char *type = chain->audit->rules.rule[fact->type].name;

	if (is(chain, fact, TYPE_SIGNED)) {
		audit_found(chain->audit, AUDIT_DUTY, fact->index, "signed without an intent: the record before it in its case is %s", before);
	} else if (is(chain, fact, TYPE_SENDING)) {
		audit_found(chain->audit, AUDIT_DUTY, fact->index, "sent without a request: the record before it in its case is %s", before);
	} else if (is(chain, fact, TYPE_CLOSED) && strcmp(before, "closed") == 0) {
		audit_found(chain->audit, AUDIT_DUTY, fact->index, "closed twice");
	} else {
		audit_found(chain->audit, AUDIT_TABLE, fact->index, "%s cannot follow %s", type, before);
	}
}

static void check_order(struct chain *chain, const struct fact *fact, const struct audit_case *state)
{
	const struct rules *rules = &chain->audit->rules;
	const struct rule *rule = &rules->rule[fact->type];

	if (state->count == 0) {
		if (!rule->begins) {
			say_order(chain, fact, "-");
		}
	} else if (state->last_type != RULE_NONE && !rule->forced && !rule->follows_any && (rule->follows >> state->last_type & 1) == 0) {
		say_order(chain, fact, rules->rule[state->last_type].name);
	}
}

/* --- signing and sending --------------------------------------------------------------------------------------------------------------------------------- */

/* All zero for what is no reference: its record has a fault, and of its case nothing is judged any more. */
static struct content_id content_of(const struct fact *fact, unsigned field)
{
	struct content_id id = { 0 };
	struct object_ref ref;

	if (!object_ref_read(fact_value(fact, field), &ref)) {
		return id;
	}
	id.size = ref.size;
	id.generation = ref.generation;
	id.part_count = (uint32_t)ref.part_count;
	memcpy(id.commitment, ref.commitment, sizeof id.commitment);
	if (ref.part_count == 1) { /* nearly always: hashing each reference took a tenth of the whole walk */
		(void)object_ref_part(&ref, 0, id.parts);
	} else {
		(void)mbedtls_sha256_ret(ref.parts.data, ref.parts.length, id.parts, 0);
	}
	return id;
}

static bool same_content(const struct content_id *a, const struct content_id *b)
{
	return a->size == b->size && a->generation == b->generation && a->part_count == b->part_count &&
	       memcmp(a->commitment, b->commitment, sizeof a->commitment) == 0 && memcmp(a->parts, b->parts, sizeof a->parts) == 0;
}

static void check_intent_index(struct chain *chain, const struct fact *fact, const struct audit_case *state)
{
	uint64_t index = 0;

	if (!fact_number(fact, FIELD_INTENT, &index) || index + 1 != state->intent) {
		audit_found(chain->audit, AUDIT_DUTY, fact->index, "%s names another intent than the one before it in its case",
		            chain->audit->rules.rule[fact->type].name);
	}
}

static void check_approval(struct chain *chain, const struct fact *fact, const struct audit_case *state)
{
	if (state->approval_needed && !state->approved) {
		duty(chain, fact, state->two_person ? N_("nobody but the person who brought it approved it") : N_("no person approved it"));
	}
}

/* Before there is a signature only a question about the form may go out, and that only with the approval that the filing needs. */
static void check_request(struct chain *chain, const struct fact *fact, const struct audit_case *state)
{
	if (state->has_signature) {
		return;
	}
	if (fact_is(fact, FIELD_PURPOSE, "check")) {
		check_approval(chain, fact, state);
	} else {
		duty(chain, fact, N_("requested without a signature"));
	}
}

static void check_sending(struct chain *chain, const struct fact *fact, const struct audit_case *state)
{
	struct content_id sent = content_of(fact, FIELD_OBJECT_REQUEST);

	if (state->sending != 0) {
		audit_found(chain->audit, AUDIT_DUTY, fact->index, "sent again, though nothing says that the sending of record %ju did not leave",
		            state->sending - 1);
	}
	if (!state->has_signature) {
		duty(chain, fact, N_("sent without a signature"));
	}
	if (state->requested && !same_content(&sent, &state->request)) {
		duty(chain, fact, N_("what was sent is not the object of its request"));
	}
	check_approval(chain, fact, state);
}

/* reply and not-sent name the record that authorised their exchange. */
static void check_answers(struct chain *chain, const struct fact *fact)
{
	const struct audit *audit = chain->audit;
	uint64_t answers = 0;
	bool good = fact_number(fact, FIELD_ANSWERS, &answers) && answers < fact->index;

	if (good && audit->types[answers] != RULE_NONE) {
		good = (audit->types[answers] & TYPE_AUTHORISES) != 0 && audit->case_of[answers] == audit->case_of[fact->index];
	}
	if (!good) {
		duty(chain, fact, N_("answers names no record that authorised an exchange of this case"));
	}
}

/* --- outcomes ---------------------------------------------------------------------------------------------------------------------------------------------- */

static void check_approved(struct chain *chain, const struct fact *fact, const struct audit_case *state)
{
	const struct rules *rules = &chain->audit->rules;
	bool closed = state->last_type == rules->known[TYPE_CLOSED];
	int64_t uid = -1;

	if (!closed && state->last_type != rules->known[TYPE_UNCLEAR]) {
		return;
	}
	if (closed && !state->failed) {
		duty(chain, fact, N_("taken up again after an end that was no failure"));
	}
	if (!by_read(fact_value(fact, FIELD_BY), &uid) || uid < 0 || fact_value(fact, FIELD_REASON).length == 0) {
		duty(chain, fact, N_("taken up again without a person and a reason"));
	}
}

static void check_closed(struct chain *chain, const struct fact *fact, const struct audit_case *state)
{
	bool by_signature = fact_is(fact, FIELD_EVIDENCE, "signed");

	if (!by_signature && !fact_is(fact, FIELD_EVIDENCE, "channel") && !fact_is(fact, FIELD_EVIDENCE, "person")) {
		table(chain, fact, N_("there is no such evidence"));
	}
	if (!fact_is(fact, FIELD_VERDICT, "accepted") && !fact_is(fact, FIELD_VERDICT, "partial")) {
		return;
	}
	if (by_signature && !state->verified) {
		duty(chain, fact, N_("accepted by a signed reply, but no reply was verified"));
	} else if (state->owes_signed && !by_signature && !fact_is(fact, FIELD_EVIDENCE, "person")) {
		duty(chain, fact, N_("accepted without the signed evidence that its partner owes"));
	}
}

/* --- erasure and archive ----------------------------------------------------------------------------------------------------------------------------------- */

/* Whether the day keep-until ("2036-11-21") is not over yet in Prague, whatever the season. */
static bool is_kept(const struct audit_case *state, int64_t utc_ms)
{
	char text[AUDIT_TIME_SIZE];

	if (strlen(state->keep_until) != 10) {
		return false;
	}
	audit_time_text(utc_ms + ZONE_MOST_MS, text);
	return strncmp(text, state->keep_until, 10) <= 0;
}

static void check_erased(struct chain *chain, const struct fact *fact, const struct audit_case *state)
{
	bool stage = fact_has(fact, FIELD_STAGE), asked = fact_has(fact, FIELD_ASKED_BY);
	int64_t by = NOBODY, asked_by = NOBODY;

	if (stage) {
		if (asked || !fact_is(fact, FIELD_STAGE, "asked")) {
			table(chain, fact, N_("the fields of erased do not fit each other"));
		}
		return;
	}
	if (asked && (!by_read(fact_value(fact, FIELD_ASKED_BY), &asked_by) || asked_by != state->asked_by)) {
		duty(chain, fact, N_("erased by a wish that nobody recorded"));
	}
	if (!by_read(fact_value(fact, FIELD_BY), &by) || (asked && by == asked_by)) {
		duty(chain, fact, N_("erased by the same person who asked for it"));
	}
	if (!asked && is_kept(state, fact->utc_ms)) {
		audit_found(chain->audit, AUDIT_DUTY, fact->index, "erased by one person though it was to be kept until %s", state->keep_until);
	}
}

static void check_archived(struct chain *chain, const struct fact *fact)
{
	if (!fact_is(fact, FIELD_EVENT, "out") && !fact_is(fact, FIELD_EVENT, "back")) {
		table(chain, fact, N_("archived has neither event: out nor event: back"));
	}
}

/* --- together ------------------------------------------------------------------------------------------------------------------------------------------------ */

void duties_check(struct chain *chain, const struct fact *fact, struct audit_case *state)
{
	if (state == NULL) {
		if (is(chain, fact, TYPE_ANCHOR)) {
			check_anchor(chain, fact);
		} else if (is(chain, fact, TYPE_ROLLED_BACK)) {
			check_rolled_back(chain, fact);
		}
		return;
	}
	if ((is(chain, fact, TYPE_REQUEST) || is(chain, fact, TYPE_SENDING)) && chain->rolled_back) {
		duty(chain, fact, N_("sent after a roll-back that no person had accepted"));
	}
	if (is(chain, fact, TYPE_REPLY) || is(chain, fact, TYPE_NOT_SENT)) {
		check_answers(chain, fact);
	}
	if (is(chain, fact, TYPE_ARCHIVED)) {
		check_archived(chain, fact);
	}
	if (state->uncertain) {
		return;
	}
	check_order(chain, fact, state);
	if (is(chain, fact, TYPE_SIGNED) || is(chain, fact, TYPE_ABANDONED)) {
		check_intent_index(chain, fact, state);
	} else if (is(chain, fact, TYPE_INTENT)) {
		check_approval(chain, fact, state);
	} else if (is(chain, fact, TYPE_REQUEST)) {
		check_request(chain, fact, state);
	} else if (is(chain, fact, TYPE_SENDING)) {
		check_sending(chain, fact, state);
	} else if (is(chain, fact, TYPE_APPROVED)) {
		check_approved(chain, fact, state);
	} else if (is(chain, fact, TYPE_CLOSED)) {
		check_closed(chain, fact, state);
	} else if (is(chain, fact, TYPE_ERASED)) {
		check_erased(chain, fact, state);
	}
}

static void apply_facts(struct chain *chain, const struct fact *fact, struct audit_case *state)
{
	int64_t uid = NOBODY;
	uint64_t answers = 0;

	if (is(chain, fact, TYPE_RECEIVED)) {
		state->received_by = by_read(fact_value(fact, FIELD_BY), &uid) ? uid : NOBODY;
	} else if (is(chain, fact, TYPE_RECOGNISED)) {
		state->two_person = fact_is(fact, FIELD_APPROVAL, "two-person");
		state->approval_needed = state->two_person || fact_is(fact, FIELD_APPROVAL, "needed");
		state->owes_signed = fact_is(fact, FIELD_OWES, "signed");
	} else if (is(chain, fact, TYPE_APPROVED)) {
		state->approved =
		    state->approved || (by_read(fact_value(fact, FIELD_BY), &uid) && uid >= 0 && (!state->two_person || uid != state->received_by));
		state->sending = 0;
	} else if (is(chain, fact, TYPE_INTENT)) {
		state->intent = fact->index + 1;
	} else if (is(chain, fact, TYPE_SIGNED)) {
		state->has_signature = true;
	} else if (is(chain, fact, TYPE_REQUEST)) {
		state->requested = true;
		state->request = content_of(fact, FIELD_OBJECT_REQUEST);
	} else if (is(chain, fact, TYPE_SENDING)) {
		state->sending = fact->index + 1;
		state->verified = false;
	} else if (is(chain, fact, TYPE_NOT_SENT)) {
		state->sending = fact_number(fact, FIELD_ANSWERS, &answers) && answers + 1 == state->sending ? 0 : state->sending;
	} else if (is(chain, fact, TYPE_VERIFIED)) {
		state->verified = fact_is(fact, FIELD_RESULT, "valid");
	} else if (is(chain, fact, TYPE_CLOSED)) {
		struct bytes day = fact_value(fact, FIELD_KEEP_UNTIL);

		state->keep_until[0] = '\0';
		if (day.length == sizeof state->keep_until - 1) {
			memcpy(state->keep_until, day.data, day.length);
			state->keep_until[day.length] = '\0';
		}
	}
}

static void apply_content(struct chain *chain, const struct fact *fact, struct audit_case *state)
{
	int64_t uid = NOBODY;

	if (is(chain, fact, TYPE_ERASED) && fact_has(fact, FIELD_STAGE)) {
		state->asked_by = by_read(fact_value(fact, FIELD_BY), &uid) ? uid : NOBODY;
	} else if (is(chain, fact, TYPE_ERASED)) {
		state->erased = fact->index + 1;
	} else if (is(chain, fact, TYPE_ARCHIVED)) {
		state->archived = fact_is(fact, FIELD_EVENT, "out") ? fact->index + 1 : 0;
	}
}

static int keep_object(struct audit *audit, const struct fact *fact, unsigned field, uint32_t number)
{
	struct object_ref ref;

	if (!object_ref_read(fact_value(fact, field), &ref)) {
		return 0;
	}
	audit->figures.objects++;
	for (size_t n = 0; n < ref.part_count && !audit->settings.no_objects; n++) {
		struct object_use *use = NULL;

		if (audit->use_count == audit->use_room) {
			size_t room = audit->use_room == 0 ? 1024 : 2 * audit->use_room;

			use = reallocarray(audit->uses, room, sizeof *use);
			if (use == NULL) {
				return -1;
			}
			audit->uses = use;
			audit->use_room = room;
		}
		use = &audit->uses[audit->use_count++];
		*use = (struct object_use){
			.index = fact->index, .case_number = number, .generation = ref.generation, .part = (uint16_t)n, .role = (uint16_t)field
		};
		use->content = n + 1 < ref.part_count ? OBJECT_PART_BYTES : ref.size - n * OBJECT_PART_BYTES;
		(void)object_ref_part(&ref, n, use->hash);
	}
	return 0;
}

int duties_apply(struct chain *chain, const struct fact *fact, struct audit_case *state)
{
	struct audit *audit = chain->audit;

	if (fact->type == RULE_NONE) {
		return 0;
	}
	apply_facts(chain, fact, state);
	apply_content(chain, fact, state);
	if (is(chain, fact, TYPE_SENDING) || (is(chain, fact, TYPE_REQUEST) && !fact_is(fact, FIELD_PURPOSE, "file"))) {
		audit->types[fact->index] |= TYPE_AUTHORISES;
	}
	state->last_any = fact->type;
	if (!audit->rules.rule[fact->type].transparent) {
		state->last_type = fact->type;
		state->failed = is(chain, fact, TYPE_CLOSED) && fact_is(fact, FIELD_VERDICT, "failed");
		state->accepted = is(chain, fact, TYPE_CLOSED) && fact_is(fact, FIELD_VERDICT, "accepted");
	}
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		if (fact_has(fact, FIELD_OBJECT + i) && keep_object(audit, fact, FIELD_OBJECT + i, (uint32_t)(state - audit->cases)) != 0) {
			return -1;
		}
	}
	return 0;
}
