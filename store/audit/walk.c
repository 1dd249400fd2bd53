#include "walk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "clean.h"

/* The bytes of the block behind `used` that were read from the present file: [offset, offset + have). */
struct window {
	struct walk *walk;
	struct walk_block *block;
	size_t used, have;
};

static void stop(struct walk *walk, enum walk_break why)
{
	walk->done = true;
	walk->why = why;
}

/* At least `wanted` bytes in the window, or all that the file has. False: it cannot be read, or there is no more room. */
static bool window_read(struct window *window, size_t wanted)
{
	struct walk *walk = window->walk;

	while (window->have < wanted && walk->offset + window->have < walk->end) {
		uint64_t left = walk->end - walk->offset - window->have;
		size_t room = WALK_BUFFER_BYTES - window->used - window->have, step = left < WALK_READ_BYTES ? (size_t)left : WALK_READ_BYTES, done = 0;

		if (step > room) {
			step = room;
		}
		if (step == 0) {
			return false;
		}
		if (!source_pread(walk->fd, window->block->bytes + window->used + window->have, step, walk->offset + window->have, &done)) {
			if (errno != 0) {
				walk->error = errno;
				stop(walk, WALK_UNREADABLE);
				return false;
			}
			walk->end = walk->offset + window->have + done; /* it became shorter under us */
		}
		window->have += done;
	}
	return true;
}

static bool open_segment(struct walk *walk)
{
	const struct audit *audit = walk->audit;
	const struct segment *segment = &audit->source.segments[walk->segment];
	struct stat info;

	if (segment->first != walk->index) {
		walk->found = segment->first;
		stop(walk, segment->first > walk->index ? WALK_GAP : WALK_PLACE);
		return false;
	}
	walk->fd = source_segment_open(&audit->source, segment);
	if (walk->fd < 0 || fstat(walk->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		walk->error = walk->fd < 0 ? errno : EINVAL;
		stop(walk, WALK_UNREADABLE);
		return false;
	}
	walk->offset = 0;
	/* What a box that goes on writes behind it does not count: heads and checkpoints were read before. */
	walk->end = (uint64_t)info.st_size < segment->bytes ? (uint64_t)info.st_size : segment->bytes;
	return true;
}

/* Whether a record of this index begins at a place of the window, or the file ends there. */
static bool next_at(struct window *window, size_t at, uint64_t index)
{
	const struct walk *walk = window->walk;
	const uint8_t *bytes = window->block->bytes + window->used;
	struct frame_step step;

	if (walk->offset + at == walk->end) {
		return true;
	}
	return at + FRAME_HEADER_BYTES <= window->have && frame_step(bytes + at, &step) && step.index == index;
}

/* Length of the damaged record at the front: up to the next header with the next index, or to the end of the file behind a trailer of its own. 0: not found. */
static size_t damaged_length(struct window *window)
{
	const struct walk *walk = window->walk;
	const uint8_t *bytes = window->block->bytes + window->used;
	size_t least = FRAME_HEADER_BYTES + FRAME_TRAILER_BYTES, at = least;
	uint8_t told[AUDIT_HASH_BYTES];

	while (at < window->have && at <= FRAME_MAX_BYTES) {
		const uint8_t *found = memchr(bytes + at, FRAME_SEPARATOR, window->have - at);

		if (found == NULL) {
			break;
		}
		at = (size_t)(found - bytes);
		if (at <= FRAME_MAX_BYTES && next_at(window, at, walk->index + 1)) {
			return at;
		}
		at++;
	}
	if (walk->offset + window->have == walk->end && window->have >= least && window->have <= FRAME_MAX_BYTES &&
	    frame_trailer(bytes + window->have - FRAME_TRAILER_BYTES, walk->index, told)) {
		return window->have;
	}
	return 0;
}

/* Length of the record at the front of the window; 0: the walk is broken here, or the block has no room. */
static size_t record_length(struct window *window)
{
	struct walk *walk = window->walk;
	const uint8_t *bytes = window->block->bytes + window->used;
	uint8_t told[AUDIT_HASH_BYTES];
	struct frame_step step = { 0 };
	size_t length = 0;
	bool header = false;

	if (!window_read(window, FRAME_HEADER_BYTES)) {
		return 0;
	}
	header = window->have >= FRAME_HEADER_BYTES && frame_step(bytes, &step);
	length = FRAME_HEADER_BYTES + step.body_length + FRAME_TRAILER_BYTES;
	if (header && !window_read(window, length + FRAME_HEADER_BYTES)) {
		return 0;
	}
	if (header && step.index == walk->index && window->have >= length &&
	    (frame_trailer_begins(bytes + length - FRAME_TRAILER_BYTES, walk->index) || next_at(window, length, walk->index + 1))) {
		return length;
	}
	/* Something is wrong with it: a flipped bit, or more. */
	if (header && window->have >= length && next_at(window, length, walk->index + 1) &&
	    (walk->offset + length < walk->end || frame_trailer(bytes + length - FRAME_TRAILER_BYTES, walk->index, told))) {
		return length; /* its index alone is another one */
	}
	if (!window_read(window, FRAME_MAX_BYTES + FRAME_HEADER_BYTES)) {
		return 0;
	}
	if (header && step.index != walk->index && window->have >= length && frame_trailer(bytes + length - FRAME_TRAILER_BYTES, step.index, told)) {
		walk->found = step.index; /* a whole record, and another one */
		stop(walk, walk->offset == 0 ? WALK_PLACE : WALK_ORDER);
		return 0;
	}
	length = damaged_length(window);
	if (length == 0) {
		stop(walk, walk->end - walk->offset <= FRAME_MAX_BYTES ? WALK_SHORT : WALK_BROKEN);
	}
	return length;
}

static void end_segment(struct walk *walk)
{
	(void)close(walk->fd);
	walk->fd = -1;
	walk->segment++;
}

void walk_fill(struct walk *walk, struct walk_block *block)
{
	struct window window = { .walk = walk, .block = block };

	block->first = walk->index;
	block->count = 0;
	while (!walk->done && block->count < WALK_BLOCK_RECORDS && (window.used < WALK_BLOCK_BYTES || block->count % TREE_GROUP != 0)) {
		size_t length = 0;

		if (walk->fd < 0 && walk->segment == walk->audit->source.segment_count) {
			stop(walk, WALK_WHOLE);
		} else if (walk->fd < 0) {
			window.have = 0;
			(void)open_segment(walk);
		} else if (walk->offset == walk->end) {
			end_segment(walk);
		} else if ((length = record_length(&window)) > 0) {
			block->places[block->count++] = (struct walk_place){ .at = (uint32_t)window.used,
				                                             .length = (uint32_t)length,
				                                             .segment = (uint32_t)walk->segment,
				                                             .first = walk->offset == 0,
				                                             .last = walk->offset + length == walk->end,
				                                             .offset = walk->offset };
			window.used += length;
			window.have -= length;
			walk->offset += length;
			walk->index++;
		} else if (!walk->done) {
			stop(walk, WALK_BROKEN);
		}
	}
}

bool walk_later(const struct audit *audit, size_t segment, uint64_t offset, uint64_t index)
{
	AUDIT_CLEAN_FREE uint8_t *bytes = malloc(WALK_READ_BYTES);
	AUDIT_CLEAN_FD int fd = source_segment_open(&audit->source, &audit->source.segments[segment]);
	uint64_t end = audit->source.segments[segment].bytes;
	struct frame_step step;
	size_t have = 0;

	while (bytes != NULL && fd >= 0) {
		size_t at = 0, most = offset < end && end - offset < WALK_READ_BYTES ? (size_t)(end - offset) : WALK_READ_BYTES;

		if (offset >= end) {
			return false;
		}
		(void)source_pread(fd, bytes, most, offset, &have);
		if (have < FRAME_HEADER_BYTES) {
			return false;
		}
		for (; at + FRAME_HEADER_BYTES <= have; at++) {
			const uint8_t *found = memchr(bytes + at, FRAME_SEPARATOR, have - at);

			at = found == NULL ? have : (size_t)(found - bytes);
			if (at + FRAME_HEADER_BYTES <= have && frame_step(bytes + at, &step) && step.batch > index && step.batch <= step.index) {
				return true;
			}
			if (at + FRAME_HEADER_BYTES > have) {
				break;
			}
		}
		if (at == 0) {
			return false;
		}
		offset += at < have ? at : have;
	}
	return true; /* it could not be looked at: not called an unfinished end */
}

void walk_close(struct walk *walk)
{
	audit_clean_fd(&walk->fd);
	walk->fd = -1;
}
