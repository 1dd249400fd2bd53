/* commands_archive.c - `archive`: the content of closed cases is moved to the archive (archive_dir) and back, one case after the other. What a run did stands in the journal:
 * one that was broken off is simply begun again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"
#include "control_private.h"

/* A run over many cases. The numbers are kept, not the cases: each is looked up again when its turn comes. */
struct archiving {
	struct caller *caller;
	bool back;
	size_t count, next, moved;
	char (*numbers)[CASE_NUMBER_SIZE];
};

static void finish(struct archiving *run)
{
	struct caller *caller = run->caller;
	char number[32];

	(void)snprintf(number, sizeof number, "%zu", run->moved);
	caller_field(caller, run->back ? "archive-back" : "archive-out", number);
	free(run->numbers);
	free(run);
	caller_settle(caller);
}

static void next(struct archiving *run);

static void on_moved(void *context, int err, struct wire_message *message)
{
	struct archiving *run = context;
	char text[CASE_REASON_MAX_BYTES] = "";

	if (err == 0 && message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
		(void)wire_string(message, WIRE_F_TEXT, text, sizeof text);
	}
	if (err == ERR_MISMATCH) {
		err = 0; /* somebody did something with the case in this moment: it waits for the next run */
	} else if (err == 0) {
		run->moved++;
	}
	if (err != 0) {
		(void)caller_fail(run->caller, err, text[0] != '\0' ? _(text) : _("the store does not answer"));
		finish(run);
		return;
	}
	run->next++;
	next(run);
}

static int ask_store(struct archiving *run, const struct hub_case *of)
{
	struct caller *caller = run->caller;
	struct lines body = { 0 };
	struct wire_message message;
	char text[2048];
	int length = 0;

	lines_set(&body, "basis", caller->basis[0] != '\0' ? caller->basis : run->back ? "restore" : "archive");
	lines_set(&body, "by", caller->by);
	lines_set(&body, "case", of->number);
	lines_set(&body, "event", run->back ? "back" : "out");
	length = lines_finish(&body, text, sizeof text);
	lines_free(&body);
	if (length < 0 || caller->hub->store == NULL) {
		return length < 0 ? length : ERR_GONE;
	}
	wire_begin(&message, WIRE_STORE_ARCHIVE, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, of->number);
	wire_put_bytes(&message, WIRE_F_PREV, span_of(of->head, sizeof of->head));
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	return channel_request(caller->hub->store, &message, HUB_ARCHIVE_TIMEOUT_MS, on_moved, run, NULL);
}

static bool fits(const struct archiving *run, const struct hub_case *of)
{
	return of->erased == 0 && case_is_at_rest(of) && (of->archived != 0) == run->back;
}

/* The next case that still fits. A caller that left stops the run: what was moved stays moved. */
static void next(struct archiving *run)
{
	struct caller *caller = run->caller;

	for (; run->next < run->count && !caller->gone; run->next++) {
		const struct hub_case *of = case_find(&caller->hub->cases, run->numbers[run->next]);
		int err = 0;

		if (of == NULL || !fits(run, of)) {
			continue;
		}
		caller_progress(caller, run->next, run->count, _("of the cases moved"));
		err = ask_store(run, of);
		if (err == 0) {
			return; /* on_moved goes on */
		}
		(void)caller_fail(caller, err, _("the store does not answer"));
		break;
	}
	finish(run);
}

/* Newest first in the list, oldest first in the run. */
static int collect(struct archiving *run)
{
	const struct caller *caller = run->caller;
	const struct list_filter *filter = &caller->filter;

	run->numbers = calloc(caller->hub->cases.count + 1, sizeof *run->numbers);
	if (run->numbers == NULL) {
		return ERR_MEMORY;
	}
	for (const struct hub_case *each = caller->hub->cases.all; each != NULL; each = each->next_all) {
		if ((filter->since_ms == 0 || each->changed_ms >= filter->since_ms) && (filter->until_ms == 0 || each->changed_ms < filter->until_ms) &&
		    (caller->of == NULL || caller->of == each) && fits(run, each)) {
			(void)snprintf(run->numbers[run->count++], CASE_NUMBER_SIZE, "%s", each->number);
		}
	}
	for (size_t i = 0; i < run->count / 2; i++) {
		char swap[CASE_NUMBER_SIZE];

		memcpy(swap, run->numbers[i], sizeof swap);
		memcpy(run->numbers[i], run->numbers[run->count - 1 - i], sizeof swap);
		memcpy(run->numbers[run->count - 1 - i], swap, sizeof swap);
	}
	return 0;
}

static void begin(struct caller *caller, bool back)
{
	struct archiving *run = calloc(1, sizeof *run);

	if (run != NULL) {
		*run = (struct archiving){ .caller = caller, .back = back };
	}
	if (run == NULL || collect(run) != 0) {
		free(run);
		caller_finish(caller, COMMAND_NO, _("no memory"));
		return;
	}
	if (run->count == 0) {
		(void)snprintf(caller->text, sizeof caller->text, "%s", _("no case fits"));
	}
	caller_pend(caller);
	next(run);
}

/* --- the archive itself --- */

static void put_counts(struct caller *caller)
{
	size_t count = 0;
	char number[32];

	for (const struct hub_case *each = caller->hub->cases.all; each != NULL; each = each->next_all) {
		count += each->archived != 0 && each->erased == 0 ? 1 : 0;
	}
	(void)snprintf(number, sizeof number, "%zu", count);
	caller_field(caller, "archived", number);
}

static void on_looked(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	char text[CASE_REASON_MAX_BYTES] = "";

	if (err == 0 && message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
		(void)wire_string(message, WIRE_F_TEXT, text, sizeof text);
	}
	if (err != 0) {
		(void)caller_fail(caller, err, text[0] != '\0' ? _(text) : _("the store does not answer"));
	} else {
		if (lines_find_string(wire_span(message, WIRE_F_LINES), "id", text, sizeof text)) {
			caller_field(caller, "archive", text);
		}
		if (lines_find_string(wire_span(message, WIRE_F_LINES), "free", text, sizeof text)) {
			caller_field(caller, "archive-free", text);
		}
	}
	put_counts(caller);
	caller_settle(caller);
}

static void look(struct caller *caller)
{
	struct wire_message message;
	uint64_t bits = (caller->init ? 1u : 0u) | (caller->same_disk ? 2u : 0u);

	caller_pend(caller);
	wire_begin(&message, WIRE_STORE_ARCHIVE_LOOK, 0, CLOCK_NEVER_MS);
	if (bits != 0) {
		wire_put_number(&message, WIRE_F_BITS, bits);
	}
	if (caller->hub->store == NULL || channel_request(caller->hub->store, &message, HUB_ARCHIVE_TIMEOUT_MS, on_looked, caller, NULL) != 0) {
		(void)caller_fail(caller, ERR_GONE, _("the store does not answer"));
		caller_settle(caller);
	}
}

void command_archive(struct caller *caller)
{
	const char *why = hub_waiting_reason(caller->hub);

	if (caller->hub->config->archive_dir[0] == '\0') {
		caller_finish(caller, COMMAND_DENIED, _("no archive is configured (archive_dir)"));
		return;
	}
	if (caller->word_count > 1) {
		caller->of = case_find(&caller->hub->cases, caller->words[1]);
		if (caller->of == NULL) {
			caller_finish(caller, COMMAND_NO, _("there is no such case"));
			return;
		}
	}
	if (caller->filter.fault[0] != '\0') {
		caller_finish(caller, COMMAND_USAGE, caller->filter.fault);
	} else if (caller->init || (!caller->restore && caller->filter.until_ms == 0 && caller->of == NULL)) {
		look(caller);
	} else if (why[0] != '\0') {
		caller_finish(caller, COMMAND_DENIED, _(why));
	} else {
		begin(caller, caller->restore);
	}
}
