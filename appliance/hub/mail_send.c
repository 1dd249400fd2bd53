/* mail_send.c - one message: its text, and the process of the network program that carries it. The name of the file comes from the store, when it is to be told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "mail_private.h"

#define REPORT_SLACK_MS 10000 /* beyond the network program's own deadline */
#define NAME_MAX_BYTES 4096

struct sending {
	struct mail *mail;
	struct mail_item item;
	mail_done done;
	void *context;
	char file[1024];
	int name_memfd;
	struct channel *channel;
	int timer;
};

static void finish(struct sending *sending, const char *outcome, const char *error)
{
	mail_done done = sending->done;
	void *context = sending->context;

	loop_cancel(sending->mail->hub->loop, sending->timer);
	channel_free(sending->channel);
	cleanup_close(&sending->name_memfd);
	free(sending);
	done(context, outcome, error);
}

static int on_report(void *context, struct channel *channel, struct wire_message *message)
{
	struct sending *sending = context;
	struct span lines = wire_span(message, WIRE_F_LINES);
	char outcome[16] = "later", error[MAIL_ERROR_SIZE] = "";

	(void)channel;
	if (message->type != WIRE_MAIL_REPORT) {
		return ERR_PROTOCOL;
	}
	(void)lines_find_string(lines, "outcome", outcome, sizeof outcome);
	(void)lines_find_string(lines, "error", error, sizeof error);
	finish(sending, outcome, error);
	return 0;
}

static void on_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	(void)channel;
	(void)end;
	(void)why;
	finish(context, "later", "the network program left no word");
}

static void on_late(void *context, uint32_t events)
{
	struct sending *sending = context;

	(void)events;
	sending->timer = 0;
	finish(sending, "later", "the network program gave no answer in time");
}

/* The same message has the same id, whenever and however often it is sent: mail programs show it once (RFC 5322 section 3.6.4). */
static void make_id(const struct mail_item *item, char ret[128])
{
	uint32_t hash = 2166136261U; /* FNV-1a, of the recipient: not a secret, only not the address itself */

	for (const char *each = item->to; *each != '\0'; each++) {
		hash = (hash ^ (uint8_t)*each) * 16777619U;
	}
	(void)snprintf(ret, 128, "%s.%llu.%lld.%08x",
	               item->kind == MAIL_CASE           ? item->number
	               : item->kind == MAIL_DIGEST       ? "digest"
	               : item->kind == MAIL_CERTIFICATES ? "certificates"
	               : item->kind == MAIL_DISKS        ? "disks"
	                                                 : "test",
	               (unsigned long long)item->index, (long long)item->time_ms, hash);
}

static char *write_letter(const struct sending *sending, size_t *ret_length)
{
	const struct mail *mail = sending->mail;
	const struct mail_item *item = &sending->item;
	size_t ignored = 0;
	_cleanup_free_ char *subject = item->kind == MAIL_CASE           ? mail_case_subject(mail, item)
	                               : item->kind == MAIL_DIGEST       ? mail_digest_subject(item->time_ms)
	                               : item->kind == MAIL_CERTIFICATES ? mail_certificates_subject(mail, clock_utc_ms())
	                               : item->kind == MAIL_DISKS        ? mail_disks_subject()
	                                                                 : mail_test_subject();
	_cleanup_free_ char *body = item->kind == MAIL_CASE           ? mail_case_body(mail, item, sending->file)
	                            : item->kind == MAIL_DIGEST       ? mail_digest_body(mail, item->time_ms, &ignored)
	                            : item->kind == MAIL_CERTIFICATES ? mail_certificates_body(mail, clock_utc_ms())
	                            : item->kind == MAIL_DISKS        ? mail_disks_body(mail)
	                                                              : mail_test_body();
	char id[128];
	struct mail_letter letter = { .from = mail->config->from, .to = item->to, .id = id, .subject = subject, .body = body, .utc_ms = clock_utc_ms() };

	make_id(item, id);
	return subject == NULL || body == NULL ? NULL : mail_letter_write(&letter, ret_length);
}

static int start(struct sending *sending, int message_fd, int hub_end)
{
	struct hub *hub = sending->mail->hub;
	_cleanup_lines_ struct lines envelope = { 0 };
	static char text[LINES_BODY_MAX + 1];
	struct wire_message message;
	int length = 0;

	lines_set(&envelope, "from", sending->mail->config->from);
	lines_set(&envelope, "to", sending->item.to);
	lines_set_u64(&envelope, "deadline-ms", MAIL_DEADLINE_MS);
	length = lines_finish(&envelope, text, sizeof text);
	if (length < 0 || hub->transport == NULL) {
		return ERR_GONE;
	}
	wire_begin(&message, WIRE_MAIL_START, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_fd(&message, hub_end);
	wire_put_fd(&message, message_fd);
	return channel_send(hub->transport, &message);
}

static int hand_over(struct sending *sending)
{
	size_t length = 0;
	_cleanup_free_ char *letter = write_letter(sending, &length);
	_cleanup_close_ int message_fd = letter == NULL ? -1 : fd_memfd_sealed("mail", letter, length);
	_cleanup_close_ int hub_end = -1;
	int ends[2];

	if (message_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		return ERR_SYSTEM;
	}
	hub_end = ends[1];
	sending->channel = channel_new(sending->mail->hub->loop, ends[0], WIRE_HUB, WIRE_SESSION, on_report, on_end, sending);
	sending->timer = loop_timer(sending->mail->hub->loop, clock_deadline(MAIL_DEADLINE_MS + REPORT_SLACK_MS), on_late, sending);
	return sending->channel == NULL || sending->timer < 0 ? ERR_MEMORY : start(sending, message_fd, hub_end);
}

/* A name that cannot be had now (the vault is locked) is left out: the message does not wait for it. */
static void on_name(void *context, int err, struct wire_message *message)
{
	struct sending *sending = context;
	char text[NAME_MAX_BYTES];
	ssize_t length = -1;

	if (err == 0 && message->type != WIRE_ERROR && lseek(sending->name_memfd, 0, SEEK_SET) == 0) {
		length = fd_read_full(sending->name_memfd, text, sizeof text);
	}
	if (length > 0) {
		(void)lines_find_string(span_of(text, (size_t)length), "file", sending->file, sizeof sending->file);
	}
	if (hand_over(sending) != 0) {
		finish(sending, "later", "the network program is not there");
	}
}

static int ask_name(struct sending *sending)
{
	struct channel *store = sending->mail->hub->store;
	struct wire_message message;

	sending->name_memfd = fd_memfd_open("name");
	if (store == NULL || sending->name_memfd < 0) {
		return ERR_GONE;
	}
	wire_begin(&message, WIRE_STORE_COPY, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, sending->item.number);
	wire_put_string(&message, WIRE_F_OBJECT, "name");
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_fd(&message, sending->name_memfd);
	return channel_request(store, &message, HUB_STORE_TIMEOUT_MS, on_name, sending, NULL);
}

int mail_send(struct mail *mail, const struct mail_item *item, mail_done done, void *context)
{
	struct sending *sending = mail->hub->transport == NULL ? NULL : calloc(1, sizeof *sending);
	int err = 0;

	if (sending == NULL) {
		return mail->hub->transport == NULL ? ERR_GONE : ERR_MEMORY;
	}
	*sending = (struct sending){ .mail = mail, .item = *item, .done = done, .context = context, .name_memfd = -1 };
	if (item->kind == MAIL_CASE && mail->config->details) {
		err = ask_name(sending);
	} else {
		err = hand_over(sending);
	}
	if (err != 0) {
		loop_cancel(mail->hub->loop, sending->timer);
		channel_free(sending->channel);
		cleanup_close(&sending->name_memfd);
		free(sending);
	}
	return err;
}
