#include "names_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/log.h"
#include "vault_cms.h"

/* --- the list --- */

size_t names_place(const struct names *names, const char *case_number, bool *ret_found)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(names->list[middle].case_number, case_number);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	*ret_found = false;
	return low;
}

static bool text_valid(struct span text)
{
	if (text.length == 0 || text.length > NAMES_TEXT_MAX_BYTES || !span_is_utf8(text)) {
		return false;
	}
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

static int insert(struct names *names, size_t place, const struct names_name *name)
{
	if (names->count == names->room) {
		size_t room = names->room == 0 ? 256 : names->room * 2;
		struct names_name *larger = realloc(names->list, room * sizeof *larger);

		if (larger == NULL) {
			return ERR_MEMORY;
		}
		names->list = larger;
		names->room = room;
	}
	memmove(&names->list[place + 1], &names->list[place], (names->count - place) * sizeof *names->list);
	names->list[place] = *name;
	names->count++;
	return 0;
}

/* What this run was told counts more than any file, a later generation more than an earlier one. */
static bool outranks(uint32_t generation, uint32_t other)
{
	return generation == 0 || (other != 0 && generation >= other);
}

static int set(struct names *names, const char *case_number, struct span text, uint32_t generation, unsigned *ret_year)
{
	struct names_name name = { .generation = generation };
	unsigned number = 0;
	char letter = 0;
	bool found = false;
	size_t place = 0;

	if (!table_case_parse(span_of_string(case_number), &letter, &name.year, &number) || !text_valid(text)) {
		return ERR_FORMAT;
	}
	(void)snprintf(name.case_number, sizeof name.case_number, "%s", case_number);
	*ret_year = name.year;
	place = names_place(names, case_number, &found);
	if (found && !outranks(generation, names->list[place].generation)) {
		return 0;
	}
	name.text = strndup((const char *)text.data, text.length);
	if (name.text == NULL) {
		return ERR_MEMORY;
	}
	if (found) {
		free(names->list[place].text);
		names->list[place] = name;
		return 0;
	}
	if (insert(names, place, &name) != 0) {
		free(name.text);
		return ERR_MEMORY;
	}
	return 0;
}

void names_add_year(unsigned *years, size_t *count, unsigned year)
{
	for (size_t i = 0; i < *count; i++) {
		if (years[i] == year) {
			return;
		}
	}
	if (*count < NAMES_YEARS_MAX) {
		years[(*count)++] = year;
	}
}

int names_set(struct names *names, const char *case_number, struct span name)
{
	unsigned year = 0;
	int err = set(names, case_number, name, 0, &year);

	if (err == 0) {
		names_add_year(names->dirty, &names->dirty_count, year);
	}
	return err;
}

const char *names_find(const struct names *names, const char *case_number)
{
	bool found = false;
	size_t place = names_place(names, case_number, &found);

	return found ? names->list[place].text : NULL;
}

bool names_dirty(const struct names *names)
{
	return names->dirty_count > 0 || names->forgetting_count > 0;
}

/* The lines of one year, or of all (year 0). */
static int build_text(const struct names *names, unsigned year, uint8_t **ret_text, size_t *ret_length)
{
	size_t length = 0;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &length);
	bool failed = stream == NULL;

	for (size_t i = 0; !failed && i < names->count; i++) {
		const struct names_name *name = &names->list[i];

		if (year == 0 || name->year == year) {
			failed = fprintf(stream, "%s\t%s\n", name->case_number, name->text) < 0;
		}
	}
	if (stream != NULL && fclose(stream) != 0) {
		failed = true;
	}
	if (failed) {
		free(text);
		return ERR_MEMORY;
	}
	*ret_text = (uint8_t *)text;
	*ret_length = length;
	return 0;
}

int names_text(const struct names *names, uint8_t **ret_text, size_t *ret_length)
{
	return build_text(names, 0, ret_text, ret_length);
}

/* --- files --- */

struct names_file *names_find_file(const struct names *names, unsigned year, uint32_t generation)
{
	for (size_t i = 0; i < names->file_count; i++) {
		if (names->files[i].year == year && names->files[i].generation == generation) {
			return &names->files[i];
		}
	}
	return NULL;
}

static int add_file(struct names *names, unsigned year, uint32_t generation, enum names_file_state state)
{
	if (names->file_count == NAMES_GENERATIONS_MAX) {
		return ERR_LIMIT;
	}
	if (names->file_count == names->file_room) {
		size_t room = names->file_room == 0 ? 16 : names->file_room * 2;
		struct names_file *larger = realloc(names->files, room * sizeof *larger);

		if (larger == NULL) {
			return ERR_MEMORY;
		}
		names->files = larger;
		names->file_room = room;
	}
	names->files[names->file_count++] = (struct names_file){ .year = year, .generation = generation, .state = state };
	return 0;
}

static bool parse_file_name(struct span name, unsigned *ret_year, uint32_t *ret_generation)
{
	struct span year;
	uint64_t number = 0, generation = 0;

	if (!span_read_until(&name, '.', &year) || year.length != 4 || !span_parse_u64(year, &number) || !span_parse_u64(name, &generation) ||
	    generation == 0 || generation > OBJECT_GENERATION_MAX) {
		return false;
	}
	*ret_year = (unsigned)number;
	*ret_generation = (uint32_t)generation;
	return true;
}

static int list_file(void *context, const char *name)
{
	struct names *names = context;
	unsigned year = 0;
	uint32_t generation = 0;

	return parse_file_name(span_of_string(name), &year, &generation) ? add_file(names, year, generation, FILE_CLOSED) : 0;
}

int names_open(struct vault *vault, int data_dir, struct names **ret)
{
	struct names *names = calloc(1, sizeof *names);
	int err = ERR_MEMORY;

	if (names == NULL) {
		return ERR_MEMORY;
	}
	names->vault = vault;
	names->ops = vault_fileops(vault);
	names->fd = -1;
	err = file_directory(names->ops, data_dir, "names", &names->fd);
	if (err == 0) {
		err = file_list(names->ops, names->fd, list_file, names);
	}
	if (err != 0) {
		names_free(names);
		return err;
	}
	*ret = names;
	return 0;
}

void names_free(struct names *names)
{
	if (names == NULL) {
		return;
	}
	file_close(names->ops, &names->fd);
	for (size_t i = 0; i < names->count; i++) {
		free(names->list[i].text);
	}
	free(names->list);
	free(names->files);
	free(names);
}

void names_owner(unsigned year, char ret[OBJECT_OWNER_SIZE])
{
	(void)snprintf(ret, OBJECT_OWNER_SIZE, "names-%04u", year % 10000);
}

void names_file_name(unsigned year, uint32_t generation, char ret[32])
{
	(void)snprintf(ret, 32, "%04u.%" PRIu32, year % 10000, generation);
}

/* Everything known of a year goes under that key. */
int names_write_under(struct names *names, unsigned year, const struct key *key)
{
	char owner[OBJECT_OWNER_SIZE], id[VAULT_KEY_ID_SIZE], name[32];
	_cleanup_free_ uint8_t *text = NULL;
	_cleanup_free_ uint8_t *der = NULL;
	size_t length = 0, der_length = 0;
	struct names_file *file = NULL;
	int err = ERR_INTERNAL;

	names_owner(year, owner);
	/* A file of that generation that could not be read must not be written over. */
	file = names_find_file(names, year, key->generation);
	err = file != NULL && file->state != FILE_LOADED ? ERR_STATE : build_text(names, year, &text, &length);
	if (err == 0) {
		vault_key_id(names->vault, owner, key->generation, id);
		err = vault_cms_seal(span_of(text, length), key->kek, id, &der, &der_length);
	}
	if (err == 0) {
		names_file_name(year, key->generation, name);
		err = file_replace(names->ops, names->fd, name, der, der_length, 0640);
	}
	if (err == 0 && file == NULL) {
		err = add_file(names, year, key->generation, FILE_LOADED);
	}
	return err;
}

/* The same under the key that writes now. *ret_generation is that key's. */
static int write_year(struct names *names, unsigned year, uint32_t *ret_generation)
{
	char owner[OBJECT_OWNER_SIZE];
	struct key *key = NULL;
	int err = ERR_INTERNAL;

	names_owner(year, owner);
	err = vault_key_for_writing(names->vault, owner, &key);
	if (err == 0) {
		*ret_generation = key->generation;
		err = names_write_under(names, year, key);
	}
	return err;
}

int names_flush(struct names *names)
{
	int forgot = names_forget_years(names);

	if (forgot != 0) {
		return forgot;
	}
	while (names->dirty_count > 0) {
		uint32_t generation = 0;
		int err = write_year(names, names->dirty[names->dirty_count - 1], &generation);

		if (err != 0) {
			return err;
		}
		names->dirty_count--;
	}
	return 0;
}

bool names_locked(const struct names *names, size_t skip, char ret_owner[OBJECT_OWNER_SIZE], uint32_t *ret_generation)
{
	for (size_t i = 0; i < names->file_count; i++) {
		if (names->files[i].state == FILE_CLOSED && skip-- == 0) {
			names_owner(names->files[i].year, ret_owner);
			*ret_generation = names->files[i].generation;
			return true;
		}
	}
	return false;
}

/* All files of the year are open: one file is enough from now on. The new one is durable before the others go. */
static int merge_year(struct names *names, unsigned year)
{
	uint32_t kept = 0;
	size_t files = 0;
	int err = ERR_INTERNAL;

	for (size_t i = 0; i < names->file_count; i++) {
		if (names->files[i].year == year && names->files[i].state != FILE_LOADED) {
			return 0;
		}
		files += names->files[i].year == year ? 1 : 0;
	}
	if (files < 2) {
		return 0;
	}
	err = write_year(names, year, &kept);
	for (size_t i = 0; err == 0 && i < names->file_count;) {
		char name[32];

		if (names->files[i].year != year || names->files[i].generation == kept) {
			i++;
			continue;
		}
		names_file_name(year, names->files[i].generation, name);
		err = names->ops->unlinkat(names->ops, names->fd, name, 0) == 0 ? 0 : file_error();
		names->files[i] = names->files[--names->file_count];
	}
	return err;
}

static int merge_text(struct names *names, struct span text, uint32_t generation)
{
	struct span line, number;

	while (span_read_until(&text, '\n', &line)) {
		char case_number[TABLE_CASE_SIZE];
		unsigned year = 0;
		int err = ERR_DAMAGE;

		if (span_read_until(&line, '\t', &number) && span_copy_string(number, case_number, sizeof case_number)) {
			if (names->gone != NULL && names->gone(names->gone_context, case_number)) {
				names_forget(names, case_number);
				continue;
			}
			err = set(names, case_number, line, generation, &year);
		}
		if (err != 0) {
			return err == ERR_MEMORY ? err : ERR_DAMAGE;
		}
	}
	return span_is_empty(text) ? 0 : ERR_DAMAGE;
}

static int read_names(struct names *names, const char *owner, unsigned year, uint32_t generation)
{
	char name[32], id[VAULT_KEY_ID_SIZE];
	struct key *key = keys_find(vault_keys(names->vault), owner, generation);
	_cleanup_free_ uint8_t *der = NULL;
	_cleanup_free_ uint8_t *text = NULL;
	size_t length = 0, text_length = 0;
	int err = ERR_INTERNAL;

	if (key == NULL) {
		return ERR_LOCKED;
	}
	names_file_name(year, generation, name);
	err = file_read_small(names->ops, names->fd, name, NAMES_FILE_MAX_BYTES, &der, &length);
	if (err != 0) {
		return err;
	}
	text = malloc(length + 1);
	if (text == NULL) {
		return ERR_MEMORY;
	}
	vault_key_id(names->vault, owner, generation, id);
	err = vault_cms_open(span_of(der, length), key->kek, id, text, length, &text_length);
	return err != 0 ? err : merge_text(names, span_of(text, text_length), generation);
}

/* The file of an owner "names-<year>". */
static struct names_file *file_of(const struct names *names, const char *owner, uint32_t generation)
{
	struct span text = span_of_string(owner), prefix;
	uint64_t year = 0;

	if (!span_read_until(&text, '-', &prefix) || !span_parse_u64(text, &year) || year > 9999) {
		return NULL;
	}
	return names_find_file(names, (unsigned)year, generation);
}

void names_pass_over(struct names *names, const char *owner, uint32_t generation)
{
	struct names_file *file = file_of(names, owner, generation);

	if (file != NULL && file->state == FILE_CLOSED) {
		file->state = FILE_BAD;
	}
}

int names_load(struct names *names, const char *owner, uint32_t generation)
{
	struct names_file *file = file_of(names, owner, generation);
	int err = ERR_INTERNAL;

	if (file == NULL) {
		return ERR_NOTFOUND;
	}
	if (file->state != FILE_CLOSED) {
		return 0;
	}
	err = read_names(names, owner, file->year, generation);
	if (err == 0) {
		file->state = FILE_LOADED;
		return merge_year(names, file->year);
	}
	if (err == ERR_DAMAGE) {
		file->state = FILE_BAD;
		log_error("names/%s is damaged; it is left as it is", owner);
	}
	return err;
}
