#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "../wire/channel.h"
#include "columns.h"
#include "progress.h"
#include "rows.h"

#define TEXT_SHOWN_MAX_BYTES 8192

struct talk {
	struct cli *cli;
	const struct cli_call *call;
	size_t words_sent;
	int link, fd;
	uint64_t deadline;
	int directory;
	struct rows rows;
	uint8_t *names;
	size_t names_length;
	uint8_t *content; /* to be printed below the rows */
	size_t content_length;
	struct progress progress;
	size_t rows_before; /* the present page */
	bool cut;           /* there is more than was asked for */
	char more[32];      /* the answer was a page: the last case of it; "": it was all */
};

static void say(struct talk *talk, FILE *to, struct span text)
{
	char shown[TEXT_SHOWN_MAX_BYTES];
	const char *prefix = to == talk->cli->err ? "podatelna: " : "";
	size_t width = columns_terminal(to);

	if (!span_is_empty(text)) {
		(void)escape_text(ESCAPE_TERMINAL, text, shown, sizeof shown);
		(void)fputs(prefix, to);
		if (width == 0) {
			(void)fprintf(to, "%s\n", shown);
		} else {
			columns_wrap(shown, strlen(prefix), width, to);
		}
	}
}

/* Content as it came; on a terminal line by line and harmless. */
static int print_content(struct talk *talk)
{
	struct span left = span_of(talk->content, talk->content_length);
	struct span line = { 0 };

	if (columns_terminal(talk->cli->out) == 0) {
		return fwrite(talk->content, 1, talk->content_length, talk->cli->out) == talk->content_length ? 0 : ERR_SPACE;
	}
	while (!span_is_empty(left)) {
		if (!span_read_until(&left, '\n', &line)) {
			line = left;
			left = (struct span){ 0 };
		}
		if (span_is_empty(line)) {
			(void)fputc('\n', talk->cli->out);
		}
		say(talk, talk->cli->out, line);
	}
	return 0;
}

/* Below what came before. */
static int keep_content(struct talk *talk, int fd)
{
	_cleanup_free_ uint8_t *data = NULL;
	uint8_t *more = NULL;
	size_t length = 0;
	int r = fd_read_all(fd, ROWS_CONTENT_MAX_BYTES, &data, &length);

	if (r < 0 || length == 0) {
		return r;
	}
	if (talk->content_length + length > ROWS_CONTENT_MAX_BYTES) {
		return ERR_LIMIT;
	}
	more = realloc(talk->content, talk->content_length + length);
	if (more == NULL) {
		return ERR_MEMORY;
	}
	memcpy(more + talk->content_length, data, length);
	talk->content = more;
	talk->content_length += length;
	return 0;
}

static int copy_bytes(int from, int to)
{
	uint8_t buffer[65536];
	ssize_t count = 0;

	do {
		int r = ERR_INTERNAL;

		count = fd_read_full(from, buffer, sizeof buffer);
		r = count < 0 ? (int)count : fd_write_all(to, buffer, (size_t)count);
		if (r < 0) {
			return r;
		}
	} while ((size_t)count == sizeof buffer);
	return 0;
}

/* A new file in the folder of `export`; never over an old one. */
static int copy_to_folder(struct talk *talk, struct span name, int fd)
{
	char file[256];
	_cleanup_close_ int to = -1;
	int r = ERR_INTERNAL;

	(void)escape_text(ESCAPE_FILE, name, file, sizeof file);
	to = openat(talk->directory, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0) {
		(void)fprintf(talk->cli->err, _("podatelna: the file \"%s\" cannot be created: %s\n"), file, strerror(errno));
		return ERR_EXISTS;
	}
	r = copy_bytes(fd, to);
	return r < 0 ? r : fsync(to) == 0 ? 0 : ERR_SYSTEM;
}

static int take_content(struct talk *talk, struct wire_message *message)
{
	_cleanup_close_ int fd = wire_take_fd(message, 0);
	struct span name = wire_span(message, WIRE_F_NAME);

	/* The other end may have been set not to block. */
	(void)fd_set_nonblocking(fd, false);
	if (span_equals_string(name, "names")) {
		if (talk->names != NULL) {
			return ERR_PROTOCOL;
		}
		return fd_read_all(fd, ROWS_CONTENT_MAX_BYTES, &talk->names, &talk->names_length);
	}
	if (talk->call->raw) {
		return copy_bytes(fd, talk->call->raw_to);
	}
	return talk->directory >= 0 ? copy_to_folder(talk, name, fd) : keep_content(talk, fd);
}

/* The words that belong to an error of the hub, where it sent none. */
static const char *words_of(int err)
{
	switch (err) {
	case ERR_DENIED:
		return _("you are not permitted to do this");
	case ERR_STATE:
		return _("this is not possible in the present state");
	case ERR_NOTFOUND:
		return _("there is no such case or thing");
	case ERR_LOCKED:
		return _("a token must be logged in first: podatelna token login");
	case ERR_PIN:
		return _("the PIN was refused");
	case ERR_PIN_LAST:
		return _("only one try is left for the PIN: unblock the token with its own software first");
	case ERR_PIN_BLOCKED:
		return _("the PIN is blocked");
	case ERR_DAMAGE:
		return _("the data are damaged");
	case ERR_READONLY:
		return _("the store takes no new records: see \"podatelna status\"");
	case ERR_SPACE:
		return _("there is no space left");
	case ERR_BUSY:
	case ERR_AGAIN:
		return _("the box is busy with it; try again later");
	case ERR_DEADLINE:
		return _("it took too long");
	case ERR_TOKEN:
		return _("the token failed");
	case ERR_CERT:
		return _("the certificate cannot be used");
	default:
		return _("it failed");
	}
}

static int exit_of(int err)
{
	if (err == ERR_DENIED || err == ERR_STATE || err == ERR_MISMATCH || err == ERR_READONLY || err == ERR_LOCKED) {
		return CLI_DENIED;
	}
	return err == ERR_DAMAGE ? CLI_DAMAGE : CLI_NO;
}

static int print_rows(struct talk *talk)
{
	FILE *out = talk->cli->out;

	if (talk->names != NULL && rows_join_names(&talk->rows, span_of(talk->names, talk->names_length)) < 0) {
		(void)fputs(_("podatelna: the names could not be read\n"), talk->cli->err);
	}
	if (talk->cli->json) {
		rows_print_json(&talk->rows, out);
	} else if (talk->call->given[CLI_O_CSV] != NULL) {
		rows_print_csv(&talk->rows, out);
	} else {
		rows_print_table(&talk->rows, out);
	}
	if (talk->content_length > 0) {
		(void)fputs(talk->rows.count > 0 && !talk->cli->json ? "\n" : "", out);
		if (print_content(talk) < 0) {
			return ERR_SPACE;
		}
	}
	return fflush(out) == 0 && ferror(out) == 0 ? 0 : ERR_SPACE;
}

/* Is there a page to be asked for? */
static bool goes_on(struct talk *talk, const struct wire_message *message)
{
	bool more = talk->call->filter != NULL && wire_has(message, WIRE_F_CASE) && wire_number(message, WIRE_F_CODE, CLI_NO) == CLI_YES;

	/* A page must bring the list on, or it would go on for ever. */
	more = more && talk->rows.count > talk->rows_before && wire_string(message, WIRE_F_CASE, talk->more, sizeof talk->more);
	talk->rows_before = talk->rows.count;
	if (more && talk->rows.count >= talk->call->filter->limit) {
		talk->cut = true;
		more = false;
	}
	return more;
}

static int ask(struct talk *talk)
{
	uint64_t limit = talk->call->filter == NULL ? 0 : talk->call->filter->limit - talk->rows.count;

	return cli_link_send(talk->cli, talk->link, talk->call, talk->words_sent, talk->fd, talk->more, limit, talk->deadline);
}

static int finish(struct talk *talk, const struct wire_message *message)
{
	uint64_t code = wire_number(message, WIRE_F_CODE, CLI_NO);
	bool printable = talk->rows.count > 0 || (talk->call->given[CLI_O_CSV] != NULL && code == CLI_YES) || talk->content_length > 0 ||
	                 (talk->cli->json && code == CLI_YES && talk->directory < 0 && !talk->call->raw);

	progress_clear(&talk->progress);
	if (printable && print_rows(talk) < 0) {
		(void)fputs(_("podatelna: the output cannot be written\n"), talk->cli->err);
		return CLI_NO;
	}
	say(talk, code == CLI_YES && !talk->cli->json && !talk->call->raw ? talk->cli->out : talk->cli->err, wire_span(message, WIRE_F_TEXT));
	if (talk->cut && !talk->cli->json) {
		(void)fputs(_("There are more; --limit says how many are listed.\n"), talk->cli->err);
	}
	return code <= CLI_DAMAGE ? (int)code : CLI_NO;
}

static int refuse(struct talk *talk, const struct wire_message *message)
{
	/* The number is -(enum err); anything else is an error too. */
	uint64_t code = wire_number(message, WIRE_F_CODE, 1);
	int err = code >= 1 && code <= (uint64_t)-ERR_MIN ? -(int)code : ERR_INTERNAL;
	struct span text = wire_span(message, WIRE_F_TEXT);

	progress_clear(&talk->progress);
	if (talk->rows.count > 0) {
		(void)print_rows(talk);
	}
	say(talk, talk->cli->err, span_is_empty(text) ? span_of_string(words_of(err)) : text);
	return exit_of(err);
}

/* One message of the hub. -1: go on; otherwise an exit code. */
static int handle(struct talk *talk, struct wire_message *message)
{
	int r = 0;

	switch (message->type) {
	case WIRE_PROGRESS:
		progress_show(&talk->progress, wire_number(message, WIRE_F_DONE, 0), wire_number(message, WIRE_F_COUNT, 0), wire_span(message, WIRE_F_TEXT));
		return -1;
	case WIRE_OUTPUT:
		r = rows_add(&talk->rows, wire_span(message, WIRE_F_KIND), wire_span(message, WIRE_F_LINES));
		break;
	case WIRE_CONTENT:
		progress_clear(&talk->progress);
		r = take_content(talk, message);
		break;
	case WIRE_FINISHED:
		if (!goes_on(talk, message)) {
			return finish(talk, message);
		}
		r = ask(talk);
		break;
	case WIRE_ERROR:
		return refuse(talk, message);
	default:
		r = ERR_PROTOCOL;
	}
	if (r == ERR_EXISTS) {
		(void)fputs(_("podatelna: no file was overwritten; export into an empty folder\n"), talk->cli->err);
		return CLI_NO;
	}
	if (r < 0) {
		progress_clear(&talk->progress);
		(void)fprintf(talk->cli->err, _("podatelna: the answer cannot be used (%s)\n"), err_name(r));
		return CLI_NO;
	}
	return -1;
}

static int listen_hub(struct talk *talk, uint64_t deadline)
{
	_cleanup_free_ uint8_t *buffer = malloc(WIRE_MESSAGE_MAX_BYTES);
	int code = buffer == NULL ? CLI_NO : -1;

	while (code < 0) {
		_cleanup_message_ struct wire_message message = { 0 };
		int r = wire_receive_blocking(talk->link, WIRE_CLI, WIRE_HUB, buffer, &message, deadline);

		if (r < 0) {
			progress_clear(&talk->progress);
			return cli_link_lost(talk->cli, r == ERR_DEADLINE ? _("it took too long")
			                                : r == ERR_GONE   ? _("it ended before it answered")
			                                                  : err_name(r));
		}
		code = handle(talk, &message);
	}
	return code;
}

int cli_talk(struct cli *cli, const struct cli_call *call, size_t words_sent, int fd, int directory)
{
	static const char *const slow[] = { "journal", "backup", "maintenance", "archive" };
	bool verify = false;
	struct talk talk = { .cli = cli, .call = call, .words_sent = words_sent, .link = -1, .fd = fd, .directory = directory, .progress = { .to = cli->err } };
	int code = cli_link_open(cli, &talk.link);

	for (size_t i = 0; i < sizeof slow / sizeof slow[0]; i++) {
		verify = verify || strcmp(call->command->name, slow[i]) == 0;
	}
	talk.deadline = clock_deadline(verify ? CLI_VERIFY_MS : CLI_TALK_MS);
	if (code == CLI_YES) {
		int r = ask(&talk);

		if (r == ERR_LIMIT || r == ERR_PROTOCOL) {
			(void)fputs(_("podatelna: a word of the command is too long or no proper text\n"), cli->err);
			code = CLI_USAGE;
		} else {
			code = r < 0 ? cli_link_lost(cli, err_name(r)) : listen_hub(&talk, talk.deadline);
		}
	}
	rows_free(&talk.rows);
	free(talk.names);
	free(talk.content);
	cleanup_close(&talk.link);
	return code;
}
