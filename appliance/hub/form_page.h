/* form_page.h - the page on which a person reads a form before it is signed (job `render`), for the command line and for KeSchvaleni. */
#ifndef HUB_FORM_PAGE_H
#define HUB_FORM_PAGE_H

#include "flow.h"

#define FORM_LABELS_MAX_BYTES 131072

/* The label of the case's form in the language of the box; its id where the catalogue has none. */
const char *form_page_title(const struct hub *hub, const struct hub_case *of);
/* The labels of the case's form, as a descriptor to be closed. */
int form_page_labels(const struct hub *hub, const struct hub_case *of);
/* Renders the original of `of` into `to`, a file that can be written at places. `work` may be one without a case. `done` looks at work->err and the results
 * `whole`, `why`, `sha256`. */
void form_page_render(struct work *work, const struct hub_case *of, int to, work_done done);
/* Only its fingerprint: result `sha256`. */
void form_page_digest(struct work *work, const struct hub_case *of, work_done done);

#endif
