/* cryptoki.h - the PKCS#11 2.40 header, and the module's function list for the few files that call it themselves. */
#ifndef TOKEN_CRYPTOKI_H
#define TOKEN_CRYPTOKI_H

#include "libcrypto.h"

#define CRYPTOKI_COMPAT 1
#include <p11-kit/pkcs11.h>

struct module_api {
	CK_FUNCTION_LIST list;
};

/* "CKR_DEVICE_REMOVED"; "error" for what has no name here. */
const char *cryptoki_name(CK_RV rv);

#endif
