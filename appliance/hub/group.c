#include "group.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/text.h"

struct words {
	char *text;
	size_t length;
	size_t listed;
};

static void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct words *words, const char *format, ...)
{
	size_t room = GROUP_WORDS_SIZE - words->length;
	va_list arguments;
	int written = 0;

	va_start(arguments, format);
	written = vsnprintf(words->text + words->length, room, format, arguments);
	va_end(arguments);
	if (written < 0 || (size_t)written >= room) {
		words->text[words->length] = '\0'; /* all of a piece or nothing: it is never cut inside a character */
	} else {
		words->length += (size_t)written;
	}
}

static bool belongs(const struct hub_case *of, const struct hub_case *other)
{
	return strcmp(other->group, of->group) == 0 && strcmp(other->partner, of->partner) == 0 && other->state != CASE_DELETED && other->state != CASE_REFUSED;
}

/* The newest one with this package. */
static const struct hub_case *find(const struct cases *cases, const struct hub_case *of, uint32_t package)
{
	for (const struct hub_case *each = cases->all; each != NULL; each = each->next_all) {
		if (belongs(of, each) && each->act == ACT_REGULAR && each->package == package) {
			return each;
		}
	}
	return NULL;
}

static void say_case(struct words *words, const struct hub_case *each)
{
	char label[CASE_LABEL_SIZE];

	if (words->listed == GROUP_LISTED_MAX) {
		say(words, ", …");
	} else if (words->listed < GROUP_LISTED_MAX) {
		case_label(each, each->state, label);
		say(words, "%s%s (%s)", words->listed == 0 ? "" : ", ", each->number, label);
	}
	words->listed++;
}

/* Numbers of packages that never came; their count. */
static size_t say_missing(struct words *words, const struct cases *cases, const struct hub_case *of)
{
	bool there[GROUP_PACKAGES_MAX + 1] = { false };
	size_t missing = 0;

	for (const struct hub_case *each = cases->all; each != NULL; each = each->next_all) {
		if (each->package <= GROUP_PACKAGES_MAX && each->act == ACT_REGULAR && belongs(of, each)) {
			there[each->package] = true;
		}
	}
	for (uint32_t package = 1; package <= of->packages && package <= GROUP_PACKAGES_MAX; package++) {
		if (there[package]) {
			continue;
		}
		if (missing < GROUP_LISTED_MAX) {
			say(words, missing == 0 ? _("; missing are packages %u") : ", %u", package);
		} else if (missing == GROUP_LISTED_MAX) {
			say(words, ", …");
		}
		missing++;
	}
	return missing;
}

static void say_packages(struct words *words, const struct cases *cases, const struct hub_case *of)
{
	say(words, _("package %u of %u"), of->package, of->packages);
	if (of->act != ACT_REGULAR) {
		return;
	}
	words->listed = 0;
	for (uint32_t package = 1; package <= of->packages && package <= GROUP_PACKAGES_MAX; package++) {
		const struct hub_case *other = package == of->package ? NULL : find(cases, of, package);

		if (other != NULL && other != of) {
			say(words, "%s", words->listed == 0 ? _(", together with ") : "");
			say_case(words, other);
		}
	}
	(void)say_missing(words, cases, of);
}

/* The others of the report that are such, oldest last. */
static void say_others(struct words *words, const struct cases *cases, const struct hub_case *of, enum case_act act, const char *introduction, const char *none)
{
	words->listed = 0;
	for (const struct hub_case *each = cases->all; each != NULL; each = each->next_all) {
		if (each != of && each->act == act && belongs(of, each)) {
			say(words, "%s", words->listed == 0 ? introduction : "");
			say_case(words, each);
		}
	}
	if (words->listed == 0) {
		say(words, "%s", none);
	}
}

const char *group_act_name(const struct hub_case *of)
{
	return of->group[0] == '\0' ? "" : of->act == ACT_CORRECTION ? "correction" : of->act == ACT_CANCELLATION ? "cancellation" : "regular";
}

void group_words(const struct cases *cases, const struct hub_case *of, char ret[GROUP_WORDS_SIZE])
{
	struct words words = { .text = ret };

	ret[0] = '\0';
	if (of->group[0] == '\0') {
		return;
	}
	if (of->act == ACT_CORRECTION) {
		say_others(&words, cases, of, ACT_REGULAR, _("correction of "), _("correction of a report that the box does not have"));
	} else if (of->act == ACT_CANCELLATION) {
		say_others(&words, cases, of, ACT_REGULAR, _("cancellation of "), _("cancellation of a report that the box does not have"));
	}
	if (of->packages > 1) {
		say(&words, "%s", words.length > 0 ? "; " : "");
		say_packages(&words, cases, of);
	}
	if (of->act == ACT_REGULAR) {
		say_others(&words, cases, of, ACT_CORRECTION, words.length > 0 ? _("; corrected by ") : _("corrected by "), "");
		say_others(&words, cases, of, ACT_CANCELLATION, words.length > 0 ? _("; cancelled by ") : _("cancelled by "), "");
	}
}
