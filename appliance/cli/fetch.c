#include <stdlib.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../wire/channel.h"
#include "rows.h"

#define FETCH_MS 20000

/* All packets of the answer. */
static int receive(int link, struct rows *ret, uint64_t deadline)
{
	_cleanup_free_ uint8_t *buffer = malloc(WIRE_MESSAGE_MAX_BYTES);
	bool finished = false;
	int r = buffer == NULL ? ERR_MEMORY : 0;

	while (r == 0 && !finished) {
		_cleanup_message_ struct wire_message message = { 0 };

		r = wire_receive_blocking(link, WIRE_CLI, WIRE_HUB, buffer, &message, deadline);
		if (r == 0 && message.type == WIRE_OUTPUT) {
			r = rows_add(ret, wire_span(&message, WIRE_F_KIND), wire_span(&message, WIRE_F_LINES));
		}
		finished = r == 0 && (message.type == WIRE_FINISHED || message.type == WIRE_ERROR);
	}
	return r;
}

int rows_fetch(struct cli *cli, const char *word, struct rows *ret)
{
	const struct cli_call call = { .words = { word }, .word_count = 1 };
	_cleanup_close_ int link = -1;
	uint64_t deadline = clock_deadline(FETCH_MS);
	int code = cli_link_open(cli, &link), r = ERR_INTERNAL;

	if (code != CLI_YES) {
		return code;
	}
	r = cli_link_send(cli, link, &call, 1, -1, "", 0, deadline);
	r = r < 0 ? r : receive(link, ret, deadline);
	return r < 0 ? cli_link_lost(cli, err_name(r)) : CLI_YES;
}
