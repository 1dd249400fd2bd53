/* channel.h - one end of a link to a peer, on an event loop: sends, receives, matches answers with requests, keeps their deadlines.
 *
 * Sending never blocks: what the socket does not take is queued (at most CHANNEL_QUEUE_MAX packets; beyond, the peer counts as hung and the
 * channel is closed). All callbacks run from the loop, never from inside channel_send.
 */
#ifndef WIRE_CHANNEL_H
#define WIRE_CHANNEL_H

#include "../base/loop.h"
#include "wire.h"

#define CHANNEL_QUEUE_MAX 8192
#define CHANNEL_PENDING_MAX 8192

struct channel;

enum channel_end {
	CHANNEL_CLOSED, /* the peer closed or died */
	CHANNEL_BROKEN, /* the peer broke the protocol; `why` says how */
	CHANNEL_HUNG,   /* queue limit */
};

/* A request or notice of the peer. The message is freed after the call; take descriptors out of it. Return ERR_PROTOCOL to declare the peer broken. */
typedef int (*channel_handler)(void *context, struct channel *channel, struct wire_message *message);
/* The link ended: pending requests were answered ERR_GONE already. The channel must be freed by the owner, here or later. */
typedef void (*channel_end_handler)(void *context, struct channel *channel, enum channel_end end, const char *why);
/* Exactly once per request: the answer (type as in the schema, or WIRE_ERROR), or message NULL with err ERR_GONE or ERR_DEADLINE.
 * WIRE_PROGRESS notices come through the ordinary handler. */
typedef void (*channel_answer)(void *context, int err, struct wire_message *message);

/* Takes over `fd`, made by socketpair(AF_UNIX, SOCK_SEQPACKET). NULL without memory (fd is closed). */
struct channel *channel_new(struct loop *loop, int fd, enum wire_role self, enum wire_role peer, channel_handler on_message, channel_end_handler on_end,
                            void *context);
/* Pending requests are dropped without a call. NULL is fine. */
void channel_free(struct channel *channel);
enum wire_role channel_peer(const struct channel *channel);
bool channel_is_open(const struct channel *channel);

/* Sends an answer or notice. Descriptors are duplicated when queued; the caller keeps its own. 0 or a negative error (ERR_GONE: closed). */
int channel_send(struct channel *channel, const struct wire_message *message);
/* Sends a request: sets the id, keeps the deadline. On failure `on_answer` is not called. Returns the id > 0 through *ret_id when not NULL. */
int channel_request(struct channel *channel, struct wire_message *message, uint64_t timeout_ms, channel_answer on_answer, void *context, uint64_t *ret_id);
/* Forgets a pending request: its answer will be ignored. */
void channel_forget(struct channel *channel, uint64_t id);
/* Packets not yet taken by the socket. */
size_t channel_backlog(const struct channel *channel);

/* Answers `request` with WIRE_ERROR. `text` may be NULL. */
int channel_answer_error(struct channel *channel, uint64_t request_id, int err, const char *text);

/* Blocking helpers for processes without a loop (jobs, sessions before their loop, CLI). */
int wire_send_blocking(int fd, enum wire_role self, enum wire_role peer, const struct wire_message *message, uint64_t deadline_ms);
/* `buffer` of WIRE_MESSAGE_MAX_BYTES; spans of the message point into it. ERR_GONE at the end of the link. */
int wire_receive_blocking(int fd, enum wire_role self, enum wire_role peer, uint8_t *buffer, struct wire_message *ret, uint64_t deadline_ms);

#endif
