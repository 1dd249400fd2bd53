/* vault_play.h - the real podatelna-store with a parent, a hub, a token and sessions played by a test. */
#ifndef TESTS_VAULT_PLAY_H
#define TESTS_VAULT_PLAY_H

#include "vault_bench.h"

#include <sys/types.h>

#include "appliance/base/lines.h"
#include "appliance/base/record.h"
#include "appliance/wire/channel.h"

#define PLAY_MS 20000

struct play {
	struct vault_bench bench; /* its vault is not used: only folder, keys and certificates */
	char data[96], mark[96];
	char notes[96];          /* the auditors' share, "" for none; used by the next start */
	char quiet[16];          /* milliseconds before a checkpoint, "" for the default */
	const char *token_lines; /* TOKEN_STATUS.LINES; the token has the journal key `seal` when they say so */
	char hello[4096];        /* LINES of the last STORE_HELLO */
	pid_t pid;
	int parent, hub, token;
	uint64_t next_id;
	size_t recorded;         /* STORE_RECORDED so far on this link */
	uint64_t recorded_index; /* of the last */
	uint8_t recorded_hash[32];
	char recorded_type[17];
	char state[32]; /* of the last STORE_HELLO */
	uint8_t buffer[WIRE_MESSAGE_MAX_BYTES];
};

void play_open(struct play *play);
void play_close(struct play *play);
/* The same as set-up and tear-down of a cmocka test; its state is the play. */
int play_set_up(void **state);
int play_tear_down(void **state);
void play_start(struct play *play);
/* SIGKILL. */
void play_kill(struct play *play);
/* STOP; the exit code. */
int play_stop(struct play *play);
/* New links of that role; the former one is closed. */
void play_link_hub(struct play *play);
void play_link_token(struct play *play, const char *state);
void play_token_status(struct play *play, const char *state);
/* Returns once the store has read what the token sent so far: its answer to a note of the token. */
void play_sync_token(struct play *play);

/* Sends a request of the hub, returns its id. */
uint64_t play_send(struct play *play, struct wire_message *message);
/* Waits for the answer to it; notices are counted meanwhile. Spans point into play->buffer. */
void play_answer(struct play *play, uint64_t id, struct wire_message *ret);
/* Both; asserts the type of the answer. */
void play_ask(struct play *play, struct wire_message *message, enum wire_type expected, struct wire_message *ret);
/* The code (negative) of an answer that must be WIRE_ERROR. */
int play_refused(struct play *play, struct wire_message *message);
/* A message at any link. */
void play_receive(struct play *play, int fd, enum wire_role self, enum wire_role peer, enum wire_type expected, struct wire_message *ret);

/* Common moves. `prev` is read and renewed. */
void play_case_new(struct play *play, char ret[16]);
/* Returns the reference; `earlier` may be NULL. */
void play_take(struct play *play, const char *case_number, const char *role, struct span content, char ret_ref[4096], char earlier[16]);
uint64_t play_append(struct play *play, const char *case_number, uint8_t prev[32], const char *type, struct lines *body);
/* Puts a case up to `approved`. */
void play_approved(struct play *play, char case_number[16], uint8_t prev[32], const char *content);
uint64_t play_copy_send(struct play *play, const char *case_number, const char *role, int *ret_read_end);
/* The content, or the error code. */
int play_copy(struct play *play, const char *case_number, const char *role, uint8_t *ret, size_t size, size_t *ret_length);
uint64_t play_sign_send(struct play *play, const char *case_number, const uint8_t prev[32], const char *form);
/* Plays the token for one TOKEN_SIGN of this content; the CMS is "SIGNATURE". */
void play_signature(struct play *play, const char *expected, bool attached);
/* Plays the token for one TOKEN_UNWRAP. */
void play_unwrap(struct play *play);

#endif
