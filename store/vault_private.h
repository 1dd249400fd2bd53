/* vault_private.h - the inside of struct vault, for vault.c and vault_erase.c. */
#ifndef STORE_VAULT_PRIVATE_H
#define STORE_VAULT_PRIVATE_H

#include "vault.h"

#include "archive.h"
#include "keys_text.h"

struct vault {
	const struct fileops *ops;
	struct keys *keys;
	const struct recipients *recipients;
	int vault_fd, tmp_fd, keys_fd;
	char origin[KEYS_ORIGIN_SIZE];
	char origin_tag[2 * 8 + 1];
	char archive[512]; /* path, "": none */
};

#endif
