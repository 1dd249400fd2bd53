/* Signatures in an exported folder (export_signatures.c): one that stands beside its content, and a seal in XML over the hash of other bytes. Made by libcrypto. */
#include "audit_pki.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "store/audit/export.h"

#define TEXT_SIZE 65536
#define ORIGINAL "<REGZEC/>"
#define SEALED "<Message><Body>result</Body></Message>"
#define FILES 4

static struct pki *root, *signer, *dis, *other;
static char folder[] = "/tmp/audit-signatures-XXXXXX";

/* What differs from a sound folder. */
struct plan {
	const struct pki *filing, *sealer;
	const char *over, *sealed; /* what was really signed and sealed */
	const char *open, *close;  /* around the value of the seal */
	bool attributes, soap, no_intent;
	const EVP_MD *hash;
};

static const struct plan sound = { .over = ORIGINAL, .sealed = SEALED, .open = "<SignatureValue>", .close = "</SignatureValue>" };

static void put(int at, const char *name, const void *data, size_t length)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), (int)length);
	assert_int_equal(close(fd), 0);
}

static void put_filing(int at, const struct plan *plan)
{
	size_t length = 0;
	uint8_t *der = pki_cms(plan->filing, NULL, (struct bytes){ (const uint8_t *)plan->over, strlen(plan->over) }, NID_pkcs7_data, NULL,
	                       plan->attributes ? 0 : PKI_NO_ATTRIBUTES, &length);

	put(at, "podano.p7s", der, length);
	put(at, "original", ORIGINAL, strlen(ORIGINAL));
	free(der);
}

static void put_reply(int at, const struct plan *plan)
{
	static char value[TEXT_SIZE], text[2 * TEXT_SIZE], packed[4 * TEXT_SIZE];
	uint8_t digest[EVP_MAX_MD_SIZE], *der = NULL;
	unsigned digest_length = 0;
	size_t length = 0;

	assert_int_equal(EVP_Digest(plan->sealed, strlen(plan->sealed), digest, &digest_length, plan->hash == NULL ? EVP_sha512() : plan->hash, NULL), 1);
	der = pki_cms(plan->sealer, NULL, (struct bytes){ digest, digest_length }, NID_pkcs7_data, NULL,
	              PKI_ATTACHED | (plan->attributes ? 0 : PKI_NO_ATTRIBUTES), &length);
	(void)EVP_EncodeBlock((unsigned char *)value, der, (int)length);
	(void)snprintf(text, sizeof text, "<a:E xmlns:a='x'><!--SignatureValue--><a:T>%s\n %s%s</a:T></a:E>", plan->open, value, plan->close);
	if (plan->soap) {
		(void)EVP_EncodeBlock((unsigned char *)packed, (const unsigned char *)text, (int)strlen(text));
		(void)snprintf(text, sizeof text, "<s:Envelope><BodyBase64XML>%s</BodyBase64XML></s:Envelope>", packed);
	}
	put(at, "zapecetena-odpoved.xml", text, strlen(text));
	put(at, "potvrzeni.xml", SEALED, strlen(SEALED));
	free(der);
}

static void hex(const uint8_t *bytes, size_t length, char *ret)
{
	for (size_t i = 0; i < length; i++) {
		(void)sprintf(ret + 2 * i, "%02x", bytes[i]);
	}
}

/* The findings of the folder by weight: damaged, doubt, remark. */
static void check(const struct plan *plan, uint64_t damaged, uint64_t doubts, uint64_t remarks)
{
	static const char *const names[FILES] = { "original", "podano.p7s", "potvrzeni.xml", "zapecetena-odpoved.xml" };
	static const char *const fields[FILES] = { "object-original", "object-signed", "object-confirmation", "object-reply" };
	static const char *const roles[FILES] = { "original", "signed", "confirmation", "reply" };
	static const char *const heads[FILES] = { "form: detached-der\n", "intent: 6\n", "form: sealed-xml\n", "" };
	static const uint64_t indexes[FILES] = { 6, 7, 9, 8 };
	struct export *export = calloc(1, sizeof *export);
	struct export_content contents[FILES] = { { .good = true } };
	struct export_record records[FILES] = { { .good = true } };
	struct export_file files[FILES] = { { .known = false } };
	char bodies[FILES][1024], who[65] = "";

	assert_non_null(export);
	(void)pthread_mutex_init(&export->audit.lock, NULL);
	export->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(export->folder >= 0);
	put_filing(export->folder, plan);
	put_reply(export->folder, plan);
	for (size_t i = 0; i < FILES; i++) {
		char commitment[65];
		uint8_t sha256[32];
		const struct pki *pki = i == 2 ? dis : signer;

		memset(sha256, (int)i + 1, sizeof sha256);
		hex(sha256, sizeof sha256, commitment);
		memcpy(contents[i].commitment, sha256, sizeof sha256);
		audit_sha256(pki_bytes(pki), sha256);
		hex(sha256, sizeof sha256, who);
		(void)snprintf(bodies[i], sizeof bodies[i], "%s%s: 9 1 %s %s\nsigner: %s\n", i == 0 && plan->no_intent ? "" : heads[i],
		               i == 0 && plan->no_intent ? "nothing" : fields[i], commitment, commitment, who);
		(void)snprintf(files[i].name, sizeof files[i].name, "%s", names[i]);
		records[i] = (struct export_record){ .index = indexes[i], .bytes = (uint8_t *)bodies[i] };
		records[i].fact.body = (struct bytes){ (const uint8_t *)bodies[i], strlen(bodies[i]) };
		(void)snprintf(contents[i].file, sizeof contents[i].file, "%s", names[i]);
		contents[i].record = &records[i];
		contents[i].role = (struct bytes){ (const uint8_t *)roles[i], strlen(roles[i]) };
		contents[i].good = true;
	}
	export->records = records;
	export->record_count = FILES;
	export->files = files;
	export->file_count = FILES;
	assert_int_equal(export_check_signatures(export, contents, FILES), 0);
	if (export->audit.figures.findings[AUDIT_DAMAGED] != damaged || export->audit.figures.findings[AUDIT_DOUBT] != doubts ||
	    export->audit.figures.findings[AUDIT_REMARK] != remarks) {
		fail_msg("%ju damaged, %ju doubts, %ju remarks; first: %s", (uintmax_t) export->audit.figures.findings[AUDIT_DAMAGED],
		         (uintmax_t) export->audit.figures.findings[AUDIT_DOUBT], (uintmax_t) export->audit.figures.findings[AUDIT_REMARK],
		         export->audit.list_count == 0 ? "-" : export->audit.list[0].why);
	}
	/* Each that fits is somebody's. */
	assert_int_equal(export->signer_count, 2 - damaged - doubts);
	(void)close(export->folder);
	free(export->audit.list);
	audit_pool_free(&export->pool);
	free(export);
}

static struct plan with(const struct pki *filing, const struct pki *sealer, bool attributes)
{
	struct plan plan = sound;

	plan.filing = filing;
	plan.sealer = sealer;
	plan.attributes = attributes;
	return plan;
}

static void sound_ones(void **state)
{
	struct plan plan = with(signer, dis, false);

	(void)state;
	check(&plan, 0, 0, 1); /* what was not compared is said */
	plan = with(signer, dis, true);
	check(&plan, 0, 0, 1);
	plan.hash = EVP_sha256();
	check(&plan, 0, 0, 1);
	plan.hash = EVP_sha384();
	plan.soap = true;
	check(&plan, 0, 0, 1);
	plan = with(signer, dis, false);
	plan.open = "<x:SignatureValue a='1'>";
	plan.close = "</x:SignatureValue>";
	check(&plan, 0, 0, 1);
}

static void others(void **state)
{
	struct plan plan = with(signer, dis, false);

	(void)state;
	plan.over = "<REGZEC />"; /* the filing is over other bytes */
	check(&plan, 1, 0, 1);
	plan.attributes = true;
	check(&plan, 1, 0, 1);
	plan = with(other, dis, false);
	check(&plan, 1, 0, 1);
	plan = with(signer, dis, false);
	plan.sealed = "<Message><Body>another</Body></Message>"; /* the seal of another message */
	check(&plan, 1, 0, 0);
	plan = with(signer, other, false);
	check(&plan, 1, 0, 0);
	plan = with(signer, dis, false);
	plan.hash = EVP_sha1();
	check(&plan, 1, 0, 0);
}

static void not_to_be_judged(void **state)
{
	struct plan plan = with(signer, dis, false);

	(void)state;
	plan.no_intent = true; /* what the signature is over is not known */
	check(&plan, 0, 1, 1);
	plan = with(signer, dis, false);
	plan.open = "<SignatureValue>AAAA</SignatureValue><SignatureValue>"; /* which counts, this program cannot tell */
	check(&plan, 0, 1, 0);
	plan.open = "<SignatureValue>*";
	check(&plan, 0, 1, 0);
	plan.open = "<Value>";
	plan.close = "</Value>";
	check(&plan, 0, 1, 0);
}

static int set_up(void **state)
{
	(void)state;
	root = pki_root(PKI_P256, "Root");
	signer = pki_under(root, PKI_RSA2048, "Signer");
	dis = pki_under(root, PKI_RSA2048, "DIS");
	other = pki_under(root, PKI_RSA2048, "Other");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	static const char *const names[FILES] = { "original", "podano.p7s", "potvrzeni.xml", "zapecetena-odpoved.xml" };
	int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < FILES; i++) {
		(void)unlinkat(at, names[i], 0);
	}
	(void)close(at);
	pki_drop(other);
	pki_drop(dis);
	pki_drop(signer);
	pki_drop(root);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sound_ones), cmocka_unit_test(others), cmocka_unit_test(not_to_be_judged) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
