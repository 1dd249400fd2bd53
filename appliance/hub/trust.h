/* trust.h - collects, while they can be had, the certificates behind the journal's stamps and signatures and the lists of revoked certificates of their authorities
 * (journal/trust/, FORMAT.txt 6): whoever checks the journal in later years finds them beside it. trust_book.h says what is there and what is due.
 *
 * One step at a time in the whole box: the chain is read from the newest stamp of each authority and from the newest signed checkpoint, by a job; a list comes over the
 * network program as an errand, http as it is usual with lists, and is judged by another job before the store keeps it. The hub reads none of the bytes. What cannot be had
 * is tried again after growing pauses and holds up nothing. OCSP is not asked: its answer speaks of one certificate at one moment, a list of all of them.
 */
#ifndef HUB_TRUST_H
#define HUB_TRUST_H

#include "hub.h"

struct trust;

/* NULL where nothing is stamped or signed, or nothing is to be collected. Reads the chain of the journal's key: before the sandbox. */
struct trust *trust_new(struct hub *hub);
/* Looks whether something is to be collected; called now and then. */
void trust_update(struct hub *hub);

/* What is known of one address, for people. */
struct trust_row {
	const char *of;  /* name of the authority; "": the key that signs checkpoints */
	const char *url; /* "": its certificates name none, and none is configured */
	const struct trust_list *last;
	const char *error;  /* of the last try, English; "" when it went well or there was none */
	int64_t failing_ms; /* UTC of the first failure in a row; 0: none */
};
/* The n-th; false when there is none. NULL trust is fine. */
bool trust_nth(const struct hub *hub, size_t n, struct trust_row *ret);

#endif
