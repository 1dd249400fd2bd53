/* key.h - the configured keys of the token: private key, certificate, and whether the two belong together. */
#ifndef TOKEN_KEY_H
#define TOKEN_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libcrypto.h"
#include "certificate.h"
#include "key_object.h"
#include "module.h"
#include "setup.h"

#define KEY_PEM_MAX_BYTES 65536
#define KEY_CHAIN_MAX 8
#define KEY_WARNING_BYTES 256

enum key_state { KEY_OK, KEY_MISSING, KEY_MISMATCH, KEY_EXPIRED, KEY_NOT_YET, KEY_BAD_USAGE };

struct token_key {
	const struct setup_key *setup;
	X509 *certificate;        /* owned, NULL: none */
	STACK_OF(X509) * chain;   /* issuers, owned, may be NULL */
	struct certificate facts; /* meaningful when `certificate` is there */
	struct key_object object; /* the private key; found only after a login */
	unsigned abilities;       /* CAN_* of the token */
	bool looked;              /* the private key was sought after a login */
	bool mismatch, unchecked; /* of the last search; unchecked: the token does not show the public half */
	enum key_state state;
	char warning[KEY_WARNING_BYTES]; /* why it is not ok, or what will be soon */
};

/* Reads a PEM file: the first certificate is the key's, those after it its issuers. ERR_CERT. */
int key_read_pem(struct token_key *key, int fd);
/* Reads certificates from the token for keys that have none. */
void key_read_certificates(struct token_key *keys, size_t count, struct module *module);
/* After login: finds the private keys and compares their public halves with the certificates. ERR_TOKEN when the token does not answer. */
int key_find_private(struct token_key *keys, size_t count, struct module *module);
/* The same for one key of which the handle went stale. ERR_TOKEN: it is not there; ERR_CERT: it is another key now. */
int key_find_again(struct token_key *key, struct module *module);
/* Sets `state` and `warning` by the clock; true when something changed. */
bool key_judge(struct token_key *key, int64_t now_ms);
/* Frees the certificates that were read from the token: another one may be in the reader now. */
void key_forget_certificates(struct token_key *keys, size_t count);
/* Forgets the private keys (before logout). */
void key_forget_private(struct token_key *keys, size_t count);
struct token_key *key_by_name(struct token_key *keys, size_t count, const char *name);
const char *key_state_name(enum key_state state);

#endif
