/* case.h - one case as its records tell it. Nothing here is written anywhere: it is a replay of the journal, at the start and with each new record.
 *
 * case_apply is the only place where a case changes its state. What the box is doing for a case at this moment (struct work, flow.h) is kept apart and may be
 * lost at any time.
 */
#ifndef HUB_CASE_H
#define HUB_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/record.h"
#include "../base/state.h"

#define CASE_NUMBER_SIZE 24
#define CASE_STAGE_SIZE 24
#define CASE_GROUP_SIZE 65
#define CASE_REASON_MAX_BYTES 256
#define CASE_WORD_MAX_BYTES 64
#define CASES_BUCKETS 16384
#define CASE_UNKNOWN_SIGNER "unknown-signer" /* `detail` of a `verified` that is invalid for this reason alone */

/* The records of a case that decide what comes next; RECORD_OTHER for delivered, shown and the like, which do not. */
enum record_kind {
	RECORD_OTHER,
	RECORD_RECEIVED,
	RECORD_RECOGNISED,
	RECORD_UNKNOWN,
	RECORD_HELD,
	RECORD_APPROVED,
	RECORD_REJECTED,
	RECORD_REFUSED,
	RECORD_INTENT,
	RECORD_ABANDONED,
	RECORD_SIGNED,
	RECORD_STAMPED,
	RECORD_REQUEST,
	RECORD_TESTED,
	RECORD_SENDING,
	RECORD_NOT_SENT,
	RECORD_SENT,
	RECORD_UNCLEAR,
	RECORD_REPLY,
	RECORD_VERIFIED,
	RECORD_CLOSED,
	RECORD_ATTACHED,
	RECORD_DELETED,
	RECORD_KIND_COUNT,
};

enum case_purpose { PURPOSE_NONE, PURPOSE_TEST, PURPOSE_FILE, PURPOSE_POLL, PURPOSE_CHECK };

/* What a filing is to the others of its report. */
enum case_act { ACT_REGULAR, ACT_CORRECTION, ACT_CANCELLATION };

struct work;

/* What metrics.c remembers of a case; from records. */
struct case_times {
	int64_t intent_ms, sending_ms; /* UTC of the last `intent` and `sending` */
	const char *key;               /* of that intent, interned */
	enum case_state counted;       /* the state it was last counted in */
	bool posted;                   /* the time to its first POST was taken */
};

struct hub_case {
	struct hub_case *next_in_bucket, *next_open, *next_all;
	char number[CASE_NUMBER_SIZE];
	enum case_state state;
	enum record_kind last;
	uint8_t head[RECORD_HASH_BYTES]; /* leaf hash of the last record of any type */
	int64_t received_ms, head_ms;    /* UTC of the first record, and of the last one that decides */
	int64_t changed_ms;              /* UTC of the last change of state */
	int64_t closed_ms;               /* UTC of the last `closed`: its month is that of the folder in Vyrizeno */
	uint64_t authorising;            /* index of the last `request` or `sending`: the id of its session */
	uint64_t sending_index;          /* of the last `sending` */
	uint64_t first_index, claim;
	uint64_t last_index;                      /* of the last record that decides (`last`) */
	uint64_t changed_index;                   /* of the record that changed the state last */
	uint64_t report_index, test_report_index; /* of the last record with a report of the partner, and of the last test run's; 0: none */
	uint64_t reply_index;                     /* of the last `reply` or `attached` */
	uint64_t file_reply_index;                /* of the last one that answers a filing */
	uint64_t confirmation_index;              /* of the one that was verified and belongs to this filing; 0: none */
	uint64_t signed_reply_index;              /* of one whose signature is valid and whose content is not settled yet; 0: none */
	const char *kind, *partner, *env, *by;    /* interned (few different ones), "" when not known */
	char form[CASE_WORD_MAX_BYTES + 1];       /* foreign: not interned */
	char *reason;                             /* of the last record that gave one; NULL for none */
	char *error;                              /* of the last `not-sent`; NULL for none */
	char *signed_ref, *request_ref;           /* of the last `signed` and `request`, NULL for none */
	char stage[CASE_STAGE_SIZE];              /* which poll comes next */
	char seen[CASE_NUMBER_SIZE];              /* earlier case with the same content */
	enum case_purpose purpose;                /* of the last `request` */
	uint32_t attempt, polls, tests;
	uint32_t sign_failures;      /* `abandoned` in a row since the last `signed` or `approved` */
	int64_t tested_ms;           /* when a test run last passed since the last signature; 0: not */
	uint32_t filed_at, asked_at; /* the server of the last `sending`, and of the last request of any kind (case_server); 0: none */
	uint16_t http_status;
	bool approval_needed;   /* from `recognised` */
	bool two_person;        /* likewise: not by him who handed it in */
	bool papers_held;       /* papers were put into KeSchvaleni; who decides, takes them away */
	bool duplicate_cleared; /* a person approved */
	bool delivered;         /* the present state's papers are on the share */
	bool verified;          /* a confirmation was verified by its signature and bound to what was sent */
	bool attached;          /* a person attached something that is not settled yet */
	bool has_receipt, has_reply, has_confirmation, has_report;
	bool result_valid;   /* of the last `verified` */
	char sealer[65];     /* SHA-256 of the certificate that nobody had approved when it sealed the last reply; "" */
	bool tested_passed;  /* verdict of the last `tested` */
	bool reply_complete; /* of the last `reply`: far is reply-done */
	bool checked;        /* the partner found nothing wrong with the form before it was signed (flow_precheck.c) */
	uint32_t unchecked;  /* questions about that without a result, since the last `approved` */
	bool stamped;        /* the last signature carries a time stamp */
	bool deferred;       /* the partner processes so many forms later, and is asked less often */
	uint64_t forms;      /* in the filing, as its partner counts them; 0: not known */
	int64_t sending_ms;  /* UTC of the last `sending` that no `not-sent` answered; 0: none */
	int64_t earlier_ms;  /* likewise of the one before it */
	bool partial;        /* of the last `closed`: some parts were taken, others were not */
	uint32_t warnings;   /* of the last `closed`: what the partner took with reservations */

	uint32_t timer;        /* which daily question (query_timer.h) began it; 0: none */
	uint64_t data_index;   /* of the `closed` with data that came back; 0: none did */
	uint64_t opened_index; /* of the `delivered` with these deciphered; 0: not yet */
	uint64_t items;        /* so many items of theirs stand in Dosle for good */
	bool data_enveloped;   /* they are encrypted for a key of ours */

	struct case_times times;

	char group[CASE_GROUP_SIZE]; /* the same for all filings of one report; "" for none */
	uint32_t package, packages;  /* which of how many; 0: not known */
	enum case_act act;

	/* Not from records: */
	bool is_open, in_open_list;
	bool since_start;     /* not asked about since this start, although it waits for the partner's word; until the question's record */
	uint64_t item;        /* which item of the data is looked at next */
	bool items_done;      /* no item is left, or they cannot be taken apart */
	bool data_unread;     /* the latter */
	size_t open_tries;    /* keys that did not open the data */
	bool asked;           /* a person wants the partner asked now; until the question's record */
	struct work *work;    /* what is under way; NULL: nothing */
	uint64_t due_ms;      /* monotonic; not to be looked at before */
	uint64_t settled;     /* the poll (authorising) whose reply said: still running */
	uint32_t failures;    /* of the present step in a row */
	uint32_t absent;      /* answers in a row by which what was sent never arrived (flow_reply.c) */
	uint64_t absent_ms;   /* monotonic: when the first of them came */
	uint32_t deaths;      /* jobs that died on this step in a row, while the partner's program itself lived on */
	uint64_t death_epoch; /* of the last one; 0: none */
	/* From records again, of the end: */
	char keep_until[11];    /* of the last `closed`: "2036-11-22", "" for none */
	uint64_t erased;        /* index of the record `erased` (not a mere wish); 0: none */
	int64_t erase_asked_ms; /* UTC of the last wish for erasure; 0: none */
	const char *erase_by;   /* whose wish, interned; "" for none */
	uint64_t archived;      /* id of the archive that holds the content; 0: the vault does */

	bool partner_told;   /* of this life: the partner is told, or was, that its final word is stored (closing.h) */
	uint64_t sought;     /* the last search (list_filter.c) that found its text in the name of the file */
	char *outside;       /* lines: what a job of this life said of the coming requests (job.h, `compose`); NULL for nothing */
	const char *waiting; /* untranslated English words why it waits; "" for none */
	int64_t until_ms;    /* UTC until which it waits for that; 0: nobody knows */
};

struct cases {
	struct hub_case *buckets[CASES_BUCKETS];
	struct hub_case *all, *open; /* `all` newest first; `open` oldest first */
	struct hub_case *open_tail;
	size_t count, open_count;
};

/* Applies one record: finds or makes its case. *ret_case is NULL for records of the box. ERR_STATE when the record contradicts the table of states (the journal
 * was not written by these rules), ERR_FORMAT when a field is missing. */
int case_apply(struct cases *cases, const struct record *record, struct hub_case **ret_case);
/* Takes in a case that was kept (keep.h), the newest so far; it belongs to `cases` then. Its number must not be there. */
void cases_put(struct cases *cases, struct hub_case *added);
/* Numbers may be given short ("123" or "2026-000123"); NULL when there is none or more than one. */
struct hub_case *case_find(struct cases *cases, const char *number);
#define CASE_LABEL_SIZE 160
/* `state`, a present or former one of the case, in words for people: what the partner took in part or with reservations is told apart. */
void case_label(const struct hub_case *of, enum case_state state, char ret[CASE_LABEL_SIZE]);
/* True when a case was taken in from this claim (the `claim` field of `received`). */
bool case_claimed(const struct cases *cases, uint64_t claim);
enum record_kind record_kind_of(const char *type);
/* A number for the server (host and port) of an address, the same for all addresses there. */
uint32_t case_server(struct span url);
/* The stage in which a partner is not asked: its final word comes another way. */
#define CASE_STAGE_NONE "none"
/* The partner knows the answer when it is asked for it. */
bool case_is_asked_about(const struct hub_case *of);
/* A copy that lives for ever; equal texts share one. For words of the box's own vocabulary and configuration, never for foreign text. NULL without memory. */
const char *intern(const char *text);
/* Takes closed cases off the list of open ones. */
void cases_sweep(struct cases *cases);
void cases_free(struct cases *cases);

#endif
