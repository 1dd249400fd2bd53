#include <fnmatch.h>
#include <string.h>

#include "../appliance/base/lines.h"
#include "../appliance/base/text.h"
#include "catalogue.h"

#define FACT_MAX_BYTES 512

struct facts {
	char format[16];
	char root[FACT_MAX_BYTES], namespace_uri[FACT_MAX_BYTES], child[FACT_MAX_BYTES], encoding[64];
	uint64_t children;
	bool complete, wellformed, doctype;
};

/* What the box itself has to say, for the card. */
static const struct {
	const char *reason, *why, *advice;
} answers[] = {
	{ "incomplete", N_("The file does not have its own end yet."), N_("Wait until the copy is finished, or copy the file again.") },
	{ "unreadable", N_("The box could not look into the file."), N_("Copy the file again. If that does not help, call the administrator.") },
	{ "empty", N_("The file is empty."), N_("Export it again from your program and copy it here.") },
	{ "not-well-formed", N_("The file begins like XML, but it is damaged or was not exported whole."),
	  N_("Export it again from your program and copy it here.") },
	{ "doctype", N_("The XML has a document type definition (DOCTYPE). No authority uses it, and it can do harm."),
	  N_("Export the filing again from your program; do not edit it by hand.") },
	{ "no-form", N_("The box knows no filing of this form."),
	  N_("Check that it is the file that your program exports for the authority. Otherwise ask the administrator to add the form to the catalogue.") },
	{ "no-form-zip", N_("The box knows no filing of this form: it is a ZIP archive, or a document of an office program."),
	  N_("Hand in the file itself that your program exports for the authority (mostly .xml), not in an archive.") },
	{ "no-form-pdf", N_("The box knows no filing of this form: it is a PDF."),
	  N_("Hand in the data file that your program exports for the authority (mostly .xml), not what it prints.") },
	{ "no-form-here", N_("The partner that the folder is named after takes no filing of this form."),
	  N_("Put the file into the right folder, or straight into the inbox.") },
	{ "ambiguous", N_("Several partners take filings of this form."), N_("Put the file into the sub-folder that is named after the right partner.") },
	{ "children", N_("The document does not hold exactly one filing."), N_("Export each filing into a file of its own.") },
	{ "encoding", N_("The document is in a character set that the authority does not take."),
	  N_("Set your program to export in UTF-8 and export the filing again.") },
	{ "form-name", N_("The name of the form is not one that can be filed."), N_("Check that it is the file that your program exports for the authority.") },
};

bool catalogue_explain(const struct catalogue *catalogue, const char *reason, const char **ret_why, const char **ret_advice)
{
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		if (strcmp(answers[i].reason, reason) == 0) {
			*ret_why = _(answers[i].why);
			*ret_advice = _(answers[i].advice);
			return true;
		}
	}
	for (size_t i = 0; i < catalogue->form_count; i++) {
		const struct catalogue_form *form = &catalogue->forms[i];

		if (form->refuse[0] != '\0' && strcmp(form->refuse, reason) == 0) {
			*ret_why = catalogue_say(catalogue, &form->refuse_why);
			*ret_advice = catalogue_say(catalogue, &form->refuse_advice);
			return true;
		}
	}
	return false;
}

/* A person who hands in a printout or an archive is best told so. */
static const char *unknown_reason(const struct facts *facts)
{
	return strcmp(facts->format, "zip") == 0 ? "no-form-zip" : strcmp(facts->format, "pdf") == 0 ? "no-form-pdf" : "no-form";
}

static void answer(enum catalogue_verdict verdict, const char *reason, struct catalogue_match *ret)
{
	ret->verdict = verdict;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		if (strcmp(answers[i].reason, reason) == 0) {
			ret->reason = answers[i].reason;
			ret->why = _(answers[i].why);
			ret->advice = _(answers[i].advice);
		}
	}
}

const char *catalogue_say(const struct catalogue *catalogue, const struct catalogue_text *text)
{
	return strcmp(catalogue->language, "cs") == 0 ? text->cs : text->en;
}

const struct catalogue_partner *catalogue_partner_find(const struct catalogue *catalogue, const char *name)
{
	for (size_t i = 0; i < catalogue->partner_count; i++) {
		if (strcmp(catalogue->partners[i].name, name) == 0) {
			return &catalogue->partners[i];
		}
	}
	return NULL;
}

const struct catalogue_form *catalogue_form_find(const struct catalogue *catalogue, const char *partner, const char *id)
{
	const struct catalogue_form *found = NULL, *general = NULL;

	for (size_t i = 0; i < catalogue->form_count; i++) {
		const struct catalogue_form *form = &catalogue->forms[i];

		if (partner != NULL && strcmp(form->partner, partner) != 0) {
			continue;
		}
		if (strcmp(form->id, id) == 0) {
			if (found != NULL) {
				return NULL;
			}
			found = form;
		} else if (partner != NULL && general == NULL && strcmp(form->child, "*") == 0) {
			general = form;
		}
	}
	return found != NULL ? found : general;
}

static bool fact_is(struct span facts, const char *name, const char *value)
{
	struct span found = { 0 };

	return lines_find(facts, name, &found) && span_equals_string(found, value);
}

/* An absent fact is "". False when one is too long to be compared. */
static bool read_facts(struct span text, struct facts *ret)
{
	const struct {
		const char *name;
		char *place;
		size_t size;
	} strings[] = {
		{ "format", ret->format, sizeof ret->format },
		{ "root", ret->root, sizeof ret->root },
		{ "namespace", ret->namespace_uri, sizeof ret->namespace_uri },
		{ "child", ret->child, sizeof ret->child },
		{ "encoding", ret->encoding, sizeof ret->encoding },
	};
	struct span value = { 0 };

	if (!lines_valid(text)) {
		return false;
	}
	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
		if (lines_find(text, strings[i].name, &value) && !span_copy_string(value, strings[i].place, strings[i].size)) {
			return false;
		}
	}
	(void)lines_find_u64(text, "children", &ret->children);
	ret->complete = !fact_is(text, "complete", "no");
	ret->wellformed = fact_is(text, "wellformed", "yes");
	ret->doctype = fact_is(text, "doctype", "yes");
	return ret->format[0] != '\0';
}

/* How many conditions of the form hold, -1 when one does not. */
static int score(const struct catalogue_form *form, const struct facts *facts, const char *file_name)
{
	int points = 1;

	if (strcmp(form->format, facts->format) != 0) {
		return -1;
	}
	if (form->root[0] != '\0') {
		if (strcmp(form->root, facts->root) != 0) {
			return -1;
		}
		points++;
	}
	if (strcmp(form->namespace_uri, "*") != 0) {
		if (strcmp(form->namespace_uri, facts->namespace_uri) != 0) {
			return -1;
		}
		points++;
	}
	if (strcmp(form->child, "*") == 0) {
		if (facts->child[0] == '\0') {
			return -1;
		}
		/* Weaker than a name. */
		points++;
	} else if (form->child[0] != '\0') {
		if (strcmp(form->child, facts->child) != 0) {
			return -1;
		}
		points += 2;
	}
	if (form->file_name[0] != '\0') {
		if (fnmatch(form->file_name, file_name, FNM_CASEFOLD | FNM_PERIOD) != 0) {
			return -1;
		}
		points++;
	}
	return points;
}

static const struct catalogue_partner *partner_of_folder(const struct catalogue *catalogue, const char *folder)
{
	for (size_t i = 0; folder[0] != '\0' && i < catalogue->partner_count; i++) {
		const struct catalogue_partner *partner = &catalogue->partners[i];

		if (strcasecmp(partner->name, folder) == 0) {
			return partner;
		}
		for (size_t k = 0; k < partner->folders.count; k++) {
			if (strcasecmp(partner->folders.items[k], folder) == 0) {
				return partner;
			}
		}
	}
	return NULL;
}

/* The best form; *ret_tied when another partner has one as good. */
static const struct catalogue_form *best_form(const struct catalogue *catalogue, const struct facts *facts, const struct catalogue_partner *only,
                                              const char *file_name, bool *ret_tied)
{
	const struct catalogue_form *best = NULL;
	int most = -1;

	*ret_tied = false;
	for (size_t i = 0; i < catalogue->form_count; i++) {
		const struct catalogue_form *form = &catalogue->forms[i];
		int points = only != NULL && strcmp(only->name, form->partner) != 0 ? -1 : score(form, facts, file_name);

		if (points > most) {
			most = points;
			best = form;
			*ret_tied = false;
		} else if (best != NULL && points == most && strcmp(best->partner, form->partner) != 0) {
			*ret_tied = true;
		}
	}
	return best;
}

/* The name of a form that the catalogue does not list goes into records and file names. */
static bool is_form_name(const char *name)
{
	return name[0] != '\0' && strlen(name) <= CATALOGUE_ID_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(name);
}

static bool is_encoding_fine(const struct catalogue_partner *partner, const struct facts *facts)
{
	if (partner->encodings.count == 0 || strcmp(facts->format, "xml") != 0) {
		return true;
	}
	for (size_t i = 0; i < partner->encodings.count; i++) {
		if (strcasecmp(partner->encodings.items[i], facts->encoding) == 0) {
			return true;
		}
	}
	return false;
}

/* The form is found; may it go on? */
static void judge(const struct catalogue *catalogue, const struct catalogue_form *form, const struct facts *facts, struct catalogue_match *ret)
{
	const char *id = strcmp(form->child, "*") == 0 ? facts->child : form->id;

	ret->form = form;
	ret->partner = catalogue_partner_find(catalogue, form->partner);
	if (!is_form_name(id) && strcmp(form->child, "*") == 0) {
		answer(CATALOGUE_REFUSED, "form-name", ret);
		return;
	}
	if (!span_copy_string(span_of_string(id), ret->id, sizeof ret->id)) {
		answer(CATALOGUE_REFUSED, "form-name", ret);
		return;
	}
	if (form->refuse[0] != '\0') {
		ret->verdict = CATALOGUE_REFUSED;
		ret->reason = form->refuse;
		ret->why = catalogue_say(catalogue, &form->refuse_why);
		ret->advice = catalogue_say(catalogue, &form->refuse_advice);
	} else if (form->children != 0 && form->children != facts->children) {
		answer(CATALOGUE_REFUSED, "children", ret);
	} else if (!is_encoding_fine(ret->partner, facts)) {
		answer(CATALOGUE_REFUSED, "encoding", ret);
	} else {
		ret->verdict = CATALOGUE_FORM;
	}
}

/* What is wrong with the file whatever its form is, or NULL. */
static const char *fault_of(const struct facts *facts)
{
	bool xml = strcmp(facts->format, "xml") == 0;

	if (strcmp(facts->format, "empty") == 0) {
		return "empty";
	}
	if (xml && facts->doctype) {
		return "doctype";
	}
	return xml && !facts->wellformed ? "not-well-formed" : NULL;
}

void catalogue_match(const struct catalogue *catalogue, struct span text, const char *folder, const char *file_name, struct catalogue_match *ret)
{
	const struct catalogue_partner *only = partner_of_folder(catalogue, folder);
	const struct catalogue_form *form = NULL;
	struct facts facts = { 0 };
	bool tied = false;

	*ret = (struct catalogue_match){ .verdict = CATALOGUE_UNKNOWN, .reason = "", .why = "", .advice = "" };
	if (!read_facts(text, &facts)) {
		answer(CATALOGUE_UNKNOWN, "unreadable", ret);
		return;
	}
	if (!facts.complete) {
		answer(CATALOGUE_INCOMPLETE, "incomplete", ret);
		return;
	}
	if (fault_of(&facts) != NULL) {
		answer(CATALOGUE_REFUSED, fault_of(&facts), ret);
		return;
	}
	form = best_form(catalogue, &facts, only, file_name, &tied);
	if (form == NULL) {
		answer(CATALOGUE_UNKNOWN, only != NULL ? "no-form-here" : unknown_reason(&facts), ret);
	} else if (tied) {
		answer(CATALOGUE_UNKNOWN, "ambiguous", ret);
	} else {
		judge(catalogue, form, &facts, ret);
	}
}
