#include "keys_recipients.h"

#include "appliance/base/err.h"

int recipients_add(struct recipients *recipients, struct span pem)
{
	BIO *bio = NULL;
	X509 *certificate = NULL;
	EVP_PKEY *key = NULL;
	unsigned length = 0;

	if (recipients->count == RECIPIENTS_MAX || pem.length > RECIPIENTS_PEM_MAX_BYTES) {
		return ERR_LIMIT;
	}
	bio = BIO_new_mem_buf(pem.data, (int)pem.length);
	if (bio != NULL) {
		certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	}
	BIO_free(bio);
	key = certificate == NULL ? NULL : X509_get0_pubkey(certificate);
	if (key == NULL || (EVP_PKEY_base_id(key) != EVP_PKEY_RSA && EVP_PKEY_base_id(key) != EVP_PKEY_EC) ||
	    X509_digest(certificate, EVP_sha256(), recipients->fingerprints[recipients->count], &length) != 1) {
		X509_free(certificate);
		ERR_clear_error();
		return ERR_CERT;
	}
	recipients->certificates[recipients->count++] = certificate;
	return 0;
}

void recipients_free(struct recipients *recipients)
{
	for (size_t i = 0; i < recipients->count; i++) {
		X509_free(recipients->certificates[i]);
	}
	recipients->count = 0;
}
