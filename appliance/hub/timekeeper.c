#include "timekeeper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "../base/text.h"
#include "errand.h"
#include "flow.h"
#include "hub.h"
#include "overview.h"

#define LOOK_MS 1000
#define JITTER_MS 10000 /* that a time server may take back without a word, as the journal itself allows */
#define ASK_FIRST_MS 2000
#define ASK_MAX_MS 600000
#define ASK_DEADLINE_MS 20000
#define STAMP_FRESH_MS (INT64_C(24) * 3600 * 1000)
#define FIGURE_FRESH_MS (7 * STAMP_FRESH_MS) /* an older one says nothing of the clock as it is now */

/* The time that it must be by the clock that was believed last. */
static int64_t reckoned(const struct timekeeper *keeper)
{
	return keeper->believed_ms + (int64_t)(clock_mono_ms() - keeper->believed_at_ms);
}

static void believe(struct timekeeper *keeper, int64_t now_ms)
{
	keeper->believed_ms = now_ms;
	keeper->believed_at_ms = clock_mono_ms();
}

static enum clock_doubt judge(const struct hub *hub, int64_t now_ms, int64_t *ret_by)
{
	const struct timekeeper *keeper = &hub->timekeeper;
	int64_t step = now_ms - reckoned(keeper), most = (int64_t)hub->config->clock_forward_max_ms;

	if (keeper->last_ms != 0 && now_ms + JITTER_MS < keeper->last_ms) {
		*ret_by = now_ms - keeper->last_ms;
		return CLOCK_BEHIND;
	}
	*ret_by = step;
	if (most != 0 && step > most) {
		return CLOCK_AHEAD;
	}
	return step < -TIMEKEEPER_OFF_MAX_MS ? CLOCK_PUT_BACK : CLOCK_BELIEVED;
}

static void cancel_question(struct timekeeper *keeper)
{
	for (size_t i = 0; i < TIMEKEEPER_HOSTS; i++) {
		if (keeper->witnesses[i].errand != NULL) {
			errand_cancel(keeper->witnesses[i].errand);
		}
		keeper->witnesses[i] = (struct clock_witness){ .hub = NULL };
	}
	keeper->witness_count = 0;
}

static void begin_doubt(struct hub *hub, enum clock_doubt doubt, int64_t by_ms)
{
	struct timekeeper *keeper = &hub->timekeeper;

	keeper->doubt = doubt;
	keeper->by_ms = by_ms;
	keeper->asked = 0;
	keeper->ask_ms = clock_deadline(ASK_FIRST_MS);
	keeper->stamp.at_ms = keeper->date.at_ms = 0; /* they told of another clock */
	log_error("the clock is %lld s %s: nothing is done until it is right or accepted", (long long)((by_ms < 0 ? -by_ms : by_ms) / 1000),
	          doubt == CLOCK_BEHIND  ? "before the last record"
	          : doubt == CLOCK_AHEAD ? "ahead of what it can be by the last record"
	                                 : "behind what it was");
}

static void end_doubt(struct hub *hub, int64_t now_ms, const char *why)
{
	cancel_question(&hub->timekeeper);
	hub->timekeeper.doubt = CLOCK_BELIEVED;
	hub->timekeeper.accepting = false;
	believe(&hub->timekeeper, now_ms);
	log_info("the clock is believed: %s", why);
}

/* --- the question --- */

static void on_accepted(void *context, int err, struct wire_message *message)
{
	struct hub *hub = context;

	hub->timekeeper.accepting = false; /* the record itself ends the doubt */
	if (err != 0 || message->type == WIRE_ERROR) {
		log_warning("that the clock was accepted could not be recorded");
	}
}

static void accept_clock(struct hub *hub, int64_t off_ms)
{
	static const uint8_t none[RECORD_HASH_BYTES];
	const struct timekeeper *keeper = &hub->timekeeper;
	_cleanup_lines_ struct lines lines = { 0 };
	char text[1024] = "clock-accepted\n";
	size_t head = strlen(text);
	struct wire_message message;
	int length = 0;

	lines_set(&lines, "by", "box");
	lines_setf(&lines, "reason", "TLS date of %s%s%s", keeper->witnesses[0].host, keeper->witness_count > 1 ? " and " : "",
	           keeper->witness_count > 1 ? keeper->witnesses[1].host : "");
	lines_setf(&lines, "off-ms", "%lld", (long long)off_ms);
	length = lines_finish(&lines, text + head, sizeof text - head);
	if (length < 0 || hub->store == NULL) {
		return;
	}
	wire_begin(&message, WIRE_STORE_APPEND, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, "");
	wire_put_bytes(&message, WIRE_F_PREV, span_of(none, sizeof none));
	wire_put_bytes(&message, WIRE_F_RECORD, span_of(text, head + (size_t)length));
	hub->timekeeper.accepting = channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_accepted, hub, NULL) == 0;
}

static int64_t distance(int64_t ms)
{
	return ms < 0 ? -ms : ms;
}

/* All have answered or failed: they must agree with the clock, every one of them. */
static void weigh(struct hub *hub)
{
	struct timekeeper *keeper = &hub->timekeeper;
	int64_t worst = 0;
	bool all = keeper->witness_count > 0;

	for (size_t i = 0; i < keeper->witness_count; i++) {
		const struct clock_witness *witness = &keeper->witnesses[i];

		all = all && witness->answered;
		worst = witness->answered && distance(witness->off_ms) >= distance(worst) ? witness->off_ms : worst;
	}
	keeper->asked++;
	if (all && distance(worst) <= TIMEKEEPER_OFF_MAX_MS) {
		accept_clock(hub, worst);
	} else {
		uint64_t pause = ASK_FIRST_MS;

		for (unsigned i = 0; i < keeper->asked && pause < ASK_MAX_MS; i++) {
			pause *= 2;
		}
		keeper->ask_ms = clock_deadline(pause > ASK_MAX_MS ? ASK_MAX_MS : pause);
		log_warning("other clocks do not confirm ours: %s", all ? "they differ from it" : "not all that were asked gave a date");
	}
	keeper->witness_count = 0;
	overview_touch();
}

static bool read_signed(struct span text, int64_t *ret)
{
	bool negative = span_starts_with(text, "-");
	struct span sign;
	uint64_t number = 0;

	if (negative) {
		(void)span_read_bytes(&text, 1, &sign);
	}
	if (!span_parse_u64(text, &number) || number > INT64_MAX) {
		return false;
	}
	*ret = negative ? -(int64_t)number : (int64_t)number;
	return true;
}

static void on_date(void *context, const struct errand_result *result)
{
	struct clock_witness *witness = context;
	struct hub *hub = witness->hub;
	struct timekeeper *keeper = &hub->timekeeper;
	struct span value;
	int64_t theirs = 0;

	witness->errand = NULL;
	witness->answered = lines_find(result->lines, "date-off-ms", &value) && read_signed(value, &theirs);
	witness->off_ms = -theirs;
	if (witness->answered) {
		keeper->date = (struct clock_figure){ .off_ms = witness->off_ms, .at_ms = clock_utc_ms() };
		(void)snprintf(keeper->date.from, sizeof keeper->date.from, "%s", witness->host);
	}
	for (size_t i = 0; i < keeper->witness_count; i++) {
		if (keeper->witnesses[i].errand != NULL) {
			return;
		}
	}
	weigh(hub);
}

/* "https://host:port" of an address. False for anything else. */
static bool read_origin(const char *url, char *ret, size_t size)
{
	const char *host = strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;

	return host != NULL && (size_t)snprintf(ret, size, "https://%.*s", (int)strcspn(host, "/?#"), host) < size;
}

static void ask_one(struct hub *hub, const char *url, const char *ca_file)
{
	struct timekeeper *keeper = &hub->timekeeper;
	struct clock_witness *witness = &keeper->witnesses[keeper->witness_count];
	_cleanup_lines_ struct lines lines = { 0 };
	char origin[TIMEKEEPER_NAME_BYTES];

	if (keeper->witness_count == TIMEKEEPER_HOSTS || !read_origin(url, origin, sizeof origin)) {
		return;
	}
	for (size_t i = 0; i < keeper->witness_count; i++) {
		if (strcmp(keeper->witnesses[i].host, origin + 8) == 0) {
			return; /* another word of the same server proves nothing */
		}
	}
	*witness = (struct clock_witness){ .hub = hub };
	(void)snprintf(witness->host, sizeof witness->host, "%s", origin + 8);
	lines_set(&lines, "method", "HEAD");
	lines_setf(&lines, "url", "%s/", origin);
	if (ca_file[0] != '\0') {
		lines_set(&lines, "ca-file", ca_file);
	}
	lines_set(&lines, "proxy", "configured");
	lines_set_u64(&lines, "deadline-ms", ASK_DEADLINE_MS);
	if (errand_begin(hub, &lines, -1, on_date, witness, &witness->errand) == 0) {
		keeper->witness_count++;
	}
}

static void ask(struct hub *hub)
{
	struct timekeeper *keeper = &hub->timekeeper;

	if (hub->transport == NULL || !hub->replayed || keeper->witness_count > 0 || keeper->accepting || !clock_expired(keeper->ask_ms)) {
		return;
	}
	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		for (size_t k = 0; k < hub->config->tsas[i].urls.count; k++) {
			ask_one(hub, hub->config->tsas[i].urls.items[k], hub->config->tsas[i].ca_file);
		}
	}
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		ask_one(hub, hub->config->partners[i].url, hub->config->partners[i].ca_file);
	}
	if (keeper->witness_count == 0) {
		keeper->ask_ms = clock_deadline(ASK_MAX_MS);
	}
}

/* --- the look --- */

void timekeeper_begin(struct hub *hub, int64_t last_ms)
{
	struct timekeeper *keeper = &hub->timekeeper;
	int64_t now = clock_utc_ms(), by = 0;
	enum clock_doubt doubt = CLOCK_BELIEVED;

	keeper->last_ms = last_ms;
	believe(keeper, last_ms != 0 ? last_ms : now);
	doubt = judge(hub, now, &by);
	if (doubt != CLOCK_BELIEVED) {
		begin_doubt(hub, doubt, by);
	} else {
		believe(keeper, now);
	}
	hub->clock_bad = keeper->doubt != CLOCK_BELIEVED;
}

static void settle(struct hub *hub)
{
	bool bad = hub->timekeeper.doubt != CLOCK_BELIEVED;

	if (bad != hub->clock_bad) {
		hub->clock_bad = bad;
		overview_touch();
		flow_all(hub);
	}
}

void timekeeper_look(struct hub *hub)
{
	struct timekeeper *keeper = &hub->timekeeper;
	int64_t now = clock_utc_ms(), by = 0;
	enum clock_doubt doubt = CLOCK_BELIEVED;

	if (keeper->believed_at_ms == 0 || !clock_expired(keeper->look_ms)) {
		return;
	}
	keeper->look_ms = clock_deadline(LOOK_MS);
	doubt = judge(hub, now, &by);
	if (doubt == CLOCK_BELIEVED && keeper->doubt != CLOCK_BELIEVED) {
		end_doubt(hub, now, "it is right again");
	} else if (doubt == CLOCK_BELIEVED) {
		if (distance(by) > JITTER_MS) {
			log_warning("the clock was set by %lld s", (long long)(by / 1000));
			keeper->stamp.at_ms = keeper->date.at_ms = 0; /* they told of the clock as it was */
		}
		believe(keeper, now);
	} else if (keeper->doubt != doubt) {
		begin_doubt(hub, doubt, by);
	}
	if (keeper->doubt == CLOCK_AHEAD || keeper->doubt == CLOCK_PUT_BACK) {
		ask(hub);
	}
	settle(hub);
}

/* --- records --- */

static void take_figure(struct clock_figure *figure, const struct record *record, const char *field, const char *from, bool negate)
{
	struct span value;
	int64_t off = 0;

	if (record_field(record, field, &value) && read_signed(value, &off)) {
		figure->off_ms = negate ? -off : off;
		figure->at_ms = record->utc_ms;
		(void)snprintf(figure->from, sizeof figure->from, "%s", from);
	}
}

void timekeeper_record(struct hub *hub, const struct record *record, const char *partner)
{
	char authority[TIMEKEEPER_NAME_BYTES] = "";
	struct timekeeper *keeper = &hub->timekeeper;
	int64_t now = clock_utc_ms(), by = 0;

	if (keeper->doubt == CLOCK_BELIEVED) {
		(void)record_field_string(record, "tsa", authority, sizeof authority);
		take_figure(&keeper->stamp, record, "off-ms", authority, false);
		take_figure(&keeper->date, record, "date-off-ms", partner, true);
	}
	if (!hub->replayed) {
		return;
	}
	if (strcmp(record->type, "clock-accepted") == 0) {
		keeper->last_ms = record->utc_ms;
		if (keeper->doubt != CLOCK_BELIEVED) {
			end_doubt(hub, now, "a record says so");
		}
		settle(hub);
	} else if (keeper->doubt == CLOCK_BELIEVED && record->utc_ms > keeper->last_ms &&
	           judge(hub, now, &by) == CLOCK_BELIEVED && /* the look is once a second: a record may come between a step and its discovery */
	           (hub->config->clock_forward_max_ms == 0 || record->utc_ms - reckoned(keeper) <= (int64_t)hub->config->clock_forward_max_ms)) {
		keeper->last_ms = record->utc_ms;
	}
}

/* --- what is told --- */

const char *timekeeper_reason(const struct hub *hub)
{
	switch (hub->timekeeper.doubt) {
	case CLOCK_BELIEVED:
		break;
	case CLOCK_BEHIND:
		return N_("the clock of the box is before the last record: it must be set right, or a person must accept it");
	case CLOCK_AHEAD:
		return N_("the clock of the box is far ahead of the last record: it is compared with other clocks, or a person must accept it");
	case CLOCK_PUT_BACK:
		return N_("the clock of the box was put back: it is compared with other clocks, or a person must accept it");
	}
	return "";
}

const struct clock_figure *timekeeper_figure(const struct hub *hub)
{
	const struct clock_figure *stamp = &hub->timekeeper.stamp, *date = &hub->timekeeper.date;

	int64_t oldest = clock_utc_ms() - FIGURE_FRESH_MS;

	if (stamp->at_ms > oldest && (date->at_ms == 0 || date->at_ms - stamp->at_ms < STAMP_FRESH_MS)) {
		return stamp;
	}
	return date->at_ms > oldest ? date : NULL;
}

bool timekeeper_is_off(const struct hub *hub)
{
	const struct clock_figure *figure = timekeeper_figure(hub);

	return figure != NULL && distance(figure->off_ms) > TIMEKEEPER_OFF_MAX_MS;
}

static void write_span(int64_t ms, char ret[64])
{
	long long seconds = (long long)(distance(ms) / 1000);

	seconds += seconds >= 86400 ? 1800 : seconds >= 3600 ? 30 : 0; /* to the nearest of what is shown */
	if (seconds >= 86400) {
		(void)snprintf(ret, 64, _("%lld d %lld h"), seconds / 86400, seconds % 86400 / 3600);
	} else if (seconds >= 3600) {
		(void)snprintf(ret, 64, _("%lld h %lld min"), seconds / 3600, seconds % 3600 / 60);
	} else if (seconds >= 60) {
		(void)snprintf(ret, 64, _("%lld min %lld s"), seconds / 60, seconds % 60);
	} else {
		(void)snprintf(ret, 64, _("%lld s"), seconds);
	}
}

void timekeeper_words(const struct hub *hub, char *ret, size_t size)
{
	const struct clock_figure *figure = timekeeper_figure(hub);
	char by[64];

	ret[0] = '\0';
	if (figure != NULL) {
		write_span(figure->off_ms, by);
		if (distance(figure->off_ms) < 1000) {
			(void)snprintf(ret, size, _("right to the second (%s)"), figure->from);
		} else {
			(void)snprintf(ret, size, figure->off_ms > 0 ? _("ahead by %s (%s)") : _("behind by %s (%s)"), by, figure->from);
		}
	} else if (hub->timekeeper.doubt != CLOCK_BELIEVED) {
		write_span(hub->timekeeper.by_ms, by);
		(void)snprintf(ret, size, hub->timekeeper.by_ms > 0 ? _("%s after the last record") : _("%s before the last record"), by);
	}
}

void timekeeper_todo(const struct hub *hub, char *ret, size_t size)
{
	char words[192];

	timekeeper_words(hub, words, sizeof words);
	ret[0] = '\0';
	if (hub->timekeeper.doubt != CLOCK_BELIEVED) {
		(void)snprintf(ret, size,
		               _("The clock of the box cannot be right (%s), so nothing is done. Set it right, or confirm it (podatelna clock accept)."),
		               words);
	} else if (timekeeper_is_off(hub)) {
		(void)snprintf(ret, size, _("The clock of the box is wrong: %s. Set it right; see whether the box reaches its time server."), words);
	}
}
