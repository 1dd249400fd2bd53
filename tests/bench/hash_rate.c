/* hash_rate.c - what podatelna-audit cannot be faster than: SHA-256 by the same library, of the same bytes, and nothing else.
 *
 *   hash_rate tree   JOURNAL THREADS      each leaf and each node of the tree as the message that it is (RFC 6962): what a check of the journal has to hash
 *   hash_rate stream JOURNAL THREADS      the bytes of the segments as they lie, one long message for each segment and thread: no check, but the library's best
 *
 * JOURNAL holds segment/. Reading and finding the records is not counted: a segment is in memory before the clock starts. Nodes are made of hashes of the same
 * run, as many as the tree has, though not in its order: a hash takes as long whatever is hashed.
 * Prints "records bytes seconds cpu-seconds"; bytes: those hashed, without padding.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/sha256.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 16
#define HASH_BYTES 32
#define HEADER_BYTES 87
#define TRAILER_BYTES 79
#define AT_LENGTH 72
#define LENGTH_DIGITS 5

struct slice {
	const uint8_t *from, *end; /* whole records */
	bool tree;
	uint64_t records, bytes;
	double cpu;
	uint8_t last[HASH_BYTES];
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Header and body of the record that begins here; 0: none does. */
static size_t leaf_length(const uint8_t *at, const uint8_t *end)
{
	size_t length = 0;

	if (end - at < HEADER_BYTES + TRAILER_BYTES || at[0] != 0x1e) {
		return 0;
	}
	for (size_t i = 0; i < LENGTH_DIGITS; i++) {
		length = length * 10 + (size_t)(at[AT_LENGTH + i] - '0') % 10;
	}
	length += HEADER_BYTES;
	return length + TRAILER_BYTES <= (size_t)(end - at) ? length : 0;
}

static void hash_message(uint8_t prefix, const uint8_t *bytes, size_t length, uint8_t ret[HASH_BYTES])
{
	mbedtls_sha256_context hash;

	mbedtls_sha256_init(&hash);
	(void)mbedtls_sha256_starts_ret(&hash, 0);
	(void)mbedtls_sha256_update_ret(&hash, &prefix, 1);
	(void)mbedtls_sha256_update_ret(&hash, bytes, length);
	(void)mbedtls_sha256_finish_ret(&hash, ret);
}

static void hash_tree(struct slice *slice)
{
	uint8_t pair[2 * HASH_BYTES] = { 0 };
	size_t length = 0;

	for (const uint8_t *at = slice->from; (length = leaf_length(at, slice->end)) > 0; at += length + TRAILER_BYTES) {
		hash_message(0x00, at, length, pair + HASH_BYTES * (slice->records % 2));
		hash_message(0x01, pair, sizeof pair, slice->last);
		slice->bytes += 1 + length + 1 + sizeof pair;
		slice->records++;
	}
}

static void hash_stream(struct slice *slice)
{
	slice->bytes = (uint64_t)(slice->end - slice->from);
	(void)mbedtls_sha256_ret(slice->from, (size_t)slice->bytes, slice->last, 0);
}

static void *run(void *context)
{
	struct slice *slice = context;
	double begun = seconds(CLOCK_THREAD_CPUTIME_ID);

	if (slice->tree) {
		hash_tree(slice);
	} else {
		hash_stream(slice);
	}
	slice->cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - begun;
	return NULL;
}

/* Parts of as many whole records each; the number of records, or 0. */
static uint64_t cut(const uint8_t *bytes, size_t size, bool tree, unsigned count, struct slice *slices)
{
	const uint8_t *at = bytes, *end = bytes + size;
	uint64_t records = 0, done = 0;
	size_t length = 0;

	for (; (length = leaf_length(at, end)) > 0; at += length + TRAILER_BYTES) {
		records++;
	}
	at = bytes;
	for (unsigned i = 0; i < count; i++) {
		slices[i] = (struct slice){ .from = at, .tree = tree };
		for (; done < records * (i + 1) / count; done++) {
			at += leaf_length(at, end) + TRAILER_BYTES;
		}
		slices[i].end = at;
	}
	return records;
}

/* Totals so far; the wall time is that of hashing alone. */
struct total {
	uint64_t records, bytes;
	double wall, cpu;
};

static bool hash_segment(const uint8_t *bytes, size_t size, bool tree, unsigned count, struct total *total)
{
	struct slice slices[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	unsigned started = 0;
	double begun = 0;

	total->records += cut(bytes, size, tree, count, slices);
	begun = seconds(CLOCK_MONOTONIC);
	while (started + 1 < count && pthread_create(&threads[started], NULL, run, &slices[started + 1]) == 0) {
		started++;
	}
	(void)run(&slices[0]);
	for (unsigned i = 0; i < started; i++) {
		(void)pthread_join(threads[i], NULL);
	}
	total->wall += seconds(CLOCK_MONOTONIC) - begun;
	for (unsigned i = 0; i < count; i++) {
		total->cpu += slices[i].cpu;
		total->bytes += slices[i].bytes;
	}
	return started + 1 == count;
}

static int hash_file(int folder, const char *name, bool tree, unsigned count, struct total *total)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC), err = -1;
	void *bytes = MAP_FAILED;
	struct stat info;

	if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size == 0) {
		err = 0;
	} else if (fd >= 0 && fstat(fd, &info) == 0) {
		bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	}
	if (bytes != MAP_FAILED) {
		err = hash_segment(bytes, (size_t)info.st_size, tree, count, total) ? 0 : -1;
		(void)munmap(bytes, (size_t)info.st_size);
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return err;
}

static int hash_all(const char *journal, bool tree, unsigned count, struct total *total)
{
	char path[4096];
	DIR *dir = snprintf(path, sizeof path, "%s/segment", journal) < (int)sizeof path ? opendir(path) : NULL;
	struct dirent *each = NULL;
	int err = dir == NULL ? -1 : 0;

	while (err == 0 && (each = readdir(dir)) != NULL) {
		err = each->d_name[0] == '.' ? 0 : hash_file(dirfd(dir), each->d_name, tree, count, total);
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
	return err;
}

int main(int count, char **words)
{
	bool tree = count == 4 && strcmp(words[1], "tree") == 0, stream = count == 4 && strcmp(words[1], "stream") == 0;
	unsigned long threads = count == 4 ? strtoul(words[3], NULL, 10) : 0;
	struct total total = { 0 };

	if ((!tree && !stream) || threads == 0 || threads > THREADS_MAX) {
		(void)fprintf(stderr, "hash_rate tree|stream JOURNAL THREADS\n");
		return 2;
	}
	if (hash_all(words[2], tree, (unsigned)threads, &total) != 0) {
		(void)fprintf(stderr, "hash_rate: %s (%s)\n", words[2], strerror(errno));
		return 1;
	}
	(void)printf("%llu %llu %.6f %.6f\n", (unsigned long long)total.records, (unsigned long long)total.bytes, total.wall, total.cpu);
	return 0;
}
