/* The partners this program knows. Adding one is a folder and a line here (design 8). */
#include "base/partner.h"
#include "cssz/cssz.h"
#include "epo/epo.h"
#include "toy/toy.h"

const struct partner *const partners[] = { &epo_partner, &cssz_partner, &toy_partner, NULL };

const form_recogniser form_recognisers[] = { epo_recognise_element, NULL };
