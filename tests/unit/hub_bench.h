/* hub_bench.h - a hub without the programs around it: a journal in memory stands for the store, a function of the test for the partner's jobs, another for errands.
 *
 * One step at a time: the hub does not go on with a case by itself, because its journal counts as still being read.
 */
#ifndef TESTS_HUB_BENCH_H
#define TESTS_HUB_BENCH_H

#include "appliance/hub/flow.h"

#define BENCH_CASE "2026-000001"
#define BENCH_TEXT_SIZE 1024
#define BENCH_FDS_MAX 6
#define BENCH_RECORDS_MAX 64

/* A job as it came to the partner's program. The content of an object of the case is "content of ROLE". */
struct bench_job {
	char kind[32], partner[32];
	char parameters[BENCH_TEXT_SIZE]; /* lines */
	char inputs[BENCH_FDS_MAX][BENCH_TEXT_SIZE];
	size_t fd_count; /* inputs and outputs */
};

struct bench {
	struct hub hub;
	struct hub_case *of;
	/* What the job reads (so many descriptors from the first on) and says: lines of its result, or NULL: it dies. */
	size_t job_inputs;
	const char *job_result;
	const char *job_output; /* written to its first output; NULL: nothing */
	struct bench_job job;   /* the last one */
	size_t jobs;
	char signing[BENCH_TEXT_SIZE]; /* parameters of the last signature that was asked for; it is refused */
	/* An errand as it came to the network program, and what it reports. */
	char errand[BENCH_TEXT_SIZE], errand_body[BENCH_TEXT_SIZE];
	const char *errand_result;
	size_t errands;
	/* The journal. */
	char types[BENCH_RECORDS_MAX][RECORD_TYPE_BYTES + 1], bodies[BENCH_RECORDS_MAX][BENCH_TEXT_SIZE];
	uint64_t count;
	struct channel *store, *partner, *transport, *token;
};

/* `catalogue` has the partner "p" and its form "F"; `keys`: what the configuration says of that partner, beside address, environment and key. Ends with the case
 * recognised and approved. */
void bench_open(struct bench *bench, const char *catalogue, const char *keys);
void bench_close(struct bench *bench);
/* A record of the case, as if it came from the store: lines without `case`. */
void bench_record(struct bench *bench, const char *type, const char *lines);
/* Ready, signed, a filing sent and answered. */
void bench_to_reply(struct bench *bench);
/* Turns the loop until the case has no work. */
void bench_settle(struct bench *bench);
/* Turns the loop for so long. */
void bench_turn(struct bench *bench, uint64_t ms);
/* How many records of that type there are, and a line of the last of them, "" when absent. */
size_t bench_count(const struct bench *bench, const char *type);
const char *bench_said(const struct bench *bench, const char *type, const char *name);

#endif
