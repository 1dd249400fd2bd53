/* Crash safety of the store, shown: two filings are recorded (crash_trace.h), and every state that a power cut may leave of any moment of them (crash_disk.h) is
 * recovered and checked (store_crash_check.h). Then the same for recovery itself, cut off again.
 *
 *  every_cut          every prefix of the run, with every answer to its open questions where these are few, else none, all, each alone, each missing, and drawn ones
 *  cut_in_recovery    states with a torn tail are recovered by a recorded journal, and that is cut off, too
 *  every_sync_counts  the check can fail: without the syncs of one kind of file at a time it must find a state that is lost. What may be left out is named, with why
 *
 * The list of states of one run is long (about 180,000); PODATELNA_STATES says how many of it are tried, evenly (tests/crash/recorder: more). What is found is
 * printed with its place in the list: PODATELNA_CASE="SECTOR CUT N" runs it alone (the events of a run, and so the list, differ a little from run to run).
 * Failing calls (EIO, ENOSPC, short writes, a failed sync) are in store_fault_test.c and journal_fault_test.c, clock steps and two writers in journal_life_test.c. */
#include "store_crash_check.h"
#include "store_fault_steps.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "store/journal.h"

#define FEW_UNITS 5       /* all 2^5 answers are tried */
#define DRAWN 6           /* answers drawn for a cut with more */
#define SHORT_STATES 1200 /* of the list, where nobody says how many */
#define MUTANT_FEW 60
#define MUTANT_STATES 7500
#define AUDIT_EVERY 40
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

static uint64_t known_at(const struct trace *run, size_t cut)
{
	uint64_t known = 0;

	for (size_t i = 0; i < cut; i++) {
		known = run->events[i].head.kind == TRACE_MARK ? run->events[i].head.offset : known;
	}
	return known;
}

/* --- the list of states --- */

static uint64_t dice;

static unsigned roll(unsigned sides)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(dice >> 33) % sides;
}

/* How many answers a cut with so many open questions gets. */
static size_t answers_count(size_t units)
{
	return units <= FEW_UNITS ? (size_t)1 << units : 2 + 2 * units + DRAWN;
}

/* The n-th of them. The first is: nothing that was not synced is there; the last of the systematic ones: all is. */
static void answer(size_t units, size_t n, size_t cut, bool there[DISK_UNITS_MAX])
{
	bool drawn = n >= 2 + 2 * units;

	dice = cut * 7919 + n;
	for (size_t u = 0; u < units; u++) {
		if (units <= FEW_UNITS) {
			there[u] = (n >> u & 1) != 0;
		} else if (drawn) {
			there[u] = roll(2) == 0;
		} else {
			there[u] = n == 1 || (n >= 2 && n % 2 == 0 ? (n - 2) / 2 == u : n >= 2 && (n - 2) / 2 != u);
		}
	}
}

/* --- one state --- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info, (void)type, (void)place;
	return remove(path);
}

static void make_place(char ret[64])
{
	(void)snprintf(ret, 64, "%s/podatelna-crash-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(ret));
}

static void remove_place(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

struct run {
	const struct trace *trace;
	struct disk *disk;
	const struct check_tried *tried;
	const uint8_t (*hashes)[32];
	size_t first_cut; /* what lies before was there already */
	bool audited;     /* now and then podatelna-audit looks, too */
	uint64_t states;
};

static bool try_state(struct run *run, size_t cut, const bool *there, char why[CHECK_WHY_SIZE])
{
	char path[64];
	struct check_state state = {
		.path = path, .tried = run->tried, .cut = cut, .known = known_at(run->trace, cut), .hashes = run->hashes, .data = life.data
	};
	bool good = false;

	make_place(path);
	disk_build(run->disk, there, path);
	good = check_recovers(&state, why) && (!run->audited || run->states % AUDIT_EVERY != 0 || check_audit(AUDIT_PROGRAM, path, why));
	remove_place(path);
	run->states++;
	return good;
}

static void complain(const struct run *run, unsigned sector, size_t cut, size_t n, size_t units, const bool *there, const char *why)
{
	char line[400];

	print_error("sector %u, cut behind event %zu of %zu, state %zu: %s\n", sector, cut, run->trace->count, n, why);
	for (size_t u = 0; u < units; u++) {
		disk_describe(run->disk, u, line, sizeof line);
		print_error("  %s %s\n", there[u] ? "there" : "lost ", line);
	}
}

/* Every `stride`-th state of the list. False with words on the terminal, or silently, when one does not recover. */
static bool try_all(struct run *run, unsigned sector, size_t without, size_t stride, bool silent)
{
	static bool there[DISK_UNITS_MAX];
	char why[CHECK_WHY_SIZE] = "";
	size_t at = stride / 2;

	for (size_t cut = run->first_cut; cut <= run->trace->count; cut++) {
		size_t units = disk_cut(run->disk, cut, sector, without), count = answers_count(units);

		for (; at < count; at += stride) {
			answer(units, at, cut, there);
			if (!try_state(run, cut, there, why)) {
				if (!silent) {
					complain(run, sector, cut, at, units, there, why);
				}
				return false;
			}
		}
		at -= count;
	}
	return true;
}

static size_t count_all(struct run *run, unsigned sector, size_t without)
{
	size_t all = 0;

	for (size_t cut = run->first_cut; cut <= run->trace->count; cut++) {
		all += answers_count(disk_cut(run->disk, cut, sector, without));
	}
	return all;
}

/* How many states the whole test is to try. */
static size_t states_wanted(void)
{
	const char *said = getenv("PODATELNA_STATES");
	size_t wanted = said == NULL ? 0 : (size_t)strtoul(said, NULL, 10);

	return wanted == 0 ? SHORT_STATES : wanted;
}

static size_t stride_for(size_t all, size_t wanted)
{
	return all <= wanted ? 1 : all / wanted;
}

static struct run whole_run(void)
{
	return (struct run){ .trace = &trace, .disk = disk, .tried = &tried, .hashes = (const uint8_t(*)[32])life.hashes, .first_cut = 4, .audited = true };
}

/* The state that a failure named. */
static void one_case(const char *named)
{
	static bool there[DISK_UNITS_MAX];
	struct run run = whole_run();
	unsigned sector = 0;
	size_t cut = 0, n = 0, units = 0;
	char why[CHECK_WHY_SIZE] = "";

	assert_int_equal(sscanf(named, "%u %zu %zu", &sector, &cut, &n), 3);
	units = disk_cut(disk, cut, sector, SIZE_MAX);
	answer(units, n, cut, there);
	if (!try_state(&run, cut, there, why)) {
		complain(&run, sector, cut, n, units, there, why);
		fail();
	}
}

static void every_cut(void **state)
{
	static const unsigned sectors[] = { 512, 4096 };
	struct run run = whole_run();
	const char *named = getenv("PODATELNA_CASE");

	(void)state;
	if (named != NULL) {
		one_case(named);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		size_t all = count_all(&run, sectors[i], SIZE_MAX);

		assert_true(try_all(&run, sectors[i], SIZE_MAX, stride_for(all, states_wanted() / 2), false));
		print_message("sectors of %u: %zu events, %zu states in the list, %llu tried so far\n", sectors[i], trace.count, all,
		              (unsigned long long)run.states);
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
	struct run run = { .trace = &again, .tried = &again_tried, .hashes = (const uint8_t(*)[32])told };
	int made = mkstemp(name), fd = open(name, O_RDWR | O_APPEND | O_CLOEXEC);

	assert_true(made >= 0 && fd >= 0);
	make_place(path);
	disk_build(disk, there, path);
	recover_recorded(path, known_at(&trace, cut), fd);
	remove_place(path);
	trace_read(name, &again);
	run.disk = disk_new(&again);
	memcpy(&again_tried, &tried, sizeof tried);
	check_collect(&again, run.disk, &again_tried);
	run.first_cut = marks_before_work(&again);
	assert_true(try_all(&run, 512, SIZE_MAX, stride_for(count_all(&run, 512, SIZE_MAX), states_wanted() / 20), false));
	print_message("recovery of cut %zu: %zu events, %llu states\n", cut, again.count - run.first_cut, (unsigned long long)run.states);
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
		struct run run = whole_run();
		const char *name = disk_class_name(disk, class), *why = spare_why(name);
		size_t all = count_all(&run, 512, class);
		bool found = false;

		run.audited = false;
		/* Few at first: most are found at once. */
		for (size_t wanted = MUTANT_FEW; !found && wanted <= (why != NULL ? MUTANT_FEW : MUTANT_STATES); wanted *= 5) {
			found = !try_all(&run, 512, class, all <= wanted ? 1 : all / wanted, true);
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
