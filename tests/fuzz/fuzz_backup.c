/* Backups that somebody hands over: the reader by itself. Half of the inputs have the sums of their headers and their lists put right first, so that what lies behind
 * those is reached too; whatever comes, names stay inside the data directory and sizes inside their limits. */
#include "store/vault_crypto.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "store/backup.h"

#define INPUT_MAX_BYTES ((size_t)1 << 20)
#define SUM_AT 148
#define SUM_BYTES 8

struct input {
	const uint8_t *data;
	size_t length, at;
	uint64_t left; /* of the file that is being read */
};

static ssize_t on_read(void *context, void *buffer, size_t size)
{
	struct input *input = context;
	size_t length = input->length - input->at < size ? input->length - input->at : size;

	memcpy(buffer, input->data + input->at, length);
	input->at += length;
	return (ssize_t)length;
}

static int on_begin(void *context, const struct backup_name *name, uint64_t size)
{
	struct input *input = context;

	if (size > name->limit || name->file[0] == '\0' || name->file[0] == '.' || strchr(name->file, '/') != NULL || strlen(name->sub) == 1 ||
	    strstr(name->folder, "..") != NULL || name->folder[0] == '/') {
		abort();
	}
	input->left = size;
	return 0;
}

static int on_data(void *context, struct span bytes)
{
	struct input *input = context;

	if (bytes.length > input->left) {
		abort();
	}
	input->left -= bytes.length;
	return 0;
}

static int on_end(void *context)
{
	const struct input *input = context;

	if (input->left != 0) {
		abort();
	}
	return 0;
}

/* Every 512 bytes that look like a header get the right sum. */
static void put_right(uint8_t *bytes, size_t length)
{
	for (size_t at = 0; at + TAR_BLOCK_BYTES <= length; at += TAR_BLOCK_BYTES) {
		uint8_t *block = bytes + at;
		unsigned sum = 0;
		char text[SUM_BYTES];

		if (memcmp(block + 257, "ustar", 5) != 0) {
			continue;
		}
		for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
			sum += i >= SUM_AT && i < SUM_AT + SUM_BYTES ? ' ' : block[i];
		}
		(void)snprintf(text, sizeof text, "%06o", sum & 0777777);
		memcpy(block + SUM_AT, text, 7);
		block[SUM_AT + 7] = ' ';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct backup_found found;
	struct backup_name name;
	struct tar_entry entry;
	char text[TAR_NAME_SIZE];
	uint8_t block[TAR_BLOCK_BYTES], *copy = NULL;
	size_t length = size < TAR_NAME_MAX_BYTES ? size : TAR_NAME_MAX_BYTES;

	if (size == 0 || size > INPUT_MAX_BYTES) {
		return 0;
	}
	/* A name alone. */
	memcpy(text, data, length);
	text[length] = '\0';
	(void)backup_name_parse(text, &name);
	/* A header that is taken is written the same way, but for its owner. */
	if (size >= TAR_BLOCK_BYTES && tar_parse((struct span){ data, TAR_BLOCK_BYTES }, &entry) == 0 && tar_format(&entry, block) != 0) {
		abort();
	}
	copy = malloc(size);
	if (copy == NULL) {
		return 0;
	}
	memcpy(copy, data, size);
	for (int fixed = 0; fixed < 2; fixed++) {
		struct input input = { .data = copy, .length = size };
		struct backup_reader reader = { .read = on_read, .begin = on_begin, .data = on_data, .end = on_end, .context = &input };

		if (fixed != 0) {
			put_right(copy, size);
		}
		if (backup_read(&reader, &found) == 0 && (found.files == 0 || found.manifest.records == 0)) {
			abort();
		}
	}
	free(copy);
	return 0;
}
