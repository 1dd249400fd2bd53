/* overview_page.c - the page: its head, what needs a person, the lists of cases. */
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "led.h"
#include "overview_private.h"

#define REFRESH_S 30
#define MINUTE_MS 60000

static void write_meta(FILE *page, const struct overview *overview, size_t waiting)
{
	(void)fprintf(
	    page,
	    "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, "
	    "initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<meta http-equiv=\"refresh\" content=\"%d\">\n<title>",
	    overview->hub->config->language, REFRESH_S);
	if (waiting > 0) {
		(void)fprintf(page, "(%zu) ", waiting);
	}
	html_text(page, _("Overview of filings"));
	(void)fprintf(page, "</title>\n<style>%s</style></head>\n<body>\n", overview_style);
}

/* The same sentence as the LED says it. */
static void write_verdict(FILE *page, const struct overview *overview, size_t waiting)
{
	enum led_signal signal = led_signal(overview->hub);
	bool works = signal == LED_STEADY || signal == LED_SLOW;

	(void)fprintf(page, "<p class=\"verdict %s\"><strong>", !works ? "bad" : waiting > 0 ? "soon" : "good");
	if (overview->hub->stopping) {
		html_text(page, _("The box was switched off."));
	} else if (works) {
		html_text(page, waiting > 0 ? _("The box works, and waits for a person.") : _("The box works."));
	} else {
		html_text(page, signal == LED_OFF ? _("The box does not work yet.") : _("The box does not work. Call the operator."));
	}
	(void)fputs("</strong>", page);
	if (!works && overview->reason[0] != '\0' && !overview->hub->stopping) {
		(void)fputs(" ", page);
		html_format(page, _("Reason: %s."), _(overview->reason));
	}
	(void)fputs("</p>\n", page);
}

/* Without its time a page says nothing of when; overview.c compares such pages. */
static void write_stamp(FILE *page, const struct overview *overview, bool stamp)
{
	uint64_t old = (2 * overview->hub->config->share.overview_heartbeat_ms + MINUTE_MS - 1) / MINUTE_MS;

	(void)fputs("<p class=\"stamp\"><b>", page);
	html_text(page, _("As of"));
	(void)fputs(" ", page);
	if (stamp) {
		html_time(page, overview->now_ms);
	}
	(void)fputs("</b>. ", page);
	html_text(page, _("The page is refreshed by itself."));
	(void)fputs(" ", page);
	if (!overview->hub->stopping) {
		html_format(page, _("If this time is more than %llu minutes old, the box does not work: call the operator."), (unsigned long long)old);
	}
	(void)fputs("</p></header>\n", page);
}

static void write_tasks(FILE *page, const struct overview *overview)
{
	if (overview->task_count == 0) {
		return;
	}
	(void)fputs("<ul class=\"tasks\">\n", page);
	for (size_t i = 0; i < overview->task_count; i++) {
		(void)fputs("<li><b>", page);
		html_text(page, attention_who_label(overview->tasks[i].who));
		(void)fputs(":</b> ", page);
		html_text(page, overview->tasks[i].text);
		(void)fputs("</li>\n", page);
	}
	(void)fputs("</ul>\n", page);
}

static void write_list(FILE *page, const struct overview *overview, const struct overview_list *list)
{
	static const char *const columns[] = { N_("Case"), N_("Form"), N_("State"), N_("Since"), N_("What happens") };

	if (list->count == 0) {
		return;
	}
	(void)fputs("<table><thead><tr>", page);
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		(void)fputs("<th scope=\"col\">", page);
		html_text(page, _(columns[i]));
		(void)fputs("</th>", page);
	}
	(void)fputs("</tr></thead><tbody>\n", page);
	for (size_t i = 0; i < list->count; i++) {
		overview_write_case(page, overview, list->cases[i]);
	}
	(void)fputs("</tbody></table>\n", page);
	if (list->total > list->count) {
		(void)fputs("<p class=\"more\">", page);
		html_format(page, _("And %zu more: podatelna list."), list->total - list->count);
		(void)fputs("</p>\n", page);
	}
}

static void begin_section(FILE *page, const char *heading, size_t count)
{
	(void)fputs("<section><h2>", page);
	html_text(page, heading);
	(void)fprintf(page, " <span class=\"count\">%zu</span></h2>\n", count);
}

static void write_nothing(FILE *page, const char *words)
{
	(void)fputs("<p class=\"nothing\">", page);
	html_text(page, words);
	(void)fputs("</p>\n", page);
}

void overview_write(FILE *page, const struct overview *overview, bool stamp)
{
	size_t waiting = overview->task_count + overview->person.total;
	char heading[96];

	write_meta(page, overview, waiting);
	(void)fputs("<header><h1>", page);
	html_text(page, _("Overview of filings"));
	(void)fputs("</h1>\n", page);
	write_verdict(page, overview, waiting);
	write_stamp(page, overview, stamp);
	(void)fputs("<main>\n", page);
	if (waiting > 0) {
		begin_section(page, _("Waits for a person"), waiting);
		write_tasks(page, overview);
		write_list(page, overview, &overview->person);
		(void)fputs("</section>\n", page);
	}
	begin_section(page, _("In work"), overview->work.total);
	write_list(page, overview, &overview->work);
	if (overview->work.count == 0) {
		write_nothing(page, _("Nothing is in work."));
	}
	(void)snprintf(heading, sizeof heading, _("Closed in the last %d days"), OVERVIEW_CLOSED_DAYS);
	(void)fputs("</section>\n", page);
	begin_section(page, heading, overview->closed.total);
	if (overview->closed_wrong > 0) {
		(void)fputs("<p class=\"wrong\">", page);
		html_format(page, _("Not accepted: %zu. Put the file right and hand it in again."), overview->closed_wrong);
		(void)fputs("</p>\n", page);
	}
	if (overview->closed_partial > 0) {
		(void)fputs("<p class=\"wrong\">", page);
		html_format(page, _("Accepted in part only: %zu. Hand in only what was refused, put right."), overview->closed_partial);
		(void)fputs("</p>\n", page);
	}
	write_list(page, overview, &overview->closed);
	if (overview->closed.count == 0) {
		write_nothing(page, _("Nothing was closed."));
	}
	(void)fputs("</section>\n", page);
	overview_write_box(page, overview);
	(void)fputs("</main></body></html>\n", page);
}
