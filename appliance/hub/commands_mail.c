/* commands_mail.c - `mail test` and the lines of `status` about e-mail. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cause.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/text.h"
#include "control_private.h"
#include "mail.h"

/* Words of the network program: the cause is translated, the details stay as the server said them. */
static void say_error(const char *error, char *ret, size_t size)
{
	const char *words = cause_text(cause_find(error));
	char clean[CASE_REASON_MAX_BYTES];

	(void)escape_text(ESCAPE_TERMINAL, span_of_string(error + strlen(words)), clean, sizeof clean);
	(void)snprintf(ret, size, "%s%s", words[0] == '\0' ? "" : _(words), clean);
}

void command_status_mail(struct caller *caller)
{
	struct mail_status status;
	char text[2 * CASE_REASON_MAX_BYTES];

	if (caller->hub->mail == NULL) {
		return;
	}
	mail_tell_status(caller->hub->mail, &status);
	(void)snprintf(text, sizeof text, "%zu", status.queued);
	caller_field(caller, "mail-queued", text);
	if (status.given_up > 0) {
		(void)snprintf(text, sizeof text, "%llu", (unsigned long long)status.given_up);
		caller_field(caller, "mail-given-up", text);
	}
	if (status.error[0] != '\0') {
		say_error(status.error, text, sizeof text);
		caller_field(caller, "mail-error", text);
	}
}

static void on_tested(void *context, const char *outcome, const char *error)
{
	struct caller *caller = context;

	if (strcmp(outcome, "sent") != 0) {
		caller->exit_code = COMMAND_NO;
		say_error(error, caller->text, sizeof caller->text);
	} else {
		(void)snprintf(caller->text, sizeof caller->text, "%s", _("the mail server took the message"));
	}
	caller_settle(caller);
}

/* To the address given, else to the caller's own, else to the first of `to`. */
void command_mail_test(struct caller *caller)
{
	const struct config *config = caller->hub->config;
	const char *to = caller->word_count > 2 ? caller->words[2] : config_mail_of(config, caller->uid);
	int err = 0;

	if (caller->hub->mail == NULL) {
		caller_finish(caller, COMMAND_DENIED, _("e-mail is not configured: section \"mail\" of the configuration"));
		return;
	}
	if (to[0] == '\0' && config->mail.to.count > 0) {
		to = config->mail.to.items[0];
	}
	caller_pend(caller);
	err = mail_test(caller->hub->mail, to, on_tested, caller);
	if (err != 0) {
		(void)caller_fail(caller, err, err == ERR_FORMAT ? _("this is no e-mail address") : _("the network program is being restarted"));
		caller_settle(caller);
	}
}
