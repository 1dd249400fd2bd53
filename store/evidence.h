/* evidence.h - what `podatelna export` puts into a folder, so that the history of one case can be checked by people who have neither the box nor us.
 *
 * The folder is flat. Its names stay as they are: OVERENI.txt says what each is, podatelna-audit evidence reads them.
 *
 *   OVERENI.txt                        how to check it with openssl, sha256sum, base64 and xxd; what is missing (evidence_words.c)
 *   FORMAT.txt                         description of the journal
 *   stav.txt                           how the case stands, for people; of the hub, no evidence
 *   original  jmeno.txt                the file as it was handed in; its name and whose it was
 *   podano.p7s                         what was signed, by the last `signed`
 *   odeslano  odpoved  protistrana.pem  bytes of the last `sending` (unless they are podano.p7s), the reply to it, and the certificates that the other side showed in TLS
 *   potvrzeni.p7s  potvrzeni.xml  protokol.txt  the reply that was verified (then there may be no `odpoved`), its content, what the authority said in words
 *   zapecetena-odpoved.xml             in place of potvrzeni.p7s: an XML with a seal; then potvrzeni.xml are the very bytes under the seal
 *   <index>-<role>                     every other object, by the first record that names it
 *   obsah.txt                          a line for each object: file, index of the first record that names it (12 digits), role, salt (64 hex digits)
 *   zaznam-<index>.leaf                record of the case: the leaf (header and body), 12 digits
 *   zaznam-<index>.tlog-proof          that it is in the tree of a checkpoint (C2SP tlog-proof), which stands in it too
 *   kontrolni-bod-<size>.note .p7s .tsr .2.tsr ...   checkpoint, its signature (CMS), stamps (RFC 3161): the earliest that covers the case and is signed and
 *                                      stamped (or as much of that as there is), and the newest where later records need it
 *   obnova-<index>.leaf .tlog-proof    record of a stamp over such a checkpoint, and the proof that it is in the tree of a later one whose stamp renews it; that later
 *                                      checkpoint is there with its signature and stamps, too. From each the next follows, until the last that there is (evidence_renewal.c)
 *   <sha256>.cer  <sha256>.crl         certificates and lists of revoked ones that the box collected
 *
 * Objects of role `receipt` are left out: they are copied from a reply and hold the password to the filing's state. A salt opens nothing and decrypts nothing; with
 * it whoever has a guess of the content can test the guess. That is why it is in the folder only, where the content is.
 *
 * STORE_EVIDENCE KIND, all numbers decimal:
 *   list                   lines "KIND TAB file name LF" of all that follows, in that order; and of what is not there "!what [index]": erased, archived, absent
 *                          (objects that cannot be read), unsigned, unstamped, truncated (certificates left out). ERR_LOCKED when a key must be unwrapped and cannot.
 *   leaf I, proof I S, note S, seal S, stamp S N, object I ROLE, trust NAME, format
 *   renewal I, renewal-proof I S   the same of the record of a stamp, which is no record of the case
 *   contents U             obsah.txt, of the records before U
 *   words U S [S]          OVERENI.txt; the renewals follow from U and S
 */
#ifndef STORE_EVIDENCE_H
#define STORE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "appliance/base/record.h"
#include "journal.h"
#include "journal_anchor.h"
#include "keys.h"
#include "object.h"
#include "vault.h"

#define EVIDENCE_NAME_SIZE 96
#define EVIDENCE_SEALED_REPLY "zapecetena-odpoved.xml"
#define EVIDENCE_RECORDS_MAX 10000
#define EVIDENCE_OBJECTS_MAX 2000
#define EVIDENCE_USES_MAX 40000
#define EVIDENCE_NOTES_MAX 2
#define EVIDENCE_STAMPS_MAX 8    /* over one checkpoint, the first ones */
#define EVIDENCE_RENEWALS_MAX 32 /* steps; a certificate for stamps lasts for years */
#define EVIDENCE_TRUST_MAX 256
#define EVIDENCE_TRUST_MAX_BYTES ((size_t)32 * 1024 * 1024) /* together */
#define EVIDENCE_TRUST_FILE_MAX_BYTES ((size_t)16 * 1024 * 1024)

struct evidence_record {
	uint64_t index;
	char type[RECORD_TYPE_BYTES + 1];
	uint64_t answers; /* 0: none */
	bool valid;       /* `verified` with result valid */
	bool sealed;      /* ... of an XML with a seal in it (form sealed-xml) */
	bool detached;    /* `intent`: the signature does not hold what it is over */
	bool partial;     /* `closed` with that verdict */
};

struct evidence_object {
	uint64_t index; /* of the first record that names it */
	char role[OBJECT_ROLE_SIZE];
	char file[EVIDENCE_NAME_SIZE];
	struct object_ref ref;
	bool absent, salted;
	uint8_t salt[KEYS_SECRET_BYTES];
};

/* Record `record` (a place in the array) names object `object` in that role. */
struct evidence_use {
	size_t record, object;
	char role[OBJECT_ROLE_SIZE];
};

struct evidence_note {
	uint64_t size;
	bool is_signed, has_line; /* CMS; signature line of C2SP */
	size_t stamps;
	bool over_text[EVIDENCE_STAMPS_MAX]; /* a stamp over the text of the note, not over the CMS */
};

/* A stamp over checkpoint `size` whose record is `index`, and the later checkpoint with the stamp that renews it. */
struct evidence_renewal {
	uint64_t index, size;
	size_t number;
	struct evidence_note by;
	size_t by_number;
};

struct evidence {
	char number[JOURNAL_CASE_SIZE];
	char origin[JOURNAL_ORIGIN_SIZE];
	uint64_t until; /* records before it */
	uint64_t need;  /* a checkpoint of this size covers what matters: all but what was noted later of people who looked */
	struct evidence_record *records;
	size_t record_count;
	struct evidence_object *objects;
	size_t object_count;
	struct evidence_use *uses;
	size_t use_count;
	bool receipts;             /* some were left out */
	size_t signed_over;        /* 1 + place of the object that podano.p7s is over and does not hold; 0: it holds it */
	uint64_t erased, archived; /* index of the last such record that was not taken back; 0: none */
	struct evidence_note notes[EVIDENCE_NOTES_MAX];
	size_t note_count;
	struct evidence_renewal renewals[EVIDENCE_RENEWALS_MAX]; /* each renews the one before, the first a stamp over notes[0] */
	size_t renewal_count;
	char (*trust)[EVIDENCE_NAME_SIZE];
	size_t trust_count;
	bool trust_truncated;
};

/* Records and objects of the case before `until`. ERR_NOTFOUND, ERR_DAMAGE, ERR_LIMIT, ERR_MEMORY. Free it in any case. */
int evidence_open(struct journal *journal, const struct vault *vault, const char *number, uint64_t until, struct evidence *ret);
void evidence_free(struct evidence *evidence);
/* Chooses the checkpoints; ERR_STATE when there is none. Each record but the newest ones is then below one of them. */
int evidence_choose_notes(const struct journal *journal, struct evidence *evidence);
/* Adds a checkpoint that was chosen before. ERR_NOTFOUND. */
int evidence_add_note(const struct journal *journal, struct evidence *evidence, uint64_t size);
/* What is known of any checkpoint. ERR_NOTFOUND. */
int evidence_read_note(const struct journal *journal, uint64_t size, struct evidence_note *ret);
/* The chain of stamps that renew those over notes[0], of the records before `until`; none is no failure. */
int evidence_find_renewals(struct journal *journal, struct evidence *evidence);
/* A record of a stamp that was kept. */
bool evidence_is_stamp_record(const struct record *record);
/* The names in journal/trust/. */
int evidence_find_trust(const struct journal *journal, struct evidence *evidence);
/* The first generation of a key that an object without salt needs; 0: none any more. */
uint32_t evidence_next_key(const struct evidence *evidence);
/* With that key, or without (NULL: it is gone): all its objects are salted or absent. */
int evidence_use_key(struct evidence *evidence, uint32_t generation, const struct key *key);

/* The size of the checkpoint that record `index` is proved against; 0: none covers it. */
uint64_t evidence_note_for(const struct evidence *evidence, uint64_t index);

/* The texts; stdio to memory. 0 or ERR_MEMORY. */
int evidence_write_list(const struct evidence *evidence, FILE *to);
int evidence_write_contents(const struct evidence *evidence, FILE *to);
int evidence_write_words(const struct evidence *evidence, FILE *to);
/* evidence_signatures.c: block (4) of OVERENI.txt, and what of it no other case has (a signature beside its content, a seal in XML, acceptance in part). `at`: the
 * options that say when the signatures are judged. */
void evidence_write_signatures(const struct evidence *evidence, const char *at, FILE *to);
void evidence_write_signature_words(const struct evidence *evidence, bool in_czech, FILE *to);
/* The object with that name, when it is there; NULL. */
const struct evidence_object *evidence_find_file(const struct evidence *evidence, const char *file);
/* A C2SP tlog-proof of that record in the tree of checkpoint `size`; checked against the checkpoint's root: ERR_DAMAGE. */
int evidence_write_proof(struct journal *journal, uint64_t index, uint64_t size, FILE *to);

/* journal_gather.c: the files beside the records. */
/* Calls for every file of journal/anchor/; ends early with what `visit` returned when that is not 0. */
int journal_anchor_each(const struct journal *journal, int (*visit)(void *context, const struct journal_anchor_name *name), void *context);
/* One of them; *ret_bytes is the caller's to free. ERR_NOTFOUND. */
int journal_anchor_file(const struct journal *journal, const struct journal_anchor_name *name, uint8_t **ret_bytes, size_t *ret_length);
/* Calls for every certificate and list in journal/trust/ with its length. None when there is no such directory. */
int journal_trust_each(const struct journal *journal, int (*visit)(void *context, const char *name, uint64_t length), void *context);
/* ERR_FORMAT: no name of such a file. */
int journal_trust_file(const struct journal *journal, const char *name, uint8_t **ret_bytes, size_t *ret_length);

#endif
