#include "progress.h"

#include "../base/clock.h"
#include "../base/escape.h"
#include "columns.h"

#define LINE_COLUMNS 78
#define TEXT_MAX_BYTES 256

/* Over the former line: only a return and blanks, which every terminal understands. */
static void put(struct progress *progress, const char *line)
{
	size_t columns = columns_count(line);

	(void)fputc('\r', progress->to);
	columns_pad(line, progress->columns, progress->to);
	(void)fputs(columns < progress->columns && columns == 0 ? "\r" : "", progress->to);
	(void)fflush(progress->to);
	progress->columns = columns;
}

void progress_show(struct progress *progress, uint64_t done, uint64_t count, struct span text)
{
	char shown[TEXT_MAX_BYTES], line[TEXT_MAX_BYTES + 32];
	uint64_t tenths = count == 0 ? 0 : done >= count ? 1000 : done < UINT64_MAX / 1000 ? done * 1000 / count : done / (count / 1000);

	if (columns_terminal(progress->to) == 0 || !clock_expired(progress->next_ms)) {
		return;
	}
	progress->next_ms = clock_deadline(PROGRESS_EVERY_MS);
	(void)escape_text(ESCAPE_TERMINAL, text, shown, sizeof shown);
	if (count == 0) {
		(void)snprintf(line, sizeof line - 4, "%s", shown);
	} else {
		(void)snprintf(line, sizeof line - 4, "%3llu %%  %s", (unsigned long long)(tenths / 10), shown);
	}
	columns_cut(line, LINE_COLUMNS);
	put(progress, line);
}

void progress_clear(struct progress *progress)
{
	if (progress->columns > 0) {
		put(progress, "");
	}
}
