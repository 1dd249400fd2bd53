/* Group commit: what arrives in one round of the loop becomes one batch, one write, one sync; the answers go out after it (design 4). */
#include "server.h"

#include <stdlib.h>
#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

#define LOOKS_MAX 8
#define GATHER_MS 1 /* the clock of the loop has no shorter one */

struct server_waiter {
	struct server_waiter *next;
	struct journal_receipt receipt;
	server_staged done;
	void *context;
};

uint64_t server_gather_ms(const struct server_batch *batch)
{
	return batch->waiters < batch->before / 2 && batch->took_ms >= 2 * GATHER_MS ? GATHER_MS : 0;
}

static void on_commit_timer(void *context, uint32_t events);

static int arm_commit(struct server *server, uint64_t wait_ms)
{
	int id = 0;

	if (server->commit_timer > 0) {
		return 0;
	}
	id = loop_timer(server->loop, clock_deadline(wait_ms), on_commit_timer, server);
	if (id < 0) {
		return id;
	}
	server->commit_timer = id;
	return 0;
}

/* Who has to wait for a flush of the disk waits for one, not for that of those before him and then his own. While the store read and staged what had come, more may
 * have: it looks again as long as each look finds something, for a few looks. And those who were answered together come back one after the other: the first of them
 * waits a moment for the rest, where a flush takes longer than that moment. */
static void on_commit_timer(void *context, uint32_t events)
{
	struct server *server = context;
	struct server_batch *batch = &server->batch;
	uint64_t wait_ms = 0;

	(void)events;
	server->commit_timer = 0;
	if (batch->waiters > batch->seen && batch->looks < LOOKS_MAX) {
		wait_ms = batch->gathered ? 0 : server_gather_ms(batch);
		batch->gathered = batch->gathered || wait_ms > 0;
		batch->seen = batch->waiters;
		batch->looks++;
		if (arm_commit(server, wait_ms) == 0) {
			return;
		}
	}
	server_commit(server);
}

static void on_checkpoint_timer(void *context, uint32_t events)
{
	struct server *server = context;
	char note[JOURNAL_NOTE_SIZE];
	struct journal_facts facts;
	int err = ERR_INTERNAL;

	(void)events;
	server->checkpoint_timer = 0;
	server_commit(server);
	if (server->fault) {
		return;
	}
	err = journal_checkpoint(server->journal, note);
	if (err != 0) {
		journal_facts(server->journal, &facts);
		log_error("checkpoint: %s", err_name(err));
		if (facts.state == JOURNAL_FAULTY) {
			server_fault(server, facts.why);
			return;
		}
		/* No room for the note, for example: records are safe without it. Later again. */
		server->checkpoint_timer = loop_timer(server->loop, clock_deadline(JOURNAL_BUSY_MS), on_checkpoint_timer, server);
		return;
	}
	server_arm_checkpoint(server);
	journal_facts(server->journal, &facts);
	server_notes_changed(server, facts.note_size);
	server_seal(server);
}

void server_arm_checkpoint(struct server *server)
{
	uint64_t due = journal_checkpoint_due(server->journal);
	int id = 0;

	loop_cancel(server->loop, server->checkpoint_timer);
	server->checkpoint_timer = 0;
	if (due == CLOCK_NEVER_MS || server->fault) {
		return;
	}
	id = loop_timer(server->loop, due, on_checkpoint_timer, server);
	server->checkpoint_timer = id > 0 ? id : 0;
}

void server_commit(struct server *server)
{
	struct server_waiter *waiters = server->waiters;
	const uint64_t begun_ms = clock_mono_ms();
	int err = ERR_READONLY;

	loop_cancel(server->loop, server->commit_timer);
	server->commit_timer = 0;
	server->waiters = NULL;
	server->waiters_end = &server->waiters;
	if (!server->fault) {
		err = journal_commit(server->journal);
	}
	server->batch = (struct server_batch){ .before = server->batch.waiters, .took_ms = clock_mono_ms() - begun_ms };
	if (err != 0 && !server->fault) {
		struct journal_facts facts;

		journal_facts(server->journal, &facts);
		if (facts.state != JOURNAL_DAMAGED) { /* damage is read-only, and nothing was staged */
			server_fault(server, facts.state == JOURNAL_FAULTY ? facts.why : "the journal took no records");
		}
	}
	server_renew_hello(server);
	while (waiters != NULL) {
		struct server_waiter *waiter = waiters;

		waiters = waiter->next;
		if (waiter->done != NULL) {
			waiter->done(waiter->context, err == 0 ? 0 : ERR_READONLY, err == 0 ? &waiter->receipt : NULL);
		}
		free(waiter);
	}
	server_arm_checkpoint(server);
}

int server_stage(struct server *server, const struct journal_append *append, server_staged done, void *context, char why[TABLE_WHY_SIZE])
{
	struct server_waiter *waiter = NULL;
	int err = ERR_INTERNAL;

	if (server->fault) {
		return ERR_READONLY;
	}
	waiter = calloc(1, sizeof *waiter);
	err = waiter == NULL ? ERR_MEMORY : arm_commit(server, 0);
	if (err == 0) {
		err = journal_stage(server->journal, append, &waiter->receipt, why);
	}
	if (err == ERR_AGAIN) { /* the batch is full */
		server_commit(server);
		err = server->fault ? ERR_READONLY : arm_commit(server, 0);
		if (err == 0) {
			err = journal_stage(server->journal, append, &waiter->receipt, why);
		}
	}
	if (err != 0) {
		free(waiter);
		return err;
	}
	waiter->done = done;
	waiter->context = context;
	*server->waiters_end = waiter;
	server->waiters_end = &waiter->next;
	server->batch.waiters++;
	return 0;
}

int server_stage_one(struct server *server, enum table_writer writer, const char *case_number, const char *type, const struct lines *body, server_staged done,
                     void *context, char why[TABLE_WHY_SIZE])
{
	char text[LINES_BODY_MAX + 1];
	int length = lines_finish(body, text, sizeof text);
	struct journal_entry entry = { .type = type };
	struct journal_append append = { .writer = writer, .case_number = case_number, .entries = &entry, .count = 1 };

	if (length < 0) {
		return length;
	}
	entry.body = span_of(text, (size_t)length);
	return server_stage(server, &append, done, context, why);
}

void server_answer_appended(struct channel *channel, uint64_t request, const struct journal_receipt *receipt)
{
	struct wire_message answer;

	wire_begin(&answer, WIRE_STORE_APPENDED, request, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_INDEX, receipt->index);
	wire_put_bytes(&answer, WIRE_F_HASH, span_of(receipt->hash, sizeof receipt->hash));
	wire_put_number(&answer, WIRE_F_TIME, (uint64_t)receipt->utc_ms);
	if (channel_send(channel, &answer) != 0) {
		log_debug("an answer had nobody to go to");
	}
}
