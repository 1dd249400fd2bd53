#include "audit_journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/audit/certificate.h"

static struct journal *current;

/* What anchors.c finds comes here instead of say.c. */
__attribute__((format(printf, 4, 0))) static void keep(enum audit_kind kind, int weight, uint64_t index, const char *why, va_list arguments)
{
	struct audit_found_one *one = &current->found[current->found_count++];

	assert_true(current->found_count < JOURNAL_FOUND);
	one->kind = kind;
	one->weight = weight;
	one->index = index;
	assert_true(vsnprintf(one->why, sizeof one->why, why, arguments) > 0);
}

void audit_found(struct audit *audit, enum audit_kind kind, uint64_t index, const char *why, ...)
{
	va_list arguments;

	(void)audit;
	va_start(arguments, why);
	keep(kind, -1, index, why, arguments);
	va_end(arguments);
}

void audit_found_as(struct audit *audit, enum audit_kind kind, enum audit_weight weight, uint64_t index, const char *why, ...)
{
	va_list arguments;

	(void)audit;
	va_start(arguments, why);
	keep(kind, (int)weight, index, why, arguments);
	va_end(arguments);
}

/* --- files --- */

static void full(const struct journal *journal, const char *path, char ret[256])
{
	(void)snprintf(ret, 256, "%s/%s", journal->dir, path);
}

void journal_write(const struct journal *journal, const char *path, struct bytes content)
{
	char name[256];
	FILE *file = NULL;

	full(journal, path, name);
	file = fopen(name, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(content.data, 1, content.length, file), content.length);
	assert_int_equal(fclose(file), 0);
}

struct bytes journal_read(const struct journal *journal, const char *path)
{
	char name[256];
	struct stat facts;
	FILE *file = NULL;
	uint8_t *data = NULL;

	full(journal, path, name);
	file = fopen(name, "re");
	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &facts), 0);
	data = malloc((size_t)facts.st_size + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, (size_t)facts.st_size, file), facts.st_size);
	(void)fclose(file);
	return (struct bytes){ data, (size_t)facts.st_size };
}

void journal_remove(const struct journal *journal, const char *path)
{
	char name[256];

	full(journal, path, name);
	assert_int_equal(unlink(name), 0);
}

void journal_flip(const struct journal *journal, const char *path, size_t from_end)
{
	struct bytes content = journal_read(journal, path);
	uint8_t *data = (uint8_t *)(uintptr_t)content.data;

	data[content.length - 1 - from_end] ^= 1;
	journal_write(journal, path, content);
	free(data);
}

void journal_other_letter(const struct journal *journal, const char *path, size_t from_end)
{
	struct bytes content = journal_read(journal, path);
	uint8_t *letter = (uint8_t *)(uintptr_t)content.data + content.length - 1 - from_end;

	*letter = *letter == 'A' ? 'B' : 'A';
	journal_write(journal, path, content);
	free((void *)(uintptr_t)content.data);
}

void journal_copy(const struct journal *journal, const char *from, const char *to)
{
	struct bytes content = journal_read(journal, from);

	journal_write(journal, to, content);
	free((void *)(uintptr_t)content.data);
}

void journal_trust(struct journal *journal, const struct pki *pki, const char *name)
{
	char *path = malloc(256);

	journal_write(journal, name, pki_bytes(pki));
	full(journal, name, path);
	journal->settings.trust[journal->settings.trust_count++] = path;
}

/* --- records --- */

static void node(const uint8_t (*leaves)[AUDIT_HASH_BYTES], uint64_t count, uint8_t ret[AUDIT_HASH_BYTES])
{
	uint8_t both[1 + 2 * AUDIT_HASH_BYTES] = { 1 };
	uint64_t split = 1;

	if (count == 1) {
		memcpy(ret, leaves[0], AUDIT_HASH_BYTES);
		return;
	}
	while (2 * split < count) {
		split *= 2;
	}
	node(leaves, split, both + 1);
	node(leaves + split, count - split, both + 1 + AUDIT_HASH_BYTES);
	audit_sha256((struct bytes){ both, sizeof both }, ret);
}

static bool root_of(void *context, uint64_t size, uint8_t ret[AUDIT_HASH_BYTES])
{
	const struct journal *journal = context;

	if (size == 0 || size > journal->size) {
		return false;
	}
	node(journal->leaves, size, ret);
	return true;
}

static bool is_quiet(void *context, uint64_t index)
{
	return ((const struct journal *)context)->quiet[index];
}

static struct audit_anchor *add_record(struct journal *journal, uint64_t index)
{
	struct audit_anchor *anchor = &journal->anchors[journal->anchor_count++];

	assert_true(journal->anchor_count < JOURNAL_ANCHORS && index < journal->size);
	memset(anchor, 0, sizeof *anchor);
	anchor->index = index;
	anchor->utc_ms = journal->utc_ms[index];
	journal->quiet[index] = true;
	return anchor;
}

int journal_open(void **state)
{
	static const char *const folders[] = { "journal", "journal/anchor", "journal/trust", "quarantine" };
	struct journal *journal = calloc(1, sizeof *journal);
	char name[256];

	assert_non_null(journal);
	(void)snprintf(journal->dir, sizeof journal->dir, "/tmp/audit-anchors-XXXXXX");
	assert_non_null(mkdtemp(journal->dir));
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
		full(journal, folders[i], name);
		assert_int_equal(mkdir(name, 0755), 0);
	}
	journal->size = 200;
	for (size_t i = 0; i < JOURNAL_RECORDS; i++) {
		journal->utc_ms[i] = (T0 + (int64_t)i * MINUTE) * 1000;
		audit_sha256((struct bytes){ (const uint8_t *)&i, sizeof i }, journal->leaves[i]);
	}
	journal->root = pki_root(PKI_P256, "Root");
	journal->signer = pki_under(journal->root, PKI_P256, "Box");
	journal->tsa = pki_tsa(journal->root, PKI_P256, "TSA");
	journal->settings = (struct audit_settings){ .layout = AUDIT_LAYOUT_DATA, .threads = 1, .now_s = T0 + DAY };
	journal->notes_before = UINT64_MAX;
	journal_trust(journal, journal->root, "root.cer");
	*state = journal;
	return 0;
}

int journal_close(void **state)
{
	struct journal *journal = *state;
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf '%s'", journal->dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of ours */
	for (size_t i = 0; i < journal->settings.trust_count; i++) {
		free((void *)(uintptr_t)journal->settings.trust[i]);
	}
	pki_drop(journal->tsa);
	pki_drop(journal->signer);
	pki_drop(journal->root);
	free(journal);
	return 0;
}

/* --- checkpoints --- */

void journal_note_text(const struct journal *journal, const char *origin, uint64_t size, uint64_t root_size, bool other, char ret[256])
{
	uint8_t root[AUDIT_HASH_BYTES];
	unsigned char text[64];

	node(journal->leaves, root_size, root);
	root[0] ^= other ? 1 : 0;
	assert_int_equal(EVP_EncodeBlock(text, root, sizeof root), 44);
	(void)snprintf(ret, 256, "%s\n%ju\n%s\n", origin, size, (const char *)text);
}

/* Text, and the line of C2SP for a key on P-256. */
static void sign_note(const char *text, const struct pki *signer, char ret[1024])
{
	struct audit_certificate certificate;
	uint8_t blob[4 + 128], id[AUDIT_HASH_BYTES];
	unsigned char base64[256];
	size_t length = sizeof blob - 4;
	EVP_MD_CTX *sign = EVP_MD_CTX_new();

	assert_true(audit_certificate_read(pki_bytes(signer), &certificate));
	if (!audit_key_is_p256(certificate.spki)) {
		(void)snprintf(ret, 1024, "%s", text);
		EVP_MD_CTX_free(sign);
		return;
	}
	audit_sha256(certificate.spki, id);
	memcpy(blob, id, 4);
	assert_int_equal(EVP_DigestSignInit(sign, NULL, EVP_sha256(), NULL, signer->key), 1);
	assert_int_equal(EVP_DigestSign(sign, blob + 4, &length, (const unsigned char *)text, strlen(text)), 1);
	EVP_MD_CTX_free(sign);
	assert_true(EVP_EncodeBlock(base64, blob, (int)length + 4) > 0);
	(void)snprintf(ret, 1024, "%s\n\xE2\x80\x94 %.*s %s\n", text, (int)strcspn(text, "\n"), text, (const char *)base64);
}

void journal_note_files(const struct journal *journal, uint64_t name, const char *text, const struct pki *signer)
{
	char path[64], note[1024];
	size_t length = 0;
	uint8_t *cms = NULL;

	(void)snprintf(path, sizeof path, "journal/anchor/%ju.note", name);
	if (signer == NULL) {
		journal_write(journal, path, (struct bytes){ (const uint8_t *)text, strlen(text) });
		return;
	}
	sign_note(text, signer, note);
	journal_write(journal, path, (struct bytes){ (const uint8_t *)note, strlen(note) });
	cms = pki_cms(signer, NULL, (struct bytes){ (const uint8_t *)text, strlen(text) }, NID_pkcs7_data, NULL, 0, &length);
	(void)snprintf(path, sizeof path, "journal/anchor/%ju.p7s", name);
	journal_write(journal, path, (struct bytes){ cms, length });
	free(cms);
}

void journal_note(struct journal *journal, uint64_t size, const struct pki *signer)
{
	char text[256];

	journal_note_text(journal, JOURNAL_ORIGIN, size, size, false, text);
	journal_note_files(journal, size, text, signer);
	if (size < journal->size) {
		struct audit_anchor *anchor = add_record(journal, size);

		anchor->has_size = anchor->has_root = true;
		anchor->size = size;
		node(journal->leaves, size, anchor->root);
	}
}

void journal_stamp(struct journal *journal, uint64_t size, unsigned number, const struct pki *tsa, int64_t at_s, uint64_t record)
{
	char path[64], of[64];
	struct bytes over;
	size_t length = 0;
	uint8_t *reply = NULL;

	(void)snprintf(of, sizeof of, "journal/anchor/%ju.p7s", size);
	(void)snprintf(path, sizeof path, number > 1 ? "journal/anchor/%ju.%u.tsr" : "journal/anchor/%ju.tsr", size, number);
	over = journal_read(journal, of);
	reply = pki_reply(&(struct pki_stamp){ .tsa = tsa, .data = over, .at_s = at_s }, &length);
	journal_write(journal, path, (struct bytes){ reply, length });
	if (record != 0) {
		struct audit_anchor *anchor = add_record(journal, record);

		(void)snprintf(anchor->event, sizeof anchor->event, "stamp");
		(void)snprintf(anchor->file, sizeof anchor->file, "%s", path + strlen("journal/anchor/"));
		anchor->has_size = anchor->has_root = anchor->has_sha256 = true;
		anchor->size = size;
		node(journal->leaves, size, anchor->root);
		audit_sha256((struct bytes){ reply, length }, anchor->sha256);
	}
	free(reply);
	free((void *)(uintptr_t)over.data);
}

void journal_collect(struct journal *journal, struct bytes content, bool is_crl, uint64_t record)
{
	char path[128], name[80] = "";
	uint8_t hash[AUDIT_HASH_BYTES];

	audit_sha256(content, hash);
	for (size_t i = 0; i < sizeof hash; i++) {
		(void)snprintf(name + 2 * i, 3, "%02x", hash[i]);
	}
	(void)snprintf(name + 64, 8, "%s", is_crl ? ".crl" : ".cer");
	(void)snprintf(path, sizeof path, "journal/trust/%s", name);
	journal_write(journal, path, content);
	if (record != 0) {
		struct audit_anchor *anchor = add_record(journal, record);

		(void)snprintf(anchor->event, sizeof anchor->event, "%s", is_crl ? "crl" : "cert");
		(void)snprintf(anchor->file, sizeof anchor->file, "%s", name);
		anchor->has_sha256 = true;
		memcpy(anchor->sha256, hash, sizeof hash);
	}
}

void journal_revoke(struct journal *journal, const struct pki *issuer, const struct pki *revoked, int64_t revoked_s, int reason, int64_t this_s)
{
	size_t length = 0;
	uint8_t *list = pki_list(
	    &(struct pki_crl){ .issuer = issuer, .this_s = this_s, .next_s = this_s + 30 * DAY, .revoked = revoked, .revoked_s = revoked_s, .reason = reason },
	    &length);

	journal_collect(journal, (struct bytes){ list, length }, true, 0);
	free(list);
}

/* --- the check --- */

static int by_index(const void *a, const void *b)
{
	const struct audit_anchor *left = a, *right = b;

	return left->index < right->index ? -1 : left->index > right->index;
}

void journal_check(struct journal *journal)
{
	struct audit_records records = { .size = journal->size,
		                         .utc_ms = journal->utc_ms,
		                         .leaves = (const uint8_t(*)[AUDIT_HASH_BYTES])journal->leaves,
		                         .anchors = journal->anchors,
		                         .anchor_count = journal->anchor_count,
		                         .origin = JOURNAL_ORIGIN,
		                         .notes_before = journal->notes_before,
		                         .is_quiet = is_quiet };
	char path[256];
	int fd = -1;

	qsort(journal->anchors, journal->anchor_count, sizeof journal->anchors[0], by_index);
	current = journal;
	journal->found_count = 0;
	full(journal, journal->settings.layout == AUDIT_LAYOUT_NOTES ? "journal/anchor" : "journal", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(audit_anchors_check(NULL, &journal->settings, fd, &records, root_of, journal, &journal->result), 0);
	(void)close(fd);
}

static void show(const struct journal *journal)
{
	for (size_t i = 0; i < journal->found_count; i++) {
		print_error("kind %d, weight %d, index %jd: %s\n", (int)journal->found[i].kind, journal->found[i].weight, (intmax_t)journal->found[i].index,
		            journal->found[i].why);
	}
}

void journal_expect(const struct journal *journal, enum audit_kind kind, int weight, uint64_t index)
{
	for (size_t i = 0; i < journal->found_count; i++) {
		const struct audit_found_one *one = &journal->found[i];

		if (one->kind == kind && one->weight == weight && (index == AUDIT_NO_INDEX || one->index == index)) {
			return;
		}
	}
	show(journal);
	fail_msg("no finding of kind %d, weight %d, index %jd", (int)kind, weight, (intmax_t)index);
}

void journal_expect_only(const struct journal *journal, ...)
{
	for (size_t i = 0; i < journal->found_count; i++) {
		va_list kinds;
		int kind = 0;

		va_start(kinds, journal);
		do {
			kind = va_arg(kinds, int);
		} while (kind != AUDIT_KIND_COUNT && kind != (int)journal->found[i].kind);
		va_end(kinds);
		if (kind == AUDIT_KIND_COUNT) {
			show(journal);
			fail_msg("more was found");
		}
	}
}
