/* commands_export.c - export: the evidence of one case as files in the caller's folder (store/evidence.h says which). The hub hands out descriptors; it reads nothing
 * but the list of files.
 *
 * `shown` is durable before anything leaves the store. Then a checkpoint is made, so that what the case has so far can be proved; a stamp is not asked for: stamps
 * cost money, and a person can ask for one. The files follow one after the other, each when the one before it is written: a caller that is slow costs no memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "control_private.h"
#include "status_text.h"

#define SHOWN_EXPORT "export"
#define LIST_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define FILE_NAME_SIZE 128
#define KIND_SIZE 160

struct caller_export {
	int list; /* memfd that the store writes the list to, -1: none */
	uint8_t *text;
	struct span rest;
	char file[FILE_NAME_SIZE]; /* under way */
	unsigned written, count;
	char lacks[CASE_REASON_MAX_BYTES]; /* translated; "": nothing is missing */
	bool content_missing;
};

void caller_export_free(struct caller *caller)
{
	if (caller->export != NULL) {
		cleanup_close(&caller->export->list);
		free(caller->export->text);
		free(caller->export);
		caller->export = NULL;
	}
}

static int error_of(int err, struct wire_message *message, char *ret_text, size_t size)
{
	ret_text[0] = '\0';
	if (err == 0 && message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
		(void)wire_string(message, WIRE_F_TEXT, ret_text, size);
	}
	if (err == ERR_LOCKED) {
		(void)snprintf(ret_text, size, "%s", _("the vault is locked: log a token in first"));
	}
	return err;
}

/* --- the files --- */

static void next_file(struct caller *caller);

static void fail_file(struct caller *caller, int err, const char *why)
{
	char text[CASE_REASON_MAX_BYTES];

	(void)snprintf(text, sizeof text, _("%s could not be written (%s); the folder is not complete: delete it and export again"), caller->export->file,
	               why[0] != '\0' ? why : err_name(err));
	(void)caller_fail(caller, err, text);
}

static void on_file(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	char why[CASE_REASON_MAX_BYTES];

	err = error_of(err, message, why, sizeof why);
	if (err != 0) {
		fail_file(caller, err, why);
	} else {
		caller_progress(caller, ++caller->export->written, caller->export->count + 1, _("of the files written"));
		next_file(caller);
	}
	caller_settle(caller);
}

static int ask(struct caller *caller, const char *kind, int fd, void (*then)(void *context, int err, struct wire_message *message))
{
	struct wire_message message;
	int err = ERR_GONE;

	wire_begin(&message, WIRE_STORE_EVIDENCE, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, caller->of->number);
	wire_put_string(&message, WIRE_F_KIND, kind);
	wire_put_fd(&message, fd);
	if (caller->hub->store != NULL) {
		err = channel_request(caller->hub->store, &message, HUB_STORE_TIMEOUT_MS, then, caller, NULL);
	}
	if (err == 0) {
		caller_pend(caller);
	}
	return err;
}

static int ask_file(struct caller *caller, struct span kind, struct span name)
{
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;
	char text[KIND_SIZE];
	int err = ERR_PROTOCOL;

	if (!span_copy_string(kind, text, sizeof text) || !span_copy_string(name, caller->export->file, sizeof caller->export->file)) {
		return err;
	}
	err = fd_pipe(&read_end, &write_end);
	err = err == 0 ? ask(caller, text, write_end, on_file) : err;
	if (err == 0) {
		caller_content(caller, caller->export->file, read_end);
	}
	return err;
}

static void end(struct caller *caller)
{
	const struct caller_export *export = caller->export;
	int have = snprintf(caller->text, sizeof caller->text, _("files written: %u"), export->written);

	if (have > 0 && (size_t)have < sizeof caller->text && export->lacks[0] != '\0') {
		(void)snprintf(caller->text + have, sizeof caller->text - (size_t)have, ". %s", export->lacks);
	}
	/* Who asked for content and does not have it all must not take the folder for whole. */
	if (export->content_missing && caller->exit_code == COMMAND_YES) {
		caller->exit_code = COMMAND_NO;
	}
}

static void next_file(struct caller *caller)
{
	struct caller_export *export = caller->export;
	struct span line, kind;

	while (span_read_until(&export->rest, '\n', &line)) {
		if (!span_starts_with(line, "!")) {
			int err = caller->gone ? ERR_GONE : span_read_until(&line, '\t', &kind) ? ask_file(caller, kind, line) : ERR_PROTOCOL;

			if (err != 0) {
				fail_file(caller, err, "");
			}
			return;
		}
	}
	end(caller);
}

/* --- what there is --- */

static void note_lack(struct caller_export *export, struct span line)
{
	struct span rest = line, word;
	unsigned long long index = 0;
	uint64_t number = 0;
	char words[CASE_REASON_MAX_BYTES] = "";
	size_t have = strlen(export->lacks);

	(void)span_read_until(&rest, ' ', &word);
	index = span_parse_u64(rest, &number) ? number : 0;
	export->content_missing = true;
	if (span_starts_with(line, "!erased ")) {
		(void)snprintf(words, sizeof words, _("the content was erased by record %llu: only records and proofs are here"), index);
	} else if (span_starts_with(line, "!archived ")) {
		(void)snprintf(words, sizeof words, _("content is in the archive (record %llu), which is not there now: mount it and export again"), index);
	} else if (span_starts_with(line, "!absent ")) {
		(void)snprintf(words, sizeof words, "%s", _("content is missing from the vault: podatelna journal verify says more"));
	} else {
		export->content_missing = false;
	}
	if (span_equals_string(line, "!unsigned")) {
		(void)snprintf(words, sizeof words, "%s", _("the checkpoint is not signed"));
	} else if (span_equals_string(line, "!unstamped")) {
		(void)snprintf(words, sizeof words, "%s", _("no time stamp covers the case yet (podatelna journal stamp, then export again)"));
	}
	if (words[0] != '\0') {
		(void)snprintf(export->lacks + have, sizeof export->lacks - have, "%s%s", have == 0 ? "" : "; ", words);
	}
}

static void read_lacks(struct caller_export *export)
{
	struct span rest = export->rest, line;
	bool missing = false;

	while (span_read_until(&rest, '\n', &line)) {
		if (span_starts_with(line, "!")) {
			note_lack(export, line);
			missing = missing || export->content_missing;
		} else {
			export->count++;
		}
	}
	export->content_missing = missing;
}

/* How the case stands, in words for people. */
static void send_status(struct caller *caller)
{
	char text[STATUS_TEXT_MAX_BYTES];
	_cleanup_close_ int fd = -1;

	status_text_write(caller->hub, caller->of, "original", text);
	fd = fd_memfd_sealed("stav", text, strlen(text));
	if (fd >= 0) {
		caller_content(caller, "stav.txt", fd);
		caller->export->written++;
	}
}

static void on_list(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	struct caller_export *export = caller->export;
	char why[CASE_REASON_MAX_BYTES];
	size_t length = 0;

	err = error_of(err, message, why, sizeof why);
	if (err == 0 && lseek(export->list, 0, SEEK_SET) != 0) {
		err = ERR_SYSTEM;
	}
	if (err == 0) {
		err = fd_read_all(export->list, LIST_MAX_BYTES, &export->text, &length);
	}
	if (err != 0) {
		(void)caller_fail(caller, err, why);
	} else {
		export->rest = span_of(export->text, length);
		read_lacks(export);
		send_status(caller);
		next_file(caller);
	}
	caller_settle(caller);
}

static void ask_list(struct caller *caller)
{
	int err = ERR_SYSTEM;

	caller->export->list = fd_memfd_open("list");
	if (caller->export->list >= 0) {
		err = ask(caller, "list", caller->export->list, on_list);
	}
	if (err != 0) {
		(void)caller_fail(caller, err, _("the store does not answer"));
	}
}

/* --- before it --- */

static void on_checkpoint(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;

	/* Without a new one the last one is taken: the list says what it covers, OVERENI.txt what is missing. */
	(void)err;
	(void)message;
	ask_list(caller);
	caller_settle(caller);
}

static void begin(struct caller *caller)
{
	struct wire_message message;
	int err = ERR_GONE;

	caller->export = calloc(1, sizeof *caller->export);
	if (caller->export == NULL) {
		(void)caller_fail(caller, ERR_MEMORY, _("no memory"));
		return;
	}
	caller->export->list = -1;
	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, CLOCK_NEVER_MS);
	if (caller->hub->store != NULL) {
		err = channel_request(caller->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_checkpoint, caller, NULL);
	}
	if (err != 0) {
		(void)caller_fail(caller, err, _("the store does not answer"));
	} else {
		caller_pend(caller);
	}
}

void command_export(struct caller *caller)
{
	struct lines lines = { 0 };

	lines_set(&lines, "what", SHOWN_EXPORT);
	caller_append_then(caller, "shown", &lines, begin);
}
