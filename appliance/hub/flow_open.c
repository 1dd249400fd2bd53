/* flow_open.c - what came back with an answer: deciphered by a key of ours where it is encrypted, taken apart by the partner's program, and each item put into Dosle as XML and
 * as a page. Nothing of it is lost while a token is away: the answer lies in the vault, the case says what it waits for and goes on from its last record.
 *
 * Each item once: before its files get their names the store notes its guard (store/seen.h), which knows of every earlier case. A case that was cut off in between finds itself
 * there and goes on; its files then get the same names again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "flow.h"
#include "form_page.h"
#include "share.h"
#include "signer.h"

#define DATA_LIMIT_BYTES (32U * 1024 * 1024)
#define GUARD_BYTES 32
#define WAIT_TOKEN_MS 3600000
#define WAIT_PERSON_MS 86400000 /* each try is a record and a use of the token */
#define LABEL_SIZE 41
#define MONTH_DIGITS 8

/* One item under way. */
struct item {
	int directory;
	struct share_file page, xml;
	bool has_page, has_xml;
	bool guarded;
};

static void free_item(struct item *item)
{
	if (item->has_page) {
		share_file_abandon(&item->page);
	}
	if (item->has_xml) {
		share_file_abandon(&item->xml);
	}
	cleanup_close(&item->directory);
	free(item);
}

static void put_off(struct work *work)
{
	const char *why = work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault") : N_("the papers cannot be put on the share");

	free_item(work->context);
	work_retry(work, why);
}

/* --- deciphering --- */

static void on_appended(struct work *work)
{
	if (work->err != 0 && work->err != ERR_MISMATCH) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		work_end(work);
	}
}

static void on_deciphered(struct work *work)
{
	struct hub_case *of = work->of;

	if (work->err == ERR_FORMAT || work->err == ERR_NOTFOUND || work->err == ERR_UNSUPPORTED ||
	    work->err == ERR_LIMIT) { /* not for this key, damaged, or too large */
		of->open_tries++;
		log_warning("%s: a key does not open what came back: %s", of->number, work->why);
		work_end(work);
		return;
	}
	if (work->err != 0) {
		work_retry(work, work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens answers") : N_("the token could not open the answer"));
		return;
	}
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_set(&work->record, "place", "trezor");
	lines_set(&work->record, "object-content", work->outputs[0].ref);
	work_append(work, "delivered", on_appended);
}

/* P1 as with signatures: production is for hardware, unless the configuration says otherwise. */
static const char *key_waiting(const struct hub *hub, const struct hub_partner *partner, size_t key)
{
	const char *why = signer_key_waiting(hub, key);

	if (why == NULL && partner->config->env == CONFIG_ENV_PRODUCTION && !partner->config->allow_software_token && signer_key_is_software(hub, key)) {
		why = N_("the key that opens answers is in a software token, and allow_software_token is not set for the partner");
	}
	return why;
}

static void wait_for(struct hub_case *of, const char *why, uint64_t ms)
{
	of->waiting = why;
	of->due_ms = clock_deadline(ms);
}

static void decipher(struct hub *hub, struct hub_case *of)
{
	const struct hub_partner *partner = hub_partner_find(hub, of->partner);
	const struct config_partner *config = partner == NULL ? NULL : partner->config;
	const char *why = NULL;
	struct work *work = NULL;
	size_t key = 0;

	if (config == NULL || config->answer_keys.count == 0) {
		wait_for(of, N_("what came back is encrypted, and no key is configured that opens it (answer_key)"), WAIT_PERSON_MS);
		return;
	}
	if (of->open_tries >= config->answer_keys.count) {
		of->open_tries = 0; /* after a day, or when something changed, all of them again */
		wait_for(of, N_("none of the configured keys opens what came back (answer_key): it is kept"), WAIT_PERSON_MS);
		return;
	}
	key = config->answer_key_index[of->open_tries];
	why = key_waiting(hub, partner, key);
	if (why != NULL) {
		wait_for(of, why, WAIT_TOKEN_MS);
		return;
	}
	work = work_begin(hub, of);
	if (work == NULL) {
		return;
	}
	work->done = on_deciphered;
	work->output_count = 1;
	work_pend(work);
	work_decrypt(work, "attachment", of->data_index, hub->config->keys[key].name, DATA_LIMIT_BYTES, &work->outputs[0]);
	work_settle(work);
}

/* --- items --- */

static void next_item(struct work *work)
{
	work->of->item++;
	free_item(work->context);
	work_end(work);
}

static void on_recorded(struct work *work)
{
	if (work->err != 0 && work->err != ERR_MISMATCH) {
		work_retry(work, N_("the journal does not take records"));
		return;
	}
	work->of->item = work->of->items;
	work_end(work);
}

/* The number of the case and of the item: no name of a person, and the same after a crash. */
static void name_item(const struct work *work, const struct item *item, const char *suffix, char *ret, size_t size)
{
	char label[LABEL_SIZE];

	(void)snprintf(label, sizeof label, "%s", work_result(work, "label"));
	if (item->guarded) {
		(void)snprintf(ret, size, "%s-%llu %s%s", work->of->number, (unsigned long long)work->of->item + 1, label, suffix);
	} else {
		(void)snprintf(ret, size, "%s %s%s", work->of->number, label, suffix);
	}
}

static void on_copied(struct work *work)
{
	struct item *item = work->context;
	char page[SHARE_NAME_MAX_BYTES], xml[SHARE_NAME_MAX_BYTES];

	if (work->err == 0) {
		name_item(work, item, ".html", page, sizeof page);
		name_item(work, item, ".xml", xml, sizeof xml);
		item->has_xml = item->has_page = false;
		if (share_file_finish(&item->xml, xml) != 0) {
			share_file_abandon(&item->page);
			work_fail(work, ERR_SYSTEM, "a file of the share cannot be finished");
		} else if (share_file_finish(&item->page, page) != 0 || share_folder_sync(item->directory) != 0) {
			work_fail(work, ERR_SYSTEM, "a file of the share cannot be finished");
		}
	}
	if (work->err != 0) {
		put_off(work);
		return;
	}
	free_item(item);
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_set(&work->record, "place", "dosle");
	lines_set_u64(&work->record, "item", work->of->item + 1);
	lines_set(&work->record, "object-attachment", work->outputs[1].ref);
	if (work_result_is(work, "whole", "no")) {
		lines_setf(&work->record, "detail", "the page is not whole: %s", work_result(work, "why"));
	}
	work_append(work, "delivered", on_recorded);
}

/* The item is in the vault, and its guard is noted. */
static void on_taken(struct work *work)
{
	struct item *item = work->context;

	if (work->err != 0) {
		put_off(work);
		return;
	}
	if (lines_get(&work->record, "seen") != NULL) {
		next_item(work); /* an earlier answer brought it */
		return;
	}
	work->done = on_copied;
	work_pend(work);
	item->has_xml = share_file_begin(item->directory, &item->xml) == 0;
	if (item->has_xml) {
		work_copy(work, work->of->number, "attachment", 0, item->xml.fd);
	} else {
		work_fail(work, ERR_SYSTEM, "no file can be made on the share");
	}
	work_settle(work);
}

static void take(struct work *work)
{
	struct item *item = work->context;
	uint8_t guard[GUARD_BYTES];
	int fd = work->outputs[0].memfd;

	item->guarded = span_parse_hex(span_of_string(work_result(work, "guard")), guard, sizeof guard);
	lines_free(&work->record);
	work->output_count = 2; /* the second stands for the object that the first becomes */
	work->done = on_taken;
	work_pend(work);
	if (fd_seal(fd) != 0) {
		work_fail(work, ERR_SYSTEM, "a job's output cannot be sealed");
	} else {
		work_take_once(work, work->of->number, "attachment", fd, DATA_LIMIT_BYTES, span_of(guard, item->guarded ? sizeof guard : 0), &work->outputs[1]);
	}
	work_settle(work);
}

/* All that can be done with the data was done. */
static void finish(struct work *work)
{
	work->of->items_done = true;
	free_item(work->context);
	work_end(work);
}

static void give_up(struct hub_case *of, const char *why)
{
	log_warning("%s: what came back cannot be taken apart: %s", of->number, why);
	of->data_unread = of->items_done = true;
}

static void on_item(struct work *work)
{
	uint64_t count = 0;

	if (work->err != 0) {
		flow_note_death(work);
		put_off(work);
	} else if (work_result(work, "broken")[0] != '\0') {
		give_up(work->of, work_result(work, "broken"));
		finish(work);
	} else if (!span_parse_u64(span_of_string(work_result(work, "count")), &count) || work->of->item >= count) {
		finish(work);
	} else if (work_result_is(work, "again", "yes")) {
		next_item(work);
	} else {
		take(work);
	}
}

/* "Dosle/2026-11": of the month in which the case was closed, whenever its token comes back. */
static int open_folder(struct hub *hub, const struct hub_case *of)
{
	struct clock_date date;
	char path[SHARE_PATH_MAX_BYTES];

	clock_czech_date(of->closed_ms, &date);
	(void)snprintf(path, sizeof path, "%s/%04d-%02d", hub->config->share.incoming, date.year, date.month);
	return share_directory(hub, path);
}

static void take_apart(struct work *work, struct item *item)
{
	const struct hub_case *of = work->of;
	bool deciphered = of->opened_index != 0;
	_cleanup_lines_ struct lines parameters = { 0 };
	_cleanup_close_ int labels = form_page_labels(work->hub, of);
	struct work_input inputs[] = { { .role = deciphered ? "content" : "attachment", .index = deciphered ? of->opened_index : of->data_index },
		                       { .fd = labels },
		                       { .fd = item->page.fd } };

	flow_job_parameters(work->hub, of, &parameters);
	lines_set(&parameters, "case", of->number);
	lines_set(&parameters, "language", work->hub->config->language);
	lines_set(&parameters, "title", form_page_title(work->hub, of));
	lines_set_u64(&parameters, "n", of->item);
	work_output_keep(work);
	work_job(work, "open", of->partner, &parameters, inputs, sizeof inputs / sizeof inputs[0], on_item);
}

static void open_item(struct hub *hub, struct hub_case *of)
{
	struct work *work = NULL;
	struct item *item = NULL;

	if (flow_dies_always(hub, of)) {
		give_up(of, "jobs die on it");
		return; /* the papers follow when the case is looked at again */
	}
	of->item = of->item < of->items ? of->items : of->item;
	work = work_begin(hub, of);
	item = calloc(1, sizeof *item);
	if (work == NULL || item == NULL) {
		free(item);
		if (work != NULL) {
			work_retry(work, N_("no memory"));
		}
		return;
	}
	work->context = item;
	item->directory = open_folder(hub, of);
	item->has_page = item->directory >= 0 && share_file_begin(item->directory, &item->page) == 0;
	if (!item->has_page) {
		put_off(work);
		return;
	}
	take_apart(work, item);
}

void flow_open(struct hub *hub, struct hub_case *of)
{
	if (of->data_enveloped && of->opened_index == 0) {
		decipher(hub, of);
	} else {
		open_item(hub, of);
	}
}
