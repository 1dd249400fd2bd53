/* packet.h - one packet with its descriptors on a SEQPACKET socket; what channel.c and wire_blocking.c have in common. */
#ifndef WIRE_PACKET_H
#define WIRE_PACKET_H

#include "wire.h"

/* Non-blocking, close-on-exec. */
int packet_prepare(int fd);
/* 0, ERR_AGAIN, ERR_GONE or ERR_SYSTEM. Never blocks, never raises SIGPIPE. */
int packet_send(int fd, const uint8_t *bytes, size_t length, const int *fds, size_t fd_count);
/* Receives and decodes; `buffer` has WIRE_MESSAGE_MAX_BYTES + 1 bytes. 0, ERR_AGAIN, ERR_GONE, ERR_PROTOCOL with *ret_why. */
int packet_receive(int fd, enum wire_role from, enum wire_role to, uint8_t *buffer, struct wire_message *ret, const char **ret_why);
/* A close-on-exec copy, or a negative error. */
int packet_duplicate(int fd);
/* True for WIRE_ERROR and every type that answers a request; WIRE_ERROR with id 0 counts too (and is then nobody's). */
bool packet_is_answer(const struct wire_message *message);
enum wire_type packet_expected_answer(enum wire_type request);

#endif
