/* The command line against a hub that answers as it is told: exit codes, words that are sent, descriptors, what is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "appliance/base/text.h"
#include "appliance/cli/cli.h"
#include "appliance/cli/columns.h"
#include "appliance/wire/channel.h"

#define HUB_MS 10000

/* What the hub does with the one command that it takes. It runs in a child; what it saw goes into the file `seen`. */
typedef void (*script)(int link, struct wire_message *command);

static char folder[] = "/tmp/cli-hub-XXXXXX";
static char socket_path[64], seen_path[64];
static char *out_text, *err_text;
static size_t out_length, err_length;

static void answer(int link, struct wire_message *message)
{
	int r = wire_send_blocking(link, WIRE_HUB, WIRE_CLI, message, clock_deadline(HUB_MS));

	/* The command line may have ended after what it got before. */
	if (r < 0 && r != ERR_GONE) {
		_exit(9);
	}
}

static void finish(int link, uint64_t code, const char *text)
{
	struct wire_message message;

	wire_begin(&message, WIRE_FINISHED, 1, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, code);
	if (text != NULL) {
		wire_put_string(&message, WIRE_F_TEXT, text);
	}
	answer(link, &message);
}

static void row(int link, const char *kind, const char *lines)
{
	struct wire_message message;

	wire_begin(&message, WIRE_OUTPUT, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, kind);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(lines));
	answer(link, &message);
}

static void content(int link, const char *name, const char *bytes)
{
	struct wire_message message;
	int fd = fd_memfd_sealed("content", bytes, strlen(bytes));

	wire_begin(&message, WIRE_CONTENT, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_NAME, name);
	wire_put_fd(&message, fd);
	answer(link, &message);
	(void)close(fd);
}

/* "word|word|KIND|content of the descriptor" */
static void note(struct wire_message *command)
{
	FILE *to = fopen(seen_path, "w");
	struct span word = { 0 };
	int fd = wire_take_fd(command, 0);

	for (size_t i = 0; wire_nth(command, WIRE_F_ARGUMENT, i, &word); i++) {
		(void)fprintf(to, "%.*s|", (int)word.length, (const char *)word.data);
	}
	word = wire_span(command, WIRE_F_KIND);
	(void)fprintf(to, "%.*s|", (int)word.length, (const char *)word.data);
	if (fd >= 0) {
		char buffer[256];
		ssize_t count = fd_read_full(fd, buffer, sizeof buffer);

		(void)fprintf(to, "%.*s", count < 0 ? 1 : (int)count, count < 0 ? "D" : buffer);
		(void)close(fd);
	}
	(void)fclose(to);
}

/* The next command asks for `status` on a link of its own before. */
static bool looks_first;

static int take_command(int listener, uint8_t *buffer, struct wire_message *ret)
{
	int link = accept(listener, NULL, NULL);

	if (wire_receive_blocking(link, WIRE_HUB, WIRE_CLI, buffer, ret, clock_deadline(HUB_MS)) < 0) {
		_exit(8);
	}
	return link;
}

static pid_t start_hub(script play)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t child = -1;

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
	(void)unlink(socket_path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(listener, 1), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		static uint8_t buffer[WIRE_MESSAGE_MAX_BYTES];
		struct wire_message command;
		int link = -1;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (looks_first) {
			link = take_command(listener, buffer, &command);
			row(link, "token", "pin: prompt\ntoken: office\n");
			finish(link, CLI_YES, NULL);
			(void)close(link);
		}
		link = take_command(listener, buffer, &command);
		note(&command);
		play(link, &command);
		_exit(0);
	}
	(void)close(listener);
	return child;
}

/* The exit code of `podatelna --socket ... --language en WORDS`; its output is in out_text and err_text. */
static int run(const char *const *words)
{
	char *list[24] = { (char *)(uintptr_t) "podatelna", (char *)(uintptr_t) "--socket", socket_path, (char *)(uintptr_t) "--language",
		           (char *)(uintptr_t) "en" };
	int count = 5;
	FILE *out = NULL, *err = NULL;
	int code = -1;

	free(out_text);
	free(err_text);
	out_text = err_text = NULL;
	out = open_memstream(&out_text, &out_length);
	err = open_memstream(&err_text, &err_length);
	for (; *words != NULL; words++) {
		list[count++] = (char *)(uintptr_t)*words;
	}
	code = cli_main(count, list, out, err);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(fclose(err), 0);
	return code;
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int run_with(script play, const char *const *words)
{
	pid_t hub = start_hub(play);
	int status = 0;
	int code = run(words);

	assert_int_equal(waitpid(hub, &status, 0), hub);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return code;
}

static void expect_seen(const char *what)
{
	char text[1024] = "";
	FILE *from = fopen(seen_path, "r");

	assert_non_null(from);
	text[fread(text, 1, sizeof text - 1, from)] = '\0';
	assert_int_equal(fclose(from), 0);
	assert_string_equal(text, what);
}

static void play_done(int link, struct wire_message *command)
{
	(void)command;
	finish(link, 0, "done");
}

static void play_damage(int link, struct wire_message *command)
{
	(void)command;
	finish(link, 5, "record 17 is damaged");
}

static void play_denied(int link, struct wire_message *command)
{
	struct wire_message message;

	(void)command;
	wire_begin(&message, WIRE_ERROR, 1, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, (uint64_t)-ERR_DENIED);
	answer(link, &message);
}

static void play_notfound(int link, struct wire_message *command)
{
	struct wire_message message;

	(void)command;
	wire_begin(&message, WIRE_ERROR, 1, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, (uint64_t)-ERR_NOTFOUND);
	wire_put_string(&message, WIRE_F_TEXT, "no\x1b[2J such case");
	answer(link, &message);
}

static void play_silence(int link, struct wire_message *command)
{
	(void)command;
	(void)close(link);
}

static void play_nonsense(int link, struct wire_message *command)
{
	(void)command;
	if (send(link, "nonsense", 8, MSG_NOSIGNAL) < 0) {
		_exit(7);
	}
}

static void play_list(int link, struct wire_message *command)
{
	(void)command;
	row(link, "case", "case: 2026-000001\nstate: done\n");
	content(link, "names", "2026-000001\tDPH říjen.xml\n");
	row(link, "case", "case: 2026-000002\nstate: held\n");
	finish(link, 0, NULL);
}

static void play_export(int link, struct wire_message *command)
{
	(void)command;
	content(link, "../evil/reply.p7s", "abc");
	content(link, "stav.txt", "");
	finish(link, 0, "2 files");
}

static void play_content(int link, struct wire_message *command)
{
	(void)command;
	content(link, "note", "a checkpoint\n");
	row(link, "text", "line: first\n");
	finish(link, 0, NULL);
}

static void test_exit_codes(void **state)
{
	(void)state;
	assert_int_equal(run_with(play_done, WORDS("approve", "2026-000001")), CLI_YES);
	assert_string_equal(out_text, "done\n");
	assert_string_equal(err_text, "");
	expect_seen("approve|2026-000001|text|");
	assert_int_equal(run_with(play_damage, WORDS("journal", "verify")), CLI_DAMAGE);
	assert_string_equal(err_text, "podatelna: record 17 is damaged\n");
	assert_int_equal(run_with(play_denied, WORDS("status")), CLI_DENIED);
	assert_string_equal(err_text, "podatelna: you are not permitted to do this\n");
	assert_int_equal(run_with(play_notfound, WORDS("show", "2026-000009")), CLI_NO);
	assert_string_equal(err_text, "podatelna: no?[2J such case\n");
	assert_int_equal(run_with(play_silence, WORDS("list")), CLI_UNREACHABLE);
	assert_int_equal(run_with(play_nonsense, WORDS("list")), CLI_UNREACHABLE);
}

static void test_unreachable(void **state)
{
	(void)state;
	(void)unlink(socket_path);
	assert_int_equal(run(WORDS("list")), CLI_UNREACHABLE);
	assert_non_null(strstr(err_text, "systemctl start podatelna"));
}

static void test_usage(void **state)
{
	const char *const *const cases[] = {
		WORDS("lits"),
		WORDS("show"),
		WORDS("show", "a", "b"),
		WORDS("show", ""),
		WORDS("token"),
		WORDS("token", "eat"),
		WORDS("send"),
		WORDS("send", "2026-000001", "--all"),
		WORDS("reject", "2026-000001"),
		WORDS("retry", "2026-000001", "--reason", ""),
		WORDS("retry", "2026-000001", "--reason", "\xff"),
		WORDS("show", "2026-000001", "--reason", "x"),
		WORDS("status", "--all"),
		WORDS("list", "--pin-file", "x"),
		WORDS("list", "--colour"),
		WORDS("list", "--reason"),
		WORDS("show", "--", "--all"),
		WORDS("--language", "de", "list"),
	};

	(void)state;
	(void)unlink(socket_path);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(run(cases[i]), CLI_USAGE);
		assert_string_equal(out_text, "");
		assert_string_not_equal(err_text, "");
	}
	assert_int_equal(run(WORDS("help")), CLI_YES);
	assert_int_equal(run(WORDS("help", "lits")), CLI_USAGE);
	assert_int_equal(run(WORDS("--version")), CLI_YES);
	assert_string_equal(out_text, "podatelna " PODATELNA_VERSION "\n");
}

/* Every command and every option has its help, no line of it wider than 80 columns, in both languages. */
static void test_help(void **state)
{
	(void)state;
	(void)unlink(socket_path);
	for (const struct cli_command *command = cli_commands; command->name != NULL; command++) {
		const char *last = command->sub == NULL ? "--help" : command->sub;
		const char *const *words = WORDS(command->name, last, command->sub == NULL ? NULL : "--help");

		assert_int_equal(run(words), CLI_YES);
		assert_non_null(strstr(out_text, command->name));
		assert_string_equal(err_text, "");
		for (size_t i = 0; i < CLI_O_COUNT; i++) {
			char option[64];

			(void)snprintf(option, sizeof option, "  --%s", cli_options[i].name);
			if (!cli_options[i].global && (command->options & (UINT64_C(1) << i)) != 0) {
				assert_non_null(strstr(out_text, option));
			}
		}
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(run(WORDS("help", "--language", i == 0 ? "cs" : "en")), CLI_YES);
		for (char *line = strtok(out_text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
			assert_true(columns_count(line) <= 80);
		}
	}
}

static void test_words(void **state)
{
	(void)state;
	assert_int_equal(run_with(play_done, WORDS("retry", "--reason", "byla odmítnuta", "2026-000001")), CLI_YES);
	expect_seen("retry|2026-000001|--reason=byla odmítnuta|text|");
	assert_int_equal(run_with(play_done, WORDS("send", "--all", "--json")), CLI_YES);
	expect_seen("send|--all|json|");
	assert_int_equal(run_with(play_done, WORDS("classify", "2026-000001", "DPHDP3")), CLI_YES);
	expect_seen("classify|2026-000001|DPHDP3|text|");
}

static void test_list(void **state)
{
	(void)state;
	assert_int_equal(run_with(play_list, WORDS("list")), CLI_YES);
	assert_string_equal(out_text,
	                    "Case         State               File\n2026-000001  closed, accepted    DPH říjen.xml\n2026-000002  waits for approval  \n");
	assert_int_equal(run_with(play_list, WORDS("--json", "list")), CLI_YES);
	assert_string_equal(out_text, "[\n{\"kind\": \"case\", \"case\": \"2026-000001\", \"name\": \"DPH říjen.xml\", \"state\": \"done\"},\n"
	                              "{\"kind\": \"case\", \"case\": \"2026-000002\", \"state\": \"held\"}\n]\n");
	assert_int_equal(run_with(play_done, WORDS("list", "--json")), CLI_YES);
	assert_string_equal(out_text, "[]\n");
	assert_int_equal(run_with(play_content, WORDS("journal", "checkpoint")), CLI_YES);
	assert_string_equal(out_text, "first\n\na checkpoint\n");
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(close(fd), 0);
}

static void test_descriptors(void **state)
{
	char file[96], missing[96];

	(void)state;
	(void)snprintf(file, sizeof file, "%s/file", folder);
	(void)snprintf(missing, sizeof missing, "%s/missing", folder);
	write_file(file, "confirmation");
	assert_int_equal(run_with(play_done, WORDS("attach", "2026-000001", file)), CLI_YES);
	expect_seen("attach|2026-000001|text|confirmation");
	assert_int_equal(run(WORDS("attach", "2026-000001", missing)), CLI_NO);
	assert_int_equal(run(WORDS("attach", "2026-000001", folder)), CLI_NO);

	write_file(file, "1234\r\nsecond line");
	assert_int_equal(run_with(play_done, WORDS("token", "login", "office", "--pin-file", file)), CLI_YES);
	expect_seen("token|login|office|text|1234");
	write_file(file, "\n");
	assert_int_equal(run(WORDS("token", "login", "--pin-file", file)), CLI_NO);
	assert_string_equal(err_text, "podatelna: no PIN was entered; nothing was tried\n");
	assert_int_equal(run(WORDS("token", "login", "--pin-file", missing)), CLI_NO);
	assert_int_equal(unlink(file), 0);
}

static void test_export(void **state)
{
	static const char *const names[] = { "stav.txt", "_._evil_reply.p7s" };
	char to[96], path[160];

	(void)state;
	(void)snprintf(to, sizeof to, "%s/export", folder);
	assert_int_equal(mkdir(to, 0700), 0);
	assert_int_equal(run_with(play_export, WORDS("export", "2026-000001", to)), CLI_YES);
	expect_seen("export|2026-000001|text|D");
	assert_string_equal(out_text, "2 files\n");
	/* A second time it does not write over the files. */
	assert_int_equal(run_with(play_export, WORDS("export", "2026-000001", to)), CLI_NO);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", to, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(to), 0);
}

/* A PIN from standard input. */
static void test_pin_from_input(void **state)
{
	int from = -1, to = -1, before = dup(STDIN_FILENO);

	(void)state;
	assert_int_equal(fd_pipe(&from, &to), 0);
	assert_int_equal(fd_write_all(to, "87654321\n", 9), 0);
	assert_int_equal(close(to), 0);
	assert_true(dup2(from, STDIN_FILENO) >= 0);
	assert_int_equal(close(from), 0);
	looks_first = true; /* is the PIN entered at the reader? */
	assert_int_equal(run_with(play_done, WORDS("token", "login")), CLI_YES);
	looks_first = false;
	expect_seen("token|login|text|87654321");
	assert_true(dup2(before, STDIN_FILENO) >= 0);
	assert_int_equal(close(before), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL) {
		return -1;
	}
	(void)snprintf(socket_path, sizeof socket_path, "%s/control", folder);
	(void)snprintf(seen_path, sizeof seen_path, "%s/seen", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(socket_path);
	(void)unlink(seen_path);
	free(out_text);
	free(err_text);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_codes),  cmocka_unit_test(test_unreachable), cmocka_unit_test(test_usage),
		cmocka_unit_test(test_help),        cmocka_unit_test(test_words),       cmocka_unit_test(test_list),
		cmocka_unit_test(test_descriptors), cmocka_unit_test(test_export),      cmocka_unit_test(test_pin_from_input),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
