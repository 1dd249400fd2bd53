/* Which time stamps were spent and what is due: from records alone, at times made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/text.h"
#include "appliance/hub/mail_private.h"
#include "appliance/hub/stamps.h"
#include "store/table.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define NOON INT64_C(1795258800000) /* 2026-11-21T11:00:00Z: 12:00 in the Czech lands */

static struct hub hub;
static struct stamp_book *const book = &hub.stamp_book;
static uint64_t next_index;

static void make(const char *tsa)
{
	static struct config_report report;
	char text[2048];

	stamp_book_free(book);
	config_free(hub.config);
	(void)snprintf(text, sizeof text,
	               "language = \"en\"\nshare { path = \"/tmp\" }\ntoken \"office\" { module = \"/lib/p11.so\" uri = \"pkcs11:\" }\n"
	               "key \"archive\" { token = \"office\" uri = \"pkcs11:id=%%02\" use = { \"vault\" } }\n%s",
	               tsa);
	hub.config = NULL;
	if (config_parse(span_of_string(text), "made-up", &hub.config, &report) != 0) {
		config_report_print(&report, stderr);
		fail();
	}
	book->config = hub.config;
	next_index = 0;
}

static void say(const char *type, int64_t at_ms, const char *body)
{
	struct record record = { .index = next_index++, .utc_ms = at_ms, .body = span_of_string(body) };

	(void)snprintf(record.type, sizeof record.type, "%s", type);
	assert_true(lines_valid(record.body));
	assert_int_equal(stamp_book_record(book, &record), 0);
}

/* A checkpoint of all records so far; its size. */
static uint64_t checkpoint(int64_t at_ms)
{
	uint64_t size = next_index;
	char body[64];

	(void)snprintf(body, sizeof body, "root: ab\nsize: %llu\n", (unsigned long long)size);
	say("anchor", at_ms, body);
	return size;
}

static void stamp(int64_t at_ms, uint64_t size, const char *purpose, const char *event)
{
	char body[160];

	(void)snprintf(body, sizeof body, "event: %s\npurpose: %s\nsize: %llu\ntsa: own\n", event, purpose, (unsigned long long)size);
	say("anchor", at_ms, body);
}

static uint64_t left(int64_t now_ms)
{
	struct stamp_left ret;

	assert_true(stamp_book_left(book, 0, now_ms, &ret));
	return ret.left;
}

static void test_package(void **state)
{
	struct stamp_left ret;

	(void)state;
	make("tsa \"own\" { urls = { \"https://localhost/\" } package = 10 stop_line = 7 }\n");
	assert_int_equal(left(NOON), 10);
	stamp(NOON, checkpoint(NOON), "schedule", "stamp");
	say("stamped", NOON + 1, "case: 2026-000001\nsha256: ab\ntsa: own\n");
	assert_true(stamp_book_may_file(book, 0, NOON));
	stamp(NOON + 2, 1, "check", "bad-stamp"); /* spent, though it is a stamp of nothing */
	assert_int_equal(left(NOON), 7);
	assert_false(stamp_book_may_file(book, 0, NOON));
	/* Those of an authority that is configured no more are nobody's. */
	say("stamped", NOON + 3, "case: 2026-000001\nsha256: ab\ntsa: former\n");
	assert_int_equal(left(NOON), 7);
	/* A person's word counts from where it stands. */
	say("anchor", NOON + 4, "by: uid:0\nevent: package\nreason: portal\ntsa: own\nused: 1\n");
	assert_int_equal(left(NOON), 9);
	assert_true(stamp_book_may_file(book, 0, NOON));
	say("stamped", NOON + 5, "case: 2026-000002\nsha256: ab\ntsa: own\n");
	assert_int_equal(left(NOON), 8);
	assert_int_equal(book->accounts[0].spent, 4);
	assert_int_equal(book->use_count, 4);
	assert_string_equal(book->uses[3].number, "2026-000002");
	assert_int_equal(book->uses[3].purpose, STAMP_FILING);
	for (size_t i = 0; i < 20; i++) {
		say("stamped", NOON + 6, "case: 2026-000002\nsha256: ab\ntsa: own\n");
	}
	assert_int_equal(left(NOON), 0); /* more than was bought: never below nothing */
	make("tsa \"own\" { urls = { \"https://localhost/\" } }\n");
	assert_false(stamp_book_left(book, 0, NOON, &ret));
	assert_true(stamp_book_may_file(book, 0, NOON));
}

static void test_packages_in_a_row(void **state)
{
	struct stamp_left ret;

	(void)state;
	make("tsa \"own\" { urls = { \"https://localhost/\" } packages = { \"3 2026-01-01 2026-11-21\", \"5 2026-06-01 2051-01-15\" } }\n");
	for (size_t i = 0; i < 4; i++) {
		stamp(NOON, 0, "schedule", "stamp");
	}
	assert_int_equal(book->accounts[0].used[0], 3);
	assert_int_equal(book->accounts[0].used[1], 1);
	assert_int_equal(left(NOON), 4);
	/* Its last day is over at midnight in the Czech lands, one hour before that in Greenwich. */
	assert_true(stamp_book_left(book, 0, NOON + 12 * HOUR_MS - 1, &ret));
	assert_int_equal(ret.of, 8);
	assert_true(stamp_book_left(book, 0, NOON + 12 * HOUR_MS, &ret));
	assert_int_equal(ret.of, 5);
	assert_int_equal(ret.left, 4);
	/* "used" is of those valid then, in their order. */
	say("anchor", NOON, "by: uid:0\nevent: package\nreason: portal\ntsa: own\nused: 2\n");
	assert_int_equal(book->accounts[0].used[0], 2);
	assert_int_equal(book->accounts[0].used[1], 0);
	say("anchor", NOON, "by: uid:0\nevent: package\nreason: portal\ntsa: own\nused: 7\n");
	assert_int_equal(left(NOON), 1);
	/* The first package ends with something left: that is gone. */
	say("anchor", NOON, "by: uid:0\nevent: package\nreason: portal\ntsa: own\nused: 0\n");
	assert_int_equal(left(NOON), 8);
	assert_int_equal(left(NOON + DAY_MS), 5);
	/* Before any of them, a stamp is of none. */
	stamp(NOON - 400 * DAY_MS, 0, "schedule", "stamp");
	assert_int_equal(left(NOON), 8);
}

static void test_what_is_covered(void **state)
{
	uint64_t first = 0, second = 0;

	(void)state;
	make("tsa \"own\" { urls = { \"https://localhost/\" } }\n");
	assert_int_equal(stamp_book_age(book, NOON), 0);
	say("boot", NOON, "version: 1\n");
	say("received", NOON + MINUTE_MS, "case: 2026-000001\n");
	assert_int_equal(stamp_book_age(book, NOON + HOUR_MS), HOUR_MS);
	first = checkpoint(NOON + 2 * MINUTE_MS);
	say("recognised", NOON + 3 * MINUTE_MS, "case: 2026-000001\n");
	second = checkpoint(NOON + 4 * MINUTE_MS);
	say("signed", NOON + 5 * MINUTE_MS, "case: 2026-000001\n");
	/* While the stamp was on its way, two more records came: the older of them waits now. */
	stamp(NOON + 6 * MINUTE_MS, first, "schedule", "stamp");
	assert_int_equal(stamp_book_age(book, NOON + HOUR_MS), HOUR_MS - 3 * MINUTE_MS);
	stamp(NOON + 7 * MINUTE_MS, second, "schedule", "stamp");
	assert_int_equal(stamp_book_age(book, NOON + HOUR_MS), HOUR_MS - 5 * MINUTE_MS);
	/* A stamp of something older uncovers nothing, a bad one covers nothing. */
	stamp(NOON + 8 * MINUTE_MS, first, "schedule", "stamp");
	stamp(NOON + 8 * MINUTE_MS, checkpoint(NOON + 8 * MINUTE_MS), "schedule", "bad-stamp");
	assert_int_equal(stamp_book_age(book, NOON + HOUR_MS), HOUR_MS - 5 * MINUTE_MS);
	stamp(NOON + 9 * MINUTE_MS, checkpoint(NOON + 9 * MINUTE_MS), "schedule", "stamp");
	assert_int_equal(stamp_book_age(book, NOON + HOUR_MS), 0);
	/* Quiet records ask for nothing: a stamp and its record must not ask for the next. */
	say("token", NOON + 10 * MINUTE_MS, "event: login\ntoken: office\n");
	say("tls", NOON + 10 * MINUTE_MS, "key: a\nsha256: ab\ntoken: office\n");
	assert_int_equal(stamp_book_age(book, NOON + HOUR_MS), 0);
	/* Many checkpoints before one stamp. */
	for (size_t i = 0; i < 3 * STAMP_CHECKPOINTS_KEPT; i++) {
		say("delivered", NOON + HOUR_MS + (int64_t)i, "case: 2026-000001\nplace: x\n");
		first = i == 0 ? checkpoint(NOON + HOUR_MS) : first;
		(void)checkpoint(NOON + HOUR_MS);
	}
	stamp(NOON + HOUR_MS, first, "schedule", "stamp");
	assert_in_range(stamp_book_age(book, NOON + 2 * HOUR_MS), HOUR_MS - 3 * STAMP_CHECKPOINTS_KEPT, HOUR_MS);
}

static bool due(int64_t now_ms, enum stamp_purpose want)
{
	enum stamp_purpose purpose = STAMP_PURPOSE_COUNT;

	return stamp_book_due(book, &hub.config->tsas[0], now_ms, &purpose) && purpose == want;
}

static bool none_due(int64_t now_ms)
{
	enum stamp_purpose purpose = STAMP_PURPOSE_COUNT;

	return !stamp_book_due(book, &hub.config->tsas[0], now_ms, &purpose);
}

static void test_schedule(void **state)
{
	(void)state;
	make("tsa \"own\" { urls = { \"https://localhost/\" } }\n");
	/* Never stamped: does it work at all? */
	assert_true(due(NOON, STAMP_CHECK));
	stamp(NOON, checkpoint(NOON), "check", "stamp");
	assert_true(none_due(NOON + 23 * HOUR_MS));
	assert_true(due(NOON + DAY_MS, STAMP_CHECK));
	/* 60 minutes after the first record that waits, whenever the last stamp was. */
	say("received", NOON + 5 * HOUR_MS, "case: 2026-000001\n");
	say("recognised", NOON + 5 * HOUR_MS + 59 * MINUTE_MS, "case: 2026-000001\n");
	assert_true(none_due(NOON + 6 * HOUR_MS - 1));
	assert_true(due(NOON + 6 * HOUR_MS, STAMP_SCHEDULE));
	stamp(NOON + 6 * HOUR_MS, checkpoint(NOON + 6 * HOUR_MS), "schedule", "stamp");
	assert_true(none_due(NOON + 7 * HOUR_MS));
	/* The end of the Czech day comes before the hour is over; a day without records has none. */
	say("sent", NOON + 12 * HOUR_MS - 5 * MINUTE_MS, "case: 2026-000001\n");
	assert_true(none_due(NOON + 12 * HOUR_MS - 1));
	assert_true(due(NOON + 12 * HOUR_MS, STAMP_DAY_END));
	stamp(NOON + 12 * HOUR_MS, checkpoint(NOON + 12 * HOUR_MS), "day-end", "stamp");
	assert_true(none_due(NOON + 13 * HOUR_MS));
	/* A stamp of a filing shows that it works, too. */
	say("stamped", NOON + DAY_MS, "case: 2026-000001\nsha256: ab\ntsa: own\n");
	stamp(NOON + DAY_MS, checkpoint(NOON + DAY_MS), "schedule", "stamp");
	assert_true(none_due(NOON + 47 * HOUR_MS));
	/* The clock was put back: nothing runs wild. */
	assert_true(none_due(NOON - 40 * DAY_MS));
	make("tsa \"own\" { urls = { \"https://localhost/\" } check_every = \"0\" day_end = false }\n");
	assert_true(none_due(NOON));
	say("sent", NOON + 12 * HOUR_MS - 5 * MINUTE_MS, "case: 2026-000001\n");
	assert_true(none_due(NOON + 12 * HOUR_MS));
}

static void test_bad_ones(void **state)
{
	int64_t now = NOON;

	(void)state;
	make("tsa \"own\" { urls = { \"https://localhost/\" } }\n");
	assert_int_equal(stamp_book_pause(book, 0, now), 0);
	stamp(now, 0, "schedule", "bad-stamp");
	assert_int_equal(stamp_book_pause(book, 0, now), now + 10 * MINUTE_MS);
	assert_int_equal(stamp_book_pause(book, 0, now + 10 * MINUTE_MS), 0);
	stamp(now, 0, "schedule", "bad-stamp");
	assert_int_equal(stamp_book_pause(book, 0, now), now + 20 * MINUTE_MS);
	stamp(now, 0, "schedule", "bad-stamp");
	stamp(now + 1, 0, "schedule", "bad-stamp");
	stamp(now + 2, 0, "schedule", "bad-stamp");
	/* Five in a day: the next one when the first is a day old. */
	assert_int_equal(stamp_book_pause(book, 0, now + HOUR_MS), now + DAY_MS);
	stamp(now + HOUR_MS, 0, "person", "stamp");
	assert_int_equal(stamp_book_pause(book, 0, now + HOUR_MS), 0);
	for (size_t i = 0; i < 12; i++) {
		now += 2 * DAY_MS;
		stamp(now, 0, "schedule", "bad-stamp");
	}
	assert_int_equal(stamp_book_pause(book, 0, now), now + DAY_MS);
}

/* The words of all troubles at that moment, one after the other. */
static const char *troubles(int64_t now_ms)
{
	static struct stamp_trouble list[STAMP_TROUBLES_MAX];
	static char all[STAMP_TROUBLES_MAX * sizeof list[0].text];
	size_t count = stamps_troubles(&hub, now_ms, list);

	all[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s\n", list[i].urgent ? "!" : "", list[i].text);
	}
	return all;
}

static void spend_to(uint64_t used)
{
	char body[128];

	(void)snprintf(body, sizeof body, "by: uid:0\nevent: package\nreason: portal\ntsa: own\nused: %llu\n", (unsigned long long)used);
	say("anchor", NOON, body);
}

static void test_thresholds(void **state)
{
	(void)state;
	text_open("en");
	make("tsa \"own\" { urls = { \"https://localhost/\" } packages = { \"100 2026-01-01 2026-12-31\" } stop_line = 3 }\n");
	assert_string_equal(troubles(NOON), "");
	spend_to(79);
	assert_string_equal(troubles(NOON), "");
	spend_to(80);
	assert_string_equal(troubles(NOON), "Time stamps of own run out (left: 20). Buy another package.\n");
	spend_to(95);
	assert_string_equal(troubles(NOON), "!Time stamps of own run out (left: 5). Buy another package.\n");
	spend_to(97);
	assert_non_null(strstr(troubles(NOON), "!Time stamps of own are below the stop line"));
	spend_to(100);
	assert_string_equal(troubles(NOON), "!Time stamps of own are used up. Buy another package.\n");
	spend_to(10);
	assert_string_equal(troubles(NOON + 11 * DAY_MS), "A package of time stamps of own ends soon (days left: 29, stamps left: 90).\n");
	assert_string_equal(troubles(NOON + 60 * DAY_MS), "!No package of time stamps of own is valid now. Buy one, and put it into the configuration.\n");
}

static void test_freshness(void **state)
{
	(void)state;
	make("tsa \"own\" { urls = { \"https://localhost/\" } }\n");
	say("boot", NOON, "version: 1\n");
	assert_string_equal(troubles(NOON + 2 * HOUR_MS - 1), "");
	assert_string_equal(troubles(NOON + 2 * HOUR_MS), "!The journal waits for a time stamp for 2 hours. See podatelna stamps.\n");
	assert_false(stamps_stale(&hub, NOON + 48 * HOUR_MS - 1));
	assert_true(stamps_stale(&hub, NOON + 48 * HOUR_MS));
	/* Never stamped at all: counted from the last start, so that a new authority in an old journal stops nothing at once. */
	say("boot", NOON + 47 * HOUR_MS, "version: 1\n");
	assert_false(stamps_stale(&hub, NOON + 48 * HOUR_MS));
	assert_non_null(strstr(troubles(NOON + 48 * HOUR_MS), "for 48 hours. See"));
	assert_true(stamps_stale(&hub, NOON + 95 * HOUR_MS));
	stamp(NOON + 48 * HOUR_MS, checkpoint(NOON + 48 * HOUR_MS), "person", "stamp");
	assert_false(stamps_stale(&hub, NOON + 96 * HOUR_MS)); /* nothing newer waits */
	say("boot", NOON + 96 * HOUR_MS, "version: 1\n");
	assert_false(stamps_stale(&hub, NOON + 97 * HOUR_MS));
	/* Once stamped, no start makes the journal fresh again. */
	say("boot", NOON + 143 * HOUR_MS, "version: 1\n");
	assert_true(stamps_stale(&hub, NOON + 144 * HOUR_MS));
	/* Without an authority nobody can have a stamp. */
	make("");
	say("boot", NOON, "version: 1\n");
	assert_false(stamps_stale(&hub, NOON + 480 * HOUR_MS));
	assert_string_equal(troubles(NOON + 480 * HOUR_MS), "");
	make("tsa \"own\" { urls = { \"https://localhost/\" } }\njournal { stamp_warn_after = \"0\" stamp_stop_after = \"0\" }\n");
	say("boot", NOON, "version: 1\n");
	assert_false(stamps_stale(&hub, NOON + 480 * HOUR_MS));
	assert_string_equal(troubles(NOON + 480 * HOUR_MS), "");
}

static void test_clock(void **state)
{
	(void)state;
	make("tsa \"own\" { urls = { \"https://localhost/\" } }\n");
	say("anchor", NOON, "event: stamp\noff-ms: 3600000\nsize: 0\ntsa: own\n");
	assert_string_equal(troubles(NOON), "!By the last time stamp the clock of the box is ahead by 3600 s. Set it right.\n");
	assert_int_equal(book->accounts[0].spent, 1); /* the stamp stays one */
	say("anchor", NOON, "event: stamp\noff-ms: -300001\nsize: 0\ntsa: own\n");
	assert_string_equal(troubles(NOON), "!By the last time stamp the clock of the box is behind by 300 s. Set it right.\n");
	say("anchor", NOON, "event: stamp\noff-ms: 0\nsize: 0\ntsa: own\n");
	assert_string_equal(troubles(NOON), "");
}

/* The daily digest names them too. */
static void test_digest(void **state)
{
	static struct mail mail;
	size_t lines = 0;
	char *text = NULL;

	(void)state;
	make("tsa \"own\" { urls = { \"https://localhost/\" } package = 100 }\n");
	mail.hub = &hub;
	text = mail_digest_body(&mail, NOON, &lines);
	assert_null(strstr(text, "Time stamps:"));
	assert_int_equal(lines, 0);
	free(text);
	spend_to(96);
	text = mail_digest_body(&mail, NOON, &lines);
	assert_non_null(strstr(text, "Time stamps:\n  Time stamps of own run out (left: 4). Buy another package.\n"));
	assert_int_equal(lines, 1);
	free(text);
}

/* Quiet is what the store calls quiet. */
static void test_quiet_types(void **state)
{
	(void)state;
	for (size_t i = 0; table_nth(i) != NULL; i++) {
		assert_int_equal(stamp_type_is_quiet(table_nth(i)->type), (table_nth(i)->marks & TABLE_QUIET) != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_package),         cmocka_unit_test(test_packages_in_a_row),
		cmocka_unit_test(test_what_is_covered), cmocka_unit_test(test_schedule),
		cmocka_unit_test(test_bad_ones),        cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_freshness),       cmocka_unit_test(test_clock),
		cmocka_unit_test(test_quiet_types),     cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
