/* stamp_book.h - which time stamps were spent, on what, and what the newest of them covers (spec timestamps 4 and 5): a replay of the journal, nothing of its own.
 *
 * There is no way to ask an authority how many stamps are left, so the records count: `anchor` {event: stamp | bad-stamp} and `stamped` spend one each, `anchor`
 * {event: package} is a person's word of how many were used by then. Packages are used up in the order of the configuration, each between its days.
 */
#ifndef HUB_STAMP_BOOK_H
#define HUB_STAMP_BOOK_H

#include "../../config/config.h"
#include "case.h"

#define STAMP_CHECKPOINTS_KEPT 16
#define STAMP_BAD_FIRST_MS INT64_C(600000) /* after a stamp that did not hold, doubled with each further one */
#define STAMP_BAD_MOST_MS INT64_C(86400000)
#define STAMP_BAD_PER_DAY 5

enum stamp_purpose {
	STAMP_SCHEDULE, /* records wait for one */
	STAMP_DAY_END,
	STAMP_CHECK,  /* does it work? */
	STAMP_PERSON, /* podatelna journal stamp */
	STAMP_ERASURE,
	STAMP_RENEWAL, /* so that earlier stamps go on proving something (renew.h) */
	STAMP_FILING,  /* of a signature */
	STAMP_PURPOSE_COUNT,
};

/* "schedule", "day-end", ... as in the records. */
const char *stamp_purpose_name(enum stamp_purpose purpose);
/* The same for people, translated. */
const char *stamp_purpose_label(enum stamp_purpose purpose);

/* One stamp that was spent. */
struct stamp_use {
	int64_t utc_ms; /* of its record */
	uint64_t index;
	char number[CASE_NUMBER_SIZE]; /* "" for those of the journal */
	uint8_t tsa;                   /* place in the configuration */
	uint8_t purpose;
	bool good;
};

struct stamp_account {
	uint64_t used[CONFIG_PACKAGES_MAX]; /* of each package; of the last one perhaps more than it has */
	uint64_t spent;                     /* records that spent one, whatever was bought */
	int64_t good_ms, bad_ms;            /* UTC of the last record of either; 0: none */
	uint32_t bad_in_row;
};

struct stamp_checkpoint {
	uint64_t size;
	int64_t after_ms; /* UTC of the first record beyond it that asks for a stamp; 0: none yet */
};

struct stamp_book {
	const struct config *config; /* borrowed */
	struct stamp_account accounts[CONFIG_TSAS_MAX];
	struct stamp_use *uses; /* in the order of the journal */
	size_t use_count, use_room;
	struct stamp_checkpoint checkpoints[STAMP_CHECKPOINTS_KEPT]; /* the newest; a ring */
	size_t checkpoint_count;
	uint64_t anchored_size; /* records below this are covered by a stamp */
	int64_t anchored_ms;    /* UTC of its record; 0: none yet */
	int64_t waiting_ms;     /* UTC of the oldest record that is not; 0: none that asks for one */
	int64_t boot_ms;        /* UTC of the last `boot` */
	int64_t spent_ms;       /* UTC of the last record that spent any stamp */
	int64_t off_ms;         /* the box's clock minus the true time by the last stamp; */
	int64_t off_at_ms;      /* UTC of that record, 0: none */
};

/* What is left of the packages that can be used at one moment. */
struct stamp_left {
	uint64_t left, of; /* of those that are valid now */
	int64_t until_ms;  /* the earliest end among those with something left; INT64_MAX: none ends */
};

/* Every record, of the replay too. 0 or ERR_MEMORY. */
int stamp_book_record(struct stamp_book *book, const struct record *record);
void stamp_book_free(struct stamp_book *book);
/* False where nobody counts (no package in the configuration). */
bool stamp_book_left(const struct stamp_book *book, size_t tsa, int64_t now_ms, struct stamp_left *ret);
/* False below the stop line: then only the journal is stamped. */
bool stamp_book_may_file(const struct stamp_book *book, size_t tsa, int64_t now_ms);
/* The moment before which no stamp is asked of this authority by itself, because its last ones did not hold; 0: none. */
int64_t stamp_book_pause(const struct stamp_book *book, size_t tsa, int64_t now_ms);
/* How long the oldest record that no stamp covers has been waiting; 0: none does. */
int64_t stamp_book_age(const struct stamp_book *book, int64_t now_ms);
/* True when a stamp of the journal is due by this authority's settings; *ret_purpose why. */
bool stamp_book_due(const struct stamp_book *book, const struct config_tsa *settings, int64_t now_ms, enum stamp_purpose *ret_purpose);
/* Records of this type ask for no checkpoint, so for no stamp either (FORMAT.txt 6, mark "quiet"). */
bool stamp_type_is_quiet(const char *type);

#endif
