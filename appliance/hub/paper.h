/* paper.h - the form of a text for people on the share, who open it in the editor of Windows: lines end with CRLF, words are wrapped at PAPER_COLUMNS, names
 * of files and cases stand whole on a line of their own. What does not fit is cut between lines.
 */
#ifndef HUB_PAPER_H
#define HUB_PAPER_H

#include <stddef.h>
#include <stdint.h>

#define PAPER_COLUMNS 76

/* Over a buffer of the caller; `text` is terminated at all times. */
struct paper {
	char *text;
	size_t size, length;
};

void paper_begin(struct paper *paper, char *text, size_t size);
/* "label: value". The value is one line as it is; the caller has escaped it. */
void paper_line(struct paper *paper, const char *label, const char *value);
/* "label:" and the words below it, wrapped. */
void paper_words(struct paper *paper, const char *label, const char *words);
void paper_blank(struct paper *paper);
/* "22. 11. 2026 08:05", Czech time; `ret` has PAPER_TIME_SIZE bytes. */
#define PAPER_TIME_SIZE 64
void paper_time(int64_t utc_ms, char ret[PAPER_TIME_SIZE]);

#endif
