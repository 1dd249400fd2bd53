#include "tar.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "appliance/base/err.h"

/* The columns of a header. */
struct column {
	size_t at, length;
};

static const struct column name_column = { 0, 100 }, mode_column = { 100, 8 }, uid_column = { 108, 8 }, gid_column = { 116, 8 }, size_column = { 124, 12 },
                           time_column = { 136, 12 }, sum_column = { 148, 8 }, link_column = { 157, 100 }, magic_column = { 257, 8 },
                           device_column = { 329, 16 }, rest_column = { 345, 167 };

#define TYPE_AT 156

/* With the column of the sum itself as blanks. */
static unsigned sum_of(const uint8_t block[TAR_BLOCK_BYTES])
{
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
		sum += i >= sum_column.at && i < sum_column.at + sum_column.length ? ' ' : block[i];
	}
	return sum;
}

static void put_octal(uint8_t *block, struct column column, uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%0*llo", (int)column.length - 1, (unsigned long long)value);
	memcpy(block + column.at, text, column.length);
}

int tar_format(const struct tar_entry *entry, uint8_t ret[TAR_BLOCK_BYTES])
{
	size_t length = strlen(entry->name);

	if (length == 0 || length > TAR_NAME_MAX_BYTES || entry->size > TAR_FILE_MAX_BYTES || entry->mtime > TAR_FILE_MAX_BYTES || entry->mode > 07777) {
		return ERR_LIMIT;
	}
	memset(ret, 0, TAR_BLOCK_BYTES);
	memcpy(ret + name_column.at, entry->name, length);
	put_octal(ret, mode_column, entry->mode);
	put_octal(ret, uid_column, 0);
	put_octal(ret, gid_column, 0);
	put_octal(ret, size_column, entry->size);
	put_octal(ret, time_column, entry->mtime);
	ret[TYPE_AT] = '0';
	memcpy(ret + magic_column.at, "ustar\00000", magic_column.length);
	put_octal(ret, (struct column){ device_column.at, 8 }, 0);
	put_octal(ret, (struct column){ device_column.at + 8, 8 }, 0);
	(void)snprintf((char *)ret + sum_column.at, 7, "%06o", sum_of(ret));
	ret[sum_column.at + 7] = ' ';
	return 0;
}

/* Exactly the digits that put_octal writes. */
static bool read_octal(const uint8_t *block, struct column column, size_t digits, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < digits; i++) {
		uint8_t digit = block[column.at + i];

		if (digit < '0' || digit > '7') {
			return false;
		}
		value = value * 8 + (uint64_t)(digit - '0');
	}
	*ret = value;
	return block[column.at + digits] == '\0';
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] != 0) {
			return false;
		}
	}
	return true;
}

static bool read_name(const uint8_t *block, char ret[TAR_NAME_SIZE])
{
	size_t length = strnlen((const char *)block, name_column.length);

	memcpy(ret, block, length);
	ret[length] = '\0';
	return length > 0 && is_zero(block + length, name_column.length - length);
}

int tar_parse(struct span block, struct tar_entry *ret)
{
	struct tar_entry entry = { 0 };
	uint64_t mode = 0, sum = 0;

	if (block.length != TAR_BLOCK_BYTES) {
		return ERR_FORMAT;
	}
	if (is_zero(block.data, TAR_BLOCK_BYTES)) {
		return ERR_NOTFOUND;
	}
	/* No links, no devices, no folders, no extensions; whose file it was does not matter. */
	if (!read_octal(block.data, sum_column, 6, &sum) || block.data[sum_column.at + 7] != ' ' || sum != sum_of(block.data) || block.data[TYPE_AT] != '0' ||
	    memcmp(block.data + magic_column.at, "ustar\00000", magic_column.length) != 0 || !is_zero(block.data + link_column.at, link_column.length) ||
	    !is_zero(block.data + rest_column.at, rest_column.length)) {
		return ERR_FORMAT;
	}
	if (!read_name(block.data, entry.name) || !read_octal(block.data, mode_column, 7, &mode) || !read_octal(block.data, size_column, 11, &entry.size) ||
	    !read_octal(block.data, time_column, 11, &entry.mtime) || mode > 07777) {
		return ERR_FORMAT;
	}
	entry.mode = (unsigned)mode;
	*ret = entry;
	return 0;
}

size_t tar_padding(uint64_t size)
{
	return (size_t)((TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES);
}
