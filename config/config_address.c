/* The addresses of partners: how many, on servers of their own, and test and production apart. */
#include <string.h>
#include <strings.h>

#include "../appliance/base/text.h"
#include "catalogue.h"
#include "config_schema.h"

#define SCHEME "https://"
#define DEFAULT_PORT ":443"

/* Host and port of an address that was found good; the port that is meant without one is left out. */
static struct span server_of(const char *url)
{
	const char *host = strncmp(url, SCHEME, sizeof SCHEME - 1) == 0 ? url + sizeof SCHEME - 1 : url;
	size_t length = strcspn(host, "/"), port = sizeof DEFAULT_PORT - 1;

	if (length > port && memcmp(host + length - port, DEFAULT_PORT, port) == 0) {
		length -= port;
	}
	return span_of(host, length);
}

static bool same(struct span a, struct span b)
{
	return a.length == b.length && strncasecmp((const char *)a.data, (const char *)b.data, a.length) == 0;
}

static size_t address_count(const struct config_partner *partner)
{
	return 1 + partner->backup_urls.count;
}

static const char *address(const struct config_partner *partner, size_t index)
{
	return index == 0 ? partner->url : partner->backup_urls.items[index - 1];
}

/* An address that another partner has too, for another environment: NULL when there is none. */
static const char *find_shared(const struct config_partner *a, const struct config_partner *b)
{
	for (size_t i = 0; i < address_count(a); i++) {
		for (size_t k = 0; k < address_count(b); k++) {
			if (same(server_of(address(a, i)), server_of(address(b, k)))) {
				return address(a, i);
			}
		}
	}
	return NULL;
}

void config_address_cross(struct reading *reading, const struct config *config, size_t n)
{
	const struct config_partner *partner = &config->partners[n];
	int line = config_reading_line(reading, "partner", n, "backup_urls");

	if (address_count(partner) > CONFIG_ADDRESSES_MAX) {
		config_report_add(reading->report, false, reading->file, line, _("\"backup_urls\" names more than %d addresses"), CONFIG_ADDRESSES_MAX - 1);
		return;
	}
	for (size_t i = 1; i < address_count(partner); i++) {
		for (size_t k = 0; k < i; k++) {
			if (same(server_of(address(partner, i)), server_of(address(partner, k)))) {
				config_report_add(reading->report, false, reading->file, line,
				                  _("\"backup_urls\": \"%.200s\" is on the same server as an address before it: nothing would be gained"),
				                  address(partner, i));
			}
		}
	}
	for (size_t i = 0; i < n; i++) {
		const struct config_partner *other = &config->partners[i];
		const char *shared = other->env == partner->env ? NULL : find_shared(partner, other);

		if (shared != NULL) {
			config_report_add(reading->report, false, reading->file, config_reading_line(reading, "partner", n, "env"),
			                  _("partners \"%s\" and \"%s\" are of different environments and have the server of \"%.200s\" in common"),
			                  other->name, partner->name, shared);
		}
	}
}

void config_address_check(const struct config *config, const struct config_partner *partner, const struct catalogue_partner *known,
                          struct config_report *report)
{
	for (size_t i = 0; i < known->environments.count; i++) {
		const char *word = known->environments.items[i], *equals = strchr(word, '=');
		bool production = strncmp(word, "production=", sizeof "production=" - 1) == 0;

		for (size_t k = 0; equals != NULL && production != (partner->env == CONFIG_ENV_PRODUCTION) && k < address_count(partner); k++) {
			if (same(server_of(address(partner, k)), span_of_string(equals + 1))) {
				config_report_add(report, false, config->file, 0,
				                  _("partner \"%s\": \"%.200s\" is an address for \"%.*s\", and \"env\" says \"%s\": they must not be mixed"),
				                  partner->name, address(partner, k), (int)(equals - word), word, config_env_name(partner->env));
			}
		}
	}
}
