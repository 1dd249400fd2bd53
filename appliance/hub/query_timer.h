/* query_timer.h - what the box asks partners for by itself once a day (`query { }`). That it was asked is told by the case that it became, so that no start asks again. */
#ifndef HUB_QUERY_TIMER_H
#define HUB_QUERY_TIMER_H

#include <stdint.h>

struct hub;

/* Which daily question the `source` of a record `received` names; 0: none. */
uint32_t query_timer_id(const char *source);
/* Begins what is due. */
void query_timer_look(struct hub *hub);

#endif
