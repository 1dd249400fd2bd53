/* Who may have a case erased and when, by its records alone; what is forgotten and what stays. */
#include "vault_bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "journal_help.h"
#include "store/archive.h"
#include "store/erase.h"
#include "store/names.h"
#include "store/parts.h"
#include "store/seen.h"

#define CASE "2026-000001"

static int check(struct journal *journal, const char *rest, int64_t now_ms)
{
	char why[TABLE_WHY_SIZE] = "", body[256];
	int err = 0;

	(void)snprintf(body, sizeof body, "%sbasis: x\nby: uid:2\ncase: " CASE "\n", rest);
	err = erase_check(journal, CASE, span_of_string(body), now_ms, why);
	assert_true(err == 0 || why[0] != '\0');
	return err;
}

static void test_two_persons(void **state)
{
	struct help help;
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	int64_t closed_ms = 0;

	(void)state;
	help_make(&help);
	journal = help_opened(&help);
	closed_ms = help.now_ms;
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(help_received(journal, CASE, &receipt), 0);
	assert_int_equal(check(journal, "", closed_ms), ERR_STATE); /* under way */
	assert_int_equal(help_append(journal, TABLE_HUB, CASE, NULL, "recognised", "form: A\nlabel-id: a\npartner: epo\n", &receipt), 0);
	assert_int_equal(help_append(journal, TABLE_HUB, CASE, NULL, "approved", "by: box\n", &receipt), 0);
	assert_int_equal(help_append(journal, TABLE_HUB, CASE, NULL, "closed", "evidence: channel\nkeep-until: 2099-12-31\nverdict: failed\n", &receipt), 0);
	assert_int_equal(check(journal, "", closed_ms), ERR_STATE);
	assert_int_equal(check(journal, "asked-by: uid:1\n", closed_ms), ERR_STATE); /* nobody asked */
	assert_int_equal(help_append(journal, TABLE_HUB, CASE, NULL, "erased", "basis: x\nby: uid:1\nstage: asked\n", &receipt), 0);
	assert_int_equal(check(journal, "", closed_ms), ERR_STATE); /* alone */
	assert_int_equal(check(journal, "asked-by: uid:3\n", closed_ms), ERR_STATE);
	assert_int_equal(check(journal, "asked-by: uid:1\n", receipt.utc_ms + ERASE_WISH_MS), 0);
	assert_int_equal(check(journal, "asked-by: uid:1\n", receipt.utc_ms + ERASE_WISH_MS + 1), ERR_STATE);
	assert_int_equal(check(journal, "", INT64_C(4102441200000)), 0);             /* 2100-01-01 in Prague */
	assert_int_equal(check(journal, "", INT64_C(4102441200000) - 1), ERR_STATE); /* the day itself */
	assert_int_equal(help_append(journal, TABLE_HUB, CASE, NULL, "erased", "asked-by: uid:1\nbasis: x\nby: uid:2\n", &receipt), 0);
	assert_int_equal(check(journal, "asked-by: uid:1\n", receipt.utc_ms), ERR_STATE); /* once */
	journal_close(journal);
	help_remove(&help);
}

static bool is_first(void *context, const char *number)
{
	(void)context;
	return strcmp(number, CASE) == 0;
}

static void test_seen(void **state)
{
	struct vault_bench *bench = *state;
	uint8_t one[VAULT_HMAC_BYTES] = { 1 }, two[VAULT_HMAC_BYTES] = { 2 };
	struct seen *seen = NULL;
	size_t cursor = 0;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(seen_open(&fileops_posix, bench->fd, &seen), 0);
		if (round == 0) {
			assert_int_equal(seen_add(seen, one, CASE), 0);
			assert_int_equal(seen_add(seen, two, "2026-000002"), 0);
			assert_int_equal(seen_forget(seen, is_first, NULL), 0);
			assert_int_equal(seen_add(seen, two, "2026-000003"), 0); /* goes into the new file */
		}
		cursor = 0;
		assert_null(seen_next(seen, one, &cursor));
		cursor = 0;
		assert_string_equal(seen_next(seen, two, &cursor), "2026-000003");
		assert_string_equal(seen_next(seen, two, &cursor), "2026-000002");
		assert_null(seen_next(seen, two, &cursor));
		seen_free(seen);
	}
}

static void test_keys(void **state)
{
	struct vault_bench *bench = *state;
	struct key *first = NULL, *second = NULL;
	uint8_t secret[KEYS_SECRET_BYTES] = { 7 };

	assert_int_equal(vault_key_for_writing(bench->vault, CASE, &first), 0);
	assert_int_equal(vault_key_for_writing(bench->vault, "2026-000002", &second), 0);
	keys_hold(first);
	assert_true(keys_in_use(bench->keys, CASE));
	assert_false(keys_in_use(bench->keys, "2026-000002"));
	assert_int_equal(vault_keys_erase_owner(bench->vault, CASE, 0), 0);
	assert_null(keys_find(bench->keys, CASE, 1));
	assert_ptr_equal(keys_find(bench->keys, "2026-000002", 1), second);
	for (size_t i = 0; i < sizeof first->kek; i++) {
		assert_int_equal(first->kek[i] | first->salt[i], 0); /* wiped, although somebody holds it */
	}
	keys_release(first);
	assert_int_equal(faccessat(bench->fd, "keys/" CASE ".1", F_OK, 0), -1);
	assert_int_equal(faccessat(bench->fd, "keys/2026-000002.1", F_OK, 0), 0);
	assert_non_null(keys_insert(bench->keys, CASE, 1, secret, secret));
}

/* A record that names the part of another case does not make it go. */
static void test_parts(void **state)
{
	struct vault_bench *bench = *state;
	uint8_t hash[OBJECT_HASH_BYTES];
	struct object_ref ref = { .size = 3, .generation = 1, .part_count = 1 };
	struct key *key = NULL;

	assert_int_equal(vault_key_for_writing(bench->vault, CASE, &key), 0);
	assert_int_equal(vault_part_write(bench->vault, key, span_of_string("abc"), hash), 0);
	memcpy(ref.parts[0], hash, sizeof hash);
	assert_int_equal(vault_object_erase(bench->vault, "2026-000002", &ref), ERR_MISMATCH);
	assert_int_equal(vault_object_erase(bench->vault, "2026-00000", &ref), ERR_MISMATCH);
	assert_int_equal(vault_part_check(bench->vault, hash), 0);
	assert_int_equal(vault_object_erase(bench->vault, CASE, &ref), 0);
	assert_int_equal(vault_part_check(bench->vault, hash), ERR_NOTFOUND);
	assert_int_equal(vault_object_erase(bench->vault, CASE, &ref), 0);
}

static void write_marker(const char *folder, const char *text)
{
	char path[160];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/" ARCHIVE_MARKER, folder);
	(void)unlink(path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_archive(void **state)
{
	static const char *const bad[] = { "",
		                           "x",
		                           "id: 00112233445566f\norigin: " BENCH_ORIGIN "\n",
		                           "id: 0000000000000000\norigin: " BENCH_ORIGIN "\n",
		                           "origin: " BENCH_ORIGIN "\n",
		                           "id: 00112233445566ff\n",
		                           "id: 00112233445566ff\norigin: " BENCH_ORIGIN,
		                           NULL };
	struct vault_bench *bench = *state;
	struct archive archive;
	char folder[128];
	uint64_t id = 0;

	(void)snprintf(folder, sizeof folder, "%s/archive", bench->path);
	assert_int_equal(archive_open(&fileops_posix, folder, BENCH_ORIGIN, &archive), ERR_NOTFOUND);
	assert_int_equal(archive_init(&fileops_posix, folder, BENCH_ORIGIN, bench->fd, true, &id), ERR_NOTFOUND);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(archive_open(&fileops_posix, folder, BENCH_ORIGIN, &archive), ERR_NOTFOUND);
	assert_int_equal(archive_init(&fileops_posix, folder, BENCH_ORIGIN, bench->fd, false, &id), ERR_STATE);
	assert_int_equal(archive_init(&fileops_posix, folder, BENCH_ORIGIN, bench->fd, true, &id), 0);
	assert_int_equal(archive_init(&fileops_posix, folder, BENCH_ORIGIN, bench->fd, true, &id), ERR_EXISTS);
	assert_int_equal(archive_open(&fileops_posix, folder, "podatelna.test/other", &archive), ERR_MISMATCH);
	assert_int_equal(archive_open(&fileops_posix, folder, BENCH_ORIGIN, &archive), 0);
	assert_true(archive.id != 0);
	archive_close(&fileops_posix, &archive);
	for (size_t i = 0; bad[i] != NULL; i++) {
		write_marker(folder, bad[i]);
		if (archive_open(&fileops_posix, folder, BENCH_ORIGIN, &archive) != ERR_FORMAT) {
			fail_msg("a marker \"%s\" is taken", bad[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_persons),
		cmocka_unit_test_setup_teardown(test_seen, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_keys, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_parts, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_archive, bench_set_up, bench_tear_down),
	};

	return cmocka_run_group_tests_name("erase rules", tests, NULL, NULL);
}
