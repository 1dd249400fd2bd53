/* der.h - reading DER (X.690) that strangers made: definite lengths in their shortest form, nothing left over, no deeper than a named limit.
 *
 * A reader takes an element off the front of a span. False means: not there, another one, or not DER; the span is then as it was. Nothing is copied: what comes
 * back points into the bytes that were given. Everything that this room reads was walked by audit_der_is_whole() before.
 */
#ifndef STORE_AUDIT_DER_H
#define STORE_AUDIT_DER_H

#include "audit.h"

#define AUDIT_DER_DEPTH 24
#define AUDIT_DER_MAX_BYTES ((size_t)64 * 1024 * 1024) /* of one element */

enum audit_der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0A,
	DER_UTC_TIME = 0x17,
	DER_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT = 0x80,  /* primitive; | number */
	DER_EXPLICIT = 0xA0, /* constructed; | number */
};

/* The bytes are one element with nothing behind it, and so is everything constructed inside, down to AUDIT_DER_DEPTH. Values of the universal types are in the one
 * form that DER allows: BOOLEAN, INTEGER, ENUMERATED, BIT STRING, NULL, OBJECT IDENTIFIER. */
bool audit_der_is_whole(struct bytes der);

/* The next element, whatever it is. `ret_whole` (may be NULL): with its tag and length. */
bool audit_der_any(struct bytes *from, uint8_t *ret_tag, struct bytes *ret, struct bytes *ret_whole);
/* The next element if it has this tag. */
bool audit_der_read(struct bytes *from, uint8_t tag, struct bytes *ret);
bool audit_der_read_whole(struct bytes *from, uint8_t tag, struct bytes *ret, struct bytes *ret_whole);
bool audit_der_next_is(struct bytes from, uint8_t tag);
/* An element that is all that is left. */
bool audit_der_last(struct bytes from, uint8_t tag, struct bytes *ret);

/* Values. _number: not negative, below 2^63. _bits: whole octets only, as keys and signatures have. _time: RFC 5280 4.1.2.5, UTCTime or GeneralizedTime to seconds
 * without a fraction, in seconds since 1970; reads the element. */
bool audit_der_number(struct bytes value, int64_t *ret);
bool audit_der_read_number(struct bytes *from, int64_t *ret);
bool audit_der_read_bits(struct bytes *from, struct bytes *ret);
bool audit_der_read_time(struct bytes *from, int64_t *ret_s);
/* "YYYYMMDDhhmmss" */
bool audit_der_moment(const uint8_t text[14], int64_t *ret_s);

/* Plain comparison of bytes. */
bool audit_bytes_equal(struct bytes a, struct bytes b);
#define AUDIT_BYTES(array)                                                                                                                                     \
	(struct bytes)                                                                                                                                         \
	{                                                                                                                                                      \
		(array), sizeof(array)                                                                                                                         \
	}

#endif
