/* What lies in journal/anchor/ and could have been altered there, and the fields of a stamp's record: notes, CMS signatures, replies of a time-stamp authority, names.
 * The first byte chooses the reader. */
#include "store/vault_crypto.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "store/anchor_seal.h"
#include "store/journal_anchor.h"
#include "store/table.h"

#define TEXT "podatelna.invalid/0123456789abcdef\n17\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth) {
		abort();
	}
}

/* What is taken for a note is, put together from its parts, the same bytes. */
static void try_note(struct span bytes)
{
	static uint8_t again[ANCHOR_NOTE_MAX_BYTES + 1024];
	struct anchor_note note;
	char name[1024];
	int length = 0;

	if (anchor_note_parse(bytes, &note) != 0) {
		return;
	}
	require(note.text.length + (note.count > 0 ? 1 : 0) <= bytes.length && note.count <= ANCHOR_LINES_MAX);
	if (note.count == 1 && span_copy_string(note.lines[0].name, name, sizeof name)) {
		length = anchor_note_sign(note.text, name, note.lines[0].base64, again, sizeof again);
		require(length == (int)bytes.length && memcmp(again, bytes.data, bytes.length) == 0);
	}
	for (size_t i = 0; i < note.count; i++) {
		uint8_t raw[256];
		size_t have = 0;

		(void)anchor_base64_decode(note.lines[i].base64, raw, sizeof raw, &have);
		require(have <= sizeof raw);
	}
}

static void try_seal(struct span bytes)
{
	struct anchor_seal seal = { 0 };
	struct anchor_note note;
	const char *why = "";

	if (anchor_seal_check(bytes, span_of_string(TEXT), &seal, &why) == 0 && anchor_note_parse(span_of_string(TEXT), &note) == 0) {
		require(anchor_seal_check_lines(&seal, &note) == 0);
	}
	anchor_seal_free(&seal);
}

static void try_stamp(struct span bytes)
{
	struct span of[2] = { span_of_string(TEXT), span_of_string("signature") };
	const char *why = "";
	size_t which = 0;

	if (anchor_stamp_check(bytes, of, 2, &which, &why) == 0) {
		require(which < 2);
	}
	(void)anchor_stamp_mentions(bytes, of[0]);
}

static void try_name(struct span bytes)
{
	struct journal_anchor_name name;
	char text[256], again[JOURNAL_ANCHOR_NAME_SIZE];

	if (span_copy_string(bytes, text, sizeof text) && journal_anchor_parse_name(text, &name)) {
		journal_anchor_format_name(&name, again);
		require(strcmp(text, again) == 0);
	}
}

static void try_record(struct span bytes)
{
	char why[TABLE_WHY_SIZE] = "";

	(void)table_check("anchor", TABLE_STORE, bytes, 5, NULL, why);
	(void)table_check_stored("anchor", bytes, 5, NULL, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	uint8_t choice = 0;

	if (!span_read_u8(&bytes, &choice)) {
		return 0;
	}
	switch (choice) {
	case 'n':
		try_note(bytes);
		break;
	case 's':
		try_seal(bytes);
		break;
	case 't':
		try_stamp(bytes);
		break;
	case 'f':
		try_name(bytes);
		break;
	case 'r':
		try_record(bytes);
		break;
	default:
		break;
	}
	return 0;
}
