/* content_key.h - the key of a CMS content, opened by the private key in the token.
 *
 * Constant behaviour (RFC 3218): where the padding or the wrapped key is not right, the result is a random key, chosen without a branch, and the call succeeds;
 * the content then fails like any content that was altered. Only what says nothing of the data fails here: the errors of operation.h but ERR_FORMAT.
 */
#ifndef TOKEN_CONTENT_KEY_H
#define TOKEN_CONTENT_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "envelope.h"
#include "operation.h"

/* `ret`: length bytes, at most ENVELOPE_KEY_MAX_BYTES; the caller wipes it. */
int content_key_open(const struct operation *operation, const struct envelope_recipient *recipient, uint8_t *ret, size_t length);

#endif
