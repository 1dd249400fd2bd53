/* journal_make.c - a journal of many filings, as a box would have written it over three years.
 *
 *   journal_make DATA MARK RECORDS      DATA: an empty folder; MARK: the file of the high-water mark, its folder must exist
 *
 * Written through store/journal.h, so that every rule of the record table holds; only the syncs are left out, and the clock is its own. 17 records a filing, from
 * `received` to `delivered`; a checkpoint after each three. The content that the records name does not exist: a box starts, lists and shows on it, and has
 * nothing to deliver. With it the file `seen` of as many entries. Prints "records cases".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "store/fileops.h"
#include "store/journal.h"

#define YEARS_MS (INT64_C(3) * 365 * 86400 * 1000)
#define END_MS INT64_C(600000) /* before now */
#define STEP_MS 90
#define CASES_PER_CHECKPOINT 3
#define RECORDS_MAX 20000000
#define BODY_MAX_BYTES 4096
#define URL "https://adisspr.mfcr.cz/dpr/epo_podani"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct make {
	struct journal *journal;
	int64_t now_ms;
	uint64_t records, cases, filings; /* made; to be made: as many as `filings` */
	uint64_t before;                  /* index of the record before */
	FILE *seen;
};

struct step {
	const char *type;
	enum table_writer writer;
	const char *lines;   /* beside `case`, in order */
	const char *objects; /* roles, parted by blanks */
};

static const struct step steps[] = {
	{ "received", TABLE_HUB, "by: uid:1000\nclaim: %i\nkind: filing\n", "name original" },
	{ "recognised", TABLE_HUB, "approval: none\nenv: sandbox\nform: DPHDP3\nlabel-id: dphdp3\npartner: epo\nperiod: 2026-10\n", "" },
	{ "approved", TABLE_HUB, "by: box\n", "" },
	{ "intent", TABLE_STORE, "attempt: 1\ndigest: " HASH "\nform: cades\nkey: sign\npurpose: filing\n", "content" },
	{ "signed", TABLE_STORE, "algorithm: rsa-sha256\nintent: %p\nserial: 1234567890\nsigner: " HASH "\n", "signed" },
	{ "request", TABLE_HUB, "attempt: 1\nenv: sandbox\nmethod: POST\npurpose: test\nurl: " URL "\n", "request" },
	{ "reply", TABLE_STORE, "answers: %p\nbody-sent: 20480\ncontent-type: application/xml\nfar: reply-done\nhttp-status: 200\ntls: TLSv1.3\n",
	  "peer reply" },
	{ "tested", TABLE_HUB, "evidence: reply\nverdict: passed\n", "report" },
	{ "request", TABLE_HUB, "attempt: 1\nenv: sandbox\nmethod: POST\npurpose: file\nurl: " URL "\n", "request" },
	{ "sending", TABLE_HUB, "attempt: 1\nenv: sandbox\nmethod: POST\nurl: " URL "\n", "request" },
	{ "reply", TABLE_STORE, "answers: %p\nbody-sent: 20480\ncontent-type: application/pkcs7-mime\nfar: reply-done\nhttp-status: 200\ntls: TLSv1.3\n",
	  "peer reply" },
	{ "verified", TABLE_HUB, "evidence: signed\nresult: valid\nsigner-name: " HASH "\n", "confirmation" },
	{ "sent", TABLE_HUB, "evidence: signed\nstage: state\nverdict: taken\n", "receipt" },
	{ "request", TABLE_HUB, "attempt: 1\nenv: sandbox\nmethod: GET\npurpose: poll\nurl: " URL "\n", "request" },
	{ "reply", TABLE_STORE, "answers: %p\ncontent-type: application/xml\nfar: reply-done\nhttp-status: 200\ntls: TLSv1.3\n", "peer reply" },
	{ "closed", TABLE_HUB, "evidence: signed\nkeep-until: 2036-12-31\nverdict: accepted\n", "report" },
	{ "delivered", TABLE_HUB, "place: " HASH "\n", "" },
};

static int64_t now(void *context)
{
	struct make *make = context;

	return make->now_ms += STEP_MS;
}

static int no_sync(const struct fileops *ops, int fd)
{
	(void)ops;
	(void)fd;
	return 0;
}

static int no_write_out(const struct fileops *ops, int fd, bool wait)
{
	(void)ops, (void)fd, (void)wait;
	return 0;
}

/* A request that is sent is the object of its `request`: one object for each role of a case. */
static unsigned role_number(struct span role)
{
	unsigned number = (unsigned)role.length;

	for (size_t i = 0; i < role.length; i++) {
		number += role.data[i];
	}
	return number % 64;
}

/* The lines of a step: %i is the number of the filing, %p the index of the record before. Objects are references that differ. */
static void add_lines(struct lines *lines, const struct step *step, const struct make *make)
{
	struct span rest = span_of_string(step->lines), name, value;
	struct span roles = span_of_string(step->objects), role;

	while (lines_next(&rest, &name, &value)) {
		char key[LINES_NAME_MAX + 1] = "";

		(void)span_copy_string(name, key, sizeof key);
		if (span_equals_string(value, "%i") || span_equals_string(value, "%p")) {
			lines_set_u64(lines, key, span_equals_string(value, "%i") ? make->cases + 1 : journal_size(make->journal) - 1);
		} else {
			lines_set_span(lines, key, value);
		}
	}
	while (!span_is_empty(roles)) {
		char key[64], reference[160];

		if (!span_read_until(&roles, ' ', &role)) {
			role = roles;
			roles = span_of("", 0);
		}
		(void)snprintf(key, sizeof key, "object-%.*s", (int)role.length, (const char *)role.data);
		(void)snprintf(reference, sizeof reference, "%llu 1 %016llx%.48s %016llx%.48s", 2048 + (unsigned long long)(make->cases % 40000),
		               (unsigned long long)make->cases, HASH, (unsigned long long)make->cases * 64 + role_number(role), HASH);
		lines_set(lines, key, reference);
	}
}

static int stage(struct make *make, const char *number, const struct step *step, uint64_t before)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char body[BODY_MAX_BYTES], why[TABLE_WHY_SIZE] = "";
	struct journal_entry entry = { .type = step->type };
	struct journal_append append = { .writer = step->writer, .case_number = number, .entries = &entry, .count = 1 };
	struct journal_receipt receipt;
	int length = 0, err = ERR_INTERNAL;

	add_lines(&lines, step, make);
	lines_set(&lines, "case", number);
	if (strstr(step->lines, "%p") != NULL) {
		lines_set_u64(&lines, strcmp(step->type, "signed") == 0 ? "intent" : "answers", before);
	}
	length = lines_finish(&lines, body, sizeof body);
	if (length < 0) {
		return length;
	}
	entry.body = span_of(body, (size_t)length);
	err = journal_stage(make->journal, &append, &receipt, why);
	if (err != 0) {
		(void)fprintf(stderr, "journal_make: %s: %s\n", step->type, why);
		return err;
	}
	make->records++;
	make->before = receipt.last;
	return 0;
}

static int make_case(struct make *make)
{
	char number[JOURNAL_CASE_SIZE] = "";
	int err = journal_next_case(make->journal, number);

	for (size_t i = 0; err == 0 && i < sizeof steps / sizeof steps[0]; i++) {
		err = stage(make, number, &steps[i], make->before);
	}
	if (err == 0 && fprintf(make->seen, "%016llx%.48s %s\n", (unsigned long long)make->cases, HASH, number) < 0) {
		err = ERR_SYSTEM;
	}
	make->cases++;
	return err;
}

static int make_cases(struct make *make)
{
	const int64_t begin_ms = clock_utc_ms() - END_MS - YEARS_MS;
	char note[JOURNAL_NOTE_SIZE];
	int err = 0;

	while (err == 0 && make->cases < make->filings) {
		int64_t due_ms = begin_ms + (int64_t)((double)YEARS_MS * (double)make->cases / (double)make->filings);

		make->now_ms = due_ms > make->now_ms ? due_ms : make->now_ms;
		err = make_case(make);
		if (err == 0 && make->cases % CASES_PER_CHECKPOINT == 0) {
			err = journal_checkpoint(make->journal, note);
		}
	}
	return err == 0 ? journal_commit(make->journal) : err;
}

static FILE *open_seen(int data)
{
	_cleanup_close_ int key = openat(data, "seen.key", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int seen = openat(data, "seen", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return key < 0 || seen < 0 || fd_write_all(key, HASH "\n", sizeof HASH) != 0 ? NULL : fdopen(seen, "w");
}

static int make_all(const char *path, const char *mark, uint64_t records)
{
	_cleanup_close_ int data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct make make = { .now_ms = clock_utc_ms() - END_MS - YEARS_MS, .filings = records * 10 / 173 };
	struct fileops ops = fileops_posix;
	struct journal_options options = { .ops = &ops, .data_fd = data, .mark_path = mark, .box_letter = "", .boot_id = "", .clock = now, .context = &make };
	struct journal_facts facts;
	int err = ERR_SYSTEM;

	ops.fsync = ops.fdatasync = no_sync;
	ops.sync_range = no_write_out;
	make.seen = data < 0 ? NULL : open_seen(data);
	if (make.seen == NULL) {
		return ERR_SYSTEM;
	}
	err = journal_open(&options, &make.journal);
	err = err == 0 ? journal_boot(make.journal, PODATELNA_VERSION) : err;
	err = err == 0 ? make_cases(&make) : err;
	if (make.journal != NULL) {
		journal_facts(make.journal, &facts);
		(void)printf("%llu %llu\n", (unsigned long long)facts.size, (unsigned long long)make.cases);
	}
	journal_close(make.journal);
	return fclose(make.seen) != 0 ? ERR_SYSTEM : err;
}

int main(int count, char **words)
{
	char *end = NULL;
	unsigned long records = count == 4 ? strtoul(words[3], &end, 10) : 0;
	int err = ERR_INTERNAL;

	if (records == 0 || records > RECORDS_MAX || *end != '\0') {
		(void)fprintf(stderr, "journal_make DATA MARK RECORDS\n");
		return 2;
	}
	(void)umask(0027);
	err = make_all(words[1], words[2], records);
	if (err != 0) {
		(void)fprintf(stderr, "journal_make: %s (%s)\n", err_name(err), strerror(errno));
		return 1;
	}
	return 0;
}
