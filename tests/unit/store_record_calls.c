/* What a recorded podatelna-store asks of libc and of its journal: the linker puts these in front (store_fault.cmake). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crash_trace.h"
#include "store/journal.h"

int __wrap_close_range(unsigned first, unsigned last, int flags);

/* A child of the store closes what it does not need; what it does to the disk is recorded all the same. */
int __wrap_close_range(unsigned first, unsigned last, int flags)
{
	int trace_fd = store_record_fd();
	unsigned kept = (unsigned)trace_fd;
	int below = 0;

	if (trace_fd < 0 || kept < first || kept > last) {
		return (int)syscall(SYS_close_range, first, last, flags);
	}
	below = kept > first ? (int)syscall(SYS_close_range, first, kept - 1, flags) : 0;
	return below != 0 || kept == last ? below : (int)syscall(SYS_close_range, kept + 1, last, flags);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);

/* A power cut is followed by another run of the kernel: what the store takes for its number is said by the test. */
FILE *__wrap_fopen(const char *path, const char *mode)
{
	char *said = getenv(TRACE_BOOT_VARIABLE);

	return said == NULL || strcmp(path, "/proc/sys/kernel/random/boot_id") != 0 ? __real_fopen(path, mode) : fmemopen(said, strlen(said), "r");
}

int __real_journal_open(const struct journal_options *options, struct journal **ret);
int __wrap_journal_open(const struct journal_options *options, struct journal **ret);

/* The index is kept from the first closed segment on. */
int __wrap_journal_open(const struct journal_options *options, struct journal **ret)
{
	struct journal_options sooner = *options;

	sooner.index_min_bytes = 1;
	return __real_journal_open(&sooner, ret);
}
