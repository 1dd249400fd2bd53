/* config_schema.h - the keys of podatelna.conf, as tables (config_schema.c), for config_load.c, config_cross.c and the tests. */
#ifndef CONFIG_CONFIG_SCHEMA_H
#define CONFIG_CONFIG_SCHEMA_H

#include "config_fill.h"

enum config_section {
	SECTION_FILE,
	SECTION_USERS,
	SECTION_SHARE,
	SECTION_PROXY,
	SECTION_MAIL,
	SECTION_CLOCK,
	SECTION_JOURNAL,
	SECTION_TOKEN,
	SECTION_KEY,
	SECTION_PARTNER,
	SECTION_TSA,
	SECTION_QUERY,
	SECTION_USER,
	SECTION_COUNT,
};

extern const struct schema config_schema;

/* What one key says about another: names exist, uses fit, folders do not lie in each other. Fills the indexes. */
void config_cross_check(struct reading *reading, struct config *config);
/* config_stamps.c: the part of it about time stamps. Makes the packages of their texts. */
void config_stamps_check(struct reading *reading, struct config *config);
/* config_network.c: the part of it about `proxy` and `mail`. Sets the events that are told of when none are named. */
void config_network_check(struct reading *reading, struct config *config);
/* config_address.c: the part of it about the addresses of partner n and those before it. */
void config_address_cross(struct reading *reading, const struct config *config, size_t n);
/* And what the catalogue knows of servers: none is used for another environment. */
struct catalogue_partner;
void config_address_check(const struct config *config, const struct config_partner *partner, const struct catalogue_partner *known,
                          struct config_report *report);
/* config_road.c: the option `road` of the partner and of its forms is one that the box can go. */
struct catalogue;
void config_road_check(const struct config *config, const struct config_partner *partner, const struct catalogue *catalogue,
                       const struct catalogue_partner *known, struct config_report *report);

#endif
