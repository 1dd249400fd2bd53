/* overview_case.c - one case as a row of a table, or as a card on a phone: number, form, state, since when, why and what to do. */
#include <string.h>

#include "../base/text.h"
#include "card.h"
#include "flow.h"
#include "group.h"
#include "overview_private.h"
#include "share.h"

#define FILE_NAME_SHOWN_BYTES 120

static void begin_cell(FILE *page, const char *class, const char *label)
{
	(void)fprintf(page, "<td class=\"%s\" data-label=\"", class);
	html_text(page, label);
	(void)fputs("\">", page);
}

/* Where its papers are, below the folder of the page; "" for none. */
static void place_of(const struct overview *overview, const struct hub_case *each, char ret[SHARE_PATH_MAX_BYTES])
{
	const struct config_share *share = &overview->hub->config->share;
	const char *name = overview_name(each->number);

	ret[0] = '\0';
	if (!each->delivered) {
		return;
	}
	if (each->state == CASE_DONE || each->state == CASE_DATA_ERROR) {
		share_result_path(overview->hub, each, name[0] == '\0' ? NULL : name, ret);
	} else {
		(void)snprintf(ret, SHARE_PATH_MAX_BYTES, "%s",
		               each->state == CASE_UNKNOWN ? share->unknown
		               : each->state == CASE_HELD  ? share->approval
		                                           : share->errors);
	}
}

static void write_number(FILE *page, const struct overview *overview, const struct hub_case *each)
{
	char path[SHARE_PATH_MAX_BYTES];

	begin_cell(page, "number", _("Case"));
	place_of(overview, each, path);
	if (path[0] != '\0') {
		(void)fputs("<a href=\"", page);
		html_address(page, path);
		(void)fputs("/\">", page);
	}
	html_text(page, each->number);
	(void)fputs(path[0] != '\0' ? "</a></td>" : "</td>", page);
}

/* Cut between characters; the whole name stands in the title. */
static void write_file_name(FILE *page, const char *name)
{
	size_t length = strlen(name), shown = length > FILE_NAME_SHOWN_BYTES ? FILE_NAME_SHOWN_BYTES : length;
	char text[FILE_NAME_SHOWN_BYTES + 1];

	if (length == 0) {
		return;
	}
	while (shown > 0 && shown < length && ((unsigned char)name[shown] & 0xc0) == 0x80) {
		shown--;
	}
	(void)snprintf(text, sizeof text, "%.*s", (int)shown, name);
	(void)fputs("<span class=\"file\" title=\"", page);
	html_text(page, name);
	(void)fputs("\">", page);
	html_text(page, text);
	(void)fputs(shown < length ? "…</span>" : "</span>", page);
}

static void write_form(FILE *page, const struct overview *overview, const struct hub_case *each)
{
	const struct catalogue *catalogue = overview->hub->catalogue;
	const struct catalogue_form *form = each->partner[0] == '\0' ? NULL : catalogue_form_find(catalogue, each->partner, each->form);

	char together[GROUP_WORDS_SIZE];

	begin_cell(page, "form", _("Form"));
	if (each->form[0] != '\0') {
		(void)fputs("<b>", page);
		html_text(page, each->form);
		(void)fputs("</b> ", page);
	}
	html_text(page, form != NULL ? catalogue_say(catalogue, &form->label) : each->form[0] == '\0' ? _("not recognised") : "");
	write_file_name(page, overview_name(each->number));
	group_words(&overview->hub->cases, each, together);
	if (together[0] != '\0') {
		(void)fputs("<span class=\"file\">", page);
		html_text(page, together);
		(void)fputs("</span>", page);
	}
	(void)fputs("</td>", page);
}

static bool is_explained(const struct overview *overview, const struct hub_case *each, const char **ret_why, const char **ret_advice)
{
	return each->reason != NULL && each->state != CASE_DONE && card_explain(overview->hub->catalogue, each->reason, ret_why, ret_advice);
}

/* When the box goes on with it by itself: asks for the result, or tries a partner again that could not be reached. 0 when nothing is planned for a certain time. */
static int64_t next_try(const struct overview *overview, const struct hub_case *each)
{
	bool planned = each->state == CASE_SENT;

	for (size_t i = 0; !planned && i < overview->hub->config->partner_count; i++) {
		const struct hub_partner *partner = &overview->hub->partners[i];

		planned = strcmp(partner->config->name, each->partner) == 0 && each->due_ms == partner->not_before_ms;
	}
	return planned ? overview_moment(overview, each->due_ms) : 0;
}

static void write_next_try(FILE *page, int64_t utc_ms)
{
	char when[64];

	if (utc_ms != 0) {
		format_moment(utc_ms, when, sizeof when);
		html_format(page, _("; next try: %s"), when);
	}
}

/* Why it is where it is. A reason that the box does not know was written by a person or a partner, and may name somebody. */
static void write_why(FILE *page, const struct overview *overview, const struct hub_case *each, enum attention_who who)
{
	const char *why = "", *advice = "";
	char waiting[CASE_WAITING_SIZE];

	if (who == ATTENTION_NOBODY && each->waiting[0] != '\0' && !state_is_closed(each->state)) {
		case_waiting(each, waiting);
		html_text(page, waiting);
		write_next_try(page, next_try(overview, each));
	} else if (is_explained(overview, each, &why, &advice)) {
		html_text(page, why);
	} else if (each->reason != NULL && each->state != CASE_DONE && overview->hub->config->share.overview_content == CONFIG_OVERVIEW_FULL) {
		html_text(page, each->reason);
	}
	if (each->state == CASE_HELD && each->seen[0] != '\0') {
		(void)fputs(" ", page);
		html_format(page, _("The earlier one is %s."), each->seen);
	}
}

/* What somebody does about it, translated; "" for nothing. */
static const char *advice_for(const struct overview *overview, const struct hub_case *each, enum attention_who who, const char *todo)
{
	const char *why = "", *advice = "";
	bool explained = is_explained(overview, each, &why, &advice);

	if (who != ATTENTION_NOBODY && !explained) {
		return _(todo);
	}
	if (explained && (who != ATTENTION_NOBODY || state_is_closed(each->state))) {
		return advice;
	}
	if (each->partial && each->state == CASE_DATA_ERROR) {
		return _("The authority took a part of the filing and refused the rest; the folder of the case says which. Hand in only what was refused, put "
		         "right.");
	}
	return each->state == CASE_DATA_ERROR
	           ? _("The authority found errors in the data; the folder of the case says which. Put them right and hand the file in again.")
	       : each->state == CASE_REFUSED ? _("The card beside the file says why.")
	                                     : "";
}

static void write_story(FILE *page, const struct overview *overview, const struct hub_case *each)
{
	const char *todo = "";
	enum attention_who who = attention_case(overview->hub, each, &todo);
	const char *advice = advice_for(overview, each, who, todo);

	begin_cell(page, "story", _("What happens"));
	write_why(page, overview, each, who);
	if (advice[0] != '\0') {
		(void)fputs(" <span class=\"todo\">", page);
		if (who != ATTENTION_NOBODY) {
			(void)fputs("<b>", page);
			html_text(page, attention_who_label(who));
			(void)fputs(":</b> ", page);
		}
		html_text(page, advice);
		(void)fputs("</span>", page);
	}
	(void)fputs("</td>", page);
}

static const char *tone_of(const struct hub_case *each, bool needs_person)
{
	switch (each->state) {
	case CASE_DONE:
		return "good";
	case CASE_UNCERTAIN:
	case CASE_DATA_ERROR:
	case CASE_FAILED:
	case CASE_REFUSED:
		return "bad";
	default:
		return needs_person ? "soon" : "plain";
	}
}

void overview_write_case(FILE *page, const struct overview *overview, const struct hub_case *each)
{
	char label[CASE_LABEL_SIZE];
	const char *todo = "";

	(void)fprintf(page, "<tr class=\"%s\">", tone_of(each, attention_case(overview->hub, each, &todo) != ATTENTION_NOBODY));
	write_number(page, overview, each);
	write_form(page, overview, each);
	begin_cell(page, "state", _("State"));
	case_label(each, each->state, label);
	html_text(page, label);
	(void)fputs("</td>", page);
	begin_cell(page, "since", _("Since"));
	html_time(page, each->changed_ms);
	(void)fputs("</td>", page);
	write_story(page, overview, each);
	(void)fputs("</tr>\n", page);
}
