/* config_network.c - what the keys of `proxy` say about each other. */
#include <string.h>

#include "../appliance/base/text.h"
#include "config_schema.h"

#define COMPLAIN(reading, line, ...) config_report_add((reading)->report, false, (reading)->file, line, __VA_ARGS__)

static void check_proxy(struct reading *reading, const struct config_proxy *proxy)
{
	static const char *const keys[] = { "url", "user", "password_file", "no_proxy" };

	/* A setting that has no effect would be taken for one that has. */
	for (size_t i = 0; proxy->mode != CONFIG_PROXY_OWN && i < sizeof keys / sizeof keys[0]; i++) {
		if (config_reading_given(reading, "proxy", 0, keys[i])) {
			COMPLAIN(reading, config_reading_line(reading, "proxy", 0, keys[i]), _("\"%s\" counts only with mode = \"own\""), keys[i]);
		}
	}
	if (proxy->mode == CONFIG_PROXY_OWN && proxy->url[0] == '\0') {
		COMPLAIN(reading, config_reading_line(reading, "proxy", 0, "mode"), _("mode \"own\" needs \"url\", the address of the proxy"));
	}
	if ((proxy->user[0] == '\0') != (proxy->password_file[0] == '\0')) {
		COMPLAIN(reading, config_reading_line(reading, "proxy", 0, "user"), _("\"user\" and \"password_file\" go together"));
	}
	/* RFC 7617 section 2: the first colon ends the name. */
	if (strchr(proxy->user, ':') != NULL) {
		COMPLAIN(reading, config_reading_line(reading, "proxy", 0, "user"), _("\"user\": a colon cannot be part of the name"));
	}
}

void config_network_check(struct reading *reading, const struct config *config)
{
	check_proxy(reading, &config->proxy);
}
