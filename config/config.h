/* config.h - /etc/podatelna/podatelna.conf as plain structs (design 5). Every key is explained in config/podatelna.conf.example.
 *
 * Used by podatelnad only: the parent reads the file once; the hub gets the same text. Strings are owned by the configuration, are never NULL and are
 * "" when not set; lists may be empty; durations are milliseconds (0: off), sizes are bytes. Nothing here is a secret: PINs and passwords stand in files of
 * their own.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../appliance/base/span.h"

#define CONFIG_FILE_MAX_BYTES (256u * 1024u)
#define CONFIG_NAME_MAX 32      /* name of a token, key, partner, tsa: [a-z][a-z0-9-]* */
#define CONFIG_FINDINGS_MAX 200 /* further ones are counted, not kept */
#define CONFIG_TOKENS_MAX 8
#define CONFIG_KEYS_MAX 64
#define CONFIG_PARTNERS_MAX 32
#define CONFIG_TSAS_MAX 8
#define CONFIG_QUERIES_MAX 16
#define CONFIG_USERS_MAX 256
#define CONFIG_LIST_MAX 64
#define CONFIG_SIGN_KEYS_MAX 8 /* of one partner */

struct config_list {
	char **items;
	size_t count;
};

enum config_receipt { CONFIG_RECEIPT_FULL, CONFIG_RECEIPT_NO_PASSWORD, CONFIG_RECEIPT_NONE };
enum config_overview { CONFIG_OVERVIEW_FULL, CONFIG_OVERVIEW_NUMBERS, CONFIG_OVERVIEW_NONE };

/* `share { }` */
struct config_share {
	char *path;      /* absolute */
	char *claim_dir; /* absolute, same file system; default: <path>.claim, beside the share and not exported */
	char *group;     /* unix group of what the box writes there; "": that of the folder */
	uint64_t scan_interval_ms;
	uint64_t quiet_ms;        /* a file counts when nothing changed it for so long */
	uint64_t no_end_after_ms; /* a file without its own end goes to Chyby after this */
	bool archive_inbox;       /* true: the original is put into Vyrizeno; false: it is only in the vault */
	enum config_receipt receipt_on_share;
	enum config_overview overview_content; /* full: with names of files; numbers: none of them; none: no page at all */
	uint64_t overview_heartbeat_ms;        /* the page is written anew after this even when nothing changed */
	uint64_t max_file_bytes;
	uint64_t min_free_bytes;                                                /* less free space than this on the data directory: nothing new is taken in */
	char *inbox, *approval, *done, *unknown, *errors, *incoming, *overview; /* single names under `path` */
};

#define CONFIG_PIN_PROMPT "prompt"
#define CONFIG_PIN_PAD "pinpad"

/* `token "name" { }`; index in the array = index of the token process */
struct config_token {
	char *name;
	char *module;                   /* absolute path of the PKCS#11 module */
	char *uri;                      /* RFC 7512 */
	char *pin;                      /* "prompt", "pinpad", or the absolute path of a file that only root reads */
	char *serial;                   /* expected serial number, "": the one seen first */
	struct config_list environment; /* "NAME=value" for the process */
	struct config_list readable;    /* absolute paths the module must read, beside its own folder and /etc */
	struct config_list writable;    /* absolute paths the module must write */
	bool pcsc;                      /* the process talks to pcscd */
	bool keep_pin;                  /* the PIN of a person stays in memory while the card is away; with "prompt" only */
};

#define CONFIG_USE_SIGN (1u << 0)
#define CONFIG_USE_VAULT (1u << 1)
#define CONFIG_USE_JOURNAL (1u << 2)
#define CONFIG_USE_TLS (1u << 3)
#define CONFIG_USE_DECRYPT (1u << 4)

/* `key "name" { }` */
struct config_key {
	char *name;
	char *token;
	size_t token_index;
	char *uri;    /* RFC 7512, within the token */
	uint32_t use; /* CONFIG_USE_*; a vault key has no other use */
	char *cert;   /* absolute path of a PEM certificate, "": the one in the token */
};

/* In ascending strictness: two-person is somebody else's than his who handed it in. */
enum config_approval { CONFIG_APPROVAL_NONE, CONFIG_APPROVAL_NEEDED, CONFIG_APPROVAL_TWO_PERSON };
/* "none", "needed", "two-person": as in the files and in the record `recognised` */
#define CONFIG_APPROVAL_WORDS "none|needed|two-person"
const char *config_approval_name(enum config_approval approval);

enum config_env { CONFIG_ENV_PRODUCTION, CONFIG_ENV_SANDBOX, CONFIG_ENV_TEST };

#define CONFIG_ADDRESSES_MAX 4 /* of a partner: `url` and `backup_urls` */
#define CONFIG_ANSWER_KEYS_MAX 4

/* `partner "name" { }`; the name is that of a partner of the catalogue */
struct config_partner {
	char *name;
	char *url;                      /* https, without a final slash */
	struct config_list backup_urls; /* likewise, to fall over to in this order; each on a server of its own */
	enum config_env env;
	struct config_list sign_keys;                /* they share the work; never empty after config_parse */
	size_t sign_key_index[CONFIG_SIGN_KEYS_MAX]; /* of keys */
	char *tls_key;                               /* the box logs in with it where the server asks for a certificate; "": none */
	size_t tls_key_index;                        /* SIZE_MAX: none */
	struct config_list answer_keys;              /* open what the partner encrypts for us; the certificate of the first stands in queries; empty: none */
	size_t answer_key_index[CONFIG_ANSWER_KEYS_MAX];
	bool test_first, test_first_set;      /* not set: as the catalogue says */
	char *ca_file;                        /* PEM, "": the roots of the system */
	char *anchors;                        /* PEM, trust anchors for signed replies; "": none */
	char *encrypt_to;                     /* PEM, certificates that the partner wants messages encrypted for; "": none */
	struct config_list encrypt_to_sha256; /* those of them that are approved, 64 lower-case hex digits each; a person may approve others */
	struct config_list signer_cn;         /* accepted common names of the signer of replies; empty: any under the anchors */
	char *signer_o;
	struct config_list signer_sha256; /* pinned certificates, 64 lower-case hex digits */
	char *email;
	char *retention; /* how long a closed filing must be kept (config_retention_until); "": as the catalogue says */
	bool allow_software_token;
	uint64_t poll_first_ms, poll_max_ms;          /* 0: as the catalogue says */
	uint64_t poll_deferred_ms, duplicate_wait_ms; /* likewise */
	uint64_t connect_timeout_ms, deadline_ms;
	uint64_t reply_limit_bytes;    /* 0: as the partner's program says */
	uint64_t interval_ms;          /* least time between two requests */
	size_t sessions_max;           /* at once */
	enum config_approval approval; /* of all its filings; the stricter of this and the catalogue's counts */
	struct config_list options;    /* "name=value", over those of the catalogue */
};

/* A package of stamps that was bought. */
struct config_package {
	uint64_t count;
	int64_t from_ms, until_ms; /* UTC, the end exclusive */
};

#define CONFIG_PACKAGES_MAX 16
/* Digests of what is stamped, in the order of enum config_hash. */
#define CONFIG_HASHES "sha256|sha384|sha512"
enum config_hash { CONFIG_HASH_SHA256, CONFIG_HASH_SHA384, CONFIG_HASH_SHA512 };

/* `tsa "name" { }` */
struct config_tsa {
	char *name;
	struct config_list urls; /* in the order in which they are tried */
	char *user, *password_file, *policy, *ca_file, *anchors;
	char *tls_key; /* as in config_partner */
	size_t tls_key_index;
	enum config_hash hash;                             /* of signatures; an anchor is always stamped by its SHA-256 */
	uint64_t package;                                  /* stamps bought, without a limit of time; 0: see `packages` */
	struct config_list packages;                       /* "200 2026-01-15 2051-01-15": how many, first and last day */
	struct config_package bought[CONFIG_PACKAGES_MAX]; /* made of either, in their order */
	size_t bought_count;                               /* 0: stamps are counted, but nothing is left or used up */
	uint64_t stop_line;                                /* when no more than so many are left, only anchors are stamped */
	uint64_t anchor_every_ms;                          /* the journal is stamped so long after the first record that no stamp covers */
	bool day_end;                                      /* and after each Czech day with such records */
	struct config_list crl_urls;                       /* lists of revoked certificates, beside those that its certificates name */
	uint64_t check_every_ms;                           /* a stamp when there was none for so long, to see whether it works; 0: off */
};

#define CONFIG_RIGHT_FILE (1u << 0)    /* hand in by command line */
#define CONFIG_RIGHT_READ (1u << 1)    /* list, show, export, status */
#define CONFIG_RIGHT_SEND (1u << 2)    /* send, poll, classify, retry, attach, delete */
#define CONFIG_RIGHT_APPROVE (1u << 3) /* approve, reject */
#define CONFIG_RIGHT_TOKEN (1u << 4)   /* token login, logout */
#define CONFIG_RIGHT_ADMIN (1u << 5)   /* the rest, and all of the above */
#define CONFIG_RIGHT_ERASE (1u << 6)   /* erase */
#define CONFIG_RIGHT_ALL 0x7fu

/* `user "name" { }` */
struct config_user {
	char *name; /* login name, or a number */
	uid_t uid;
	uint32_t rights;
	char *sign_key; /* signs what this person hands in, instead of the partner's; "": none */
	size_t sign_key_index;
	char *mail; /* address for what concerns their own files, "": none */
};

/* `query "name" { }`: what the box asks a partner for by itself, once a day */
struct config_query {
	char *name;
	char *partner;
	char *what;    /* as the catalogue calls it: root of a form with format = query */
	char *vs;      /* "": that of the partner's options */
	char *at;      /* "06:30", Czech time */
	uint64_t days; /* how many, today the last of them */
};

/* Users that the programs run as when the box is started by root. */
struct config_users {
	char *hub, *store, *token, *partner, *transport;
};

enum config_proxy_mode { CONFIG_PROXY_DIRECT, CONFIG_PROXY_SYSTEM, CONFIG_PROXY_OWN };

/* `proxy { }`: how partners are reached. In mode system the parent takes https_proxy and no_proxy from its environment. */
struct config_proxy {
	enum config_proxy_mode mode;
	char *url;                   /* http://host:port, only in mode own */
	char *user, *password_file;  /* both or none, only in mode own */
	struct config_list no_proxy; /* hosts, domains, addresses, networks; only in mode own */
};

/* Events of `mail`, as bits: the states that a case may come to, in the order of CONFIG_MAIL_EVENTS. */
#define CONFIG_MAIL_EVENTS "none|unknown|held|sent|uncertain|done|data-error|failed|refused"

/* `mail { }`; url "": no mail at all */
struct config_mail {
	char *url;  /* smtps://host:port, or smtp://host:port with STARTTLS */
	char *from; /* user@domain */
	struct config_list to;
	char *user, *password_file; /* both or none */
	char *ca_file;              /* PEM, "": the roots of the system */
	uint32_t events;            /* never 0 after config_parse when url is set */
	bool details;
	char *digest_at; /* "07:00", "": none */
	bool digest_empty;
	uint64_t interval_ms; /* least time between two messages */
	uint64_t retry_ms;    /* first pause after a failure, doubled each time */
	uint64_t give_up_ms;
	char *state_dir; /* absolute: the queue, and how far the journal was told about */
};

struct config {
	char *file;         /* where it was read from */
	char language[3];   /* "cs" or "en" */
	char box_letter[2]; /* "" or one of A-Z, stands before case numbers */
	char *data_dir;
	char *mark_file; /* outside data_dir (design 3, roll-back) */
	char *run_dir;
	char *control_socket;
	char *control_group; /* group that may connect; "": root only reaches it by file mode 0600 */
	struct config_list catalogue_dirs;
	char *led;                       /* sysfs folder of a LED, "": none */
	uint64_t disk_warn, disk_urgent; /* percent used of a disk at which people are told; 100: never */
	char *metrics_file;              /* textfile for node_exporter, "": none */
	uint64_t metrics_every_ms;       /* how often it is written at most */
	char *log_level;                 /* error, warning, info, debug */
	struct config_users users;
	struct config_share share;
	struct config_token *tokens;
	size_t token_count;
	struct config_key *keys;
	size_t key_count;
	struct config_partner *partners;
	size_t partner_count;
	struct config_tsa *tsas;
	size_t tsa_count;
	struct config_query *queries;
	size_t query_count;
	struct config_user *user_list;
	size_t user_count;
	struct config_proxy proxy;
	struct config_mail mail;
	uint64_t clock_forward_max_ms; /* design 3, clock: default 30 days */
	uint64_t journal_segment_bytes;
	uint64_t journal_quiet_ms; /* design 4, checkpoint: default 5 s and 60 s */
	uint64_t journal_busy_ms;
	uint64_t stamp_warn_ms; /* the oldest record that no stamp covers is so old: people are told, and then nothing new is filed; 0: off. Only with a tsa */
	uint64_t stamp_stop_ms;
	uint64_t renew_before_ms;           /* earlier stamps are renewed so long before the certificate of the newest ends; 0: off */
	uint32_t weak_hashes;               /* bits by enum config_hash: stamps with these are to be renewed */
	uint64_t crl_every_ms;              /* lists of revoked certificates are looked for so often where they are of use; 0: nothing is collected */
	struct config_list signer_crl_urls; /* of the journal's own key, beside those that its certificates name */
	char *signer_chain;                 /* PEM: the authorities of the journal's own key; "": none */
	char *notes_dir;                    /* auditors' share for checkpoint notes, "": none */
	char *archive_dir;                  /* where closed cases' content may be moved to, "": nowhere */
};

struct config_finding {
	char *file;
	int line;     /* 0: the file as a whole */
	bool warning; /* false: the configuration cannot be used */
	char *text;   /* what was found and what was expected, in the language of text_open */
};

/* Zero-initialise; config_report_free when done. */
struct config_report {
	struct config_finding findings[CONFIG_FINDINGS_MAX];
	size_t count;  /* kept */
	size_t errors; /* all errors, kept or not */
	size_t lost;
};

/* Reads the file. 0 when there is no error among the findings; ERR_FORMAT when there is; ERR_NOTFOUND, ERR_SYSTEM, ERR_LIMIT, ERR_MEMORY otherwise (then with a
 * finding that says so). Looks at no file but this one (and the user and group data base). */
int config_load(const char *path, struct config **ret, struct config_report *report);
/* The same from memory; `file` is the name to be put into findings. */
int config_parse(struct span text, const char *file, struct config **ret, struct config_report *report);
/* Looks at the machine: files and folders exist, PIN and password files are readable by root alone (or by the present user when it is not root), the catalogue
 * loads and knows every partner. Adds findings; 0 or ERR_FORMAT when it added an error. */
int config_check(const struct config *config, struct config_report *report);
void config_free(struct config *config);
static inline void config_free_place(struct config **place)
{
	config_free(*place);
}
#define _cleanup_config_ __attribute__((cleanup(config_free_place)))

/* Adds a finding (line 0: none). */
void config_report_add(struct config_report *report, bool warning, const char *file, int line, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* "file:line: error: text", one per line, sorted by file and line, terminal-safe. */
void config_report_print(struct config_report *report, FILE *to);
void config_report_free(struct config_report *report);
#define _cleanup_report_ __attribute__((cleanup(config_report_free)))

/* For `podatelnad --get KEY`: control_socket, language, data_dir, run_dir, mark_file, share. NULL for other keys. Borrowed. */
const char *config_get(const struct config *config, const char *key);
const struct config_partner *config_partner_find(const struct config *config, const char *name);
const struct config_key *config_key_find(const struct config *config, const char *name);
/* The rights of a caller; root has all, an unknown user none. */
uint32_t config_rights_of(const struct config *config, uid_t uid);
const char *config_hash_name(enum config_hash hash);          /* "sha256", "sha384", "sha512" */
const char *config_env_name(enum config_env env);             /* "production", "sandbox", "test" */
const char *config_proxy_name(enum config_proxy_mode mode);   /* "direct", "system", "own" */
const char *config_receipt_name(enum config_receipt receipt); /* "full", "no-password", "none" */
/* The value of "name=value" in a list, or NULL. Borrowed. */
const char *config_option(const struct config_list *options, const char *name);

/* The last day on which what was closed at `utc_ms` must be kept, in the Czech calendar: `text` is "10 years", "6 months", "90 days" or "0" (then *ret is ""). A
 * month that has no such day ends with its last one. False when it is none of these. */
#define CONFIG_DAY_SIZE 11 /* "2036-11-22" and a zero byte */
bool config_retention_until(const char *text, int64_t utc_ms, char ret[CONFIG_DAY_SIZE]);

/* user@domain, in letters that can stand in a header and a command as they are. */
bool config_address_valid(const char *text);
/* Does `mail` tell of cases in this state (state_name)? */
bool config_mail_tells(const struct config_mail *mail, const char *state);
/* The address of a person, "" for none. */
const char *config_mail_of(const struct config *config, uid_t uid);

/* A PIN or password file: regular, one link, owned by root (or the present user), no rights for group and others. 0, ERR_NOTFOUND, ERR_DENIED (readable by others). */
int config_secret_check(const char *path);

#endif
