/* Checkpoints, signatures and stamps against the records: a good journal is good, and each thing that can be done to its files has a name. */
#include "audit_journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANCHOR "journal/anchor/"

/* Four checkpoints; stamps over the second and the last, ten minutes after them; lists of revoked certificates of the day after. */
static void build(struct journal *journal)
{
	journal_note(journal, 50, journal->signer);
	journal_note(journal, 100, journal->signer);
	journal_stamp(journal, 100, 1, journal->tsa, T0 + 110 * MINUTE, 101);
	journal_note(journal, 150, journal->signer);
	journal_note(journal, 190, journal->signer);
	journal_stamp(journal, 190, 1, journal->tsa, T0 + 199 * MINUTE, 191);
	journal_revoke(journal, journal->root, NULL, 0, -1, T0 + DAY - HOUR);
	for (uint64_t i = 192; i < journal->size; i++) {
		journal->quiet[i] = true;
	}
}

static void a_good_one(void **state)
{
	struct journal *journal = *state;
	struct audit_anchors_result *result = &journal->result;

	build(journal);
	for (unsigned threads = 1; threads <= 4; threads++) {
		journal->settings.threads = threads;
		journal_check(journal);
		journal_expect_only(journal, AUDIT_KIND_COUNT);
		assert_true(result->notes == 4 && result->signed_notes == 4 && result->trusted_signatures == 4);
		assert_true(result->stamps == 2 && result->trusted_stamps == 2 && result->signed_size == 190 && result->stamped_size == 190);
		assert_true(result->stamped_utc_s == T0 + 199 * MINUTE && result->first_utc_s == T0 + 110 * MINUTE && result->last_utc_s == T0 + 199 * MINUTE);
		assert_true(result->worst_wait_ms == 110 * MINUTE * 1000 && result->worst_index == 0);
	}
}

static void other_keys(void **state)
{
	static const enum pki_kind kinds[] = { PKI_RSA2048, PKI_P384 };

	for (size_t i = 0; i < 2; i++) {
		struct journal *journal = NULL;

		(void)state;
		assert_int_equal(journal_open((void **)&journal), 0);
		pki_drop(journal->signer);
		journal->signer = pki_under(journal->root, kinds[i], "Box");
		build(journal);
		journal_check(journal);
		journal_expect_only(journal, AUDIT_KIND_COUNT);
		assert_int_equal(journal->result.trusted_signatures, 4);
		journal_close((void **)&journal);
	}
}

static void checkpoint_replaced(void **state)
{
	struct journal *journal = *state;
	char text[256];

	build(journal);
	/* By an older one: with its signature, its own name on it. */
	journal_copy(journal, ANCHOR "50.note", ANCHOR "100.note");
	journal_copy(journal, ANCHOR "50.p7s", ANCHOR "100.p7s");
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE, -1, 100);
	/* By a forked one, signed by the right key. */
	journal_note_text(journal, JOURNAL_ORIGIN, 100, 100, true, text);
	journal_note_files(journal, 100, text, journal->signer);
	journal_check(journal);
	journal_expect(journal, AUDIT_ROOT, -1, 100);
	/* By the text alone: it still fits the records, the signature does not fit it. */
	journal_note_text(journal, JOURNAL_ORIGIN, 150, 150, false, text);
	journal_note_files(journal, 100, text, journal->signer);
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE, -1, 100);
}

static void of_another_log(void **state)
{
	struct journal *journal = *state;
	char text[256];

	build(journal);
	journal_note_text(journal, "podatelna.invalid/ffffffffffffffff", 150, 150, false, text);
	journal_note_files(journal, 150, text, journal->signer);
	journal_check(journal);
	journal_expect(journal, AUDIT_ORIGIN, -1, 150);
}

static void signatures_altered(void **state)
{
	struct journal *journal = *state;

	build(journal);
	journal_flip(journal, ANCHOR "50.p7s", 0);
	journal_check(journal);
	journal_expect(journal, AUDIT_CMS, -1, 50);
	journal_expect_only(journal, AUDIT_CMS, AUDIT_KIND_COUNT);
	journal_copy(journal, ANCHOR "150.p7s", ANCHOR "50.p7s");
	journal_check(journal);
	journal_expect(journal, AUDIT_CMS, -1, 50);
	journal_expect_only(journal, AUDIT_CMS, AUDIT_KIND_COUNT);
}

static void signature_line_altered(void **state)
{
	struct journal *journal = *state;
	struct bytes note, other;
	char text[256];

	build(journal);
	note = journal_read(journal, ANCHOR "50.note");
	journal_other_letter(journal, ANCHOR "50.note", 20);
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE_SIGNATURE, -1, 50);
	journal_expect_only(journal, AUDIT_NOTE_SIGNATURE, AUDIT_KIND_COUNT);
	/* Of another checkpoint. */
	other = journal_read(journal, ANCHOR "150.note");
	journal_note_text(journal, JOURNAL_ORIGIN, 50, 50, false, text);
	{
		char mixed[1024];
		const char *line = memmem(other.data, other.length, "\n\n", 2);

		(void)snprintf(mixed, sizeof mixed, "%s%.*s", text, (int)(other.length - (size_t)((const uint8_t *)line - other.data) - 1), line + 1);
		journal_write(journal, ANCHOR "50.note", (struct bytes){ (const uint8_t *)mixed, strlen(mixed) });
	}
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE_SIGNATURE, -1, 50);
	/* Taken away. */
	journal_write(journal, ANCHOR "50.note", (struct bytes){ (const uint8_t *)text, strlen(text) });
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE_SIGNATURE, -1, 50);
	/* Doubled. */
	{
		char twice[2048];
		const char *line = memmem(note.data, note.length, "\n\n", 2);
		int length = (int)(note.length - (size_t)((const uint8_t *)line - note.data) - 2);

		(void)snprintf(twice, sizeof twice, "%.*s%.*s", (int)note.length, (const char *)note.data, length, line + 2);
		journal_write(journal, ANCHOR "50.note", (struct bytes){ (const uint8_t *)twice, strlen(twice) });
	}
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE_SIGNATURE, -1, 50);
	/* A witness beside it is nobody's business. */
	{
		char with[2048];

		(void)snprintf(with, sizeof with, "%.*s\xE2\x80\x94 witness.example AAAA\n", (int)note.length, (const char *)note.data);
		journal_write(journal, ANCHOR "50.note", (struct bytes){ (const uint8_t *)with, strlen(with) });
	}
	journal_check(journal);
	journal_expect_only(journal, AUDIT_KIND_COUNT);
	free((void *)(uintptr_t)note.data);
	free((void *)(uintptr_t)other.data);
}

static void notes_that_are_none(void **state)
{
	struct journal *journal = *state;
	static const char *const bad[] = { "",
		                           "\n",
		                           JOURNAL_ORIGIN "\n50\n",
		                           JOURNAL_ORIGIN "\n050\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		                           JOURNAL_ORIGIN "\n50\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
		                           JOURNAL_ORIGIN "\n50\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n",
		                           JOURNAL_ORIGIN "\n50\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n",
		                           JOURNAL_ORIGIN "\n50\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nno line\n",
		                           JOURNAL_ORIGIN "\n50\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" };

	build(journal);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		journal_write(journal, ANCHOR "50.note", (struct bytes){ (const uint8_t *)bad[i], strlen(bad[i]) });
		journal_check(journal);
		journal_expect(journal, AUDIT_NOTE, -1, 50);
		journal_expect_only(journal, AUDIT_NOTE, AUDIT_KIND_COUNT);
	}
}

static void stamps_altered(void **state)
{
	struct journal *journal = *state;

	build(journal);
	journal_flip(journal, ANCHOR "100.tsr", 0);
	journal_check(journal);
	journal_expect(journal, AUDIT_STAMP, -1, 100);
	journal_expect(journal, AUDIT_STAMP, -1, 101); /* the record knows another one */
	/* Over other bytes: a right stamp of another checkpoint. */
	journal_copy(journal, ANCHOR "190.tsr", ANCHOR "100.tsr");
	journal_check(journal);
	journal_expect(journal, AUDIT_STAMP, -1, 100);
	/* A right stamp over the right bytes, but not the one of the record. */
	journal_stamp(journal, 100, 1, journal->tsa, T0 + 90 * MINUTE, 0);
	journal_check(journal);
	journal_expect(journal, AUDIT_STAMP, -1, 101);
}

static void records_and_files(void **state)
{
	struct journal *journal = *state;

	build(journal);
	journal_remove(journal, ANCHOR "190.tsr");
	journal_check(journal);
	journal_expect(journal, AUDIT_STAMP, -1, 191);
	journal_remove(journal, ANCHOR "50.note");
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE, -1, 50);
	journal_remove(journal, ANCHOR "50.p7s");
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE, -1, 50); /* its record is there still */
}

static void left_from_a_crash(void **state)
{
	struct journal *journal = *state;

	build(journal);
	journal_stamp(journal, 150, 1, journal->tsa, T0 + 160 * MINUTE, 0);
	journal_write(journal, ANCHOR "notes.txt", (struct bytes){ (const uint8_t *)"x", 1 });
	journal_write(journal, ANCHOR "17.note.tmp", (struct bytes){ (const uint8_t *)"x", 1 });
	journal_check(journal);
	journal_expect_only(journal, AUDIT_STRAY, AUDIT_KIND_COUNT);
	assert_int_equal(journal->found_count, 2);
}

static void records_missing(void **state)
{
	struct journal *journal = *state;

	build(journal);
	journal->size = 195;
	journal_check(journal);
	journal_expect_only(journal, AUDIT_KIND_COUNT);
	journal->anchor_count = 0;
	journal->size = 180;
	journal_check(journal);
	journal_expect(journal, AUDIT_TRUNCATED, -1, 180);
	journal->notes_before = 150; /* the box went on while this was read */
	journal_check(journal);
	journal_expect_only(journal, AUDIT_STRAY, AUDIT_UNSTAMPED, AUDIT_UNSIGNED, AUDIT_KIND_COUNT);
}

static void signer_at_the_time_of_the_stamp(void **state)
{
	struct journal *journal = *state;

	pki_drop(journal->signer);
	journal->signer = pki_make(&(struct pki_plan){ .cn = "Box", .issuer = journal->root, .until_s = T0 + 115 * MINUTE });
	build(journal);
	journal_check(journal);
	journal_expect(journal, AUDIT_EXPIRED, AUDIT_DAMAGED, 150); /* the first two were stamped before */
	assert_int_equal(journal->result.trusted_signatures, 2);
	assert_true(journal->result.signed_size == 100);
}

static void signer_without_a_stamp(void **state)
{
	struct journal *journal = *state;

	pki_drop(journal->signer);
	journal->signer = pki_make(&(struct pki_plan){ .cn = "Box", .issuer = journal->root, .until_s = T0 + 10 * HOUR });
	journal_note(journal, 50, journal->signer);
	journal->settings.now_s = T0 + 5 * HOUR;
	journal_check(journal);
	journal_expect_only(journal, AUDIT_REVOCATION, AUDIT_UNSTAMPED, AUDIT_UNSIGNED, AUDIT_KIND_COUNT);
	journal->settings.now_s = T0 + 11 * HOUR;
	journal_check(journal);
	journal_expect(journal, AUDIT_EXPIRED, AUDIT_DOUBT, 50);
}

static void signer_revoked(void **state)
{
	struct journal *journal = *state;

	build(journal);
	journal_revoke(journal, journal->root, journal->signer, T0 + 120 * MINUTE, 1, T0 + DAY);
	journal_check(journal);
	journal_expect(journal, AUDIT_REVOKED, AUDIT_DAMAGED, 150);
	assert_int_equal(journal->result.trusted_signatures, 2);
	journal_expect_only(journal, AUDIT_REVOKED, AUDIT_UNSIGNED, AUDIT_KIND_COUNT);
}

static void authority_at_its_own_time(void **state)
{
	struct journal *journal = *state;

	pki_drop(journal->tsa);
	journal->tsa = pki_make(&(struct pki_plan){ .cn = "TSA", .issuer = journal->root, .until_s = T0 + 115 * MINUTE, .purposes = "critical,timeStamping" });
	build(journal);
	journal_check(journal);
	journal_expect(journal, AUDIT_EXPIRED, AUDIT_DAMAGED, 190);
	assert_int_equal(journal->result.trusted_stamps, 1);
}

static void authority_revoked(void **state)
{
	struct journal *journal = *state;

	build(journal);
	journal_revoke(journal, journal->root, journal->tsa, T0 + 120 * MINUTE, 4, T0 + DAY);
	journal_check(journal);
	journal_expect(journal, AUDIT_REVOKED, AUDIT_DAMAGED, 190);
	assert_int_equal(journal->result.trusted_stamps, 1);
	/* Key in other hands: the stamp from before proves nothing either. */
	journal_revoke(journal, journal->root, journal->tsa, T0 + 120 * MINUTE, 1, T0 + DAY);
	journal_check(journal);
	journal_expect(journal, AUDIT_REVOKED, -1, 100);
	journal_expect(journal, AUDIT_REVOKED, AUDIT_DAMAGED, 190);
}

static void authority_that_is_none(void **state)
{
	struct journal *journal = *state;

	pki_drop(journal->tsa);
	journal->tsa = pki_under(journal->root, PKI_P256, "No TSA");
	build(journal);
	journal_check(journal);
	journal_expect(journal, AUDIT_CERTIFICATE, AUDIT_DAMAGED, 100);
	journal_expect(journal, AUDIT_UNSTAMPED, AUDIT_REMARK, 0);
	assert_int_equal(journal->result.trusted_stamps, 0);
}

static void nobody_is_trusted(void **state)
{
	struct journal *journal = *state;
	struct pki *foreign = pki_root(PKI_P256, "Root");
	const char *own = journal->settings.trust[0];

	build(journal);
	journal->settings.trust_count = 0;
	journal_check(journal);
	journal_expect(journal, AUDIT_CERTIFICATE, AUDIT_DOUBT, 50);
	journal_expect(journal, AUDIT_CERTIFICATE, AUDIT_DOUBT, 100);
	journal_expect_only(journal, AUDIT_CERTIFICATE, AUDIT_KIND_COUNT);
	assert_true(journal->result.trusted_signatures == 0 && journal->result.signed_size == 0 && journal->result.stamped_size == 0);
	/* A root of the same name. */
	journal_trust(journal, foreign, "foreign.cer");
	journal_check(journal);
	journal_expect(journal, AUDIT_CERTIFICATE, AUDIT_DOUBT, 50);
	journal_expect(journal, AUDIT_CERTIFICATE, AUDIT_DOUBT, 100);
	journal_expect(journal, AUDIT_UNSIGNED, AUDIT_DOUBT, 0);
	journal_expect(journal, AUDIT_UNSTAMPED, AUDIT_REMARK, 0);
	free((void *)(uintptr_t)own);
	pki_drop(foreign);
}

static void files_of_the_auditor(void **state)
{
	struct journal *journal = *state;
	char *missing = strdup("/nonexistent/file.pem");

	build(journal);
	journal->settings.trust[journal->settings.trust_count++] = missing;
	journal_check(journal);
	journal_expect(journal, AUDIT_UNREADABLE, -1, AUDIT_NO_INDEX);
	journal_expect_only(journal, AUDIT_UNREADABLE, AUDIT_KIND_COUNT);
	/* What is not signed by itself helps to build a path, and is not trusted for that. */
	free((void *)(uintptr_t)journal->settings.trust[0]);
	journal->settings.trust_count = 0;
	free(missing);
	journal_trust(journal, journal->signer, "signer.cer");
	journal_check(journal);
	journal_expect(journal, AUDIT_UNREADABLE, -1, AUDIT_NO_INDEX);
	journal_expect(journal, AUDIT_CERTIFICATE, AUDIT_DOUBT, 50);
	assert_int_equal(journal->result.trusted_signatures, 0);
}

static void lists(void **state)
{
	struct journal *journal = *state;
	size_t length = 0;
	uint8_t *list = pki_list(&(struct pki_crl){ .issuer = journal->root, .this_s = T0 + DAY, .next_s = T0 + 2 * DAY }, &length);

	journal_note(journal, 50, journal->signer);
	journal_stamp(journal, 50, 1, journal->tsa, T0 + 60 * MINUTE, 51);
	for (uint64_t i = 52; i < journal->size; i++) {
		journal->quiet[i] = true;
	}
	journal_check(journal);
	journal_expect(journal, AUDIT_REVOCATION, AUDIT_REMARK, 50);
	journal_expect_only(journal, AUDIT_REVOCATION, AUDIT_KIND_COUNT);
	journal->settings.require_crl = true;
	journal_check(journal);
	journal_expect(journal, AUDIT_REVOCATION, AUDIT_DOUBT, 50);
	journal_collect(journal, (struct bytes){ list, length }, true, 60);
	journal_check(journal);
	journal_expect_only(journal, AUDIT_KIND_COUNT);
	/* The record's file, altered; then missing. */
	journal_write(journal, "journal/trust/0000000000000000000000000000000000000000000000000000000000000000.crl", (struct bytes){ list, length });
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE, -1, AUDIT_NO_INDEX);
	journal->anchors[journal->anchor_count - 1].sha256[0] ^= 1;
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE, -1, 60);
	(void)snprintf(journal->anchors[journal->anchor_count - 1].file, 8, "x.crl");
	journal_check(journal);
	journal_expect(journal, AUDIT_NOTE, -1, 60);
	free(list);
}

/* The certificate of an authority between is in neither signature, but the box collected it. */
static void a_certificate_that_was_collected(void **state)
{
	struct journal *journal = *state;
	struct pki *middle =
	    pki_make(&(struct pki_plan){ .cn = "Middle", .issuer = journal->root, .basic = "critical,CA:TRUE", .usage = "critical,keyCertSign,cRLSign" });

	pki_drop(journal->signer);
	journal->signer = pki_under(middle, PKI_P256, "Box");
	build(journal);
	journal_check(journal);
	journal_expect(journal, AUDIT_CERTIFICATE, AUDIT_DOUBT, 50);
	journal_collect(journal, pki_bytes(middle), false, 40);
	journal_revoke(journal, middle, NULL, 0, -1, T0 + DAY - HOUR);
	journal_check(journal);
	journal_expect_only(journal, AUDIT_KIND_COUNT);
	pki_drop(middle);
}

static void too_late(void **state)
{
	struct journal *journal = *state;

	journal_note(journal, 50, journal->signer);
	journal_note(journal, 100, journal->signer);
	journal_stamp(journal, 50, 1, journal->tsa, T0 + 60 * MINUTE, 51);
	journal_stamp(journal, 100, 1, journal->tsa, T0 + 100 * MINUTE + 3 * HOUR, 101);
	journal->settings.late_ms = (uint64_t)(4 * HOUR - 10 * MINUTE) * 1000;
	journal_revoke(journal, journal->root, NULL, 0, -1, T0 + DAY - HOUR);
	journal_check(journal);
	/* 280 minutes less 230: records 50 (its own checkpoint, quiet as 51 is) to 99 up to 49 wait less than the limit but for nothing: all before 50 are stamped early. */
	journal_expect_only(journal, AUDIT_UNSTAMPED, AUDIT_UNSIGNED, AUDIT_KIND_COUNT);
	journal->settings.late_ms = (uint64_t)(3 * HOUR + 20 * MINUTE) * 1000;
	journal_check(journal);
	journal_expect(journal, AUDIT_LATE, -1, 52); /* to 79 */
	journal_expect_only(journal, AUDIT_LATE, AUDIT_UNSTAMPED, AUDIT_UNSIGNED, AUDIT_KIND_COUNT);
	assert_true(journal->result.worst_index == 52);
	/* The end of it: 98 minutes wait from 102 to 199. */
	journal_expect(journal, AUDIT_UNSTAMPED, AUDIT_REMARK, 102);
	journal_expect(journal, AUDIT_UNSIGNED, AUDIT_REMARK, 102);
	journal->settings.late_ms = (uint64_t)HOUR * 1000;
	journal_check(journal);
	journal_expect(journal, AUDIT_UNSTAMPED, AUDIT_DOUBT, 102);
	journal_expect(journal, AUDIT_UNSIGNED, AUDIT_DOUBT, 102);
}

static void older_than_what_it_covers(void **state)
{
	struct journal *journal = *state;

	build(journal);
	journal_stamp(journal, 190, 2, journal->tsa, T0 + 100 * MINUTE, 192);
	journal_check(journal);
	journal_expect(journal, AUDIT_CLOCK, -1, 189);
	journal_expect_only(journal, AUDIT_CLOCK, AUDIT_KIND_COUNT);
}

/* The auditors' share: the files alone. */
static void notes_alone(void **state)
{
	struct journal *journal = *state;
	char text[256];

	build(journal);
	journal->size = 0;
	journal->anchor_count = 0;
	journal->settings.layout = AUDIT_LAYOUT_NOTES;
	journal_write(journal, ANCHOR "origin", (struct bytes){ (const uint8_t *)JOURNAL_ORIGIN "\n", sizeof JOURNAL_ORIGIN });
	journal_check(journal);
	journal_expect_only(journal, AUDIT_REVOCATION, AUDIT_KIND_COUNT);
	assert_true(journal->result.trusted_signatures == 4 && journal->result.trusted_stamps == 2 && journal->result.stamped_size == 190);
	journal_note_text(journal, "podatelna.invalid/ffffffffffffffff", 150, 150, false, text);
	journal_note_files(journal, 150, text, journal->signer);
	journal_flip(journal, ANCHOR "50.p7s", 0);
	journal_check(journal);
	journal_expect(journal, AUDIT_ORIGIN, -1, 150);
	journal_expect(journal, AUDIT_CMS, -1, 50);
}

/* A forger without keys drops all signatures and stamps, and lets all be of this hour. */
static void nothing_is_left(void **state)
{
	struct journal *journal = *state;

	journal_check(journal);
	journal_expect(journal, AUDIT_UNSIGNED, AUDIT_DOUBT, 0);
	journal_expect(journal, AUDIT_UNSTAMPED, AUDIT_REMARK, 0);
	journal->settings.trust_count = 0; /* who trusts nobody asked for no more than that the journal agrees with itself */
	journal_check(journal);
	journal_expect(journal, AUDIT_UNSIGNED, AUDIT_REMARK, 0);
	journal->settings.trust_count = 1;
}

/* Many files with the same fault do not fill the list. */
static void very_many(void **state)
{
	struct journal *journal = *state;
	char text[256];

	journal->size = JOURNAL_RECORDS;
	for (uint64_t size = 1; size <= 150; size++) {
		journal_note_text(journal, JOURNAL_ORIGIN, size, size, true, text);
		journal_note_files(journal, size, text, NULL);
	}
	journal_check(journal);
	journal_expect(journal, AUDIT_ROOT, -1, 1);
	journal_expect(journal, AUDIT_ROOT, -1, AUDIT_NO_INDEX);
	assert_int_equal(journal->found_count, 100 + 1 + 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_open, journal_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_one),
		cmocka_unit_test(other_keys),
		TEST(checkpoint_replaced),
		TEST(of_another_log),
		TEST(signatures_altered),
		TEST(signature_line_altered),
		TEST(notes_that_are_none),
		TEST(stamps_altered),
		TEST(records_and_files),
		TEST(left_from_a_crash),
		TEST(records_missing),
		TEST(signer_at_the_time_of_the_stamp),
		TEST(signer_without_a_stamp),
		TEST(signer_revoked),
		TEST(authority_at_its_own_time),
		TEST(authority_revoked),
		TEST(authority_that_is_none),
		TEST(nobody_is_trusted),
		TEST(files_of_the_auditor),
		TEST(lists),
		TEST(a_certificate_that_was_collected),
		TEST(too_late),
		TEST(older_than_what_it_covers),
		TEST(notes_alone),
		TEST(nothing_is_left),
		TEST(very_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
