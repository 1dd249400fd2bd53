/* commands_begin.c - a person hands something in by the command line: it becomes a case like what stands in the inbox. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/query.h"
#include "../base/text.h"
#include "begin.h"
#include "control_private.h"

static void on_begun(void *context, int err, const char *why, const char *number)
{
	struct caller *caller = context;

	if (err != 0) {
		(void)caller_fail(caller, err, why);
	} else {
		caller_field(caller, "case", number);
	}
	caller_settle(caller);
}

/* ask PARTNER NAME, with the text of a query (base/query.h). */
void command_ask(struct caller *caller)
{
	struct begin_wish wish = { .kind = "query", .source = "cli", .by = caller->by, .folder = caller->words[1], .file = caller->words[2] };
	_cleanup_close_ int content = -1;
	_cleanup_free_ uint8_t *text = NULL;
	struct stat status;
	size_t length = 0;

	if (hub_partner_find(caller->hub, caller->words[1]) == NULL) {
		caller_finish(caller, COMMAND_NO, _("the configuration does not know this partner"));
		return;
	}
	/* Nothing that could keep the hub waiting; and whoever writes into it yet, what is taken is these bytes. */
	if (caller->fd < 0 || fstat(caller->fd, &status) != 0 || !S_ISREG(status.st_mode) || lseek(caller->fd, 0, SEEK_SET) != 0 ||
	    fd_read_all(caller->fd, QUERY_MAX_BYTES, &text, &length) != 0 || !query_begins(span_of(text, length))) {
		caller_finish(caller, COMMAND_USAGE, _("no query came with the command"));
		return;
	}
	content = fd_memfd_sealed("query", text, length);
	if (content < 0 || !hub_is_working(caller->hub)) {
		caller_finish(caller, COMMAND_NO, content < 0 ? _("no memory") : _(hub_waiting_reason(caller->hub)));
		return;
	}
	caller_pend(caller);
	case_begin(caller->hub, content, &wish, on_begun, caller);
}
