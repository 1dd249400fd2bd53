#include <string.h>

#include "../../appliance/base/err.h"
#include "partner.h"

const struct partner *partner_find(const char *name)
{
	for (size_t i = 0; partners[i] != NULL; i++) {
		if (strcmp(partners[i]->name, name) == 0) {
			return partners[i];
		}
	}
	return NULL;
}

static int run_of_partner(struct job *job, int (*const *function)(struct job *))
{
	return function == NULL || *function == NULL ? job_fail(job, ERR_UNSUPPORTED, "no such partner, or it has no such job") : (*function)(job);
}

static int run_compose(struct job *job)
{
	const struct partner *partner = partner_find(job->partner);

	return run_of_partner(job, partner == NULL ? NULL : &partner->compose);
}

static int run_classify(struct job *job)
{
	const struct partner *partner = partner_find(job->partner);

	return run_of_partner(job, partner == NULL ? NULL : &partner->classify);
}

static int run_receipt(struct job *job)
{
	const struct partner *partner = partner_find(job->partner);

	return run_of_partner(job, partner == NULL ? NULL : &partner->receipt);
}

static int run_verify(struct job *job)
{
	const struct partner *partner = partner_find(job->partner);

	return partner != NULL && partner->verify != NULL ? partner->verify(job) : job_verify(job);
}

static int run_check(struct job *job)
{
	const struct partner *partner = partner_find(job->partner);

	return run_of_partner(job, partner == NULL ? NULL : &partner->check);
}

const struct job_kind job_kinds[] = {
	{ "recognise", job_recognise },
	{ "compose", run_compose },
	{ "classify", run_classify },
	{ "verify", run_verify },
	{ "receipt", run_receipt },
	{ "render", job_render },
	{ "digest", job_digest },
	{ "stamp-query", job_stamp_query },
	{ "stamp-reply", job_stamp_reply },
	{ "stamp-imprint", job_stamp_imprint },
	{ "stamp-embed", job_stamp_embed },
	{ "trust-chain", job_trust_chain },
	{ "trust-crl", job_trust_crl },
	{ "check", run_check },
	{ "certificates", job_certificates },
	{ "open", job_open },
	{ "announce", job_announce },
	{ NULL, NULL },
};

int job_run(const struct job_kind *kinds, struct job *job)
{
	if (!lines_valid(job->parameters)) {
		return job_fail(job, ERR_FORMAT, "malformed parameters");
	}
	for (size_t i = 0; kinds[i].name != NULL; i++) {
		if (strcmp(kinds[i].name, job->kind) == 0) {
			int err = kinds[i].run(job);

			return err == 0 && job->result.err != 0 ? job_fail(job, job->result.err, "a result that cannot be told") : err;
		}
	}
	return job_fail(job, ERR_UNSUPPORTED, "no such kind of job");
}
