#include "control.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define LINE_BYTES (CARD_PATH_BYTES + 64)
#define PATIENCE_S 2 /* with a test that connects and says nothing */

int control_open(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof address.sun_path) {
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	(void)unlink(path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0600) != 0 || listen(fd, 4) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static const char *insert(struct card_place *place, const char *directory)
{
	if (place->inserted) {
		return "error a card is in";
	}
	if (directory[0] != '\0' && !card_load(&place->card, directory)) {
		return "error not a card";
	}
	place->inserted = true;
	ledger_write("inserted");
	return "ok";
}

static const char *pull(struct card_place *place)
{
	if (!place->inserted) {
		return "error no card is in";
	}
	place_pull(place);
	return "ok";
}

static const char *set_tries(struct card *card, unsigned left)
{
	if (left > card->tries_most) {
		return "error more than there are";
	}
	card->tries_left = left;
	card_save_tries(card);
	return "ok";
}

static const char *set_pin(struct card *card, const char *digits)
{
	size_t length = strlen(digits);

	if (length < 6 || length > sizeof card->pin) {
		return "error not a PIN";
	}
	memset(card->pin, 0xFF, sizeof card->pin);
	memcpy(card->pin, digits, length);
	return "ok";
}

/* The numbers of an order; 0 where there are none. */
static bool is_order(const char *line, const char *word, int base, unsigned *ret_first, unsigned *ret_second)
{
	const char *rest = line + strlen(word);

	return strncmp(line, word, strlen(word)) == 0 && *rest == ' ' && card_read_number(&rest, base, ret_first) &&
	       (*rest == '\0' || card_read_number(&rest, 10, ret_second)) && *rest == '\0';
}

static const char *set_fault(struct card_faults *faults, const char *line)
{
	unsigned first = 0, second = 0;

	if (is_order(line, "latency", 10, &first, &second)) {
		faults->latency_ms = first;
	} else if (is_order(line, "fail", 16, &first, &second) && first <= 0xFFFF) {
		faults->fail_status = first;
		faults->fail_count = second;
	} else if (is_order(line, "pull-in", 10, &first, &second)) {
		faults->pull_count = first;
		faults->pull_ms = second;
	} else if (strcmp(line, "hang") == 0 || strcmp(line, "unhang") == 0) {
		faults->hang = line[0] == 'h';
	} else {
		return "error unknown";
	}
	return "ok";
}

static const char *obey(struct card_place *place, const char *line, char *state, size_t size)
{
	unsigned number = 0, unused = 0;

	if (strcmp(line, "insert") == 0 || strncmp(line, "insert ", 7) == 0) {
		return insert(place, line[6] == ' ' ? line + 7 : "");
	}
	if (strncmp(line, "pin ", 4) == 0) {
		return set_pin(&place->card, line + 4);
	}
	if (strcmp(line, "pull") == 0) {
		return pull(place);
	}
	if (strcmp(line, "reset") == 0) {
		card_reset(&place->card);
		ledger_write("glitch");
		return "ok";
	}
	if (is_order(line, "tries", 10, &number, &unused)) {
		return set_tries(&place->card, number);
	}
	if (strcmp(line, "state") == 0) {
		(void)snprintf(state, size, "%s %s tries %u %u", place->inserted ? "in" : "out", place->link >= 0 ? "connected" : "alone",
		               place->card.tries_left, place->card.tries_most);
		return state;
	}
	return set_fault(&place->card.faults, line);
}

static bool read_line(int fd, char *line, size_t size)
{
	size_t length = 0;

	while (length < size - 1) {
		ssize_t done = read(fd, line + length, size - 1 - length);

		if (done <= 0) {
			return false;
		}
		length += (size_t)done;
		if (line[length - 1] == '\n') {
			line[length - 1] = '\0';
			return true;
		}
	}
	return false;
}

void control_serve(struct card_place *place, int listener)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	char line[LINE_BYTES], state[64];
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		return;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (read_line(fd, line, sizeof line)) {
		const char *words = obey(place, line, state, sizeof state);

		(void)send(fd, words, strlen(words), MSG_NOSIGNAL);
		(void)send(fd, "\n", 1, MSG_NOSIGNAL);
	}
	(void)close(fd);
}
