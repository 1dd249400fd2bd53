/* export.h - `podatelna-audit evidence`: a folder that `podatelna export` made, checked alone. OVERENI.txt in it says what each file is.
 *
 *   evidence.c          command line, files of the folder, verdict
 *   export_records.c    zaznam-<index>.leaf and .tlog-proof: framing, table, chain of the case, proof that the record is in a checkpoint
 *   export_notes.c      kontrolni-bod-<size>.note .p7s .tsr: signatures, paths, stamps
 *   export_renewals.c   obnova-<index>.leaf and .tlog-proof: records of stamps that a stamp over a later checkpoint renews; which stamps still hold
 *   export_contents.c   obsah.txt: each content against the commitment in its record
 *   export_signatures.c podano.p7s (beside its content, too) and potvrzeni.p7s; the seal in an XML reply, over potvrzeni.xml
 *   export_say.c        the answer
 *
 * Findings are those of audit.h. What is left out of the folder on purpose (role receipt) is no finding; what nothing vouches for (OVERENI.txt, FORMAT.txt, stav.txt) is
 * not looked at.
 *
 * --json: {"verdict": "yes"|"no"|"damaged", "exit": N, "line": "...", "origin": "...", "case": "...", "records": N, "proved": N, "contents": N, "signed": true|false,
 *          "renewals": N, "stamped_time": "..." | null, "findings": [{"kind": "...", "weight": "...", "index": N|null, "why": "..."}]}
 */
#ifndef STORE_AUDIT_EXPORT_H
#define STORE_AUDIT_EXPORT_H

#include "path.h"
#include "stamp.h"
#include "state.h"

#define EXPORT_FILES_MAX 100000
#define EXPORT_NAME_SIZE 128
#define EXPORT_FILE_MAX_BYTES ((size_t)1024 * 1024)       /* all but contents, certificates and lists */
#define EXPORT_TRUST_MAX_BYTES ((size_t)16 * 1024 * 1024) /* a list */
#define EXPORT_NOTES_MAX 64
#define EXPORT_STAMPS_MAX 16 /* over one checkpoint */
#define EXPORT_INDEX_MAX UINT64_C(4000000000)
#define EXPORT_SIGNERS_MAX 512
#define EXPORT_BLOBS_MAX 1024
#define EXPORT_LISTS_MAX 1024

struct export_file {
	char name[EXPORT_NAME_SIZE];
	bool known; /* it belongs to something */
};

struct export_record {
	uint64_t index;
	uint8_t *bytes; /* leaf, and a trailer made here */
	struct fact fact;
	bool good;     /* nothing is wrong with it by itself */
	uint64_t size; /* of the checkpoint that it is proved against; 0: not proved */
};

/* Whose signature it is, and the ways from its certificate to what the auditor trusts. */
struct export_signer {
	const struct audit_entry *entry;
	enum audit_purpose purpose;
	struct audit_paths paths;
	uint64_t index; /* of the record that it is about; AUDIT_NO_INDEX: none */
	char name[EXPORT_NAME_SIZE];
};

struct export_stamp {
	size_t signer; /* 1 + its place; 0: none */
	int64_t utc_s, hash_ends_s;
	uint8_t sha256[AUDIT_HASH_BYTES];
	uint64_t below; /* size of the checkpoint in whose tree its record is; 0: not shown */
	struct audit_verdict verdict;
	bool trusted; /* by the verdict, at its own time */
	bool holds;   /* still, or renewed by one that does */
};

struct export_note {
	uint64_t size;
	uint8_t *bytes;
	size_t length, text_length;
	uint8_t root[AUDIT_HASH_BYTES];
	bool good;     /* its text is right */
	size_t signer; /* 1 + its place: the CMS fits; 0: none */
	bool trusted;
	struct export_stamp stamps[EXPORT_STAMPS_MAX];
	size_t stamp_count;
	int64_t stamped_s; /* earliest stamp that holds; INT64_MAX: none */
	uint64_t covered;  /* records of the case that are proved against it */
};

struct export
{
	struct audit audit;
	int folder;
	struct export_file *files;
	size_t file_count;
	struct export_record *records;
	size_t record_count;
	struct export_note notes[EXPORT_NOTES_MAX];
	size_t note_count;
	struct audit_pool pool;
	struct export_signer signers[EXPORT_SIGNERS_MAX];
	size_t signer_count, note_signers; /* the latter stand first, the others signed contents */
	uint8_t *blobs[EXPORT_BLOBS_MAX];  /* files of lists, kept while the lists are used */
	size_t blob_count;
	struct bytes lists[EXPORT_LISTS_MAX];
	size_t list_count, trusted_count;
	char case_number[CASE_NUMBER_SIZE];
	uint64_t proved, contents, erased, archived; /* the last two: 1 + index of the record */
	uint64_t renewals;                           /* stamps that hold because later ones renew them */
};

/* A whole file; *ret_bytes is the caller's to free, terminated. False: it is not there, no plain file, or longer than `most` (errno EFBIG). The file counts as known. */
bool export_read(struct export *export, const char *name, size_t most, uint8_t **ret_bytes, size_t *ret_length);
/* The record of the case with that index, when it could be read; NULL. */
const struct export_record *export_find_record(const struct export *export, uint64_t index);
/* Marks it; false when there is no such file. */
bool export_knows(struct export *export, const char *name);
/* The line up to LF; false at the end. */
bool export_line(struct bytes *rest, struct bytes *ret);
struct bytes export_word(struct bytes *rest);

/* In this order. Each returns 0, or -1 without memory. */
int export_read_notes(struct export *export); /* and certificates, lists */
int export_check_records(struct export *export);
int export_check_renewals(struct export *export);
int export_check_contents(struct export *export);
/* Of export_check_contents: a line of obsah.txt. `good`: it is what its record committed to. */
struct export_content {
	char file[EXPORT_NAME_SIZE];
	const struct export_record *record;
	struct bytes role;
	uint8_t commitment[AUDIT_HASH_BYTES];
	bool good;
};
int export_check_signatures(struct export *export, const struct export_content *contents, size_t count);
/* The value of the seal in a reply, whose message may be packed in base64 (SOAP); the caller's to free. NULL: there is not exactly one. */
uint8_t *export_seal_find(struct bytes reply, size_t *ret_length);
int export_judge(struct export *export); /* whose signatures these are, and whether that held then */

/* "<prefix><index, 12 digits>.leaf" */
bool export_leaf_index(const char *name, const char *prefix, uint64_t *ret);
/* That record and its proof; what is wrong is said. -1: no memory; else ret->bytes is to be freed. */
int export_read_record(struct export *export, const char *prefix, uint64_t index, struct export_record *ret);
/* Of the stamps whose `trusted` is known: which hold. -1: no memory. */
int export_renew(struct export *export);

struct export_note *export_note_find(struct export *export, uint64_t size);
/* Someone whose certificate is to be judged; its place + 1, 0 when there are too many. */
size_t export_add_signer(struct export *export, const struct audit_cms *cms, enum audit_purpose purpose, uint64_t index, const char *name);

/* C2SP tlog-proof: first line, perhaps one of extra data, the index, hashes, an empty line, the checkpoint. */
struct export_proof {
	uint64_t index;
	tree_hash path[TREE_PATH_MAX];
	size_t count;
	struct bytes note; /* what stands behind the empty line; not read yet */
};
bool export_proof_read(struct bytes rest, struct export_proof *ret);

/* The verdict line and the findings, as text or JSON, on stdout. */
void export_say(struct export *export, bool json);

#endif
