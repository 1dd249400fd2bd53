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

/* Up to the end of the line or of the input, without the line end. */
static int read_line(int fd, struct cli_pin *ret)
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
	return ret->length <= CLI_PIN_MAX_BYTES ? 0 : ERR_LIMIT;
}

/* Without echo. Signals of the keyboard are off meanwhile, so that the terminal is never left silent: Ctrl-C comes as a character and cancels. */
static int read_terminal(struct cli *cli, int fd, const char *prompt, struct cli_pin *ret)
{
	struct termios before, quiet;
	int r = ERR_INTERNAL;

	if (tcgetattr(fd, &before) != 0) {
		return ERR_SYSTEM;
	}
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ISIG);
	if (tcsetattr(fd, TCSAFLUSH, &quiet) != 0) {
		return ERR_SYSTEM;
	}
	(void)fputs(prompt, cli->err);
	(void)fflush(cli->err);
	r = read_line(fd, ret);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	(void)fputc('\n', cli->err);
	for (size_t i = 0; r == 0 && i < ret->length; i++) {
		r = (unsigned char)ret->text[i] < 0x20 || ret->text[i] == 0x7f ? ERR_AGAIN : 0;
	}
	return r;
}

static int read_pin(struct cli *cli, const char *prompt, const char *pin_file, struct cli_pin *ret)
{
	_cleanup_close_ int file = -1;

	if (pin_file == NULL || strcmp(pin_file, "-") == 0) {
		return isatty(STDIN_FILENO) == 1 ? read_terminal(cli, STDIN_FILENO, prompt, ret) : read_line(STDIN_FILENO, ret);
	}
	file = open(pin_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (file < 0) {
		(void)fprintf(cli->err, "podatelna: %s: %s\n", pin_file, strerror(errno));
		return ERR_NOTFOUND;
	}
	return read_line(file, ret);
}

int cli_pin_pipe_of(const struct cli_pin *pin)
{
	_cleanup_close_ int from = -1;
	_cleanup_close_ int to = -1;

	/* A PIN is shorter than PIPE_BUF: this cannot block. */
	if (fd_pipe(&from, &to) < 0 || fd_write_all(to, pin->text, pin->length) < 0) {
		return -1;
	}
	return take_fd(&from);
}

bool cli_pin_read(struct cli *cli, const char *prompt, const char *pin_file, struct cli_pin *ret)
{
	int r = ERR_INTERNAL;

	(void)mlock(ret, sizeof *ret); /* until the process ends; cli_pin_wipe clears it */
	r = read_pin(cli, prompt, pin_file, ret);
	if (r == 0 && ret->length > 0) {
		return true;
	}
	if (r == 0 || r == ERR_AGAIN) {
		(void)fputs(_("podatelna: no PIN was entered; nothing was tried\n"), cli->err);
	} else if (r == ERR_LIMIT) {
		(void)fputs(_("podatelna: this is too long for a PIN; nothing was tried\n"), cli->err);
	} else if (r != ERR_NOTFOUND) {
		(void)fputs(_("podatelna: the PIN cannot be read\n"), cli->err);
	}
	cli_pin_wipe(ret);
	return false;
}

void cli_pin_wipe(struct cli_pin *pin)
{
	explicit_bzero(pin, sizeof *pin);
}

int cli_pin_pipe(struct cli *cli, const char *name, const char *pin_file)
{
	struct cli_pin pin = { .length = 0 };
	char shown[256], prompt[512];
	int fd = -1;

	if (name != NULL) {
		(void)escape_text(ESCAPE_TERMINAL, span_of_string(name), shown, sizeof shown);
		(void)snprintf(prompt, sizeof prompt, _("PIN of the token \"%s\": "), shown);
	} else {
		(void)snprintf(prompt, sizeof prompt, "%s", _("PIN of the token: "));
	}
	if (cli_pin_read(cli, prompt, pin_file, &pin)) {
		fd = cli_pin_pipe_of(&pin);
		if (fd < 0) {
			(void)fputs(_("podatelna: the PIN cannot be handed over\n"), cli->err);
		}
	}
	cli_pin_wipe(&pin);
	(void)munlock(&pin, sizeof pin);
	return fd;
}
