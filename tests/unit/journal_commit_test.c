/* What a batch costs the disk, in which order, and that listeners are told exactly what stands in the file. */
#include "journal_help.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/err.h"

#define WRITERS 64
#define BATCHES 3
#define LOG_SIZE 256
#define TOLD_MAX 512

/* One letter for each call that reaches the disk: small for the segment, capital for a head. */
struct watch {
	struct fileops ops; /* first: the table finds its state behind itself */
	ino_t segment;
	char log[LOG_SIZE];
	size_t count;
};

static void note(const struct fileops *ops, int fd, char segment, char head)
{
	struct watch *watch = (struct watch *)ops;
	struct stat info;

	assert_int_equal(fstat(fd, &info), 0);
	assert_true(watch->count + 1 < LOG_SIZE);
	watch->log[watch->count++] = info.st_ino == watch->segment ? segment : head;
	watch->log[watch->count] = '\0';
}

static ssize_t seen_write(const struct fileops *ops, int fd, const void *data, size_t length)
{
	note(ops, fd, 'w', 'W');
	return write(fd, data, length);
}

static ssize_t seen_pwrite(const struct fileops *ops, int fd, const void *data, size_t length, off_t offset)
{
	note(ops, fd, 'w', 'W');
	return pwrite(fd, data, length, offset);
}

static int seen_fdatasync(const struct fileops *ops, int fd)
{
	note(ops, fd, 's', 'S');
	return fdatasync(fd);
}

static int seen_fsync(const struct fileops *ops, int fd)
{
	note(ops, fd, 'f', 'F');
	return fsync(fd);
}

static int seen_sync_range(const struct fileops *ops, int fd, bool wait)
{
	note(ops, fd, wait ? 'a' : 'b', wait ? 'A' : 'B'); /* await, begin */
	return fileops_posix.sync_range(&fileops_posix, fd, wait);
}

static int seen_fallocate(const struct fileops *ops, int fd, int mode, off_t offset, off_t length)
{
	note(ops, fd, 'r', 'R');
	return fileops_posix.fallocate(&fileops_posix, fd, mode, offset, length);
}

static int seen_ftruncate(const struct fileops *ops, int fd, off_t length)
{
	note(ops, fd, 't', 'T');
	return ftruncate(fd, length);
}

static void watch_begin(struct watch *watch, const struct help *help)
{
	struct stat info;

	assert_int_equal(fstatat(help->data_fd, "journal/segment/000000000000.open", &info, 0), 0);
	watch->segment = info.st_ino;
	watch->ops.write = seen_write;
	watch->ops.pwrite = seen_pwrite;
	watch->ops.fdatasync = seen_fdatasync;
	watch->ops.fsync = seen_fsync;
	watch->ops.sync_range = seen_sync_range;
	watch->ops.fallocate = seen_fallocate;
	watch->ops.ftruncate = seen_ftruncate;
}

static void stage_batch(struct journal *journal, unsigned batch, unsigned writers)
{
	for (unsigned i = 0; i < writers; i++) {
		struct journal_receipt receipt;
		char number[JOURNAL_CASE_SIZE];

		(void)snprintf(number, sizeof number, "2026-%06u", batch * WRITERS + i + 1);
		assert_int_equal(help_stage(journal, TABLE_HUB, number, NULL, "received",
		                            "by: uid:1000\nkind: filing\nobject-name: " HELP_REF "\nobject-original: " HELP_REF "\n", &receipt),
		                 0);
	}
}

/* However many wait: one write and one flush. The head goes to the device while the records do, and is there before they are flushed, so that one flush makes both
 * durable; and room was reserved by the batch before. */
static void cost_of_a_batch(void **state)
{
	const unsigned writers[] = { 1, WRITERS };

	(void)state;
	for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
		struct watch watch = { .ops = fileops_posix };
		struct help help;
		struct journal *journal = NULL;

		help_make(&help);
		help.ops = &watch.ops;
		journal = help_opened(&help);
		stage_batch(journal, 0, writers[i]);
		assert_int_equal(journal_commit(journal), 0);
		watch_begin(&watch, &help);
		for (unsigned batch = 1; batch <= BATCHES; batch++) {
			watch.count = 0;
			stage_batch(journal, batch, writers[i]);
			assert_string_equal(watch.count == 0 ? "" : watch.log, "");
			assert_int_equal(journal_commit(journal), 0);
			assert_string_equal(watch.log, "wbAsWB");
		}
		watch.ops = fileops_posix;
		journal_close(journal);
		help_remove(&help);
	}
}

/* Without sync_file_range the head is synced by itself before the records are. */
static int unknown_sync_range(const struct fileops *ops, int fd, bool wait)
{
	(void)ops, (void)fd, (void)wait;
	errno = ENOSYS;
	return -1;
}

static void no_sync_file_range(void **state)
{
	struct watch watch = { .ops = fileops_posix };
	struct help help;
	struct journal *journal = NULL;

	(void)state;
	help_make(&help);
	help.ops = &watch.ops;
	journal = help_opened(&help);
	watch_begin(&watch, &help);
	watch.ops.sync_range = unknown_sync_range;
	watch.ops.fallocate = fileops_posix.fallocate;
	stage_batch(journal, 0, 2);
	assert_int_equal(journal_commit(journal), 0);
	assert_string_equal(watch.log, "wSsW");
	watch.ops = fileops_posix;
	journal_close(journal);
	help_remove(&help);
}

struct told {
	uint64_t count;
	struct record record[TOLD_MAX];
	char leaf[TOLD_MAX][512];
};

static void on_record(void *context, const struct record *record, bool replay)
{
	struct told *told = context;

	(void)replay;
	assert_true(told->count < TOLD_MAX && record->leaf.length <= sizeof told->leaf[0]);
	assert_int_equal(record->leaf.length, record->body.length + RECORD_HEADER_BYTES);
	assert_ptr_equal(record->leaf.data + RECORD_HEADER_BYTES, record->body.data);
	told->record[told->count] = *record;
	memcpy(told->leaf[told->count++], record->leaf.data, record->leaf.length);
}

static int64_t clock_now(void *context)
{
	(void)context;
	return INT64_C(1795000000007);
}

/* What is told of a record when it becomes durable is what reading the file tells of it later. */
static void told_as_read(void **state)
{
	static struct told live, replayed;
	struct help help;
	struct journal *journal = NULL;
	struct journal_options options = {
		.ops = &fileops_posix, .box_letter = "", .boot_id = "", .clock = clock_now, .on_record = on_record, .context = &live
	};
	struct journal_receipt receipt;

	(void)state;
	help_make(&help);
	options.data_fd = help.data_fd;
	options.mark_path = help.mark;
	assert_int_equal(journal_open(&options, &journal), 0);
	assert_int_equal(journal_boot(journal, "1.0"), 0);
	stage_batch(journal, 0, WRITERS + 1);
	assert_int_equal(help_stage(journal, TABLE_HUB, "2026-000001", NULL, "held", "kind: filing\nreason: quiet\nseen: yes\n", &receipt), 0);
	assert_int_equal(journal_commit(journal), 0);
	stage_batch(journal, 2, 1);
	assert_int_equal(journal_commit(journal), 0);
	journal_close(journal);
	options.context = &replayed;
	assert_int_equal(journal_open(&options, &journal), 0);
	journal_close(journal);
	assert_int_equal(live.count, 1 + WRITERS + 1 + 1 + 1);
	assert_int_equal(live.count, replayed.count);
	for (uint64_t i = 0; i < live.count; i++) {
		const struct record *a = &live.record[i], *b = &replayed.record[i];

		assert_int_equal(a->index, b->index);
		assert_int_equal(a->utc_ms, b->utc_ms);
		assert_string_equal(a->type, b->type);
		assert_int_equal(a->batch, b->batch);
		assert_int_equal(a->crc, b->crc);
		assert_memory_equal(a->hash, b->hash, RECORD_HASH_BYTES);
		assert_int_equal(a->leaf.length, b->leaf.length);
		assert_memory_equal(live.leaf[i], replayed.leaf[i], a->leaf.length);
	}
	help_remove(&help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cost_of_a_batch),
		cmocka_unit_test(no_sync_file_range),
		cmocka_unit_test(told_as_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
