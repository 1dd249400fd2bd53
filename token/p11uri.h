/* p11uri.h - PKCS#11 URIs (RFC 7512), the path part only: which token, which object.
 *
 * Attributes read: token, manufacturer, serial, model, object, type, id. The other ones of the RFC are refused with words, and so is the query
 * part: modules have a key of their own in the configuration, and a PIN never stands in a URI.
 * Failures: ERR_FORMAT, ERR_LIMIT, ERR_UNSUPPORTED, always with *ret_why (static English text).
 */
#ifndef TOKEN_P11URI_H
#define TOKEN_P11URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../appliance/base/span.h"

#define P11URI_TEXT_MAX_BYTES 1024
#define P11URI_VALUE_MAX_BYTES 255 /* object, id */
#define P11URI_LABEL_MAX_BYTES 32  /* token, manufacturer: CK_TOKEN_INFO (PKCS#11 2.40, 3.2) */
#define P11URI_SERIAL_MAX_BYTES 16 /* serial, model */

enum p11uri_type { P11URI_ANY, P11URI_PRIVATE, P11URI_PUBLIC, P11URI_CERT };

struct p11uri {
	/* Empty when the URI does not say. */
	char token[P11URI_LABEL_MAX_BYTES + 1];
	char manufacturer[P11URI_LABEL_MAX_BYTES + 1];
	char model[P11URI_SERIAL_MAX_BYTES + 1];
	char serial[P11URI_SERIAL_MAX_BYTES + 1];
	char object[P11URI_VALUE_MAX_BYTES + 1];
	uint8_t id[P11URI_VALUE_MAX_BYTES];
	size_t id_length;
	enum p11uri_type type;
};

/* `ret` is untouched on failure. "pkcs11:" alone is a lawful URI that matches everything. */
int p11uri_parse(struct span text, struct p11uri *ret, const char **ret_why);

#endif
