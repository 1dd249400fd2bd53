/* index_file.h - files below index/ in the data directory: what can be made again from the journal and is kept so that a start need not make it again.
 *
 * Derived, never the truth: a file that is missing, torn, of another program or of another journal is as good as none, and nobody is told more than a line in
 * the log. Form: the line "podatelna-index 1 NAME" and LF, the content, SHA-256 of both (32 bytes). Numbers in the content are 64 bits, little-endian.
 */
#ifndef STORE_INDEX_FILE_H
#define STORE_INDEX_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "appliance/base/span.h"
#include "fileops.h"

#define INDEX_FOLDER "index"
#define INDEX_FILE_MAX_BYTES ((size_t)2 * 1024 * 1024 * 1024)

/* Content under construction. Zero-initialise; index_writer_free at the end. The first failure stays in `err` (ERR_MEMORY). */
struct index_writer {
	uint8_t *data;
	size_t length, room;
	int err;
};

/* Appends to the content. */
void index_put(struct index_writer *writer, const void *data, size_t length);
void index_put_u64(struct index_writer *writer, uint64_t number);
void index_writer_free(struct index_writer *writer);

/* Begins the content of the file `name`. */
void index_begin(struct index_writer *writer, const char *name);
/* Puts the file in place, durable on 0; the former one stays when it fails. */
int index_write(struct index_writer *writer, const struct fileops *ops, int data_fd, const char *name);
/* *ret_content lies in *ret_data, which is the caller's to free. ERR_NOTFOUND; ERR_FORMAT when it is not whole. */
int index_read(const struct fileops *ops, int data_fd, const char *name, uint8_t **ret_data, struct span *ret_content);
/* Reads exactly `length` bytes into `place`. */
bool index_take(struct span *from, void *place, size_t length);

#endif
