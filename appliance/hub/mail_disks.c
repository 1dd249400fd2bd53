/* mail_disks.c - disks that fill up: told once at each of the two levels (disk.h). What was told stands in the state file like that of certificates, under names that
 * no fingerprint has; a disk that has room again begins anew. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/text.h"
#include "disk.h"
#include "mail_private.h"

#define TOLD_PREFIX "d15cd15cd15c"

/* 16 hexadecimal digits, as the state file has them. */
static void told_name(const struct disk_place *place, char ret[17])
{
	unsigned sum = 0;

	for (const char *each = place->id; *each != '\0'; each++) {
		sum = sum * 31 + (uint8_t)*each;
	}
	(void)snprintf(ret, 17, TOLD_PREFIX "%04x", sum & 0xffff);
}

static size_t find_told(const struct mail *mail, const char *name)
{
	size_t i = 0;

	while (i < mail->told_count && strcmp(mail->told[i].certificate, name) != 0) {
		i++;
	}
	return i;
}

static void forget(struct mail *mail, size_t place)
{
	memmove(&mail->told[place], &mail->told[place + 1], (mail->told_count - place - 1) * sizeof mail->told[0]);
	mail->told_count--;
	mail->dirty = true;
}

/* True when nobody was told of this yet. */
static bool pass(struct mail *mail, const struct disk_place *disk)
{
	uint32_t left = disk->level == DISK_URGENT ? 0 : 1;
	char name[17];
	size_t place = 0;

	told_name(disk, name);
	place = find_told(mail, name);
	if (disk->level == DISK_GOOD) {
		/* Not again for each small file that comes and goes at the edge. */
		if (place < mail->told_count && disk->used + 2 <= mail->hub->config->disk_warn) {
			forget(mail, place);
		}
		return false;
	}
	if (place < mail->told_count && mail->told[place].threshold <= left) {
		return false;
	}
	if (place < mail->told_count) {
		forget(mail, place);
	}
	if (mail->told_count == MAIL_TOLD_MAX) {
		forget(mail, 0);
	}
	memcpy(mail->told[mail->told_count].certificate, name, sizeof name);
	mail->told[mail->told_count++].threshold = left;
	mail->dirty = true;
	return true;
}

bool mail_disks_pass(struct mail *mail)
{
	struct disk_place places[DISK_PLACES_MAX];
	size_t count = disk_look(mail->hub, places);
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		any = pass(mail, &places[i]) || any;
	}
	return any;
}

char *mail_disks_subject(void)
{
	return strdup(_("Podatelna: a disk is filling up"));
}

char *mail_disks_body(const struct mail *mail)
{
	struct disk_place places[DISK_PLACES_MAX];
	size_t count = disk_look(mail->hub, places), length = 0;
	char words[DISK_TEXT_BYTES], *text = NULL;
	FILE *to = open_memstream(&text, &length);

	if (to == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (places[i].level != DISK_GOOD) {
			disk_words(mail->hub, &places[i], words);
			(void)fprintf(to, "%s\n", words);
		} else {
			(void)fprintf(to, _("%s: %u %% used.\n"), _(places[i].label), places[i].used);
		}
	}
	(void)fprintf(to, "\n%s\n", _("This message was written by Podatelna itself. It is no evidence of a filing, and nobody reads an answer to it."));
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
