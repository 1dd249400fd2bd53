/* The table of file operations that a recorded podatelna-store gets (in place of fileops_posix, see crash.cmake): it does what it is asked and writes down
 * what that did to the disk (crash_trace.h). What changes nothing is passed on as it is. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash_trace.h"
#include "store/fileops.h"

#define POSIX (&fileops_posix)
#define PATH_SIZE 512

extern const struct fileops store_test_ops;

static int trace_fd = -1;

/* A recorded store: before main and its sandbox. */
static void __attribute__((constructor)) open_trace(void)
{
	const char *path = getenv(TRACE_VARIABLE);

	trace_fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

int store_record_fd(void)
{
	return trace_fd;
}

void store_record_to(int fd)
{
	trace_fd = fd;
}

static unsigned failing, dying;
static bool failed;

void store_record_die(unsigned n)
{
	dying = n;
}

/* The real table, for what changes something; or the end. */
static const struct fileops *changing(void)
{
	if (dying > 0 && --dying == 0) {
		_exit(TRACE_DIED);
	}
	return POSIX;
}

bool store_record_fail_sync(unsigned n)
{
	bool before = failed;

	failing = n;
	failed = false;
	return before;
}

static void put(const struct trace_head *head, const char *name, const char *name_to, const void *data)
{
	int saved = errno;

	if (trace_add(trace_fd, head, name, name_to, data) != 0) {
		_exit(98); /* a trace with a hole proves nothing */
	}
	errno = saved;
}

/* Splits a path into the inode of its directory and its last name. */
static uint64_t parent_of(int dir, const char *path, char ret_name[TRACE_NAME_SIZE])
{
	char whole[PATH_SIZE], copy[PATH_SIZE];
	struct stat info;

	(void)snprintf(whole, sizeof whole, "%s", path);
	(void)snprintf(copy, sizeof copy, "%s", path);
	(void)snprintf(ret_name, TRACE_NAME_SIZE, "%s", basename(copy));
	/* dirname of a plain name is ".": the directory itself */
	return fstatat(dir, dirname(whole), &info, 0) == 0 ? info.st_ino : 0;
}

static uint64_t inode_of(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 ? info.st_ino : 0;
}

static uint64_t size_of(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 ? (uint64_t)info.st_size : 0;
}

static int r_openat(const struct fileops *ops, int dir, const char *path, int flags, mode_t mode)
{
	struct stat before;
	bool existed = fstatat(dir, path, &before, AT_SYMLINK_NOFOLLOW) == 0;
	struct trace_head head = { .kind = TRACE_CREATE };
	char name[TRACE_NAME_SIZE];
	int fd = ((flags & O_CREAT) != 0 ? changing() : POSIX)->openat(POSIX, dir, path, flags, mode);

	(void)ops;
	if (fd < 0) {
		return fd;
	}
	head.inode = inode_of(fd);
	if ((flags & O_CREAT) != 0 && !existed) {
		head.dir = parent_of(dir, path, name);
		put(&head, name, NULL, NULL);
	} else if ((flags & O_TRUNC) != 0) {
		head.kind = TRACE_TRUNCATE;
		put(&head, NULL, NULL, NULL);
	}
	return fd;
}

static void put_write(int fd, uint64_t offset, const void *data, ssize_t written)
{
	struct trace_head head = { .kind = TRACE_WRITE, .inode = inode_of(fd), .offset = offset, .data_length = written > 0 ? (uint32_t)written : 0 };

	if (written > 0) {
		put(&head, NULL, NULL, data);
	}
}

/* Where a plain write will go. */
static uint64_t position(int fd)
{
	return (fcntl(fd, F_GETFL) & O_APPEND) != 0 ? size_of(fd) : (uint64_t)lseek(fd, 0, SEEK_CUR);
}

static ssize_t r_write(const struct fileops *ops, int fd, const void *data, size_t length)
{
	uint64_t offset = position(fd);
	ssize_t written = changing()->write(POSIX, fd, data, length);

	(void)ops;
	put_write(fd, offset, data, written);
	return written;
}

static ssize_t r_pwrite(const struct fileops *ops, int fd, const void *data, size_t length, off_t offset)
{
	ssize_t written = changing()->pwrite(POSIX, fd, data, length, offset);

	(void)ops;
	put_write(fd, (uint64_t)offset, data, written);
	return written;
}

static ssize_t r_writev(const struct fileops *ops, int fd, const struct iovec *parts, int count)
{
	uint64_t offset = position(fd);
	ssize_t written = changing()->writev(POSIX, fd, parts, count);
	uint8_t *all = NULL;
	size_t length = 0;

	(void)ops;
	if (written <= 0) {
		return written;
	}
	all = malloc((size_t)written);
	if (all == NULL) {
		_exit(98);
	}
	for (int i = 0; i < count && length < (size_t)written; i++) {
		size_t part = parts[i].iov_len < (size_t)written - length ? parts[i].iov_len : (size_t)written - length;

		memcpy(all + length, parts[i].iov_base, part);
		length += part;
	}
	put_write(fd, offset, all, written);
	free(all);
	return written;
}

static int synced(int fd, int result)
{
	struct trace_head head = { .kind = TRACE_SYNC, .inode = inode_of(fd) };

	if (result == 0) {
		put(&head, NULL, NULL, NULL);
	}
	return result;
}

/* True when this sync is the one to fail. */
static bool fails(int fd)
{
	struct trace_head head = { .kind = TRACE_SYNC_FAILED, .inode = inode_of(fd) };

	if (failing == 0 || --failing > 0) {
		return false;
	}
	failed = true;
	put(&head, NULL, NULL, NULL);
	errno = EIO;
	return true;
}

static int r_fdatasync(const struct fileops *ops, int fd)
{
	(void)ops;
	return fails(fd) ? -1 : synced(fd, changing()->fdatasync(POSIX, fd));
}

static int r_fsync(const struct fileops *ops, int fd)
{
	(void)ops;
	return fails(fd) ? -1 : synced(fd, changing()->fsync(POSIX, fd));
}

/* Not a barrier: what it writes out can still be lost with the disk's own cache. */
static int r_sync_range(const struct fileops *ops, int fd, bool wait)
{
	(void)ops;
	return POSIX->sync_range(POSIX, fd, wait);
}

static int r_ftruncate(const struct fileops *ops, int fd, off_t length)
{
	struct trace_head head = { .kind = TRACE_TRUNCATE, .inode = inode_of(fd), .offset = (uint64_t)length };
	int result = changing()->ftruncate(POSIX, fd, length);

	(void)ops;
	if (result == 0) {
		put(&head, NULL, NULL, NULL);
	}
	return result;
}

/* Only with KEEP_SIZE: no content, no length. */
static int r_fallocate(const struct fileops *ops, int fd, int mode, off_t offset, off_t length)
{
	(void)ops;
	if ((mode & FALLOC_FL_KEEP_SIZE) == 0) {
		_exit(97);
	}
	return POSIX->fallocate(POSIX, fd, mode, offset, length);
}

static int r_fchmod(const struct fileops *ops, int fd, mode_t mode)
{
	struct trace_head head = { .kind = TRACE_CHMOD, .inode = inode_of(fd), .offset = mode };
	int result = changing()->fchmod(POSIX, fd, mode);

	(void)ops;
	if (result == 0) {
		put(&head, NULL, NULL, NULL);
	}
	return result;
}

static int moved(enum trace_kind kind, int from_dir, const char *from, int to_dir, const char *to, uint64_t inode, int result)
{
	struct trace_head head = { .kind = kind, .inode = inode };
	char name[TRACE_NAME_SIZE], name_to[TRACE_NAME_SIZE];

	head.dir = parent_of(from_dir, from, name);
	head.dir_to = parent_of(to_dir, to, name_to);
	if (result == 0) {
		put(&head, name, name_to, NULL);
	}
	return result;
}

static int r_renameat2(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	struct stat info = { 0 };

	(void)ops;
	(void)fstatat(from_dir, from, &info, AT_SYMLINK_NOFOLLOW);
	return moved(TRACE_RENAME, from_dir, from, to_dir, to, info.st_ino, changing()->renameat2(POSIX, from_dir, from, to_dir, to, flags));
}

static int r_linkat(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	struct stat info = { 0 };

	(void)ops;
	(void)fstatat(from_dir, from, &info, AT_SYMLINK_NOFOLLOW);
	return moved(TRACE_LINK, from_dir, from, to_dir, to, info.st_ino, changing()->linkat(POSIX, from_dir, from, to_dir, to, flags));
}

static int r_unlinkat(const struct fileops *ops, int dir, const char *path, int flags)
{
	struct trace_head head = { .kind = TRACE_UNLINK };
	char name[TRACE_NAME_SIZE];
	int result = changing()->unlinkat(POSIX, dir, path, flags);

	(void)ops;
	head.dir = parent_of(dir, path, name);
	if (result == 0) {
		put(&head, name, NULL, NULL);
	}
	return result;
}

static int r_mkdirat(const struct fileops *ops, int dir, const char *path, mode_t mode)
{
	struct trace_head head = { .kind = TRACE_MKDIR };
	char name[TRACE_NAME_SIZE];
	struct stat info = { 0 };
	int result = changing()->mkdirat(POSIX, dir, path, mode);

	(void)ops;
	if (result == 0) {
		head.dir = parent_of(dir, path, name);
		(void)fstatat(dir, path, &info, AT_SYMLINK_NOFOLLOW);
		head.inode = info.st_ino;
		put(&head, name, NULL, NULL);
	}
	return result;
}

static int r_close(const struct fileops *ops, int fd)
{
	(void)ops;
	return POSIX->close(POSIX, fd);
}

static ssize_t r_read(const struct fileops *ops, int fd, void *buffer, size_t size)
{
	(void)ops;
	return POSIX->read(POSIX, fd, buffer, size);
}

static ssize_t r_pread(const struct fileops *ops, int fd, void *buffer, size_t size, off_t offset)
{
	(void)ops;
	return POSIX->pread(POSIX, fd, buffer, size, offset);
}

static int r_fstat(const struct fileops *ops, int fd, struct stat *ret)
{
	(void)ops;
	return POSIX->fstat(POSIX, fd, ret);
}

/* A file of a state that was built is another one than that of the run, with a time of its own. What an index says of it (journal_snapshot.h) counts all the same: on
 * a disk that was cut off, the file would be the one that it was. */
static int r_fstatat(const struct fileops *ops, int dir, const char *path, struct stat *ret, int flags)
{
	int result = POSIX->fstatat(POSIX, dir, path, ret, flags);

	(void)ops;
	if (result == 0 && S_ISREG(ret->st_mode)) {
		ret->st_ino = ret->st_dev = 1;
		ret->st_ctim = (struct timespec){ 0 };
	}
	return result;
}

static int r_fstatvfs(const struct fileops *ops, int fd, struct statvfs *ret)
{
	(void)ops;
	return POSIX->fstatvfs(POSIX, fd, ret);
}

const struct fileops store_test_ops = {
	.openat = r_openat,
	.close = r_close,
	.read = r_read,
	.pread = r_pread,
	.write = r_write,
	.pwrite = r_pwrite,
	.writev = r_writev,
	.fdatasync = r_fdatasync,
	.fsync = r_fsync,
	.sync_range = r_sync_range,
	.ftruncate = r_ftruncate,
	.fallocate = r_fallocate,
	.fchmod = r_fchmod,
	.fstat = r_fstat,
	.fstatat = r_fstatat,
	.fstatvfs = r_fstatvfs,
	.renameat2 = r_renameat2,
	.linkat = r_linkat,
	.unlinkat = r_unlinkat,
	.mkdirat = r_mkdirat,
};
