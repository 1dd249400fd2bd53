/* The index of the closed segments: a start with it knows what a start without it knows, whatever became of its file; and it hides no damage. */
#include "journal_help.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/err.h"
#include "store/index_file.h"
#include "store/tree.h"

#define INDEX "index/journal"
#define TICK_US 20000 /* longer than the file system's clock takes for a step */

struct play {
	struct help help;
	struct fault fault;
	const struct fileops *ops;
	uint64_t told;      /* records, those from the index included */
	uint8_t digest[32]; /* over the leaf hashes of all of them, one after the other */
	bool refuse;        /* restore says no */
	uint64_t segment_max;
};

/* All that is to be known from outside. */
struct knowledge {
	struct journal_facts facts;
	uint8_t digest[32];
	uint64_t told;
	uint8_t cases[32]; /* over heads, types, indexes of every case */
	char next[JOURNAL_CASE_SIZE];
};

static int64_t now(void *context)
{
	struct play *play = context;

	return play->help.now_ms += 10;
}

static void on_record(void *context, const struct record *record, bool replay)
{
	struct play *play = context;
	uint8_t both[64];

	(void)replay;
	assert_int_equal(record->index, play->told);
	memcpy(both, play->digest, 32);
	memcpy(both + 32, record->hash, 32);
	assert_int_equal(tree_plain_hash(span_of(both, sizeof both), play->digest), 0);
	play->told++;
}

static void save(void *context, struct index_writer *writer)
{
	const struct play *play = context;

	index_put_u64(writer, play->told);
	index_put(writer, play->digest, sizeof play->digest);
}

static bool restore(void *context, struct span saved)
{
	struct play *play = context;

	assert_int_equal(play->told, 0);
	return !play->refuse && span_read_u64(&saved, &play->told) && index_take(&saved, play->digest, sizeof play->digest) && span_is_empty(saved);
}

static int play_open(struct play *play, struct journal **ret)
{
	struct journal_options options = {
		.ops = play->ops,
		.data_fd = play->help.data_fd,
		.mark_path = play->help.mark,
		.box_letter = "",
		.boot_id = play->help.boot,
		.clock = now,
		.on_record = on_record,
		.save = save,
		.restore = restore,
		.context = play,
		.index_min_bytes = 1,
		.segment_max_bytes = play->segment_max,
		.lock_wait_ms = 100,
	};

	play->told = 0;
	memset(play->digest, 0, sizeof play->digest);
	return journal_open(&options, ret);
}

static void play_make(struct play *play)
{
	memset(play, 0, sizeof *play);
	help_make(&play->help);
	play->ops = &fileops_posix;
	play->segment_max = 2000;
}

static void hash_case(void *context, const struct journal_case *found)
{
	struct index_writer *writer = context;

	index_put(writer, found->number, strlen(found->number));
	index_put(writer, found->head, sizeof found->head);
	index_put(writer, found->last_type, strlen(found->last_type));
	index_put_u64(writer, found->first);
	index_put_u64(writer, found->last);
	index_put_u64(writer, found->count);
}

static void hash_indexes(const struct journal *journal, unsigned number, struct index_writer *writer)
{
	uint64_t *indexes = NULL;
	char text[32];
	size_t count = 0;

	(void)snprintf(text, sizeof text, "2026-%06u", number);
	if (journal_case_indexes(journal, text, &indexes, &count) == 0) {
		for (size_t i = 0; i < count; i++) {
			index_put_u64(writer, indexes[i]);
		}
	}
	free(indexes);
}

static struct knowledge learn(const struct play *play, struct journal *journal)
{
	struct index_writer writer = { 0 };
	struct knowledge known = { .told = play->told };

	journal_facts(journal, &known.facts);
	memcpy(known.digest, play->digest, sizeof known.digest);
	journal_case_each(journal, hash_case, &writer);
	for (unsigned number = 1; number < 200; number++) {
		hash_indexes(journal, number, &writer);
	}
	assert_int_equal(writer.err, 0);
	assert_int_equal(tree_plain_hash(span_of(writer.data, writer.length), known.cases), 0);
	index_writer_free(&writer);
	if (known.facts.state == JOURNAL_READY) {
		assert_int_equal(journal_next_case(journal, known.next), 0);
	}
	return known;
}

static void assert_same(struct knowledge a, struct knowledge b)
{
	assert_int_equal(a.facts.state, b.facts.state);
	assert_int_equal(a.facts.size, b.facts.size);
	assert_memory_equal(a.facts.root, b.facts.root, 32);
	assert_int_equal(a.facts.rolled_back, b.facts.rolled_back);
	assert_int_equal(a.facts.last_utc_ms, b.facts.last_utc_ms);
	assert_int_equal(a.facts.accepted_utc_ms, b.facts.accepted_utc_ms);
	assert_int_equal(a.facts.segment_first, b.facts.segment_first);
	assert_int_equal(a.facts.segment_bytes, b.facts.segment_bytes);
	assert_int_equal(a.facts.damaged_index, b.facts.damaged_index);
	assert_int_equal(a.told, b.told);
	assert_memory_equal(a.digest, b.digest, 32);
	assert_memory_equal(a.cases, b.cases, 32);
	assert_string_equal(a.next, b.next);
}

/* What a start learns; the journal is closed again. */
static struct knowledge look(struct play *play)
{
	struct journal *journal = NULL;
	struct knowledge known;

	assert_int_equal(play_open(play, &journal), 0);
	known = learn(play, journal);
	journal_close(journal);
	return known;
}

static struct knowledge look_without(struct play *play)
{
	struct knowledge known;

	help_shell(&play->help, "rm -rf data/index");
	known = look(play);
	assert_int_equal(known.facts.indexed, 0);
	return known;
}

/* Cases, each with some records, in several segments; a checkpoint behind them. Goes on with any failure and says it. */
static int write_some(struct play *play, struct journal *journal, unsigned from, unsigned count)
{
	struct journal_receipt receipt;
	char number[32], note[JOURNAL_NOTE_SIZE];
	int err = 0;

	for (unsigned i = from; i < from + count && err == 0; i++) {
		(void)snprintf(number, sizeof number, "2026-%06u", i);
		err = help_received(journal, number, &receipt);
		err = err != 0 ? err : help_append(journal, TABLE_HUB, number, NULL, "unknown", "reason: root\n", &receipt);
		err = err != 0 ? err : help_append(journal, TABLE_TOKEN, "", NULL, "token", "event: present\ntoken: office\n", &receipt);
		if (err == 0 && i > from + 2) {
			(void)snprintf(number, sizeof number, "2026-%06u", i - 2);
			err = help_append(journal, TABLE_HUB, number, NULL, "deleted", "by: uid:1000\n", &receipt);
		}
	}
	(void)play;
	return err != 0 ? err : journal_checkpoint(journal, note);
}

static void write_more(struct play *play, unsigned from, unsigned count)
{
	struct journal *journal = NULL;

	assert_int_equal(play_open(play, &journal), 0);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(write_some(play, journal, from, count), 0);
	journal_close(journal);
}

/* With it and without it the same, as the journal grows by orderly stops and by deaths; and it is used. */
static void same_with_and_without(void **state)
{
	struct play play;
	unsigned from = 1;

	(void)state;
	play_make(&play);
	for (int round = 0; round < 6; round++) {
		struct knowledge with, without;

		if (round % 2 == 1) {
			play.help.boot = play.help.boot[0] == '1' ? HELP_BOOT_B : HELP_BOOT_A;
			help_shell(&play.help,
			           "for h in a b; do sed -i 's/ clean / open  /' data/journal/head.$h; done"); /* a wrong CRC: both heads are lost */
		}
		write_more(&play, from, 25);
		from += 25;
		with = look(&play);
		assert_true(with.facts.indexed > 0 && with.facts.indexed <= with.facts.segment_first);
		assert_int_equal(with.facts.state, JOURNAL_READY);
		without = look_without(&play);
		assert_same(with, without);
		/* The start without it has made it again. */
		with = look(&play);
		assert_int_equal(with.facts.indexed, with.facts.segment_first);
		assert_same(with, without);
	}
	help_remove(&play.help);
}

/* Torn at any length, any byte another one: as if it were not there. */
static void broken_files(void **state)
{
	struct play play;
	struct knowledge truth;
	uint8_t *bytes = NULL;
	size_t length = 0;

	(void)state;
	play_make(&play);
	write_more(&play, 1, 8);
	truth = look_without(&play);
	length = help_read(&play.help, INDEX, &bytes);
	for (size_t at = 0; at < length; at += at < 200 || at + 40 > length ? 1 : 97) {
		struct knowledge known;

		help_write(&play.help, INDEX, bytes, at);
		known = look(&play);
		assert_int_equal(known.facts.indexed, 0);
		assert_same(known, truth);
		bytes[at] ^= 1;
		help_write(&play.help, INDEX, bytes, length);
		bytes[at] ^= 1;
		known = look(&play);
		assert_int_equal(known.facts.indexed, 0);
		assert_same(known, truth);
	}
	help_write(&play.help, INDEX, bytes, length);
	assert_int_equal(look(&play).facts.indexed, truth.facts.segment_first);
	play.refuse = true;
	assert_same(look(&play), truth);
	free(bytes);
	help_remove(&play.help);
}

/* One that is old is used as far as it goes; one of another journal not at all. */
static void old_and_foreign(void **state)
{
	struct play play, other;
	struct knowledge known, truth;
	uint8_t *old = NULL, *foreign = NULL;
	size_t old_length = 0, foreign_length = 0;
	uint64_t covered = 0;

	(void)state;
	play_make(&play);
	play_make(&other);
	write_more(&play, 1, 8);
	write_more(&other, 1, 8);
	covered = look(&play).facts.indexed;
	old_length = help_read(&play.help, INDEX, &old);
	foreign_length = help_read(&other.help, INDEX, &foreign);
	write_more(&play, 9, 8);
	truth = look_without(&play);
	help_write(&play.help, INDEX, old, old_length);
	known = look(&play);
	assert_int_equal(known.facts.indexed, covered);
	assert_same(known, truth);
	help_write(&play.help, INDEX, foreign, foreign_length);
	known = look(&play);
	assert_int_equal(known.facts.indexed, 0);
	assert_same(known, truth);
	free(old);
	free(foreign);
	help_remove(&play.help);
	help_remove(&other.help);
}

/* The journal is put back under a newer index: nothing of what is gone may seem to be there. */
static void rolled_back_journal(void **state)
{
	struct play play;
	struct knowledge known;
	uint64_t size = 0;

	(void)state;
	play_make(&play);
	write_more(&play, 1, 8);
	size = look(&play).facts.size;
	help_shell(&play.help, "cp -a data/journal saved");
	write_more(&play, 9, 8);
	help_shell(&play.help, "rm -rf data/journal && cp -a saved data/journal");
	known = look(&play);
	assert_int_equal(known.facts.indexed, 0);
	assert_int_equal(known.facts.size, size);
	assert_same(known, look_without(&play));
	help_remove(&play.help);
}

/* A closed segment that was written to, with its length kept and its times put back, is read; so is the open one always. */
static void hides_no_damage(void **state)
{
	struct play play;
	struct knowledge known;

	(void)state;
	play_make(&play);
	write_more(&play, 1, 12);
	assert_true(look(&play).facts.indexed > 0);
	(void)usleep(TICK_US);
	help_shell(&play.help, "cp -a data/journal saved; f=data/journal/segment/000000000000.s; chmod u+w $f; printf X | dd of=$f bs=1 seek=300 conv=notrunc "
	                       "status=none; chmod 0444 $f; touch -r saved/segment/000000000000.s $f");
	known = look(&play);
	assert_int_equal(known.facts.indexed, 0);
	assert_int_equal(known.facts.state, JOURNAL_DAMAGED);
	assert_same(known, look_without(&play));
	help_remove(&play.help);
	play_make(&play);
	write_more(&play, 1, 12);
	play.segment_max = 1 << 20;
	write_more(&play, 13, 3);
	assert_true(look(&play).facts.indexed > 0);
	help_shell(&play.help, "f=$(echo data/journal/segment/*.open); printf X | dd of=$f bs=1 seek=300 conv=notrunc status=none");
	known = look(&play);
	assert_true(known.facts.indexed > 0 && known.facts.indexed == known.facts.segment_first);
	assert_int_equal(known.facts.state, JOURNAL_DAMAGED);
	assert_true(known.facts.damaged_index >= known.facts.segment_first);
	help_remove(&play.help);
}

/* Heads or the last checkpoint that are not of this index: then it says nothing. */
static void other_heads(void **state)
{
	struct play play;
	struct knowledge known;

	(void)state;
	play_make(&play);
	write_more(&play, 1, 8);
	assert_true(look(&play).facts.indexed > 0);
	help_shell(&play.help, "cp -a data/journal/head.a a; cp -a data/journal/head.b b; rm data/journal/head.*");
	known = look(&play);
	assert_int_equal(known.facts.indexed, 0);
	assert_true(look(&play).facts.indexed > 0);
	help_shell(&play.help, "rm data/journal/anchor/*.note");
	assert_int_equal(look(&play).facts.indexed, 0);
	help_remove(&play.help);
}

/* Each operation on files fails once, in each way, while segments are closed and the index is written: no acknowledged record is lost, none comes twice, and what is
 * known with the index is what is known without it. */
static void every_failure(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_EIO, FAULT_ENOSPC, FAULT_SHORT, FAULT_DEAD };
	bool fired = true;

	(void)state;
	for (long n = 1; fired; n += 1 + n / 40) {
		fired = false;
		for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
			struct play play;
			struct journal *journal = NULL;
			struct knowledge with;
			uint64_t acknowledged = 0;

			play_make(&play);
			write_more(&play, 1, 5);
			acknowledged = look(&play).facts.size;
			fault_arm(&play.fault, n, kinds[kind]);
			play.ops = &play.fault.ops;
			if (play_open(&play, &journal) == 0) {
				if (journal_boot(journal, "0.1") == 0) {
					(void)write_some(&play, journal, 6, 3);
				}
				acknowledged = play.told > acknowledged ? play.told : acknowledged;
				journal_close(journal);
			}
			fired = fired || play.fault.fired;
			play.ops = &fileops_posix;
			play.help.boot = kind % 2 == 0 ? HELP_BOOT_A : HELP_BOOT_B;
			with = look(&play);
			assert_int_equal(with.facts.state, JOURNAL_READY);
			assert_true(with.facts.size >= acknowledged);
			assert_same(with, look_without(&play));
			help_remove(&play.help);
		}
	}
}

/* --- made again while the journal works --- */

static void count_progress(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
	struct play *listener = context;

	assert_true(done_bytes <= all_bytes);
	listener->segment_max = all_bytes;
}

static int make_again(const struct play *play, const struct journal *journal, struct journal_facts *ret)
{
	struct play listener = { .told = 0 };
	struct journal_options options = {
		.ops = play->ops, .data_fd = play->help.data_fd, .on_record = on_record, .save = save, .on_progress = count_progress, .context = &listener
	};
	int err = journal_index_make(journal, &options, ret);

	assert_true(err != 0 || (listener.told == ret->indexed && listener.told > 0));
	return err;
}

/* From the records alone, whatever lies there; records and segments that come meanwhile are not in it, and the next start reads these and no others. */
static void made_while_it_works(void **state)
{
	static const uint8_t garbage[] = "podatelna-index 1 journal\nnot an index";
	struct play play;
	struct journal *journal = NULL;
	struct journal_facts live, made;
	struct knowledge known;

	(void)state;
	play_make(&play);
	assert_int_equal(play_open(&play, &journal), 0);
	assert_int_equal(make_again(&play, journal, &made), ERR_NOTFOUND);
	assert_int_equal(journal_boot(journal, "0.1"), 0);
	assert_int_equal(write_some(&play, journal, 1, 12), 0);
	help_write(&play.help, INDEX, garbage, sizeof garbage);
	journal_facts(journal, &live);
	assert_int_equal(make_again(&play, journal, &made), 0);
	assert_int_equal(made.indexed, live.segment_first);
	assert_int_equal(write_some(&play, journal, 13, 4), 0);
	assert_int_equal(journal_index_adopt(journal, made.indexed), 0);
	journal_close(journal);
	known = look(&play);
	assert_int_equal(known.facts.indexed, made.indexed);
	assert_same(known, look_without(&play));
	help_remove(&play.help);
}

/* Damage is said, with its record, and no index is made over it; one that was begun is none. */
static void made_over_damage(void **state)
{
	struct play play;
	struct journal *journal = NULL;
	struct journal_facts made;

	(void)state;
	play_make(&play);
	write_more(&play, 1, 12);
	assert_int_equal(play_open(&play, &journal), 0);
	help_shell(&play.help,
	           "f=data/journal/segment/000000000000.s; chmod u+w $f; printf X | dd of=$f bs=1 seek=300 conv=notrunc status=none; rm -rf data/index");
	assert_int_equal(make_again(&play, journal, &made), ERR_DAMAGE);
	assert_int_equal(made.state, JOURNAL_DAMAGED);
	assert_true(made.damaged_index <= 2 && made.why[0] != '\0');
	assert_int_equal(journal_index_adopt(journal, 1), ERR_NOTFOUND);
	journal_close(journal);
	help_remove(&play.help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_with_and_without), cmocka_unit_test(broken_files),        cmocka_unit_test(old_and_foreign),
		cmocka_unit_test(rolled_back_journal),   cmocka_unit_test(hides_no_damage),     cmocka_unit_test(other_heads),
		cmocka_unit_test(every_failure),         cmocka_unit_test(made_while_it_works), cmocka_unit_test(made_over_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
