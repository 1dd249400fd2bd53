#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "partner.h"

#define CHUNK_BYTES 65536

int job_fd(const struct job *job, size_t n)
{
	return n >= 1 && n <= job->fd_count ? job->fds[n - 1] : -1;
}

int job_input(const struct job *job, size_t n)
{
	int fd = job_fd(job, n);

	(void)lseek(fd, 0, SEEK_SET); /* pipes cannot and need not */
	return fd;
}

int job_fail(struct job *job, int err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(job->reason, sizeof job->reason, format, arguments);
	va_end(arguments);
	return err;
}

bool job_parameter(const struct job *job, const char *name, const char *otherwise, char *ret, size_t size)
{
	struct span value;

	if (lines_find(job->parameters, name, &value) && span_copy_string(value, ret, size)) {
		return true;
	}
	(void)snprintf(ret, size, "%s", otherwise);
	return false;
}

int job_parameter_whole(const struct job *job, const char *name, char *ret, size_t size)
{
	struct span value = span_of("", 0);

	(void)lines_find(job->parameters, name, &value);
	return span_copy_string(value, ret, size) ? 0 : ERR_LIMIT;
}

uint64_t job_parameter_u64(const struct job *job, const char *name, uint64_t otherwise)
{
	uint64_t value = 0;

	return lines_find_u64(job->parameters, name, &value) ? value : otherwise;
}

bool job_list_has(const char *list, const char *separators, const char *word)
{
	size_t length = strlen(word);

	while (*list != '\0') {
		size_t part = strcspn(list, separators);

		if (part == length && memcmp(list, word, length) == 0) {
			return true;
		}
		list += part;
		list += strspn(list, separators);
	}
	return false;
}

static bool is_space(uint8_t c)
{
	return c == '\t' || c == '\r' || c == '\n';
}

static size_t sequence_length(struct span from)
{
	for (size_t length = 1; length <= 4 && length <= from.length; length++) {
		if (span_is_utf8(span_of(from.data, length))) {
			return length;
		}
	}
	return 0;
}

void job_copy_value(struct span from, char *ret, size_t size)
{
	size_t have = 0;

	while (from.length > 0) {
		size_t length = sequence_length(from);
		struct span character;
		bool bad = length == 0 || from.data[0] < 0x20 || from.data[0] == 0x7f;

		(void)span_read_bytes(&from, length == 0 ? 1 : length, &character);
		if (have + character.length >= size) {
			break;
		}
		if (bad) {
			ret[have++] = is_space(character.data[0]) ? ' ' : '?';
		} else {
			memcpy(ret + have, character.data, character.length);
			have += character.length;
		}
	}
	ret[have] = '\0';
}

void job_trim(char *text)
{
	size_t blanks = strspn(text, " "), length = strlen(text + blanks);

	memmove(text, text + blanks, length + 1);
	while (length > 0 && text[length - 1] == ' ') {
		text[--length] = '\0';
	}
}

bool job_percent_encode(struct span from, char *ret, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t have = 0;

	for (size_t i = 0; i < from.length; i++) {
		uint8_t c = from.data[i];

		if (have + 4 > size) {
			return false;
		}
		if (c < 0x80 && (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~')) {
			ret[have++] = (char)c;
		} else {
			ret[have++] = '%';
			ret[have++] = digits[c >> 4];
			ret[have++] = digits[c & 0x0f];
		}
	}
	if (have >= size) {
		return false;
	}
	ret[have] = '\0';
	return true;
}

int job_each_chunk(int fd, uint64_t limit, int (*on_bytes)(void *context, struct span bytes), void *context)
{
	uint8_t chunk[CHUNK_BYTES];
	uint64_t total = 0;
	ssize_t length = 0;

	while ((length = fd_read_full(fd, chunk, sizeof chunk)) > 0) {
		int err = 0;

		total += (uint64_t)length;
		err = total > limit ? ERR_LIMIT : on_bytes(context, span_of(chunk, (size_t)length));
		if (err != 0) {
			return err;
		}
	}
	return length < 0 ? (int)length : 0;
}

int job_keep(int from, uint64_t limit, int *ret)
{
	uint8_t chunk[CHUNK_BYTES];
	ssize_t length = 0;
	uint64_t total = 0;
	int err = 0;

	*ret = fd_memfd_open("kept");
	if (*ret < 0) {
		return *ret;
	}
	while (err == 0 && (length = fd_read_full(from, chunk, sizeof chunk)) > 0) {
		total += (uint64_t)length;
		err = total > limit ? ERR_LIMIT : fd_write_all(*ret, chunk, (size_t)length);
	}
	err = err != 0 ? err : length < 0 ? (int)length : 0;
	return err != 0 ? err : lseek(*ret, 0, SEEK_SET) == 0 ? 0 : ERR_SYSTEM;
}
