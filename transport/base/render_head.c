/* Head, foot and looks of the page. Both languages stand here: a job in its sandbox cannot open the catalogues of translations. */
#include <stdio.h>
#include <string.h>

#include "render.h"

#define PLACE_SIZE 96
#define NOTICE_SIZE 1024
#define PARAMETER_SIZE 256

static const char *const words[RENDER_WORD_COUNT][2] = {
	[RENDER_CASE] = { "Číslo případu", "Case" },
	[RENDER_FORM] = { "Formulář", "Form" },
	[RENDER_ENVIRONMENT] = { "Prostředí", "Environment" },
	[RENDER_PRODUCTION] = { "ostré", "production" },
	[RENDER_NOT_PRODUCTION] = { "Zkušební prostředí: podání nemá právní účinky", "Not production: a filing has no legal effect" },
	[RENDER_SHA256] = { "Otisk souboru (SHA-256)", "Fingerprint of the file (SHA-256)" },
	[RENDER_SIZE] = { "Velikost v bajtech", "Size in bytes" },
	[RENDER_ENCODING] = { "Kódování", "Encoding" },
	[RENDER_EXACT] = { "Stránka ukazuje vše, co v souboru stojí, v tomtéž pořadí, přílohy velikostí a otiskem. Podepisuje se soubor sám, ne tato stránka.",
	                   "This page shows all that stands in the file, in the same order, attachments by size and fingerprint. What is signed is the file "
	                   "itself, not this page." },
	[RENDER_EMPTY] = { "prázdné", "empty" },
	[RENDER_BLANK] = { "jen mezery, bajtů:", "blanks only, bytes:" },
	[RENDER_LONG] = { "Dlouhý text – rozbalit", "Long text: unfold" },
	[RENDER_CHARACTERS] = { "Počet znaků:", "Characters:" },
	[RENDER_ATTACHMENT] = { "Příloha (base64), její obsah tu není. Bajtů:", "Attachment (base64), its content is not shown. Bytes:" },
	[RENDER_COMMENT] = { "Poznámka v souboru", "Comment in the file" },
	[RENDER_INSTRUCTION] = { "Pokyn pro programy", "Instruction for programs" },
	[RENDER_TEXT] = { "Text", "Text" },
	[RENDER_NOT_SHOWN] = { "Nezobrazeno:", "Not shown:" },
	[RENDER_SEE_XML] = { "Úplný obsah je v souboru XML.", "See the XML file for all of it." },
	[RENDER_NOT_WHOLE] = { "Stránka neukazuje vše, co se podepíše.", "This page does not show everything that will be signed." },
	[RENDER_END] = { "Konec souboru", "End of the file" },
	[RENDER_BINARY] = { "Soubor není text; stránka ukazuje jen jeho otisk a velikost.",
	                    "The file is no text; the page shows its fingerprint and size only." },
};

/* No script, no address, nothing from elsewhere; what is shown is black on white where it is printed. */
static const char policy[] = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
static const char style[] =
    "html{-webkit-text-size-adjust:100%;text-size-adjust:100%}"
    "body{margin:0 auto;padding:.8rem;max-width:75rem;font:1rem/1.4 system-ui,'Segoe UI','Liberation Sans',Arial,sans-serif;color:#1b1b1b;background:#fff;"
    "overflow-wrap:anywhere}"
    "h1{font-size:1.4rem;margin:.2rem 0 .6rem}h2{font-size:1rem;margin:0 0 .3rem}"
    "code{font:.8em ui-monospace,'Liberation Mono',Consolas,monospace;color:#595959;font-weight:400}"
    ".bar{padding:.6rem .8rem;margin:0 0 .8rem;font-weight:700;border:3px solid #8a4b00;background:#ffe9b8;color:#3d2100}"
    ".bad{border-color:#9b0000;background:#ffdede;color:#5a0000}"
    ".head{border-bottom:2px solid #1b1b1b;padding-bottom:.6rem;margin-bottom:.8rem}"
    "dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(15rem,100%),1fr));gap:.15rem .8rem;margin:.1rem 0 .4rem}"
    "dl>div{border-bottom:1px solid #ddd;padding:.1rem 0}dt{font-size:.85em;line-height:1.25;color:#444}dd{margin:0;white-space:pre-wrap;font-weight:600}"
    "dd i:not(.u){font-weight:400;color:#666}.wide{grid-column:1/-1}"
    "section{border-left:3px solid #c9d3dd;padding:.3rem 0 .1rem .6rem;margin:.4rem 0}"
    "section section section section section section{padding-left:.2rem}"
    "section section section section section section section section section section{padding-left:0;border-left-width:1px}"
    "dl>div{overflow:clip}dd,code,pre,.t,.note{direction:ltr;unicode-bidi:bidi-override}" /* in the order of the bytes, whatever letters stand there */
    "p{margin:.3rem 0}.t,pre{white-space:pre-wrap;font:inherit;margin:.2rem 0}.note{background:#f2f2f2;padding:.2rem .4rem}"
    ".u{font:700 .75em ui-monospace,'Liberation Mono',Consolas,monospace;background:#9b0000;color:#fff;border-radius:.2em;padding:0 .25em;margin:0 .1em}"
    "summary{cursor:pointer;color:#003e7e}.hash{font:.9rem ui-monospace,'Liberation Mono',Consolas,monospace}"
    "@page{size:A4;margin:14mm}"
    "@media "
    "print{body{padding:0;font-size:9.5pt;max-width:none}dl{grid-template-columns:repeat(auto-fill,minmax(36mm,1fr))}dl>div,h2,section:not(:has(section,"
    "details,.t)){break-inside:avoid}"
    "h2{break-after:avoid}.bar,.u{-webkit-print-color-adjust:exact;print-color-adjust:exact}}"
    "@media print{@supports "
    "selector(details::details-content){summary{display:none}details::details-content{content-visibility:visible;display:block;block-size:auto}}}";

const char *render_word(const struct rendering *rendering, enum render_word word)
{
	return words[word][strcmp(rendering->language, "en") == 0 ? 1 : 0];
}

static void fact(struct rendering *rendering, enum render_word word, const char *value)
{
	page_putf(&rendering->page, "<div><dt>%s</dt><dd>", render_word(rendering, word));
	page_foreign(&rendering->page, span_of_string(value));
	page_put(&rendering->page, "</dd></div>\n");
}

static uint64_t fact_later(struct rendering *rendering, enum render_word word, const char *attributes)
{
	uint64_t place = 0;

	page_putf(&rendering->page, "<div%s><dt>%s</dt><dd>", attributes, render_word(rendering, word));
	place = page_reserve(&rendering->page, PLACE_SIZE);
	page_put(&rendering->page, "</dd></div>\n");
	return place;
}

void render_head(struct rendering *rendering, const struct job *job)
{
	char title[PARAMETER_SIZE], form[PARAMETER_SIZE], number[PARAMETER_SIZE], env[PARAMETER_SIZE];
	struct page *page = &rendering->page;

	(void)job_parameter(job, "title", "", title, sizeof title);
	(void)job_parameter(job, "form", "", form, sizeof form);
	(void)job_parameter(job, "case", "", number, sizeof number);
	(void)job_parameter(job, "env", "", env, sizeof env);
	page_putf(page, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"%s\">\n",
	          strcmp(rendering->language, "en") == 0 ? "en" : "cs", policy);
	page_put(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
	page_foreign(page, span_of_string(number));
	page_put(page, " ");
	page_foreign(page, span_of_string(title[0] != '\0' ? title : form));
	page_put(page, "</title>\n<style>");
	page_put(page, style);
	page_put(page, "</style>\n</head>\n<body>\n<header class=\"head\">\n");
	if (strcmp(env, "production") != 0) {
		page_putf(page, "<p class=\"bar\" id=\"env\">%s (", render_word(rendering, RENDER_NOT_PRODUCTION));
		page_foreign(page, span_of_string(env[0] != '\0' ? env : "?"));
		page_put(page, ")</p>\n");
	}
	rendering->notice_place = page_reserve(page, NOTICE_SIZE);
	page_put(page, "\n<h1>");
	page_foreign(page, span_of_string(title[0] != '\0' ? title : form));
	page_put(page, "</h1>\n<dl>\n");
	fact(rendering, RENDER_CASE, number);
	fact(rendering, RENDER_FORM, form);
	fact(rendering, RENDER_ENVIRONMENT, strcmp(env, "production") == 0 ? render_word(rendering, RENDER_PRODUCTION) : env[0] != '\0' ? env : "?");
	rendering->size_place = fact_later(rendering, RENDER_SIZE, "");
	rendering->encoding_place = fact_later(rendering, RENDER_ENCODING, "");
	rendering->hash_place = fact_later(rendering, RENDER_SHA256, " class=\"wide\" id=\"sha256\"");
	page_putf(page, "</dl>\n<p>%s</p>\n</header>\n<main>\n", render_word(rendering, RENDER_EXACT));
}

void render_omit(struct rendering *rendering, const char *why)
{
	if (rendering->why[0] == '\0') {
		(void)snprintf(rendering->why, sizeof rendering->why, "%s", why);
	}
	page_putf(&rendering->page, "<p class=\"bar bad\">%s ", render_word(rendering, RENDER_NOT_SHOWN));
	page_foreign(&rendering->page, span_of_string(why));
	page_putf(&rendering->page, ". %s</p>\n", render_word(rendering, RENDER_SEE_XML));
}

void render_foot(struct rendering *rendering, const char *sha256, uint64_t size, const char *encoding)
{
	char text[NOTICE_SIZE];

	page_putf(&rendering->page, "</main>\n<footer><p>%s</p></footer>\n</body>\n</html>\n", render_word(rendering, RENDER_END));
	page_fill(&rendering->page, rendering->hash_place, PLACE_SIZE, sha256);
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)size);
	page_fill(&rendering->page, rendering->size_place, PLACE_SIZE, text);
	page_fill(&rendering->page, rendering->encoding_place, PLACE_SIZE, encoding[0] != '\0' ? encoding : "–");
	if (rendering->why[0] != '\0') {
		(void)snprintf(text, sizeof text, "<p class=\"bar bad\" id=\"not-whole\">%s %s</p>", render_word(rendering, RENDER_NOT_WHOLE),
		               render_word(rendering, RENDER_SEE_XML));
		page_fill(&rendering->page, rendering->notice_place, NOTICE_SIZE, text);
	}
}
