#include "partner_help.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/fdio.h"

void try_begin(struct try *try, const char *kind, const char *partner)
{
	memset(try, 0, sizeof *try);
	try->job.kind = kind;
	try->job.partner = partner;
}

void try_set(struct try *try, const char *name, const char *value)
{
	lines_set(&try->parameters, name, value);
}

void try_in(struct try *try, const void *data, size_t length)
{
	int fd = fd_memfd_sealed("in", data, length);

	assert_true(fd >= 0);
	try->job.fds[try->job.fd_count++] = fd;
}

void try_in_text(struct try *try, const char *text)
{
	try_in(try, text, strlen(text));
}

void try_out(struct try *try)
{
	int fd = fd_memfd_open("out");

	assert_true(fd >= 0);
	try->job.fds[try->job.fd_count++] = fd;
}

int try_run(struct try *try)
{
	int length = lines_finish(&try->parameters, try->text, sizeof try->text);

	assert_true(length >= 0);
	try->job.parameters = span_of(try->text, (size_t)length);
	return job_run(job_kinds, &try->job);
}

const char *try_get(const struct try *try, const char *name)
{
	const char *value = lines_get(&try->job.result, name);

	return value == NULL ? "-" : value;
}

char *try_output(const struct try *try, size_t n, size_t *ret_length)
{
	int fd = try->job.fds[n - 1];
	off_t length = lseek(fd, 0, SEEK_END);
	char *data = malloc((size_t)length + 1);

	assert_non_null(data);
	assert_int_equal(pread(fd, data, (size_t)length, 0), length);
	data[length] = '\0';
	if (ret_length != NULL) {
		*ret_length = (size_t)length;
	}
	return data;
}

void try_end(struct try *try)
{
	for (size_t i = 0; i < try->job.fd_count; i++) {
		(void)close(try->job.fds[i]);
	}
	lines_free(&try->job.result);
	lines_free(&try->parameters);
}
