#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/clock.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"

void server_tell_hub(struct server *server, const struct wire_message *message)
{
	int err = ERR_GONE;

	if (!channel_is_open(server->hub)) {
		return;
	}
	err = channel_send(server->hub, message);
	if (err != 0 && err != ERR_GONE) {
		log_error("%s could not be sent: %s", wire_type_name(message->type), err_name(err));
	}
}

void server_fail(struct server *server, uint64_t request, int err, const char *text, const uint8_t head[JOURNAL_HASH_BYTES])
{
	struct wire_message answer;

	wire_begin(&answer, WIRE_ERROR, request, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_CODE, (uint64_t)(-err));
	if (text != NULL) {
		wire_put_string(&answer, WIRE_F_TEXT, text);
	}
	if (head != NULL) {
		wire_put_bytes(&answer, WIRE_F_HASH, span_of(head, JOURNAL_HASH_BYTES));
	}
	server_tell_hub(server, &answer);
}

uint64_t server_deadline(const struct wire_message *message)
{
	return message->deadline_ms == CLOCK_NEVER_MS || message->deadline_ms == 0 ? clock_deadline(SERVER_STREAM_MS) : message->deadline_ms;
}

/* --- state --- */

static const char *state_of(const struct server *server, const struct journal_facts *facts)
{
	if (server->fault || facts->state == JOURNAL_FAULTY) {
		return "fault";
	}
	if (facts->state == JOURNAL_DAMAGED) {
		return "damaged";
	}
	return facts->rolled_back ? "rolled-back" : "ok";
}

void server_send_hello(struct server *server)
{
	_cleanup_lines_ struct lines body = { 0 };
	struct journal_facts facts;
	struct wire_message hello;
	char text[4096], root[2 * JOURNAL_HASH_BYTES + 1];
	const char *why = NULL;
	int length = 0;

	journal_facts(server->journal, &facts);
	hex_encode(facts.root, sizeof facts.root, root);
	why = facts.state != JOURNAL_READY ? facts.why : facts.rolled_back ? facts.rolled_back_why : NULL;
	lines_set(&body, "origin", facts.origin);
	lines_set_u64(&body, "size", facts.size);
	lines_set(&body, "root", root);
	server->told_state = state_of(server, &facts);
	lines_set(&body, "state", server->told_state);
	lines_set(&body, "why", why);
	lines_set(&body, "unclean", facts.unclean ? "yes" : "no");
	if (facts.state == JOURNAL_DAMAGED) {
		lines_set_u64(&body, "damaged-index", facts.damaged_index);
	}
	if (server->last_utc_ms > 0) {
		/* A box that was quiet for months has no wrong clock: the time since counts, less an hour and 1 % for the rates of two clocks. */
		uint64_t since_ms = (clock_mono_ms() - server->last_mono_ms) / 100 * 99;

		lines_set_u64(&body, "last-time", (uint64_t)server->last_utc_ms + (since_ms > SERVER_CLOCK_SLACK_MS ? since_ms - SERVER_CLOCK_SLACK_MS : 0));
	}
	if (facts.mark_index > 0) {
		lines_set_u64(&body, "mark-index", facts.mark_index);
	}
	if (server->settings->box_letter[0] != '\0') {
		lines_set(&body, "box-letter", server->settings->box_letter);
	}
	server_seal_hello(server, &body);
	server_notes_hello(server, &body);
	length = lines_finish(&body, text, sizeof text);
	if (length < 0) {
		log_error("the state of the store cannot be told: %s", err_name(length));
		return;
	}
	wire_begin(&hello, WIRE_STORE_HELLO, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&hello, WIRE_F_LINES, span_of(text, (size_t)length));
	server_tell_hub(server, &hello);
}

void server_renew_hello(struct server *server)
{
	struct journal_facts facts;

	journal_facts(server->journal, &facts);
	if (channel_is_open(server->hub) && (server->told_state == NULL || strcmp(server->told_state, state_of(server, &facts)) != 0)) {
		server_send_hello(server);
	}
}

static void on_fault_timer(void *context, uint32_t events)
{
	(void)context;
	(void)events;
	_exit(1);
}

void server_fault(struct server *server, const char *why)
{
	if (server->fault) {
		return;
	}
	server->fault = true;
	log_error("fault: %s; nothing more is written by this process", why);
	server_send_hello(server);
	if (loop_timer(server->loop, clock_deadline(SERVER_FAULT_MS), on_fault_timer, server) < 0) {
		_exit(1);
	}
}

/* --- the hub --- */

/* What is asked for the sake of what lies in the store, now and then. */
static bool on_care(struct server *server, struct wire_message *message)
{
	switch (message->type) {
	case WIRE_STORE_VERIFY:
		server_verify_start(server, message);
		return true;
	case WIRE_STORE_MAINTAIN:
		server_maintain_start(server, message);
		return true;
	case WIRE_STORE_BACKUP:
		server_backup_start(server, message);
		return true;
	case WIRE_STORE_KEEP:
		server_hub_keep(server, message);
		return true;
	case WIRE_STORE_RECALL:
		server_hub_recall(server, message);
		return true;
	case WIRE_STORE_EVIDENCE:
		server_evidence(server, message);
		return true;
	case WIRE_STORE_ERASE:
		server_erase(server, message);
		return true;
	case WIRE_STORE_ARCHIVE:
		server_archive(server, message);
		return true;
	case WIRE_STORE_ARCHIVE_LOOK:
		server_archive_look(server, message);
		return true;
	default:
		return false;
	}
}

/* Checkpoints and what proves them. */
static bool on_anchors(struct server *server, struct wire_message *message)
{
	switch (message->type) {
	case WIRE_STORE_CHECKPOINT:
		server_checkpoint(server, message);
		return true;
	case WIRE_STORE_ANCHOR:
		server_anchor(server, message);
		return true;
	case WIRE_STORE_ANCHOR_READ:
		server_anchor_read(server, message);
		return true;
	case WIRE_STORE_TRUST:
		server_trust(server, message);
		return true;
	default:
		return false;
	}
}

static int on_hub_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct server *server = context;

	if (channel != server->hub) {
		return 0; /* a former hub; its link ends soon */
	}
	switch (message->type) {
	case WIRE_STORE_READ:
		server_read(server, message);
		return 0;
	case WIRE_STORE_CASE:
		server_case(server, message);
		return 0;
	case WIRE_STORE_CASE_NEW:
		server_case_new(server, message);
		return 0;
	case WIRE_STORE_APPEND:
		return server_append(server, message);
	case WIRE_STORE_TAKE:
		return server_take(server, message);
	case WIRE_STORE_COPY:
		server_copy(server, message);
		return 0;
	case WIRE_STORE_SIGN:
		return server_sign(server, message);
	case WIRE_STORE_DECRYPT:
		server_decrypt(server, message);
		return 0;
	case WIRE_STORE_LINK:
		server_link(server, message);
		return 0;
	case WIRE_STORE_NAMES:
		server_names(server, message);
		return 0;
	default:
		return on_anchors(server, message) || on_care(server, message) ? 0 : ERR_PROTOCOL;
	}
}

static void drop_hub(struct server *server)
{
	server->hub = NULL;
	server->hub_epoch++;
	server_forget_hub(server);
	server_evidence_forget(server);
	server_verify_stop(server);
	server_backup_stop(server);
	server_maintain_stop(server);
}

static void on_hub_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct server *server = context;

	if (channel == server->hub) {
		drop_hub(server);
		if (end != CHANNEL_CLOSED) {
			child_accuse(server->child, WIRE_HUB, 0, why);
		}
	}
	channel_free(channel);
}

/* --- links --- */

/* A former link is not freed here: its end comes from the loop and answers what waits for it. */
void server_on_peer(void *context, enum wire_role role, uint64_t index, const char *name, int fd)
{
	struct server *server = context;

	if (role == WIRE_HUB) {
		if (server->hub != NULL) {
			drop_hub(server);
		}
		server->hub = channel_new(server->loop, fd, WIRE_STORE, WIRE_HUB, on_hub_message, on_hub_end, server);
		server_send_hello(server);
	} else if (role == WIRE_TOKEN && index < SERVER_TOKENS_MAX) {
		struct server_token *token = &server->tokens[index];

		(void)snprintf(token->name, sizeof token->name, "%s", name[0] == '\0' ? "token" : name);
		token->state[0] = '\0';
		free(token->lines);
		token->lines = NULL;
		token->channel = channel_new(server->loop, fd, WIRE_STORE, WIRE_TOKEN, server_on_token_message, server_on_token_end, server);
	} else {
		log_error("a link to a peer that is not the store's");
		(void)close(fd);
	}
}

void server_on_stop(void *context)
{
	struct server *server = context;

	server_commit(server);
	server_verify_stop(server);
	server_backup_stop(server);
	server_maintain_stop(server);
	server_notes_stop(server);
	server_archive_stop(server);
	if (!server->fault) {
		if (names_flush(server->names) != 0) {
			log_warning("the names could not be written");
		}
		journal_close(server->journal);
	}
	keys_free(server->keys);
	_exit(server->fault ? 1 : 0);
}

/* --- opening --- */

static void on_record(void *context, const struct record *record, bool replay)
{
	struct server *server = context;
	struct wire_message notice;

	server_follow(server, record);
	if (replay || !channel_is_open(server->hub)) {
		return;
	}
	wire_begin(&notice, WIRE_STORE_RECORDED, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&notice, WIRE_F_LEAF, record->leaf);
	wire_put_bytes(&notice, WIRE_F_HASH, span_of(record->hash, sizeof record->hash));
	server_tell_hub(server, &notice);
}

/* A crash between intent and signed: the token may have signed, nobody has the signature (design 2). */
static int abandon_open_intents(struct server *server)
{
	/* The list changes while records become durable, so the batch is committed after the walk. */
	for (const struct server_intent *intent = server->intents; intent != NULL; intent = intent->next) {
		_cleanup_lines_ struct lines body = { 0 };
		char why[TABLE_WHY_SIZE] = "";
		int err = ERR_INTERNAL;

		lines_set(&body, "case", intent->case_number);
		lines_set_u64(&body, "intent", intent->index);
		lines_set(&body, "reason", "restart");
		err = server_stage_one(server, TABLE_STORE, intent->case_number, "abandoned", &body, NULL, NULL, why);
		if (err != 0) {
			log_error("intent %llu: %s %s", (unsigned long long)intent->index, err_name(err), why);
			return err;
		}
	}
	server_commit(server);
	return server->fault ? ERR_READONLY : 0;
}

static int open_journal(struct server *server, const char *boot_id)
{
	struct journal_options options = { .ops = server->ops,
		                           .data_fd = server->data_fd,
		                           .mark_path = server->settings->mark_file,
		                           .box_letter = server->settings->box_letter,
		                           .boot_id = boot_id,
		                           .on_record = on_record,
		                           .save = server_save,
		                           .restore = server_restore,
		                           .segment_max_bytes = server->settings->segment_bytes,
		                           .quiet_ms = server->settings->quiet_ms,
		                           .busy_ms = server->settings->busy_ms,
		                           .context = server };
	struct journal_facts facts;
	int err = journal_open(&options, &server->journal);

	if (err != 0) {
		log_error("the journal cannot be opened: %s", err_name(err));
		return err;
	}
	journal_facts(server->journal, &facts);
	if (facts.state == JOURNAL_DAMAGED) {
		log_error("the journal is damaged at record %llu: %s; it is read-only", (unsigned long long)facts.damaged_index, facts.why);
		return 0;
	}
	err = journal_boot(server->journal, PODATELNA_VERSION);
	if (err != 0) {
		log_error("the journal takes no records: %s", err_name(err));
		return err;
	}
	return abandon_open_intents(server);
}

static int open_vault(struct server *server)
{
	struct journal_facts facts;
	int err = ERR_MEMORY;

	journal_facts(server->journal, &facts);
	server->keys = keys_new(KEYS_COUNT_MAX);
	if (server->keys != NULL) {
		err = vault_open(server->ops, server->data_fd, facts.origin, server->keys, server->recipients, &server->vault);
	}
	if (err == 0) {
		vault_archive(server->vault, server->settings->archive_dir, facts.origin);
		err = names_open(server->vault, server->data_fd, &server->names);
	}
	if (err == 0) {
		err = seen_open(server->ops, server->data_fd, &server->seen);
	}
	if (err != 0) {
		log_error("the vault cannot be opened: %s", err_name(err));
	}
	return err;
}

int server_open(struct server *server, const char *boot_id)
{
	int err = ERR_INTERNAL;

	server->waiters_end = &server->waiters;
	err = open_journal(server, boot_id);
	if (err == 0) {
		err = open_vault(server);
	}
	if (err == 0) {
		server_erase_open(server);
		server_seal_open(server);
		server_notes_open(server);
		server_arm_checkpoint(server);
	}
	return err;
}
