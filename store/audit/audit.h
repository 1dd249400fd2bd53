/* audit.h - podatelna-audit: the auditor's check of a journal that trusts neither the box nor its makers (design 4; FORMAT.txt is what it is written from).
 *
 * It shares no code with the store, nor with any other program here: libc and mbedTLS only, one static program. Rooms within the room:
 *
 *   main.c options.c look.c               command line: verify list show prove tiles evidence
 *   source.c frame.c crc.c tree.c scan.c  files of a data directory, framing of records, RFC 6962, and the pipeline over them (both cores)
 *   rules.c facts.c chains.c duties.c     record table (parsed from FORMAT.txt, which the program carries), chain and duties of each case
 *   state.h                               everything that a run knows: figures and findings, for say.c json.c report.c
 *   objects.c                             vault/, keys/: present, as named, or erased by a record
 *   anchors.c                             checkpoints, signatures, stamps, renewals; time from a record to the first stamp that covers it
 *   der.c cms.c path.c stamp.c signed.c   DER reader, CMS, certificate paths and CRLs at a given time, RFC 3161, C2SP signatures: each fails closed
 *   say.c report.c json.c words.c         findings as text, JSON, page; Czech and English
 *
 * Everything that is read is foreign: lengths have limits with names, nothing is trusted before it is checked, nothing is written but what the user named.
 */
#ifndef STORE_AUDIT_AUDIT_H
#define STORE_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_HASH_BYTES 32
#define AUDIT_WHY_SIZE 240
#define AUDIT_FINDINGS_MAX 10000 /* more are counted, not listed */
#define AUDIT_NO_INDEX UINT64_MAX
#define AUDIT_THREADS_MAX 16

enum audit_exit {
	AUDIT_YES = 0,
	AUDIT_NO = 1, /* it could not be checked, or only warnings of weight stand against it (see enum audit_weight) */
	AUDIT_USAGE = 2,
	AUDIT_DAMAGE = 5, /* the journal is not what was written, or it breaks its own rules */
};

struct bytes {
	const uint8_t *data;
	size_t length;
};

enum audit_weight {
	AUDIT_DAMAGED, /* exit 5 */
	AUDIT_DOUBT,   /* exit 1: cannot be proved with what was given (no trusted certificate, no CRL for that time, a stamp too late) */
	AUDIT_REMARK,  /* exit 0: worth knowing (unclean segment, gap behind the last checkpoint, erased by a record) */
};

/* What was found, by a name that stays: tests and other programs rely on it (`kind` in --json). audit_kinds in say.c has name, weight and words for each. */
enum audit_kind {
	AUDIT_FRAME,          /* frame: bytes that are no record, a CRC that does not fit, a wrong length */
	AUDIT_LEAF_HASH,      /* leaf-hash: the trailer's hash is not that of the leaf */
	AUDIT_ORDER,          /* order: index or batch out of order */
	AUDIT_TRUNCATED,      /* truncated: records that a head, a checkpoint, a segment's successor or the auditor's note knows of are missing */
	AUDIT_TAIL,           /* tail: an unacknowledged tail (remark) */
	AUDIT_SEGMENT,        /* segment: a segment missing, doubled, out of place, or its own summary does not fit */
	AUDIT_HEAD,           /* head: a readable head disagrees with the records */
	AUDIT_ROOT,           /* root: a checkpoint's root is not that of the records */
	AUDIT_ORIGIN,         /* origin: a checkpoint, note, key or mark of another log */
	AUDIT_NOTE,           /* note: a file in journal/anchor/ that is no checkpoint of this format, or contradicts its name or record */
	AUDIT_FORK,           /* fork: the auditor's note and the journal have different histories */
	AUDIT_ROLLED_BACK,    /* rolled-back: the journal is older than the auditor's note */
	AUDIT_NOTE_SIGNATURE, /* note-signature: the signature line does not fit */
	AUDIT_CMS,            /* cms: malformed, or does not fit the checkpoint */
	AUDIT_UNSIGNED,       /* unsigned: no signed checkpoint covers these records */
	AUDIT_CERTIFICATE,    /* certificate: no path to what the auditor trusts, wrong use, broken signature of a certificate */
	AUDIT_EXPIRED,        /* expired: not valid at the time that counts */
	AUDIT_REVOKED,        /* revoked: at the time that counts */
	AUDIT_REVOCATION,     /* revocation-unknown: no list for that time (doubt) */
	AUDIT_STAMP,          /* stamp: malformed, over other bytes, or not what its record says */
	AUDIT_STAMP_AGE,      /* stamp-age: the authority's certificate has ended and no renewal covers the stamp */
	AUDIT_LATE,           /* late: longer from a record to its first stamp than the limit */
	AUDIT_UNSTAMPED,      /* unstamped: no stamp covers these records yet */
	AUDIT_TABLE,          /* table: type, fields or order against the record table */
	AUDIT_CHAIN,          /* chain: prev does not name the record before it */
	AUDIT_DUTY,           /* duty: signed without intent, sent without request or signature, closed twice, done without the evidence owed */
	AUDIT_OBJECT_MISSING, /* object-missing */
	AUDIT_OBJECT_CHANGED, /* object-changed: a file of the vault is not what its name says */
	AUDIT_OBJECT_SWAPPED, /* object-swapped: it is the object of another case or generation, or parts in another order */
	AUDIT_KEY,            /* key: a key file missing, or of another case */
	AUDIT_ERASED,         /* erased: by record n (remark) */
	AUDIT_NOT_ERASED,     /* not-erased: a record erased it, and key or content is still there */
	AUDIT_ARCHIVED,       /* archived: by record n, the archive was not given (remark) */
	AUDIT_CLOCK,          /* clock: time runs backwards beyond what a record explains (remark), or a stamp is older than what it covers */
	AUDIT_STRAY,          /* stray: files that belong to nothing (remark) */
	AUDIT_UNREADABLE,     /* unreadable: the system would not give it */
	AUDIT_KIND_COUNT,
};

/* One run; state.h. */
struct audit;

/* Says a finding about record `index` (AUDIT_NO_INDEX: none) with the weight of its kind. English, printf style; the sentence is translated through words.c
 * when it is one of its words. Thread-safe. */
void audit_found(struct audit *audit, enum audit_kind kind, uint64_t index, const char *why, ...) __attribute__((format(printf, 4, 5)));
/* The same with another weight than that of the kind. */
void audit_found_as(struct audit *audit, enum audit_kind kind, enum audit_weight weight, uint64_t index, const char *why, ...)
    __attribute__((format(printf, 5, 6)));

/* An `anchor` record, as anchors.c needs it; text fields are "" when absent. In order of index. */
struct audit_anchor {
	uint64_t index;
	int64_t utc_ms;
	char event[16]; /* "" checkpoint, stamp, renewal, bad-stamp, package, crl, cert */
	char file[96];
	char purpose[24];
	char tsa[64];
	bool has_size, has_root, has_sha256;
	uint64_t size;
	uint8_t root[AUDIT_HASH_BYTES];
	uint8_t sha256[AUDIT_HASH_BYTES];
};

/* What the records gave to the check of anchors. */
struct audit_records {
	uint64_t size;         /* whole good records from 0 on */
	const int64_t *utc_ms; /* of each */
	const uint8_t (*leaves)[AUDIT_HASH_BYTES];
	const struct audit_anchor *anchors;
	size_t anchor_count;
	const char *origin;
	uint64_t notes_before; /* largest checkpoint listed before the segments were read; 0: none. A larger one that is larger than `size` too was made since
	                             * then by a box that went on: no finding */
	bool (*is_quiet)(void *context, uint64_t index); /* of a type that is marked quiet in the table; `context` is that of root_of. NULL: none is */
};

enum audit_layout {
	AUDIT_LAYOUT_DATA,    /* holds journal/, and perhaps vault/ and keys/ */
	AUDIT_LAYOUT_JOURNAL, /* is a journal/: content not looked at */
	AUDIT_LAYOUT_NOTES,   /* is the auditors' share: notes, signatures, stamps, origin */
};

struct audit_settings {
	const char *data_dir;     /* holds journal/, vault/, keys/; or is a journal/ itself, or a notes folder of the auditors' share */
	enum audit_layout layout; /* found by source.c; for AUDIT_LAYOUT_NOTES `journal_fd` of audit_anchors_check is the folder itself */
	const char *archive_dir;  /* NULL: not given */
	const char *trust[16];    /* PEM or DER files of certificates that the auditor trusts, CRLs too */
	size_t trust_count;
	const char *since;  /* a note the auditor holds; NULL */
	uint64_t late_ms;   /* limit from a record to its first stamp; 0: 48 h */
	int64_t now_s;      /* seconds since 1970 UTC: the time of the check */
	bool require_crl;   /* a path without a CRL for its time is a doubt; else a remark */
	unsigned threads;   /* 1 to AUDIT_THREADS_MAX */
	bool no_objects;    /* vault/ and keys/ are not looked at */
	bool no_signatures; /* audit_anchors_check is not called */
};

/* What the check of anchors found out, for the verdict line and the report. */
struct audit_anchors_result {
	uint64_t notes, signed_notes, trusted_signatures, stamps, trusted_stamps;
	uint64_t signed_size;            /* largest tree with a trusted signature; 0: none */
	uint64_t stamped_size;           /* largest tree with a trusted stamp that still holds; 0: none */
	int64_t stamped_utc_s;           /* its time */
	int64_t first_utc_s, last_utc_s; /* times of the first and last good stamp */
	int64_t worst_wait_ms;           /* longest time from a record to the first stamp that covers it */
	uint64_t worst_index;
};

/* anchors.c: everything in journal/anchor/ and journal/trust/ against the records. `root_of` gives the root of the tree of the first n records. 0, or -1 when the
 * directory could not be read at all. */
int audit_anchors_check(struct audit *audit, const struct audit_settings *settings, int journal_fd, const struct audit_records *records,
                        bool (*root_of)(void *context, uint64_t size, uint8_t ret[AUDIT_HASH_BYTES]), void *context, struct audit_anchors_result *ret);

#endif
