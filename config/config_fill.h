/* config_fill.h - a file through config_scan and libconfuse into structs, by the tables of a schema. */
#ifndef CONFIG_CONFIG_FILL_H
#define CONFIG_CONFIG_FILL_H

#include "config_scan.h"

struct cfg_t;

struct reading {
	const char *file; /* borrowed */
	struct scan scan;
	struct cfg_t *tree;
	struct config_report *report; /* borrowed */
};

/* 0 also when there are findings; a negative error when nothing could be read (there is a finding then). */
int config_reading_open(struct span text, const char *file, const struct schema *schema, struct reading *ret, struct config_report *report);
void config_reading_free(struct reading *reading);
#define _cleanup_reading_ __attribute__((cleanup(config_reading_free)))

/* Fills the struct at `place` (zeroed by the caller) from section `name`, the n-th of it (0 for those without a title; "" is the file itself).
 * What is wrong or missing becomes a finding, and the place gets the default, or "" or 0. Negative: no memory. */
int config_fill(struct reading *reading, const struct schema_section *section, size_t n, void *place);
/* Frees the texts and lists of a struct. */
void config_fill_free(const struct schema_section *section, void *place);
/* How many sections of that name there are; the title of the n-th; the line of a key in it (of the section where the key is not given). */
size_t config_reading_count(const struct reading *reading, const char *name);
const char *config_reading_title(const struct reading *reading, const char *name, size_t n);
int config_reading_line(const struct reading *reading, const char *name, size_t n, const char *key);
bool config_reading_given(const struct reading *reading, const char *name, size_t n, const char *key);

/* A whole regular file of at most `limit` bytes; *ret_data is the caller's to free. Negative: a finding says why (absent, not readable, too large). */
int config_file_read(const char *path, size_t limit, uint8_t **ret_data, size_t *ret_length, struct config_report *report);

#endif
