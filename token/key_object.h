/* key_object.h - the private key objects of the token: where they are, what they are, and what the token can do with them.
 *
 * A handle lives no longer than the session and the login; a module may give an old number to another key (tokens.md: stale handles). So each search compares
 * the public half with the certificate, and each use looks again when the module does not know the handle any more.
 */
#ifndef TOKEN_KEY_OBJECT_H
#define TOKEN_KEY_OBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "libcrypto.h"
#include "module.h"
#include "p11uri.h"

/* What the token can do (C_GetMechanismList); the Init of an operation may refuse all the same. */
#define CAN_SIGN_PKCS1 (1U << 0)
#define CAN_SIGN_PSS (1U << 1)
#define CAN_SIGN_RAW (1U << 2)
#define CAN_DECRYPT_PKCS1 (1U << 3)
#define CAN_DECRYPT_OAEP (1U << 4)
#define CAN_DECRYPT_RAW (1U << 5)
#define CAN_ECDSA (1U << 6)
#define CAN_ECDH (1U << 7)
#define CAN_ECDH_COFACTOR (1U << 8) /* the same as CAN_ECDH on curves of cofactor 1 */

struct key_object {
	unsigned long handle; /* meaningful when found == 1 */
	unsigned found;       /* 0, 1; 2: several match */
	bool always_authenticate;
};

enum key_object_match { KEY_OBJECT_SAME, KEY_OBJECT_OTHER, KEY_OBJECT_HIDDEN };

/* Searches for the private key by id= and object= of the URI. ERR_TOKEN with module->why when the module does not answer. */
int key_object_find(struct module *module, const struct p11uri *uri, struct key_object *ret);
/* Is its public half the certificate's? HIDDEN: the token does not show it. */
enum key_object_match key_object_compare(struct module *module, const struct key_object *object, X509 *certificate);
unsigned key_object_abilities(struct module *module);

#endif
