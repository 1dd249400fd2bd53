#include "query_timer.h"

#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/query.h"
#include "begin.h"

#define SOURCE_PREFIX "timer."
#define LOOK_MS 1000
#define RETRY_MS 60000
#define DAY_MS INT64_C(86400000)
#define NOON 12

/* One process, one hub. */
static struct {
	uint64_t next_ms; /* monotonic: not looked before */
	bool busy;        /* a case is being begun */
} timer;

/* FNV-1a: names of one configuration are told apart, and nobody gains anything by making two alike. */
uint32_t query_timer_id(const char *source)
{
	uint32_t id = 2166136261U;

	if (strncmp(source, SOURCE_PREFIX, sizeof SOURCE_PREFIX - 1) != 0) {
		return 0;
	}
	for (const char *at = source; *at != '\0'; at++) {
		id = (id ^ (uint8_t)*at) * 16777619U;
	}
	return id == 0 ? 1 : id;
}

/* The moment of today's `at`, and of the midnight before it. */
static bool due_today(const struct config_query *query, int64_t now_ms, int64_t *ret_due_ms, int64_t *ret_midnight_ms)
{
	struct clock_date date;
	const char *at = query->at;

	clock_czech_date(now_ms, &date);
	date.hour = date.minute = date.second = 0;
	if (!clock_from_czech(&date, ret_midnight_ms)) {
		return false;
	}
	date.hour = (at[0] - '0') * 10 + at[1] - '0';
	date.minute = (at[3] - '0') * 10 + at[4] - '0';
	/* An hour that this day does not have: as long after midnight. */
	*ret_due_ms = *ret_midnight_ms + (int64_t)(date.hour * 60 + date.minute) * 60000;
	(void)clock_from_czech(&date, ret_due_ms);
	return true;
}

static bool was_asked(const struct hub *hub, uint32_t id, int64_t since_ms)
{
	for (const struct hub_case *each = hub->cases.all; each != NULL && each->received_ms >= since_ms; each = each->next_all) {
		if (each->timer == id) {
			return true;
		}
	}
	return false;
}

/* "2026-02-01", so many days before today. */
static void write_day(int64_t now_ms, uint64_t before, char ret[QUERY_VALUE_SIZE])
{
	struct clock_date date;
	int64_t noon = now_ms;

	clock_czech_date(now_ms, &date);
	date.hour = NOON; /* so that no change of the clocks makes it another day */
	date.minute = date.second = 0;
	(void)clock_from_czech(&date, &noon);
	clock_czech_date(noon - (int64_t)before * DAY_MS, &date);
	(void)snprintf(ret, QUERY_VALUE_SIZE, "%04d-%02d-%02d", date.year, date.month, date.day);
}

static int write_query(const struct config_query *config, int64_t now_ms, char *ret, size_t size)
{
	struct query query = { .what = "" };
	char day[QUERY_VALUE_SIZE];
	bool good = span_copy_string(span_of_string(config->what), query.what, sizeof query.what);

	if (config->vs[0] != '\0') {
		good = good && query_add(&query, "vs", config->vs);
	}
	write_day(now_ms, config->days - 1, day);
	good = good && query_add(&query, "from", day);
	write_day(now_ms, 0, day);
	good = good && query_add(&query, "to", day);
	return good ? query_write(&query, ret, size) : ERR_FORMAT;
}

static void on_begun(void *context, int err, const char *why, const char *number)
{
	const struct config_query *config = context;

	timer.busy = false;
	if (err != 0) {
		log_warning("the daily query %s could not be begun: %s", config->name, why);
		timer.next_ms = clock_deadline(RETRY_MS);
	} else {
		log_info("%s: the daily query %s", number, config->name);
	}
}

static void begin(struct hub *hub, struct config_query *config, const char *source, int64_t now_ms)
{
	char text[QUERY_MAX_BYTES], file[QUERY_NAME_SIZE + 8];
	int length = write_query(config, now_ms, text, sizeof text);
	_cleanup_close_ int fd = length > 0 ? fd_memfd_sealed("query", text, (size_t)length) : -1;
	struct begin_wish wish = { .kind = "query", .source = source, .by = "box", .folder = config->partner, .file = file };

	(void)snprintf(file, sizeof file, "%s.txt", config->what);
	if (fd < 0) {
		log_error("the daily query %s cannot be written", config->name);
		timer.next_ms = clock_deadline(RETRY_MS);
		return;
	}
	timer.busy = true;
	case_begin(hub, fd, &wish, on_begun, config);
}

void query_timer_look(struct hub *hub)
{
	int64_t now_ms = clock_utc_ms(), due_ms = 0, midnight_ms = 0;

	if (timer.busy || hub->config->query_count == 0 || !clock_expired(timer.next_ms) || !hub_is_working(hub) || hub->rolled_back) {
		return;
	}
	timer.next_ms = clock_deadline(LOOK_MS);
	for (size_t i = 0; i < hub->config->query_count && !timer.busy; i++) {
		struct config_query *config = &hub->config->queries[i];
		char source[sizeof SOURCE_PREFIX + CONFIG_NAME_MAX];

		(void)snprintf(source, sizeof source, "%s%s", SOURCE_PREFIX, config->name);
		if (due_today(config, now_ms, &due_ms, &midnight_ms) && now_ms >= due_ms && !was_asked(hub, query_timer_id(source), midnight_ms)) {
			begin(hub, config, source, now_ms);
		}
	}
}
