/* numbers.h - what the error numbers of gateway and ČSSZ mean and what to do about them (spec/cssz 10). */
#ifndef TRANSPORT_CSSZ_NUMBERS_H
#define TRANSPORT_CSSZ_NUMBERS_H

struct cssz_number {
	const char *number;
	const char *cs, *en;               /* what it means */
	const char *advice_cs, *advice_en; /* what to do */
};

/* NULL for a number that is not known: then it is shown as it came. */
const struct cssz_number *cssz_number_find(const char *number);

#endif
