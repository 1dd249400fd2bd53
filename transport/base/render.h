/* render.h - the parts of the job `render` (job.h): its head and words, runs of text, and the walk through a form. Only render*.c. */
#ifndef TRANSPORT_BASE_RENDER_H
#define TRANSPORT_BASE_RENDER_H

#include "digest.h"
#include "labels.h"
#include "page.h"
#include "partner.h"

#define RENDER_FOLD_BYTES 600  /* longer values are folded */
#define RENDER_HOLD_BYTES 4096 /* so much of a text is held before it is decided what it is; a shorter one is never taken for an attachment */
#define RENDER_WHY_SIZE 192
#define RENDER_WORD_SIZE 512

enum render_word {
	RENDER_CASE,
	RENDER_FORM,
	RENDER_ENVIRONMENT,
	RENDER_PRODUCTION,
	RENDER_NOT_PRODUCTION,
	RENDER_SHA256,
	RENDER_SIZE,
	RENDER_ENCODING,
	RENDER_EXACT,
	RENDER_EMPTY,
	RENDER_BLANK,
	RENDER_LONG,
	RENDER_CHARACTERS,
	RENDER_ATTACHMENT,
	RENDER_COMMENT,
	RENDER_INSTRUCTION,
	RENDER_TEXT,
	RENDER_NOT_SHOWN,
	RENDER_SEE_XML,
	RENDER_NOT_WHOLE,
	RENDER_END,
	RENDER_BINARY,
	RENDER_WORD_COUNT,
};

enum render_run { RUN_NONE, RUN_HELD, RUN_LONG, RUN_ATTACHMENT };

/* A text between two tags, which comes in pieces. */
struct render_text {
	enum render_run run;
	uint8_t held[RENDER_HOLD_BYTES];
	size_t length;       /* held */
	uint64_t characters; /* of a text that is shown */
	uint64_t bytes;      /* of an attachment: as it stands */
	uint64_t decoded;    /* and behind the base64 */
	EVP_MD_CTX *digest;  /* of what is behind it */
	EVP_ENCODE_CTX *base64;
	bool broken; /* it was no base64 after all */
};

struct rendering {
	struct page page;
	struct labels labels;
	struct render_text text;
	char language[8];
	uint64_t values; /* attributes and texts shown */
	size_t depth;    /* of open elements */
	struct {
		char name[XMLWALK_NAME_MAX_BYTES + 1]; /* of the last child seen at this depth */
		uint64_t count;                        /* how many of that name in a row */
		bool fields;                           /* the list of attributes is open */
	} levels[XMLWALK_DEPTH_MAX + 2];
	char why[RENDER_WHY_SIZE]; /* the first thing that is not shown, English; "" while the page is whole */
	uint64_t hash_place, size_place, encoding_place, notice_place;
};

/* --- render_head.c --- */
const char *render_word(const struct rendering *rendering, enum render_word word);
/* From the first byte to where the form begins; leaves room for what is known at the end. */
void render_head(struct rendering *rendering, const struct job *job);
/* Puts in what is known now, and closes the page. `encoding` "" for none. */
void render_foot(struct rendering *rendering, const char *sha256, uint64_t size, const char *encoding);
/* A line in its place says that something is not shown here; `why` in English, without words of the document. */
void render_omit(struct rendering *rendering, const char *why);

/* --- render_xml.c --- */
/* Context: struct rendering. A handler ends the walk with ERR_LIMIT when the page is full. */
extern const struct xml_handler render_events;

/* --- render_text.c --- */
/* A piece of text, whole characters. 0, or ERR_LIMIT when the page is full. */
int render_text_add(struct rendering *rendering, struct span from);
/* The run ends: a tag follows, or nothing. */
void render_text_end(struct rendering *rendering);
/* A value that is there at once. */
void render_value(struct rendering *rendering, struct span value);
void render_text_free(struct render_text *text);

#endif
