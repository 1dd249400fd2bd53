#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "../appliance/base/text.h"
#include "config_schema.h"
#include "config_value.h"

/* Everything here adds findings with the line of the key that is wrong. */
#define COMPLAIN(reading, line, ...) config_report_add((reading)->report, false, (reading)->file, line, __VA_ARGS__)

static bool is_name(const char *name)
{
	return name[0] >= 'a' && name[0] <= 'z' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name) && strlen(name) <= CONFIG_NAME_MAX;
}

static void check_title(struct reading *reading, const char *section, size_t n, const char *name)
{
	if (!is_name(name)) {
		COMPLAIN(reading, config_reading_line(reading, section, n, ""),
		         _("%s \"%s\": expected a name of small letters, digits and \"-\", at most %d of them"), section, name, CONFIG_NAME_MAX);
	}
}

/* Index of a key with that use, or SIZE_MAX and a finding. An empty name was complained about before. */
static size_t use_key(struct reading *reading, const struct config *config, int line, const char *key, uint32_t use, const char *use_name)
{
	for (size_t i = 0; i < config->key_count; i++) {
		if (strcmp(config->keys[i].name, key) == 0) {
			if ((config->keys[i].use & use) == 0) {
				COMPLAIN(reading, line, _("key \"%s\" is not for \"%s\"; its \"use\" says so"), key, use_name);
			}
			return i;
		}
	}
	if (key[0] != '\0') {
		COMPLAIN(reading, line, _("there is no key \"%s\""), key);
	}
	return SIZE_MAX;
}

static void check_keys(struct reading *reading, struct config *config)
{
	bool vault = false;

	for (size_t i = 0; i < config->token_count; i++) {
		const struct config_token *token = &config->tokens[i];

		check_title(reading, "token", i, token->name);
		if (token->keep_pin && strcmp(token->pin, CONFIG_PIN_PROMPT) != 0) {
			COMPLAIN(reading, config_reading_line(reading, "token", i, "keep_pin"),
			         _("\"keep_pin\" is for a PIN that a person enters (pin = \"prompt\")"));
		}
	}
	for (size_t i = 0; i < config->key_count; i++) {
		struct config_key *key = &config->keys[i];

		check_title(reading, "key", i, key->name);
		key->token_index = SIZE_MAX;
		for (size_t k = 0; k < config->token_count; k++) {
			key->token_index = strcmp(config->tokens[k].name, key->token) == 0 ? k : key->token_index;
		}
		if (key->token_index == SIZE_MAX && key->token[0] != '\0') {
			COMPLAIN(reading, config_reading_line(reading, "key", i, "token"), _("there is no token \"%s\""), key->token);
		}
		if (key->use == 0 && config_reading_given(reading, "key", i, "use")) {
			COMPLAIN(reading, config_reading_line(reading, "key", i, "use"), _("\"use\" names no use"));
		}
		if ((key->use & CONFIG_USE_VAULT) != 0 && key->use != CONFIG_USE_VAULT) {
			COMPLAIN(reading, config_reading_line(reading, "key", i, "use"), _("a key for \"vault\" can have no other use"));
		}
		vault = vault || (key->use & CONFIG_USE_VAULT) != 0;
	}
	if (!vault) {
		COMPLAIN(reading, 0, _("no key has the use \"vault\": nothing could be stored"));
	}
}

static void check_sign_keys(struct reading *reading, const struct config *config, size_t i, struct config_partner *partner)
{
	int line = config_reading_line(reading, "partner", i, "sign_key");

	if (config_reading_given(reading, "partner", i, "sign_key") && partner->sign_keys.count == 0) {
		COMPLAIN(reading, line, _("\"sign_key\" names no key"));
	}
	if (partner->sign_keys.count > CONFIG_SIGN_KEYS_MAX) {
		COMPLAIN(reading, line, _("\"sign_key\" names more than %d keys"), CONFIG_SIGN_KEYS_MAX);
	}
	for (size_t k = 0; k < partner->sign_keys.count && k < CONFIG_SIGN_KEYS_MAX; k++) {
		partner->sign_key_index[k] = use_key(reading, config, line, partner->sign_keys.items[k], CONFIG_USE_SIGN, "sign");
		for (size_t earlier = 0; earlier < k; earlier++) {
			if (strcmp(partner->sign_keys.items[earlier], partner->sign_keys.items[k]) == 0) {
				COMPLAIN(reading, line, _("\"sign_key\" names the key \"%s\" twice"), partner->sign_keys.items[k]);
			}
		}
	}
}

static void check_answer_keys(struct reading *reading, const struct config *config, size_t i, struct config_partner *partner)
{
	int line = config_reading_line(reading, "partner", i, "answer_key");

	if (partner->answer_keys.count > CONFIG_ANSWER_KEYS_MAX) {
		COMPLAIN(reading, line, _("\"answer_key\" names more than %d keys"), CONFIG_ANSWER_KEYS_MAX);
	}
	for (size_t k = 0; k < partner->answer_keys.count && k < CONFIG_ANSWER_KEYS_MAX; k++) {
		size_t key = use_key(reading, config, line, partner->answer_keys.items[k], CONFIG_USE_DECRYPT, "decrypt");

		partner->answer_key_index[k] = key;
		if (k == 0 && key != SIZE_MAX && config->keys[key].cert[0] == '\0') {
			COMPLAIN(reading, line, _("key \"%s\" needs its \"cert\": the certificate stands in the queries"), config->keys[key].name);
		}
	}
}

static void check_partners(struct reading *reading, struct config *config)
{
	for (size_t i = 0; i < config->partner_count; i++) {
		struct config_partner *partner = &config->partners[i];
		char day[CONFIG_DAY_SIZE];

		check_title(reading, "partner", i, partner->name);
		partner->test_first_set = config_reading_given(reading, "partner", i, "test_first");
		check_sign_keys(reading, config, i, partner);
		config_address_cross(reading, config, i);
		check_answer_keys(reading, config, i, partner);
		partner->tls_key_index =
		    use_key(reading, config, config_reading_line(reading, "partner", i, "tls_key"), partner->tls_key, CONFIG_USE_TLS, "tls");
		if (partner->poll_max_ms != 0 && partner->poll_first_ms > partner->poll_max_ms) {
			COMPLAIN(reading, config_reading_line(reading, "partner", i, "poll_max"), _("\"poll_max\" is less than \"poll_first\""));
		}
		if (partner->retention[0] != '\0' && !config_retention_until(partner->retention, 0, day)) {
			COMPLAIN(reading, config_reading_line(reading, "partner", i, "retention"),
			         _("\"retention\": expected years, months or days, as in \"10 years\", or 0; found \"%.100s\""), partner->retention);
		}
		if (partner->connect_timeout_ms > partner->deadline_ms) {
			COMPLAIN(reading, config_reading_line(reading, "partner", i, "connect_timeout"), _("\"connect_timeout\" is more than \"deadline\""));
		}
		if (partner->env == CONFIG_ENV_PRODUCTION && partner->allow_software_token) {
			config_report_add(reading->report, true, reading->file, config_reading_line(reading, "partner", i, "allow_software_token"),
			                  _("partner \"%s\" takes filings signed by a software token in production"), partner->name);
		}
	}
}

static void check_tsas(struct reading *reading, struct config *config)
{
	for (size_t i = 0; i < config->tsa_count; i++) {
		struct config_tsa *tsa = &config->tsas[i];
		int line = config_reading_line(reading, "tsa", i, "urls");

		check_title(reading, "tsa", i, tsa->name);
		tsa->tls_key_index = use_key(reading, config, config_reading_line(reading, "tsa", i, "tls_key"), tsa->tls_key, CONFIG_USE_TLS, "tls");
		for (size_t k = 0; k < tsa->urls.count; k++) {
			/* A time-stamp service may end its address with a slash, unlike the base address of a partner. */
			char url[VALUE_TEXT_MAX_BYTES + 1];
			size_t length = (size_t)snprintf(url, sizeof url, "%s", tsa->urls.items[k]);

			if (length > 0 && length < sizeof url && url[length - 1] == '/') {
				url[length - 1] = '\0';
			}
			if (!config_value_url(url)) {
				COMPLAIN(reading, line, _("\"urls\": expected addresses that begin with https://; found \"%.100s\""), tsa->urls.items[k]);
			}
		}
		if ((tsa->user[0] == '\0') != (tsa->password_file[0] == '\0')) {
			COMPLAIN(reading, config_reading_line(reading, "tsa", i, "user"), _("\"user\" and \"password_file\" go together"));
		}
	}
}

static void check_queries(struct reading *reading, const struct config *config)
{
	for (size_t i = 0; i < config->query_count; i++) {
		const struct config_query *query = &config->queries[i];

		check_title(reading, "query", i, query->name);
		if (query->partner[0] != '\0' && config_partner_find(config, query->partner) == NULL) {
			COMPLAIN(reading, config_reading_line(reading, "query", i, "partner"), _("there is no partner \"%s\""), query->partner);
		}
		if (query->at[0] == '\0') {
			COMPLAIN(reading, config_reading_line(reading, "query", i, "at"), _("\"at\" says no time"));
		}
	}
}

static void check_users(struct reading *reading, struct config *config)
{
	for (size_t i = 0; i < config->user_count; i++) {
		struct config_user *user = &config->user_list[i];
		int line = config_reading_line(reading, "user", i, "");
		uint64_t number = 0;

		if (span_parse_u64(span_of_string(user->name), &number) && number < UINT32_MAX) {
			user->uid = (uid_t)number;
		} else {
			const struct passwd *entry = getpwnam(user->name);

			if (entry == NULL) {
				COMPLAIN(reading, line, _("this machine has no user \"%s\""), user->name);
				continue;
			}
			user->uid = entry->pw_uid;
		}
		for (size_t k = 0; k < i; k++) {
			if (config->user_list[k].uid == user->uid) {
				COMPLAIN(reading, line, _("users \"%s\" and \"%s\" are the same"), config->user_list[k].name, user->name);
			}
		}
		if (user->sign_key[0] != '\0') {
			user->sign_key_index =
			    use_key(reading, config, config_reading_line(reading, "user", i, "sign_key"), user->sign_key, CONFIG_USE_SIGN, "sign");
		}
	}
}

/* Is `path` the folder or something below it? */
static bool is_inside(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return length > 0 && strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static void check_places(struct reading *reading, const struct config *config)
{
	const struct config_share *share = &config->share;
	const char *const names[] = { share->inbox, share->approval, share->done, share->unknown, share->errors, share->incoming, share->overview };
	static const char *const keys[] = { "inbox", "approval", "done", "unknown", "errors", "incoming", "overview" };

	if (is_inside(config->mark_file, config->data_dir)) {
		COMPLAIN(reading, config_reading_line(reading, "", 0, "mark_file"),
		         _("\"mark_file\" must lie outside \"data_dir\": it shows when that was put back"));
	}
	if (is_inside(share->claim_dir, share->path)) {
		COMPLAIN(reading, config_reading_line(reading, "share", 0, "claim_dir"),
		         _("\"claim_dir\" must lie outside the share: nobody else may reach it"));
	}
	if (is_inside(config->data_dir, share->path) || is_inside(share->path, config->data_dir)) {
		COMPLAIN(reading, config_reading_line(reading, "share", 0, "path"), _("the share and \"data_dir\" must not lie in each other"));
	}
	if (strlen(config->control_socket) > 107) {
		COMPLAIN(reading, config_reading_line(reading, "", 0, "control_socket"), _("\"control_socket\": at most 107 bytes"));
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		for (size_t k = 0; k < i; k++) {
			/* Windows does not tell letters of different case apart. */
			if (strcasecmp(names[i], names[k]) == 0) {
				COMPLAIN(reading, config_reading_line(reading, "share", 0, keys[i]), _("\"%s\" and \"%s\" have the same name"), keys[k],
				         keys[i]);
			}
		}
	}
}

void config_cross_check(struct reading *reading, struct config *config)
{
	check_keys(reading, config);
	check_partners(reading, config);
	check_tsas(reading, config);
	check_queries(reading, config);
	check_users(reading, config);
	config_network_check(reading, config);
	config_stamps_check(reading, config);
	check_places(reading, config);
}
