/* overview_box.c - the lower part of the page: how the box is, as pairs of a word and what it is now. */
#include <string.h>

#include "../base/text.h"
#include "inbox.h"
#include "overview_private.h"
#include "stamps.h"

#define KIB 1024.0

enum tone { TONE_GOOD, TONE_SOON, TONE_BAD, TONE_PLAIN };

static const char *const tones[] = { "good", "soon", "bad", "" };

static void begin_row(FILE *page, enum tone tone, const char *what)
{
	(void)fprintf(page, "<div class=\"%s\"><dt>", tones[tone]);
	html_text(page, what);
	(void)fputs("</dt><dd>", page);
}

static void end_row(FILE *page)
{
	(void)fputs("</dd></div>\n", page);
}

static void write_tokens(FILE *page, const struct overview *overview)
{
	for (size_t i = 0; i < overview->hub->config->token_count; i++) {
		const char *todo = "";
		bool works = attention_token(overview->hub, i, &todo) == ATTENTION_NOBODY;
		char what[96];

		(void)snprintf(what, sizeof what, _("Token %s"), overview->hub->config->tokens[i].name);
		begin_row(page, works ? TONE_GOOD : TONE_BAD, what);
		html_text(page, works ? _("works") : _("cannot be used, see above"));
		end_row(page);
	}
}

static void write_certificate(FILE *page, const struct overview_certificate *certificate)
{
	bool over = certificate->key.not_after_ms != 0 && certificate->days < 0;
	bool soon = certificate->key.not_after_ms != 0 && certificate->days <= OVERVIEW_CERTIFICATE_DAYS;
	char what[96], until[64];

	(void)snprintf(what, sizeof what, _("Certificate of key %s"), certificate->key.name);
	begin_row(page, over || certificate->key.unusable ? TONE_BAD : certificate->key.not_after_ms == 0 ? TONE_PLAIN : soon ? TONE_SOON : TONE_GOOD, what);
	if (certificate->key.not_after_ms == 0) {
		html_text(page, _("not known before the token is logged in"));
		end_row(page);
		return;
	}
	format_moment(certificate->key.not_after_ms, until, sizeof until);
	if (over) {
		html_format(page, _("over since %s"), until);
	} else {
		html_format(page,
		            certificate->key.unusable ? _("cannot be used (valid until %s, days left: %lld)")
		            : soon                    ? _("ends soon: valid until %s, days left: %lld")
		                                      : _("valid until %s, days left: %lld"),
		            until, (long long)certificate->days);
	}
	end_row(page);
}

static void write_stamps(FILE *page, const struct overview *overview)
{
	for (size_t i = 0; i < overview->hub->config->tsa_count; i++) {
		const struct config_tsa *tsa = &overview->hub->config->tsas[i];
		struct stamp_left left;
		char what[96];

		(void)snprintf(what, sizeof what, _("Time stamps of %s"), tsa->name);
		if (stamp_book_left(&overview->hub->stamp_book, i, overview->now_ms, &left)) {
			begin_row(page, left.left <= tsa->stop_line ? TONE_BAD : left.left * 5 <= left.of ? TONE_SOON : TONE_GOOD, what);
			html_format(page, _("%llu left of %llu"), (unsigned long long)left.left, (unsigned long long)left.of);
			end_row(page);
		}
	}
}

static void write_stamped(FILE *page, const struct overview *overview)
{
	const struct stamp_book *book = &overview->hub->stamp_book;
	bool late = overview->hub->config->stamp_warn_ms > 0 && stamp_book_age(book, overview->now_ms) >= (int64_t)overview->hub->config->stamp_warn_ms;
	char when[64];

	if (overview->hub->config->tsa_count == 0) {
		return;
	}
	begin_row(page, stamps_stale(overview->hub, overview->now_ms) ? TONE_BAD : late ? TONE_SOON : TONE_GOOD, _("Last time stamp of the journal"));
	if (book->anchored_ms == 0) {
		html_text(page, _("none yet"));
	} else {
		format_moment(book->anchored_ms, when, sizeof when);
		html_text(page, when);
	}
	end_row(page);
}

static void write_partner(FILE *page, const struct overview *overview, const struct hub_partner *partner)
{
	int64_t next = overview_moment(overview, partner->not_before_ms);
	char since[64], then[64];

	begin_row(page, partner->failures == 0 ? TONE_GOOD : TONE_SOON, overview_partner_label(overview, partner));
	if (partner->failures == 0) {
		html_text(page, _("no trouble known"));
	} else {
		format_moment(partner->failing_ms, since, sizeof since);
		format_moment(next, then, sizeof then);
		if (next == 0) {
			html_format(page, _("cannot be reached since %s; it is being tried"), since);
		} else {
			html_format(page, _("cannot be reached since %s; it is tried again by itself at %s"), since, then);
		}
	}
	if (partner->failures > 0 && partner->cause != CAUSE_NONE) {
		html_format(page, _("; reason: %s"), _(cause_text(partner->cause)));
	}
	if (partner->config->env != CONFIG_ENV_PRODUCTION) {
		(void)fputs(" <b class=\"trial\">", page);
		html_text(page, _("test environment: nothing is really filed"));
		(void)fputs("</b>", page);
	}
	end_row(page);
}

static void write_journal(FILE *page, const struct overview *overview)
{
	const struct hub *hub = overview->hub;
	bool bad = hub->rolled_back || strcmp(hub->store_state, "damaged") == 0 || strcmp(hub->store_state, "read-only") == 0 ||
	           strcmp(hub->store_state, "fault") == 0;
	char when[64];

	begin_row(page, bad ? TONE_BAD : TONE_GOOD, _("Journal"));
	html_format(page, bad ? _("needs a person, see above; records: %llu") : _("in order; records: %llu"), (unsigned long long)hub->replay_next);
	if (hub->checkpoint_ms != 0) {
		format_moment(hub->checkpoint_ms, when, sizeof when);
		html_format(page, _("; last checkpoint %s"), when);
	}
	end_row(page);
}

/* Two digits that count are enough for a person, and a page need not change with every file. */
static void format_size(const struct config *config, uint64_t bytes, char *ret, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double number = (double)bytes;
	size_t unit = 0;

	while (number >= KIB && unit + 1 < sizeof units / sizeof units[0]) {
		number /= KIB;
		unit++;
	}
	if (number >= 100) {
		number = (double)((uint64_t)(number / 10) * 10);
	}
	(void)snprintf(ret, size, number < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", number, units[unit]);
	if (strcmp(config->language, "cs") == 0 && strchr(ret, '.') != NULL) {
		*strchr(ret, '.') = ',';
	}
}

static void write_disk(FILE *page, const struct config *config, const char *what, const struct disk_place *disk, uint64_t least)
{
	bool bad = disk->free_bytes < least || disk->level == DISK_URGENT, soon = disk->free_bytes / 2 < least || disk->level == DISK_WARN;
	char left[32], all[32];

	format_size(config, disk->free_bytes, left, sizeof left);
	format_size(config, disk->total_bytes, all, sizeof all);
	begin_row(page, bad ? TONE_BAD : soon ? TONE_SOON : TONE_GOOD, what);
	html_format(page, _("%s free of %s"), left, all);
	end_row(page);
}

/* In the words of status; the page must not change with every second, so a clock that is right has none. */
static void write_clock(FILE *page, const struct hub *hub)
{
	bool off = timekeeper_is_off(hub);
	char words[192];

	timekeeper_words(hub, words, sizeof words);
	begin_row(page, hub->clock_bad || off ? TONE_BAD : TONE_GOOD, _("Clock"));
	html_text(page, (hub->clock_bad || off) && words[0] != '\0' ? words : words[0] == '\0' ? _("not compared yet") : _("in order"));
	end_row(page);
}

void overview_write_box(FILE *page, const struct overview *overview)
{
	const struct config *config = overview->hub->config;
	const char *why = "";
	size_t files = inbox_waiting(overview->hub, &why);

	(void)fputs("<section><h2>", page);
	html_text(page, _("The box"));
	(void)fputs("</h2>\n<dl>\n", page);
	begin_row(page, why[0] == '\0' ? TONE_PLAIN : TONE_SOON, config->share.inbox);
	html_format(page, _("files that wait to be taken in: %zu"), files);
	end_row(page);
	for (size_t i = 0; i < config->partner_count; i++) {
		write_partner(page, overview, &overview->hub->partners[i]);
	}
	write_tokens(page, overview);
	for (size_t i = 0; i < overview->certificate_count; i++) {
		write_certificate(page, &overview->certificates[i]);
	}
	write_stamps(page, overview);
	write_stamped(page, overview);
	write_journal(page, overview);
	for (size_t i = 0; i < overview->disk_count; i++) {
		const struct disk_place *disk = &overview->disks[i];

		write_disk(page, config, _(disk->label), disk, disk->path == config->data_dir ? config->share.min_free_bytes : 0);
	}
	write_clock(page, overview->hub);
	begin_row(page, TONE_PLAIN, _("Version"));
	html_format(page, "Podatelna %s", PODATELNA_VERSION);
	end_row(page);
	(void)fputs("</dl></section>\n", page);
}
