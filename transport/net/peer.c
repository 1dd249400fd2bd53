#include "peer.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keep_fingerprint(struct peer *peer, X509 *leaf)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (X509_digest(leaf, EVP_sha256(), digest, &length) == 1 && length == 32) {
		hex_encode(digest, length, peer->sha256);
	}
}

static bool write_chain(BIO *out, X509 *leaf, STACK_OF(X509) * sent)
{
	int count = sk_X509_num(sent) < PEER_CERTIFICATES_MAX ? sk_X509_num(sent) : PEER_CERTIFICATES_MAX;

	if (PEM_write_bio_X509(out, leaf) != 1) {
		return false;
	}
	for (int i = 0; i < count; i++) {
		X509 *each = sk_X509_value(sent, i);

		if (X509_cmp(each, leaf) != 0 && PEM_write_bio_X509(out, each) != 1) {
			return false;
		}
	}
	return true;
}

static void keep_chain(struct peer *peer, X509 *leaf, STACK_OF(X509) * sent)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long length = 0;

	if (out != NULL && write_chain(out, leaf, sent) && (length = BIO_get_mem_data(out, &bytes)) > 0 && length <= PEER_PEM_MAX_BYTES) {
		uint8_t *copy = malloc((size_t)length);

		if (copy != NULL) {
			memcpy(copy, bytes, (size_t)length);
			free(peer->pem);
			peer->pem = copy;
			peer->length = (size_t)length;
		}
	}
	BIO_free(out);
}

/* Who signed the last certificate that was sent: where certificates are replaced, the one who does it. */
static void keep_issuer(struct peer *peer, X509 *leaf, STACK_OF(X509) * sent)
{
	int count = sk_X509_num(sent);
	X509 *last = count > 0 ? sk_X509_value(sent, count - 1) : leaf;

	if (X509_NAME_oneline(X509_get_issuer_name(last), peer->issuer, sizeof peer->issuer) == NULL) {
		peer->issuer[0] = '\0';
	}
}

/* Stands where OpenSSL would call X509_verify_cert itself: first keep what was shown, then let OpenSSL decide as ever. The host name is
 * libcurl's check, after this one. */
static int verify(X509_STORE_CTX *context, void *argument)
{
	struct peer *peer = argument;
	X509 *leaf = X509_STORE_CTX_get0_cert(context);
	int verified = -1;

	if (leaf != NULL) {
		keep_issuer(peer, leaf, X509_STORE_CTX_get0_untrusted(context));
		keep_fingerprint(peer, leaf);
		keep_chain(peer, leaf, X509_STORE_CTX_get0_untrusted(context));
	}
	verified = X509_verify_cert(context);
	peer->verify_error = verified == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
	return verified;
}

static int peer_index(void)
{
	static int index = -1;

	if (index < 0) {
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	}
	return index;
}

static void on_info(const SSL *ssl, int where, int value)
{
	struct peer *peer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), peer_index());

	if (where != SSL_CB_READ_ALERT || peer == NULL) {
		return;
	}
	if ((value & 0xff) == SSL_AD_CLOSE_NOTIFY) {
		peer->closed = true;
	} else if ((value >> 8) == SSL3_AL_FATAL) {
		peer->alert = value & 0xff;
	}
}

/* The server asked for a certificate; which one, or none, stands in the SSL_CTX already. */
static int on_asked(SSL *ssl, void *context)
{
	struct peer *peer = context;

	(void)ssl;
	peer->asked = true;
	return 1;
}

/* In TLS 1.3 our side of the handshake is over before the server has looked at our certificate (RFC 8446 section 4.4.2.4); its first ticket comes after. */
static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct peer *peer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), peer_index());

	(void)session;
	if (peer != NULL) {
		peer->accepted = true;
	}
	return 0;
}

bool peer_hook(void *ssl_ctx, struct peer *peer)
{
	SSL_CTX *context = ssl_ctx;

	SSL_CTX_set_cert_verify_callback(context, verify, peer);
	/* A connection cut without close_notify is a cut reply, not the end of one (RFC 8446 section 6.1); libcurl 7.88 does not tell them apart. */
	SSL_CTX_set_info_callback(context, on_info);
	SSL_CTX_set_cert_cb(context, on_asked, peer);
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_ticket);
	peer->alert = -1;
	return SSL_CTX_set_ex_data(context, peer_index(), peer) == 1 && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
}

void peer_note_tls(struct peer *peer, const void *ssl)
{
	if (ssl != NULL) {
		(void)snprintf(peer->tls, sizeof peer->tls, "%s %s", SSL_get_version(ssl), SSL_get_cipher_name(ssl));
		peer->accepted = peer->accepted || SSL_version(ssl) < TLS1_3_VERSION; /* there the server has the last word of the handshake */
	}
}

enum cause peer_cause(const struct peer *peer)
{
	switch (peer->verify_error) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return CAUSE_CERTIFICATE_TIME;
	case X509_V_OK:
		return CAUSE_CERTIFICATE_NAME; /* the chain was good: it is the name that libcurl refused */
	default:
		return CAUSE_CERTIFICATE_REPLACED;
	}
}

enum cause peer_login_cause(const struct peer *peer, bool logged_in)
{
	switch (peer->alert) {
	case TLS13_AD_CERTIFICATE_REQUIRED:
	case SSL3_AD_HANDSHAKE_FAILURE:
		return !peer->asked ? CAUSE_NONE : logged_in ? CAUSE_TLS_REFUSED : CAUSE_TLS_WANTED;
	case SSL3_AD_BAD_CERTIFICATE:
	case SSL3_AD_UNSUPPORTED_CERTIFICATE:
	case SSL3_AD_CERTIFICATE_REVOKED:
	case SSL3_AD_CERTIFICATE_EXPIRED:
	case SSL3_AD_CERTIFICATE_UNKNOWN:
	case TLS1_AD_UNKNOWN_CA:
	case TLS1_AD_ACCESS_DENIED:
	case TLS1_AD_DECRYPT_ERROR:
		return logged_in ? CAUSE_TLS_REFUSED : CAUSE_NONE;
	default:
		return CAUSE_NONE;
	}
}

void peer_free(struct peer *peer)
{
	free(peer->pem);
	peer->pem = NULL;
	peer->length = 0;
}
