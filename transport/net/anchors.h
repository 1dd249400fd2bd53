/* anchors.h - trust anchors, parsed once before any session is forked: the system's hundred and more cost a session 50 ms of CPU, its handshake 2.
 *
 * What is loaded is what lay there at the start; the zygote starts anew when one of these files changes (zygote_paths.h).
 */
#ifndef NET_ANCHORS_H
#define NET_ANCHORS_H

#include "zygote_paths.h"

/* The files of `paths`, and the system's anchors where SETUP has a line `system-anchors`. One that cannot be read is left out: a session that needs it finds
 * that out by itself, in libcurl's words. */
void anchors_load(const struct paths *paths);
/* The X509_STORE of this file ("": the system's); NULL when it was not loaded. Stays the property of this module. */
struct x509_store_st *anchors_find(const char *ca_file);

#endif
