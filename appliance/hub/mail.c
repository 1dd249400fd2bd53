#include "mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/log.h"
#include "mail_private.h"

#define SAVE_MS 100   /* what changes within is written together */
#define LOOK_MS 30000 /* how often the clock is looked at for the digest and for certificates */
#define AGAIN_MS 1000 /* the network program is being restarted */

static void plan(struct mail *mail);

/* --- what is to be told --- */

static void add_for(struct mail *mail, const struct hub_case *of, const struct record *record, const char *to)
{
	struct mail_item item = { .kind = MAIL_CASE, .index = record->index, .state = of->state, .time_ms = record->utc_ms };

	(void)snprintf(item.number, sizeof item.number, "%s", of->number);
	(void)snprintf(item.to, sizeof item.to, "%s", to);
	mail_add(mail, &item);
}

/* Who dropped the file, "" when nobody with an address. */
static const char *owner_address(const struct mail *mail, const struct hub_case *of)
{
	struct span by = span_of_string(of->by), word;
	uint64_t uid = 0;

	if (!span_read_until(&by, ':', &word) || !span_equals_string(word, "uid") || !span_parse_u64(by, &uid) || uid > UINT32_MAX) {
		return "";
	}
	return config_mail_of(mail->hub->config, (uid_t)uid);
}

void mail_note(struct mail *mail, const struct hub_case *of, const struct record *record)
{
	const char *owner = NULL;

	if (mail == NULL || mail->fresh || record->index < mail->cursor) {
		return;
	}
	/* Not `dirty`: the file gets it with the next thing that is told. Until then a restart looks at these records again, and finds nothing in them again. */
	mail->cursor = record->index + 1;
	/* Only a record that changes the state tells something; an old one (the box was off for long, or mail is new) tells nothing any more. */
	if (of != NULL && of->changed_index == record->index && config_mail_tells(mail->config, state_name(of->state)) &&
	    clock_utc_ms() - record->utc_ms < (int64_t)mail->config->give_up_ms) {
		owner = owner_address(mail, of);
		for (size_t i = 0; i < mail->config->to.count; i++) {
			add_for(mail, of, record, mail->config->to.items[i]);
			owner = strcasecmp(owner, mail->config->to.items[i]) == 0 ? "" : owner;
		}
		if (owner[0] != '\0') {
			add_for(mail, of, record, owner);
		}
		plan(mail);
	}
}

/* Minutes after midnight at which the digest is due. */
static unsigned digest_minutes(const struct mail *mail)
{
	const char *at = mail->config->digest_at;

	return (unsigned)((at[0] - '0') * 600 + (at[1] - '0') * 60 + (at[3] - '0') * 10 + (at[4] - '0'));
}

/* Once a day, at its time or as soon after it as the box works. */
static void add_digest(struct mail *mail)
{
	unsigned minutes = 0;
	int64_t now = clock_utc_ms();
	uint32_t today = mail_today(now, &minutes);
	size_t lines = 0;

	if (mail->config->digest_at[0] == '\0' || mail->hub->clock_bad || today <= mail->digest_day || minutes < digest_minutes(mail)) {
		return;
	}
	mail->digest_day = today;
	mail->dirty = true;
	free(mail_digest_body(mail, now, &lines));
	for (size_t i = 0; (lines > 0 || mail->config->digest_empty) && i < mail->config->to.count; i++) {
		struct mail_item item = { .kind = MAIL_DIGEST, .time_ms = now };

		(void)snprintf(item.to, sizeof item.to, "%s", mail->config->to.items[i]);
		mail_add(mail, &item);
	}
}

/* Whoever gets the digest hears of certificates too, once for each threshold. */
static void add_certificates(struct mail *mail)
{
	int64_t now = clock_utc_ms();

	if (mail->hub->clock_bad || mail->config->to.count == 0 || !mail_certificates_pass(mail, now)) {
		return;
	}
	for (size_t i = 0; i < mail->config->to.count; i++) {
		struct mail_item item = { .kind = MAIL_CERTIFICATES, .time_ms = now };

		(void)snprintf(item.to, sizeof item.to, "%s", mail->config->to.items[i]);
		mail_add(mail, &item);
	}
}

static void add_disks(struct mail *mail)
{
	if (mail->config->to.count == 0 || !mail_disks_pass(mail)) {
		return;
	}
	for (size_t i = 0; i < mail->config->to.count; i++) {
		struct mail_item item = { .kind = MAIL_DISKS, .time_ms = clock_utc_ms() };

		(void)snprintf(item.to, sizeof item.to, "%s", mail->config->to.items[i]);
		mail_add(mail, &item);
	}
}

/* --- sending --- */

static uint64_t pause_for(const struct mail *mail, uint32_t failures, enum cause cause)
{
	uint64_t pause = mail->config->retry_ms;

	for (uint32_t i = 1; i < failures && pause < MAIL_PAUSE_MAX_MS; i++) {
		pause *= 2;
	}
	pause = pause > MAIL_PAUSE_MAX_MS ? MAIL_PAUSE_MAX_MS : pause;
	return pause > cause_pause_ms(cause) ? pause : cause_pause_ms(cause);
}

static void give_up(struct mail *mail, size_t n, const char *why)
{
	const struct mail_item *item = &mail->items[n];

	mail->given_up++;
	log_error("%s: an e-mail is given up after %u tries: %s",
	          item->kind == MAIL_DIGEST         ? "digest"
	          : item->kind == MAIL_CERTIFICATES ? "certificates"
	          : item->kind == MAIL_DISKS        ? "disks"
	                                            : item->number,
	          item->tries + 1, why);
	mail_remove(mail, n);
}

static bool is_over(const struct mail *mail, const struct mail_item *item, int64_t now)
{
	return item->tries >= MAIL_TRIES_MAX || now - item->time_ms > (int64_t)mail->config->give_up_ms;
}

/* The item that was being sent; it may have moved, never changed otherwise. SIZE_MAX when it is gone. */
static size_t find_sent(const struct mail *mail, const struct mail_item *sent)
{
	for (size_t i = 0; i < mail->count; i++) {
		const struct mail_item *each = &mail->items[i];

		if (each->kind == sent->kind && each->index == sent->index && each->time_ms == sent->time_ms && strcmp(each->to, sent->to) == 0) {
			return i;
		}
	}
	return SIZE_MAX;
}

/* A failure of the server concerns all messages: they wait together. One of this message alone lets the others go on. */
static void put_off(struct mail *mail, struct mail_item *item, const char *error)
{
	enum cause cause = cause_find(error);

	item->tries++;
	mail->dirty = true;
	if (cause == CAUSE_MAIL_REFUSED) {
		item->next_ms = clock_utc_ms() + (int64_t)pause_for(mail, item->tries, cause);
	} else {
		mail->failures++;
		mail->not_before_ms = clock_deadline(pause_for(mail, mail->failures, cause));
	}
}

struct pending {
	struct mail *mail;
	struct mail_item item;
};

static void on_sent(void *context, const char *outcome, const char *error)
{
	struct pending *pending = context;
	struct mail *mail = pending->mail;
	size_t n = find_sent(mail, &pending->item);
	bool sent = strcmp(outcome, "sent") == 0;

	free(pending);
	mail->sending = false;
	mail->not_before_ms = clock_deadline(mail->config->interval_ms);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(error), mail->error, sizeof mail->error);
	if (sent || strcmp(outcome, "never") == 0) {
		mail->failures = 0;
	}
	if (n < mail->count && sent) {
		mail_remove(mail, n);
	} else if (n < mail->count && strcmp(outcome, "never") == 0) {
		give_up(mail, n, "the mail server refuses it for good");
	} else if (n < mail->count) {
		put_off(mail, &mail->items[n], error);
	}
	plan(mail);
}

/* The first that is due, what is too old having been given up; SIZE_MAX for none. */
static size_t find_due(struct mail *mail, int64_t now)
{
	size_t n = 0;

	while (n < mail->count) {
		const struct mail_item *item = &mail->items[n];

		if (is_over(mail, item, now)) {
			give_up(mail, n, "too old");
		} else if (item->next_ms <= now || item->next_ms > now + 2 * (int64_t)MAIL_PAUSE_MAX_MS) {
			return n; /* a time far in the future: the clock was put back */
		} else {
			n++;
		}
	}
	return SIZE_MAX;
}

static void send_next(struct mail *mail)
{
	size_t n = SIZE_MAX;
	struct pending *pending = NULL;

	if (mail->sending || mail->hub->stopping || !clock_expired(mail->not_before_ms) || mail->hub->clock_bad ||
	    (n = find_due(mail, clock_utc_ms())) == SIZE_MAX) {
		return;
	}
	pending = calloc(1, sizeof *pending);
	if (pending != NULL) {
		*pending = (struct pending){ .mail = mail, .item = mail->items[n] };
	}
	if (pending == NULL || mail_send(mail, &pending->item, on_sent, pending) != 0) {
		free(pending);
		mail->not_before_ms = clock_deadline(AGAIN_MS);
		return;
	}
	mail->sending = true;
}

/* --- the timer --- */

static void on_time(void *context, uint32_t events)
{
	struct mail *mail = context;

	(void)events;
	mail->timer = 0;
	add_digest(mail);
	add_certificates(mail);
	add_disks(mail);
	send_next(mail);
	if (mail->dirty) {
		(void)mail_save(mail); /* tried again with the next change; until then a crash doubles messages */
	}
	plan(mail);
}

static uint64_t next_look(const struct mail *mail)
{
	uint64_t next = clock_deadline(LOOK_MS);
	int64_t now = clock_utc_ms();

	if (mail->dirty) {
		next = clock_deadline(SAVE_MS);
	}
	for (size_t i = 0; !mail->sending && i < mail->count; i++) {
		uint64_t wait = mail->items[i].next_ms > now ? (uint64_t)(mail->items[i].next_ms - now) : 0;
		uint64_t due = clock_deadline(wait > MAIL_PAUSE_MAX_MS ? MAIL_PAUSE_MAX_MS : wait);

		due = due < mail->not_before_ms ? mail->not_before_ms : due;
		next = due < next ? due : next;
	}
	return next;
}

static void plan(struct mail *mail)
{
	uint64_t next = 0;
	int id = 0;

	if (!mail->begun) {
		return;
	}
	loop_cancel(mail->hub->loop, mail->timer);
	mail->timer = 0;
	next = next_look(mail);
	id = loop_timer(mail->hub->loop, next, on_time, mail);
	mail->timer = id > 0 ? id : 0;
}

struct mail *mail_new(struct hub *hub)
{
	struct mail *mail = hub->config->mail.url[0] == '\0' ? NULL : calloc(1, sizeof *mail);

	if (mail == NULL) {
		return NULL;
	}
	mail->hub = hub;
	mail->config = &hub->config->mail;
	if (mail_load(mail) != 0) {
		free(mail);
		return NULL;
	}
	return mail;
}

void mail_begin(struct mail *mail)
{
	unsigned minutes = 0;

	if (mail == NULL) {
		return;
	}
	if (mail->fresh) {
		/* A digest whose time is past today has nothing to do with a box that only now begins to tell. */
		uint32_t today = mail_today(clock_utc_ms(), &minutes);

		mail->digest_day = mail->config->digest_at[0] == '\0' || minutes >= digest_minutes(mail) ? today : 0;
	}
	/* A cursor beyond the end: the journal was put back. */
	if (mail->fresh || mail->cursor > mail->hub->replay_next) {
		mail->cursor = mail->hub->replay_next;
		mail->dirty = true;
	}
	mail->fresh = false;
	mail->begun = true;
	on_time(mail, 0);
}

uint64_t mail_cursor(const struct mail *mail)
{
	return mail->fresh ? UINT64_MAX : mail->cursor;
}

int mail_settle(struct mail *mail)
{
	return mail == NULL ? 0 : mail_save(mail);
}

void mail_keys(struct mail *mail)
{
	if (mail != NULL && mail->begun) {
		add_certificates(mail);
		plan(mail);
	}
}

void mail_stop(struct mail *mail)
{
	uint64_t until_ms = clock_deadline(MAIL_STOP_MS);

	while (mail != NULL && mail->sending && !clock_expired(until_ms)) {
		if (loop_step(mail->hub->loop, until_ms) != 0) {
			break;
		}
	}
	if (mail != NULL && mail->begun && mail->dirty) {
		(void)mail_save(mail);
	}
}

int mail_test(struct mail *mail, const char *to, mail_done done, void *context)
{
	struct mail_item item = { .kind = MAIL_TEST, .time_ms = clock_utc_ms() };

	if (!config_address_valid(to) || strlen(to) >= sizeof item.to) {
		return ERR_FORMAT;
	}
	(void)snprintf(item.to, sizeof item.to, "%s", to);
	return mail_send(mail, &item, done, context);
}

void mail_tell_status(const struct mail *mail, struct mail_status *ret)
{
	*ret = (struct mail_status){ .queued = mail->count, .given_up = mail->given_up, .error = mail->error };
}
