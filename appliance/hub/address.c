#include "address.h"

#include "../base/clock.h"

static size_t count_of(const struct hub_partner *partner)
{
	return 1 + partner->config->backup_urls.count;
}

static const char *url_of(const struct hub_partner *partner, size_t index)
{
	return index == 0 ? partner->config->url : partner->config->backup_urls.items[index - 1];
}

/* The address on that server (case_server); the first one when there is none: the configuration has changed since. */
static size_t find(const struct hub_partner *partner, uint32_t server)
{
	for (size_t i = 0; i < count_of(partner); i++) {
		if (case_server(span_of_string(url_of(partner, i))) == server) {
			return i;
		}
	}
	return 0;
}

static bool is_free(const struct hub_partner *partner, size_t index)
{
	return clock_expired(partner->addresses[index].not_before_ms);
}

/* The first that is free; when none is, the one whose turn comes first. */
static size_t first_free(const struct hub_partner *partner)
{
	size_t best = 0;

	for (size_t i = 0; i < count_of(partner); i++) {
		if (is_free(partner, i)) {
			return i;
		}
		best = partner->addresses[i].not_before_ms < partner->addresses[best].not_before_ms ? i : best;
	}
	return best;
}

const char *address_choose(const struct hub_partner *partner, const struct hub_case *of, enum case_purpose purpose)
{
	size_t taken_by = find(partner, of->filed_at);

	return url_of(partner, purpose == PURPOSE_POLL && is_free(partner, taken_by) ? taken_by : first_free(partner));
}

static uint64_t delay_after(uint32_t failures)
{
	uint64_t delay = HUB_RETRY_FIRST_MS;

	for (uint32_t i = 1; i < failures && delay < HUB_RETRY_MAX_MS; i++) {
		delay *= 2;
	}
	return delay > HUB_RETRY_MAX_MS ? HUB_RETRY_MAX_MS : delay;
}

/* A proxy is in the way to all of them. */
static bool is_on_every_way(enum cause cause)
{
	return cause >= CAUSE_PROXY_SETTINGS && cause <= CAUSE_PROXY_FAILS;
}

static void put_off(struct hub_address *address, uint64_t ms)
{
	uint64_t until = clock_deadline(ms);

	address->not_before_ms = until > address->not_before_ms ? until : address->not_before_ms;
}

void address_result(struct hub_partner *partner, const struct hub_case *of, bool reached)
{
	struct hub_address *asked = &partner->addresses[find(partner, of->asked_at)];
	uint64_t pause = cause_pause_ms(partner->cause);

	if (reached) {
		*asked = (struct hub_address){ .failures = 0 };
		return;
	}
	asked->failures++;
	pause = pause > delay_after(asked->failures) ? pause : delay_after(asked->failures);
	put_off(asked, pause);
	for (size_t i = 0; is_on_every_way(partner->cause) && i < count_of(partner); i++) {
		put_off(&partner->addresses[i], pause);
	}
	partner->not_before_ms = partner->addresses[first_free(partner)].not_before_ms;
}

void address_hurry(struct hub_partner *partner)
{
	for (size_t i = 0; i < count_of(partner); i++) {
		partner->addresses[i].not_before_ms = 0;
	}
	partner->not_before_ms = 0;
}

const char *address_fallen_over(const struct hub_partner *partner)
{
	size_t next = first_free(partner);

	return next == 0 ? NULL : url_of(partner, next);
}

uint32_t case_server(struct span url)
{
	uint32_t hash = 2166136261U;
	size_t slashes = 0;

	for (size_t i = 0; i < url.length && (slashes += url.data[i] == '/' ? 1 : 0) < 3; i++) {
		uint8_t letter = url.data[i];

		letter = letter >= 'A' && letter <= 'Z' ? (uint8_t)(letter + 'a' - 'A') : letter;
		hash = (hash ^ letter) * 16777619U;
	}
	return hash;
}
