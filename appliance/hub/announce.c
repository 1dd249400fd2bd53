/* announce.c - `partner announce-cert`: a person hands over our new signing certificate; a job looks at it and makes the message for the partner, which becomes an
 * ordinary case: recognised, approved, signed with the key that is in use, journalled. Which form says it, the catalogue knows (its option announces=certificate).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "announce.h"
#include "begin.h"
#include "control_private.h"

struct announcement {
	struct caller *caller;
	const struct hub_partner *partner;
	const struct catalogue_form *form;
};

const struct catalogue_form *announce_form(const struct hub *hub, const char *partner)
{
	for (size_t i = 0; i < hub->catalogue->form_count; i++) {
		const struct catalogue_form *form = &hub->catalogue->forms[i];

		for (size_t n = 0; strcmp(form->partner, partner) == 0 && n < form->options.count; n++) {
			if (strcmp(form->options.items[n], "announces=certificate") == 0) {
				return form;
			}
		}
	}
	return NULL;
}

/* --- reminders --- */

static bool is_told(const struct hub *hub, const char *partner, const char *form, int64_t now_ms)
{
	for (const struct hub_case *each = hub->cases.all; each != NULL && each->received_ms > now_ms - ANNOUNCE_DAYS * FACT_DAY_MS; each = each->next_all) {
		if (strcmp(each->partner, partner) == 0 && strcmp(each->form, form) == 0 && each->state != CASE_DATA_ERROR && each->state != CASE_FAILED &&
		    each->state != CASE_REFUSED && each->state != CASE_DELETED) {
			return true;
		}
	}
	return false;
}

static bool signs_for(const struct config_partner *partner, const char *key)
{
	for (size_t k = 0; k < partner->sign_keys.count; k++) {
		if (strcmp(partner->sign_keys.items[k], key) == 0) {
			return true;
		}
	}
	return false;
}

bool announce_due(const struct hub *hub, const struct fact_key *key, int64_t now_ms, size_t n, char ret[ANNOUNCE_TEXT_SIZE])
{
	int64_t left_ms = key->not_after_ms - now_ms;

	if (key->not_after_ms == 0 || left_ms < 0 || left_ms > FACT_CERTIFICATE_DAYS * FACT_DAY_MS) {
		return false;
	}
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		const struct config_partner *partner = &hub->config->partners[i];
		const struct catalogue_form *form = announce_form(hub, partner->name);

		if (form != NULL && signs_for(partner, key->name) && !is_told(hub, partner->name, form->id, now_ms) && n-- == 0) {
			(void)snprintf(
			    ret, ANNOUNCE_TEXT_SIZE,
			    _("%s must be told of the new certificate of key %s while the old one is valid and signs: podatelna partner announce-cert %s FILE"),
			    partner->name, key->name, partner->name);
			return true;
		}
	}
	return false;
}

static void tell(struct announcement *announcement, int exit_code, const char *text)
{
	struct caller *caller = announcement->caller;

	if (exit_code != COMMAND_YES) {
		caller->exit_code = exit_code;
	}
	(void)snprintf(caller->text, sizeof caller->text, "%s", text);
	free(announcement);
	caller_settle(caller);
}

static void end(struct work *work, int exit_code, const char *text)
{
	struct announcement *announcement = work->context;

	work_end(work);
	tell(announcement, exit_code, text);
}

/* --- it becomes a case --- */

static void on_begun(void *context, int err, const char *why, const char *number)
{
	char text[CASE_REASON_MAX_BYTES];

	(void)why; /* which of the store's steps it was helps nobody */
	if (err != 0) {
		tell(context, COMMAND_NO, _("the journal does not take records"));
		return;
	}
	(void)snprintf(text, sizeof text, _("case %s: it waits for approval; what the authority wants in it is not known for certain, so look at it first"),
	               number);
	tell(context, COMMAND_YES, text);
}

static void begin_case(struct work *work)
{
	struct announcement *announcement = work->context;
	_cleanup_close_ int message = take_fd(&work->outputs[0].memfd);
	char file[CASE_WORD_MAX_BYTES + sizeof ".xml"];
	struct begin_wish wish = { .kind = announcement->form->kind, .source = "cli", .by = announcement->caller->by, .folder = "", .file = file };
	struct hub *hub = work->hub;

	(void)snprintf(file, sizeof file, "%s.xml", announcement->form->id);
	if (message < 0 || fd_seal(message) != 0 || lseek(message, 0, SEEK_SET) != 0) {
		end(work, COMMAND_NO, _("no memory"));
		return;
	}
	work_end(work);
	case_begin(hub, message, &wish, on_begun, announcement);
}

/* --- what is wrong with the certificate --- */

static const char *cause_words(const char *cause)
{
	static const struct {
		const char *cause, *text;
	} known[] = {
		{ "no-certificate", N_("this file holds no certificate") },
		{ "several", N_("this file holds several certificates: hand over the new one alone") },
		{ "over", N_("this certificate is no longer valid") },
		{ "not-yet", N_("this certificate is not valid yet") },
		{ "not-for-signing", N_("this certificate is not for signatures") },
		{ "not-qualified", N_("this certificate is not a qualified one") },
		{ "no-template", N_("the catalogue does not say what such a message looks like (announce-template)") },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].cause, cause) == 0) {
			return _(known[i].text);
		}
	}
	return _("this certificate cannot be announced");
}

/* The certificate of a key of the partner that signs now: still valid, so that it can sign this. */
static bool old_is_valid(const struct hub *hub, const struct hub_partner *partner, const char *announced, const char **ret_why)
{
	const struct config_partner *config = partner->config;
	struct fact_key key;

	*ret_why = N_("no certificate that signs now is valid: announcing is over, register the new one at the authority's office");
	for (size_t i = 0; i < hub->config->token_count; i++) {
		for (size_t n = 0; fact_key(&hub->tokens[i], n, &key); n++) {
			bool signs = signs_for(config, key.name);

			if (signs && key.certificate[0] != '\0' && strncmp(key.certificate, announced, strlen(key.certificate)) == 0) {
				*ret_why = N_("this is the certificate that signs already: announce the new one before it is put into use");
				return false;
			}
			if (signs && !key.unusable && key.not_after_ms > clock_utc_ms()) {
				*ret_why = NULL;
			}
		}
	}
	return *ret_why == NULL;
}

static void on_looked_at(struct work *work)
{
	struct announcement *announcement = work->context;
	const char *why = NULL;

	if (work->err != 0) {
		end(work, COMMAND_NO, _("the certificate could not be looked at"));
	} else if (!work_result_is(work, "cause", "")) {
		end(work, COMMAND_DENIED, cause_words(work_result(work, "cause")));
	} else if (!old_is_valid(work->hub, announcement->partner, work_result(work, "cert.0.sha256"), &why)) {
		end(work, COMMAND_DENIED, _(why));
	} else {
		begin_case(work);
	}
}

void command_partner_announce(struct caller *caller)
{
	struct hub *hub = caller->hub;
	const struct hub_partner *partner = hub_partner_find(hub, caller->words[2]);
	const struct catalogue_form *form = partner == NULL ? NULL : announce_form(hub, partner->config->name);
	const char *waiting = hub_waiting_reason(hub);
	_cleanup_lines_ struct lines parameters = { 0 };
	struct announcement *announcement = NULL;
	struct hub_case about = { 0 };
	struct work_input input = { .fd = caller->fd };
	struct work *work = NULL;

	if (partner == NULL || form == NULL || caller->fd < 0 || waiting[0] != '\0') {
		caller_finish(caller,
		              partner == NULL || form == NULL ? COMMAND_NO
		              : caller->fd < 0                ? COMMAND_USAGE
		                                              : COMMAND_DENIED,
		              partner == NULL      ? _("the configuration does not know this partner")
		              : form == NULL       ? _("this partner takes no announcement of a certificate")
		              : waiting[0] != '\0' ? _(waiting)
		                                   : _("no certificate came with the command"));
		return;
	}
	announcement = calloc(1, sizeof *announcement);
	work = announcement == NULL ? NULL : work_begin(hub, NULL);
	if (work == NULL) {
		free(announcement);
		caller_finish(caller, COMMAND_NO, _("the certificate could not be looked at"));
		return;
	}
	*announcement = (struct announcement){ .caller = caller, .partner = partner, .form = form };
	work->context = announcement;
	caller_pend(caller);
	about.partner = partner->config->name;
	about.env = config_env_name(partner->config->env);
	(void)snprintf(about.form, sizeof about.form, "%s", form->id);
	flow_job_parameters(hub, &about, &parameters);
	work_output_keep(work);
	work_job(work, "announce", "", &parameters, &input, 1, on_looked_at);
}
