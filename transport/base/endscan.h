/* endscan.h - does a file have its own end? Looked at as a stream, in constant memory: BER values, ZIP archives, PDF (job.h, `complete`). */
#ifndef TRANSPORT_BASE_ENDSCAN_H
#define TRANSPORT_BASE_ENDSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

#define ENDSCAN_BER_DEPTH_MAX 32
#define ENDSCAN_BER_HEADER_MAX 12 /* tag and length bytes of one value */
#define ENDSCAN_TAIL_BYTES 65557  /* end-of-central-directory record with the longest comment (APPNOTE 4.3.16) */

/* One BER value (X.690 8.1), definite or indefinite length. Zero-initialise. */
struct endscan_ber {
	uint64_t skip; /* content bytes of a definite value still to pass */
	size_t open;   /* indefinite values around us */
	uint8_t header[ENDSCAN_BER_HEADER_MAX];
	size_t header_length;
	bool done;    /* the outermost value ended */
	bool broken;  /* not BER */
	bool surplus; /* bytes after the end */
};
void endscan_ber_feed(struct endscan_ber *scan, struct span bytes);
bool endscan_ber_complete(const struct endscan_ber *scan);

/* The last bytes of a stream. Zero-initialise. */
struct endscan_tail {
	uint8_t bytes[2 * ENDSCAN_TAIL_BYTES];
	size_t length;
};
void endscan_tail_feed(struct endscan_tail *tail, struct span bytes);
struct span endscan_tail_span(const struct endscan_tail *tail);

bool endscan_zip_complete(struct span tail);
bool endscan_pdf_complete(struct span tail);
/* The stream ends with so many zero bytes that it must have been made large before it was filled. */
bool endscan_is_presized(struct span tail);

#endif
