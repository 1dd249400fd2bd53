/* labels.h - what a person calls the elements and attributes of a form. Data of the catalogue, handed to the job as lines KEY=WORDS LF.
 *
 * KEY is `Element`, `Element@attribute`, or `@attribute` for every element; local names. The first line of a key counts. Whatever a line says, the name itself is
 * shown beside it.
 */
#ifndef TRANSPORT_BASE_LABELS_H
#define TRANSPORT_BASE_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

#define LABELS_MAX_BYTES 262144u
#define LABELS_MAX 4096

struct label {
	struct span key, words;
};

/* Zero-initialise; labels_free when done. */
struct labels {
	uint8_t *text;
	struct label *items; /* sorted by key */
	size_t count;
};

/* Everything from a descriptor. ERR_LIMIT, ERR_FORMAT (a line without "=", or no UTF-8), ERR_MEMORY. */
int labels_read(int fd, struct labels *ret);
/* "" when there is none. `attribute` empty: of the element itself. */
struct span labels_find(const struct labels *labels, struct span element, struct span attribute);
void labels_free(struct labels *labels);

#define _cleanup_labels_ __attribute__((cleanup(labels_free)))

#endif
