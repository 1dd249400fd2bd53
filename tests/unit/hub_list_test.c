/* `list`: the filter of the hub and its pages, with the real command line at the other end of the control socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/cli/cli.h"
#include "appliance/hub/control_private.h"

#define CASES 10000
#define RUN_MS 60000

static struct hub hub;
static char folder[] = "/tmp/hub-list-XXXXXX";
static char socket_path[64], out_path[64], err_path[64];
static char *said;
static size_t said_rows;

/* --- cases: every fourth one done, refused, held, uncertain; a new day for each --- */

static void record(uint64_t index, int64_t utc_ms, const char *type, const char *body)
{
	struct record record = { .index = index, .utc_ms = utc_ms };
	struct hub_case *of = NULL;

	(void)snprintf(record.type, sizeof record.type, "%s", type);
	record.body = span_of_string(body);
	assert_int_equal(case_apply(&hub.cases, &record, &of), 0);
	assert_non_null(of);
}

static void make_case(unsigned n, int64_t utc_ms)
{
	char body[256];
	uint64_t index = (uint64_t)n * 4;

	(void)snprintf(body, sizeof body, "by: uid:%u\ncase: 2026-%06u\nkind: filing\n", n % 2 == 0 ? 1000u : 1001u, n);
	record(index, utc_ms, "received", body);
	(void)snprintf(body, sizeof body, "approval: none\ncase: 2026-%06u\nenv: test\nform: %s\npartner: toy\n", n, n % 5 == 0 ? "TOY2" : "TOY1");
	record(index + 1, utc_ms, "recognised", body);
	(void)snprintf(body, sizeof body, "case: 2026-%06u\nreason: duplicate\n", n);
	record(index + 2, utc_ms, n % 4 == 0 ? "held" : "refused", body);
}

/* --- the hub in this process, the command line in a child --- */

static int listen_here(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listener, 8), 0);
	return listener;
}

static pid_t start_cli(const char *const *words)
{
	char *list[24] = { (char *)(uintptr_t) "podatelna",  (char *)(uintptr_t) "--socket", socket_path,
		           (char *)(uintptr_t) "--language", (char *)(uintptr_t) "en",       (char *)(uintptr_t) "list" };
	int count = 6;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		FILE *out = fopen(out_path, "w"), *err = fopen(err_path, "w");

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (; *words != NULL; words++) {
			list[count++] = (char *)(uintptr_t)*words;
		}
		count = cli_main(count, list, out, err);
		(void)fclose(out);
		(void)fclose(err);
		_exit(count);
	}
	return child;
}

static char *read_file(const char *path)
{
	FILE *from = fopen(path, "r");
	char *text = calloc(1, 4u << 20);

	assert_non_null(from);
	assert_non_null(text);
	text[fread(text, 1, (4u << 20) - 1, from)] = '\0';
	(void)fclose(from);
	return text;
}

/* The exit code; `said` is what was printed, `said_rows` its lines. The most packets that ever waited in the hub must stay below a page. */
static int list(const char *const *words)
{
	uint64_t deadline = clock_deadline(RUN_MS);
	pid_t child = start_cli(words);
	int status = 0;
	char *out = NULL, *err = NULL;

	while (waitpid(child, &status, WNOHANG) == 0 && !clock_expired(deadline)) {
		assert_true(loop_step(hub.loop, clock_deadline(10)) >= 0);
		for (const struct caller *each = hub.control->callers; each != NULL; each = each->next) {
			assert_true(channel_backlog(each->channel) <= LIST_PAGE_ROWS + 2);
		}
	}
	assert_true(WIFEXITED(status));
	out = read_file(out_path);
	err = read_file(err_path);
	free(said);
	assert_true(asprintf(&said, "%s%s", out, err) >= 0);
	said_rows = 0;
	for (const char *at = out; (at = strstr(at, "\n2026-")) != NULL; at++) {
		said_rows++;
	}
	free(out);
	free(err);
	return WEXITSTATUS(status);
}

#define LIST(...) list((const char *const[]){ __VA_ARGS__, NULL })

static void test_states(void **state)
{
	(void)state;
	assert_int_equal(LIST("--state", "held"), 0);
	assert_int_equal(said_rows, CASES / 4);
	assert_int_equal(LIST("--state", "held,refused"), 0);
	assert_int_equal(said_rows, CASES);
	assert_int_equal(LIST("--state", "open"), 0);
	assert_int_equal(said_rows, CASES / 4);
	assert_int_equal(LIST("--state", "closed"), 0);
	assert_int_equal(said_rows, CASES - CASES / 4);
	assert_int_equal(LIST("--state", "sent"), 0);
	assert_string_equal(said, "no case fits\n");
	assert_int_equal(LIST("--state", "sent", "--json"), 0);
	assert_non_null(strstr(said, "[]\n"));
}

static void test_refused(void **state)
{
	(void)state;
	assert_int_equal(LIST("--state", "held,heald"), 2);
	assert_non_null(strstr(said, "no state \"heald\"; the states are: received, unknown, held, ready,"));
	assert_int_equal(LIST("--partner", "tay"), 2);
	assert_non_null(strstr(said, "no partner \"tay\"; the partners are: toy"));
	assert_int_equal(LIST("--by", "nobody-of-this-name"), 2);
	assert_int_equal(LIST("--since", "31.2.2026"), 2);
	assert_int_equal(LIST("--since", "2026-11-21 "), 2);
	assert_int_equal(LIST("--since", "2026-02-02", "--until", "2026-02-01"), 2);
	assert_int_equal(LIST("--month", "13/2026"), 2);
	assert_int_equal(LIST("--month", "2026-01", "--since", "2026-01-01"), 2);
	assert_int_equal(LIST("--limit", "0"), 2);
	assert_int_equal(LIST("--limit", "-1"), 2);
}

/* 1 January 1999 was case 1, then one a day. */
static void test_period(void **state)
{
	static const struct {
		const char *option, *value, *other, *until;
		size_t rows;
	} periods[] = {
		{ "--since", "1999-01-02", "--until", "1999-01-02", 1 },  { "--since", "1. 1. 1999", "--until", "31.1.1999", 31 },
		{ "--month", "1999-02", "--partner", "toy", 28 },         { "--month", "2/2000", "--partner", "toy", 29 },
		{ "--month", "10. 1999", "--partner", "toy", 31 },        { "--until", "1999-01-10", "--partner", "toy", 10 },
		{ "--since", "2026-05-18", "--until", "2030-01-01", 1 },  { "--since", "2026-05-19", "--until", "2030-01-01", 0 },
		{ "--since", "1999-03-28", "--until", "28. 3. 1999", 1 }, { "--month", "12/1999", "--by", "uid:1001", 16 },
		{ "--since", "1999-10-31", "--until", "1999-10-31", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
		assert_int_equal(LIST(periods[i].option, periods[i].value, periods[i].other, periods[i].until), 0);
		if (said_rows != periods[i].rows) {
			fail_msg("%s %s: %zu instead of %zu", periods[i].option, periods[i].value, said_rows, periods[i].rows);
		}
	}
}

static void test_person_text(void **state)
{
	(void)state;
	assert_int_equal(LIST("--by", "1000"), 0);
	assert_int_equal(said_rows, CASES / 2);
	assert_int_equal(LIST("--by", "box"), 0);
	assert_int_equal(said_rows, 0);
	assert_int_equal(LIST("--text", "toy2"), 0);
	assert_int_equal(said_rows, CASES / 5);
	assert_int_equal(LIST("--text", "ucetni ZÁV"), 0);
	assert_int_equal(said_rows, CASES / 5);
	assert_int_equal(LIST("--text", "-000077"), 0);
	assert_int_equal(said_rows, 1);
	assert_int_equal(LIST("--text", "nothing has this"), 0);
	assert_int_equal(said_rows, 0);
}

/* All of them, in order, each once; and the newest only. */
static void test_pages(void **state)
{
	const char *at = NULL;
	unsigned expected = CASES;

	(void)state;
	assert_int_equal(LIST("--all"), 0);
	assert_int_equal(said_rows, CASES);
	for (at = strstr(said, "\n2026-"); at != NULL; at = strstr(at + 1, "\n2026-")) {
		assert_int_equal(strtoul(at + 6, NULL, 10), expected--);
	}
	assert_int_equal(expected, 0);
	assert_int_equal(LIST("--limit", "300"), 0);
	assert_int_equal(said_rows, 300);
	assert_non_null(strstr(said, "\n2026-010000 "));
	assert_non_null(strstr(said, "There are more"));
	assert_int_equal(LIST("--limit", "256", "--state", "held"), 0);
	assert_int_equal(said_rows, 256);
	assert_int_equal(LIST("--limit", "10000"), 0);
	assert_int_equal(said_rows, CASES);
	assert_null(strstr(said, "There are more"));
}

static void test_fold(void **state)
{
	static const char *const pairs[][2] = {
		{ "PŘÍLIŠ ŽLUŤOUČKÝ KŮŇ", "prilis zlutoucky kun" }, { "úpěl ďábelské ódy ŇŮ", "upel dabelske ody nu" }, { "Ľudovít Ĺ Ŕ", "ludovit l r" },
		{ "Pr\xcc\x8ci\xcc\x81loha", "priloha" },           { "DPH 10/2026.XML", "dph 10/2026.xml" },           { "€ 漢 ß", "€ 漢 ß" },
	};
	char folded[64];

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		list_fold(span_of_string(pairs[i][0]), folded, sizeof folded);
		assert_string_equal(folded, pairs[i][1]);
	}
	list_fold(span_of_string("a漢"), folded, 4); /* no half a character */
	assert_string_equal(folded, "a");
}

static int set_up(void **state)
{
	static const char text[] = "partner \"toy\" { sign_form = \"attached-der\" digest = \"sha256\" evidence = \"channel\" "
	                           "label_cs = \"Hračka\" label_en = \"Toy\" }\n"
	                           "form \"TOY1\" { partner = \"toy\" root = \"A\" label_cs = \"Přiznání\" label_en = \"Return\" }\n"
	                           "form \"TOY2\" { partner = \"toy\" root = \"B\" label_cs = \"Účetní závěrka\" label_en = \"Statement\" }\n";
	static const char first[] = "1998-12-31T23:30:00.000Z";
	struct config_report report = { 0 };
	static struct config config;
	int64_t begin = 0;

	(void)state;
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	(void)snprintf(socket_path, sizeof socket_path, "%s/control", folder);
	(void)snprintf(out_path, sizeof out_path, "%s/out", folder);
	(void)snprintf(err_path, sizeof err_path, "%s/err", folder);
	hub.config = &config;
	hub.loop = loop_new();
	hub.replayed = true;
	if (catalogue_parse(span_of_string(text), "toy.conf", "cs", &hub.catalogue, &report) != 0) {
		config_report_print(&report, stderr);
		return -1;
	}
	(void)clock_parse_utc(span_of_string(first), &begin);
	for (unsigned n = 1; n <= CASES; n++) {
		make_case(n, begin + (int64_t)(n - 1) * 86400000);
	}
	hub.control = control_new(&hub, listen_here());
	return hub.control == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(socket_path);
	(void)unlink(out_path);
	(void)unlink(err_path);
	free(said);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),      cmocka_unit_test(test_refused), cmocka_unit_test(test_period),
		cmocka_unit_test(test_person_text), cmocka_unit_test(test_pages),   cmocka_unit_test(test_fold),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
