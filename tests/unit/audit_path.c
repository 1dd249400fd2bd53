/* Paths at a given time, and what lists of revoked certificates say of it. */
#include "audit_pki.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/audit/path.h"

#define CA_BASIC "critical,CA:TRUE"
#define CA_USAGE "critical,keyCertSign,cRLSign"

struct bench {
	struct audit_pool pool;
	struct pki *root, *ca, *signer, *tsa;
};

static struct pki *authority_under(const struct pki *issuer, const char *cn)
{
	return pki_make(
	    &(struct pki_plan){ .cn = cn, .issuer = issuer, .basic = CA_BASIC, .usage = CA_USAGE, .from_s = T0 - 2 * YEAR, .until_s = T0 + 2 * YEAR });
}

static int open_bench(void **state)
{
	struct bench *bench = calloc(1, sizeof *bench);

	audit_pool_init(&bench->pool);
	bench->root = pki_root(PKI_P256, "Root");
	bench->ca = authority_under(bench->root, "CA");
	bench->signer = pki_under(bench->ca, PKI_P256, "Signer");
	bench->tsa = pki_tsa(bench->ca, PKI_P256, "TSA");
	assert_non_null(audit_pool_add(&bench->pool, pki_bytes(bench->root), true));
	assert_non_null(audit_pool_add(&bench->pool, pki_bytes(bench->ca), false));
	*state = bench;
	return 0;
}

static int close_bench(void **state)
{
	struct bench *bench = *state;

	audit_pool_free(&bench->pool);
	pki_drop(bench->tsa);
	pki_drop(bench->signer);
	pki_drop(bench->ca);
	pki_drop(bench->root);
	free(bench);
	return 0;
}

static struct audit_paths find(struct bench *bench, const struct pki *leaf, enum audit_purpose purpose)
{
	const struct audit_entry *entry = audit_pool_add(&bench->pool, pki_bytes(leaf), false);
	struct audit_paths paths;

	assert_non_null(entry);
	audit_paths_find(&bench->pool, entry, purpose, &paths);
	return paths;
}

static enum audit_kind judge(const struct audit_paths *paths, int64_t at_s)
{
	struct audit_verdict verdict;

	audit_paths_judge(paths, at_s, &verdict);
	assert_true(verdict.kind == AUDIT_KIND_COUNT || (verdict.why != NULL && verdict.about != NULL));
	return verdict.kind;
}

static bool knows(const struct audit_paths *paths, int64_t at_s)
{
	struct audit_verdict verdict;

	audit_paths_judge(paths, at_s, &verdict);
	return verdict.lists_known;
}

static bool apply(struct bench *bench, const struct pki_crl *plan)
{
	size_t length = 0;
	uint8_t *der = pki_list(plan, &length);
	bool good = audit_pool_apply(&bench->pool, (struct bytes){ der, length });

	free(der);
	return good;
}

static void validity(void **state)
{
	struct bench *bench = *state;
	struct audit_paths paths = find(bench, bench->signer, AUDIT_FOR_CHECKPOINTS);
	struct audit_verdict verdict;

	assert_int_equal(judge(&paths, T0), AUDIT_KIND_COUNT);
	assert_int_equal(judge(&paths, T0 - YEAR), AUDIT_KIND_COUNT);
	assert_int_equal(judge(&paths, T0 + YEAR), AUDIT_KIND_COUNT);
	assert_int_equal(judge(&paths, T0 - YEAR - 1), AUDIT_EXPIRED);
	assert_int_equal(judge(&paths, T0 + YEAR + 1), AUDIT_EXPIRED);
	audit_paths_judge(&paths, T0, &verdict);
	assert_true(verdict.ends_s == T0 + YEAR && !verdict.condemned && !verdict.lists_known);
}

static void purposes(void **state)
{
	struct bench *bench = *state;
	static const struct {
		const char *usage, *purposes;
		bool checkpoints, stamps;
	} rows[] = {
		{ "critical,digitalSignature", NULL, true, false },
		{ "critical,nonRepudiation", NULL, true, false },
		{ "", NULL, true, false },
		{ "critical,keyEncipherment", NULL, false, false },
		{ "critical,keyCertSign", NULL, false, false },
		{ "critical,digitalSignature", "clientAuth,emailProtection", true, false },
		{ "critical,digitalSignature", "critical,timeStamping", false, true },
		{ "", "critical,timeStamping", false, true },
		{ "critical,digitalSignature", "timeStamping", false, false },
		{ "critical,digitalSignature", "critical,timeStamping,serverAuth", true, false },
		{ "critical,digitalSignature", "critical,serverAuth", true, false },
		{ "critical,digitalSignature,keyEncipherment", "critical,timeStamping", false, false },
		{ "critical,keyEncipherment", "critical,timeStamping", false, false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pki *leaf = pki_make(&(struct pki_plan){ .cn = "Leaf", .issuer = bench->ca, .usage = rows[i].usage, .purposes = rows[i].purposes });
		struct audit_paths checkpoints = find(bench, leaf, AUDIT_FOR_CHECKPOINTS), stamps = find(bench, leaf, AUDIT_FOR_STAMPS);

		if ((judge(&checkpoints, T0) == AUDIT_KIND_COUNT) != rows[i].checkpoints || (judge(&stamps, T0) == AUDIT_KIND_COUNT) != rows[i].stamps) {
			fail_msg("row %zu", i);
		}
		pki_drop(leaf);
	}
}

/* Certificates that are not to be an issuer, each with a leaf of its own. */
static void issuers_that_are_none(void **state)
{
	struct bench *bench = *state;
	const struct pki_plan plans[] = {
		{ .cn = "A", .issuer = bench->root, .basic = "critical,CA:FALSE", .usage = CA_USAGE },
		{ .cn = "B", .issuer = bench->root, .basic = "", .usage = CA_USAGE },
		{ .cn = "C", .issuer = bench->root, .basic = CA_BASIC, .usage = "critical,digitalSignature" },
		{ .cn = "D",
		  .issuer = bench->root,
		  .basic = CA_BASIC,
		  .usage = CA_USAGE,
		  .extra = { "nameConstraints=critical,permitted;DNS:example.invalid" } },
		{ .cn = "E", .issuer = bench->root, .basic = CA_BASIC, .usage = CA_USAGE, .extra = { "certificatePolicies=critical,1.2.3.4" } },
		{ .cn = "F", .issuer = bench->root, .basic = CA_BASIC, .usage = CA_USAGE, .extra = { "1.2.3.4.5=critical,DER:0500" } },
		{ .cn = "G", .issuer = bench->root, .basic = CA_BASIC, .usage = CA_USAGE, .md = EVP_sha1() },
		{ .cn = "H", .issuer = bench->signer, .basic = CA_BASIC, .usage = CA_USAGE, .claims = bench->root },
		{ .cn = "I", .issuer = bench->ca, .basic = CA_BASIC, .usage = CA_USAGE },                                      /* good */
		{ .cn = "J", .issuer = bench->root, .basic = CA_BASIC, .usage = CA_USAGE, .extra = { "1.2.3.4.5=DER:0500" } }, /* good */
	};

	for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
		struct pki *issuer = pki_make(&plans[i]), *leaf = pki_under(issuer, PKI_P256, "Leaf");
		struct audit_paths paths;

		assert_non_null(audit_pool_add(&bench->pool, pki_bytes(issuer), false));
		paths = find(bench, leaf, AUDIT_FOR_CHECKPOINTS);
		if (judge(&paths, T0) != (i < 8 ? AUDIT_CERTIFICATE : AUDIT_KIND_COUNT)) {
			fail_msg("plan %zu", i);
		}
		pki_drop(leaf);
		pki_drop(issuer);
	}
}

static void leaves_with_what_is_not_known(void **state)
{
	struct bench *bench = *state;
	static const char *const extra[] = { "1.2.3.4.5=critical,DER:0500", "certificatePolicies=critical,1.2.3.4",
		                             "policyConstraints=critical,requireExplicitPolicy:0" };

	for (size_t i = 0; i < 3; i++) {
		struct pki *leaf = pki_make(&(struct pki_plan){ .cn = "Leaf", .issuer = bench->ca, .extra = { extra[i] } });
		struct audit_paths paths = find(bench, leaf, AUDIT_FOR_CHECKPOINTS);

		assert_int_equal(judge(&paths, T0), AUDIT_CERTIFICATE);
		pki_drop(leaf);
	}
}

/* pathLenConstraint 1 lets one authority stand between; the depth of all has a limit as well. */
static void too_long(void **state)
{
	struct bench *bench = *state;
	struct pki *chain[12] = { pki_make(&(struct pki_plan){ .cn = "0", .issuer = bench->root, .basic = "critical,CA:TRUE,pathlen:1", .usage = CA_USAGE }) };
	char name[8];

	for (size_t i = 0; i < 3; i++) {
		struct pki *leaf = pki_under(chain[i], PKI_P256, "Leaf");
		struct audit_paths paths;

		assert_non_null(audit_pool_add(&bench->pool, pki_bytes(chain[i]), false));
		paths = find(bench, leaf, AUDIT_FOR_CHECKPOINTS);
		assert_int_equal(judge(&paths, T0), i < 2 ? AUDIT_KIND_COUNT : AUDIT_CERTIFICATE);
		pki_drop(leaf);
		(void)snprintf(name, sizeof name, "%zu", i + 1);
		chain[i + 1] = authority_under(chain[i], name);
	}
	for (size_t i = 0; i < 4; i++) {
		pki_drop(chain[i]);
	}
	chain[0] = authority_under(bench->root, "a0");
	for (size_t i = 0; i < 11; i++) {
		struct pki *leaf = pki_under(chain[i], PKI_P256, "Leaf");
		struct audit_paths paths;

		assert_non_null(audit_pool_add(&bench->pool, pki_bytes(chain[i]), false));
		paths = find(bench, leaf, AUDIT_FOR_CHECKPOINTS);
		assert_int_equal(judge(&paths, T0), i + 3 <= AUDIT_PATH_DEPTH ? AUDIT_KIND_COUNT : AUDIT_CERTIFICATE);
		pki_drop(leaf);
		(void)snprintf(name, sizeof name, "a%zu", i + 1);
		chain[i + 1] = authority_under(chain[i], name);
	}
	for (size_t i = 0; i < 12; i++) {
		pki_drop(chain[i]);
	}
}

static void nobody_is_trusted(void **state)
{
	struct bench *bench = *state;
	struct pki *foreign = pki_root(PKI_P256, "Root"), *leaf = pki_under(foreign, PKI_P256, "Leaf"),
	           *alone = pki_make(&(struct pki_plan){ .cn = "Alone", .usage = "digitalSignature" });
	struct audit_paths paths;

	assert_non_null(audit_pool_add(&bench->pool, pki_bytes(foreign), false));
	paths = find(bench, leaf, AUDIT_FOR_CHECKPOINTS);
	assert_int_equal(judge(&paths, T0), AUDIT_CERTIFICATE);
	paths = find(bench, alone, AUDIT_FOR_CHECKPOINTS);
	assert_int_equal(judge(&paths, T0), AUDIT_CERTIFICATE);
	assert_non_null(audit_pool_add(&bench->pool, pki_bytes(alone), true));
	paths = find(bench, alone, AUDIT_FOR_CHECKPOINTS);
	assert_int_equal(judge(&paths, T0), AUDIT_KIND_COUNT);
	assert_int_equal(judge(&paths, T0 + 2 * YEAR), AUDIT_EXPIRED);
	pki_drop(alone);
	pki_drop(leaf);
	pki_drop(foreign);
}

static void revoked_at_a_time(void **state)
{
	struct bench *bench = *state;
	struct audit_paths paths = find(bench, bench->signer, AUDIT_FOR_CHECKPOINTS);
	struct audit_verdict verdict;

	assert_true(apply(bench, &(struct pki_crl){ .issuer = bench->root, .this_s = T0 - DAY, .next_s = T0 + DAY }));
	assert_false(knows(&paths, T0)); /* of the signer nothing yet */
	assert_true(apply(bench, &(struct pki_crl){ .issuer = bench->ca, .this_s = T0 - DAY, .next_s = T0 + DAY }));
	assert_true(knows(&paths, T0));
	assert_int_equal(judge(&paths, T0), AUDIT_KIND_COUNT);
	assert_true(apply(
	    bench,
	    &(struct pki_crl){
	        .issuer = bench->ca, .this_s = T0 + 9 * DAY, .next_s = T0 + 10 * DAY, .revoked = bench->signer, .revoked_s = T0 + 5 * DAY, .reason = 4 }));
	assert_int_equal(judge(&paths, T0 + 5 * DAY - 1), AUDIT_KIND_COUNT);
	assert_int_equal(judge(&paths, T0 + 5 * DAY), AUDIT_REVOKED);
	assert_int_equal(judge(&paths, T0 + 300 * DAY), AUDIT_REVOKED);
	audit_paths_judge(&paths, T0, &verdict);
	assert_true(!verdict.condemned && verdict.ends_s == T0 + YEAR); /* superseded: the past stays */
	assert_true(apply(
	    bench,
	    &(struct pki_crl){
	        .issuer = bench->ca, .this_s = T0 + 9 * DAY, .next_s = T0 + 10 * DAY, .revoked = bench->signer, .revoked_s = T0 + 6 * DAY, .reason = 1 }));
	audit_paths_judge(&paths, T0, &verdict);
	assert_true(verdict.condemned && verdict.ends_s == T0 + 6 * DAY); /* compromised: not without a renewal from before */
}

static void an_authority_revoked(void **state)
{
	struct bench *bench = *state;
	struct audit_paths paths = find(bench, bench->signer, AUDIT_FOR_CHECKPOINTS);

	assert_true(apply(
	    bench, &(struct pki_crl){ .issuer = bench->root, .this_s = T0, .next_s = T0 + DAY, .revoked = bench->ca, .revoked_s = T0 - DAY, .reason = -1 }));
	assert_int_equal(judge(&paths, T0), AUDIT_REVOKED);
	assert_int_equal(judge(&paths, T0 - 2 * DAY), AUDIT_KIND_COUNT);
}

static void which_times_a_list_knows(void **state)
{
	struct bench *bench = *state;
	struct pki *leaf = pki_under(bench->root, PKI_P256, "Leaf");
	struct audit_paths paths = find(bench, leaf, AUDIT_FOR_CHECKPOINTS);

	assert_true(apply(bench, &(struct pki_crl){ .issuer = bench->root, .this_s = T0, .next_s = T0 + DAY }));
	assert_true(knows(&paths, T0 - 100 * DAY)); /* later than that time: revocation would be on it */
	assert_true(knows(&paths, T0 + DAY));
	assert_false(knows(&paths, T0 + DAY + 1)); /* not in force any more */
	assert_true(apply(bench, &(struct pki_crl){ .issuer = bench->root, .this_s = T0 + YEAR + 1, .next_s = T0 + YEAR + DAY }));
	assert_false(knows(&paths, T0 + 2 * DAY)); /* made after the certificate had ended */
	assert_true(apply(bench, &(struct pki_crl){ .issuer = bench->root, .this_s = T0 + YEAR }));
	assert_true(knows(&paths, T0 + 2 * DAY));
	pki_drop(leaf);
}

static void lists_that_are_none(void **state)
{
	struct bench *bench = *state;
	struct pki *twin = pki_root(PKI_P256, "CA"); /* the same name, another key */
	struct pki *clerk = pki_make(&(struct pki_plan){ .cn = "Clerk", .issuer = bench->root, .basic = CA_BASIC, .usage = "critical,keyCertSign" });
	struct pki *leaf = pki_under(clerk, PKI_P256, "Leaf");
	struct audit_paths paths = find(bench, bench->signer, AUDIT_FOR_CHECKPOINTS);
	struct pki_crl plan = { .issuer = bench->ca, .this_s = T0 - DAY, .next_s = T0 + DAY, .revoked = bench->signer, .revoked_s = T0 - DAY, .reason = -1 };
	struct pki_crl plans[] = { plan, plan, plan, plan, plan, plan };

	plans[0].key_of = twin; /* forged */
	plans[1].extension = "issuingDistributionPoint=critical,indirectCRL:TRUE";
	plans[2].extension = "issuingDistributionPoint=critical,onlysomereasons:keyCompromise";
	plans[3].md = EVP_sha1();
	plans[4].extension = "2.5.29.27=critical,DER:020101";
	plans[5].issuer = clerk; /* may not sign lists */
	assert_non_null(audit_pool_add(&bench->pool, pki_bytes(clerk), false));
	(void)find(bench, leaf, AUDIT_FOR_CHECKPOINTS);
	for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
		if (apply(bench, &plans[i])) {
			fail_msg("list %zu", i);
		}
	}
	assert_int_equal(judge(&paths, T0), AUDIT_KIND_COUNT);
	assert_false(knows(&paths, T0));
	/* A stranger who calls himself CA signs his own lists rightly: they are about his own certificates. */
	assert_non_null(audit_pool_add(&bench->pool, pki_bytes(twin), false));
	assert_true(apply(bench, &plans[0]));
	assert_int_equal(judge(&paths, T0), AUDIT_KIND_COUNT);
	/* One for certificates of authorities is not about the signer, one for users is. */
	plan.extension = "issuingDistributionPoint=critical,onlyCA:TRUE";
	assert_true(apply(bench, &plan));
	assert_int_equal(judge(&paths, T0), AUDIT_KIND_COUNT);
	plan.extension = "issuingDistributionPoint=critical,onlyuser:TRUE";
	assert_true(apply(bench, &plan));
	assert_int_equal(judge(&paths, T0), AUDIT_REVOKED);
	pki_drop(leaf);
	pki_drop(clerk);
	pki_drop(twin);
}

static void taken_back(void **state)
{
	struct bench *bench = *state;
	struct audit_paths paths = find(bench, bench->signer, AUDIT_FOR_CHECKPOINTS);

	assert_true(apply(
	    bench, &(struct pki_crl){ .issuer = bench->ca, .this_s = T0, .next_s = T0 + DAY, .revoked = bench->signer, .revoked_s = T0 - DAY, .reason = 8 }));
	assert_int_equal(judge(&paths, T0), AUDIT_KIND_COUNT);
}

/* A list of one distribution point is about the certificates that name it. */
static void a_part_of_the_certificates(void **state)
{
	struct bench *bench = *state;
	struct pki *here =
	    pki_make(&(struct pki_plan){ .cn = "Here", .issuer = bench->ca, .extra = { "crlDistributionPoints=URI:http://crl.example.invalid/1.crl" } });
	struct pki *there =
	    pki_make(&(struct pki_plan){ .cn = "There", .issuer = bench->ca, .extra = { "crlDistributionPoints=URI:http://crl.example.invalid/2.crl" } });
	struct audit_paths of_here = find(bench, here, AUDIT_FOR_CHECKPOINTS), of_there = find(bench, there, AUDIT_FOR_CHECKPOINTS);

	assert_true(apply(bench, &(struct pki_crl){ .issuer = bench->root, .this_s = T0, .next_s = T0 + DAY }));
	assert_true(apply(bench, &(struct pki_crl){ .issuer = bench->ca,
	                                            .this_s = T0,
	                                            .next_s = T0 + DAY,
	                                            .extension = "issuingDistributionPoint=critical,fullname:URI:http://crl.example.invalid/1.crl" }));
	assert_true(knows(&of_here, T0));
	assert_false(knows(&of_there, T0));
	pki_drop(there);
	pki_drop(here);
}

/* Every bit of a certificate and of a list is covered by the issuer's signature, or breaks it. RSA, because it is quick to verify. */
static void every_bit(void **state)
{
	struct bench *bench = *state;
	struct pki *root = pki_root(PKI_RSA2048, "RSA"), *leaf = pki_under(root, PKI_P256, "Leaf");
	size_t length = 0;
	uint8_t *list = pki_list(&(struct pki_crl){ .issuer = root, .this_s = T0, .next_s = T0 + DAY, .revoked = leaf, .revoked_s = T0, .reason = 1 }, &length);
	uint8_t *der = malloc(leaf->length);
	struct audit_certificate issuer, certificate;

	assert_non_null(der);
	memcpy(der, leaf->der, leaf->length);
	assert_true(audit_certificate_read(pki_bytes(root), &issuer));
	assert_true(audit_certificate_read((struct bytes){ der, leaf->length }, &certificate) && audit_certificate_signed_by(&certificate, &issuer));
	for (size_t bit = 0; bit < 8 * leaf->length; bit++) {
		der[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (audit_certificate_read((struct bytes){ der, leaf->length }, &certificate) && audit_certificate_signed_by(&certificate, &issuer)) {
			fail_msg("bit %zu of byte %zu of the certificate means nothing", bit % 8, bit / 8);
		}
		der[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_non_null(audit_pool_add(&bench->pool, pki_bytes(root), true));
	assert_true(audit_pool_apply(&bench->pool, (struct bytes){ list, length }));
	for (size_t bit = 0; bit < 8 * length; bit++) {
		list[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (audit_pool_apply(&bench->pool, (struct bytes){ list, length })) {
			fail_msg("bit %zu of byte %zu of the list means nothing", bit % 8, bit / 8);
		}
		list[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	free(der);
	free(list);
	pki_drop(leaf);
	pki_drop(root);
}

struct counted {
	size_t certificates, lists;
};

static void count(void *context, struct bytes der, bool is_crl)
{
	struct counted *counted = context;

	assert_true(der.length > 0);
	counted->certificates += is_crl ? 0 : 1;
	counted->lists += is_crl ? 1 : 0;
}

static void files(void **state)
{
	struct bench *bench = *state;
	BIO *pem = BIO_new(BIO_s_mem());
	struct counted counted = { 0 };
	uint8_t *data = NULL, *list = NULL;
	size_t length = 0;

	list = pki_list(&(struct pki_crl){ .issuer = bench->ca, .this_s = T0 }, &length);
	assert_true(audit_pool_each((struct bytes){ list, length }, count, &counted));
	assert_true(audit_pool_each(pki_bytes(bench->ca), count, &counted));
	assert_true(counted.certificates == 1 && counted.lists == 1);
	assert_int_equal(BIO_printf(pem, "words before\n"), 13);
	assert_int_equal(PEM_write_bio_X509(pem, bench->ca->cert), 1);
	assert_int_equal(PEM_write_bio_PUBKEY(pem, bench->ca->key), 1);
	assert_int_equal(PEM_write_bio_X509(pem, bench->root->cert), 1);
	{
		const unsigned char *place = list;
		X509_CRL *crl = d2i_X509_CRL(NULL, &place, (long)length);

		assert_int_equal(PEM_write_bio_X509_CRL(pem, crl), 1);
		X509_CRL_free(crl);
	}
	length = (size_t)BIO_get_mem_data(pem, &data);
	assert_true(audit_pool_each((struct bytes){ data, length }, count, &counted));
	assert_true(counted.certificates == 3 && counted.lists == 2);
	assert_false(audit_pool_each((struct bytes){ (const uint8_t *)"nothing", 7 }, count, &counted));
	assert_false(audit_pool_each((struct bytes){ bench->ca->der, bench->ca->length - 1 }, count, &counted));
	assert_false(audit_pool_each((struct bytes){ NULL, 0 }, count, &counted));
	BIO_free(pem);
	free(list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(validity),
		TEST(purposes),
		TEST(issuers_that_are_none),
		TEST(leaves_with_what_is_not_known),
		TEST(too_long),
		TEST(nobody_is_trusted),
		TEST(revoked_at_a_time),
		TEST(an_authority_revoked),
		TEST(which_times_a_list_knows),
		TEST(lists_that_are_none),
		TEST(taken_back),
		TEST(a_part_of_the_certificates),
		TEST(every_bit),
		TEST(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
