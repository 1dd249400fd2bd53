/* inbox_claim.c - claims a file that is whole and takes it in: rename under the lease, vault, record `received`, unlink (design 3, P2). */
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "inbox_private.h"

#define NAME_OBJECT_MAX_BYTES 8192
#define FOLDER_MARK '_' /* stands before the name of the sub-folder in the claim folder, so that "no sub-folder" has a name too */

/* claim/<number>/_<folder>/<name>: the number is in the record `received`, so a claim left by a crash is known to be done or not. */
static void claim_path(const struct candidate *candidate, char ret[64 + NAME_MAX])
{
	(void)snprintf(ret, 64 + NAME_MAX, "%llu/%c%s", (unsigned long long)candidate->claim, FOLDER_MARK, candidate->folder);
}

static void remove_claim(struct inbox *inbox, const struct candidate *candidate)
{
	char path[64 + NAME_MAX], number[32];
	_cleanup_close_ int directory = -1;

	claim_path(candidate, path);
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)candidate->claim);
	directory = openat(inbox->claim_dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (directory >= 0) {
		(void)unlinkat(directory, candidate->name, 0);
	}
	(void)unlinkat(inbox->claim_dir, path, AT_REMOVEDIR);
	(void)unlinkat(inbox->claim_dir, number, AT_REMOVEDIR);
}

static void end(struct inbox *inbox, struct candidate *candidate, bool gone, uint64_t look_again_ms)
{
	struct work *work = candidate->work;

	if (candidate->taking) {
		candidate->taking = inbox->taking = false;
	}
	candidate->work = NULL;
	candidate->gone = gone;
	if (work != NULL) {
		work_end(work);
	}
	inbox_release(inbox, candidate, look_again_ms);
}

/* Not the file's fault: everything stays where it is (a claimed file in its claim folder) and is tried again. */
static void later(struct inbox *inbox, struct candidate *candidate, const char *why)
{
	inbox_pause(inbox, why);
	end(inbox, candidate, false, clock_deadline(INBOX_PAUSE_MS));
}

static void on_received(struct work *work)
{
	struct candidate *candidate = work->context;
	struct inbox *inbox = work->hub->inbox;

	if (work->err != 0) {
		later(inbox, candidate, N_("the journal does not take records"));
		return;
	}
	remove_claim(inbox, candidate); /* durable in journal and vault: this copy may go */
	end(inbox, candidate, true, 0);
}

/* A record of a case that has no struct yet: composed here, since work_append works on a case. */
static void append_received(struct work *work)
{
	struct candidate *candidate = work->context;
	static char text[LINES_BODY_MAX + 32];
	struct wire_message message;
	static const uint8_t none[RECORD_HASH_BYTES];
	int head = snprintf(text, sizeof text, "received\n");
	int length = 0;

	lines_set(&work->record, "case", candidate->number);
	lines_set(&work->record, "kind", "filing");
	lines_set(&work->record, "source", "inbox");
	lines_setf(&work->record, "by", "uid:%u", candidate->seen.st_uid);
	lines_set_u64(&work->record, "claim", candidate->claim);
	lines_set(&work->record, "object-original", work->outputs[0].ref);
	lines_set(&work->record, "object-name", work->outputs[1].ref);
	length = lines_finish(&work->record, text + head, sizeof text - (size_t)head);
	work->done = on_received;
	work_pend(work);
	if (length < 0) {
		work_fail(work, length, "the record does not fit");
	} else {
		wire_begin(&message, WIRE_STORE_APPEND, 0, CLOCK_NEVER_MS);
		wire_put_string(&message, WIRE_F_CASE, candidate->number);
		wire_put_bytes(&message, WIRE_F_PREV, span_of(none, sizeof none));
		wire_put_bytes(&message, WIRE_F_RECORD, span_of(text, (size_t)head + (size_t)length));
		work_request(work, &message);
	}
	work_settle(work);
}

static void on_taken(struct work *work)
{
	struct candidate *candidate = work->context;
	struct stat now;

	if (work->err != 0) {
		later(work->hub->inbox, candidate,
		      work->err == ERR_SPACE ? N_("too little space is free on the disk of data_dir (less than min_free): make room")
		                             : N_("the store does not take files"));
		return;
	}
	/* Whoever wrote through an old handle broke the lease or changed the file: then what was read may be torn. */
	if (fstat(candidate->fd, &now) != 0 || !inbox_same(&now, &candidate->seen) || fcntl(candidate->fd, F_GETLEASE) != F_RDLCK) {
		log_info("a file changed while it was taken in; it is read again");
		end(work->hub->inbox, candidate, false, clock_deadline(work->hub->config->share.quiet_ms));
		return;
	}
	append_received(work);
}

/* The file's name in UTF-8 without control characters: as it is, or read as windows-1250, or with the odd bytes replaced. */
static void readable_name(const struct inbox *inbox, const char *name, char *ret, size_t size)
{
	char converted[4 * NAME_MAX + 1];
	char *from = (char *)(uintptr_t)name, *to = converted;
	size_t from_left = strlen(name), to_left = sizeof converted - 1;

	if (!span_is_utf8(span_of_string(name)) && inbox->cp1250 != NULL && iconv(inbox->cp1250, &from, &from_left, &to, &to_left) != (size_t)-1) {
		*to = '\0';
		name = converted;
	}
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(name), ret, size);
}

static int name_object(const struct inbox *inbox, const struct candidate *candidate)
{
	_cleanup_lines_ struct lines lines = { 0 };
	char text[NAME_OBJECT_MAX_BYTES], readable[4 * NAME_MAX + 1];
	int length = 0;

	readable_name(inbox, candidate->name, readable, sizeof readable);
	lines_set(&lines, "file", readable);
	readable_name(inbox, candidate->folder, readable, sizeof readable);
	lines_set(&lines, "folder", readable);
	lines_setf(&lines, "owner", "uid:%u", candidate->seen.st_uid);
	length = lines_finish(&lines, text, sizeof text);
	return length < 0 ? length : fd_memfd_sealed("name", text, (size_t)length);
}

static void take_objects(struct work *work)
{
	struct candidate *candidate = work->context;
	struct inbox *inbox = work->hub->inbox;
	_cleanup_close_ int name = name_object(inbox, candidate);

	work->done = on_taken;
	work->output_count = 2;
	work_pend(work);
	if (name < 0 || lseek(candidate->fd, 0, SEEK_SET) != 0) {
		work_fail(work, ERR_SYSTEM, "a file cannot be read");
	} else {
		work_take(work, candidate->number, "original", candidate->fd, inbox->hub->config->share.max_file_bytes, &work->outputs[0]);
		work_take(work, candidate->number, "name", name, NAME_OBJECT_MAX_BYTES, &work->outputs[1]);
	}
	work_settle(work);
}

static void on_number(void *context, int err, struct wire_message *message)
{
	struct work *work = context;
	struct candidate *candidate = work->context;

	if (err != 0 || message->type == WIRE_ERROR || !wire_string(message, WIRE_F_CASE, candidate->number, sizeof candidate->number)) {
		later(work->hub->inbox, candidate, N_("the journal does not take records"));
	} else {
		take_objects(work);
	}
}

static void ask_number(struct work *work)
{
	struct candidate *candidate = work->context;
	struct inbox *inbox = work->hub->inbox;
	struct wire_message message;

	if (inbox->taking) {
		end(inbox, candidate, false, clock_mono_ms()); /* it stands in its claim folder; its turn comes */
		return;
	}
	inbox->taking = candidate->taking = true;
	lines_free(&work->record);
	wire_begin(&message, WIRE_STORE_CASE_NEW, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, "filing");
	if (work->hub->store == NULL || channel_request(work->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_number, work, NULL) != 0) {
		later(inbox, candidate, N_("the journal does not take records"));
	}
}

/* At random, so that no inode that the file system gives out again makes an old case look like the owner of a new file. */
static uint64_t choose_number(const struct inbox *inbox)
{
	uint64_t number = 0;

	do {
		if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
			number = (uint64_t)clock_utc_ms() << 20 ^ clock_mono_ms();
		}
		number >>= 1;
	} while (number == 0 || case_claimed(&inbox->hub->cases, number));
	return number;
}

/* Out of everybody's reach, under the lease, within one file system. */
static int claim(struct inbox *inbox, struct candidate *candidate)
{
	_cleanup_close_ int folder = inbox_folder(inbox, candidate);
	_cleanup_close_ int to = -1;
	char path[64 + NAME_MAX], number[32];

	candidate->claim = choose_number(inbox);
	claim_path(candidate, path);
	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)candidate->claim);
	if (folder < 0 || (mkdirat(inbox->claim_dir, number, 0700) != 0 && errno != EEXIST) ||
	    (mkdirat(inbox->claim_dir, path, 0700) != 0 && errno != EEXIST)) {
		return ERR_SYSTEM;
	}
	to = openat(inbox->claim_dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (to < 0 || renameat(folder, candidate->name, to, candidate->name) != 0) {
		int err = errno == ENOENT ? ERR_GONE : errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED : ERR_SYSTEM;

		remove_claim(inbox, candidate);
		return err;
	}
	return fsync(to) == 0 ? 0 : ERR_SYSTEM;
}

static void on_looked_at(struct work *work)
{
	struct candidate *candidate = work->context;
	struct inbox *inbox = work->hub->inbox;
	struct stat now;
	int err = 0;

	if (work->err != 0 && work->hub->partner == NULL) {
		end(inbox, candidate, false, clock_deadline(HUB_SWEEP_MS));
		return;
	}
	if (work->err == 0 && work_result_is(work, "complete", "no")) {
		candidate->incomplete = true; /* looked at again when it changes; put aside when it never does */
		end(inbox, candidate, false, clock_deadline(inbox->hub->config->share.quiet_ms));
		return;
	}
	/* A job that dies on the file says nothing of its end: it is taken in, and the case says why it cannot be used. */
	work->err = 0;
	if (fstat(candidate->fd, &now) != 0 || !inbox_same(&now, &candidate->seen) || fcntl(candidate->fd, F_GETLEASE) != F_RDLCK) {
		end(inbox, candidate, false, clock_deadline(inbox->hub->config->share.quiet_ms));
		return;
	}
	err = claim(inbox, candidate);
	if (err == ERR_GONE) {
		end(inbox, candidate, true, 0);
	} else if (err == ERR_DENIED) {
		/* The rights of one folder are no reason to leave the others waiting. */
		log_warning("a file cannot be moved out of its folder: the box has no right to");
		candidate->stuck = true;
		end(inbox, candidate, false, clock_deadline(inbox->hub->config->share.scan_interval_ms));
	} else if (err != 0) {
		later(inbox, candidate, N_("a file cannot be moved out of the inbox"));
	} else {
		candidate->claimed = true;
		ask_number(work);
	}
}

/* A file that stands in its claim folder already: opened and leased anew. */
static bool open_claimed(struct inbox *inbox, struct candidate *candidate)
{
	char path[64 + NAME_MAX];
	_cleanup_close_ int directory = -1;

	claim_path(candidate, path);
	directory = openat(inbox->claim_dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_close(&candidate->fd);
	candidate->fd = directory < 0 ? -1 : openat(directory, candidate->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return candidate->fd >= 0 && fcntl(candidate->fd, F_SETLEASE, F_RDLCK) == 0 && fstat(candidate->fd, &candidate->seen) == 0;
}

void inbox_take(struct inbox *inbox, struct candidate *candidate)
{
	_cleanup_lines_ struct lines parameters = { 0 };
	struct work_input input = { .fd = candidate->fd };

	candidate->work = work_begin(inbox->hub, NULL);
	if (candidate->work == NULL) {
		end(inbox, candidate, false, clock_deadline(HUB_SWEEP_MS));
		return;
	}
	candidate->work->context = candidate;
	if (candidate->claimed) {
		ask_number(candidate->work);
		return;
	}
	lines_set_u64(&parameters, "limit", inbox->hub->config->share.max_file_bytes);
	work_job(candidate->work, "recognise", "", &parameters, &input, 1, on_looked_at);
}

bool inbox_take_claimed(struct inbox *inbox, struct candidate *candidate)
{
	if (!open_claimed(inbox, candidate)) {
		inbox_release(inbox, candidate, clock_deadline(INBOX_PAUSE_MS));
		return false;
	}
	candidate->busy = true;
	inbox->works++;
	inbox_take(inbox, candidate);
	return true;
}

/* --- what a crash left --- */

static void add_claimed(struct inbox *inbox, uint64_t number, const char *folder, const char *name)
{
	struct candidate *candidate = calloc(1, sizeof *candidate);

	if (candidate == NULL) {
		return;
	}
	candidate->claim = number;
	candidate->claimed = true;
	candidate->fd = -1;
	candidate->first_seen_ms = clock_mono_ms();
	(void)snprintf(candidate->folder, sizeof candidate->folder, "%s", folder);
	(void)snprintf(candidate->name, sizeof candidate->name, "%s", name);
	if (case_claimed(&inbox->hub->cases, number)) {
		remove_claim(inbox, candidate);
		free(candidate);
		return;
	}
	candidate->next = inbox->candidates;
	inbox->candidates = candidate;
	inbox->count++;
}

static void finish_folder(struct inbox *inbox, uint64_t number, int at, const char *entry)
{
	int fd = openat(at, entry, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_closedir_ DIR *files = fd < 0 ? NULL : fdopendir(fd);

	if (files == NULL) {
		cleanup_close(&fd);
		return;
	}
	for (struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
		if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0) {
			add_claimed(inbox, number, entry + 1, file->d_name);
		}
	}
}

static void finish_claim(struct inbox *inbox, const char *number_text)
{
	uint64_t number = 0;
	int fd = openat(inbox->claim_dir, number_text, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_closedir_ DIR *folders = fd < 0 ? NULL : fdopendir(fd);

	if (folders == NULL) {
		cleanup_close(&fd);
		return;
	}
	if (!span_parse_u64(span_of_string(number_text), &number)) {
		return;
	}
	for (struct dirent *folder = readdir(folders); folder != NULL; folder = readdir(folders)) {
		if (folder->d_name[0] == FOLDER_MARK) {
			finish_folder(inbox, number, dirfd(folders), folder->d_name);
			(void)unlinkat(dirfd(folders), folder->d_name, AT_REMOVEDIR); /* only when empty */
		}
	}
	(void)unlinkat(inbox->claim_dir, number_text, AT_REMOVEDIR);
}

void inbox_finish_claims(struct inbox *inbox)
{
	int fd = inbox->claim_dir < 0 ? -1 : openat(inbox->claim_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *claims = fd < 0 ? NULL : fdopendir(fd);

	for (struct dirent *each = claims == NULL ? NULL : readdir(claims); each != NULL; each = readdir(claims)) {
		if (each->d_name[0] >= '0' && each->d_name[0] <= '9') {
			finish_claim(inbox, each->d_name);
		}
	}
}
