/* fdio.h - whole reads and writes, pipes and sealed memfds. All descriptors are close-on-exec. */
#ifndef BASE_FDIO_H
#define BASE_FDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Writes all of it; blocks. 0, ERR_GONE (EPIPE), ERR_SPACE or ERR_SYSTEM. */
int fd_write_all(int fd, const void *data, size_t length);
/* Reads until `size` bytes or the end; the count, or a negative error. */
ssize_t fd_read_full(int fd, void *buffer, size_t size);
/* Reads everything to the end into memory, at most `limit` bytes (ERR_LIMIT beyond). *ret_data is the caller's to free, one zero byte beyond *ret_length. */
int fd_read_all(int fd, size_t limit, uint8_t **ret_data, size_t *ret_length);

/* A pipe whose two ends are the caller's to close. 0 or ERR_SYSTEM. */
int fd_pipe(int *ret_read, int *ret_write);
/* 0 or ERR_SYSTEM. */
int fd_set_nonblocking(int fd, bool on);

/* A memfd with these bytes, sealed against any change, positioned at 0. The fd or a negative error. */
int fd_memfd_sealed(const char *name, const void *data, size_t length);
/* An empty memfd to be filled and then sealed with fd_seal. */
int fd_memfd_open(const char *name);
int fd_seal(int fd);
/* True when nobody can change the bytes behind `fd` any more. */
bool fd_is_sealed(int fd);

#endif
