/* words.h - the words that reports about ČSSZ use, Czech and English (podatelna-partner has no gettext: it has no disk). */
#ifndef TRANSPORT_CSSZ_WORDS_H
#define TRANSPORT_CSSZ_WORDS_H

enum cssz_word {
	WORD_FORM, /* a form of the filing */
	WORD_WHOLE,
	WORD_TAKEN,
	WORD_TAKEN_WITH_WARNINGS,
	WORD_REFUSED,
	WORD_ADVICE,
	WORD_MORE,
	WORD_SUM,
	WORD_ID,
	WORD_SYMBOL,
	WORD_CLASS,
	WORD_REPORT_STATE, /* of a monthly report (JMHZ) */
	WORD_REPORT_PACKAGE,
	WORD_FAULT,
	WORD_NO_DATA,
	WORD_COUNT
};

const char *cssz_word(const char *language, enum cssz_word word);

#endif
