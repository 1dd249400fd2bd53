/* deliver.c - puts what staff need on the share: results in Vyrizeno/, what cannot be used in Nezname/ and Chyby/ with a card. Content flows from the store (and
 * from the partner's program, for the filing number) straight into the files; the hub writes only words of its own. Done again after a crash, it gives the same files. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "card.h"
#include "flow.h"
#include "form_page.h"
#include "paper.h"
#include "share.h"
#include "status_text.h"

#define NAME_OBJECT_MAX_BYTES 8192
#define FILES_MAX 8

struct delivery {
	struct work *work;
	int name_memfd, directory;
	char file[1024];   /* the file's name as staff know it, from the vault; "" when it cannot be read */
	const char *place; /* word for the record */
	struct share_file files[FILES_MAX];
	char names[FILES_MAX][300];
	size_t count;
};

static void free_delivery(struct delivery *delivery)
{
	for (size_t i = 0; i < delivery->count; i++) {
		share_file_abandon(&delivery->files[i]);
	}
	cleanup_close(&delivery->name_memfd);
	cleanup_close(&delivery->directory);
	free(delivery);
}

static void put_off(struct delivery *delivery)
{
	struct work *work = delivery->work;
	const char *why = work->err == ERR_LOCKED ? N_("waits for the PIN of the token that opens the vault") : N_("the papers cannot be put on the share");

	free_delivery(delivery);
	work_retry(work, why);
}

static void on_delivered(struct work *work)
{
	if (work->err != 0 && work->err != ERR_MISMATCH) {
		work_retry(work, N_("the journal does not take records"));
	} else {
		work_end(work);
	}
}

static bool is_result(const struct hub_case *of)
{
	return of->state == CASE_DONE || of->state == CASE_DATA_ERROR;
}

/* Below what the partner's program wrote into stav.txt, which is the first of the files. */
static void add_paper_list(struct delivery *delivery)
{
	char text[STATUS_TEXT_MAX_BYTES];

	status_text_papers(delivery->names[0], sizeof delivery->names[0], delivery->count, text);
	if (lseek(delivery->files[0].fd, 0, SEEK_END) < 0 || fd_write_all(delivery->files[0].fd, text, strlen(text)) != 0) {
		work_fail(delivery->work, ERR_SYSTEM, "stav.txt cannot be written");
	}
}

/* Everything is written: the files get their names, and the journal says so. */
static void on_written(struct work *work)
{
	struct delivery *delivery = work->context;
	const char *place = delivery->place;

	if (work->err == 0 && is_result(work->of) && delivery->count > 1) {
		add_paper_list(delivery);
	}
	for (size_t i = 0; i < delivery->count && work->err == 0; i++) {
		if (share_file_finish(&delivery->files[i], delivery->names[i]) != 0) {
			work_fail(work, ERR_SYSTEM, "a file of the share cannot be finished");
		}
	}
	if (work->err == 0 && delivery->directory >= 0 && share_folder_sync(delivery->directory) != 0) { /* none: papers were only taken away */
		work_fail(work, ERR_SYSTEM, "a folder of the share cannot be synced");
	}
	if (work->err != 0) {
		put_off(delivery);
		return;
	}
	free_delivery(delivery);
	flow_record_begin(work);
	lines_set(&work->record, "by", "box");
	lines_set(&work->record, "place", place);
	if (work_result_is(work, "whole", "no")) {
		lines_setf(&work->record, "detail", "the page is not whole: %s", work_result(work, "why"));
	}
	work_append(work, "delivered", on_delivered);
}

static struct share_file *add_file(struct delivery *delivery, const char *name, const char *suffix)
{
	struct share_file *file = &delivery->files[delivery->count];

	if (delivery->work->err != 0 || delivery->count == FILES_MAX || share_file_begin(delivery->directory, file) != 0) {
		work_fail(delivery->work, ERR_SYSTEM, "no file can be made on the share");
		return NULL;
	}
	(void)snprintf(delivery->names[delivery->count++], sizeof delivery->names[0], "%s%s", name, suffix);
	return file;
}

static void add_object(struct delivery *delivery, const char *name, const char *role, uint64_t index)
{
	struct share_file *file = add_file(delivery, name, "");

	if (file != NULL) {
		work_copy(delivery->work, delivery->work->of->number, role, index, file->fd);
	}
}

static void start_receipt(struct delivery *delivery, struct share_file *status)
{
	const struct config_share *share = &delivery->work->hub->config->share;
	const struct work_input inputs[] = { { .role = "receipt" }, { .fd = status->fd } };
	_cleanup_lines_ struct lines parameters = { 0 };

	lines_set(&parameters, "level", config_receipt_name(share->receipt_on_share));
	lines_set(&parameters, "language", delivery->work->hub->config->language);
	lines_set(&parameters, "line-end", "crlf");
	work_job(delivery->work, "receipt", delivery->work->of->partner, &parameters, inputs, 2, on_written);
}

static void write_result(struct delivery *delivery)
{
	struct work *work = delivery->work;
	const struct hub_case *of = work->of;
	const struct config_share *share = &work->hub->config->share;
	char text[STATUS_TEXT_MAX_BYTES], original[SHARE_NAME_MAX_BYTES + 1];
	struct share_file *status = add_file(delivery, "stav.txt", "");

	status_text_write(work->hub, of, delivery->file, text);
	if (status == NULL || fd_write_all(status->fd, text, strlen(text)) != 0) {
		work_fail(work, ERR_SYSTEM, "stav.txt cannot be written");
		return;
	}
	if (share->archive_inbox) {
		(void)escape_text(ESCAPE_FILE, span_of_string(delivery->file), original, sizeof original);
		add_object(delivery, original, "original", 0);
	}
	if (of->signed_ref != NULL) {
		add_object(delivery, "podano.p7s", "signed", 0);
	}
	if (of->confirmation_index != 0 && share->receipt_on_share == CONFIG_RECEIPT_FULL) {
		const struct hub_partner *partner = hub_partner_find(work->hub, of->partner);

		add_object(delivery, partner != NULL && strcmp(partner->catalogue->confirmation, "xml") == 0 ? "potvrzeni.xml" : "potvrzeni.p7s", "reply",
		           of->confirmation_index);
	} else if (of->confirmation_index == 0 && of->file_reply_index != 0 && share->receipt_on_share == CONFIG_RECEIPT_FULL) {
		add_object(delivery, "odpoved", "reply", of->file_reply_index);
	}
	if (of->has_report) {
		add_object(delivery, "protokol.txt", "report", of->report_index);
	}
	if (of->test_report_index != 0 && of->test_report_index != of->report_index) {
		add_object(delivery, "protokol-zkousky.txt", "report", of->test_report_index); /* its warnings are worth reading after success too */
	}
	if (of->data_unread) {
		add_object(delivery, "odpoved-data", of->opened_index != 0 ? "content" : "attachment",
		           of->opened_index != 0 ? of->opened_index : of->data_index);
	}
	if (of->has_receipt && share->receipt_on_share != CONFIG_RECEIPT_NONE) {
		start_receipt(delivery, status);
	}
}

static void on_page(struct work *work)
{
	if (work->err != 0) {
		flow_note_death(work);
	}
	on_written(work);
}

/* What a person should look at before approving. A form that no page can be made of is still held, with its card and its XML. */
static void add_page(struct delivery *delivery, const char *name)
{
	struct work *work = delivery->work;
	struct share_file *page = NULL;

	if (flow_dies_always(work->hub, work->of)) {
		log_error("%s: no page can be made of the form; its card goes without", work->of->number);
		return;
	}
	page = add_file(delivery, name, ".html");
	if (page != NULL) {
		form_page_render(work, work->of, page->fd, on_page);
	}
}

/* What the check found stands on the card itself: it is read where the file is. */
static void add_findings(struct delivery *delivery, struct share_file *card)
{
	char text[CARD_MAX_BYTES];
	struct paper paper;

	paper_begin(&paper, text, sizeof text);
	paper_blank(&paper);
	paper_words(&paper, _("What is wrong with it"), "");
	if (fd_write_all(card->fd, text, strlen(text)) != 0) {
		work_fail(delivery->work, ERR_SYSTEM, "a card cannot be written");
		return;
	}
	work_copy(delivery->work, delivery->work->of->number, "report", 0, card->fd);
}

static void write_card(struct delivery *delivery)
{
	struct work *work = delivery->work;
	const struct hub_case *of = work->of;
	static char text[CARD_MAX_BYTES];
	char base[SHARE_NAME_MAX_BYTES + 1], name[300];
	struct share_file *card = NULL;

	(void)escape_text(ESCAPE_FILE, span_of_string(delivery->file), base, sizeof base);
	(void)snprintf(name, sizeof name, "%s %s", of->number, base);
	card = add_file(delivery, name, ".txt");
	card_write(work->hub->catalogue, delivery->file, of->number, of->reason == NULL ? "" : of->reason, (long long)of->changed_ms, text);
	if (card == NULL || fd_write_all(card->fd, text, strlen(text)) != 0) {
		work_fail(work, ERR_SYSTEM, "a card cannot be written");
		return;
	}
	if (of->state != CASE_UNCERTAIN) {
		add_object(delivery, name, "original", 0);
	}
	if (of->state == CASE_REFUSED && of->has_report) {
		add_findings(delivery, card);
	} else if (of->has_report) {
		card = add_file(delivery, name, ".protokol.txt");
		if (card != NULL) {
			work_copy(work, of->number, "report", 0, card->fd);
		}
	}
	if (of->state == CASE_HELD) {
		add_page(delivery, name);
	}
}

/* Once the case has gone on, the card that asked a person about it, and what stands beside it, have done their work. */
static void remove_papers(const struct delivery *delivery, const char *folder)
{
	static const char *const suffixes[] = { "", ".txt", ".html", ".protokol.txt" };
	const struct work *work = delivery->work;
	_cleanup_close_ int directory = share_directory(work->hub, folder);
	char base[SHARE_NAME_MAX_BYTES + 1], name[320];

	(void)escape_text(ESCAPE_FILE, span_of_string(delivery->file), base, sizeof base);
	for (size_t i = 0; directory >= 0 && i < sizeof suffixes / sizeof suffixes[0]; i++) {
		(void)snprintf(name, sizeof name, "%s %s%s", work->of->number, base, suffixes[i]);
		(void)unlinkat(directory, name, 0);
	}
}

/* `deleted` takes a case off the share too: its own files, nothing that somebody else put beside them. */
static void remove_result(const struct delivery *delivery)
{
	static const char *const own[] = { "stav.txt", "podano.p7s",   "potvrzeni.p7s",        "potvrzeni.xml",
		                           "odpoved",  "protokol.txt", "protokol-zkousky.txt", "odpoved-data" };
	char path[SHARE_PATH_MAX_BYTES], original[SHARE_NAME_MAX_BYTES + 1];
	_cleanup_close_ int directory = -1;

	if (delivery->work->of->closed_ms == 0) {
		return;
	}
	share_result_path(delivery->work->hub, delivery->work->of, delivery->file, path);
	directory = share_directory(delivery->work->hub, path);
	if (directory < 0) {
		return;
	}
	(void)escape_text(ESCAPE_FILE, span_of_string(delivery->file), original, sizeof original);
	(void)unlinkat(directory, original, 0);
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		(void)unlinkat(directory, own[i], 0);
	}
	(void)unlinkat(delivery->work->hub->share, path, AT_REMOVEDIR); /* only when nothing else stands in it */
}

static void remove_all(struct delivery *delivery)
{
	const struct config_share *share = &delivery->work->hub->config->share;

	remove_papers(delivery, share->errors);
	remove_papers(delivery, share->unknown);
	remove_papers(delivery, share->approval);
	remove_result(delivery);
}

static void open_place(struct delivery *delivery)
{
	const struct work *work = delivery->work;
	const struct config_share *share = &work->hub->config->share;
	char path[SHARE_PATH_MAX_BYTES];

	if (is_result(work->of)) {
		share_result_path(delivery->work->hub, delivery->work->of, delivery->file, path);
		delivery->place = "vyrizeno";
		remove_papers(delivery, share->errors);
		remove_papers(delivery, share->approval);
		remove_papers(delivery, share->unknown);
	} else {
		enum case_state state = work->of->state;

		(void)snprintf(path, sizeof path, "%s", state == CASE_UNKNOWN ? share->unknown : state == CASE_HELD ? share->approval : share->errors);
		delivery->place = state == CASE_UNKNOWN ? "nezname" : state == CASE_HELD ? "ke-schvaleni" : "chyby";
		if (state == CASE_REFUSED || state == CASE_UNCERTAIN) {
			remove_papers(delivery, share->approval);
			remove_papers(delivery, share->unknown);
		}
	}
	delivery->directory = share_directory(work->hub, path);
}

/* Approved: what asked for it is taken away. Where that fails now, the papers of the result do it. */
static void withdraw(struct delivery *delivery)
{
	struct work *work = delivery->work;

	remove_papers(delivery, work->hub->config->share.approval);
	work->of->papers_held = false;
	free_delivery(delivery);
	work_end(work);
}

static void on_name(struct work *work)
{
	struct delivery *delivery = work->context;
	char text[NAME_OBJECT_MAX_BYTES];
	ssize_t length = work->err != 0 || lseek(delivery->name_memfd, 0, SEEK_SET) != 0 ? -1 : fd_read_full(delivery->name_memfd, text, sizeof text);

	if (length < 0) {
		put_off(delivery);
		return;
	}
	(void)lines_find_string(span_of(text, (size_t)length), "file", delivery->file, sizeof delivery->file);
	if (work->of->state == CASE_READY) {
		withdraw(delivery);
		return;
	}
	if (work->of->state == CASE_DELETED) {
		remove_all(delivery);
		delivery->place = "smazano";
		work->done = on_written;
		work_pend(work);
		work_settle(work);
		return;
	}
	open_place(delivery);
	if (delivery->directory < 0) {
		work_fail(work, ERR_SYSTEM, "the share is not there");
		put_off(delivery);
		return;
	}
	work->done = on_written;
	work_pend(work);
	if (is_result(work->of)) {
		write_result(delivery);
	} else {
		write_card(delivery);
	}
	work_settle(work);
}

void flow_deliver(struct hub *hub, struct hub_case *of)
{
	struct work *work = work_begin(hub, of);
	struct delivery *delivery = calloc(1, sizeof *delivery);

	if (work == NULL || delivery == NULL) {
		free(delivery);
		if (work != NULL) {
			work_retry(work, N_("no memory"));
		}
		return;
	}
	delivery->work = work;
	delivery->directory = -1;
	delivery->name_memfd = fd_memfd_open("name");
	work->context = delivery;
	work->done = on_name;
	work_pend(work);
	work_copy(work, of->number, "name", 0, delivery->name_memfd);
	work_settle(work);
}
