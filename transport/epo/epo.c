#include "epo.h"

const struct partner epo_partner = { .name = "epo", .compose = epo_compose, .classify = epo_classify, .receipt = epo_receipt_text };
