/* Until when the stamps of a journal prove something, when they are renewed, and which lists of revoked certificates are looked for: from records alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/hub/renew.h"
#include "appliance/hub/trust_book.h"

#define DAY_MS INT64_C(86400000)
#define NOON INT64_C(1795258800000) /* 2026-11-21T11:00:00Z */
#define YEAR_MS (365 * DAY_MS)

static struct config *config;
static struct renew_book book;
static uint64_t next_index;
static bool usable[CONFIG_TSAS_MAX];

static void make(const char *journal)
{
	static struct config_report report;
	char text[2048];

	config_free(config);
	config = NULL;
	(void)snprintf(text, sizeof text,
	               "language = \"en\"\nshare { path = \"/tmp\" }\ntoken \"office\" { module = \"/lib/p11.so\" uri = \"pkcs11:\" }\n"
	               "key \"archive\" { token = \"office\" uri = \"pkcs11:id=%%02\" use = { \"vault\" } }\n"
	               "tsa \"one\" { urls = { \"https://localhost/\" } }\ntsa \"two\" { urls = { \"https://localhost/2\" } }\njournal { %s }\n",
	               journal);
	if (config_parse(span_of_string(text), "made-up", &config, &report) != 0) {
		config_report_print(&report, stderr);
		fail();
	}
	memset(&book, 0, sizeof book);
	next_index = 100;
	usable[0] = usable[1] = true;
}

/* A record `anchor`; its index. */
static uint64_t say(int64_t at_ms, const char *body)
{
	struct record record = { .index = next_index++, .utc_ms = at_ms, .body = span_of_string(body) };

	(void)snprintf(record.type, sizeof record.type, "anchor");
	assert_true(lines_valid(record.body));
	renew_record(&book, config, &record);
	return record.index;
}

/* `until_ms` 0: a record of the time before they said it. */
static uint64_t stamp(int64_t at_ms, const char *event, const char *tsa, uint64_t size, int64_t until_ms, const char *digest)
{
	char body[400], until[CLOCK_UTC_SIZE] = "";

	clock_format_utc(until_ms, until);
	(void)snprintf(body, sizeof body, "detail: %s\nevent: %s\nfile: %llu.tsr\npurpose: x\nsize: %llu\ntsa: %s\nuntil: %s\n", digest, event,
	               (unsigned long long)next_index, (unsigned long long)size, tsa, until);
	if (until_ms == 0) {
		(void)snprintf(body, sizeof body, "event: %s\nfile: %llu.tsr\nsize: %llu\ntsa: %s\n", event, (unsigned long long)next_index,
		               (unsigned long long)size, tsa);
	}
	return say(at_ms, body);
}

static struct renew_plan plan(int64_t now_ms)
{
	struct renew_plan ret;

	renew_look(&book, config, usable, now_ms, &ret);
	return ret;
}

static void test_nothing(void **state)
{
	(void)state;
	make("");
	assert_int_equal(plan(NOON).ends_ms, INT64_MAX);
	assert_false(plan(NOON).near || plan(NOON).due || plan(NOON).helpless);
	assert_int_equal(plan(NOON).tsa, 0);
	usable[0] = false;
	assert_int_equal(plan(NOON).tsa, 1);
	usable[1] = false;
	assert_int_equal(plan(NOON).tsa, SIZE_MAX);
	/* Neither a stamp that failed nor a package proves anything. */
	(void)say(NOON, "event: bad-stamp\nfile: 1.tsr\nsize: 5\ntsa: one\nuntil: 2026-12-01T00:00:00.000Z\n");
	assert_int_equal(plan(NOON).ends_ms, INT64_MAX);
}

/* An idle box: one stamp, and years later, before its certificate ends, another; again and again. */
static void test_generations(void **state)
{
	int64_t until = NOON + 5 * YEAR_MS;
	uint64_t size = 50;

	(void)state;
	make("");
	usable[1] = false;
	(void)stamp(NOON, "stamp", "one", size, until, "sha256 sha256");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(plan(NOON).ends_ms, until);
		assert_false(plan(until - 91 * DAY_MS).near);
		assert_true(plan(until - 89 * DAY_MS).near);
		assert_true(plan(until - 89 * DAY_MS).due);
		/* Over a checkpoint above the record of the former one, under a newer certificate. */
		(void)stamp(until - 89 * DAY_MS, "renewal", "one", next_index, until + 5 * YEAR_MS, "sha256 sha256");
		assert_false(plan(until).near);
		until += 5 * YEAR_MS;
	}
	assert_int_equal(book.count, 1);
}

/* A later stamp over the same checkpoint, as the daily trial makes it, takes over nothing: the first one's record is not below it. */
static void test_same_checkpoint(void **state)
{
	int64_t until = NOON + YEAR_MS;

	(void)state;
	make("");
	(void)stamp(NOON, "stamp", "one", 50, until, "sha256 sha256");
	(void)stamp(until - 60 * DAY_MS, "stamp", "one", 50, until + 5 * YEAR_MS, "sha256 sha256");
	assert_int_equal(plan(until - 60 * DAY_MS).ends_ms, until);
	assert_true(plan(until - 60 * DAY_MS).due);
	(void)stamp(until - 60 * DAY_MS, "renewal", "one", next_index, until + 5 * YEAR_MS, "sha256 sha256");
	assert_int_equal(plan(until).ends_ms, until + 5 * YEAR_MS);
	assert_false(plan(until).near);
}

/* The authority goes on with its old certificate: it is tried on few days only, and people are told. */
static void test_helpless(void **state)
{
	int64_t until = NOON + YEAR_MS;
	size_t made = 0;

	(void)state;
	make("");
	usable[1] = false;
	(void)stamp(NOON, "stamp", "one", 50, until, "sha256 sha256");
	for (int64_t now = until - 120 * DAY_MS; now < until + 30 * DAY_MS; now += DAY_MS / 4) {
		struct renew_plan found = plan(now);

		assert_int_equal(found.near, now >= until - 90 * DAY_MS);
		assert_int_equal(found.helpless, found.near);
		if (found.due) {
			made++;
			(void)stamp(now, "renewal", "one", next_index, until, "sha256 sha256");
			assert_false(plan(now).due);
		}
	}
	assert_int_equal(made, 6); /* 90, 30, 14, 7, 1, and when it is over */
	/* In the end it has a new one: the daily trial shows that, and then it is renewed. */
	(void)stamp(until + 31 * DAY_MS, "stamp", "one", next_index - 10, until + 5 * YEAR_MS, "sha256 sha256");
	assert_true(plan(until + 31 * DAY_MS).due);
	assert_false(plan(until + 31 * DAY_MS).helpless);
}

/* The second authority has a certificate that lasts: it is asked instead of the first, for every stamp. */
static void test_another(void **state)
{
	int64_t until = NOON + YEAR_MS;

	(void)state;
	make("");
	(void)stamp(NOON, "stamp", "one", 50, until, "sha256 sha256");
	assert_int_equal(plan(NOON).tsa, 0);
	assert_int_equal(plan(until - 80 * DAY_MS).tsa, 1); /* of it nothing is known: it may be hoped */
	assert_true(plan(until - 80 * DAY_MS).due);
	assert_false(plan(until - 80 * DAY_MS).helpless);
	(void)stamp(until - 80 * DAY_MS, "renewal", "two", next_index, until - 10 * DAY_MS, "sha256 sha256");
	assert_true(plan(until - 70 * DAY_MS).helpless); /* in vain: it ends still sooner */
	assert_int_equal(plan(until - 70 * DAY_MS).ends_ms, until - 10 * DAY_MS);
	/* Certificates to and fro: not more than one renewal in a day. */
	(void)stamp(until - 60 * DAY_MS, "renewal", "two", next_index, until + YEAR_MS, "sha256 sha256");
	(void)stamp(until - 60 * DAY_MS + 1, "stamp", "one", next_index - 1, until, "sha256 sha256");
	assert_true(plan(until - 60 * DAY_MS + 2).near);
	assert_false(plan(until - 60 * DAY_MS + 2).due);
	assert_true(plan(until - 59 * DAY_MS + 2).due);
	/* A clock that was put back does not stop it. */
	assert_true(plan(until - 61 * DAY_MS).due);
}

static void test_weak(void **state)
{
	(void)state;
	make("weak_hashes = { \"sha384\" }");
	usable[1] = false;
	(void)stamp(NOON, "stamp", "one", 50, NOON + 5 * YEAR_MS, "sha256 sha256");
	assert_false(plan(NOON).near);
	(void)stamp(NOON, "stamp", "one", 60, NOON + 5 * YEAR_MS, "sha256 sha384");
	assert_int_equal(plan(NOON).ends_ms, 0);
	assert_true(plan(NOON).near && plan(NOON).helpless);
	assert_false(plan(NOON).due); /* it would stamp with the same */
	usable[1] = true;
	assert_true(plan(NOON).due);
	assert_int_equal(plan(NOON).tsa, 1);
	(void)stamp(NOON, "renewal", "two", next_index, NOON + 5 * YEAR_MS, "sha256 sha512");
	assert_false(plan(NOON).near);
	/* The same journal where nothing is weak yet. */
	config->weak_hashes = 0;
	(void)stamp(NOON, "stamp", "one", next_index, NOON + 5 * YEAR_MS, "sha256 sha384");
	assert_int_equal(plan(NOON).ends_ms, NOON + 5 * YEAR_MS);
	make("renew_before = \"0\"");
	(void)stamp(NOON, "stamp", "one", 50, NOON + DAY_MS, "sha256 sha256");
	assert_false(plan(NOON).near || plan(NOON).due);
}

/* Records of earlier versions do not say the end: a look into the file does. */
static void test_learnt(void **state)
{
	char file[32];

	(void)state;
	make("");
	assert_string_equal(renew_unknown(&book), "");
	(void)snprintf(file, sizeof file, "%llu.tsr", (unsigned long long)stamp(NOON, "stamp", "one", 50, 0, ""));
	assert_string_equal(renew_unknown(&book), file);
	assert_int_equal(plan(NOON).ends_ms, INT64_MAX);
	renew_learn(&book, "another.tsr", 1, "");
	assert_string_equal(renew_unknown(&book), file);
	renew_learn(&book, file, NOON + 10 * DAY_MS, "sha256 sha512");
	assert_string_equal(renew_unknown(&book), "");
	assert_int_equal(plan(NOON).ends_ms, NOON + 10 * DAY_MS);
	assert_int_equal(book.tsas[0].until_ms, NOON + 10 * DAY_MS);
	assert_string_equal(book.tsas[0].digest, "sha256 sha512");
}

/* More kinds of certificates than there is room for: the earliest end is never lost. */
static void test_many_kinds(void **state)
{
	(void)state;
	make("");
	for (int i = 0; i < 3 * RENEW_GROUPS_MAX; i++) {
		(void)stamp(NOON, "stamp", "one", 50, NOON + (400 + (i * 7) % 48) * DAY_MS, "sha256 sha256");
	}
	assert_int_equal(plan(NOON).ends_ms, NOON + 400 * DAY_MS);
	(void)stamp(NOON, "stamp", "one", next_index, NOON + 900 * DAY_MS, "sha256 sha256");
	assert_int_equal(plan(NOON).ends_ms, NOON + 900 * DAY_MS);
}

static void test_days(void **state)
{
	static const struct {
		int64_t left;
		uint32_t days;
	} cases[] = { { 91 * DAY_MS, UINT32_MAX },
		      { 90 * DAY_MS, 90 },
		      { 31 * DAY_MS, 90 },
		      { 30 * DAY_MS, 30 },
		      { 14 * DAY_MS, 14 },
		      { 7 * DAY_MS, 7 },
		      { 2 * DAY_MS, 7 },
		      { DAY_MS, 1 },
		      { 1, 1 },
		      { 0, 0 },
		      { -DAY_MS, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(renew_days_passed(NOON + cases[i].left, NOON), cases[i].days);
	}
}

/* --- lists of revoked certificates --- */

static void kept(struct trust_book *trust, const char *event, const char *sha256, const char *url, int64_t time_ms)
{
	char body[512], time[CLOCK_UTC_SIZE], until[CLOCK_UTC_SIZE];
	struct record record = { .index = next_index++, .utc_ms = time_ms + 1 };

	clock_format_utc(time_ms, time);
	clock_format_utc(time_ms + 7 * DAY_MS, until);
	(void)snprintf(body, sizeof body, "detail: %s\nevent: %s\nfile: x\nsha256: %s\ntime: %s\nuntil: %s\n", url, event, sha256, time, until);
	record.body = span_of_string(body);
	assert_true(lines_valid(record.body));
	trust_book_record(trust, &record);
}

static void test_trust_book(void **state)
{
	static struct trust_book trust;
	char name[32];

	(void)state;
	assert_null(trust_book_list(&trust, "http://a/"));
	assert_false(trust_book_has(&trust, "aa"));
	kept(&trust, "cert", "aa", "x", NOON);
	assert_true(trust_book_has(&trust, "aa"));
	kept(&trust, "crl", "bb", "http://a/", NOON);
	kept(&trust, "crl", "cc", "http://b/", NOON);
	kept(&trust, "crl", "dd", "http://a/", NOON + DAY_MS);
	assert_false(trust_book_has(&trust, "bb"));
	assert_int_equal(trust.list_count, 2);
	assert_string_equal(trust_book_list(&trust, "http://a/")->sha256, "dd");
	assert_int_equal(trust_book_list(&trust, "http://a/")->until_ms, NOON + 8 * DAY_MS);
	assert_string_equal(trust_book_list(&trust, "http://b/")->sha256, "cc");
	/* Addresses without end: those without news go first. */
	for (int i = 0; i < 3 * TRUST_LISTS_MAX; i++) {
		(void)snprintf(name, sizeof name, "http://n/%d", i);
		kept(&trust, "crl", "ee", name, NOON);
		kept(&trust, "crl", "ff", "http://a/", NOON + 2 * DAY_MS);
	}
	assert_int_equal(trust.list_count, TRUST_LISTS_MAX);
	assert_non_null(trust_book_list(&trust, "http://a/"));
	assert_null(trust_book_list(&trust, "http://b/"));
	for (int i = 0; i < 3 * TRUST_CERTS_MAX; i++) {
		(void)snprintf(name, sizeof name, "%d", i);
		kept(&trust, "cert", name, "x", NOON);
	}
	assert_false(trust_book_has(&trust, "aa"));
	assert_true(trust_book_has(&trust, name));
}

static void test_when_a_list_is_due(void **state)
{
	struct trust_list last = { .time_ms = NOON, .until_ms = NOON + 7 * DAY_MS, .kept_ms = NOON };
	struct trust_need need = { .used_ms = NOON, .until_ms = NOON + YEAR_MS };

	(void)state;
	assert_true(trust_book_due(&need, DAY_MS, NOON));
	assert_false(trust_book_due(&need, 0, NOON)); /* off */
	need.used_ms = 0;
	assert_false(trust_book_due(&need, DAY_MS, NOON)); /* nothing was signed with it */
	need.used_ms = NOON - DAY_MS;
	need.last = &last;
	assert_false(trust_book_due(&need, DAY_MS, NOON + 100 * DAY_MS)); /* made after the last stamp: all is said */
	need.used_ms = NOON + 1;
	assert_false(trust_book_due(&need, DAY_MS, NOON + DAY_MS - 1));
	assert_true(trust_book_due(&need, DAY_MS, NOON + DAY_MS));
	/* Tried, and nothing new or nothing at all. */
	need.tried_ms = NOON + DAY_MS;
	assert_false(trust_book_due(&need, DAY_MS, NOON + 2 * DAY_MS - 1));
	assert_true(trust_book_due(&need, DAY_MS, NOON + 2 * DAY_MS));
	need.failures = 1;
	assert_false(trust_book_due(&need, DAY_MS, NOON + DAY_MS + TRUST_FAILED_FIRST_MS - 1));
	assert_true(trust_book_due(&need, DAY_MS, NOON + DAY_MS + TRUST_FAILED_FIRST_MS));
	need.failures = 3;
	assert_false(trust_book_due(&need, DAY_MS, NOON + DAY_MS + 4 * TRUST_FAILED_FIRST_MS - 1));
	assert_true(trust_book_due(&need, DAY_MS, NOON + DAY_MS + 4 * TRUST_FAILED_FIRST_MS));
	need.failures = 1000;
	assert_false(trust_book_due(&need, DAY_MS, NOON + 2 * DAY_MS - 1));
	assert_true(trust_book_due(&need, DAY_MS, NOON + 2 * DAY_MS));
	/* A clock that was put back. */
	need.tried_ms = NOON + 50 * DAY_MS;
	assert_true(trust_book_due(&need, DAY_MS, NOON + 2 * DAY_MS));
	/* The last call before the end, though no stamp came since. */
	need = (struct trust_need){ .used_ms = NOON - 1, .until_ms = NOON + YEAR_MS, .last = &last };
	assert_false(trust_book_due(&need, DAY_MS, NOON + YEAR_MS - 3 * DAY_MS));
	assert_true(trust_book_due(&need, DAY_MS, NOON + YEAR_MS - 2 * DAY_MS));
	last.time_ms = last.kept_ms = NOON + YEAR_MS - 2 * DAY_MS;
	assert_false(trust_book_due(&need, DAY_MS, NOON + YEAR_MS));
	/* After it an authority may leave the certificate out. */
	need.used_ms = NOON + YEAR_MS;
	assert_true(trust_book_due(&need, DAY_MS, NOON + YEAR_MS + DAY_MS - 1));
	assert_false(trust_book_due(&need, DAY_MS, NOON + YEAR_MS + DAY_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_same_checkpoint),
		cmocka_unit_test(test_helpless),
		cmocka_unit_test(test_another),
		cmocka_unit_test(test_weak),
		cmocka_unit_test(test_learnt),
		cmocka_unit_test(test_many_kinds),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_trust_book),
		cmocka_unit_test(test_when_a_list_is_due),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	config_free(config);
	return failed;
}
