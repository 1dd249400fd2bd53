/* trial.h - a real use of a key that proves nothing to anybody but us: does it work, and does it belong to its certificate?
 *
 * What is signed begins with TRIAL_PREFIX: neither the signed attributes of a CMS (a DER SET, 0x31) nor what TLS signs (64 blanks, or a handshake message of
 * type 1) can begin so, so that no test signature can ever be used as one of those.
 */
#ifndef TOKEN_TRIAL_H
#define TOKEN_TRIAL_H

#include "token.h"

#define TRIAL_PREFIX "Podatelna token test\n"
#define TRIAL_WHY_BYTES 256

struct trial {
	char operation[16]; /* "sign", "decrypt" */
	char algorithm[48]; /* "rsa-2048 pkcs1 sha256" */
	uint64_t ms;        /* that the token took */
	char why[TRIAL_WHY_BYTES];
};

/* Signs and verifies with the certificate; or encrypts with the certificate and decrypts in the token, for keys that only do that (RSA PKCS#1 v1.5, ECDH).
 * 0; ERR_NOTFOUND, ERR_LOCKED, ERR_CERT, ERR_DAMAGE (the token's answer does not fit the certificate), ERR_MEMORY, or what an operation fails with
 * (operation.h); with words (N_) in `why`. */
int trial_run(struct token *token, const char *name, struct trial *ret);

#endif
