/* config_token.h - the words and signs of a file of libconfuse syntax, for config_scan.c. */
#ifndef CONFIG_CONFIG_TOKEN_H
#define CONFIG_CONFIG_TOKEN_H

#include "config_scan.h"

enum token { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_SIGN, TOKEN_BAD };

/* The text is walked by index with every access checked by at(). */
struct scanner {
	struct span text;
	size_t at;
	int line;
	enum token token;
	char sign;
	size_t from;       /* where the token begins, its quote included */
	size_t start, end; /* of the token; of its inside for a quoted text */
	int token_line;
	const char *file;
	const struct schema *schema;
	struct scan *scan;
	struct config_report *report;
};

/* The next token; TOKEN_BAD was complained about. */
enum token config_token_next(struct scanner *scanner);
bool config_token_is_sign(const struct scanner *scanner, char sign);
/* A word or a quoted text. */
bool config_token_is_value(const struct scanner *scanner);
struct span config_token_span(const struct scanner *scanner);
/* Overwrites a part of the clean text, line ends excepted. */
void config_token_blank(struct scanner *scanner, size_t from, size_t to);
void config_token_complain(struct scanner *scanner, int line, const char *text);
/* Of the names that a section knows, the one most like `word`, or NULL. */
const char *config_suggest(const struct schema *schema, const struct schema_section *section, const char *word);

#endif
