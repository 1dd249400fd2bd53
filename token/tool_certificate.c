/* A certificate is put beside its key: the one on the token whose public half it names. */
#include "tool.h"

#include <stdlib.h>
#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/text.h"
#include "look.h"

#define KEYS_MAX 32
#define LABEL_MAX_BYTES 128
#define NAME_MAX_BYTES 4096

static void free_certificate(X509 **certificate)
{
	X509_free(*certificate);
}

static X509 *read_certificate(const struct tool *tool)
{
	BIO *from = BIO_new_mem_buf(tool->in, (int)tool->in_length);
	const unsigned char *at = tool->in;
	X509 *certificate = from == NULL ? NULL : PEM_read_bio_X509(from, NULL, NULL, NULL);

	BIO_free(from);
	if (certificate == NULL) {
		certificate = d2i_X509(NULL, &at, (long)tool->in_length);
	}
	ERR_clear_error();
	return certificate;
}

/* The private key that the certificate belongs to. */
static bool find_key(struct tool *tool, X509 *certificate, CK_OBJECT_HANDLE *ret)
{
	for (size_t n = 0; n < KEYS_MAX; n++) {
		struct key_object object = { .found = 1 };
		CK_OBJECT_HANDLE handle = 0;

		if (!tool_find(tool, CKO_PRIVATE_KEY, span_of("", 0), n, &handle)) {
			return false;
		}
		object.handle = handle;
		if (key_object_compare(&tool->module, &object, certificate) == KEY_OBJECT_SAME) {
			*ret = handle;
			return true;
		}
	}
	return false;
}

static size_t read_attribute(struct tool *tool, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret, size_t size)
{
	CK_ATTRIBUTE asked = { type, ret, size };

	return tool_api(tool)->C_GetAttributeValue(tool->module.session, object, &asked, 1) == CKR_OK && asked.ulValueLen <= size ? asked.ulValueLen : 0;
}

static int create(struct tool *tool, X509 *certificate, struct span id, struct span label)
{
	static uint8_t value[KEY_PEM_MAX_BYTES], subject[NAME_MAX_BYTES], issuer[NAME_MAX_BYTES], serial[128];
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	unsigned char *at = value, *subject_at = subject, *issuer_at = issuer, *serial_at = serial;
	int value_length = i2d_X509(certificate, NULL), subject_length = i2d_X509_NAME(X509_get_subject_name(certificate), NULL);
	int issuer_length = i2d_X509_NAME(X509_get_issuer_name(certificate), NULL);
	int serial_length = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), NULL);
	CK_OBJECT_HANDLE made = 0;
	CK_RV rv = CKR_GENERAL_ERROR;

	if (value_length <= 0 || (size_t)value_length > sizeof value || subject_length <= 0 || (size_t)subject_length > sizeof subject || issuer_length <= 0 ||
	    (size_t)issuer_length > sizeof issuer || serial_length <= 0 || (size_t)serial_length > sizeof serial) {
		return tool_fail(tool, ERR_LIMIT, N_("this certificate is too large"), CKR_OK);
	}
	(void)i2d_X509(certificate, &at);
	(void)i2d_X509_NAME(X509_get_subject_name(certificate), &subject_at);
	(void)i2d_X509_NAME(X509_get_issuer_name(certificate), &issuer_at);
	(void)i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &serial_at);
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof class },
		{ CKA_CERTIFICATE_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &yes, sizeof yes },
		{ CKA_PRIVATE, &no, sizeof no },
		{ CKA_ID, (void *)(uintptr_t)id.data, id.length },
		{ CKA_LABEL, (void *)(uintptr_t)label.data, label.length },
		{ CKA_SUBJECT, subject, (CK_ULONG)subject_length },
		{ CKA_ISSUER, issuer, (CK_ULONG)issuer_length },
		{ CKA_SERIAL_NUMBER, serial, (CK_ULONG)serial_length },
		{ CKA_VALUE, value, (CK_ULONG)value_length },
	};
	rv = tool_api(tool)->C_CreateObject(tool->module.session, template, sizeof template / sizeof template[0], &made);
	if (rv != CKR_OK) {
		return tool_fail(
		    tool, ERR_TOKEN,
		    N_("the token does not take the certificate: use the software of its maker, or name its file with cert = in the configuration"), rv);
	}
	/* What stands there now is what was meant. */
	static uint8_t read[KEY_PEM_MAX_BYTES];
	size_t length = read_attribute(tool, made, CKA_VALUE, read, sizeof read);

	return length == (size_t)value_length && memcmp(read, value, length) == 0
	           ? 0
	           : tool_fail(tool, ERR_DAMAGE, N_("the token did not keep the certificate as it is"), CKR_OK);
}

static void describe(struct tool *tool, X509 *x509, struct span id, const char *label)
{
	char hex[2 * P11URI_VALUE_MAX_BYTES + 1], uri[LOOK_URI_BYTES];
	struct certificate facts;

	hex_encode(id.data, id.length, hex);
	lines_set(&tool->result, "id", hex);
	if (look_object_uri(id, label, uri, sizeof uri)) {
		lines_set(&tool->result, "key-uri", uri);
	}
	if (certificate_read(x509, &facts) == 0) {
		lines_set(&tool->result, "subject", facts.subject);
		lines_set(&tool->result, "not-after", facts.not_after);
		lines_set(&tool->result, "algorithm", facts.algorithm);
	}
}

int tool_import(struct tool *tool)
{
	__attribute__((cleanup(free_certificate))) X509 *certificate = read_certificate(tool);
	uint8_t id[P11URI_VALUE_MAX_BYTES];
	char label[LABEL_MAX_BYTES + 1], replace[8];
	size_t id_length = 0, label_length = 0;
	CK_OBJECT_HANDLE key = 0, former = 0;
	bool exists = false;
	int err = ERR_INTERNAL;

	if (certificate == NULL) {
		return tool_fail(tool, ERR_FORMAT, N_("the file is no certificate (PEM or DER)"), CKR_OK);
	}
	if (!find_key(tool, certificate, &key)) {
		return tool_fail(tool, ERR_NOTFOUND, N_("no key on the token belongs to this certificate"), CKR_OK);
	}
	id_length = read_attribute(tool, key, CKA_ID, id, sizeof id);
	label_length = read_attribute(tool, key, CKA_LABEL, label, LABEL_MAX_BYTES);
	label[label_length] = '\0';
	if (id_length == 0) {
		return tool_fail(tool, ERR_UNSUPPORTED, N_("the key has no id that the certificate could share"), CKR_OK);
	}
	tool_order(tool, "replace", replace, sizeof replace);
	exists = tool_find(tool, CKO_CERTIFICATE, span_of(id, id_length), 0, &former);
	if (exists && strcmp(replace, "yes") != 0) {
		return tool_fail(tool, ERR_EXISTS, N_("the key has a certificate already; it is only lost with --replace"), CKR_OK);
	}
	err = create(tool, certificate, span_of(id, id_length), span_of(label, label_length));
	/* The old one goes when the new one is there: a failure in between leaves both, never none. */
	if (err == 0 && exists && tool_api(tool)->C_DestroyObject(tool->module.session, former) != CKR_OK) {
		err = tool_fail(tool, ERR_TOKEN, N_("the new certificate is on the token, but the old one could not be deleted"), CKR_OK);
	}
	describe(tool, certificate, span_of(id, id_length), label);
	return err;
}
