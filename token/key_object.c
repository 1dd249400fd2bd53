#include "cryptoki.h"
#include "key_object.h"

#include <stdio.h>
#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/der.h"

#define ATTRIBUTE_MAX_BYTES 1040 /* a modulus of 8192 bits; a point of P-521 in DER */
#define MECHANISMS_MAX 1024

static CK_FUNCTION_LIST *api_of(const struct module *module)
{
	return &module->api->list;
}

static int fail(struct module *module, const char *what, CK_RV rv)
{
	(void)snprintf(module->why, sizeof module->why, "%s: %s (0x%lx)", what, cryptoki_name(rv), (unsigned long)rv);
	return ERR_TOKEN;
}

/* Up to two objects: whoever asks wants to know that there is one only. */
static CK_RV search(struct module *module, CK_ATTRIBUTE *wanted, CK_ULONG wanted_count, CK_OBJECT_HANDLE ret[2], CK_ULONG *ret_count)
{
	CK_RV rv = api_of(module)->C_FindObjectsInit(module->session, wanted, wanted_count);

	*ret_count = 0;
	if (rv != CKR_OK) {
		return rv;
	}
	while (*ret_count < 2) {
		CK_ULONG more = 0;

		/* Some modules give one at a time, however many were asked for. */
		rv = api_of(module)->C_FindObjects(module->session, &ret[*ret_count], 2 - *ret_count, &more);
		if (rv != CKR_OK || more == 0) {
			break;
		}
		*ret_count += more;
	}
	(void)api_of(module)->C_FindObjectsFinal(module->session);
	return rv;
}

static bool read_attribute(struct module *module, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret, size_t size, size_t *ret_length)
{
	CK_ATTRIBUTE asked = { type, ret, size };

	if (api_of(module)->C_GetAttributeValue(module->session, object, &asked, 1) != CKR_OK || asked.ulValueLen == CK_UNAVAILABLE_INFORMATION ||
	    asked.ulValueLen > size) {
		return false;
	}
	*ret_length = asked.ulValueLen;
	return true;
}

int key_object_find(struct module *module, const struct p11uri *uri, struct key_object *ret)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE wanted[3] = { { CKA_CLASS, &class, sizeof class } };
	CK_OBJECT_HANDLE found[2] = { 0, 0 };
	CK_BBOOL always = CK_FALSE;
	CK_ULONG count = 1, number = 0;
	size_t length = 0;
	CK_RV rv = CKR_GENERAL_ERROR;

	memset(ret, 0, sizeof *ret);
	if (uri->id_length > 0) {
		wanted[count++] = (CK_ATTRIBUTE){ CKA_ID, (void *)(uintptr_t)uri->id, uri->id_length };
	}
	if (uri->object[0] != '\0') {
		wanted[count++] = (CK_ATTRIBUTE){ CKA_LABEL, (void *)(uintptr_t)uri->object, strlen(uri->object) };
	}
	rv = search(module, wanted, count, found, &number);
	if (rv != CKR_OK) {
		return fail(module, "searching for the private key", rv);
	}
	ret->found = (unsigned)number;
	ret->handle = found[0];
	if (number == 1) {
		ret->always_authenticate = read_attribute(module, found[0], CKA_ALWAYS_AUTHENTICATE, &always, sizeof always, &length) && always == CK_TRUE;
	}
	return 0;
}

/* The public key object of the same id, where there is exactly one. */
static bool find_public(struct module *module, CK_OBJECT_HANDLE private_key, CK_OBJECT_HANDLE *ret)
{
	uint8_t id[P11URI_VALUE_MAX_BYTES];
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_OBJECT_HANDLE found[2] = { 0, 0 };
	CK_ULONG number = 0;
	size_t length = 0;

	if (!read_attribute(module, private_key, CKA_ID, id, sizeof id, &length) || length == 0) {
		return false;
	}
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, length } };

	if (search(module, wanted, 2, found, &number) != CKR_OK || number != 1) {
		return false;
	}
	*ret = found[0];
	return true;
}

/* From the private key itself, else from its public half. */
static bool read_public(struct module *module, CK_OBJECT_HANDLE private_key, CK_ATTRIBUTE_TYPE type, uint8_t *ret, size_t *ret_length)
{
	CK_OBJECT_HANDLE public_key = 0;

	if (read_attribute(module, private_key, type, ret, ATTRIBUTE_MAX_BYTES, ret_length) && *ret_length > 0) {
		return true;
	}
	return find_public(module, private_key, &public_key) && read_attribute(module, public_key, type, ret, ATTRIBUTE_MAX_BYTES, ret_length) &&
	       *ret_length > 0;
}

static enum key_object_match same_or_other(bool same)
{
	return same ? KEY_OBJECT_SAME : KEY_OBJECT_OTHER;
}

static enum key_object_match compare_rsa(struct module *module, CK_OBJECT_HANDLE object, const EVP_PKEY *wanted)
{
	uint8_t modulus[ATTRIBUTE_MAX_BYTES];
	BIGNUM *theirs = NULL, *ours = NULL;
	size_t length = 0;
	bool same = false;

	if (!read_public(module, object, CKA_MODULUS, modulus, &length)) {
		return KEY_OBJECT_HIDDEN;
	}
	ours = BN_bin2bn(modulus, (int)length, NULL);
	same = ours != NULL && EVP_PKEY_get_bn_param(wanted, "n", &theirs) == 1 && BN_cmp(ours, theirs) == 0;
	BN_free(theirs);
	BN_free(ours);
	return same_or_other(same);
}

/* CKA_EC_POINT is a point in an OCTET STRING (PKCS#11 2.40, mechanisms 2.3.3); some modules leave the OCTET STRING out. */
static enum key_object_match compare_ec(struct module *module, CK_OBJECT_HANDLE object, EVP_PKEY *wanted)
{
	uint8_t value[ATTRIBUTE_MAX_BYTES];
	unsigned char *theirs = NULL;
	struct span point, content;
	size_t length = 0, wanted_length = 0;
	bool same = false;

	if (!read_public(module, object, CKA_EC_POINT, value, &length)) {
		return KEY_OBJECT_HIDDEN;
	}
	wanted_length = EVP_PKEY_get1_encoded_public_key(wanted, &theirs);
	point = span_of(value, length);
	same = wanted_length > 0 && span_equals(point, span_of(theirs, wanted_length));
	if (!same && wanted_length > 0 && der_read(&point, DER_OCTET_STRING, &content, NULL) && span_is_empty(point)) {
		same = span_equals(content, span_of(theirs, wanted_length));
	}
	OPENSSL_free(theirs);
	return same_or_other(same);
}

enum key_object_match key_object_compare(struct module *module, const struct key_object *object, X509 *certificate)
{
	EVP_PKEY *wanted = X509_get0_pubkey(certificate);
	CK_KEY_TYPE type = 0;
	size_t length = 0;
	bool is_rsa = wanted != NULL && EVP_PKEY_get_base_id(wanted) == EVP_PKEY_RSA;

	if (wanted == NULL || object->found != 1) {
		return KEY_OBJECT_HIDDEN;
	}
	if (read_attribute(module, object->handle, CKA_KEY_TYPE, &type, sizeof type, &length) && (type == CKK_RSA) != is_rsa) {
		return KEY_OBJECT_OTHER;
	}
	return is_rsa ? compare_rsa(module, object->handle, wanted) : compare_ec(module, object->handle, wanted);
}

static const struct {
	CK_MECHANISM_TYPE mechanism;
	CK_FLAGS flag;
	unsigned can;
} uses[] = {
	{ CKM_RSA_PKCS, CKF_SIGN, CAN_SIGN_PKCS1 },
	{ CKM_RSA_PKCS, CKF_DECRYPT, CAN_DECRYPT_PKCS1 },
	{ CKM_RSA_PKCS_PSS, CKF_SIGN, CAN_SIGN_PSS },
	{ CKM_RSA_PKCS_OAEP, CKF_DECRYPT, CAN_DECRYPT_OAEP },
	{ CKM_RSA_X_509, CKF_SIGN, CAN_SIGN_RAW },
	{ CKM_RSA_X_509, CKF_DECRYPT, CAN_DECRYPT_RAW },
	{ CKM_ECDSA, CKF_SIGN, CAN_ECDSA },
	{ CKM_ECDH1_DERIVE, CKF_DERIVE, CAN_ECDH },
	{ CKM_ECDH1_COFACTOR_DERIVE, CKF_DERIVE, CAN_ECDH_COFACTOR },
};

static unsigned abilities_of(struct module *module, CK_MECHANISM_TYPE mechanism)
{
	CK_MECHANISM_INFO info = { 0, 0, 0 };
	unsigned can = 0;
	bool asked = false, known = false;

	for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
		if (uses[i].mechanism != mechanism) {
			continue;
		}
		if (!asked) {
			asked = true;
			known = api_of(module)->C_GetMechanismInfo(module->slot_id, mechanism, &info) == CKR_OK;
		}
		can |= !known || (info.flags & uses[i].flag) != 0 ? uses[i].can : 0;
	}
	return can;
}

unsigned key_object_abilities(struct module *module)
{
	_cleanup_free_ CK_MECHANISM_TYPE *list = NULL;
	CK_ULONG count = 0;
	unsigned can = 0;

	if (api_of(module)->C_GetMechanismList(module->slot_id, NULL, &count) != CKR_OK || count == 0 || count > MECHANISMS_MAX) {
		return 0;
	}
	list = calloc(count, sizeof *list);
	if (list == NULL || api_of(module)->C_GetMechanismList(module->slot_id, list, &count) != CKR_OK) {
		return 0;
	}
	for (CK_ULONG i = 0; i < count; i++) {
		can |= abilities_of(module, list[i]);
	}
	return can;
}
