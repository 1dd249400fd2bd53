/* waiting.c - what a partner's limits make a case wait for: identical content that it takes for duplicates, filings that it processes later only. */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "flow.h"
#include "paper.h"

static bool is_same_content(const struct hub_case *of, const struct hub_case *other)
{
	const char *first = of->seen[0] != '\0' ? of->seen : of->number; /* the store names the first case with this content */

	return other != of && strcmp(other->partner, of->partner) == 0 && strcmp(other->form, of->form) == 0 &&
	       (strcmp(other->number, first) == 0 || strcmp(other->seen, first) == 0);
}

/* Past the place where this is looked at, and the partner may not have it yet. */
static bool is_on_its_way(const struct hub_case *other)
{
	return other->state == CASE_SIGNING || other->state == CASE_TESTING || other->state == CASE_SENDING ||
	       (other->state == CASE_READY && other->work != NULL);
}

/* UTC when the partner may have got it; 0: never, or it refused it as a whole, which makes no later one a duplicate. */
static int64_t filed_at(const struct hub_case *other)
{
	if (other->state == CASE_DATA_ERROR && !other->partial) {
		return 0;
	}
	return other->sending_ms != 0 ? other->sending_ms : other->earlier_ms;
}

int64_t flow_duplicate_until(struct hub *hub, const struct hub_case *of)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);
	int64_t wait = partner == NULL
	                   ? 0
	                   : (int64_t)(partner->config->duplicate_wait_ms != 0 ? partner->config->duplicate_wait_ms : partner->catalogue->duplicate_wait_ms);
	int64_t until = 0;

	if (wait == 0 || flow_asks(of)) { /* the same question may be put again: what is answered changes */
		return 0;
	}
	for (const struct hub_case *other = hub->cases.all; other != NULL; other = other->next_all) {
		if (!is_same_content(of, other)) {
			continue;
		}
		if (is_on_its_way(other)) {
			return INT64_MAX;
		}
		if (filed_at(other) != 0 && filed_at(other) + wait > until) {
			until = filed_at(other) + wait;
		}
	}
	return until;
}

void flow_poll_pauses(const struct hub_partner *partner, const struct hub_case *of, uint64_t *ret_first, uint64_t *ret_most)
{
	const struct config_partner *config = partner->config;
	const struct catalogue_partner *catalogue = partner->catalogue;
	uint64_t deferred = config->poll_deferred_ms != 0 ? config->poll_deferred_ms : catalogue->poll_deferred_ms;

	*ret_first = config->poll_first_ms != 0 ? config->poll_first_ms : catalogue->poll_first_ms;
	*ret_most = config->poll_max_ms != 0 ? config->poll_max_ms : catalogue->poll_max_ms;
	if (of->deferred && deferred > *ret_first) {
		*ret_first = deferred;
		*ret_most = deferred > *ret_most ? deferred : *ret_most;
	}
}

const char *flow_later_words(const struct hub *hub, const struct hub_case *of)
{
	const struct catalogue_partner *partner = catalogue_partner_find(hub->catalogue, of->partner);
	const struct catalogue_form *form = catalogue_form_find(hub->catalogue, of->partner, of->form);
	const char *words = form == NULL ? "" : catalogue_say(hub->catalogue, &form->later);

	if (partner != NULL && partner->ask_person_after_ms != 0 && clock_utc_ms() - of->changed_ms > (int64_t)partner->ask_person_after_ms) {
		return N_("no final word came for long: look on the partner's portal");
	}
	return words[0] != '\0' ? words : N_("taken in by the partner, which still has to process it");
}

void case_waiting(const struct hub_case *of, char ret[CASE_WAITING_SIZE])
{
	char when[PAPER_TIME_SIZE];

	if (of->waiting[0] == '\0' || of->until_ms == 0) {
		(void)snprintf(ret, CASE_WAITING_SIZE, "%s", of->waiting[0] == '\0' ? "" : _(of->waiting));
		return;
	}
	paper_time(of->until_ms, when);
	(void)snprintf(ret, CASE_WAITING_SIZE, _("%s; it goes on at %s"), _(of->waiting), when);
}
