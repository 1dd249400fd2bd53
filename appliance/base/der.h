/* der.h - the few DER elements (X.690) that signatures and time stamps are framed with. */
#ifndef BASE_DER_H
#define BASE_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

#define DER_INTEGER 0x02
#define DER_OCTET_STRING 0x04
#define DER_OID 0x06
#define DER_SEQUENCE 0x30
#define DER_SET 0x31
#define DER_CONTEXT_0 0xa0
#define DER_CONTEXT_1 0xa1

#define DER_HEADER_MAX_BYTES 10

/* Writes tag and shortest definite length (X.690 10.1); the number of bytes. */
size_t der_header(uint8_t tag, uint64_t length, uint8_t ret[DER_HEADER_MAX_BYTES]);
size_t der_header_length(uint64_t length);

/* Reads one element with this tag off the front; refuses lengths that are indefinite or not the shortest. `ret_whole` (may be NULL) includes the header. */
bool der_read(struct span *from, uint8_t tag, struct span *ret_content, struct span *ret_whole);

#endif
