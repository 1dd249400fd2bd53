#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "setup.h"

static int add_memory(struct setup *setup, const char *name, const char *text)
{
	int fd = setup->fd_count < WIRE_FDS_MAX ? fd_memfd_sealed(name, text, strlen(text)) : ERR_LIMIT;

	if (fd < 0) {
		return fd;
	}
	setup->fds[setup->fd_count] = fd;
	return (int)setup->fd_count++;
}

/* A password goes to the program as a descriptor, unread. What cannot be used is said to it: it must not do without (no login, no proxy). */
static int add_password(struct setup *setup, const char *path, const char *fd_line, const char *fault_line)
{
	int place = config_secret_check(path) == 0 ? setup_add_file(setup, path) : ERR_DENIED;

	if (place < 0) {
		log_error("%s: a password file must be there and readable by root alone", path);
		lines_set(&setup->lines, fault_line, "password");
		return 0;
	}
	lines_set_u64(&setup->lines, fd_line, (uint64_t)place);
	return 0;
}

static const char *first_variable(const char *const *names)
{
	for (; *names != NULL; names++) {
		const char *value = getenv(*names);

		if (value != NULL && value[0] != '\0') {
			return value;
		}
	}
	return NULL;
}

/* As other programs read them: small letters first. The address may hold a login, so it goes as a descriptor too. */
static int add_system_proxy(struct setup *setup)
{
	static const char *const addresses[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL };
	static const char *const exceptions[] = { "no_proxy", "NO_PROXY", NULL };
	const char *address = first_variable(addresses), *without = first_variable(exceptions);
	int place = 0;

	if (address == NULL) {
		return 0;
	}
	place = add_memory(setup, "proxy", address);
	if (place < 0) {
		return place;
	}
	lines_set(&setup->lines, "proxy", "system");
	lines_set_u64(&setup->lines, "proxy-fd", (uint64_t)place);
	if (without != NULL) {
		lines_set(&setup->lines, "no-proxy", without);
	}
	return 0;
}

static int add_own_proxy(const struct config_proxy *proxy, struct setup *setup)
{
	char exceptions[LINES_VALUE_MAX] = "";
	size_t have = 0;
	int place = add_memory(setup, "proxy", proxy->url);

	if (place < 0) {
		return place;
	}
	lines_set(&setup->lines, "proxy", "own");
	lines_set_u64(&setup->lines, "proxy-fd", (uint64_t)place);
	for (size_t i = 0; i < proxy->no_proxy.count && have < sizeof exceptions; i++) {
		have += (size_t)snprintf(exceptions + have, sizeof exceptions - have, "%s%s", have == 0 ? "" : ",", proxy->no_proxy.items[i]);
	}
	if (have > 0) {
		lines_set(&setup->lines, "no-proxy", exceptions);
	}
	if (proxy->user[0] == '\0') {
		return 0;
	}
	lines_set(&setup->lines, "proxy-user", proxy->user);
	return add_password(setup, proxy->password_file, "proxy-password-fd", "proxy-fault");
}

/* Address, login and anchors come from here and not from the hub: whoever takes over that one cannot have the password sent elsewhere. */
static int add_mail(const struct config_mail *mail, struct setup *setup)
{
	if (mail->url[0] == '\0') {
		return 0;
	}
	lines_set(&setup->lines, "mail-url", mail->url);
	if (mail->ca_file[0] != '\0') {
		lines_set(&setup->lines, "mail-ca-file", mail->ca_file);
	}
	if (mail->user[0] == '\0') {
		return 0;
	}
	lines_set(&setup->lines, "mail-user", mail->user);
	return add_password(setup, mail->password_file, "mail-password-fd", "mail-fault");
}

/* As with mail: a login goes to the addresses that stand beside it in the configuration, whatever the hub asks for. */
static int add_login(const struct config_tsa *tsa, size_t n, struct setup *setup)
{
	char place[LINES_NAME_MAX + 1], fault[LINES_NAME_MAX + 1], url[LINES_NAME_MAX + 1];

	if (tsa->user[0] == '\0') {
		return 0;
	}
	(void)snprintf(place, sizeof place, "login.%zu.password-fd", n);
	(void)snprintf(fault, sizeof fault, "login.%zu.fault", n);
	setup_set_numbered(&setup->lines, "login", n, "name", tsa->name);
	setup_set_numbered(&setup->lines, "login", n, "user", tsa->user);
	if (tsa->ca_file[0] != '\0') {
		setup_set_numbered(&setup->lines, "login", n, "ca-file", tsa->ca_file);
	}
	for (size_t i = 0; i < tsa->urls.count; i++) {
		(void)snprintf(url, sizeof url, "url.%zu", i);
		setup_set_numbered(&setup->lines, "login", n, url, tsa->urls.items[i]);
	}
	return add_password(setup, tsa->password_file, place, fault);
}

static int add_tsas(const struct config *config, size_t *ca_files, struct setup *setup)
{
	for (size_t i = 0; i < config->tsa_count; i++) {
		const struct config_tsa *tsa = &config->tsas[i];
		int err = add_login(tsa, i, setup);

		if (err < 0) {
			return err;
		}
		if (tsa->ca_file[0] != '\0') {
			setup_set_numbered(&setup->lines, "ca-file", (*ca_files)++, "", tsa->ca_file);
		} else {
			lines_set(&setup->lines, "system-anchors", "yes");
		}
	}
	return 0;
}

int setup_transport(const struct config *config, struct setup *setup)
{
	size_t count = 0;
	int err = add_mail(&config->mail, setup);

	if (err < 0) {
		return err;
	}
	if (config->mail.ca_file[0] != '\0') {
		setup_set_numbered(&setup->lines, "ca-file", count++, "", config->mail.ca_file);
	}
	for (size_t i = 0; i < config->partner_count; i++) {
		if (config->partners[i].ca_file[0] != '\0') {
			setup_set_numbered(&setup->lines, "ca-file", count++, "", config->partners[i].ca_file);
		} else {
			lines_set(&setup->lines, "system-anchors", "yes");
		}
	}
	err = add_tsas(config, &count, setup);
	if (err < 0) {
		return err;
	}
	switch (config->proxy.mode) {
	case CONFIG_PROXY_SYSTEM:
		return add_system_proxy(setup);
	case CONFIG_PROXY_OWN:
		return add_own_proxy(&config->proxy, setup);
	default:
		return 0;
	}
}
