/* tool.c - tokens are set up by podatelna-token itself (token/tool.h), the only program that touches PKCS#11, started through podatelnad, which knows the modules.
 * PINs go there through pipes; files are opened here, with the rights of the person. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "rows.h"

#define RESULT_MAX_BYTES 16384
#define FD_HIGH 20 /* above all numbers below */

/* Descriptors of podatelna-token --tool (token/tool.h), in their order. */
enum { ORDER_FD = 4, PIN_FD, OFFICER_FD, IN_FD, OUT_FD, LAST_FD = OUT_FD };

struct errand {
	struct cli *cli;
	const struct cli_call *call;
	const char *name; /* of the token */
	struct cli_pin pin, officer;
	const char *out;
	int in, out_fd;
	char result[RESULT_MAX_BYTES + 1];
};

static int refuse(struct errand *errand, int code, const char *words)
{
	(void)fprintf(errand->cli->err, "podatelna: %s\n", words);
	return code;
}

static const char *result(const struct errand *errand, const char *name, char ret[1024])
{
	if (!lines_find_string(span_of_string(errand->result), name, ret, 1024)) {
		ret[0] = '\0';
	}
	return ret;
}

/* --- the other program --- */

static int write_order(const struct errand *errand, const char *action)
{
	static const struct {
		enum cli_option_id option;
		const char *name, *otherwise;
	} words[] = {
		{ CLI_O_LABEL, "label", NULL }, { CLI_O_ID, "id", NULL },           { CLI_O_TYPE, "type", "rsa-2048" },
		{ CLI_O_USE, "use", "sign" },   { CLI_O_SUBJECT, "subject", NULL }, { CLI_O_WIPE, "wipe", NULL },
	};
	_cleanup_lines_ struct lines lines = { 0 };
	char text[RESULT_MAX_BYTES];
	int length = 0;

	lines_set(&lines, "action", action);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		const char *value = errand->call->given[words[i].option];

		/* With `token init` the label is the token's, and the key has that of its use. */
		if (words[i].option == CLI_O_LABEL && strcmp(errand->call->command->sub, "init") == 0 && strcmp(action, "make-key") == 0) {
			continue;
		}
		lines_set(&lines, words[i].name, value != NULL ? value : words[i].otherwise);
	}
	lines_set(&lines, "replace", errand->call->given[CLI_O_REPLACE] != NULL ? "yes" : "no");
	length = lines_finish(&lines, text, sizeof text);
	return length < 0 ? length : fd_memfd_sealed("order", text, (size_t)length);
}

/* In the child: what was opened anywhere comes to where it is expected; numbers without a descriptor are closed. */
static void place_descriptors(int fds[LAST_FD + 1], int output)
{
	for (int i = ORDER_FD; i <= LAST_FD; i++) {
		fds[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, FD_HIGH);
	}
	if (dup2(output, STDOUT_FILENO) < 0) {
		_exit(127);
	}
	for (int i = ORDER_FD; i <= LAST_FD; i++) {
		if (fds[i] < 0) {
			(void)close(i);
		} else if (dup2(fds[i], i) != i) {
			_exit(127);
		}
	}
}

static int wait_for(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR) {
			return 127;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static int start(struct errand *errand, int fds[LAST_FD + 1])
{
	const char *config = errand->cli->config != NULL ? errand->cli->config : CLI_DEFAULT_CONFIG;
	char *const words[] = { (char *)(uintptr_t) "podatelnad", (char *)(uintptr_t) "--config",  (char *)(uintptr_t)config,
		                (char *)(uintptr_t) "--tool",     (char *)(uintptr_t)errand->name, NULL };
	_cleanup_close_ int from = -1;
	_cleanup_close_ int to = -1;
	ssize_t length = -1;
	pid_t child = -1;

	(void)fflush(errand->cli->out);
	if (fd_pipe(&from, &to) < 0 || (child = fork()) < 0) {
		return 127;
	}
	if (child == 0) {
		place_descriptors(fds, to);
		cli_daemon_exec(words);
		_exit(127);
	}
	cleanup_close(&to);
	length = fd_read_full(from, errand->result, RESULT_MAX_BYTES);
	errand->result[length < 0 ? 0 : length] = '\0';
	return wait_for(child);
}

/* The words of the other program are English for translation; its details are the module's own. */
static int complain(struct errand *errand)
{
	char error[1024], detail[1024], clean[2048];

	(void)escape_text(ESCAPE_TERMINAL, span_of_string(result(errand, "detail", detail)), clean, sizeof clean);
	if (result(errand, "error", error)[0] == '\0') {
		return refuse(errand, CLI_NO, _("it could not be done"));
	}
	(void)fprintf(errand->cli->err, "podatelna: %s%s%s%s\n", _(error), clean[0] == '\0' ? "" : " (", clean, clean[0] == '\0' ? "" : ")");
	return CLI_NO;
}

static int do_action(struct errand *errand, const char *action)
{
	int fds[LAST_FD + 1] = { -1, -1, -1, -1, -1, -1, -1, -1, -1 };
	int code = 127;

	fds[ORDER_FD] = write_order(errand, action);
	fds[PIN_FD] = cli_pin_pipe_of(&errand->pin);
	fds[OFFICER_FD] = errand->officer.length > 0 && strcmp(action, "init") == 0 ? cli_pin_pipe_of(&errand->officer) : -1;
	fds[IN_FD] = errand->in;
	fds[OUT_FD] = errand->out_fd;
	if (fds[ORDER_FD] >= 0 && fds[PIN_FD] >= 0) {
		code = start(errand, fds);
	}
	for (int i = ORDER_FD; i <= OFFICER_FD; i++) {
		cleanup_close(&fds[i]);
	}
	if (code == 0 && lines_valid(span_of_string(errand->result))) {
		return CLI_YES;
	}
	return code == 127 || !lines_valid(span_of_string(errand->result))
	           ? refuse(errand, CLI_NO, _("podatelna-token could not do it; see what was said above"))
	           : complain(errand);
}

/* --- what is asked of the person --- */

static bool ask_pins(struct errand *errand, bool new_token)
{
	const struct cli_call *call = errand->call;
	const char *file = call->given[CLI_O_PIN_FILE];
	char prompt[512], name[256];
	struct cli_pin again = { .length = 0 };
	bool good = true;

	(void)escape_text(ESCAPE_TERMINAL, span_of_string(errand->name), name, sizeof name);
	if (new_token && !cli_pin_read(errand->cli, _("PIN of the security officer (for a card the present one, for a software token a new one): "),
	                               call->given[CLI_O_SO_PIN_FILE], &errand->officer)) {
		return false;
	}
	(void)snprintf(prompt, sizeof prompt, new_token ? _("New PIN of the token \"%s\": ") : _("PIN of the token \"%s\": "), name);
	if (!cli_pin_read(errand->cli, prompt, file, &errand->pin)) {
		return false;
	}
	if (new_token && file == NULL && isatty(STDIN_FILENO) == 1) {
		good = cli_pin_read(errand->cli, _("The new PIN once more: "), NULL, &again) && again.length == errand->pin.length &&
		       memcmp(again.text, errand->pin.text, again.length) == 0;
		cli_pin_wipe(&again);
		if (!good) {
			(void)refuse(errand, CLI_NO, _("these were two different PINs; nothing was done"));
		}
	}
	return good;
}

static bool open_files(struct errand *errand)
{
	const struct cli_call *call = errand->call;
	const char *path = call->word_count > 3 ? call->words[3] : NULL;

	errand->out = call->given[CLI_O_OUT];
	if (path != NULL && (errand->in = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0) {
		(void)fprintf(errand->cli->err, _("podatelna: %s: %s\n"), path, strerror(errno));
		return false;
	}
	if (errand->out != NULL && (errand->out_fd = open(errand->out, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)) < 0) {
		(void)fprintf(errand->cli->err, _("podatelna: the file \"%s\" cannot be created: %s\n"), errand->out, strerror(errno));
		errand->out = NULL;
		return false;
	}
	return true;
}

/* --- what is said --- */

static void print_result(const struct errand *errand)
{
	struct rows rows = { 0 };

	if (rows_add(&rows, span_of_string("made"), span_of_string(errand->result)) == 0) {
		rows_print_json(&rows, errand->cli->out);
	}
	rows_free(&rows);
}

static void say_token(const struct errand *errand)
{
	char label[1024], serial[1024], uri[1024];

	(void)fprintf(errand->cli->out, _("The token %s is set up (serial number %s). In the configuration: uri = \"%s\"\n"), result(errand, "label", label),
	              result(errand, "serial", serial), result(errand, "uri", uri));
}

static void say_key(const struct errand *errand)
{
	const char *use = errand->call->given[CLI_O_USE] != NULL ? errand->call->given[CLI_O_USE] : "sign";
	char id[1024], uri[1024];

	(void)fprintf(errand->cli->out, _("The key with the id %s was made on the token; it can never leave it. The request for its certificate is in %s.\n"),
	              result(errand, "id", id), errand->out);
	(void)fprintf(errand->cli->out, _("Take it to the certification authority; then: podatelna token import-cert %s FILE. In the configuration:\n"),
	              errand->name);
	(void)fprintf(errand->cli->out, "    key \"%s\" {\n        token = \"%s\"\n        uri = \"%s\"\n        use = { \"%s\" }\n    }\n", use, errand->name,
	              result(errand, "key-uri", uri), use);
}

static void say_certificate(const struct errand *errand)
{
	char subject[1024], until[1024], shown[64], id[1024];

	label_time(result(errand, "not-after", until), shown, sizeof shown);
	(void)fprintf(errand->cli->out, _("The certificate of %s (valid until %s) is on the token, with the key %s.\n"), result(errand, "subject", subject),
	              shown, result(errand, "id", id));
	(void)fprintf(errand->cli->out, "%s\n", _("Start the box and try it: podatelna token test"));
}

static int work(struct errand *errand)
{
	const char *action = errand->call->command->sub;
	bool new_token = strcmp(action, "init") == 0, and_key = new_token && errand->call->given[CLI_O_SUBJECT] != NULL;
	int code = CLI_NO;

	if (!open_files(errand) || !ask_pins(errand, new_token)) {
		return CLI_NO;
	}
	code = do_action(errand, action);
	if (code == CLI_YES && new_token && !errand->cli->json) {
		say_token(errand);
	}
	if (code == CLI_YES && and_key) {
		code = do_action(errand, "make-key");
	}
	if (code == CLI_YES && errand->cli->json) {
		print_result(errand);
	} else if (code == CLI_YES && (and_key || strcmp(action, "make-key") == 0)) {
		say_key(errand);
	} else if (code == CLI_YES && !new_token) {
		say_certificate(errand);
	}
	return code;
}

int cli_tool(struct cli *cli, const struct cli_call *call)
{
	static struct errand errand;
	int link = -1, code = CLI_NO;

	errand = (struct errand){ .cli = cli, .call = call, .name = call->words[2], .in = -1, .out_fd = -1 };
	if ((call->given[CLI_O_SUBJECT] == NULL) != (call->given[CLI_O_OUT] == NULL)) {
		return refuse(&errand, CLI_USAGE, _("--subject and --out belong together: the request needs both"));
	}
	/* One process owns a card: never beside a running box. */
	if (cli_link_connect(cli, &link) == 0) {
		cleanup_close(&link);
		return refuse(&errand, CLI_DENIED,
		              _("the box runs and owns its tokens: stop it first (systemctl stop podatelna), and start it again afterwards"));
	}
	code = work(&errand);
	cli_pin_wipe(&errand.pin);
	cli_pin_wipe(&errand.officer);
	cleanup_close(&errand.in);
	cleanup_close(&errand.out_fd);
	if (code != CLI_YES && errand.out != NULL) {
		(void)unlink(errand.out);
	}
	return code;
}
