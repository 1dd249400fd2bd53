/* fileops.h - every operation of the store on files goes through one table of function pointers, so that tests can make any of them fail.
 *
 * The table is a parameter of everything that touches the data directory; programs pass &fileops_posix. Each function has the meaning, the
 * result and the errno of the system call of its name; the first argument is the table itself, so that a test's table can carry state behind
 * it. Opened descriptors are close-on-exec (callers pass O_CLOEXEC).
 *
 * The file_* helpers below translate errno: ERR_SPACE (ENOSPC, EDQUOT), ERR_NOTFOUND (ENOENT), ERR_EXISTS (EEXIST, ENOTEMPTY), ERR_MEMORY,
 * else ERR_SYSTEM. None of them tries a failed write or sync again.
 */
#ifndef STORE_FILEOPS_H
#define STORE_FILEOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>

struct fileops {
	int (*openat)(const struct fileops *ops, int dir, const char *path, int flags, mode_t mode);
	int (*close)(const struct fileops *ops, int fd);
	ssize_t (*read)(const struct fileops *ops, int fd, void *buffer, size_t size);
	ssize_t (*pread)(const struct fileops *ops, int fd, void *buffer, size_t size, off_t offset);
	ssize_t (*write)(const struct fileops *ops, int fd, const void *data, size_t length);
	ssize_t (*pwrite)(const struct fileops *ops, int fd, const void *data, size_t length, off_t offset);
	ssize_t (*writev)(const struct fileops *ops, int fd, const struct iovec *parts, int count);
	int (*fdatasync)(const struct fileops *ops, int fd);
	int (*fsync)(const struct fileops *ops, int fd);
	/* sync_file_range of the whole file: starts the write-out of what is not under way yet, and waits for the end of all of it when told to. */
	int (*sync_range)(const struct fileops *ops, int fd, bool wait);
	int (*ftruncate)(const struct fileops *ops, int fd, off_t length);
	int (*fallocate)(const struct fileops *ops, int fd, int mode, off_t offset, off_t length);
	int (*fchmod)(const struct fileops *ops, int fd, mode_t mode);
	int (*fstat)(const struct fileops *ops, int fd, struct stat *ret);
	int (*fstatat)(const struct fileops *ops, int dir, const char *path, struct stat *ret, int flags);
	int (*fstatvfs)(const struct fileops *ops, int fd, struct statvfs *ret);
	int (*renameat2)(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
	int (*linkat)(const struct fileops *ops, int from_dir, const char *from, int to_dir, const char *to, int flags);
	int (*unlinkat)(const struct fileops *ops, int dir, const char *path, int flags);
	int (*mkdirat)(const struct fileops *ops, int dir, const char *path, mode_t mode);
};

extern const struct fileops fileops_posix;

/* The present errno as enum err. */
int file_error(void);

/* A directory of mode 0750 that may exist already; *ret_fd is the caller's to close. Its name is durable on 0. */
int file_directory(const struct fileops *ops, int dir, const char *name, int *ret_fd);
/* Opens for reading. The fd or a negative error. */
int file_open_read(const struct fileops *ops, int dir, const char *name);
/* Writes all of it at the present position. A short write is continued (once it returns 0 or fails, the bytes already there stay). */
int file_write_all(const struct fileops *ops, int fd, const void *data, size_t length);
/* Starts the write-out of a file, so that it goes on while the caller does something else. Promises nothing: a sync of the file does. 0 also where the system does
 * not know how. */
int file_start_write_out(const struct fileops *ops, int fd);
/* Waits until the device has what was written to the file; a flush of the device makes it durable (the sync of another file, too). Where the system does not know how,
 * the file is synced. */
int file_wait_write_out(const struct fileops *ops, int fd);
/* Reads `length` bytes at `offset`; fewer only at the end of the file. The count or a negative error. */
ssize_t file_pread(const struct fileops *ops, int fd, void *buffer, size_t length, uint64_t offset);
/* A whole small file; ERR_LIMIT when it is longer than `limit`. *ret_data is the caller's to free, with one zero byte beyond *ret_length. */
int file_read_small(const struct fileops *ops, int dir, const char *name, size_t limit, uint8_t **ret_data, size_t *ret_length);
/* Puts a file in place whole or not at all: `name`.tmp written, fsync, renamed over `name`, directory fsync. On 0 it is durable.
 * On failure `name` is the former or the new file, whole. */
int file_replace(const struct fileops *ops, int dir, const char *name, const void *data, size_t length, mode_t mode);
int file_sync_directory(const struct fileops *ops, int dir);
/* Calls `visit` for each name in the directory but "." and ".."; ends early with its result when that is not 0. */
int file_list(const struct fileops *ops, int dir, int (*visit)(void *context, const char *name), void *context);
void file_close(const struct fileops *ops, int *fd);

#endif
