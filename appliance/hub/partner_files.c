/* partner_files.c - the partners of the configuration with what the catalogue knows of them, and the certificates that are read once, at the start. */
#include <fcntl.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "hub.h"
#include "partner_certs.h"

#define CERTIFICATES_MAX_BYTES (256U * 1024)

/* False when there is a file and it cannot be read. */
static bool load_certificates(const char *path, uint8_t **ret, size_t *ret_length)
{
	_cleanup_close_ int fd = path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	return path[0] == '\0' || (fd >= 0 && fd_read_all(fd, CERTIFICATES_MAX_BYTES, ret, ret_length) == 0);
}

static void load_partner_files(struct hub_partner *partner)
{
	const struct config_partner *config = partner->config;

	if (!load_certificates(config->anchors, &partner->anchors, &partner->anchors_length)) {
		log_error("%s cannot be read: confirmations of %s cannot be verified", config->anchors, config->name);
	}
	if (!load_certificates(config->encrypt_to, &partner->encrypt_to, &partner->encrypt_to_length)) {
		log_error("%s cannot be read: messages for %s cannot be encrypted", config->encrypt_to, config->name);
	}
}

static void load_answer_cert(const struct hub *hub, struct hub_partner *partner)
{
	size_t key = partner->config->answer_keys.count == 0 ? SIZE_MAX : partner->config->answer_key_index[0];
	const char *path = key == SIZE_MAX ? "" : hub->config->keys[key].cert;

	if (!load_certificates(path, &partner->answer_cert, &partner->answer_cert_length)) {
		log_error("%s cannot be read: %s cannot be asked for what it encrypts", path, partner->config->name);
	}
}

void hub_load_partners(struct hub *hub)
{
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		struct hub_partner *partner = &hub->partners[i];

		partner->config = &hub->config->partners[i];
		partner->catalogue = catalogue_partner_find(hub->catalogue, partner->config->name);
		if (partner->catalogue == NULL) {
			log_error("the catalogue does not know the partner %s", partner->config->name);
		}
		load_partner_files(partner);
		partner_certs_begin(partner);
		load_answer_cert(hub, partner);
	}
}
