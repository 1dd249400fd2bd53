#include "config_scan.h"

#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/text.h"
#include "config_token.h"

#define SCAN_DEPTH_MAX 2

static void complain_unknown(struct scanner *scanner, const struct schema_section *section, const char *word, int line)
{
	const char *guess = config_suggest(scanner->schema, section, word);

	if (guess != NULL) {
		config_report_add(scanner->report, false, scanner->file, line, _("unknown key \"%s\"; did you mean \"%s\"?"), word, guess);
	} else if (section->name[0] == '\0') {
		config_report_add(scanner->report, false, scanner->file, line, _("unknown key \"%s\""), word);
	} else {
		config_report_add(scanner->report, false, scanner->file, line, _("unknown key \"%s\" in \"%s\""), word, section->name);
	}
}

static const struct schema_field *find_field(const struct schema_section *section, const char *name)
{
	for (size_t i = 0; i < section->field_count; i++) {
		if (strcmp(section->fields[i].name, name) == 0) {
			return &section->fields[i];
		}
	}
	return NULL;
}

static const struct schema_section *find_section(const struct schema *schema, const char *name)
{
	for (size_t i = 1; i < schema->count; i++) {
		if (strcmp(schema->sections[i].name, name) == 0) {
			return &schema->sections[i];
		}
	}
	return NULL;
}

/* After "=": one text, or a list. False at a syntax error. */
static bool read_value(struct scanner *scanner, bool *ret_list)
{
	*ret_list = false;
	if (config_token_next(scanner) == TOKEN_BAD) {
		return false;
	}
	if (config_token_is_value(scanner)) {
		return true;
	}
	if (!config_token_is_sign(scanner, '{')) {
		config_token_complain(scanner, scanner->token_line, _("expected a value after \"=\""));
		return false;
	}
	*ret_list = true;
	if (config_token_next(scanner) == TOKEN_BAD) {
		return false;
	}
	while (!config_token_is_sign(scanner, '}')) {
		if (!config_token_is_value(scanner)) {
			config_token_complain(scanner, scanner->token_line, _("expected a text or \"}\" in the list"));
			return false;
		}
		if (config_token_next(scanner) == TOKEN_BAD) {
			return false;
		}
		if (config_token_is_sign(scanner, ',')) {
			if (config_token_next(scanner) == TOKEN_BAD) {
				return false;
			}
		} else if (!config_token_is_sign(scanner, '}')) {
			config_token_complain(scanner, scanner->token_line, _("expected \",\" or \"}\" in the list"));
			return false;
		}
	}
	return true;
}

static int add_entry(struct scan *scan, size_t section, const struct schema_field *field, int line)
{
	struct scan_entry *more = NULL;

	if (scan->entry_count >= SCAN_ENTRIES_MAX) {
		return ERR_LIMIT;
	}
	more = reallocarray(scan->entries, scan->entry_count + 1, sizeof *more);
	if (more == NULL) {
		return ERR_MEMORY;
	}
	scan->entries = more;
	more[scan->entry_count++] = (struct scan_entry){ section, field, line };
	return 0;
}

static int add_section(struct scan *scan, const struct schema_section *schema, const char *title, int line)
{
	struct scan_section *more = NULL;

	if (scan->section_count >= SCAN_SECTIONS_MAX) {
		return ERR_LIMIT;
	}
	more = reallocarray(scan->sections, scan->section_count + 1, sizeof *more);
	if (more == NULL) {
		return ERR_MEMORY;
	}
	scan->sections = more;
	more[scan->section_count] = (struct scan_section){ .schema = schema, .line = line, .first_entry = scan->entry_count };
	(void)snprintf(more[scan->section_count].title, sizeof more->title, "%s", title);
	scan->section_count++;
	return 0;
}

/* NAME [+] = value, NAME read already. 0 and *ret_keep; ERR_FORMAT at a syntax error. */
static int read_assignment(struct scanner *scanner, size_t section, const char *name, int line, bool *ret_keep)
{
	const struct schema_section *schema = scanner->scan->sections[section].schema;
	const struct schema_field *field = find_field(schema, name);
	int before = config_scan_line(scanner->scan, section, name);
	bool list = false;

	*ret_keep = false;
	if (config_token_is_sign(scanner, '+')) {
		config_token_complain(scanner, line, _("\"+=\" is not used here: give the whole list once"));
		return ERR_FORMAT;
	}
	if (!read_value(scanner, &list)) {
		return ERR_FORMAT;
	}
	if (field == NULL && section == 0 && find_section(scanner->schema, name) != NULL) {
		config_report_add(scanner->report, false, scanner->file, line, _("\"%s\" is a section: expected \"%s { ... }\""), name, name);
		return 0;
	}
	if (field == NULL) {
		complain_unknown(scanner, schema, name, line);
		return 0;
	}
	if (before != 0) {
		config_report_add(scanner->report, false, scanner->file, line, _("\"%s\" was given on line %d already"), name, before);
		return 0;
	}
	if (list && !field->list) {
		config_report_add(scanner->report, false, scanner->file, line, _("\"%s\": expected one value, found a list"), name);
		return 0;
	}
	*ret_keep = true;
	return add_entry(scanner->scan, section, field, line);
}

static int read_statements(struct scanner *scanner, size_t section, unsigned depth);

/* A section that nobody knows: its keys are walked over. The opening brace was read. */
static int skip_section(struct scanner *scanner)
{
	size_t depth = 1;

	while (depth > 0) {
		if (config_token_next(scanner) == TOKEN_BAD) {
			return ERR_FORMAT;
		}
		if (scanner->token == TOKEN_END) {
			config_token_complain(scanner, scanner->token_line, _("the file ends inside a section: \"}\" is missing"));
			return ERR_FORMAT;
		}
		depth += config_token_is_sign(scanner, '{') ? 1 : 0;
		depth -= config_token_is_sign(scanner, '}') ? 1 : 0;
	}
	return 0;
}

/* True when the section may stand here; says why not otherwise. */
static bool section_is_welcome(struct scanner *scanner, const struct schema_section *schema, const char *title, int line)
{
	size_t count = 0;

	for (size_t i = 1; i < scanner->scan->section_count; i++) {
		const struct scan_section *other = &scanner->scan->sections[i];

		if (other->schema != schema) {
			continue;
		}
		count++;
		if (strcmp(other->title, title) == 0) {
			config_report_add(scanner->report, false, scanner->file, line, _("\"%s %s\" was given on line %d already"), schema->name, title,
			                  other->line);
			return false;
		}
	}
	if (schema->titled && count >= schema->most) {
		config_report_add(scanner->report, false, scanner->file, line, _("more than %zu sections \"%s\""), schema->most, schema->name);
		return false;
	}
	return true;
}

/* NAME [title] "{" ..., NAME read and the token after it too. */
static int read_section(struct scanner *scanner, size_t parent, const char *name, int line, unsigned depth, bool *ret_keep)
{
	const struct schema_section *schema = parent == 0 ? find_section(scanner->schema, name) : NULL;
	char title[SCAN_TITLE_MAX + 1] = "";
	bool titled = config_token_is_value(scanner);
	bool fits = true;
	int r = ERR_INTERNAL;

	*ret_keep = false;
	if (titled) {
		fits = span_copy_string(config_token_span(scanner), title, sizeof title) && strchr(title, '\\') == NULL && title[0] != '\0';
		if (config_token_next(scanner) == TOKEN_BAD) {
			return ERR_FORMAT;
		}
	}
	if (!config_token_is_sign(scanner, '{')) {
		config_report_add(scanner->report, false, scanner->file, line, _("expected \"=\" or \"{\" after \"%s\""), name);
		return ERR_FORMAT;
	}
	if (schema == NULL) {
		if (find_field(scanner->scan->sections[parent].schema, name) != NULL) {
			config_report_add(scanner->report, false, scanner->file, line, _("\"%s\" is a key: expected \"%s = ...\""), name, name);
		} else {
			complain_unknown(scanner, scanner->scan->sections[parent].schema, name, line);
		}
		return skip_section(scanner);
	}
	if (titled != schema->titled || !fits) {
		if (schema->titled) {
			config_report_add(scanner->report, false, scanner->file, line,
			                  _("section \"%s\": expected a name of at most %d characters before \"{\""), name, SCAN_TITLE_MAX);
		} else {
			config_report_add(scanner->report, false, scanner->file, line, _("section \"%s\" takes no name"), name);
		}
		return skip_section(scanner);
	}
	if (!section_is_welcome(scanner, schema, title, line)) {
		return skip_section(scanner);
	}
	r = add_section(scanner->scan, schema, title, line);
	if (r < 0) {
		return r;
	}
	*ret_keep = true;
	return read_statements(scanner, scanner->scan->section_count - 1, depth + 1);
}

/* One statement; its NAME is the present token. */
static int read_statement(struct scanner *scanner, size_t section, unsigned depth, bool *ret_keep)
{
	char name[SCAN_KEY_MAX + 1] = "";
	int line = scanner->token_line;

	if (scanner->token != TOKEN_WORD || !span_copy_string(config_token_span(scanner), name, sizeof name)) {
		config_token_complain(scanner, line, _("expected the name of a key"));
		return ERR_FORMAT;
	}
	if (config_token_next(scanner) == TOKEN_BAD) {
		return ERR_FORMAT;
	}
	if (config_token_is_sign(scanner, '=') || config_token_is_sign(scanner, '+')) {
		return read_assignment(scanner, section, name, line, ret_keep);
	}
	return read_section(scanner, section, name, line, depth, ret_keep);
}

static int read_statements(struct scanner *scanner, size_t section, unsigned depth)
{
	int r = ERR_INTERNAL;

	for (;;) {
		size_t from = 0;
		bool keep = false;

		if (config_token_next(scanner) != TOKEN_BAD) {
			from = scanner->from;
			if (scanner->token == TOKEN_END && depth == 0) {
				return 0;
			}
			if (config_token_is_sign(scanner, '}') && depth > 0) {
				return 0;
			}
			if (scanner->token == TOKEN_END) {
				config_token_complain(scanner, scanner->token_line, _("the file ends inside a section: \"}\" is missing"));
				r = ERR_FORMAT;
			} else {
				r = read_statement(scanner, section, depth, &keep);
			}
		} else {
			from = scanner->from;
			r = ERR_FORMAT;
		}
		if (r == ERR_FORMAT && !scanner->scan->cut) {
			/* The innermost statement goes, the sections around it are closed: what stood before is still checked. */
			scanner->scan->cut = true;
			config_token_blank(scanner, from, scanner->text.length);
			for (unsigned i = 0; i < depth; i++) {
				scanner->scan->clean[scanner->text.length + i] = '}';
			}
		}
		if (r < 0) {
			return r;
		}
		if (!keep) {
			config_token_blank(scanner, from, scanner->at);
		}
	}
}

/* A text: UTF-8 without control characters. Says the line of the first fault. */
static bool check_bytes(struct scanner *scanner)
{
	int line = 1;

	for (size_t i = 0; i < scanner->text.length; i++) {
		uint8_t c = scanner->text.data[i];

		if ((c < 0x20 && c != '\n' && c != '\t' && c != '\r') || c == 0x7f) {
			config_token_complain(scanner, line, _("a control character; the file must be plain text"));
			return false;
		}
		line += c == '\n' ? 1 : 0;
	}
	if (!span_is_utf8(scanner->text)) {
		config_token_complain(scanner, 0, _("the file is not UTF-8"));
		return false;
	}
	return true;
}

int config_scan(struct span text, const char *file, const struct schema *schema, struct scan *ret, struct config_report *report)
{
	struct scan scan = { 0 };
	struct scanner scanner = { .text = text, .line = 1, .file = file, .schema = schema, .scan = &scan, .report = report };
	int r = ERR_INTERNAL;

	if (!check_bytes(&scanner)) {
		return ERR_FORMAT;
	}
	scan.clean = calloc(text.length + SCAN_DEPTH_MAX + 1, 1);
	if (scan.clean == NULL) {
		return ERR_MEMORY;
	}
	if (text.length > 0) {
		memcpy(scan.clean, text.data, text.length);
	}
	r = add_section(&scan, &schema->sections[0], "", 1);
	if (r == 0) {
		r = read_statements(&scanner, 0, 0);
	}
	if (r < 0 && r != ERR_FORMAT) {
		if (r == ERR_LIMIT) {
			config_token_complain(&scanner, scanner.line, _("too many keys"));
		}
		config_scan_free(&scan);
		return r;
	}
	*ret = scan;
	return 0;
}

void config_scan_free(struct scan *scan)
{
	free(scan->sections);
	free(scan->entries);
	free(scan->clean);
	*scan = (struct scan){ 0 };
}

int config_scan_line(const struct scan *scan, size_t section, const char *key)
{
	/* The entries of a section stand together, but for those of the file itself, which surround them. */
	for (size_t i = scan->sections[section].first_entry; i < scan->entry_count; i++) {
		if (section != 0 && scan->entries[i].section != section) {
			break;
		}
		if (scan->entries[i].section == section && strcmp(scan->entries[i].field->name, key) == 0) {
			return scan->entries[i].line;
		}
	}
	return 0;
}

size_t config_scan_section(const struct scan *scan, const char *name, size_t n)
{
	for (size_t i = 0; i < scan->section_count; i++) {
		if (strcmp(scan->sections[i].schema->name, name) == 0 && n-- == 0) {
			return i;
		}
	}
	return SIZE_MAX;
}
