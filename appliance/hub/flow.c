#include "flow.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "../base/text.h"
#include "partner_certs.h"
#include "signer.h"
#include "stamps.h"

#define WAIT_PERSON_MS 3600000    /* nothing but a person moves it; looked at now and then all the same */
#define WAIT_CERTIFICATE_MS 10000 /* one becomes valid, or may be used, by time alone */
#define WAIT_STAMP_MS 1000        /* a time stamp comes without a word to the cases */
#define SIGNS_AT_ONCE_MAX 5       /* signatures that fail one after the other before the pauses grow */
#define TEST_FRESH_MS 1800000     /* a passed test run counts for 30 minutes (spec/epo 9) */

void flow_record_begin(struct work *work)
{
	lines_free(&work->record);
	lines_set(&work->record, "case", work->of->number);
}

void flow_record_result(struct work *work, const char *name, const char *result_name)
{
	const char *value = work_result(work, result_name);

	if (value[0] != '\0') {
		lines_set(&work->record, name, value);
	}
}

void flow_record_outputs(struct work *work)
{
	for (size_t i = 0; i < work->output_count; i++) {
		char name[LINES_NAME_MAX + 1];

		if (work->outputs[i].taken) {
			(void)snprintf(name, sizeof name, "object-%s", work->outputs[i].role);
			lines_set(&work->record, name, work->outputs[i].ref);
		}
	}
}

void flow_note_death(struct work *work)
{
	/* ERR_GONE and ERR_DEADLINE are how a crash or a kill looks from here; a job that says what is wrong speaks of its input. */
	work->of->death_epoch = work->hub->partner_epoch;
}

bool flow_dies_always(struct hub *hub, struct hub_case *of)
{
	if (of->death_epoch != 0) {
		/* By now the end of the whole program would have been noticed. */
		of->deaths = of->death_epoch == hub->partner_epoch ? of->deaths + 1 : 0;
		of->death_epoch = 0;
	}
	return of->deaths >= FLOW_DEATHS_MAX;
}

/* "name=value" of a list as `option.<name>: value`. */
static void add_options(const struct config_list *options, struct lines *ret)
{
	for (size_t i = 0; i < options->count; i++) {
		const char *equals = strchr(options->items[i], '=');
		char name[LINES_NAME_MAX + 1];

		if (equals == NULL) {
			continue;
		}
		(void)snprintf(name, sizeof name, "option.%.*s", (int)(equals - options->items[i]), options->items[i]);
		lines_set(ret, name, equals + 1);
	}
}

void flow_job_parameters(struct hub *hub, const struct hub_case *of, struct lines *ret)
{
	flow_form_parameters(hub, of->partner, of->form, of->env, ret);
}

void flow_form_parameters(struct hub *hub, const char *partner_name, const char *form_name, const char *env, struct lines *ret)
{
	const struct hub_partner *partner = hub_partner_find(hub, partner_name);
	const struct catalogue_form *form = partner == NULL ? NULL : catalogue_form_find(hub->catalogue, partner->catalogue->name, form_name);

	lines_set(ret, "form", form_name);
	lines_set(ret, "env", env);
	if (partner != NULL) {
		add_options(&partner->catalogue->options, ret);
		if (form != NULL) {
			add_options(&form->options, ret);
			lines_set(ret, "query", flow_form_asks(form) ? "yes" : NULL);
		}
		add_options(&partner->config->options, ret); /* the configuration has the last word */
	}
}

static bool test_first(const struct hub_partner *partner)
{
	return partner->config->test_first_set ? partner->config->test_first : partner->catalogue->test_first;
}

static void wait_for(struct hub_case *of, const char *why, uint64_t ms)
{
	of->waiting = why;
	of->due_ms = clock_deadline(ms);
}

/* What keeps a case from being prepared or sent now; NULL when nothing does. */
static const char *obstacle(struct hub *hub, struct hub_case *of)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);

	if (hub->rolled_back) {
		return N_("the journal was rolled back: a person must accept that first");
	}
	if (partner == NULL) {
		return N_("the configuration does not know this partner");
	}
	if (strcmp(of->env, config_env_name(partner->config->env)) != 0) {
		return N_("the case began in another environment than the one configured now");
	}
	return NULL;
}

/* How long a signature that failed several times in a row is put off yet, whatever wakes the case: each try costs two records, and a PIN where a module died. */
static uint64_t sign_pause(const struct hub_case *of)
{
	int64_t due_ms = of->head_ms, now = clock_utc_ms();

	if (of->last != RECORD_ABANDONED || of->sign_failures < SIGNS_AT_ONCE_MAX) {
		return 0;
	}
	due_ms += (int64_t)work_backoff(of->sign_failures - SIGNS_AT_ONCE_MAX + 2);
	return due_ms > now ? (uint64_t)(due_ms - now) : 0;
}

const char *flow_login_waiting(const struct hub *hub, const struct hub_partner *partner)
{
	const struct config_partner *config = partner->config;
	const char *why = config->tls_key[0] == '\0' ? NULL : signer_key_waiting(hub, config->tls_key_index);

	/* P1, as with signatures: production is for hardware, unless the configuration says otherwise. */
	if (config->tls_key[0] != '\0' && why == NULL && config->env == CONFIG_ENV_PRODUCTION && !config->allow_software_token &&
	    signer_key_is_software(hub, config->tls_key_index)) {
		return N_("the key that logs in is in a software token, and allow_software_token is not set for the partner");
	}
	return why;
}

/* P3 is kept without it; this keeps the partner from refusing the earlier one, too. */
static void wait_duplicate(struct hub_case *of, int64_t until_ms)
{
	int64_t wait = until_ms - clock_utc_ms();

	if (until_ms == INT64_MAX) {
		wait_for(of, N_("the same content is just being sent as another case"), WAIT_STAMP_MS);
		return;
	}
	/* Looked at now and then all the same: the clock may be set. */
	wait_for(of, N_("the same content was sent a short while ago, and the partner would refuse both as duplicates"),
	         wait < WAIT_PERSON_MS ? (uint64_t)wait : WAIT_PERSON_MS);
	of->until_ms = until_ms;
}

static void next_ready(struct hub *hub, struct hub_case *of)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);
	const char *why = obstacle(hub, of);
	int64_t duplicate_until = why != NULL ? 0 : flow_duplicate_until(hub, of);

	why = why != NULL ? why : signer_waiting(hub, of);
	why = why != NULL ? why : flow_login_waiting(hub, partner);
	if (why != NULL) {
		wait_for(of, why, WAIT_PERSON_MS);
	} else if (partner_certs_waiting(hub, partner) != NULL) {
		wait_for(of, partner_certs_waiting(hub, partner), WAIT_CERTIFICATE_MS);
	} else if (stamps_stale(hub, clock_utc_ms())) {
		wait_for(of, N_("the journal waits too long for a time stamp: nothing new is filed until there is one"), WAIT_STAMP_MS);
	} else if (duplicate_until > clock_utc_ms()) {
		wait_duplicate(of, duplicate_until);
	} else if (sign_pause(of) > 0) {
		wait_for(of, N_("the token could not sign"), sign_pause(of));
	} else if (flow_stamp_obstacle(hub, of) != NULL) {
		wait_for(of, flow_stamp_obstacle(hub, of), WAIT_STAMP_MS);
	} else if (!clock_expired(partner->not_before_ms)) {
		of->waiting = hub_partner_waiting(partner);
		of->due_ms = partner->not_before_ms;
	} else {
		flow_precheck(hub, of);
	}
}

/* Signed, perhaps tested: to the test run or to the filing. */
void flow_next_send(struct hub *hub, struct hub_case *of)
{
	struct hub_partner *partner = hub_partner_find(hub, of->partner);
	const char *why = obstacle(hub, of);

	why = why == NULL ? flow_login_waiting(hub, partner) : why;
	if (why != NULL) {
		wait_for(of, why, WAIT_PERSON_MS);
		return;
	}
	why = partner_certs_waiting(hub, partner);
	if (why != NULL) {
		wait_for(of, why, WAIT_CERTIFICATE_MS);
		return;
	}
	if (!clock_expired(partner->not_before_ms) || (partner->config->sessions_max != 0 && partner->sessions >= partner->config->sessions_max)) {
		of->waiting = partner->failures > 0 ? hub_partner_waiting(partner) : N_("waits for its turn with the partner");
		of->due_ms = clock_expired(partner->not_before_ms) ? clock_deadline(HUB_SWEEP_MS) : partner->not_before_ms;
		return;
	}
	if (test_first(partner) && (of->tested_ms == 0 || clock_utc_ms() - of->tested_ms > TEST_FRESH_MS)) {
		flow_request(hub, of, PURPOSE_TEST);
	} else {
		flow_request(hub, of, PURPOSE_FILE);
	}
}

static uint64_t poll_delay(const struct hub_partner *partner, const struct hub_case *of, uint32_t polls)
{
	uint64_t first = 0, most = 0, delay = 0;

	flow_poll_pauses(partner, of, &first, &most);
	delay = first;
	for (uint32_t i = 0; i < polls && delay < most; i++) {
		delay *= partner->catalogue->poll_factor == 0 ? 1 : partner->catalogue->poll_factor;
	}
	return most != 0 && delay > most ? most : delay;
}

/* Sent: asks the partner again when it is time, counted from the last thing that happened. */
void flow_next_poll(struct hub *hub, struct hub_case *of)
{
	struct hub_partner *partner = hub_partner_find(hub, of->partner);
	const char *why = obstacle(hub, of);
	int64_t due_utc = 0, now = clock_utc_ms();

	if (why == NULL && of->state == CASE_SENT && strcmp(of->stage, CASE_STAGE_NONE) == 0) {
		wait_for(of, flow_later_words(hub, of), WAIT_PERSON_MS);
		return;
	}
	if (why != NULL || (of->stage[0] == '\0' && of->state != CASE_SENDING)) {
		wait_for(of, why != NULL ? why : N_("waits for a confirmation that a person attaches"), WAIT_PERSON_MS);
		return;
	}
	due_utc = of->head_ms + (int64_t)poll_delay(partner, of, of->since_start ? 0 : of->polls);
	of->waiting = of->deferred ? N_("in the partner's evening processing") : N_("waits for the partner's word");
	if (partner->catalogue->poll_give_up_ms != 0 && now - of->changed_ms > (int64_t)partner->catalogue->poll_give_up_ms) {
		wait_for(of, N_("no final word came for very long: the partner is not asked any more, a person must"), WAIT_PERSON_MS);
		return;
	}
	if (partner->catalogue->ask_person_after_ms != 0 && now - of->changed_ms > (int64_t)partner->catalogue->ask_person_after_ms) {
		of->waiting = N_("no final word came for long: look on the partner's portal");
	}
	if (due_utc > now && !of->asked) {
		of->due_ms = clock_deadline((uint64_t)(due_utc - now));
	} else if (!clock_expired(partner->not_before_ms)) {
		of->waiting = partner->failures > 0 ? hub_partner_waiting(partner) : of->waiting;
		of->due_ms = partner->not_before_ms;
	} else if ((why = flow_login_waiting(hub, partner)) != NULL) {
		wait_for(of, why, WAIT_PERSON_MS);
	} else {
		flow_request(hub, of, PURPOSE_POLL);
	}
}

/* A request is durable: its session lives, or it must be begun, or it is lost. */
static void next_exchange(struct hub *hub, struct hub_case *of)
{
	if (hub->transport == NULL || !hub->sessions_known) {
		wait_for(of, N_("the network program is being restarted"), HUB_SWEEP_MS);
	} else {
		flow_lost(hub, of);
	}
}

static void next_signed(struct hub *hub, struct hub_case *of)
{
	if (flow_wants_stamp(hub, of)) {
		flow_stamp(hub, of);
	} else {
		flow_next_send(hub, of);
	}
}

static void next_not_sent(struct hub *hub, struct hub_case *of)
{
	if (of->state == CASE_READY) {
		next_ready(hub, of);
	} else {
		flow_not_sent(hub, of);
	}
}

/* Before it was signed, or after. */
static void next_tested(struct hub *hub, struct hub_case *of)
{
	if (of->state == CASE_READY) {
		next_ready(hub, of);
	} else {
		flow_next_send(hub, of);
	}
}

static void next_reply(struct hub *hub, struct hub_case *of)
{
	if (of->purpose == PURPOSE_POLL && of->settled == of->authorising) {
		flow_next_poll(hub, of);
	} else {
		flow_classify(hub, of);
	}
}

static void next_by_record(struct hub *hub, struct hub_case *of)
{
	switch (of->last) {
	case RECORD_RECEIVED:
		flow_recognise(hub, of);
		break;
	case RECORD_RECOGNISED:
		flow_decide(hub, of);
		break;
	case RECORD_APPROVED:
	case RECORD_ABANDONED:
		next_ready(hub, of);
		break;
	case RECORD_INTENT:
		wait_for(of, N_("the token signs"), HUB_SWEEP_MS);
		break;
	case RECORD_SIGNED:
		next_signed(hub, of);
		break;
	case RECORD_STAMPED:
		flow_next_send(hub, of);
		break;
	case RECORD_TESTED:
		next_tested(hub, of);
		break;
	case RECORD_REQUEST:
		if (of->purpose == PURPOSE_FILE) {
			flow_next_send(hub, of);
		} else {
			next_exchange(hub, of);
		}
		break;
	case RECORD_SENDING:
		next_exchange(hub, of);
		break;
	case RECORD_NOT_SENT:
		next_not_sent(hub, of);
		break;
	case RECORD_REPLY:
		next_reply(hub, of);
		break;
	case RECORD_ATTACHED:
		flow_classify(hub, of);
		break;
	case RECORD_VERIFIED:
		flow_confirm(hub, of);
		break;
	case RECORD_UNCLEAR:
		flow_seal(hub, of);
		break;
	case RECORD_SENT:
		flow_next_poll(hub, of);
		break;
	default:
		break;
	}
}

void flow_next(struct hub *hub, struct hub_case *of)
{
	bool has_papers = of->state == CASE_UNKNOWN || of->state == CASE_HELD || of->state == CASE_UNCERTAIN || state_is_closed(of->state);

	if (of->work != NULL || !of->is_open || !hub_is_working(hub) || !clock_expired(of->due_ms) || hub->works >= HUB_WORKS_MAX) {
		return;
	}
	of->waiting = "";
	of->until_ms = 0;
	if ((hub->rolled_back || of->last_index < hub->rolled_back_index) && of->state != CASE_UNCERTAIN && !state_is_closed(of->state)) {
		flow_roll_back(hub, of);
	} else if (state_is_closed(of->state) && !of->delivered && of->data_index != 0 && !of->items_done) {
		flow_open(hub, of); /* before its papers: they say what came */
	} else if ((has_papers && !of->delivered) || (of->state == CASE_READY && of->papers_held)) {
		flow_deliver(hub, of); /* brings papers, or takes away what asked for approval */
	} else if (!state_is_closed(of->state)) {
		next_by_record(hub, of);
	}
}

void flow_all(struct hub *hub)
{
	for (struct hub_case *each = hub->cases.open; each != NULL; each = each->next_open) {
		flow_next(hub, each);
		if (hub->works >= HUB_WORKS_MAX) {
			return;
		}
	}
}
