/* podatelna-audit over whatever lies in a journal: a segment file of any bytes walked, judged and chained to the end; heads, notes, envelopes of the vault, FORMAT.txt.
 * The first byte chooses. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/audit/envelope.h"
#include "store/audit/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth) {
		abort();
	}
}

static void put(int dir, const char *name, const void *data, size_t length)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, length) == (ssize_t)length);
	(void)close(fd);
}

/* A data directory in memory where there is one, made once; its open segment is what is tried. */
static const char *directory(int *ret_segment)
{
	static char path[] = "/dev/shm/podatelna-fuzz-XXXXXX";
	static int segment = -1;

	if (segment < 0) {
		char name[64];

		require(mkdtemp(path) != NULL);
		(void)snprintf(name, sizeof name, "%s/segment", path);
		require(mkdir(name, 0700) == 0);
		segment = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		require(segment >= 0);
		put(segment, "../origin", "podatelna.invalid/0123456789abcdef\n", 35);
	}
	*ret_segment = segment;
	return path;
}

static bool see(void *context, const struct fact *fact)
{
	uint64_t *seen = context;

	require(fact->index >= *seen && (fact->faults & FAULTS_BYTES) == 0 && fact->leaf.length <= FRAME_LEAF_MAX_BYTES);
	*seen = fact->index + 1;
	return true;
}

/* Whatever stands there, the walk ends, says something unless all is right, and gives the root of as many records as it says. */
static void try_segment(const uint8_t *data, size_t size)
{
	struct audit_settings settings = { .threads = 1 };
	struct audit audit;
	uint64_t seen = 0;
	tree_hash root;
	int segment = -1;

	settings.data_dir = directory(&segment);
	put(segment, "000000000000.open", data, size);
	require(audit_open(&audit, &settings) == 0);
	require(audit_scan(&audit, see, &seen) == 0);
	require(seen <= audit.figures.records && audit.figures.bytes + audit.figures.tail_bytes <= size);
	require(tree_root(&audit.tree, audit.figures.records, root) && memcmp(root, audit.figures.root, sizeof root) == 0);
	require(audit.figures.bytes == size || audit.list_count > 0);
	audit_close(&audit);
}

static void try_one(const uint8_t *data, size_t size)
{
	static struct rules rules;
	static struct fact fact;
	char why[AUDIT_WHY_SIZE];
	uint8_t leaf[AUDIT_HASH_BYTES];

	if (rules.count == 0) {
		require(rules_load((struct bytes){ .data = audit_format_text, .length = audit_format_length }, &rules, why) == 0);
	}
	if (size >= FRAME_HEADER_BYTES + FRAME_TRAILER_BYTES && size <= FRAME_MAX_BYTES) {
		fact_read(&rules, (struct bytes){ .data = data, .length = size }, 0, &fact, leaf);
		require(fact.faults != 0 || (fact.type != RULE_NONE && frame_body(fact.body)));
	}
}

static void try_small(struct bytes bytes)
{
	static struct rules rules;
	char why[AUDIT_WHY_SIZE];
	struct envelope envelope;
	struct object_ref ref;
	struct head head;
	struct note note;
	uint64_t key = 0;

	(void)head_read(bytes, &head);
	(void)case_key(bytes, &key);
	if (note_read(bytes, &note)) {
		require(note.text_length <= bytes.length && note.size <= FRAME_INDEX_MAX + 1);
	}
	if (envelope_read(bytes, bytes.length, &envelope)) {
		require(envelope.content_bytes <= bytes.length && strlen(envelope.key_id) < ENVELOPE_ID_SIZE);
	}
	if (object_ref_read(bytes, &ref)) {
		require(ref.part_count >= 1 && ref.generation >= 1);
	}
	(void)rules_load(bytes, &rules, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	switch (data[0]) {
	case 's':
		try_segment(data + 1, size - 1);
		break;
	case 'r':
		try_one(data + 1, size - 1);
		break;
	default:
		try_small((struct bytes){ .data = data + 1, .length = size - 1 });
		break;
	}
	return 0;
}
