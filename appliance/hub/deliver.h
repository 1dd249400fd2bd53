/* deliver.h - words that the papers on the share and the command line have in common. */
#ifndef HUB_DELIVER_H
#define HUB_DELIVER_H

#include "flow.h"

/* The label of a state in the language of the box (design 3). */
const char *deliver_state_label(enum case_state state);

#endif
