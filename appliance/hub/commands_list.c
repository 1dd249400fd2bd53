/* commands_list.c - `list`: the cases that fit a filter, newest first, in pages. The caller asks for the next page when it has read one, so that a list of any
 * length keeps neither the hub nor the socket busy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "card.h"
#include "control_private.h"
#include "group.h"

static uint64_t search; /* number of the present one; 0: none yet */

/* A search for a text in the names of files: the store writes them into a memory file. */
struct sought {
	struct caller *caller;
	int names;
};

/* What it belongs to: in figures, and behind the reason in words. */
static void put_group(struct caller *caller, const struct hub_case *each, struct lines *row)
{
	char words[GROUP_WORDS_SIZE];
	const char *why = lines_get(row, "why");

	if (each->group[0] == '\0') {
		return;
	}
	lines_set(row, "group", each->group);
	lines_set(row, "act", group_act_name(each));
	lines_set_u64(row, "package", each->package);
	lines_set_u64(row, "packages", each->packages);
	group_words(&caller->hub->cases, each, words);
	if (words[0] != '\0') {
		lines_set(row, "together", words);
		lines_setf(row, "why", "%s%s%s", why == NULL ? "" : why, why == NULL || why[0] == '\0' ? "" : "; ", words);
	}
}

static void put_case_row(struct caller *caller, const struct hub_case *each)
{
	struct lines row = { 0 };
	const char *reason = each->reason != NULL ? each->reason : "";
	char text[CLOCK_UTC_SIZE], waiting[CASE_WAITING_SIZE];

	lines_set(&row, "case", each->number);
	lines_set(&row, "state", state_name(each->state));
	if (each->partial && each->state == CASE_DATA_ERROR) {
		lines_set(&row, "outcome", "partial");
	}
	lines_set(&row, "partner", each->partner);
	lines_set(&row, "form", each->form);
	lines_set(&row, "env", each->env);
	lines_set(&row, "by", each->by);
	clock_format_utc(each->received_ms, text);
	lines_set(&row, "time", text);
	clock_format_utc(each->changed_ms, text);
	lines_set(&row, "changed", text);
	case_waiting(each, waiting);
	lines_set(&row, "reason", waiting[0] != '\0' ? waiting : reason);
	/* The same for people: a closed case needs no reason any more but that of a failure. */
	lines_set(&row, "why", waiting[0] != '\0' ? waiting : each->state == CASE_DONE ? "" : card_reason(caller->hub->catalogue, reason));
	if (each->warnings > 0 && each->state == CASE_DONE) {
		lines_set_u64(&row, "warnings", each->warnings);
		lines_setf(&row, "why", _("reservations of the partner: %u"), each->warnings);
	}
	put_group(caller, each, &row);
	if (each->erased != 0) {
		lines_set_u64(&row, "erased", each->erased);
		lines_setf(&row, "why", _("content erased (record %llu)"), (unsigned long long)each->erased);
	} else if (each->archived != 0) {
		lines_setf(&row, "archive", "%016llx", (unsigned long long)each->archived);
	}
	caller_row(caller, "case", &row);
}

/* A deleted case is off the lists unless asked for. */
static bool is_listed(const struct caller *caller, const struct hub_case *each)
{
	return (each->state != CASE_DELETED || caller->all || caller->filter.states != 0) &&
	       list_filter_matches(caller->hub, &caller->filter, each, each->sought == search && search != 0);
}

static void put_page(struct caller *caller)
{
	const struct list_filter *filter = &caller->filter;
	uint64_t most = filter->limit < LIST_PAGE_ROWS ? filter->limit : LIST_PAGE_ROWS, count = 0;
	const struct hub_case *each = caller->hub->cases.all, *last = NULL;

	if (filter->after[0] != '\0') {
		each = case_find(&caller->hub->cases, filter->after);
		each = each == NULL ? NULL : each->next_all;
	}
	for (; each != NULL; each = each->next_all) {
		if (!is_listed(caller, each)) {
			continue;
		}
		if (count == most) {
			(void)snprintf(caller->more, sizeof caller->more, "%s", last != NULL ? last->number : filter->after);
			break;
		}
		put_case_row(caller, each);
		count++;
		last = each;
	}
	if (count == 0 && filter->after[0] == '\0' && caller->text[0] == '\0') {
		(void)snprintf(caller->text, sizeof caller->text, "%s", caller->hub->cases.count == 0 ? _("there is no case yet") : _("no case fits"));
	}
}

/* The names flow from the store to the caller; once is enough. */
static void finish_page(struct caller *caller)
{
	put_page(caller);
	if (caller->filter.after[0] == '\0') {
		caller_copy_to(caller, "names", NULL, 0);
	}
}

/* --- a text in the names of files --- */

/* Marks the cases whose names (lines "case TAB name") hold the text. */
static void mark_names(struct caller *caller, struct span names)
{
	struct span line, number;
	char folded[1024], case_number[CASE_NUMBER_SIZE];

	while (span_read_until(&names, '\n', &line)) {
		struct hub_case *of = NULL;

		if (!span_read_until(&line, '\t', &number) || !span_copy_string(number, case_number, sizeof case_number)) {
			continue;
		}
		list_fold(line, folded, sizeof folded);
		of = strstr(folded, caller->filter.text) != NULL ? case_find(&caller->hub->cases, case_number) : NULL;
		if (of != NULL) {
			of->sought = search;
		}
	}
}

static void on_names(void *context, int err, struct wire_message *message)
{
	struct sought *sought = context;
	struct caller *caller = sought->caller;
	_cleanup_free_ uint8_t *text = NULL;
	size_t length = 0;

	search++;
	if (err == 0 && message->type != WIRE_ERROR && lseek(sought->names, 0, SEEK_SET) == 0 &&
	    fd_read_all(sought->names, LIST_NAMES_MAX_BYTES, &text, &length) == 0 && length > 0) {
		mark_names(caller, span_of(text, length));
	} else {
		(void)snprintf(caller->text, sizeof caller->text, "%s", _("names of files were not searched: log a token in first"));
	}
	(void)close(sought->names);
	free(sought);
	if (!caller->gone) {
		finish_page(caller);
	}
	caller_settle(caller);
}

/* Asks the store for the names; false when it cannot. */
static bool ask_names(struct caller *caller)
{
	struct sought *sought = calloc(1, sizeof *sought);
	struct wire_message message;

	if (sought == NULL) {
		return false;
	}
	*sought = (struct sought){ .caller = caller, .names = fd_memfd_open("names") };
	wire_begin(&message, WIRE_STORE_NAMES, 0, CLOCK_NEVER_MS);
	if (sought->names >= 0) {
		wire_put_fd(&message, sought->names);
	}
	if (sought->names < 0 || caller->hub->store == NULL ||
	    channel_request(caller->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_names, sought, NULL) != 0) {
		cleanup_close(&sought->names);
		free(sought);
		return false;
	}
	caller_pend(caller);
	return true;
}

void command_list(struct caller *caller)
{
	if (caller->filter.fault[0] != '\0') {
		caller_finish(caller, COMMAND_USAGE, caller->filter.fault);
		return;
	}
	caller_pend(caller);
	if (caller->filter.text[0] == '\0' || !ask_names(caller)) {
		finish_page(caller);
	}
	caller_settle(caller);
}
