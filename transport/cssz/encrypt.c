#include "encrypt.h"

#include <limits.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"

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

static bool may_encipher(X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	return key != NULL && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= ENCRYPT_RSA_BITS_MIN &&
	       (X509_get_key_usage(cert) & KU_KEY_ENCIPHERMENT) != 0; /* no extension: UINT32_MAX */
}

X509 *encrypt_choose(struct span pem, time_t now, const char **ret_why)
{
	_cleanup_(cleanup_bio) BIO *from = pem.length > INT_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.length);
	X509 *best = NULL;

	*ret_why = "no certificate to encrypt for is configured (encrypt_to)";
	for (size_t i = 0; from != NULL && i < ENCRYPT_CERTIFICATES_MAX; i++) {
		X509 *each = PEM_read_bio_X509(from, NULL, NULL, NULL);
		bool good = false;

		if (each == NULL) {
			break;
		}
		good = X509_cmp_time(X509_get0_notBefore(each), &now) < 0 && X509_cmp_time(X509_get0_notAfter(each), &now) > 0 && may_encipher(each);
		if (good && (best == NULL || ASN1_TIME_compare(X509_get0_notBefore(each), X509_get0_notBefore(best)) > 0)) {
			X509_free(best);
			best = each;
		} else {
			*ret_why = "no configured certificate to encrypt for is valid now and may encipher keys (encrypt_to)";
			X509_free(each);
		}
	}
	ERR_clear_error(); /* the end of a PEM file is one */
	return best;
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

int encrypt_for(X509 *recipient, const char *cipher, struct span content, unsigned char **ret_der, size_t *ret_length)
{
	const EVP_CIPHER *how = cipher_by_name(cipher);
	_cleanup_(cleanup_certs) STACK_OF(X509) *recipients = sk_X509_new_null();
	_cleanup_(cleanup_bio) BIO *from = content.length > INT_MAX ? NULL : BIO_new_mem_buf(content.data, (int)content.length);
	_cleanup_(cleanup_cms) CMS_ContentInfo *cms = NULL;
	int length = 0;

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
	*ret_der = NULL;
	length = i2d_CMS_ContentInfo(cms, ret_der);
	*ret_length = length > 0 ? (size_t)length : 0;
	return length > 0 ? 0 : ERR_INTERNAL;
}
