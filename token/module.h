/* module.h - the PKCS#11 module and the one token in it.
 *
 * The module is loaded by dlopen and C_Initialize(NULL), without OS locking, before libp11 loads it again: opensc-pkcs11 deadlocks on card removal when it is
 * given OS locking, and libp11 0.4.12 always asks for it; it accepts a module that is initialised already. PKCS11_update_slots is never called: it crashes.
 * Login is done here, not by libp11, which would keep a copy of the PIN for the life of the slot. Login belongs to the application
 * (PKCS#11 2.40, 5.6), so libp11's sessions share it as long as the session opened here lives.
 *
 * Failures: ERR_TOKEN and others named below; the words (module_why) are English and carry no secrets.
 */
#ifndef TOKEN_MODULE_H
#define TOKEN_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libcrypto.h"
#include "../appliance/base/span.h"
#include "p11uri.h"

#define MODULE_WHY_BYTES 200

struct module_api; /* function list of the module */

struct module {
	void *library;
	struct module_api *api;
	PKCS11_CTX *context;
	bool loaded; /* into `context` */
	PKCS11_SLOT *slots;
	unsigned slot_count;
	unsigned long readers; /* slots with and without token, when they were listed */
	unsigned strangers;    /* tokens that do not match, when they were listed */
	PKCS11_SLOT *slot;     /* of our token, NULL: none */
	unsigned long slot_id;
	unsigned long session; /* ours; keeps the login alive. 0: none */
	char why[MODULE_WHY_BYTES];
};

/* What the token tells of the tries that are left. Most cards count, PKCS#11 gives no number (CKF_USER_PIN_COUNT_LOW and its like). */
enum module_tries { MODULE_TRIES_UNKNOWN, MODULE_TRIES_OK, MODULE_TRIES_LOW, MODULE_TRIES_LAST, MODULE_TRIES_NONE };

struct module_flags {
	bool login_required;
	bool pin_pad; /* the PIN can be entered at the reader (CKF_PROTECTED_AUTHENTICATION_PATH); one that comes from here works too */
	enum module_tries tries;
};

int module_load(struct module *module, const char *path);
/* C_Finalize and dlclose, also half-way through loading; key objects must have been freed. Afterwards module_load may come again. */
void module_unload(struct module *module);
/* Finds the one token. ERR_NOTFOUND; ERR_EXISTS: several match; ERR_MISMATCH: there is one, but of another serial than the URI or `expected_serial` says,
 * or there are other tokens, more than the `neighbours` that belong to other processes (then `slot` points to it, for its name, where it is the only one). */
int module_find_token(struct module *module, const struct p11uri *uri, const char *expected_serial, unsigned neighbours);
int module_open_session(struct module *module);
/* A fresh look at the token, not what was read at the start. */
int module_read_flags(struct module *module, struct module_flags *ret);
/* C_Login as user; `pin` NULL: it is entered at the reader. 0, ERR_PIN (refused), ERR_PIN_BLOCKED, ERR_DEADLINE (nobody entered it, or cancelled), ERR_TOKEN. */
int module_login(struct module *module, const char *pin, size_t length);
/* Logs out and forgets all of libp11's objects; key objects must have been freed. There is no slot and no session after it. */
int module_logout(struct module *module);
/* Is the session alive and, when `logged_in`, still logged in? 0, ERR_GONE (token removed), ERR_LOCKED (login lost), ERR_TOKEN. */
int module_check(struct module *module, bool logged_in);
/* Has the token that was found been taken away, or has a reader come or gone? Works without a session. */
bool module_has_changed(struct module *module);
bool module_is_software(const struct module *module);

/* The last errors of OpenSSL and libp11 in words; clears the queue. *ret_pin_refused (may be NULL): the module said that the PIN was wrong. */
void module_openssl_why(char *ret, size_t size, bool *ret_pin_refused);

#endif
