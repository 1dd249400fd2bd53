/* commands_form.c - what a person sees before it is signed, and that person's word: show --form, show --xml, approve.
 *
 * `shown` is durable before any content leaves the store for a person.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "control_private.h"
#include "form_page.h"

#define SHOWN_XML "original xml"
#define SHOWN_FORM "original form"

static void fail_work(struct caller *caller, const struct work *work)
{
	(void)caller_fail(caller, work->err, work->err == ERR_LOCKED ? _("the vault is locked: log a token in first") : work->why);
}

/* --- show --- */

static void hand_over_xml(struct caller *caller)
{
	caller_copy_to(caller, "xml", "original", 0);
}

static void hand_over_page(struct caller *caller)
{
	_cleanup_close_ int page = caller->page;

	caller->page = -1;
	if (fd_seal(page) != 0 || lseek(page, 0, SEEK_SET) != 0) {
		(void)caller_fail(caller, ERR_SYSTEM, _("the page cannot be handed over"));
		return;
	}
	caller_content(caller, "form", page);
}

static void on_page(struct work *work)
{
	struct caller *caller = work->context;
	struct lines lines = { 0 };

	if (work->err != 0) {
		fail_work(caller, work);
		cleanup_close(&caller->page);
	} else if (work_result_is(work, "whole", "yes")) {
		hand_over_page(caller);
	} else {
		/* What a person could not see is a fact of the record, too. */
		(void)snprintf(caller->text, sizeof caller->text, "%s", _("the page does not show everything; see the XML: podatelna show NUMBER --xml FILE"));
		lines_set(&lines, "what", SHOWN_FORM);
		lines_setf(&lines, "detail", "not whole: %s", work_result(work, "why"));
		caller_append_then(caller, "shown", &lines, hand_over_page);
	}
	work_end(work);
	caller_settle(caller);
}

static void render_page(struct caller *caller)
{
	/* A work of its own: looking at a case must not get into the way of what the box does for it. */
	struct work *work = work_begin(caller->hub, NULL);

	caller->page = fd_memfd_open("page");
	if (work == NULL || caller->page < 0) {
		(void)caller_fail(caller, ERR_MEMORY, _("no memory"));
		cleanup_close(&caller->page);
		if (work != NULL) {
			work_end(work);
		}
		return;
	}
	work->context = caller;
	caller_pend(caller);
	form_page_render(work, caller->of, caller->page, on_page);
}

void command_show_content(struct caller *caller)
{
	struct lines lines = { 0 };

	if (caller->form && caller->xml) {
		caller_finish(caller, COMMAND_USAGE, _("either the form or the XML"));
		return;
	}
	if (caller_content_gone(caller)) {
		return;
	}
	lines_set(&lines, "what", caller->form ? SHOWN_FORM : SHOWN_XML);
	caller_append_then(caller, "shown", &lines, caller->form ? render_page : hand_over_xml);
}

/* --- approve --- */

bool caller_may_approve(struct caller *caller)
{
	const struct hub_case *of = caller->of;
	const struct hub_partner *partner = hub_partner_find(caller->hub, of->partner);
	bool two = of->two_person || (partner != NULL && partner->config->approval == CONFIG_APPROVAL_TWO_PERSON);

	if ((caller->rights & CONFIG_RIGHT_APPROVE) == 0) {
		caller_finish(caller, COMMAND_DENIED, _("this case needs an approval, and you do not have the right for it"));
		return false;
	}
	if (two && strcmp(of->by, caller->by) == 0) {
		caller_finish(caller, COMMAND_DENIED, _("this needs the approval of a second person: you handed the file in yourself"));
		return false;
	}
	return true;
}

static bool is_held(struct caller *caller)
{
	if (caller->of->state != CASE_HELD) {
		caller_finish(caller, COMMAND_DENIED, _("this case does not wait for approval"));
		return false;
	}
	return true;
}

static void approve(struct caller *caller, const char *sha256)
{
	struct lines lines = { 0 };

	if (caller->sha256[0] != '\0' && strcasecmp(caller->sha256, sha256) != 0) {
		(void)caller_fail(caller, ERR_MISMATCH, _("the fingerprint is another one: this is not the file that you looked at"));
		return;
	}
	if (caller->of->state != CASE_HELD) {
		(void)caller_fail(caller, ERR_STATE, _("this case does not wait for approval"));
		return;
	}
	caller_field(caller, "case", caller->of->number);
	caller_field(caller, "form", form_page_title(caller->hub, caller->of));
	caller_field(caller, "sha256", sha256);
	if (caller->reason[0] == '\0') {
		(void)snprintf(caller->reason, sizeof caller->reason, "approved");
	}
	caller_append(caller, "approved", &lines);
}

static void on_digest(struct work *work)
{
	struct caller *caller = work->context;

	if (work->err != 0) {
		fail_work(caller, work);
	} else {
		approve(caller, work_result(work, "sha256"));
	}
	work_end(work);
	caller_settle(caller);
}

void command_approve(struct caller *caller)
{
	struct work *work = NULL;

	if (!is_held(caller) || !caller_may_approve(caller)) {
		return;
	}
	if (caller->sha256[0] != '\0' && (strlen(caller->sha256) != 64 || strspn(caller->sha256, "0123456789abcdefABCDEF") != 64)) {
		caller_finish(caller, COMMAND_USAGE, _("a fingerprint (SHA-256) has 64 hexadecimal digits"));
		return;
	}
	work = work_begin(caller->hub, NULL);
	if (work == NULL) {
		caller_finish(caller, COMMAND_NO, _("no memory"));
		return;
	}
	/* Whoever approves is told what; so its bytes are read first. */
	work->context = caller;
	caller_pend(caller);
	form_page_digest(work, caller->of, on_digest);
}
