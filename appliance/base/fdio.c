#include "fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"

#define READ_STEP_BYTES 65536
#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int fd_write_all(int fd, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	while (length > 0) {
		ssize_t done = write(fd, bytes, length);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0) {
			return errno == EPIPE ? ERR_GONE : errno == ENOSPC || errno == EDQUOT ? ERR_SPACE : ERR_SYSTEM;
		}
		bytes += done;
		length -= (size_t)done;
	}
	return 0;
}

ssize_t fd_read_full(int fd, void *buffer, size_t size)
{
	uint8_t *bytes = buffer;
	size_t have = 0;

	while (have < size) {
		ssize_t done = read(fd, bytes + have, size - have);

		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done < 0) {
			return ERR_SYSTEM;
		}
		if (done == 0) {
			break;
		}
		have += (size_t)done;
	}
	return (ssize_t)have;
}

int fd_read_all(int fd, size_t limit, uint8_t **ret_data, size_t *ret_length)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t have = 0, size = 0;

	for (;;) {
		ssize_t done = 0;

		if (size - have < READ_STEP_BYTES + 1) {
			size_t larger = size == 0 ? READ_STEP_BYTES + 1 : size * 2;
			uint8_t *moved = realloc(data, larger);

			if (moved == NULL) {
				return ERR_MEMORY;
			}
			data = moved;
			size = larger;
			continue;
		}
		done = fd_read_full(fd, data + have, READ_STEP_BYTES);
		if (done < 0) {
			return (int)done;
		}
		have += (size_t)done;
		if (have > limit) {
			return ERR_LIMIT;
		}
		if (done < READ_STEP_BYTES) {
			break;
		}
	}
	data[have] = 0;
	*ret_data = data;
	*ret_length = have;
	data = NULL;
	return 0;
}

int fd_pipe(int *ret_read, int *ret_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0) {
		return ERR_SYSTEM;
	}
	*ret_read = ends[0];
	*ret_write = ends[1];
	return 0;
}

int fd_set_nonblocking(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0) {
		return ERR_SYSTEM;
	}
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) == 0 ? 0 : ERR_SYSTEM;
}

int fd_memfd_open(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? ERR_SYSTEM : fd;
}

int fd_seal(int fd)
{
	if (lseek(fd, 0, SEEK_SET) != 0 || fcntl(fd, F_ADD_SEALS, ALL_SEALS) != 0) {
		return ERR_SYSTEM;
	}
	return 0;
}

int fd_memfd_sealed(const char *name, const void *data, size_t length)
{
	_cleanup_close_ int fd = fd_memfd_open(name);
	int err = ERR_INTERNAL;

	if (fd < 0) {
		return ERR_SYSTEM;
	}
	err = fd_write_all(fd, data, length);
	if (err == 0) {
		err = fd_seal(fd);
	}
	return err != 0 ? err : take_fd(&fd);
}

bool fd_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS;
}
