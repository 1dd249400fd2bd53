/* receipt.h - the receipt object of a filing (job.h, kind `classify` [4]): a small secret, lines.h text; which lines, each partner says. */
#ifndef TRANSPORT_BASE_RECEIPT_H
#define TRANSPORT_BASE_RECEIPT_H

#include "../../appliance/base/lines.h"

#define RECEIPT_MAX_BYTES 8192

/* Writes the lines to `fd` and wipes what it used. 0 or a negative error. `receipt` is wiped and freed in any case. */
int receipt_write(int fd, struct lines *receipt);
/* Overwrites the values before freeing them. */
void receipt_wipe(struct lines *receipt);

#endif
