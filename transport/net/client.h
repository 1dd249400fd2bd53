/* client.h - who the box is in TLS when a key in a token does the logging in: its certificate, and signatures that are asked for over the link to the store.
 *
 * Everything here waits for the store's answer, while nothing else happens in the process: the handshake is libssl's, and it does not wait for signatures. So the
 * link is a bare descriptor until the exchange is over.
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "../../appliance/base/cause.h"
#include "peer.h"
#include "provider.h"
#include "report.h"
#include "request.h"

#define CLIENT_WAIT_MS 30000           /* for one answer of the store: a slow card signs within seconds */
#define CLIENT_MESSAGE_MAX_BYTES 81920 /* to be signed: in TLS 1.2 the whole handshake so far, with the server's certificates */
#define CLIENT_ALGORITHMS_MAX_BYTES 256
#define CLIENT_CHAIN_MAX 8

struct client {
	int link; /* to the store; borrowed, may be another one after a restart; -1: none */
	const struct peer *peer;
	char key[REQUEST_NAME_MAX_BYTES + 1];
	char algorithms[CLIENT_ALGORITHMS_MAX_BYTES]; /* as SSL_CTX_set1_client_sigalgs_list takes them */
	uint64_t requests;
	struct x509_st *chain[CLIENT_CHAIN_MAX]; /* ours first */
	size_t count;
	struct evp_pkey_st *private;
	struct provider_signer signer;
	int err;                         /* why it did not go, 0: it did, or was not asked */
	char why[REPORT_TEXT_MAX_BYTES]; /* words of store or token */
};

/* Asks the store who `key` is. 0, or a negative error that stands in client->err too, with words. In any case client_close. The client must not move then. */
int client_open(struct client *client, int link, const char *key, const struct peer *peer);
void client_close(struct client *client);
/* Sets certificate, key and what it can do on an SSL_CTX (as libcurl hands it over). False when it cannot. */
bool client_hook(struct client *client, void *ssl_ctx);
/* The name of what went wrong on our side; CAUSE_NONE when nothing did. */
enum cause client_cause(const struct client *client);

#endif
