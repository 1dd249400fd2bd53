/* jmhz.h - the header of a monthly report of an employer (JMHZ, spec/cssz 8.3): which report it belongs to, which of its packages it is, and whether what is in it fits. */
#ifndef TRANSPORT_CSSZ_JMHZ_H
#define TRANSPORT_CSSZ_JMHZ_H

#include "cssz.h"

#define JMHZ_ID_SIZE 37
#define JMHZ_PERSONS_MAX 1500

struct jmhz {
	char id[JMHZ_ID_SIZE]; /* idPodani: the same for the whole report, its packages and its corrections; in upper case */
	char act;              /* typPodani: 'R', 'O', 'S' */
	uint64_t month, year, package, packages;
	uint64_t summaries, pvpoj, persons; /* parts that are in it */
};

/* Reads it from `fd`, from the beginning. NULL when good; otherwise English words (check.c has them in Czech). *ret_err as in facts.h. */
const char *jmhz_read(int fd, struct jmhz *ret, int *ret_err);
/* A name for the report that tells nothing of it: GROUP_SIZE - 1 hex digits of a hash over variable symbol and idPodani. The random bits of idPodani are its salt. */
#define JMHZ_GROUP_SIZE 33
int jmhz_group(const struct jmhz *report, const char *vs, char ret[JMHZ_GROUP_SIZE]);

#endif
