#include "card.h"

#include <stdio.h>
#include <string.h>

#include "../base/escape.h"
#include "../base/text.h"
#include "paper.h"

struct explanation {
	const char *reason; /* a prefix of what the record or the inbox says */
	const char *why, *advice;
};

static const struct explanation known[] = {
	{ "partner-not-configured", N_("The authority this file is for is not set up in the box."), N_("Ask the administrator to set it up.") },
	{ "symlink", N_("It is a link, not a file."), N_("Copy the file itself into the folder.") },
	{ "hard-link", N_("The file is kept under more than one name at once."), N_("Copy the file into the folder instead of linking it.") },
	{ "special", N_("It is not an ordinary file."), N_("Copy an ordinary file into the folder.") },
	{ "directory", N_("It is a folder, not a file."), N_("Copy the files one by one into the folder.") },
	{ "too-large", N_("The file is larger than the box accepts."), N_("Check the file. The administrator can change the limit (share.max_file).") },
	{ "unfit", N_("The authority cannot take the file as it is."), N_("Read below what is wrong. Put it right and hand in a new file.") },
	{ "incomplete", N_("The end of the file never came: it was probably copied only in part."), N_("Copy the whole file again.") },
	{ "still-open", N_("Some program kept the file open for writing all the time."), N_("Close it in the program that made it and copy it again.") },
	{ "approval of a second person", N_("A filing of this kind goes out only when a second person approves it."),
	  N_("Look at the form (the file .html beside this card). Approve it with podatelna approve, or refuse it with podatelna reject; not the person who "
	     "handed "
	     "it in.") },
	{ "approval needed", N_("A filing of this kind goes out only when a person approves it."),
	  N_("Look at the form (the file .html beside this card). Approve it with podatelna approve, or refuse it with podatelna reject.") },
	{ "duplicate", N_("The same file was handed in before."), N_("If it should go out again, somebody must approve it (podatelna approve).") },
	{ "the sending was cut off", N_("The connection broke while the filing was being sent. It may have been taken."),
	  N_("Do not hand it in again. Look on the authority's portal; if it is there, attach the confirmation (podatelna attach), if not, send it again "
	     "(podatelna retry).") },
	{ "the connection broke off", N_("The connection broke before the reply was whole. The filing may have been taken."),
	  N_("Do not hand it in again. Look on the authority's portal; if it is there, attach the confirmation (podatelna attach), if not, send it again "
	     "(podatelna retry).") },
	{ "the partner does not know the filing",
	  N_("The authority's system says that it does not know this filing, or no longer. It may have been taken all the same."),
	  N_("Do not hand it in again. Its result may have come by e-mail or into the data box: attach it (podatelna attach). To ask once more: podatelna "
	     "poll. "
	     "Only when the authority says that it does not have it, send it again (podatelna retry).") },
	{ "a sealed result of another filing", N_("The answer of the authority is of another filing."),
	  N_("Do not hand it in again. Ask once more (podatelna poll); if the same comes, ask the authority.") },
	{ "the journal was rolled back", N_("The box was restored from a backup. It does not know what was sent since."),
	  N_("Check on the authority's portal what was taken, then attach the confirmation or send again.") },
};

/* What the inbox and the flow say themselves stands here; what the catalogue said, it explains itself. */
bool card_explain(const struct catalogue *catalogue, const char *reason, const char **ret_why, const char **ret_advice)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strncmp(reason, known[i].reason, strlen(known[i].reason)) == 0) {
			*ret_why = _(known[i].why);
			*ret_advice = _(known[i].advice);
			return true;
		}
	}
	return catalogue_explain(catalogue, reason, ret_why, ret_advice);
}

const char *card_reason(const struct catalogue *catalogue, const char *reason)
{
	const char *why = reason, *advice = NULL;

	(void)card_explain(catalogue, reason, &why, &advice);
	return why;
}

void card_write(const struct catalogue *catalogue, const char *file, const char *number, const char *reason, long long utc_ms, char ret[CARD_MAX_BYTES])
{
	static const char duplicate[] = "duplicate of ";
	char name[1024], words[1024], when[PAPER_TIME_SIZE];
	const char *why = words, *advice = _("Ask the operator of the box.");
	struct paper card;

	(void)escape_text(ESCAPE_TERMINAL, span_of_string(file), name, sizeof name);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(reason), words, sizeof words);
	(void)card_explain(catalogue, reason, &why, &advice);
	paper_time(utc_ms, when);
	paper_begin(&card, ret, CARD_MAX_BYTES);
	paper_line(&card, _("File"), name);
	paper_line(&card, _("When"), when);
	if (number != NULL) {
		paper_line(&card, _("Case"), number);
	}
	if (strncmp(words, duplicate, sizeof duplicate - 1) == 0) {
		paper_line(&card, _("Earlier case"), words + sizeof duplicate - 1);
	}
	paper_blank(&card);
	paper_words(&card, _("Why it was put aside"), why);
	paper_blank(&card);
	paper_words(&card, _("What to do"), advice);
	paper_blank(&card);
	paper_line(&card, _("For the operator"), words);
}
