/* words.h - what people read from EPO's replies. Both languages stand here: a job in its sandbox cannot open the catalogues of translations. */
#ifndef TRANSPORT_EPO_WORDS_H
#define TRANSPORT_EPO_WORDS_H

enum epo_word {
	WORD_INFORMATION,
	WORD_WARNING,
	WORD_SERIOUS,
	WORD_STRUCTURE,
	WORD_CRITICAL,
	WORD_SERVER,
	WORD_OTHER,
	WORD_SENTENCE,
	WORD_ROW,
	WORD_FIELD,
	WORD_MORE,
	WORD_STATE,
	WORD_NUMBER,
	WORD_PASSWORD,
	WORD_PASSWORD_KEPT,
	WORD_TRANSFER,
	WORD_DATE,
	WORD_RECOGNISED,
	WORD_YES,
	WORD_NO,
	WORD_COUNT,
};

/* `language` "en" gives English, anything else Czech. */
const char *epo_word(const char *language, enum epo_word word);

#endif
