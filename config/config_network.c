/* config_network.c - what the keys of `proxy` and `mail` say about each other. */
#include <string.h>

#include "../appliance/base/text.h"
#include "config_schema.h"
#include "config_value.h"

/* All but "none" and "sent": what is over, and what waits for a person. */
#define DEFAULT_EVENTS ((1U << 1) | (1U << 2) | (1U << 4) | (1U << 5) | (1U << 6) | (1U << 7) | (1U << 8))

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

static void check_mail(struct reading *reading, struct config *config)
{
	struct config_mail *mail = &config->mail;
	bool people = mail->to.count > 0;

	for (size_t i = 0; i < config->user_count; i++) {
		bool has = config->user_list[i].mail[0] != '\0';

		people = people || has;
		if (has && mail->url[0] == '\0') {
			COMPLAIN(reading, config_reading_line(reading, "user", i, "mail"), _("\"mail\" of a user needs \"url\" in section \"mail\""));
		}
	}
	if ((mail->user[0] == '\0') != (mail->password_file[0] == '\0')) {
		COMPLAIN(reading, config_reading_line(reading, "mail", 0, "user"), _("\"user\" and \"password_file\" go together"));
	}
	if (mail->url[0] == '\0') {
		if (!config_reading_given(reading, "mail", 0, "url") && config_reading_line(reading, "mail", 0, "") != 0) {
			COMPLAIN(reading, config_reading_line(reading, "mail", 0, ""), _("\"mail\" needs \"url\", the address of the mail server"));
		}
		return;
	}
	if (mail->from[0] == '\0') {
		COMPLAIN(reading, config_reading_line(reading, "mail", 0, "url"), _("\"mail\" needs \"from\""));
	}
	if (!people) {
		COMPLAIN(reading, config_reading_line(reading, "mail", 0, "url"), _("\"mail\" needs \"to\", or users with an address"));
	}
	if (mail->digest_at[0] != '\0' && mail->to.count == 0) {
		COMPLAIN(reading, config_reading_line(reading, "mail", 0, "digest_at"), _("\"digest_at\" needs \"to\": the digest goes there"));
	}
	if (mail->events == 0) {
		mail->events = DEFAULT_EVENTS;
	}
}

bool config_mail_tells(const struct config_mail *mail, const char *state)
{
	unsigned index = 0;

	return config_value_word(CONFIG_MAIL_EVENTS, state, &index) && (mail->events & (1U << index)) != 0;
}

const char *config_mail_of(const struct config *config, uid_t uid)
{
	for (size_t i = 0; i < config->user_count; i++) {
		if (config->user_list[i].uid == uid) {
			return config->user_list[i].mail;
		}
	}
	return "";
}

void config_network_check(struct reading *reading, struct config *config)
{
	check_proxy(reading, &config->proxy);
	check_mail(reading, config);
}
