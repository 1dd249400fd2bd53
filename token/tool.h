/* tool.h - `podatelna-token --tool`: one thing done to a token that no box is using, then the end: a new token, a new key with its request, a certificate.
 *
 * Descriptors, opened by who starts it (podatelnad --tool, for the command line): 3 settings (LINES as in token.h, without PIN and keys), 4 the order (LINES), 5 a
 * pipe with the user PIN, 6 one with the PIN of the security officer, 7 a certificate to be read, 8 a file to be written; 6 to 8 may be closed. Standard output
 * gets LINES of the result. Exit code 0, or 1 with `error` in them.
 *
 * ORDER  action: init, make-key, import-cert
 *   init         label; wipe: serial number of the token whose content is to be lost (only then a token that is not blank is touched)
 *   make-key     type (rsa-2048 rsa-3072 p-256 p-384), use (sign tls journal vault decrypt), subject ("CN=Jane Doe,O=Firm,C=CZ"), id (hexadecimal; absent: the
 *                first free one), label (absent: the use). The request (PKCS#10, RFC 2986, PEM, SHA-256) is signed by the key and written to descriptor 8
 *   import-cert  replace: yes, when the certificate that is there may be lost. PEM or DER from descriptor 7; goes to the key whose public half it names
 * RESULT  label, serial, uri (of the token), id, key-label, key-uri, algorithm, subject, not-after; error (words for a person, N_), detail (of the module)
 *
 * No PIN is tried when the token says that it is the last try, and none twice. Keys are made SENSITIVE and not EXTRACTABLE; a token that makes another kind of key
 * has it deleted again and is refused (P1).
 */
#ifndef TOKEN_TOOL_H
#define TOKEN_TOOL_H

#include "libcrypto.h"
#include "cryptoki.h"

#include "../appliance/base/lines.h"
#include "key.h"
#include "module.h"
#include "pin.h"
#include "setup.h"

#define TOOL_SETTINGS_FD 3
#define TOOL_ORDER_FD 4
#define TOOL_PIN_FD 5
#define TOOL_OFFICER_FD 6
#define TOOL_IN_FD 7
#define TOOL_OUT_FD 8
#define TOOL_LINES_MAX_BYTES 16384
#define TOOL_MODULE_S 180 /* an RSA key takes a card its time */

struct tool {
	struct token_setup setup;
	struct module module;
	struct pin pin, officer;
	char order[TOOL_LINES_MAX_BYTES];
	struct lines result;
	uint8_t *in; /* of descriptor 7, read before the sandbox; owned */
	size_t in_length;
};

/* podatelna-token --tool; the exit code. */
int tool_run(void);

/* Words for a person and, where rv is not CKR_OK, the module's. Returns `err`. */
int tool_fail(struct tool *tool, int err, const char *words, CK_RV rv);
/* The value of a line of the order, "" when absent. */
void tool_order(const struct tool *tool, const char *name, char *ret, size_t size);
CK_FUNCTION_LIST *tool_api(const struct tool *tool);

/* tool.c: the slot of the token that the settings name, logged in as user, in a session that can write. */
int tool_login(struct tool *tool);
/* The first object of this class and id (`id_length` 0: of any id, `nth` of them); false when there is none. */
bool tool_find(struct tool *tool, CK_OBJECT_CLASS class, struct span id, size_t nth, CK_OBJECT_HANDLE *ret);

/* tool_init.c, tool_key.c, tool_certificate.c */
int tool_init_token(struct tool *tool);
int tool_make_key(struct tool *tool);
int tool_import(struct tool *tool);

#endif
