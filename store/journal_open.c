#include "journal_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define BODY_SIZE 1024
#define SEGMENT_LARGEST_BYTES (UINT64_C(2) * 1024 * 1024 * 1024) /* places in a segment are kept as 32 bits */

static int64_t system_clock(void *context)
{
	(void)context;
	return clock_utc_ms();
}

static struct journal *new_journal(const struct journal_options *options)
{
	struct journal *journal = calloc(1, sizeof *journal);

	if (journal == NULL) {
		return NULL;
	}
	journal->ops = options->ops;
	journal->options = *options;
	journal->dir_fd = journal->segment_fd = journal->anchor_fd = journal->quarantine_fd = journal->mark_fd = -1;
	journal->heads.fds[0] = journal->heads.fds[1] = journal->read_fd = journal->open_fd = -1;
	journal->can_reserve = true;
	if (journal->options.clock == NULL) {
		journal->options.clock = system_clock;
	}
	if (journal->options.segment_max_bytes == 0) {
		journal->options.segment_max_bytes = JOURNAL_SEGMENT_MAX_BYTES;
	}
	if (journal->options.segment_max_bytes > SEGMENT_LARGEST_BYTES) {
		journal->options.segment_max_bytes = SEGMENT_LARGEST_BYTES;
	}
	if (journal->options.index_min_bytes == 0) {
		journal->options.index_min_bytes = JOURNAL_INDEX_MIN_BYTES;
	}
	if (journal->options.lock_wait_ms == 0) {
		journal->options.lock_wait_ms = JOURNAL_LOCK_WAIT_MS;
	}
	if (options->box_letter != NULL && options->box_letter[0] >= 'A' && options->box_letter[0] <= 'Z') {
		journal->letter[0] = options->box_letter[0];
	}
	if (options->boot_id != NULL && strlen(options->boot_id) == HEAD_BOOT_BYTES) {
		memcpy(journal->boot, options->boot_id, sizeof journal->boot);
	}
	return journal;
}

static void release(struct journal *journal)
{
	const struct fileops *ops = journal->ops;

	head_close(ops, &journal->heads);
	file_close(ops, &journal->read_fd);
	file_close(ops, &journal->open_fd);
	file_close(ops, &journal->mark_fd);
	file_close(ops, &journal->quarantine_fd);
	file_close(ops, &journal->anchor_fd);
	file_close(ops, &journal->segment_fd);
	file_close(ops, &journal->dir_fd); /* and with it the lock */
	journal_cases_free(&journal->cases);
	free(journal->segments);
	free(journal->offsets);
	free(journal->tiles);
	free(journal->before);
	free(journal->batch);
	free(journal->staged);
	free(journal->named);
	free(journal);
}

static int load(struct journal *journal)
{
	int err = journal_files_open(journal);

	if (err == 0) {
		err = journal_files_identity(journal);
	}
	if (err != 0 || journal->state == JOURNAL_DAMAGED) {
		return err;
	}
	err = head_open(journal->ops, journal->dir_fd, &journal->heads);
	if (err == 0) {
		err = journal_files_segments(journal);
	}
	if (err == 0) {
		err = journal_files_notes(journal);
	}
	if (err == 0) {
		err = journal_recover(journal);
	}
	if (err != 0 || journal->state == JOURNAL_DAMAGED) {
		return err;
	}
	err = journal_mark_check(journal);
	return err != 0 ? err : journal_files_quarantine(journal);
}

int journal_open(const struct journal_options *options, struct journal **ret)
{
	struct journal *journal = new_journal(options);
	int err = 0;

	if (journal == NULL) {
		return ERR_MEMORY;
	}
	err = load(journal);
	if (err != 0) {
		release(journal);
		return err;
	}
	journal->found_utc_ms = journal->last_utc_ms;
	if (journal->note_size > 0 && journal->note_size >= journal->loud_end) {
		journal->loud_first_ms = journal->loud_last_ms = 0;
	}
	if (journal->rolled_back && journal->rolled_back_why[0] == '\0') {
		(void)snprintf(journal->rolled_back_why, sizeof journal->rolled_back_why, "a roll-back was recorded and nobody has accepted it");
	}
	*ret = journal;
	return 0;
}

void journal_close(struct journal *journal)
{
	if (journal == NULL) {
		return;
	}
	if (journal->state == JOURNAL_READY) {
		/* "clean" is written only here: everything acknowledged is durable, nothing half-written stands behind it. */
		if (journal_write_head(journal, true) != 0 || head_sync(journal->ops, &journal->heads) != 0) {
			log_warning("journal: the head could not be marked clean");
		}
	}
	release(journal);
}

/* --- the first records of a run --- */

static int stage_lines(struct journal *journal, const char *type, struct lines *lines)
{
	char body[BODY_SIZE], why[TABLE_WHY_SIZE] = "";
	struct journal_entry entry = { .type = type };
	struct journal_append append = { .writer = TABLE_STORE, .case_number = "", .entries = &entry, .count = 1 };
	struct journal_receipt receipt;
	int length = lines_finish(lines, body, sizeof body), err = 0;

	if (length < 0) {
		return length;
	}
	entry.body = span_of(body, (size_t)length);
	err = journal_stage(journal, &append, &receipt, why);
	if (err != 0) {
		log_error("journal: %s could not be recorded: %s (%s)", type, why, err_name(err));
	}
	return err;
}

static int stage_recovered(struct journal *journal, const char *name)
{
	_cleanup_lines_ struct lines lines = { 0 };
	_cleanup_free_ uint8_t *data = NULL;
	uint8_t hash[TREE_HASH_BYTES];
	char hex[2 * TREE_HASH_BYTES + 1];
	struct span rest = span_of_string(name), digits;
	uint64_t index = 0;
	size_t length = 0;
	int err = file_read_small(journal->ops, journal->quarantine_fd, name, 2 * JOURNAL_BATCH_MAX_BYTES, &data, &length);

	if (err == 0) {
		err = tree_plain_hash(span_of(data, length), hash);
	}
	if (err != 0 || !span_read_until(&rest, '-', &digits) || !span_parse_u64(digits, &index)) {
		log_warning("journal: a file in quarantine cannot be read (%s)", err_name(err));
		return 0;
	}
	hex_encode(hash, sizeof hash, hex);
	lines_set(&lines, "file", name);
	lines_set_u64(&lines, "from-index", index);
	lines_set_u64(&lines, "quarantined-bytes", length);
	lines_set(&lines, "sha256", hex);
	return stage_lines(journal, "recovered", &lines);
}

static int stage_rolled_back(struct journal *journal)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char hex[2 * TREE_HASH_BYTES + 1];

	if (journal->mark_found && journal->mark.size > 0) {
		hex_encode(journal->mark.hash, TREE_HASH_BYTES, hex);
		lines_set(&lines, "mark-hash", hex);
		lines_set_u64(&lines, "mark-index", journal->mark.size - 1);
	}
	lines_set(&lines, "reason", journal->rolled_back_code);
	lines_set_u64(&lines, "size", journal->size);
	return stage_lines(journal, "rolled-back", &lines);
}

int journal_boot(struct journal *journal, const char *version)
{
	_cleanup_lines_ struct lines lines = { 0 };
	int err = 0;

	if (journal->state != JOURNAL_READY) {
		return ERR_READONLY;
	}
	lines_set(&lines, "version", version);
	lines_set(&lines, "boot-id", journal->boot[0] == '\0' ? NULL : journal->boot);
	lines_set(&lines, "unclean", journal->unclean ? "yes" : NULL);
	err = stage_lines(journal, "boot", &lines);
	for (size_t i = 0; i < journal->missed_count && err == 0; i++) {
		err = stage_recovered(journal, journal->missed[i]);
	}
	if (err == 0 && journal->rolled_back && !journal->rolled_back_noted) {
		err = stage_rolled_back(journal);
	}
	if (err == 0) {
		err = journal_commit(journal);
	}
	if (err == 0) {
		journal->missed_count = 0;
	}
	return err;
}

void journal_facts(const struct journal *journal, struct journal_facts *ret)
{
	struct journal_facts facts = {
		.state = journal->state,
		.damaged_index = journal->damaged_index,
		.size = journal->size,
		.created = journal->created,
		.unclean = journal->unclean,
		.rolled_back = journal->rolled_back,
		.mark_index = journal->mark_found && journal->mark.size > 0 ? journal->mark.size - 1 : 0,
		.recovered_bytes = journal->recovered_bytes,
		.last_utc_ms = journal->found_utc_ms,
		.accepted_utc_ms = journal->accepted_utc_ms,
		.segment_bytes = journal->open_bytes,
		.note_size = journal->note_size,
		.seal_size = journal->seal_size,
		.indexed = journal->indexed,
	};

	if (journal->segment_count > 0) {
		facts.segment_first = journal->segments[journal->segment_count - 1].first;
	}
	memcpy(facts.why, journal->why, sizeof facts.why);
	memcpy(facts.root, journal->root, sizeof facts.root);
	memcpy(facts.origin, journal->origin, sizeof facts.origin);
	memcpy(facts.rolled_back_why, journal->rolled_back_why, sizeof facts.rolled_back_why);
	memcpy(facts.mark_hash, journal->mark.hash, sizeof facts.mark_hash);
	*ret = facts;
}
