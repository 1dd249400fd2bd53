#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/escape.h"
#include "../base/state.h"
#include "../base/text.h"
#include "columns.h"
#include "watch.h"

#define TOKENS_SHOWN 4
#define PARTNERS_SHOWN 4
#define CELL_BYTES 512
#define FIXED_ROWS 3 /* blank, header of the cases, last line */

/* A page under construction: `row` is the next line. */
struct page {
	struct screen *screen;
	size_t row;
	int64_t now_ms;
};

static void put(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct page *page, const char *format, ...)
{
	char line[SCREEN_LINE_BYTES], shown[SCREEN_LINE_BYTES];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(line, sizeof line, format, list);
	va_end(list);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(line), shown, sizeof shown - 8);
	screen_put(page->screen, page->row++, shown);
}

/* The value of the `field` of this name, "" when the hub sent none. */
static const char *field(const struct watch_view *view, const char *name, char ret[CELL_BYTES])
{
	char each[64];

	ret[0] = '\0';
	for (size_t i = 0; i < view->status.count; i++) {
		rows_value(&view->status.rows[i], "name", each, sizeof each);
		if (strcmp(view->status.rows[i].kind, "field") == 0 && strcmp(each, name) == 0) {
			rows_value(&view->status.rows[i], "value", ret, CELL_BYTES);
		}
	}
	return ret;
}

/* "12:03" of today, "21.11." of another day. */
static void short_time(const char *utc, int64_t now_ms, char *ret, size_t size)
{
	struct clock_date date, today;
	int64_t ms = 0;

	if (!clock_parse_utc(span_of_string(utc), &ms)) {
		(void)snprintf(ret, size, "%s", utc);
		return;
	}
	clock_czech_date(ms, &date);
	clock_czech_date(now_ms, &today);
	if (date.year == today.year && date.month == today.month && date.day == today.day) {
		(void)snprintf(ret, size, "%02d:%02d", date.hour, date.minute);
	} else {
		(void)snprintf(ret, size, "%d.%d.", date.day, date.month);
	}
}

/* Two texts, the second one at the right end of the line. */
static void put_wide(struct page *page, const char *left, const char *right)
{
	char cut[SCREEN_LINE_BYTES];
	size_t width = page->screen->columns - 1, end = columns_count(right);
	size_t room = width > end + 2 ? width - end - 2 : 0;

	(void)snprintf(cut, sizeof cut - 4, "%s", left);
	columns_cut(cut, room);
	put(page, "%s%*s%s", cut, (int)(width - end - columns_count(cut)), "", right);
}

static void put_head(struct page *page, const struct watch_view *view)
{
	struct clock_date now;
	char left[CELL_BYTES * 2], right[64], box[CELL_BYTES];

	clock_czech_date(page->now_ms, &now);
	(void)snprintf(right, sizeof right, "%d. %d. %d %02d:%02d:%02d", now.day, now.month, now.year, now.hour, now.minute, now.second);
	(void)snprintf(left, sizeof left, _("Podatelna: %s"), view->lost_ms != 0 ? _("the box does not answer") : field(view, "box", box));
	put_wide(page, left, page->screen->dumb ? "" : right);
}

static void put_box(struct page *page, const struct watch_view *view)
{
	char value[CELL_BYTES], disk[64], share[64];

	put(page, _("LED %s"), label_led(field(view, "led", value)));
	label_size(field(view, "disk-free", value), disk, sizeof disk);
	label_size(field(view, "share-free", value), share, sizeof share);
	put(page, _("Store: %s   free for the journal: %s, on the share: %s"), field(view, "store", value), disk, share);
	if (field(view, "replay", value)[0] != '\0') {
		put(page, "%s: %s", label_field("replay"), value);
	}
	if (field(view, "rolled-back", value)[0] != '\0') {
		put(page, "! %s", value);
	}
	if (field(view, "inbox-waits", value)[0] != '\0') {
		put(page, "! %s", value);
	}
}

static void put_token(struct page *page, const struct row *row)
{
	char name[128], state[64];
	const char *next = "";

	rows_value(row, "token", name, sizeof name);
	rows_value(row, "state", state, sizeof state);
	if (strcmp(state, "pin-needed") == 0 || strcmp(state, "pin-refused") == 0) {
		next = "  -> podatelna token login";
	}
	put(page, _("Token %s: %s%s%s%s"), name, state_token_label(state), next, next[0] == '\0' ? "" : " ", next[0] == '\0' ? "" : name);
}

static void put_partner(struct page *page, const struct row *row)
{
	char name[128], env[32], state[64], since[64], next[64], open[32], text[CELL_BYTES] = "";

	rows_value(row, "partner", name, sizeof name);
	rows_value(row, "env", env, sizeof env);
	rows_value(row, "state", state, sizeof state);
	rows_value(row, "open", open, sizeof open);
	rows_value(row, "since", text, sizeof text);
	short_time(text, page->now_ms, since, sizeof since);
	rows_value(row, "next", text, sizeof text);
	short_time(text, page->now_ms, next, sizeof next);
	if (strcmp(state, "unreachable") == 0) {
		(void)snprintf(text, sizeof text, _(" since %s, next try %s"), since, next);
	} else if (since[0] != '\0') {
		(void)snprintf(text, sizeof text, " (%s)", since);
	} else {
		text[0] = '\0';
	}
	put(page, _("Partner %s (%s): %s%s; open cases: %s"), name, env, label_partner_state(state), text, open);
	rows_value(row, "text", text, sizeof text);
	if (text[0] != '\0') {
		put(page, "  ! %s", text);
	}
}

static void put_rows(struct page *page, const struct watch_view *view, const char *kind, size_t most, void (*put_row)(struct page *, const struct row *))
{
	size_t count = 0;

	for (size_t i = 0; i < view->status.count; i++) {
		if (strcmp(view->status.rows[i].kind, kind) == 0 && count++ < most) {
			put_row(page, &view->status.rows[i]);
		}
	}
	if (count > most) {
		put(page, _("... and %zu more: podatelna status"), count - most);
	}
}

/* "čeká na schválení 3, uzavřeno, přijato 120" */
static void put_counts(struct page *page, const struct watch_view *view)
{
	char line[CELL_BYTES * 2] = "", name[64], value[64];

	for (size_t i = 0; i < view->status.count; i++) {
		size_t have = strlen(line);

		rows_value(&view->status.rows[i], "name", name, sizeof name);
		rows_value(&view->status.rows[i], "value", value, sizeof value);
		if (strncmp(name, "cases-", 6) == 0) {
			(void)snprintf(line + have, sizeof line - have, "%s%s: %s", have == 0 ? "" : " | ", label_field(name), value);
		}
	}
	put(page, "%s", line[0] == '\0' ? _("There is no case yet.") : line);
}

static void put_case(struct page *page, const struct row *row)
{
	char number[64], time[64], since[32], form[128], state[64], outcome[32], reason[CELL_BYTES], line[SCREEN_LINE_BYTES];
	size_t length = 0;

	rows_value(row, "case", number, sizeof number);
	rows_value(row, "changed", time, sizeof time);
	rows_value(row, "form", form, sizeof form - 4);
	rows_value(row, "state", state, sizeof state);
	rows_value(row, "outcome", outcome, sizeof outcome);
	rows_value(row, "why", reason, sizeof reason);
	short_time(time, page->now_ms, since, sizeof since);
	columns_cut(form, 10);
	length = (size_t)snprintf(line, sizeof line, "%-12s %-6s %s", number, since, form);
	for (size_t columns = columns_count(form); columns < 11; columns++) {
		line[length++] = ' ';
	}
	/* What it waits for says more than the state does. */
	(void)snprintf(line + length, sizeof line - length, "%s%s%s", outcome[0] != '\0' ? label_outcome(outcome) : label_state(state),
	               reason[0] == '\0' ? "" : ": ", reason);
	put(page, "%s", line);
}

static size_t count_head(const struct watch_view *view)
{
	char value[CELL_BYTES];

	/* The line with the clock, LED, store, counts. */
	return 4u + (field(view, "replay", value)[0] != '\0' ? 1u : 0u) + (field(view, "rolled-back", value)[0] != '\0' ? 1u : 0u) +
	       (field(view, "inbox-waits", value)[0] != '\0' ? 1u : 0u);
}

/* Lines that put_rows makes: one each, and one for a note. */
static size_t count_rows(const struct watch_view *view, const char *kind, size_t most)
{
	size_t count = 0, lines = 0;

	for (size_t i = 0; i < view->status.count; i++) {
		char text[8];

		if (strcmp(view->status.rows[i].kind, kind) == 0) {
			rows_value(&view->status.rows[i], "text", text, sizeof text);
			lines += count < most && text[0] != '\0' ? 1 : 0;
			count++;
		}
	}
	return lines + (count > most ? most + 1 : count);
}

size_t watch_page_room(const struct screen *screen, const struct watch_view *view)
{
	size_t used = count_head(view) + count_rows(view, "token", TOKENS_SHOWN) + count_rows(view, "partner", PARTNERS_SHOWN) + FIXED_ROWS;

	return screen->rows > used ? screen->rows - used : 0;
}

void watch_page(struct screen *screen, const struct watch_view *view, int64_t now_ms)
{
	struct page page = { .screen = screen, .now_ms = now_ms };
	size_t room = watch_page_room(screen, view), shown = 0;
	char since[64], utc[CLOCK_UTC_SIZE];

	put_head(&page, view);
	put_box(&page, view);
	put_rows(&page, view, "token", TOKENS_SHOWN, put_token);
	put_rows(&page, view, "partner", PARTNERS_SHOWN, put_partner);
	put_counts(&page, view);
	put(&page, "%s", "");
	put(&page, "%-12s %-6s %-10s %s", _("Case"), _("Since"), _("Form"), _("State"));
	for (size_t i = 0; i < view->open.count && shown < room; i++, shown++) {
		put_case(&page, &view->open.rows[i]);
	}
	for (size_t i = 0; i < view->closed.count && shown < room; i++, shown++) {
		put_case(&page, &view->closed.rows[i]);
	}
	while (page.row + 1 < screen->rows) {
		put(&page, "%s", "");
	}
	page.row = screen->rows - 1;
	if (view->lost_ms != 0) {
		clock_format_utc(view->lost_ms, utc);
		label_time(utc, since, sizeof since);
		put(&page, _("No answer since %s: trying again. q: end"), since);
	} else {
		put(&page, "%s", _("q: end   r: draw again"));
	}
}
