/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4) over bytes in memory. */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H

#include <stdint.h>

#include "appliance/base/span.h"

/* By the instruction of the processor where it has one. */
uint32_t crc32c(struct span bytes);
/* The same on any processor; for crc32c, and for tests that it is the same. */
uint32_t crc32c_by_tables(struct span bytes);

#endif
