#include "store_crash_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/record.h"
#include "store/journal.h"
#include "store/vault.h"
#include "store/verify.h"

#define OTHER_BOOT "99999999-8888-7777-6666-555555555555"
#define PATH_SIZE 300
#define FILE_MAX 262144
#define AUDIT_OUTPUT 300

void check_collect(const struct trace *trace, const struct disk *disk, struct check_tried *ret)
{
	for (size_t i = 0; i < ret->count; i++) {
		ret->records[i].event = 0;
	}
	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_event *event = &trace->events[i];
		struct span rest = span_of(event->data, event->head.data_length);
		struct record record;

		if (event->head.kind != TRACE_WRITE || strstr(disk_name_of_write(disk, i), ".open") == NULL) {
			continue;
		}
		while (!span_is_empty(rest) && record_read(&rest, &record) == 0) {
			if (ret->count == CHECK_RECORDS_MAX) {
				abort();
			}
			ret->records[ret->count].index = record.index;
			ret->records[ret->count].event = i;
			ret->records[ret->count].sending = strcmp(record.type, "sending") == 0;
			if (strcmp(record.type, "received") == 0) {
				(void)record_field_string(&record, "case", ret->records[ret->count].taken_in, sizeof ret->records[0].taken_in);
			}
			memcpy(ret->records[ret->count++].hash, record.hash, 32);
		}
	}
}

/* What on_record needs. */
struct replay {
	const struct check_state *state;
	uint64_t next;
	bool good;
	char why[CHECK_WHY_SIZE];
};

static bool was_tried(const struct check_state *state, uint64_t index, const uint8_t hash[32])
{
	for (size_t i = 0; i < state->tried->count; i++) {
		if (state->tried->records[i].index == index && state->tried->records[i].event < state->cut &&
		    memcmp(state->tried->records[i].hash, hash, 32) == 0) {
			return true;
		}
	}
	return false;
}

static void on_record(void *context, const struct record *record, bool replaying)
{
	struct replay *replay = context;
	const struct check_state *state = replay->state;

	if (!replaying || !replay->good) {
		return;
	}
	if (record->index != replay->next++) {
		replay->good = false;
		(void)snprintf(replay->why, sizeof replay->why, "record %llu comes out of order", (unsigned long long)record->index);
	} else if (record->index < state->known ? memcmp(record->hash, state->hashes[record->index], 32) != 0
	                                        : !was_tried(state, record->index, record->hash)) {
		replay->good = false;
		(void)snprintf(replay->why, sizeof replay->why, "record %llu (%s) %s", (unsigned long long)record->index, record->type,
		               record->index < state->known ? "is another one than was acknowledged" : "was invented");
	}
}

static bool mark_covers(const struct check_state *state, const struct journal_facts *facts)
{
	for (size_t i = 0; i < state->tried->count; i++) {
		uint64_t index = state->tried->records[i].index;

		if (state->tried->records[i].sending && index < state->known && memcmp(state->hashes[index], state->tried->records[i].hash, 32) == 0 &&
		    facts->mark_index < index) {
			return false;
		}
	}
	return true;
}

static bool check_facts(const struct check_state *state, const struct journal *journal, const struct replay *replay, char why[CHECK_WHY_SIZE])
{
	struct journal_facts facts;

	journal_facts(journal, &facts);
	if (facts.state != JOURNAL_READY || facts.rolled_back) {
		(void)snprintf(why, CHECK_WHY_SIZE, "a false alarm: %s", facts.state != JOURNAL_READY ? facts.why : facts.rolled_back_why);
		return false;
	}
	if (!replay->good) {
		(void)snprintf(why, CHECK_WHY_SIZE, "%s", replay->why);
		return false;
	}
	if (facts.size < state->known || !mark_covers(state, &facts)) {
		(void)snprintf(why, CHECK_WHY_SIZE, "%llu records of %llu acknowledged ones, the mark is at %llu", (unsigned long long)facts.size,
		               (unsigned long long)state->known, (unsigned long long)facts.mark_index);
		return false;
	}
	return true;
}

/* The store is not root, whom no mode stops. */
static int open_as_user(const struct fileops *ops, int dir, const char *path, int flags, mode_t mode)
{
	struct stat info;

	(void)ops;
	if ((flags & O_ACCMODE) != O_RDONLY && fstatat(dir, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) && (info.st_mode & S_IWUSR) == 0) {
		errno = EACCES;
		return -1;
	}
	return fileops_posix.openat(&fileops_posix, dir, path, flags, mode);
}

/* One start; the second one finds all in order. */
static bool start(const struct check_state *state, int data_fd, bool again, char why[CHECK_WHY_SIZE])
{
	char mark[PATH_SIZE];
	struct replay replay = { .state = state, .good = true };
	struct fileops ops = fileops_posix;
	struct journal_options options = { .ops = &ops, .data_fd = data_fd, .mark_path = mark, .box_letter = "", .boot_id = OTHER_BOOT };
	struct journal *journal = NULL;
	struct journal_facts facts;
	bool good = false;
	int err = 0;

	(void)snprintf(mark, sizeof mark, "%s/mark/mark", state->path);
	ops.openat = open_as_user;
	options.on_record = again ? NULL : on_record;
	options.context = &replay;
	err = journal_open(&options, &journal);
	if (err != 0) {
		(void)snprintf(why, CHECK_WHY_SIZE, "the journal cannot be opened: %d", err);
		return false;
	}
	if (again) {
		journal_facts(journal, &facts);
		good = facts.state == JOURNAL_READY && !facts.unclean && !facts.rolled_back && facts.recovered_bytes == 0;
		(void)snprintf(why, CHECK_WHY_SIZE, "the second start is not an ordinary one");
	} else {
		good = check_facts(state, journal, &replay, why);
	}
	if (good && (err = journal_boot(journal, "0.1")) != 0) {
		(void)snprintf(why, CHECK_WHY_SIZE, "work does not go on: %d", err);
		good = false;
	}
	journal_close(journal);
	return good;
}

static size_t read_file(const char *path, uint8_t ret[FILE_MAX])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, ret, FILE_MAX);

	return length > 0 ? (size_t)length : 0;
}

/* A file that is never changed is there as the run wrote it. */
static bool same_file(const struct check_state *state, const char *name)
{
	static uint8_t now[FILE_MAX], then[FILE_MAX];
	char path[PATH_SIZE];
	size_t now_length = 0, then_length = 0;

	(void)snprintf(path, sizeof path, "%s/data/%s", state->path, name);
	now_length = read_file(path, now);
	(void)snprintf(path, sizeof path, "%s/%s", state->data, name);
	then_length = read_file(path, then);
	return now_length > 0 && now_length == then_length && memcmp(now, then, now_length) == 0;
}

/* Each case that was taken in is still known by its content, under the same key. */
static bool seen_fits(const struct check_state *state, char why[CHECK_WHY_SIZE])
{
	static uint8_t text[FILE_MAX + 1];
	char path[PATH_SIZE], line[32];

	(void)snprintf(path, sizeof path, "%s/data/seen", state->path);
	text[read_file(path, text)] = '\0';
	for (size_t i = 0; i < state->tried->count; i++) {
		const char *number = state->tried->records[i].taken_in;
		uint64_t index = state->tried->records[i].index;

		(void)snprintf(line, sizeof line, " %s\n", number);
		if (number[0] != '\0' && index < state->known && memcmp(state->hashes[index], state->tried->records[i].hash, 32) == 0 &&
		    (strstr((const char *)text, line) == NULL || !same_file(state, "seen.key"))) {
			(void)snprintf(why, CHECK_WHY_SIZE, "the content of %s would not be recognised again", number);
			return false;
		}
	}
	return true;
}

struct objects {
	const struct check_state *state;
	struct vault *vault;
};

static int on_object(void *context, const struct record *record, struct span role, const struct journal_ref *ref, char why[JOURNAL_TEXT_SIZE])
{
	const struct objects *objects = context;
	char owner[OBJECT_OWNER_SIZE] = "", key[OBJECT_OWNER_SIZE + 32];

	(void)record_field_string(record, "case", owner, sizeof owner);
	for (size_t i = 0; i < ref->part_count; i++) {
		int err = vault_part_check(objects->vault, ref->parts[i]);

		if (err != 0) {
			(void)snprintf(why, JOURNAL_TEXT_SIZE, "a part of object %.*s is gone: %d", (int)role.length, (const char *)role.data, err);
			return err;
		}
	}
	(void)snprintf(key, sizeof key, "keys/%s.%llu", owner, (unsigned long long)ref->generation);
	if (!same_file(objects->state, key)) {
		(void)snprintf(why, JOURNAL_TEXT_SIZE, "the key of object %.*s of %s is gone", (int)role.length, (const char *)role.data, owner);
		return -1;
	}
	return 0;
}

static bool verifies(const struct check_state *state, int data_fd, char why[CHECK_WHY_SIZE])
{
	struct objects objects = { .state = state };
	struct verify_options options = { .ops = &fileops_posix, .data_fd = data_fd, .until = UINT64_MAX, .on_object = on_object, .context = &objects };
	struct verify_result result;
	int err = 0;

	if (vault_open_reading(&fileops_posix, data_fd, &objects.vault) != 0) {
		options.on_object = NULL; /* nothing was stored yet: then no record may name an object */
	}
	err = journal_verify(&options, NULL, &result);
	vault_free(objects.vault);
	if (err != 0 || result.damaged || (options.on_object == NULL && result.objects > 0)) {
		(void)snprintf(why, CHECK_WHY_SIZE, "the check says %d, record %llu: %s", err, (unsigned long long)result.index, result.why);
		return false;
	}
	return true;
}

bool check_recovers(const struct check_state *state, char why[CHECK_WHY_SIZE])
{
	char path[PATH_SIZE];
	_cleanup_close_ int fd = -1;

	(void)snprintf(path, sizeof path, "%s/data", state->path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		(void)snprintf(why, CHECK_WHY_SIZE, "%s: %s", path, strerror(errno));
		return false;
	}
	if (!start(state, fd, false, why) || !seen_fits(state, why)) {
		return false;
	}
	if (!same_file(state, "journal/FORMAT.txt")) {
		(void)snprintf(why, CHECK_WHY_SIZE, "FORMAT.txt is not whole");
		return false;
	}
	return verifies(state, fd, why) && start(state, fd, true, why) && verifies(state, fd, why);
}

bool check_audit(const char *program, const char *path, char why[CHECK_WHY_SIZE])
{
	char command[PATH_SIZE * 2], output[AUDIT_OUTPUT] = "";
	FILE *pipe = NULL;
	size_t length = 0;
	int status = 0;

	(void)snprintf(command, sizeof command, "'%s' verify '%s/data' 2>&1", program, path);
	pipe = popen(command, "re");
	length = pipe == NULL ? 0 : fread(output, 1, sizeof output - 1, pipe);
	output[length] = '\0';
	status = pipe == NULL ? -1 : pclose(pipe);
	/* Exit 1 is for what the auditor has not got: certificates that he trusts. */
	if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) > 1) {
		(void)snprintf(why, CHECK_WHY_SIZE, "podatelna-audit: status %d: %s", status, output);
		return false;
	}
	return true;
}
