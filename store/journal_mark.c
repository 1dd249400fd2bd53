#include "journal_private.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/log.h"

static void rolled_back(struct journal *journal, const char *code, const char *why)
{
	journal->rolled_back = true;
	(void)snprintf(journal->rolled_back_code, sizeof journal->rolled_back_code, "%s", code);
	(void)snprintf(journal->rolled_back_why, sizeof journal->rolled_back_why, "%s", why);
	log_error("journal: rolled back: %s", why);
}

int journal_mark_write(struct journal *journal)
{
	struct mark mark = { .size = journal->size };

	memcpy(mark.origin, journal->origin, MARK_ORIGIN_BYTES);
	memcpy(mark.instance, journal->instance, MARK_INSTANCE_BYTES);
	memcpy(mark.hash, journal->last_hash, TREE_HASH_BYTES);
	return mark_write(journal->ops, journal->mark_fd, journal->mark_name, &mark);
}

/* The record that the mark names. 0: it is the same; ERR_MISMATCH. */
static int compare_history(struct journal *journal, const struct mark *mark)
{
	_cleanup_free_ uint8_t *buffer = NULL;
	struct record record;
	int err = 0;

	if (mark->size == 0) {
		return 0;
	}
	buffer = malloc(RECORD_MAX_BYTES);
	if (buffer == NULL) {
		return ERR_MEMORY;
	}
	err = journal_read_one(journal, mark->size - 1, buffer, &record);
	if (err != 0) {
		return err;
	}
	return memcmp(record.hash, mark->hash, TREE_HASH_BYTES) == 0 ? 0 : ERR_MISMATCH;
}

/* What a backup put back, a copied disk, or a swapped one looks like from outside (design 3, Roll-back). A journal without any record has sent
 * nothing: there a missing mark is no alarm, it is the first start. */
int journal_mark_check(struct journal *journal)
{
	struct mark *mark = &journal->mark;
	int err = mark_read(journal->ops, journal->mark_fd, journal->mark_name, mark);

	journal->mark_found = err == 0;
	if (err != 0 && err != ERR_NOTFOUND && err != ERR_FORMAT) {
		return err;
	}
	if (journal->size == 0 && (err == ERR_NOTFOUND || (err == 0 && mark->size == 0))) {
		return journal_mark_write(journal);
	}
	if (err != 0) {
		rolled_back(journal, err == ERR_NOTFOUND ? "mark-missing" : "mark-unreadable",
		            "the high-water mark is missing or unreadable: restored or cloned");
		return 0;
	}
	if (strcmp(mark->origin, journal->origin) != 0 || strcmp(mark->instance, journal->instance) != 0) {
		rolled_back(journal, "other-copy", "the high-water mark belongs to another journal or another copy of it");
		return 0;
	}
	if (mark->size > journal->size) {
		rolled_back(journal, "behind-mark", "the journal is shorter than its high-water mark");
		return 0;
	}
	err = compare_history(journal, mark);
	if (err == ERR_MISMATCH) {
		rolled_back(journal, "other-history", "the journal holds another record than the high-water mark names");
		return 0;
	}
	return err;
}

int journal_mark(struct journal *journal)
{
	int err = 0;

	if (journal->state != JOURNAL_READY) {
		return ERR_READONLY;
	}
	if (journal->rolled_back) {
		return ERR_STATE;
	}
	err = journal_mark_write(journal);
	return err != 0 ? journal_fail(journal, err, "the high-water mark could not be written") : 0;
}
