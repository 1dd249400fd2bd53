/* der.h - DER for this room: the reader and writer that all rooms share. */
#ifndef TOKEN_DER_H
#define TOKEN_DER_H

#include "../appliance/base/der.h"

#endif
