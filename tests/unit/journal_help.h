/* journal_help.h - a data directory to play with, and a table of file operations that fails on demand. */
#ifndef TESTS_UNIT_JOURNAL_HELP_H
#define TESTS_UNIT_JOURNAL_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/journal.h"
#include "store/verify.h"

#define HELP_BOOT_A "11111111-2222-3333-4444-555555555555"
#define HELP_BOOT_B "99999999-8888-7777-6666-555555555555"

struct help {
	char path[256]; /* of a directory that holds data/ and outside/ */
	char mark[300];
	int data_fd;
	int64_t now_ms; /* the clock */
	uint64_t segment_max;
	const char *boot;
	const struct fileops *ops;
	/* what on_record told */
	uint64_t told, replayed;
	char last_type[32];
	uint8_t hashes[4096][32];
	uint64_t known; /* entries of hashes that are acknowledged */
};

void help_make(struct help *help);
void help_remove(struct help *help);
/* ERR_* of journal_open. */
int help_open(struct help *help, struct journal **ret);
/* Opens, insists on success. */
struct journal *help_opened(struct help *help);
/* One record of a case (or of the box when number is ""); `rest` are lines beside `case`, sorted ones not needed. prev NULL: any. */
int help_append(struct journal *journal, enum table_writer writer, const char *number, const uint8_t *prev, const char *type, const char *rest,
                struct journal_receipt *ret);
int help_stage(struct journal *journal, enum table_writer writer, const char *number, const uint8_t *prev, const char *type, const char *rest,
               struct journal_receipt *ret);
/* `received` of a new case. */
int help_received(struct journal *journal, const char *number, struct journal_receipt *ret);
void help_verify(const struct help *help, struct verify_result *ret);
/* A file below data/ as a whole. */
size_t help_read(const struct help *help, const char *name, uint8_t **ret);
void help_write(const struct help *help, const char *name, const void *data, size_t length);
/* Shell command with %s twice possible: the directory. */
void help_shell(const struct help *help, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define HELP_REF "10 1 00000000000000000000000000000000000000000000000000000000000000ff 11111111111111111111111111111111111111111111111111111111111111ee"

/* The n-th call fails. */
enum fault_kind { FAULT_EIO, FAULT_ENOSPC, FAULT_SHORT, FAULT_DEAD /* this and all later ones do nothing */ };
struct fault {
	struct fileops ops; /* first: the table finds its state behind itself */
	long countdown;
	enum fault_kind kind;
	bool fired;
	void (*on_sync)(int fd); /* after each fsync or fdatasync that succeeded; may be NULL */
};
void fault_arm(struct fault *fault, long n, enum fault_kind kind);

#endif
