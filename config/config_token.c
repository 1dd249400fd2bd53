#include "config_token.h"

#include <string.h>

#include "../appliance/base/text.h"

static char at(const struct scanner *scanner, size_t index)
{
	return index < scanner->text.length ? (char)scanner->text.data[index] : '\0';
}

void config_token_blank(struct scanner *scanner, size_t from, size_t to)
{
	for (size_t i = from; i < to && i < scanner->text.length; i++) {
		if (scanner->scan->clean[i] != '\n') {
			scanner->scan->clean[i] = ' ';
		}
	}
}

void config_token_complain(struct scanner *scanner, int line, const char *text)
{
	config_report_add(scanner->report, false, scanner->file, line, "%s", text);
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("_.:%/@-", c) != NULL);
}

/* Over white space and comments; false when a block comment has no end. */
static bool skip_blank(struct scanner *scanner)
{
	while (scanner->at < scanner->text.length) {
		char c = at(scanner, scanner->at);
		size_t from = scanner->at;

		if (c == '\n') {
			scanner->line++;
			scanner->at++;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			scanner->at++;
		} else if (c == '#' || (c == '/' && at(scanner, from + 1) == '/')) {
			while (scanner->at < scanner->text.length && at(scanner, scanner->at) != '\n') {
				scanner->at++;
			}
			config_token_blank(scanner, from, scanner->at);
		} else if (c == '/' && at(scanner, from + 1) == '*') {
			int line = scanner->line;

			scanner->at += 2;
			while (scanner->at < scanner->text.length && !(at(scanner, scanner->at) == '*' && at(scanner, scanner->at + 1) == '/')) {
				scanner->line += at(scanner, scanner->at) == '\n' ? 1 : 0;
				scanner->at++;
			}
			if (scanner->at >= scanner->text.length) {
				config_token_complain(scanner, line, _("the comment that begins here has no end"));
				return false;
			}
			scanner->at += 2;
			config_token_blank(scanner, from, scanner->at);
		} else {
			break;
		}
	}
	return true;
}

static enum token read_quoted(struct scanner *scanner, char quote)
{
	scanner->at++;
	scanner->start = scanner->at;
	for (;;) {
		char c = at(scanner, scanner->at);

		if (scanner->at >= scanner->text.length || c == '\n') {
			config_token_complain(scanner, scanner->token_line, _("the text that begins on this line has no closing quote"));
			return TOKEN_BAD;
		}
		if (c == quote) {
			scanner->end = scanner->at++;
			return TOKEN_TEXT;
		}
		if (c == '\\' && at(scanner, scanner->at + 1) != quote && at(scanner, scanner->at + 1) != '\\') {
			config_token_complain(scanner, scanner->token_line, _("a backslash may only stand before a quote or another backslash"));
			return TOKEN_BAD;
		}
		if (c == '$' && at(scanner, scanner->at + 1) == '{') {
			config_token_complain(scanner, scanner->token_line, _("variables (${...}) are not replaced here: write the value itself"));
			return TOKEN_BAD;
		}
		scanner->at += c == '\\' ? 2 : 1;
	}
}

enum token config_token_next(struct scanner *scanner)
{
	char c = '\0';

	scanner->token = TOKEN_BAD;
	scanner->from = scanner->start = scanner->end = scanner->at;
	if (!skip_blank(scanner)) {
		return TOKEN_BAD;
	}
	scanner->token_line = scanner->line;
	scanner->from = scanner->start = scanner->end = scanner->at;
	if (scanner->at >= scanner->text.length) {
		return scanner->token = TOKEN_END;
	}
	c = at(scanner, scanner->at);
	if (c == '"' || c == '\'') {
		return scanner->token = read_quoted(scanner, c);
	}
	if (strchr("={},+", c) != NULL) {
		scanner->sign = c;
		scanner->end = ++scanner->at;
		return scanner->token = TOKEN_SIGN;
	}
	while (is_word_byte(at(scanner, scanner->at))) {
		if (at(scanner, scanner->at) == '/' && at(scanner, scanner->at + 1) == '/') {
			config_token_complain(scanner, scanner->line, _("a text with \"//\" must stand in quotes"));
			return TOKEN_BAD;
		}
		scanner->end = ++scanner->at;
	}
	if (scanner->end == scanner->start) {
		config_token_complain(scanner, scanner->line, _("a character that means nothing here; texts stand in quotes"));
		return TOKEN_BAD;
	}
	return scanner->token = TOKEN_WORD;
}

bool config_token_is_sign(const struct scanner *scanner, char sign)
{
	return scanner->token == TOKEN_SIGN && scanner->sign == sign;
}

bool config_token_is_value(const struct scanner *scanner)
{
	return scanner->token == TOKEN_TEXT || scanner->token == TOKEN_WORD;
}

struct span config_token_span(const struct scanner *scanner)
{
	return span_of(scanner->text.data + scanner->start, scanner->end - scanner->start);
}
