/* seal_help.h - what a journal key and a time-stamp authority do, for tests of the store: signatures over a checkpoint, stamps by the openssl command. */
#ifndef TESTS_SEAL_HELP_H
#define TESTS_SEAL_HELP_H

#include "store/vault_crypto.h"

#include "appliance/base/span.h"

/* Detached CMS (DER) over `text`, to be free()d. */
uint8_t *seal_help_cms(EVP_PKEY *key, X509 *certificate, struct span text, size_t *ret_length);
/* base64 of key id and signature (C2SP signed-note, type 0x02), terminated, to be free()d. */
char *seal_help_note(EVP_PKEY *key, X509 *certificate, struct span text);
/* SHA-256 of the certificate in hex. */
void seal_help_signer(X509 *certificate, char ret[65]);
/* Makes key and certificate of an authority in the directory (tsa.pem, tsa.key, tsa.cnf). */
void seal_help_tsa(const char *directory);
/* A certificate for stamps of its own (the key is the caller's), and a TimeStampResp made in this process: for tests that need hundreds. */
X509 *seal_help_stamper(EVP_PKEY *key);
uint8_t *seal_help_stamp_here(EVP_PKEY *key, X509 *certificate, struct span of, size_t *ret_length);
/* TimeStampResp of the openssl command over these bytes; to be free()d. */
uint8_t *seal_help_stamp(const char *directory, struct span of, const char *digest, size_t *ret_length);

#endif
