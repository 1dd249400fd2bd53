#include "rehearse.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../../appliance/base/cleanup.h"

#define FLIGHTS_MAX 8
#define VALID_S 3600

static void cleanup_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void cleanup_certificate(X509 **certificate)
{
	X509_free(*certificate);
}

static void cleanup_context(SSL_CTX **context)
{
	SSL_CTX_free(*context);
}

static void cleanup_ssl(SSL **ssl)
{
	SSL_free(*ssl);
}

static X509 *make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();

	if (certificate != NULL && (X509_set_pubkey(certificate, key) != 1 || X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_S) == NULL ||
	                            X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S) == NULL || X509_sign(certificate, key, EVP_sha256()) == 0)) {
		X509_free(certificate);
		certificate = NULL;
	}
	return certificate;
}

/* One end writes what the other reads. */
static bool join(SSL *one, SSL *other)
{
	BIO *there = NULL, *back = NULL;

	if (BIO_new_bio_pair(&there, 0, &back, 0) != 1) {
		return false;
	}
	SSL_set_bio(one, there, there);
	SSL_set_bio(other, back, back);
	SSL_set_connect_state(one);
	SSL_set_accept_state(other);
	return true;
}

static bool shake(SSL *client, SSL *server)
{
	char byte = 0;

	for (unsigned i = 0; i < FLIGHTS_MAX; i++) {
		int here = SSL_do_handshake(client), there = SSL_do_handshake(server);

		if (here == 1 && there == 1) {
			return SSL_write(client, "?", 1) == 1 && SSL_read(server, &byte, 1) == 1;
		}
	}
	return false;
}

bool rehearse_handshake(void)
{
	_cleanup_(cleanup_key) EVP_PKEY *key = EVP_EC_gen("P-256");
	_cleanup_(cleanup_certificate) X509 *certificate = key == NULL ? NULL : make_certificate(key);
	_cleanup_(cleanup_context) SSL_CTX *here = SSL_CTX_new(TLS_client_method());
	_cleanup_(cleanup_context) SSL_CTX *there = SSL_CTX_new(TLS_server_method());
	_cleanup_(cleanup_ssl) SSL *client = NULL;
	_cleanup_(cleanup_ssl) SSL *server = NULL;
	bool good = false;

	if (certificate == NULL || here == NULL || there == NULL || SSL_CTX_use_certificate(there, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(there, key) != 1 || X509_STORE_add_cert(SSL_CTX_get_cert_store(here), certificate) != 1) {
		return false;
	}
	SSL_CTX_set_verify(here, SSL_VERIFY_PEER, NULL);
	client = SSL_new(here);
	server = SSL_new(there);
	good = client != NULL && server != NULL && join(client, server) && shake(client, server);
	ERR_clear_error();
	return good;
}
