/* partner_certs.h - certificates of partners: those that messages may be encrypted for and that replies are sealed with.
 *
 * One counts only when it is approved: by its fingerprint in the configuration (encrypt_to_sha256) or by a person (podatelna partner approve-cert, pin_book.h); a
 * person's word goes before the configuration's. What else stands in the file `encrypt_to`, or has sealed a reply, is proposed: shown to people, never used.
 * The hub cannot read certificates: the file goes to a job (kind `certificates`), once in the life of this hub.
 */
#ifndef HUB_PARTNER_CERTS_H
#define HUB_PARTNER_CERTS_H

#include "attention.h"
#include "hub.h"

#define PARTNER_CERTS_MAX 32 /* of one partner */
#define PARTNER_CERT_NAME_SIZE 385
#define PARTNER_CERT_SERIAL_SIZE 41
#define PARTNER_CERT_PINS_SIZE 4096

struct partner_cert {
	char sha256[PIN_SHA256_SIZE], serial[PARTNER_CERT_SERIAL_SIZE];
	char subject[PARTNER_CERT_NAME_SIZE], issuer[PARTNER_CERT_NAME_SIZE]; /* foreign texts, one line */
	int64_t from_ms, until_ms;                                            /* UTC */
	bool listed;                                                          /* stands in the file, so that messages can be encrypted for it */
	bool enciphers;
	char number[CASE_NUMBER_SIZE]; /* of a case whose reply it sealed; "": none of this life of the hub */
};

enum partner_cert_state {
	PARTNER_CERT_PROPOSED,
	PARTNER_CERT_REVOKED,
	PARTNER_CERT_OVER,    /* no longer valid */
	PARTNER_CERT_WAITING, /* approved, not valid yet or not to be used yet */
	PARTNER_CERT_SEAL,    /* approved; for seals only: not in the file, or not for encryption */
	PARTNER_CERT_READY,   /* approved and good, another one is used */
	PARTNER_CERT_USED,    /* messages are encrypted for it */
};

/* The list of a partner; NULL in struct hub_partner before partner_certs_begin. */
struct partner_certs {
	bool read, reading;              /* the file */
	uint64_t tried;                  /* link with the partner's program in which that failed; 0: it did not */
	char why[CASE_REASON_MAX_BYTES]; /* why the file cannot be read, English; "" */
	size_t count;
	struct partner_cert certs[PARTNER_CERTS_MAX];
};

/* Once, when partners are loaded. */
void partner_certs_begin(struct hub_partner *partner);
/* From every sweep: has files read. */
void partner_certs_look(struct hub *hub);
/* Each record of the journal. A word about a certificate wakes the cases. */
void partner_certs_record(struct hub *hub, const struct record *record);

bool partner_certs_approved(const struct hub *hub, const struct hub_partner *partner, const char *sha256);
enum partner_cert_state partner_certs_state(const struct hub *hub, const struct hub_partner *partner, const struct partner_cert *cert, int64_t now_ms);
const char *partner_cert_state_name(enum partner_cert_state state);
/* The one that messages are encrypted for at that moment; NULL: none. Of those that are approved, valid and due, the one whose use (`from` of its approval), or
 * else whose validity, began last. */
const struct partner_cert *partner_certs_used(const struct hub *hub, const struct hub_partner *partner, int64_t now_ms);
/* Why nothing can be encrypted for this partner now, English for translation; NULL: it can, or the partner wants no encryption. */
const char *partner_certs_waiting(const struct hub *hub, const struct hub_partner *partner);
/* Whose seals count (job.h, `verify`: signer-sha256), '|' between; "": whoever has a chain to `anchors`. */
void partner_certs_pins(const struct hub *hub, const struct hub_partner *partner, char ret[PARTNER_CERT_PINS_SIZE]);
/* NULL when it is not known. */
const struct partner_cert *partner_certs_find(const struct hub_partner *partner, const char *sha256);
/* A reply of this case was sealed with a certificate that nobody approved: the job's result tells of it (job.h, unknown-signer). */
void partner_certs_propose(struct hub *hub, const struct hub_case *of, const struct lines *result);

/* partner_certs_words.c: what people should know of these certificates, sentences in their language: proposals, the end of the one that is used, filings that wait. */
#define PARTNER_CERT_TROUBLES_MAX 16
struct partner_cert_trouble {
	enum attention_who who;       /* ATTENTION_NOBODY: only to know */
	uint32_t threshold;           /* days before the end that were passed (30, 14, 7, 1, 0: over); PARTNER_CERT_NEWS of a proposal */
	char id[PIN_SHA256_SIZE + 1]; /* of what it is about: a fingerprint, or the partner */
	char text[1536];
};
#define PARTNER_CERT_NEWS 1000U
size_t partner_certs_troubles(const struct hub *hub, int64_t now_ms, struct partner_cert_trouble ret[PARTNER_CERT_TROUBLES_MAX]);
/* Must somebody act? */
bool partner_certs_urgent(const struct hub *hub, int64_t now_ms);

#endif
