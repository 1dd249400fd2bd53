/* token_bench.h - drives the real podatelna-token against SoftHSM, as its parent, hub and store. */
#ifndef TOKEN_BENCH_H
#define TOKEN_BENCH_H

#include <sys/types.h>

#include "../../token/libcrypto.h"

#include "../../appliance/base/lines.h"
#include "../../appliance/wire/channel.h"

#define BENCH_PIN "123456"
#define BENCH_EVENTS_MAX 32

/* Keys in the token, by id. */
enum bench_key { BENCH_RSA_SIGN = 1, BENCH_RSA_VAULT = 2, BENCH_EC_SIGN = 3, BENCH_EC_VAULT = 4 };

/* What a test certificate looks like. */
struct bench_cert {
	enum bench_key key; /* whose public half */
	const char *usage;  /* "digitalSignature" ... */
	int from_days, to_days;
	const char *san; /* configuration of the extension, NULL: none */
};

struct bench {
	pid_t pid;
	int parent, hub, store; /* our ends, -1 */
	const char *answer;     /* of PIN_GO */
	unsigned tries;         /* TOKEN_PIN_TRY seen */
	char fingerprint[128];  /* of the last one */
	char events[BENCH_EVENTS_MAX][32];
	unsigned event_count;
	unsigned at_reader; /* TOKEN_STATUS pin-at-reader seen */
	char state[32];     /* of the last TOKEN_STATUS to hub or store */
	char told[2][32];   /* of the last one to the store, to the hub */
	char lines[LINES_BODY_MAX + 1];
	unsigned protection; /* PROTECT_* of READY */
	uint8_t packet[WIRE_MESSAGE_MAX_BYTES];
};

/* Once per test program: a token with four keys in a directory of its own, a CA in memory. */
int bench_group_setup(void **state);
int bench_group_teardown(void **state);
/* The directory alone, for a program that brings its token. */
void bench_dir_make(void);
const char *bench_dir(void);
int bench_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One more key ("rsa:3072", "EC:secp384r1") under an id of its own; what pkcs11-tool is told besides, or "". */
void bench_make_key(int id, const char *type, const char *more);

X509 *bench_certificate(const struct bench_cert *wanted);
/* A memfd with the certificate and the CA's in PEM. */
int bench_pem(const struct bench_cert *wanted);

/* Settings of a usual token: module, uri, environment. */
void bench_settings(struct lines *lines);
/* Adds key `n`; cert_fd < 0: the certificate is on the token. */
void bench_setting_key(struct lines *lines, unsigned n, const char *name, enum bench_key key, const char *use, int cert_fd);
void bench_start(struct bench *bench, const struct lines *lines, const int *fds, size_t fd_count);
/* Sends a new link and waits for the status on it; the former one is closed. */
void bench_link(struct bench *bench, enum wire_role role);
/* Waits for a message of one type on `fd` (of hub or store), answers PIN_TRY and NOTE on the way. Spans point into bench->packet. NULL: the link ended. */
struct wire_message *bench_wait(struct bench *bench, int fd, enum wire_type type);
/* Waits until the status says so. */
void bench_wait_state(struct bench *bench, int fd, const char *state);
bool bench_status_is(const struct bench *bench, const char *name, const char *value);
bool bench_saw(const struct bench *bench, const char *event);
/* TOKEN_LOGIN; the code of the answer (0: done, else the negative error). */
int bench_login(struct bench *bench, const char *pin);
/* Started, linked, logged in by a person. */
void bench_ready(struct bench *bench, const struct lines *lines, const int *fds, size_t fd_count);
/* STOP; the exit code. */
int bench_stop(struct bench *bench);
/* The exit code of a process that ends by itself, -1 - signal. */
int bench_wait_exit(struct bench *bench);

/* Sends a request of the store and waits for its answer, of this type or WIRE_ERROR. NULL: the link ended. */
struct wire_message *bench_ask(struct bench *bench, const struct wire_message *message, enum wire_type answer);
/* 0, or the error of an answer. */
int bench_code(const struct wire_message *answer);
/* A file in bench_dir(). */
void bench_write(const char *name, const void *data, size_t length);

struct bench_sign {
	uint64_t index;
	const char *key, *purpose, *form, *digest, *want, *padding, *attributes;
	const void *content;
	size_t length;
	const char *leaf_key; /* what the record says, when it shall differ */
	bool leaf_other_index;
	size_t announced_less; /* SIZE is so much smaller than the content */
	const void *second;    /* the second descriptor reads this instead */
	uint64_t within_ms;    /* deadline; 0: long */
};
/* 0 and the CMS in *ret (to be freed), or the error of the answer; ERR_GONE when the process died. `text` gets the words or the LINES. */
int bench_sign(struct bench *bench, const struct bench_sign *wanted, uint8_t **ret, size_t *ret_length, char *text, size_t size);
/* TOKEN_DECRYPT of a file in bench_dir() into another one there, which is there whatever the answer: its code; `text` gets the words or the LINES. */
int bench_decrypt(struct bench *bench, const char *key, const char *from, const char *to, uint64_t limit, char *text, size_t size);
/* TOKEN_UNWRAP of a CMS made for this certificate: the content, or the error. */
int bench_unwrap(struct bench *bench, const uint8_t *wrapped, size_t length, uint8_t *ret, size_t *ret_length);

#endif
