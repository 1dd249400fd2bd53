#include "journal_trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "journal_private.h"

static const char *suffix_of(const char *event)
{
	return strcmp(event, "crl") == 0 ? "crl" : "cer";
}

bool journal_trust_parse_name(const char *name, const char *event, uint8_t ret_hash[JOURNAL_HASH_BYTES])
{
	struct span rest = span_of_string(name), hex;

	return span_read_until(&rest, '.', &hex) && span_equals_string(rest, suffix_of(event)) && span_parse_hex(hex, ret_hash, JOURNAL_HASH_BYTES);
}

/* Is it there, whole? What a crash left under the temporary name is in the way of the next try. */
static bool is_there(const struct journal *journal, int directory, const char *name, struct span bytes)
{
	_cleanup_free_ uint8_t *data = NULL;
	char temporary[JOURNAL_TRUST_NAME_SIZE + 4];
	size_t length = 0;

	(void)snprintf(temporary, sizeof temporary, "%s.tmp", name);
	(void)journal->ops->unlinkat(journal->ops, directory, temporary, 0);
	return file_read_small(journal->ops, directory, name, JOURNAL_TRUST_MAX_BYTES, &data, &length) == 0 && span_equals(span_of(data, length), bytes);
}

static int put(struct journal *journal, const char *name, struct span bytes)
{
	int directory = -1, err = file_directory(journal->ops, journal->dir_fd, "trust", &directory);

	if (err == 0 && !is_there(journal, directory, name, bytes)) {
		err = file_replace(journal->ops, directory, name, bytes.data, bytes.length, 0444);
	}
	file_close(journal->ops, &directory);
	return err;
}

int journal_trust_put(struct journal *journal, const char *event, struct span bytes, char ret_file[JOURNAL_TRUST_NAME_SIZE])
{
	uint8_t hash[TREE_HASH_BYTES];
	char hex[2 * TREE_HASH_BYTES + 1];
	int err = journal->state != JOURNAL_READY ? ERR_READONLY : bytes.length > JOURNAL_TRUST_MAX_BYTES ? ERR_LIMIT : tree_plain_hash(bytes, hash);

	if (err != 0) {
		return err;
	}
	hex_encode(hash, sizeof hash, hex);
	(void)snprintf(ret_file, JOURNAL_TRUST_NAME_SIZE, "%s.%s", hex, suffix_of(event));
	err = put(journal, ret_file, bytes);
	return err == 0 || err == ERR_SPACE ? err : journal_fail(journal, err, "a certificate or a list of revoked ones could not be written");
}
