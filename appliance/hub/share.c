#include "share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/log.h"

#define FREE_NAME_TRIES 10000
/* Staff clear up what was put aside; receipts and evidence they only read (design 6). The box's own files nobody else changes. */
#define DIRECTORY_MODE 0770
#define RESULT_DIRECTORY_MODE 0750
#define FILE_MODE 0640
#define RESULT_NAME_SIZE 120 /* of the file in the name of its folder: Windows has short paths */

int share_open_beneath(int directory, const char *name, int flags, mode_t mode)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOCTTY),
		                .mode = (flags & O_CREAT) != 0 ? mode : 0,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, directory, name, &how, sizeof how);

	return fd < 0 ? ERR_SYSTEM : (int)fd;
}

int share_open(struct hub *hub)
{
	if (hub->share >= 0) {
		return 0;
	}
	hub->share = open(hub->config->share.path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return hub->share >= 0 ? 0 : ERR_SYSTEM;
}

/* What stood at a path when the sandbox was entered; no inode: nothing. */
static struct stat bound_share, bound_claims;

static void note_folder(const char *path, struct stat *ret)
{
	if (fstatat(AT_FDCWD, path, ret, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(ret->st_mode)) {
		memset(ret, 0, sizeof *ret);
	}
}

void share_bind(const struct hub *hub)
{
	note_folder(hub->config->share.path, &bound_share);
	note_folder(hub->config->share.claim_dir, &bound_claims);
}

static bool is_another(const char *path, const struct stat *bound)
{
	struct stat now;

	note_folder(path, &now);
	return now.st_ino != 0 && (now.st_ino != bound->st_ino || now.st_dev != bound->st_dev);
}

bool share_moved(const struct hub *hub)
{
	return is_another(hub->config->share.path, &bound_share) || is_another(hub->config->share.claim_dir, &bound_claims);
}

static int step_into(int directory, const char *name, mode_t mode)
{
	int fd = share_open_beneath(directory, name, O_RDONLY | O_DIRECTORY, 0);

	if (fd >= 0 || errno != ENOENT) {
		return fd;
	}
	/* The mode as the group needs it, whatever the umask is; the set-group-ID bit of the parent gives the group. */
	if (mkdirat(directory, name, mode) != 0 && errno != EEXIST) {
		return ERR_SYSTEM;
	}
	fd = share_open_beneath(directory, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0) {
		(void)fchmod(fd, mode | S_ISGID);
	}
	return fd;
}

static mode_t directory_mode(const struct hub *hub, const char *path)
{
	const char *done = hub->config->share.done;
	size_t length = strlen(done);

	return strncmp(path, done, length) == 0 && (path[length] == '\0' || path[length] == '/') ? RESULT_DIRECTORY_MODE : DIRECTORY_MODE;
}

int share_directory(struct hub *hub, const char *path)
{
	_cleanup_close_ int at = -1;
	mode_t mode = directory_mode(hub, path);
	char part[SHARE_PATH_MAX_BYTES];

	if (share_open(hub) != 0) {
		return ERR_SYSTEM;
	}
	while (*path != '\0') {
		size_t length = strcspn(path, "/");
		int next = -1;

		(void)snprintf(part, sizeof part, "%.*s", (int)length, path);
		next = step_into(at >= 0 ? at : hub->share, part, mode);
		if (next < 0) {
			return next;
		}
		cleanup_close(&at);
		at = next;
		path += length + (path[length] == '/' ? 1 : 0);
	}
	return take_fd(&at);
}

void share_result_path(const struct hub *hub, const struct hub_case *of, const char *file, char ret[SHARE_PATH_MAX_BYTES])
{
	struct clock_date date;
	char base[RESULT_NAME_SIZE];
	int length = 0;

	clock_czech_date(of->closed_ms, &date);
	length = snprintf(ret, SHARE_PATH_MAX_BYTES, "%s/%04d-%02d", hub->config->share.done, date.year, date.month);
	if (file != NULL && length > 0 && length < SHARE_PATH_MAX_BYTES) {
		(void)escape_text(ESCAPE_FILE, span_of_string(file), base, sizeof base);
		(void)snprintf(ret + length, SHARE_PATH_MAX_BYTES - (size_t)length, "/%s %s %s", of->number, of->form, base);
	}
}

int share_file_begin(int directory, struct share_file *ret)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
		return ERR_SYSTEM;
	}
	ret->directory = directory;
	(void)snprintf(ret->temporary, sizeof ret->temporary, ".podatelna-%016llx.part", (unsigned long long)random);
	ret->fd = share_open_beneath(directory, ret->temporary, O_RDWR | O_CREAT | O_EXCL, FILE_MODE);
	if (ret->fd < 0) {
		return ERR_SYSTEM;
	}
	(void)fchmod(ret->fd, FILE_MODE);
	return 0;
}

void share_file_abandon(struct share_file *file)
{
	if (file->fd >= 0) {
		cleanup_close(&file->fd);
		(void)unlinkat(file->directory, file->temporary, 0);
	}
}

int share_file_finish(struct share_file *file, const char *name)
{
	if (fsync(file->fd) != 0 || renameat(file->directory, file->temporary, file->directory, name) != 0) {
		int err = errno == ENOSPC || errno == EDQUOT ? ERR_SPACE : ERR_SYSTEM;

		share_file_abandon(file);
		return err;
	}
	cleanup_close(&file->fd);
	return 0;
}

int share_folder_sync(int directory)
{
	return fsync(directory) == 0 ? 0 : ERR_SYSTEM;
}

int share_write_text(int directory, const char *name, const char *text)
{
	struct share_file file;
	int err = share_file_begin(directory, &file);

	if (err != 0) {
		return err;
	}
	err = fd_write_all(file.fd, text, strlen(text));
	if (err != 0) {
		share_file_abandon(&file);
		return err;
	}
	err = share_file_finish(&file, name);
	return err != 0 ? err : share_folder_sync(directory);
}

static bool is_free(int directory, const char *name)
{
	struct stat status;

	return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

void share_free_name(int directory, struct span wanted, char *ret, size_t size)
{
	char name[SHARE_NAME_MAX_BYTES + 1];
	const char *dot = NULL;
	size_t stem = 0;

	(void)escape_text(ESCAPE_FILE, wanted, name, sizeof name);
	dot = strrchr(name, '.');
	stem = dot == NULL ? strlen(name) : (size_t)(dot - name);
	(void)snprintf(ret, size, "%s", name);
	for (int i = 2; i < FREE_NAME_TRIES && !is_free(directory, ret); i++) {
		(void)snprintf(ret, size, "%.*s (%d)%s", (int)stem, name, i, dot == NULL ? "" : dot);
	}
}

int share_move(int from, const char *name, int to, char *ret_name, size_t size)
{
	for (int i = 0; i < FREE_NAME_TRIES; i++) {
		share_free_name(to, span_of_string(name), ret_name, size);
		if (syscall(SYS_renameat2, from, name, to, ret_name, 1 /* RENAME_NOREPLACE */) == 0) {
			return fsync(to) == 0 ? 0 : ERR_SYSTEM;
		}
		if (errno != EEXIST) {
			return errno == ENOENT ? ERR_GONE : errno == ENOSPC ? ERR_SPACE : ERR_SYSTEM;
		}
	}
	return ERR_LIMIT;
}
