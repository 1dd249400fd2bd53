/* mail_words.c - what a message about one case says. Without details no word of it comes from a file: number, form, state, time, what to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/escape.h"
#include "../base/text.h"
#include "card.h"
#include "mail_private.h"

static const struct hub_case *find_case(const struct mail *mail, const char *number)
{
	return case_find(&mail->hub->cases, number);
}

static void put_time(FILE *to, int64_t utc_ms)
{
	struct clock_date date;

	clock_czech_date(utc_ms, &date);
	(void)fprintf(to, "%d. %d. %d %02d:%02d", date.day, date.month, date.year, date.hour, date.minute);
}

/* The name of the folder is added where the sentence ends with one. */
static void put_next(FILE *to, const struct config_share *share, enum case_state state, bool partial)
{
	const char *words = "", *folder = "";

	switch (state) {
	case CASE_UNKNOWN:
		words = N_("The box does not know this type of file. Say what it is (podatelna classify), or hand in another one. Look into the folder");
		folder = share->unknown;
		break;
	case CASE_HELD:
		words = N_("Look at it and let it go or refuse it (podatelna approve, podatelna reject). Look into the folder");
		folder = share->approval;
		break;
	case CASE_SENT:
		words = N_("Nothing: the box asks for the result by itself.");
		break;
	case CASE_UNCERTAIN:
		words = N_("Find out on the partner's portal whether the filing is there. If it is, add the confirmation (podatelna attach); if it surely is "
		           "not, send "
		           "it again (podatelna retry). Until then do not file it another way.");
		break;
	case CASE_DONE:
		words = N_("Nothing. The confirmation is in the folder");
		folder = share->done;
		break;
	case CASE_DATA_ERROR:
		words = partial ? N_("Only a part of it was accepted. Correct what was refused and hand in that alone, not the whole again. What was refused "
		                     "is said in the folder")
		                : N_("Correct the data and hand the file in again. What is wrong is said in the folder");
		folder = share->done;
		break;
	case CASE_FAILED:
		words = N_("It was not filed. Let the administrator of the box look, then send it again (podatelna retry). Look into the folder");
		folder = share->done;
		break;
	case CASE_REFUSED:
		words = N_("It was not filed. The card beside the file says why, in the folder");
		folder = share->errors;
		break;
	default:
		return;
	}
	(void)fprintf(to, "\n%s\n%s%s%s%s\n", _("What to do:"), _(words), folder[0] == '\0' ? "" : " ", folder, folder[0] == '\0' ? "" : ".");
}

static const char *finish(FILE *to, char **text)
{
	if (fclose(to) != 0) {
		free(*text);
		*text = NULL;
	}
	return *text;
}

static void label_of(const struct hub_case *of, const struct mail_item *item, char ret[CASE_LABEL_SIZE])
{
	if (of != NULL) {
		case_label(of, item->state, ret);
	} else {
		(void)snprintf(ret, CASE_LABEL_SIZE, "%s", state_label(item->state));
	}
}

char *mail_case_subject(const struct mail *mail, const struct mail_item *item)
{
	const struct hub_case *of = find_case(mail, item->number);
	char *text = NULL, label[CASE_LABEL_SIZE];

	label_of(of, item, label);
	return asprintf(&text, "Podatelna %s %s: %s", item->number, of == NULL ? "" : of->form, label) < 0 ? NULL : text;
}

static void put_details(FILE *to, const struct mail *mail, const struct hub_case *of, const char *file)
{
	char clean[1024];

	if (file[0] != '\0') {
		(void)escape_text(ESCAPE_TERMINAL, span_of_string(file), clean, sizeof clean);
		(void)fprintf(to, "%s: %s\n", _("File"), clean);
	}
	if (of->reason != NULL && of->reason[0] != '\0') {
		(void)escape_text(ESCAPE_TERMINAL, span_of_string(card_reason(mail->hub->catalogue, of->reason)), clean, sizeof clean);
		(void)fprintf(to, "%s: %s\n", _("Reason"), clean);
	}
}

char *mail_case_body(const struct mail *mail, const struct mail_item *item, const char *file)
{
	const struct hub_case *of = find_case(mail, item->number);
	const struct catalogue_form *form = of == NULL ? NULL : catalogue_form_find(mail->hub->catalogue, of->partner, of->form);
	char *text = NULL, label[CASE_LABEL_SIZE];
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);

	if (to == NULL) {
		return NULL;
	}
	(void)fprintf(to, "%s: %s\n", _("Case"), item->number);
	if (of != NULL && of->form[0] != '\0') {
		(void)fprintf(to, "%s: %s%s%s\n%s: %s\n", _("Form"), of->form, form == NULL ? "" : " - ",
		              form == NULL ? "" : catalogue_say(mail->hub->catalogue, &form->label), _("Partner"), of->partner);
	}
	label_of(of, item, label);
	(void)fprintf(to, "%s: %s\n%s: ", _("State"), label, _("Since"));
	put_time(to, item->time_ms);
	(void)fputc('\n', to);
	if (of != NULL && mail->config->details) {
		put_details(to, mail, of, file);
	}
	put_next(to, &mail->hub->config->share, item->state, of != NULL && of->partial);
	(void)fprintf(to, "\n%s\n", _("This message was written by Podatelna itself. It is no evidence of a filing, and nobody reads an answer to it."));
	(void)finish(to, &text);
	return text;
}

char *mail_test_subject(void)
{
	return strdup(_("Podatelna: test of e-mail"));
}

char *mail_test_body(void)
{
	return strdup(_("If you read this, Podatelna can send e-mail.\n"));
}
