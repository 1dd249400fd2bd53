/* Crash safety of the store, shown: two filings are recorded (crash_trace.h), and every state that a power cut may leave of any moment of them (crash_disk.h) is
 * recovered and checked (store_crash_check.h). Then the same for recovery itself, cut off again.
 *
 *  every_cut          every prefix of the run, with every answer to its open questions where these are few, else none, all, each alone, each missing, and drawn ones
 *  cut_in_recovery    states with a torn tail are recovered by a recorded journal, and that is cut off, too
 *  every_sync_counts  the check can fail: without the syncs of one kind of file at a time it must find a state that is lost. What may be left out is named, with why
 *
 * The list of states of one run is long (about 180,000); PODATELNA_STATES says how many of it are tried, evenly (tests/crash/recorder: more). What is found is
 * printed with its place in the list: PODATELNA_CASE="SECTOR CUT N" runs it alone (the events of a run, and so the list, differ a little from run to run).
 * Failing calls (EIO, ENOSPC, short writes) are in store_fault_test.c and journal_fault_test.c; a sync that fails, a kill between any two changes, clock steps and writers
 * at once in journal_crash_test.c. */
#include "store_crash_states.h"
#include "store_fault_steps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "store/journal.h"

#define MUTANT_FEW 60
#define MUTANT_STATES 7500
#define OTHER_BOOT "77777777-8888-7777-6666-555555555555"

extern const struct fileops store_test_ops;

static struct vault_bench bench;
static struct store_fault fault; /* of store_fault_life.h; nothing fails here */
static struct life life;
static char trace_path[] = "/tmp/podatelna-trace-XXXXXX";
static int trace_fd = -1;
static struct trace trace;
static struct disk *disk;
static struct check_tried tried;

/* --- the run --- */

static void mark(void)
{
	assert_int_equal(trace_add(trace_fd, &(struct trace_head){ .kind = TRACE_MARK, .offset = life.known }, NULL, NULL, NULL), 0);
}

static void start(void)
{
	assert_int_equal(life_start(&life), 0);
	assert_string_equal(life.state, "ok");
	assert_int_equal(life_replay(&life), 0);
	mark();
}

static void file_until(const char *type)
{
	while (strcmp(life.last, type) != 0) {
		assert_int_equal(steps_next(&life), 0);
		mark();
	}
}

/* A filing with checkpoint and stamp and an orderly stop; another one, killed between its signature and its end. Segments fill up on the way. */
static void record_run(void)
{
	trace_fd = open(trace_path, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_true(trace_fd >= 0);
	bench_open(&bench);
	life_make(&life, &bench, &fault, trace_path);
	assert_int_equal(mkdir(life.data, 0750), 0);
	*strrchr(life.mark, '/') = '\0';
	assert_int_equal(mkdir(life.mark, 0750), 0);
	trace_add_folder(trace_fd, life.data, "data");
	trace_add_folder(trace_fd, life.mark, "mark");
	life.mark[strlen(life.mark)] = '/';
	start();
	file_until("closed");
	assert_int_equal(steps_checkpoint(&life), 0);
	mark();
	assert_true(life_stop(&life));
	start();
	life.last[0] = '\0';
	file_until("sending");
	life_kill(&life);
	start();
	file_until("closed");
	assert_int_equal(steps_checkpoint(&life), 0);
	mark();
	assert_true(life_stop(&life));
	trace_read(trace_path, &trace);
	disk = disk_new(&trace);
	check_collect(&trace, disk, &tried);
}

static struct states whole_run(void)
{
	return (struct states){
		.trace = &trace, .disk = disk, .tried = &tried, .hashes = (const uint8_t(*)[32])life.hashes, .data = life.data, .first_cut = 4, .audited = true
	};
}

/* The state that a failure named. */
static void one_case(const char *named)
{
	static bool there[DISK_UNITS_MAX];
	struct states run = whole_run();
	unsigned sector = 0;
	size_t cut = 0, n = 0, units = 0;
	char why[CHECK_WHY_SIZE] = "";

	assert_int_equal(sscanf(named, "%u %zu %zu", &sector, &cut, &n), 3);
	units = disk_cut(disk, cut, sector, SIZE_MAX);
	states_answer(units, n, cut, there);
	if (!states_try(&run, cut, there, why)) {
		states_complain(&run, sector, cut, n, units, there, why);
		fail();
	}
}

static void every_cut(void **state)
{
	static const unsigned sectors[] = { 512, 4096 };
	struct states run = whole_run();
	const char *named = getenv("PODATELNA_CASE");

	(void)state;
	if (named != NULL) {
		one_case(named);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		size_t all = states_count(&run, sectors[i], SIZE_MAX);

		assert_true(states_try_all(&run, sectors[i], SIZE_MAX, states_stride(all, states_wanted() / 2), false));
		print_message("sectors of %u: %zu events, %zu states in the list, %llu tried so far\n", sectors[i], trace.count, all,
		              (unsigned long long)run.tried_states);
	}
}

/* --- recovery, cut off --- */

static uint8_t told[CHECK_RECORDS_MAX][32];
static uint64_t told_count;

static void on_told(void *context, const struct record *record, bool replay)
{
	(void)context, (void)replay;
	assert_true(record->index == told_count && told_count < CHECK_RECORDS_MAX);
	memcpy(told[told_count++], record->hash, 32);
}

/* Recovers a state under the recorder; what it made durable is in `told`. */
static void recover_recorded(const char *path, uint64_t known, int fd)
{
	char name[128];
	struct journal_options options = {
		.ops = &store_test_ops, .mark_path = name, .box_letter = "", .boot_id = OTHER_BOOT, .on_record = on_told, .segment_max_bytes = 2500
	};
	struct journal *journal = NULL;

	(void)snprintf(name, sizeof name, "%s/data", path);
	trace_add_folder(fd, name, "data");
	options.data_fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(name, sizeof name, "%s/mark", path);
	trace_add_folder(fd, name, "mark");
	(void)snprintf(name, sizeof name, "%s/mark/mark", path);
	assert_int_equal(trace_add(fd, &(struct trace_head){ .kind = TRACE_MARK, .offset = known }, NULL, NULL, NULL), 0);
	store_record_to(fd);
	told_count = 0;
	assert_int_equal(journal_open(&options, &journal), 0);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(trace_add(fd, &(struct trace_head){ .kind = TRACE_MARK, .offset = told_count }, NULL, NULL, NULL), 0);
	journal_close(journal);
	store_record_to(-1);
	(void)close(options.data_fd);
}

static size_t marks_before_work(const struct trace *run)
{
	for (size_t i = 0; i < run->count; i++) {
		if (run->events[i].head.kind == TRACE_MARK) {
			return i + 1;
		}
	}
	fail();
	return 0;
}

static void cut_again(size_t cut, const bool *there)
{
	static struct check_tried again_tried;
	char path[64], name[] = "/tmp/podatelna-again-XXXXXX";
	struct trace again = { 0 };
	struct states run = { .trace = &again, .tried = &again_tried, .hashes = (const uint8_t(*)[32])told, .data = life.data };
	int made = mkstemp(name), fd = open(name, O_RDWR | O_APPEND | O_CLOEXEC);

	assert_true(made >= 0 && fd >= 0);
	states_place(path);
	disk_build(disk, there, path);
	recover_recorded(path, states_known(&trace, cut), fd);
	states_place_remove(path);
	trace_read(name, &again);
	run.disk = disk_new(&again);
	memcpy(&again_tried, &tried, sizeof tried);
	check_collect(&again, run.disk, &again_tried);
	run.first_cut = marks_before_work(&again);
	assert_true(states_try_all(&run, 512, SIZE_MAX, states_stride(states_count(&run, 512, SIZE_MAX), states_wanted() / 20), false));
	print_message("recovery of cut %zu: %zu events, %llu states\n", cut, again.count - run.first_cut, (unsigned long long)run.tried_states);
	disk_free(run.disk);
	trace_free(&again);
	(void)close(fd);
	(void)close(made);
	(void)unlink(name);
}

/* Cuts right behind a write to the open segment, half of it there: a tail that recovery takes away. */
static void cut_in_recovery(void **state)
{
	static bool there[DISK_UNITS_MAX];
	size_t tails = 0, wanted = states_wanted() > SHORT_STATES ? 8 : 3;

	(void)state;
	for (size_t cut = 5; cut <= trace.count && tails < wanted; cut += trace.count / (wanted * 3)) {
		size_t units = 0;

		while (cut <= trace.count && (trace.events[cut - 1].head.kind != TRACE_WRITE || strstr(disk_name_of_write(disk, cut - 1), ".open") == NULL)) {
			cut++;
		}
		if (cut > trace.count) {
			break;
		}
		units = disk_cut(disk, cut, 512, SIZE_MAX);
		for (size_t u = 0; u < units; u++) {
			there[u] = disk_units(disk)[u].event != cut - 1 || u + 1 < units; /* all but the last sector */
		}
		cut_again(cut, there);
		tails++;
	}
	assert_true(tails >= wanted);
}

/* --- the check can fail --- */

/* Syncs that may be left out without losing anything that was promised, and why they are there all the same. */
static const struct {
	const char *class, *why;
} spare[] = {
	{ "data/journal/head.a", "losing the heads costs a longer start, not a record; synced so that the scan stays short" },
	{ "data/journal/head.b", "the same" },
	{ "data/keys/names-N.N.tmp", "the names are derived: each stands in the object `name` of its case, and what cannot be opened is made again" },
	{ "data/names/N.N.tmp", "the same" },
	{ "data/names/", "the same" },
	{ "data/index/journal.tmp", "the index is derived and has a sum: one that is not whole is not used, and the next start reads more records" },
	{ "data/index/", "the same" },
};

static const char *spare_why(const char *class)
{
	for (size_t i = 0; i < sizeof spare / sizeof spare[0]; i++) {
		if (strcmp(spare[i].class, class) == 0) {
			return spare[i].why;
		}
	}
	return NULL;
}

static void every_sync_counts(void **state)
{
	size_t unseen = 0;

	(void)state;
	for (size_t class = 0; class < disk_class_count(disk); class ++) {
		struct states run = whole_run();
		const char *name = disk_class_name(disk, class), *why = spare_why(name);
		size_t all = states_count(&run, 512, class);
		bool found = false;

		run.audited = false;
		/* Few at first: most are found at once. */
		for (size_t wanted = MUTANT_FEW; !found && wanted <= (why != NULL ? MUTANT_FEW : MUTANT_STATES); wanted *= 5) {
			found = !states_try_all(&run, 512, class, all <= wanted ? 1 : all / wanted, true);
		}
		print_message("without the syncs of %-40s %s\n", name, found ? "something is lost" : why != NULL ? why : "NOTHING IS LOST");
		unseen += !found && why == NULL ? 1 : 0;
	}
	assert_int_equal(unseen, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut),
		cmocka_unit_test(cut_in_recovery),
		cmocka_unit_test(every_sync_counts),
	};
	int made = mkstemp(trace_path), failed = 1;

	if (made < 0) {
		return 1;
	}
	record_run();
	failed = cmocka_run_group_tests_name("store crash", tests, NULL, NULL);
	disk_free(disk);
	trace_free(&trace);
	life_remove(&life);
	bench_close(&bench);
	(void)close(trace_fd);
	(void)close(made);
	(void)unlink(trace_path);
	return failed;
}
