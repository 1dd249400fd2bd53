/* datamatch.h - is the text of a confirmation's element Data the filing itself? (spec/epo 7.2: hex with white space, base64, or a ZIP in either.)
 *
 * Both readings run at once over the stream; only a ZIP is kept in memory.
 */
#ifndef TRANSPORT_EPO_DATAMATCH_H
#define TRANSPORT_EPO_DATAMATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

struct datamatch;

/* `limit`: most bytes of content. NULL without memory. */
struct datamatch *datamatch_new(uint64_t limit);
void datamatch_free(struct datamatch *match);
void datamatch_feed(struct datamatch *match, struct span text);
/* True when one of the readings has this SHA-256 (lower-case hex). Call once. */
bool datamatch_equals(struct datamatch *match, const char *sha256);

#endif
