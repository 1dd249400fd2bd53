/* facts.h - figures that several views of the box show: room on a disk, keys and the end of their certificates. */
#ifndef HUB_FACTS_H
#define HUB_FACTS_H

#include "hub.h"

#define FACT_DAY_MS INT64_C(86400000)
#define FACT_DAYS_NONE UINT32_MAX
#define FACT_CERTIFICATE_DAYS 30 /* a certificate is to be renewed from so many days before its end */

/* The room where `path` is, in bytes. False when it cannot be told. */
bool fact_disk(const char *path, uint64_t *ret_free, uint64_t *ret_total);

struct fact_key {
	char name[CONFIG_NAME_MAX + 1];
	int64_t not_after_ms; /* UTC; 0: not known, the certificate was not read yet */
	bool unusable;        /* although its token is ready */
	char certificate[17]; /* the beginning of its SHA-256, hexadecimal; "": none */
};

/* The n-th key of a token's status (token/token.h, key.<n>.<what>). False when there is none. */
bool fact_key(const struct hub_token *token, size_t n, struct fact_key *ret);

/* A key of the partner that its certificate makes useless there, by what the partner wants of certificates and what the token program says of that; the `nth` one.
 * ret_key: CONFIG_NAME_MAX + 1. False when there is none, or its certificate is not known yet. */
bool fact_refused(const struct hub *hub, size_t partner, size_t nth, char *ret_key);

/* The latest of the thresholds 30, 14, 7, 1 days before that moment that was passed; 0: it is over; FACT_DAYS_NONE: none yet. */
uint32_t fact_days_passed(int64_t ends_ms, int64_t now_ms);

#endif
