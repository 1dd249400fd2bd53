/* group.h - filings that belong together: packages of one report, its corrections and its cancellation. What is missing, and how far the others are. */
#ifndef HUB_GROUP_H
#define HUB_GROUP_H

#include "hub.h"

#define GROUP_WORDS_SIZE 768
#define GROUP_PACKAGES_MAX 256 /* of one report that are looked for */
#define GROUP_LISTED_MAX 8     /* cases, and likewise missing packages, that are named */

/* "correction" and the like for lists; "" for what has no group. */
const char *group_act_name(const struct hub_case *of);
/* One sentence for people, translated; "" when it belongs to nothing. */
void group_words(const struct cases *cases, const struct hub_case *of, char ret[GROUP_WORDS_SIZE]);

#endif
