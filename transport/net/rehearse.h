/* rehearse.h - a TLS handshake with ourselves, in memory, before any session is forked.
 *
 * libcrypto looks its algorithms up when they are first used, and keeps what it found. What is found here, every session has from its first byte on.
 * The key of the far end is made for this one handshake and freed after it; it signs nothing else.
 */
#ifndef NET_REHEARSE_H
#define NET_REHEARSE_H

#include <stdbool.h>

/* False when libssl cannot do a TLS 1.3 handshake at all. */
bool rehearse_handshake(void);

#endif
