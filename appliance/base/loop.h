/* loop.h - the event loop of one single-threaded process: descriptors and timers, each with a handler.
 *
 * Handlers may add and remove any watch or timer, their own included. A removed watch is never called again.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_WATCH_MAX 4096

struct loop;

/* `events`: the EPOLL* bits that came. */
typedef void (*loop_handler)(void *context, uint32_t events);

/* NULL without memory or descriptors. Freeing (NULL is fine) closes nothing that was watched. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* The loop never closes `fd`. An id > 0, or a negative error. */
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_handler handler, void *context);
int loop_modify(struct loop *loop, int id, uint32_t events);
/* Harmless for an id of 0 or one already gone. Must come before the fd is closed. */
void loop_unwatch(struct loop *loop, int id);

/* One shot, at an absolute deadline (clock.h). An id > 0, or a negative error. */
int loop_timer(struct loop *loop, uint64_t deadline_ms, loop_handler handler, void *context);
void loop_cancel(struct loop *loop, int id);

/* Runs until loop_stop; returns the argument of that, or a negative error. */
int loop_run(struct loop *loop);
/* One round: waits at most until the deadline. */
int loop_step(struct loop *loop, uint64_t deadline_ms);
void loop_stop(struct loop *loop, int result);

#endif
