/* The connection with the hub, and one command on it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/text.h"
#include "../wire/channel.h"
#include "cli.h"

#define REQUEST_ID 1

int cli_link_lost(struct cli *cli, const char *why)
{
	(void)fprintf(cli->err, _("podatelna: the box does not answer on %s: %s\n"), cli->socket, why);
	(void)fputs(_("Is it running? Look with \"systemctl status podatelna\", start it with \"systemctl start podatelna\".\n"), cli->err);
	return CLI_UNREACHABLE;
}

int cli_link_connect(const struct cli *cli, int *ret_link)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (fd < 0) {
		return errno;
	}
	if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", cli->socket) >= sizeof address.sun_path) {
		return ENAMETOOLONG;
	}
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		return errno;
	}
	*ret_link = take_fd(&fd);
	return 0;
}

int cli_link_open(struct cli *cli, int *ret_link)
{
	int error = cli_link_connect(cli, ret_link);

	if (error == EACCES || error == EPERM) {
		(void)fprintf(cli->err, _("podatelna: you may not connect to %s. Ask the administrator to add you to its group.\n"), cli->socket);
		return CLI_DENIED;
	}
	if (error != 0) {
		return cli_link_lost(cli, error == ENAMETOOLONG ? _("the path is too long") : strerror(error));
	}
	return CLI_YES;
}

/* "--reason=TEXT" or "--all"; the texts are to be freed. The count, or ERR_MEMORY. */
static int option_words(const struct cli_call *call, char *ret[CLI_O_COUNT])
{
	int count = 0;

	for (size_t i = 0; i < CLI_O_COUNT; i++) {
		bool flag = cli_options[i].argument == NULL;

		if (!cli_options[i].to_hub || call->given[i] == NULL) {
			continue;
		}
		if (asprintf(&ret[count], "--%s%s%s", cli_options[i].name, flag ? "" : "=", flag ? "" : call->given[i]) < 0) {
			ret[count] = NULL;
			return ERR_MEMORY;
		}
		count++;
	}
	return count;
}

/* The states, each as a field; the text between commas stays where it is. */
static void put_states(struct wire_message *message, const char *states)
{
	while (states != NULL && *states != '\0') {
		size_t length = strcspn(states, ",");

		if (length > 0 && message->field_count < WIRE_FIELDS_MAX) {
			wire_put_bytes(message, WIRE_F_STATE, span_of(states, length));
		}
		states += length + (states[length] == ',' ? 1 : 0);
	}
}

static void put_filter(struct wire_message *message, const struct cli_filter *filter, const char *after, uint64_t limit)
{
	put_states(message, filter->states);
	if (filter->partner != NULL) {
		wire_put_string(message, WIRE_F_NAME, filter->partner);
	}
	if (filter->by[0] != '\0') {
		wire_put_string(message, WIRE_F_BY, filter->by);
	}
	if (filter->text != NULL) {
		wire_put_string(message, WIRE_F_TEXT, filter->text);
	}
	if (filter->since_ms > 0) {
		wire_put_number(message, WIRE_F_TIME, (uint64_t)filter->since_ms);
	}
	if (filter->until_ms > 0) {
		wire_put_number(message, WIRE_F_UNTIL, (uint64_t)filter->until_ms);
	}
	if (after[0] != '\0') {
		wire_put_string(message, WIRE_F_CASE, after);
	}
	wire_put_number(message, WIRE_F_LIMIT, limit);
}

int cli_link_send(const struct cli *cli, int link, const struct cli_call *call, size_t words_sent, int fd, const char *after, uint64_t limit,
                  uint64_t deadline_ms)
{
	char *options[CLI_O_COUNT] = { NULL };
	struct wire_message message;
	int r = option_words(call, options);

	wire_begin(&message, WIRE_COMMAND, REQUEST_ID, deadline_ms);
	for (size_t i = 0; i < words_sent; i++) {
		wire_put_string(&message, WIRE_F_ARGUMENT, call->words[i]);
	}
	for (size_t i = 0; i < CLI_O_COUNT && options[i] != NULL; i++) {
		wire_put_string(&message, WIRE_F_ARGUMENT, options[i]);
	}
	wire_put_string(&message, WIRE_F_KIND, cli->json ? "json" : "text");
	if (call->filter != NULL) {
		put_filter(&message, call->filter, after, limit);
	}
	if (fd >= 0) {
		wire_put_fd(&message, fd);
	}
	r = r < 0 ? r : wire_send_blocking(link, WIRE_CLI, WIRE_HUB, &message, deadline_ms);
	for (size_t i = 0; i < CLI_O_COUNT; i++) {
		free(options[i]);
	}
	return r;
}
