#include "cryptoki.h"
#include "operation.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/log.h"

static CK_FUNCTION_LIST *api_of(const struct operation *operation)
{
	return &operation->module->api->list;
}

static int fail(const struct operation *operation, int err, const char *what, CK_RV rv)
{
	(void)snprintf(operation->module->why, sizeof operation->module->why, "%s: %s (0x%lx)", what, cryptoki_name(rv), (unsigned long)rv);
	return err;
}

static int refuse(const struct operation *operation, int err, const char *words)
{
	(void)snprintf(operation->module->why, sizeof operation->module->why, "%s", words);
	return err;
}

/* --- what a module says, sorted --- */

static bool is_unsupported(CK_RV rv)
{
	return rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID || rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_ARGUMENTS_BAD ||
	       rv == CKR_KEY_TYPE_INCONSISTENT || rv == CKR_KEY_FUNCTION_NOT_PERMITTED;
}

/* Failures that say nothing of the data: of the device, the session, the login. */
static bool is_trouble(CK_RV rv)
{
	switch (rv) {
	case CKR_HOST_MEMORY:
	case CKR_DEVICE_ERROR:
	case CKR_DEVICE_MEMORY:
	case CKR_DEVICE_REMOVED:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_TOKEN_NOT_RECOGNIZED:
	case CKR_SESSION_CLOSED:
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_USER_NOT_LOGGED_IN:
	case CKR_CRYPTOKI_NOT_INITIALIZED:
	case CKR_FUNCTION_CANCELED:
	case CKR_PIN_EXPIRED:
		return true;
	default:
		return false;
	}
}

/* --- beginning an operation --- */

enum kind { SIGN, DECRYPT };

static CK_RV init(const struct operation *operation, enum kind kind, CK_MECHANISM *mechanism)
{
	return kind == SIGN ? api_of(operation)->C_SignInit(operation->module->session, mechanism, operation->key->object.handle)
	                    : api_of(operation)->C_DecryptInit(operation->module->session, mechanism, operation->key->object.handle);
}

/* An operation that was begun and never ended (its PIN was refused) blocks the session; PKCS#11 2.40 has no call that ends it. */
static bool renew_session(const struct operation *operation)
{
	CK_SESSION_HANDLE session = 0;

	if (api_of(operation)->C_OpenSession(operation->module->slot_id, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK) {
		return false;
	}
	(void)api_of(operation)->C_CloseSession(operation->module->session);
	operation->module->session = session;
	return true;
}

/* What can be mended before anything was done. 0: try again; the number of mendings is the caller's to bound. */
static int mend(const struct operation *operation, CK_RV rv)
{
	switch (rv) {
	case CKR_KEY_HANDLE_INVALID:
	case CKR_OBJECT_HANDLE_INVALID:
		log_warning("key %s: its handle is stale, it is looked for again", operation->key->setup->name);
		return key_find_again(operation->key, operation->module);
	case CKR_OPERATION_ACTIVE:
		return renew_session(operation) ? 0 : ERR_TOKEN;
	default:
		return ERR_TOKEN;
	}
}

/* CKU_CONTEXT_SPECIFIC (PKCS#11 2.40, 5.6): between Init and use. */
static int authenticate(const struct operation *operation)
{
	struct module_flags flags = { 0 };
	const struct pin *pin = operation->pin;
	CK_RV rv = CKR_GENERAL_ERROR;

	if (!operation->key->object.always_authenticate) {
		return 0;
	}
	if (pin->length == 0 && operation->at_reader == NULL) {
		return refuse(operation, ERR_PIN, "the key asks for the PIN before each use, and none is kept");
	}
	if (module_read_flags(operation->module, &flags) != 0) {
		return ERR_TOKEN;
	}
	if (flags.tries == MODULE_TRIES_NONE || flags.tries == MODULE_TRIES_LAST) {
		return refuse(operation, flags.tries == MODULE_TRIES_NONE ? ERR_PIN_BLOCKED : ERR_PIN_LAST,
		              flags.tries == MODULE_TRIES_NONE ? "the PIN is blocked" : "only one try of the PIN is left");
	}
	if (operation->at_reader != NULL) {
		operation->at_reader(operation->context, true);
		rv = api_of(operation)->C_Login(operation->module->session, CKU_CONTEXT_SPECIFIC, NULL, 0);
		operation->at_reader(operation->context, false);
	} else {
		rv = api_of(operation)->C_Login(operation->module->session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)(uintptr_t)pin->page, pin->length);
	}
	switch (rv) {
	case CKR_OK:
	case CKR_USER_ALREADY_LOGGED_IN:
		return 0;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_LEN_RANGE:
	case CKR_PIN_INVALID:
		return fail(operation, ERR_PIN, "C_Login", rv);
	case CKR_PIN_LOCKED:
		return fail(operation, ERR_PIN_BLOCKED, "C_Login", rv);
	default:
		return fail(operation, ERR_TOKEN, "C_Login", rv);
	}
}

static int begin(const struct operation *operation, enum kind kind, CK_MECHANISM *mechanism)
{
	const char *what = kind == SIGN ? "C_SignInit" : "C_DecryptInit";
	CK_RV rv = CKR_GENERAL_ERROR;

	if (operation->key->object.found != 1) {
		return refuse(operation, ERR_TOKEN, "the private key is not there");
	}
	rv = init(operation, kind, mechanism);
	for (int mended = 0; mended < 2 && (rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_OPERATION_ACTIVE); mended++) {
		int err = mend(operation, rv);

		if (err == ERR_CERT) {
			return err;
		}
		if (err != 0) {
			return fail(operation, ERR_TOKEN, what, rv);
		}
		rv = init(operation, kind, mechanism);
	}
	if (rv != CKR_OK) {
		return fail(operation, is_unsupported(rv) ? ERR_UNSUPPORTED : ERR_TOKEN, what, rv);
	}
	return authenticate(operation);
}

/* One signature or block, of which the length is known to fit OPERATION_MAX_BYTES. */
static int use(const struct operation *operation, enum kind kind, CK_MECHANISM *mechanism, struct span data, uint8_t *ret, size_t *ret_length)
{
	CK_BYTE *in = (CK_BYTE *)(uintptr_t)data.data; /* the standard's prototypes know no const */
	CK_ULONG length = OPERATION_MAX_BYTES;
	CK_RV rv = CKR_GENERAL_ERROR;
	int err = begin(operation, kind, mechanism);

	if (err != 0) {
		return err;
	}
	rv = kind == SIGN ? api_of(operation)->C_Sign(operation->module->session, in, data.length, ret, &length)
	                  : api_of(operation)->C_Decrypt(operation->module->session, in, data.length, ret, &length);
	if (rv != CKR_OK || length > OPERATION_MAX_BYTES) {
		return fail(operation, kind == SIGN || is_trouble(rv) ? ERR_TOKEN : ERR_FORMAT, kind == SIGN ? "C_Sign" : "C_Decrypt", rv);
	}
	*ret_length = length;
	return 0;
}

/* --- hashes --- */

static const struct hash {
	int nid;
	CK_MECHANISM_TYPE mechanism;
	CK_RSA_PKCS_MGF_TYPE mgf;
	uint8_t info[19]; /* DigestInfo before the digest (RFC 8017 9.2, note 1) */
	size_t info_length;
} hashes[] = {
	{ NID_sha1, CKM_SHA_1, CKG_MGF1_SHA1, { 0 }, 0 }, /* OAEP only */
	{ NID_sha256,
	  CKM_SHA256,
	  CKG_MGF1_SHA256,
	  { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 },
	  19 },
	{ NID_sha384,
	  CKM_SHA384,
	  CKG_MGF1_SHA384,
	  { 0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30 },
	  19 },
	{ NID_sha512,
	  CKM_SHA512,
	  CKG_MGF1_SHA512,
	  { 0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40 },
	  19 },
};

static const struct hash *hash_of(const EVP_MD *hash)
{
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		if (hashes[i].nid == EVP_MD_get_type(hash)) {
			return &hashes[i];
		}
	}
	return NULL;
}

/* --- signing --- */

bool operation_can_sign(const struct token_key *key, enum operation_padding padding)
{
	if (!key->facts.is_rsa) {
		return (key->abilities & CAN_ECDSA) != 0;
	}
	return (key->abilities & (padding == OPERATION_PSS ? CAN_SIGN_PSS | CAN_SIGN_RAW : CAN_SIGN_PKCS1)) != 0;
}

static int sign_pkcs1(const struct operation *operation, const struct hash *hash, struct span digest, uint8_t *ret, size_t *ret_length)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	uint8_t info[sizeof hash->info + EVP_MAX_MD_SIZE];

	memcpy(info, hash->info, hash->info_length);
	memcpy(info + hash->info_length, digest.data, digest.length);
	return use(operation, SIGN, &mechanism, span_of(info, hash->info_length + digest.length), ret, ret_length);
}

static int sign_pss(const struct operation *operation, const EVP_MD *md, const struct hash *hash, struct span digest, uint8_t *ret, size_t *ret_length)
{
	CK_RSA_PKCS_PSS_PARAMS parameters = { hash->mechanism, hash->mgf, digest.length };
	CK_MECHANISM mechanism = { CKM_RSA_PKCS_PSS, &parameters, sizeof parameters }, raw = { CKM_RSA_X_509, NULL, 0 };
	uint8_t block[PADDING_RSA_MAX_BYTES];
	int bits = operation->key->facts.bits, err = ERR_UNSUPPORTED;

	if ((operation->key->abilities & CAN_SIGN_PSS) != 0) {
		err = use(operation, SIGN, &mechanism, digest, ret, ret_length);
	}
	if (err != ERR_UNSUPPORTED) {
		return err;
	}
	if ((operation->key->abilities & CAN_SIGN_RAW) != 0) {
		err = padding_pss_encode(md, digest, bits, block);
		if (err == 0) {
			err = use(operation, SIGN, &raw, span_of(block, (size_t)(bits + 7) / 8), ret, ret_length);
		}
	}
	return err == ERR_UNSUPPORTED ? refuse(operation, err, "the token can neither RSA-PSS with this digest nor raw RSA") : err;
}

/* r || s (PKCS#11 2.40, mechanisms 2.3.1) to DER. */
static int encode_ecdsa(const uint8_t *pair, size_t length, uint8_t *ret, size_t *ret_length)
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(pair, (int)(length / 2), NULL), *s = BN_bin2bn(pair + length / 2, (int)(length / 2), NULL);
	unsigned char *der = NULL;
	int der_length = -1;

	if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(signature);
		return ERR_MEMORY;
	}
	der_length = i2d_ECDSA_SIG(signature, &der);
	ECDSA_SIG_free(signature);
	if (der_length <= 0 || der_length > OPERATION_MAX_BYTES) {
		OPENSSL_free(der);
		return ERR_MEMORY;
	}
	memcpy(ret, der, (size_t)der_length);
	*ret_length = (size_t)der_length;
	OPENSSL_free(der);
	return 0;
}

static int sign_ecdsa(const struct operation *operation, struct span digest, uint8_t *ret, size_t *ret_length)
{
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	size_t field = (size_t)(operation->key->facts.bits + 7) / 8, length = 0;
	uint8_t pair[OPERATION_MAX_BYTES];
	int err = ERR_INTERNAL;

	/* A longer digest counts with its leftmost bits (SEC 1, 4.1.3); some tokens refuse it whole. The bits of P-256 and P-384 are whole bytes. */
	if (digest.length > field) {
		digest.length = field;
	}
	err = use(operation, SIGN, &mechanism, digest, pair, &length);
	if (err != 0) {
		return err;
	}
	if (length == 0 || length % 2 != 0) {
		return refuse(operation, ERR_TOKEN, "the token's ECDSA signature has a wrong length");
	}
	return encode_ecdsa(pair, length, ret, ret_length);
}

int operation_sign(const struct operation *operation, enum operation_padding padding, const EVP_MD *hash, struct span digest, uint8_t *ret, size_t *ret_length)
{
	const struct hash *facts = hash_of(hash);

	if (facts == NULL || facts->info_length == 0 || digest.length != (size_t)EVP_MD_get_size(hash)) {
		return refuse(operation, ERR_UNSUPPORTED, "this digest is not supported");
	}
	if (operation->key->facts.bits > 8 * OPERATION_MAX_BYTES) {
		return refuse(operation, ERR_LIMIT, "the key is too large");
	}
	if (!operation->key->facts.is_rsa) {
		return sign_ecdsa(operation, digest, ret, ret_length);
	}
	switch (padding) {
	case OPERATION_PKCS1:
		return sign_pkcs1(operation, facts, digest, ret, ret_length);
	case OPERATION_PSS:
		return sign_pss(operation, hash, facts, digest, ret, ret_length);
	case OPERATION_OAEP:
		break;
	}
	return refuse(operation, ERR_UNSUPPORTED, "this padding is not one of signatures");
}

bool operation_verify(const struct token_key *key, enum operation_padding padding, const EVP_MD *hash, struct span digest, struct span signature)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(X509_get0_pubkey(key->certificate), NULL);
	bool good = context != NULL && EVP_PKEY_verify_init(context) == 1;

	if (good && key->facts.is_rsa) {
		good = EVP_PKEY_CTX_set_rsa_padding(context, padding == OPERATION_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1;
	}
	if (good && key->facts.is_rsa && padding == OPERATION_PSS) {
		good = EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
	}
	good = good && EVP_PKEY_CTX_set_signature_md(context, hash) == 1 &&
	       EVP_PKEY_verify(context, signature.data, signature.length, digest.data, digest.length) == 1;
	EVP_PKEY_CTX_free(context);
	return good;
}

/* --- opening --- */

static int open_raw(const struct operation *operation, const struct operation_oaep *oaep, struct span block, uint8_t *ret, size_t *ret_length)
{
	CK_MECHANISM mechanism = { CKM_RSA_X_509, NULL, 0 };
	uint8_t plain[OPERATION_MAX_BYTES] = { 0 }, padded[OPERATION_MAX_BYTES] = { 0 };
	size_t size = (size_t)(operation->key->facts.bits + 7) / 8, length = 0;
	int err = use(operation, DECRYPT, &mechanism, block, plain, &length);

	if (err == 0 && length <= size) {
		memcpy(padded + (size - length), plain, length); /* some modules drop leading zeros */
		err = padding_oaep_decode(oaep->hash, oaep->mgf_hash, oaep->label, span_of(padded, size), ret, ret_length);
	} else if (err == 0) {
		err = ERR_TOKEN;
	}
	explicit_bzero(plain, sizeof plain);
	explicit_bzero(padded, sizeof padded);
	return err;
}

static int open_oaep(const struct operation *operation, const struct operation_oaep *oaep, struct span block, uint8_t *ret, size_t *ret_length)
{
	const struct hash *hash = hash_of(oaep->hash), *mgf = hash_of(oaep->mgf_hash);
	int err = ERR_UNSUPPORTED;

	if (hash == NULL || mgf == NULL) {
		return refuse(operation, err, "this digest is not supported");
	}
	/* SoftHSM 2.6 takes a label and then opens without it, OpenSC 0.23 takes a second hash and uses the first: what is that rare is left to raw RSA. */
	if ((operation->key->abilities & CAN_DECRYPT_OAEP) != 0 && span_is_empty(oaep->label) && hash == mgf) {
		CK_RSA_PKCS_OAEP_PARAMS parameters = { hash->mechanism, mgf->mgf, CKZ_DATA_SPECIFIED, (void *)(uintptr_t)oaep->label.data, oaep->label.length };
		CK_MECHANISM mechanism = { CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters };

		err = use(operation, DECRYPT, &mechanism, block, ret, ret_length);
	}
	if (err == ERR_UNSUPPORTED && (operation->key->abilities & CAN_DECRYPT_RAW) != 0) {
		err = open_raw(operation, oaep, block, ret, ret_length);
	}
	return err == ERR_UNSUPPORTED ? refuse(operation, err, "the token can neither RSA-OAEP with this digest nor raw RSA") : err;
}

int operation_decrypt(const struct operation *operation, const struct operation_oaep *oaep, struct span block, uint8_t *ret, size_t *ret_length)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };

	if (!operation->key->facts.is_rsa || operation->key->facts.bits > 8 * OPERATION_MAX_BYTES) {
		return refuse(operation, ERR_UNSUPPORTED, "the key is not an RSA key that can be used");
	}
	return oaep != NULL ? open_oaep(operation, oaep, block, ret, ret_length) : use(operation, DECRYPT, &mechanism, block, ret, ret_length);
}

/* --- agreeing --- */

static int read_secret(const struct operation *operation, CK_OBJECT_HANDLE object, size_t field, uint8_t *ret, size_t *ret_length)
{
	CK_ATTRIBUTE value = { CKA_VALUE, ret, OPERATION_MAX_BYTES };
	CK_RV rv = api_of(operation)->C_GetAttributeValue(operation->module->session, object, &value, 1);

	(void)api_of(operation)->C_DestroyObject(operation->module->session, object);
	if (rv != CKR_OK) {
		return fail(operation, ERR_TOKEN, "reading the shared secret", rv);
	}
	if (value.ulValueLen != field) {
		return refuse(operation, ERR_TOKEN, "the shared secret has a wrong length");
	}
	*ret_length = field;
	return 0;
}

int operation_derive(const struct operation *operation, struct span point, uint8_t *ret, size_t *ret_length)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG field = (CK_ULONG)(operation->key->facts.bits + 7) / 8;
	CK_ATTRIBUTE secret[] = { { CKA_CLASS, &class, sizeof class }, { CKA_KEY_TYPE, &type, sizeof type },   { CKA_TOKEN, &no, sizeof no },
		                  { CKA_SENSITIVE, &no, sizeof no },   { CKA_EXTRACTABLE, &yes, sizeof yes },  { CKA_ENCRYPT, &yes, sizeof yes },
		                  { CKA_DECRYPT, &yes, sizeof yes },   { CKA_VALUE_LEN, &field, sizeof field } };
	CK_ECDH1_DERIVE_PARAMS parameters = { CKD_NULL, 0, NULL, point.length, (CK_BYTE *)(uintptr_t)point.data };
	CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &parameters, sizeof parameters };
	CK_OBJECT_HANDLE object = 0;
	CK_RV rv = CKR_KEY_HANDLE_INVALID;
	int err = 0;

	if (operation->key->facts.is_rsa || operation->key->object.found != 1) {
		return refuse(operation, ERR_UNSUPPORTED, "the key is not an elliptic one that can be used");
	}
	if ((operation->key->abilities & CAN_ECDH) == 0) {
		mechanism.mechanism = CKM_ECDH1_COFACTOR_DERIVE; /* the same on P-256 and P-384, of cofactor 1 */
	}
	for (int tries = 0; tries < 2 && (rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID) && err == 0; tries++) {
		err = tries > 0 ? mend(operation, rv) : 0;
		if (err == 0) {
			rv = api_of(operation)->C_DeriveKey(operation->module->session, &mechanism, operation->key->object.handle, secret,
			                                    sizeof secret / sizeof secret[0], &object);
		}
	}
	if (err == ERR_CERT) {
		return err;
	}
	if (rv != CKR_OK) {
		return fail(operation, is_unsupported(rv) && (operation->key->abilities & (CAN_ECDH | CAN_ECDH_COFACTOR)) == 0 ? ERR_UNSUPPORTED : ERR_TOKEN,
		            "C_DeriveKey", rv);
	}
	return read_secret(operation, object, field, ret, ret_length);
}
