/* timekeeper.h - is the clock of the box to be believed (design 3, Clock), and by how much is it off?
 *
 * Believed is a clock that is not before the last record and not more than clock { forward_max } after it, reckoned on CLOCK_MONOTONIC while the box runs. While it
 * is in doubt nothing is worked on. What ends a doubt:
 *   the clock is right again                           always
 *   a record `clock-accepted` by a person              always
 *   the dates of two servers (verified TLS; of one     a clock that is ahead, or was put back while the box ran; never one that is before the last record: then
 *   where only one is configured), 5 min apart at      either it or the journal is wrong, and dates do not say which
 *   most: `clock-accepted` by the box
 * How far the clock is off comes from time stamps and from the Date of every reply over TLS; a stamp of the last day counts more than a Date, which has no
 * signature and no fractions of a second.
 */
#ifndef HUB_TIMEKEEPER_H
#define HUB_TIMEKEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMEKEEPER_OFF_MAX_MS INT64_C(300000) /* a clock that is off by more is told to people */
#define TIMEKEEPER_HOSTS 2
#define TIMEKEEPER_NAME_BYTES 96

struct hub;
struct record;
struct span;
struct errand;

enum clock_doubt { CLOCK_BELIEVED, CLOCK_BEHIND, CLOCK_AHEAD, CLOCK_PUT_BACK };

struct clock_figure {
	int64_t off_ms; /* our clock minus the other one: positive, ours is ahead */
	int64_t at_ms;  /* UTC; 0: there is none */
	char from[TIMEKEEPER_NAME_BYTES];
};

/* One server that is asked for its date while the clock is in doubt. */
struct clock_witness {
	struct hub *hub;
	struct errand *errand; /* NULL: not under way */
	char host[TIMEKEEPER_NAME_BYTES];
	bool answered;
	int64_t off_ms;
};

struct timekeeper {
	enum clock_doubt doubt;
	int64_t by_ms;            /* how far the clock was from what is believed, when the doubt began */
	int64_t believed_ms;      /* UTC, */
	uint64_t believed_at_ms;  /* at this monotonic moment */
	int64_t last_ms;          /* UTC of the last record that is believed, 0: none */
	uint64_t look_ms, ask_ms; /* monotonic: next look, next question */
	unsigned asked;           /* questions without an answer that ended the doubt */
	bool accepting;           /* the record is on its way */
	struct clock_figure stamp, date;
	struct clock_witness witnesses[TIMEKEEPER_HOSTS];
	size_t witness_count; /* of the question under way */
};

/* The journal is open: `last_ms` the time of its last record, with the time since, 0 for none. */
void timekeeper_begin(struct hub *hub, int64_t last_ms);
/* From every sweep; looks once a second. */
void timekeeper_look(struct hub *hub);
/* Every record, of the replay too; `partner` of its case, "" for one of the box. */
void timekeeper_record(struct hub *hub, const struct record *record, const char *partner);

/* Why nothing is done, English for translation; "" while the clock is believed. */
const char *timekeeper_reason(const struct hub *hub);
/* The best figure there is; NULL: none. */
const struct clock_figure *timekeeper_figure(const struct hub *hub);
/* The figure says that the clock is off by more than TIMEKEEPER_OFF_MAX_MS. */
bool timekeeper_is_off(const struct hub *hub);
/* "1 h 4 min behind (stamp postsignum)": the figure, or where the clock is in doubt by how much it is, translated; "" where nothing is known. */
void timekeeper_words(const struct hub *hub, char *ret, size_t size);
/* What a person reads and has to do; "" when there is nothing. Translated. */
void timekeeper_todo(const struct hub *hub, char *ret, size_t size);

#endif
