/* Control messages in every direction: what is decoded obeys its schema, and encodes to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "appliance/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum wire_role roles[][2] = {
		{ WIRE_PARENT, WIRE_HUB },    { WIRE_HUB, WIRE_STORE }, { WIRE_STORE, WIRE_HUB },    { WIRE_STORE, WIRE_TOKEN },
		{ WIRE_TOKEN, WIRE_STORE },   { WIRE_TOKEN, WIRE_HUB }, { WIRE_HUB, WIRE_PARTNER },  { WIRE_JOB, WIRE_HUB },
		{ WIRE_SESSION, WIRE_STORE }, { WIRE_CLI, WIRE_HUB },   { WIRE_STORE, WIRE_PARENT }, { WIRE_HUB, WIRE_TRANSPORT },
	};
	static uint8_t again[WIRE_MESSAGE_MAX_BYTES];
	struct wire_message message;
	const char *why = NULL;

	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
		for (size_t fds = 0; fds < 4; fds++) {
			memset(&message, 0, sizeof message);
			message.fd_count = fds;
			if (wire_decode(span_of(data, size), roles[i][0], roles[i][1], &message, &why) == 0) {
				int length = wire_encode(&message, roles[i][0], roles[i][1], again, sizeof again);

				if (length < 0 || (size_t)length != size || memcmp(again, data, size) != 0) {
					abort();
				}
			}
		}
	}
	return 0;
}
