/* server.h - podatelna-store in action: links to the hub, the tokens and the sessions on one event loop; the only writer of the data directory.
 *
 * server_keep.c      what need not be read again at a start
 * server.c           life, links, dispatch          server_batch.c     group commit: who waits for which record
 * server_journal.c   READ, CASE, APPEND         server_intake.c    descriptor -> object
 * server_objects.c   TAKE, COPY, NAMES              server_outflow.c   object or text -> descriptor
 * server_unwrap.c    keys from tokens               server_names.c     names for the lists
 * server_sign.c      intent, signature, outcome server_seal.c      signatures of checkpoints
 * server_decrypt.c   partners' messages, opened by a token
 * server_anchor.c    stamps of checkpoints      server_notes.c     the auditors' share
 * server_trust.c     certificates, lists of revoked ones
 * server_token.c     status, notes                  server_pin.c       what became of the last try with a PIN
 * server_session.c   replies of the transport       server_verify.c    check of everything in a child process
 * server_tls.c       signatures under TLS handshakes
 * server_evidence.c  pieces of an export
 * server_child.c     long work in a child process  server_backup.c    a backup while the box works
 * server_erase.c     keys and content destroyed    server_archive.c   content of closed cases moved away and back
 * server_maintain.c  leftovers, names, space
 *
 * STORE_HELLO LINES: box-letter ("" = absent), damaged-index (state damaged only), last-time (ms since 1970 UTC: not before this is it now; absent: not known),
 * mark-index (absent: no mark), origin, root (hex), size, state (ok, rolled-back, damaged, fault), unclean (yes, no), why (English, unless ok).
 *
 * STORE_SIGN LINES beyond the architecture: `ref` may name the object itself; otherwise it is the latest of that role: one just taken and not yet
 * in a record, or else that of the latest record of the case that has one. The same holds for STORE_COPY with index 0.
 */
#ifndef STORE_SERVER_H
#define STORE_SERVER_H

#include "vault.h"

#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "appliance/wire/child.h"
#include "journal.h"
#include "names.h"
#include "seen.h"
#include "server_archive.h"
#include "server_erase.h"
#include "server_known.h"
#include "server_notes.h"
#include "server_peers.h"
#include "server_seal.h"

#define SERVER_TOKENS_MAX 16
#define SERVER_KEYS_MAX 64 /* keys of the configuration */
#define SERVER_NAME_SIZE 65
#define SERVER_STREAMS_MAX 256 /* takes and copies of the hub at once */
#define SERVER_SESSIONS_MAX 512
#define SERVER_RECENT_MAX 4096 /* objects taken and not yet in a record */
#define SERVER_SLICE_BYTES ((size_t)1024 * 1024)
#define SERVER_STREAM_MS 600000 /* a take or copy whose request says no deadline */
#define SERVER_READ_BYTES ((size_t)4 * 1024 * 1024)
#define SERVER_UNWRAP_MS 30000
#define SERVER_SIGN_MS 60000
#define SERVER_TLS_MS 25000   /* less than a session waits */
#define SERVER_TLS_PER_LINK 8 /* questions about a key; one handshake has two */
#define SERVER_NAMES_MS 300   /* from a new name to its writing */
#define SERVER_FAULT_MS 300   /* from a fault to the end of the process: the answers go out */
#define SERVER_CLOCK_SLACK_MS (UINT64_C(3600) * 1000)
#define SERVER_SENDING_RESERVE_BYTES (UINT64_C(64) * 1024 * 1024) /* free space without which nothing is sent: the reply must find room */

struct server;

struct server_settings {
	char data_dir[512];
	char mark_file[512];
	char box_letter[2];
	uint64_t min_free_bytes;                   /* with less nothing new is taken in */
	uint64_t segment_bytes, quiet_ms, busy_ms; /* journal_options; 0: its defaults */
	struct {
		char name[SERVER_NAME_SIZE];
		uint64_t token;
	} keys[SERVER_KEYS_MAX];
	size_t key_count;
	char vault_keys[RECIPIENTS_MAX][SERVER_NAME_SIZE];
	size_t vault_key_count;
	char journal_keys[SERVER_JOURNAL_KEYS_MAX][SERVER_NAME_SIZE]; /* in the order of the configuration */
	size_t journal_key_count;
	char notes_dir[512];   /* "": none */
	char archive_dir[512]; /* "": none */
};

struct server_token {
	struct channel *channel;
	char name[SERVER_NAME_SIZE];
	char state[32]; /* of its last TOKEN_STATUS */
	char *lines;    /* of it, NULL until told */
};

/* A reference taken from a descriptor that no record names yet. */
struct server_recent {
	char case_number[TABLE_CASE_SIZE];
	char role[OBJECT_ROLE_SIZE];
	struct object_ref ref;
	struct server_recent *next;
};

struct server_intent {
	char case_number[TABLE_CASE_SIZE];
	uint64_t index;
	struct server_intent *next;
};

/* The batch under construction. */
struct server_batch {
	size_t waiters, seen; /* records' askers; how many there were at the last look for more */
	unsigned looks;       /* for more, so far */
	bool gathered;        /* it has waited for more */
	size_t before;        /* waiters of the batch before */
	uint64_t took_ms;     /* its commit */
};

struct server {
	struct child *child;
	struct loop *loop;
	const struct fileops *ops;
	const struct server_settings *settings;
	int data_fd;
	struct journal *journal;
	struct keys *keys;
	struct vault *vault;
	struct names *names;
	struct seen *seen;
	struct recipients *recipients;

	struct channel *hub;
	uint64_t hub_epoch; /* rises with each link: an answer goes only to the hub that asked */
	struct server_token tokens[SERVER_TOKENS_MAX];
	struct server_session *sessions;
	size_t session_count;
	struct server_offer *offers;
	struct server_login *logins;   /* TLS identities and signatures that a token is asked for */
	struct server_stream *streams; /* the hub's takes and copies */
	size_t stream_count;
	struct server_evidence *evidences; /* pieces of exports under way */
	struct server_unwrap *unwraps;
	struct server_waiter *waiters, **waiters_end;
	struct server_batch batch;
	struct server_recent *recent;
	size_t recent_count;
	struct server_known known;
	struct server_peers peers;
	struct server_intent *intents; /* without signed or abandoned */
	struct server_pin *pins;
	struct server_verify *verify;
	struct server_backup *backup;
	struct server_maintain *maintain;
	struct server_seal seal;
	struct server_notes notes;
	struct server_sweep sweep;
	struct server_depot *depot;         /* content under way to or from the archive */
	struct server_depot *depot_waiting; /* first in, first out */
	pid_t depot_pid;                    /* of a child that hung there and is not gone yet; 0: none */

	int commit_timer, checkpoint_timer, names_timer;
	int64_t last_utc_ms;   /* of the last record whose time can be believed; 0: none */
	uint64_t last_mono_ms; /* when that was */
	bool fault;
	struct names_rebuild *names_rebuild; /* under way */
	int names_rebuild_timer;
	const char *told_state; /* of the last STORE_HELLO; static text */
};

/* --- server.c --- */
/* Opens journal and vault, writes `boot` and `abandoned`. Called in the sandbox, after READY. Failures are logged. */
int server_open(struct server *server, const char *boot_id);
void server_on_peer(void *context, enum wire_role role, uint64_t index, const char *name, int fd);
/* Orderly end: what is staged is written, exit 0. */
void server_on_stop(void *context);
/* A write or sync failed: the hub is told, the process ends soon and the parent starts it anew (design 4). */
void server_fault(struct server *server, const char *why);
void server_send_hello(struct server *server);
/* Again when the state is another one than was told (a person accepted a roll-back). */
void server_renew_hello(struct server *server);
/* Answers the hub with WIRE_ERROR; `head` may be NULL. A hub that is gone is no failure. */
void server_fail(struct server *server, uint64_t request, int err, const char *text, const uint8_t head[JOURNAL_HASH_BYTES]);
/* Sends to the hub if it is there. */
void server_tell_hub(struct server *server, const struct wire_message *message);
uint64_t server_deadline(const struct wire_message *message);

/* --- server_batch.c --- */
/* Once the batch is durable, or with an error (never from inside server_stage when that fails). */
typedef void (*server_staged)(void *context, int err, const struct journal_receipt *receipt);
/* Stages records; they are committed with everything else of this round of the loop. `done` may be NULL. */
int server_stage(struct server *server, const struct journal_append *append, server_staged done, void *context, char why[TABLE_WHY_SIZE]);
/* One record of the store itself: no `prev` expected. */
int server_stage_one(struct server *server, enum table_writer writer, const char *case_number, const char *type, const struct lines *body, server_staged done,
                     void *context, char why[TABLE_WHY_SIZE]);
/* Commits now and calls who waits. */
void server_commit(struct server *server);
/* How long a batch waits for those who waited for the one before and were answered just now: 0 unless they are more than twice as many as came so far, and a commit
 * takes longer than the wait. */
uint64_t server_gather_ms(const struct server_batch *batch);
void server_arm_checkpoint(struct server *server);
/* STORE_APPENDED of a receipt. */
void server_answer_appended(struct channel *channel, uint64_t request, const struct journal_receipt *receipt);

/* --- server_journal.c --- */
void server_read(struct server *server, const struct wire_message *message);
/* Answered when nothing of that case is on its way in: a hub that asks after the end of a session learns all that the session offered. */
void server_case(struct server *server, const struct wire_message *message);
void server_case_new(struct server *server, const struct wire_message *message);
int server_append(struct server *server, const struct wire_message *message);
/* ERR_SPACE when the data directory has less room than that. */
int server_check_space(const struct server *server, uint64_t bytes);
/* Every record, replayed or new: keeps open intents, PIN tries, recent objects. */
void server_follow(struct server *server, const struct record *record);
/* Takes what server_follow has kept into the index, and out of it again (journal_options). */
void server_save(void *context, struct index_writer *writer);
bool server_restore(void *context, struct span saved);
/* All that server_save would save, as if no record had been told yet. */
void server_forget_followed(struct server *server);
/* STORE_KEEP, STORE_RECALL. */
void server_hub_keep(struct server *server, struct wire_message *message);
void server_hub_recall(struct server *server, const struct wire_message *message);
/* The latest object of that role: `index` 0, or the one that record names. ERR_NOTFOUND, ERR_DAMAGE. */
int server_find_object(struct server *server, const char *case_number, const char *role, uint64_t index, struct object_ref *ret);
/* The record of the case that answers this session. ERR_NOTFOUND. */
int server_find_answer(struct server *server, const char *case_number, uint64_t session, uint64_t *ret_index);

/* --- server_intake.c, server_outflow.c --- */
struct server_intake;
struct server_outflow;
/* Exactly once unless cancelled. `earlier` ("" = none) is a case with the same content, for role "original". */
typedef void (*server_intake_done)(void *context, int err, const struct object_ref *ref, const char *earlier);
typedef void (*server_outflow_done)(void *context, int err, uint64_t size);
/* Takes over `fd` (a pipe, or a regular file or memfd, which is read from its beginning). Never calls `done` from inside. */
int server_intake_start(struct server *server, const char *case_number, const char *role, uint64_t limit, int fd, uint64_t deadline_ms, server_intake_done done,
                        void *context, struct server_intake **ret);
void server_intake_cancel(struct server_intake *intake);
/* Right after the start: whether the same came before is told by these bytes, not by the content. On failure cancel it. */
int server_intake_guard(struct server_intake *intake, struct span guard);
/* Nothing becomes an object before it is released, even when the content is at its end; until then cancelling leaves nothing behind. Release says how long
 * it must be (else ERR_MISMATCH, and nothing is kept) and may call `done`. */
void server_intake_hold(struct server_intake *intake);
void server_intake_release(struct server_intake *intake, uint64_t size);
/* Take over `fd` and the key (held inside). Never call `done` from inside. */
int server_outflow_start(struct server *server, struct key *key, const struct object_ref *ref, int fd, uint64_t deadline_ms, server_outflow_done done,
                         void *context, struct server_outflow **ret);
/* Takes over `text` too. */
int server_outflow_text(struct server *server, uint8_t *text, size_t length, int fd, uint64_t deadline_ms, server_outflow_done done, void *context,
                        struct server_outflow **ret);
void server_outflow_cancel(struct server_outflow *outflow);

/* --- server_objects.c --- */
int server_take(struct server *server, struct wire_message *message);
void server_copy(struct server *server, struct wire_message *message);
void server_names(struct server *server, struct wire_message *message);
/* Streams of that case end with an error. */
void server_forget_case(struct server *server, const char *case_number);
/* The hub is gone: its streams end, what it took and did not record is forgotten. */
void server_forget_hub(struct server *server);

/* --- server_unwrap.c --- */
/* The key, or why not: ERR_LOCKED (no token can now), ERR_NOTFOUND (no key file), ERR_DAMAGE, ERR_READONLY. May call at once. */
typedef void (*server_key_done)(void *context, int err, struct key *key);
void server_need_key(struct server *server, const char *owner, uint32_t generation, server_key_done done, void *context);
/* Drops every wish of this context. */
void server_forget_key(struct server *server, void *context);

/* --- server_names.c --- */
/* A token may have become ready: open the names, then make again those that are missing. */
void server_unlock_names(struct server *server);
/* Names that are missing beside the numbers of cases (not erased ones) are made again from the vault. `done` once, later, unless it is stopped; `left`: they
 * could not be read now. `progress` may be NULL. */
typedef void (*server_names_done)(void *context, size_t made, size_t left);
typedef void (*server_names_progress)(void *context, size_t done, size_t count);
void server_names_rebuild(struct server *server, server_names_done done, server_names_progress progress, void *context);
void server_names_rebuild_stop(struct server *server);
/* They changed: to be written soon. */
void server_arm_names(struct server *server);
/* From the content of an object `name` (lines: file, folder, owner). */
void server_name_set(struct server *server, const char *case_number, struct span object);

/* --- server_sign.c --- */
int server_sign(struct server *server, const struct wire_message *message);

/* --- server_decrypt.c --- */
void server_decrypt(struct server *server, const struct wire_message *message);

/* --- server_token.c, server_pin.c --- */
int server_on_token_message(void *context, struct channel *channel, struct wire_message *message);
void server_on_token_end(void *context, struct channel *channel, enum channel_end end, const char *why);
/* The token of a key of the configuration when it is linked and ready; NULL otherwise. */
struct server_token *server_ready_token(struct server *server, const char *key_name);
uint64_t server_token_index(const struct server *server, const struct server_token *token);
/* What to answer to a try, by the records so far: "go", "refused-before", "unknown-before", "other-token". Static text. */
const char *server_pin_advice(const struct server *server, struct span body);
void server_pin_follow(struct server *server, const struct record *record);
void server_pin_free(struct server *server);
void server_pin_save(const struct server *server, struct index_writer *writer);
/* False: malformed, there are none then. */
bool server_pin_restore(struct server *server, struct span *from);

/* --- server_session.c --- */
void server_link(struct server *server, const struct wire_message *message);
/* True while a reply for the case is being stored. */
bool server_offer_pending(const struct server *server, const char *case_number);

/* --- server_anchor.c --- */
void server_anchor(struct server *server, const struct wire_message *message);

/* --- server_trust.c --- */
void server_trust(struct server *server, struct wire_message *message);
void server_anchor_read(struct server *server, struct wire_message *message);

/* --- server_tls.c --- */
/* What one link may ask of a `tls` key. */
struct server_tls_link {
	char key[SERVER_NAME_SIZE]; /* "": none */
	unsigned asked;
};
/* SESSION_CLIENT or SESSION_TLS. 0 or ERR_PROTOCOL. */
int server_tls(struct server *server, struct channel *channel, struct server_tls_link *link, uint64_t session, const struct wire_message *message);
/* The link ends: nobody waits for its answers. */
void server_tls_forget(struct server *server, const struct channel *channel);

/* --- server_evidence.c --- */
void server_evidence(struct server *server, struct wire_message *message);
/* The hub is gone. */
void server_evidence_forget(struct server *server);

/* --- server_verify.c --- */
/* In a forked child: closes all but the two, so that the links of the store end when the store ends. */
void server_child_close_others(int first, int second);
void server_verify_start(struct server *server, const struct wire_message *message);
void server_verify_stop(struct server *server);

/* --- server_backup.c --- */
/* Takes the descriptor out of the message. */
void server_backup_start(struct server *server, struct wire_message *message);
void server_backup_stop(struct server *server);

/* --- server_maintain.c --- */
void server_maintain_start(struct server *server, const struct wire_message *message);
void server_maintain_stop(struct server *server);

#endif
