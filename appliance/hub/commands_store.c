/* commands_store.c - what the store does for the box as a whole: backup and maintenance. */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"
#include "control_private.h"

#define STORE_WORK_TIMEOUT_MS (24ULL * 3600 * 1000)

/* --- backup --- */

static void backup_failed(struct caller *caller, int err, const struct wire_message *message)
{
	char detail[CASE_REASON_MAX_BYTES] = "", text[2 * CASE_REASON_MAX_BYTES];

	if (message != NULL && message->type == WIRE_ERROR) {
		(void)wire_string(message, WIRE_F_TEXT, detail, sizeof detail);
	}
	switch (err) {
	case ERR_SPACE:
		(void)caller_fail(caller, err, _("there is no space left where the backup is written: take another disk"));
		break;
	case ERR_BUSY:
		(void)caller_fail(caller, err, _("a backup is being written already: wait for it"));
		break;
	case ERR_DAMAGE:
		(void)snprintf(
		    text, sizeof text,
		    _("no backup of damaged data (%.150s): see podatelna journal verify; to save what there is, stop the box and copy the whole data "
		      "directory as it is"),
		    detail);
		(void)caller_fail(caller, err, text);
		break;
	default:
		(void)caller_fail(caller, err, _("the backup could not be written; the journal of the system says why (journalctl -u podatelna)"));
	}
}

static void on_backed(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	char number[32], root[2 * 32 + 1];
	struct span hash;

	if (err == 0 && message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
	}
	if (err != 0) {
		backup_failed(caller, err, message);
		caller_settle(caller);
		return;
	}
	hash = wire_span(message, WIRE_F_HASH);
	hex_encode(hash.data, hash.length, root);
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)wire_number(message, WIRE_F_SIZE, 0));
	caller_field(caller, "bytes", number);
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)wire_number(message, WIRE_F_COUNT, 0));
	caller_field(caller, "records", number);
	caller_field(caller, "root", root);
	caller_field(caller, "keys", caller->with_keys ? "yes" : "no");
	(void)snprintf(caller->text, sizeof caller->text, "%s",
	               caller->with_keys
	                   ? _("the backup is written. It holds the keys: keep it as safe as the box, for it brings back what is erased later")
	                   : _("the backup is written. It cannot be read without the keys (folder keys of the data directory): keep a copy of them "
	                       "apart, or make a backup --with-keys"));
	caller_settle(caller);
}

void command_backup(struct caller *caller)
{
	struct wire_message message;

	if (caller->fd < 0) {
		caller_finish(caller, COMMAND_USAGE, _("no file came with the command"));
		return;
	}
	wire_begin(&message, WIRE_STORE_BACKUP, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_BITS, caller->with_keys ? 1 : 0);
	wire_put_fd(&message, caller->fd);
	if (caller->hub->store == NULL || channel_request(caller->hub->store, &message, STORE_WORK_TIMEOUT_MS, on_backed, caller, NULL) != 0) {
		caller_finish(caller, COMMAND_NO, _("the store does not answer"));
	} else {
		caller_pend(caller);
	}
}

/* --- maintenance --- */

static void on_maintained(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	struct span lines, name, value;
	uint64_t code = 0;

	if (err == 0 && message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
	}
	if (err != 0) {
		(void)caller_fail(caller, err,
		                  err == ERR_BUSY     ? _("maintenance is running already: wait for it")
		                  : err == ERR_DAMAGE ? _("the journal is damaged: see podatelna journal verify")
		                                      : _("the maintenance could not be done"));
		caller_settle(caller);
		return;
	}
	lines = wire_span(message, WIRE_F_LINES);
	while (lines_next(&lines, &name, &value)) {
		struct lines row = { 0 };

		if (span_equals_string(name, "index")) {
			caller->hub->keep.kept = 0; /* the store has dropped what the hub kept: it is kept anew when nothing is under way */
		}
		lines_set_span(&row, "name", name);
		lines_set_span(&row, "value", value);
		caller_row(caller, "field", &row);
	}
	code = wire_number(message, WIRE_F_CODE, 0);
	caller->exit_code = code == 5 ? COMMAND_DAMAGE : code == 0 ? COMMAND_YES : COMMAND_NO;
	(void)snprintf(caller->text, sizeof caller->text, "%s",
	               code == 5   ? _("something is damaged: see podatelna journal verify")
	               : code == 0 ? _("the maintenance is done")
	                           : _("not all names could be made again: log a token with the vault key in (podatelna token login) and begin again"));
	caller_settle(caller);
}

void command_maintenance(struct caller *caller)
{
	static const char *const known[] = { "all", "index", "names", "leftovers", "check", "space" };
	const char *work = caller->word_count > 1 ? caller->words[1] : "all";
	struct wire_message message;
	bool good = false;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		good = good || strcmp(known[i], work) == 0;
	}
	if (!good) {
		caller_finish(caller, COMMAND_USAGE, _("maintenance knows: index, names, leftovers, check, space, all"));
		return;
	}
	wire_begin(&message, WIRE_STORE_MAINTAIN, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, work);
	if (caller->hub->store == NULL || channel_request(caller->hub->store, &message, STORE_WORK_TIMEOUT_MS, on_maintained, caller, NULL) != 0) {
		caller_finish(caller, COMMAND_NO, _("the store does not answer"));
	} else {
		caller_pend(caller);
	}
}
