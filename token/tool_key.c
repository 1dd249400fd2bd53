/* A key pair made on the token, and the request for its certificate (PKCS#10, RFC 2986), signed by the key itself. */
#include "tool.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/fdio.h"
#include "../appliance/base/text.h"
#include "../appliance/base/der.h"
#include "look.h"
#include "operation.h"

#define ID_MAX_BYTES 32
#define LABEL_MAX_BYTES 64
#define SUBJECT_MAX_BYTES 1024
#define ATTRIBUTE_MAX_BYTES 1040
#define PUBLIC_MAX_COUNT 10

struct kind {
	const char *name;
	bool rsa;
	CK_ULONG bits;
	const char *group;
	uint8_t curve[10]; /* OID in DER */
	CK_ULONG curve_length;
};

static const struct kind kinds[] = {
	{ "rsa-2048", true, 2048, NULL, { 0 }, 0 },
	{ "rsa-3072", true, 3072, NULL, { 0 }, 0 },
	{ "p-256", false, 256, "P-256", { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 }, 10 },
	{ "p-384", false, 384, "P-384", { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 }, 7 },
};

struct making {
	const struct kind *kind;
	uint8_t id[ID_MAX_BYTES];
	size_t id_length;
	char label[LABEL_MAX_BYTES + 1], use[16];
	bool opens; /* vault, decrypt: decrypts or derives too */
	CK_OBJECT_HANDLE public_key, private_key;
};

static void free_request(X509_REQ **request)
{
	X509_REQ_free(*request);
}

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

/* --- what is asked for --- */

static bool id_is_free(struct tool *tool, const uint8_t *id, size_t length)
{
	static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE };
	CK_OBJECT_HANDLE ignored = 0;

	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		if (tool_find(tool, classes[i], span_of(id, length), 0, &ignored)) {
			return false;
		}
	}
	return true;
}

static int choose_id(struct tool *tool, struct making *making)
{
	char text[2 * ID_MAX_BYTES + 1];

	tool_order(tool, "id", text, sizeof text);
	making->id_length = strlen(text) / 2;
	if (text[0] != '\0') {
		if (!span_parse_hex(span_of_string(text), making->id, making->id_length) || making->id_length == 0) {
			return tool_fail(tool, ERR_FORMAT, N_("the id must be hexadecimal digits, two for each byte: 01"), CKR_OK);
		}
		return id_is_free(tool, making->id, making->id_length)
		           ? 0
		           : tool_fail(tool, ERR_EXISTS, N_("there is something with this id on the token already"), CKR_OK);
	}
	making->id_length = 1;
	for (making->id[0] = 1; making->id[0] < UINT8_MAX; making->id[0]++) {
		if (id_is_free(tool, making->id, 1)) {
			return 0;
		}
	}
	return tool_fail(tool, ERR_LIMIT, N_("no id is free"), CKR_OK);
}

static int read_order(struct tool *tool, struct making *making)
{
	char type[16];

	tool_order(tool, "type", type, sizeof type);
	tool_order(tool, "use", making->use, sizeof making->use);
	tool_order(tool, "label", making->label, sizeof making->label);
	if (making->label[0] == '\0') {
		(void)snprintf(making->label, sizeof making->label, "%s", making->use);
	}
	making->opens = strcmp(making->use, "vault") == 0 || strcmp(making->use, "decrypt") == 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(kinds[i].name, type) == 0) {
			making->kind = &kinds[i];
		}
	}
	return making->kind == NULL ? tool_fail(tool, ERR_UNSUPPORTED, N_("the type of key is rsa-2048, rsa-3072, p-256 or p-384"), CKR_OK)
	                            : choose_id(tool, making);
}

/* --- the key --- */

static CK_RV generate(struct tool *tool, struct making *making)
{
	static const uint8_t exponent[] = { 1, 0, 1 };
	const struct kind *kind = making->kind;
	CK_MECHANISM mechanism = { kind->rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE, decrypts = making->opens && kind->rsa, derives = making->opens && !kind->rsa;
	CK_ULONG bits = kind->bits, public_count = 5;
	CK_ATTRIBUTE public_template[PUBLIC_MAX_COUNT] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &no, sizeof no },
		{ CKA_VERIFY, &yes, sizeof yes },
		{ CKA_ID, making->id, making->id_length },
		{ CKA_LABEL, making->label, strlen(making->label) },
	};
	/* P1: it never leaves the token, not even wrapped. */
	CK_ATTRIBUTE private_template[] = {
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &yes, sizeof yes },
		{ CKA_SENSITIVE, &yes, sizeof yes },
		{ CKA_EXTRACTABLE, &no, sizeof no },
		{ CKA_SIGN, &yes, sizeof yes },
		{ CKA_DECRYPT, &decrypts, sizeof decrypts },
		{ CKA_DERIVE, &derives, sizeof derives },
		{ CKA_ID, making->id, making->id_length },
		{ CKA_LABEL, making->label, strlen(making->label) },
	};

	if (kind->rsa) {
		public_template[public_count++] = (CK_ATTRIBUTE){ CKA_ENCRYPT, &decrypts, sizeof decrypts };
		public_template[public_count++] = (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof bits };
		public_template[public_count++] = (CK_ATTRIBUTE){ CKA_PUBLIC_EXPONENT, (void *)(uintptr_t)exponent, sizeof exponent };
	} else {
		public_template[public_count++] = (CK_ATTRIBUTE){ CKA_EC_PARAMS, (void *)(uintptr_t)kind->curve, kind->curve_length };
	}
	return tool_api(tool)->C_GenerateKeyPair(tool->module.session, &mechanism, public_template, public_count, private_template,
	                                         sizeof private_template / sizeof private_template[0], &making->public_key, &making->private_key);
}

static bool flag_is(struct tool *tool, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_BBOOL wanted)
{
	CK_BBOOL value = wanted == CK_TRUE ? CK_FALSE : CK_TRUE;
	CK_ATTRIBUTE asked = { type, &value, sizeof value };

	return tool_api(tool)->C_GetAttributeValue(tool->module.session, object, &asked, 1) == CKR_OK && asked.ulValueLen == sizeof value && value == wanted;
}

static void destroy(struct tool *tool, const struct making *making)
{
	(void)tool_api(tool)->C_DestroyObject(tool->module.session, making->private_key);
	(void)tool_api(tool)->C_DestroyObject(tool->module.session, making->public_key);
}

static int make(struct tool *tool, struct making *making)
{
	CK_RV rv = generate(tool, making);

	if (rv != CKR_OK) {
		return tool_fail(tool, ERR_TOKEN,
		                 rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_MECHANISM_INVALID
		                     ? N_("this card makes no such keys through PKCS#11: use the software of its maker, then podatelna token list")
		                     : N_("the token could not make the key"),
		                 rv);
	}
	if (!flag_is(tool, making->private_key, CKA_SENSITIVE, CK_TRUE) || !flag_is(tool, making->private_key, CKA_EXTRACTABLE, CK_FALSE) ||
	    !flag_is(tool, making->private_key, CKA_LOCAL, CK_TRUE)) {
		destroy(tool, making);
		return tool_fail(tool, ERR_DENIED, N_("the token would give this key away: it was deleted again"), CKR_OK);
	}
	return 0;
}

/* --- its public half --- */

static bool read_attribute(struct tool *tool, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t ret[ATTRIBUTE_MAX_BYTES], size_t *ret_length)
{
	CK_ATTRIBUTE asked = { type, ret, ATTRIBUTE_MAX_BYTES };

	if (tool_api(tool)->C_GetAttributeValue(tool->module.session, object, &asked, 1) != CKR_OK || asked.ulValueLen > ATTRIBUTE_MAX_BYTES) {
		return false;
	}
	*ret_length = asked.ulValueLen;
	return *ret_length > 0;
}

static EVP_PKEY *build_key(const char *type, OSSL_PARAM *parameters)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (context != NULL && parameters != NULL && EVP_PKEY_fromdata_init(context) == 1) {
		(void)EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
	}
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *read_rsa(struct tool *tool, const struct making *making)
{
	uint8_t modulus[ATTRIBUTE_MAX_BYTES], exponent[ATTRIBUTE_MAX_BYTES];
	size_t modulus_length = 0, exponent_length = 0;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	BIGNUM *n = NULL, *e = NULL;
	OSSL_PARAM *parameters = NULL;
	EVP_PKEY *key = NULL;

	if (builder != NULL && read_attribute(tool, making->public_key, CKA_MODULUS, modulus, &modulus_length) &&
	    read_attribute(tool, making->public_key, CKA_PUBLIC_EXPONENT, exponent, &exponent_length)) {
		n = BN_bin2bn(modulus, (int)modulus_length, NULL);
		e = BN_bin2bn(exponent, (int)exponent_length, NULL);
		if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
			parameters = OSSL_PARAM_BLD_to_param(builder);
		}
	}
	key = build_key("RSA", parameters);
	OSSL_PARAM_free(parameters);
	OSSL_PARAM_BLD_free(builder);
	BN_free(n);
	BN_free(e);
	return key;
}

/* CKA_EC_POINT is a point in an OCTET STRING (PKCS#11 2.40, mechanisms 2.3.3); some modules leave the OCTET STRING out. */
static EVP_PKEY *read_ec(struct tool *tool, const struct making *making)
{
	uint8_t value[ATTRIBUTE_MAX_BYTES];
	size_t length = 0;
	struct span rest, point;

	if (!read_attribute(tool, making->public_key, CKA_EC_POINT, value, &length)) {
		return NULL;
	}
	rest = span_of(value, length);
	if (!der_read(&rest, DER_OCTET_STRING, &point, NULL) || !span_is_empty(rest)) {
		point = span_of(value, length);
	}
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)making->kind->group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point.data, point.length),
		OSSL_PARAM_construct_end(),
	};
	return build_key("EC", parameters);
}

/* --- the request --- */

/* "CN=Jane Doe,O=Firm,C=CZ": names as OpenSSL knows them, "\," for a comma. */
static bool read_subject(X509_NAME *to, const char *text)
{
	char value[SUBJECT_MAX_BYTES + 1], *equals = NULL;
	size_t length = 0;

	for (;; text++) {
		if (*text == '\\' && text[1] != '\0') {
			text++;
		} else if (*text == ',' || *text == '\0') {
			value[length] = '\0';
			equals = strchr(value, '=');
			if (equals == NULL || equals == value || equals[1] == '\0') {
				return false;
			}
			*equals = '\0';
			if (X509_NAME_add_entry_by_txt(to, value + strspn(value, " "), MBSTRING_UTF8, (const unsigned char *)equals + 1, -1, -1, 0) != 1) {
				return false;
			}
			length = 0;
			if (*text == '\0') {
				return true;
			}
			continue;
		}
		if (length == SUBJECT_MAX_BYTES) {
			return false;
		}
		value[length++] = *text;
	}
}

static bool set_signature(X509_REQ *request, bool rsa, const uint8_t *signature, size_t length)
{
	X509_ALGOR *algorithm = X509_ALGOR_new();
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	/* RFC 4055 section 5: NULL; RFC 5758 section 3.2: absent. */
	bool good =
	    algorithm != NULL && bits != NULL &&
	    X509_ALGOR_set0(algorithm, OBJ_nid2obj(rsa ? NID_sha256WithRSAEncryption : NID_ecdsa_with_SHA256), rsa ? V_ASN1_NULL : V_ASN1_UNDEF, NULL) == 1 &&
	    ASN1_BIT_STRING_set(bits, (unsigned char *)(uintptr_t)signature, (int)length) == 1 && X509_REQ_set1_signature_algo(request, algorithm) == 1;

	X509_ALGOR_free(algorithm);
	if (good) {
		bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 7L);
		bits->flags |= ASN1_STRING_FLAG_BITS_LEFT; /* no bit of the last byte is unused */
		X509_REQ_set0_signature(request, bits);
	} else {
		ASN1_BIT_STRING_free(bits);
	}
	return good;
}

static int sign_request(struct tool *tool, const struct making *making, X509_REQ *request)
{
	struct setup_key setup = { .use = USE_SIGN };
	struct token_key key = {
		.setup = &setup,
		.facts = { .is_rsa = making->kind->rsa, .bits = (int)making->kind->bits },
		.object = { .handle = making->private_key, .found = 1 },
		.abilities = key_object_abilities(&tool->module),
		.looked = true,
	};
	const struct operation operation = { .module = &tool->module, .pin = &tool->pin, .key = &key };
	uint8_t digest[EVP_MAX_MD_SIZE], signature[OPERATION_MAX_BYTES];
	unsigned char *der = NULL;
	unsigned digest_length = 0;
	size_t length = 0;
	int size = i2d_re_X509_REQ_tbs(request, &der), err = ERR_MEMORY;

	if (size > 0 && EVP_Digest(der, (size_t)size, digest, &digest_length, EVP_sha256(), NULL) == 1) {
		err = operation_sign(&operation, OPERATION_PKCS1, EVP_sha256(), span_of(digest, digest_length), signature, &length);
	}
	OPENSSL_free(der);
	if (err == 0 && !set_signature(request, making->kind->rsa, signature, length)) {
		err = ERR_MEMORY;
	}
	if (err != 0) {
		lines_set(&tool->result, "detail", tool->module.why);
	}
	return err;
}

static int write_request(X509_REQ *request)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *data = NULL;
	long length = 0;
	int err = ERR_MEMORY;

	if (text != NULL && PEM_write_bio_X509_REQ(text, request) == 1 && (length = BIO_get_mem_data(text, &data)) > 0) {
		err = fd_write_all(TOOL_OUT_FD, data, (size_t)length);
	}
	BIO_free(text);
	return err;
}

static int request_certificate(struct tool *tool, const struct making *making, X509_NAME *subject)
{
	__attribute__((cleanup(free_key))) EVP_PKEY *key = making->kind->rsa ? read_rsa(tool, making) : read_ec(tool, making);
	__attribute__((cleanup(free_request))) X509_REQ *request = X509_REQ_new();
	int err = ERR_INTERNAL;

	if (key == NULL || request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 || X509_REQ_set_subject_name(request, subject) != 1 ||
	    X509_REQ_set_pubkey(request, key) != 1) {
		return tool_fail(tool, ERR_TOKEN, N_("the token does not show the public half of the key"), CKR_OK);
	}
	err = sign_request(tool, making, request);
	if (err != 0) {
		return tool_fail(tool, err, N_("the request was not signed"), CKR_OK);
	}
	if (X509_REQ_verify(request, key) != 1) {
		return tool_fail(tool, ERR_DAMAGE, N_("the token made a wrong signature; it was thrown away"), CKR_OK);
	}
	return write_request(request) == 0 ? 0 : tool_fail(tool, ERR_SYSTEM, N_("the request cannot be written"), CKR_OK);
}

static void describe(struct tool *tool, const struct making *making)
{
	char id[2 * ID_MAX_BYTES + 1], uri[LOOK_URI_BYTES];

	hex_encode(making->id, making->id_length, id);
	lines_set(&tool->result, "id", id);
	lines_set(&tool->result, "key-label", making->label);
	lines_set(&tool->result, "algorithm", making->kind->name);
	if (look_object_uri(span_of(making->id, making->id_length), making->label, uri, sizeof uri)) {
		lines_set(&tool->result, "key-uri", uri);
	}
}

int tool_make_key(struct tool *tool)
{
	struct making making = { .kind = NULL };
	char subject[SUBJECT_MAX_BYTES + 1];
	X509_NAME *name = X509_NAME_new();
	int err = name == NULL ? ERR_MEMORY : read_order(tool, &making);

	tool_order(tool, "subject", subject, sizeof subject);
	if (err == 0 && !read_subject(name, subject)) {
		err = tool_fail(tool, ERR_FORMAT, N_("the holder is written as CN=Jane Doe,O=Firm,C=CZ"), CKR_OK);
	}
	if (err == 0) {
		err = make(tool, &making);
	}
	if (err == 0) {
		err = request_certificate(tool, &making, name);
		/* A key without a request is of no use to anybody. */
		if (err != 0) {
			destroy(tool, &making);
		}
	}
	if (err == 0) {
		describe(tool, &making);
	}
	X509_NAME_free(name);
	return err;
}
