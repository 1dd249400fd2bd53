#include "text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"

#define TEXT_DOMAIN "podatelna"

void text_open(const char *language)
{
	static char path[PLACE_MAX_BYTES];

	/* C.UTF-8 is always there; LANGUAGE then chooses the catalogue without any locale of the language being installed. */
	(void)setenv("LANGUAGE", strcmp(language, "cs") == 0 ? "cs" : "en", 1);
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	(void)setlocale(LC_MESSAGES, "C.UTF-8");
	(void)bindtextdomain(TEXT_DOMAIN, place_share("locale", path) == 0 ? path : "/usr/share/locale");
	(void)bind_textdomain_codeset(TEXT_DOMAIN, "UTF-8");
	(void)textdomain(TEXT_DOMAIN);
	(void)gettext("received"); /* loads the catalogue now: in a sandbox it could not be opened */
}
