#include "tls_signed.h"

#include <string.h>

/* Handshake types (RFC 5246 7.4; 22: RFC 6066 8, 23: RFC 4680 2) */
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, CERTIFICATE = 11, SERVER_KEY = 12, REQUEST = 13, DONE = 14, CLIENT_KEY = 16, STATUS = 22, SUPPLEMENT = 23 };

#define HELLO_LEAST_BYTES 38 /* version, random, length of the session id, cipher suite, compression */

static bool read_u24(struct span *from, size_t *ret)
{
	struct span bytes;

	if (!span_read_bytes(from, 3, &bytes)) {
		return false;
	}
	*ret = (size_t)bytes.data[0] << 16 | (size_t)bytes.data[1] << 8 | bytes.data[2];
	return true;
}

static bool read_message(struct span *from, uint8_t *ret_type, struct span *ret_body)
{
	struct span place = *from;
	size_t length = 0;

	if (!span_read_u8(&place, ret_type) || !read_u24(&place, &length) || !span_read_bytes(&place, length, ret_body)) {
		return false;
	}
	*from = place;
	return true;
}

static bool read_hello(struct span *from, uint8_t wanted)
{
	uint8_t type = 0;
	struct span body;

	return read_message(from, &type, &body) && type == wanted && body.length >= HELLO_LEAST_BYTES && body.data[0] == 3 && body.data[1] == 3;
}

/* What the server says after its hello; a certificate must have been asked for. */
static bool read_server(struct span *from)
{
	bool requested = false;
	uint8_t type = 0;
	struct span body;

	while (read_message(from, &type, &body)) {
		switch (type) {
		case DONE:
			return requested && span_is_empty(body);
		case REQUEST:
			if (requested) {
				return false;
			}
			requested = true;
			break;
		case CERTIFICATE:
		case SERVER_KEY:
		case STATUS:
		case SUPPLEMENT:
			break;
		default:
			return false;
		}
	}
	return false;
}

static bool read_own_certificate(struct span *from, struct span certificate)
{
	uint8_t type = 0;
	struct span body, first;
	size_t length = 0;

	if (!read_message(from, &type, &body) || type != CERTIFICATE || !read_u24(&body, &length) || length != body.length || !read_u24(&body, &length) ||
	    !span_read_bytes(&body, length, &first)) {
		return false;
	}
	return span_equals(first, certificate);
}

static bool is_12(struct span bytes, struct span certificate)
{
	uint8_t type = 0;
	struct span body;

	return read_hello(&bytes, CLIENT_HELLO) && read_hello(&bytes, SERVER_HELLO) && read_server(&bytes) && read_own_certificate(&bytes, certificate) &&
	       read_message(&bytes, &type, &body) && type == CLIENT_KEY && span_is_empty(bytes);
}

static bool is_13(struct span bytes)
{
	static const char context[] = "TLS 1.3, client CertificateVerify"; /* its zero byte belongs to what is signed */
	struct span blanks, words;

	if (!span_read_bytes(&bytes, 64, &blanks) || !span_read_bytes(&bytes, sizeof context, &words) || memcmp(words.data, context, sizeof context) != 0) {
		return false;
	}
	for (size_t i = 0; i < blanks.length; i++) {
		if (blanks.data[i] != ' ') {
			return false;
		}
	}
	return bytes.length == 32 || bytes.length == 48;
}

enum tls_signed tls_signed_look(struct span bytes, struct span certificate)
{
	return is_13(bytes) ? TLS_SIGNED_13 : is_12(bytes, certificate) ? TLS_SIGNED_12 : TLS_SIGNED_NOT;
}
