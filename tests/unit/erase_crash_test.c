/* Crash safety of what comes after a case's end, shown: erasures, content that goes to the archive and back, maintenance and the renewal of stamps are recorded
 * (crash_trace.h), and every state that a power cut may leave of any moment of them, on the box's disk and on the archive's (crash_disk.h), is given to a whole
 * podatelna-store. What must hold of each:
 *
 *  - what an erasure that was answered as done has destroyed is not on either disk any more, before anything starts;
 *  - the store starts by itself, knows all that was acknowledged, invents nothing, and its check finds no damage;
 *  - a case whose erasure stands in the journal is gone by the store's own doing: keys, content, half-written copies of it, the note of what it was; in the archive, too;
 *  - any other case can be read whole, wherever it was about to go, and its content would be recognised again;
 *  - it can then still be erased, and nothing of it is left anywhere, whatever the crash left lying;
 *  - all that is so after one more start.
 *
 *  every_cut          all that of the recorded run
 *  cut_in_recovery    the same of starts that finish what a cut left, cut off again
 *  every_sync_counts  the check can fail: without the syncs of one kind of file at a time it finds something that is lost, or that came back
 *
 * PODATELNA_STATES as in store_crash_test.c; a state costs two starts of the store, so of its list a fifth is tried. PODATELNA_CASE="SECTOR CUT N" runs one alone. */
#include "erase_crash_check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"

#define BOOT_BETWEEN "77777777-8888-7777-6666-555555555555"
#define FEWER 5
#define MUTANT_FEW 40
#define MUTANT_STATES 1000

static struct vault_bench bench;
static struct store_fault fault; /* of store_fault_life.h; nothing fails here */
static struct life life;
static char trace_path[] = "/tmp/podatelna-trace-XXXXXX";
static int trace_fd = -1;
static struct trace trace;
static struct disk *disk;
static struct check_tried tried;

/* --- the run --- */

/* `flying`: types of records that may become durable from here on without having been acknowledged; `gone`: a case whose erasure was answered as done. */
static void put_mark(int fd, const struct life *of, const char *flying, const char *gone)
{
	assert_int_equal(trace_add(fd, &(struct trace_head){ .kind = TRACE_MARK, .offset = of->known }, flying, gone, NULL), 0);
}

static void mark(const char *flying)
{
	put_mark(trace_fd, &life, flying, "");
}

static void start(void)
{
	assert_int_equal(life_start(&life), 0);
	assert_string_equal(life.state, "ok");
	assert_int_equal(life_replay(&life), 0);
	mark("");
}

static void file(char number[16])
{
	life.last[0] = '\0';
	mark("received");
	assert_int_equal(steps_received(&life), 0);
	memcpy(number, life.number, 16);
	mark("");
}

static void refuse(void)
{
	mark("refused");
	assert_int_equal(steps_refused(&life), 0);
	mark("");
}

static void of_case(const char *number)
{
	memcpy(life.number, number, sizeof life.number);
	assert_int_equal(life_replay(&life), 0);
}

static void erase(const char *number)
{
	bool left = true;

	of_case(number);
	mark("erased");
	assert_int_equal(steps_rest(&life, WIRE_STORE_ERASE, "erased", "", &left), 0);
	assert_false(left);
	put_mark(trace_fd, &life, "", number);
}

static void move(const char *number, const char *event)
{
	char more[32];
	bool left = true;

	of_case(number);
	(void)snprintf(more, sizeof more, "event: %s\n", event);
	mark("archived");
	assert_int_equal(steps_rest(&life, WIRE_STORE_ARCHIVE, "archived", more, &left), 0);
	mark("");
}

static void maintain(void)
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_MAINTAIN, 0, 0);
	wire_put_string(&message, WIRE_F_KIND, "all");
	assert_int_equal(life_ask(&life, &message, &answer), 0);
	assert_int_equal(wire_number(&answer, WIRE_F_CODE, 1), 0);
	mark("");
}

/* As the hub does it, after the last record that it knows. */
static void keep(void)
{
	struct wire_message message, answer;
	char text[64];
	int length = snprintf(text, sizeof text, REST_KEPT, (unsigned long long)life.known - 1), fd = fd_memfd_sealed("kept", text, (size_t)length);

	wire_begin(&message, WIRE_STORE_KEEP, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, life.known - 1);
	wire_put_bytes(&message, WIRE_F_HASH, span_of(life.hashes[life.known - 1], 32));
	wire_put_number(&message, WIRE_F_SIZE, (uint64_t)length);
	wire_put_fd(&message, fd);
	assert_int_equal(life_ask(&life, &message, &answer), 0);
	(void)close(fd);
	mark("");
}

/* Five rest_cases at rest, the first with keys of two runs. One is erased; one goes to the archive and is erased there; one comes back and is erased; one stays in the archive;
 * one is never touched. */
static void live(void)
{
	start();
	file(rest_cases[0]);
	assert_int_equal(steps_checkpoint(&life), 0);
	mark("");
	assert_true(life_stop(&life));
	start();
	of_case(rest_cases[0]);
	refuse();
	for (size_t i = 1; i < REST_CASES; i++) {
		file(rest_cases[i]);
		refuse();
	}
	keep();
	assert_int_equal(steps_archive(&life, 3), 0);
	erase(rest_cases[0]);
	move(rest_cases[1], "out");
	erase(rest_cases[1]);
	assert_int_equal(steps_renewal(&life), 0);
	mark("");
	life_kill(&life);
	start();
	move(rest_cases[2], "out");
	move(rest_cases[3], "out");
	maintain();
	move(rest_cases[2], "back");
	erase(rest_cases[2]);
	keep();
	assert_true(life_stop(&life));
	start();
	assert_true(life_stop(&life));
}

static void make_root(const char *path, const char *name)
{
	assert_int_equal(mkdir(path, 0750), 0);
	trace_add_folder(trace_fd, path, name);
}

static void record_run(void)
{
	trace_fd = open(trace_path, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_true(trace_fd >= 0);
	bench_open(&bench);
	life_make(&life, &bench, &fault, trace_path);
	(void)snprintf(life.archive, sizeof life.archive, "%s/archive", life.path);
	make_root(life.data, "data");
	make_root(life.archive, "archive");
	*strrchr(life.mark, '/') = '\0';
	make_root(life.mark, "mark");
	life.mark[strlen(life.mark)] = '/';
	live();
	trace_read(trace_path, &trace);
	disk = disk_new(&trace);
	check_collect(&trace, disk, &tried);
}

/* --- the tests --- */

static struct states run_of(const struct trace *run, struct disk *of, const struct check_tried *run_tried, const struct life *told, size_t first_cut)
{
	return (struct states){ .trace = run,
		                .disk = of,
		                .tried = run_tried,
		                .hashes = (const uint8_t(*)[32])told->hashes,
		                .data = life.data,
		                .first_cut = first_cut,
		                .audited = true,
		                .check = rest_check,
		                .context = told };
}

static size_t first_mark(const struct trace *run)
{
	size_t i = 0;

	while (i < run->count && run->events[i].head.kind != TRACE_MARK) {
		i++;
	}
	return i + 1;
}

static void one_case(struct states *run, const char *named)
{
	static bool there[DISK_UNITS_MAX];
	unsigned sector = 0;
	size_t cut = 0, n = 0, units = 0;
	char why[CHECK_WHY_SIZE] = "";

	assert_int_equal(sscanf(named, "%u %zu %zu", &sector, &cut, &n), 3);
	units = disk_cut(run->disk, cut, sector, SIZE_MAX);
	states_answer(units, n, cut, there);
	if (!states_try(run, cut, there, why)) {
		states_complain(run, sector, cut, n, units, there, why);
		fail();
	}
}

static void every_cut(void **state)
{
	static const unsigned sectors[] = { 512, 4096 };
	struct states run = run_of(&trace, disk, &tried, &life, first_mark(&trace));
	const char *named = getenv("PODATELNA_CASE");

	(void)state;
	if (named != NULL) {
		one_case(&run, named);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		size_t all = states_count(&run, sectors[i], SIZE_MAX);

		assert_true(states_try_all(&run, sectors[i], SIZE_MAX, states_stride(all, states_wanted() / FEWER / 2), false));
		print_message("sectors of %u: %zu events, %zu states in the list, %llu tried so far\n", sectors[i], trace.count, all,
		              (unsigned long long)run.tried_states);
	}
	assert_true(rest_recalled > 0);
}

/* --- what a cut left is finished, and that is cut off, too --- */

static void put_root(int fd, const char *path, const char *name)
{
	char folder[128];

	(void)snprintf(folder, sizeof folder, "%s/%s", path, name);
	trace_add_folder(fd, folder, name);
}

/* Gives the state to a recorded store until it has finished what there was to finish. */
static void recover_recorded(struct life *at, const struct states *run, size_t cut, const char *path, const char *name, int fd)
{
	const struct rest_marks marks = rest_marks(run->trace, cut);

	put_root(fd, path, "data");
	put_root(fd, path, "archive");
	put_root(fd, path, "mark");
	life_adopt(at, &life, path);
	at->known = states_known(run->trace, cut);
	at->flying = marks.flying;
	put_mark(fd, at, marks.flying, "");
	assert_int_equal(setenv(TRACE_BOOT_VARIABLE, BOOT_BETWEEN, 1), 0);
	assert_int_equal(setenv(TRACE_VARIABLE, name, 1), 0);
	rest_begin(at);
	put_mark(fd, at, "", "");
	rest_check_all(at);
	assert_true(life_stop(at));
}

static void cut_again(const struct states *run, size_t cut, const bool *there, size_t wanted)
{
	static struct check_tried again_tried;
	static struct life at;
	char path[64], name[] = "/tmp/podatelna-again-XXXXXX";
	struct trace again = { 0 };
	struct states again_run;
	int made = mkstemp(name), fd = open(name, O_RDWR | O_APPEND | O_CLOEXEC);

	assert_true(made >= 0 && fd >= 0);
	states_place(path);
	disk_build(disk, there, path);
	recover_recorded(&at, run, cut, path, name, fd);
	states_place_remove(path);
	trace_read(name, &again);
	again_run = run_of(&again, disk_new(&again), &again_tried, &at, first_mark(&again));
	assert_true(states_try_all(&again_run, 512, SIZE_MAX, states_stride(states_count(&again_run, 512, SIZE_MAX), wanted), false));
	print_message("start after cut %zu: %zu events, %llu states\n", cut, again.count - again_run.first_cut, (unsigned long long)again_run.tried_states);
	disk_free(again_run.disk);
	trace_free(&again);
	(void)close(fd);
	(void)close(made);
	(void)unlink(name);
}

/* Cuts right after a record of an erasure or a move was written, and half way through what follows it. */
static void cut_in_recovery(void **state)
{
	static bool there[DISK_UNITS_MAX];
	const struct states run = run_of(&trace, disk, &tried, &life, first_mark(&trace));
	size_t begun = 0, cuts = 0;

	(void)state;
	for (size_t i = 0; i < trace.count; i++) {
		const struct trace_event *event = &trace.events[i];
		const bool is_mark = event->head.kind == TRACE_MARK;

		if (is_mark && begun > 0) {
			for (size_t third = 1; third < 3; third++) {
				size_t cut = begun + (i - begun) * third / 3, units = disk_cut(disk, cut, 512, SIZE_MAX);

				for (size_t u = 0; u < units; u++) {
					there[u] = u % 2 == third % 2;
				}
				cut_again(&run, cut, there, states_wanted() / FEWER / 10);
				cuts++;
			}
		}
		if (is_mark) {
			begun = strcmp(event->name, "erased") == 0 || strcmp(event->name, "archived") == 0 ? i + 1 : 0;
		}
	}
	assert_true(cuts >= 12);
}

/* --- the check can fail --- */

/* Kinds of files whose syncs carry what this test promises; the others: store_crash_test.c. */
static const char *const carrying[] = {
	"data/",    "data/seen.tmp",  "data/keys/",       "data/vault/N/",         "data/vault/N/N.tmp",
	"archive/", "archive/vault/", "archive/vault/N/", "archive/vault/N/N.tmp", "data/journal/segment/N.open",
};

static bool is_carrying(const char *class)
{
	for (size_t i = 0; i < sizeof carrying / sizeof carrying[0]; i++) {
		if (strcmp(carrying[i], class) == 0) {
			return true;
		}
	}
	return false;
}

static void every_sync_counts(void **state)
{
	size_t unseen = 0;

	(void)state;
	for (size_t class = 0; class < disk_class_count(disk); class ++) {
		struct states run = run_of(&trace, disk, &tried, &life, first_mark(&trace));
		const char *name = disk_class_name(disk, class);
		size_t all = states_count(&run, 512, class);
		bool found = false;

		run.audited = false;
		for (size_t wanted = MUTANT_FEW; is_carrying(name) && !found && wanted <= MUTANT_STATES; wanted *= 5) {
			found = !states_try_all(&run, 512, class, states_stride(all, wanted), true);
		}
		print_message("without the syncs of %-40s %s\n", name,
		              found               ? "something is lost"
		              : is_carrying(name) ? "NOTHING IS LOST"
		                                  : "(not looked at here)");
		unseen += !found && is_carrying(name) ? 1 : 0;
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
	failed = cmocka_run_group_tests_name("erase crash", tests, NULL, NULL);
	disk_free(disk);
	trace_free(&trace);
	life_remove(&life);
	bench_close(&bench);
	(void)close(trace_fd);
	(void)close(made);
	(void)unlink(trace_path);
	return failed;
}
