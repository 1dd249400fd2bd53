#include "words.h"

#include <string.h>

static const char *const words[WORD_COUNT][2] = {
	[WORD_FORM] = { "Formulář", "Form" },
	[WORD_WHOLE] = { "Podání jako celek", "The filing as a whole" },
	[WORD_TAKEN] = { "přijato", "accepted" },
	[WORD_TAKEN_WITH_WARNINGS] = { "přijato s výhradou", "accepted with a warning" },
	[WORD_REFUSED] = { "nepřijato", "not accepted" },
	[WORD_ADVICE] = { "Co udělat", "What to do" },
	[WORD_MORE] = { "a další, celkem navíc", "and more, not listed" },
	[WORD_SUM] = { "Formulářů přijato / nepřijato", "Forms accepted / not accepted" },
	[WORD_ID] = { "Identifikátor podání (CorrelationID)", "Identifier of the filing (CorrelationID)" },
	[WORD_SYMBOL] = { "Variabilní symbol", "Variable symbol" },
	[WORD_CLASS] = { "Služba ČSSZ", "Service of ČSSZ" },
	[WORD_REPORT_STATE] = { "Stav měsíčního hlášení", "State of the monthly report" },
	[WORD_REPORT_PACKAGE] = { "Podání", "Filing" },
	[WORD_FAULT] = { "chyba", "error" },
	[WORD_NO_DATA] = { "V odpovědi nejsou data, o která se žádalo", "The answer holds no data that were asked for" },
};

const char *cssz_word(const char *language, enum cssz_word word)
{
	return words[word][strcmp(language, "en") == 0 ? 1 : 0];
}
