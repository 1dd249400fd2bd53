#include "encrypt.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../base/certificates.h"
#include "../base/signer.h"

static void cleanup_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

static void cleanup_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void cleanup_certs(STACK_OF(X509) * *certs)
{
	sk_X509_free(*certs); /* the certificates are borrowed */
}

X509 *encrypt_choose(struct span file, const char *sha256, time_t now, const char **ret_why)
{
	_cleanup_(certificates_free) struct certificates all = { 0 };

	*ret_why = "no certificate to encrypt for is configured and approved (encrypt_to)";
	if (sha256[0] == '\0' || certificates_read(file, &all) != 0) {
		return NULL;
	}
	for (size_t i = 0; i < all.count; i++) {
		X509 *each = all.certs[i];
		char hex[SIGNER_HEX_SIZE];

		signer_fingerprint(each, hex);
		if (strcmp(hex, sha256) != 0) {
			continue;
		}
		if (X509_cmp_time(X509_get0_notBefore(each), &now) < 0 && X509_cmp_time(X509_get0_notAfter(each), &now) > 0 &&
		    certificates_may_encipher(each) && X509_up_ref(each) == 1) {
			return each;
		}
		*ret_why = "the approved certificate to encrypt for is not valid now or may not encipher keys (encrypt_to)";
	}
	return NULL;
}

static const EVP_CIPHER *cipher_by_name(const char *name)
{
	static const struct {
		const char *name;
		const EVP_CIPHER *(*get)(void);
	} known[] = {
		{ "aes-256-cbc", EVP_aes_256_cbc }, { "aes-192-cbc", EVP_aes_192_cbc }, { "aes-128-cbc", EVP_aes_128_cbc }, { "des-ede3-cbc", EVP_des_ede3_cbc }
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].name, name) == 0) {
			return known[i].get();
		}
	}
	return NULL;
}

int encrypt_for(X509 *recipient, const char *cipher, uint8_t **content, size_t length, unsigned char **ret_der, size_t *ret_length)
{
	const EVP_CIPHER *how = cipher_by_name(cipher);
	_cleanup_(cleanup_certs) STACK_OF(X509) *recipients = sk_X509_new_null();
	_cleanup_(cleanup_bio) BIO *from = length > INT_MAX ? NULL : BIO_new_mem_buf(*content, (int)length);
	_cleanup_(cleanup_cms) CMS_ContentInfo *cms = NULL;
	int der_length = 0;

	if (how == NULL) {
		return ERR_UNSUPPORTED;
	}
	if (recipients == NULL || from == NULL || sk_X509_push(recipients, recipient) <= 0) {
		return ERR_MEMORY;
	}
	cms = CMS_encrypt(recipients, from, how, CMS_BINARY);
	if (cms == NULL) {
		return ERR_INTERNAL;
	}
	free(*content);
	*content = NULL;
	*ret_der = NULL;
	der_length = i2d_CMS_ContentInfo(cms, ret_der);
	*ret_length = der_length > 0 ? (size_t)der_length : 0;
	return der_length > 0 ? 0 : ERR_INTERNAL;
}
