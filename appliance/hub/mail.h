/* mail.h - what the box tells by e-mail: cases that came to a state people asked for, and a digest each day (`mail` in the configuration).
 *
 * Mail is a convenience: nothing waits for it, nothing is proved by it. Each record is looked at once (a cursor into the journal); what is to be told stands in a
 * queue of case numbers, states, addresses and times, without content. Cursor and queue are one small file in `state_dir`, replaced as a whole, so that after a
 * crash a message may go out twice but is never lost without a word. The text is written when it is sent, from what the hub then knows of the case.
 */
#ifndef HUB_MAIL_H
#define HUB_MAIL_H

#include "hub.h"

#define MAIL_ITEMS_MAX 1000 /* what comes beyond is counted and logged */
#define MAIL_TRIES_MAX 200
#define MAIL_PAUSE_MAX_MS 3600000
#define MAIL_DEADLINE_MS 60000
#define MAIL_STOP_MS 4000 /* a message under way gets so long when the box stops */

struct mail;

/* outcome: "sent", "later" or "never"; error: English words, "" when sent. */
typedef void (*mail_done)(void *context, const char *outcome, const char *error);

/* NULL when the configuration wants no mail. Reads the state file. */
struct mail *mail_new(struct hub *hub);
/* Every record of a case, of the replay too. NULL mail is fine, here and below. */
void mail_note(struct mail *mail, const struct hub_case *of, const struct record *record);
/* The replay is over: what is due goes out from now on. */
void mail_begin(struct mail *mail);
/* Index of the first record that was not looked at; of mail that begins only now, one beyond all. */
uint64_t mail_cursor(const struct mail *mail);
/* Writes the state file, so that its cursor is that of now. 0 or ERR_SYSTEM. */
int mail_settle(struct mail *mail);
/* A token told of its keys, or certificates of a partner were read: they may be near their end, or wait for approval. */
void mail_keys(struct mail *mail);
/* The box stops: waits for the message under way, so that an ordinary stop doubles none, and writes the state file. */
void mail_stop(struct mail *mail);
/* One message at once, past the queue. 0, or a negative error (then `done` is not called). */
int mail_test(struct mail *mail, const char *to, mail_done done, void *context);

struct mail_status {
	size_t queued;
	uint64_t given_up; /* since the start of the hub: refused for good, too old, or no room */
	const char *error; /* of the last failure, "" while there is none; English, as in cause.h */
};
void mail_tell_status(const struct mail *mail, struct mail_status *ret);

#endif
