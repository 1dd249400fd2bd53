/* partner_tsa.h - a time-stamp authority inside a test: certificates and tokens, good ones and such as must not pass. */
#ifndef TESTS_UNIT_PARTNER_TSA_H
#define TESTS_UNIT_PARTNER_TSA_H

#include "partner_help.h"
#include "partner_pki.h"

#define TSA_TYPE "application/timestamp-reply"
#define TSA_USAGE "critical,timeStamping"

/* A certificate of `issuer` with this extended key usage (words of openssl's configuration, as "critical,timeStamping"; NULL: none). */
struct pki_identity *tsa_new(enum pki_key kind, const char *cn, const struct pki_identity *issuer, int from_days, int to_days, const char *usage);

/* _CHAIN and _CHAIN_V1: the signer and then `named`, which is not included; _SECOND: the other way round. */
enum tsa_id { TSA_ID_V2, TSA_ID_V1, TSA_ID_NONE, TSA_ID_OTHER, TSA_ID_CHAIN, TSA_ID_CHAIN_V1, TSA_ID_SECOND };

/* What is to be made. Zero means: as it should be. */
struct tsa_order {
	const struct pki_identity *signer;
	const struct pki_identity *named; /* TSA_ID_...: whose certificate is named instead or beside */
	const uint8_t *imprint;
	size_t imprint_length;
	int hash; /* NID */
	const uint8_t *nonce;
	size_t nonce_length; /* 0: none */
	const char *policy, *time;
	const char *accuracy; /* "seconds.millis.micros"; NULL: none */
	enum tsa_id id;
	int content_type, digest; /* NIDs; 0: id-ct-TSTInfo, SHA-256 */
	long version;
	unsigned how; /* PKI_... */
	bool critical, detached;
};

/* The token in DER; to be freed. */
uint8_t *tsa_token(const struct tsa_order *order, size_t *ret_length);
/* A TimeStampResp; `fail_bit` -1: none, `text` and `token` may be NULL. To be freed. */
uint8_t *tsa_reply(long status, int fail_bit, const char *text, const uint8_t *token, size_t token_length, size_t *ret_length);
/* "20300101000000Z" and so on: `seconds` from now, `fraction` (with its point) before the Z. */
const char *tsa_time(long seconds, const char *fraction, char ret[40]);

/* --- the other side: what the hub asks, with an imprint and a nonce that are always the same --- */
extern const uint8_t tsa_imprint[64];
/* A token that fits what tsa_ask asks. */
struct tsa_order tsa_good_order(const struct pki_identity *signer);
/* Prepares job `stamp-reply`; `late_ms`: how far our clock is ahead. */
void tsa_ask(struct try *try, const uint8_t *reply, size_t length, const char *anchors, long long late_ms);
/* Runs it; cause "-": none. There is a reason unless all is well. */
void tsa_expect(struct try *try, const char *verdict, const char *cause);
void tsa_set_number(struct try *try, const char *name, long long number);

#endif
