/* login.h - user and password for servers that errands go to, as SETUP gave them; they leave this program under checked TLS alone, to the addresses named with them.
 *
 * SETUP lines: login.<n>.name         what a request calls it
 *              login.<n>.user, login.<n>.password-fd (number of the descriptor), login.<n>.fault (the password file could not be used)
 *              login.<n>.ca-file      trust anchors that a request with this login must name; absent: the system's
 *              login.<n>.url.<m>      addresses that it may be sent to, each a whole URL
 * Address and anchors come from there and not from the hub: whoever takes over that one cannot have a password sent elsewhere.
 */
#ifndef NET_LOGIN_H
#define NET_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "proxy.h"
#include "request.h"

#define LOGINS_MAX 8
#define LOGIN_URLS_MAX 8

struct login {
	bool usable;
	char name[REQUEST_NAME_MAX_BYTES + 1];
	char user[PROXY_LOGIN_MAX_BYTES + 1], password[PROXY_LOGIN_MAX_BYTES + 1];
	char ca_file[REQUEST_PATH_MAX_BYTES + 1];
	char urls[LOGIN_URLS_MAX][REQUEST_URL_MAX_BYTES + 1];
	size_t url_count;
};

struct logins {
	struct login list[LOGINS_MAX];
	size_t count;
};

void logins_read(struct logins *ret, struct span settings, proxy_take_fd take, void *context);
/* The login that a request names, for just what it is for. NULL when there is none, it cannot be used, or the request goes elsewhere. */
const struct login *logins_find(const struct logins *logins, const struct request *request);

#endif
