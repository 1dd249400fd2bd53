/* flow_intake.c - what is it, and may it go? received -> recognised | unknown | refused; recognised -> approved | held. */
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "flow.h"

#define NAME_OBJECT_MAX_BYTES 8192

/* The file's name and folder, read once from the vault: facts for the catalogue, never for a log. */
struct intake {
	int memfd;
	char file[1024], folder[256];
};

static void free_intake(struct intake *intake)
{
	if (intake != NULL) {
		cleanup_close(&intake->memfd);
		free(intake);
	}
}

static void on_appended(struct work *work)
{
	if (work->err != 0) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		work_end(work);
	}
}

static void append_refused(struct work *work, const char *reason)
{
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_set(&work->record, "reason", reason);
	work_append(work, "refused", on_appended);
}

static void append_unknown(struct work *work, const char *reason)
{
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_set(&work->record, "reason", reason);
	work_append(work, "unknown", on_appended);
}

enum config_approval flow_approval(const struct hub_partner *partner, const struct catalogue_form *form)
{
	return partner->config->approval > form->approval ? partner->config->approval : form->approval;
}

const char *flow_owes(const struct hub_partner *partner)
{
	return partner->catalogue->evidence == CATALOGUE_SIGNED ? "signed" : "channel";
}

/* Begins the record that says whether it may go; its type. */
static const char *begin_decision(struct work *work, const struct decision *decision)
{
	const struct hub_case *of = work->of;

	lines_set(&work->record, "case", of->number);
	lines_set(&work->record, "by", "box");
	if (of->seen[0] != '\0' && !of->duplicate_cleared && !decision->asks) {
		lines_setf(&work->record, "reason", "duplicate of %s", of->seen);
		return "held";
	}
	if (decision->approval_needed) {
		lines_set(&work->record, "reason", decision->two_person ? "approval of a second person needed" : "approval needed");
		return "held";
	}
	lines_set(&work->record, "reason", "no approval needed");
	return "approved";
}

void flow_decision(struct work *work, struct decision *decision)
{
	const char *type = begin_decision(work, decision);

	if (decision->recognised.count > 0) {
		/* Both in one batch; flow_decide is for a case that a person classified, or whose second record a power cut took. */
		work_append_two(work, "recognised", &decision->recognised, type, on_appended);
	} else {
		work_append(work, type, on_appended);
	}
	lines_free(&decision->recognised);
}

static void append_recognised(struct work *work, const struct catalogue_match *match)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, match->partner->name);
	struct decision decision = { .form = match->id };
	enum config_approval approval = CONFIG_APPROVAL_NONE;

	if (partner == NULL) {
		append_unknown(work, "partner-not-configured");
		return;
	}
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_set(&work->record, "partner", match->partner->name);
	lines_set(&work->record, "env", config_env_name(partner->config->env));
	lines_set(&work->record, "form", match->id);
	lines_set(&work->record, "label-id", match->form->id);
	approval = flow_approval(partner, match->form);
	lines_set(&work->record, "approval", config_approval_name(approval));
	lines_set(&work->record, "owes", flow_owes(partner));
	decision.asks = flow_form_asks(match->form);
	lines_set(&work->record, "kind", decision.asks ? match->form->kind : NULL);
	flow_record_result(work, "version", "version");
	flow_record_result(work, "period", "period");
	flow_record_result(work, "encoding", "encoding");
	decision.recognised = work->record;
	work->record = (struct lines){ 0 };
	decision.partner = partner->config->name;
	decision.env = config_env_name(partner->config->env);
	decision.approval_needed = approval != CONFIG_APPROVAL_NONE;
	decision.two_person = approval == CONFIG_APPROVAL_TWO_PERSON;
	flow_check(work, &decision);
}

static void on_recognised(struct work *work)
{
	static char facts[LINES_BODY_MAX + 1];
	struct intake *intake = work->context;
	struct catalogue_match match;
	int length = lines_finish(&work->result, facts, sizeof facts);

	if (work->err != 0 || length < 0) {
		free_intake(intake);
		flow_note_death(work);
		work_retry(work, work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault") : N_("the file could not be looked at"));
		return;
	}
	catalogue_match(work->hub->catalogue, span_of(facts, (size_t)length), intake->folder, intake->file, &match);
	free_intake(intake);
	switch (match.verdict) {
	case CATALOGUE_FORM:
		append_recognised(work, &match);
		break;
	case CATALOGUE_UNKNOWN:
		append_unknown(work, match.reason);
		break;
	case CATALOGUE_REFUSED:
		append_refused(work, match.reason);
		break;
	case CATALOGUE_INCOMPLETE:
	default:
		append_refused(work, "incomplete");
	}
}

/* The suffix of the file's name in lower case, without the dot; "" for none. */
static void suffix_of(const char *file, char ret[32])
{
	const char *dot = strrchr(file, '.');
	size_t length = dot == NULL ? 0 : strlen(dot + 1);

	ret[0] = '\0';
	if (length == 0 || length >= 32) {
		return;
	}
	for (size_t i = 0; i <= length; i++) {
		char c = dot[1 + i];

		ret[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	if (!span_is_utf8(span_of_string(ret))) {
		ret[0] = '\0';
	}
}

static void on_name_read(struct work *work)
{
	struct intake *intake = work->context;
	char text[NAME_OBJECT_MAX_BYTES];
	char suffix[32];
	_cleanup_lines_ struct lines parameters = { 0 };
	struct work_input input = { .role = "original" };
	ssize_t length = work->err != 0 || lseek(intake->memfd, 0, SEEK_SET) != 0 ? -1 : fd_read_full(intake->memfd, text, sizeof text);

	if (length < 0) {
		bool locked = work->err == ERR_LOCKED;

		free_intake(intake);
		work_retry(work, locked ? N_("waits for the PIN of the token that opens the vault") : N_("the vault cannot be read"));
		return;
	}
	(void)lines_find_string(span_of(text, (size_t)length), "file", intake->file, sizeof intake->file);
	(void)lines_find_string(span_of(text, (size_t)length), "folder", intake->folder, sizeof intake->folder);
	suffix_of(intake->file, suffix);
	if (suffix[0] != '\0') {
		lines_set(&parameters, "file-suffix", suffix);
	}
	lines_set_u64(&parameters, "limit", work->hub->config->share.max_file_bytes);
	work_job(work, "recognise", "", &parameters, &input, 1, on_recognised);
}

void flow_recognise(struct hub *hub, struct hub_case *of)
{
	struct work *work = work_begin(hub, of);
	struct intake *intake = calloc(1, sizeof *intake);

	if (work == NULL || intake == NULL) {
		free(intake);
		if (work != NULL) {
			work_retry(work, N_("no memory"));
		}
		return;
	}
	if (flow_dies_always(hub, of)) {
		free(intake);
		append_refused(work, "unreadable");
		return;
	}
	intake->memfd = fd_memfd_open("name");
	work->context = intake;
	work->done = on_name_read;
	work_pend(work);
	work_copy(work, of->number, "name", 0, intake->memfd);
	work_settle(work);
}

void flow_decide(struct hub *hub, struct hub_case *of)
{
	const struct decision decision = { .partner = of->partner,
		                           .env = of->env,
		                           .form = of->form,
		                           .approval_needed = of->approval_needed,
		                           .two_person = of->two_person,
		                           .asks = flow_asks(of) };
	struct work *work = work_begin(hub, of);

	if (work != NULL) {
		flow_check(work, &decision);
	}
}
