/* signer.h - which of the configured keys signs a case. A partner may name several keys, in one token or in several: they share the work, and one that is not
 * there is done without. What a person hands in is signed by that person's own key, where the configuration gives one (`user { sign_key }`).
 *
 * The choice is made anew for each signature and is nowhere promised: the record `intent` names the key that was taken.
 */
#ifndef HUB_SIGNER_H
#define HUB_SIGNER_H

#include "flow.h"

#define SIGNER_RETRY_MS 10000 /* a key that failed stands back for so long while others are there */

/* Why no key can sign the case now, English for translation; NULL when one can. */
const char *signer_waiting(const struct hub *hub, const struct hub_case *of);
/* The same of one key of the configuration, whatever it is for. */
const char *signer_key_waiting(const struct hub *hub, size_t key);
/* Does the token of this key say that it is software? */
bool signer_key_is_software(const struct hub *hub, size_t key);
/* Takes the ready key with the least under way in its token, of equals the one that waited longest; a key that failed a moment ago only when there is no other.
 * Its name, or NULL when none is ready. signer_release gives it back. */
const char *signer_take(struct work *work);
/* Is there a ready key that did not fail a moment ago? */
bool signer_has_other(const struct hub *hub, const struct hub_case *of);
/* The signature was made, or was not (`failed`). May be called when nothing was taken. */
void signer_release(struct work *work, bool failed);

#endif
