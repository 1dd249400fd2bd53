/* state.h - everything that one run of podatelna-audit knows: what was asked, what was read, figures and findings. say.c, json.c and report.c read it. */
#ifndef STORE_AUDIT_STATE_H
#define STORE_AUDIT_STATE_H

#include <pthread.h>

#include "facts.h"
#include "source.h"
#include "tree.h"

struct finding {
	enum audit_kind kind;
	enum audit_weight weight;
	uint64_t index; /* AUDIT_NO_INDEX: of no record */
	uint64_t order; /* in which they were found */
	char why[AUDIT_WHY_SIZE];
};

/* The passes, cheapest first; `seconds` of each is wall time. */
enum audit_pass {
	PASS_RECORDS, /* framing, CRC, hashes, tree, table, chains: one walk over the segments */
	PASS_ANCHORS, /* signatures, certificates, stamps */
	PASS_OBJECTS,
	PASS_COUNT,
};

/* Which content a reference names: the same one exactly when all of it is the same, as each reference has one form only. */
struct content_id {
	uint64_t size;
	uint32_t generation, part_count;
	uint8_t commitment[AUDIT_HASH_BYTES];
	uint8_t parts[AUDIT_HASH_BYTES]; /* the only part's hash; of several the SHA-256 of their list */
};

struct audit_case {
	uint64_t key;
	uint64_t first, last; /* indexes */
	int64_t last_utc_ms;
	uint32_t count;
	uint8_t head[AUDIT_HASH_BYTES]; /* leaf hash of the last record */
	uint8_t last_type;              /* RULE_NONE: unknown, as a record of it is damaged */
	uint8_t last_any;               /* the same, transparent records too */
	bool uncertain;                 /* a record of it is damaged: what it owes cannot be judged */
	bool failed, accepted;          /* the last closed */
	bool has_signature, verified, approved, approval_needed, two_person;
	bool owes_signed;
	bool requested;
	uint64_t sending, intent;      /* index + 1 of the last; sending 0: none open */
	struct content_id request;     /* object-request of the last request */
	int64_t received_by, asked_by; /* uid; -1 box, -2 nobody */
	char keep_until[11];
	uint64_t erased;   /* index + 1 of the record that erased it */
	uint64_t archived; /* index + 1 of the last archived: out; 0 when it is back */
};

/* A part of an object in a record. */
struct object_use {
	uint8_t hash[AUDIT_HASH_BYTES];
	uint64_t index;       /* record */
	uint64_t content;     /* bytes of content that it carries */
	uint32_t case_number; /* in cases */
	uint32_t generation;
	uint16_t part, role;
};

struct audit_figures {
	uint64_t records, cases, segments, unclean_segments, bytes, tail_bytes, heads;
	uint64_t objects, parts, object_bytes, keys, erased, archived, stray;
	uint64_t findings[AUDIT_REMARK + 1]; /* by weight, all of them */
	uint64_t by_kind[AUDIT_KIND_COUNT];
	double seconds[PASS_COUNT];
	bool records_read, anchors_read, objects_read, keys_read; /* which of it was looked at */
	uint8_t root[AUDIT_HASH_BYTES];                           /* of all records */
	int64_t first_ms, last_ms;                                /* times of the first and last record */
};

struct audit {
	struct audit_settings settings;
	struct rules rules;
	struct source source;
	struct tree tree;
	int64_t *utc_ms;   /* of each record */
	uint8_t *types;    /* number in the table; TYPE_AUTHORISES added for what an exchange may rest on */
	uint32_t *case_of; /* number in cases, + 1 */
	size_t record_room;
	struct audit_anchor *anchors;
	size_t anchor_count, anchor_room;
	struct audit_case *cases;
	size_t case_count, case_room;
	uint32_t *case_slots; /* hash table: number + 1 */
	size_t slot_count;
	struct object_use *uses;
	size_t use_count, use_room;
	struct audit_figures figures;
	struct audit_anchors_result anchors_result;
	struct finding *list;
	size_t list_count, list_room;
	pthread_mutex_t lock;
	bool sorted;
	bool progress; /* on stderr */
};

#define TYPE_AUTHORISES 0x80

/* What `kind` is called and weighs: the name stays, the title is a msgid of words.h. */
struct audit_kind_words {
	const char *name;
	enum audit_weight weight;
	const char *title;
};
extern const struct audit_kind_words audit_kinds[AUDIT_KIND_COUNT];

/* say.c: findings in order of weight and index; the verdict as an exit code; its one line. */
void audit_sort(struct audit *audit);
enum audit_exit audit_verdict(const struct audit *audit);
/* A sentence, translated. */
void audit_verdict_line(const struct audit *audit, char *ret, size_t size);
void audit_say(struct audit *audit);
void audit_progress(const struct audit *audit, enum audit_pass pass, uint64_t done, uint64_t all);
void audit_progress_end(const struct audit *audit);
/* "2026-11-21 18:39:00 UTC" */
#define AUDIT_TIME_SIZE 32
void audit_time_text(int64_t utc_ms, char ret[AUDIT_TIME_SIZE]);
/* json.c: all of it as one object on stdout (its form stands there). */
void audit_json(struct audit *audit);

/* cases.c: the case of a key, made when it is new; NULL: no memory. Pointers hold until the next call. */
struct audit_case *audit_case_find(struct audit *audit, uint64_t key);
struct audit_case *audit_case_make(struct audit *audit, uint64_t key);

/* scan.c: the whole walk over the segments. -1: no memory or threads. `visit` (or NULL) sees each good record in order. */
int audit_scan(struct audit *audit, bool (*visit)(void *context, const struct fact *fact), void *context);
/* objects.c: vault/ and keys/. */
int audit_objects(struct audit *audit);
/* since.c: against the note that the auditor holds. */
void audit_since(struct audit *audit);
/* runs `work(context, n)` for n = 0 to count - 1 on the settings' threads. */
int audit_parallel(const struct audit *audit, uint64_t count, void (*work)(void *context, uint64_t n), void *context);

/* evidence.c: the command `evidence`, argv[0] is its name; an exit code. */
int audit_evidence_main(int argc, char **argv);

/* Seconds of a clock that only goes forward. */
double audit_clock(void);

/* Prepares a run: rules, source. 0, AUDIT_NO with a sentence on stderr. */
int audit_open(struct audit *audit, const struct audit_settings *settings);
void audit_close(struct audit *audit);

#endif
