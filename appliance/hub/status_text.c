#include "status_text.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/escape.h"
#include "../base/text.h"
#include "card.h"
#include "group.h"
#include "paper.h"

#define NAME_MAX_BYTES 1024

static void write_outcome(struct paper *paper, const struct hub *hub, const struct hub_case *of)
{
	char words[CASE_REASON_MAX_BYTES + 1];
	const char *why = words, *advice = "";

	(void)escape_text(ESCAPE_TERMINAL, span_of_string(of->reason == NULL ? "" : of->reason), words, sizeof words);
	if (of->reason != NULL) {
		(void)card_explain(hub->catalogue, of->reason, &why, &advice);
	}
	if (of->partial) {
		advice =
		    _("The authority took a part of the filing and refused the rest; protokol.txt beside this file says which. Do not hand in the whole again: "
		      "put right only what was refused, and hand in that alone.");
	} else if (of->state == CASE_DATA_ERROR && advice[0] == '\0') {
		advice =
		    _("The authority found errors in the data; protokol.txt beside this file says which. Put them right in your program, export the filing and "
		      "hand it in again.");
	}
	if (why[0] != '\0') {
		paper_words(paper, _("Reason"), why);
	}
	if (of->state != CASE_DONE && advice[0] != '\0') {
		paper_words(paper, _("What to do"), advice);
	}
}

/* What came back with the answer to a query stands where all that arrives does. */
static void write_arrived(struct paper *paper, const struct hub *hub, const struct hub_case *of)
{
	struct clock_date date;
	char text[NAME_MAX_BYTES];

	if (of->data_index == 0 || of->data_unread) {
		return;
	}
	clock_czech_date(of->closed_ms, &date);
	if (of->items > 0) {
		(void)snprintf(text, sizeof text, "%s/%04d-%02d", hub->config->share.incoming, date.year, date.month);
	}
	paper_line(paper, _("What came with the answer"), of->items > 0 ? text : _("nothing new"));
}

void status_text_write(const struct hub *hub, const struct hub_case *of, const char *file, char ret[STATUS_TEXT_MAX_BYTES])
{
	const struct catalogue_form *form = catalogue_form_find(hub->catalogue, of->partner, of->form);
	const struct catalogue_partner *partner = catalogue_partner_find(hub->catalogue, of->partner);
	char together[GROUP_WORDS_SIZE];
	char text[NAME_MAX_BYTES], when[PAPER_TIME_SIZE], label[CASE_LABEL_SIZE];
	struct paper paper;

	paper_begin(&paper, ret, STATUS_TEXT_MAX_BYTES);
	if (strcmp(of->env, config_env_name(CONFIG_ENV_PRODUCTION)) != 0) {
		paper_words(&paper, _("TEST"), _("test environment: nothing is really filed"));
		paper_blank(&paper);
	}
	paper_line(&paper, _("Case"), of->number);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(file), text, sizeof text);
	paper_line(&paper, _("File"), text);
	(void)snprintf(text, sizeof text, "%s%s%s", of->form, form == NULL ? "" : " - ", form == NULL ? "" : catalogue_say(hub->catalogue, &form->label));
	paper_line(&paper, _("Form"), text);
	paper_line(&paper, _("Partner"), partner == NULL ? of->partner : catalogue_say(hub->catalogue, &partner->label));
	if (of->forms > 1) {
		(void)snprintf(text, sizeof text, "%llu%s", (unsigned long long)of->forms, of->deferred ? _(" (in the partner's evening processing)") : "");
		paper_line(&paper, _("Forms in it"), text);
	}
	group_words(&hub->cases, of, together);
	if (together[0] != '\0') {
		paper_words(&paper, _("Belongs together"), together);
	}
	paper_time(of->received_ms, when);
	paper_line(&paper, _("Taken in by the box"), when);
	paper_time(of->changed_ms, when);
	case_label(of, of->state, label);
	(void)snprintf(text, sizeof text, "%s (%s)", label, when);
	paper_line(&paper, _("State"), text);
	write_outcome(&paper, hub, of);
	write_arrived(&paper, hub, of);
	paper_blank(&paper);
}

void status_text_papers(const char *names, size_t stride, size_t count, char ret[STATUS_TEXT_MAX_BYTES])
{
	static const struct {
		const char *name, *what;
	} known[] = {
		{ "stav.txt", NULL },
		{ "podano.p7s", N_("the filing as it was signed and sent") },
		{ "potvrzeni.p7s", N_("the authority's confirmation with its signature; keep it") },
		{ "potvrzeni.xml", N_("the authority's confirmation with its seal; keep it") },
		{ "odpoved", N_("the authority's reply as it came") },
		{ "protokol.txt", N_("what the authority said of the filing") },
		{ "odpoved-data", N_("what came back with the answer, as it came: the box cannot take it apart") },
		{ "protokol-zkousky.txt", N_("what the authority said of the test run before it") },
	};
	struct paper paper;

	paper_begin(&paper, ret, STATUS_TEXT_MAX_BYTES);
	paper_blank(&paper);
	paper_words(&paper, _("Beside this file"), "");
	for (size_t i = 0; i < count; i++) {
		const char *name = names + i * stride, *what = N_("the file as it was handed in");

		for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
			what = strcmp(known[k].name, name) == 0 ? known[k].what : what;
		}
		if (what != NULL) {
			paper_line(&paper, name, _(what));
		}
	}
}
