/* Each file operation fails once while a case is erased, and while its content goes to the archive and back. After a restart the erasure is complete or was never begun; content
 * that moves can be read at any time, and never lies nowhere. */
#include "store_fault_steps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"

#define CALLS_MAX 2000
#define TRIES_MAX 8
#define WAIT_MS 10000
#define PARTS 3 /* original, name, report */
#define KEYS 2  /* a restart stands between them */

static struct vault_bench bench;
static struct store_fault *fault;
static char fault_file[] = "/tmp/podatelna-fault-XXXXXX";
static struct life base; /* a refused case; its store is stopped */

/* --- what lies on the disk --- */

static size_t count_parts(const char *folder)
{
	char pattern[256];

	(void)snprintf(pattern, sizeof pattern, "%s/vault/[0-9a-f][0-9a-f]/*[0-9a-f]", folder);
	return steps_count_files(pattern);
}

static bool is_erased_on_disk(const struct life *life)
{
	return steps_count_keys(life, life->number) == 0 && count_parts(life->data) == 0 && !steps_is_seen(life, life->number);
}

/* --- lives --- */

static void make_base(void)
{
	life_make(&base, &bench, fault, fault_file);
	assert_int_equal(life_start(&base), 0);
	assert_int_equal(life_replay(&base), 0);
	assert_int_equal(steps_received(&base), 0);
	assert_true(life_stop(&base));
	assert_int_equal(life_start(&base), 0);
	assert_int_equal(life_replay(&base), 0);
	assert_int_equal(steps_refused(&base), 0);
	assert_true(life_stop(&base));
	assert_int_equal(count_parts(base.data), PARTS);
	assert_int_equal(steps_count_keys(&base, base.number), KEYS);
}

/* A copy of it, with the store running on it; the fault is armed by then. */
static void begin(struct life *life, bool archive)
{
	char command[512];

	life_make(life, &bench, fault, fault_file);
	memcpy(life->number, base.number, sizeof life->number);
	memcpy(life->hashes, base.hashes, sizeof life->hashes);
	life->known = base.known;
	(void)snprintf(command, sizeof command, "cp -a '%s' '%s' && cp -a '%s/mark' '%s/'", base.data, life->data, base.path, life->path);
	assert_int_equal(system(command), 0);
	if (archive) {
		(void)snprintf(life->archive, sizeof life->archive, "%s/archive", life->path);
		assert_int_equal(mkdir(life->archive, 0755), 0);
	}
	assert_int_equal(life_start(life), 0);
	assert_int_equal(life_replay(life), 0);
}

static void restart(struct life *life)
{
	life_kill(life);
	fault->kind = STORE_FAULT_NONE;
	if (life_start(life) != 0 || strcmp(life->state, "ok") != 0) {
		life_fail(life, "after the restart the store is '%s'", life->state);
	}
	if (life_replay(life) != 0) {
		life_fail(life, "the store does not give its records");
	}
}

static void arm(enum store_fault_kind kind, long n)
{
	fault->fired = 0;
	fault->calls = 0;
	fault->countdown = n;
	fault->kind = kind;
}

/* --- erasure --- */

static bool erase_once(long n, enum store_fault_kind kind)
{
	static struct life life;
	bool left = false, fired = false;
	int err = 0;

	begin(&life, false);
	arm(kind, n);
	err = steps_rest(&life, WIRE_STORE_ERASE, "erased", "", &left);
	fired = fault->fired != 0;
	if ((err != 0 || left) && !fired) {
		life_fail(&life, "the erasure fails without a fault: %s", err_name(err));
	}
	if (err == 0 && !left && !is_erased_on_disk(&life)) {
		life_fail(&life, "it is said to be done, and is not");
	}
	restart(&life);
	if (strcmp(life.last, "erased") != 0) {
		/* Not begun: everything is as it was, and it can be asked for again. */
		if (err == 0) {
			life_fail(&life, "an acknowledged erasure has no record");
		}
		if (steps_count_keys(&life, life.number) != KEYS || count_parts(life.data) != PARTS || life_compare(&life, "original", LIFE_ORIGINAL) != 0) {
			life_fail(&life, "%zu keys, %zu parts are left without a record", steps_count_keys(&life, life.number), count_parts(life.data));
		}
		assert_int_equal(steps_rest(&life, WIRE_STORE_ERASE, "erased", "", &left), 0);
	}
	for (uint64_t deadline = clock_deadline(WAIT_MS); !is_erased_on_disk(&life) && !clock_expired(deadline);) {
		(void)usleep(5000);
	}
	if (!is_erased_on_disk(&life)) {
		life_fail(&life, "after the restart %zu keys, %zu parts are left, seen %d", steps_count_keys(&life, life.number), count_parts(life.data),
		          steps_is_seen(&life, life.number));
	}
	if (life_compare(&life, "original", LIFE_ORIGINAL) != ERR_STATE) {
		life_fail(&life, "erased content is not refused");
	}
	steps_verify(&life);
	life_remove(&life);
	return fired;
}

/* --- archive --- */

/* One way under the fault; then, after a restart, until it is done. */
static bool move(struct life *life, const char *event, long n, enum store_fault_kind kind)
{
	char rest[32];
	bool left = false, fired = false;
	int tries = 0, err = 0;

	(void)snprintf(rest, sizeof rest, "event: %s\n", event);
	arm(kind, n);
	err = steps_rest(life, WIRE_STORE_ARCHIVE, "archived", rest, &left);
	fired = fault->fired != 0;
	if (err != 0 && !fired) {
		life_fail(life, "%s fails without a fault: %s", event, err_name(err));
	}
	restart(life);
	if (life_compare(life, "original", LIFE_ORIGINAL) != 0 || life_compare(life, "report", STEPS_REPORT) != 0) {
		life_fail(life, "content cannot be read half way %s", event);
	}
	steps_verify(life);
	/* A run that was recorded is over; one that was not is begun again. */
	while (err != 0 && (err = steps_rest(life, WIRE_STORE_ARCHIVE, "archived", rest, &left)) != 0 && err != ERR_STATE) {
		if (++tries > TRIES_MAX) {
			life_fail(life, "%s does not come to an end: %s", event, err_name(err));
		}
	}
	return fired;
}

static bool archive_once(long n, enum store_fault_kind kind)
{
	static struct life life;
	bool fired = false;

	begin(&life, true);
	assert_int_equal(steps_archive(&life, 3), 0);
	fired = move(&life, "out", n, kind);
	if (count_parts(life.archive) != PARTS) {
		life_fail(&life, "%zu parts in the archive", count_parts(life.archive));
	}
	fired = move(&life, "back", n, kind) || fired;
	if (count_parts(life.data) != PARTS) {
		life_fail(&life, "%zu parts in the vault", count_parts(life.data));
	}
	life_remove(&life);
	return fired;
}

/* --- all of them --- */

static void every_call(bool (*once)(long n, enum store_fault_kind kind), enum store_fault_kind kind, long least)
{
	/* All of them in the long form; otherwise of the many some, from another one each time. */
	long step = kind != STORE_FAULT_EIO || getenv("PODATELNA_FULL") != NULL || getenv("PODATELNA_LONG") != NULL ? 1 : 3;
	long first = step == 1 ? 1 : 1 + (long)getpid() % step, n = first;

	while (once(n, kind)) {
		n += step;
		assert_true(n < CALLS_MAX);
	}
	print_message("of %ld calls each %ld. failed, from the %ld. on\n", n - step, step, first);
	assert_true(n > least);
}

static void erase_eio(void **state)
{
	(void)state;
	every_call(erase_once, STORE_FAULT_EIO, 40);
}

static void erase_enospc(void **state)
{
	(void)state;
	every_call(erase_once, STORE_FAULT_ENOSPC, 8);
}

static void erase_short_write(void **state)
{
	(void)state;
	every_call(erase_once, STORE_FAULT_SHORT, 1);
}

static void archive_eio(void **state)
{
	(void)state;
	every_call(archive_once, STORE_FAULT_EIO, 60);
}

static void archive_enospc(void **state)
{
	(void)state;
	every_call(archive_once, STORE_FAULT_ENOSPC, 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(erase_eio),   cmocka_unit_test(erase_enospc),   cmocka_unit_test(erase_short_write),
		cmocka_unit_test(archive_eio), cmocka_unit_test(archive_enospc),
	};
	int fd = mkstemp(fault_file), failed = 1;

	if (fd < 0 || ftruncate(fd, (off_t)sizeof *fault) != 0) {
		return 1;
	}
	fault = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fault == MAP_FAILED) {
		return 1;
	}
	(void)close(fd);
	bench_open(&bench);
	make_base();
	failed = cmocka_run_group_tests_name("erase fault", tests, NULL, NULL);
	life_remove(&base);
	bench_close(&bench);
	(void)unlink(fault_file);
	return failed;
}
