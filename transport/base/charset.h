/* charset.h - the encodings of XML that are accepted, and their way to UTF-8 without the system's converters.
 *
 * The jobs can open no files, so iconv's modules are out of reach; two tables do (spec/epo 5: UTF-8, windows-1250, ISO-8859-2).
 */
#ifndef TRANSPORT_BASE_CHARSET_H
#define TRANSPORT_BASE_CHARSET_H

#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

/* The longest UTF-8 that one byte becomes. */
#define CHARSET_GROWTH_MAX 3

enum charset { CHARSET_UTF8, CHARSET_WINDOWS_1250, CHARSET_ISO_8859_2, CHARSET_UNKNOWN };

/* By its name in an XML declaration, any case. US-ASCII counts as UTF-8. */
enum charset charset_by_name(struct span name);
/* The value of `encoding` in the XML declaration that `head` begins with (XML 1.0, 2.8 and 4.3.3), lower case; `ret` stays as it is when there is none. */
void charset_declared(struct span head, char *ret, size_t size);
/* Converts bytes of a single-byte charset; `ret` holds CHARSET_GROWTH_MAX times `from.length`. Bytes without a meaning become U+FFFD. The length. */
size_t charset_to_utf8(enum charset charset, struct span from, uint8_t *ret);

#endif
