/* flow_check.c - can it be filed at all? The partner's program looks at a form that was recognised, before it is decided whether it may go: what can never be filed as
 * it is, is refused with a card that says why, instead of waiting for ever (P5). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/text.h"
#include "flow.h"

#define REPORT_LIMIT_BYTES (256U * 1024)

struct check {
	struct decision decision; /* its names are borrowed and hold only until the job has begun */
};

static void free_check(struct check *check)
{
	lines_free(&check->decision.recognised);
	free(check);
}

static void on_appended(struct work *work)
{
	if (work->err != 0) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		work_end(work);
	}
}

static void begin_unfit(struct work *work, const char *reason)
{
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_setf(&work->record, "reason", "unfit: %s", reason);
}

/* A case whose type a person said is refused by way of `held`: the table of states knows no other way from `unknown`. */
static void refuse(struct work *work, struct check *check, const char *reason)
{
	_cleanup_lines_ struct lines first = check->decision.recognised;
	const char *first_type = "recognised", *type = "refused";

	check->decision.recognised = (struct lines){ 0 };
	free_check(check);
	if (work->of->state == CASE_UNKNOWN) {
		begin_unfit(work, reason);
		first = work->record;
		work->record = (struct lines){ 0 };
		first_type = "held";
		type = "rejected";
	}
	begin_unfit(work, reason);
	flow_record_outputs(work);
	if (first.count > 0) {
		work_append_two(work, first_type, &first, type, on_appended);
	} else {
		work_append(work, type, on_appended);
	}
}

static void on_checked(struct work *work)
{
	static const char *const found[] = { "act", "deferred", "forms", "group", "package", "packages" };
	struct check *check = work->context;
	struct decision decision;
	bool fit = work_result_is(work, "fit", "yes");

	if (work->err == 0 && !fit && !work_result_is(work, "fit", "no")) {
		work_fail(work, ERR_PROTOCOL, "a job said neither fit nor not");
	}
	if (work->err != 0) {
		free_check(check);
		flow_note_death(work);
		work_retry(work, work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault") : N_("the file could not be looked at"));
		return;
	}
	if (!fit) {
		refuse(work, check, work_result(work, "reason"));
		return;
	}
	lines_free(&work->record);
	for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
		flow_record_result(work, found[i], found[i]);
	}
	decision = check->decision;
	check->decision.recognised = (struct lines){ 0 };
	flow_decision(work, &decision);
	free_check(check);
}

void flow_check(struct work *work, const struct decision *decision)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, decision->partner);
	struct check *check = calloc(1, sizeof *check);
	_cleanup_close_ int certificate = decision->asks && partner != NULL ? flow_answer_certificate(partner) : -1;
	const struct work_input inputs[] = { { .role = "original" }, { .fd = certificate } };
	_cleanup_lines_ struct lines parameters = { 0 };

	if (check == NULL) {
		struct lines recognised = decision->recognised;

		lines_free(&recognised);
		work_retry(work, N_("no memory"));
		return;
	}
	check->decision = *decision;
	if (partner == NULL || !partner->catalogue->check) {
		flow_decision(work, &check->decision);
		free(check);
		return;
	}
	if (decision->recognised.count == 0 && flow_dies_always(work->hub, work->of)) { /* with a record to come, flow_recognise has looked */
		refuse(work, check, "the partner's program dies of it");
		return;
	}
	work->context = check;
	flow_form_parameters(work->hub, decision->partner, decision->form, decision->env, &parameters);
	lines_set(&parameters, "language", work->hub->config->language);
	work->output_count = 0;
	work_output_add(work, "report", "report=yes", REPORT_LIMIT_BYTES);
	work_job(work, "check", decision->partner, &parameters, inputs, decision->asks ? 2 : 1, on_checked);
}
