/* block.c - rows that say too much for one line of a table: readers, keys, and what else lies on a token. A title, and below it one line for each thing, with what a
 * person has to write into podatelna.conf to use it. */
#include "block.h"

#include <string.h>

#include "../base/escape.h"
#include "../base/state.h"
#include "../base/text.h"
#include "columns.h"

#define VALUE_MAX_BYTES 1024
#define SHOWN_MAX_BYTES 2048
#define INDENT 4

struct block {
	const struct row *row;
	FILE *to;
	size_t width; /* of the terminal, 0: none */
};

static const char *value_of(const struct block *block, const char *name, char ret[VALUE_MAX_BYTES])
{
	char value[VALUE_MAX_BYTES / 2];

	rows_value(block->row, name, value, sizeof value);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(value), ret, VALUE_MAX_BYTES);
	return ret;
}

static bool value_is(const struct block *block, const char *name, const char *wanted)
{
	char value[VALUE_MAX_BYTES];

	rows_value(block->row, name, value, sizeof value);
	return strcmp(value, wanted) == 0;
}

/* "    Title: text", going on indented; nothing for an empty text. `title` translated. */
static void put_line(const struct block *block, const char *title, const char *text)
{
	if (text[0] == '\0') {
		return;
	}
	(void)fprintf(block->to, "%*s%s: ", INDENT, "", title);
	if (block->width == 0) {
		(void)fprintf(block->to, "%s\n", text);
	} else {
		columns_wrap(text, INDENT + columns_count(title) + 2, block->width, block->to);
	}
}

static void put_value(const struct block *block, const char *title, const char *name)
{
	char value[VALUE_MAX_BYTES];

	put_line(block, title, value_of(block, name, value));
}

static void put_title(const struct block *block, const char *kind, const char *name, const char *more)
{
	char value[VALUE_MAX_BYTES], text[SHOWN_MAX_BYTES];

	(void)snprintf(text, sizeof text, "%s %s%s%s", kind, value_of(block, name, value), more[0] == '\0' ? "" : ": ", more);
	if (block->width == 0) {
		(void)fprintf(block->to, "%s\n", text);
	} else {
		columns_wrap(text, 0, block->width, block->to);
	}
}

/* A line of configuration is never broken: it is there to be copied. */
static void put_setting(const struct block *block, const char *name, const char *value)
{
	if (value[0] != '\0') {
		(void)fprintf(block->to, "%*s%s = \"%s\"\n", 3 * INDENT, "", name, value);
	}
}

static void put_certificate(const struct block *block)
{
	char until[64], value[VALUE_MAX_BYTES], days[32], text[SHOWN_MAX_BYTES];

	put_value(block, _("Holder"), "subject");
	put_value(block, _("Issuer"), "issuer");
	put_value(block, _("Serial number"), "serial");
	rows_value(block->row, "not-after", value, sizeof value);
	rows_value(block->row, "days-left", days, sizeof days);
	if (value[0] != '\0' && strlen(value) < sizeof until) {
		label_time(value, until, sizeof until);
		(void)snprintf(text, sizeof text, _("%s (days left: %s)"), until, days);
		put_line(block, _("Valid until"), text);
	}
	put_value(block, _("The certificate allows"), "allows");
	put_value(block, _("Algorithm"), "algorithm");
}

static void print_key(const struct block *block)
{
	char state[64], value[VALUE_MAX_BYTES], text[SHOWN_MAX_BYTES];

	rows_value(block->row, "state", state, sizeof state);
	(void)snprintf(text, sizeof text, _("in the token %s: %s"), value_of(block, "token", value), label_key_state(state));
	put_title(block, _("Key"), "key", text);
	put_value(block, _("Use"), "use");
	put_value(block, _("Note"), "note");
	put_certificate(block);
}

static const char *pin_label(const char *id)
{
	static const struct {
		const char *id, *text;
	} labels[] = {
		{ "none", N_("none is needed") },
		{ "not-set", N_("not set yet") },
		{ "ok", N_("set") },
		{ "few-tries", N_("a wrong PIN was entered: few tries are left") },
		{ "last-try", N_("one try is left; the box never uses it") },
		{ "blocked", N_("blocked") },
	};

	for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
		if (strcmp(labels[i].id, id) == 0) {
			return _(labels[i].text);
		}
	}
	return id;
}

static void print_reader(const struct block *block)
{
	char value[VALUE_MAX_BYTES], pin[64], text[SHOWN_MAX_BYTES];
	const char *what = value_is(block, "holds", "no")           ? _("empty")
	                   : value_is(block, "holds", "blank")      ? _("a blank token (podatelna token init)")
	                   : value_is(block, "holds", "unreadable") ? _("a token that does not answer")
	                                                            : "";

	put_title(block, _("Reader"), "reader", what);
	put_value(block, _("Token"), "label");
	put_value(block, _("Serial number"), "serial");
	put_value(block, _("Model"), "model");
	put_value(block, _("Maker"), "maker");
	rows_value(block->row, "pin", pin, sizeof pin);
	if (pin[0] != '\0') {
		(void)snprintf(text, sizeof text, "%s%s", pin_label(pin), value_is(block, "pinpad", "yes") ? _("; can be entered at the reader") : "");
		put_line(block, _("PIN"), text);
	}
	if (!value_is(block, "configured", "")) {
		put_value(block, _("In the configuration"), "configured");
	} else if (!value_is(block, "uri", "")) {
		(void)fprintf(block->to, "%*s%s:\n", INDENT, "", _("Not in the configuration; to use it, write there"));
		(void)fprintf(block->to, "%*stoken \"%s\" {\n", 2 * INDENT, "", "office");
		put_setting(block, "module", value_of(block, "module", value));
		put_setting(block, "uri", value_of(block, "uri", value));
		(void)fprintf(block->to, "%*s}\n", 2 * INDENT, "");
	}
}

/* The use that the certificate was most likely made for; "" for one that none is proposed for. */
static const char *first_use(const struct block *block, char ret[64])
{
	rows_value(block->row, "suited", ret, 64);
	ret[strcspn(ret, " ")] = '\0';
	return strcmp(ret, "issuer") == 0 ? "" : ret;
}

static void print_proposal(const struct block *block)
{
	char value[VALUE_MAX_BYTES], use[64];

	if (first_use(block, use)[0] == '\0' || value_is(block, "uri", "")) {
		return;
	}
	(void)fprintf(block->to, "%*s%s:\n", INDENT, "", _("Not in the configuration; to use it, write there"));
	(void)fprintf(block->to, "%*skey \"%s\" {\n", 2 * INDENT, "", use);
	put_setting(block, "token", value_of(block, "token", value));
	put_setting(block, "uri", value_of(block, "uri", value));
	(void)fprintf(block->to, "%*suse = { \"%s\" }\n", 3 * INDENT, "", use);
	if (strcmp(use, "vault") == 0) {
		put_setting(block, "cert", "/etc/podatelna/vault.pem");
	}
	(void)fprintf(block->to, "%*s}\n", 2 * INDENT, "");
	if (!value_is(block, "suited", use)) {
		put_value(block, _("It is suited for"), "suited");
	}
}

static void print_object(const struct block *block)
{
	char id[VALUE_MAX_BYTES], token[VALUE_MAX_BYTES], text[SHOWN_MAX_BYTES];
	bool issuer = value_is(block, "suited", "issuer");
	const char *kind = issuer                                 ? _("Certificate of an issuer")
	                   : value_is(block, "certificate", "no") ? _("Key without a certificate")
	                                                          : _("Key with a certificate");

	(void)snprintf(text, sizeof text, _("id %s in the token %s"), value_of(block, "id", id)[0] == '\0' ? "-" : id, value_of(block, "token", token));
	put_title(block, kind, "label", text);
	put_certificate(block);
	print_proposal(block);
	if (value_is(block, "certificate", "no")) {
		put_line(block, _("Note"), _("it can be used once its certificate is on the token (podatelna token import-cert) or in a file"));
	}
}

bool block_print(const struct row *row, bool first, FILE *to)
{
	const struct block block = { .row = row, .to = to, .width = columns_terminal(to) };
	void (*print)(const struct block *block) = strcmp(row->kind, "key") == 0      ? print_key
	                                           : strcmp(row->kind, "reader") == 0 ? print_reader
	                                           : strcmp(row->kind, "object") == 0 ? print_object
	                                                                              : NULL;

	/* What the configuration names was shown as a key of it already. */
	if (print == NULL || (print == print_object && !value_is(&block, "key", ""))) {
		return print != NULL;
	}
	(void)fputs(first ? "" : "\n", to);
	print(&block);
	return true;
}
