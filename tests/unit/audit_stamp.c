/* Time stamps: made by libcrypto, read and checked by podatelna-audit. */
#include "audit_pki.h"

#include <stdlib.h>
#include <string.h>

#include "store/audit/stamp.h"

static const uint8_t file[] = "what was stamped";
static const struct bytes over = { file, sizeof file - 1 };

struct bench {
	struct pki *root, *tsa, *other;
};

static int open_bench(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);

	bench->root = pki_root(PKI_P256, "Root");
	bench->tsa = pki_tsa(bench->root, PKI_P256, "TSA");
	bench->other = pki_tsa(bench->root, PKI_P256, "Other TSA");
	*state = bench;
	return 0;
}

static int close_bench(void **state)
{
	struct bench *bench = *state;

	pki_drop(bench->other);
	pki_drop(bench->tsa);
	pki_drop(bench->root);
	free(bench);
	return 0;
}

/* Is it a stamp, and over `over`? What it says of itself goes to `ret` (may be NULL); its spans are gone then. */
static bool try(const struct pki_stamp *plan, struct audit_stamp *ret)
{
	size_t length = 0;
	uint8_t *der = pki_reply(plan, &length);
	struct audit_stamp stamp;
	const char *why = NULL;
	bool good = audit_stamp_read((struct bytes){ der, length }, &stamp, &why) && audit_stamp_is_over(&stamp, over);

	if (ret != NULL) {
		*ret = stamp;
	}
	free(der);
	return good;
}

static void good_ones(void **state)
{
	const struct bench *bench = *state;
	const EVP_MD *const hashes[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };
	struct audit_stamp stamp;

	for (size_t i = 0; i < 3; i++) {
		assert_true(try(&(struct pki_stamp){ .tsa = bench->tsa, .data = over, .at_s = T0, .hash = hashes[i], .md = hashes[2 - i] }, &stamp));
		assert_true(stamp.utc_s == T0 && stamp.utc_ms == 0 && stamp.accuracy_ms == 0 && stamp.nonce.length == 0);
	}
	assert_true(try(&(struct pki_stamp){ .tsa = bench->tsa, .data = over, .at_s = T0, .nonce = true, .accuracy = true, .status = 1 }, &stamp));
	assert_true(stamp.accuracy_ms == 2500 && stamp.nonce.length == 4);
	assert_true(try(&(struct pki_stamp){ .tsa = bench->tsa, .data = over, .time = "20300101000000.047Z" }, &stamp));
	assert_true(stamp.utc_s == T0 && stamp.utc_ms == 47);
	assert_true(try(&(struct pki_stamp){ .tsa = bench->tsa, .data = over, .time = "20300101000000.12345678901234Z" }, &stamp));
	assert_true(stamp.utc_s == T0 && stamp.utc_ms == 123);
	assert_true(try(&(struct pki_stamp){ .tsa = bench->tsa, .data = over, .at_s = T0, .how = PKI_NAMES_V1 }, NULL));
	assert_true(try(&(struct pki_stamp){ .tsa = bench->tsa, .data = over, .at_s = T0, .how = PKI_KEY_ID }, NULL));
	assert_true(try(&(struct pki_stamp){ .tsa = bench->tsa, .beside = bench->root, .data = over, .at_s = T0 }, NULL));
}

static void bad_ones(void **state)
{
	const struct bench *bench = *state;
	const struct bytes other = { file, 4 };
	const struct pki_stamp plans[] = {
		{ .tsa = bench->tsa, .data = other, .at_s = T0 },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .hash = EVP_sha1() },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .md = EVP_sha1() },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .status = 2 },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .status = 3 },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .version = 2 },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .critical = true },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .content_type = NID_pkcs7_data },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .how = PKI_ATTACHED },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .how = PKI_NOT_NAMED },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .how = PKI_NO_CERTIFICATE },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .how = PKI_TWO_SIGNERS },
		{ .tsa = bench->tsa, .data = over, .at_s = T0, .how = PKI_STREAM },
		{ .tsa = bench->tsa, .beside = bench->other, .data = over, .at_s = T0, .how = PKI_NAMES_OTHER },
		{ .tsa = bench->tsa, .data = over, .time = "20300101000000" },
		{ .tsa = bench->tsa, .data = over, .time = "20300101000000.Z" },
		{ .tsa = bench->tsa, .data = over, .time = "20300101000000.50Z" },
		{ .tsa = bench->tsa, .data = over, .time = "20300101000000,5Z" },
		{ .tsa = bench->tsa, .data = over, .time = "20300101010000+0100" },
		{ .tsa = bench->tsa, .data = over, .time = "20301301000000Z" },
		{ .tsa = bench->tsa, .data = over, .time = "203001010000Z" },
	};

	for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
		if (try(&plans[i], NULL)) {
			fail_msg("number %zu was taken", i);
		}
	}
}

/* The one bit outside of what is signed that leaves it a stamp: granted and grantedWithMods differ in it. Both are stamps, and neither word says anything of time. */
static void every_bit(void **state)
{
	const struct bench *bench = *state;
	size_t length = 0, free_bits = 0;
	uint8_t *der = pki_reply(&(struct pki_stamp){ .tsa = bench->tsa, .data = over, .at_s = T0, .nonce = true, .accuracy = true }, &length);

	for (size_t bit = 0; bit < 8 * length; bit++) {
		struct audit_stamp stamp;
		const char *why = NULL;

		der[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (audit_stamp_read((struct bytes){ der, length }, &stamp, &why) && audit_stamp_is_over(&stamp, over)) {
			assert_int_equal(bit, 8 * 8);
			free_bits++;
		}
		der[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_int_equal(free_bits, 1);
	for (size_t cut = 0; cut < length; cut++) {
		struct audit_stamp stamp;
		const char *why = NULL;

		assert_false(audit_stamp_read((struct bytes){ der, cut }, &stamp, &why));
	}
	free(der);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(good_ones), cmocka_unit_test(bad_ones), cmocka_unit_test(every_bit) };

	return cmocka_run_group_tests(tests, open_bench, close_bench);
}
