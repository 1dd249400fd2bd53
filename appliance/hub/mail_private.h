/* mail_private.h - the queue, its file, and one message under way. */
#ifndef HUB_MAIL_PRIVATE_H
#define HUB_MAIL_PRIVATE_H

#include "mail.h"

#define MAIL_ADDRESS_SIZE 255
#define MAIL_ERROR_SIZE 400

#define MAIL_TOLD_MAX 64

enum mail_kind { MAIL_CASE, MAIL_DIGEST, MAIL_CERTIFICATES, MAIL_DISKS, MAIL_TEST };

/* What was told of a certificate (or of a disk: mail_disks.c) already. */
struct mail_told {
	char certificate[17]; /* the beginning of its SHA-256, hexadecimal */
	uint32_t threshold;   /* days; 0: that it is over */
};

struct mail_item {
	enum mail_kind kind;
	uint64_t index; /* of the record; 0 for a digest */
	char number[CASE_NUMBER_SIZE];
	enum case_state state; /* that it tells of, whatever became of the case since */
	int64_t time_ms;       /* UTC: of the record; when the digest was due */
	int64_t next_ms;       /* UTC: not before */
	uint32_t tries;
	char to[MAIL_ADDRESS_SIZE];
};

struct mail {
	struct hub *hub;
	const struct config_mail *config;
	int directory; /* of the state file */
	/* what the state file holds */
	uint64_t cursor;                      /* index of the first record that was not looked at */
	uint32_t digest_day;                  /* YYYYMMDD of the last digest */
	struct mail_told told[MAIL_TOLD_MAX]; /* oldest first */
	size_t told_count;
	struct mail_item items[MAIL_ITEMS_MAX]; /* oldest first */
	size_t count;
	bool fresh; /* there was no state file: what is in the journal already is not told */
	bool dirty; /* the file is older than this */
	bool begun;
	bool sending;
	uint32_t failures;      /* of the server, in a row */
	uint64_t not_before_ms; /* monotonic: rate, and pause after a failure of the server */
	int timer;
	uint64_t given_up;
	char error[MAIL_ERROR_SIZE];
};

/* mail_queue.c: 0, or a negative error with a logged reason. A damaged file is kept aside and counts as none. */
int mail_load(struct mail *mail);
int mail_save(struct mail *mail);
/* Adds a copy at the end; a full queue counts and logs it as given up. */
void mail_add(struct mail *mail, const struct mail_item *item);
void mail_remove(struct mail *mail, size_t n);

/* mail_send.c: writes the text and hands it to the network program; `done` once, later. 0 or a negative error. */
int mail_send(struct mail *mail, const struct mail_item *item, mail_done done, void *context);

/* mail_words.c: the text of a message; `file`: name of the file, "" when it is not to be told or not known. The caller frees. NULL without memory. */
char *mail_case_subject(const struct mail *mail, const struct mail_item *item);
char *mail_case_body(const struct mail *mail, const struct mail_item *item, const char *file);
char *mail_test_subject(void);
char *mail_test_body(void);

/* mail_digest.c: the day before `time_ms` (Czech calendar), and what waits now. *ret_lines: how many cases it names. */
char *mail_digest_subject(int64_t time_ms);
char *mail_digest_body(const struct mail *mail, int64_t time_ms, size_t *ret_lines);
/* Today as YYYYMMDD; *ret_minutes of the day. */
uint32_t mail_today(int64_t utc_ms, unsigned *ret_minutes);

/* mail_certificates.c: notes which thresholds were passed; true when there is one that nobody was told of. The text names all certificates near their end. */
bool mail_certificates_pass(struct mail *mail, int64_t now_ms);
char *mail_certificates_subject(const struct mail *mail, int64_t now_ms);
char *mail_certificates_body(const struct mail *mail, int64_t now_ms);

/* mail_disks.c: notes which disks came to a level; true when there is one that nobody was told of. The text names all disks. */
bool mail_disks_pass(struct mail *mail);
char *mail_disks_subject(void);
char *mail_disks_body(const struct mail *mail);

/* mail_letter.c: a whole message (RFC 5322, RFC 2045, RFC 2047): UTF-8 in, ASCII with CRLF out. Subject and body may hold anything: nothing in them can become a
 * header. `id`: left part of the Message-ID, dot-atom. The caller frees. */
struct mail_letter {
	const char *from, *to; /* checked addresses */
	const char *id;
	const char *subject, *body;
	int64_t utc_ms;
};
char *mail_letter_write(const struct mail_letter *letter, size_t *ret_length);

#endif
