/* journal_rate.c - records per second of the journal, and of nothing but append and fdatasync on the same disk.
 *
 *   journal_rate journal DIR WRITERS MILLISECONDS      a new journal in DIR (empty; must exist), through store/journal.h
 *   journal_rate append  DIR BYTES   MILLISECONDS      one file in DIR: write BYTES, fdatasync, again
 *   journal_rate group   DIR BYTES   MILLISECONDS      the same with 64 such records in each write: what no group commit of 64 writers can be faster than
 *
 * WRITERS: so many records wait for each commit. podatelna-store does the same with what its clients ask in one round of its loop (store/server_batch.c):
 * everybody's records are staged, one commit makes them durable, then everybody is answered.
 * Prints "records seconds cpu-seconds bytes-per-record".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/span.h"
#include "store/fileops.h"
#include "store/journal.h"

#define WRITERS_MAX 1024
#define BYTES_MAX RECORD_MAX_BYTES
#define GROUP 64
#define MILLISECONDS_MAX 600000
#define BODY_MAX_BYTES 2048
/* Such a record is about as long as the average one of a filing. */
#define REFERENCE "20480 1 " HASH " " HASH
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct result {
	uint64_t records, bytes;
	uint64_t begun_ms, ended_ms;
	double cpu;
};

static double cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int stage_one(struct journal *journal)
{
	static const uint8_t none[JOURNAL_HASH_BYTES];
	_cleanup_lines_ struct lines lines = { 0 };
	char number[JOURNAL_CASE_SIZE] = "", body[BODY_MAX_BYTES], why[TABLE_WHY_SIZE] = "";
	struct journal_entry entry = { .type = "received" };
	struct journal_append append = { .writer = TABLE_HUB, .case_number = number, .prev = none, .entries = &entry, .count = 1 };
	struct journal_receipt receipt;
	int length = 0;
	int err = journal_next_case(journal, number);

	if (err != 0) {
		return err;
	}
	lines_set(&lines, "by", "uid:1000");
	lines_set(&lines, "case", number);
	lines_set(&lines, "kind", "filing");
	lines_set(&lines, "object-name", REFERENCE);
	lines_set(&lines, "object-original", REFERENCE);
	length = lines_finish(&lines, body, sizeof body);
	if (length < 0) {
		return length;
	}
	entry.body = span_of(body, (size_t)length);
	return journal_stage(journal, &append, &receipt, why);
}

static int run_journal(struct journal *journal, unsigned writers, uint64_t milliseconds, struct result *ret)
{
	struct journal_facts before, after;
	uint64_t end = 0;
	int err = journal_boot(journal, PODATELNA_VERSION);

	journal_facts(journal, &before);
	ret->cpu = cpu_seconds();
	ret->begun_ms = clock_mono_ms();
	end = clock_deadline(milliseconds);
	while (err == 0 && !clock_expired(end)) {
		for (unsigned i = 0; err == 0 && i < writers; i++) {
			err = stage_one(journal);
		}
		err = err == 0 ? journal_commit(journal) : err;
	}
	ret->ended_ms = clock_mono_ms();
	ret->cpu = cpu_seconds() - ret->cpu;
	journal_facts(journal, &after);
	ret->records = after.size - before.size;
	ret->bytes = after.size > 0 && after.segment_first < after.size ? after.segment_bytes / (after.size - after.segment_first) : 0;
	return err;
}

static int measure_journal(const char *directory, unsigned writers, uint64_t milliseconds, struct result *ret)
{
	_cleanup_close_ int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int data = at >= 0 && mkdirat(at, "data", 0700) == 0 ? openat(at, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	char mark[4096];
	struct journal_options options = { .ops = &fileops_posix, .data_fd = data, .mark_path = mark, .box_letter = "", .boot_id = "" };
	struct journal *journal = NULL;
	int err = ERR_SYSTEM;

	if (data < 0 || snprintf(mark, sizeof mark, "%s/mark", directory) >= (int)sizeof mark) {
		return ERR_SYSTEM;
	}
	err = journal_open(&options, &journal);
	err = err == 0 ? run_journal(journal, writers, milliseconds, ret) : err;
	journal_close(journal);
	return err;
}

static int measure_append(const char *directory, unsigned bytes, unsigned group, uint64_t milliseconds, struct result *ret)
{
	static uint8_t record[BYTES_MAX * GROUP];
	_cleanup_close_ int at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int file = at >= 0 ? openat(at, "append", O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600) : -1;
	uint64_t end = clock_deadline(milliseconds);

	if (file < 0) {
		return ERR_SYSTEM;
	}
	memset(record, 'r', (size_t)bytes * group);
	ret->cpu = cpu_seconds();
	ret->begun_ms = clock_mono_ms();
	while (!clock_expired(end)) {
		if (write(file, record, (size_t)bytes * group) != (ssize_t)bytes * (ssize_t)group || fdatasync(file) != 0) {
			return ERR_SYSTEM;
		}
		ret->records += group;
	}
	ret->ended_ms = clock_mono_ms();
	ret->cpu = cpu_seconds() - ret->cpu;
	ret->bytes = bytes;
	return 0;
}

static unsigned number(const char *text, unsigned most)
{
	char *end = NULL;
	unsigned long value = strtoul(text, &end, 10);

	return *end == '\0' && value <= most ? (unsigned)value : 0;
}

int main(int count, char **words)
{
	bool journal = count == 5 && strcmp(words[1], "journal") == 0;
	bool group = count == 5 && strcmp(words[1], "group") == 0, append = group || (count == 5 && strcmp(words[1], "append") == 0);
	unsigned size = count == 5 ? number(words[3], journal ? WRITERS_MAX : BYTES_MAX) : 0;
	unsigned milliseconds = count == 5 ? number(words[4], MILLISECONDS_MAX) : 0;
	struct result result = { 0 };
	int err = ERR_INTERNAL;

	if ((!journal && !append) || size == 0 || milliseconds == 0) {
		(void)fprintf(stderr, "journal_rate journal DIR WRITERS MILLISECONDS | journal_rate append|group DIR BYTES MILLISECONDS\n");
		return 2;
	}
	err = journal ? measure_journal(words[2], size, milliseconds, &result) : measure_append(words[2], size, group ? GROUP : 1, milliseconds, &result);
	if (err != 0) {
		(void)fprintf(stderr, "journal_rate: %s in %s (%s)\n", err_name(err), words[2], strerror(errno));
		return 1;
	}
	(void)printf("%llu %.3f %.6f %llu\n", (unsigned long long)result.records, (double)(result.ended_ms - result.begun_ms) / 1e3, result.cpu,
	             (unsigned long long)result.bytes);
	return 0;
}
