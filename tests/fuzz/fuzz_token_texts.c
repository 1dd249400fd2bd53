/* What a token is asked to seal or to sign for TLS: the first byte says which; the rest is judged. */
#include <stdlib.h>
#include <string.h>

#include "../../token/checkpoint.h"
#include "../../token/tls_signed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text, origin;

	if (size == 0) {
		return 0;
	}
	text = span_of(data + 1, size - 1);
	if (data[0] == 'c') {
		if (checkpoint_check(text, 7, &origin) == 0 && (origin.length == 0 || origin.data != text.data || text.length != origin.length + 1 + 2 + 45)) {
			abort();
		}
	} else if (tls_signed_look(text, span_of_string("certificate")) == TLS_SIGNED_12 &&
	           (text.data[0] != 1 || text.length < 2 * (4 + 38) + 4 + 4 + 21 + 4)) {
		abort();
	}
	return 0;
}
