#include "journal_private.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/err.h"
#include "appliance/base/log.h"

int journal_fail(struct journal *journal, int err, const char *what)
{
	if (journal->state == JOURNAL_READY) {
		journal->state = JOURNAL_FAULTY;
		(void)snprintf(journal->why, sizeof journal->why, "%s (%s)", what, err_name(err));
		log_error("journal: %s (%s); nothing more is written until the store starts anew", what, err_name(err));
	}
	return err;
}

void journal_damage(struct journal *journal, uint64_t index, const char *why)
{
	if (journal->state == JOURNAL_DAMAGED) {
		return;
	}
	journal->state = JOURNAL_DAMAGED;
	journal->damaged_index = index;
	(void)snprintf(journal->why, sizeof journal->why, "%s", why);
	log_error("journal: damage at record %llu: %s", (unsigned long long)index, why);
}

int journal_write_head(struct journal *journal, bool clean)
{
	struct head head = { .size = journal->size, .clean = clean, .offset = journal->open_bytes };

	head.segment = journal->segments[journal->segment_count - 1].first;
	memcpy(head.root, journal->root, TREE_HASH_BYTES);
	memcpy(head.boot, journal->boot, sizeof head.boot);
	return head_write(journal->ops, &journal->heads, &head);
}

/* Tells the listener, and the journal itself, of each record that has become durable. */
static void announce(struct journal *journal)
{
	const uint8_t *text = journal->batch;

	for (uint64_t i = 0; i < journal->batch_count; i++) {
		struct record *record = &journal->staged[i];

		record->leaf.data = text;
		record->body.data = text + RECORD_HEADER_BYTES;
		text += record->leaf.length + RECORD_TRAILER_BYTES;
		journal_index_note(journal, record);
		if (journal->options.on_record != NULL) {
			journal->options.on_record(journal->options.context, record, false);
		}
	}
}

/* The mark comes after the head and before anybody is told. After the head, because recovery in the same run of the kernel cuts to the head, and the mark must
 * never name a record that recovery takes away. Before the answer, because the answer to a `sending` is what lets the bytes out: from then on
 * no older copy of this journal passes for the present one (design 3, Roll-back). */
static int write_mark(struct journal *journal)
{
	if (journal->batch_accepts) {
		int err = journal_files_new_instance(journal);

		if (err != 0) {
			return err;
		}
	}
	return journal->batch_accepts || journal->batch_sends ? journal_mark_write(journal) : 0;
}

/* Why an answered record survives a power cut: its bytes and the length of its file were flushed by fdatasync before the head was written and
 * before this returns; the file's name was flushed when it was created (journal_segment_begin). Recovery keeps every whole record of a run of the kernel that
 * ended, and takes none away that the head counts.
 * The head is in the kernel's hands after head_write: enough when only this process dies. Its way to the device goes on while the next batch is gathered and written,
 * and head_settle waits for its end before that batch is flushed, so that the same flush reaches it: after a power cut it is at most one batch behind. Nothing is
 * asked of the order in which the head and the records of the next batch reach the device: the head counts records that were flushed long before.
 * Why nothing is acknowledged that failed: every failure makes the journal faulty before anybody is told, and the next start cuts to the head. */
int journal_commit_batch(struct journal *journal)
{
	const struct fileops *ops = journal->ops;
	uint8_t root[TREE_HASH_BYTES];
	int err = tree_root(&journal->tree, root);

	if (err == 0) {
		err = file_write_all(ops, journal->open_fd, journal->batch, journal->batch_length);
	}
	if (err == 0) {
		err = file_start_write_out(ops, journal->open_fd);
	}
	if (err == 0) {
		err = head_settle(ops, &journal->heads);
	}
	if (err == 0 && ops->fdatasync(ops, journal->open_fd) != 0) {
		err = file_error();
	}
	if (err != 0) {
		return journal_fail(journal, err, "records could not be written");
	}
	journal->open_bytes += journal->batch_length;
	journal->size = journal->tree.size;
	memcpy(journal->root, root, TREE_HASH_BYTES);
	memcpy(journal->last_hash, journal->staged[journal->batch_count - 1].hash, TREE_HASH_BYTES);
	err = journal_write_head(journal, false);
	if (err == 0) {
		err = write_mark(journal);
	}
	if (err != 0) {
		return journal_fail(journal, err, "the head or the high-water mark could not be written");
	}
	announce(journal);
	journal->batch_length = 0;
	journal->batch_count = 0;
	journal->batch_sends = journal->batch_accepts = false;
	return 0;
}

bool journal_has_staged(const struct journal *journal)
{
	return journal->batch_count > 0;
}

int journal_commit(struct journal *journal)
{
	uint64_t size = 0;
	int err = 0;

	if (journal->state != JOURNAL_READY) {
		return ERR_READONLY;
	}
	if (journal->batch_count == 0) {
		return 0;
	}
	err = journal_commit_batch(journal);
	if (err != 0) {
		return err;
	}
	size = journal->size;
	if (journal_segment_is_full(journal)) {
		/* The batch is durable whatever becomes of the rotation. When there was no room for the summary nothing has happened yet, and it is tried
		 * again after the next batch. */
		err = journal_segment_rotate(journal);
		if (err != 0 && (err != ERR_SPACE || journal->size != size)) {
			(void)journal_fail(journal, err, "the segment could not be closed");
		}
	}
	return 0;
}
