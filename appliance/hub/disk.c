#include "disk.h"

#include <stdio.h>

#include "../base/text.h"
#include "facts.h"

static bool look(const struct hub *hub, const char *id, const char *label, const char *path, struct disk_place *ret)
{
	const struct config *config = hub->config;
	uint64_t used = 0;

	*ret = (struct disk_place){ .id = id, .label = label, .path = path, .level = DISK_GOOD };
	if (path[0] == '\0' || !fact_disk(path, &ret->free_bytes, &ret->total_bytes) || ret->total_bytes == 0) {
		return false;
	}
	used = ret->total_bytes - ret->free_bytes;
	/* In units that cannot overflow on the largest disks. */
	ret->used = (unsigned)((used / 1024 * 100 + ret->total_bytes / 1024 - 1) / (ret->total_bytes / 1024 > 0 ? ret->total_bytes / 1024 : 1));
	if (ret->used >= config->disk_urgent && config->disk_urgent < 100) {
		ret->level = DISK_URGENT;
	} else if (ret->used >= config->disk_warn && config->disk_warn < 100) {
		ret->level = DISK_WARN;
	}
	return true;
}

size_t disk_look(const struct hub *hub, struct disk_place ret[DISK_PLACES_MAX])
{
	const struct config *config = hub->config;
	size_t count = 0;

	count += look(hub, "data", N_("Disk of the box"), config->data_dir, &ret[count]) ? 1 : 0;
	count += look(hub, "share", N_("Disk of the share"), config->share.path, &ret[count]) ? 1 : 0;
	count += look(hub, "archive", N_("Disk of the archive"), config->archive_dir, &ret[count]) ? 1 : 0;
	return count;
}

const char *disk_level_name(enum disk_level level)
{
	static const char *const names[] = { [DISK_GOOD] = "good", [DISK_WARN] = "warn", [DISK_URGENT] = "urgent" };

	return names[level];
}

void disk_words(const struct hub *hub, const struct disk_place *place, char ret[DISK_TEXT_BYTES])
{
	bool data = place->path == hub->config->data_dir;
	const char *todo =
	    data ? _("Move closed cases to an archive (podatelna archive), or get a larger disk, before nothing new can be taken in.") : _("Make space there.");

	(void)snprintf(ret, DISK_TEXT_BYTES, place->level == DISK_URGENT ? _("%s is nearly full (%u %%). %s") : _("%s is filling up (%u %%). %s"),
	               _(place->label), place->used, todo);
}

bool disk_any(const struct hub *hub)
{
	struct disk_place places[DISK_PLACES_MAX];
	size_t count = disk_look(hub, places);

	for (size_t i = 0; i < count; i++) {
		if (places[i].level != DISK_GOOD) {
			return true;
		}
	}
	return false;
}
