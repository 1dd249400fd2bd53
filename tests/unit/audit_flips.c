/* audit_flips.c - every single-bit flip of a sealed segment is found by podatelna-audit's own code, and named with the right record.
 *
 *   audit_flips SEGMENT STRIDE FIRST      tries the bits FIRST, FIRST + STRIDE, ... of the file
 *
 * The whole program over the whole file for each of eight million bits would take days. What it does with a record depends on the record's bytes and on where its
 * neighbours stand; so each flip is put into a small segment of the record before it, itself and the next one (the last flips also into the segment's real end), and walked
 * over by the same functions in the same order as scan.c does. tests/e2e/test_attacks.py shows for a sample of bits that the whole program says the same.
 * Prints how many flips were tried and by which kinds they were found; exit 1 at the first that is not found, or found elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/audit/chains.h"
#include "store/audit/walk.h"

#define RECORDS_MAX 65536
#define WINDOW 3
#define BITS 8U

struct place {
	size_t at, length;
};

struct bench {
	struct audit audit;
	struct walk_block *block;
	struct place places[RECORDS_MAX];
	uint8_t *bytes;
	size_t length, count;
	char folder[64];
	uint64_t tried, by_kind[AUDIT_KIND_COUNT];
};

static struct bench bench;

__attribute__((noreturn)) static void fail(const char *what)
{
	(void)fprintf(stderr, "audit_flips: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void load(const char *path)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &info) != 0) {
		fail(path);
	}
	bench.length = (size_t)info.st_size;
	bench.bytes = malloc(bench.length);
	if (bench.bytes == NULL || read(fd, bench.bytes, bench.length) != info.st_size) {
		fail(path);
	}
	(void)close(fd);
	for (size_t at = 0; at < bench.length; bench.count++) {
		struct frame_step step;

		if (bench.count == RECORDS_MAX || bench.length - at < FRAME_HEADER_BYTES || !frame_step(bench.bytes + at, &step) || step.index != bench.count) {
			errno = EINVAL;
			fail("not a whole first segment");
		}
		bench.places[bench.count] = (struct place){ at, FRAME_HEADER_BYTES + step.body_length + FRAME_TRAILER_BYTES };
		at += bench.places[bench.count].length;
	}
}

static void prepare(void)
{
	struct bytes format = { .data = audit_format_text, .length = audit_format_length };
	char words[AUDIT_WHY_SIZE];

	bench.block = calloc(1, sizeof *bench.block);
	bench.audit.source = (struct source){ .data_fd = -1, .journal_fd = -1, .segment_fd = -1, .segment_count = 1 };
	bench.audit.source.segments = calloc(1, sizeof(struct segment));
	bench.audit.utc_ms = calloc(bench.count + WINDOW, sizeof *bench.audit.utc_ms);
	bench.audit.types = calloc(bench.count + WINDOW, sizeof *bench.audit.types);
	bench.audit.case_of = calloc(bench.count + WINDOW, sizeof *bench.audit.case_of);
	(void)pthread_mutex_init(&bench.audit.lock, NULL);
	(void)snprintf(bench.folder, sizeof bench.folder, "%s/audit-flips-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (bench.block == NULL || bench.audit.source.segments == NULL || bench.audit.utc_ms == NULL || bench.audit.types == NULL ||
	    bench.audit.case_of == NULL || (bench.block->bytes = malloc(WALK_BUFFER_BYTES)) == NULL || rules_load(format, &bench.audit.rules, words) != 0 ||
	    tree_reserve(&bench.audit.tree, bench.count + WINDOW) != 0 || mkdtemp(bench.folder) == NULL) {
		fail("prepare");
	}
	bench.audit.source.segment_fd = open(bench.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bench.audit.source.segment_fd < 0) {
		fail(bench.folder);
	}
}

/* The small segment that holds the records [from, to); a descriptor for writing into it. */
static int put_window(size_t from, size_t to)
{
	struct segment *segment = &bench.audit.source.segments[0];
	size_t length = bench.places[to - 1].at + bench.places[to - 1].length - bench.places[from].at;
	int fd = -1;

	(void)unlinkat(bench.audit.source.segment_fd, segment->name, 0);
	*segment = (struct segment){ .first = from, .end = SEGMENT_CLEAN, .bytes = length };
	(void)snprintf(segment->name, sizeof segment->name, "%012zu.s", from);
	fd = openat(bench.audit.source.segment_fd, segment->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bench.bytes + bench.places[from].at, length) != (ssize_t)length) {
		fail("small segment");
	}
	return fd;
}

/* As scan.c goes: walk, judge each record, damaged ones to chain_damaged. Whether the finding is about `index` and nothing else. */
static bool found_at(size_t from, size_t index)
{
	struct walk walk = { .audit = &bench.audit, .fd = -1, .index = from };
	struct chain chain = { .audit = &bench.audit };
	uint64_t stopped = AUDIT_NO_INDEX;
	bool good = true;

	bench.audit.list_count = 0;
	walk_fill(&walk, bench.block);
	for (size_t i = 0; good && i < bench.block->count; i++) {
		const struct walk_place *place = &bench.block->places[i];
		struct bytes bytes = { .data = bench.block->bytes + place->at, .length = place->length };
		struct chain_place where = { .first = place->first, .last = place->last, .segment_end = SEGMENT_CLEAN };
		struct fact fact;

		fact_read(&bench.audit.rules, bytes, from + i, &fact, bench.audit.tree.leaves[from + i]);
		good = (fact.faults & FAULTS_BYTES) == 0 || chain_damaged(&chain, &fact, &where) == 0;
	}
	if (walk.why != WALK_WHOLE) {
		stopped = walk.index; /* a break in the walk is called damage of the record that should stand there */
	}
	walk_close(&walk);
	free(chain.lost);
	for (size_t i = 0; i < bench.audit.list_count; i++) {
		const struct finding *finding = &bench.audit.list[i];

		good = good && finding->index == index && finding->weight == AUDIT_DAMAGED;
		bench.by_kind[finding->kind]++;
	}
	if (stopped != AUDIT_NO_INDEX) {
		bench.by_kind[AUDIT_SEGMENT]++;
		good = good && stopped == index;
	}
	return good && (bench.audit.list_count > 0 || stopped == index);
}

/* All bits of one record that fall on the stride. */
static void try_record(size_t index, uint64_t stride, uint64_t first)
{
	size_t from = index > 0 ? index - 1 : 0, to = index + 2 < bench.count ? index + 2 : bench.count;
	const struct place *place = &bench.places[index];
	size_t in_window = place->at - bench.places[from].at;
	uint64_t bit = (uint64_t)place->at * BITS, end = bit + (uint64_t)place->length * BITS;
	int fd = put_window(from, to);

	bit = bit <= first ? first : first + (bit - first + stride - 1) / stride * stride;
	for (; bit < end; bit += stride) {
		size_t byte = (size_t)(bit / BITS) - place->at;
		uint8_t right = bench.bytes[place->at + byte], wrong = (uint8_t)(right ^ 1U << bit % BITS);

		if (pwrite(fd, &wrong, 1, (off_t)(in_window + byte)) != 1) {
			fail("flip");
		}
		bench.tried++;
		if (!found_at(from, index)) {
			(void)fprintf(stderr, "audit_flips: bit %" PRIu64 " (byte %zu of record %zu) is not found there\n", bit, byte, index);
			exit(1);
		}
		if (pwrite(fd, &right, 1, (off_t)(in_window + byte)) != 1) {
			fail("flip back");
		}
	}
	(void)close(fd);
}

/* Nothing is found where nothing was flipped: otherwise the test could not fail. */
static void try_unflipped(void)
{
	for (size_t index = 0; index < bench.count; index++) {
		size_t to = index + WINDOW < bench.count ? index + WINDOW : bench.count;

		(void)close(put_window(index, to));
		if (found_at(index, index) || bench.audit.list_count > 0 || bench.block->count != to - index) {
			(void)fprintf(stderr, "audit_flips: record %zu is called damaged and is not\n", index);
			exit(1);
		}
	}
	memset(bench.by_kind, 0, sizeof bench.by_kind);
}

int main(int argc, char **argv)
{
	uint64_t stride = argc == 4 ? strtoull(argv[2], NULL, 10) : 0, first = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;

	if (stride == 0) {
		(void)fprintf(stderr, "audit_flips SEGMENT STRIDE FIRST\n");
		return 2;
	}
	load(argv[1]);
	prepare();
	try_unflipped();
	for (size_t index = 0; index < bench.count; index++) {
		try_record(index, stride, first);
	}
	(void)unlinkat(bench.audit.source.segment_fd, bench.audit.source.segments[0].name, 0);
	(void)rmdir(bench.folder);
	(void)printf("flips %" PRIu64, bench.tried);
	for (size_t kind = 0; kind < AUDIT_KIND_COUNT; kind++) {
		if (bench.by_kind[kind] > 0) {
			(void)printf(" %s %" PRIu64, kind == AUDIT_SEGMENT ? "break" : audit_kinds[kind].name, bench.by_kind[kind]);
		}
	}
	(void)printf("\n");
	return bench.tried > 0 ? 0 : 1;
}
