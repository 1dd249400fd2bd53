/* page.h - writes an HTML page into a file in constant memory. What came from outside goes through page_foreign only.
 *
 * Signs that a person would not see, or that turn the order of what is seen (control, bidirectional, zero-width, private), and bytes that are not UTF-8
 * become a small box with their number, so that what is read is what is signed.
 */
#ifndef TRANSPORT_BASE_PAGE_H
#define TRANSPORT_BASE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../appliance/base/span.h"

#define PAGE_BUFFER_BYTES 16384
#define PAGE_MAX_BYTES (UINT64_C(32) << 20) /* where a page begins to be full; what stands at its end comes after */
#define PAGE_SIGN_MAX_BYTES 64              /* the longest that one character becomes */

struct page {
	int fd;        /* a file: pieces are put in later (page_fill) */
	uint64_t size; /* written so far, with what is in the buffer */
	size_t held;   /* in the buffer */
	int err;       /* the first failure; after it nothing is written */
	char buffer[PAGE_BUFFER_BYTES];
};

/* Words of the page itself, as they are. */
void page_put(struct page *page, const char *html);
void page_putf(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Foreign text. A character that is cut off at the end counts as bytes that are no text: hand over whole characters. */
void page_foreign(struct page *page, struct span text);
/* Room for at most `length` bytes that are known only later; its place. */
uint64_t page_reserve(struct page *page, size_t length);
/* Fills that room; longer words are an error. */
void page_fill(struct page *page, uint64_t place, size_t length, const char *html);
/* True when no more of the form should follow. */
bool page_is_full(const struct page *page);
/* Everything into the file. 0 or the first failure. */
int page_finish(struct page *page);

#endif
