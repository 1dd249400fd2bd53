/* The name of an erased case goes, and with it the keys of all files that it stood in. */
#include "names_private.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"

static void remove_year(unsigned *years, size_t *count, unsigned year)
{
	for (size_t i = 0; i < *count; i++) {
		if (years[i] == year) {
			years[i] = years[--*count];
			return;
		}
	}
}

void names_gone(struct names *names, bool (*gone)(void *context, const char *case_number), void *context)
{
	names->gone = gone;
	names->gone_context = context;
}

void names_forget(struct names *names, const char *case_number)
{
	unsigned year = 0, number = 0;
	char letter = 0;
	bool found = false;
	size_t place = names_place(names, case_number, &found);

	if (found) {
		explicit_bzero(names->list[place].text, strlen(names->list[place].text));
		free(names->list[place].text);
		names->count--;
		memmove(&names->list[place], &names->list[place + 1], (names->count - place) * sizeof *names->list);
	}
	/* Also one that is not known: it may stand in a file that is closed. */
	if (table_case_parse(span_of_string(case_number), &letter, &year, &number)) {
		names_add_year(names->forgetting, &names->forgetting_count, year);
	}
}

static bool has_closed_file(const struct names *names, unsigned year)
{
	for (size_t i = 0; i < names->file_count; i++) {
		if (names->files[i].year == year && names->files[i].state == FILE_CLOSED) {
			return true;
		}
	}
	return false;
}

/* All files of a year but one generation; those that nobody can read are left for who can. */
static int remove_files(struct names *names, unsigned year, uint32_t but)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < names->file_count;) {
		char name[32];

		if (names->files[i].year != year || names->files[i].generation == but || names->files[i].state != FILE_LOADED) {
			i++;
			continue;
		}
		names_file_name(year, names->files[i].generation, name);
		err = names->ops->unlinkat(names->ops, names->fd, name, 0) == 0 || file_error() == ERR_NOTFOUND ? 0 : file_error();
		if (err == 0) {
			names->files[i] = names->files[--names->file_count];
		}
	}
	return err != 0 ? err : file_sync_directory(names->ops, names->fd);
}

/* What is still known of the year goes under a new key, then its former files and keys go: a copy of them shows nothing any more. */
static int forget_year(struct names *names, unsigned year)
{
	char owner[OBJECT_OWNER_SIZE];
	struct key *key = NULL;
	int err = ERR_INTERNAL;

	names_owner(year, owner);
	err = vault_key_new(names->vault, owner, &key);
	if (err == 0) {
		uint32_t generation = key->generation; /* the place of the key may be another's by the end */

		err = names_write_under(names, year, key);
		err = err != 0 ? err : remove_files(names, year, generation);
		err = err != 0 ? err : vault_keys_erase_owner(names->vault, owner, generation);
	}
	if (err == 0) {
		remove_year(names->dirty, &names->dirty_count, year);
	}
	return err;
}

int names_forget_years(struct names *names)
{
	for (size_t i = 0; i < names->forgetting_count;) {
		int err = has_closed_file(names, names->forgetting[i]) ? ERR_LOCKED : forget_year(names, names->forgetting[i]);

		if (err != 0 && err != ERR_LOCKED) {
			return err;
		}
		if (err == 0) {
			names->forgetting[i] = names->forgetting[--names->forgetting_count];
		} else {
			i++; /* once its files are open */
		}
	}
	return 0;
}

static bool is_stale_key(void *context, const char *owner, uint32_t generation)
{
	const struct names *names = context;
	struct span text = span_of_string(owner), prefix;
	uint64_t year = 0;

	return span_read_until(&text, '-', &prefix) && span_equals_string(prefix, "names") && span_parse_u64(text, &year) && year <= 9999 &&
	       names_find_file(names, (unsigned)year, generation) == NULL && keys_find(vault_keys(names->vault), owner, generation) == NULL;
}

int names_sweep(struct names *names)
{
	return vault_keys_erase(names->vault, is_stale_key, names, NULL);
}
