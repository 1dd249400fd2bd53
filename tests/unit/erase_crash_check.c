#include "erase_crash_check.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"

#define OWNER_BYTES 256 /* the name of a part's key stands at its front */
#define WAIT_MS 5000

char rest_cases[REST_CASES][16];
uint64_t rest_recalled;

/* --- what lies on a disk --- */

static bool is_part_of(const char *path, const char *number)
{
	uint8_t head[OWNER_BYTES];
	char owner[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, head, sizeof head);

	(void)close(fd);
	(void)snprintf(owner, sizeof owner, "/%s/", number);
	return length > 0 && memmem(head, (size_t)length, owner, strlen(owner)) != NULL;
}

/* Nothing of a case is left: not its keys, not its content in the vault or the archive, not the note of what it was. */
static bool is_gone(const struct life *at, const char *number, char why[CHECK_WHY_SIZE])
{
	char pattern[160];
	glob_t found = { 0 };
	bool gone = true;

	if (steps_count_keys(at, number) > 0 || steps_is_seen(at, number)) {
		(void)snprintf(why, CHECK_WHY_SIZE, "%s: %s", number, steps_is_seen(at, number) ? "its content would be recognised" : "there is a key of it");
		return false;
	}
	(void)snprintf(pattern, sizeof pattern, "%s/*/vault/*/*", at->path);
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && gone; i++) {
			gone = !is_part_of(found.gl_pathv[i], number);
			(void)snprintf(why, CHECK_WHY_SIZE, "%s: content of it lies there: %s", number, found.gl_pathv[i] + strlen(at->path));
		}
	}
	globfree(&found);
	return gone;
}

static bool gone_in_time(const struct life *at, const char *number, char why[CHECK_WHY_SIZE])
{
	uint64_t deadline = clock_deadline(WAIT_MS);

	while (!is_gone(at, number, why)) {
		if (clock_expired(deadline)) {
			return false;
		}
		(void)usleep(2000);
	}
	return true;
}

/* --- what must hold --- */

struct rest_marks rest_marks(const struct trace *run, size_t cut)
{
	struct rest_marks marks = { .flying = "" };

	for (size_t i = 0; i < cut; i++) {
		if (run->events[i].head.kind != TRACE_MARK) {
			continue;
		}
		marks.flying = run->events[i].name;
		for (size_t n = 0; n < REST_CASES; n++) {
			marks.gone[n] = marks.gone[n] || strcmp(run->events[i].name_to, rest_cases[n]) == 0;
		}
	}
	return marks;
}

static bool is_archive_there(const struct life *at)
{
	char path[160];

	(void)snprintf(path, sizeof path, "%s/podatelna-archive", at->archive);
	return access(path, F_OK) == 0;
}

void rest_begin(struct life *at)
{
	at->number[0] = '\0';
	if (life_start(at) != 0 || strcmp(at->state, "ok") != 0) {
		life_fail(at, "the store is '%s'", at->state);
	}
	if (life_replay(at) != 0) {
		life_fail(at, "the store does not give its records");
	}
}

/* The case as the records have it: gone, or whole. Returns its last record's type in at->last. */
static void check_case(struct life *at, const char *number)
{
	char why[CHECK_WHY_SIZE] = "";

	memcpy(at->number, number, sizeof at->number);
	if (life_replay(at) != 0) {
		life_fail(at, "the store does not give its records");
	}
	if (at->last[0] == '\0') {
		return;
	}
	if (strcmp(at->last, "erased") == 0) {
		if (!gone_in_time(at, number, why)) {
			life_fail(at, "it is erased, and %s", why);
		}
		if (life_compare(at, "original", LIFE_ORIGINAL) != ERR_STATE) {
			life_fail(at, "erased content of %s is not refused", number);
		}
		return;
	}
	if (life_compare(at, "original", LIFE_ORIGINAL) != 0 || (strcmp(at->last, "received") != 0 && life_compare(at, "report", STEPS_REPORT) != 0)) {
		life_fail(at, "%s cannot be read", number);
	}
	if (!steps_is_seen(at, number)) {
		life_fail(at, "the content of %s would not be recognised again", number);
	}
}

/* What the hub kept is what it kept, and of these records; or there is nothing. */
static void check_kept(struct life *at)
{
	struct wire_message message, answer;
	char text[64] = "", expected[64];
	uint64_t index = 0;
	int fd = -1;

	wire_begin(&message, WIRE_STORE_RECALL, 0, 0);
	if (life_ask(at, &message, &answer) != 0) {
		life_fail(at, "what was kept cannot be asked for");
	}
	index = wire_number(&answer, WIRE_F_INDEX, 0);
	if (wire_number(&answer, WIRE_F_SIZE, 0) == 0) {
		return;
	}
	fd = wire_take_fd(&answer, 0);
	(void)!pread(fd, text, sizeof text - 1, 0);
	(void)close(fd);
	(void)snprintf(expected, sizeof expected, REST_KEPT, (unsigned long long)index);
	if (index >= at->known || memcmp(wire_span(&answer, WIRE_F_HASH).data, at->hashes[index], 32) != 0 || strcmp(text, expected) != 0) {
		life_fail(at, "what the hub kept is another thing: %s", text);
	}
	rest_recalled++;
}

void rest_check_all(struct life *at)
{
	check_kept(at);
	for (size_t i = 0; i < REST_CASES; i++) {
		check_case(at, rest_cases[i]);
	}
	if (is_archive_there(at) && steps_archive(at, 0) != 0) {
		life_fail(at, "the archive is not there for the store");
	}
	steps_verify(at);
}

static void erase_all(struct life *at)
{
	char why[CHECK_WHY_SIZE] = "";

	for (size_t i = 0; i < REST_CASES; i++) {
		bool left = false;
		int err = 0;

		check_case(at, rest_cases[i]);
		if (at->last[0] == '\0' || strcmp(at->last, "erased") == 0 || strcmp(at->last, "received") == 0) {
			continue;
		}
		err = steps_rest(at, WIRE_STORE_ERASE, "erased", "", &left);
		if (err != 0 || left || !is_gone(at, rest_cases[i], why)) {
			life_fail(at, "%s is erased afterwards: %s, left %d, %s", rest_cases[i], err_name(err), left, why);
		}
	}
	steps_verify(at);
}

static void go_on(struct life *at)
{
	rest_begin(at);
	rest_check_all(at);
	erase_all(at);
	if (!life_stop(at)) {
		life_fail(at, "the store ends by a signal");
	}
	rest_begin(at);
	rest_check_all(at);
	if (!life_stop(at)) {
		life_fail(at, "the store ends by a signal");
	}
}

static bool goes_on(struct life *at, char why[CHECK_WHY_SIZE])
{
	static struct life_escape escape;

	at->escape = &escape;
	if (setjmp(escape.to) != 0) {
		(void)snprintf(why, CHECK_WHY_SIZE, "%.*s", CHECK_WHY_SIZE - 1, escape.why);
		life_kill(at);
		return false;
	}
	go_on(at);
	return true;
}

bool rest_check(const struct states *run, const struct check_state *state, char why[CHECK_WHY_SIZE])
{
	static struct life at;
	const struct rest_marks marks = rest_marks(run->trace, state->cut);

	assert_int_equal(setenv(TRACE_VARIABLE, "/dev/null", 1), 0);
	assert_int_equal(setenv(TRACE_BOOT_VARIABLE, REST_OTHER_BOOT, 1), 0);
	life_adopt(&at, run->context, state->path);
	at.known = state->known;
	at.flying = marks.flying;
	for (size_t i = 0; i < REST_CASES; i++) {
		if (marks.gone[i] && !is_gone(&at, rest_cases[i], why)) {
			return false;
		}
	}
	return goes_on(&at, why) && (!states_is_audited(run) || check_audit(AUDIT_PROGRAM, state->path, why));
}
