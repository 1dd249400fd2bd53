/* overview_data.c - which cases a page shows, and in which order: what needs a person first, then what is in work, then what was closed of late. */
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/err.h"
#include "overview_private.h"

#define DAY_MS INT64_C(86400000)

static bool is_wrong(const struct hub_case *each)
{
	return (each->state == CASE_DATA_ERROR && !each->partial) || each->state == CASE_REFUSED || each->state == CASE_FAILED;
}

/* What has waited longest comes first. */
static int by_age(const void *a, const void *b)
{
	const struct hub_case *left = *(const struct hub_case *const *)a, *right = *(const struct hub_case *const *)b;

	return left->changed_ms != right->changed_ms ? (left->changed_ms < right->changed_ms ? -1 : 1) : strcmp(left->number, right->number);
}

static int by_newness(const void *a, const void *b)
{
	return by_age(b, a);
}

static void arrange(struct overview_list *list, int (*order)(const void *, const void *), size_t most)
{
	qsort(list->cases, list->total, sizeof list->cases[0], order); // NOLINT(bugprone-sizeof-expression): pointers are sorted
	list->count = list->total < most ? list->total : most;
}

static void add(struct overview_list *list, const struct hub_case *each)
{
	list->cases[list->total++] = each;
}

static void sort_in(struct overview *overview, const struct hub_case *each)
{
	const char *todo = "";

	if (each->state == CASE_DELETED) {
		return;
	}
	if (attention_case(overview->hub, each, &todo) != ATTENTION_NOBODY) {
		add(&overview->person, each);
	} else if (!state_is_closed(each->state)) {
		add(&overview->work, each);
	} else if (overview->now_ms - each->changed_ms < OVERVIEW_CLOSED_DAYS * DAY_MS) {
		add(&overview->closed, each);
		overview->closed_wrong += is_wrong(each) ? 1 : 0;
		overview->closed_partial += each->state == CASE_DATA_ERROR && each->partial ? 1 : 0;
	}
}

int overview_collect(const struct hub *hub, int64_t now_ms, struct overview *ret)
{
	size_t count = hub->cases.count + 1;

	ret->places = calloc(3 * count, sizeof *ret->places); // NOLINT(bugprone-sizeof-expression): an array of pointers
	if (ret->places == NULL) {
		return ERR_MEMORY;
	}
	ret->hub = hub;
	ret->now_ms = now_ms;
	ret->mono_ms = clock_mono_ms();
	ret->reason = hub_waiting_reason(hub);
	ret->person.cases = ret->places;
	ret->work.cases = ret->places + count;
	ret->closed.cases = ret->places + 2 * count;
	for (const struct hub_case *each = hub->cases.all; each != NULL; each = each->next_all) {
		sort_in(ret, each);
	}
	arrange(&ret->person, by_age, OVERVIEW_PERSON_MAX);
	arrange(&ret->work, by_age, OVERVIEW_WORK_MAX);
	arrange(&ret->closed, by_newness, OVERVIEW_CLOSED_MAX);
	overview_collect_state(ret);
	return 0;
}

void overview_free(struct overview *overview)
{
	free(overview->places);
	overview->places = NULL;
}
