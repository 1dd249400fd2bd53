/* cause.h - why a partner or a mail server was not reached, in words that the network program writes and the hub tells people.
 *
 * The words stand at the beginning of the `error` of a record, in English; details of the moment (a host, an issuer) may follow after ": ".
 */
#ifndef BASE_CAUSE_H
#define BASE_CAUSE_H

#include <stdint.h>

enum cause {
	CAUSE_NONE, /* nothing that has a name here: the error speaks for itself */
	CAUSE_PROXY_SETTINGS,
	CAUSE_PROXY_GONE,
	CAUSE_PROXY_LOGIN_NEEDED,
	CAUSE_PROXY_LOGIN_REFUSED,
	CAUSE_PROXY_LOGIN_OTHER,
	CAUSE_PROXY_FORBIDS,
	CAUSE_PROXY_FAILS,
	CAUSE_NO_NAME,
	CAUSE_NO_ANSWER,
	CAUSE_CERTIFICATE_REPLACED,
	CAUSE_CERTIFICATE_TIME,
	CAUSE_CERTIFICATE_NAME,
	CAUSE_MAIL_SETTINGS,
	CAUSE_MAIL_LOGIN_REFUSED,
	CAUSE_MAIL_NO_TLS,
	CAUSE_MAIL_REFUSED,
	CAUSE_LOGIN_SETTINGS,
	CAUSE_TLS_LOCKED,
	CAUSE_TLS_TOKEN,
	CAUSE_TLS_REFUSED,
	CAUSE_TLS_WANTED,
	CAUSE_COUNT,
};

/* English, marked for translation; "" for CAUSE_NONE. */
const char *cause_text(enum cause cause);
/* The cause whose text stands at the beginning of `error`. NULL is fine. */
enum cause cause_find(const char *error);
/* Before trying again, at least this long: a wrong password that is tried too often locks an account, a replaced certificate stays one. */
uint64_t cause_pause_ms(enum cause cause);

#endif
