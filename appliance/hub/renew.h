/* renew.h - until when the stamps of the journal prove something, and when one more is needed so that they go on proving it (spec timestamps 4; the idea of RFC 4998).
 *
 * A stamp proves its time as long as the authority's certificate lasts and its hashes are strong. A later stamp over a checkpoint that lies above the record of the
 * earlier one takes it over. So at each moment few stamps count: those whose records lie above everything that is stamped. This book keeps them, by the end of
 * the certificate that signed them, and what is known of the present certificate of each authority: a stamp under the same certificate would renew nothing.
 *
 * The book is made of `anchor` records alone and has no pointers: it can be kept and read back as it is.
 */
#ifndef HUB_RENEW_H
#define HUB_RENEW_H

#include "../../config/config.h"
#include "../base/record.h"

#define RENEW_GROUPS_MAX 16
#define RENEW_FILE_SIZE 64
#define RENEW_DIGEST_SIZE 32
#define RENEW_DAYS_MAX 90 /* people are told of an authority that goes on with its old certificate at 90, 30, 14, 7 and 1 days */

/* Stamps that no later one took over, under certificates that end at the same moment. */
struct renew_group {
	int64_t until_ms;               /* UTC; 0: their records do not say it, and nobody has looked yet */
	uint64_t last_index;            /* of the record of the newest of them */
	char file[RENEW_FILE_SIZE];     /* of that one, in journal/anchor/ */
	char digest[RENEW_DIGEST_SIZE]; /* "sha256 sha512": hash of the imprint, hash of the authority's signature; "": not known */
};

/* The newest stamp of an authority. */
struct renew_tsa {
	int64_t until_ms, made_ms; /* made: UTC of its record; 0: there is none */
	char file[RENEW_FILE_SIZE], digest[RENEW_DIGEST_SIZE];
};

struct renew_book {
	struct renew_group groups[RENEW_GROUPS_MAX];
	size_t count;
	struct renew_tsa tsas[CONFIG_TSAS_MAX]; /* as in the configuration */
	uint64_t covered;                       /* records below this are below a stamp */
	int64_t renewed_ms;                     /* UTC of the last record of a renewal; 0: none */
};

struct renew_plan {
	int64_t ends_ms; /* what the journal has is proved until then, UTC; 0: a hash is weak now; INT64_MAX: nothing is stamped, or nothing known of it */
	bool near;       /* that is nearer than journal { renew_before } */
	bool due;        /* a renewal is to be made now, by `tsa` */
	bool helpless;   /* near, and all authorities that can be asked go on with certificates that end as soon: people must see to it */
	size_t
	    tsa; /* whom to ask for any stamp of the journal: the first, unless its certificate ends soon and another one's does not; SIZE_MAX: nobody can be asked */
};

/* Every record `anchor`, of the replay too. */
void renew_record(struct renew_book *book, const struct config *config, const struct record *record);
/* The file of stamps whose record says no end of their certificate; "": there are none. */
const char *renew_unknown(const struct renew_book *book);
/* What a look into that file said. */
void renew_learn(struct renew_book *book, const char *file, int64_t until_ms, const char *digest);
/* `usable[n]`: authority n can be asked now. */
void renew_look(const struct renew_book *book, const struct config *config, const bool *usable, int64_t now_ms, struct renew_plan *ret);
/* The last of the days 90, 30, 14, 7, 1 before `ends_ms` that has come; 0: it is over; UINT32_MAX: none yet. */
uint32_t renew_days_passed(int64_t ends_ms, int64_t now_ms);

#endif
