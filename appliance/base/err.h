/* err.h - the one list of failures that functions of this project return.
 *
 * A function that can fail returns `int`: 0 or one of these negative values. Failures of other libraries (errno, CK_RV, CURLcode, OpenSSL)
 * are translated where they happen, and their words go into the log or the record there.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
	ERR_OK = 0,
	ERR_INTERNAL = -1, /* the value every result variable starts with: nobody decided */
	ERR_SYSTEM = -2,   /* errno says more; logged where it happened */
	ERR_MEMORY = -3,
	ERR_FORMAT = -4, /* foreign bytes are not what they must be */
	ERR_LIMIT = -5,  /* a named limit is exceeded */
	ERR_DEADLINE = -6,
	ERR_GONE = -7,     /* the peer closed, died, or the thing is no longer there */
	ERR_PROTOCOL = -8, /* a peer broke the control protocol: it is to be killed */
	ERR_NOTFOUND = -9,
	ERR_EXISTS = -10,
	ERR_STATE = -11,    /* not permitted in this state */
	ERR_DENIED = -12,   /* not permitted for this caller */
	ERR_MISMATCH = -13, /* `prev` or a digest is not the expected one */
	ERR_DAMAGE = -14,   /* stored bytes are not what was written */
	ERR_LOCKED = -15,   /* a token must be logged in first */
	ERR_PIN = -16,      /* the PIN was refused */
	ERR_PIN_LAST = -17, /* the PIN would be the last try: never unattended */
	ERR_PIN_BLOCKED = -18,
	ERR_TOKEN = -19,    /* token or module failed; the text says how */
	ERR_CERT = -20,     /* certificate unusable; the text says why */
	ERR_SPACE = -21,    /* no space left where the store writes */
	ERR_READONLY = -22, /* the store takes no new records (damage, roll-back, fault) */
	ERR_BUSY = -23,
	ERR_UNSUPPORTED = -24,
	ERR_AGAIN = -25, /* not now; nothing was done */
	ERR_MIN = -25,
};

/* A short English word for logs ("format", "deadline"); never NULL. */
const char *err_name(int err);

#endif
