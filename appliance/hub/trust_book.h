/* trust_book.h - which certificates and lists of revoked certificates (CRLs) lie in journal/trust/ by the records, and when a newer list is of use.
 *
 * A list says of a stamp what it says of the certificate at its time only when it was made after the stamp. So one is looked for when a stamp or signature came since the last,
 * at most once in a while; and once more shortly before the certificate ends, because afterwards its authority may leave it out.
 *
 * The book is made of `anchor` records alone and has no pointers: it can be kept and read back as it is.
 */
#ifndef HUB_TRUST_BOOK_H
#define HUB_TRUST_BOOK_H

#include "../../config/config.h"
#include "../base/record.h"

#define TRUST_LISTS_MAX 32 /* addresses; of more, the ones without news are forgotten: then one list may be kept again */
#define TRUST_CERTS_MAX 128
#define TRUST_URL_SIZE 513
#define TRUST_FAILED_FIRST_MS INT64_C(600000) /* after a list that could not be had, doubled with each further failure up to journal { crl_every } */

struct trust_list {
	char url[TRUST_URL_SIZE], sha256[65];
	int64_t time_ms, until_ms; /* thisUpdate, nextUpdate, UTC */
	int64_t kept_ms;           /* UTC of its record */
};

struct trust_book {
	struct trust_list lists[TRUST_LISTS_MAX]; /* the newest of each address; */
	size_t list_count;                        /* the address with the oldest news first */
	char certs[TRUST_CERTS_MAX][65];          /* a ring */
	size_t cert_count;
};

/* Somewhere a list of a certificate can be had. */
struct trust_need {
	const struct trust_list *last; /* kept from there; NULL: none */
	int64_t used_ms;               /* UTC of the last stamp or signature made with the certificate */
	int64_t until_ms;              /* its end */
	int64_t tried_ms;              /* UTC of the last try; 0: none since the start */
	uint32_t failures;             /* in a row */
};

/* Every record `anchor`, of the replay too. */
void trust_book_record(struct trust_book *book, const struct record *record);
bool trust_book_has(const struct trust_book *book, const char *cert_sha256);
/* The last list kept from this address; NULL for none. */
const struct trust_list *trust_book_list(const struct trust_book *book, const char *url);
/* Is a list to be asked for now? */
bool trust_book_due(const struct trust_need *need, int64_t every_ms, int64_t now_ms);

#endif
