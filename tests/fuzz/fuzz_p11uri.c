/* The parser of PKCS#11 URIs (token/p11uri.c): no crash, and what is accepted keeps its promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../token/p11uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p11uri uri;
	const char *why = NULL;
	int err = p11uri_parse(span_of(data, size), &uri, &why);

	if (err != 0 && why == NULL) {
		abort();
	}
	if (err == 0 && (uri.id_length > sizeof uri.id || memchr(uri.token, 0, sizeof uri.token) == NULL || memchr(uri.object, 0, sizeof uri.object) == NULL ||
	                 !span_is_utf8(span_of_string(uri.object)))) {
		abort();
	}
	return 0;
}
