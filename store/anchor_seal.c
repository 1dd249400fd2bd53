#include "vault_crypto.h"

#include "anchor_seal.h"

#include <string.h>

#include "appliance/base/err.h"
#include "appliance/base/text.h"

#define SIGNATURE_MAX_BYTES 128 /* DER of two integers of 32 bytes is at most 72 */

/* RFC 8017 and SEC 1 keys come here; the curve says whether C2SP has a type for it. SPKI as the certificate holds it. */
static int describe_key(X509 *certificate, struct anchor_seal *ret)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned char *der = NULL;
	unsigned length = 0;
	char group[32] = "";
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
	bool good = size > 0 && EVP_Digest(der, (size_t)size, digest, &length, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	ret->key = X509_get_pubkey(certificate);
	if (!good || ret->key == NULL || X509_digest(certificate, EVP_sha256(), ret->signer, &length) != 1) {
		return ERR_MEMORY;
	}
	memcpy(ret->key_id, digest, sizeof ret->key_id);
	ret->p256 = EVP_PKEY_is_a(ret->key, "EC") == 1 && EVP_PKEY_get_group_name(ret->key, group, sizeof group, NULL) == 1 && strcmp(group, "prime256v1") == 0;
	return 0;
}

static int check_signers(CMS_ContentInfo *cms, BIO *text, struct anchor_seal *ret, const char **ret_why)
{
	STACK_OF(X509) *signers = NULL;
	int err = ERR_DAMAGE;

	*ret_why = N_("the signature does not fit the text");
	if (CMS_is_detached(cms) != 1 || sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)) != 1) {
		*ret_why = N_("it is not a detached signature by one key");
	} else if (CMS_verify(cms, NULL, NULL, text, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1) {
		signers = CMS_get0_signers(cms);
		err = sk_X509_num(signers) == 1 ? describe_key(sk_X509_value(signers, 0), ret) : ERR_MEMORY;
	}
	sk_X509_free(signers);
	return err;
}

int anchor_seal_check(struct span der, struct span text, struct anchor_seal *ret, const char **ret_why)
{
	const unsigned char *place = der.data;
	CMS_ContentInfo *cms = NULL;
	BIO *bio = NULL;
	int err = ERR_DAMAGE;

	*ret_why = N_("it is not a CMS signature");
	if (der.length > ANCHOR_SEAL_MAX_BYTES || text.length > ANCHOR_NOTE_MAX_BYTES) {
		return ERR_DAMAGE;
	}
	cms = d2i_CMS_ContentInfo(NULL, &place, (long)der.length);
	bio = BIO_new_mem_buf(text.data, (int)text.length);
	if (bio == NULL) {
		err = ERR_MEMORY;
	} else if (cms != NULL && place == der.data + der.length && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed) {
		err = check_signers(cms, bio, ret, ret_why);
	}
	BIO_free(bio);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return err;
}

bool anchor_seal_check_note(const struct anchor_seal *seal, struct span text, struct span base64)
{
	uint8_t bytes[ANCHOR_KEY_ID_BYTES + SIGNATURE_MAX_BYTES];
	EVP_MD_CTX *digest = NULL;
	size_t length = 0;
	bool good = false;

	if (!seal->p256 || !anchor_base64_decode(base64, bytes, sizeof bytes, &length) || length <= ANCHOR_KEY_ID_BYTES ||
	    memcmp(bytes, seal->key_id, ANCHOR_KEY_ID_BYTES) != 0) {
		return false;
	}
	digest = EVP_MD_CTX_new();
	good = digest != NULL && EVP_DigestVerifyInit(digest, NULL, EVP_sha256(), NULL, seal->key) == 1 &&
	       EVP_DigestVerify(digest, bytes + ANCHOR_KEY_ID_BYTES, length - ANCHOR_KEY_ID_BYTES, text.data, text.length) == 1;
	EVP_MD_CTX_free(digest);
	ERR_clear_error();
	return good;
}

int anchor_seal_check_lines(const struct anchor_seal *seal, const struct anchor_note *note)
{
	int found = 0;

	for (size_t i = 0; i < note->count; i++) {
		if (!span_equals(note->lines[i].name, note->origin)) {
			continue; /* of somebody else, a witness: keys that are not known say nothing (C2SP signed-note) */
		}
		if (!anchor_seal_check_note(seal, note->text, note->lines[i].base64)) {
			return ERR_DAMAGE;
		}
		found = 1;
	}
	return found;
}

void anchor_seal_free(struct anchor_seal *seal)
{
	EVP_PKEY_free(seal->key);
	seal->key = NULL;
}
