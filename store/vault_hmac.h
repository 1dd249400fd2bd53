/* vault_hmac.h - HMAC-SHA256 over content that comes in pieces. */
#ifndef STORE_VAULT_HMAC_H
#define STORE_VAULT_HMAC_H

#include <stdbool.h>
#include <stdint.h>

#include "appliance/base/span.h"

#define VAULT_HMAC_BYTES 32

struct vault_hmac;

/* NULL: libcrypto failed. */
struct vault_hmac *vault_hmac_new(const uint8_t key[VAULT_HMAC_BYTES]);
bool vault_hmac_update(struct vault_hmac *hmac, struct span piece);
bool vault_hmac_finish(struct vault_hmac *hmac, uint8_t ret[VAULT_HMAC_BYTES]);
void vault_hmac_free(struct vault_hmac *hmac);

#endif
