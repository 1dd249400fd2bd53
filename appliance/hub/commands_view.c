/* commands_view.c - what a person looks at: status, show (list: commands_list.c, export: commands_export.c). Names and content flow from the store straight to the caller. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "address.h"
#include "anchors.h"
#include "announce.h"
#include "card.h"
#include "control_private.h"
#include "group.h"
#include "disk.h"
#include "facts.h"
#include "inbox.h"
#include "led.h"
#include "partner_certs.h"

#define URL_SIZE 2049

static void set_time(struct lines *row, const char *name, int64_t utc_ms)
{
	char text[CLOCK_UTC_SIZE];

	clock_format_utc(utc_ms, text);
	lines_set(row, name, text);
}

/* --- content --- */

static void on_copied(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;
	char text[CASE_REASON_MAX_BYTES] = "";

	if (err == 0 && message->type == WIRE_ERROR) {
		err = -(int)wire_number(message, WIRE_F_CODE, -ERR_INTERNAL);
		(void)wire_string(message, WIRE_F_TEXT, text, sizeof text);
	}
	/* Names are an ornament: while the vault is locked, lists show number, type and state (design 4). */
	if (err != 0 && err != ERR_GONE && caller->of != NULL) {
		(void)caller_fail(caller, err, err == ERR_LOCKED ? _("the vault is locked: log a token in first") : _(text));
	}
	caller_settle(caller);
}

void caller_copy_to(struct caller *caller, const char *name, const char *object, uint64_t index)
{
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;
	struct wire_message message;

	if (caller->hub->store == NULL || fd_pipe(&read_end, &write_end) != 0) {
		return;
	}
	wire_begin(&message, object == NULL ? WIRE_STORE_NAMES : WIRE_STORE_COPY, 0, CLOCK_NEVER_MS);
	if (object != NULL) {
		wire_put_string(&message, WIRE_F_CASE, caller->of->number);
		wire_put_string(&message, WIRE_F_OBJECT, object);
		wire_put_number(&message, WIRE_F_INDEX, index);
	}
	wire_put_fd(&message, write_end);
	if (channel_request(caller->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_copied, caller, NULL) == 0) {
		caller_pend(caller);
		caller_content(caller, name, read_end);
	}
}

/* --- status --- */

static const struct {
	uint64_t bit;
	const char *name;
} protections[] = {
	{ PROTECT_OWN_USER, "user" },     { PROTECT_NO_NEW_PRIVS, "no-new-privs" }, { PROTECT_SECCOMP, "seccomp" },
	{ PROTECT_LANDLOCK, "landlock" }, { PROTECT_NO_DUMP, "no-dump" },           { PROTECT_MEMORY_LOCKED, "memory-locked" },
};

static void put_program_row(struct caller *caller, const struct hub_program *program)
{
	struct lines row = { 0 };
	char protection[128] = "";

	for (size_t i = 0; i < sizeof protections / sizeof protections[0]; i++) {
		if ((program->bits & protections[i].bit) != 0) {
			(void)snprintf(protection + strlen(protection), sizeof protection - strlen(protection), "%s%s", protection[0] == '\0' ? "" : " ",
			               protections[i].name);
		}
	}
	lines_setf(&row, "program", "%s%s%s", wire_role_name(program->role), program->name[0] == '\0' ? "" : " ", program->name);
	lines_set_u64(&row, "pid", program->pid);
	lines_set(&row, "protection", protection);
	lines_set_u64(&row, "restarts", program->starts > 0 ? program->starts - 1 : 0);
	lines_set(&row, "text", program->pid == 0 ? program->why : "");
	caller_row(caller, "program", &row);
}

static void put_counts(struct caller *caller)
{
	size_t counts[CASE_STATE_COUNT] = { 0 };
	char number[32];

	for (const struct hub_case *each = caller->hub->cases.all; each != NULL; each = each->next_all) {
		counts[each->state]++;
	}
	for (size_t i = CASE_RECEIVED; i < CASE_STATE_COUNT; i++) {
		if (counts[i] > 0) {
			char name[48];

			(void)snprintf(name, sizeof name, "cases-%s", state_name((enum case_state)i));
			(void)snprintf(number, sizeof number, "%zu", counts[i]);
			caller_field(caller, name, number);
		}
	}
}

static void put_token_summary(struct caller *caller)
{
	for (size_t i = 0; i < caller->hub->config->token_count; i++) {
		const struct hub_token *token = &caller->hub->tokens[i];
		struct lines row = { 0 };
		char software[8] = "", pin[16] = "";

		if (token->lines != NULL) {
			(void)lines_find_string(span_of_string(token->lines), "software", software, sizeof software);
			(void)lines_find_string(span_of_string(token->lines), "pin", pin, sizeof pin);
		}
		lines_set(&row, "token", caller->hub->config->tokens[i].name);
		lines_set(&row, "state", token->state);
		lines_set(&row, "software", software);
		lines_set(&row, "pin", pin);
		caller_row(caller, "token", &row);
	}
}

/* How the partners are reached, and which of them were not, the last time. */
static void put_network(struct caller *caller)
{
	const struct hub *hub = caller->hub;
	const struct config_proxy *proxy = &hub->config->proxy;
	char text[2 * CASE_REASON_MAX_BYTES];

	if (proxy->mode != CONFIG_PROXY_DIRECT) {
		(void)snprintf(text, sizeof text, "%s %s", config_proxy_name(proxy->mode), proxy->url);
		caller_field(caller, "proxy", text);
	}
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		const struct hub_partner *partner = &hub->partners[i];
		const char *detail = partner->error + (partner->cause == CAUSE_NONE ? 0 : strlen(cause_text(partner->cause)));

		if (partner->failures > 0) {
			(void)snprintf(text, sizeof text, "%s: %s%s%s", partner->config->name, _(hub_partner_waiting(partner)),
			               partner->cause == CAUSE_NONE && detail[0] != '\0' ? ": " : "", detail);
			caller_field(caller, "not-reached", text);
		}
		if (address_fallen_over(partner) != NULL) {
			(void)snprintf(text, sizeof text, _("%s: the first address is put off, the next request goes to %s"), partner->config->name,
			               address_fallen_over(partner));
			caller_field(caller, "backup-address", text);
		}
	}
}

static void put_partner_row(struct caller *caller, const struct hub_partner *partner)
{
	struct lines row = { 0 };
	uint64_t now = clock_mono_ms();
	size_t waiting = 0;

	for (const struct hub_case *each = caller->hub->cases.open; each != NULL; each = each->next_open) {
		waiting += each->is_open && strcmp(each->partner, partner->config->name) == 0 ? 1 : 0;
	}
	lines_set(&row, "partner", partner->config->name);
	lines_set(&row, "env", config_env_name(partner->config->env));
	lines_set(&row, "state", partner->failures > 0 ? "unreachable" : partner->reached_ms != 0 ? "reached" : "not-asked");
	if (partner->failures > 0) {
		set_time(&row, "since", partner->failing_ms);
		lines_set(&row, "text", _(hub_partner_waiting(partner)));
		set_time(&row, "next", clock_utc_ms() + (partner->not_before_ms > now ? (int64_t)(partner->not_before_ms - now) : 0));
	} else if (partner->reached_ms != 0) {
		set_time(&row, "since", partner->reached_ms);
	}
	if (address_fallen_over(partner) != NULL) {
		lines_set(&row, "backup", address_fallen_over(partner));
	}
	lines_set_u64(&row, "open", waiting);
	caller_row(caller, "partner", &row);
}

/* The room that is left where `path` is, in bytes. */
static void put_free(struct caller *caller, const char *name, const char *path)
{
	uint64_t left = 0, all = 0;
	char number[32];

	if (fact_disk(path, &left, &all)) {
		(void)snprintf(number, sizeof number, "%llu", (unsigned long long)left);
		caller_field(caller, name, number);
	}
}

/* Disks that fill up; every one as a row for other programs. */
static void put_disks(struct caller *caller)
{
	struct disk_place places[DISK_PLACES_MAX];
	size_t count = disk_look(caller->hub, places);
	char words[DISK_TEXT_BYTES];

	for (size_t i = 0; i < count; i++) {
		struct lines row = { 0 };

		lines_set(&row, "disk", places[i].id);
		lines_set(&row, "level", disk_level_name(places[i].level));
		lines_set_u64(&row, "used", places[i].used);
		lines_set_u64(&row, "free", places[i].free_bytes);
		lines_set_u64(&row, "total", places[i].total_bytes);
		if (caller->json) {
			caller_row(caller, "disk", &row);
		}
		lines_free(&row);
		if (places[i].level != DISK_GOOD) {
			disk_words(caller->hub, &places[i], words);
			caller_field(caller, "disk", words);
		}
	}
}

/* How far the clock is off, in words and as a number (positive: ahead), and what a person has to do about it. */
static void put_clock(struct caller *caller)
{
	const struct clock_figure *figure = timekeeper_figure(caller->hub);
	char text[CASE_REASON_MAX_BYTES];
	struct lines row = { 0 };

	timekeeper_words(caller->hub, text, sizeof text);
	if (text[0] != '\0') {
		lines_set(&row, "name", "clock");
		lines_set(&row, "value", text);
		if (figure != NULL) {
			lines_setf(&row, "off-ms", "%lld", (long long)figure->off_ms);
		}
		caller_row(caller, "field", &row);
	}
	timekeeper_todo(caller->hub, text, sizeof text);
	if (text[0] != '\0') {
		caller_field(caller, "clock-wrong", text);
	}
}

static void put_moment(struct caller *caller, const char *name, int64_t utc_ms)
{
	char text[CLOCK_UTC_SIZE];

	if (utc_ms != 0) {
		clock_format_utc(utc_ms, text);
		caller_field(caller, name, text);
	}
}

/* The last checkpoint, the last one that is signed and by whom, the last stamp, and what the auditors' share lacks. */
static void put_anchors(struct caller *caller)
{
	const struct hub *hub = caller->hub;
	char text[600];

	put_moment(caller, "checkpoint-time", hub->checkpoint_ms);
	if (hub->anchors.seal_size != 0) {
		put_moment(caller, "seal-time", hub->anchors.seal_ms);
		anchors_signer(hub, hub->anchors.seal_signer, text, sizeof text);
		caller_field(caller, "seal-signer", text);
	}
	put_moment(caller, "stamp-time", hub->stamp_book.anchored_ms);
	if (hub->config->notes_dir[0] != '\0') {
		caller_field(caller, "notes-share", anchors_share_trouble(hub, text, sizeof text) ? text : _("has every checkpoint"));
	}
}

/* Certificates that are over, end soon, or are of no use for what the configuration wants of them. */
static void put_certificates(struct caller *caller)
{
	const struct hub *hub = caller->hub;
	int64_t now = clock_utc_ms();
	struct fact_key key;
	char text[CASE_REASON_MAX_BYTES], name[CONFIG_NAME_MAX + 1], announce[ANNOUNCE_TEXT_SIZE];

	for (size_t i = 0; i < hub->config->token_count; i++) {
		for (size_t n = 0; fact_key(&hub->tokens[i], n, &key); n++) {
			int64_t left_ms = key.not_after_ms - now;

			if (key.not_after_ms != 0 && left_ms < 0) {
				(void)snprintf(text, sizeof text, _("key %s: the certificate is over"), key.name);
			} else if (key.unusable) {
				(void)snprintf(text, sizeof text, _("key %s cannot be used: podatelna token list says why"), key.name);
			} else if (key.not_after_ms != 0 && left_ms <= FACT_CERTIFICATE_DAYS * FACT_DAY_MS) {
				(void)snprintf(text, sizeof text, _("key %s: the certificate ends soon (days left: %lld)"), key.name,
				               (long long)(left_ms / FACT_DAY_MS));
			} else {
				continue;
			}
			caller_field(caller, "certificate", text);
			for (size_t k = 0; announce_due(hub, &key, now, k, announce); k++) {
				caller_field(caller, "certificate", announce);
			}
		}
	}
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		for (size_t n = 0; fact_refused(hub, i, n, name); n++) {
			(void)snprintf(text, sizeof text, _("%s does not take the certificate of key %s"), hub->config->partners[i].name, name);
			caller_field(caller, "certificate", text);
		}
	}
}

static void put_partner_certs(struct caller *caller)
{
	static struct partner_cert_trouble troubles[PARTNER_CERT_TROUBLES_MAX];
	size_t count = partner_certs_troubles(caller->hub, clock_utc_ms(), troubles);

	for (size_t i = 0; i < count; i++) {
		caller_field(caller, "certificate", troubles[i].text);
	}
}

void command_status(struct caller *caller)
{
	static const char *const signals[] = { [LED_OFF] = "off", [LED_STEADY] = "steady", [LED_SLOW] = "slow", [LED_FAST] = "fast" };
	struct hub *hub = caller->hub;
	const char *why = hub_waiting_reason(hub), *inbox_why = "";
	char number[32];
	size_t waiting = inbox_waiting(hub, &inbox_why);

	caller_field(caller, "box", why[0] == '\0' ? _("works") : _(why));
	if (!hub->replayed && hub->replay_size > 0) {
		(void)snprintf(number, sizeof number, "%llu / %llu", (unsigned long long)hub->replay_next, (unsigned long long)hub->replay_size);
		caller_field(caller, "replay", number);
	}
	caller_field(caller, "led", signals[led_signal(hub)]);
	caller_field(caller, "store", hub->store == NULL ? "gone" : hub->store_state);
	if (hub->rolled_back) {
		caller_field(caller, "rolled-back", _("the journal was rolled back: a person must accept that first"));
	}
	put_clock(caller);
	put_certificates(caller);
	put_partner_certs(caller);
	(void)snprintf(number, sizeof number, "%zu", waiting);
	caller_field(caller, "inbox", number);
	if (inbox_why[0] != '\0') {
		caller_field(caller, "inbox-waits", _(inbox_why));
	}
	put_network(caller);
	put_free(caller, "disk-free", hub->config->data_dir);
	put_free(caller, "share-free", hub->config->share.path);
	put_disks(caller);
	command_status_mail(caller);
	put_anchors(caller);
	command_status_stamps(caller);
	put_counts(caller);
	put_token_summary(caller);
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		put_partner_row(caller, &hub->partners[i]);
	}
	for (size_t i = 0; i < hub->program_count; i++) {
		put_program_row(caller, &hub->programs[i]);
	}
	caller_finish(caller, why[0] == '\0' ? COMMAND_YES : COMMAND_NO, NULL);
}

/* --- show --- */

/* Where a request went: the server alone, a path may hold more than people need. */
static void put_server(const struct record *record, char *detail, size_t size)
{
	char url[URL_SIZE];
	size_t have = strlen(detail), length = 0;

	if (record_kind_of(record->type) != RECORD_SENDING && record_kind_of(record->type) != RECORD_REQUEST) {
		return;
	}
	if (record_field_string(record, "url", url, sizeof url)) {
		length = strcspn(url, "/");
		length += strspn(url + length, "/");
		length += strcspn(url + length, "/");
		(void)snprintf(detail + have, size - have, "%sserver=%.*s", have == 0 ? "" : ", ", (int)length, url);
	}
}

static void put_record_row(struct caller *caller, const struct record *record)
{
	static const char *const told[] = { "purpose", "verdict", "result",      "evidence", "reason", "detail", "far",      "http-status", "error",     "by",
		                            "what",    "key",     "signer-name", "place",    "basis",  "stage",  "asked-by", "event",       "keep-until" };
	struct lines row = { 0 };
	char detail[1024] = "";

	for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
		char value[300];
		size_t have = strlen(detail);

		if (record_field_string(record, told[i], value, sizeof value)) {
			(void)snprintf(detail + have, sizeof detail - have, "%s%s=%s", have == 0 ? "" : ", ", told[i], value);
		}
	}
	put_server(record, detail, sizeof detail);
	lines_set_u64(&row, "index", record->index);
	set_time(&row, "time", record->utc_ms);
	lines_set(&row, "type", record->type);
	lines_set(&row, "detail", span_is_utf8(span_of_string(detail)) ? detail : "");
	caller_row(caller, "record", &row);
}

static void put_records(struct caller *caller, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	void *map = size <= 0 || !fd_is_sealed(fd) ? MAP_FAILED : mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	struct span rest;
	struct record record;

	if (map == MAP_FAILED) {
		return;
	}
	rest = span_of(map, (size_t)size);
	while (!span_is_empty(rest) && record_read(&rest, &record) == 0) {
		put_record_row(caller, &record);
	}
	(void)munmap(map, (size_t)size);
}

static void on_records(void *context, int err, struct wire_message *message)
{
	struct caller *caller = context;

	if (err == 0 && message->type != WIRE_ERROR) {
		_cleanup_close_ int fd = wire_take_fd(message, 0);

		put_records(caller, fd);
	} else {
		(void)caller_fail(caller, err != 0 ? err : ERR_GONE, _("the store does not give the records"));
	}
	caller_settle(caller);
}

static void put_group_fields(struct caller *caller, const struct hub_case *of)
{
	char words[GROUP_WORDS_SIZE];

	if (of->group[0] == '\0') {
		return;
	}
	caller_field(caller, "group", of->group);
	caller_field(caller, "act", group_act_name(of));
	group_words(&caller->hub->cases, of, words);
	if (words[0] != '\0') {
		caller_field(caller, "together", words);
	}
}

static void put_case_fields(struct caller *caller, const struct hub_case *of)
{
	char text[CLOCK_UTC_SIZE], waiting[CASE_WAITING_SIZE];

	caller_field(caller, "case", of->number);
	caller_field(caller, "state", state_name(of->state));
	if (of->partial) {
		caller_field(caller, "outcome", "partial");
	}
	if (of->warnings > 0) {
		(void)snprintf(text, sizeof text, "%u", of->warnings);
		caller_field(caller, "warnings", text);
	}
	caller_field(caller, "kind", of->kind);
	caller_field(caller, "partner", of->partner);
	caller_field(caller, "env", of->env);
	caller_field(caller, "form", of->form);
	clock_format_utc(of->received_ms, text);
	caller_field(caller, "received-time", text);
	clock_format_utc(of->changed_ms, text);
	caller_field(caller, "changed-time", text);
	caller_field(caller, "by", of->by);
	if (of->keep_until[0] != '\0') {
		caller_field(caller, "keep-until", of->keep_until);
	}
	if (of->erased != 0) {
		(void)snprintf(text, sizeof text, "%llu", (unsigned long long)of->erased);
		caller_field(caller, "erased-record", text);
	} else if (of->archived != 0) {
		(void)snprintf(text, sizeof text, "%016llx", (unsigned long long)of->archived);
		caller_field(caller, "archive", text);
	}
	if (of->forms != 0) {
		(void)snprintf(text, sizeof text, "%llu", (unsigned long long)of->forms);
		caller_field(caller, "forms", text);
	}
	put_group_fields(caller, of);
	case_waiting(of, waiting);
	if (waiting[0] != '\0') {
		caller_field(caller, "waiting", waiting);
	}
	if (of->reason != NULL) {
		const char *why = card_reason(caller->hub->catalogue, of->reason);

		caller_field(caller, "reason", of->reason);
		if (strcmp(why, of->reason) != 0) {
			caller_field(caller, "why", why);
		}
	}
}

/* The work that renders the receipt for a caller; the caller is kept alive by its pending count. */
static void on_rendered(struct work *work)
{
	struct caller *caller = work->context;

	if (work->err != 0 && work->err != ERR_GONE) {
		(void)caller_fail(caller, work->err, work->err == ERR_LOCKED ? _("the vault is locked: log a token in first") : work->why);
	}
	work_end(work);
	caller_settle(caller);
}

/* The filing number, without the password, from the vault through the partner's program to the caller. */
static void send_receipt(struct caller *caller)
{
	_cleanup_close_ int read_end = -1;
	_cleanup_close_ int write_end = -1;
	_cleanup_lines_ struct lines parameters = { 0 };
	struct work *work = NULL;

	if (!caller->of->has_receipt || caller->of->erased != 0 || caller->json || fd_pipe(&read_end, &write_end) != 0 ||
	    (work = work_begin_aside(caller->hub, caller->of)) == NULL) {
		return;
	}
	{
		const struct work_input inputs[] = { { .role = "receipt" }, { .fd = write_end } };

		work->context = caller;
		lines_set(&parameters, "level", "no-password");
		lines_set(&parameters, "language", caller->hub->config->language);
		caller_pend(caller);
		caller_content(caller, "receipt", read_end);
		work_job(work, "receipt", caller->of->partner, &parameters, inputs, 2, on_rendered);
	}
}

void command_show(struct caller *caller)
{
	struct wire_message message;

	if (caller->form || caller->xml) {
		command_show_content(caller);
		return;
	}
	caller_pend(caller);
	put_case_fields(caller, caller->of);
	wire_begin(&message, WIRE_STORE_CASE, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, caller->of->number);
	if (caller->hub->store != NULL && channel_request(caller->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_records, caller, NULL) == 0) {
		caller_pend(caller);
	}
	send_receipt(caller);
	caller_settle(caller);
}
