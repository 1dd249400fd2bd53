#include "head.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/err.h"
#include "crc32c.h"

#define CRC_BYTES 9 /* with its LF */

static const char *const names[2] = { "head.a", "head.b" };
static const char unknown_boot[] = "------------------------------------";

void head_format(const struct head *head, char ret[HEAD_BYTES + 1])
{
	char root[2 * TREE_HASH_BYTES + 1];
	char line[2 * HEAD_BYTES];

	hex_encode(head->root, TREE_HASH_BYTES, root);
	(void)snprintf(line, sizeof line, "podatelna-head 1 %012llu %012llu %s %012llu %012llu %s %-36.36s ", (unsigned long long)head->sequence,
	               (unsigned long long)head->size, root, (unsigned long long)head->segment, (unsigned long long)head->offset,
	               head->clean ? "clean" : "open ", head->boot[0] == '\0' ? unknown_boot : head->boot);
	memcpy(ret, line, HEAD_BYTES - CRC_BYTES);
	(void)snprintf(line, sizeof line, "%08x\n", crc32c(span_of(ret, HEAD_BYTES - CRC_BYTES)));
	memcpy(ret + HEAD_BYTES - CRC_BYTES, line, CRC_BYTES);
	ret[HEAD_BYTES] = '\0';
}

static bool read_column(struct span *from, size_t length, struct span *ret)
{
	struct span column, end;

	if (!span_read_bytes(from, length, &column) || !span_read_bytes(from, 1, &end) || end.data[0] != ' ') {
		return false;
	}
	*ret = column;
	return true;
}

static bool read_number(struct span *from, uint64_t *ret)
{
	struct span column;

	return read_column(from, 12, &column) && span_parse_u64(column, ret);
}

static bool crc_is_right(struct span text)
{
	struct span covered, digits, end;
	uint8_t stored[4];
	uint32_t crc = 0;

	if (!span_read_bytes(&text, HEAD_BYTES - CRC_BYTES, &covered) || !span_read_bytes(&text, CRC_BYTES - 1, &digits) || !span_read_bytes(&text, 1, &end) ||
	    end.data[0] != '\n' || !span_is_empty(text) || !span_parse_hex(digits, stored, sizeof stored)) {
		return false;
	}
	crc = crc32c(covered);
	return stored[0] == crc >> 24 && stored[1] == (crc >> 16 & 0xff) && stored[2] == (crc >> 8 & 0xff) && stored[3] == (crc & 0xff);
}

int head_parse(struct span text, struct head *ret)
{
	struct head head = { 0 };
	struct span rest = text, column, state, boot;

	if (!crc_is_right(text) || !read_column(&rest, 14, &column) || !span_equals_string(column, "podatelna-head") || !read_column(&rest, 1, &column) ||
	    !span_equals_string(column, "1") || !read_number(&rest, &head.sequence) || !read_number(&rest, &head.size) ||
	    !read_column(&rest, 2 * TREE_HASH_BYTES, &column) || !span_parse_hex(column, head.root, TREE_HASH_BYTES) || !read_number(&rest, &head.segment) ||
	    !read_number(&rest, &head.offset) || !read_column(&rest, 5, &state) || !read_column(&rest, HEAD_BOOT_BYTES, &boot)) {
		return ERR_FORMAT;
	}
	if ((!span_equals_string(state, "clean") && !span_equals_string(state, "open ")) || !span_copy_string(boot, head.boot, sizeof head.boot)) {
		return ERR_FORMAT;
	}
	head.clean = span_equals_string(state, "clean");
	if (strcmp(head.boot, unknown_boot) == 0) {
		head.boot[0] = '\0';
	}
	*ret = head;
	return 0;
}

static int open_one(const struct fileops *ops, int dir, const char *name, int *ret_fd)
{
	int fd = ops->openat(ops, dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd < 0) {
		return file_error();
	}
	*ret_fd = fd;
	return 0;
}

int head_open(const struct fileops *ops, int journal_dir, struct head_pair *ret)
{
	struct head_pair pair = { .fds = { -1, -1 } };

	for (int i = 0; i < 2; i++) {
		uint8_t bytes[HEAD_BYTES + 1];
		ssize_t length = 0;
		int err = open_one(ops, journal_dir, names[i], &pair.fds[i]);

		if (err == 0) {
			length = file_pread(ops, pair.fds[i], bytes, sizeof bytes, 0);
			err = length < 0 ? (int)length : 0;
		}
		if (err != 0) {
			head_close(ops, &pair);
			return err;
		}
		pair.valid[i] = head_parse(span_of(bytes, (size_t)length), &pair.heads[i]) == 0;
	}
	*ret = pair;
	return 0;
}

void head_close(const struct fileops *ops, struct head_pair *pair)
{
	file_close(ops, &pair->fds[0]);
	file_close(ops, &pair->fds[1]);
}

static int newest(const struct head_pair *pair)
{
	if (pair->valid[0] && pair->valid[1]) {
		return pair->heads[0].sequence >= pair->heads[1].sequence ? 0 : 1;
	}
	return pair->valid[0] ? 0 : pair->valid[1] ? 1 : -1;
}

const struct head *head_newest(const struct head_pair *pair)
{
	int which = newest(pair);

	return which < 0 ? NULL : &pair->heads[which];
}

/* One write of the whole line in place. A write that is cut short spoils this file only: its CRC shows it, and the other one still holds. */
int head_write(const struct fileops *ops, struct head_pair *pair, const struct head *head)
{
	int last = newest(pair), which = last == 0 ? 1 : 0;
	struct head written = *head;
	char line[HEAD_BYTES + 1];
	ssize_t done = 0;

	written.sequence = last < 0 ? 1 : pair->heads[last].sequence + 1;
	head_format(&written, line);
	pair->valid[which] = false;
	done = ops->pwrite(ops, pair->fds[which], line, HEAD_BYTES, 0);
	if (done != HEAD_BYTES) {
		return done < 0 ? file_error() : ERR_SYSTEM;
	}
	pair->heads[which] = written;
	pair->valid[which] = true;
	return file_start_write_out(ops, pair->fds[which]);
}

int head_settle(const struct fileops *ops, const struct head_pair *pair)
{
	int which = newest(pair);

	return which < 0 ? ERR_INTERNAL : file_wait_write_out(ops, pair->fds[which]);
}

int head_sync(const struct fileops *ops, const struct head_pair *pair)
{
	int which = newest(pair);

	if (which < 0) {
		return ERR_INTERNAL;
	}
	return ops->fdatasync(ops, pair->fds[which]) == 0 ? 0 : file_error();
}
