/* Texts of a form: short ones in their place, long ones folded, attachments as size and digest. A text comes in pieces and is never held whole. */
#include <string.h>

#include "../../appliance/base/err.h"
#include "render.h"

#define LINE_LEAST 40 /* of base64: prose has blanks before that */

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static bool is_base64(uint8_t byte)
{
	return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '+' || byte == '/' || byte == '=';
}

/* White space, and the two blanks that do not break: a value of nothing else would look empty. */
static bool is_all_blank(struct span text)
{
	struct span skipped;

	while (!span_is_empty(text)) {
		size_t length = is_blank(text.data[0]) ? 1 : span_starts_with(text, "\xc2\xa0") ? 2 : span_starts_with(text, "\xe2\x80\xaf") ? 3 : 0;

		if (length == 0) {
			return false;
		}
		(void)span_read_bytes(&text, length, &skipped);
	}
	return true;
}

static uint64_t count_characters(struct span text)
{
	uint64_t count = 0;

	for (size_t i = 0; i < text.length; i++) {
		count += (text.data[i] & 0xc0) != 0x80 ? 1 : 0;
	}
	return count;
}

/* Base64 as programs write it: long lines, nothing else. */
static bool looks_attached(struct span text)
{
	size_t line = 0;

	for (size_t i = 0; i < text.length; i++) {
		bool ends = text.data[i] == '\n' || text.data[i] == '\r';

		if (!ends && !is_base64(text.data[i]) && !(is_blank(text.data[i]) && line == 0)) {
			return false;
		}
		if (ends && line > 0 && line < LINE_LEAST) {
			return false;
		}
		line = ends ? 0 : line + (is_blank(text.data[i]) ? 0 : 1);
	}
	return true;
}

static void open_fold(struct rendering *rendering)
{
	page_putf(&rendering->page, "<details><summary>%s</summary><div class=\"t\">", render_word(rendering, RENDER_LONG));
}

static void close_fold(struct rendering *rendering, uint64_t characters)
{
	page_putf(&rendering->page, "</div></details><i>%s %llu</i>", render_word(rendering, RENDER_CHARACTERS), (unsigned long long)characters);
}

void render_value(struct rendering *rendering, struct span value)
{
	rendering->values++;
	if (span_is_empty(value)) {
		page_putf(&rendering->page, "<i>%s</i>", render_word(rendering, RENDER_EMPTY));
	} else if (is_all_blank(value)) {
		page_putf(&rendering->page, "<i>%s %zu</i>", render_word(rendering, RENDER_BLANK), value.length);
	} else if (value.length <= RENDER_FOLD_BYTES) {
		page_foreign(&rendering->page, value);
	} else {
		open_fold(rendering);
		page_foreign(&rendering->page, value);
		close_fold(rendering, count_characters(value));
	}
}

static void decode(struct render_text *text, struct span from)
{
	while (!text->broken && !span_is_empty(from)) {
		uint8_t decoded[RENDER_HOLD_BYTES];
		struct span part = { 0 };
		int length = 0;

		(void)span_read_bytes(&from, from.length < RENDER_HOLD_BYTES ? from.length : RENDER_HOLD_BYTES, &part);
		text->broken = EVP_DecodeUpdate(text->base64, decoded, &length, part.data, (int)part.length) < 0 ||
		               digest_feed(text->digest, span_of(decoded, (size_t)length)) != 0;
		text->decoded += (uint64_t)length;
	}
}

static void attach(struct rendering *rendering, struct span piece)
{
	struct render_text *text = &rendering->text;

	text->bytes += piece.length;
	for (size_t i = 0; i < piece.length && !text->broken; i++) {
		text->broken = !is_base64(piece.data[i]) && !is_blank(piece.data[i]);
	}
	decode(text, piece);
}

static void begin_attachment(struct rendering *rendering)
{
	struct render_text *text = &rendering->text;

	EVP_MD_CTX_free(text->digest);
	EVP_ENCODE_CTX_free(text->base64);
	text->digest = digest_new("SHA256");
	text->base64 = EVP_ENCODE_CTX_new();
	text->run = RUN_ATTACHMENT;
	text->bytes = text->decoded = 0;
	text->broken = text->digest == NULL || text->base64 == NULL;
	if (!text->broken) {
		EVP_DecodeInit(text->base64);
	}
}

static void end_attachment(struct rendering *rendering)
{
	struct render_text *text = &rendering->text;
	uint8_t rest[8];
	char hex[DIGEST_HEX_SIZE] = "";
	int length = 0;

	text->broken = text->broken || EVP_DecodeFinal(text->base64, rest, &length) < 0 || digest_feed(text->digest, span_of(rest, (size_t)length)) != 0 ||
	               digest_hex(text->digest, hex) != 0;
	if (text->broken) {
		/* It began like an attachment and is none: what was read is gone, and that is said. */
		render_omit(rendering, "a long text that began like base64");
		return;
	}
	page_putf(&rendering->page, "<p class=\"note\">%s %llu, SHA-256 <span class=\"hash\">%s</span></p>\n", render_word(rendering, RENDER_ATTACHMENT),
	          (unsigned long long)text->decoded + (unsigned long long)length, hex);
}

static void open_text(struct rendering *rendering)
{
	rendering->values++;
	page_put(&rendering->page, "<div class=\"t\">");
}

/* More came than is held: now it is decided what it is. */
static void decide(struct rendering *rendering)
{
	struct render_text *text = &rendering->text;
	struct span held = span_of(text->held, text->length);

	if (looks_attached(held)) {
		begin_attachment(rendering);
		attach(rendering, held);
		return;
	}
	open_text(rendering);
	open_fold(rendering);
	text->run = RUN_LONG;
	text->characters = count_characters(held);
	page_foreign(&rendering->page, held);
}

static int add_piece(struct rendering *rendering, struct span piece)
{
	struct render_text *text = &rendering->text;

	if (text->run == RUN_HELD && text->length + piece.length > sizeof text->held) {
		decide(rendering);
	}
	switch (text->run) {
	case RUN_HELD:
		memcpy(text->held + text->length, piece.data, piece.length);
		text->length += piece.length;
		break;
	case RUN_LONG:
		page_foreign(&rendering->page, piece);
		text->characters += count_characters(piece);
		break;
	case RUN_ATTACHMENT:
		attach(rendering, piece);
		break;
	case RUN_NONE:
	default:
		break;
	}
	return page_is_full(&rendering->page) ? ERR_LIMIT : rendering->page.err;
}

int render_text_add(struct rendering *rendering, struct span from)
{
	struct render_text *text = &rendering->text;
	struct span piece = { 0 };
	int err = 0;

	if (text->run == RUN_NONE) {
		while (from.length > 0 && is_blank(from.data[0])) {
			(void)span_read_bytes(&from, 1, &piece);
		}
		if (span_is_empty(from)) {
			return 0;
		}
		text->run = RUN_HELD;
		text->length = 0;
	}
	while (err == 0 && !span_is_empty(from)) {
		size_t length = from.length < RENDER_HOLD_BYTES ? from.length : RENDER_HOLD_BYTES;

		while (length < from.length && length > RENDER_HOLD_BYTES - 4 && (from.data[length] & 0xc0) == 0x80) {
			length--; /* not inside a character */
		}
		(void)span_read_bytes(&from, length, &piece);
		err = add_piece(rendering, piece);
	}
	return err;
}

void render_text_end(struct rendering *rendering)
{
	struct render_text *text = &rendering->text;
	enum render_run run = text->run;

	text->run = RUN_NONE;
	switch (run) {
	case RUN_HELD:
		while (text->length > 0 && is_blank(text->held[text->length - 1])) {
			text->length--;
		}
		page_put(&rendering->page, "<div class=\"t\">");
		render_value(rendering, span_of(text->held, text->length));
		page_put(&rendering->page, "</div>\n");
		break;
	case RUN_LONG:
		close_fold(rendering, text->characters);
		page_put(&rendering->page, "</div>\n");
		break;
	case RUN_ATTACHMENT:
		end_attachment(rendering);
		break;
	case RUN_NONE:
	default:
		break;
	}
}

void render_text_free(struct render_text *text)
{
	EVP_MD_CTX_free(text->digest);
	EVP_ENCODE_CTX_free(text->base64);
	text->digest = NULL;
	text->base64 = NULL;
}
