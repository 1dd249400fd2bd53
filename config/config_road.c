/* The option `road`: only ways that the box can go. What is merely prepared is refused here, before anything is handed in. */
#include <string.h>

#include "../appliance/base/text.h"
#include "catalogue.h"
#include "config_schema.h"

static bool has(const struct config_list *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], word) == 0) {
			return true;
		}
	}
	return false;
}

/* `where`: the form whose options these are, "" for those of the partner. */
static void check(const struct config *config, const struct catalogue_partner *known, const char *where, const struct config_list *options,
                  struct config_report *report)
{
	const char *road = config_option(options, "road");

	if (road == NULL || has(&known->roads, road)) {
		return;
	}
	if (has(&known->roads_prepared, road)) {
		config_report_add(report, false, config->file, 0, _("partner \"%s\"%s%s: \"road=%.64s\" is prepared, but this box has no channel for it yet"),
		                  known->name, where[0] == '\0' ? "" : " ", where, road);
	} else {
		config_report_add(report, false, config->file, 0, _("partner \"%s\"%s%s: the option \"road=%.64s\" names no way that the catalogue knows"),
		                  known->name, where[0] == '\0' ? "" : " ", where, road);
	}
}

void config_road_check(const struct config *config, const struct config_partner *partner, const struct catalogue *catalogue,
                       const struct catalogue_partner *known, struct config_report *report)
{
	check(config, known, "", &partner->options, report);
	check(config, known, "", &known->options, report);
	for (size_t i = 0; i < catalogue->form_count; i++) {
		if (strcmp(catalogue->forms[i].partner, known->name) == 0) {
			check(config, known, catalogue->forms[i].id, &catalogue->forms[i].options, report);
		}
	}
}
