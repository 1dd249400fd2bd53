/* place.h - where the parts of the box lie: all programs in one folder (build tree), or as installed: podatelna in bin, podatelnad in sbin, the others in
 * libexec/podatelna, data in share. Everything is sought from the folder of the running program, never by PATH, so that a whole tree can be moved.
 */
#ifndef BASE_PLACE_H
#define BASE_PLACE_H

#include <stddef.h>

#define PLACE_MAX_BYTES 4096

/* The path of a program of the box ("podatelna-store"). 0, ERR_NOTFOUND, or ERR_LIMIT when it does not fit. */
int place_program(const char *name, char ret[PLACE_MAX_BYTES]);
/* The path of a folder below share ("locale", "podatelna/catalogue"), of this tree or else of /usr. 0, ERR_NOTFOUND or ERR_LIMIT. */
int place_share(const char *name, char ret[PLACE_MAX_BYTES]);

#endif
