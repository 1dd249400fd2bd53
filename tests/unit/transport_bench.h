/* transport_bench.h - a whole podatelna-transport under test: the real program, a rude server, and this process as parent, hub and store. */
#ifndef TESTS_TRANSPORT_BENCH_H
#define TESTS_TRANSPORT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_TEXT_MAX 65536
#define BENCH_WAIT_MS 15000
#define BENCH_LOGIN "tsa-password"           /* user: firm; name of the login: tsa, for https://localhost:<tls>/headers and /login */
#define BENCH_PASSWORD "secret of the proxy" /* user: box */

/* One session as hub and store see it. */
struct bench_run {
	uint64_t id;
	int hub, store; /* our ends */
	pid_t writer;   /* who feeds the body, 0: nobody */
	char lines[4096];
	char peer[16384];
	uint8_t *reply; /* freed by bench_end */
	size_t reply_length;
	uint64_t offer_id;
};

int bench_open(void **state);
int bench_close(void **state);
const char *bench_directory(void);
int bench_port(const char *name);
pid_t bench_program(void);
/* Kills the program and starts it anew. */
void bench_kill(void);
/* Sends STOP. */
void bench_stop(void);
/* Waits for the program's own end (exit 0) and starts it anew. */
void bench_await_end(void);
/* Sends bytes that are no message over the hub link; true when the parent is then told OFFENDER. */
bool bench_offend(void);
int bench_hub_link(void);
/* A new hub link, as after a restart of the hub. */
void bench_new_hub(void);
/* Starts the program anew with this session limit (0: the default). */
void bench_restart(unsigned limit);

/* The id of the next session (they count up from 1). */
void bench_next_id_is(uint64_t id);
/* `lines` is LINES text. `written` bytes come through the pipe of the body, then its end, whatever `size` says. */
void bench_start(struct bench_run *run, const char *lines, const void *body, size_t size, size_t written);
/* The same with a descriptor of the caller's, who keeps it. */
void bench_start_with(struct bench_run *run, const char *lines, size_t size, int body);
/* POST with filing: yes to https://127.0.0.1:<port>/<path>, a body of `size` bytes, deadline 3 s, reply limit 4000000 bytes. */
void bench_file(struct bench_run *run, const char *port, const char *path, size_t size);
/* The same through the proxy of the rude server, with a login. */
void bench_file_through(struct bench_run *run, const char *port, const char *path, size_t size);
/* Receives SESSION_OFFER into run; true when it came. */
bool bench_offer(struct bench_run *run, uint64_t wait_ms);
void bench_durable(struct bench_run *run);
/* Offer and durable together; fails the test when no offer comes. */
void bench_take(struct bench_run *run);
void bench_attach(struct bench_run *run);
void bench_cut_store(struct bench_run *run);
void bench_cut_hub(struct bench_run *run);
/* True when the hub socket says `state` before it ends or the wait is over. */
bool bench_hears(struct bench_run *run, const char *state);
/* True when the hub socket ends in time without any report. */
bool bench_hub_ends_silently(struct bench_run *run);
void bench_end(struct bench_run *run);

/* The value of a line of the offer, "" when absent. Static buffer. */
const char *bench_line(const struct bench_run *run, const char *name);
bool bench_reply_is(const struct bench_run *run, const char *text);
/* How often this "METHOD /path" is in the server's ledger, from offset 0. */
unsigned bench_count(const char *start);
/* Waits until the ledger holds it at least once. */
bool bench_wait_count(const char *start);
void bench_forget_ledger(void);
/* The cases of the living sessions that SESSION_LIST names, a line each. */
const char *bench_list(void);

#endif
