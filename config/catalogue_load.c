#include "catalogue.h"

#include <errno.h>
#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/text.h"
#include "config_fill.h"

/* clang-format off */
#define DAY_MS UINT64_C(86400000)
#define P(member) offsetof(struct catalogue_partner, member)
#define F(member) offsetof(struct catalogue_form, member)
#define L(member) offsetof(struct catalogue_labels, member)
#define COUNT_OF(table) (sizeof (table) / sizeof (table)[0])

static const struct schema_field partner_fields[] = {
	{ "label_cs",         SCHEMA_TEXT,      false, P(label.cs),            NULL, NULL, 0, 0 },
	{ "label_en",         SCHEMA_TEXT,      false, P(label.en),            NULL, NULL, 0, 0 },
	{ "folders",          SCHEMA_FILENAME,  true,  P(folders),             "", NULL, 0, 0 },
	{ "sign_form",        SCHEMA_WORD_TEXT, false, P(sign_form),           "attached-der", "attached-der|attached-ber|detached-der", 0, 0 },
	{ "digest",           SCHEMA_WORD_TEXT, false, P(digest),              "sha256", "sha256|sha384|sha512", 0, 0 },
	{ "sign_attributes",  SCHEMA_WORD_TEXT, false, P(sign_attributes),     "cades", "cades|plain|none", 0, 0 },
	{ "sign_want",        SCHEMA_TEXT,      false, P(sign_want),           "", NULL, 0, 0 },
	{ "test_first",       SCHEMA_BOOL,      false, P(test_first),          "false", NULL, 0, 0 },
	{ "compose_content",  SCHEMA_BOOL,      false, P(compose_content),     "true", NULL, 0, 0 },
	{ "check",            SCHEMA_BOOL,      false, P(check),               "false", NULL, 0, 0 },
	{ "stamp",            SCHEMA_BOOL,      false, P(stamp),               "false", NULL, 0, 0 },
	{ "close",            SCHEMA_BOOL,      false, P(close),               "false", NULL, 0, 0 },
	{ "confirmation",     SCHEMA_WORD_TEXT, false, P(confirmation),        "p7s", "p7s|xml", 0, 0 },
	{ "evidence",         SCHEMA_WORD,      false, P(evidence),            NULL, "signed|channel", 0, 0 },
	{ "approval",         SCHEMA_WORD,      false, P(approval),            "none", CONFIG_APPROVAL_WORDS, 0, 0 },
	{ "poll_first",       SCHEMA_DURATION,  false, P(poll_first_ms),       "60 s", NULL, 10, 30 * DAY_MS },
	{ "poll_deferred",    SCHEMA_DURATION,  false, P(poll_deferred_ms),    "0", NULL, 0, 30 * DAY_MS },
	{ "duplicate_wait",   SCHEMA_DURATION,  false, P(duplicate_wait_ms),   "0", NULL, 0, 366 * DAY_MS },
	{ "poll_factor",      SCHEMA_COUNT,     false, P(poll_factor),         "2", NULL, 1, 100 },
	{ "poll_max",         SCHEMA_DURATION,  false, P(poll_max_ms),         "1 h", NULL, 10, 30 * DAY_MS },
	{ "poll_give_up",     SCHEMA_DURATION,  false, P(poll_give_up_ms),     "30 d", NULL, 0, 3660 * DAY_MS },
	{ "ask_person_after", SCHEMA_DURATION,  false, P(ask_person_after_ms), "0", NULL, 0, 366 * DAY_MS },
	{ "retention",        SCHEMA_TEXT,      false, P(retention),           "10 years", NULL, 0, 0 },
	{ "absent_after",     SCHEMA_DURATION,  false, P(absent_after_ms),     "0", NULL, 0, 366 * DAY_MS },
	{ "environments",     SCHEMA_OPTION,    true,  P(environments),        "", NULL, 0, 0 },
	{ "roads",            SCHEMA_NAME,      true,  P(roads),               "", NULL, 0, 0 },
	{ "roads_prepared",   SCHEMA_NAME,      true,  P(roads_prepared),      "", NULL, 0, 0 },
	{ "encodings",        SCHEMA_TEXT,      true,  P(encodings),           "", NULL, 0, 0 },
	{ "options",          SCHEMA_OPTION,    true,  P(options),             "", NULL, 0, 0 },
};

static const struct schema_field form_fields[] = {
	{ "partner",   SCHEMA_NAME,      false, F(partner),          NULL, NULL, 0, 0 },
	{ "label_cs",  SCHEMA_TEXT,      false, F(label.cs),         NULL, NULL, 0, 0 },
	{ "label_en",  SCHEMA_TEXT,      false, F(label.en),         NULL, NULL, 0, 0 },
	{ "kind",      SCHEMA_WORD_TEXT, false, F(kind),             "filing", "filing|query|task", 0, 0 },
	{ "format",    SCHEMA_WORD_TEXT, false, F(format),           "xml", "xml|zip|cms|pdf|query|binary", 0, 0 },
	{ "root",      SCHEMA_TEXT,      false, F(root),             "", NULL, 0, 0 },
	{ "namespace", SCHEMA_TEXT,      false, F(namespace_uri),    "*", NULL, 0, 0 },
	{ "child",     SCHEMA_TEXT,      false, F(child),            "", NULL, 0, 0 },
	{ "children",  SCHEMA_COUNT,     false, F(children),         "0", NULL, 0, 1000000 },
	{ "file_name", SCHEMA_TEXT,      false, F(file_name),        "", NULL, 0, 0 },
	{ "approval",  SCHEMA_WORD,      false, F(approval),         "none", CONFIG_APPROVAL_WORDS, 0, 0 },
	{ "zip",       SCHEMA_BOOL,      false, F(zip),              "false", NULL, 0, 0 },
	{ "options",   SCHEMA_OPTION,    true,  F(options),          "", NULL, 0, 0 },
	{ "later_cs",  SCHEMA_TEXT,      false, F(later.cs),         "", NULL, 0, 0 },
	{ "later_en",  SCHEMA_TEXT,      false, F(later.en),         "", NULL, 0, 0 },
	{ "refuse",    SCHEMA_NAME,      false, F(refuse),           "", NULL, 0, 0 },
	{ "refuse_cs", SCHEMA_TEXT,      false, F(refuse_why.cs),    "", NULL, 0, 0 },
	{ "refuse_en", SCHEMA_TEXT,      false, F(refuse_why.en),    "", NULL, 0, 0 },
	{ "advice_cs", SCHEMA_TEXT,      false, F(refuse_advice.cs), "", NULL, 0, 0 },
	{ "advice_en", SCHEMA_TEXT,      false, F(refuse_advice.en), "", NULL, 0, 0 },
};

static const struct schema_field labels_fields[] = {
	{ "partner", SCHEMA_NAME, false, L(partner), NULL, NULL, 0, 0 },
	{ "form",    SCHEMA_TEXT, false, L(form),    "", NULL, 0, 0 },
	{ "labels",  SCHEMA_TEXT, true,  L(labels),  NULL, NULL, 0, 0 },
};

static const struct schema_section sections[] = {
	{ "",        false, 1, NULL, 0 },
	{ "partner", true, CATALOGUE_PARTNERS_MAX, partner_fields, COUNT_OF(partner_fields) },
	{ "form",    true, CATALOGUE_FORMS_MAX, form_fields, COUNT_OF(form_fields) },
	{ "labels",  true, CATALOGUE_LABELS_MAX, labels_fields, COUNT_OF(labels_fields) },
};
/* clang-format on */

static const struct schema catalogue_schema = { sections, COUNT_OF(sections) };

/* One more zeroed item, its name (the first member) set. NULL without memory. */
static void *add_item(void **array, size_t *count, size_t size, const char *name)
{
	uint8_t *more = reallocarray(*array, *count + 1, size);
	char *copy = strdup(name);

	if (more != NULL) {
		*array = more;
	}
	if (more == NULL || copy == NULL) {
		free(copy);
		return NULL;
	}
	more += *count * size;
	memset(more, 0, size);
	memcpy(more, &copy, sizeof copy);
	(*count)++;
	return more;
}

static void complain(struct reading *reading, const char *section, size_t n, const char *key, const char *text)
{
	config_report_add(reading->report, false, reading->file, config_reading_line(reading, section, n, key), "%s", text);
}

static int add_partner(struct reading *reading, size_t n, struct catalogue *catalogue)
{
	const char *name = config_reading_title(reading, "partner", n);
	void *array = catalogue->partners;
	struct catalogue_partner *partner = NULL;
	char day[CONFIG_DAY_SIZE];

	if (catalogue_partner_find(catalogue, name) != NULL || catalogue->partner_count >= CATALOGUE_PARTNERS_MAX) {
		complain(reading, "partner", n, "", _("this partner stands in another file of the catalogue, or there are too many"));
		return 0;
	}
	if (strlen(name) > CONFIG_NAME_MAX || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
		complain(reading, "partner", n, "", _("expected a name of small letters, digits and \"-\""));
		return 0;
	}
	partner = add_item(&array, &catalogue->partner_count, sizeof *partner, name);
	catalogue->partners = array;
	if (partner == NULL) {
		return ERR_MEMORY;
	}
	if (config_fill(reading, &sections[1], n, partner) < 0) {
		return ERR_MEMORY;
	}
	if (!config_retention_until(partner->retention, 0, day)) {
		complain(reading, "partner", n, "retention", _("\"retention\": expected years, months or days, as in \"10 years\", or 0"));
	}
	if (partner->poll_first_ms > partner->poll_max_ms) {
		complain(reading, "partner", n, "poll_max", _("\"poll_max\" is less than \"poll_first\""));
	}
	return 0;
}

static void check_form(struct reading *reading, size_t n, const struct catalogue *catalogue, struct catalogue_form *form)
{
	const struct catalogue_partner *partner = catalogue_partner_find(catalogue, form->partner);

	if (strlen(form->id) > CATALOGUE_ID_MAX || strspn(form->id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != strlen(form->id)) {
		complain(reading, "form", n, "", _("expected a name of letters, digits, \"_\", \".\" and \"-\""));
	}
	if (partner == NULL && form->partner[0] != '\0') {
		complain(reading, "form", n, "partner", _("the catalogue has no such partner in this file or before it"));
	}
	if (partner != NULL && !config_reading_given(reading, "form", n, "approval")) {
		form->approval = partner->approval;
	}
	if (form->root[0] == '\0' && form->file_name[0] == '\0' && strcmp(form->format, "xml") == 0) {
		complain(reading, "form", n, "", _("a form in XML needs \"root\" or \"file_name\""));
	}
	if (form->refuse[0] != '\0' && (form->refuse_why.cs[0] == '\0' || form->refuse_why.en[0] == '\0')) {
		complain(reading, "form", n, "refuse", _("\"refuse\" needs \"refuse_cs\" and \"refuse_en\": what the card says"));
	}
	for (size_t i = 0; i + 1 < catalogue->form_count; i++) {
		if (strcmp(catalogue->forms[i].id, form->id) == 0 && strcmp(catalogue->forms[i].partner, form->partner) == 0) {
			complain(reading, "form", n, "", _("this partner has a form of that name already"));
		}
	}
}

static int add_form(struct reading *reading, size_t n, struct catalogue *catalogue)
{
	void *array = catalogue->forms;
	struct catalogue_form *form = NULL;

	if (catalogue->form_count >= CATALOGUE_FORMS_MAX) {
		complain(reading, "form", n, "", _("too many forms"));
		return 0;
	}
	form = add_item(&array, &catalogue->form_count, sizeof *form, config_reading_title(reading, "form", n));
	catalogue->forms = array;
	if (form == NULL || config_fill(reading, &sections[2], n, form) < 0) {
		return ERR_MEMORY;
	}
	check_form(reading, n, catalogue, form);
	return 0;
}

/* "Element@attribute=Czech|English": a key of XML names, and words in both languages. */
static bool is_label(const char *text)
{
	size_t key = strcspn(text, "="), czech = 0;
	const char *at = memchr(text, '@', key);

	if (key == 0 || text[key] == '\0' || strcspn(text, " \t<>&\"'/") < key ||
	    (at != NULL && (at + 1 == text + key || memchr(at + 1, '@', key - (size_t)(at + 1 - text)) != NULL))) {
		return false;
	}
	czech = strcspn(text + key + 1, "|");
	return czech > 0 && text[key + 1 + czech] == '|' && text[key + 2 + czech] != '\0' && strchr(text + key + 2 + czech, '|') == NULL;
}

static int add_labels(struct reading *reading, size_t n, struct catalogue *catalogue)
{
	void *array = catalogue->labels;
	struct catalogue_labels *labels = NULL;

	if (catalogue->labels_count >= CATALOGUE_LABELS_MAX) {
		complain(reading, "labels", n, "", _("too many sections of labels"));
		return 0;
	}
	labels = add_item(&array, &catalogue->labels_count, sizeof *labels, config_reading_title(reading, "labels", n));
	catalogue->labels = array;
	if (labels == NULL || config_fill(reading, &sections[3], n, labels) < 0) {
		return ERR_MEMORY;
	}
	for (size_t i = 0; i < labels->labels.count; i++) {
		if (!is_label(labels->labels.items[i])) {
			config_report_add(reading->report, false, reading->file, config_reading_line(reading, "labels", n, "labels"),
			                  _("\"%.100s\": expected \"Element@attribute=Czech|English\""), labels->labels.items[i]);
		}
	}
	return 0;
}

static int append(struct span text, const char *file, struct catalogue *catalogue, struct config_report *report)
{
	_cleanup_reading_ struct reading reading = { 0 };
	int r = config_reading_open(text, file, &catalogue_schema, &reading, report);

	for (size_t i = 0; r == 0 && i < config_reading_count(&reading, "partner"); i++) {
		r = add_partner(&reading, i, catalogue);
	}
	for (size_t i = 0; r == 0 && i < config_reading_count(&reading, "form"); i++) {
		r = add_form(&reading, i, catalogue);
	}
	for (size_t i = 0; r == 0 && i < config_reading_count(&reading, "labels"); i++) {
		r = add_labels(&reading, i, catalogue);
	}
	return r;
}

static struct catalogue *new_catalogue(const char *language)
{
	struct catalogue *catalogue = calloc(1, sizeof *catalogue);

	if (catalogue != NULL) {
		(void)snprintf(catalogue->language, sizeof catalogue->language, "%s", language);
	}
	return catalogue;
}

int catalogue_parse(struct span text, const char *file, const char *language, struct catalogue **ret, struct config_report *report)
{
	_cleanup_catalogue_ struct catalogue *catalogue = new_catalogue(language);
	size_t errors = report->errors;
	int r = catalogue == NULL ? ERR_MEMORY : append(text, file, catalogue, report);

	if (r < 0) {
		return r;
	}
	if (report->errors != errors) {
		return ERR_FORMAT;
	}
	*ret = catalogue;
	catalogue = NULL;
	return 0;
}

static int is_catalogue(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int append_file(const char *directory, const char *name, struct catalogue *catalogue, struct config_report *report)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ uint8_t *data = NULL;
	size_t length = 0;
	int r = ERR_INTERNAL;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return ERR_MEMORY;
	}
	r = config_file_read(path, CATALOGUE_FILE_MAX_BYTES, &data, &length, report);
	return r < 0 ? r : append(span_of(data, length), path, catalogue, report);
}

static int append_directory(const char *directory, struct catalogue *catalogue, struct config_report *report)
{
	struct dirent **entries = NULL;
	int count = scandir(directory, &entries, is_catalogue, alphasort);
	int r = 0;

	if (count < 0) {
		config_report_add(report, false, directory, 0, _("cannot be opened: %s"), strerror(errno));
		return ERR_NOTFOUND;
	}
	for (int i = 0; i < count; i++) {
		int one = append_file(directory, entries[i]->d_name, catalogue, report);

		/* A bad file does not hide the findings of the next. */
		r = one == ERR_MEMORY ? one : r;
		free(entries[i]);
	}
	free(entries);
	return r;
}

int catalogue_load(const struct config_list *directories, const char *language, struct catalogue **ret, struct config_report *report)
{
	_cleanup_catalogue_ struct catalogue *catalogue = new_catalogue(language);
	size_t errors = report->errors;
	int r = catalogue == NULL ? ERR_MEMORY : 0;

	for (size_t i = 0; r == 0 && i < directories->count; i++) {
		r = append_directory(directories->items[i], catalogue, report);
	}
	if (r < 0) {
		return r;
	}
	if (report->errors != errors) {
		return ERR_FORMAT;
	}
	*ret = catalogue;
	catalogue = NULL;
	return 0;
}

void catalogue_free(struct catalogue *catalogue)
{
	if (catalogue == NULL) {
		return;
	}
	for (size_t i = 0; i < catalogue->partner_count; i++) {
		free(catalogue->partners[i].name);
		config_fill_free(&sections[1], &catalogue->partners[i]);
	}
	for (size_t i = 0; i < catalogue->form_count; i++) {
		free(catalogue->forms[i].id);
		config_fill_free(&sections[2], &catalogue->forms[i]);
	}
	for (size_t i = 0; i < catalogue->labels_count; i++) {
		free(catalogue->labels[i].id);
		config_fill_free(&sections[3], &catalogue->labels[i]);
	}
	free(catalogue->partners);
	free(catalogue->forms);
	free(catalogue->labels);
	free(catalogue);
}
