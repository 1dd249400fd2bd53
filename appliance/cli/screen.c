#include "screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "columns.h"

#define DEFAULT_ROWS 24
#define DEFAULT_COLUMNS 80
#define LEAST_ROWS 8
#define LEAST_COLUMNS 40
#define TIME_COLUMNS 9 /* "12:03:05 " before a line of a dumb terminal */

static size_t bounded(size_t value, size_t otherwise, size_t least, size_t most)
{
	value = value == 0 ? otherwise : value;
	return value < least ? least : value > most ? most : value;
}

/* A serial line knows no size: then the environment says it, or it is 80x24. */
static size_t from_environment(const char *name)
{
	const char *text = getenv(name);

	return text == NULL ? 0 : (size_t)strtoul(text, NULL, 10);
}

void screen_measure(struct screen *screen)
{
	struct winsize size = { 0 };

	if (ioctl(screen->out, TIOCGWINSZ, &size) != 0) {
		size = (struct winsize){ 0 };
	}
	screen->rows = bounded(size.ws_row != 0 ? size.ws_row : from_environment("LINES"), DEFAULT_ROWS, LEAST_ROWS, SCREEN_ROWS_MAX);
	screen->columns = bounded(size.ws_col != 0 ? size.ws_col : from_environment("COLUMNS"), DEFAULT_COLUMNS, LEAST_COLUMNS, SCREEN_COLUMNS_MAX);
	memset(screen->wanted, 0, sizeof screen->wanted);
	screen_redraw(screen);
}

void screen_redraw(struct screen *screen)
{
	screen->drawn = screen->dumb && screen->drawn;
}

bool screen_open(struct screen *screen, int in, int out)
{
	const char *term = getenv("TERM");
	struct termios raw;

	memset(screen, 0, sizeof *screen);
	screen->in = in;
	screen->out = out;
	screen->dumb = isatty(out) != 1 || term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
	screen->keys = isatty(in) == 1;
	screen_measure(screen);
	if (!screen->keys) {
		return true;
	}
	if (tcgetattr(in, &screen->before) != 0) {
		return false;
	}
	/* Key by key, without echo; Ctrl-C comes as a character, so that the terminal is always put back. */
	raw = screen->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	return tcsetattr(in, TCSAFLUSH, &raw) == 0;
}

void screen_close(struct screen *screen)
{
	char text[32];

	if (!screen->dumb && screen->drawn) {
		(void)snprintf(text, sizeof text, "\033[%zu;1H\033[K", screen->rows);
		(void)fd_write_all(screen->out, text, strlen(text));
	}
	if (screen->keys) {
		(void)tcsetattr(screen->in, TCSADRAIN, &screen->before);
	}
}

void screen_put(struct screen *screen, size_t row, const char *text)
{
	char *place = row < screen->rows ? screen->wanted[row] : NULL;

	if (place != NULL) {
		(void)snprintf(place, SCREEN_LINE_BYTES - 4, "%s", text);
		columns_cut(place, screen->columns - 1 - (screen->dumb ? TIME_COLUMNS : 0));
	}
}

/* The changed end of each line, where it begins. The count of bytes in `ret`. */
static size_t draw(struct screen *screen, char *ret, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < screen->rows; i++) {
		char *shown = screen->shown[i];
		const char *wanted = screen->wanted[i];
		size_t column = 0, same = columns_common(shown, wanted, &column);

		if (strcmp(shown, wanted) == 0 || length + SCREEN_LINE_BYTES + 32 > size) {
			continue;
		}
		length += (size_t)sprintf(ret + length, "\033[%zu;%zuH%s%s", i + 1, column + 1, wanted + same,
		                          columns_count(shown) > columns_count(wanted) ? "\033[K" : "");
		memcpy(shown, wanted, SCREEN_LINE_BYTES); /* of both */
	}
	/* The cursor waits where it disturbs nobody. */
	length += length == 0 ? 0 : (size_t)sprintf(ret + length, "\033[%zu;1H", screen->rows);
	return length;
}

static bool was_shown(const struct screen *screen, const char *line)
{
	for (size_t i = 0; i < screen->rows; i++) {
		if (strcmp(screen->shown[i], line) == 0) {
			return true;
		}
	}
	return false;
}

/* The first line holds the clock: it is told only once. */
static bool print_changed(struct screen *screen, const char *time)
{
	bool written = true;

	for (size_t i = screen->drawn ? 1 : 0; i < screen->rows; i++) {
		char line[SCREEN_LINE_BYTES + 32];

		if (screen->wanted[i][0] != '\0' && !was_shown(screen, screen->wanted[i])) {
			(void)snprintf(line, sizeof line, "%s %s\n", time, screen->wanted[i]);
			written = written && fd_write_all(screen->out, line, strlen(line)) == 0;
		}
	}
	memcpy(screen->shown, screen->wanted, sizeof screen->shown);
	screen->drawn = true;
	return written;
}

bool screen_update(struct screen *screen, const char *time)
{
	static char buffer[SCREEN_ROWS_MAX * (SCREEN_LINE_BYTES + 32)];
	static const char clear[] = "\033[H\033[J";

	if (screen->dumb) {
		return print_changed(screen, time);
	}
	if (!screen->drawn) {
		memset(screen->shown, 0, sizeof screen->shown);
		screen->drawn = true;
		if (fd_write_all(screen->out, clear, sizeof clear - 1) != 0) {
			return false;
		}
	}
	return fd_write_all(screen->out, buffer, draw(screen, buffer, sizeof buffer)) == 0;
}

int screen_key(struct screen *screen)
{
	char key = 0;
	ssize_t count = read(screen->in, &key, 1);

	if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
		return 'q'; /* the line was hung up */
	}
	if (count < 0) {
		return 0;
	}
	switch (key) {
	case 'q':
	case 'Q':
	case 3:  /* Ctrl-C */
	case 4:  /* Ctrl-D */
	case 28: /* Ctrl-\ */
		return 'q';
	case 12: /* Ctrl-L */
	case 'r':
		return 'r';
	default:
		return 0;
	}
}
