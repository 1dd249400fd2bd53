/* inbox.h - the share's `Podat/`: finds files, waits until they are whole, claims them, takes them in (design 3, claim; research in README "Inbox").
 *
 * A file counts when it is closed (a lease shows that nobody has it open for writing), quiet for `share.quiet`, an ordinary file with one name, and its own
 * end is there (job `recognise` on a read-only descriptor). It is then renamed, under the lease, into the claim folder, which is not exported; from there its
 * bytes go to the vault and its claim is unlinked once `received` is durable. What is left in the claim folder by a crash is finished at the next start.
 */
#ifndef HUB_INBOX_H
#define HUB_INBOX_H

#include "hub.h"

/* Opens nothing yet. NULL without memory. */
struct inbox *inbox_new(struct hub *hub);
/* The journal is replayed: finishes old claims and begins to watch. */
void inbox_start(struct hub *hub);
/* Files seen and not yet taken in, and why nothing is taken in when it is not (untranslated, "" for none), for `status`. */
size_t inbox_waiting(const struct hub *hub, const char **ret_why);
/* Those of them that can be neither used nor put aside: a person must take them away. */
size_t inbox_stuck(const struct hub *hub);

#endif
