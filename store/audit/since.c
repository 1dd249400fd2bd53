/* since.c - against the note that the auditor holds: the journal must have grown out of it. Its signature is not asked about: the auditor kept it. */
#include <errno.h>
#include <string.h>

#include "clean.h"
#include "state.h"
#include "words.h"

void audit_since(struct audit *audit)
{
	AUDIT_CLEAN_FREE uint8_t *data = NULL;
	struct note note;
	tree_hash root;
	size_t length = 0;

	if (audit->settings.since == NULL) {
		return;
	}
	if (source_read(audit->settings.since, NOTE_MAX_BYTES, &data, &length) != 0) {
		audit_found(audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "the auditor's note cannot be read: %s", strerror(errno));
		return;
	}
	if (!note_read((struct bytes){ .data = data, .length = length }, &note)) {
		audit_found(audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "the auditor's note is no checkpoint");
		return;
	}
	if (strcmp(note.origin, audit->source.origin) != 0) {
		audit_found(audit, AUDIT_ORIGIN, AUDIT_NO_INDEX, "the auditor's note is of %s", note.origin);
		return;
	}
	if (audit->source.layout == AUDIT_LAYOUT_NOTES) {
		audit_found(audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "without the records the auditor's note cannot be compared");
	} else if (note.size > audit->tree.size) {
		audit_found(audit, AUDIT_ROLLED_BACK, audit->tree.size, "the auditor's note counts %ju records, here are %ju", note.size, audit->tree.size);
	} else if (tree_root(&audit->tree, note.size, root) && memcmp(root, note.root, sizeof root) != 0) {
		audit_found(audit, AUDIT_FORK, note.size, "the auditor's note of %ju records has another root: these are two histories", note.size);
	}
}
