/* Each call of the store's table of file operations, each place that asks for memory, each place that calls libcrypto fails once while a filing goes from its content to `closed`, with checkpoint and full segments: no record that
 * was acknowledged is lost, none is invented, the store recovers by a restart (the parent's part) and everything verifies (design 4, commit and recovery). */
#include "store_fault_life.h"
#include "store_fault_steps.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"

#define CALLS_MAX 5000
#define TRIES_MAX 12

static struct vault_bench bench;
static struct store_fault *fault;
static char fault_file[] = "/tmp/podatelna-fault-XXXXXX";

/* --- one life with one fault --- */

/* What a person and an auditor ask for. A fault while looking is no damage. */
static int look(struct life *life)
{
	struct wire_message message, answer;
	int names = fd_memfd_open("names"), err = life_compare(life, "reply", LIFE_REPLY);

	wire_begin(&message, WIRE_STORE_NAMES, 0, 0);
	wire_put_fd(&message, names);
	err = err != 0 ? err : life_ask(life, &message, &answer);
	(void)close(names);
	if (err == 0) {
		wire_begin(&message, WIRE_STORE_VERIFY, 0, 0);
		err = life_ask(life, &message, &answer);
	}
	if (err == 0 && wire_number(&answer, WIRE_F_CODE, 1) != 0) {
		life_fail(life, "a fault counts as damage at %llu: %.*s", (unsigned long long)wire_number(&answer, WIRE_F_INDEX, 0),
		          (int)wire_span(&answer, WIRE_F_TEXT).length, (const char *)wire_span(&answer, WIRE_F_TEXT).data);
	}
	return err;
}

/* As the parent does it: the store ended, or says that it writes no more. The fault happens once. */
static void restart(struct life *life)
{
	life_kill(life);
	fault->kind = STORE_FAULT_NONE;
	if (life_start(life) != 0) {
		life_fail(life, "the store does not start again");
	}
	if (strcmp(life->state, "ok") != 0) {
		life_fail(life, "after the restart the journal is '%s'", life->state);
	}
	if (life_replay(life) != 0) {
		life_fail(life, "the store does not give its records");
	}
}

/* A failed step: either the store goes on and the step can be repeated, or it needs a restart. Now and then it is left to end by itself. */
static void recover(struct life *life, long n, unsigned *tries)
{
	if (!fault->fired || ++*tries > TRIES_MAX) {
		life_fail(life, "a step fails without a fault, or for ever");
	}
	if (n % 16 == 0 && *tries < 3) {
		(void)usleep(400000); /* beyond SERVER_FAULT_MS: by now a faulty store has ended by itself */
	}
	restart(life);
}

static void go_through(struct life *life, long n)
{
	unsigned tries = 0;

	while (strcmp(life->last, "closed") != 0) {
		int err = steps_next(life);

		if (err != 0) {
			/* One repetition on the living store shows whether it lied about being able to go on. */
			if (err != ERR_GONE && err != ERR_READONLY && fault->fired && steps_next(life) == 0) {
				continue;
			}
			recover(life, n, &tries);
		}
	}
	while (steps_checkpoint(life) != 0 || look(life) != 0) {
		recover(life, n, &tries);
	}
}

static void verify(struct life *life)
{
	static const char *const once[] = { "received", "approved", "signed", "sending", "reply", "closed" };
	uint64_t left = 0;

	for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
		if (life_count(life, once[i]) != 1) {
			life_fail(life, "%llu records %s", (unsigned long long)life_count(life, once[i]), once[i]);
		}
	}
	left = life_count(life, "intent") - life_count(life, "abandoned");
	if (left != 1 || life->signatures > life_count(life, "intent")) {
		life_fail(life, "%llu intents, %llu abandoned, %u signatures", (unsigned long long)life_count(life, "intent"),
		          (unsigned long long)life_count(life, "abandoned"), life->signatures);
	}
	if (life_compare(life, "original", LIFE_ORIGINAL) != 0 || life_compare(life, "signed", "SIGNATURE") != 0 ||
	    life_compare(life, "request", "REQUEST") != 0 || life_compare(life, "reply", LIFE_REPLY) != 0) {
		life_fail(life, "an object cannot be read back");
	}
	steps_verify(life);
}

/* Returns false when there was no n-th call any more. */
static bool one_life(long n, enum store_fault_kind kind)
{
	static struct life life;
	bool fired = false;

	life_make(&life, &bench, fault, fault_file);
	fault->countdown = n;
	fault->kind = kind;
	if (life_start(&life) != 0 || life_replay(&life) != 0) {
		if (!fault->fired) {
			life_fail(&life, "the store does not start");
		}
		restart(&life);
	}
	go_through(&life, n);
#ifdef PODATELNA_COVERAGE
	fault->kind = kind == STORE_FAULT_MEMORY ? STORE_FAULT_NONE : fault->kind; /* a process that ends asks for memory to write its counts */
#endif
	if (!life_stop(&life)) {
		life_fail(&life, "the store ends by a signal");
	}
	fired = fault->fired != 0;
	restart(&life);
	if (strcmp(life.last, "closed") != 0) {
		life_fail(&life, "the case is not closed any more");
	}
	verify(&life);
	life_remove(&life);
	return fired;
}

static void every_call(enum store_fault_kind kind, long least)
{
	/* All of them take minutes: tests/crash/faults asks for that. Otherwise every sixth, from another one each time. */
	long step = getenv("PODATELNA_FULL") != NULL ? 1 : 6;
	long first = step == 1 ? 1 : 1 + (long)getpid() % step, n = first;

	while (one_life(n, kind)) {
		n += step;
		assert_true(n < CALLS_MAX);
	}
	print_message("of %ld calls each %ld. failed, from the %ld. on\n", n - step, step, first);
	assert_true(n > least);
}

static void eio(void **state)
{
	(void)state;
	every_call(STORE_FAULT_EIO, 100);
}

static void enospc(void **state)
{
	(void)state;
	every_call(STORE_FAULT_ENOSPC, 60);
}

static void short_write(void **state)
{
	(void)state;
	every_call(STORE_FAULT_SHORT, 20);
}

/* Not every call but every place that calls: its failure branch runs once. */
static void every_place(enum store_fault_kind kind, long least)
{
	long n = 1;

	while (one_life(n, kind)) {
		n++;
		assert_true(n < CALLS_MAX);
	}
	print_message("each of %ld places failed\n", n - 1);
	assert_true(n > least);
}

static void no_memory(void **state)
{
	(void)state;
	every_place(STORE_FAULT_MEMORY, 40);
}

static void no_crypto(void **state)
{
	(void)state;
	every_place(STORE_FAULT_CRYPTO, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eio), cmocka_unit_test(enospc), cmocka_unit_test(short_write), cmocka_unit_test(no_memory), cmocka_unit_test(no_crypto),
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
	failed = cmocka_run_group_tests_name("store fault", tests, NULL, NULL);
	bench_close(&bench);
	(void)unlink(fault_file);
	return failed;
}
