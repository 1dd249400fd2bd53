/* stream.h - reading and writing the data plane with an absolute deadline, without blocking longer: pipes, memfds, files.
 *
 * The descriptors are set to non-blocking. Failures: ERR_DEADLINE, ERR_GONE (the other end closed), ERR_SYSTEM.
 */
#ifndef TOKEN_STREAM_H
#define TOKEN_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STREAM_STEP_BYTES 65536

int stream_prepare(int fd);
/* Some bytes, 0 at the end, or a negative error. */
ssize_t stream_read(int fd, uint8_t *ret, size_t size, uint64_t deadline_ms);
int stream_write(int fd, const uint8_t *data, size_t length, uint64_t deadline_ms);

#endif
