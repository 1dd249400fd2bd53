/* base64.h - RFC 4648 section 4, in one line to a descriptor, and back from foreign text. */
#ifndef TRANSPORT_BASE_BASE64_H
#define TRANSPORT_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

/* Without line breaks. 0 or an error of writing. */
int base64_write(int fd, struct span from);
/* With or without white space in it, whole, at most `limit` bytes of text. *ret is for free(), set in any case. False when it is no base64, empty, longer, or
 * without memory. */
bool base64_decode(struct span text, size_t limit, uint8_t **ret, size_t *ret_length);

#endif
