#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/place.h"
#include "../appliance/base/text.h"
#include "config_schema.h"
#include "config_value.h"

#define CATALOGUE_PLACE "podatelna/catalogue"

/* Sections without a title, and the struct each is put into. */
static int fill_singles(struct reading *reading, struct config *config)
{
	static const enum config_section whole[] = { SECTION_FILE, SECTION_USERS, SECTION_PROXY, SECTION_CLOCK, SECTION_JOURNAL };

	for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
		int r = config_fill(reading, &config_schema.sections[whole[i]], 0, config);

		if (r < 0) {
			return r;
		}
	}
	if (config_fill(reading, &config_schema.sections[SECTION_MAIL], 0, &config->mail) < 0) {
		return ERR_MEMORY;
	}
	return config_fill(reading, &config_schema.sections[SECTION_SHARE], 0, &config->share);
}

/* The array of one kind of titled sections: zeroed, and filled up to *ret_count even on failure, so that config_free can walk it. The name is the first
 * member of each of these structs. */
static int fill_array(struct reading *reading, enum config_section which, size_t size, void *place, size_t *ret_count)
{
	const struct schema_section *section = &config_schema.sections[which];
	size_t count = config_reading_count(reading, section->name);
	uint8_t *array = count == 0 ? NULL : calloc(count, size);

	if (count > 0 && array == NULL) {
		return ERR_MEMORY;
	}
	memcpy(place, &array, sizeof array);
	for (size_t i = 0; i < count; i++) {
		char *name = strdup(config_reading_title(reading, section->name, i));
		int r = ERR_MEMORY;

		memcpy(array + i * size, &name, sizeof name);
		*ret_count = i + 1;
		if (name != NULL) {
			r = config_fill(reading, section, i, array + i * size);
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

static int fill(struct reading *reading, struct config *config)
{
	int r = fill_singles(reading, config);

	if (r == 0) {
		r = fill_array(reading, SECTION_TOKEN, sizeof *config->tokens, &config->tokens, &config->token_count);
	}
	if (r == 0) {
		r = fill_array(reading, SECTION_KEY, sizeof *config->keys, &config->keys, &config->key_count);
	}
	if (r == 0) {
		r = fill_array(reading, SECTION_PARTNER, sizeof *config->partners, &config->partners, &config->partner_count);
	}
	if (r == 0) {
		r = fill_array(reading, SECTION_TSA, sizeof *config->tsas, &config->tsas, &config->tsa_count);
	}
	if (r == 0) {
		r = fill_array(reading, SECTION_QUERY, sizeof *config->queries, &config->queries, &config->query_count);
	}
	if (r == 0) {
		r = fill_array(reading, SECTION_USER, sizeof *config->user_list, &config->user_list, &config->user_count);
	}
	return r;
}

/* The default of claim_dir depends on the share. */
static int set_claim(struct config *config)
{
	char *claim = NULL;

	if (config->share.claim_dir[0] != '\0' || config->share.path[0] == '\0') {
		return 0;
	}
	if (asprintf(&claim, "%s.claim", config->share.path) < 0) {
		return ERR_MEMORY;
	}
	free(config->share.claim_dir);
	config->share.claim_dir = claim;
	return 0;
}

/* The default of catalogue_dir is that of the installation. Where there is none the check of the configuration names the usual place as missing. */
static int set_catalogue(struct config *config)
{
	struct config_list *list = &config->catalogue_dirs;
	char path[PLACE_MAX_BYTES];

	if (list->count > 0) {
		return 0;
	}
	free(list->items);
	list->items = calloc(1, sizeof *list->items);
	if (list->items == NULL) {
		return ERR_MEMORY;
	}
	list->items[0] = strdup(place_share(CATALOGUE_PLACE, path) == 0 ? path : "/usr/share/" CATALOGUE_PLACE);
	list->count = list->items[0] != NULL ? 1 : 0;
	return list->items[0] != NULL ? 0 : ERR_MEMORY;
}

int config_parse(struct span text, const char *file, struct config **ret, struct config_report *report)
{
	_cleanup_config_ struct config *config = calloc(1, sizeof *config);
	_cleanup_reading_ struct reading reading = { 0 };
	size_t errors = report->errors;
	int r = config == NULL ? ERR_MEMORY : config_reading_open(text, file, &config_schema, &reading, report);

	if (r == 0) {
		config->file = strdup(file);
		r = config->file == NULL ? ERR_MEMORY : fill(&reading, config);
	}
	if (r == 0) {
		r = set_claim(config);
	}
	if (r == 0) {
		r = set_catalogue(config);
	}
	if (r < 0) {
		if (report->errors == errors) {
			config_report_add(report, false, file, 0, _("there is not enough memory"));
		}
		return r;
	}
	/* After a syntax error half of the names are missing: more findings would only hide the one that counts. */
	if (!reading.scan.cut) {
		config_cross_check(&reading, config);
	}
	if (report->errors != errors) {
		return ERR_FORMAT;
	}
	*ret = config;
	config = NULL;
	return 0;
}

int config_load(const char *path, struct config **ret, struct config_report *report)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0;
	int r = config_file_read(path, CONFIG_FILE_MAX_BYTES, &data, &length, report);

	return r < 0 ? r : config_parse(span_of(data, length), path, ret, report);
}

static void free_array(enum config_section which, size_t size, void *array, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		void *item = (uint8_t *)array + i * size;

		cleanup_free(item);
		config_fill_free(&config_schema.sections[which], item);
	}
	free(array);
}

void config_free(struct config *config)
{
	if (config == NULL) {
		return;
	}
	config_fill_free(&config_schema.sections[SECTION_FILE], config);
	config_fill_free(&config_schema.sections[SECTION_USERS], config);
	config_fill_free(&config_schema.sections[SECTION_PROXY], config);
	config_fill_free(&config_schema.sections[SECTION_JOURNAL], config);
	config_fill_free(&config_schema.sections[SECTION_MAIL], &config->mail);
	config_fill_free(&config_schema.sections[SECTION_SHARE], &config->share);
	free_array(SECTION_TOKEN, sizeof *config->tokens, config->tokens, config->token_count);
	free_array(SECTION_KEY, sizeof *config->keys, config->keys, config->key_count);
	free_array(SECTION_PARTNER, sizeof *config->partners, config->partners, config->partner_count);
	free_array(SECTION_TSA, sizeof *config->tsas, config->tsas, config->tsa_count);
	free_array(SECTION_QUERY, sizeof *config->queries, config->queries, config->query_count);
	free_array(SECTION_USER, sizeof *config->user_list, config->user_list, config->user_count);
	free(config->file);
	free(config);
}

const char *config_get(const struct config *config, const char *key)
{
	const struct {
		const char *key, *value;
	} known[] = {
		{ "control_socket", config->control_socket },
		{ "language", config->language },
		{ "data_dir", config->data_dir },
		{ "run_dir", config->run_dir },
		{ "mark_file", config->mark_file },
		{ "share", config->share.path },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].key, key) == 0) {
			return known[i].value;
		}
	}
	return NULL;
}

const struct config_partner *config_partner_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->partner_count; i++) {
		if (strcmp(config->partners[i].name, name) == 0) {
			return &config->partners[i];
		}
	}
	return NULL;
}

const struct config_key *config_key_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->key_count; i++) {
		if (strcmp(config->keys[i].name, name) == 0) {
			return &config->keys[i];
		}
	}
	return NULL;
}

uint32_t config_rights_of(const struct config *config, uid_t uid)
{
	uint32_t rights = uid == 0 ? CONFIG_RIGHT_ALL : 0;

	for (size_t i = 0; i < config->user_count; i++) {
		if (config->user_list[i].uid == uid) {
			rights |= config->user_list[i].rights;
		}
	}
	return (rights & CONFIG_RIGHT_ADMIN) != 0 ? CONFIG_RIGHT_ALL : rights;
}

const char *config_approval_name(enum config_approval approval)
{
	static const char *const names[] = { "none", "needed", "two-person" };

	return names[approval];
}

const char *config_env_name(enum config_env env)
{
	static const char *const names[] = { "production", "sandbox", "test" };

	return names[env];
}

const char *config_proxy_name(enum config_proxy_mode mode)
{
	static const char *const names[] = { "direct", "system", "own" };

	return names[mode];
}

const char *config_receipt_name(enum config_receipt receipt)
{
	static const char *const names[] = { "full", "no-password", "none" };

	return names[receipt];
}

const char *config_option(const struct config_list *options, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < options->count; i++) {
		if (strncmp(options->items[i], name, length) == 0 && options->items[i][length] == '=') {
			return options->items[i] + length + 1;
		}
	}
	return NULL;
}
