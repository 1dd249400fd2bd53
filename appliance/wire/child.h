/* child.h - how a child of podatelnad begins: the link to the parent on descriptor 3, SETUP, sandbox, READY, then its loop.
 *
 *   int main(void) {
 *       struct child *child = child_open("podatelna-store", WIRE_STORE);   // logs, signals, SETUP received (blocking, CHILD_SETUP_MS)
 *       ... read child_settings, open what stays open ...
 *       child_ready(child, &sandbox);                                      // sandbox_enter and READY
 *       ... loop_run(child_loop(child)) with on_peer called for each PEER ...
 *   }
 *
 * Failures: before READY a child says why on the log and exits 1. When the parent's link ends the process exits at once (the parent is gone).
 */
#ifndef WIRE_CHILD_H
#define WIRE_CHILD_H

#include "../base/sandbox.h"
#include "channel.h"

#define CHILD_PARENT_FD 3
#define CHILD_SETUP_MS 10000

struct child;

/* A new link to a peer; `fd` is the handler's to own (give it to channel_new). */
typedef void (*child_peer_handler)(void *context, enum wire_role role, uint64_t index, const char *name, int fd);
typedef void (*child_stop_handler)(void *context);
/* Other notices of the parent (CHILD, for the hub). */
typedef void (*child_notice_handler)(void *context, struct wire_message *message);

/* The parent asks whether the loop turns: may put fields into the answer, PONG; what they point to must outlive the call. */
typedef void (*child_ping_handler)(void *context, struct wire_message *answer);

/* Exits the process with a logged reason when there is no parent or no SETUP. */
struct child *child_open(const char *program, enum wire_role self);
struct loop *child_loop(struct child *child);
/* The LINES of SETUP: lives as long as the child. */
struct span child_settings(const struct child *child);
uint64_t child_index(const struct child *child);
const char *child_name(const struct child *child);
/* Takes descriptor n of SETUP, -1 when there is none. */
int child_take_fd(struct child *child, size_t n);
void child_handlers(struct child *child, child_peer_handler on_peer, child_stop_handler on_stop, child_notice_handler on_notice, void *context);
/* Without it PONG is empty. The context is that of child_handlers. */
void child_on_ping(struct child *child, child_ping_handler on_ping);
/* Enters the sandbox and says READY; exits with a logged reason when it cannot. */
void child_ready(struct child *child, const struct sandbox *sandbox);
/* Tells the parent that a peer broke the protocol; the parent kills it. */
void child_accuse(struct child *child, enum wire_role role, uint64_t index, const char *why);

#endif
