#include "text.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_DOMAIN "podatelna"

/* <directory of the program>/../share/locale, when it exists. */
static const char *catalogue_directory(void)
{
	static char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
	char *slash = NULL;

	if (length <= 0) {
		return "/usr/share/locale";
	}
	path[length] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL) {
		return "/usr/share/locale";
	}
	(void)snprintf(slash, 64, "/../share/locale");
	return access(path, R_OK) == 0 ? path : "/usr/share/locale";
}

void text_open(const char *language)
{
	/* C.UTF-8 is always there; LANGUAGE then chooses the catalogue without any locale of the language being installed. */
	(void)setenv("LANGUAGE", strcmp(language, "cs") == 0 ? "cs" : "en", 1);
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	(void)setlocale(LC_MESSAGES, "C.UTF-8");
	(void)bindtextdomain(TEXT_DOMAIN, catalogue_directory());
	(void)bind_textdomain_codeset(TEXT_DOMAIN, "UTF-8");
	(void)textdomain(TEXT_DOMAIN);
	(void)gettext("received"); /* loads the catalogue now: in a sandbox it could not be opened */
}
