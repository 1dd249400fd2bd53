/* wire.h - the control plane (design 2): small typed versioned messages over SOCK_SEQPACKET, with descriptors.
 *
 * One message is one packet: header {magic "PDW", version, type, field count, id, deadline} and fields {tag, length, bytes}, all little-endian.
 * A schema (wire_schema.c) says for each type who may send it to whom, which fields it must and may carry, and how many descriptors;
 * wire_decode accepts nothing else. A peer that breaks it is killed (WIRE_OFFENDER to the parent).
 *
 * A request carries an id > 0 chosen by the requester; every answer carries the same id; id 0 is a notice that needs no answer.
 * A request is answered by the one type that the schema names, or by WIRE_ERROR.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/span.h"

#define WIRE_VERSION 1
#define WIRE_MESSAGE_MAX_BYTES 98304
#define WIRE_FIELDS_MAX 48
#define WIRE_FDS_MAX 16
#define WIRE_STRING_MAX_BYTES 4096 /* a field of kind string; text blobs (lines, leaf, bytes) are bound by the message */

/* Bits, so that the schema can name sets. */
enum wire_role {
	WIRE_PARENT = 1 << 0,
	WIRE_HUB = 1 << 1,
	WIRE_STORE = 1 << 2,
	WIRE_TOKEN = 1 << 3,
	WIRE_PARTNER = 1 << 4,   /* the pre-loaded parent of the jobs */
	WIRE_JOB = 1 << 5,       /* one job of podatelna-partner */
	WIRE_TRANSPORT = 1 << 6, /* the pre-loaded parent of the sessions */
	WIRE_SESSION = 1 << 7,   /* one session of podatelna-transport */
	WIRE_CLI = 1 << 8,
	WIRE_ANYONE = 0x1ff,
};

/* Fields. The kind of each is fixed (wire_schema.c): number (u64), string (UTF-8, no zero byte), lines (lines.h), bytes, hash (32 bytes). */
enum wire_field {
	WIRE_F_NONE = 0,
	WIRE_F_CODE,     /* number: -(enum err), or an exit code where the message says so */
	WIRE_F_TEXT,     /* string: words for a person or a log, no personal data between programs of the box */
	WIRE_F_ROLE,     /* number: enum wire_role */
	WIRE_F_INDEX,    /* number: which token; which record */
	WIRE_F_NAME,     /* string: name of a token, key, partner */
	WIRE_F_PID,      /* number */
	WIRE_F_BITS,     /* number: PROTECT_*; of STORE_CASE: see there */
	WIRE_F_LINES,    /* lines */
	WIRE_F_CASE,     /* string: case number; empty for the box itself */
	WIRE_F_KIND,     /* string: kind of case, of job, of event */
	WIRE_F_PREV,     /* hash: leaf hash of the last record of the case, all zero for none */
	WIRE_F_HASH,     /* hash */
	WIRE_F_RECORD,   /* bytes, repeatable: "type LF lines" of a record to append */
	WIRE_F_LEAF,     /* bytes: a leaf as stored */
	WIRE_F_BYTES,    /* bytes */
	WIRE_F_OBJECT,   /* string: role of an object ("original", "signed", ...) */
	WIRE_F_REF,      /* string: reference of an object as it stands in a record (see STORE_OBJECT) */
	WIRE_F_SIZE,     /* number: bytes */
	WIRE_F_LIMIT,    /* number: most bytes */
	WIRE_F_SESSION,  /* number: id of a transport session, unique while the box runs and after (the index of the authorising record) */
	WIRE_F_STATE,    /* string */
	WIRE_F_BY,       /* string: "uid:1000", "box" */
	WIRE_F_TIME,     /* number: milliseconds since 1970 UTC */
	WIRE_F_COUNT,    /* number */
	WIRE_F_KEY,      /* string: name of a key in the configuration */
	WIRE_F_PURPOSE,  /* string */
	WIRE_F_ARGUMENT, /* string, repeatable: word of a command line */
	WIRE_F_DONE,     /* number: progress, of WIRE_F_SIZE or WIRE_F_COUNT */
	WIRE_F_UNTIL,    /* number: milliseconds since 1970 UTC, exclusive end of a period that begins at WIRE_F_TIME */
	WIRE_FIELD_COUNT,
};

enum wire_type {
	WIRE_NONE = 0,

	/* --- parent and its children (descriptor 3 of every child) --- */
	WIRE_SETUP,    /* parent -> child, first message: LINES settings, further descriptors as the program's header says */
	WIRE_READY,    /* child -> parent: sandbox is up; BITS protection in force, TEXT */
	WIRE_PEER,     /* parent -> child: ROLE, INDEX, NAME, 1 descriptor: new link to that peer, drop any former one */
	WIRE_CHILD,    /* parent -> hub: ROLE, INDEX, NAME, PID (0: not running), BITS, COUNT starts so far, TEXT why it ended last */
	WIRE_OFFENDER, /* child -> parent: ROLE, INDEX, TEXT: that peer broke the protocol, kill it */
	WIRE_STOP,     /* parent -> child: finish what must not be cut and exit 0 */

	/* --- everyone --- */
	WIRE_ERROR,    /* answer: CODE, TEXT, HASH head of the case where one is concerned */
	WIRE_PROGRESS, /* notice with the id of a running request: DONE, COUNT, TEXT */

	/* --- parent -> hub, store --- */
	WIRE_PING, /* does the loop turn? -> PONG */
	WIRE_PONG, /* hub: CODE 1 once it takes commands, TEXT how the box is, in words for a person */

	/* --- hub -> store --- */
	WIRE_STORE_HELLO,       /* store -> hub, first on a link: LINES state of the store (store/README part of FORMAT: origin, size, root, state, ...) */
	WIRE_STORE_READ,        /* INDEX from: -> STORE_RECORDS */
	WIRE_STORE_CASE,        /* CASE: -> STORE_RECORDS, all records of that case; with BITS 1 none of them: only the order of the answer is wanted */
	WIRE_STORE_RECORDS,     /* INDEX next to ask for (= size of the journal: no more), COUNT, 1 descriptor: sealed memfd of raw records */
	WIRE_STORE_CASE_NEW,    /* KIND: -> STORE_CASE_NUMBER; the number is kept by its first record */
	WIRE_STORE_CASE_NUMBER, /* CASE */
	WIRE_STORE_APPEND,      /* CASE, PREV, RECORD...: one batch, all of one case (or of the box, CASE empty, PREV zero): -> STORE_APPENDED */
	WIRE_STORE_APPENDED, /* INDEX of the first, HASH leaf hash of the last, TIME; after STORE_ERASE: LINES of what is left: content, archive, name (words) */
	WIRE_STORE_RECORDED,   /* store -> hub notice, for every durable record, in order, before the answer to the request: LEAF, HASH leaf hash */
	WIRE_STORE_TAKE,       /* CASE, OBJECT, LIMIT, 1 descriptor read to its end: -> STORE_OBJECT, with CASE where it came before: told by the content
	                        * of an `original`, or by HASH, which the store keeps under a key of its own only */
	WIRE_STORE_OBJECT,     /* REF, SIZE; CASE of an earlier case with the same content when OBJECT was "original" and there is one */
	WIRE_STORE_COPY,       /* CASE, OBJECT, INDEX record that refers to it (0: latest), 1 descriptor to write content to: -> STORE_COPIED */
	WIRE_STORE_COPIED,     /* SIZE */
	WIRE_STORE_SIGN,       /* CASE, PREV, KEY, PURPOSE, OBJECT to be signed, LINES parameters: -> STORE_APPENDED (of `signed`) */
	WIRE_STORE_LINK,       /* SESSION (0: an errand, which offers nothing), KEY the `tls` key that may be used over it (absent: none): -> STORE_LINKED */
	WIRE_STORE_LINKED,     /* 1 descriptor: the session's end */
	WIRE_STORE_NAMES,      /* 1 descriptor to write "case TAB name LF" to: -> STORE_COPIED */
	WIRE_STORE_VERIFY,     /* -> PROGRESS..., STORE_VERIFIED */
	WIRE_STORE_VERIFIED,   /* CODE 0 or 5, INDEX first damaged record where CODE is 5, TEXT, LINES figures */
	WIRE_STORE_CHECKPOINT, /* -> STORE_NOTE: makes a checkpoint now, signed where a `journal` key can; with BITS 1 also when only quiet records are new */
	WIRE_STORE_NOTE, /* BYTES C2SP signed note, INDEX size of its tree, HASH SHA-256 of what is to be stamped (the .p7s, else the text of the note), BITS 1:
	                     * it is signed; LINES: key, signer (SHA-256 of the certificate) where signed, else why (English); root (hex) */
	WIRE_STORE_ANCHOR, /* INDEX size of the tree, BYTES TimeStampResp (RFC 3161), LINES of an `anchor` record with event stamp, renewal or bad-stamp but without
	                     * file, root, sha256, size, which the store adds: -> STORE_APPENDED. (A package is appended with STORE_APPEND.) */
	WIRE_STORE_DECRYPT, /* CASE, OBJECT CMS to be opened, INDEX record that refers to it (0: latest), KEY, LIMIT: -> STORE_OBJECT, the content */

	WIRE_STORE_ERASE, /* CASE, PREV, LINES of an `erased` record: -> STORE_APPENDED. Without `stage` in it: when record, keys and content are done with */
	WIRE_STORE_ARCHIVE, /* CASE, PREV, LINES of an `archived` record (event out or back; the store adds place): -> STORE_APPENDED, when the content has moved */
	WIRE_STORE_ARCHIVE_LOOK, /* BITS 1: make the folder an archive of this journal, 2: on the journal's own disk too: -> STORE_ARCHIVE_IS */
	WIRE_STORE_ARCHIVE_IS,   /* LINES: id (16 hex), free (bytes) */
	WIRE_STORE_EVIDENCE, /* CASE, KIND a piece of evidence beside the objects (store/evidence.h; "list": what there is), 1 descriptor to write to: -> STORE_COPIED */
	WIRE_STORE_TRUST, /* LINES of an `anchor` record with event crl or cert but without file and sha256, SIZE, 1 descriptor (sealed memfd, DER): -> STORE_APPENDED */
	WIRE_STORE_ANCHOR_READ, /* NAME of a file in journal/anchor/, 1 descriptor (memfd) to write it to: -> STORE_COPIED */
	WIRE_STORE_BACKUP,      /* BITS 1: with keys/, 1 descriptor to write to: -> PROGRESS..., STORE_BACKED */
	WIRE_STORE_BACKED,      /* SIZE written, COUNT records, HASH root of their tree */
	WIRE_STORE_MAINTAIN,    /* KIND which work (store/maintain.h): -> PROGRESS..., STORE_MAINTAINED */
	WIRE_STORE_MAINTAINED,  /* CODE 0, 1 or 5, LINES figures, TEXT words (English) */
	WIRE_STORE_KEEP,   /* INDEX and HASH of the last record it knows, SIZE, 1 descriptor (sealed memfd): what the hub need not replay again: -> STORE_KEPT.
	                      * Derived, never the truth: a store that lost it, or holds one that does not fit its journal, has none */
	WIRE_STORE_KEPT,   /* answer to STORE_KEEP */
	WIRE_STORE_RECALL, /* -> STORE_RECALLED */
	WIRE_STORE_RECALLED, /* INDEX, HASH, SIZE as kept, 1 descriptor; SIZE 0 and no descriptor: there is none */

	/* --- store <-> token --- */
	WIRE_TOKEN_SIGN,      /* store -> token: LEAF intent record, INDEX, KEY, PURPOSE, LINES parameters, SIZE of the content,
	                       * descriptors: content, content again, CMS out: -> TOKEN_SIGNED */
	WIRE_TOKEN_SIGNED,    /* LINES: signer (SHA-256 of certificate), serial, algorithm; SIZE written */
	WIRE_TOKEN_UNWRAP,    /* store -> token: INDEX of the `unwrap` record, BYTES a keys/ file (CMS): -> TOKEN_UNWRAPPED */
	WIRE_TOKEN_UNWRAPPED, /* BYTES content */
	WIRE_TOKEN_DECRYPT,   /* store -> token: INDEX of the `unwrap` record, KEY, SIZE, LIMIT, descriptors: CMS, content out: -> TOKEN_DECRYPTED */
	WIRE_TOKEN_DECRYPTED, /* LINES: recipient (SHA-256 of certificate), cipher, algorithm; SIZE written */
	WIRE_TOKEN_SEAL,      /* store -> token: INDEX size of the tree, KEY, BYTES checkpoint text (no intent, design 2): -> TOKEN_SEALED */
	WIRE_TOKEN_SEALED, /* BYTES detached CMS over the text, LINES: signer, algorithm, note (base64 of key id and signature; only where C2SP has a type) */
	WIRE_TOKEN_CLIENT, /* store -> token: KEY: -> TOKEN_CLIENT_IS */
	WIRE_TOKEN_CLIENT_IS,  /* BYTES certificate and issuers in PEM, LINES: algorithms (words, token/token.h) */
	WIRE_TOKEN_TLS,        /* store -> token: INDEX of the `tls` record, KEY, LINES (algorithm), BYTES all that is signed: -> TOKEN_TLS_SIGNED */
	WIRE_TOKEN_TLS_SIGNED, /* BYTES signature as TLS carries it */
	WIRE_TOKEN_PIN_TRY,    /* token -> store: LINES of a `pin-try` record: -> TOKEN_PIN_GO once durable */
	WIRE_TOKEN_PIN_GO,     /* STATE "go", "refused-before", "unknown-before" (the last try with the same source), "other-token" (PIN file) */
	WIRE_TOKEN_NOTE,       /* token -> store: LINES of a `token` record: -> STORE_APPENDED */

	/* --- hub <-> token --- */
	WIRE_TOKEN_STATUS, /* token -> hub notice, at once on a new link and at each change: STATE, LINES (token/token.h) */
	WIRE_TOKEN_LOGIN,  /* BY, 1 descriptor: pipe with the PIN: -> TOKEN_DONE */
	WIRE_TOKEN_LOGOUT, /* BY: -> TOKEN_DONE */
	WIRE_TOKEN_DONE,   /* TEXT */
	WIRE_TOKEN_LOOK,   /* what is there, configured or not: -> TOKEN_SEEN */
	WIRE_TOKEN_SEEN,   /* LINES (token/token.h) */
	WIRE_TOKEN_TEST,   /* KEY, BY: a real use of the key on words of the token's own: -> TOKEN_TESTED */
	WIRE_TOKEN_TESTED, /* LINES */

	/* --- hub <-> partner --- */
	WIRE_JOB_START,  /* hub -> partner notice: KIND, NAME partner, LINES parameters, descriptors: job socket, then as transport/base/job.h says */
	WIRE_JOB_RESULT, /* job -> hub on the job socket: CODE, LINES, TEXT */

	/* --- hub <-> transport, session --- */
	WIRE_SESSION_START,  /* hub -> transport notice: SESSION, LINES request, descriptors: hub's socket, store's link, body (absent when SIZE is 0), SIZE */
	WIRE_SESSION_LIST,   /* hub -> transport: INDEX of the next record of the journal: -> SESSION_LIVING */
	WIRE_SESSION_LIVING, /* LINES: one line per session, name the session id, value its case while it lives, "ended" after; INDEX: a session whose id is not
	                      * smaller and that is not named was never begun, by this process or one before it */
	WIRE_SESSION_ATTACH, /* hub -> transport notice: SESSION, 2 descriptors: hub's socket, store's link; for a living session after a restart */
	WIRE_SESSION_OFFER, /* session -> store: SESSION, CASE, LINES report, SIZE, descriptors: reply (sealed memfd), peer chain PEM (sealed memfd): -> SESSION_DURABLE */
	WIRE_SESSION_DURABLE,   /* store -> session: INDEX of the record made of it */
	WIRE_SESSION_REPORT,    /* session -> hub notice: STATE "connecting" "sending" "receiving" "offering" "durable", DONE bytes */
	WIRE_SESSION_CLIENT,    /* session, errand -> store: KEY: who are we in TLS? -> SESSION_CLIENT_IS */
	WIRE_SESSION_CLIENT_IS, /* as TOKEN_CLIENT_IS */
	WIRE_SESSION_TLS, /* session, errand -> store: KEY, LINES (algorithm, peer), BYTES all that is signed: -> SESSION_TLS_SIGNED, after a `tls` record */
	WIRE_SESSION_TLS_SIGNED, /* BYTES signature */
	WIRE_ERRAND_START, /* hub -> transport notice: LINES request (transport/net/errand.h), SIZE of the body, descriptors: hub's socket, reply (memfd to be written),
	                    * body (absent when SIZE is 0), store's link (where LINES name a tls-key). Files nothing; its loss loses nothing but itself */
	WIRE_ERRAND_REPORT, /* errand's process -> hub notice on that socket: LINES what became of it, SIZE of the reply */
	WIRE_MAIL_START,    /* hub -> transport notice: LINES envelope (transport/net/mail.h), descriptors: hub's socket, message (sealed memfd) */
	WIRE_MAIL_REPORT,   /* mail's process -> hub notice on that socket: LINES what became of it */

	/* --- command line --- */
	WIRE_COMMAND, /* CLI -> hub: ARGUMENT..., KIND output "text" or "json", descriptors as the command needs (0 to 2). For `list`, all optional: only cases with
	                * one of STATE..., NAME partner, BY, taken in from TIME to UNTIL, TEXT somewhere; at most LIMIT; only those older than CASE */
	WIRE_OUTPUT,   /* hub -> CLI: KIND of row, LINES a row */
	WIRE_CONTENT,  /* hub -> CLI: NAME what it is, 1 descriptor to read: content that did not pass through the hub */
	WIRE_FINISHED, /* hub -> CLI: CODE exit code, TEXT; CASE: there is more, the same command with this CASE goes on */
	WIRE_TYPE_COUNT,
};

struct wire_message {
	enum wire_type type;
	uint64_t id;
	uint64_t deadline_ms; /* monotonic, CLOCK_NEVER_MS in answers and notices */
	size_t field_count;
	struct {
		enum wire_field tag;
		struct span value; /* into `bytes` when decoded; borrowed from the caller when composed */
	} fields[WIRE_FIELDS_MAX];
	uint8_t numbers[WIRE_FIELDS_MAX][8]; /* storage for composed numbers */
	int fds[WIRE_FDS_MAX];               /* decoded: owned by the message until taken; composed: borrowed */
	size_t fd_count;
	bool owns_fds;
};

/* --- composing: values are borrowed until the message is encoded or sent --- */
void wire_begin(struct wire_message *message, enum wire_type type, uint64_t id, uint64_t deadline_ms);
void wire_put_number(struct wire_message *message, enum wire_field tag, uint64_t value);
void wire_put_string(struct wire_message *message, enum wire_field tag, const char *value);
void wire_put_bytes(struct wire_message *message, enum wire_field tag, struct span value);
void wire_put_fd(struct wire_message *message, int fd);
/* The encoded length, or ERR_LIMIT / ERR_PROTOCOL when the message does not fit its own schema (a bug of the sender). */
int wire_encode(const struct wire_message *message, enum wire_role from, enum wire_role to, uint8_t *ret, size_t size);

/* --- reading --- */
/* Checks everything against the schema; ERR_PROTOCOL with *ret_why (static text) otherwise. Spans point into `packet`. fds are set by the caller before. */
int wire_decode(struct span packet, enum wire_role from, enum wire_role to, struct wire_message *ret, const char **ret_why);
bool wire_has(const struct wire_message *message, enum wire_field tag);
/* For fields that the schema requires these cannot fail; for optional ones they return the default. */
uint64_t wire_number(const struct wire_message *message, enum wire_field tag, uint64_t otherwise);
struct span wire_span(const struct wire_message *message, enum wire_field tag);
/* The n-th value of a repeatable field. */
bool wire_nth(const struct wire_message *message, enum wire_field tag, size_t n, struct span *ret);
/* Copies a string field; an absent one is "". False when it does not fit. */
bool wire_string(const struct wire_message *message, enum wire_field tag, char *ret, size_t size);
/* Takes descriptor n out of the message (-1 when there is none). */
int wire_take_fd(struct wire_message *message, size_t n);
/* Closes what was not taken. */
void wire_message_free(struct wire_message *message);
#define _cleanup_message_ __attribute__((cleanup(wire_message_free)))

/* "STORE_APPEND" and so on, for logs. */
const char *wire_type_name(enum wire_type type);
const char *wire_role_name(enum wire_role role);

#endif
