/* xmlfault.h - libxml2's error codes in our words: its own messages quote the document, which may hold personal data. */
#ifndef TRANSPORT_BASE_XMLFAULT_H
#define TRANSPORT_BASE_XMLFAULT_H

#include <stdbool.h>

/* Never NULL. */
const char *xmlfault_words(int code);
bool xmlfault_is_limit(int code);

#endif
