#include "index_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "tree.h"

#define FIRST_ROOM 65536
#define LINE_SIZE 64
#define FILE_MODE 0640

void index_put(struct index_writer *writer, const void *data, size_t length)
{
	size_t larger = writer->room == 0 ? FIRST_ROOM : writer->room;
	uint8_t *moved = NULL;

	if (writer->err != 0 || length == 0) {
		return;
	}
	if (length > INDEX_FILE_MAX_BYTES - writer->length) {
		writer->err = ERR_LIMIT;
		return;
	}
	while (larger < writer->length + length) {
		larger *= 2;
	}
	if (larger != writer->room) {
		moved = realloc(writer->data, larger);
		if (moved == NULL) {
			writer->err = ERR_MEMORY;
			return;
		}
		writer->data = moved;
		writer->room = larger;
	}
	memcpy(writer->data + writer->length, data, length);
	writer->length += length;
}

void index_put_u64(struct index_writer *writer, uint64_t number)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)(number >> (8 * i));
	}
	index_put(writer, bytes, sizeof bytes);
}

void index_writer_free(struct index_writer *writer)
{
	free(writer->data);
	*writer = (struct index_writer){ 0 };
}

static int first_line(const char *name, char ret[LINE_SIZE])
{
	int length = snprintf(ret, LINE_SIZE, "podatelna-index 1 %s\n", name);

	return length > 0 && length < LINE_SIZE ? length : ERR_LIMIT;
}

void index_begin(struct index_writer *writer, const char *name)
{
	char line[LINE_SIZE];
	int length = first_line(name, line);

	if (length < 0) {
		writer->err = length;
		return;
	}
	index_put(writer, line, (size_t)length);
}

int index_write(struct index_writer *writer, const struct fileops *ops, int data_fd, const char *name)
{
	uint8_t hash[TREE_HASH_BYTES];
	int folder = -1, err = writer->err;

	if (err == 0) {
		err = tree_plain_hash(span_of(writer->data, writer->length), hash);
	}
	if (err == 0) {
		index_put(writer, hash, sizeof hash);
		err = writer->err;
	}
	if (err == 0) {
		err = file_directory(ops, data_fd, INDEX_FOLDER, &folder);
	}
	if (err == 0) {
		err = file_replace(ops, folder, name, writer->data, writer->length, FILE_MODE);
		file_close(ops, &folder);
	}
	return err;
}

static int check(struct span all, const char *name, struct span *ret_content)
{
	uint8_t hash[TREE_HASH_BYTES];
	char line[LINE_SIZE];
	struct span content, first, stored;

	if (first_line(name, line) < 0 || all.length < strlen(line) + TREE_HASH_BYTES || !span_read_bytes(&all, all.length - TREE_HASH_BYTES, &content)) {
		return ERR_FORMAT;
	}
	stored = all;
	if (tree_plain_hash(content, hash) != 0 || !span_equals(stored, span_of(hash, sizeof hash)) || !span_read_bytes(&content, strlen(line), &first) ||
	    !span_equals_string(first, line)) {
		return ERR_FORMAT;
	}
	*ret_content = content;
	return 0;
}

int index_read(const struct fileops *ops, int data_fd, const char *name, uint8_t **ret_data, struct span *ret_content)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0;
	int folder = file_open_read(ops, data_fd, INDEX_FOLDER), err = ERR_INTERNAL;

	if (folder < 0) {
		return folder;
	}
	err = file_read_small(ops, folder, name, INDEX_FILE_MAX_BYTES, &data, &length);
	file_close(ops, &folder);
	if (err == 0) {
		err = check(span_of(data, length), name, ret_content);
	}
	if (err == 0) {
		*ret_data = data;
		data = NULL;
	}
	return err;
}

bool index_take(struct span *from, void *place, size_t length)
{
	struct span bytes;

	if (!span_read_bytes(from, length, &bytes)) {
		return false;
	}
	if (length > 0) {
		memcpy(place, bytes.data, length);
	}
	return true;
}
