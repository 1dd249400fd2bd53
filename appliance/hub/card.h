/* card.h - the card beside a file that was put aside: what the box saw, why it refused, what to do. In the language of the box (Czech for staff). */
#ifndef HUB_CARD_H
#define HUB_CARD_H

#include <stdbool.h>
#include <stddef.h>

#include "../../config/catalogue.h"

#define CARD_MAX_BYTES 8192

/* `file`: as on the share; `reason`: the short word or words of the record or of the inbox; `number`: of the case, NULL for none; `utc_ms`: when.
 * Writes a whole text file (paper.h). */
void card_write(const struct catalogue *catalogue, const char *file, const char *number, const char *reason, long long utc_ms, char ret[CARD_MAX_BYTES]);
/* Why and what to do, translated; false, and untouched, when the reason is not known. */
bool card_explain(const struct catalogue *catalogue, const char *reason, const char **ret_why, const char **ret_advice);
/* One sentence for a reason, translated; the reason itself when it is not known. */
const char *card_reason(const struct catalogue *catalogue, const char *reason);

#endif
