/* store_fault_life.h - a podatelna-store whose file operations fail on demand, with parent, hub, token and session played by a test that takes failures as answers. */
#ifndef TESTS_UNIT_STORE_FAULT_LIFE_H
#define TESTS_UNIT_STORE_FAULT_LIFE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/types.h>

#include "appliance/base/lines.h"
#include "appliance/base/record.h"
#include "appliance/wire/channel.h"
#include "store_fault.h"
#include "vault_bench.h"

#define LIFE_MS 15000
#define LIFE_RECORDS_MAX 512
#define LIFE_ORIGINAL "<Pisemnost>obsah</Pisemnost>"
#define LIFE_REPLY "<Potvrzeni/>"

/* Where life_fail goes instead, and what it said. */
struct life_escape {
	jmp_buf to;
	char why[600];
};

struct life {
	struct vault_bench *bench;
	struct store_fault *fault;
	char path[96], data[128], mark[128], notes[128];
	char archive[128]; /* "": none */
	pid_t pid;
	int parent, hub, token;
	uint64_t next_id;
	unsigned starts, signatures;
	X509 *stamper;  /* of bench->ec */
	char state[32]; /* of the last STORE_HELLO */

	/* What the store said was durable. */
	uint8_t hashes[LIFE_RECORDS_MAX][32];
	uint64_t known;
	bool replaying;     /* notices are ignored: READ tells everything */
	const char *flying; /* types of records asked for and not answered yet, space between; "" for none */

	/* The case, from its records. */
	char number[16], last[17], request_ref[4096];
	uint8_t head[32];
	uint64_t last_index, sending, counts[8];
	uint8_t buffer[WIRE_MESSAGE_MAX_BYTES];

	struct life_escape *escape; /* NULL: life_fail fails the test */
};

/* A new data directory; the fault is not armed. */
void life_make(struct life *life, struct vault_bench *bench, struct store_fault *fault, const char *fault_file);
void life_remove(struct life *life);
/* Another life over a copy of the data directory, mark and (where `of` has one) archive that lie in the folder `path`, with the keys of `of` and what it was told. It ends
 * with life_kill or life_stop; the folder is the caller's. */
void life_adopt(struct life *life, const struct life *of, const char *path);
/* 0 once there is a hub link and a ready token; ERR_GONE when the store ended before. */
int life_start(struct life *life);
/* SIGKILL, or nothing when it ended already. */
void life_kill(struct life *life);
/* STOP; true when the process ended by itself (and not by a signal). */
bool life_stop(struct life *life);
/* Reads the whole journal: every record that was told is there with the same hash; what is beyond is the store's own or was asked for, once. Renews the case.
 * 0, or what the store said instead of its records. */
int life_replay(struct life *life);
/* Sends a request of the hub, answers the token's meanwhile. 0, the error that the store answered, ERR_GONE when it ended. */
int life_ask(struct life *life, struct wire_message *message, struct wire_message *ret);
/* STORE_TAKE; `ref` has room for 4096. */
int life_take(struct life *life, const char *role, struct span content, char ref[4096]);
/* One record of the case. Frees `body`. */
int life_append(struct life *life, const char *type, struct lines *body);
/* The content of an object, compared; 0, ERR_MISMATCH, or what the store said. */
int life_compare(struct life *life, const char *role, const char *expected);
/* Offers the reply of the session of `sending`. */
int life_offer(struct life *life);
/* How many records of that type the case has. */
uint64_t life_count(const struct life *life, const char *type);
/* Fails the test with all that is needed to see why. */
void life_fail(const struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
