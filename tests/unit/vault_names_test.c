/* The names file and the memory of content seen before. */
#include "vault_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "store/names.h"
#include "store/seen.h"

static struct names *open_names(struct vault_bench *bench)
{
	struct names *names = NULL;

	assert_int_equal(names_open(bench->vault, bench->fd, &names), 0);
	return names;
}

static void set_name(struct names *names, const char *number, const char *name)
{
	assert_int_equal(names_set(names, number, span_of_string(name)), 0);
}

/* A token opens one generation. */
static void unlock(struct vault_bench *bench, const char *owner, uint32_t generation)
{
	uint8_t *der = NULL;
	size_t length = 0;
	char text[2048];
	struct key *key = NULL;

	assert_int_equal(vault_key_file(bench->vault, owner, generation, &der, &length), 0);
	length = bench_unwrap(bench->ec, bench->ec_cert, span_of(der, length), text, sizeof text);
	assert_int_equal(vault_key_accept(bench->vault, owner, generation, span_of(text, length), &key), 0);
	free(der);
}

static size_t count_files(const struct vault_bench *bench)
{
	char command[128];
	uint8_t output[32] = "";
	size_t length = 0;

	(void)snprintf(command, sizeof command, "ls '%s/names' | wc -l", bench->path);
	assert_int_equal(bench_run(command, output, sizeof output - 1, &length), 0);
	return (size_t)atoi((char *)output);
}

static void test_names_set(void **state)
{
	struct vault_bench *bench = *state;
	struct names *names = open_names(bench);
	char longest[NAMES_TEXT_MAX_BYTES + 2];
	uint8_t *text = NULL;
	size_t length = 0;

	set_name(names, "2026-000002", "b");
	set_name(names, "2026-000001", "přiznání.xml");
	set_name(names, "2026-000002", "c");
	assert_string_equal(names_find(names, "2026-000002"), "c");
	assert_null(names_find(names, "2026-000003"));
	assert_int_equal(names_text(names, &text, &length), 0);
	assert_string_equal((char *)text, "2026-000001\tpřiznání.xml\n2026-000002\tc\n");
	free(text);
	assert_int_equal(names_set(names, "2026-1", span_of_string("x")), ERR_FORMAT);
	assert_int_equal(names_set(names, "2026-000001", span_of_string("")), ERR_FORMAT);
	assert_int_equal(names_set(names, "2026-000001", span_of_string("a\tb")), ERR_FORMAT);
	assert_int_equal(names_set(names, "2026-000001", span_of_string("a\nb")), ERR_FORMAT);
	assert_int_equal(names_set(names, "2026-000001", span_of_string("\xff")), ERR_FORMAT);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(names_set(names, "2026-000001", span_of_string(longest)), ERR_FORMAT);
	names_free(names);
}

static void test_names_merge(void **state)
{
	struct vault_bench *bench = *state;
	struct names *names = open_names(bench);
	char owner[OBJECT_OWNER_SIZE];
	uint32_t generation = 0;

	/* Three runs without a token: three generations. */
	set_name(names, "2026-000001", "one");
	set_name(names, "2025-000009", "last year");
	assert_true(names_dirty(names));
	assert_int_equal(names_flush(names), 0);
	assert_false(names_dirty(names));
	names_free(names);
	bench_restart(bench);
	names = open_names(bench);
	assert_null(names_find(names, "2026-000001"));
	set_name(names, "2026-000002", "two");
	set_name(names, "2026-000001", "one, renamed");
	assert_int_equal(names_flush(names), 0);
	names_free(names);
	bench_restart(bench);
	names = open_names(bench);
	set_name(names, "2026-000003", "three");
	assert_int_equal(names_flush(names), 0);
	assert_int_equal(count_files(bench), 4);
	assert_int_equal(names_load(names, "names-2026", 1), ERR_LOCKED);
	assert_int_equal(names_load(names, "names-2026", 7), ERR_NOTFOUND);

	/* The token comes: one by one, then one file for each year. */
	for (size_t i = 0; i < 3; i++) {
		assert_true(names_locked(names, 0, owner, &generation));
		unlock(bench, owner, generation);
		assert_int_equal(names_load(names, owner, generation), 0);
	}
	assert_false(names_locked(names, 0, owner, &generation));
	assert_string_equal(names_find(names, "2025-000009"), "last year");
	assert_string_equal(names_find(names, "2026-000001"), "one, renamed");
	assert_string_equal(names_find(names, "2026-000002"), "two");
	assert_string_equal(names_find(names, "2026-000003"), "three");
	assert_int_equal(count_files(bench), 2);
	names_free(names);

	/* All of it is in the one that stayed. */
	bench_restart(bench);
	names = open_names(bench);
	while (names_locked(names, 0, owner, &generation)) {
		unlock(bench, owner, generation);
		assert_int_equal(names_load(names, owner, generation), 0);
	}
	assert_string_equal(names_find(names, "2026-000001"), "one, renamed");
	assert_string_equal(names_find(names, "2026-000003"), "three");
	/* And writing goes on in it. */
	set_name(names, "2026-000004", "four");
	assert_int_equal(names_flush(names), 0);
	assert_int_equal(count_files(bench), 2);
	names_free(names);
}

static void test_names_damaged(void **state)
{
	struct vault_bench *bench = *state;
	struct names *names = open_names(bench);
	char path[128], owner[OBJECT_OWNER_SIZE];
	uint32_t generation = 0;
	int fd = -1;

	set_name(names, "2026-000001", "one");
	assert_int_equal(names_flush(names), 0);
	names_free(names);
	(void)snprintf(path, sizeof path, "%s/names/2026.1", bench->path);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0 && lseek(fd, -1, SEEK_END) > 0);
	assert_int_equal(fd_write_all(fd, "x", 1), 0);
	(void)close(fd);
	bench_restart(bench);
	names = open_names(bench);
	unlock(bench, "names-2026", 1);
	assert_int_equal(names_load(names, "names-2026", 1), ERR_DAMAGE);
	assert_false(names_locked(names, 0, owner, &generation));
	/* It is not written over. */
	set_name(names, "2026-000002", "two");
	assert_int_equal(names_flush(names), ERR_STATE);
	names_free(names);
}

static void hash(const struct seen *seen, const char *content, uint8_t ret[VAULT_HMAC_BYTES])
{
	struct vault_hmac *hmac = seen_begin(seen);

	assert_non_null(hmac);
	assert_true(vault_hmac_update(hmac, span_of_string(content)));
	assert_true(vault_hmac_finish(hmac, ret));
	vault_hmac_free(hmac);
}

static void test_seen(void **state)
{
	struct vault_bench *bench = *state;
	struct seen *seen = NULL;
	uint8_t one[VAULT_HMAC_BYTES], two[VAULT_HMAC_BYTES];
	size_t cursor = 0;
	char path[128], number[32];
	int fd = -1;

	assert_int_equal(seen_open(&fileops_posix, bench->fd, &seen), 0);
	hash(seen, "one", one);
	hash(seen, "two", two);
	assert_null(seen_next(seen, one, &cursor));
	assert_int_equal(seen_add(seen, one, "2026-000001"), 0);
	assert_int_equal(seen_add(seen, one, "2026-000001"), 0);
	assert_int_equal(seen_add(seen, one, "2026-000002"), 0);
	assert_int_equal(seen_add(seen, two, "nonsense"), ERR_FORMAT);
	for (unsigned i = 0; i < 3000; i++) { /* the table grows */
		uint8_t other[VAULT_HMAC_BYTES];

		(void)snprintf(number, sizeof number, "2026-%06u", 100 + i);
		hash(seen, number, other);
		assert_int_equal(seen_add(seen, other, number), 0);
	}
	seen_free(seen);

	/* A torn last line is cut. */
	(void)snprintf(path, sizeof path, "%s/seen", bench->path);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(fd_write_all(fd, "0123 20", 7), 0);
	(void)close(fd);
	assert_int_equal(seen_open(&fileops_posix, bench->fd, &seen), 0);
	assert_int_equal(seen_add(seen, two, "2026-000003"), 0);
	seen_free(seen);
	assert_int_equal(seen_open(&fileops_posix, bench->fd, &seen), 0);
	cursor = 0;
	assert_string_equal(seen_next(seen, one, &cursor), "2026-000002");
	assert_string_equal(seen_next(seen, one, &cursor), "2026-000001");
	assert_null(seen_next(seen, one, &cursor));
	cursor = 0;
	assert_string_equal(seen_next(seen, two, &cursor), "2026-000003");
	seen_free(seen);
	(void)snprintf(path, sizeof path, "%s/seen.key", bench->path);
	assert_int_equal(truncate(path, 10), 0);
	assert_int_equal(seen_open(&fileops_posix, bench->fd, &seen), ERR_FORMAT);
}

/* --- every operation on files fails once --- */

struct failing {
	struct fileops ops;
	int countdown; /* the call that fails; counts the calls when negative */
	int error;
};

static bool fails(const struct fileops *ops)
{
	struct failing *failing = (struct failing *)(uintptr_t)ops;

	if (failing->countdown-- != 0) {
		return false;
	}
	errno = failing->error;
	return true;
}

static int fail_openat(const struct fileops *ops, int dir, const char *path, int flags, mode_t mode)
{
	return fails(ops) ? -1 : fileops_posix.openat(&fileops_posix, dir, path, flags, mode);
}

static ssize_t fail_write(const struct fileops *ops, int fd, const void *data, size_t length)
{
	if (fails(ops)) {
		/* a short one before, as a full disk does it */
		(void)fileops_posix.write(&fileops_posix, fd, data, length / 2);
		errno = ((const struct failing *)(uintptr_t)ops)->error;
		return -1;
	}
	return fileops_posix.write(&fileops_posix, fd, data, length);
}

static int fail_fsync(const struct fileops *ops, int fd)
{
	return fails(ops) ? -1 : fileops_posix.fsync(&fileops_posix, fd);
}

static int fail_fdatasync(const struct fileops *ops, int fd)
{
	return fails(ops) ? -1 : fileops_posix.fdatasync(&fileops_posix, fd);
}

static int fail_renameat2(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return fails(ops) ? -1 : fileops_posix.renameat2(&fileops_posix, from_dir, from, to_dir, to, flags);
}

static int fail_fstatat(const struct fileops *ops, int dir, const char *path, struct stat *ret, int flags)
{
	return fails(ops) ? -1 : fileops_posix.fstatat(&fileops_posix, dir, path, ret, flags);
}

/* One object under a new key, noted as seen. What it returns 0 for must be readable from a process with clean hands. */
static int store_one(struct vault_bench *bench, const struct fileops *ops, struct seen *seen, const char *number, struct object_ref *ret)
{
	struct keys *keys = bench->keys;
	struct vault *vault = NULL;
	struct key *key = NULL;
	uint8_t hmac[VAULT_HMAC_BYTES] = { 1 };
	int err = vault_open(ops, bench->fd, BENCH_ORIGIN, keys, &bench->recipients, &vault);

	if (err == 0) {
		err = vault_key_for_writing(vault, number, &key);
	}
	if (err == 0) {
		struct vault_writer *writer = vault_writer_new(vault, key, 100);

		err = vault_writer_add(writer, span_of_string("content"));
		if (err == 0) {
			err = vault_writer_finish(writer, ret);
		}
		vault_writer_free(writer);
	}
	if (err == 0) {
		err = seen_add(seen, hmac, number);
	}
	vault_free(vault);
	return err;
}

static void check_one(struct vault_bench *bench, const char *number, const struct object_ref *ref)
{
	struct vault_reader *reader = NULL;
	struct key *key = NULL;
	struct span piece;

	bench_restart(bench); /* nothing of the failing process is left */
	{
		uint8_t *der = NULL;
		size_t length = 0;
		char text[2048];

		assert_int_equal(vault_key_file(bench->vault, number, ref->generation, &der, &length), 0);
		length = bench_unwrap(bench->rsa, bench->rsa_cert, span_of(der, length), text, sizeof text);
		assert_int_equal(vault_key_accept(bench->vault, number, ref->generation, span_of(text, length), &key), 0);
		free(der);
	}
	reader = vault_reader_new(bench->vault, key, ref);
	assert_int_equal(vault_reader_next(reader, &piece), 0);
	assert_true(span_equals_string(piece, "content"));
	assert_int_equal(vault_reader_next(reader, &piece), 0);
	vault_reader_free(reader);
}

static void test_faults(void **state)
{
	static const int errors[] = { EIO, ENOSPC };
	struct vault_bench *bench = *state;
	unsigned failures = 0;

	for (size_t e = 0; e < 2; e++) {
		for (int step = 0;; step++) {
			struct failing failing = { .ops = fileops_posix, .countdown = step, .error = errors[e] };
			struct seen *seen = NULL;
			struct object_ref ref;
			char number[32];
			int err = 0;

			failing.ops.openat = fail_openat;
			failing.ops.write = fail_write;
			failing.ops.fsync = fail_fsync;
			failing.ops.fdatasync = fail_fdatasync;
			failing.ops.renameat2 = fail_renameat2;
			failing.ops.fstatat = fail_fstatat;
			(void)snprintf(number, sizeof number, "2026-%06d", (int)e * 100000 + step);
			err = seen_open(&failing.ops, bench->fd, &seen);
			if (err == 0) {
				err = store_one(bench, &failing.ops, seen, number, &ref);
			}
			seen_free(seen);
			if (err == 0) {
				check_one(bench, number, &ref);
			} else {
				failures++;
				bench_restart(bench);
			}
			if (failing.countdown >= 0) {
				assert_int_equal(err, 0);
				break; /* it went through without reaching that step */
			}
			/* Whatever failed, the next try by a new process works. */
			assert_int_equal(seen_open(&fileops_posix, bench->fd, &seen), 0);
			assert_int_equal(store_one(bench, &fileops_posix, seen, number, &ref), 0);
			seen_free(seen);
			check_one(bench, number, &ref);
			step += step > 20 && step < 250 ? 60 : 0; /* the 256 folders are all alike */
		}
	}
	assert_true(failures > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names_set, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_names_merge, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_names_damaged, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_seen, bench_set_up, bench_tear_down),
		cmocka_unit_test_setup_teardown(test_faults, bench_set_up, bench_tear_down),
	};

	return cmocka_run_group_tests_name("names and seen", tests, NULL, NULL);
}
