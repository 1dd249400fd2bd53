/* flow_query.c - a case by which the box asks a partner for something (kind `query`). It goes the way of every filing; only what is sent is made from a text that names what
 * is asked (base/query.h), and what comes back is content to be shown (flow_open.c). */
#include <string.h>

#include "../base/fdio.h"
#include "flow.h"

#define ASKING "query"

bool flow_form_asks(const struct catalogue_form *form)
{
	return form != NULL && strcmp(form->kind, ASKING) == 0;
}

bool flow_asks(const struct hub_case *of)
{
	return strcmp(of->kind, ASKING) == 0;
}

const char *flow_basis(const struct hub_case *of)
{
	return flow_asks(of) ? "content" : "original";
}

int flow_answer_certificate(const struct hub_partner *partner)
{
	return fd_memfd_sealed("certificate", partner->answer_cert != NULL ? (const void *)partner->answer_cert : "", partner->answer_cert_length);
}
