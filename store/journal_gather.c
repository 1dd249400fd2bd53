/* Reading the files beside the records: checkpoints with what belongs to them, certificates and lists. */
#include "evidence.h"

#include <fcntl.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "journal_private.h"

#define TRUST_HEX 64

struct anchor_visit {
	int (*visit)(void *context, const struct journal_anchor_name *name);
	void *context;
};

static int visit_anchor(void *context, const char *name)
{
	const struct anchor_visit *visit = context;
	struct journal_anchor_name parsed;

	return journal_anchor_parse_name(name, &parsed) ? visit->visit(visit->context, &parsed) : 0;
}

int journal_anchor_each(const struct journal *journal, int (*visit)(void *context, const struct journal_anchor_name *name), void *context)
{
	struct anchor_visit each = { .visit = visit, .context = context };

	return file_list(journal->ops, journal->anchor_fd, visit_anchor, &each);
}

int journal_anchor_file(const struct journal *journal, const struct journal_anchor_name *name, uint8_t **ret_bytes, size_t *ret_length)
{
	char text[JOURNAL_ANCHOR_NAME_SIZE];

	journal_anchor_format_name(name, text);
	return file_read_small(journal->ops, journal->anchor_fd, text, JOURNAL_ANCHOR_MAX_BYTES, ret_bytes, ret_length);
}

/* <64 hex digits>.cer or .crl */
static bool is_trust_name(const char *name)
{
	uint8_t hash[TRUST_HEX / 2];

	return strlen(name) == TRUST_HEX + 4 && span_parse_hex(span_of(name, TRUST_HEX), hash, sizeof hash) &&
	       (strcmp(name + TRUST_HEX, ".cer") == 0 || strcmp(name + TRUST_HEX, ".crl") == 0);
}

static int open_trust(const struct journal *journal)
{
	int fd = journal->ops->openat(journal->ops, journal->dir_fd, "trust", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);

	return fd < 0 ? file_error() : fd;
}

struct trust_visit {
	const struct journal *journal;
	int directory;
	int (*visit)(void *context, const char *name, uint64_t length);
	void *context;
};

static int visit_trust(void *context, const char *name)
{
	const struct trust_visit *each = context;
	struct stat status;

	if (!is_trust_name(name) || each->journal->ops->fstatat(each->journal->ops, each->directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(status.st_mode)) {
		return 0;
	}
	return each->visit(each->context, name, (uint64_t)status.st_size);
}

int journal_trust_each(const struct journal *journal, int (*visit)(void *context, const char *name, uint64_t length), void *context)
{
	struct trust_visit each = { .journal = journal, .directory = open_trust(journal), .visit = visit, .context = context };
	int err = each.directory;

	if (each.directory >= 0) {
		err = file_list(journal->ops, each.directory, visit_trust, &each);
		file_close(journal->ops, &each.directory);
	}
	return err == ERR_NOTFOUND ? 0 : err;
}

int journal_trust_file(const struct journal *journal, const char *name, uint8_t **ret_bytes, size_t *ret_length)
{
	int directory = is_trust_name(name) ? open_trust(journal) : ERR_FORMAT;
	int err = directory;

	if (directory >= 0) {
		err = file_read_small(journal->ops, directory, name, EVIDENCE_TRUST_FILE_MAX_BYTES, ret_bytes, ret_length);
		file_close(journal->ops, &directory);
	}
	return err;
}
