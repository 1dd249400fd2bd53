/* token.h - podatelna-token: one single-threaded process per token, the only program that touches PKCS#11 (design 2, 7 "PIN").
 *
 * SETUP (LINES from the parent, before the sandbox; NAME is the token's name in the configuration)
 *   module             absolute path of the PKCS#11 module
 *   uri                RFC 7512: token=, serial=, model=, manufacturer=; must match exactly one token
 *   pin-file           yes: the first descriptor of SETUP is the PIN file, opened O_RDONLY by the parent; no: a person brings the PIN (TOKEN_LOGIN)
 *   pin-fingerprint    "<inode>-<mtime ns>-<size>" of that file; when absent it is made here. A refused PIN file is not tried again until this
 *                      changes; the parent restarts the process to hand over a changed file.
 *   environment.<n>    "NAME=value", set before the module is loaded
 *   readable.<n>       directory or file that the module reads after the sandbox is up (the module's own directory, /etc and the directory
 *                      of SOFTHSM2_CONF and OPENSC_CONF are readable anyway). SoftHSM needs to read its token directory, and that is enough to log in and to
 *                      use keys. But it tries to write at each login, and when that fails it gives no more information about the token: after a
 *                      refused PIN and after a logout the module is then loaded anew; and keys with CKA_ALWAYS_AUTHENTICATE do not work.
 *                      SoftHSM counts no tries.
 *   writable.<n>       the same with the right to write
 *   pcsc               yes: the module talks to pcscd (socket(AF_UNIX) is allowed); so does this program, to learn at once that a card came or went
 *   pin                pinpad: a person enters the PIN at the reader (TOKEN_LOGIN starts it; its descriptor is not read). Anything else says nothing
 *                      here: see pin-file
 *   keep-pin           yes: the PIN that a person entered stays in locked memory while the card is away, and is tried once, on record, when the same
 *                      card is back. It is dropped at the first refusal, at a logout, when another token appears, and when this process ends
 *   key.<n>.name, key.<n>.uri (id=, object=), key.<n>.use (words of: sign vault tls journal decrypt; vault stands alone)
 *   key.<n>.cert-fd    which descriptor of SETUP (0 is the first, the PIN file included) is a PEM certificate, issuers after it; absent: the
 *                      certificate is read from the token
 *   allow-software-token   no: a software token signs nothing, unless the request says `software-ok`
 *   neighbours         how many tokens of other processes the same module may show; a token more, where ours is not there, is `foreign`. Absent: any number
 *   expected-serial    another serial number makes the token `foreign`
 * n counts from 0 without gaps. A wrong setting ends the process with exit code 1 before READY.
 *
 * EXIT CODES  0: STOP; 1: wrong settings; TOKEN_EXIT_AGAIN: the module does not work and needs a fresh process (told so for TOKEN_MEND_MS before).
 * Killed by SIGALRM: a call into the module took longer than its limit.
 *
 * RECOVERY  When the session with the token is lost the module is finalized, unloaded and loaded anew inside the process (session.c): modules do not
 * survive removal, but loading them anew is enough. The keys are then found by their URI again and compared with their certificates. Only
 * a module that hangs or crashes takes the process with it; the parent starts another, and a kept PIN is gone.
 *
 * STATE of TOKEN_STATUS: absent, pin-needed, pin-at-reader (a person is entering it now), ready, pin-refused, pin-last-try, pin-blocked, foreign, broken.
 * Its LINES: token, module, text (why), pin (prompt, file, pinpad), and with a token: label, serial, model, software (yes/no), pin-tries (what the token
 * says of them: ok, low, last, none; absent when it was not asked), and per key in the order of the settings
 * key.<n>.name .use .state (ok missing mismatch expired not-yet bad-usage) .warning, and with a certificate .subject .issuer (RFC 4514) .not-after (UTC)
 * .days-left .allows (usage.h) .sha256 .serial .algorithm, and .refused.<words of want, divided by dots>: why a partner that wants so does not take it. Before login `ok` means: nothing is wrong as far as it can be seen without the private key.
 *
 * TOKEN_SIGN parameters (LINES): form (attached-der, detached-der), digest (sha256, sha384, sha512), cades (no: without signingCertificateV2),
 * attributes (no: without any signed attributes, the signature is over the digest of the content; content that begins with the byte 31 is refused with it, cms_sign.h),
 * padding (of RSA: pkcs1, the default, or pss with the same digest and a salt of its length),
 * want (words of the partner, several): rsa = RSA of at least 2048 bits; epo = RSA of at least 2048 bits, warnings when IK MPSV is missing or the certificate is self-signed
 * (as its specification asks); epo-ecdsa = like epo, ECDSA allowed; software-ok = a software token may sign although allow-software-token is no (the
 * test environment of a partner).
 * TOKEN_SIGNED LINES: signer (SHA-256 of the certificate), serial, algorithm, warning.
 *
 * TOKEN_DECRYPT: only keys with use `decrypt`, whose certificate may have ended since. What is opened: envelope.h. SIZE the length of the CMS, LIMIT the most bytes of
 * content. TOKEN_DECRYPTED LINES: recipient, cipher (aes-256-cbc ...), algorithm (rsa-pkcs1, rsa-oaep, ecdh). A wrong key, padding or tag: ERR_FORMAT, always with the
 * same words; content that came out before it counts for nothing.
 *
 * TOKEN_SEAL: only keys with use `journal`, only the text of a C2SP checkpoint of that size (origin LF, size LF, root in base64 LF). TOKEN_SEALED: BYTES a
 * detached CAdES-BES signature over it with SHA-256; LINES: signer, serial, algorithm, and for keys on P-256 note: base64 of key id and ECDSA signature in DER
 * (C2SP signed-note, type 0x02; the name of the key is the origin, its id the start of SHA-256 of its SubjectPublicKeyInfo).
 *
 * TOKEN_SEEN LINES (look.h): module, text (what could not be looked at), readers (their number), and n from 0, at most LOOK_READERS_MAX:
 *   reader.<n>.name .token (yes, no, blank, unreadable) .ours (yes: the one of this process), and with a token .maker .model .label .serial .uri (for the
 *   configuration), .pinpad (yes/no) and .pin: none (no login needed), not-set, ok, few-tries, last-try, blocked
 * objects (their number), and at most LOOK_OBJECTS_MAX of them, those with one id being one:
 *   object.<n>.id (hexadecimal) .label .uri .private (yes, not-shown) .public (yes/no) .certificate (yes, no, unreadable) .algorithm, with a certificate
 *   .subject .issuer .serial .not-before .not-after .days-left .sha256 .allows (usage.h) .suited (uses of the configuration), and when it is configured .key .use
 * TOKEN_TESTED LINES: key, operation (sign, decrypt), algorithm, ms (how long the token took). A key that does not work is answered by ERROR.
 *
 * TOKEN_CLIENT, TOKEN_TLS: only keys with use `tls`. TOKEN_CLIENT_IS: BYTES the certificate and its issuers in PEM; LINES: signer (SHA-256 of the certificate),
 * algorithms: what the key can do in TLS 1.2 and 1.3, as words of OpenSSL's list of signature algorithms divided by blanks, best first: of RSA-PSS+SHA256 RSA-PSS+SHA384
 * RSA-PSS+SHA512 RSA+SHA256 RSA+SHA384 RSA+SHA512 ECDSA+SHA256 ECDSA+SHA384 ECDSA+SHA512. TOKEN_TLS LINES: algorithm, one of these words; BYTES all that a TLS client
 * signs in CertificateVerify, not its digest (tls_signed.h); anything else is refused with ERR_FORMAT, an algorithm that does not go with the version of TLS with
 * ERR_UNSUPPORTED. TOKEN_TLS_SIGNED: BYTES as TLS carries it (ECDSA in DER).
 *
 * PIN  Never tried: without a store (its `pin-try` record comes first), when the token says that it is the last try or that the PIN is blocked,
 * when the same file was refused before, when the same PIN was refused before in this process, when the outcome of the last try is unknown and
 * the token says that tries were used up.
 */
#ifndef TOKEN_TOKEN_H
#define TOKEN_TOKEN_H

#include "../appliance/wire/child.h"
#include "key.h"
#include "module.h"
#include "operation.h"
#include "pin.h"
#include "readers.h"
#include "setup.h"

#define TOKEN_EXIT_AGAIN 75    /* EX_TEMPFAIL */
#define TOKEN_READERS_MS 200   /* how often pcscd is asked whether a card came or went */
#define TOKEN_LOOK_MS 2000     /* how often a token is looked for where pcscd cannot tell */
#define TOKEN_IDLE_MS 60000    /* and where it can, but did not: looking disturbs the other cards */
#define TOKEN_SETTLE_MS 1000   /* between looks at a card that was put in and does not answer yet */
#define TOKEN_SETTLE_LOOKS 3   /* how many of those */
#define TOKEN_MEND_MS 30000    /* how long a process whose module does not work lives */
#define TOKEN_WATCH_MS 2000    /* how often a removable token is asked whether it is there and logged in */
#define TOKEN_RELAPSE_MS 60000 /* a second failure of a key within that time: the token is opened anew */
#define TOKEN_STEADY_MS 5000   /* a session that lasted less is opened anew after a pause, each longer than the one before */
#define TOKEN_PAUSE_FIRST_MS 100
#define TOKEN_PAUSE_MAX_MS 60000
#define TOKEN_REVIEW_MS 600000 /* how often certificates are judged again */
#define TOKEN_MODULE_S 60      /* a call into the module that takes longer ends the process (SIGALRM) */
#define TOKEN_CHECK_S 10       /* the same for a look at the session, at the readers, and for unloading the module */
#define TOKEN_PAD_S 120        /* the same for a PIN at the reader, which has a shorter limit of its own */
#define TOKEN_TEXT_BYTES 256

enum token_state {
	TOKEN_ABSENT,
	TOKEN_PIN_NEEDED,
	TOKEN_PIN_AT_READER,
	TOKEN_READY,
	TOKEN_PIN_REFUSED,
	TOKEN_PIN_LAST_TRY,
	TOKEN_PIN_BLOCKED,
	TOKEN_FOREIGN,
	TOKEN_BROKEN
};

/* Where the PIN of a try comes from; `source` of the record `pin-try`. */
enum token_source { TOKEN_SOURCE_PROMPT, TOKEN_SOURCE_FILE, TOKEN_SOURCE_KEPT, TOKEN_SOURCE_PINPAD };

/* The PIN that stays in `pin` while the card is away (keep-pin). */
struct token_kept {
	bool held;
	bool unknown;       /* the last C_Login with it brought no answer */
	char serial[65];    /* SHA-256 of the token's that accepted it */
	unsigned strangers; /* other tokens in the readers at that time */
};

/* A login under way; one at a time. */
struct token_login {
	bool busy;
	enum token_source source;
	uint64_t request; /* of the hub; 0: nobody waits for the answer */
	uint64_t asked;   /* number of our question to the store */
	char by[64];
	char fingerprint[SETUP_FINGERPRINT_BYTES];
	int fd; /* pipe of the person, -1 */
	int watch, timer;
};

struct token {
	struct child *child;
	struct loop *loop;
	struct token_setup setup;
	struct module module;
	struct token_key keys[SETUP_KEYS_MAX];
	enum token_state state;
	char text[TOKEN_TEXT_BYTES]; /* English words why */
	struct channel *hub, *store;
	struct pin pin;
	struct token_kept kept;
	struct token_login login;
	enum module_tries tries; /* as the token said last */
	bool file_refused;       /* in the life of this process */
	char file_other[65];     /* SHA-256 of the serial of a token that the PIN file is not for; empty: none known */
	bool no_auto_login;      /* a person logged out */
	uint64_t last_intent;    /* index of the last intent that was accepted for signing, 0 for none */
	char foreign_noted[65];  /* SHA-256 of the serial of the foreign token that has its record */

	/* session.c */
	struct readers readers;
	bool lost;          /* the session is given up: nothing more is asked of the module until it is opened anew */
	int watch, renewal; /* timers */
	unsigned settle_looks;
	uint64_t failed_ms; /* when a key last failed in a good session; 0: never, or dealt with */
	uint64_t pause_ms, opened_ms, check_ms, look_ms, mend_ms;
};

/* serve.c */
int token_open(struct token *token, struct child *child);
/* Enters the sandbox and runs until the end; the exit code. */
int token_run(struct token *token);

/* session.c */
/* Loads the module and looks for the token; before the sandbox, while files can still be opened anywhere. What it finds is the first state. */
void token_session_load(struct token *token);
/* In the sandbox: reads flags, watches the readers and the token from now on. */
int token_session_begin(struct token *token);
/* The session with the token is gone or senseless: status, record `removed`, and the module is loaded anew when the caller has returned to the loop. The
 * PIN is wiped unless it is kept. */
void token_fail(struct token *token, enum token_state state, const char *text);
/* Loads the module anew, without a record: it does not say any more what its token is like. */
void token_renew(struct token *token);
/* Looks after an operation failed: is the session still good? Calls token_fail when not. */
void token_check_session(struct token *token);
/* The same after a use of a key failed; when the session is good, the keys are looked for anew and compared with their certificates. */
void token_recheck(struct token *token);
/* The record of a token that is not ours, once. */
void token_note_foreign(struct token *token);

/* status.c */
const char *token_state_name(enum token_state state);
void token_set_state(struct token *token, enum token_state state, const char *text);
void token_send_status(struct token *token, struct channel *channel);
/* To both peers. */
void token_tell_status(struct token *token);
/* Appends a `token` record through the store, when it is there; nobody waits for it. `detail` may be NULL. */
void token_note(struct token *token, const char *event, const char *detail);
void token_serial_hash(const struct token *token, char ret[65]);

/* login.c */
/* What the flags of the token say, without a try: sets pin-needed, pin-last-try, pin-blocked, or ready where no login is required. */
void token_begin(struct token *token);
/* Tries the PIN file, or the PIN that was kept, when everything allows it. */
void token_login_auto(struct token *token);
/* Wipes the PIN that was kept when the token in the reader, or a stranger beside it, is not what it was entered for. */
void token_judge_kept(struct token *token);
int token_login_person(struct token *token, struct wire_message *message);
int token_logout(struct token *token, struct wire_message *message);
/* Drops the login under way without an answer, and the PIN with it. */
void token_login_free(struct token *token);
/* The token is gone: ends the login under way, if there is one, with these words. */
void token_login_abort(struct token *token, const char *text);
/* The hub that asked is gone: its number means nothing to the next one. A try that is with the store already goes on. */
void token_login_orphan(struct token *token);

/* use.c: the key must be there, of that use (USE_*), and its certificate good now, whatever it was at login. ERR_NOTFOUND, ERR_DENIED, ERR_LOCKED, ERR_TOKEN or
 * ERR_CERT, with *ret_why words that live as long as the token. */
int token_use_key(struct token *token, const char *name, unsigned use, struct token_key **ret, const char **ret_why);
struct operation token_operation(struct token *token, struct token_key *key);
/* A module that hangs inside a call must not hold the process: past the deadline a signal ends it, and the parent starts another. */
void token_guard(uint64_t deadline_ms);
void token_unguard(void);
/* After an operation failed, and after its answer: drops a refused PIN, sets the state, looks whether the session is still good. */
void token_use_failed(struct token *token, int err);

/* sign.c, unwrap.c, decrypt.c, seal.c, tls.c: handlers of requests of the store; 0 or ERR_PROTOCOL. */
int token_sign(struct token *token, struct wire_message *message);
int token_unwrap(struct token *token, struct wire_message *message);
int token_decrypt(struct token *token, struct wire_message *message);
int token_seal(struct token *token, struct wire_message *message);
int token_client(struct token *token, struct wire_message *message);
int token_tls(struct token *token, struct wire_message *message);

/* seen.c: handlers of requests of the hub; 0 or ERR_PROTOCOL. */
int token_look(struct token *token, struct wire_message *message);
int token_test(struct token *token, struct wire_message *message);

#endif
