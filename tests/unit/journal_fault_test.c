/* Every file operation of creating, opening, appending, rotating, checkpointing and closing fails once, in every way: no acknowledged record is
 * lost, none is invented, and the next start goes on. */
#include "store/vault_crypto.h"

#include "journal_help.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "seal_help.h"
#include "store/journal_anchor.h"

#define RUN_MAX 2000

static struct {
	uint64_t attempted; /* most records that can be there: acknowledged ones and those of the batch that failed */
	bool opened;
	uint64_t signed_notes, stamps, bad_stamps; /* whose files were durable when the call returned */
} run;

static EVP_PKEY *key;
static X509 *certificate;

/* File, then record, as the store does it. */
static void keep_stamp(struct help *help, struct journal *journal, const struct anchor_note *note, struct span reply, bool bad)
{
	char file[JOURNAL_ANCHOR_NAME_SIZE], root[65], sha256[65], body[512];
	uint8_t hash[32];
	struct journal_receipt receipt;

	if (journal_anchor_stamp(journal, note->size, reply, bad, file) != 0) {
		return;
	}
	run.stamps += bad ? 0 : 1;
	assert_int_equal(EVP_Digest(reply.data, reply.length, hash, NULL, EVP_sha256(), NULL), 1);
	hex_encode(hash, 32, sha256);
	hex_encode(note->root, 32, root);
	(void)snprintf(body, sizeof body, "event: %s\nfile: %s\nreason: test\nroot: %s\nsha256: %s\nsize: %llu\ntime: 2026-11-22T03:00:00Z\ntsa: own\n",
	               bad ? "bad-stamp" : "stamp", file, root, sha256, (unsigned long long)note->size);
	run.attempted = help->known + 2;
	if (help_append(journal, TABLE_STORE, "", NULL, "anchor", body, &receipt) == 0) {
		run.bad_stamps += bad ? 1 : 0;
	}
}

/* A checkpoint with everything that can be said of it: signed, stamped twice, and a stamp that failed. */
static void anchor(struct help *help, struct journal *journal)
{
	uint8_t *bytes = NULL, *cms = NULL, *reply = NULL;
	char *base64 = NULL, origin[JOURNAL_ORIGIN_SIZE];
	uint8_t signed_note[1024];
	struct journal_facts facts;
	struct anchor_note note;
	size_t length = 0;
	int size = 0;

	journal_facts(journal, &facts);
	if (journal_anchor_note(journal, facts.note_size, &bytes, &note) != 0) {
		return;
	}
	cms = seal_help_cms(key, certificate, note.text, &length);
	base64 = seal_help_note(key, certificate, note.text);
	assert_true(span_copy_string(note.origin, origin, sizeof origin));
	size = anchor_note_sign(note.text, origin, span_of_string(base64), signed_note, sizeof signed_note);
	assert_true(size > 0);
	if (journal_anchor_seal(journal, note.size, span_of(signed_note, (size_t)size), span_of(cms, length)) == 0) {
		run.signed_notes++;
		reply = seal_help_stamp_here(key, certificate, span_of(cms, length), &length);
		keep_stamp(help, journal, &note, span_of(reply, length), false);
		free(reply);
		reply = seal_help_stamp_here(key, certificate, note.text, &length);
		keep_stamp(help, journal, &note, span_of(reply, length), false);
		keep_stamp(help, journal, &note, span_of_string("<html>"), true);
	}
	free(reply);
	free(base64);
	free(cms);
	free(bytes);
}

static void work(struct help *help)
{
	struct journal *journal = NULL;
	struct journal_receipt receipt;
	char note[JOURNAL_NOTE_SIZE];
	int err = 0;

	if (help_open(help, &journal) != 0) {
		return;
	}
	run.opened = true;
	run.attempted = 3; /* boot, recovered, rolled-back at most */
	if (journal_boot(journal, "0.1") == 0) {
		for (unsigned i = 1; i <= 8 && err != ERR_READONLY; i++) {
			static const uint8_t none[32];
			char number[16];

			(void)snprintf(number, sizeof number, "2026-%06u", i);
			run.attempted = help->known + 3; /* two, and the summary of the segment */
			err = help_stage(journal, TABLE_HUB, number, none, "received",
			                 "by: uid:1000\nkind: filing\nobject-name: " HELP_REF "\nobject-original: " HELP_REF "\n", &receipt);
			err = err != 0 ? err : help_stage(journal, TABLE_HUB, number, receipt.hash, "unknown", "reason: x\n", &receipt);
			err = err != 0 && err != ERR_SPACE ? err : journal_commit(journal);
			if (i == 4 && err == 0) {
				run.attempted = help->known + 2;
				if (journal_checkpoint(journal, note) == 0) {
					anchor(help, journal);
				}
				(void)journal_mark(journal);
			}
		}
	}
	journal_close(journal);
}

static void check(struct help *help, long n, enum fault_kind kind)
{
	struct journal *journal = NULL;
	struct journal_facts facts;
	struct journal_receipt receipt;
	struct verify_result result;
	uint8_t *buffer = malloc(RECORD_MAX_BYTES);
	struct record record;
	uint64_t known = help->known;

	help->ops = &fileops_posix;
	journal = help_opened(help);
	journal_facts(journal, &facts);
	if (facts.state != JOURNAL_READY || facts.size < known || facts.size > run.attempted || facts.rolled_back) {
		print_error("fault %ld kind %d: state %d (%s), size %llu, acknowledged %llu, attempted %llu, rolled back %d\n", n, (int)kind, (int)facts.state,
		            facts.why, (unsigned long long)facts.size, (unsigned long long)known, (unsigned long long)run.attempted, facts.rolled_back);
		fail();
	}
	for (uint64_t i = 0; i < known; i++) {
		assert_int_equal(journal_read_one(journal, i, buffer, &record), 0);
		assert_memory_equal(record.hash, help->hashes[i], 32);
	}
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(help_received(journal, "2026-000900", &receipt), 0);
	journal_close(journal);
	help_verify(help, &result);
	if (result.damaged) {
		print_error("fault %ld kind %d: %s at %llu\n", n, (int)kind, result.why, (unsigned long long)result.index);
		fail();
	}
	if (result.signed_notes < run.signed_notes || result.stamps < run.stamps || result.bad_stamps < run.bad_stamps) {
		print_error("fault %ld kind %d: a signature or stamp that was kept is gone\n", n, (int)kind);
		fail();
	}
	free(buffer);
}

static void every_call(enum fault_kind kind, const char *boot_after, bool existing)
{
	long n = 1;

	for (;; n++) {
		struct help help;
		struct fault fault;
		bool fired = false;

		assert_true(n < RUN_MAX);
		help_make(&help);
		help.segment_max = 1500;
		memset(&run, 0, sizeof run);
		if (existing) {
			struct journal *journal = help_opened(&help);

			assert_int_equal(journal_boot(journal, "0.1"), 0);
			journal_close(journal);
			run.attempted = help.known;
		}
		fault_arm(&fault, n, kind);
		help.ops = &fault.ops;
		work(&help);
		fired = fault.fired;
		if (existing && !run.opened) {
			run.attempted = help.known;
		}
		help.boot = boot_after;
		check(&help, n, kind);
		help_remove(&help);
		if (!fired) {
			break;
		}
	}
	assert_true(n > 100);
}

static void eio(void **state)
{
	(void)state;
	every_call(FAULT_EIO, HELP_BOOT_A, false);
}

static void enospc(void **state)
{
	(void)state;
	every_call(FAULT_ENOSPC, HELP_BOOT_A, false);
}

static void short_write(void **state)
{
	(void)state;
	every_call(FAULT_SHORT, HELP_BOOT_A, false);
}

static void dead(void **state)
{
	(void)state;
	every_call(FAULT_DEAD, HELP_BOOT_A, false);
}

static void dead_and_reboot(void **state)
{
	(void)state;
	every_call(FAULT_DEAD, HELP_BOOT_B, true);
}

/* --- power cut: what was not synced may be gone, half there, or there with holes --- */

#define FILES_MAX 512

static struct {
	ino_t inode;
	uint8_t *data; /* as last synced */
	size_t length;
} disk[FILES_MAX];
static size_t disk_count;
static unsigned dice;

static unsigned roll(unsigned sides)
{
	dice = dice * 1103515245U + 12345U;
	return (dice >> 16) % sides;
}

static size_t whole(int fd, uint8_t **ret)
{
	struct stat info;

	assert_int_equal(fstat(fd, &info), 0);
	*ret = malloc((size_t)info.st_size + 1);
	assert_non_null(*ret);
	assert_int_equal(pread(fd, *ret, (size_t)info.st_size, 0), info.st_size);
	return (size_t)info.st_size;
}

static void remember(int fd)
{
	struct stat info;
	size_t i = 0;
	char path[64];
	int again = -1;

	assert_int_equal(fstat(fd, &info), 0);
	if (!S_ISREG(info.st_mode)) {
		return;
	}
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(again >= 0);
	while (i < disk_count && disk[i].inode != info.st_ino) {
		i++;
	}
	if (i == disk_count) {
		assert_true(disk_count++ < FILES_MAX);
	} else {
		free(disk[i].data);
	}
	disk[i].inode = info.st_ino;
	disk[i].length = whole(again, &disk[i].data);
	close(again);
}

static int remember_path(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info, (void)place;
	if (type == FTW_F) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		remember(fd);
		close(fd);
	}
	return 0;
}

/* What the disk holds of a file after the cut. */
static int cut_path(const char *path, const struct stat *info, int type, struct FTW *place)
{
	uint8_t *now = NULL;
	size_t length = 0, keep = 0, i = 0;
	int fd = -1;

	(void)place;
	if (type != FTW_F) {
		return 0;
	}
	(void)chmod(path, 0600);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	length = whole(fd, &now);
	while (i < disk_count && disk[i].inode != info->st_ino) {
		i++;
	}
	if (i == disk_count) {
		assert_int_equal(ftruncate(fd, (off_t)roll((unsigned)length + 1)), 0);
	} else if (length >= disk[i].length && memcmp(now, disk[i].data, disk[i].length) == 0) {
		/* appended: any part of what is new, perhaps with a hole */
		keep = disk[i].length + roll((unsigned)(length - disk[i].length) + 1);
		assert_int_equal(ftruncate(fd, (off_t)keep), 0);
		if (keep > disk[i].length && roll(2) == 0) {
			assert_int_equal(pwrite(fd, "\0\0\0\0", 1, (off_t)(disk[i].length + roll((unsigned)(keep - disk[i].length)))), 1);
		}
	} else if (roll(2) == 0) {
		/* written in place: the former bytes */
		assert_int_equal(pwrite(fd, disk[i].data, disk[i].length, 0), (ssize_t)disk[i].length);
	}
	free(now);
	close(fd);
	return 0;
}

static void forget(void)
{
	for (size_t i = 0; i < disk_count; i++) {
		free(disk[i].data);
	}
	disk_count = 0;
}

static void power_cut(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 3; seed++) {
		for (long n = 1, fired = 1; fired; n++) {
			struct help help;
			struct fault fault;
			struct journal *journal = NULL;

			help_make(&help);
			help.segment_max = 1500;
			memset(&run, 0, sizeof run);
			journal = help_opened(&help);
			assert_int_equal(journal_boot(journal, "0.1"), 0);
			journal_close(journal);
			run.attempted = help.known;
			dice = seed * 7919 + (unsigned)n;
			assert_int_equal(nftw(help.path, remember_path, 16, FTW_PHYS), 0);
			fault_arm(&fault, n, FAULT_DEAD);
			fault.on_sync = remember;
			help.ops = &fault.ops;
			work(&help);
			fired = fault.fired;
			if (!run.opened) {
				run.attempted = help.known;
			}
			assert_int_equal(nftw(help.path, cut_path, 16, FTW_PHYS), 0);
			forget();
			help.boot = HELP_BOOT_B;
			check(&help, n, FAULT_DEAD);
			help_remove(&help);
		}
	}
}

static int make_key(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	certificate = seal_help_stamper(key);
	return 0;
}

static int free_key(void **state)
{
	(void)state;
	X509_free(certificate);
	EVP_PKEY_free(key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eio),  cmocka_unit_test(enospc),          cmocka_unit_test(short_write),
		cmocka_unit_test(dead), cmocka_unit_test(dead_and_reboot), cmocka_unit_test(power_cut),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
