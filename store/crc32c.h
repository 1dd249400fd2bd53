/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4) over bytes in memory. */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H

#include <stdint.h>

#include "appliance/base/span.h"

uint32_t crc32c(struct span bytes);

#endif
