/* overview.c - when the page is written: what it shows changed, or its time would get too old. */
#include "overview.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "overview_private.h"
#include "share.h"

static bool touched = true, removed;
static uint64_t next_ms; /* not before */
static uint64_t look_ms; /* even when nobody told of a change */
static uint64_t beat_ms; /* even when nothing changed */
static uint64_t shown;   /* hash of what stands on the share, without its time */
static bool failed;      /* said once in the log */

void overview_touch(void)
{
	touched = true;
}

/* FNV-1a: it tells two pages of one box apart, nothing rests on it. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++) {
		hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
	}
	return hash;
}

static int render(const struct overview *overview, bool stamp, char **ret)
{
	size_t length = 0;
	FILE *page = open_memstream(ret, &length);

	if (page == NULL) {
		return ERR_MEMORY;
	}
	overview_write(page, overview, stamp);
	return fclose(page) == 0 ? 0 : ERR_MEMORY;
}

/* Writes the page unless the one on the share shows the same and is young. */
static int put_page(struct hub *hub, bool always)
{
	struct overview overview = { 0 };
	_cleanup_free_ char *plain = NULL;
	_cleanup_free_ char *page = NULL;
	_cleanup_close_ int directory = -1;
	uint64_t hash = 0;
	int err = overview_collect(hub, clock_utc_ms(), &overview);

	if (err == 0) {
		err = render(&overview, false, &plain);
	}
	hash = err == 0 ? hash_of(plain) : 0;
	if (err == 0 && (always || hash != shown || clock_expired(beat_ms))) {
		err = render(&overview, true, &page);
		directory = err != 0 ? -1 : share_directory(hub, ".");
		err = err != 0 ? err : directory < 0 ? ERR_SYSTEM : share_write_text(directory, hub->config->share.overview, page);
		if (err == 0) {
			shown = hash;
			beat_ms = clock_deadline(hub->config->share.overview_heartbeat_ms);
		}
	}
	overview_free(&overview);
	if (err != 0 && !failed) {
		log_warning("the overview cannot be written: %s", err_name(err));
	}
	failed = err != 0;
	return err;
}

/* What an earlier configuration left there would get old and be taken for a box that does not work. */
static void remove_page(struct hub *hub)
{
	_cleanup_close_ int directory = removed ? -1 : share_directory(hub, ".");

	if (directory >= 0) {
		(void)unlinkat(directory, hub->config->share.overview, 0);
		removed = true;
	}
}

void overview_update(struct hub *hub)
{
	if (hub->config->share.overview_content == CONFIG_OVERVIEW_NONE) {
		remove_page(hub);
		return;
	}
	if (!hub->replayed || !clock_expired(next_ms) || (!touched && !clock_expired(look_ms) && !clock_expired(beat_ms))) {
		return;
	}
	if (!overview_names_ready(hub)) {
		return; /* the next sweep looks again */
	}
	next_ms = clock_deadline(OVERVIEW_EVERY_MS);
	look_ms = clock_deadline(OVERVIEW_LOOK_MS);
	touched = put_page(hub, false) != 0;
	overview_names_stale();
}

void overview_stop(struct hub *hub)
{
	if (hub->replayed && hub->config->share.overview_content != CONFIG_OVERVIEW_NONE) {
		(void)put_page(hub, true);
	}
}
