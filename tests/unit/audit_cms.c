/* Signatures of checkpoints: made by libcrypto, read and checked by podatelna-audit; and every single bit of one turned over. */
#include "audit_pki.h"

#include <stdlib.h>
#include <string.h>

#include "store/audit/cms.h"
#include "store/audit/path.h"

static const uint8_t text[] = "podatelna.invalid/0123456789abcdef\n17\nbm90IGEgcmVhbCByb290LCBidXQgMzIgYnl0ZXMuLi4=\n";
static const struct bytes over = { text, sizeof text - 1 };

static bool is_good(struct bytes der, struct bytes content)
{
	struct audit_cms cms;
	const char *why = NULL;

	return audit_cms_read(der, &cms, &why) && audit_cms_verify(&cms, content, &why);
}

static bool try(const struct pki *signer, const struct pki *beside, const EVP_MD *md, unsigned how)
{
	size_t length = 0;
	uint8_t *der = pki_cms(signer, beside, over, NID_pkcs7_data, md, how, &length);
	bool good = is_good((struct bytes){ der, length }, over);

	assert_false(is_good((struct bytes){ der, length }, (struct bytes){ text, over.length - 1 }));
	free(der);
	return good;
}

static void algorithms(void **state)
{
	static const enum pki_kind kinds[] = { PKI_P256, PKI_P384, PKI_RSA2048 };
	const EVP_MD *const hashes[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
	struct pki *root = pki_root(PKI_P256, "Root");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pki *signer = pki_under(root, kinds[i], "Signer");

		for (size_t j = 0; j < 3; j++) {
			assert_true(try(signer, NULL, hashes[j], 0));
			assert_true(try(signer, NULL, hashes[j], PKI_KEY_ID));
			assert_true(kinds[i] != PKI_RSA2048 || try(signer, NULL, hashes[j], PKI_USE_PSS));
		}
		assert_false(try(signer, NULL, EVP_sha1(), 0));
		assert_false(try(signer, NULL, EVP_sha224(), 0));
		pki_drop(signer);
	}
	pki_drop(root);
}

static void keys_that_are_refused(void **state)
{
	static const enum pki_kind kinds[] = { PKI_RSA1024, PKI_P521 };
	struct pki *root = pki_root(PKI_P256, "Root"), *pss = NULL;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pki *signer = pki_under(root, kinds[i], "Signer");

		assert_false(try(signer, NULL, NULL, 0));
		pki_drop(signer);
	}
	pss = pki_under(root, PKI_PSS, "Only PSS");
	assert_true(try(pss, NULL, NULL, PKI_USE_PSS));
	pki_drop(pss);
	pki_drop(root);
}

static void shapes(void **state)
{
	struct pki *root = pki_root(PKI_P256, "Root"), *signer = pki_under(root, PKI_P256, "Signer"), *other = pki_under(root, PKI_P256, "Other");

	(void)state;
	assert_true(try(signer, other, NULL, 0));
	assert_true(try(signer, NULL, NULL, PKI_NOT_NAMED));
	assert_true(try(signer, NULL, NULL, PKI_NAMES_V1));
	assert_false(try(signer, other, NULL, PKI_NAMES_OTHER));
	assert_false(try(signer, other, NULL, PKI_NAMES_OTHER | PKI_NAMES_V1));
	assert_false(try(signer, NULL, NULL, PKI_NO_ATTRIBUTES));
	assert_false(try(signer, other, NULL, PKI_NO_CERTIFICATE));
	assert_false(try(signer, NULL, NULL, PKI_NO_CERTIFICATE));
	assert_false(try(signer, NULL, NULL, PKI_TWO_SIGNERS));
	assert_false(try(signer, NULL, NULL, PKI_STREAM));
	pki_drop(signer);
	pki_drop(other);
	pki_drop(root);
}

/* The certificate of somebody else with the same name and number: the signature is right, the certificate is not the one that was named. */
static void a_certificate_put_in_place_of_another(void **state)
{
	struct pki *root = pki_root(PKI_P256, "Root"), *evil = pki_root(PKI_P256, "Root");
	struct pki *signer = pki_make(&(struct pki_plan){ .cn = "Signer", .issuer = root, .serial = 77 });
	struct pki *twin = pki_make(&(struct pki_plan){ .cn = "Signer", .issuer = evil, .serial = 77, .key_of = signer });
	size_t length = 0, named_length = 0;
	uint8_t *plain = pki_cms(twin, NULL, over, NID_pkcs7_data, NULL, PKI_NOT_NAMED, &length), *place = NULL;
	uint8_t *named = pki_cms(signer, NULL, over, NID_pkcs7_data, NULL, 0, &named_length);

	(void)state;
	assert_true(is_good((struct bytes){ plain, length }, over));
	place = memmem(named, named_length, signer->der, signer->length);
	assert_non_null(place);
	if (twin->length == signer->length) { /* signatures have 70 to 72 bytes */
		memcpy(place, twin->der, twin->length);
		assert_false(is_good((struct bytes){ named, named_length }, over));
	}
	free(plain);
	free(named);
	pki_drop(twin);
	pki_drop(signer);
	pki_drop(evil);
	pki_drop(root);
}

static bool leads_to_root(struct bytes der, const struct pki *root)
{
	struct audit_pool pool;
	struct audit_cms cms;
	struct audit_paths paths;
	struct audit_verdict verdict;
	const struct audit_entry *signer = NULL;
	const char *why = NULL;

	if (!audit_cms_read(der, &cms, &why) || !audit_cms_verify(&cms, over, &why)) {
		return false;
	}
	audit_pool_init(&pool);
	assert_non_null(audit_pool_add(&pool, pki_bytes(root), true));
	for (size_t i = 0; i < cms.certificate_count; i++) {
		(void)audit_pool_add(&pool, cms.certificates[i], false);
	}
	signer = audit_pool_add(&pool, cms.signer.der, false);
	assert_non_null(signer);
	audit_paths_find(&pool, signer, AUDIT_FOR_CHECKPOINTS, &paths);
	audit_paths_judge(&paths, T0, &verdict);
	audit_pool_free(&pool);
	return verdict.kind == AUDIT_KIND_COUNT;
}

/* No bit of a signature with its chain is without meaning: each one turned over is found, by the signature or by the path. */
static void every_bit(void **state)
{
	struct pki *root = pki_root(PKI_RSA2048, "Root"); /* RSA is quick to verify */
	struct pki *middle = pki_make(
	    &(struct pki_plan){ .kind = PKI_RSA2048, .cn = "CA", .issuer = root, .basic = "critical,CA:TRUE", .usage = "critical,keyCertSign,cRLSign" });
	struct pki *signer = pki_under(middle, PKI_RSA2048, "Signer");
	size_t length = 0;
	uint8_t *der = pki_cms(signer, middle, over, NID_pkcs7_data, NULL, 0, &length);

	(void)state;
	assert_true(leads_to_root((struct bytes){ der, length }, root));
	for (size_t bit = 0; bit < 8 * length; bit++) {
		der[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (leads_to_root((struct bytes){ der, length }, root)) {
			fail_msg("bit %zu of byte %zu means nothing", bit % 8, bit / 8);
		}
		der[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	for (size_t cut = 0; cut < length; cut++) {
		assert_false(is_good((struct bytes){ der, cut }, over));
	}
	free(der);
	pki_drop(signer);
	pki_drop(middle);
	pki_drop(root);
}

static void something_behind_it(void **state)
{
	struct pki *root = pki_root(PKI_P256, "Root"), *signer = pki_under(root, PKI_P256, "Signer");
	size_t length = 0;
	uint8_t *der = pki_cms(signer, NULL, over, NID_pkcs7_data, NULL, 0, &length), *longer = calloc(1, length + 1);

	(void)state;
	assert_non_null(longer);
	memcpy(longer, der, length);
	assert_true(is_good((struct bytes){ longer, length }, over));
	assert_false(is_good((struct bytes){ longer, length + 1 }, over));
	free(longer);
	free(der);
	pki_drop(signer);
	pki_drop(root);
}

/* A signed note of C2SP: key id, then DER of the signature. */
static void note_line(void **state)
{
	static const enum pki_kind kinds[] = { PKI_P256, PKI_P384, PKI_RSA2048 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct pki *signer = pki_root(kinds[i], "Key");
		struct audit_certificate certificate;
		uint8_t blob[4 + 600], id[AUDIT_HASH_BYTES];
		size_t length = sizeof blob - 4;
		EVP_MD_CTX *sign = EVP_MD_CTX_new();

		assert_true(audit_certificate_read(pki_bytes(signer), &certificate));
		audit_sha256(certificate.spki, id);
		memcpy(blob, id, 4);
		assert_int_equal(EVP_DigestSignInit(sign, NULL, EVP_sha256(), NULL, signer->key), 1);
		assert_int_equal(EVP_DigestSign(sign, blob + 4, &length, text, over.length), 1);
		EVP_MD_CTX_free(sign);
		assert_int_equal(audit_note_verify(certificate.spki, over, (struct bytes){ blob, 4 + length }), kinds[i] == PKI_P256);
		for (size_t bit = 0; kinds[i] == PKI_P256 && bit < 8 * (4 + length); bit++) {
			blob[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_false(audit_note_verify(certificate.spki, over, (struct bytes){ blob, 4 + length }));
			blob[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		assert_false(audit_note_verify(certificate.spki, over, (struct bytes){ blob, 4 }));
		assert_false(audit_note_verify(certificate.spki, (struct bytes){ text, over.length - 1 }, (struct bytes){ blob, 4 + length }));
		pki_drop(signer);
	}
}

/* Without signed attributes: only for whom it is asked for, and never over what could be somebody's attributes (RFC 5652 5.4). */
static void without_attributes(void **state)
{
	static const uint8_t set[] = { 0x31, 0x03, 0x02, 0x01, 0x05 }, almost[] = { 0x31, 0x04, 0x02, 0x01, 0x05 };
	const struct bytes contents[] = { over, { set, sizeof set }, { almost, sizeof almost } };
	struct pki *root = pki_root(PKI_P256, "Root"), *signer = pki_under(root, PKI_RSA2048, "Signer");

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct audit_cms cms;
		const char *why = NULL;
		size_t length = 0;
		uint8_t *der = pki_cms(signer, NULL, contents[i], NID_pkcs7_data, NULL, PKI_NO_ATTRIBUTES, &length);

		assert_false(audit_cms_read((struct bytes){ der, length }, &cms, &why));
		assert_true(audit_cms_read_plain((struct bytes){ der, length }, &cms, &why));
		assert_true(cms.plain);
		assert_int_equal(audit_cms_verify(&cms, contents[i], &why), i != 1);
		assert_false(audit_cms_verify(&cms, contents[(i + 2) % 3], &why));
		free(der);
	}
	pki_drop(signer);
	pki_drop(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_attributes),
		cmocka_unit_test(algorithms),
		cmocka_unit_test(keys_that_are_refused),
		cmocka_unit_test(shapes),
		cmocka_unit_test(a_certificate_put_in_place_of_another),
		cmocka_unit_test(every_bit),
		cmocka_unit_test(something_behind_it),
		cmocka_unit_test(note_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
