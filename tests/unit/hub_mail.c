/* E-mail without a server: what a message is made of, what the digest names, and the file that outlasts the hub. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/fdio.h"
#include "appliance/hub/mail_private.h"

#define DAY_MS INT64_C(86400000)

/* Sunday 22 November 2026, 07:00 in Prague. */
static const int64_t morning_ms = INT64_C(1795327200000);
static char *addresses[] = { (char *)"office@firm.example" };
static char directory[64];
static struct config config;
static struct hub hub;
static struct mail mail;

static int fresh(void **state)
{
	(void)state;
	config = (struct config){
		.mail = { .from = (char *)"box@firm.example", .to = { addresses, 1 }, .state_dir = directory, .digest_at = (char *)"07:00", .events = ~0U }
	};
	hub = (struct hub){ .config = &config };
	mail = (struct mail){ .hub = &hub, .config = &config.mail, .directory = -1 };
	return 0;
}

static int open_directory(void **state)
{
	(void)snprintf(directory, sizeof directory, "/tmp/mail-test-XXXXXX");
	assert_non_null(mkdtemp(directory));
	return fresh(state);
}

static int remove_directory(void **state)
{
	char command[128];

	(void)state;
	(void)close(mail.directory);
	(void)snprintf(command, sizeof command, "rm -rf -- '%s'", directory);
	return system(command);
}

/* --- letters --- */

static char *letter_of(const char *subject, const char *body)
{
	struct mail_letter letter = { .from = "box@firm.example", .to = "a@b.example", .id = "1.2", .subject = subject, .body = body, .utc_ms = morning_ms };
	size_t length = 0;
	char *text = mail_letter_write(&letter, &length);

	assert_non_null(text);
	assert_int_equal(strlen(text), length);
	return text;
}

static void test_letter(void **state)
{
	char *text = letter_of("Podání", "Žluť\n");

	(void)state;
	assert_string_equal(text, "From: Podatelna <box@firm.example>\r\nTo: <a@b.example>\r\nSubject: =?UTF-8?B?UG9kw6Fuw60=?=\r\n"
	                          "Date: Sun, 22 Nov 2026 07:00:00 +0100\r\nMessage-ID: <1.2@firm.example>\r\nAuto-Submitted: auto-generated\r\n"
	                          "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	                          "xb1sdcWlCg==\r\n");
	free(text);
}

/* Whatever stands in subject and body, the header has its lines and no others, none of them too long, and no encoded-word cuts a character. */
static void test_letter_is_closed(void **state)
{
	static const char *const nasty[] = {
		"a\r\nBcc: x@y.example\r\n\r\n.\r\n",
		"\n.\nQUIT\n",
		"řřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřřř",
		"?= =?UTF-8?Q?x?=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++) {
		char *text = letter_of(nasty[i], nasty[i]);
		unsigned headers = 0;

		for (char *line = text, *end = NULL; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
			*end = '\0';
			assert_true(strlen(line) <= 76);
			assert_null(strpbrk(line, "\r\n"));
			assert_true(line[0] != '.');
			headers += strstr(line, ": ") != NULL ? 1 : 0;
			if (strncmp(line, " =?UTF-8?B?", 11) == 0 && i == 2) {
				/* ř is c5 99: a word that begins with its second half would begin with "m". */
				assert_true(line[11] == 'x');
			}
		}
		assert_int_equal(headers, 9);
		free(text);
	}
}

static void test_summer_time(void **state)
{
	struct mail_letter letter = { .from = "b@f.example", .to = "a@b.example", .id = "1", .subject = "x", .body = "x", .utc_ms = INT64_C(1782856799000) };
	size_t length = 0;
	char *text = mail_letter_write(&letter, &length);

	(void)state;
	/* 30 June 2026, 21:59:59 UTC */
	assert_non_null(strstr(text, "\r\nDate: Tue, 30 Jun 2026 23:59:59 +0200\r\n"));
	free(text);
}

/* --- the digest --- */

static void chain(struct hub_case *list, size_t count)
{
	hub.cases.all = hub.cases.open = list;
	for (size_t i = 0; i + 1 < count; i++) {
		list[i].next_all = list[i].next_open = &list[i + 1];
	}
}

static void test_digest(void **state)
{
	struct hub_case list[] = {
		{ .number = "2026-000001", .form = "A", .state = CASE_DONE, .changed_ms = morning_ms - 7 * 3600000 - 1 }, /* 23:59:59 of the day before */
		{ .number = "2026-000002", .form = "B", .state = CASE_DONE, .changed_ms = morning_ms - 7 * 3600000 },     /* midnight */
		{ .number = "2026-000003", .form = "C", .state = CASE_DATA_ERROR, .changed_ms = morning_ms - DAY_MS - 7 * 3600000 },
		{ .number = "2026-000004", .form = "D", .state = CASE_DONE, .changed_ms = morning_ms - DAY_MS - 7 * 3600000 - 1 },
		{ .number = "2026-000005", .form = "E", .state = CASE_DELETED, .changed_ms = morning_ms - DAY_MS },
		{ .number = "2026-000006", .form = "F", .state = CASE_HELD },
		{ .number = "2026-000007", .form = "G", .state = CASE_UNCERTAIN },
		{ .number = "2026-000008", .form = "H", .state = CASE_SENT, .reason = (char *)"personal" },
	};
	size_t lines = 0;
	char *text = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		list[i].waiting = "";
	}
	chain(list, sizeof list / sizeof list[0]);
	text = mail_digest_body(&mail, morning_ms, &lines);
	assert_int_equal(lines, 5);
	assert_memory_equal(text,
	                    "Closed that day:\n  2026-000001 A: closed, accepted\n  2026-000003 C: closed with an error in the data\n\n"
	                    "Waits for whoever approves:\n  2026-000006 F: waits for approval\n\n"
	                    "Waits for the operator of the box:\n  2026-000007 G: outcome uncertain\n\n"
	                    "Waits for the partner:\n  2026-000008 H: sent, waits for the result\n\n",
	                    strlen(text) - strlen(strstr(text, "This message")));
	assert_null(strstr(text, "personal"));
	free(text);
	text = mail_digest_subject(morning_ms);
	assert_string_equal(text, "Podatelna: overview of 21. 11. 2026");
	free(text);
}

/* The day after a change to summer time had 23 hours: half past midnight still looks at the day before. */
static void test_digest_over_summer_time(void **state)
{
	/* Monday 29 March 2027, 00:30 in Prague (summer time since Sunday 02:00) */
	char *text = mail_digest_subject(INT64_C(1806273000000));

	(void)state;
	assert_string_equal(text, "Podatelna: overview of 28. 3. 2027");
	free(text);
}

/* --- the file --- */

static void reload(void)
{
	(void)close(mail.directory);
	(void)fresh(NULL);
	assert_int_equal(mail_load(&mail), 0);
}

static void test_file(void **state)
{
	struct mail_item item = {
		.kind = MAIL_CASE, .index = 7, .number = "2026-000001", .state = CASE_DONE, .time_ms = 5, .next_ms = 6, .tries = 3, .to = "a@b.cz"
	};

	(void)state;
	reload();
	assert_true(mail.fresh);
	mail.cursor = 12;
	mail.digest_day = 20261122;
	mail_add(&mail, &item);
	item = (struct mail_item){ .kind = MAIL_DIGEST, .time_ms = 9, .to = "c@d.cz" };
	mail_add(&mail, &item);
	assert_int_equal(mail_save(&mail), 0);
	reload();
	assert_false(mail.fresh);
	assert_int_equal(mail.cursor, 12);
	assert_int_equal(mail.digest_day, 20261122);
	assert_int_equal(mail.count, 2);
	assert_int_equal(mail.items[0].kind, MAIL_CASE);
	assert_int_equal(mail.items[0].state, CASE_DONE);
	assert_int_equal(mail.items[0].tries, 3);
	assert_string_equal(mail.items[0].number, "2026-000001");
	assert_string_equal(mail.items[0].to, "a@b.cz");
	assert_int_equal(mail.items[1].kind, MAIL_DIGEST);
	mail_remove(&mail, 0);
	assert_string_equal(mail.items[0].to, "c@d.cz");
}

static void write_state(const char *text, size_t length)
{
	int fd = openat(mail.directory, "state", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, length), 0);
	(void)close(fd);
}

/* Half a file, or one that says something else, is never taken for a whole one; it is kept, and it is counted that something was lost. */
static void test_damaged_file(void **state)
{
	static const char whole[] = "podatelna-mail 1\ncursor 12\ndigest 0\ncase 7 2026-000001 done 5 6 0 a@b.cz\nend 1\n";
	static const char *const bad[] = {
		"podatelna-mail 2\ncursor 12\ndigest 0\nend 0\n",
		"podatelna-mail 1\ncursor 12\ndigest 0\nend 1\n",
		"podatelna-mail 1\ncursor -1\ndigest 0\nend 0\n",
		"podatelna-mail 1\ncursor 1\ndigest 0\ncase 7 2026-000001 nonsense 5 6 0 a@b.cz\nend 1\n",
		"podatelna-mail 1\ncursor 1\ndigest 0\ncase 7 2026-000001 done 5 6 0 a b@c\nend 1\n",
		"podatelna-mail 1\ncursor 1\ndigest 0\nend 0\nmore\n",
	};

	(void)state;
	reload();
	write_state(whole, strlen(whole));
	reload();
	assert_false(mail.fresh);
	assert_int_equal(mail.count, 1);
	for (size_t cut = 0; cut < strlen(whole); cut++) {
		write_state(whole, cut);
		reload();
		assert_true(mail.fresh && mail.count == 0 && mail.given_up == 1);
		assert_int_equal(faccessat(mail.directory, "state.broken", F_OK, 0), 0);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		write_state(bad[i], strlen(bad[i]));
		reload();
		assert_true(mail.fresh && mail.count == 0);
	}
}

static void test_full_queue(void **state)
{
	struct mail_item item = { .kind = MAIL_CASE, .number = "2026-000001", .state = CASE_DONE, .to = "a@b.cz" };

	(void)state;
	reload();
	for (size_t i = 0; i < MAIL_ITEMS_MAX + 2; i++) {
		item.index = i;
		mail_add(&mail, &item);
	}
	assert_int_equal(mail.count, MAIL_ITEMS_MAX);
	assert_int_equal(mail.given_up, 2);
	assert_int_equal(mail_save(&mail), 0);
	reload();
	assert_int_equal(mail.count, MAIL_ITEMS_MAX);
}

/* --- what is told --- */

static void test_notes(void **state)
{
	struct hub_case of = { .number = "2026-000001", .state = CASE_DONE, .changed_index = 20, .by = "uid:1000" };
	struct record record = { .index = 20, .utc_ms = clock_utc_ms() };
	struct config_user user = { .uid = 1000, .mail = (char *)"OFFICE@firm.example" };

	(void)state;
	config.mail.give_up_ms = (uint64_t)DAY_MS;
	config.user_list = &user;
	config.user_count = 1;
	mail.cursor = 10;
	mail_note(&mail, &of, &record);
	assert_int_equal(mail.count, 1); /* the same address once */
	mail_note(&mail, &of, &record);
	assert_int_equal(mail.count, 1); /* the same record once */
	user.mail = (char *)"person@firm.example";
	record.index = 21; /* a record that changed no state */
	mail_note(&mail, &of, &record);
	assert_int_equal(mail.count, 1);
	of.changed_index = record.index = 22;
	record.utc_ms -= DAY_MS + 1; /* too old */
	mail_note(&mail, &of, &record);
	assert_int_equal(mail.count, 1);
	of.changed_index = record.index = 23;
	record.utc_ms = clock_utc_ms();
	mail_note(&mail, &of, &record);
	assert_int_equal(mail.count, 3);
	assert_string_equal(mail.items[2].to, "person@firm.example");
	of.changed_index = record.index = 24;
	config.mail.events = 1;
	mail_note(&mail, &of, &record);
	assert_int_equal(mail.count, 3);
	mail_note(NULL, &of, &record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_letter, fresh),
		cmocka_unit_test_setup(test_letter_is_closed, fresh),
		cmocka_unit_test_setup(test_summer_time, fresh),
		cmocka_unit_test_setup(test_digest, fresh),
		cmocka_unit_test_setup(test_digest_over_summer_time, fresh),
		cmocka_unit_test_setup_teardown(test_file, open_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_damaged_file, open_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_full_queue, open_directory, remove_directory),
		cmocka_unit_test_setup(test_notes, fresh),
	};

	return cmocka_run_group_tests_name("hub_mail", tests, NULL, NULL);
}
