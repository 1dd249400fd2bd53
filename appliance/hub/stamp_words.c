/* stamp_words.c - what people are told about time stamps: in the overview, in the daily digest, by the LED, by `podatelna status` and `podatelna stamps`. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/cause.h"
#include "../base/clock.h"
#include "../base/stampcause.h"
#include "../base/text.h"
#include "stamps.h"
#include "trust.h"

#define DAY_MS INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)
#define LOW_PERCENT 20
#define NEARLY_GONE_PERCENT 5
#define END_DAYS 30
#define URGENT_DAYS 14
#define LIST_DAYS 3
#define CLOCK_LIMIT_MS 300000 /* spec timestamps 3.4 */

struct troubles {
	struct stamp_trouble *list;
	size_t count;
};

static void tell(struct troubles *to, enum attention_who who, bool urgent, const char *format, ...) __attribute__((format(printf, 4, 5)));

static void tell(struct troubles *to, enum attention_who who, bool urgent, const char *format, ...)
{
	struct stamp_trouble *trouble = NULL;
	va_list arguments;

	if (to->count == STAMP_TROUBLES_MAX) {
		return;
	}
	trouble = &to->list[to->count++];
	trouble->who = who;
	trouble->urgent = urgent;
	va_start(arguments, format);
	(void)vsnprintf(trouble->text, sizeof trouble->text, format, arguments);
	va_end(arguments);
}

static void tell_package(struct troubles *to, const struct hub *hub, size_t n, int64_t now_ms)
{
	const struct config_tsa *tsa = &hub->config->tsas[n];
	struct stamp_left left;

	if (!stamp_book_left(&hub->stamp_book, n, now_ms, &left)) {
		return;
	}
	if (left.of == 0) {
		tell(to, ATTENTION_ADMIN, true, _("No package of time stamps of %s is valid now. Buy one, and put it into the configuration."), tsa->name);
	} else if (left.left == 0) {
		tell(to, ATTENTION_ADMIN, true, _("Time stamps of %s are used up. Buy another package."), tsa->name);
	} else if (left.left * 100 <= left.of * LOW_PERCENT) {
		tell(to, ATTENTION_ADMIN, left.left * 100 <= left.of * NEARLY_GONE_PERCENT, _("Time stamps of %s run out (left: %llu). Buy another package."),
		     tsa->name, (unsigned long long)left.left);
	}
	if (left.left > 0 && left.left <= tsa->stop_line) {
		tell(to, ATTENTION_ADMIN, true, _("Time stamps of %s are below the stop line: only the journal is stamped, filings that need a stamp wait."),
		     tsa->name);
	}
	if (left.until_ms != INT64_MAX && left.until_ms - now_ms <= END_DAYS * DAY_MS) {
		tell(to, ATTENTION_ADMIN, false, _("A package of time stamps of %s ends soon (days left: %lld, stamps left: %llu)."), tsa->name,
		     (long long)((left.until_ms - now_ms) / DAY_MS), (unsigned long long)left.left);
	}
}

void stamps_say(const char *error, char *ret, size_t size)
{
	const char *words = cause_text(cause_find(error));

	for (size_t i = 0; words[0] == '\0' && stamp_cause_nth(i) != NULL; i++) {
		const char *text = stamp_cause_nth(i)->text;

		words = strncmp(error, text, strlen(text)) == 0 ? text : "";
	}
	(void)snprintf(ret, size, "%s%s", words[0] != '\0' ? _(words) : error[0] != '\0' ? _(error) : "", words[0] != '\0' ? error + strlen(words) : "");
}

static void tell_failure(struct troubles *to, const struct hub *hub, size_t n, int64_t now_ms)
{
	const char *name = hub->config->tsas[n].name;
	bool put_off = false;
	const char *error = stamps_failure(hub, n, &put_off);
	char words[STAMP_WORDS_SIZE];

	stamps_say(error, words, sizeof words);
	/* A network that is down for a moment is no trouble of anybody; freshness tells when it lasts. */
	if (put_off) {
		tell(to, ATTENTION_ADMIN, true,
		     _("The time-stamp authority %s said no and is not asked again by itself: %s. Put it right, then: podatelna journal stamp."), name, words);
	} else if (stamp_book_pause(&hub->stamp_book, n, now_ms) > 0) {
		tell(to, ATTENTION_ADMIN, true, _("A time stamp of %s does not hold (%s). It is kept in quarantine and tried again later."), name,
		     words[0] != '\0' ? words : _("the journal says why"));
	}
}

bool stamps_stale(const struct hub *hub, int64_t now_ms)
{
	const struct stamp_book *book = &hub->stamp_book;
	int64_t age = stamp_book_age(book, now_ms);

	/* A journal of years gets its first authority: that it does not work yet must not stop the filings of that very day. */
	if (book->anchored_ms == 0 && now_ms - book->boot_ms < age) {
		age = now_ms - book->boot_ms;
	}
	return hub->config->tsa_count > 0 && hub->config->stamp_stop_ms > 0 && age >= (int64_t)hub->config->stamp_stop_ms;
}

static void tell_age(struct troubles *to, const struct hub *hub, int64_t now_ms)
{
	int64_t age = stamp_book_age(&hub->stamp_book, now_ms);
	uint64_t warn = hub->config->stamp_warn_ms;

	if (hub->config->tsa_count == 0) {
		return;
	}
	if (stamps_stale(hub, now_ms)) {
		tell(to, ATTENTION_ADMIN, true,
		     _("The journal waits for a time stamp for %lld hours: nothing new is filed until there is one. See podatelna stamps."),
		     (long long)(age / HOUR_MS));
	} else if (warn > 0 && age >= (int64_t)warn) {
		tell(to, ATTENTION_ADMIN, true, _("The journal waits for a time stamp for %lld hours. See podatelna stamps."), (long long)(age / HOUR_MS));
	}
}

static void tell_clock(struct troubles *to, const struct hub *hub)
{
	int64_t off = hub->stamp_book.off_ms;
	int64_t seconds = (off < 0 ? -off : off) / 1000;

	if (off > CLOCK_LIMIT_MS) {
		tell(to, ATTENTION_ADMIN, true, _("By the last time stamp the clock of the box is ahead by %lld s. Set it right."), (long long)seconds);
	} else if (off < -CLOCK_LIMIT_MS) {
		tell(to, ATTENTION_ADMIN, true, _("By the last time stamp the clock of the box is behind by %lld s. Set it right."), (long long)seconds);
	}
}

/* Nobody can renew what is there: the authority must have a new certificate, and only people can ask it for one. */
static void tell_renewal(struct troubles *to, const struct hub *hub, int64_t now_ms)
{
	struct clock_date date;
	struct renew_plan plan;
	uint32_t passed = 0;

	stamps_plan(hub, now_ms, &plan);
	passed = plan.ends_ms == INT64_MAX ? UINT32_MAX : renew_days_passed(plan.ends_ms, now_ms);
	if (!plan.near || (!plan.helpless && plan.tsa != SIZE_MAX) || passed == UINT32_MAX) {
		return;
	}
	clock_czech_date(plan.ends_ms, &date);
	if (plan.ends_ms == 0) {
		tell(to, ATTENTION_ADMIN, true,
		     _("A hash in the time stamps of the journal counts as weak, and the authority stamps with no other. Ask it for one, or put another "
		       "authority into the "
		       "configuration."));
	} else if (passed == 0) {
		tell(to, ATTENTION_ADMIN, true,
		     _("The time stamps of the journal prove nothing since %d. %d. %d: the authority's certificate is over, and they were not renewed. See "
		       "podatelna stamps."),
		     date.day, date.month, date.year);
	} else {
		tell(to, ATTENTION_ADMIN, passed <= URGENT_DAYS,
		     _("The time stamps of the journal prove something until %d. %d. %d only (days left: %lld), and the authority goes on with the certificate "
		       "that ends then. Ask "
		       "it for stamps with a new one, or put another authority into the configuration."),
		     date.day, date.month, date.year, (long long)((plan.ends_ms - now_ms) / DAY_MS));
	}
}

static void tell_lists(struct troubles *to, const struct hub *hub, int64_t now_ms)
{
	struct trust_row row;

	for (size_t i = 0; trust_nth(hub, i, &row); i++) {
		if (row.failing_ms != 0 && now_ms - row.failing_ms >= LIST_DAYS * DAY_MS) {
			tell(to, ATTENTION_ADMIN, false,
			     _("The list of revoked certificates at %.200s could not be had for %lld days (%s). An auditor will need it: see whether the "
			       "address is right."),
			     row.url, (long long)((now_ms - row.failing_ms) / DAY_MS), row.error);
		}
	}
}

size_t stamps_troubles(const struct hub *hub, int64_t now_ms, struct stamp_trouble ret[STAMP_TROUBLES_MAX])
{
	struct troubles to = { .list = ret };

	tell_age(&to, hub, now_ms);
	for (size_t i = 0; i < hub->config->tsa_count; i++) {
		tell_failure(&to, hub, i, now_ms);
		tell_package(&to, hub, i, now_ms);
	}
	tell_clock(&to, hub);
	tell_renewal(&to, hub, now_ms);
	tell_lists(&to, hub, now_ms);
	return to.count;
}

bool stamps_urgent(const struct hub *hub, int64_t now_ms)
{
	static struct stamp_trouble troubles[STAMP_TROUBLES_MAX];
	size_t count = hub->config->tsa_count == 0 ? 0 : stamps_troubles(hub, now_ms, troubles);

	for (size_t i = 0; i < count; i++) {
		if (troubles[i].urgent) {
			return true;
		}
	}
	return false;
}
