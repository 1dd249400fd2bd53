/* trust_private.h - trust.c decides what is to be collected, trust_step.c does it. */
#ifndef HUB_TRUST_PRIVATE_H
#define HUB_TRUST_PRIVATE_H

#include "trust.h"

#define TRUST_CHAIN_MAX 8 /* as the job tells at most (transport/tsa/trust.h) */
#define TRUST_URLS_MAX 3
#define TRUST_POINTS_MAX 24
#define TRUST_SOURCES_MAX (CONFIG_TSAS_MAX + 1)
#define TRUST_ERROR_SIZE 200
#define TRUST_CRL_MAX_BYTES (UINT64_C(8) << 20)

struct trust_cert {
	char sha256[65];
	int64_t from_ms, until_ms;
};

/* Where one list can be had: the addresses that one certificate names for it, or one of the configuration. It stays when the certificate is used no more, until that ends. */
struct trust_point {
	char urls[TRUST_URLS_MAX][TRUST_URL_SIZE];
	size_t url_count, next; /* next: to be tried */
	int64_t used_ms, until_ms, tried_ms, failing_ms;
	uint32_t failures;
	bool present; /* in the chain that was seen last */
	char error[TRUST_ERROR_SIZE];
};

/* Somebody who signs: an authority, or (the last one) the journal's own key. */
struct trust_source {
	const char *name; /* of the authority, "" */
	const struct config_list *urls;
	const uint8_t *beside; /* PEM: further certificates */
	size_t beside_length;
	char seen[65];                          /* whose chain this is: the file of the stamp, the certificate of the key; "": none yet */
	char trying[65], file[RENEW_FILE_SIZE]; /* of the look under way */
	int signed_fd;                          /* the stamp or signature, -1 */
	struct trust_cert chain[TRUST_CHAIN_MAX];
	size_t chain_count;
	struct trust_point points[TRUST_POINTS_MAX];
	size_t point_count;
	int64_t retry_ms; /* UTC: no further look before */
	bool told;        /* that it has no address */
};

struct trust_step;

struct trust {
	struct hub *hub;
	struct trust_source sources[TRUST_SOURCES_MAX];
	size_t source_count;
	uint8_t *chain; /* PEM of the journal's key */
	size_t chain_length;
	struct trust_step *step; /* NULL: none under way */
	int64_t not_before_ms;   /* UTC: after a failure of our own programs */
};

/* --- trust_step.c: each begins one step, or puts everything off. --- */
/* Reads source->file of journal/anchor/ and has its chain told. */
void trust_step_look(struct trust *trust, struct trust_source *source);
/* Certificate n of the chain goes to the store. */
void trust_step_cert(struct trust *trust, struct trust_source *source, size_t n);
/* The list goes through network, judgement and store. */
void trust_step_list(struct trust *trust, struct trust_source *source, struct trust_point *point);

/* --- trust.c: what came of them --- */
/* The result of the job `trust-chain`. */
void trust_seen(struct trust *trust, struct trust_source *source, const struct lines *result);
/* The chain cannot be told: English words. */
void trust_unseen(struct trust *trust, struct trust_source *source, const char *why);
/* A list was had (error NULL), or not. */
void trust_tried(struct trust *trust, struct trust_point *point, const char *error);

#endif
