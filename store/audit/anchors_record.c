/* anchors_record.c - records of type anchor against the files that they speak of, and files that no record speaks of (FORMAT.txt sections 6 and 9). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchors.h"
#include "words.h"

#define EVENT_IS(record, word) (strcmp((record)->event, word) == 0)

static void free_bytes(struct bytes *bytes)
{
	free((void *)(uintptr_t)bytes->data);
}

static struct anchors_note *find_note(const struct anchors_run *run, uint64_t size)
{
	size_t from = 0, to = run->note_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (run->notes[middle].size == size) {
			return &run->notes[middle];
		}
		if (run->notes[middle].size < size) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return NULL;
}

static struct anchors_stamp *find_stamp(const struct anchors_run *run, const struct anchors_note *note, const char *file)
{
	for (size_t i = 0; i < note->stamp_count; i++) {
		struct anchors_stamp *stamp = &run->stamps[note->first_stamp + i];
		char name[ANCHORS_NAME_SIZE];

		anchors_stamp_name(stamp, name);
		if (strcmp(name, file) == 0) {
			return stamp;
		}
	}
	return NULL;
}

static void say(struct anchors_run *run, enum audit_kind kind, const struct audit_anchor *record, const char *why)
{
	if (anchors_may_say(run, kind)) {
		audit_found(run->audit, kind, record->index, N_("record %ju: %s"), record->index, _(why));
	}
}

/* Of the same size it is when there was no room for the record of the checkpoint itself. */
static bool is_about_a_checkpoint(struct anchors_run *run, const struct audit_anchor *record, const struct anchors_note *note)
{
	uint8_t root[AUDIT_HASH_BYTES];

	if (note == NULL || !note->has_note) {
		say(run, AUDIT_NOTE, record, N_("the file of the checkpoint that it speaks of is missing"));
		return false;
	}
	if (record->size > record->index) {
		say(run, AUDIT_NOTE, record, N_("it speaks of a checkpoint that was not there yet"));
		return false;
	}
	if (record->event[0] != '\0' &&
	    (!record->has_root || !run->root_of(run->context, record->size, root) || memcmp(root, record->root, sizeof root) != 0)) {
		say(run, AUDIT_NOTE, record, N_("the root that it gives is not that of the checkpoint"));
		return false;
	}
	return true;
}

/* By its bytes alone. */
static void check_file(struct anchors_run *run, const struct audit_anchor *record, int folder, const char *name, const char *missing)
{
	__attribute__((cleanup(free_bytes))) struct bytes content = { NULL, 0 };
	uint8_t hash[AUDIT_HASH_BYTES];

	if (strchr(name, '/') != NULL || name[0] == '.' || anchors_file_read(folder, name, AUDIT_CRL_MAX_BYTES, &content) != ANCHORS_READ) {
		say(run, AUDIT_NOTE, record, missing);
		return;
	}
	audit_sha256(content, hash);
	if (!record->has_sha256 || memcmp(hash, record->sha256, sizeof hash) != 0) {
		say(run, AUDIT_NOTE, record, N_("the file that it speaks of is another one than was recorded"));
	}
}

static void check_stamp(struct anchors_run *run, const struct audit_anchor *record, const struct anchors_note *note)
{
	struct anchors_stamp *stamp = find_stamp(run, note, record->file);

	if (stamp == NULL) {
		say(run, AUDIT_STAMP, record, N_("the file of the time stamp is missing"));
	} else if (!stamp->read) {
		check_file(run, record, run->anchor_fd, record->file, N_("the file of the time stamp is missing"));
	} else if (!record->has_sha256 || memcmp(record->sha256, stamp->sha256, sizeof stamp->sha256) != 0) {
		say(run, AUDIT_STAMP, record, N_("the time stamp is another one than was recorded"));
		stamp->good = false;
	} else if (stamp->record == NULL) {
		stamp->record = record;
	}
}

static void check_record(struct anchors_run *run, const struct audit_anchor *record)
{
	const struct anchors_note *note = record->has_size ? find_note(run, record->size) : NULL;

	if (EVENT_IS(record, "package")) {
		return;
	}
	if (EVENT_IS(record, "crl") || EVENT_IS(record, "cert")) {
		check_file(run, record, run->trust_fd, record->file, N_("the certificate or list that was collected is missing"));
		return;
	}
	if (!is_about_a_checkpoint(run, record, note)) {
		return;
	}
	if (EVENT_IS(record, "stamp") || EVENT_IS(record, "renewal")) {
		check_stamp(run, record, note);
	} else if (EVENT_IS(record, "bad-stamp") && run->quarantine_fd >= 0) {
		check_file(run, record, run->quarantine_fd, record->file, N_("the reply that failed its checks is missing in quarantine/"));
	}
}

void anchors_files_records(struct anchors_run *run)
{
	uint64_t unrecorded = 0;
	char first[ANCHORS_NAME_SIZE] = "";

	if (run->settings->layout == AUDIT_LAYOUT_NOTES) {
		return;
	}
	for (size_t i = 0; i < run->records->anchor_count; i++) {
		check_record(run, &run->records->anchors[i]);
	}
	for (size_t i = 0; i < run->stamp_count; i++) {
		/* Of the newest one the record may just not have been read any more. */
		if (run->stamps[i].good && run->stamps[i].record == NULL && run->stamps[i].size < run->records->size) {
			if (unrecorded++ == 0) {
				anchors_stamp_name(&run->stamps[i], first);
			}
		}
	}
	if (unrecorded > 0) {
		audit_found(run->audit, AUDIT_STRAY, AUDIT_NO_INDEX,
		            N_("time stamps without a record, left from a crash between file and record: %ju, the first %s"), unrecorded, first);
	}
}
