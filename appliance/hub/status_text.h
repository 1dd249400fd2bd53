/* status_text.h - stav.txt: what a person wants to know first of a closed case. The filing number is written in the middle of it by the partner's program. */
#ifndef HUB_STATUS_TEXT_H
#define HUB_STATUS_TEXT_H

#include "hub.h"

#define STATUS_TEXT_MAX_BYTES 6144

/* The first part. `file`: the name as staff know it. */
void status_text_write(const struct hub *hub, const struct hub_case *of, const char *file, char ret[STATUS_TEXT_MAX_BYTES]);
/* The last part: what each of the papers beside it is. `names`: as on the share, `stride` bytes apart. */
void status_text_papers(const char *names, size_t stride, size_t count, char ret[STATUS_TEXT_MAX_BYTES]);

#endif
