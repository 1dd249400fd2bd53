/* xmlfault.h - libxml2's error codes in our words: its own messages quote the document, which may hold personal data. */
#ifndef TRANSPORT_BASE_XMLFAULT_H
#define TRANSPORT_BASE_XMLFAULT_H

#include <stdbool.h>

/* Never NULL. */
const char *xmlfault_words(int code);
bool xmlfault_is_limit(int code);
/* What libxml2 would print on standard error, with pieces of the document in it, is dropped: faults are told by results. For the whole process, from the first call on. */
void xmlfault_hush(void);

#endif
