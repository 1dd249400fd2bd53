/* overview_names.c - names of files for the page, where the configuration wants them. The store has them while the vault is open; the hub forgets them with the
 * next answer and writes them nowhere but into the page. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../wire/channel.h"
#include "overview_private.h"

struct entry {
	const char *number, *name; /* into `names` */
};

static char *names;
static struct entry *entries;
static size_t entry_count;
static int memfd = -1;
static bool pending, fresh;

static int by_number(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->number, ((const struct entry *)b)->number);
}

static void forget(void)
{
	free(names);
	free(entries);
	names = NULL;
	entries = NULL;
	entry_count = 0;
}

int overview_names_load(char *text, size_t length)
{
	size_t lines = 0;

	forget();
	names = text;
	for (size_t i = 0; i < length; i++) {
		lines += text[i] == '\n' ? 1 : 0;
	}
	entries = calloc(lines + 1, sizeof *entries);
	if (entries == NULL) {
		forget();
		return ERR_MEMORY;
	}
	for (char *line = text, *end = NULL; line < text + length && (end = memchr(line, '\n', (size_t)(text + length - line))) != NULL; line = end + 1) {
		char *tab = memchr(line, '\t', (size_t)(end - line));

		*end = '\0';
		if (tab != NULL) {
			*tab = '\0';
			entries[entry_count++] = (struct entry){ line, tab + 1 };
		}
	}
	qsort(entries, entry_count, sizeof *entries, by_number);
	return 0;
}

const char *overview_name(const char *number)
{
	struct entry wanted = { .number = number };
	const struct entry *found = entry_count == 0 ? NULL : bsearch(&wanted, entries, entry_count, sizeof *entries, by_number);

	return found == NULL ? "" : found->name;
}

static void on_names(void *context, int err, struct wire_message *message)
{
	uint8_t *text = NULL;
	size_t length = 0;

	(void)context;
	forget(); /* a vault that was locked since shows none */
	if (err == 0 && message->type != WIRE_ERROR && lseek(memfd, 0, SEEK_SET) == 0 && fd_read_all(memfd, OVERVIEW_NAMES_MAX_BYTES, &text, &length) == 0 &&
	    overview_names_load((char *)text, length) != 0) {
		log_warning("the overview is without names: no memory");
	}
	cleanup_close(&memfd);
	pending = false;
	fresh = true;
}

void overview_names_stale(void)
{
	fresh = false;
}

bool overview_names_ready(struct hub *hub)
{
	struct wire_message message;

	if (pending || fresh || hub->config->share.overview_content != CONFIG_OVERVIEW_FULL) {
		return !pending;
	}
	memfd = fd_memfd_open("names");
	if (memfd < 0 || hub->store == NULL) {
		cleanup_close(&memfd);
		return true;
	}
	wire_begin(&message, WIRE_STORE_NAMES, 0, CLOCK_NEVER_MS);
	wire_put_fd(&message, memfd);
	pending = channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_names, hub, NULL) == 0;
	if (!pending) {
		cleanup_close(&memfd);
	}
	return !pending;
}
