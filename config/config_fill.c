#include "config_fill.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/fdio.h"
#include "../appliance/base/text.h"
#include "config_value.h"

/* libconfuse gives its error handler no context; the programs that read a configuration have one thread. */
static struct reading *reading_now;

static void note_error(cfg_t *tree, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
static void note_error(cfg_t *tree, const char *format, va_list arguments)
{
	char text[256];

	(void)vsnprintf(text, sizeof text, format, arguments);
	if (reading_now != NULL) {
		config_report_add(reading_now->report, false, reading_now->file, tree->line, "%s", text);
	}
}

/* The options of one section for libconfuse, values as strings. `sub` holds those of the other sections where this is the file itself. */
static void make_options(const struct schema *schema, size_t index, cfg_opt_t *ret, cfg_opt_t **sub)
{
	const struct schema_section *section = &schema->sections[index];
	size_t count = 0;

	for (size_t i = 0; i < section->field_count; i++) {
		const struct schema_field *field = &section->fields[i];

		if (field->list) {
			ret[count++] = (cfg_opt_t)CFG_STR_LIST(field->name, NULL, CFGF_NODEFAULT);
		} else {
			ret[count++] = (cfg_opt_t)CFG_STR(field->name, NULL, CFGF_NODEFAULT);
		}
	}
	for (size_t i = 1; index == 0 && i < schema->count; i++) {
		cfg_flag_t flags = schema->sections[i].titled ? CFGF_MULTI | CFGF_TITLE : CFGF_NONE;

		ret[count++] = (cfg_opt_t)CFG_SEC(schema->sections[i].name, sub[i], flags);
	}
	ret[count] = (cfg_opt_t)CFG_END();
}

static void free_options(cfg_opt_t **options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(options[i]);
	}
	free(options);
}

/* The tables of libconfuse for a schema; [0] is the file. cfg_init copies them. */
static cfg_opt_t **new_options(const struct schema *schema)
{
	cfg_opt_t **options = calloc(schema->count, sizeof *options); // NOLINT(bugprone-sizeof-expression): an array of pointers

	if (options == NULL) {
		return NULL;
	}
	for (size_t i = schema->count; i-- > 0;) {
		options[i] = calloc(schema->sections[i].field_count + (i == 0 ? schema->count : 0) + 1, sizeof **options);
		if (options[i] == NULL) {
			free_options(options, schema->count);
			return NULL;
		}
		make_options(schema, i, options[i], options);
	}
	return options;
}

int config_reading_open(struct span text, const char *file, const struct schema *schema, struct reading *ret, struct config_report *report)
{
	struct reading reading = { .file = file, .report = report };
	cfg_opt_t **options = NULL;
	int r = config_scan(text, file, schema, &reading.scan, report);

	if (r < 0) {
		return r;
	}
	options = new_options(schema);
	reading.tree = options == NULL ? NULL : cfg_init(options[0], CFGF_NONE);
	if (options != NULL) {
		free_options(options, schema->count);
	}
	if (reading.tree == NULL) {
		config_reading_free(&reading);
		return ERR_MEMORY;
	}
	(void)cfg_set_error_function(reading.tree, note_error);
	reading_now = &reading;
	r = cfg_parse_buf(reading.tree, reading.scan.clean) == CFG_SUCCESS ? 0 : ERR_FORMAT;
	reading_now = NULL;
	if (r < 0) {
		config_report_add(report, false, file, 0, _("the file cannot be read"));
		config_reading_free(&reading);
		return r;
	}
	*ret = reading;
	return 0;
}

void config_reading_free(struct reading *reading)
{
	config_scan_free(&reading->scan);
	if (reading->tree != NULL) {
		(void)cfg_free(reading->tree);
		reading->tree = NULL;
	}
}

size_t config_reading_count(const struct reading *reading, const char *name)
{
	return cfg_size(reading->tree, name);
}

const char *config_reading_title(const struct reading *reading, const char *name, size_t n)
{
	return cfg_title(cfg_getnsec(reading->tree, name, (unsigned)n));
}

bool config_reading_given(const struct reading *reading, const char *name, size_t n, const char *key)
{
	size_t section = config_scan_section(&reading->scan, name, n);

	return section != SIZE_MAX && config_scan_line(&reading->scan, section, key) != 0;
}

int config_reading_line(const struct reading *reading, const char *name, size_t n, const char *key)
{
	size_t section = config_scan_section(&reading->scan, name, n);
	int line = 0;

	if (section == SIZE_MAX) {
		return 0;
	}
	line = config_scan_line(&reading->scan, section, key);
	return line != 0 || section == 0 ? line : reading->scan.sections[section].line;
}

/* A value that does not fit. What stands at `pin` may be the PIN itself, an address may hold a login: it is not repeated. */
static void complain_value(struct reading *reading, const struct schema_field *field, int line, const char *found)
{
	char expected[VALUE_EXPECTED_MAX];

	config_value_expected(field, expected);
	if (field->type == SCHEMA_PIN || field->type == SCHEMA_PKCS11 || field->type == SCHEMA_PROXY) {
		config_report_add(reading->report, false, reading->file, line, _("\"%s\": expected %s"), field->name, expected);
	} else {
		config_report_add(reading->report, false, reading->file, line, _("\"%s\": expected %s; found \"%.100s\""), field->name, expected, found);
	}
}

static int add_item(struct reading *reading, const struct schema_field *field, int line, const char *text, struct config_list *list)
{
	char **more = NULL;
	char *item = NULL;
	int r = ERR_INTERNAL;

	if (list->count >= CONFIG_LIST_MAX) {
		if (list->count == CONFIG_LIST_MAX) {
			config_report_add(reading->report, false, reading->file, line, _("\"%s\": at most %d items"), field->name, CONFIG_LIST_MAX);
		}
		return 0;
	}
	r = config_value_store(field, text, &item);
	if (r == ERR_FORMAT) {
		complain_value(reading, field, line, text);
		return 0;
	}
	if (r < 0) {
		return r;
	}
	more = reallocarray(list->items, list->count + 1, sizeof *more);
	if (more == NULL) {
		free(item);
		return ERR_MEMORY;
	}
	list->items = more;
	more[list->count++] = item;
	return 0;
}

static int fill_list(struct reading *reading, cfg_t *tree, const struct schema_field *field, int line, uint8_t *place)
{
	unsigned count = line != 0 ? cfg_size(tree, field->name) : field->fallback != NULL && field->fallback[0] != '\0' ? 1 : 0;

	for (unsigned i = 0; i < count; i++) {
		const char *text = line != 0 ? cfg_getnstr(tree, field->name, i) : field->fallback;
		int r = ERR_INTERNAL;

		if (field->type != SCHEMA_FLAGS) {
			r = add_item(reading, field, line, text, (struct config_list *)(void *)place);
		} else {
			r = config_value_store(field, text, place);
			if (r == ERR_FORMAT) {
				complain_value(reading, field, line, text);
				r = 0;
			}
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/* Is the place a char *, which must never stay NULL? */
static bool is_string(const struct schema_field *field)
{
	switch (field->type) {
	case SCHEMA_WORD:
	case SCHEMA_FLAGS:
	case SCHEMA_LETTERS:
	case SCHEMA_BOOL:
	case SCHEMA_DURATION:
	case SCHEMA_SIZE:
	case SCHEMA_COUNT:
		return false;
	default:
		return !field->list;
	}
}

static int fill_field(struct reading *reading, cfg_t *tree, const struct schema_field *field, int line, int section_line, const char *section, uint8_t *place)
{
	int r = 0;

	if (line == 0 && field->fallback == NULL) {
		config_report_add(reading->report, false, reading->file, section_line,
		                  section[0] == '\0' ? _("\"%s\" is missing") : _("\"%s\" is missing in \"%s\""), field->name, section);
	} else if (field->list) {
		r = fill_list(reading, tree, field, line, place);
	} else if (line != 0) {
		const char *text = cfg_getstr(tree, field->name);

		r = config_value_store(field, text, place);
		if (r == ERR_FORMAT) {
			complain_value(reading, field, line, text);
		}
	}
	if (!field->list && (line == 0 || r == ERR_FORMAT) && field->fallback != NULL) {
		r = config_value_store(field, field->fallback, place);
	}
	if (r == ERR_MEMORY) {
		return r;
	}
	if (is_string(field) && *(char **)(void *)place == NULL) {
		*(char **)(void *)place = strdup("");
		return *(char **)(void *)place == NULL ? ERR_MEMORY : 0;
	}
	return 0;
}

int config_fill(struct reading *reading, const struct schema_section *section, size_t n, void *place)
{
	size_t index = config_scan_section(&reading->scan, section->name, n);
	int section_line = index == SIZE_MAX || index == 0 ? 0 : reading->scan.sections[index].line;
	cfg_t *tree = section->name[0] == '\0' ? reading->tree : cfg_getnsec(reading->tree, section->name, (unsigned)n);

	for (size_t i = 0; i < section->field_count; i++) {
		const struct schema_field *field = &section->fields[i];
		int line = index == SIZE_MAX ? 0 : config_scan_line(&reading->scan, index, field->name);
		int r = fill_field(reading, tree, field, line, section_line, section->name, (uint8_t *)place + field->offset);

		if (r < 0) {
			return r;
		}
	}
	return 0;
}

void config_fill_free(const struct schema_section *section, void *place)
{
	for (size_t i = 0; i < section->field_count; i++) {
		const struct schema_field *field = &section->fields[i];
		void *at = (uint8_t *)place + field->offset;

		if (is_string(field)) {
			cleanup_free(at);
		} else if (field->list && field->type != SCHEMA_FLAGS) {
			struct config_list *list = at;

			for (size_t k = 0; k < list->count; k++) {
				free(list->items[k]);
			}
			free(list->items);
			*list = (struct config_list){ 0 };
		}
	}
}

int config_file_read(const char *path, size_t limit, uint8_t **ret_data, size_t *ret_length, struct config_report *report)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;
	int r = ERR_INTERNAL;

	if (fd < 0) {
		r = errno == ENOENT ? ERR_NOTFOUND : errno == EACCES ? ERR_DENIED : ERR_SYSTEM;
		config_report_add(report, false, path, 0, _("cannot be opened: %s"), strerror(errno));
		return r;
	}
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		config_report_add(report, false, path, 0, _("is not a regular file"));
		return ERR_FORMAT;
	}
	r = fd_read_all(fd, limit, ret_data, ret_length);
	if (r == ERR_LIMIT) {
		config_report_add(report, false, path, 0, _("is larger than %zu bytes"), limit);
	} else if (r < 0) {
		config_report_add(report, false, path, 0, _("cannot be read"));
	}
	return r;
}
