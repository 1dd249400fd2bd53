#include "cryptoki.h"

#define NAMED(rv)                                                                                                                                              \
	{                                                                                                                                                      \
		rv, #rv                                                                                                                                        \
	}

const char *cryptoki_name(CK_RV rv)
{
	static const struct {
		CK_RV rv;
		const char *name;
	} names[] = {
		NAMED(CKR_HOST_MEMORY),
		NAMED(CKR_GENERAL_ERROR),
		NAMED(CKR_FUNCTION_FAILED),
		NAMED(CKR_ARGUMENTS_BAD),
		NAMED(CKR_DEVICE_ERROR),
		NAMED(CKR_DEVICE_MEMORY),
		NAMED(CKR_DEVICE_REMOVED),
		NAMED(CKR_CANCEL),
		NAMED(CKR_FUNCTION_CANCELED),
		NAMED(CKR_ENCRYPTED_DATA_INVALID),
		NAMED(CKR_ENCRYPTED_DATA_LEN_RANGE),
		NAMED(CKR_DATA_INVALID),
		NAMED(CKR_DATA_LEN_RANGE),
		NAMED(CKR_FUNCTION_NOT_SUPPORTED),
		NAMED(CKR_KEY_HANDLE_INVALID),
		NAMED(CKR_KEY_FUNCTION_NOT_PERMITTED),
		NAMED(CKR_KEY_TYPE_INCONSISTENT),
		NAMED(CKR_MECHANISM_INVALID),
		NAMED(CKR_MECHANISM_PARAM_INVALID),
		NAMED(CKR_OBJECT_HANDLE_INVALID),
		NAMED(CKR_OPERATION_ACTIVE),
		NAMED(CKR_OPERATION_NOT_INITIALIZED),
		NAMED(CKR_PIN_INCORRECT),
		NAMED(CKR_PIN_EXPIRED),
		NAMED(CKR_PIN_LOCKED),
		NAMED(CKR_PIN_LEN_RANGE),
		NAMED(CKR_SESSION_CLOSED),
		NAMED(CKR_SESSION_HANDLE_INVALID),
		NAMED(CKR_TEMPLATE_INCONSISTENT),
		NAMED(CKR_TOKEN_NOT_PRESENT),
		NAMED(CKR_TOKEN_NOT_RECOGNIZED),
		NAMED(CKR_USER_PIN_NOT_INITIALIZED),
		NAMED(CKR_USER_NOT_LOGGED_IN),
	};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (names[i].rv == rv) {
			return names[i].name;
		}
	}
	return "error";
}
