#include "tiles.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clean.h"
#include "words.h"

#define TILE_LEVEL 8U /* levels of the tree that one level of tiles spans */
#define NOTE_NAME_SIZE 32
#define NOTE_LINES 3

struct tiles {
	struct audit *audit;
	const char *out;
	int out_fd;
	uint64_t size;    /* of the checkpoint */
	uint64_t entries; /* written so far */
	FILE *bundle;
	int failed; /* errno of the first write that failed */
};

static int say_failed(const char *what, int err)
{
	(void)fprintf(stderr, "%s: %s\n", what, err == 0 ? _("it is not empty") : strerror(err));
	return AUDIT_NO;
}

void tiles_path(const char *level, uint64_t number, unsigned width, char ret[TILES_PATH_SIZE])
{
	unsigned groups[8] = { 0 };
	size_t count = 0;
	int length = snprintf(ret, TILES_PATH_SIZE, "tile/%s", level);

	do {
		groups[count++] = (unsigned)(number % 1000);
		number /= 1000;
	} while (number > 0 && count < sizeof groups / sizeof groups[0]);
	while (count-- > 0) {
		length += snprintf(ret + length, TILES_PATH_SIZE - (size_t)length, count > 0 ? "/x%03u" : "/%03u", groups[count]);
	}
	if (width < TILES_WIDTH) {
		(void)snprintf(ret + length, TILES_PATH_SIZE - (size_t)length, ".p/%u", width);
	}
}

/* A new file below the output directory, with the folders on the way to it. NULL with errno. */
static FILE *tile_create(struct tiles *tiles, const char *path)
{
	char folder[TILES_PATH_SIZE];
	FILE *file = NULL;
	int fd = -1;

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		(void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
		if (mkdirat(tiles->out_fd, folder, 0755) != 0 && errno != EEXIST) {
			return NULL;
		}
	}
	fd = openat(tiles->out_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	file = fd < 0 ? NULL : fdopen(fd, "wb");
	if (file == NULL && fd >= 0) {
		(void)close(fd);
	}
	return file;
}

/* Notes the first failure. */
static bool tile_check(struct tiles *tiles, bool good)
{
	if (!good && tiles->failed == 0) {
		tiles->failed = errno != 0 ? errno : EIO;
	}
	return good;
}

static bool tile_write(struct tiles *tiles, const char *path, const uint8_t *bytes, size_t length)
{
	FILE *file = tile_create(tiles, path);
	bool good = file != NULL && fwrite(bytes, 1, length, file) == length;

	(void)tile_check(tiles, good);
	return tile_check(tiles, (file == NULL || fclose(file) == 0) && good);
}

static bool bundle_end(struct tiles *tiles)
{
	FILE *bundle = tiles->bundle;

	tiles->bundle = NULL;
	return bundle == NULL || tile_check(tiles, fclose(bundle) == 0);
}

static bool bundle_begin(struct tiles *tiles, uint64_t index)
{
	char path[TILES_PATH_SIZE];
	uint64_t left = tiles->size - index;

	tiles_path("entries", index / TILES_WIDTH, left < TILES_WIDTH ? (unsigned)left : TILES_WIDTH, path);
	tiles->bundle = tile_create(tiles, path);
	return tile_check(tiles, tiles->bundle != NULL);
}

/* The leaf of each record below the checkpoint goes into its bundle. */
static bool write_entry(void *context, const struct fact *fact)
{
	struct tiles *tiles = context;
	const uint8_t length[2] = { (uint8_t)(fact->leaf.length >> 8), (uint8_t)fact->leaf.length };

	if (fact->index >= tiles->size || tiles->failed != 0) {
		return true;
	}
	if (fact->index != tiles->entries || fact->leaf.length > UINT16_MAX) {
		return true; /* a record before it was no good: the count tells in the end */
	}
	if (fact->index % TILES_WIDTH == 0 && (!bundle_end(tiles) || !bundle_begin(tiles, fact->index))) {
		return true;
	}
	if (tile_check(tiles, fwrite(length, 1, sizeof length, tiles->bundle) == sizeof length &&
	                          fwrite(fact->leaf.data, 1, fact->leaf.length, tiles->bundle) == fact->leaf.length)) {
		tiles->entries++;
	}
	return true;
}

/* Tiles of one level: the hashes of subtrees of 256^level leaves, full ones only. False: no such subtree is left. */
static bool write_level(struct tiles *tiles, unsigned level)
{
	const struct tree *tree = &tiles->audit->tree;
	uint64_t hashes = TILE_LEVEL * level >= 64 ? 0 : tiles->size >> (TILE_LEVEL * level);
	char name[8], path[TILES_PATH_SIZE];

	if (hashes == 0 || TILE_LEVEL * level >= TREE_LEVELS) {
		return false;
	}
	(void)snprintf(name, sizeof name, "%u", level);
	for (uint64_t from = 0; from < hashes && tiles->failed == 0; from += TILES_WIDTH) {
		unsigned width = hashes - from < TILES_WIDTH ? (unsigned)(hashes - from) : TILES_WIDTH;
		const tree_hash *at = level == 0 ? tree->leaves : (const tree_hash *)tree->nodes[TILE_LEVEL * level];

		tiles_path(name, from / TILES_WIDTH, width, path);
		(void)tile_write(tiles, path, at[from], (size_t)width * AUDIT_HASH_BYTES);
	}
	return true;
}

/* --- the checkpoint --- */

/* "<size>.note" in the form that the journal gives it. */
static bool note_name(const char *name, uint64_t *ret_size)
{
	size_t digits = strspn(name, "0123456789");
	char *end = NULL;

	if (digits == 0 || digits > 12 || strcmp(name + digits, ".note") != 0 || (name[0] == '0' && digits > 1)) {
		return false;
	}
	*ret_size = strtoull(name, &end, 10);
	return true;
}

/* Reads a note of that size; whether it has a signature line. False: it is none of this journal. */
static bool note_load(struct tiles *tiles, int anchor_fd, uint64_t size, uint8_t **ret, size_t *ret_length, bool *ret_signed)
{
	char name[NOTE_NAME_SIZE];
	struct note note;

	(void)snprintf(name, sizeof name, "%" PRIu64 ".note", size);
	if (source_read_at(anchor_fd, name, NOTE_MAX_BYTES, ret, ret_length) != 0) {
		return false;
	}
	if (!note_read((struct bytes){ *ret, *ret_length }, &note) || note.size != size || strcmp(note.origin, tiles->audit->source.origin) != 0) {
		free(*ret);
		*ret = NULL;
		return false;
	}
	*ret_signed = *ret_length > note.text_length;
	return true;
}

static int size_order(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Sizes of the notes, largest first. -1 with errno. */
static int note_sizes(int anchor_fd, uint64_t **ret, size_t *ret_count)
{
	AUDIT_CLEAN_DIR DIR *dir = NULL;
	const struct dirent *entry = NULL;
	size_t room = 0;
	int fd = dup(anchor_fd);

	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		uint64_t size = 0;

		if (!note_name(entry->d_name, &size) || size == 0) {
			continue;
		}
		if (*ret_count == room) {
			uint64_t *more = realloc(*ret, (room = room * 2 + 64) * sizeof *more);

			if (more == NULL) {
				return -1;
			}
			*ret = more;
		}
		(*ret)[(*ret_count)++] = size;
	}
	if (*ret_count > 0) {
		qsort(*ret, *ret_count, sizeof **ret, size_order);
	}
	return dir == NULL ? -1 : 0;
}

/* The newest signed one, else the newest. Without any: AUDIT_NO. */
static int choose_checkpoint(struct tiles *tiles, uint8_t **ret, size_t *ret_length)
{
	AUDIT_CLEAN_FREE uint64_t *sizes = NULL;
	AUDIT_CLEAN_FD int anchor_fd = openat(tiles->audit->source.journal_fd, "anchor", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t count = 0;

	if (anchor_fd < 0 || note_sizes(anchor_fd, &sizes, &count) != 0) {
		return say_failed("journal/anchor", errno);
	}
	for (size_t i = 0; i < count; i++) {
		AUDIT_CLEAN_FREE uint8_t *note = NULL;
		size_t length = 0;
		bool is_signed = false;

		if (note_load(tiles, anchor_fd, sizes[i], &note, &length, &is_signed) && (is_signed || *ret == NULL)) {
			free(*ret);
			*ret = note;
			*ret_length = length;
			tiles->size = sizes[i];
			note = NULL;
			if (is_signed) {
				break;
			}
		}
	}
	if (*ret == NULL) {
		(void)fprintf(stderr, "%s\n", _("there is no checkpoint of this journal: nothing that tiles could be checked against"));
		return AUDIT_NO;
	}
	return AUDIT_YES;
}

static bool checkpoint_fits(const struct tiles *tiles, const uint8_t *note, size_t length)
{
	struct note read;
	tree_hash root;

	return note_read((struct bytes){ note, length }, &read) && tree_root(&tiles->audit->tree, tiles->size, root) &&
	       memcmp(root, read.root, sizeof root) == 0;
}

/* --- the whole --- */

/* A directory that is new or empty. */
static int open_out(struct tiles *tiles)
{
	AUDIT_CLEAN_DIR DIR *dir = NULL;
	const struct dirent *entry = NULL;

	if (mkdir(tiles->out, 0755) != 0 && errno != EEXIST) {
		return say_failed(tiles->out, errno);
	}
	tiles->out_fd = open(tiles->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = tiles->out_fd < 0 ? NULL : fdopendir(dup(tiles->out_fd));
	if (dir == NULL) {
		return say_failed(tiles->out, errno);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			return say_failed(tiles->out, 0);
		}
	}
	return AUDIT_YES;
}

static int write_all(struct tiles *tiles, const uint8_t *note, size_t length)
{
	unsigned level = 0;
	bool ended = false;

	if (audit_scan(tiles->audit, write_entry, tiles) != 0) {
		return say_failed(tiles->out, errno != 0 ? errno : EIO);
	}
	ended = bundle_end(tiles);
	if (tiles->failed == 0 && tiles->entries != tiles->size) {
		(void)fprintf(stderr, _("record %ju is damaged or missing: there are no tiles of such a journal"), tiles->entries);
		(void)fputc('\n', stderr);
		return AUDIT_DAMAGE;
	}
	if (tiles->failed == 0 && !checkpoint_fits(tiles, note, length)) {
		(void)fprintf(stderr, "%s\n", _("the records do not give the root of the checkpoint"));
		return AUDIT_DAMAGE;
	}
	while (ended && tiles->failed == 0 && write_level(tiles, level)) {
		level++;
	}
	/* The checkpoint comes last: where it is, everything is. */
	return tiles->failed == 0 && tile_write(tiles, "checkpoint", note, length) ? AUDIT_YES : say_failed(tiles->out, tiles->failed);
}

int audit_tiles(struct audit *audit, const char *out)
{
	AUDIT_CLEAN_FREE uint8_t *note = NULL;
	struct tiles tiles = { .audit = audit, .out = out, .out_fd = -1 };
	size_t length = 0;
	int code = AUDIT_NO;

	code = choose_checkpoint(&tiles, &note, &length);
	code = code == AUDIT_YES ? open_out(&tiles) : code;
	code = code == AUDIT_YES ? write_all(&tiles, note, length) : code;
	if (tiles.out_fd >= 0) {
		(void)close(tiles.out_fd);
	}
	return code;
}
