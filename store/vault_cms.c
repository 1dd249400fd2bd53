#include "vault_cms.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/log.h"

#define SEAL_FLAGS (CMS_BINARY | CMS_PARTIAL)
#define COPY_BYTES 16384

static void cleanup_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void cleanup_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

/* The words of libcrypto, which name functions and reasons and no content. */
static int fail(const char *what)
{
	unsigned long code = ERR_peek_last_error();

	log_error("%s: %s", what, code == 0 ? "libcrypto failed" : ERR_reason_error_string(code));
	ERR_clear_error();
	return ERR_INTERNAL;
}

static bool add_kek(CMS_ContentInfo *cms, const uint8_t kek[VAULT_KEK_BYTES], const char *key_id)
{
	unsigned char *key = OPENSSL_memdup(kek, VAULT_KEK_BYTES);
	unsigned char *id = (unsigned char *)OPENSSL_strdup(key_id);

	if (key == NULL || id == NULL || CMS_add0_recipient_key(cms, NID_undef, key, VAULT_KEK_BYTES, id, strlen(key_id), NULL, NULL, NULL) == NULL) {
		OPENSSL_clear_free(key, VAULT_KEK_BYTES);
		OPENSSL_free(id);
		return false;
	}
	return true; /* both belong to the structure now, which wipes the key */
}

static int write_der(CMS_ContentInfo *cms, uint8_t **ret_der, size_t *ret_length)
{
	_cleanup_free_ uint8_t *der = NULL;
	int length = i2d_CMS_ContentInfo(cms, NULL);
	unsigned char *place = NULL;

	if (length <= 0) {
		return fail("cms");
	}
	der = malloc((size_t)length);
	if (der == NULL) {
		return ERR_MEMORY;
	}
	place = der;
	if (i2d_CMS_ContentInfo(cms, &place) != length) {
		return fail("cms");
	}
	*ret_der = der;
	*ret_length = (size_t)length;
	der = NULL;
	return 0;
}

static int finish(CMS_ContentInfo *cms, struct span content, uint8_t **ret_der, size_t *ret_length)
{
	_cleanup_(cleanup_bio) BIO *in = NULL;

	if (content.length > INT32_MAX) {
		return ERR_LIMIT;
	}
	in = BIO_new_mem_buf(content.length == 0 ? "" : (const void *)content.data, (int)content.length);
	/* Without this the structure would say that its content stands elsewhere. */
	if (in == NULL || CMS_set_detached(cms, 0) != 1 || CMS_final(cms, in, NULL, SEAL_FLAGS) != 1) {
		return fail("cms");
	}
	return write_der(cms, ret_der, ret_length);
}

int vault_cms_seal(struct span content, const uint8_t kek[VAULT_KEK_BYTES], const char *key_id, uint8_t **ret_der, size_t *ret_length)
{
	_cleanup_(cleanup_cms) CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());

	if (cms == NULL || !add_kek(cms, kek, key_id)) {
		return fail("cms");
	}
	return finish(cms, content, ret_der, ret_length);
}

int vault_cms_seal_to(struct span content, X509 *const *certificates, size_t count, uint8_t **ret_der, size_t *ret_length)
{
	_cleanup_(cleanup_cms) CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());

	if (cms == NULL || count == 0) {
		return fail("cms");
	}
	for (size_t i = 0; i < count; i++) {
		if (CMS_add1_recipient_cert(cms, certificates[i], 0) == NULL) {
			return fail("cms recipient");
		}
	}
	return finish(cms, content, ret_der, ret_length);
}

/* Copies the decrypted content; the end of the CMS stream is also where libcrypto checks the GCM tag. */
static int read_content(CMS_ContentInfo *cms, uint8_t *ret, size_t size, size_t *ret_length)
{
	_cleanup_(cleanup_bio) BIO *stream = CMS_dataInit(cms, NULL);
	BIO *cipher = NULL;
	size_t have = 0;
	uint8_t beyond[1];

	if (stream == NULL) {
		return ERR_DAMAGE;
	}
	cipher = BIO_find_type(stream, BIO_TYPE_CIPHER);
	for (;;) {
		size_t room = size - have < COPY_BYTES ? size - have : COPY_BYTES;
		int done = room > 0 ? BIO_read(stream, ret + have, (int)room) : BIO_read(stream, beyond, sizeof beyond);

		if (done <= 0) {
			break;
		}
		if (room == 0) {
			return ERR_DAMAGE;
		}
		have += (size_t)done;
	}
	if (cipher == NULL || BIO_get_cipher_status(cipher) != 1) {
		return ERR_DAMAGE;
	}
	*ret_length = have;
	return 0;
}

int vault_cms_open(struct span der, const uint8_t kek[VAULT_KEK_BYTES], const char *key_id, uint8_t *ret, size_t size, size_t *ret_length)
{
	_cleanup_(cleanup_cms) CMS_ContentInfo *cms = NULL;
	const unsigned char *place = der.data;
	unsigned char key[VAULT_KEK_BYTES];
	char id[128];
	int ok = 0;
	int err = ERR_INTERNAL;

	if (der.length == 0 || der.length > INT32_MAX || strlen(key_id) >= sizeof id) {
		return ERR_DAMAGE;
	}
	cms = d2i_CMS_ContentInfo(NULL, &place, (long)der.length);
	if (cms == NULL || place != der.data + der.length || OBJ_obj2nid(CMS_get0_type(cms)) != NID_id_smime_ct_authEnvelopedData) {
		ERR_clear_error();
		return ERR_DAMAGE;
	}
	memcpy(key, kek, sizeof key);
	memcpy(id, key_id, strlen(key_id)); /* counted bytes */ // NOLINT(bugprone-not-null-terminated-result)
	ok = CMS_decrypt_set1_key(cms, key, sizeof key, (unsigned char *)id, strlen(key_id));
	explicit_bzero(key, sizeof key);
	err = ok == 1 ? read_content(cms, ret, size, ret_length) : ERR_DAMAGE;
	ERR_clear_error();
	return err;
}
