/* text.h - messages for people, through gettext: English in the source, Czech in config/po/cs.po. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <libintl.h>

#define _(text) gettext(text)
/* Marks a text for translation where it is not yet translated (tables). */
#define N_(text) (text)

/* Chooses the catalogue. `language` "cs" or "en"; catalogues are sought where place.h says. */
void text_open(const char *language);

#endif
