/* peer.h - who answered: the certificates that the far end sent, kept as PEM even when they were then refused. */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/cause.h"
#include "../../appliance/base/span.h"

#define PEER_CERTIFICATES_MAX 16
#define PEER_PEM_MAX_BYTES 262144

struct peer {
	uint8_t *pem; /* leaf first, then in the order sent; NULL when no certificate came */
	size_t length;
	bool asked;       /* it wants a certificate of ours */
	bool accepted;    /* it has read all of our handshake: what it had against our certificate it would have said */
	int alert;        /* fatal TLS alert that it sent, -1: none */
	bool closed;      /* the far end said close_notify: what came before is all it had to say */
	char sha256[65];  /* of the leaf, DER, lower-case hex */
	int verify_error; /* X509_V_ERR_*, 0 while there is none */
	char issuer[128]; /* of the last certificate in the chain that was sent, RFC 2253; empty before one came */
	char tls[96];     /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty before the handshake is done */
};

/* Sets the hook on an SSL_CTX (as libcurl hands it over). `peer` must outlive the exchange. False when it cannot. */
bool peer_hook(void *ssl_ctx, struct peer *peer);
/* Notes protocol and cipher of an SSL that finished its handshake; NULL is fine. */
void peer_note_tls(struct peer *peer, const void *ssl);
/* Why a certificate was refused, once the TLS library or libcurl said that it was. */
enum cause peer_cause(const struct peer *peer);
/* Its alert says that it does not let us in: for our certificate (`logged_in`: we have one), or for want of one. */
enum cause peer_login_cause(const struct peer *peer, bool logged_in);
void peer_free(struct peer *peer);

#endif
