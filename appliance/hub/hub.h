/* hub.h - the hub: cases and states, inbox, timers, rights, control socket (design 2). One process, one loop, no content.
 *
 * Everything it knows about cases is a replay of the journal (case.h); everything it does is one step for one case at a time (flow.h). When the store's link
 * ends the hub exits and is started anew: there is no half-known state.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "../../config/catalogue.h"
#include "../../config/config.h"
#include "../base/cause.h"
#include "../base/lines.h"
#include "../wire/child.h"
#include "case.h"
#include "keep.h"
#include "pin_book.h"
#include "renew.h"
#include "stamp_book.h"
#include "timekeeper.h"
#include "trust_book.h"

#define HUB_WORKS_MAX 12 /* cases with something under way at once */
#define HUB_SWEEP_MS 200 /* how often due times are looked at while cases are open */
#define HUB_STORE_TIMEOUT_MS 60000
#define HUB_SIGN_TIMEOUT_MS 120000
#define HUB_ARCHIVE_TIMEOUT_MS 1000000 /* one case to or from the archive: more than the store gives it */
#define HUB_JOB_TIMEOUT_MS 60000
#define HUB_RETRY_FIRST_MS 500
#define HUB_RETRY_MAX_MS 600000
#define HUB_EXIT_STORE_GONE 76
#define HUB_EXIT_SHARE_MOVED 77
#define HUB_PROGRAMS_MAX 32

struct hub_token {
	struct channel *channel; /* NULL: not running */
	char state[32];          /* TOKEN_STATUS.STATE, "absent" until told */
	char *lines;             /* TOKEN_STATUS.LINES, NULL until told */
};

/* What the parent last said of a program, for `status`. */
struct hub_program {
	enum wire_role role;
	uint64_t index, pid, bits, starts;
	char name[CONFIG_NAME_MAX + 1];
	char why[128];
};

/* What signer.c knows of a key of the configuration (same index). */
struct hub_key {
	uint32_t signing;       /* signatures under way */
	uint64_t used;          /* turn of its last signature: who waited longest goes first */
	uint64_t not_before_ms; /* monotonic: it failed, another one goes first until then */
};

/* One of a partner's addresses (address.h). */
struct hub_address {
	uint32_t failures;      /* in a row */
	uint64_t not_before_ms; /* monotonic */
};

struct hub_partner {
	const struct config_partner *config;
	const struct catalogue_partner *catalogue;
	uint8_t *anchors;     /* PEM text, NULL for none */
	uint8_t *encrypt_to;  /* likewise, whom messages are encrypted for */
	uint8_t *answer_cert; /* likewise, of the key that opens answers */
	size_t anchors_length, encrypt_to_length, answer_cert_length;
	struct partner_certs *certs; /* partner_certs.h */
	size_t sessions;             /* under way */
	uint32_t failures;           /* of the network or the service, in a row */
	int64_t failing_ms;          /* UTC of the first of them; 0: none */
	uint64_t not_before_ms;      /* monotonic: of all its addresses */
	struct hub_address addresses[CONFIG_ADDRESSES_MAX];
	enum cause cause;                      /* why it was not reached the last time */
	char error[CASE_REASON_MAX_BYTES + 1]; /* the same with its details; empty while it is reached */
	int64_t reached_ms;                    /* UTC of the last answer, 0: none since the start */
};

/* What the store last said of the journal's anchors (anchors.h). */
struct hub_anchors {
	uint64_t seal_size; /* records below the last signed checkpoint; 0: none is */
	int64_t seal_ms;
	char seal_signer[65]; /* SHA-256 of the certificate */
	uint64_t notes_behind;
	char notes_why[16], notes_name[64];
};

struct inbox;
struct control;
struct metrics;
struct mail;
struct stamper;
struct trust;
struct closing;

struct hub {
	struct child *child;
	struct loop *loop;
	struct config *config;
	struct catalogue *catalogue;
	struct channel *store, *partner, *transport;
	struct hub_token tokens[CONFIG_TOKENS_MAX];
	struct hub_key keys[CONFIG_KEYS_MAX];
	uint64_t sign_turns;
	struct hub_partner partners[CONFIG_PARTNERS_MAX];
	struct hub_program programs[HUB_PROGRAMS_MAX];
	size_t program_count;
	struct cases cases;
	struct keep keep;
	uint64_t replay_next;
	uint64_t replay_size;   /* records of the journal when it was opened */
	uint64_t partner_epoch; /* counts the links with the partner's program */
	bool sessions_asked;
	bool sessions_settled; /* the first list was read: what was never begun is settled, and this hub begins sessions itself */
	bool replayed, sessions_known, stopping;
	bool rolled_back;           /* nothing is sent until a person accepts */
	uint64_t rolled_back_index; /* of the last record that says so; 0: none. What was open then becomes `uncertain`, also when the person was faster */
	bool clock_bad;             /* nothing at all while the clock is in doubt */
	struct timekeeper timekeeper;
	char store_state[32];
	int64_t checkpoint_ms; /* UTC of the last checkpoint's `anchor`; 0: none yet */
	struct hub_anchors anchors;
	struct stamp_book stamp_book;
	struct renew_book renew_book;
	struct trust_book trust_book;
	struct pin_book pin_book;
	size_t works;
	size_t errands; /* under way (errand.h) */
	int sweep_timer;
	int share; /* O_PATH of the share, -1 while it is not there */
	struct inbox *inbox;
	struct control *control;
	struct metrics *metrics;            /* NULL: none */
	struct mail *mail;                  /* NULL: none configured */
	struct stamper *stamper;            /* NULL: no time-stamp authority is configured */
	struct trust *trust;                /* NULL: nothing is collected for the auditor */
	struct closing *closings, *closing; /* partners to be told of a stored final word (closing.h), and the one that is being told; NULL: none */
	size_t closing_count;
};

/* podatelnad --hub; returns the exit code. */
int hub_run(void);

/* True when cases may be worked on: journal replayed, living sessions known, clock plausible. */
bool hub_is_working(const struct hub *hub);
/* flow_sign.c: what the partner wants of certificates, words for the token program. Only for a partner of the catalogue. */
const char *hub_partner_wants(const struct hub_partner *partner);
/* partner_files.c: at the start. */
void hub_load_partners(struct hub *hub);
struct hub_partner *hub_partner_find(struct hub *hub, const char *name);
/* Why nothing is worked on, English for translation; "" when it is. */
const char *hub_waiting_reason(const struct hub *hub);
/* A record the store told of, or one of the replay. Exits the process when the journal cannot be understood: working on would be worse. */
void hub_record(struct hub *hub, struct span leaf, struct span hash);

/* The partner answered, or could not be reached: the next contact is put off for longer and longer. */
void hub_partner_result(struct hub *hub, const struct hub_case *of, bool reached);

/* Why it is tried again later only, English for translation. */
const char *hub_partner_waiting(const struct hub_partner *partner);

/* session.c: asks the network program which sessions live (after a start of either) and takes them over. */
void sessions_adopt(struct hub *hub);

#endif
