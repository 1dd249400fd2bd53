/* audit_cuts.c - a journal whose segment was cut off at any length is found by podatelna-audit's own code, and the first record that is not whole is named.
 *
 *   audit_cuts DATA SEGMENT STRIDE FIRST      cuts DATA/journal/segment/SEGMENT down to size - 1 - FIRST, then STRIDE less each time, to nothing; where FIRST is 0, to
 *                                             each edge between two records, too
 *
 * Each length is a whole run of the program over the whole directory (opening it, the walk over all segments on its threads, the verdict), only in one process and without
 * signatures and content, so that all lengths take seconds. tests/e2e/test_attacks.py shows for some lengths that the program itself says the same.
 * The segment is cut in place and not mended. Prints how many lengths of the stride and how many edges were tried, and how many breaks within a record; exit 1 at the first that is not found.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/audit/state.h"

#define RECORDS_MAX 65536
#define PATH_SIZE 4096

struct bench {
	const char *data;
	char path[PATH_SIZE];
	uint64_t first;             /* record of the segment */
	uint64_t ends[RECORDS_MAX]; /* offset behind each record */
	size_t count;
	uint64_t length, tried, edges, within;
};

static struct bench bench;

__attribute__((noreturn)) static void fail(const char *what)
{
	(void)fprintf(stderr, "audit_cuts: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void load(const char *segment)
{
	struct stat info;
	uint8_t *bytes = NULL;
	int fd = -1;

	if ((size_t)snprintf(bench.path, sizeof bench.path, "%s/journal/segment/%s", bench.data, segment) >= sizeof bench.path ||
	    (fd = open(bench.path, O_RDONLY | O_CLOEXEC)) < 0 || fstat(fd, &info) != 0 || (bytes = malloc((size_t)info.st_size + 1)) == NULL ||
	    read(fd, bytes, (size_t)info.st_size) != info.st_size) {
		fail(segment);
	}
	(void)close(fd);
	bench.length = (uint64_t)info.st_size;
	for (uint64_t at = 0; at < bench.length; bench.count++) {
		struct frame_step step;

		if (bench.count == RECORDS_MAX || bench.length - at < FRAME_HEADER_BYTES || !frame_step(bytes + at, &step)) {
			errno = EINVAL;
			fail("not a whole segment");
		}
		bench.first = bench.count == 0 ? step.index : bench.first;
		at += FRAME_HEADER_BYTES + step.body_length + FRAME_TRAILER_BYTES;
		bench.ends[bench.count] = at;
	}
	free(bytes);
}

/* One run. Whether it calls the journal damaged, names `missing` as the first that is cut off, and accuses none before it: only the record before, the last that
 * is left of a closed segment, which is not the summary that should stand there. NULL stands for the uncut journal: nothing may be found. */
static bool is_right(const uint64_t *missing)
{
	struct audit_settings settings = { .data_dir = bench.data, .threads = 1, .no_objects = true, .no_signatures = true };
	struct audit audit;
	bool named = false, good = true, within = false;

	if (audit_open(&audit, &settings) != 0 || audit_scan(&audit, NULL, NULL) != 0) {
		fail("the program cannot begin");
	}
	for (size_t i = 0; i < audit.list_count; i++) {
		const struct finding *finding = &audit.list[i];

		if (finding->weight == AUDIT_DAMAGED) {
			named = named || (missing != NULL && finding->kind == AUDIT_TRUNCATED && finding->index == *missing);
			good = good && missing != NULL && (finding->index == AUDIT_NO_INDEX || finding->index + 1 >= *missing);
			within = within || (finding->kind == AUDIT_TRUNCATED && strstr(finding->why, "within") != NULL);
		}
	}
	good = good && (audit_verdict(&audit) == AUDIT_DAMAGE) == (missing != NULL);
	bench.within += within ? 1 : 0;
	audit_close(&audit);
	return good && named == (missing != NULL);
}

/* The segment holds `length` bytes of what it was; `record` of them are whole. */
static void try_length(uint64_t length, size_t record)
{
	uint64_t missing = bench.first + record;

	if (truncate(bench.path, (off_t)length) != 0) {
		fail("cut");
	}
	if (!is_right(&missing)) {
		(void)fprintf(stderr, "audit_cuts: cut to %" PRIu64 " bytes: record %" PRIu64 " is not named, or another one is\n", length, missing);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	uint64_t stride = argc == 5 ? strtoull(argv[3], NULL, 10) : 0, first = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
	size_t record = 0;

	if (stride == 0) {
		(void)fprintf(stderr, "audit_cuts DATA SEGMENT STRIDE FIRST\n");
		return 2;
	}
	bench.data = argv[1];
	load(argv[2]);
	if (!is_right(NULL)) {
		(void)fprintf(stderr, "audit_cuts: the whole journal is called damaged and is not\n");
		return 1;
	}
	if (chmod(bench.path, 0600) != 0) {
		fail(bench.path);
	}
	record = bench.count;
	for (uint64_t less = 0; less < bench.length; less++) {
		uint64_t length = bench.length - 1 - less;

		while (record > 0 && bench.ends[record - 1] > length) {
			record--;
		}
		if (less >= first && (less - first) % stride == 0) {
			try_length(length, record);
			bench.tried++;
		} else if (first == 0 && record > 0 && bench.ends[record - 1] == length) {
			try_length(length, record);
			bench.edges++;
		}
	}
	(void)printf("cuts %" PRIu64 " edges %" PRIu64 " within %" PRIu64 "\n", bench.tried, bench.edges, bench.within);
	return bench.tried > 0 ? 0 : 1;
}
