#include "fileops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/span.h"

#define NAME_SIZE 256

static int real_openat(const struct fileops *ops, int dir, const char *path, int flags, mode_t mode)
{
	(void)ops;
	return openat(dir, path, flags, mode);
}

static int real_close(const struct fileops *ops, int fd)
{
	(void)ops;
	return close(fd);
}

static ssize_t real_read(const struct fileops *ops, int fd, void *buffer, size_t size)
{
	(void)ops;
	return read(fd, buffer, size);
}

static ssize_t real_pread(const struct fileops *ops, int fd, void *buffer, size_t size, off_t offset)
{
	(void)ops;
	return pread(fd, buffer, size, offset);
}

static ssize_t real_write(const struct fileops *ops, int fd, const void *data, size_t length)
{
	(void)ops;
	return write(fd, data, length);
}

static ssize_t real_pwrite(const struct fileops *ops, int fd, const void *data, size_t length, off_t offset)
{
	(void)ops;
	return pwrite(fd, data, length, offset);
}

static ssize_t real_writev(const struct fileops *ops, int fd, const struct iovec *parts, int count)
{
	(void)ops;
	return writev(fd, parts, count);
}

static int real_fdatasync(const struct fileops *ops, int fd)
{
	(void)ops;
	return fdatasync(fd);
}

static int real_fsync(const struct fileops *ops, int fd)
{
	(void)ops;
	return fsync(fd);
}

static int real_sync_range(const struct fileops *ops, int fd, bool wait)
{
	(void)ops;
	return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE | (wait ? SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER : 0));
}

static int real_ftruncate(const struct fileops *ops, int fd, off_t length)
{
	(void)ops;
	return ftruncate(fd, length);
}

static int real_fallocate(const struct fileops *ops, int fd, int mode, off_t offset, off_t length)
{
	(void)ops;
	return fallocate(fd, mode, offset, length);
}

static int real_fchmod(const struct fileops *ops, int fd, mode_t mode)
{
	(void)ops;
	return fchmod(fd, mode);
}

static int real_fstat(const struct fileops *ops, int fd, struct stat *ret)
{
	(void)ops;
	return fstat(fd, ret);
}

static int real_fstatat(const struct fileops *ops, int dir, const char *path, struct stat *ret, int flags)
{
	(void)ops;
	return fstatat(dir, path, ret, flags);
}

static int real_fstatvfs(const struct fileops *ops, int fd, struct statvfs *ret)
{
	(void)ops;
	return fstatvfs(fd, ret);
}

static int real_renameat2(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	(void)ops;
	return renameat2(from_dir, from, to_dir, to, flags);
}

static int real_linkat(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	(void)ops;
	return linkat(from_dir, from, to_dir, to, flags);
}

static int real_unlinkat(const struct fileops *ops, int dir, const char *path, int flags)
{
	(void)ops;
	return unlinkat(dir, path, flags);
}

static int real_mkdirat(const struct fileops *ops, int dir, const char *path, mode_t mode)
{
	(void)ops;
	return mkdirat(dir, path, mode);
}

const struct fileops fileops_posix = {
	.openat = real_openat,
	.close = real_close,
	.read = real_read,
	.pread = real_pread,
	.write = real_write,
	.pwrite = real_pwrite,
	.writev = real_writev,
	.fdatasync = real_fdatasync,
	.fsync = real_fsync,
	.sync_range = real_sync_range,
	.ftruncate = real_ftruncate,
	.fallocate = real_fallocate,
	.fchmod = real_fchmod,
	.fstat = real_fstat,
	.fstatat = real_fstatat,
	.fstatvfs = real_fstatvfs,
	.renameat2 = real_renameat2,
	.linkat = real_linkat,
	.unlinkat = real_unlinkat,
	.mkdirat = real_mkdirat,
};

int file_error(void)
{
	switch (errno) {
	case ENOSPC:
	case EDQUOT:
		return ERR_SPACE;
	case ENOENT:
		return ERR_NOTFOUND;
	case EEXIST:
	case ENOTEMPTY:
		return ERR_EXISTS;
	case ENOMEM:
		return ERR_MEMORY;
	default:
		return ERR_SYSTEM;
	}
}

void file_close(const struct fileops *ops, int *fd)
{
	if (*fd >= 0) {
		(void)ops->close(ops, *fd);
		*fd = -1;
	}
}

int file_sync_directory(const struct fileops *ops, int dir)
{
	return ops->fsync(ops, dir) == 0 ? 0 : file_error();
}

int file_directory(const struct fileops *ops, int dir, const char *name, int *ret_fd)
{
	int fd = -1, err = 0;

	if (ops->mkdirat(ops, dir, name, 0750) != 0 && errno != EEXIST) {
		return file_error();
	}
	/* The entry must survive a power cut before anything durable is put under it. Also one that was there: who made it may have died before its sync. */
	err = file_sync_directory(ops, dir);
	if (err != 0) {
		return err;
	}
	fd = ops->openat(ops, dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0) {
		return file_error();
	}
	*ret_fd = fd;
	return 0;
}

int file_open_read(const struct fileops *ops, int dir, const char *name)
{
	int fd = ops->openat(ops, dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0);

	return fd < 0 ? file_error() : fd;
}

int file_write_all(const struct fileops *ops, int fd, const void *data, size_t length)
{
	struct span rest = span_of(data, length), done_bytes;

	while (rest.length > 0) {
		ssize_t done = ops->write(ops, fd, rest.data, rest.length);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done <= 0) {
			return done == 0 ? ERR_SYSTEM : file_error();
		}
		if (!span_read_bytes(&rest, (size_t)done, &done_bytes)) {
			return ERR_INTERNAL;
		}
	}
	return 0;
}

/* Not every file system and not every sandbox knows sync_file_range. */
static bool is_unknown(int error)
{
	return error == ENOSYS || error == EPERM || error == EINVAL || error == EOPNOTSUPP || error == ESPIPE;
}

int file_start_write_out(const struct fileops *ops, int fd)
{
	return ops->sync_range(ops, fd, false) == 0 || is_unknown(errno) ? 0 : file_error();
}

int file_wait_write_out(const struct fileops *ops, int fd)
{
	if (ops->sync_range(ops, fd, true) == 0) {
		return 0;
	}
	return is_unknown(errno) && ops->fdatasync(ops, fd) == 0 ? 0 : file_error();
}

ssize_t file_pread(const struct fileops *ops, int fd, void *buffer, size_t length, uint64_t offset)
{
	uint8_t *bytes = buffer;
	size_t have = 0;

	while (have < length) {
		ssize_t done = ops->pread(ops, fd, bytes + have, length - have, (off_t)(offset + have));

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0) {
			return file_error();
		}
		if (done == 0) {
			break;
		}
		have += (size_t)done;
	}
	return (ssize_t)have;
}

int file_read_small(const struct fileops *ops, int dir, const char *name, size_t limit, uint8_t **ret_data, size_t *ret_length)
{
	_cleanup_free_ uint8_t *data = NULL;
	struct stat info;
	ssize_t length = 0;
	int fd = file_open_read(ops, dir, name);

	if (fd < 0) {
		return fd;
	}
	if (ops->fstat(ops, fd, &info) != 0) {
		length = file_error();
	} else if (!S_ISREG(info.st_mode) || info.st_size < 0 || (uint64_t)info.st_size > limit) {
		length = ERR_LIMIT;
	} else if ((data = malloc((size_t)info.st_size + 1)) == NULL) {
		length = ERR_MEMORY;
	} else {
		length = file_pread(ops, fd, data, (size_t)info.st_size, 0);
	}
	file_close(ops, &fd);
	if (length < 0) {
		return (int)length;
	}
	data[length] = 0;
	*ret_data = data;
	*ret_length = (size_t)length;
	data = NULL;
	return 0;
}

/* Content durable under the temporary name. */
static int write_temporary(const struct fileops *ops, int dir, const char *name, const void *data, size_t length, mode_t mode)
{
	int fd = ops->openat(ops, dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
	int err = 0;

	if (fd < 0) {
		return file_error();
	}
	err = file_write_all(ops, fd, data, length);
	if (err == 0 && ops->fsync(ops, fd) != 0) {
		err = file_error();
	}
	if (ops->close(ops, fd) != 0 && err == 0) {
		err = file_error();
	}
	return err;
}

/* The order is what makes it atomic: the bytes are durable before the name points to them, and the name is durable before 0 is returned.
 * Without the first sync a power cut could leave the new name with no bytes behind it. */
int file_replace(const struct fileops *ops, int dir, const char *name, const void *data, size_t length, mode_t mode)
{
	char temporary[NAME_SIZE];
	int err = 0;

	if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp", name) >= sizeof temporary) {
		return ERR_LIMIT;
	}
	err = write_temporary(ops, dir, temporary, data, length, mode);
	if (err == 0 && ops->renameat2(ops, dir, temporary, dir, name, 0) != 0) {
		err = file_error();
	}
	if (err != 0) {
		(void)ops->unlinkat(ops, dir, temporary, 0);
		return err;
	}
	return file_sync_directory(ops, dir);
}

int file_list(const struct fileops *ops, int dir, int (*visit)(void *context, const char *name), void *context)
{
	_cleanup_closedir_ DIR *list = NULL;
	struct dirent *entry = NULL;
	int fd = ops->openat(ops, dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int err = 0;

	if (fd < 0) {
		return file_error();
	}
	list = fdopendir(fd);
	if (list == NULL) {
		err = file_error();
		file_close(ops, &fd);
		return err;
	}
	errno = 0;
	while (err == 0 && (entry = readdir(list)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			err = visit(context, entry->d_name);
		}
		errno = 0;
	}
	if (err == 0 && errno != 0) {
		err = file_error();
	}
	return err;
}
