/* tls_signed.h - is this what a TLS client signs in CertificateVerify, and nothing else? A `tls` key signs only whole such bytes (design 2), so that no other
 * signature can be had from it by calling it a login. */
#ifndef TOKEN_TLS_SIGNED_H
#define TOKEN_TLS_SIGNED_H

#include "../appliance/base/span.h"

enum tls_signed { TLS_SIGNED_NOT, TLS_SIGNED_12, TLS_SIGNED_13 };

/* TLS 1.3 (RFC 8446 4.4.3): 64 blanks, the client's context string, a zero byte, a transcript hash of 32 or 48 bytes (SHA-256, SHA-384: the cipher suites' only
 * ones, B.4). TLS 1.2 (RFC 5246 7.4.8): the handshake messages from ClientHello to ClientKeyExchange in their order (7.3), with the server's request for a
 * certificate, and `certificate` (DER) as the first one of the client's own. */
enum tls_signed tls_signed_look(struct span bytes, struct span certificate);

#endif
