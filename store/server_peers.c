#include "vault_crypto.h"

#include "server_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"

bool server_peers_digest(int fd, uint8_t ret[OBJECT_HASH_BYTES])
{
	_cleanup_free_ uint8_t *content = NULL;
	struct stat status;

	if (fstat(fd, &status) != 0 || status.st_size <= 0 || status.st_size > SERVER_PEERS_CONTENT_MAX || (content = malloc((size_t)status.st_size)) == NULL) {
		return false;
	}
	return pread(fd, content, (size_t)status.st_size, 0) == status.st_size && SHA256(content, (size_t)status.st_size, ret) != NULL;
}

const struct object_ref *server_peers_find(const struct server_peers *peers, const char *case_number, const uint8_t digest[OBJECT_HASH_BYTES])
{
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		const struct server_peer *peer = &peers->entries[i];

		if (strcmp(peer->case_number, case_number) == 0 && memcmp(peer->digest, digest, OBJECT_HASH_BYTES) == 0) {
			return &peer->ref;
		}
	}
	return NULL;
}

void server_peers_add(struct server_peers *peers, const char *case_number, const uint8_t digest[OBJECT_HASH_BYTES], const struct object_ref *ref)
{
	struct server_peer *peer = &peers->entries[peers->next];

	peers->next = (peers->next + 1) % SERVER_PEERS_MAX;
	(void)snprintf(peer->case_number, sizeof peer->case_number, "%s", case_number);
	memcpy(peer->digest, digest, OBJECT_HASH_BYTES);
	peer->ref = *ref;
}
