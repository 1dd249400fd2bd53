/* inbox.c - finds files and waits until they are whole. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <iconv.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "../base/text.h"
#include "card.h"
#include "inbox_private.h"
#include "share.h"

#define WATCH_EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_MODIFY | IN_ONLYDIR)

/* Names of files that other programs keep for themselves while they work (research in README, "Inbox"). */
static bool is_foreign_temporary(const char *name)
{
	static const char *const ends[] = { ".tmp", ".temp", ".part", ".crdownload", ".download", ".filepart", ".partial", ".swp", ".lnk", "~" };
	static const char *const names[] = { "desktop.ini", "thumbs.db", "ehthumbs.db", "icon\r" };
	size_t length = strlen(name);

	if (name[0] == '.' || strncmp(name, "~$", 2) == 0 || (name[0] == '~' && length > 4 && strcasecmp(name + length - 4, ".tmp") == 0)) {
		return true;
	}
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		if (length >= strlen(ends[i]) && strcasecmp(name + length - strlen(ends[i]), ends[i]) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcasecmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

bool inbox_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_blocks == b->st_blocks && a->st_nlink == b->st_nlink;
}

int inbox_folder(struct inbox *inbox, const struct candidate *candidate)
{
	char path[2 * NAME_MAX + 3];

	(void)snprintf(path, sizeof path, "%s%s%s", inbox->hub->config->share.inbox, candidate->folder[0] != '\0' ? "/" : "", candidate->folder);
	return share_directory(inbox->hub, path);
}

static void arm(struct inbox *inbox);

static struct candidate *find(struct inbox *inbox, const char *folder, const char *name)
{
	for (struct candidate *each = inbox->candidates; each != NULL; each = each->next) {
		if (!each->gone && !each->claimed && strcmp(each->name, name) == 0 && strcmp(each->folder, folder) == 0) {
			return each;
		}
	}
	return NULL;
}

static void notice(struct inbox *inbox, const char *folder, const char *name)
{
	struct candidate *candidate = NULL;

	if (is_foreign_temporary(name) || inbox->count >= INBOX_CANDIDATES_MAX || find(inbox, folder, name) != NULL ||
	    (candidate = calloc(1, sizeof *candidate)) == NULL) {
		return;
	}
	(void)snprintf(candidate->folder, sizeof candidate->folder, "%s", folder);
	(void)snprintf(candidate->name, sizeof candidate->name, "%s", name);
	candidate->fd = -1;
	candidate->first_seen_ms = clock_mono_ms();
	candidate->next = inbox->candidates;
	inbox->candidates = candidate;
	inbox->count++;
}

static void scan_folder(struct inbox *inbox, const char *folder, bool deeper)
{
	struct candidate place = { 0 };
	_cleanup_closedir_ DIR *directory = NULL;
	int fd = -1;

	(void)snprintf(place.folder, sizeof place.folder, "%s", folder);
	fd = inbox_folder(inbox, &place);
	if (fd < 0 || (directory = fdopendir(fd)) == NULL) {
		cleanup_close(&fd);
		return;
	}
	if (inbox->notify >= 0) {
		char path[64];

		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		(void)inotify_add_watch(inbox->notify, path, WATCH_EVENTS);
	}
	for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
		if (entry->d_type == DT_DIR && entry->d_name[0] == '.') {
			continue;
		}
		if (entry->d_type == DT_DIR && deeper) {
			scan_folder(inbox, entry->d_name, false);
		} else {
			notice(inbox, folder, entry->d_name); /* a folder in a sub-folder is put aside as such */
		}
	}
}

static void scan(struct inbox *inbox)
{
	scan_folder(inbox, "", true);
	arm(inbox);
}

/* --- one look at one candidate --- */

void inbox_release(struct inbox *inbox, struct candidate *candidate, uint64_t look_again_ms)
{
	if (candidate->fd >= 0) {
		(void)fcntl(candidate->fd, F_SETLEASE, F_UNLCK);
		cleanup_close(&candidate->fd);
	}
	if (candidate->busy) {
		candidate->busy = false;
		inbox->works--;
	}
	candidate->due_ms = look_again_ms;
	arm(inbox);
}

void inbox_pause(struct inbox *inbox, const char *why)
{
	inbox->paused_until_ms = clock_deadline(INBOX_PAUSE_MS);
	inbox->paused_why = why;
	log_warning("nothing is taken in for a while: %s", why);
}

void inbox_put_aside(struct inbox *inbox, struct candidate *candidate, const char *reason)
{
	_cleanup_close_ int from = inbox_folder(inbox, candidate);
	_cleanup_close_ int to = share_directory(inbox->hub, inbox->hub->config->share.errors);
	char moved[NAME_MAX + 1], card_name[NAME_MAX + 1];
	static char card[CARD_MAX_BYTES];
	int err = from < 0 || to < 0 ? ERR_SYSTEM : share_move(from, candidate->name, to, moved, sizeof moved);

	if (err == 0) {
		card_write(inbox->hub->catalogue, candidate->name, NULL, reason, clock_utc_ms(), card);
		(void)snprintf(card_name, sizeof card_name, "%.240s.txt", moved);
		candidate->gone = true;
		log_info("a file was put aside: %s", reason);
		if (share_write_text(to, card_name, card) != 0) {
			log_warning("the card beside a file that was put aside could not be written");
		}
	} else {
		candidate->gone = err == ERR_GONE;
		candidate->stuck = !candidate->gone;
		log_warning("a file that cannot be used (%s) cannot be put aside either", reason);
	}
	inbox_release(inbox, candidate, clock_deadline(inbox->hub->config->share.scan_interval_ms));
}

static bool waited_too_long(const struct inbox *inbox, const struct candidate *candidate)
{
	return clock_mono_ms() - candidate->first_seen_ms > inbox->hub->config->share.no_end_after_ms;
}

static void wait_or_give_up(struct inbox *inbox, struct candidate *candidate, const char *reason)
{
	uint64_t quiet = inbox->hub->config->share.quiet_ms;

	if (waited_too_long(inbox, candidate)) {
		inbox_put_aside(inbox, candidate, reason);
	} else {
		inbox_release(inbox, candidate, clock_deadline(quiet < 100 ? 100 : quiet));
	}
}

/* What an entry that is no ordinary file is called on its card; NULL for an ordinary one. */
static const char *unusable(const struct stat *status)
{
	if (S_ISLNK(status->st_mode)) {
		return "symlink";
	}
	if (S_ISDIR(status->st_mode)) {
		return "directory";
	}
	return S_ISREG(status->st_mode) ? NULL : "special";
}

/* Opens the file and takes a lease; what it finds is in candidate->seen. True when the step goes on. */
static bool open_candidate(struct inbox *inbox, struct candidate *candidate, int folder)
{
	candidate->fd = share_open_beneath(folder, candidate->name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
	if (candidate->fd < 0) {
		if (errno == ENOENT) {
			candidate->gone = true;
			inbox_release(inbox, candidate, 0);
		} else {
			wait_or_give_up(inbox, candidate, "unreadable");
		}
		return false;
	}
	/* The lease is refused while anybody has the file open for writing (fcntl(2), F_SETLEASE). */
	if (fcntl(candidate->fd, F_SETLEASE, F_RDLCK) != 0) {
		if (errno == EAGAIN) {
			wait_or_give_up(inbox, candidate, "still-open");
		} else {
			log_warning("no lease on a file of the share: %s", strerror(errno));
			wait_or_give_up(inbox, candidate, "unreadable");
		}
		return false;
	}
	return true;
}

static void look(struct inbox *inbox, struct candidate *candidate)
{
	const struct config_share *share = &inbox->hub->config->share;
	_cleanup_close_ int folder = inbox_folder(inbox, candidate);
	struct stat now;

	if (folder < 0 || fstatat(folder, candidate->name, &now, AT_SYMLINK_NOFOLLOW) != 0) {
		candidate->gone = true;
		inbox_release(inbox, candidate, 0);
		return;
	}
	if (!inbox_same(&now, &candidate->seen)) {
		/* New or changed: from now on it must be quiet. */
		candidate->seen = now;
		candidate->first_seen_ms = clock_mono_ms(); /* what still grows is not given up */
		candidate->incomplete = candidate->stuck = false;
		inbox_release(inbox, candidate, clock_deadline(share->quiet_ms));
		return;
	}
	if (candidate->stuck) {
		inbox_release(inbox, candidate, clock_deadline(share->scan_interval_ms));
	} else if (unusable(&now) != NULL) {
		inbox_put_aside(inbox, candidate, unusable(&now));
	} else if (now.st_nlink != 1) {
		wait_or_give_up(inbox, candidate, "hard-link");
	} else if ((uint64_t)now.st_size > share->max_file_bytes) {
		inbox_put_aside(inbox, candidate, "too-large");
	} else if (candidate->incomplete || now.st_size == 0) {
		wait_or_give_up(inbox, candidate, now.st_size == 0 ? "empty" : "incomplete");
	} else if (open_candidate(inbox, candidate, folder)) {
		candidate->busy = true;
		inbox->works++;
		inbox_take(inbox, candidate);
	}
}

static void drop_gone(struct inbox *inbox)
{
	struct candidate **place = &inbox->candidates;

	while (*place != NULL) {
		struct candidate *each = *place;

		if (each->gone && !each->busy) {
			*place = each->next;
			inbox->count--;
			free(each);
		} else {
			place = &each->next;
		}
	}
}

/* A rolled-back journal takes nothing in: what it would record is not what the world knows. */
static bool may_take(const struct inbox *inbox)
{
	return hub_is_working(inbox->hub) && !inbox->hub->rolled_back && clock_expired(inbox->paused_until_ms);
}

static void on_due(void *context, uint32_t events)
{
	struct inbox *inbox = context;

	(void)events;
	inbox->timer = 0;
	if (may_take(inbox)) {
		for (struct candidate *each = inbox->candidates; each != NULL && inbox->works < INBOX_WORKS_MAX; each = each->next) {
			if (!each->busy && !each->gone && clock_expired(each->due_ms)) {
				if (each->claimed && !inbox->taking) {
					(void)inbox_take_claimed(inbox, each);
				} else if (each->claimed) {
					continue; /* a take that ends looks again */
				} else {
					look(inbox, each);
				}
			}
		}
	}
	drop_gone(inbox);
	arm(inbox);
}

static void arm(struct inbox *inbox)
{
	uint64_t due = CLOCK_NEVER_MS, now = clock_mono_ms();
	int id = 0;

	for (struct candidate *each = inbox->candidates; each != NULL; each = each->next) {
		if (!each->busy && !(each->claimed && inbox->taking && !each->gone) && (each->gone || each->due_ms < due)) {
			due = each->gone ? now : each->due_ms;
		}
	}
	loop_cancel(inbox->hub->loop, inbox->timer);
	inbox->timer = 0;
	if (due == CLOCK_NEVER_MS) {
		return;
	}
	if (inbox->works >= INBOX_WORKS_MAX) {
		return; /* a release arms again */
	}
	if (!may_take(inbox)) {
		due = due > now + HUB_SWEEP_MS ? due : now + HUB_SWEEP_MS;
	}
	id = loop_timer(inbox->hub->loop, due, on_due, inbox);
	inbox->timer = id > 0 ? id : 0;
}

/* --- notices of the kernel; the regular scan makes up for any that are lost --- */

static void on_notify(void *context, uint32_t events)
{
	struct inbox *inbox = context;
	static uint8_t buffer[65536] __attribute__((aligned(8)));

	(void)events;
	while (read(inbox->notify, buffer, sizeof buffer) > 0) {
		/* Which folder an event is of does not matter: a scan finds the file, and knows which ones it has. */
	}
	scan(inbox);
}

static void on_scan(void *context, uint32_t events)
{
	struct inbox *inbox = context;

	(void)events;
	if (share_moved(inbox->hub)) {
		log_warning("another folder is mounted where the share was: the hub starts anew");
		exit(HUB_EXIT_SHARE_MOVED); /* as after any death of the hub, every step is durable or begun anew */
	}
	scan(inbox);
	if (loop_timer(inbox->hub->loop, clock_deadline(inbox->hub->config->share.scan_interval_ms), on_scan, inbox) < 0) {
		log_error("no timer for the scan of the inbox");
	}
}

struct inbox *inbox_new(struct hub *hub)
{
	struct inbox *inbox = calloc(1, sizeof *inbox);

	if (inbox == NULL) {
		return NULL;
	}
	inbox->hub = hub;
	inbox->notify = inbox->claim_dir = -1;
	inbox->cp1250 = iconv_open("UTF-8", "CP1250"); /* loads its table: not possible in the sandbox */
	if (inbox->cp1250 == (void *)-1) {
		inbox->cp1250 = NULL;
	}
	return inbox;
}

void inbox_start(struct hub *hub)
{
	struct inbox *inbox = hub->inbox;

	inbox->claim_dir = open(hub->config->share.claim_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	inbox->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inbox->claim_dir < 0 || share_open(hub) != 0) {
		log_error("the share or its claim folder is not there: nothing can be taken in");
		inbox_pause(inbox, N_("the share is not there"));
	}
	if (inbox->notify >= 0) {
		inbox->watch = loop_watch(hub->loop, inbox->notify, EPOLLIN, on_notify, inbox);
	}
	inbox_finish_claims(inbox);
	on_scan(inbox, 0);
}

size_t inbox_waiting(const struct hub *hub, const char **ret_why)
{
	*ret_why = hub->inbox->paused_why != NULL && !clock_expired(hub->inbox->paused_until_ms) ? hub->inbox->paused_why : "";
	if (hub->share < 0 && hub->replayed) {
		*ret_why = N_("the share is not there");
	}
	return hub->inbox->count;
}

size_t inbox_stuck(const struct hub *hub)
{
	size_t count = 0;

	for (const struct candidate *each = hub->inbox->candidates; each != NULL; each = each->next) {
		count += each->stuck && !each->gone ? 1 : 0;
	}
	return count;
}
