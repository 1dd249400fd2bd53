/* Every file operation of creating, opening, appending, rotating, checkpointing and closing fails once, in every way: no acknowledged record is
 * lost, none is invented, and the next start goes on. */
#include "journal_help.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/err.h"

#define RUN_MAX 2000

static struct {
	uint64_t attempted; /* most records that can be there: acknowledged ones and those of the batch that failed */
	bool opened;
} run;

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
				(void)journal_checkpoint(journal, note);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eio),  cmocka_unit_test(enospc),          cmocka_unit_test(short_write),
		cmocka_unit_test(dead), cmocka_unit_test(dead_and_reboot), cmocka_unit_test(power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
