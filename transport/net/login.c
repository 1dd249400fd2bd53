#include "login.h"

#include <stdio.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"

static bool find(struct span settings, size_t n, const char *name, char *ret, size_t size)
{
	char line[LINES_NAME_MAX + 1];

	(void)snprintf(line, sizeof line, "login.%zu.%s", n, name);
	return lines_find_string(settings, line, ret, size);
}

static void read_urls(struct span settings, size_t n, struct login *login)
{
	for (size_t i = 0; i < LOGIN_URLS_MAX; i++) {
		char name[16];

		(void)snprintf(name, sizeof name, "url.%zu", i);
		if (find(settings, n, name, login->urls[login->url_count], sizeof login->urls[0])) {
			login->url_count++;
		}
	}
}

static bool read_password(struct span settings, size_t n, struct login *login, proxy_take_fd take, void *context)
{
	char number[24], fault[24];
	uint64_t place = 0;
	_cleanup_close_ int fd = -1;

	if (find(settings, n, "password-fd", number, sizeof number) && span_parse_u64(span_of_string(number), &place)) {
		fd = take(context, (size_t)place);
	}
	return !find(settings, n, "fault", fault, sizeof fault) && proxy_read_secret(fd, login->password, sizeof login->password);
}

void logins_read(struct logins *ret, struct span settings, proxy_take_fd take, void *context)
{
	*ret = (struct logins){ 0 };
	for (size_t i = 0; i < LOGINS_MAX; i++) {
		struct login *login = &ret->list[ret->count];

		if (!find(settings, i, "name", login->name, sizeof login->name)) {
			continue;
		}
		(void)find(settings, i, "ca-file", login->ca_file, sizeof login->ca_file);
		read_urls(settings, i, login);
		login->usable = find(settings, i, "user", login->user, sizeof login->user) && read_password(settings, i, login, take, context);
		if (!login->usable) {
			log_error("the login for %s cannot be used: nothing is asked there", login->name);
		}
		ret->count++;
	}
}

static bool is_for(const struct login *login, const struct request *request)
{
	for (size_t i = 0; i < login->url_count; i++) {
		if (strcmp(login->urls[i], request->url) == 0) {
			return strcmp(login->ca_file, request->ca_file) == 0;
		}
	}
	return false;
}

const struct login *logins_find(const struct logins *logins, const struct request *request)
{
	for (size_t i = 0; i < logins->count; i++) {
		const struct login *login = &logins->list[i];

		if (strcmp(login->name, request->login) == 0) {
			return login->usable && is_for(login, request) ? login : NULL;
		}
	}
	return NULL;
}
