#include "query.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/queryform.h"

#define CERTIFICATE_PEM_MAX_BYTES (UINT64_C(256) << 10)

bool cssz_asks(const struct job *job)
{
	char query[4];

	(void)job_parameter(job, "query", "no", query, sizeof query);
	return strcmp(query, "yes") == 0;
}

const char *cssz_query_make(struct job *job, const char *language, struct report *report, int *ret, int *ret_err)
{
	_cleanup_free_ uint8_t *text = NULL;
	_cleanup_free_ uint8_t *pem = NULL;
	char message[QUERYFORM_MAX_BYTES];
	size_t text_length = 0, pem_length = 0;
	const char *fault = NULL;

	*ret_err = fd_read_all(job_input(job, 1), QUERY_MAX_BYTES, &text, &text_length);
	*ret_err = *ret_err != 0 ? *ret_err : fd_read_all(job_input(job, 2), CERTIFICATE_PEM_MAX_BYTES, &pem, &pem_length);
	if (*ret_err != 0) {
		return "query or certificate cannot be read";
	}
	fault = queryform_make(job, span_of(text, text_length), span_of(pem, pem_length), language, report, message, sizeof message, ret_err);
	if (*ret_err != 0) {
		*ret_err = ERR_INTERNAL; /* whatever it was: not of the query itself */
		return "the template of this query in the catalogue is malformed";
	}
	if (fault == NULL) {
		*ret = fd_memfd_sealed("message", message, strlen(message));
		*ret_err = *ret < 0 ? ERR_SYSTEM : 0;
		fault = *ret < 0 ? "no memory" : NULL;
	}
	return fault;
}

static int on_bytes(void *context, struct span bytes)
{
	return fd_write_all(*(const int *)context, bytes.data, bytes.length);
}

int cssz_compose_query(struct job *job)
{
	_cleanup_close_ int message = -1;
	struct report nowhere = { .fd = -1 };
	int err = 0, out = job_fd(job, 3);
	const char *fault = cssz_query_make(job, "en", &nowhere, &message, &err);

	if (fault != NULL) {
		return job_fail(job, err != 0 ? err : ERR_FORMAT, "%s%s", err != 0 ? "" : "the query cannot be asked: ", fault);
	}
	err = lseek(message, 0, SEEK_SET) != 0 ? ERR_SYSTEM : job_each_chunk(message, QUERYFORM_MAX_BYTES, on_bytes, &out);
	lines_set(&job->result, "same", "no");
	return err == 0 ? 0 : job_fail(job, err, "the message cannot be written");
}
