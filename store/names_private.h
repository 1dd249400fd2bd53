/* names_private.h - the inside of struct names, for names.c and names_forget.c. */
#ifndef STORE_NAMES_PRIVATE_H
#define STORE_NAMES_PRIVATE_H

#include "names.h"

struct names_name {
	char case_number[TABLE_CASE_SIZE];
	uint32_t generation; /* of the file it came from; 0: of this run */
	unsigned year;
	char *text;
};

enum names_file_state { FILE_CLOSED, FILE_LOADED, FILE_BAD };

struct names_file {
	unsigned year;
	uint32_t generation;
	enum names_file_state state;
};

struct names {
	struct vault *vault;
	const struct fileops *ops;
	int fd;
	struct names_name *list; /* ascending by case number */
	size_t count, room;
	struct names_file *files;
	size_t file_count, file_room;
	unsigned dirty[NAMES_YEARS_MAX];
	size_t dirty_count;
	unsigned forgetting[NAMES_YEARS_MAX]; /* years that need a new key */
	size_t forgetting_count;
	bool (*gone)(void *context, const char *case_number);
	void *gone_context;
};

/* Where the name of a case stands, or would stand. */
size_t names_place(const struct names *names, const char *case_number, bool *ret_found);
/* To a set of years. */
void names_add_year(unsigned *years, size_t *count, unsigned year);
/* NULL when there is none. */
struct names_file *names_find_file(const struct names *names, unsigned year, uint32_t generation);
/* "names-2026", "2026.3". */
void names_owner(unsigned year, char ret[OBJECT_OWNER_SIZE]);
void names_file_name(unsigned year, uint32_t generation, char ret[32]);
/* Everything known of a year into the file of that key. */
int names_write_under(struct names *names, unsigned year, const struct key *key);
/* names_forget.c: years that wait for a new key get one, where all their files are open. */
int names_forget_years(struct names *names);

#endif
