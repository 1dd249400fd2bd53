#include "signer.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "facts.h"

struct candidates {
	size_t index[CONFIG_SIGN_KEYS_MAX]; /* of keys */
	size_t count;
};

/* "uid:1000" of the record `received`. */
static const struct config_user *owner(const struct hub *hub, const struct hub_case *of)
{
	char by[32];

	for (size_t i = 0; i < hub->config->user_count; i++) {
		(void)snprintf(by, sizeof by, "uid:%lu", (unsigned long)hub->config->user_list[i].uid);
		if (strcmp(of->by, by) == 0) {
			return &hub->config->user_list[i];
		}
	}
	return NULL;
}

static struct candidates candidates_of(const struct hub *hub, const struct hub_case *of)
{
	const struct config_user *user = owner(hub, of);
	const struct config_partner *partner = config_partner_find(hub->config, of->partner);
	struct candidates ret = { 0 };

	if (user != NULL && user->sign_key[0] != '\0') {
		ret.index[ret.count++] = user->sign_key_index;
		return ret;
	}
	for (size_t i = 0; partner != NULL && i < partner->sign_keys.count && i < CONFIG_SIGN_KEYS_MAX; i++) {
		ret.index[ret.count++] = partner->sign_key_index[i];
	}
	return ret;
}

static const struct hub_token *token_of(const struct hub *hub, size_t key)
{
	return &hub->tokens[hub->config->keys[key].token_index];
}

/* Does the token say that this key cannot be used (certificate at its end, no private half)? */
static bool key_unusable(const struct hub *hub, size_t key)
{
	struct fact_key fact;

	for (size_t n = 0; fact_key(token_of(hub, key), n, &fact); n++) {
		if (strcmp(fact.name, hub->config->keys[key].name) == 0) {
			return fact.unusable;
		}
	}
	return false;
}

static bool key_ready(const struct hub *hub, size_t key)
{
	const struct hub_token *token = token_of(hub, key);

	return token->channel != NULL && strcmp(token->state, "ready") == 0;
}

/* Why the signing token cannot be used, in words of the catalogue. */
static const char *token_waiting(const struct hub_token *token)
{
	static const struct {
		const char *state, *words;
	} known[] = {
		{ "pin-needed", N_("waits for the PIN of the token") },
		{ "pin-at-reader", N_("waits for the PIN, which is entered at the reader") },
		{ "pin-refused", N_("the PIN of the token was refused") },
		{ "pin-last-try", N_("the token has its last PIN try left: a person must act") },
		{ "pin-blocked", N_("the PIN of the token is blocked") },
		{ "foreign", N_("another token than the configured one is inserted") },
		{ "broken", N_("the token does not work") },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(token->state, known[i].state) == 0) {
			return known[i].words;
		}
	}
	return N_("the token is not there");
}

const char *signer_key_waiting(const struct hub *hub, size_t key)
{
	return key_ready(hub, key) ? NULL : token_waiting(token_of(hub, key));
}

bool signer_key_is_software(const struct hub *hub, size_t key)
{
	const struct hub_token *token = token_of(hub, key);
	char software[8];

	return token->lines != NULL && lines_find_string(span_of_string(token->lines), "software", software, sizeof software) && strcmp(software, "yes") == 0;
}

const char *signer_waiting(const struct hub *hub, const struct hub_case *of)
{
	struct candidates candidates = candidates_of(hub, of);

	for (size_t i = 0; i < candidates.count; i++) {
		if (key_ready(hub, candidates.index[i])) {
			return NULL;
		}
	}
	return candidates.count == 0 ? N_("the configuration does not know this partner") : token_waiting(token_of(hub, candidates.index[0]));
}

static bool key_failed(const struct hub *hub, size_t key)
{
	return !clock_expired(hub->keys[key].not_before_ms) || key_unusable(hub, key);
}

bool signer_has_other(const struct hub *hub, const struct hub_case *of)
{
	struct candidates candidates = candidates_of(hub, of);

	for (size_t i = 0; i < candidates.count; i++) {
		if (key_ready(hub, candidates.index[i]) && !key_failed(hub, candidates.index[i])) {
			return true;
		}
	}
	return false;
}

/* Signatures under way in the token: it makes one at a time, whatever key it is. */
static uint32_t token_load(const struct hub *hub, size_t key)
{
	uint32_t load = 0;

	for (size_t i = 0; i < hub->config->key_count; i++) {
		load += hub->config->keys[i].token_index == hub->config->keys[key].token_index ? hub->keys[i].signing : 0;
	}
	return load;
}

static bool is_better(const struct hub *hub, size_t key, size_t than)
{
	bool failed = key_failed(hub, key), than_failed = key_failed(hub, than);
	uint32_t load = token_load(hub, key), than_load = token_load(hub, than);

	return failed != than_failed ? than_failed : load != than_load ? load < than_load : hub->keys[key].used < hub->keys[than].used;
}

const char *signer_take(struct work *work)
{
	struct hub *hub = work->hub;
	struct candidates candidates = candidates_of(hub, work->of);
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < candidates.count; i++) {
		size_t key = candidates.index[i];

		if (key_ready(hub, key) && (best == SIZE_MAX || is_better(hub, key, best))) {
			best = key;
		}
	}
	if (best == SIZE_MAX) {
		return NULL;
	}
	work->sign_key = best + 1;
	hub->keys[best].signing++;
	hub->keys[best].used = ++hub->sign_turns;
	return hub->config->keys[best].name;
}

void signer_release(struct work *work, bool failed)
{
	struct hub_key *key = work->sign_key == 0 ? NULL : &work->hub->keys[work->sign_key - 1];

	if (key == NULL) {
		return;
	}
	work->sign_key = 0;
	key->signing--;
	key->not_before_ms = failed ? clock_deadline(SIGNER_RETRY_MS) : 0;
}
