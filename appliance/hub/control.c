#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "../base/text.h"
#include "control_private.h"

static const struct command commands[] = {
	{ "status", NULL, CONFIG_RIGHT_READ, 1, false, command_status },
	{ "list", NULL, CONFIG_RIGHT_READ, 1, false, command_list },
	{ "show", NULL, CONFIG_RIGHT_READ, 2, true, command_show },
	{ "export", NULL, CONFIG_RIGHT_READ, 2, true, command_export },
	{ "send", NULL, CONFIG_RIGHT_SEND, 1, false, command_send },
	{ "poll", NULL, CONFIG_RIGHT_SEND, 1, false, command_poll },
	{ "classify", NULL, CONFIG_RIGHT_SEND, 3, true, command_classify },
	{ "approve", NULL, CONFIG_RIGHT_APPROVE, 2, true, command_approve },
	{ "reject", NULL, CONFIG_RIGHT_APPROVE, 2, true, command_reject },
	{ "retry", NULL, CONFIG_RIGHT_SEND, 2, true, command_retry },
	{ "attach", NULL, CONFIG_RIGHT_SEND, 2, true, command_attach },
	{ "delete", NULL, CONFIG_RIGHT_SEND, 2, true, command_delete },
	{ "token", "list", CONFIG_RIGHT_READ, 2, false, command_token_list },
	{ "token", "login", CONFIG_RIGHT_TOKEN, 2, false, command_token_login },
	{ "token", "logout", CONFIG_RIGHT_TOKEN, 2, false, command_token_logout },
	{ "journal", "verify", CONFIG_RIGHT_READ, 2, false, command_journal_verify },
	{ "journal", "checkpoint", CONFIG_RIGHT_ADMIN, 2, false, command_journal_checkpoint },
	{ "token", "test", CONFIG_RIGHT_TOKEN, 2, false, command_token_test },
	{ "journal", "accept", CONFIG_RIGHT_ADMIN, 2, false, command_journal_accept },
	{ "clock", "accept", CONFIG_RIGHT_ADMIN, 2, false, command_clock_accept },
	{ "mail", "test", CONFIG_RIGHT_ADMIN, 2, false, command_mail_test },
	{ "journal", "stamp", CONFIG_RIGHT_ADMIN, 2, false, command_journal_stamp },
	{ "stamps", "set-remaining", CONFIG_RIGHT_ADMIN, 3, false, command_stamps_set },
	{ "backup", NULL, CONFIG_RIGHT_ADMIN, 1, false, command_backup },
	{ "erase", NULL, CONFIG_RIGHT_ERASE, 2, true, command_erase },
	{ "archive", NULL, CONFIG_RIGHT_ADMIN, 1, false, command_archive },
	{ "maintenance", NULL, CONFIG_RIGHT_ADMIN, 1, false, command_maintenance },
	{ "stamps", NULL, CONFIG_RIGHT_READ, 1, false, command_stamps },
	{ "ask", NULL, CONFIG_RIGHT_FILE, 3, false, command_ask },
	{ "partner", "certs", CONFIG_RIGHT_READ, 2, false, command_partner_certs },
	{ "partner", "approve-cert", CONFIG_RIGHT_ADMIN, 4, false, command_partner_approve },
	{ "partner", "announce-cert", CONFIG_RIGHT_SEND, 3, false, command_partner_announce },
	{ "partner", "revoke-cert", CONFIG_RIGHT_ADMIN, 4, false, command_partner_revoke },
};

static void free_caller(struct caller *caller)
{
	struct caller **place = &caller->control->callers;

	while (*place != NULL && *place != caller) {
		place = &(*place)->next;
	}
	if (*place != NULL) {
		*place = caller->next;
		caller->control->count--;
	}
	channel_free(caller->channel);
	cleanup_close(&caller->fd);
	cleanup_close(&caller->page);
	caller_export_free(caller);
	explicit_bzero(caller->words, sizeof caller->words);
	free(caller);
}

/* A caller that left is kept until nothing that is under way knows it any more. */
static void leave(struct caller *caller)
{
	caller->gone = true;
	if (caller->pending == 0) {
		free_caller(caller);
	}
}

void caller_row(struct caller *caller, const char *kind, struct lines *lines)
{
	static char text[LINES_BODY_MAX + 1];
	struct wire_message message;
	int length = lines_finish(lines, text, sizeof text);

	lines_free(lines);
	if (length < 0 || caller->gone) {
		return;
	}
	wire_begin(&message, WIRE_OUTPUT, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, kind);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	(void)channel_send(caller->channel, &message);
}

void caller_field(struct caller *caller, const char *name, const char *value)
{
	struct lines row = { 0 };

	lines_set(&row, "name", name);
	lines_set(&row, "value", value);
	caller_row(caller, "field", &row);
}

void caller_content(struct caller *caller, const char *name, int fd)
{
	struct wire_message message;

	wire_begin(&message, WIRE_CONTENT, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_NAME, name);
	wire_put_fd(&message, fd);
	if (!caller->gone) {
		(void)channel_send(caller->channel, &message);
	}
}

void caller_finish(struct caller *caller, int exit_code, const char *text)
{
	struct wire_message message;
	uint64_t request = caller->request;

	caller->request = 0;
	caller->of = NULL;
	cleanup_close(&caller->fd);
	cleanup_close(&caller->page);
	caller_export_free(caller);
	if (caller->gone) {
		leave(caller);
		return;
	}
	wire_begin(&message, WIRE_FINISHED, request, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_CODE, (uint64_t)exit_code);
	if (text != NULL && text[0] != '\0') {
		wire_put_string(&message, WIRE_F_TEXT, text);
	}
	if (caller->more[0] != '\0') {
		wire_put_string(&message, WIRE_F_CASE, caller->more);
	}
	(void)channel_send(caller->channel, &message);
}

void caller_pend(struct caller *caller)
{
	caller->pending++;
}

void caller_settle(struct caller *caller)
{
	caller->pending--;
	if (caller->pending == 0) {
		caller_finish(caller, caller->exit_code, caller->text);
	}
}

int caller_fail(struct caller *caller, int err, const char *why)
{
	bool denied = err == ERR_STATE || err == ERR_DENIED || err == ERR_MISMATCH || err == ERR_READONLY || err == ERR_LOCKED;
	int code = err == ERR_DAMAGE ? COMMAND_DAMAGE : denied ? COMMAND_DENIED : COMMAND_NO;

	if (caller->exit_code == 0) {
		caller->exit_code = code;
		(void)snprintf(caller->text, sizeof caller->text, "%s", why != NULL && why[0] != '\0' ? why : err_name(err));
	}
	return code;
}

struct span caller_word(const struct caller *caller, size_t n)
{
	return span_of_string(n < caller->word_count ? caller->words[n] : "");
}

/* --- one command --- */

/* Flags and texts of `erase`, `archive` and `partner`. False: it is none of them; a text that is too long stays empty, which is refused. */
static bool read_content_option(struct caller *caller, struct span word)
{
	struct span key;

	if (span_equals_string(word, "--without-stamp")) {
		caller->no_stamp = true;
	} else if (span_equals_string(word, "--restore")) {
		caller->restore = true;
	} else if (span_equals_string(word, "--init")) {
		caller->init = true;
	} else if (span_equals_string(word, "--same-disk")) {
		caller->same_disk = true;
	} else if (span_starts_with(word, "--from=")) {
		(void)span_read_until(&word, '=', &key);
		(void)span_copy_string(word, caller->from, sizeof caller->from);
	} else if (span_starts_with(word, "--basis=")) {
		(void)span_read_until(&word, '=', &key);
		(void)span_copy_string(word, caller->basis, sizeof caller->basis);
	} else {
		return false;
	}
	return true;
}

static bool read_words(struct caller *caller, const struct wire_message *message)
{
	struct span word;

	caller->word_count = 0;
	caller->all = caller->form = caller->xml = caller->csv = caller->with_keys = false;
	caller->wish = caller->no_stamp = caller->restore = caller->init = caller->same_disk = false;
	caller->basis[0] = caller->from[0] = '\0';
	caller->tsa[0] = '\0';
	caller->sha256[0] = '\0';
	caller->then = NULL;
	caller->reason[0] = '\0';
	for (size_t i = 0; wire_nth(message, WIRE_F_ARGUMENT, i, &word); i++) {
		if (span_equals_string(word, "--all")) {
			caller->all = true;
		} else if (span_equals_string(word, "--form")) {
			caller->form = true;
		} else if (span_equals_string(word, "--xml")) {
			caller->xml = true;
		} else if (span_equals_string(word, "--csv")) {
			caller->csv = true;
		} else if (span_equals_string(word, "--with-keys")) {
			caller->with_keys = true;
		} else if (read_content_option(caller, word)) {
			continue;
		} else if (span_starts_with(word, "--tsa=")) {
			struct span key;

			(void)span_read_until(&word, '=', &key);
			if (!span_copy_string(word, caller->tsa, sizeof caller->tsa)) {
				return false;
			}
		} else if (span_starts_with(word, "--sha256=")) {
			struct span key;

			(void)span_read_until(&word, '=', &key);
			if (!span_copy_string(word, caller->sha256, sizeof caller->sha256)) {
				return false;
			}
		} else if (span_starts_with(word, "--reason=")) {
			struct span key;

			(void)span_read_until(&word, '=', &key);
			if (!span_copy_string(word, caller->reason, sizeof caller->reason)) {
				return false;
			}
		} else if (caller->word_count == COMMAND_WORDS_MAX || !span_copy_string(word, caller->words[caller->word_count], sizeof caller->words[0])) {
			return false;
		} else {
			caller->word_count++;
		}
	}
	return caller->word_count > 0;
}

static const struct command *find_command(const struct caller *caller)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		const struct command *each = &commands[i];

		if (strcmp(each->name, caller->words[0]) == 0 && caller->word_count >= each->words_least &&
		    (each->sub == NULL || strcmp(each->sub, caller->words[1]) == 0)) {
			return each;
		}
	}
	return NULL;
}

static void run_command(struct caller *caller)
{
	const struct command *command = find_command(caller);

	if (command == NULL) {
		caller_finish(caller, COMMAND_USAGE, _("there is no such command, or it needs more words"));
		return;
	}
	if ((caller->rights & command->right) == 0) {
		caller_finish(caller, COMMAND_DENIED, _("you do not have the right for this command"));
		return;
	}
	if (!caller->hub->replayed && command->run != command_status && command->run != command_token_list && command->run != command_token_login) {
		caller_finish(caller, COMMAND_NO, _(hub_waiting_reason(caller->hub)));
		return;
	}
	if (command->about_case) {
		caller->of = case_find(&caller->hub->cases, caller->words[command->sub == NULL ? 1 : 2]);
		if (caller->of == NULL) {
			caller_finish(caller, COMMAND_NO, _("there is no such case"));
			return;
		}
	}
	command->run(caller);
}

static int on_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct caller *caller = context;

	(void)channel;
	if (message->type != WIRE_COMMAND || caller->request != 0) {
		return ERR_PROTOCOL;
	}
	caller->request = message->id;
	caller->fd = wire_take_fd(message, 0);
	caller->exit_code = 0;
	caller->text[0] = caller->more[0] = '\0';
	caller->json = span_equals_string(wire_span(message, WIRE_F_KIND), "json");
	if (!read_words(caller, message)) {
		caller_finish(caller, COMMAND_USAGE, _("too many or too long words"));
		return 0;
	}
	list_filter_read(caller->hub, message, &caller->filter);
	run_command(caller);
	return 0;
}

static void on_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	(void)channel;
	(void)end;
	(void)why;
	leave(context);
}

static void on_connection(void *context, uint32_t events)
{
	struct control *control = context;
	struct ucred peer = { 0 };
	socklen_t size = sizeof peer;
	int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct caller *caller = NULL;

	(void)events;
	if (fd < 0) {
		return;
	}
	if (control->count >= CONTROL_CALLERS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
	    (caller = calloc(1, sizeof *caller)) == NULL) {
		(void)close(fd);
		return;
	}
	caller->control = control;
	caller->hub = control->hub;
	caller->uid = peer.uid;
	caller->rights = config_rights_of(control->hub->config, peer.uid);
	caller->fd = caller->page = -1;
	(void)snprintf(caller->by, sizeof caller->by, "uid:%u", peer.uid);
	caller->channel = channel_new(control->hub->loop, fd, WIRE_HUB, WIRE_CLI, on_message, on_end, caller);
	if (caller->channel == NULL) {
		free(caller);
		return;
	}
	caller->next = control->callers;
	control->callers = caller;
	control->count++;
}

struct control *control_new(struct hub *hub, int listener)
{
	struct control *control = calloc(1, sizeof *control);

	if (control == NULL || listener < 0) {
		free(control);
		return NULL;
	}
	control->hub = hub;
	control->listener = listener;
	control->watch = loop_watch(hub->loop, listener, EPOLLIN, on_connection, control);
	return control->watch < 0 ? NULL : control;
}

void caller_progress(struct caller *caller, uint64_t done, uint64_t count, const char *text)
{
	struct wire_message progress;

	if (caller->gone || caller->request == 0) {
		return;
	}
	wire_begin(&progress, WIRE_PROGRESS, caller->request, CLOCK_NEVER_MS);
	wire_put_number(&progress, WIRE_F_DONE, done);
	wire_put_number(&progress, WIRE_F_COUNT, count);
	wire_put_string(&progress, WIRE_F_TEXT, text);
	(void)channel_send(caller->channel, &progress);
}

void control_progress(struct hub *hub, const struct wire_message *message)
{
	/* Which command the store is at; nothing: the check of the journal. */
	static const struct {
		const char *command, *text;
	} known[] = {
		{ "journal", N_("of the journal checked") },
		{ "backup", N_("files of the backup written") },
		{ "maintenance", N_("of the maintenance done") },
	};
	struct span what = wire_has(message, WIRE_F_TEXT) ? wire_span(message, WIRE_F_TEXT) : span_of_string("journal");

	for (struct caller *each = hub->control->callers; each != NULL; each = each->next) {
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
			if (each->request != 0 && span_equals_string(what, known[i].command) && strcmp(each->words[0], known[i].command) == 0) {
				caller_progress(each, wire_number(message, WIRE_F_DONE, 0), wire_number(message, WIRE_F_COUNT, 0), _(known[i].text));
			}
		}
	}
}

void control_token(struct hub *hub, size_t index)
{
	char text[CASE_REASON_MAX_BYTES];

	for (struct caller *each = hub->control->callers; each != NULL; each = each->next) {
		if (strcmp(each->words[0], "token") == 0 && each->pending > 0 && each->token == index) {
			(void)snprintf(text, sizeof text, _("token %s: %s"), hub->config->tokens[index].name, state_token_label(hub->tokens[index].state));
			caller_progress(each, 0, 0, text);
		}
	}
}
