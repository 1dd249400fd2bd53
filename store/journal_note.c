#include "vault_crypto.h"

#include "journal_note.h"

#include <stdio.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/lines.h"
#include "journal_anchor.h"
#include "journal_private.h"

#define BASE64_SIZE 45 /* of 32 bytes, and a zero byte */

void journal_note_format(const char *origin, uint64_t size, const uint8_t root[JOURNAL_HASH_BYTES], char ret[JOURNAL_NOTE_SIZE])
{
	unsigned char text[BASE64_SIZE];

	(void)EVP_EncodeBlock(text, root, JOURNAL_HASH_BYTES);
	(void)snprintf(ret, JOURNAL_NOTE_SIZE, "%s\n%llu\n%s\n", origin, (unsigned long long)size, (const char *)text);
}

uint64_t journal_checkpoint_due(const struct journal *journal)
{
	uint64_t quiet = 0, busy = 0;

	if (journal->state != JOURNAL_READY) {
		return CLOCK_NEVER_MS;
	}
	if (journal->segment_ended) {
		return 0;
	}
	if (journal->loud_first_ms == 0) {
		return CLOCK_NEVER_MS;
	}
	quiet = journal->loud_last_ms + (journal->options.quiet_ms == 0 ? JOURNAL_QUIET_MS : journal->options.quiet_ms);
	busy = journal->loud_first_ms + (journal->options.busy_ms == 0 ? JOURNAL_BUSY_MS : journal->options.busy_ms);
	return quiet < busy ? quiet : busy;
}

static int read_last(struct journal *journal, char note[JOURNAL_NOTE_SIZE])
{
	_cleanup_free_ uint8_t *data = NULL;
	struct anchor_note found;
	int err = journal_anchor_note(journal, journal->note_size, &data, &found);

	return err == 0 && !span_copy_string(found.text, note, JOURNAL_NOTE_SIZE) ? ERR_FORMAT : err;
}

static int append_anchor(struct journal *journal, uint64_t size, const uint8_t root[TREE_HASH_BYTES])
{
	struct lines lines = { 0 };
	char hex[2 * TREE_HASH_BYTES + 1], body[256];
	struct journal_entry entry = { .type = "anchor" };
	struct journal_append append = { .writer = TABLE_STORE, .case_number = "", .entries = &entry, .count = 1 };
	struct journal_receipt receipt;
	int length = 0;

	hex_encode(root, TREE_HASH_BYTES, hex);
	lines_set(&lines, "root", hex);
	lines_set_u64(&lines, "size", size);
	length = lines_finish(&lines, body, sizeof body);
	lines_free(&lines);
	if (length < 0) {
		return length;
	}
	entry.body = span_of(body, (size_t)length);
	return journal_append(journal, &append, &receipt, NULL);
}

/* Tries again after the usual quiet time, not at once. */
static int put_off(struct journal *journal, int err)
{
	uint64_t now = clock_mono_ms();

	journal->segment_ended = false;
	journal->loud_first_ms = journal->loud_last_ms = now;
	return err == ERR_SPACE ? err : journal_fail(journal, err, "a checkpoint could not be written");
}

int journal_checkpoint_anew(struct journal *journal, char note[JOURNAL_NOTE_SIZE])
{
	int err = journal_commit(journal);

	if (err == 0) {
		journal->loud_end = journal->size;
		err = journal_checkpoint(journal, note);
	}
	return err;
}

/* The note is durable before the record that speaks of it. A note never covers a record that could still be taken away: only durable ones are counted. */
int journal_checkpoint(struct journal *journal, char note[JOURNAL_NOTE_SIZE])
{
	uint8_t root[TREE_HASH_BYTES];
	char text[JOURNAL_NOTE_SIZE], name[JOURNAL_NAME_SIZE];
	uint64_t size = 0;
	int err = journal_commit(journal);

	if (err != 0) {
		return err;
	}
	if (journal->size == 0) {
		return ERR_STATE;
	}
	if (journal->note_size > 0 && journal->note_size >= journal->loud_end && !journal->segment_ended) {
		journal->loud_first_ms = journal->loud_last_ms = 0;
		return read_last(journal, note);
	}
	size = journal->size;
	memcpy(root, journal->root, sizeof root);
	journal_note_format(journal->origin, size, root, text);
	journal_note_name(size, name);
	err = file_replace(journal->ops, journal->anchor_fd, name, text, strlen(text), 0444);
	if (err != 0) {
		return put_off(journal, err);
	}
	journal->note_size = size;
	memcpy(journal->note_root, root, sizeof root);
	journal->note_known = true;
	journal->segment_ended = false;
	journal->loud_first_ms = journal->loud_last_ms = 0;
	err = append_anchor(journal, size, root);
	if (err == 0 || err == ERR_SPACE) {
		memcpy(note, text, sizeof text);
	}
	return err == ERR_SPACE ? 0 : err;
}
