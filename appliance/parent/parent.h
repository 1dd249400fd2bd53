/* parent.h - the parent of all programs: starts them, watches them, restarts them, and makes the links between them (design 2).
 *
 * It keeps root, and after the start it parses nothing but the typed messages of its own children. What it hands out are descriptors: the control
 * socket that listens, certificates and PIN files that root opened, and a socket pair for each two programs that talk to each other.
 *
 * A program that dies is started again: at once the first time, then after PARENT_BACKOFF_FIRST_MS doubled up to PARENT_BACKOFF_MAX_MS while it keeps dying
 * within PARENT_STEADY_MS. Nothing is counted for ever: a box heals itself (P6).
 */
#ifndef APPLIANCE_PARENT_H
#define APPLIANCE_PARENT_H

#include "../../config/config.h"
#include "../base/loop.h"
#include "../base/sandbox.h"
#include "../wire/channel.h"
#include "pulse.h"

#define PARENT_BACKOFF_FIRST_MS 50
#define PARENT_BACKOFF_MAX_MS 5000
#define PARENT_STEADY_MS 3000
#define PARENT_ABSENT_MS 2000 /* a token process that found no token (exit 75) is asked again after this */
#define PARENT_STOP_MS 10000  /* after STOP everyone has so long before SIGKILL */
#define PARENT_EXIT_ABSENT 75

/* store, partner, transport, hub and the tokens */
#define PARENT_PROGRAMS_MAX (4 + CONFIG_TOKENS_MAX)

struct parent;

struct program {
	struct parent *parent;
	enum wire_role role;
	uint64_t index;
	const char *name;       /* of a token; "" otherwise */
	const char *executable; /* beside podatelnad */
	const char *argument;   /* NULL, or one argument */
	const char *user;
	pid_t pid; /* 0: not running */
	struct channel *channel;
	bool ready;
	bool asked; /* pulse.h: an answer is awaited */
	uint64_t bits, starts, started_ms, backoff_ms;
	int timer;
	bool unfit;    /* its settings could not be sent: that is why it is killed */
	char why[128]; /* how it ended last */
};

struct parent {
	const struct config *config;
	struct span config_text;
	struct loop *loop;
	struct program programs[PARENT_PROGRAMS_MAX];
	size_t program_count;
	int control_socket;
	int signals;
	bool stopping;
	struct pulse pulse;
};

/* Runs the box until SIGTERM or SIGINT. `config_text` is what `config` was parsed from. Returns the exit code. */
int parent_run(const struct config *config, struct span config_text);

/* parent_setup.c: the SETUP message of a program: settings and descriptors that root opened. 0, or a negative error with a logged reason. */
int parent_setup_send(struct program *program);
/* Makes what must be there before the first start: data and run directories, the control socket. */
int parent_prepare(struct parent *parent);
/* Makes the claim folder where it is missing: before each start of the hub, for the share may have been mounted since. */
void parent_prepare_claims(const struct config *config);

/* parent_spawn.c: fork, rights, exec. 0 or a negative error. */
int parent_spawn(struct program *program);
/* In a child, before exec: gives up root for the program's user; exits when it cannot. */
void parent_drop_rights(const struct program *program);
/* Before that: open files, locked memory, and for a token program how freed memory is treated. */
void parent_set_limits(const struct program *program);

/* parent_tool.c: becomes `podatelna-token --tool` for the token of that name (token/tool.h says what stands on the other descriptors). An exit code when it
 * cannot, after saying why. */
int parent_tool(const struct config *config, const char *name);

/* Makes the data directory where it is missing, for the store's user. 0 or a negative error with a logged reason. */
int parent_prepare_data(const struct config *config);
/* parent_restore.c: becomes `podatelna-store --restore` (store/restore.h; the backup stands on descriptor 3). An exit code when it cannot, after saying why. */
int parent_restore(const struct config *config);

#endif
