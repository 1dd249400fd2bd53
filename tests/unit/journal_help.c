#include "journal_help.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "appliance/base/lines.h"

void help_make(struct help *help)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char data[300];

	memset(help, 0, sizeof *help);
	(void)snprintf(help->path, sizeof help->path, "%s/podatelna-journal-XXXXXX", base);
	assert_non_null(mkdtemp(help->path));
	(void)snprintf(data, sizeof data, "%s/data", help->path);
	assert_int_equal(mkdir(data, 0700), 0);
	(void)snprintf(help->mark, sizeof help->mark, "%s/outside", help->path);
	assert_int_equal(mkdir(help->mark, 0700), 0);
	(void)snprintf(help->mark, sizeof help->mark, "%s/outside/mark", help->path);
	help->data_fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(help->data_fd >= 0);
	help->now_ms = INT64_C(1795000000000);
	help->boot = HELP_BOOT_A;
	help->ops = &fileops_posix;
}

void help_shell(const struct help *help, const char *format, ...)
{
	char words[1024], command[1400];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	(void)snprintf(command, sizeof command, "cd %s && %s", help->path, words);
	assert_int_equal(system(command), 0);
}

void help_remove(struct help *help)
{
	help_shell(help, "chmod -R u+w . && rm -rf %s", help->path);
	close(help->data_fd);
}

static int64_t now(void *context)
{
	struct help *help = context;

	return help->now_ms += 10;
}

static void on_record(void *context, const struct record *record, bool replay)
{
	struct help *help = context;

	if (replay) {
		help->replayed++;
	} else {
		help->told++;
	}
	(void)snprintf(help->last_type, sizeof help->last_type, "%s", record->type);
	if (record->index < 4096 && !replay) {
		memcpy(help->hashes[record->index], record->hash, 32);
		help->known = record->index + 1;
	}
}

int help_open(struct help *help, struct journal **ret)
{
	struct journal_options options = {
		.ops = help->ops,
		.data_fd = help->data_fd,
		.mark_path = help->mark,
		.box_letter = "",
		.boot_id = help->boot,
		.clock = now,
		.on_record = on_record,
		.context = help,
		.segment_max_bytes = help->segment_max,
		.lock_wait_ms = 100,
	};

	return journal_open(&options, ret);
}

struct journal *help_opened(struct help *help)
{
	struct journal *journal = NULL;

	assert_int_equal(help_open(help, &journal), 0);
	return journal;
}

int help_stage(struct journal *journal, enum table_writer writer, const char *number, const uint8_t *prev, const char *type, const char *rest,
               struct journal_receipt *ret)
{
	struct lines lines = { 0 };
	char body[4096], why[TABLE_WHY_SIZE] = "";
	struct span text = span_of_string(rest), name, value;
	struct journal_entry entry = { .type = type };
	struct journal_append append = { .writer = writer, .case_number = number, .prev = prev, .entries = &entry, .count = 1 };
	int length = 0;

	while (lines_next(&text, &name, &value)) {
		char key[64];

		assert_true(span_copy_string(name, key, sizeof key));
		lines_set_span(&lines, key, value);
	}
	if (number[0] != '\0') {
		lines_set(&lines, "case", number);
	}
	length = lines_finish(&lines, body, sizeof body);
	lines_free(&lines);
	assert_true(length >= 0);
	entry.body = span_of(body, (size_t)length);
	return journal_stage(journal, &append, ret, why);
}

int help_append(struct journal *journal, enum table_writer writer, const char *number, const uint8_t *prev, const char *type, const char *rest,
                struct journal_receipt *ret)
{
	int err = help_stage(journal, writer, number, prev, type, rest, ret);

	return err != 0 ? err : journal_commit(journal);
}

int help_received(struct journal *journal, const char *number, struct journal_receipt *ret)
{
	static const uint8_t none[32];

	return help_append(journal, TABLE_HUB, number, none, "received",
	                   "by: uid:1000\nkind: filing\nobject-name: " HELP_REF "\nobject-original: " HELP_REF "\n", ret);
}

void help_verify(const struct help *help, struct verify_result *ret)
{
	struct verify_options options = { .ops = &fileops_posix, .data_fd = help->data_fd, .until = UINT64_MAX };

	assert_int_equal(journal_verify(&options, NULL, ret), 0);
}

size_t help_read(const struct help *help, const char *name, uint8_t **ret)
{
	size_t length = 0;

	assert_int_equal(file_read_small(&fileops_posix, help->data_fd, name, (size_t)1 << 24, ret, &length), 0);
	return length;
}

void help_write(const struct help *help, const char *name, const void *data, size_t length)
{
	int fd = -1;

	(void)unlinkat(help->data_fd, name, 0);
	fd = openat(help->data_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), (ssize_t)length);
	close(fd);
}

/* --- the failing table --- */

static bool fails(const struct fileops *ops, bool *ret_short)
{
	struct fault *fault = (struct fault *)(uintptr_t)ops;

	*ret_short = false;
	if (fault->fired && fault->kind == FAULT_DEAD) {
		errno = EIO;
		return true;
	}
	if (fault->countdown <= 0 || --fault->countdown > 0) {
		return false;
	}
	fault->fired = true;
	errno = fault->kind == FAULT_ENOSPC ? ENOSPC : EIO;
	*ret_short = fault->kind == FAULT_SHORT || fault->kind == FAULT_DEAD;
	return true;
}

#define TRY(call)                                                                                                                                              \
	bool cut = false;                                                                                                                                      \
	return fails(ops, &cut) ? -1 : (call)

static int bad_openat(const struct fileops *ops, int dir, const char *path, int flags, mode_t mode)
{
	TRY(openat(dir, path, flags, mode));
}
static int bad_close(const struct fileops *ops, int fd)
{
	bool cut = false, bad = fails(ops, &cut);
	int result = close(fd);

	return bad ? -1 : result;
}
static ssize_t bad_read(const struct fileops *ops, int fd, void *buffer, size_t size)
{
	TRY(read(fd, buffer, size));
}
static ssize_t bad_pread(const struct fileops *ops, int fd, void *buffer, size_t size, off_t offset)
{
	TRY(pread(fd, buffer, size, offset));
}
static ssize_t bad_write(const struct fileops *ops, int fd, const void *data, size_t length)
{
	bool cut = false;

	if (!fails(ops, &cut)) {
		return write(fd, data, length);
	}
	/* Half of it reaches the file; a plain short write says so, a death says nothing. */
	if (cut && ((const struct fault *)ops)->kind == FAULT_SHORT) {
		((struct fault *)(uintptr_t)ops)->kind = FAULT_EIO;
		((struct fault *)(uintptr_t)ops)->countdown = 1;
		return write(fd, data, length / 2);
	}
	if (cut) {
		(void)!write(fd, data, length / 2);
	}
	return -1;
}
static ssize_t bad_pwrite(const struct fileops *ops, int fd, const void *data, size_t length, off_t offset)
{
	bool cut = false;

	if (!fails(ops, &cut)) {
		return pwrite(fd, data, length, offset);
	}
	if (cut) {
		ssize_t done = pwrite(fd, data, length / 2, offset);

		return ((const struct fault *)ops)->kind == FAULT_SHORT ? done : -1;
	}
	return -1;
}
static ssize_t bad_writev(const struct fileops *ops, int fd, const struct iovec *parts, int count)
{
	TRY(writev(fd, parts, count));
}
static int synced(const struct fileops *ops, int fd)
{
	const struct fault *fault = (const struct fault *)ops;

	if (fault->on_sync != NULL) {
		fault->on_sync(fd);
	}
	return 0;
}
static int bad_fdatasync(const struct fileops *ops, int fd)
{
	TRY(fdatasync(fd) != 0 ? -1 : synced(ops, fd));
}
static int bad_fsync(const struct fileops *ops, int fd)
{
	TRY(fsync(fd) != 0 ? -1 : synced(ops, fd));
}
static int bad_sync_range(const struct fileops *ops, int fd, bool wait)
{
	TRY((int)(0 * fd * wait));
}
static int bad_ftruncate(const struct fileops *ops, int fd, off_t length)
{
	TRY(ftruncate(fd, length));
}
static int bad_fallocate(const struct fileops *ops, int fd, int mode, off_t offset, off_t length)
{
	TRY(fallocate(fd, mode, offset, length));
}
static int bad_fchmod(const struct fileops *ops, int fd, mode_t mode)
{
	TRY(fchmod(fd, mode));
}
static int bad_fstat(const struct fileops *ops, int fd, struct stat *ret)
{
	TRY(fstat(fd, ret));
}
static int bad_fstatat(const struct fileops *ops, int dir, const char *path, struct stat *ret, int flags)
{
	TRY(fstatat(dir, path, ret, flags));
}
static int bad_fstatvfs(const struct fileops *ops, int fd, struct statvfs *ret)
{
	TRY(fstatvfs(fd, ret));
}
static int bad_renameat2(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	TRY(renameat2(from_dir, from, to_dir, to, flags));
}
static int bad_linkat(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	TRY(linkat(from_dir, from, to_dir, to, flags));
}
static int bad_unlinkat(const struct fileops *ops, int dir, const char *path, int flags)
{
	TRY(unlinkat(dir, path, flags));
}
static int bad_mkdirat(const struct fileops *ops, int dir, const char *path, mode_t mode)
{
	TRY(mkdirat(dir, path, mode));
}

void fault_arm(struct fault *fault, long n, enum fault_kind kind)
{
	*fault = (struct fault){
		.ops = { bad_openat,    bad_close,    bad_read,       bad_pread,     bad_write,     bad_pwrite, bad_writev,
		         bad_fdatasync, bad_fsync,    bad_sync_range, bad_ftruncate, bad_fallocate, bad_fchmod, bad_fstat,
		         bad_fstatat,   bad_fstatvfs, bad_renameat2,  bad_linkat,    bad_unlinkat,  bad_mkdirat },
		.countdown = n,
		.kind = kind,
	};
}
