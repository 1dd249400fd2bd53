/* stamps.h - time stamps (spec timestamps): made by an authority for the journal's checkpoints and, where a partner allows it, for signatures of filings.
 *
 * What was spent and what is due is decided from records alone (stamp_book.h). Here is what is under way: one stamp at a time in the whole box, so that a crash
 * between the authority's word and our record costs one stamp and not several. An authority that says no for good (a refused login, an empty package) is left
 * alone until the box is started anew or a person asks (podatelna journal stamp): every further try would say the same, and an account may lock.
 */
#ifndef HUB_STAMPS_H
#define HUB_STAMPS_H

#include "attention.h"
#include "flow.h"

#define STAMP_REPLY_MAX_BYTES 65536 /* a TimeStampResp with its certificates; it must fit into one message to the store */
#define STAMP_WORDS_SIZE 400
#define STAMP_START_MS 2000 /* after a start: a hub that dies again and again must not stamp again and again */
#define STAMP_TROUBLES_MAX 16

struct stamper;

enum stamp_outcome {
	STAMP_GRANTED, /* checked: it counts */
	STAMP_BAD,     /* granted, and does not hold: spent all the same */
	STAMP_NO,      /* refused for good */
	STAMP_LATER,   /* no address can be reached, or none can do it now */
};

/* Borrowed while `done` runs. */
struct stamp_result {
	enum stamp_outcome outcome;
	size_t tsa;
	int reply, token;          /* memory files: TimeStampResp (GRANTED, BAD), TimeStampToken (GRANTED); -1 */
	const struct lines *facts; /* of the job `stamp-reply` */
	const char *words;         /* why it is not GRANTED, English; a beginning that stands in the catalogue of words may be followed by ": details" */
};
typedef void (*stamp_done)(void *context, const struct stamp_result *result);

/* --- stamps.c --- */
/* NULL when no authority is configured. Reads the trust anchors: before the sandbox. */
struct stamper *stamps_new(struct hub *hub);
/* The replay is over: what is due is stamped from now on. NULL is fine here and below. */
void stamps_begin(struct hub *hub);
/* Looks whether the journal is to be stamped; called now and then. */
void stamps_update(struct hub *hub);
/* The authority to be asked now, in the order of the configuration: for a filing it must be above its stop line. `person`: whatever became of it before.
 * SIZE_MAX and *ret_why (N_()) for none. */
size_t stamps_pick(const struct hub *hub, bool filing, bool person, const char **ret_why);
bool stamps_busy(const struct hub *hub);
/* Stamps the journal now, for a purpose of the journal; `by` "box" or a person, who may name the authority (SIZE_MAX: whichever can do it). *ret_why: N_(). `told`
 * comes once, when the record is durable or there is none; not after a negative error. */
typedef void (*stamp_told)(void *context, bool good, const char *words, uint64_t size);
int stamps_anchor(struct hub *hub, enum stamp_purpose purpose, const char *by, size_t tsa, stamp_told told, void *context, const char **ret_why);
/* Keeps a granted reply that does not hold, for inspection, as `anchor` {event: bad-stamp}. `number`: of the filing whose signature it was to stamp. */
void stamps_keep_bad(struct hub *hub, const struct stamp_result *result, const char *number, void (*then)(void *context, int err), void *context);

/* --- stamp_make.c --- */
/* Asks the authority for a stamp over `imprint` (hex), address by address. ERR_AGAIN while another one is being made; then and at other errors `done` does not
 * come. */
int stamp_make(struct hub *hub, size_t tsa, const char *imprint, enum config_hash hash, stamp_done done, void *context);

/* --- flow_stamp.c: signed -> stamped --- */
/* Does this case's signature get a stamp of its own, that it does not have yet? */
bool flow_wants_stamp(const struct hub *hub, const struct hub_case *of);
/* Why a case that needs one cannot be filed now, N_(); NULL when it can. */
const char *flow_stamp_obstacle(const struct hub *hub, const struct hub_case *of);
void flow_stamp(struct hub *hub, struct hub_case *of);

/* --- stamp_words.c: what people are told --- */
struct stamp_trouble {
	enum attention_who who;
	bool urgent;    /* blinks */
	char text[640]; /* translated, a sentence or more */
};
size_t stamps_troubles(const struct hub *hub, int64_t now_ms, struct stamp_trouble ret[STAMP_TROUBLES_MAX]);
/* Is one of them urgent? */
bool stamps_urgent(const struct hub *hub, int64_t now_ms);
/* Until when the stamps of the journal prove something, and whether one more is needed (renew.h). */
void stamps_plan(const struct hub *hub, int64_t now_ms, struct renew_plan *ret);
/* True when nothing new may be filed, because what is in the journal waits for a stamp too long (journal { stamp_stop_after }). */
bool stamps_stale(const struct hub *hub, int64_t now_ms);
/* What became of the last try of an authority that did not go well: English, "" for nothing; *ret_put_off: it is not asked again by itself. */
const char *stamps_failure(const struct hub *hub, size_t tsa, bool *ret_put_off);

/* Such words in the language of the box: their beginning is translated where it is known, details stay as they are. */
void stamps_say(const char *error, char *ret, size_t size);

#endif
