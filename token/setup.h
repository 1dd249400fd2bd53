/* setup.h - the settings of one token process, as token.h lists them, checked. */
#ifndef TOKEN_SETUP_H
#define TOKEN_SETUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "../appliance/base/sandbox.h"
#include "../appliance/base/span.h"
#include "p11uri.h"

#define SETUP_KEYS_MAX 16
#define SETUP_PATHS_MAX 24
#define SETUP_NAME_BYTES 64
#define SETUP_NEIGHBOURS_UNKNOWN 1000 /* other tokens are then never strange */
#define SETUP_FINGERPRINT_BYTES 128

#define USE_SIGN (1U << 0)
#define USE_VAULT (1U << 1)
#define USE_TLS (1U << 2)
#define USE_JOURNAL (1U << 3)
#define USE_DECRYPT (1U << 4) /* of messages that partners send */

struct setup_key {
	char name[SETUP_NAME_BYTES];
	struct p11uri uri;
	unsigned use;      /* USE_* */
	char use_text[64]; /* as written */
	int cert_fd;       /* number among the descriptors of SETUP, -1: the certificate is on the token */
};

struct token_setup {
	char module[PATH_MAX];
	struct p11uri uri;
	bool pin_file;
	bool pin_pad;        /* the PIN is entered at the reader */
	unsigned neighbours; /* tokens of other processes that this module may show */
	bool keep_pin;       /* a person's PIN stays in memory while the card is away */
	char pin_fingerprint[SETUP_FINGERPRINT_BYTES];
	int pin_fd; /* owned; -1 without a PIN file */
	struct setup_key keys[SETUP_KEYS_MAX];
	size_t key_count;
	char paths[SETUP_PATHS_MAX][PATH_MAX]; /* storage for `rules` */
	struct sandbox_path rules[SETUP_PATHS_MAX];
	size_t path_count;
	bool allow_software;
	bool pcsc;
	char expected_serial[P11URI_SERIAL_MAX_BYTES + 1]; /* empty: any */
};

/* Reads and checks; sets the environment variables. ERR_FORMAT or ERR_LIMIT with words in `ret_why` (`size` bytes) that name the setting.
 * `pin_fd` of the result is -1: the caller takes the descriptor. */
int setup_read(struct span settings, struct token_setup *ret, char *ret_why, size_t size);

#endif
