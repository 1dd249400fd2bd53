/* rehearse.h - what every job would have to look up anew, looked up once in the zygote: libxml2 and libcrypto keep what they find at the first use. */
#ifndef TRANSPORT_REHEARSE_H
#define TRANSPORT_REHEARSE_H

#include <stdbool.h>

/* Parses a document of our own and checks a signature that nobody made. False when a library cannot do what the jobs need. */
bool rehearse_jobs(void);

#endif
