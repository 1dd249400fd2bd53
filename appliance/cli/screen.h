/* screen.h - a terminal of which only what changed is drawn again: plain VT100 (cursor address, erase to the end of line or screen), so that it works on a
 * serial line. Where there is no such terminal (TERM=dumb, a file, a pipe) changed lines are printed instead.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#define SCREEN_ROWS_MAX 120
#define SCREEN_LINE_BYTES 1024
#define SCREEN_COLUMNS_MAX 250 /* a line of so many characters fits SCREEN_LINE_BYTES */

struct screen {
	int in, out;
	bool dumb, keys, drawn;
	size_t rows, columns; /* a line has at most columns - 1: the last column makes some terminals wrap */
	struct termios before;
	char wanted[SCREEN_ROWS_MAX][SCREEN_LINE_BYTES], shown[SCREEN_ROWS_MAX][SCREEN_LINE_BYTES];
};

/* Descriptors of the terminal. False when its settings cannot be changed. */
bool screen_open(struct screen *screen, int in, int out);
/* Puts everything back; the cursor stands on an empty line below the picture. */
void screen_close(struct screen *screen);
/* After a change of size: the next update draws everything. */
void screen_measure(struct screen *screen);
void screen_redraw(struct screen *screen);
/* The wanted text of a line, already harmless; it is cut to the width. */
void screen_put(struct screen *screen, size_t row, const char *text);
/* Draws what differs. False when it cannot be written. In dumb mode lines begin with `time`. */
bool screen_update(struct screen *screen, const char *time);
/* 'q' for all keys that mean "leave", 'r' for "draw again", 0 otherwise. */
int screen_key(struct screen *screen);

#endif
