/* audit_journal.h - a journal's folders with checkpoints, signatures, stamps and certificates, for tests of anchors.c; and whatever is found in them.
 *
 * There are no segments: records are their times and leaf hashes. Record n is of T0 + n minutes. The origin is JOURNAL_ORIGIN. */
#ifndef TESTS_UNIT_AUDIT_JOURNAL_H
#define TESTS_UNIT_AUDIT_JOURNAL_H

#include "audit_pki.h"

#define JOURNAL_ORIGIN "podatelna.invalid/0123456789abcdef"
#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define JOURNAL_RECORDS 400
#define JOURNAL_ANCHORS 200
#define JOURNAL_FOUND 400

struct audit_found_one {
	enum audit_kind kind;
	int weight; /* -1: that of the kind */
	uint64_t index;
	char why[400];
};

struct journal {
	char dir[64];
	uint64_t size;
	int64_t utc_ms[JOURNAL_RECORDS];
	uint8_t leaves[JOURNAL_RECORDS][AUDIT_HASH_BYTES];
	bool quiet[JOURNAL_RECORDS];
	struct audit_anchor anchors[JOURNAL_ANCHORS];
	size_t anchor_count;
	struct pki *root, *signer, *tsa;
	struct audit_settings settings;
	struct audit_anchors_result result;
	uint64_t notes_before;
	struct audit_found_one found[JOURNAL_FOUND];
	size_t found_count;
};

/* 200 records, a root that is trusted, a signer and a time-stamp authority under it; no checkpoint yet. The check is made a day after the last record. */
int journal_open(void **state);
int journal_close(void **state);

/* Files. `path` is relative to the directory. */
void journal_write(const struct journal *journal, const char *path, struct bytes content);
struct bytes journal_read(const struct journal *journal, const char *path); /* to be freed */
void journal_remove(const struct journal *journal, const char *path);
void journal_flip(const struct journal *journal, const char *path, size_t from_end);
/* Another letter of base64 there: what is encoded stays base64. */
void journal_other_letter(const struct journal *journal, const char *path, size_t from_end);
void journal_copy(const struct journal *journal, const char *from, const char *to);
void journal_trust(struct journal *journal, const struct pki *pki, const char *name);

/* A checkpoint of this size: note, its line when the key is P-256, CMS, its record. _text and _files: one that says or lies elsewhere than it should; `other`: another root. */
void journal_note(struct journal *journal, uint64_t size, const struct pki *signer);
void journal_note_text(const struct journal *journal, const char *origin, uint64_t size, uint64_t root_of, bool other, char ret[256]);
void journal_note_files(const struct journal *journal, uint64_t name, const char *text, const struct pki *signer);
/* A stamp over its .p7s, <size>.<number>.tsr, and (record not 0) its record. */
void journal_stamp(struct journal *journal, uint64_t size, unsigned number, const struct pki *tsa, int64_t at_s, uint64_t record);
/* A list or certificate in journal/trust/, with its record (not 0). */
void journal_collect(struct journal *journal, struct bytes content, bool is_crl, uint64_t record);
void journal_revoke(struct journal *journal, const struct pki *issuer, const struct pki *revoked, int64_t revoked_s, int reason, int64_t this_s);

/* Runs the check. */
void journal_check(struct journal *journal);
/* One finding of this kind and index; AUDIT_NO_INDEX: of any. `weight` as in struct audit_found_one. */
void journal_expect(const struct journal *journal, enum audit_kind kind, int weight, uint64_t index);
/* Nothing was found but of these kinds (ended by AUDIT_KIND_COUNT). */
void journal_expect_only(const struct journal *journal, ...);

#endif
