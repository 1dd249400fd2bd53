/* The index of the closed segments made anew from their records, while the journal is being written: in a child process, which has the list of segments as it was when the
 * child began and reads the files by itself. Nothing of what memory or the former index says is believed. */
#include "journal_snapshot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"

#define MADE_NAME "journal.made" /* until it is put in the place of the former one */

static int open_folder(const struct journal *journal, const char *name)
{
	int fd = journal->ops->openat(journal->ops, journal->options.data_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

	return fd < 0 ? file_error() : fd;
}

static void release(struct journal *journal)
{
	file_close(journal->ops, &journal->anchor_fd);
	file_close(journal->ops, &journal->segment_fd);
	journal_cases_free(&journal->cases);
	free(journal->segments);
	free(journal->offsets);
	free(journal->before);
	free(journal->tiles);
	free(journal->named);
	free(journal);
}

/* A journal that knows its closed segments by name and no record yet. */
static int begin(const struct journal *of, const struct journal_options *options, struct journal *made)
{
	made->ops = options->ops;
	made->options = *options;
	made->dir_fd = made->quarantine_fd = made->mark_fd = made->heads.fds[0] = made->heads.fds[1] = made->read_fd = made->open_fd = -1;
	memcpy(made->letter, of->letter, sizeof made->letter);
	memcpy(made->origin, of->origin, sizeof made->origin);
	made->note_size = of->note_size;
	made->segment_fd = open_folder(made, "journal/segment");
	made->anchor_fd = open_folder(made, "journal/anchor");
	for (size_t i = 0; i + 1 < of->segment_count; i++) {
		int err = journal_segment_add(made, &of->segments[i]);

		if (err != 0) {
			return err;
		}
	}
	return made->segment_fd < 0 ? made->segment_fd : made->anchor_fd < 0 ? made->anchor_fd : made->segment_count == 0 ? ERR_NOTFOUND : 0;
}

int journal_index_make(const struct journal *of, const struct journal_options *options, struct journal_facts *ret)
{
	struct index_writer writer = { 0 };
	struct journal *made = calloc(1, sizeof *made);
	int err = made == NULL ? ERR_MEMORY : begin(of, options, made);

	*ret = (struct journal_facts){ .state = JOURNAL_READY };
	err = err == 0 ? journal_recover_closed(made) : err;
	if (err == 0) {
		journal_snapshot_take(made, made->segment_count, &writer);
		err = index_write(&writer, made->ops, options->data_fd, MADE_NAME);
	}
	if (made != NULL) {
		ret->state = made->state;
		ret->damaged_index = made->damaged_index;
		memcpy(ret->why, made->why, sizeof ret->why);
		ret->size = ret->indexed = made->size;
		release(made);
	}
	index_writer_free(&writer);
	return err;
}

int journal_index_adopt(struct journal *journal, uint64_t indexed)
{
	const struct fileops *ops = journal->ops;
	int folder = open_folder(journal, INDEX_FOLDER), err = 0;

	if (folder < 0) {
		return folder;
	}
	if (ops->renameat2(ops, folder, MADE_NAME, folder, JOURNAL_SNAPSHOT_NAME, 0) != 0 || ops->fsync(ops, folder) != 0) {
		err = file_error();
	}
	file_close(ops, &folder);
	if (err != 0) {
		return err;
	}
	/* What was closed since it was begun is for the next one. */
	journal->unindexed_bytes = 0;
	for (size_t i = 0; i + 1 < journal->segment_count; i++) {
		journal->unindexed_bytes += journal->segments[i].first >= indexed ? journal->segments[i].bytes : 0;
	}
	return 0;
}
