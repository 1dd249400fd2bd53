/* commands_case.c - what a person decides about a case. Each decision is a record in that person's name; the flow goes on from there. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"
#include "address.h"
#include "control_private.h"

#define ATTACHMENT_LIMIT_BYTES (32U * 1024 * 1024)

static void on_appended(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	char text[CASE_REASON_MAX_BYTES];

	if (err != 0) {
		(void)caller_fail(caller, err, _("the store does not answer"));
	} else if (message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
		(void)wire_string(message, WIRE_F_TEXT, text, sizeof text);
		(void)caller_fail(caller, err, err == ERR_MISMATCH ? _("the case changed in this very moment; look at it again") : text);
	} else if (caller->then != NULL) {
		void (*then)(struct caller *) = caller->then;

		caller->then = NULL;
		then(caller);
	} else if (caller->of != NULL) {
		caller->of->due_ms = 0;
		flow_next(caller->hub, caller->of);
	} else {
		flow_all(caller->hub);
	}
	caller_settle(caller);
}

void caller_append(struct caller *caller, const char *type, struct lines *lines)
{
	static char text[LINES_BODY_MAX + 32];
	static const uint8_t none[RECORD_HASH_BYTES];
	struct wire_message message;
	int head = snprintf(text, sizeof text, "%s\n", type);
	int length = 0, err = ERR_GONE;

	lines_set(lines, "by", caller->by);
	if (caller->reason[0] != '\0') {
		lines_set(lines, "reason", caller->reason);
	}
	if (caller->of != NULL) {
		lines_set(lines, "case", caller->of->number);
	}
	length = lines_finish(lines, text + head, sizeof text - (size_t)head);
	lines_free(lines);
	caller_pend(caller);
	if (length >= 0 && caller->hub->store != NULL) {
		wire_begin(&message, WIRE_STORE_APPEND, 0, CLOCK_NEVER_MS);
		wire_put_string(&message, WIRE_F_CASE, caller->of == NULL ? "" : caller->of->number);
		wire_put_bytes(&message, WIRE_F_PREV, caller->of == NULL ? span_of(none, sizeof none) : span_of(caller->of->head, RECORD_HASH_BYTES));
		wire_put_bytes(&message, WIRE_F_RECORD, span_of(text, (size_t)head + (size_t)length));
		err = channel_request(caller->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_appended, caller, NULL);
	}
	if (err != 0) {
		(void)caller_fail(caller, length < 0 ? length : err, _("the record could not be written"));
		caller_settle(caller);
	}
}

void caller_append_then(struct caller *caller, const char *type, struct lines *lines, void (*then)(struct caller *caller))
{
	caller->then = then;
	caller_append(caller, type, lines);
}

/* Refuses with exit 4 when the case is in none of these states. */
static bool in_state(struct caller *caller, uint32_t states, const char *otherwise)
{
	if ((states & (1U << caller->of->state)) != 0) {
		return true;
	}
	caller_finish(caller, COMMAND_DENIED, otherwise);
	return false;
}

#define STATE(name) (1U << CASE_##name)

void command_reject(struct caller *caller)
{
	struct lines lines = { 0 };

	if (in_state(caller, STATE(HELD), _("this case does not wait for approval"))) {
		caller_append(caller, "rejected", &lines);
	}
}

/* Sending again is a person's word that it was not taken, or that taking it twice does no harm: never without a reason (P3). */
void command_retry(struct caller *caller)
{
	struct lines lines = { 0 };

	if (!in_state(caller, STATE(UNCERTAIN) | STATE(FAILED), _("only an uncertain or failed case can be sent again"))) {
		return;
	}
	if (caller->reason[0] == '\0') {
		caller_finish(caller, COMMAND_USAGE, _("sending again needs --reason TEXT"));
		return;
	}
	/* A case that was rolled back while it was held has no approval yet: sending it is one. */
	if (caller->of->approval_needed && !caller->of->duplicate_cleared && !caller_may_approve(caller)) {
		return;
	}
	if (caller_content_gone(caller)) {
		return;
	}
	if (caller->of->partner[0] == '\0') {
		caller_finish(caller, COMMAND_DENIED, _("this case was never recognised: classify it, or hand the file in again"));
		return;
	}
	caller_append(caller, "approved", &lines);
}

void command_delete(struct caller *caller)
{
	struct lines lines = { 0 };

	if (in_state(caller, STATE(UNKNOWN) | STATE(READY) | STATE(DATA_ERROR) | STATE(FAILED) | STATE(REFUSED), _("a case in this state cannot be deleted"))) {
		caller_append(caller, "deleted", &lines);
	}
}

void command_classify(struct caller *caller)
{
	const char *id = caller->words[2];
	const struct catalogue_form *form = catalogue_form_find(caller->hub->catalogue, NULL, id);
	const struct hub_partner *partner = form == NULL ? NULL : hub_partner_find(caller->hub, form->partner);
	struct lines lines = { 0 };

	if (!in_state(caller, STATE(UNKNOWN), _("the type of this case is known"))) {
		return;
	}
	if (form == NULL || partner == NULL) {
		caller_finish(caller, COMMAND_NO, form == NULL ? _("the catalogue does not know this type") : _("the partner of this type is not configured"));
		return;
	}
	lines_set(&lines, "partner", form->partner);
	lines_set(&lines, "env", config_env_name(partner->config->env));
	lines_set(&lines, "form", id);
	lines_set(&lines, "label-id", form->id);
	lines_set(&lines, "approval", config_approval_name(flow_approval(partner, form)));
	lines_set(&lines, "owes", flow_owes(partner));
	caller_append(caller, "recognised", &lines);
}

/* --- now rather than later --- */

static void hurry(struct hub *hub, struct hub_case *of)
{
	struct hub_partner *partner = hub_partner_find(hub, of->partner);

	of->due_ms = 0;
	of->settled = 0;
	of->sign_failures = 0;
	if (partner != NULL) {
		address_hurry(partner);
	}
	flow_next(hub, of);
}

static void for_one_or_all(struct caller *caller, uint32_t states, const char *otherwise, void (*act)(struct hub *hub, struct hub_case *of))
{
	if (caller->all) {
		for (struct hub_case *each = caller->hub->cases.open; each != NULL; each = each->next_open) {
			if ((states & (1U << each->state)) != 0) {
				act(caller->hub, each);
			}
		}
		caller_finish(caller, COMMAND_YES, NULL);
		return;
	}
	caller->of = caller->word_count < 2 ? NULL : case_find(&caller->hub->cases, caller->words[1]);
	if (caller->of == NULL) {
		caller_finish(caller, COMMAND_NO, _("there is no such case"));
	} else if (in_state(caller, states, otherwise)) {
		act(caller->hub, caller->of);
		caller_finish(caller, COMMAND_YES, NULL);
	}
}

void command_send(struct caller *caller)
{
	for_one_or_all(caller, STATE(RECEIVED) | STATE(READY) | STATE(SIGNING) | STATE(TESTING), _("this case has nothing to send now"), hurry);
}

/* A question now; for an uncertain case the reply that was kept is checked again (with other anchors, say). */
static void ask(struct hub *hub, struct hub_case *of)
{
	if (of->state != CASE_UNCERTAIN) {
		of->due_ms = 0;
		of->asked = true; /* where no place is free: as soon as one is (flow_all) */
		if (hub->works < HUB_WORKS_MAX && of->work == NULL && case_is_asked_about(of) && hub_is_working(hub) &&
		    hub_partner_find(hub, of->partner) != NULL) {
			flow_request(hub, of, PURPOSE_POLL);
		}
		return;
	}
	if (of->work == NULL && of->file_reply_index != 0 && hub_is_working(hub) && hub_partner_find(hub, of->partner) != NULL) {
		of->reply_index = of->file_reply_index;
		of->purpose = PURPOSE_FILE;
		of->reply_complete = true;
		of->due_ms = 0;
		flow_classify(hub, of);
	}
}

void command_poll(struct caller *caller)
{
	for_one_or_all(caller, STATE(SENT) | STATE(UNCERTAIN), _("this case waits for no result"), ask);
}

/* --- a confirmation that a person found --- */

static void on_attachment(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	struct lines lines = { 0 };
	char ref[WORK_REF_MAX_BYTES + 1];

	if (err != 0 || message->type == WIRE_ERROR || !wire_string(message, WIRE_F_REF, ref, sizeof ref)) {
		(void)caller_fail(caller, err != 0 ? err : ERR_LIMIT, _("the store does not take the file"));
	} else {
		lines_set(&lines, "object-reply", ref);
		caller_append(caller, "attached", &lines);
	}
	caller_settle(caller);
}

void command_attach(struct caller *caller)
{
	struct wire_message message;
	int err = ERR_GONE;

	if (!in_state(caller, STATE(UNCERTAIN) | STATE(SENT), _("a confirmation can be attached to an uncertain or sent case only"))) {
		return;
	}
	if (caller->fd < 0) {
		caller_finish(caller, COMMAND_USAGE, _("no file came with the command"));
		return;
	}
	wire_begin(&message, WIRE_STORE_TAKE, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, caller->of->number);
	wire_put_string(&message, WIRE_F_OBJECT, "reply");
	wire_put_number(&message, WIRE_F_LIMIT, ATTACHMENT_LIMIT_BYTES);
	wire_put_fd(&message, caller->fd);
	if (caller->hub->store != NULL) {
		err = channel_request(caller->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_attachment, caller, NULL);
	}
	if (err != 0) {
		caller_finish(caller, COMMAND_NO, _("the store does not take the file"));
	} else {
		caller_pend(caller);
	}
}
