/* address.h - the addresses of a partner: `url` of its configuration, and `backup_urls` to fall over to, in their order.
 *
 * A contact goes to the first address that is not put off; a question about a filing goes to the one that took it, as long as that is not put off. An address is put
 * off, for longer and longer, when it could not be reached or said that its service is down. Whether a filing may be sent again at all is decided before, by
 * records alone: only after a `not-sent` (P3). The address of each request stands in its record (`url`).
 */
#ifndef HUB_ADDRESS_H
#define HUB_ADDRESS_H

#include "hub.h"

/* The address for the next request of the case, without a slash at its end. Borrowed from the configuration. */
const char *address_choose(const struct hub_partner *partner, const struct hub_case *of, enum case_purpose purpose);
/* What the last request of the case came to: reached, or not for partner->cause. Sets partner->not_before_ms, when it was not, to the moment at which the first
 * address may be asked again. */
void address_result(struct hub_partner *partner, const struct hub_case *of, bool reached);
/* None is put off any more: a person wants it now. */
void address_hurry(struct hub_partner *partner);
/* The address that the next filing would go to when that is not the first one; NULL otherwise. */
const char *address_fallen_over(const struct hub_partner *partner);

#endif
