#include "err.h"

const char *err_name(int err)
{
	static const char *const names[] = {
		"ok",          "internal", "system",      "memory",   "format",    "limit",  "deadline",    "gone",        "protocol",
		"not-found",   "exists",   "state",       "denied",   "mismatch",  "damage", "locked",      "pin-refused", "pin-last-try",
		"pin-blocked", "token",    "certificate", "no-space", "read-only", "busy",   "unsupported", "again",
	};

	if (err > 0 || err < ERR_MIN) {
		return "unknown";
	}
	return names[-err];
}
