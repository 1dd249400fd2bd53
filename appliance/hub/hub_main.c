/* hub_main.c - the hub's beginning and its links. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "address.h"
#include "anchors.h"
#include "closing.h"
#include "condition.h"
#include "control.h"
#include "flow.h"
#include "inbox.h"
#include "keep.h"
#include "led.h"
#include "mail.h"
#include "metrics.h"
#include "overview.h"
#include "partner_certs.h"
#include "query_timer.h"
#include "share.h"
#include "stamps.h"
#include "trust.h"

#define LAST_WORDS_MS 50 /* how long the parent's word is waited for when the store is gone */
#define REPLAY_CHUNK_MAX_BYTES (8U * 1024 * 1024)

static _Noreturn void die(const char *why, int code)
{
	log_error("%s", why);
	exit(code);
}

bool hub_is_working(const struct hub *hub)
{
	return hub_waiting_reason(hub)[0] == '\0';
}

const char *hub_waiting_reason(const struct hub *hub)
{
	if (hub->store == NULL || !hub->replayed) {
		return N_("the journal is being read");
	}
	if (hub->clock_bad) {
		return timekeeper_reason(hub);
	}
	if (strcmp(hub->store_state, "damaged") == 0 || strcmp(hub->store_state, "read-only") == 0 || strcmp(hub->store_state, "fault") == 0) {
		return N_("the journal is read-only: nothing is worked on");
	}
	if (hub->transport == NULL || !hub->sessions_known || hub->partner == NULL) {
		return N_("a program of the box is being restarted");
	}
	return hub->stopping ? N_("the box is stopping") : "";
}

struct hub_partner *hub_partner_find(struct hub *hub, const char *name)
{
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		if (hub->partners[i].catalogue != NULL && strcmp(hub->partners[i].config->name, name) == 0) {
			return &hub->partners[i];
		}
	}
	return NULL;
}

/* What the network program said, or nothing when it was reached and said that it is down. */
static void note_failure(struct hub_partner *partner, const struct hub_case *of)
{
	const char *error = of->last == RECORD_NOT_SENT && of->error != NULL ? of->error : "";

	partner->cause = cause_find(error);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(error), partner->error, sizeof partner->error);
}

void hub_partner_result(struct hub *hub, const struct hub_case *of, bool reached)
{
	struct hub_partner *partner = hub_partner_find(hub, of->partner);

	if (partner == NULL) {
		return;
	}
	if (reached) {
		partner->failures = 0;
		partner->cause = CAUSE_NONE;
		partner->error[0] = '\0';
		partner->failing_ms = 0;
		partner->reached_ms = clock_utc_ms();
		address_result(partner, of, true);
		partner->not_before_ms = partner->config->interval_ms == 0 ? 0 : clock_deadline(partner->config->interval_ms);
		return;
	}
	partner->failures++;
	note_failure(partner, of);
	partner->failing_ms = partner->failing_ms == 0 ? clock_utc_ms() : partner->failing_ms;
	address_result(partner, of, false);
}

const char *hub_partner_waiting(const struct hub_partner *partner)
{
	return partner->cause != CAUSE_NONE ? cause_text(partner->cause) : N_("the partner could not be reached; it is tried again later");
}

/* --- records --- */

static void apply_box_record(struct hub *hub, const struct record *record)
{
	struct span event;

	if (strcmp(record->type, "rolled-back") == 0) {
		hub->rolled_back = !record_field_is(record, "accepted", "yes");
		if (hub->rolled_back) {
			hub->rolled_back_index = record->index;
			log_error("the journal was rolled back or restored: nothing is sent until a person accepts");
		}
	} else if (strcmp(record->type, "clock-accepted") == 0 && hub->replayed) {
		hub->clock_bad = false; /* one of the past says nothing about now */
	} else if (strcmp(record->type, "anchor") == 0 && !record_field(record, "event", &event)) {
		/* With an event: a stamp, not a checkpoint. */
		hub->checkpoint_ms = record->utc_ms;
	}
}

void hub_record(struct hub *hub, struct span leaf, struct span hash)
{
	struct record record;
	struct hub_case *of = NULL;
	int err = record_read_leaf(leaf, &record);

	if (err == 0 && hash.length == sizeof record.hash) {
		memcpy(record.hash, hash.data, sizeof record.hash);
		err = case_apply(&hub->cases, &record, &of);
	}
	if (err != 0) {
		log_error("record %llu (%s) cannot be understood: %s", (unsigned long long)record.index, record.type, err_name(err));
		die("the journal does not follow the table of states", 1);
	}
	overview_touch();
	if (stamp_book_record(&hub->stamp_book, &record) != 0) {
		die("no memory for the stamps of the journal", 1);
	}
	if (strcmp(record.type, "anchor") == 0) {
		renew_record(&hub->renew_book, hub->config, &record);
		trust_book_record(&hub->trust_book, &record);
	}
	partner_certs_record(hub, &record);
	metrics_record(hub, &record, of);
	mail_note(hub->mail, of, &record);
	timekeeper_record(hub, &record, of == NULL ? "" : of->partner);
	keep_record(hub, &record);
	if (of == NULL) {
		apply_box_record(hub, &record);
	} else if (hub->replayed) {
		closing_note(hub, of);
		of->due_ms = 0; /* what it waited for may just have come */
		flow_next(hub, of);
	}
}

/* --- the replay --- */

static void ask_records(struct hub *hub);

/* Nobody knows how long the box was off: what waits for a partner's word is asked about soon, however seldom it was asked before. */
static void ask_soon(struct hub *hub)
{
	for (struct hub_case *each = hub->cases.open; each != NULL; each = each->next_open) {
		each->since_start = each->state == CASE_SENT || each->state == CASE_SENDING;
	}
}

static void on_replayed(struct hub *hub)
{
	hub->replayed = true;
	cases_sweep(&hub->cases);
	ask_soon(hub);
	log_info("%zu cases, %zu open", hub->cases.count, hub->cases.open_count);
	sessions_adopt(hub);
	closing_begin(hub);
	mail_begin(hub->mail);
	stamps_begin(hub);
	inbox_start(hub);
	flow_all(hub);
}

static int apply_chunk(struct hub *hub, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	void *map = NULL;
	struct span rest;
	int err = 0;

	if (size == 0) {
		return 0;
	}
	if (size < 0 || size > REPLAY_CHUNK_MAX_BYTES || !fd_is_sealed(fd)) {
		return ERR_PROTOCOL;
	}
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		return ERR_SYSTEM;
	}
	rest = span_of(map, (size_t)size);
	while (err == 0 && !span_is_empty(rest)) {
		struct record record;

		err = record_read(&rest, &record);
		if (err == 0) {
			hub_record(hub, record.leaf, span_of(record.hash, sizeof record.hash));
		}
	}
	(void)munmap(map, (size_t)size);
	return err == 0 ? 0 : ERR_PROTOCOL;
}

static void on_records(void *context, int err, struct wire_message *message)
{
	struct hub *hub = context;
	_cleanup_close_ int fd = -1;
	uint64_t next = 0, count = 0;

	if (err != 0 || message->type == WIRE_ERROR) {
		die("the store does not give its records", HUB_EXIT_STORE_GONE);
	}
	fd = wire_take_fd(message, 0);
	next = wire_number(message, WIRE_F_INDEX, 0);
	count = wire_number(message, WIRE_F_COUNT, 0);
	if (apply_chunk(hub, fd) != 0) {
		die("the store's records are malformed", HUB_EXIT_STORE_GONE);
	}
	if (count == 0) {
		on_replayed(hub);
		return;
	}
	if (next != hub->replay_next + count) {
		die("the store's records have a gap", HUB_EXIT_STORE_GONE);
	}
	hub->replay_next = next;
	ask_records(hub);
}

static void ask_records(struct hub *hub)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STORE_READ, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_INDEX, hub->replay_next);
	if (channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_records, hub, NULL) != 0) {
		die("the store is gone", HUB_EXIT_STORE_GONE);
	}
}

/* --- links --- */

static int on_store_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct hub *hub = context;

	(void)channel;
	switch (message->type) {
	case WIRE_STORE_HELLO: {
		struct span lines = wire_span(message, WIRE_F_LINES);

		(void)lines_find_string(lines, "state", hub->store_state, sizeof hub->store_state);
		anchors_hello(hub, lines);
		if (!hub->replayed) {
			uint64_t last = 0;

			(void)lines_find_u64(lines, "last-time", &last);
			timekeeper_begin(hub, (int64_t)last);
			(void)lines_find_u64(lines, "size", &hub->replay_size);
		}
		return 0;
	}
	case WIRE_STORE_RECORDED: {
		struct record record;
		struct span leaf = wire_span(message, WIRE_F_LEAF);

		if (record_read_leaf(leaf, &record) != 0) {
			return ERR_PROTOCOL;
		}
		/* A notice that comes before the replay's last answer tells of a record that the replay brings itself, in its place. */
		if (!hub->replayed || record.index < hub->replay_next) {
			return 0;
		}
		if (record.index != hub->replay_next) {
			die("a record is missing between the journal and its notices", HUB_EXIT_STORE_GONE);
		}
		hub->replay_next = record.index + 1;
		hub_record(hub, leaf, wire_span(message, WIRE_F_HASH));
		return 0;
	}
	case WIRE_PROGRESS:
		control_progress(hub, message);
		return 0;
	default:
		return ERR_PROTOCOL;
	}
}

static void on_store_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct hub *hub = context;
	uint64_t until_ms = clock_deadline(LAST_WORDS_MS);

	(void)channel;
	if (hub->stopping) {
		return; /* it was told to stop like this one, which only waits for an e-mail */
	}
	if (end == CHANNEL_BROKEN) {
		child_accuse(hub->child, WIRE_STORE, 0, why);
	}
	/* Lets the accusation out; and a store that was only faster to stop with the whole box is told from one that died: then on_stop ends this process. */
	while (!clock_expired(until_ms) && loop_step(hub->loop, until_ms) == 0) {
	}
	die("the store's link ended: starting anew", HUB_EXIT_STORE_GONE);
}

static int on_no_message(void *context, struct channel *channel, struct wire_message *message)
{
	(void)context;
	(void)channel;
	(void)message;
	return ERR_PROTOCOL;
}

static void on_peer_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct hub *hub = context;
	enum wire_role role = channel_peer(channel);

	if (end != CHANNEL_CLOSED) {
		child_accuse(hub->child, role, 0, why);
	}
	if (hub->partner == channel) {
		hub->partner = NULL;
		hub->partner_epoch++;
	} else if (hub->transport == channel) {
		hub->transport = NULL;
		hub->sessions_known = hub->sessions_asked = false;
	}
	channel_free(channel);
}

static int on_token_message(void *context, struct channel *channel, struct wire_message *message)
{
	struct hub *hub = context;

	for (size_t i = 0; i < CONFIG_TOKENS_MAX; i++) {
		struct hub_token *token = &hub->tokens[i];
		char before[sizeof token->state];

		if (token->channel != channel) {
			continue;
		}
		memcpy(before, token->state, sizeof before);
		if (message->type != WIRE_TOKEN_STATUS || !wire_string(message, WIRE_F_STATE, token->state, sizeof token->state)) {
			return ERR_PROTOCOL;
		}
		overview_touch();
		free(token->lines);
		token->lines = strndup((const char *)wire_span(message, WIRE_F_LINES).data, wire_span(message, WIRE_F_LINES).length);
		/* What waits for a token looks again, and says anew why it waits. */
		for (struct hub_case *each = hub->cases.open; strcmp(token->state, before) != 0 && each != NULL; each = each->next_open) {
			each->due_ms = 0;
		}
		control_token(hub, i);
		mail_keys(hub->mail);
		flow_all(hub);
	}
	return 0;
}

static void on_token_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct hub *hub = context;

	for (size_t i = 0; i < CONFIG_TOKENS_MAX; i++) {
		if (hub->tokens[i].channel == channel) {
			if (end != CHANNEL_CLOSED) {
				child_accuse(hub->child, WIRE_TOKEN, i, why);
			}
			hub->tokens[i].channel = NULL;
			(void)snprintf(hub->tokens[i].state, sizeof hub->tokens[i].state, "absent");
		}
	}
	channel_free(channel);
}

/* A former link is left to its own end, which answers what is pending on it. */
static void set_link(struct hub *hub, struct channel **place, enum wire_role role, int fd, channel_handler on_message, channel_end_handler on_end)
{
	*place = channel_new(hub->loop, fd, WIRE_HUB, role, on_message, on_end, hub);
	if (*place == NULL) {
		die("no memory for a link", 1);
	}
}

static void on_peer(void *context, enum wire_role role, uint64_t index, const char *name, int fd)
{
	struct hub *hub = context;

	(void)name;
	switch ((unsigned)role) {
	case WIRE_STORE:
		if (hub->store != NULL) {
			die("the store was restarted: starting anew", HUB_EXIT_STORE_GONE);
		}
		set_link(hub, &hub->store, role, fd, on_store_message, on_store_end);
		if (keep_recall(hub, ask_records) != 0) {
			die("the store is gone", HUB_EXIT_STORE_GONE);
		}
		break;
	case WIRE_PARTNER:
		hub->partner_epoch++;
		set_link(hub, &hub->partner, role, fd, on_no_message, on_peer_end);
		break;
	case WIRE_TRANSPORT:
		set_link(hub, &hub->transport, role, fd, on_no_message, on_peer_end);
		hub->sessions_asked = false;
		sessions_adopt(hub);
		break;
	case WIRE_TOKEN:
		if (index < CONFIG_TOKENS_MAX) {
			set_link(hub, &hub->tokens[index].channel, role, fd, on_token_message, on_token_end);
			break;
		}
		(void)close(fd);
		break;
	default:
		(void)close(fd);
	}
	flow_all(hub);
}

static void on_child(void *context, struct wire_message *message)
{
	struct hub *hub = context;
	struct hub_program *program = NULL;
	uint64_t role = wire_number(message, WIRE_F_ROLE, 0), index = wire_number(message, WIRE_F_INDEX, 0);

	for (size_t i = 0; i < hub->program_count && program == NULL; i++) {
		if ((uint64_t)hub->programs[i].role == role && hub->programs[i].index == index) {
			program = &hub->programs[i];
		}
	}
	if (program == NULL && hub->program_count < HUB_PROGRAMS_MAX) {
		program = &hub->programs[hub->program_count++];
	}
	if (program == NULL) {
		return;
	}
	program->role = (enum wire_role)role;
	program->index = index;
	program->pid = wire_number(message, WIRE_F_PID, 0);
	program->bits = wire_number(message, WIRE_F_BITS, 0);
	program->starts = wire_number(message, WIRE_F_COUNT, 0);
	(void)wire_string(message, WIRE_F_NAME, program->name, sizeof program->name);
	(void)wire_string(message, WIRE_F_TEXT, program->why, sizeof program->why);
}

static void on_stop(void *context)
{
	struct hub *hub = context;

	hub->stopping = true;
	overview_stop(hub);
	mail_stop(hub->mail);
	exit(0); /* every step is either durable or begun anew: there is nothing to finish */
}

static void on_sweep(void *context, uint32_t events)
{
	struct hub *hub = context;

	(void)events;
	cases_sweep(&hub->cases);
	timekeeper_look(hub);
	if (hub->transport != NULL && hub->replayed && !hub->sessions_known && !hub->sessions_asked) {
		sessions_adopt(hub);
	}
	flow_all(hub);
	partner_certs_look(hub);
	closing_look(hub);
	stamps_update(hub);
	query_timer_look(hub);
	trust_update(hub);
	led_update(hub);
	metrics_update(hub);
	overview_update(hub);
	keep_look(hub);
	hub->sweep_timer = loop_timer(hub->loop, clock_deadline(HUB_SWEEP_MS), on_sweep, hub);
	if (hub->sweep_timer < 0) {
		die("no timer", 1);
	}
}

/* --- the beginning --- */

static void load_config(struct hub *hub)
{
	static struct config_report report;
	_cleanup_free_ uint8_t *text = NULL;
	_cleanup_close_ int fd = child_take_fd(hub->child, 0);
	size_t length = 0;
	char file[1024] = "";

	(void)lines_find_string(child_settings(hub->child), "file", file, sizeof file);
	if (fd < 0 || fd_read_all(fd, CONFIG_FILE_MAX_BYTES, &text, &length) != 0 || config_parse(span_of(text, length), file, &hub->config, &report) != 0 ||
	    catalogue_load(&hub->config->catalogue_dirs, hub->config->language, &hub->catalogue, &report) != 0) {
		config_report_print(&report, stderr);
		die("the configuration or the catalogue cannot be used", 1);
	}
	text_open(hub->config->language);
	keep_begin(hub, span_of(text, length));
}

int hub_run(void)
{
	static struct hub hub;
	struct sandbox_path paths[5] = { 0 };
	struct sandbox sandbox = { .groups = SANDBOX_OPEN | SANDBOX_CHANGE | SANDBOX_UNIX | SANDBOX_LOCKS, .paths = paths, .path_count = 5 };

	hub.child = child_open("podatelna-hub", WIRE_HUB);
	hub.loop = child_loop(hub.child);
	hub.share = -1;
	for (size_t i = 0; i < CONFIG_TOKENS_MAX; i++) {
		(void)snprintf(hub.tokens[i].state, sizeof hub.tokens[i].state, "absent");
	}
	load_config(&hub);
	hub_load_partners(&hub);
	hub.stamp_book.config = hub.config;
	hub.control = control_new(&hub, child_take_fd(hub.child, 1));
	hub.inbox = inbox_new(&hub);
	hub.metrics = metrics_new(hub.config);
	hub.mail = mail_new(&hub);
	hub.stamper = stamps_new(&hub);
	hub.trust = trust_new(&hub);
	if (hub.control == NULL || hub.inbox == NULL) {
		die("the hub cannot begin", 1);
	}
	paths[0] = (struct sandbox_path){ hub.config->share.path, true };
	paths[1] = (struct sandbox_path){ hub.config->share.claim_dir, true };
	paths[2] = (struct sandbox_path){ hub.config->led[0] != '\0' ? hub.config->led : "/nonexistent", true };
	paths[3] = (struct sandbox_path){ hub.metrics != NULL ? metrics_folder(hub.metrics) : "/nonexistent", true };
	share_bind(&hub);
	paths[4] = (struct sandbox_path){ hub.mail != NULL ? hub.config->mail.state_dir : "/nonexistent", true };
	child_handlers(hub.child, on_peer, on_stop, on_child, &hub);
	child_on_ping(hub.child, condition_put);
	child_ready(hub.child, &sandbox);
	on_sweep(&hub, 0);
	return loop_run(hub.loop);
}
