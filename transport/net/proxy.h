/* proxy.h - the proxy that requests go through when they say `proxy: configured`, as SETUP gave it; its login never leaves this program but in a CONNECT.
 *
 * SETUP lines: proxy          own | system; absent: no proxy
 *              proxy-fd       number of the descriptor with the address: http://[user:password@]host[:port] (a login may stand in it only with `system`)
 *              proxy-user, proxy-password-fd   the login with `own`
 *              no-proxy       names (with all below them), addresses and networks, separated by commas; "*" is all
 *              proxy-fault    the parent could not open the password file
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include <stdbool.h>

#include "../../appliance/base/span.h"

#define PROXY_URL_MAX_BYTES 1024
#define PROXY_LOGIN_MAX_BYTES 512
#define PROXY_EXCEPTIONS_MAX_BYTES 16384 /* as much as a line of SETUP holds */

struct proxy {
	bool configured;
	bool usable;                          /* false: what was configured cannot be used; nothing goes out past it */
	char url[PROXY_URL_MAX_BYTES + 1];    /* http://host:port, without a login */
	char user[PROXY_LOGIN_MAX_BYTES + 1]; /* empty: no login */
	char password[PROXY_LOGIN_MAX_BYTES + 1];
	char exceptions[PROXY_EXCEPTIONS_MAX_BYTES + 1];
};

/* Gives descriptor n of SETUP, -1 when there is none; the caller of this closes it. */
typedef int (*proxy_take_fd)(void *context, size_t n);
void proxy_read(struct proxy *ret, struct span settings, proxy_take_fd take, void *context);
/* Does a request to this https URL go through the proxy? */
bool proxy_applies(const struct proxy *proxy, const char *url);
/* `host` without brackets. True when one of the exceptions names it. */
bool proxy_excepts(const char *exceptions, const char *host);
/* The content of a password file: one line without its end. False when there is none, or it is too long. */
bool proxy_read_secret(int fd, char *ret, size_t size);

#endif
