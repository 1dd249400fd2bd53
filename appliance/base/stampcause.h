/* stampcause.h - why an answer of a time-stamp authority is no stamp, in words for people (spec timestamps 3: the true cause, which a person can act on).
 *
 * The job that reads the answer (transport/base/job.h, kind `stamp-reply`) says one stable word; records hold the word, people read the text.
 */
#ifndef BASE_STAMPCAUSE_H
#define BASE_STAMPCAUSE_H

#include <stddef.h>

struct stamp_cause {
	const char *word; /* [a-z-], for ever */
	const char *text; /* English, marked for translation */
};

/* The text of a word, untranslated; a general one for a word that is not known. NULL is fine. */
const char *stamp_cause_text(const char *word);
/* The n-th of all; NULL beyond the last. */
const struct stamp_cause *stamp_cause_nth(size_t n);

#endif
