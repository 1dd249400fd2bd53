/* vault_cms.h - the two CMS shapes of the vault (FORMAT.txt, "Vault"; RFC 5083, 5084, 5652), both DER and readable with `openssl cms`:
 *   part:      AuthEnvelopedData, AES-256-GCM, one KEKRecipientInfo (AES-256 key wrap)
 *   key file:  AuthEnvelopedData, AES-256-GCM, one recipient per vault certificate (RSA PKCS#1 v1.5, or ECDH)
 */
#ifndef STORE_VAULT_CMS_H
#define STORE_VAULT_CMS_H

#include <stddef.h>
#include <stdint.h>

#include "vault_crypto.h"

#include "appliance/base/span.h"

#define VAULT_KEK_BYTES 32
#define VAULT_PART_OVERHEAD_MAX 512 /* DER around the content of a part */

/* *ret_der is the caller's to free() (it holds no secret). ERR_MEMORY or ERR_INTERNAL (libcrypto; its words are logged). */
int vault_cms_seal(struct span content, const uint8_t kek[VAULT_KEK_BYTES], const char *key_id, uint8_t **ret_der, size_t *ret_length);
int vault_cms_seal_to(struct span content, X509 *const *certificates, size_t count, uint8_t **ret_der, size_t *ret_length);
/* Opens a part into `ret` (of `size` bytes): the length of the content in *ret_length. ERR_DAMAGE: not such a CMS, another key, or altered. */
int vault_cms_open(struct span der, const uint8_t kek[VAULT_KEK_BYTES], const char *key_id, uint8_t *ret, size_t size, size_t *ret_length);

#endif
