#include "libcrypto.h"

#include "usage.h"

#include <stdio.h>
#include <string.h>

static void add_word(char *ret, size_t size, const char *word)
{
	size_t have = strlen(ret);

	if (have + 1 + strlen(word) < size) {
		(void)snprintf(ret + have, size - have, "%s%s", have == 0 ? "" : " ", word);
	}
}

void usage_words(X509 *certificate, char *ret, size_t size)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} usages[] = { { KU_DIGITAL_SIGNATURE, "digitalSignature" },
		       { KU_NON_REPUDIATION, "nonRepudiation" },
		       { KU_KEY_ENCIPHERMENT, "keyEncipherment" },
		       { KU_DATA_ENCIPHERMENT, "dataEncipherment" },
		       { KU_KEY_AGREEMENT, "keyAgreement" },
		       { KU_KEY_CERT_SIGN, "keyCertSign" },
		       { KU_CRL_SIGN, "cRLSign" } };
	static const struct {
		uint32_t bit;
		const char *name;
	} extended[] = { { XKU_SSL_CLIENT, "clientAuth" },  { XKU_SSL_SERVER, "serverAuth" }, { XKU_SMIME, "emailProtection" },
		         { XKU_TIMESTAMP, "timeStamping" }, { XKU_OCSP_SIGN, "OCSPSigning" }, { XKU_CODE_SIGN, "codeSigning" } };
	uint32_t flags = X509_get_extension_flags(certificate);

	ret[0] = '\0';
	for (size_t i = 0; (flags & EXFLAG_KUSAGE) != 0 && i < sizeof usages / sizeof usages[0]; i++) {
		if ((X509_get_key_usage(certificate) & usages[i].bit) != 0) {
			add_word(ret, size, usages[i].name);
		}
	}
	for (size_t i = 0; (flags & EXFLAG_XKUSAGE) != 0 && i < sizeof extended / sizeof extended[0]; i++) {
		if ((X509_get_extended_key_usage(certificate) & extended[i].bit) != 0) {
			add_word(ret, size, extended[i].name);
		}
	}
	if ((flags & (EXFLAG_KUSAGE | EXFLAG_XKUSAGE)) == 0) {
		add_word(ret, size, "any");
	}
}

const char *usage_suits(X509 *certificate, const struct certificate *facts)
{
	uint32_t flags = X509_get_extension_flags(certificate);
	bool any_extended = (flags & EXFLAG_XKUSAGE) == 0;
	bool client = any_extended || (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) != 0;
	bool person = (X509_get_key_usage(certificate) & KU_NON_REPUDIATION) != 0;

	if ((flags & EXFLAG_CA) != 0) {
		return "issuer";
	}
	if (!facts->may_sign) {
		return facts->may_unwrap ? "vault decrypt" : "";
	}
	if (!person && client && !any_extended) {
		return facts->may_unwrap ? "tls journal vault decrypt" : "tls journal";
	}
	if (facts->may_unwrap) {
		return client ? "sign journal tls vault decrypt" : "sign journal vault decrypt";
	}
	return client ? "sign journal tls" : "sign journal";
}
