/* flow_sign.c - ready -> signed: what is signed is made by the partner's program where its catalogue says so; then store and token do the rest (design 2). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/text.h"
#include "flow.h"
#include "signer.h"

#define CONTENT_LIMIT_BYTES (64U * 1024 * 1024)
#define WAIT_TOKEN_MS 3600000

static void on_signed(struct work *work)
{
	signer_release(work, work->err != 0);
	if (work->err != 0 && signer_has_other(work->hub, work->of)) {
		work_retry(work, N_("the token could not sign"));
		return;
	}
	switch (work->err) {
	case 0:
		work_end(work);
		break;
	case ERR_LOCKED:
		/* The store may hear of a login a moment later than the hub, and no further word would come to wake the case. */
		work_retry(work, N_("waits for the PIN of the token"));
		break;
	case ERR_PIN:
	case ERR_PIN_LAST:
	case ERR_PIN_BLOCKED:
		work_wait(work, N_("waits for the PIN of the token"), WAIT_TOKEN_MS);
		break;
	case ERR_CERT:
		/* Nothing but another certificate helps; the words of the token stand in the record `abandoned` and in `token list`. */
		work_wait(work, N_("the certificate cannot be used for this partner"), WAIT_TOKEN_MS);
		break;
	case ERR_UNSUPPORTED:
		work_wait(work, N_("the token cannot make the signature that the partner wants"), WAIT_TOKEN_MS);
		break;
	default:
		work_retry(work, N_("the token could not sign"));
	}
}

/* What the partner wants of the certificate: by its catalogue, unless the configuration says otherwise (option sign-want). */
const char *hub_partner_wants(const struct hub_partner *partner)
{
	const char *option = config_option(&partner->config->options, "sign-want");

	return option != NULL ? option : partner->catalogue->sign_want;
}

/* P1: a key that is not in hardware signs nothing for a production partner, unless the configuration says so. */
static bool software_allowed(const struct config_partner *partner)
{
	return partner->env != CONFIG_ENV_PRODUCTION || partner->allow_software_token;
}

static void sign(struct work *work, const char *role, const char *ref)
{
	const struct hub_partner *partner = hub_partner_find(work->hub, work->of->partner);
	_cleanup_lines_ struct lines parameters = { 0 };
	const char *key = signer_take(work);

	if (key == NULL) { /* it left while the content was made */
		work_retry(work, N_("the token is not there"));
		return;
	}
	lines_set(&parameters, "form", partner->catalogue->sign_form);
	lines_set(&parameters, "digest", partner->catalogue->digest);
	lines_set(&parameters, "cades", strcmp(partner->catalogue->sign_attributes, "cades") == 0 ? NULL : "no");
	lines_set(&parameters, "attributes", strcmp(partner->catalogue->sign_attributes, "none") == 0 ? "no" : NULL);
	lines_set(&parameters, "by", "box");
	lines_set(&parameters, "env", work->of->env);
	lines_set_u64(&parameters, "attempt", work->of->attempt + 1);
	lines_setf(&parameters, "want", "%s%s", hub_partner_wants(partner), software_allowed(partner->config) ? " software-ok" : "");
	if (ref != NULL) {
		lines_set(&parameters, "ref", ref);
	}
	work_sign(work, key, role, &parameters, on_signed);
}

/* Kept for the requests that follow; forgotten with this process, and then asked for again. */
static void keep_outside(const struct work *work)
{
	static char text[LINES_BODY_MAX + 1];
	int length = lines_finish(&work->result, text, sizeof text);

	free(work->of->outside);
	work->of->outside = length > 0 ? strdup(text) : NULL;
}

static void on_composed(struct work *work)
{
	if (work->err == 0) {
		keep_outside(work);
	}
	if (work->err != 0) {
		work_retry(work, work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault") : N_("the message could not be composed"));
	} else if (work_result_is(work, "same", "yes")) {
		sign(work, "original", NULL);
	} else if (work->outputs[0].taken) {
		sign(work, "content", work->outputs[0].ref);
	} else {
		work_fail(work, ERR_PROTOCOL, "a job said neither same nor not");
		work_retry(work, N_("the message could not be composed"));
	}
}

void flow_sign(struct hub *hub, struct hub_case *of)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);
	struct work *work = work_begin(hub, of);
	bool asks = flow_asks(of);
	_cleanup_close_ int certificate = asks ? flow_answer_certificate(partner) : -1;
	struct work_input inputs[] = { { .role = "original" }, { .fd = certificate } };
	_cleanup_lines_ struct lines parameters = { 0 };

	if (work == NULL) {
		return;
	}
	if (!partner->catalogue->compose_content) {
		sign(work, "original", NULL);
		return;
	}
	flow_job_parameters(hub, of, &parameters);
	lines_set(&parameters, "what", "content");
	if (partner->config->email[0] != '\0') {
		lines_set(&parameters, "email", partner->config->email);
	}
	work_output_add(work, "content", "same=no", CONTENT_LIMIT_BYTES);
	work_job(work, "compose", of->partner, &parameters, inputs, asks ? 2 : 1, on_composed);
}
