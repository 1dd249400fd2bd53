/* A backup is the journal as it was at one size, whatever came after; what is not whole is never put in place. */
#include "store/vault_crypto.h"

#include "journal_help.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "store/backup.h"
#include "store/restore.h"
#include "store/survey.h"
#include "store/tar.h"

#define CASES 6
#define ERASED 2 /* of these cases, the one that is erased */

struct fixture {
	struct help help;
	char origin[JOURNAL_ORIGIN_SIZE];
	uint64_t size;
};

/* --- a box with content --- */

/* A part of the vault: any bytes under their hash. */
static void make_part(struct help *help, unsigned seed, char hex[65])
{
	uint8_t bytes[700], hash[32];
	char path[128];

	memset(bytes, (int)seed + 1, sizeof bytes);
	bytes[0] = (uint8_t)(seed >> 8);
	assert_int_equal(EVP_Digest(bytes, sizeof bytes, hash, NULL, EVP_sha256(), NULL), 1);
	hex_encode(hash, sizeof hash, hex);
	help_shell(help, "mkdir -p data/vault/%.2s", hex);
	(void)snprintf(path, sizeof path, "vault/%.2s/%s", hex, hex);
	help_write(help, path, bytes, sizeof bytes);
}

static void make_case(struct fixture *fixture, struct journal *journal, unsigned n)
{
	static const uint8_t none[32];
	char number[16], first[65], second[65], body[1024], path[64];
	struct journal_receipt receipt;

	(void)snprintf(number, sizeof number, "2026-%06u", n + 1);
	make_part(&fixture->help, 2 * n, first);
	make_part(&fixture->help, 2 * n + 1, second);
	(void)snprintf(path, sizeof path, "keys/%s.1", number);
	help_shell(&fixture->help, "mkdir -p data/keys");
	help_write(&fixture->help, path, "a key", 5);
	(void)snprintf(body, sizeof body, "by: uid:1000\nkind: filing\nobject-name: 10 1 %064d %s\nobject-original: 10 1 %064d %s\n", 0, first, 0, second);
	assert_int_equal(help_append(journal, TABLE_HUB, number, none, "received", body, &receipt), 0);
}

static void erase_case(struct fixture *fixture, struct journal *journal, unsigned n)
{
	char number[16], hex[65];
	struct journal_receipt receipt;

	(void)snprintf(number, sizeof number, "2026-%06u", n + 1);
	assert_int_equal(help_append(journal, TABLE_HUB, number, NULL, "erased", "basis: test\nby: uid:1\n", &receipt), 0);
	for (unsigned i = 0; i < 2; i++) {
		make_part(&fixture->help, 2 * n + i, hex);
		help_shell(&fixture->help, "rm data/vault/%.2s/%s", hex, hex);
	}
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct journal_facts facts;
	char note[JOURNAL_NOTE_SIZE];
	struct journal *journal = NULL;

	help_make(&fixture->help);
	fixture->help.segment_max = 3000; /* several segments */
	journal = help_opened(&fixture->help);
	assert_int_equal(journal_boot(journal, "test"), 0);
	for (unsigned i = 0; i < CASES; i++) {
		make_case(fixture, journal, i);
	}
	assert_int_equal(journal_checkpoint(journal, note), 0);
	help_write(&fixture->help, "seen", "", 0);
	help_write(&fixture->help, "seen.key", "0\n", 2);
	journal_facts(journal, &facts);
	fixture->size = facts.size;
	memcpy(fixture->origin, facts.origin, sizeof fixture->origin);
	assert_true(facts.segment_first > 0);
	journal_close(journal);
	*state = fixture;
	return 0;
}

/* And a case whose content is gone. */
static int set_up_erased(void **state)
{
	struct fixture *fixture = NULL;
	struct journal *journal = NULL;

	assert_int_equal(set_up(state), 0);
	fixture = *state;
	journal = help_opened(&fixture->help);
	erase_case(fixture, journal, ERASED);
	fixture->size = journal_size(journal);
	journal_close(journal);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	help_remove(&fixture->help);
	free(fixture);
	return 0;
}

/* A memfd with the backup; -1 and *ret_err when it could not be made. */
static int make_backup_with(struct fixture *fixture, uint64_t records, bool with_keys, const struct fileops *ops, int *ret_err)
{
	struct backup_options options = {
		.ops = ops, .data_fd = fixture->help.data_fd, .with_keys = with_keys, .records = records, .now_ms = fixture->help.now_ms
	};
	struct backup_result result;
	int fd = memfd_create("backup", MFD_CLOEXEC);

	assert_true(fd >= 0);
	options.out = fd;
	memcpy(options.origin, fixture->origin, sizeof options.origin);
	*ret_err = backup_write(&options, &result);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int make_backup(struct fixture *fixture, uint64_t records, bool with_keys)
{
	int err = ERR_INTERNAL, fd = make_backup_with(fixture, records, with_keys, &fileops_posix, &err);

	assert_int_equal(err, 0);
	return fd;
}

/* An empty folder beside the data directory. */
static int new_place(struct fixture *fixture)
{
	char path[300];
	int fd = -1;

	help_shell(&fixture->help, "chmod -R u+w . && rm -rf back && mkdir -m 0700 back");
	(void)snprintf(path, sizeof path, "%s/back", fixture->help.path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static bool exists(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* --- reading alone --- */

static ssize_t read_span(void *context, void *buffer, size_t size)
{
	struct span *left = context, piece;
	size_t length = size < left->length ? size : left->length;

	if (!span_read_bytes(left, length, &piece)) {
		return ERR_INTERNAL;
	}
	memcpy(buffer, piece.data, piece.length);
	return (ssize_t)piece.length;
}

static int on_begin(void *context, const struct backup_name *name, uint64_t size)
{
	(void)context;
	assert_true(size <= name->limit && name->file[0] != '\0' && strchr(name->file, '/') == NULL && strcmp(name->file, "..") != 0);
	return 0;
}

static int on_data(void *context, struct span bytes)
{
	(void)context;
	(void)bytes;
	return 0;
}

static int on_end(void *context)
{
	(void)context;
	return 0;
}

static int read_backup(struct span whole)
{
	struct backup_reader reader = { .read = read_span, .begin = on_begin, .data = on_data, .end = on_end, .context = &whole };
	struct backup_found found;

	return backup_read(&reader, &found);
}

/* --- the tests --- */

static void test_headers(void **state)
{
	struct tar_entry entry = { .name = "vault/ab/file", .size = 1234567, .mtime = 1795000000, .mode = 0440 }, back;
	uint8_t block[TAR_BLOCK_BYTES];

	(void)state;
	assert_int_equal(tar_format(&entry, block), 0);
	assert_int_equal(tar_parse(span_of(block, sizeof block), &back), 0);
	assert_string_equal(entry.name, back.name);
	assert_true(entry.size == back.size && entry.mtime == back.mtime && entry.mode == back.mode);
	for (size_t bit = 0; bit < sizeof block * 8; bit++) {
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(tar_parse(span_of(block, sizeof block), &back), 0);
		block[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	memset(block, 0, sizeof block);
	assert_int_equal(tar_parse(span_of(block, sizeof block), &back), ERR_NOTFOUND);
	memset(entry.name, 'x', TAR_NAME_MAX_BYTES);
	assert_int_equal(tar_format(&entry, block), 0);
	entry.size = TAR_FILE_MAX_BYTES + 1;
	assert_int_equal(tar_format(&entry, block), ERR_LIMIT);
}

static void test_names(void **state)
{
	static const char *const good[] = { "backup/manifest",
		                            "backup/end",
		                            "backup/000001.sha256",
		                            "journal/origin",
		                            "journal/head.b",
		                            "journal/segment/000000000012.u",
		                            "journal/anchor/17.2.tsr",
		                            "keys/2026-000001.1",
		                            "keys/A2026-000001.12",
		                            "seen",
		                            "seen.key",
		                            "quarantine/000000000003-0123456789abcdef.tail",
		                            "quarantine/12-0123456789abcdef.tsr",
		                            "vault/ab/ab00000000000000000000000000000000000000000000000000000000000000",
		                            "journal/trust/ab00000000000000000000000000000000000000000000000000000000000000.crl" };
	static const char *const bad[] = { "",
		                           "/etc/passwd",
		                           "../seen",
		                           "journal",
		                           "journal/instance",
		                           "journal/segment/12.s",
		                           "journal/segment/../origin",
		                           "journal/anchor/17.note.tmp",
		                           "keys/names-2026.1",
		                           "keys/2026-000001.01",
		                           "keys/../seen",
		                           "keys/2026-000001.",
		                           "names/2026.1",
		                           "index/journal",
		                           "vault/ac/ab00000000000000000000000000000000000000000000000000000000000000",
		                           "vault/ab/",
		                           "vault/tmp/x",
		                           "backup/1.sha256",
		                           "backup/x",
		                           "quarantine/x.tail",
		                           "restoring.tmp/seen",
		                           "./seen",
		                           "seen/",
		                           "journal//origin",
		                           "vault/AB/AB00000000000000000000000000000000000000000000000000000000000000" };
	struct backup_name name;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(backup_name_parse(good[i], &name));
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(backup_name_parse(bad[i], &name));
	}
}

/* The box went on, segments were closed, a case was erased: each backup is the journal of its size, and it comes back whole. */
static void test_every_size(void **state)
{
	struct fixture *fixture = *state;

	for (uint64_t size = 1; size <= fixture->size; size++) {
		_cleanup_close_ int fd = make_backup(fixture, size, size % 2 == 0);
		_cleanup_close_ int place = new_place(fixture);
		_cleanup_lines_ struct lines result = { 0 };
		struct verify_options options = { .ops = &fileops_posix, .data_fd = place, .until = UINT64_MAX };
		struct survey_options until = { .ops = &fileops_posix, .data_fd = fixture->help.data_fd, .until = size };
		struct help back = fixture->help;
		struct verify_result verified;
		_cleanup_survey_ struct survey survey = { 0 };
		struct journal *journal = NULL;
		struct journal_facts facts;

		if (restore_run(&fileops_posix, place, fd, &result) != 0) {
			fail_msg("size %llu: %s: %s", (unsigned long long)size, lines_get(&result, "error"), lines_get(&result, "detail"));
		}
		assert_int_equal(journal_verify(&options, NULL, &verified), 0);
		assert_int_equal(survey_make(&until, &survey), 0);
		assert_false(verified.damaged);
		assert_int_equal(verified.records, size);
		assert_int_equal(verified.tail_bytes, 0);
		assert_memory_equal(verified.root, survey.root, 32);
		assert_int_equal(exists(place, "keys/2026-000001.1"), size % 2 == 0 && size > 1);
		assert_false(exists(place, RESTORE_FOLDER));
		/* It goes on as a journal that was put back. */
		back.data_fd = place;
		help_shell(&back, "rm -f outside/mark");
		assert_int_equal(help_open(&back, &journal), 0);
		journal_facts(journal, &facts);
		assert_int_equal(facts.state, JOURNAL_READY);
		assert_true(facts.rolled_back);
		assert_false(facts.unclean);
		assert_int_equal(journal_boot(journal, "test"), 0);
		journal_close(journal);
	}
}

/* Neither the content of an erased case nor its key is in a backup made after its record. Where it went while the backup was made, another one is made. */
static void test_erased(void **state)
{
	struct fixture *fixture = *state;
	int err = 0;
	_cleanup_close_ int before = make_backup_with(fixture, CASES + 1, true, &fileops_posix, &err);
	_cleanup_close_ int after = make_backup(fixture, fixture->size, true);
	_cleanup_close_ int place = new_place(fixture);
	_cleanup_lines_ struct lines result = { 0 };

	assert_int_equal(err, ERR_AGAIN);
	assert_int_equal(restore_run(&fileops_posix, place, before, &result), 5);
	assert_int_equal(restore_run(&fileops_posix, place, after, &result), 0);
	assert_true(exists(place, "keys/2026-000001.1"));
	assert_false(exists(place, "keys/2026-000003.1"));
}

static void test_missing_content_is_said(void **state)
{
	struct fixture *fixture = *state;
	char hex[65];
	int err = 0;

	make_part(&fixture->help, 1, hex);
	help_shell(&fixture->help, "mv data/vault/%.2s/%s hidden", hex, hex);
	assert_true(close(make_backup_with(fixture, fixture->size, false, &fileops_posix, &err)) == 0);
	assert_int_equal(err, ERR_DAMAGE);
	help_shell(&fixture->help, "echo other > data/vault/%.2s/%s", hex, hex);
	assert_true(close(make_backup_with(fixture, fixture->size, false, &fileops_posix, &err)) == 0);
	assert_int_equal(err, ERR_DAMAGE);
	help_shell(&fixture->help, "mv hidden data/vault/%.2s/%s", hex, hex);
	assert_true(close(make_backup(fixture, fixture->size, false)) == 0);
	assert_true(close(make_backup_with(fixture, fixture->size + 1, false, &fileops_posix, &err)) == 0);
	assert_int_equal(err, ERR_DAMAGE);
}

/* Cut anywhere, one bit changed anywhere, something behind it: refused. */
static void test_spoiled(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = make_backup(fixture, fixture->size, true);
	_cleanup_free_ uint8_t *copy = NULL;
	const bool all = getenv("PODATELNA_LONG") != NULL;
	struct stat status;
	size_t length = 0;

	assert_int_equal(fstat(fd, &status), 0);
	length = (size_t)status.st_size;
	copy = calloc(1, length + TAR_BLOCK_BYTES);
	assert_non_null(copy);
	assert_int_equal(pread(fd, copy, length, 0), (ssize_t)length);
	assert_int_equal(read_backup(span_of(copy, length)), 0);
	for (size_t cut = 0; cut < length; cut += all ? 1 : 61) {
		assert_int_equal(read_backup(span_of(copy, cut)), ERR_FORMAT);
	}
	for (size_t bit = 0; bit < length * 8; bit += all ? 1 : 251) {
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (read_backup(span_of(copy, length)) != ERR_FORMAT) {
			fail_msg("bit %zu of byte %zu of %zu may be changed", bit % 8, bit / 8, length);
		}
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(read_backup(span_of(copy, length + TAR_BLOCK_BYTES)), 0); /* zeros of another program's block size */
	copy[length] = 1;
	assert_int_equal(read_backup(span_of(copy, length + 1)), ERR_FORMAT);
}

/* Every operation fails once while it is written: no backup that reads as whole, or a whole one. */
static void test_faults_while_writing(void **state)
{
	struct fixture *fixture = *state;
	struct fault fault = { .fired = true };

	for (long n = 1; fault.fired; n++) {
		int err = 0, fd = -1;
		struct stat status;

		fault_arm(&fault, n, n % 3 == 0 ? FAULT_ENOSPC : n % 3 == 1 ? FAULT_EIO : FAULT_SHORT);
		fd = make_backup_with(fixture, fixture->size, true, &fault.ops, &err);
		assert_int_equal(fstat(fd, &status), 0);
		if (status.st_size > 0) {
			void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

			assert_ptr_not_equal(bytes, MAP_FAILED);
			assert_int_equal(read_backup(span_of(bytes, (size_t)status.st_size)) == 0, err == 0);
			assert_int_equal(munmap(bytes, (size_t)status.st_size), 0);
		} else {
			assert_int_not_equal(err, 0);
		}
		assert_int_equal(close(fd), 0);
		assert_true(n < 5000);
	}
}

/* Every operation fails once, or it is the last one that happens, while it is put back: the data directory is empty, or no box starts on it, or it is whole. */
static void test_faults_while_restoring(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = make_backup(fixture, fixture->size, true);

	for (int dead = 0; dead < 2; dead++) {
		struct fault fault = { .fired = true };

		for (long n = 1; fault.fired; n++) {
			_cleanup_close_ int place = new_place(fixture);
			_cleanup_lines_ struct lines result = { 0 };
			struct verify_options options = { .ops = &fileops_posix, .data_fd = place, .until = UINT64_MAX };
			struct verify_result verified;
			int code = 0;

			assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
			fault_arm(&fault, n, dead ? FAULT_DEAD : n % 3 == 0 ? FAULT_ENOSPC : n % 3 == 1 ? FAULT_EIO : FAULT_SHORT);
			code = restore_run(&fault.ops, place, fd, &result);
			if (code == 0 || (exists(place, "journal") && !exists(place, RESTORE_FOLDER))) {
				assert_int_equal(journal_verify(&options, NULL, &verified), 0);
				assert_false(verified.damaged);
				assert_int_equal(verified.records, fixture->size);
				assert_true(exists(place, "vault") && exists(place, "keys/2026-000001.1") && exists(place, "seen.key"));
			} else if (!exists(place, RESTORE_FOLDER)) {
				assert_false(exists(place, "journal") || exists(place, "vault") || exists(place, "keys") || exists(place, "seen"));
			}
			assert_true(n < 5000);
		}
	}
}

static void test_nothing_is_overwritten(void **state)
{
	struct fixture *fixture = *state;
	_cleanup_close_ int fd = make_backup(fixture, fixture->size, true);
	_cleanup_close_ int place = new_place(fixture);
	_cleanup_lines_ struct lines result = { 0 };

	help_shell(&fixture->help, "mkdir back/lost+found && echo mine > back/mine");
	assert_int_equal(restore_run(&fileops_posix, place, fd, &result), 1);
	help_shell(&fixture->help, "test $(ls back | wc -l) = 2 && rm back/mine && mkdir back/" RESTORE_FOLDER);
	assert_int_equal(restore_run(&fileops_posix, place, fd, &result), 1);
	assert_true(restore_unfinished(&fileops_posix, place));
	help_shell(&fixture->help, "rmdir back/" RESTORE_FOLDER);
	assert_int_equal(restore_run(&fileops_posix, place, fd, &result), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_names),
		cmocka_unit_test_setup_teardown(test_every_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_erased, set_up_erased, tear_down),
		cmocka_unit_test_setup_teardown(test_missing_content_is_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_spoiled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_faults_while_writing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_faults_while_restoring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_overwritten, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
