/* A PIN on its way from a person or a file into a pipe. It is never an argument, never in the environment, never kept. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "cli.h"

#define PIN_MAX_BYTES 255

/* One more than a PIN may have, so that a longer one is seen. */
struct pin {
	char text[PIN_MAX_BYTES + 2];
	size_t length;
};

/* Up to the end of the line or of the input, without the line end. */
static int read_line(int fd, struct pin *ret)
{
	ret->length = 0;
	while (ret->length < sizeof ret->text) {
		ssize_t count = read(fd, &ret->text[ret->length], 1);

		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count < 0) {
			return ERR_SYSTEM;
		}
		if (count == 0 || ret->text[ret->length] == '\n') {
			break;
		}
		ret->length++;
	}
	if (ret->length > 0 && ret->text[ret->length - 1] == '\r') {
		ret->length--;
	}
	return ret->length <= PIN_MAX_BYTES ? 0 : ERR_LIMIT;
}

/* Without echo. Signals of the keyboard are off meanwhile, so that the terminal is never left silent: Ctrl-C comes as a character and cancels. */
static int read_terminal(struct cli *cli, int fd, const char *name, struct pin *ret)
{
	struct termios before, quiet;
	char shown[256];
	int r = ERR_INTERNAL;

	if (tcgetattr(fd, &before) != 0) {
		return ERR_SYSTEM;
	}
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ISIG);
	if (tcsetattr(fd, TCSAFLUSH, &quiet) != 0) {
		return ERR_SYSTEM;
	}
	if (name != NULL) {
		(void)escape_text(ESCAPE_TERMINAL, span_of_string(name), shown, sizeof shown);
		(void)fprintf(cli->err, _("PIN of the token \"%s\": "), shown);
	} else {
		(void)fputs(_("PIN of the token: "), cli->err);
	}
	(void)fflush(cli->err);
	r = read_line(fd, ret);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	(void)fputc('\n', cli->err);
	for (size_t i = 0; r == 0 && i < ret->length; i++) {
		r = (unsigned char)ret->text[i] < 0x20 || ret->text[i] == 0x7f ? ERR_AGAIN : 0;
	}
	return r;
}

static int read_pin(struct cli *cli, const char *name, const char *pin_file, struct pin *ret)
{
	_cleanup_close_ int file = -1;

	if (pin_file == NULL || strcmp(pin_file, "-") == 0) {
		return isatty(STDIN_FILENO) == 1 ? read_terminal(cli, STDIN_FILENO, name, ret) : read_line(STDIN_FILENO, ret);
	}
	file = open(pin_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0) {
		(void)fprintf(cli->err, "podatelna: %s: %s\n", pin_file, strerror(errno));
		return ERR_NOTFOUND;
	}
	return read_line(file, ret);
}

static int make_pipe(const struct pin *pin)
{
	_cleanup_close_ int from = -1;
	_cleanup_close_ int to = -1;

	/* A PIN is shorter than PIPE_BUF: this cannot block. */
	if (fd_pipe(&from, &to) < 0 || fd_write_all(to, pin->text, pin->length) < 0) {
		return -1;
	}
	return take_fd(&from);
}

int cli_pin_pipe(struct cli *cli, const char *name, const char *pin_file)
{
	struct pin pin = { .length = 0 };
	int locked = mlock(&pin, sizeof pin);
	int r = read_pin(cli, name, pin_file, &pin);
	int fd = -1;

	if (r == 0 && pin.length > 0) {
		fd = make_pipe(&pin);
		if (fd < 0) {
			(void)fputs(_("podatelna: the PIN cannot be handed over\n"), cli->err);
		}
	} else if (r == 0 || r == ERR_AGAIN) {
		(void)fputs(_("podatelna: no PIN was entered; nothing was tried\n"), cli->err);
	} else if (r == ERR_LIMIT) {
		(void)fputs(_("podatelna: this is too long for a PIN; nothing was tried\n"), cli->err);
	} else if (r != ERR_NOTFOUND) {
		(void)fputs(_("podatelna: the PIN cannot be read\n"), cli->err);
	}
	explicit_bzero(&pin, sizeof pin);
	if (locked == 0) {
		(void)munlock(&pin, sizeof pin);
	}
	return fd;
}
