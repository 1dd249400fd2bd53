#include "zygote.h"

#include <errno.h>
#include <libxml/parser.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/fdio.h"
#include "../appliance/base/log.h"
#include "../appliance/wire/child.h"
#include "base/libcrypto.h"
#include "rehearse.h"
#include "zygote_job.h"

struct zygote;

/* A running job; pid 0: free. */
struct slot {
	struct zygote *zygote;
	pid_t pid;
	int life; /* closes when the process ends */
	int watch, timer;
	bool killed;
};

struct zygote {
	struct child *child;
	struct channel *hub;
	const struct job_kind *kinds;
	struct sandbox_filter *narrow; /* of the jobs */
	struct slot slots[ZYGOTE_JOBS_MAX];
	struct order *first, *last; /* waiting */
	size_t waiting;
};

static void start_waiting(struct zygote *zygote);

/* Everything that the libraries do only once, and what they would open files for. */
static int load_libraries(void)
{
	static const char *const digests[] = { "MD5", "SHA1", "SHA256", "SHA384", "SHA512" };

	xmlInitParser();
	if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS | OPENSSL_INIT_LOAD_CONFIG,
	                        NULL) != 1) {
		return ERR_INTERNAL;
	}
	for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
		EVP_MD *digest = EVP_MD_fetch(NULL, digests[i], NULL);

		if (digest == NULL) {
			log_error("libcrypto has no %s", digests[i]);
			return ERR_UNSUPPORTED;
		}
		EVP_MD_free(digest);
	}
	if (!rehearse_jobs()) {
		log_error("libxml2 or libcrypto cannot do what the jobs need");
		return ERR_UNSUPPORTED;
	}
	return 0;
}

static void on_deadline(void *context, uint32_t events)
{
	struct slot *slot = context;

	(void)events;
	slot->timer = 0;
	slot->killed = true;
	(void)kill(slot->pid, SIGKILL);
}

static void on_life_end(void *context, uint32_t events)
{
	struct slot *slot = context;
	struct loop *loop = child_loop(slot->zygote->child);
	int status = 0;

	(void)events;
	/* The process holds nothing any more and is about to be a zombie: this does not block for long. */
	while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR) {
	}
	if (slot->killed) {
		log_warning("a job was killed at its deadline");
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		log_warning("a job ended with %s %d", WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	loop_unwatch(loop, slot->watch);
	loop_cancel(loop, slot->timer);
	(void)close(slot->life);
	slot->pid = 0;
	start_waiting(slot->zygote);
}

static struct slot *find_slot(struct zygote *zygote)
{
	for (size_t i = 0; i < ZYGOTE_JOBS_MAX; i++) {
		if (zygote->slots[i].pid == 0) {
			return &zygote->slots[i];
		}
	}
	return NULL;
}

static int start(struct zygote *zygote, struct slot *slot, struct order *order)
{
	struct loop *loop = child_loop(zygote->child);
	_cleanup_close_ int life = -1, life_end = -1;
	pid_t self = getpid(), pid = 0;
	int err = fd_pipe(&life, &life_end);

	if (err != 0) {
		return err;
	}
	slot->watch = loop_watch(loop, life, EPOLLIN, on_life_end, slot);
	if (slot->watch < 0) {
		return slot->watch;
	}
	pid = fork();
	if (pid == 0) {
		job_process(zygote->kinds, zygote->narrow, order, life_end, self);
	}
	if (pid < 0) {
		loop_unwatch(loop, slot->watch);
		return ERR_SYSTEM;
	}
	*slot = (struct slot){ .zygote = zygote, .pid = pid, .life = take_fd(&life), .watch = slot->watch };
	slot->timer = loop_timer(loop, clock_deadline(order_deadline_ms(order)), on_deadline, slot);
	if (slot->timer < 0) {
		slot->timer = 0; /* the job's own alarm remains */
	}
	return 0;
}

static void start_waiting(struct zygote *zygote)
{
	struct slot *slot = NULL;

	while (zygote->first != NULL && (slot = find_slot(zygote)) != NULL) {
		struct order *order = zygote->first;
		int err = ERR_INTERNAL;

		zygote->first = order->next;
		zygote->last = zygote->first == NULL ? NULL : zygote->last;
		zygote->waiting--;
		slot->zygote = zygote;
		err = start(zygote, slot, order);
		if (err != 0) {
			log_error("a job could not be started: %s", err_name(err));
			order_refuse(order, err, "the job could not be started");
		}
		order_free(order);
	}
}

static int on_hub_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct zygote *zygote = context;
	struct order *order = NULL;

	(void)channel;
	if (message->type != WIRE_JOB_START) {
		return ERR_PROTOCOL;
	}
	order = order_new(message);
	if (order == NULL) {
		return ERR_PROTOCOL; /* names that long are a bug of the sender */
	}
	if (zygote->waiting == ZYGOTE_QUEUE_MAX) {
		order_refuse(order, ERR_BUSY, "too many jobs wait");
		order_free(order);
		return 0;
	}
	if (zygote->last == NULL) {
		zygote->first = order;
	} else {
		zygote->last->next = order;
	}
	zygote->last = order;
	zygote->waiting++;
	start_waiting(zygote);
	return 0;
}

static void on_hub_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct zygote *zygote = context;

	if (end == CHANNEL_BROKEN) {
		child_accuse(zygote->child, WIRE_HUB, 0, why);
	}
	if (zygote->hub == channel) {
		zygote->hub = NULL;
	}
	channel_free(channel);
}

static void on_peer(void *context, enum wire_role role, uint64_t index, const char *name, int fd)
{
	struct zygote *zygote = context;

	(void)index;
	(void)name;
	if (role != WIRE_HUB) {
		(void)close(fd);
		return;
	}
	/* Jobs of the former hub run to their end; nobody will read what they say. */
	channel_free(zygote->hub);
	zygote->hub = channel_new(child_loop(zygote->child), fd, WIRE_PARTNER, WIRE_HUB, on_hub_message, on_hub_end, zygote);
	if (zygote->hub == NULL) {
		log_error("no memory for the link to the hub");
	}
}

static void on_stop(void *context)
{
	struct zygote *zygote = context;

	loop_stop(child_loop(zygote->child), 0);
}

int zygote_main(const struct job_kind *kinds)
{
	static const struct sandbox sandbox = { .groups = SANDBOX_FORK };
	static struct zygote zygote;

	zygote.kinds = kinds;
	zygote.child = child_open("podatelna-partner", WIRE_PARTNER);
	(void)signal(SIGCHLD, SIG_DFL);
	if (load_libraries() != 0) {
		return 1;
	}
	zygote.narrow = sandbox_filter_new(0);
	if (zygote.narrow == NULL) {
		log_error("the filter of the jobs cannot be made");
		return 1;
	}
	child_handlers(zygote.child, on_peer, on_stop, NULL, &zygote);
	child_ready(zygote.child, &sandbox);
	return loop_run(child_loop(zygote.child)) == 0 ? 0 : 1;
}
