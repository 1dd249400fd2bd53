/* The journal under what is worse than a power cut: a sync that fails and loses what it was about, or a process that is killed between any two changes, goes on,
 * and then the power is cut; a clock that jumps; writers that are started at the same moment. */
#include "store_crash_states.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "store/journal.h"
#include "store/verify.h"

#define BOOT "11111111-2222-3333-4444-555555555555"
#define BATCHES 12
#define CALLS_MAX 1000
#define STATES_EACH 12
#define WRITERS 6
#define PER_WRITER 25
#define DAY_MS (INT64_C(24) * 3600 * 1000)

extern const struct fileops store_test_ops;

struct place {
	char path[64], mark[96], data[96];
	int data_fd;
	int64_t now_ms;
	uint8_t told[CHECK_RECORDS_MAX][32];
	uint64_t told_count;
};

static void on_record(void *context, const struct record *record, bool replay)
{
	struct place *place = context;

	(void)replay;
	assert_true(record->index < CHECK_RECORDS_MAX);
	memcpy(place->told[record->index], record->hash, 32);
	place->told_count = record->index + 1;
}

static int64_t clock_now(void *context)
{
	return ((struct place *)context)->now_ms += 10;
}

static void place_make(struct place *place)
{
	char mark_dir[96];

	memset(place, 0, sizeof *place);
	place->now_ms = INT64_C(1795000000000);
	states_place(place->path);
	(void)snprintf(place->data, sizeof place->data, "%s/data", place->path);
	(void)snprintf(mark_dir, sizeof mark_dir, "%s/mark", place->path);
	(void)snprintf(place->mark, sizeof place->mark, "%s/mark/mark", place->path);
	assert_int_equal(mkdir(place->data, 0750), 0);
	assert_int_equal(mkdir(mark_dir, 0750), 0);
	place->data_fd = open(place->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->data_fd >= 0);
}

static void place_remove(struct place *place)
{
	(void)close(place->data_fd);
	states_place_remove(place->path);
}

static int open_journal(struct place *place, const struct fileops *ops, uint64_t wait_ms, struct journal **ret)
{
	struct journal_options options = { .ops = ops,
		                           .data_fd = place->data_fd,
		                           .mark_path = place->mark,
		                           .box_letter = "",
		                           .boot_id = BOOT,
		                           .clock = clock_now,
		                           .on_record = on_record,
		                           .context = place,
		                           .segment_max_bytes = 2000,
		                           .lock_wait_ms = wait_ms };

	return journal_open(&options, ret);
}

static int append(struct journal *journal, int value)
{
	char body[64];
	struct journal_entry entry = { .type = "token" };
	struct journal_append what = { .writer = TABLE_TOKEN, .case_number = "", .entries = &entry, .count = 1 };
	struct journal_receipt receipt;

	(void)snprintf(body, sizeof body, "event: present\ntoken: t%d\n", value);
	entry.body = span_of_string(body);
	return journal_append(journal, &what, &receipt, NULL);
}

static void verify(const struct place *place)
{
	struct verify_options options = { .ops = &fileops_posix, .data_fd = place->data_fd, .until = UINT64_MAX };
	struct verify_result result;
	char why[CHECK_WHY_SIZE] = "";

	assert_int_equal(journal_verify(&options, NULL, &result), 0);
	if (result.damaged) {
		fail_msg("record %llu: %s", (unsigned long long)result.index, result.why);
	}
	if (!check_audit(AUDIT_PROGRAM, place->path, why)) {
		fail_msg("%s", why);
	}
}

/* --- a sync that fails --- */

static void told_so_far(int fd, const struct place *place)
{
	assert_int_equal(trace_add(fd, &(struct trace_head){ .kind = TRACE_MARK, .offset = place->told_count }, NULL, NULL, NULL), 0);
}

/* Opens, appends until something fails, closes. True when nothing failed. */
static bool work(struct place *place, int fd)
{
	struct journal *journal = NULL;
	bool good = open_journal(place, &store_test_ops, 0, &journal) == 0;

	if (!good) {
		return false;
	}
	good = journal_boot(journal, "0.1") == 0;
	for (int i = 0; i < BATCHES && good; i++) {
		told_so_far(fd, place);
		good = append(journal, i) == 0;
		if (good && i == BATCHES / 2) {
			good = journal_mark(journal) == 0;
		}
	}
	if (good) {
		told_so_far(fd, place);
	}
	journal_close(journal);
	return good;
}

/* A life that is disturbed once. */
struct disturbed {
	struct place *place; /* shared with children */
	char trace_path[32];
	int trace_fd;
	uint64_t states;
};

static void disturbed_begin(struct disturbed *it)
{
	char path[96];
	int made = -1;

	it->place = mmap(NULL, sizeof *it->place, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(it->place != MAP_FAILED);
	(void)snprintf(it->trace_path, sizeof it->trace_path, "/tmp/podatelna-trace-XXXXXX");
	made = mkstemp(it->trace_path);
	it->trace_fd = open(it->trace_path, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_true(made >= 0 && it->trace_fd >= 0);
	(void)close(made);
	place_make(it->place);
	trace_add_folder(it->trace_fd, it->place->data, "data");
	(void)snprintf(path, sizeof path, "%s/mark", it->place->path);
	trace_add_folder(it->trace_fd, path, "mark");
	store_record_to(it->trace_fd);
}

/* The power is cut at any moment of it. */
static void disturbed_end(struct disturbed *it, const char *what, unsigned n)
{
	static struct check_tried tried;
	struct trace trace = { 0 };
	struct states run = {
		.trace = &trace, .tried = &tried, .hashes = (const uint8_t(*)[32])it->place->told, .data = it->place->data, .first_cut = 4, .audited = true
	};
	size_t all = 0;

	store_record_to(-1);
	trace_read(it->trace_path, &trace);
	run.disk = disk_new(&trace);
	tried.count = 0;
	check_collect(&trace, run.disk, &tried);
	all = states_count(&run, 512, SIZE_MAX);
	if (!states_try_all(&run, 512, SIZE_MAX, states_stride(all, (states_wanted() * STATES_EACH + SHORT_STATES - 1) / SHORT_STATES), false)) {
		fail_msg("%s %u", what, n);
	}
	verify(it->place);
	it->states += run.tried_states;
	disk_free(run.disk);
	trace_free(&trace);
	place_remove(it->place);
	(void)munmap(it->place, sizeof *it->place);
	(void)close(it->trace_fd);
	(void)unlink(it->trace_path);
}

/* The n-th sync fails, the process is started anew in the same kernel and goes on. */
static void failed_syncs(void **state)
{
	struct disturbed it = { 0 };
	bool fired = true;
	unsigned n = 0;

	(void)state;
	while (fired) {
		assert_true(++n < CALLS_MAX);
		disturbed_begin(&it);
		(void)store_record_fail_sync(n);
		for (int tries = 0; !work(it.place, it.trace_fd); tries++) {
			assert_true(tries < 3);
		}
		fired = store_record_fail_sync(0);
		disturbed_end(&it, "after the failure of sync", n);
	}
	print_message("each of %u syncs failed once, %llu states after a power cut\n", n - 1, (unsigned long long)it.states);
	assert_true(n > 20);
}

/* True when the process ended before its n-th change. */
static bool dies(struct disturbed *it, unsigned n)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		store_record_die(n);
		_exit(work(it->place, it->trace_fd) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == TRACE_DIED));
	return WEXITSTATUS(status) == TRACE_DIED;
}

/* The process is killed between any two changes; what it wrote is there for the next one, but not all of it is durable. */
static void killed_anywhere(void **state)
{
	struct disturbed it = { 0 };
	bool died = true;
	unsigned n = 0;

	(void)state;
	while (died) {
		assert_true(++n < CALLS_MAX);
		disturbed_begin(&it);
		died = dies(&it, n);
		assert_true(work(it.place, it.trace_fd));
		disturbed_end(&it, "killed before change", n);
	}
	print_message("killed before each of %u changes, %llu states after a power cut\n", n - 1, (unsigned long long)it.states);
	assert_true(n > 60);
}

/* --- the clock --- */

static void clock_steps(void **state)
{
	static const int64_t steps[] = { -DAY_MS, 3650 * DAY_MS, -3650 * DAY_MS, 1, -400 * DAY_MS };
	static struct place place;
	struct journal *journal = NULL;
	uint64_t before = 0;

	(void)state;
	place_make(&place);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		before = place.told_count;
		assert_int_equal(open_journal(&place, &fileops_posix, 0, &journal), 0);
		assert_int_equal(place.told_count, before); /* all that was there, and nothing else */
		assert_int_equal(journal_boot(journal, "0.1"), 0);
		assert_int_equal(append(journal, (int)i), 0);
		place.now_ms += steps[i]; /* while it runs */
		assert_int_equal(append(journal, (int)i), 0);
		journal_close(journal);
		place.now_ms += steps[(i + 2) % 5]; /* and while it does not */
		verify(&place);
	}
	place_remove(&place);
}

/* --- two writers, and more --- */

/* How many records this process was told are durable. */
static int write_alone(struct place *place, int gate)
{
	struct journal *journal = NULL;
	char go = 0;
	int done = 0;

	(void)!read(gate, &go, 1); /* until the parent closes it: all at once */
	if (open_journal(place, &fileops_posix, 20000, &journal) != 0) {
		return 0;
	}
	if (journal_boot(journal, "0.1") == 0) {
		while (done < PER_WRITER && append(journal, done) == 0) {
			done++;
		}
	}
	journal_close(journal);
	return done;
}

static void writers_at_once(void **state)
{
	static struct place place;
	struct journal *journal = NULL;
	int gate[2], acknowledged = 0;
	pid_t pids[WRITERS];

	(void)state;
	place_make(&place);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			(void)close(gate[1]);
			_exit(write_alone(&place, gate[0]));
		}
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	for (int i = 0; i < WRITERS; i++) {
		int status = 0;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		acknowledged += WEXITSTATUS(status);
	}
	/* Each waited for its turn, all that each was told is there. */
	assert_int_equal(acknowledged, WRITERS * PER_WRITER);
	assert_int_equal(open_journal(&place, &fileops_posix, 0, &journal), 0);
	journal_close(journal);
	assert_true(place.told_count >= (uint64_t)acknowledged + WRITERS);
	verify(&place);
	place_remove(&place);
}

/* One that has it keeps it: the other is told, and changes nothing. */
static void second_writer_waits_in_vain(void **state)
{
	static struct place place, other;
	struct journal *journal = NULL, *second = NULL;

	(void)state;
	place_make(&place);
	assert_int_equal(open_journal(&place, &fileops_posix, 0, &journal), 0);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	other = place;
	other.data_fd = open(place.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(open_journal(&other, &fileops_posix, 100, &second), ERR_BUSY);
	(void)close(other.data_fd);
	assert_int_equal(append(journal, 1), 0);
	journal_close(journal);
	verify(&place);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_syncs),
		cmocka_unit_test(killed_anywhere),
		cmocka_unit_test(clock_steps),
		cmocka_unit_test(writers_at_once),
		cmocka_unit_test(second_writer_waits_in_vain),
	};

	return cmocka_run_group_tests_name("journal crash", tests, NULL, NULL);
}
