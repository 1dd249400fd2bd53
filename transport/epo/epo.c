#include "epo.h"

const struct partner epo_partner = { .name = "epo", .compose = epo_compose, .classify = epo_classify, .render = epo_render };
