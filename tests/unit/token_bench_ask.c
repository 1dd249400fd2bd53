/* What a store asks of a token: signatures, messages to be opened, keys to be unwrapped. */
#include "token_bench.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/record.h"

#define STEP_MS 20000

static size_t make_leaf(const struct bench_sign *wanted, char *ret, size_t size)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char header[RECORD_HEADER_BYTES + 1];
	struct record record = { .index = wanted->index + (wanted->leaf_other_index ? 1 : 0), .utc_ms = 1800000000000, .type = "intent" };
	int length = 0;

	lines_set(&lines, "case", "2026-000001");
	lines_set(&lines, "key", wanted->leaf_key != NULL ? wanted->leaf_key : wanted->key);
	lines_set(&lines, "purpose", wanted->purpose);
	lines_set(&lines, "form", wanted->form);
	lines_set(&lines, "digest", wanted->digest);
	length = lines_finish(&lines, ret + RECORD_HEADER_BYTES, size - RECORD_HEADER_BYTES);
	assert_true(length > 0);
	record.batch = record.index;
	record_format_header(&record, (uint32_t)length, header);
	memcpy(ret, header, RECORD_HEADER_BYTES);
	return RECORD_HEADER_BYTES + (size_t)length;
}

static int content_fd(const void *content, size_t length)
{
	int fd = fd_memfd_sealed("content", content, length);

	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

int bench_sign(struct bench *bench, const struct bench_sign *wanted, uint8_t **ret, size_t *ret_length, char *text, size_t size)
{
	_cleanup_close_ int first = content_fd(wanted->content, wanted->length);
	_cleanup_close_ int second = content_fd(wanted->second != NULL ? wanted->second : wanted->content, wanted->length);
	_cleanup_close_ int out = fd_memfd_open("cms");
	_cleanup_lines_ struct lines lines = { 0 };
	char parameters[1024], leaf[4096];
	struct wire_message message, *answer = NULL;
	size_t leaf_length = make_leaf(wanted, leaf, sizeof leaf);

	lines_set(&lines, "form", wanted->form);
	lines_set(&lines, "digest", wanted->digest);
	lines_set(&lines, "want", wanted->want);
	lines_set(&lines, "padding", wanted->padding);
	lines_set(&lines, "attributes", wanted->attributes);
	assert_true(lines_finish(&lines, parameters, sizeof parameters) > 0);
	wire_begin(&message, WIRE_TOKEN_SIGN, wanted->index, clock_deadline(wanted->within_ms > 0 ? wanted->within_ms : STEP_MS));
	wire_put_bytes(&message, WIRE_F_LEAF, span_of(leaf, leaf_length));
	wire_put_number(&message, WIRE_F_INDEX, wanted->index);
	wire_put_string(&message, WIRE_F_KEY, wanted->key);
	wire_put_string(&message, WIRE_F_PURPOSE, wanted->purpose);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(parameters));
	wire_put_number(&message, WIRE_F_SIZE, wanted->length - wanted->announced_less);
	wire_put_fd(&message, first);
	wire_put_fd(&message, second);
	wire_put_fd(&message, out);
	answer = bench_ask(bench, &message, WIRE_TOKEN_SIGNED);
	if (answer == NULL) {
		return ERR_GONE;
	}
	assert_int_equal(lseek(out, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(out, 64 << 20, ret, ret_length), 0);
	assert_true(span_copy_string(wire_span(answer, answer->type == WIRE_ERROR ? WIRE_F_TEXT : WIRE_F_LINES), text, size));
	if (answer->type == WIRE_ERROR) {
		return -(int)wire_number(answer, WIRE_F_CODE, 0);
	}
	assert_int_equal(wire_number(answer, WIRE_F_SIZE, 0), *ret_length);
	return 0;
}

int bench_decrypt(struct bench *bench, const char *key, const char *from, const char *to, uint64_t limit, char *text, size_t size)
{
	char from_path[256], to_path[256];
	_cleanup_close_ int in = -1, out = -1;
	struct wire_message message, *answer = NULL;
	struct stat status;

	(void)snprintf(from_path, sizeof from_path, "%s/%s", bench_dir(), from);
	(void)snprintf(to_path, sizeof to_path, "%s/%s", bench_dir(), to);
	in = open(from_path, O_RDONLY | O_CLOEXEC);
	out = open(to_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(in >= 0 && out >= 0 && fstat(in, &status) == 0);
	wire_begin(&message, WIRE_TOKEN_DECRYPT, 78, clock_deadline(STEP_MS));
	wire_put_number(&message, WIRE_F_INDEX, 6);
	wire_put_string(&message, WIRE_F_KEY, key);
	wire_put_number(&message, WIRE_F_SIZE, (uint64_t)status.st_size);
	wire_put_number(&message, WIRE_F_LIMIT, limit);
	wire_put_fd(&message, in);
	wire_put_fd(&message, out);
	answer = bench_ask(bench, &message, WIRE_TOKEN_DECRYPTED);
	if (answer == NULL) {
		return ERR_GONE;
	}
	assert_true(span_copy_string(wire_span(answer, answer->type == WIRE_ERROR ? WIRE_F_TEXT : WIRE_F_LINES), text, size));
	if (answer->type == WIRE_TOKEN_DECRYPTED) {
		assert_true(fstat(out, &status) == 0);
		assert_int_equal(wire_number(answer, WIRE_F_SIZE, 0), status.st_size);
	}
	return bench_code(answer);
}

int bench_unwrap(struct bench *bench, const uint8_t *wrapped, size_t length, uint8_t *ret, size_t *ret_length)
{
	struct wire_message message, *answer = NULL;
	struct span content;

	wire_begin(&message, WIRE_TOKEN_UNWRAP, 77, clock_deadline(STEP_MS));
	wire_put_number(&message, WIRE_F_INDEX, 5);
	wire_put_bytes(&message, WIRE_F_BYTES, span_of(wrapped, length));
	answer = bench_ask(bench, &message, WIRE_TOKEN_UNWRAPPED);
	if (answer == NULL) {
		return ERR_GONE;
	}
	if (answer->type == WIRE_ERROR) {
		return -(int)wire_number(answer, WIRE_F_CODE, 0);
	}
	content = wire_span(answer, WIRE_F_BYTES);
	assert_true(content.length <= *ret_length);
	memcpy(ret, content.data, content.length);
	*ret_length = content.length;
	return 0;
}
