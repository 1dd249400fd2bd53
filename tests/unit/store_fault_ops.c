/* The table of file operations that podatelna-store gets in these tests (in place of fileops_posix, see store_fault.cmake): one call of it fails. */
#include "store_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/fileops.h"

#define ANY 0
#define ROOM 1  /* needs room on the disk */
#define WRITE 2 /* writes, and so can be short */
#define SITES_MAX 1000

extern const struct fileops store_test_ops;

static struct store_fault *fault;

/* Before main and its sandbox. */
static void __attribute__((constructor)) map_fault(void)
{
	const char *path = getenv(STORE_FAULT_VARIABLE);
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		(void)fprintf(stderr, "no fault file\n");
		_exit(99);
	}
	fault = map;
	(void)close(fd);
}

/* True when this call is to fail; errno is set. */
static bool fails(const char *what, int needs)
{
	int wanted = fault->kind == STORE_FAULT_SHORT ? WRITE : fault->kind == STORE_FAULT_ENOSPC ? ROOM : ANY;

	if (fault->kind == STORE_FAULT_NONE || fault->kind >= STORE_FAULT_MEMORY || needs < wanted) {
		return false;
	}
	fault->calls++;
	if (fault->countdown == 0 || --fault->countdown > 0) {
		return false;
	}
	fault->fired = 1;
	(void)snprintf(fault->what, sizeof fault->what, "%s", what);
	errno = fault->kind == STORE_FAULT_EIO ? EIO : ENOSPC;
	return true;
}

bool store_fault_at(const char *what, enum store_fault_kind kind, const void *site)
{
	static const void *sites[SITES_MAX];
	static size_t count;

	if (fault == NULL || fault->kind != kind || count == SITES_MAX) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (sites[i] == site) {
			return false;
		}
	}
	sites[count++] = site;
	fault->calls++;
	if (fault->countdown == 0 || --fault->countdown > 0) {
		return false;
	}
	fault->fired = 1;
	(void)snprintf(fault->what, sizeof fault->what, "%s", what);
	return true;
}

/* After a short write the next call that writes finds no room. */
static bool is_short(void)
{
	if (fault->kind != STORE_FAULT_SHORT) {
		return false;
	}
	fault->countdown = 1;
	fault->kind = STORE_FAULT_ENOSPC;
	return true;
}

#define POSIX (&fileops_posix)
#define TRY(what, needs, call) return fails(what, needs) ? -1 : (call)

static int f_openat(const struct fileops *ops, int dir, const char *path, int flags, mode_t mode)
{
	(void)ops;
	TRY("openat", (flags & O_CREAT) != 0 ? ROOM : ANY, POSIX->openat(POSIX, dir, path, flags, mode));
}
static int f_close(const struct fileops *ops, int fd)
{
	bool bad = fails("close", ANY);
	int saved = errno, result = POSIX->close(POSIX, fd);

	(void)ops;
	errno = bad ? saved : errno;
	return bad ? -1 : result;
}
static ssize_t f_read(const struct fileops *ops, int fd, void *buffer, size_t size)
{
	(void)ops;
	TRY("read", ANY, POSIX->read(POSIX, fd, buffer, size));
}
static ssize_t f_pread(const struct fileops *ops, int fd, void *buffer, size_t size, off_t offset)
{
	(void)ops;
	TRY("pread", ANY, POSIX->pread(POSIX, fd, buffer, size, offset));
}
static ssize_t f_write(const struct fileops *ops, int fd, const void *data, size_t length)
{
	(void)ops;
	if (!fails("write", WRITE)) {
		return POSIX->write(POSIX, fd, data, length);
	}
	return is_short() ? POSIX->write(POSIX, fd, data, length / 2) : -1;
}
static ssize_t f_pwrite(const struct fileops *ops, int fd, const void *data, size_t length, off_t offset)
{
	(void)ops;
	if (!fails("pwrite", WRITE)) {
		return POSIX->pwrite(POSIX, fd, data, length, offset);
	}
	return is_short() ? POSIX->pwrite(POSIX, fd, data, length / 2, offset) : -1;
}
static ssize_t f_writev(const struct fileops *ops, int fd, const struct iovec *parts, int count)
{
	(void)ops;
	if (!fails("writev", WRITE)) {
		return POSIX->writev(POSIX, fd, parts, count);
	}
	return is_short() ? POSIX->write(POSIX, fd, parts[0].iov_base, parts[0].iov_len / 2 + 1) : -1;
}
static int f_fdatasync(const struct fileops *ops, int fd)
{
	(void)ops;
	TRY("fdatasync", ROOM, POSIX->fdatasync(POSIX, fd));
}
static int f_fsync(const struct fileops *ops, int fd)
{
	(void)ops;
	TRY("fsync", ROOM, POSIX->fsync(POSIX, fd));
}
static int f_sync_range(const struct fileops *ops, int fd, bool wait)
{
	(void)ops;
	TRY("sync_range", ROOM, POSIX->sync_range(POSIX, fd, wait));
}
static int f_ftruncate(const struct fileops *ops, int fd, off_t length)
{
	(void)ops;
	TRY("ftruncate", ANY, POSIX->ftruncate(POSIX, fd, length));
}
static int f_fallocate(const struct fileops *ops, int fd, int mode, off_t offset, off_t length)
{
	(void)ops;
	TRY("fallocate", ROOM, POSIX->fallocate(POSIX, fd, mode, offset, length));
}
static int f_fchmod(const struct fileops *ops, int fd, mode_t mode)
{
	(void)ops;
	TRY("fchmod", ANY, POSIX->fchmod(POSIX, fd, mode));
}
static int f_fstat(const struct fileops *ops, int fd, struct stat *ret)
{
	(void)ops;
	TRY("fstat", ANY, POSIX->fstat(POSIX, fd, ret));
}
static int f_fstatat(const struct fileops *ops, int dir, const char *path, struct stat *ret, int flags)
{
	(void)ops;
	TRY("fstatat", ANY, POSIX->fstatat(POSIX, dir, path, ret, flags));
}
static int f_fstatvfs(const struct fileops *ops, int fd, struct statvfs *ret)
{
	(void)ops;
	TRY("fstatvfs", ANY, POSIX->fstatvfs(POSIX, fd, ret));
}
static int f_renameat2(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	(void)ops;
	TRY("renameat2", ROOM, POSIX->renameat2(POSIX, from_dir, from, to_dir, to, flags));
}
static int f_linkat(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	(void)ops;
	TRY("linkat", ROOM, POSIX->linkat(POSIX, from_dir, from, to_dir, to, flags));
}
static int f_unlinkat(const struct fileops *ops, int dir, const char *path, int flags)
{
	(void)ops;
	TRY("unlinkat", ANY, POSIX->unlinkat(POSIX, dir, path, flags));
}
static int f_mkdirat(const struct fileops *ops, int dir, const char *path, mode_t mode)
{
	(void)ops;
	TRY("mkdirat", ROOM, POSIX->mkdirat(POSIX, dir, path, mode));
}

const struct fileops store_test_ops = {
	.openat = f_openat,
	.close = f_close,
	.read = f_read,
	.pread = f_pread,
	.write = f_write,
	.pwrite = f_pwrite,
	.writev = f_writev,
	.fdatasync = f_fdatasync,
	.fsync = f_fsync,
	.sync_range = f_sync_range,
	.ftruncate = f_ftruncate,
	.fallocate = f_fallocate,
	.fchmod = f_fchmod,
	.fstat = f_fstat,
	.fstatat = f_fstatat,
	.fstatvfs = f_fstatvfs,
	.renameat2 = f_renameat2,
	.linkat = f_linkat,
	.unlinkat = f_unlinkat,
	.mkdirat = f_mkdirat,
};
