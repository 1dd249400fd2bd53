/* epo.h - the tax portal EPO (spec/epo): what a request looks like and what a reply means. */
#ifndef TRANSPORT_EPO_EPO_H
#define TRANSPORT_EPO_EPO_H

#include "../base/partner.h"

extern const struct partner epo_partner;

/* verzePis of the form and the period of its sentence VetaD (spec/epo 3.1). */
void epo_recognise_element(struct form_facts *facts, const struct xml_element *element);

/* The kinds compose, classify and render of job.h, for EPO. */
int epo_compose(struct job *job);
int epo_classify(struct job *job);
int epo_receipt_text(struct job *job);

#endif
