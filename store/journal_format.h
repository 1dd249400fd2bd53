/* journal_format.h - the text of FORMAT.txt, compiled in (store/CMakeLists.txt makes the C file). */
#ifndef STORE_JOURNAL_FORMAT_H
#define STORE_JOURNAL_FORMAT_H

#include <stddef.h>

extern const unsigned char journal_format_text[];
extern const size_t journal_format_length;

#endif
