#include "mark.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "crc32c.h"

#define CRC_BYTES 9 /* with its LF */

void mark_format(const struct mark *mark, char ret[MARK_BYTES + 1])
{
	char hash[2 * TREE_HASH_BYTES + 1];
	char line[2 * MARK_BYTES];

	hex_encode(mark->hash, TREE_HASH_BYTES, hash);
	(void)snprintf(line, sizeof line, "podatelna-mark 1 %-34.34s %-32.32s %012llu %s ", mark->origin, mark->instance, (unsigned long long)mark->size, hash);
	memcpy(ret, line, MARK_BYTES - CRC_BYTES);
	(void)snprintf(line, sizeof line, "%08x\n", crc32c(span_of(ret, MARK_BYTES - CRC_BYTES)));
	memcpy(ret + MARK_BYTES - CRC_BYTES, line, CRC_BYTES);
	ret[MARK_BYTES] = '\0';
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

static bool read_fields(struct span *rest, struct mark *mark)
{
	struct span column;

	return read_column(rest, 14, &column) && span_equals_string(column, "podatelna-mark") && read_column(rest, 1, &column) &&
	       span_equals_string(column, "1") && read_column(rest, MARK_ORIGIN_BYTES, &column) &&
	       span_copy_string(column, mark->origin, sizeof mark->origin) && read_column(rest, MARK_INSTANCE_BYTES, &column) &&
	       span_copy_string(column, mark->instance, sizeof mark->instance) && read_column(rest, 12, &column) && span_parse_u64(column, &mark->size) &&
	       read_column(rest, 2 * TREE_HASH_BYTES, &column) && span_parse_hex(column, mark->hash, TREE_HASH_BYTES);
}

int mark_parse(struct span text, struct mark *ret)
{
	struct mark mark = { 0 };
	struct span rest = text;
	char again[MARK_BYTES + 1];

	if (text.length != MARK_BYTES || !read_fields(&rest, &mark)) {
		return ERR_FORMAT;
	}
	/* Written again it must be the same line: that checks the CRC and the form of every column at once. */
	mark_format(&mark, again);
	if (!span_equals(text, span_of(again, MARK_BYTES))) {
		return ERR_FORMAT;
	}
	*ret = mark;
	return 0;
}

int mark_read(const struct fileops *ops, int dir, const char *name, struct mark *ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0;
	int err = file_read_small(ops, dir, name, MARK_BYTES, &data, &length);

	if (err != 0) {
		return err == ERR_LIMIT ? ERR_FORMAT : err;
	}
	return mark_parse(span_of(data, length), ret);
}

int mark_write(const struct fileops *ops, int dir, const char *name, const struct mark *mark)
{
	char line[MARK_BYTES + 1];

	mark_format(mark, line);
	return file_replace(ops, dir, name, line, MARK_BYTES, 0640);
}
