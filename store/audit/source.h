/* source.h - the files of a journal as they lie in a directory that somebody brought: a data directory, its journal/ alone, or the auditors' share.
 *
 * Opened for reading only, links in the last part of a path are not followed. What cannot be read says so by errno.
 */
#ifndef STORE_AUDIT_SOURCE_H
#define STORE_AUDIT_SOURCE_H

#include "audit.h"

#define SOURCE_ORIGIN_SIZE 64
#define SOURCE_SEGMENTS_MAX 1000000
#define SOURCE_NAME_SIZE 24
#define HEAD_BYTES 186
#define NOTE_MAX_BYTES 65536

enum segment_end {
	SEGMENT_OPEN,
	SEGMENT_CLEAN,   /* .s */
	SEGMENT_UNCLEAN, /* .u */
};

struct segment {
	uint64_t first;
	enum segment_end end;
	uint64_t bytes;
	char name[SOURCE_NAME_SIZE];
};

struct head {
	bool valid;
	uint64_t sequence, size, segment, offset;
	uint8_t root[AUDIT_HASH_BYTES];
	bool clean;
};

struct source {
	enum audit_layout layout;
	int data_fd;                     /* of the directory that was named */
	int journal_fd;                  /* for AUDIT_LAYOUT_NOTES the folder itself */
	int segment_fd;                  /* -1 there */
	char origin[SOURCE_ORIGIN_SIZE]; /* "" when missing or malformed */
	struct segment *segments;        /* by first */
	size_t segment_count;
	uint64_t bytes; /* of all segments */
	struct head heads[2];
	uint64_t notes_before; /* largest NNN.note in anchor/ */
};

/* A checkpoint as text (C2SP tlog-checkpoint): the first three lines of a note. */
struct note {
	char origin[SOURCE_ORIGIN_SIZE];
	uint64_t size;
	uint8_t root[AUDIT_HASH_BYTES];
	size_t text_length; /* the bytes of the three lines */
};

/* Heads and names of notes are read before the segments are listed: what they count must be in the segments then, also while a box writes. -1: no journal there;
 * `why` is a sentence (English, a msgid of words.h), errno tells more when it is not 0. */
int source_open(const char *path, struct source *ret, const char **why);
/* Reads the heads again. */
void source_heads(const struct source *source, struct head ret[2]);
/* A descriptor of a segment, or -1. The living journal may have given it another ending meanwhile; that is tried too. */
int source_segment_open(const struct source *source, const struct segment *segment);
void source_close(struct source *source);

/* The whole of a small regular file; -1 (errno), also when it is longer than `most`: EFBIG. `ret` is allocated, terminated. */
int source_read_at(int dir_fd, const char *name, size_t most, uint8_t **ret, size_t *ret_length);
/* A path as people give it, links followed. */
int source_read(const char *path, size_t most, uint8_t **ret, size_t *ret_length);
/* Exactly `length` bytes from a place; false: fewer are there, or an error (errno is then not 0). */
bool source_pread(int fd, uint8_t *to, size_t length, uint64_t offset, size_t *ret_done);

bool head_read(struct bytes bytes, struct head *ret);
bool note_read(struct bytes bytes, struct note *ret);
/* RFC 4648, with padding, nothing else. False when it is not exactly `size` bytes. */
bool base64_read(struct bytes text, uint8_t *ret, size_t size);
/* "podatelna.invalid/" and 16 digits. */
bool origin_valid(struct bytes origin);

#endif
