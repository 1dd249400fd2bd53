#include "words.h"

#include <string.h>

static const char *const words[WORD_COUNT][2] = {
	[WORD_INFORMATION] = { "Informace", "Information" },
	[WORD_WARNING] = { "Propustná chyba", "Warning" },
	[WORD_SERIOUS] = { "Závažná chyba", "Serious error" },
	[WORD_STRUCTURE] = { "Chyba struktury", "Structure error" },
	[WORD_CRITICAL] = { "Kritická chyba", "Critical error" },
	[WORD_SERVER] = { "Chyba na straně serveru", "Server error" },
	[WORD_OTHER] = { "Chyba neznámého druhu", "Error of an unknown class" },
	[WORD_SENTENCE] = { "věta", "sentence" },
	[WORD_ROW] = { "řádek", "row" },
	[WORD_FIELD] = { "položka", "field" },
	[WORD_MORE] = { "a další, celkem navíc", "and more, not listed" },
	[WORD_STATE] = { "Stav podání na portálu", "State of the filing at the portal" },
	[WORD_NUMBER] = { "Podací číslo", "Filing number" },
	[WORD_PASSWORD] = { "Přístupové heslo ke stavu podání", "Password for the state of the filing" },
	[WORD_PASSWORD_KEPT] = { "uloženo v podatelně, sem se nezapisuje", "kept in the box, not written here" },
	[WORD_TRANSFER] = { "ID předání (zpracování mimo provoz)", "Transfer ID (processed off-line)" },
	[WORD_DATE] = { "Datum a čas podání", "Date and time of filing" },
	[WORD_RECOGNISED] = { "Přijato s uznávaným podpisem (ZAREP)", "Taken with a recognised signature (ZAREP)" },
	[WORD_YES] = { "ano", "yes" },
	[WORD_NO] = { "ne", "no" },
};

const char *epo_word(const char *language, enum epo_word word)
{
	return words[word][strcmp(language, "en") == 0 ? 1 : 0];
}
