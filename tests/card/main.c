/* The wire between the card and the virtual reader (vpcd of vsmartcard): two bytes of length, big-endian, before each message, both ways. A message of
 * one byte to the card is a signal of the reader (0 power off, 1 power on, 2 reset, 4 give the ATR, the only one with an answer); others are commands.
 *
 *   podatelna-card --directory DIR --port PORT --control SOCKET --ledger FILE [--out]
 */
#include "control.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES 65538
#define RETRY_MS 50 /* between two looks whether vpcd listens */

/* T=1; the historical bytes say "PIV". The ATR without any is that of a card which, to OpenSC 0.23, knows no elliptic curves. */
static const uint8_t atr[] = { 0x3B, 0x83, 0x80, 0x01, 'P', 'I', 'V', 0x4D };

/* Without this the kernel holds back acknowledgements, and vpcd, which sends length and data in two writes, waits 40 ms for each. */
static void answer_quickly(int fd)
{
	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
}

static void connect_place(struct card_place *place)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(place->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return;
	}
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	answer_quickly(fd);
	card_reset(&place->card);
	place->link = fd;
	ledger_write("connected");
}

static void drop_link(struct card_place *place)
{
	if (place->link >= 0) {
		(void)close(place->link);
		place->link = -1;
	}
	place->answer_bytes = 0;
	place->pull_due_ms = 0;
	card_reset(&place->card);
}

void place_pull(struct card_place *place)
{
	drop_link(place);
	place->inserted = false;
	ledger_write("pulled");
}

static bool read_whole(int fd, uint8_t *ret, size_t length)
{
	for (size_t got = 0; got < length;) {
		ssize_t done = read(fd, ret + got, length - got);

		if (done <= 0 && !(done < 0 && errno == EINTR)) {
			return false;
		}
		got += done > 0 ? (size_t)done : 0;
		answer_quickly(fd);
	}
	return true;
}

static bool send_frame(int fd, const uint8_t *data, size_t length)
{
	uint8_t frame[2 + FRAME_BYTES];

	frame[0] = (uint8_t)(length >> 8);
	frame[1] = (uint8_t)length;
	memcpy(frame + 2, data, length);
	return send(fd, frame, length + 2, MSG_NOSIGNAL) == (ssize_t)(length + 2);
}

static void on_signal(struct card_place *place, uint8_t number)
{
	if (number == 4) {
		if (!send_frame(place->link, atr, sizeof atr)) {
			drop_link(place);
		}
		return;
	}
	card_reset(&place->card);
	ledger_write("%s", number == 0 ? "power-off" : number == 1 ? "power-on" : "reset");
}

static void on_command(struct card_place *place, const uint8_t *apdu, size_t length)
{
	struct card_faults *faults = &place->card.faults;

	place->answer_bytes = card_respond(&place->card, apdu, length, place->answer);
	place->answer_due_ms = ledger_now_ms();
	if (!place->card.used_key) {
		return;
	}
	place->answer_due_ms += faults->latency_ms;
	if (faults->pull_count > 0 && --faults->pull_count == 0) {
		place->pull_due_ms = ledger_now_ms() + faults->pull_ms;
	}
}

static void on_link(struct card_place *place)
{
	static uint8_t frame[FRAME_BYTES];
	uint8_t head[2];
	size_t length = 0;

	if (!read_whole(place->link, head, sizeof head)) {
		drop_link(place);
		ledger_write("reader gone");
		return;
	}
	length = (size_t)head[0] << 8 | head[1];
	if (!read_whole(place->link, frame, length)) {
		drop_link(place);
		ledger_write("reader gone");
	} else if (length == 1) {
		on_signal(place, frame[0]);
	} else {
		on_command(place, frame, length);
	}
}

static int wait_ms(const struct card_place *place)
{
	uint64_t now = ledger_now_ms(), due = UINT64_MAX;

	if (place->inserted && place->link < 0) {
		due = now + RETRY_MS;
	}
	if (place->answer_bytes > 0 && !place->card.faults.hang && place->answer_due_ms < due) {
		due = place->answer_due_ms;
	}
	if (place->pull_due_ms > 0 && place->pull_due_ms < due) {
		due = place->pull_due_ms;
	}
	return due == UINT64_MAX ? -1 : due <= now ? 0 : (int)(due - now);
}

static void do_what_is_due(struct card_place *place)
{
	uint64_t now = ledger_now_ms();

	if (place->pull_due_ms > 0 && place->pull_due_ms <= now) {
		place_pull(place);
	} else if (place->answer_bytes > 0 && place->answer_due_ms <= now && !place->card.faults.hang) {
		if (!send_frame(place->link, place->answer, place->answer_bytes)) {
			drop_link(place);
		}
		place->answer_bytes = 0;
	}
	if (place->inserted && place->link < 0) {
		connect_place(place);
	}
}

static int run(struct card_place *place, int listener)
{
	for (;;) {
		struct pollfd watched[2] = { { .fd = listener, .events = POLLIN }, { .fd = place->link, .events = POLLIN } };

		do_what_is_due(place);
		watched[1].fd = place->link;
		if (poll(watched, 2, wait_ms(place)) < 0 && errno != EINTR) {
			return 1;
		}
		/* The reader asks the next thing when it has its answer; one that comes before is its mistake, not ours. */
		if (watched[1].revents != 0 && place->link >= 0) {
			on_link(place);
		}
		if ((watched[0].revents & POLLIN) != 0) {
			control_serve(place, listener);
		}
	}
}

int main(int count, char **words)
{
	static const struct option options[] = {
		{ "directory", required_argument, NULL, 'd' }, { "port", required_argument, NULL, 'p' }, { "control", required_argument, NULL, 'c' },
		{ "ledger", required_argument, NULL, 'l' },    { "out", no_argument, NULL, 'o' },        { NULL, 0, NULL, 0 },
	};
	static struct card_place place = { .inserted = true, .link = -1 };
	const char *directory = NULL, *control = NULL, *ledger = NULL;
	int listener = -1, option = 0;

	while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			directory = optarg;
			break;
		case 'p':
			place.port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			control = optarg;
			break;
		case 'l':
			ledger = optarg;
			break;
		case 'o':
			place.inserted = false;
			break;
		default:
			return 2;
		}
	}
	place.answer = malloc(FRAME_BYTES);
	if (directory == NULL || control == NULL || ledger == NULL || place.port == 0 || place.answer == NULL) {
		return 2;
	}
	if (!ledger_open(ledger) || !card_load(&place.card, directory) || (listener = control_open(control)) < 0) {
		(void)fprintf(stderr, "%s: %s\n", directory, "this card cannot be used");
		return 1;
	}
	return run(&place, listener);
}
