/* mail_digest.c - once a day: what was closed the day before, what waits now and for whom. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "mail_private.h"
#include "stamps.h"

#define DIGEST_CASES_MAX 200 /* in each part; the rest is a number */

enum waits_for { FOR_APPROVAL, FOR_OPERATOR, FOR_PARTNER, FOR_BOX, FOR_COUNT };

uint32_t mail_today(int64_t utc_ms, unsigned *ret_minutes)
{
	struct clock_date date;

	clock_czech_date(utc_ms, &date);
	*ret_minutes = (unsigned)(date.hour * 60 + date.minute);
	return (uint32_t)(date.year * 10000 + date.month * 100 + date.day);
}

/* Noon of the day before, give or take the hour of a change to summer time. */
static int64_t noon_before(int64_t utc_ms)
{
	struct clock_date date;

	clock_czech_date(utc_ms, &date);
	return utc_ms - (int64_t)(date.hour * 3600 + date.minute * 60 + date.second + 12 * 3600) * 1000;
}

static uint32_t day_of(int64_t utc_ms)
{
	unsigned ignored = 0;

	return mail_today(utc_ms, &ignored);
}

static enum waits_for waits_for(const struct hub *hub, const struct hub_case *of)
{
	switch (of->state) {
	case CASE_HELD:
		return FOR_APPROVAL;
	case CASE_UNKNOWN:
	case CASE_UNCERTAIN:
		return FOR_OPERATOR;
	case CASE_SENT:
		return FOR_PARTNER;
	case CASE_READY:
		for (size_t i = 0; i < hub->config->token_count; i++) {
			if (strcmp(hub->tokens[i].state, "ready") != 0) {
				return FOR_OPERATOR;
			}
		}
		return FOR_BOX;
	default:
		return FOR_BOX;
	}
}

static void put_line(FILE *to, const struct hub_case *of)
{
	bool waits = !state_is_closed(of->state) && of->waiting[0] != '\0';
	char label[CASE_LABEL_SIZE];

	case_label(of, of->state, label);
	(void)fprintf(to, "  %s %s: %s%s%s\n", of->number, of->form, label, waits ? " - " : "", waits ? _(of->waiting) : "");
}

static void put_rest(FILE *to, size_t count)
{
	if (count > DIGEST_CASES_MAX) {
		(void)fprintf(to, _("  and %zu more\n"), count - DIGEST_CASES_MAX);
	}
	if (count > 0) {
		(void)fputc('\n', to);
	}
}

static size_t put_closed(FILE *to, const struct mail *mail, uint32_t day)
{
	size_t count = 0;

	for (const struct hub_case *each = mail->hub->cases.all; each != NULL; each = each->next_all) {
		if (state_is_closed(each->state) && each->state != CASE_DELETED && day_of(each->changed_ms) == day) {
			if (count == 0) {
				(void)fprintf(to, "%s\n", _("Closed that day:"));
			}
			if (count++ < DIGEST_CASES_MAX) {
				put_line(to, each);
			}
		}
	}
	put_rest(to, count);
	return count;
}

static size_t put_waiting(FILE *to, const struct mail *mail, enum waits_for group)
{
	static const char *const titles[FOR_COUNT] = { N_("Waits for whoever approves:"), N_("Waits for the operator of the box:"),
		                                       N_("Waits for the partner:"), N_("The box is working on:") };
	size_t count = 0;

	for (const struct hub_case *each = mail->hub->cases.open; each != NULL; each = each->next_open) {
		if (!state_is_closed(each->state) && waits_for(mail->hub, each) == group) {
			if (count == 0) {
				(void)fprintf(to, "%s\n", _(titles[group]));
			}
			if (count++ < DIGEST_CASES_MAX) {
				put_line(to, each);
			}
		}
	}
	put_rest(to, count);
	return count;
}

/* What waits for the administrator and is no case. */
static size_t put_stamps(FILE *to, const struct mail *mail, int64_t time_ms)
{
	static struct stamp_trouble troubles[STAMP_TROUBLES_MAX];
	size_t count = stamps_troubles(mail->hub, time_ms, troubles);

	if (count > 0) {
		(void)fprintf(to, "%s\n", _("Time stamps:"));
	}
	for (size_t i = 0; i < count; i++) {
		(void)fprintf(to, "  %s\n", troubles[i].text);
	}
	put_rest(to, count);
	return count;
}

char *mail_digest_subject(int64_t time_ms)
{
	struct clock_date date;
	char *text = NULL;

	clock_czech_date(noon_before(time_ms), &date);
	return asprintf(&text, "%s %d. %d. %d", _("Podatelna: overview of"), date.day, date.month, date.year) < 0 ? NULL : text;
}

char *mail_digest_body(const struct mail *mail, int64_t time_ms, size_t *ret_lines)
{
	char *text = NULL;
	size_t length = 0, lines = 0;
	FILE *to = open_memstream(&text, &length);

	if (to == NULL) {
		return NULL;
	}
	lines = put_closed(to, mail, day_of(noon_before(time_ms)));
	for (enum waits_for group = FOR_APPROVAL; group < FOR_COUNT; group++) {
		lines += put_waiting(to, mail, group);
	}
	lines += put_stamps(to, mail, clock_utc_ms());
	if (lines == 0) {
		(void)fprintf(to, "%s\n\n", _("Nothing was closed that day and nothing waits."));
	}
	(void)fprintf(to, "%s\n", _("This message was written by Podatelna itself. It is no evidence of a filing, and nobody reads an answer to it."));
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	*ret_lines = lines;
	return text;
}
