/* journal_rate.c - records per second of the journal beside the floor: append and fdatasync and nothing else, on the same disk.
 *
 *   journal_rate DIR WRITERS MILLISECONDS      DIR: empty; must exist
 *
 * WRITERS: so many records wait for each commit. podatelna-store does the same with what its clients ask in one round of its loop (store/server_batch.c):
 * everybody's records are staged, one commit makes them durable, then everybody is answered.
 * The floor is what no group commit of as many writers can be faster than: the records of all of them in one write, and one fdatasync. It writes as many bytes
 * for each record as the journal does, into a file that is reserved as the journal's segment is (without zeros; its length grows with each write).
 * Both take turns of TURN_MS in this one process, so that a disk that others use, too, is as fast for the one as for the other; who compares, compares neighbours.
 * A record's text is ready before, for both: making it is the work of those who write. The journal must still judge it, number it, hash it and remember it.
 *
 * Prints for each pair of turns "journal-records journal-seconds floor-records floor-seconds", last "cpu-seconds-of-the-journal bytes-per-record".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/span.h"
#include "store/fileops.h"
#include "store/journal.h"

#define WRITERS_MAX 1024
#define MILLISECONDS_MAX 600000
#define TURN_MS 100
#define BYTES_MAX 1024 /* of a record */
#define FIRST_YEAR 2000
#define CASES_A_YEAR 1000000
#define RESERVE_STEP_BYTES (1024 * 1024) /* as store/journal_segment.c */
#define BEFORE_NUMBER "by: uid:1000\ncase: "
/* Such a record is about as long as the average one of a filing. */
#define REFERENCE "20480 1 " HASH " " HASH
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* What is measured; `floor` beside the journal. */
struct bench {
	struct journal *journal;
	unsigned writers;
	uint64_t cases;
	double cpu;     /* seconds of the journal's turns */
	int file;       /* of the floor */
	uint8_t *floor; /* what it writes each time; borrowed */
	size_t length;  /* of that */
	uint64_t written, reserved;
};

struct turn {
	uint64_t records;
	double seconds;
};

static double now(void)
{
	struct timespec moment = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &moment);
	return (double)moment.tv_sec + (double)moment.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int stage_one(struct bench *bench)
{
	static const uint8_t none[JOURNAL_HASH_BYTES];
	static char body[] = BEFORE_NUMBER "2000-000000\nkind: filing\nobject-name: " REFERENCE "\nobject-original: " REFERENCE "\n";
	char number[JOURNAL_CASE_SIZE] = "2000-000000";
	struct journal_entry entry = { .type = "received", .body = span_of(body, sizeof body - 1) };
	struct journal_append append = { .writer = TABLE_HUB, .case_number = number, .prev = none, .entries = &entry, .count = 1 };
	struct journal_receipt receipt;

	bench->cases++;
	digits_encode(FIRST_YEAR + bench->cases / CASES_A_YEAR, number, 4);
	digits_encode(bench->cases % CASES_A_YEAR, number + 5, 6);
	memcpy(body + sizeof BEFORE_NUMBER - 1, number, sizeof "2000-000000" - 1);
	return journal_stage(bench->journal, &append, &receipt, NULL);
}

static int journal_batch(struct bench *bench)
{
	int err = 0;

	for (unsigned i = 0; err == 0 && i < bench->writers; i++) {
		err = stage_one(bench);
	}
	return err == 0 ? journal_commit(bench->journal) : err;
}

static int floor_batch(struct bench *bench)
{
	if (bench->written + bench->length > bench->reserved) {
		bench->reserved = bench->written + bench->length + RESERVE_STEP_BYTES;
		(void)fallocate(bench->file, FALLOC_FL_KEEP_SIZE, (off_t)bench->written,
		                (off_t)(bench->reserved - bench->written)); /* as the journal: where it can be */
	}
	if (write(bench->file, bench->floor, bench->length) != (ssize_t)bench->length || fdatasync(bench->file) != 0) {
		return ERR_SYSTEM;
	}
	bench->written += bench->length;
	return 0;
}

static int take_turn(struct bench *bench, int (*batch)(struct bench *bench), struct turn *ret)
{
	struct turn turn = { 0 };
	double begun = now();
	int err = 0;

	while (err == 0 && turn.seconds < TURN_MS / 1e3) {
		err = batch(bench);
		turn.records += bench->writers;
		turn.seconds = now() - begun;
	}
	*ret = turn;
	return err;
}

static int take_turns(struct bench *bench, uint64_t milliseconds)
{
	int err = 0;

	for (uint64_t pair = 0; err == 0 && pair * TURN_MS < milliseconds; pair++) {
		struct turn journal = { 0 }, floor = { 0 };
		double cpu = cpu_seconds();

		err = take_turn(bench, journal_batch, &journal);
		bench->cpu += cpu_seconds() - cpu;
		err = err == 0 ? take_turn(bench, floor_batch, &floor) : err;
		(void)printf("%llu %.6f %llu %.6f\n", (unsigned long long)journal.records, journal.seconds, (unsigned long long)floor.records, floor.seconds);
	}
	return err;
}

/* What a record takes in the file is known when one stands there. */
static int measure(struct bench *bench, uint64_t milliseconds)
{
	static uint8_t records[WRITERS_MAX * BYTES_MAX];
	struct journal_facts before, after;
	int err = journal_boot(bench->journal, PODATELNA_VERSION);

	journal_facts(bench->journal, &before);
	err = err == 0 ? stage_one(bench) : err;
	err = err == 0 ? journal_commit(bench->journal) : err;
	journal_facts(bench->journal, &after);
	if (err != 0 || after.segment_bytes - before.segment_bytes > BYTES_MAX) {
		return err != 0 ? err : ERR_LIMIT;
	}
	bench->length = (size_t)(after.segment_bytes - before.segment_bytes) * bench->writers;
	memset(records, 'r', bench->length);
	bench->floor = records;
	err = take_turns(bench, milliseconds);
	(void)printf("%.6f %zu\n", bench->cpu, bench->length / bench->writers);
	return err;
}

static int run(const char *directory, unsigned writers, uint64_t milliseconds)
{
	_cleanup_close_ int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int data = at >= 0 && mkdirat(at, "data", 0700) == 0 ? openat(at, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	_cleanup_close_ int file = data >= 0 ? openat(at, "floor", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600) : -1;
	struct bench bench = { .writers = writers, .file = file };
	char mark[4096];
	struct journal_options options = { .ops = &fileops_posix, .data_fd = data, .mark_path = mark, .box_letter = "", .boot_id = "" };
	int err = ERR_SYSTEM;

	if (file < 0 || snprintf(mark, sizeof mark, "%s/mark", directory) >= (int)sizeof mark) {
		return ERR_SYSTEM;
	}
	err = journal_open(&options, &bench.journal);
	err = err == 0 ? measure(&bench, milliseconds) : err;
	journal_close(bench.journal);
	return err;
}

static unsigned number(const char *text, unsigned most)
{
	char *end = NULL;
	unsigned long value = strtoul(text, &end, 10);

	return *end == '\0' && value <= most ? (unsigned)value : 0;
}

int main(int count, char **words)
{
	unsigned writers = count == 4 ? number(words[2], WRITERS_MAX) : 0, milliseconds = count == 4 ? number(words[3], MILLISECONDS_MAX) : 0;
	int err = ERR_INTERNAL;

	if (writers == 0 || milliseconds == 0) {
		(void)fprintf(stderr, "journal_rate DIR WRITERS MILLISECONDS\n");
		return 2;
	}
	err = run(words[1], writers, milliseconds);
	if (err != 0) {
		(void)fprintf(stderr, "journal_rate: %s in %s (%s)\n", err_name(err), words[1], strerror(errno));
		return 1;
	}
	return 0;
}
