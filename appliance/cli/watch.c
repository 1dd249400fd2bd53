/* watch.c - the live view: asks the hub once a second, draws what changed. The hub may go and come back. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/text.h"
#include "../wire/channel.h"
#include "watch.h"

/* The three questions of a round. */
enum question { ASK_STATUS, ASK_OPEN, ASK_CLOSED, ASK_COUNT };

struct watch {
	struct cli *cli;
	int link, signals;
	enum question question;
	bool asked;
	uint64_t next_ms, deadline_ms; /* of the next question, of the present answer; monotonic */
	struct rows coming[ASK_COUNT];
	struct watch_view view;
	struct screen screen;
	uint8_t *buffer;
	int code; /* -1: goes on */
};

/* --- asking --- */

static void forget(struct watch *watch)
{
	for (size_t i = 0; i < ASK_COUNT; i++) {
		rows_free(&watch->coming[i]);
	}
	watch->question = ASK_STATUS;
	watch->asked = false;
}

static void lose(struct watch *watch)
{
	cleanup_close(&watch->link);
	forget(watch);
	watch->view.lost_ms = watch->view.lost_ms != 0 ? watch->view.lost_ms : clock_utc_ms();
	watch->next_ms = clock_deadline(WATCH_EVERY_MS);
}

static void ask(struct watch *watch)
{
	size_t room = watch_page_room(&watch->screen, &watch->view);
	struct cli_filter filter = { .states = watch->question == ASK_OPEN ? "open" : "closed", .limit = room > 0 ? room : 1 };
	struct cli_call call = { .words = { watch->question == ASK_STATUS ? "status" : "list" },
		                 .word_count = 1,
		                 .filter = watch->question == ASK_STATUS ? NULL : &filter };

	watch->deadline_ms = clock_deadline(WATCH_ANSWER_MS);
	watch->asked = cli_link_send(watch->cli, watch->link, &call, 1, -1, "", filter.limit, watch->deadline_ms) == 0;
	if (!watch->asked) {
		lose(watch);
	}
}

/* The answers of a whole round are what is shown. */
static void take_over(struct watch *watch)
{
	rows_free(&watch->view.status);
	rows_free(&watch->view.open);
	rows_free(&watch->view.closed);
	watch->view = (struct watch_view){ .status = watch->coming[ASK_STATUS], .open = watch->coming[ASK_OPEN], .closed = watch->coming[ASK_CLOSED] };
	memset(watch->coming, 0, sizeof watch->coming);
	watch->next_ms = clock_deadline(WATCH_EVERY_MS);
}

static void finish_question(struct watch *watch, const struct wire_message *message)
{
	char text[256];

	watch->asked = false;
	/* While the box starts the lists are refused, but its state is told. */
	if (wire_number(message, WIRE_F_CODE, CLI_NO) == CLI_DENIED && wire_string(message, WIRE_F_TEXT, text, sizeof text)) {
		(void)fprintf(watch->cli->err, "podatelna: %s\n", text);
		watch->code = CLI_DENIED;
		return;
	}
	watch->question++;
	if (watch->question == ASK_COUNT) {
		watch->question = ASK_STATUS;
		take_over(watch);
	} else {
		ask(watch);
	}
}

/* One packet of the hub. */
static void receive(struct watch *watch)
{
	_cleanup_message_ struct wire_message message = { 0 };
	int r = wire_receive_blocking(watch->link, WIRE_CLI, WIRE_HUB, watch->buffer, &message, clock_deadline(0));

	if (r == ERR_DEADLINE) {
		return;
	}
	if (r == 0 && message.type == WIRE_FINISHED) {
		finish_question(watch, &message);
	} else if (r == 0 && message.type == WIRE_OUTPUT) {
		r = rows_add(&watch->coming[watch->question], wire_span(&message, WIRE_F_KIND), wire_span(&message, WIRE_F_LINES));
	}
	/* WIRE_CONTENT, the names of files, is let go: on a console that stands open nobody's name is shown. */
	if (r < 0) {
		lose(watch);
	}
}

/* --- time passes --- */

static void tick(struct watch *watch)
{
	if (watch->link < 0 && clock_expired(watch->next_ms)) {
		if (cli_link_connect(watch->cli, &watch->link) != 0) {
			lose(watch);
		}
	}
	if (watch->link >= 0 && watch->asked && clock_expired(watch->deadline_ms)) {
		lose(watch);
	}
	if (watch->link >= 0 && !watch->asked && clock_expired(watch->next_ms)) {
		ask(watch);
	}
}

static void draw(struct watch *watch)
{
	struct clock_date date;
	char time[32];
	int64_t now = clock_utc_ms();

	clock_czech_date(now, &date);
	(void)snprintf(time, sizeof time, "%02d:%02d:%02d", date.hour, date.minute, date.second);
	watch_page(&watch->screen, &watch->view, now);
	if (!screen_update(&watch->screen, time)) {
		watch->code = CLI_NO;
	}
}

static void take_signal(struct watch *watch)
{
	struct signalfd_siginfo info;

	if (read(watch->signals, &info, sizeof info) != (ssize_t)sizeof info) {
		return;
	}
	if (info.ssi_signo == SIGWINCH) {
		screen_measure(&watch->screen);
	} else {
		watch->code = CLI_YES;
	}
}

static void take_key(struct watch *watch)
{
	int key = screen_key(&watch->screen);

	if (key == 'q') {
		watch->code = CLI_YES;
	} else if (key == 'r') {
		screen_redraw(&watch->screen);
	}
}

static void step(struct watch *watch)
{
	uint64_t until = watch->asked ? watch->deadline_ms : watch->next_ms;
	struct pollfd polled[3] = { { .fd = watch->signals, .events = POLLIN },
		                    { .fd = watch->screen.keys ? watch->screen.in : -1, .events = POLLIN },
		                    { .fd = watch->link, .events = POLLIN } };
	uint64_t second = clock_deadline(WATCH_EVERY_MS); /* for the clock */
	bool round = false;

	if (poll(polled, 3, clock_left(until < second ? until : second)) < 0 && errno != EINTR) {
		watch->code = CLI_NO;
		return;
	}
	if (polled[0].revents != 0) {
		take_signal(watch);
	}
	if (polled[1].revents != 0) {
		take_key(watch);
	}
	if (polled[2].revents != 0) {
		receive(watch);
		round = watch->asked || watch->link < 0;
	}
	tick(watch);
	/* A picture of half an answer is not worth its bytes. */
	if (watch->code < 0 && (!round || watch->view.lost_ms != 0) && watch->view.status.count > 0) {
		draw(watch);
	}
}

static int block_signals(sigset_t *ret_before)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigaddset(&set, SIGPIPE);
	if (sigprocmask(SIG_BLOCK, &set, ret_before) != 0) {
		return -1;
	}
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void run(struct watch *watch)
{
	sigset_t before;

	watch->signals = block_signals(&before);
	if (watch->signals < 0 || !screen_open(&watch->screen, STDIN_FILENO, fileno(watch->cli->out))) {
		(void)fputs(_("podatelna: the terminal cannot be used\n"), watch->cli->err);
		watch->code = CLI_NO;
	}
	while (watch->code < 0) {
		step(watch);
	}
	screen_close(&watch->screen);
	cleanup_close(&watch->signals);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

int cli_watch(struct cli *cli, const struct cli_call *call)
{
	struct watch *watch = calloc(1, sizeof *watch);
	int code = CLI_NO;

	(void)call;
	if (watch == NULL || (watch->buffer = malloc(WIRE_MESSAGE_MAX_BYTES)) == NULL) {
		free(watch);
		return CLI_NO;
	}
	(void)fflush(cli->out);
	watch->cli = cli;
	watch->code = -1;
	watch->signals = -1;
	/* A box that cannot be reached at the beginning is said as by every command. */
	code = cli_link_open(cli, &watch->link);
	if (code == CLI_YES) {
		run(watch);
		code = watch->code;
		cleanup_close(&watch->link);
	}
	forget(watch);
	rows_free(&watch->view.status);
	rows_free(&watch->view.open);
	rows_free(&watch->view.closed);
	free(watch->buffer);
	free(watch);
	return code;
}
