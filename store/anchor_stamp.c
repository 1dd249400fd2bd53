#include "vault_crypto.h"

#include "anchor_seal.h"

#include <openssl/ts.h>
#include <string.h>

#include "appliance/base/err.h"

#define IMPRINT_MIN_BYTES 32 /* SHA-256 */

/* RFC 3161 2.4.2: 0 granted, 1 grantedWithMods. */
static bool is_granted(TS_RESP *reply)
{
	const ASN1_INTEGER *status = TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(reply));
	int64_t value = -1;

	return ASN1_INTEGER_get_int64(&value, status) == 1 && (value == 0 || value == 1) && TS_RESP_get_token(reply) != NULL &&
	       TS_RESP_get_tst_info(reply) != NULL;
}

/* The imprint against each of `of`. */
static int find_imprint(TS_TST_INFO *info, const struct span *of, size_t count, size_t *ret_which)
{
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
	const ASN1_OCTET_STRING *message = TS_MSG_IMPRINT_get_msg(imprint);
	const ASN1_OBJECT *algorithm = NULL;
	const EVP_MD *md = NULL;

	X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(imprint));
	md = EVP_get_digestbyobj(algorithm);
	if (md == NULL || EVP_MD_get_size(md) < IMPRINT_MIN_BYTES || ASN1_STRING_length(message) != EVP_MD_get_size(md)) {
		return ERR_DAMAGE;
	}
	for (size_t i = 0; i < count; i++) {
		uint8_t digest[EVP_MAX_MD_SIZE];
		unsigned length = 0;

		if (EVP_Digest(of[i].data, of[i].length, digest, &length, md, NULL) != 1) {
			return ERR_MEMORY;
		}
		if (memcmp(digest, ASN1_STRING_get0_data(message), length) == 0) {
			*ret_which = i;
			return 0;
		}
	}
	return ERR_DAMAGE;
}

int anchor_stamp_check(struct span reply, const struct span *of, size_t count, size_t *ret_which, const char **ret_why)
{
	const unsigned char *place = reply.data;
	TS_RESP *response = reply.length > ANCHOR_STAMP_MAX_BYTES ? NULL : d2i_TS_RESP(NULL, &place, (long)reply.length);
	int err = ERR_DAMAGE;

	*ret_why = "it is not a time stamp";
	if (response != NULL && place == reply.data + reply.length && is_granted(response)) {
		*ret_why = "it is over something else";
		err = find_imprint(TS_RESP_get_tst_info(response), of, count, ret_which);
	}
	if (err == 0 && PKCS7_verify(TS_RESP_get_token(response), NULL, NULL, NULL, NULL, PKCS7_BINARY | PKCS7_NOVERIFY) != 1) {
		*ret_why = "its signature does not fit";
		err = ERR_DAMAGE;
	}
	TS_RESP_free(response);
	ERR_clear_error();
	return err;
}

bool anchor_stamp_mentions(struct span reply, struct span of)
{
	const EVP_MD *const kinds[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		uint8_t digest[EVP_MAX_MD_SIZE];
		unsigned length = 0;

		if (EVP_Digest(of.data, of.length, digest, &length, kinds[i], NULL) == 1 && memmem(reply.data, reply.length, digest, length) != NULL) {
			return true;
		}
	}
	return false;
}
