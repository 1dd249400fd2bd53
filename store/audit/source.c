#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/base64.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clean.h"
#include "frame.h"
#include "words.h"

#define ORIGIN_PREFIX "podatelna.invalid/"
#define ORIGIN_DIGITS 16
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define FILE_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) /* a FIFO in the place of a file does not hold us up */
#define SEGMENT_DIGITS 12

bool source_pread(int fd, uint8_t *to, size_t length, uint64_t offset, size_t *ret_done)
{
	size_t done = 0;

	errno = 0;
	while (done < length) {
		ssize_t got = pread(fd, to + done, length - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			break;
		}
		done += (size_t)got;
	}
	*ret_done = done;
	return done == length;
}

static int read_whole(int fd, size_t most, uint8_t **ret, size_t *ret_length)
{
	AUDIT_CLEAN_FREE uint8_t *data = NULL;
	struct stat info;
	size_t done = 0;

	if (fstat(fd, &info) != 0) {
		return -1;
	}
	if (!S_ISREG(info.st_mode) || info.st_size < 0 || (uint64_t)info.st_size > most) {
		errno = S_ISREG(info.st_mode) ? EFBIG : EINVAL;
		return -1;
	}
	data = malloc((size_t)info.st_size + 1);
	if (data == NULL) {
		return -1;
	}
	if (!source_pread(fd, data, (size_t)info.st_size, 0, &done) && errno != 0) {
		return -1;
	}
	data[done] = '\0';
	*ret = data;
	*ret_length = done;
	data = NULL;
	return 0;
}

int source_read_at(int dir_fd, const char *name, size_t most, uint8_t **ret, size_t *ret_length)
{
	AUDIT_CLEAN_FD int fd = openat(dir_fd, name, FILE_FLAGS | O_NOFOLLOW);

	return fd < 0 ? -1 : read_whole(fd, most, ret, ret_length);
}

int source_read(const char *path, size_t most, uint8_t **ret, size_t *ret_length)
{
	AUDIT_CLEAN_FD int fd = open(path, FILE_FLAGS);

	return fd < 0 ? -1 : read_whole(fd, most, ret, ret_length);
}

bool base64_read(struct bytes text, uint8_t *ret, size_t size)
{
	uint8_t again[4 * AUDIT_HASH_BYTES];
	size_t length = 0;

	/* mbedTLS is generous about blanks and bits left over: what is written again must be the same. */
	if (mbedtls_base64_decode(ret, size, &length, text.data, text.length) != 0 || length != size ||
	    mbedtls_base64_encode(again, sizeof again, &length, ret, size) != 0) {
		return false;
	}
	return length == text.length && memcmp(again, text.data, length) == 0;
}

bool origin_valid(struct bytes origin)
{
	uint8_t ignored[ORIGIN_DIGITS / 2];
	size_t prefix = strlen(ORIGIN_PREFIX);

	return origin.length == prefix + ORIGIN_DIGITS && memcmp(origin.data, ORIGIN_PREFIX, prefix) == 0 &&
	       frame_hex(origin.data + prefix, ignored, sizeof ignored);
}

/* One line of a note, without its LF. */
static bool note_line(struct bytes *rest, struct bytes *ret)
{
	const uint8_t *end = rest->length == 0 ? NULL : memchr(rest->data, '\n', rest->length);

	if (end == NULL) {
		return false;
	}
	*ret = (struct bytes){ .data = rest->data, .length = (size_t)(end - rest->data) };
	rest->length -= ret->length + 1;
	rest->data = end + 1;
	return true;
}

bool note_read(struct bytes bytes, struct note *ret)
{
	struct bytes rest = bytes, origin, size, root;

	*ret = (struct note){ 0 };
	if (!note_line(&rest, &origin) || !note_line(&rest, &size) || !note_line(&rest, &root)) {
		return false;
	}
	/* Behind the text: nothing, or an empty line and signatures. */
	if (origin.length == 0 || origin.length >= sizeof ret->origin || !frame_text(origin) || !frame_number(size, &ret->size) ||
	    ret->size > FRAME_INDEX_MAX + 1 || !base64_read(root, ret->root, AUDIT_HASH_BYTES) || (rest.length > 0 && rest.data[0] != '\n')) {
		return false;
	}
	memcpy(ret->origin, origin.data, origin.length);
	ret->text_length = (size_t)(rest.data - bytes.data);
	return true;
}

static bool column(struct bytes *rest, size_t length, struct bytes *ret)
{
	if (rest->length <= length || rest->data[length] != ' ') {
		return false;
	}
	*ret = (struct bytes){ .data = rest->data, .length = length };
	rest->data += length + 1;
	rest->length -= length + 1;
	return true;
}

static bool column_number(struct bytes *rest, uint64_t *ret)
{
	struct bytes text;

	if (!column(rest, SEGMENT_DIGITS, &text)) {
		return false;
	}
	while (text.length > 1 && text.data[0] == '0') {
		text.data++;
		text.length--;
	}
	return frame_number(text, ret);
}

bool head_read(struct bytes bytes, struct head *ret)
{
	static const char title[] = "podatelna-head 1 ";
	struct bytes rest = bytes, root, state, run, checked = { .data = bytes.data, .length = HEAD_BYTES - 9 };
	struct head head = { 0 };
	uint8_t crc[4];
	uint32_t told = 0;

	if (bytes.length != HEAD_BYTES || memcmp(bytes.data, title, strlen(title)) != 0 || bytes.data[HEAD_BYTES - 1] != '\n') {
		return false;
	}
	rest.data += strlen(title);
	rest.length -= strlen(title);
	if (!column_number(&rest, &head.sequence) || !column_number(&rest, &head.size) || !column(&rest, 64, &root) || !column_number(&rest, &head.segment) ||
	    !column_number(&rest, &head.offset) || !column(&rest, 5, &state) || !column(&rest, 36, &run) || rest.length != 9 ||
	    !frame_hex(root.data, head.root, AUDIT_HASH_BYTES) || !frame_hex(rest.data, crc, sizeof crc)) {
		return false;
	}
	told = (uint32_t)crc[0] << 24 | (uint32_t)crc[1] << 16 | (uint32_t)crc[2] << 8 | (uint32_t)crc[3];
	head.clean = bytes_equal(state, "clean");
	head.valid = (head.clean || bytes_equal(state, "open ")) && frame_crc(checked) == told;
	*ret = head;
	return head.valid;
}

void source_heads(const struct source *source, struct head ret[2])
{
	static const char *const names[] = { "head.a", "head.b" };

	for (size_t i = 0; i < 2; i++) {
		AUDIT_CLEAN_FREE uint8_t *data = NULL;
		size_t length = 0;

		ret[i] = (struct head){ 0 };
		if (source_read_at(source->journal_fd, names[i], HEAD_BYTES, &data, &length) == 0) {
			(void)head_read((struct bytes){ .data = data, .length = length }, &ret[i]);
		}
	}
}

static void read_origin(struct source *source)
{
	AUDIT_CLEAN_FREE uint8_t *data = NULL;
	size_t length = 0;

	if (source_read_at(source->journal_fd, "origin", SOURCE_ORIGIN_SIZE, &data, &length) == 0 && length > 1 && data[length - 1] == '\n' &&
	    origin_valid((struct bytes){ .data = data, .length = length - 1 })) {
		memcpy(source->origin, data, length - 1);
	}
}

/* "<digits>.<ending>" as its number; false for other names. */
static bool split_name(const char *name, uint64_t *ret, const char **ret_ending)
{
	const char *dot = strchr(name, '.');
	struct bytes digits = { .data = (const uint8_t *)name, .length = dot == NULL ? 0 : (size_t)(dot - name) };
	size_t strip = 0;

	if (dot == NULL) {
		return false;
	}
	*ret_ending = dot + 1;
	while (digits.length == SEGMENT_DIGITS && strip < SEGMENT_DIGITS - 1 && name[strip] == '0') {
		strip++; /* twelve places, filled from the left */
	}
	return frame_number((struct bytes){ .data = digits.data + strip, .length = digits.length - strip }, ret);
}

static int list(int dir_fd, const char *name, int (*visit)(struct source *source, int fd, const char *name), struct source *source)
{
	int fd = openat(dir_fd, name, DIRECTORY_FLAGS);
	AUDIT_CLEAN_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *each = NULL;

	if (dir == NULL) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return -1;
	}
	while ((each = readdir(dir)) != NULL) {
		if (visit(source, fd, each->d_name) != 0) {
			return -1;
		}
	}
	return 0;
}

static int visit_note(struct source *source, int fd, const char *name)
{
	const char *ending = NULL;
	uint64_t size = 0;

	(void)fd;
	if (split_name(name, &size, &ending) && strcmp(ending, "note") == 0 && size > source->notes_before) {
		source->notes_before = size;
	}
	return 0;
}

static int visit_segment(struct source *source, int fd, const char *name)
{
	static const char *const endings[] = { [SEGMENT_OPEN] = "open", [SEGMENT_CLEAN] = "s", [SEGMENT_UNCLEAN] = "u" };
	struct segment segment = { 0 }, *moved = NULL;
	const char *ending = NULL;
	struct stat info;
	size_t count = source->segment_count, end = 0;

	if (strchr(name, '.') != name + SEGMENT_DIGITS || !split_name(name, &segment.first, &ending)) {
		return 0;
	}
	while (end < sizeof endings / sizeof endings[0] && strcmp(ending, endings[end]) != 0) {
		end++;
	}
	if (end == sizeof endings / sizeof endings[0]) {
		return 0;
	}
	if (count >= SOURCE_SEGMENTS_MAX) {
		errno = EFBIG;
		return -1;
	}
	if (fstatat(fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
		return errno == ENOENT ? 0 : -1; /* given another ending in this moment; that one is listed, or is tried when it is opened */
	}
	if ((count & (count - 1)) == 0) {
		moved = reallocarray(source->segments, count == 0 ? 1 : 2 * count, sizeof *moved);
		if (moved == NULL) {
			return -1;
		}
		source->segments = moved;
	}
	segment.end = (enum segment_end)end;
	segment.bytes = S_ISREG(info.st_mode) && info.st_size > 0 ? (uint64_t)info.st_size : 0;
	memcpy(segment.name, name, strlen(name));
	source->segments[source->segment_count++] = segment;
	source->bytes += segment.bytes;
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct segment *left = a, *right = b;

	return left->first != right->first ? (left->first < right->first ? -1 : 1) : strcmp(left->name, right->name);
}

static int open_notes(struct source *source, const char **why)
{
	source->layout = AUDIT_LAYOUT_NOTES;
	source->journal_fd = dup(source->data_fd);
	read_origin(source);
	if (source->journal_fd < 0 || list(source->data_fd, ".", visit_note, source) != 0 || (source->notes_before == 0 && source->origin[0] == '\0')) {
		*why = N_("there is no journal: neither journal/segment nor segment nor checkpoints");
		return -1;
	}
	return 0;
}

int source_open(const char *path, struct source *ret, const char **why)
{
	*ret = (struct source){ .data_fd = -1, .journal_fd = -1, .segment_fd = -1 };
	errno = 0;
	ret->data_fd = open(path, DIRECTORY_FLAGS);
	if (ret->data_fd < 0) {
		*why = N_("the directory cannot be read");
		return -1;
	}
	ret->journal_fd = openat(ret->data_fd, "journal", DIRECTORY_FLAGS);
	if (ret->journal_fd < 0 && errno != ENOENT) {
		*why = N_("the directory cannot be read");
		return -1;
	}
	if (ret->journal_fd < 0) {
		ret->layout = AUDIT_LAYOUT_JOURNAL;
		ret->journal_fd = dup(ret->data_fd);
	}
	ret->segment_fd = openat(ret->journal_fd, "segment", DIRECTORY_FLAGS);
	if (ret->segment_fd < 0 && errno != ENOENT) {
		*why = N_("the directory cannot be read");
		return -1;
	}
	if (ret->segment_fd < 0 && ret->layout == AUDIT_LAYOUT_JOURNAL) {
		(void)close(ret->journal_fd);
		return open_notes(ret, why);
	}
	read_origin(ret);
	source_heads(ret, ret->heads);
	if (list(ret->journal_fd, "anchor", visit_note, ret) != 0 && errno != ENOENT) {
		*why = N_("the directory cannot be read");
		return -1;
	}
	if (ret->segment_fd >= 0 && list(ret->segment_fd, ".", visit_segment, ret) != 0) {
		*why = N_("the directory cannot be read");
		return -1;
	}
	if (ret->segment_count > 1) {
		qsort(ret->segments, ret->segment_count, sizeof *ret->segments, by_first);
	}
	return 0;
}

int source_segment_open(const struct source *source, const struct segment *segment)
{
	static const char *const others[] = { ".s", ".u", ".open" };
	int fd = openat(source->segment_fd, segment->name, FILE_FLAGS | O_NOFOLLOW);
	char name[SOURCE_NAME_SIZE];

	for (size_t i = 0; fd < 0 && errno == ENOENT && i < sizeof others / sizeof others[0]; i++) {
		memcpy(name, segment->name, SEGMENT_DIGITS);
		memcpy(name + SEGMENT_DIGITS, others[i], strlen(others[i]) + 1);
		fd = openat(source->segment_fd, name, FILE_FLAGS | O_NOFOLLOW);
	}
	return fd;
}

void source_close(struct source *source)
{
	audit_clean_fd(&source->segment_fd);
	audit_clean_fd(&source->journal_fd);
	audit_clean_fd(&source->data_fd);
	free(source->segments);
	*source = (struct source){ .data_fd = -1, .journal_fd = -1, .segment_fd = -1 };
}
