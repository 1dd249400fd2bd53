/* words.h - words for people in Czech and English. The Czech ones (config/po/cs/audit*.po) are built into the program, as it runs where nothing of ours is. */
#ifndef STORE_AUDIT_WORDS_H
#define STORE_AUDIT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define _(text) audit_words(text)
#define N_(text) text /* a msgid that is translated where it is said */

extern const unsigned char audit_words_catalogue[]; /* a .mo file; made at build */
extern const size_t audit_words_length;

/* "cs" or "en"; NULL: from LC_ALL, LC_MESSAGES, LANG. False for another language. */
bool audit_words_choose(const char *language);
bool audit_words_czech(void);
/* The words in the chosen language; the text itself where there are none. */
const char *audit_words(const char *text) __attribute__((format_arg(1)));
/* Czech has three forms of a number: one, few (2 to 4), many; English two. Choose among the three of the msgids. */
const char *audit_words_number(unsigned long long count, const char *one, const char *few, const char *many);

#endif
