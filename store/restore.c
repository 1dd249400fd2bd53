#include "vault.h"

#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"
#include "appliance/base/sandbox.h"
#include "appliance/base/text.h"
#include "backup.h"
#include "mark.h"
#include "verify.h"

#define EXIT_NO 1
#define EXIT_DAMAGE 5
#define FOLDERS_TOP 7
#define FOLDERS 256 /* below vault/ */
#define INSTANCE_BYTES (MARK_INSTANCE_BYTES / 2)
#define REMOVE_DEPTH 4

struct restore {
	const struct fileops *ops;
	int data_dir, in;
	int folder; /* restoring.tmp */
	int parts[FOLDERS];
	int file;             /* being written, -1: none */
	int fds[FOLDERS_TOP]; /* its folders */
	bool placing;         /* what is moved is not taken away again */
	struct lines *result;
};

static int refuse(struct restore *restore, int code, const char *error, const char *why, const char *detail)
{
	lines_set(restore->result, "error", error);
	lines_set(restore->result, "why", why != NULL && why[0] == '\0' ? NULL : why);
	lines_set(restore->result, "detail", detail != NULL && detail[0] == '\0' ? NULL : detail);
	return code;
}

static const char *words_of(int err)
{
	return err == ERR_SPACE ? N_("there is no space left for it") : err == ERR_MEMORY ? N_("there is no memory left") : N_("a file could not be written");
}

/* --- the folder --- */

/* What a fresh file system has of its own. */
static int is_empty(void *context, const char *name)
{
	(void)context;
	return strcmp(name, "lost+found") == 0 ? 0 : strcmp(name, RESTORE_FOLDER) == 0 ? ERR_STATE : ERR_EXISTS;
}

bool restore_unfinished(const struct fileops *ops, int data_dir)
{
	struct stat status;

	return ops->fstatat(ops, data_dir, RESTORE_FOLDER, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

struct removal {
	const struct fileops *ops;
	int dir, depth;
};

static int remove_below(const struct fileops *ops, int dir, const char *name, int depth);

static int visit_removal(void *context, const char *name)
{
	const struct removal *removal = context;

	return removal->ops->unlinkat(removal->ops, removal->dir, name, 0) == 0 || errno == ENOENT
	           ? 0
	           : remove_below(removal->ops, removal->dir, name, removal->depth);
}

static int remove_below(const struct fileops *ops, int dir, const char *name, int depth)
{
	struct removal removal = { .ops = ops, .depth = depth + 1 };
	int err = depth == REMOVE_DEPTH ? ERR_LIMIT : 0;

	if (err != 0) {
		return err;
	}
	removal.dir = ops->openat(ops, dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
	err = removal.dir < 0 ? file_error() : file_list(ops, removal.dir, visit_removal, &removal);
	file_close(ops, &removal.dir);
	return err != 0 ? err : ops->unlinkat(ops, dir, name, AT_REMOVEDIR) == 0 ? 0 : file_error();
}

/* The folders of a data directory, a folder before those in it. */
static const char *const folders[] = { "journal", "journal/segment", "journal/anchor", "journal/trust", "vault", "keys", "quarantine" };

static int open_below(struct restore *restore, const char *name, int *ret)
{
	int err = ERR_NOTFOUND;

	for (size_t i = 0; i < FOLDERS_TOP && err == ERR_NOTFOUND; i++) {
		if (strcmp(folders[i], name) == 0) {
			err = restore->fds[i] >= 0 ? 0 : file_directory(restore->ops, restore->folder, name, &restore->fds[i]);
			*ret = restore->fds[i];
		}
	}
	return err;
}

/* Those that are always there. */
static int make_folders(struct restore *restore)
{
	int fd = -1, err = 0;

	for (size_t i = 0; i < FOLDERS_TOP && err == 0; i++) {
		err = open_below(restore, folders[i], &fd);
	}
	return err;
}

/* --- files as they come --- */

static int open_folder(struct restore *restore, const struct backup_name *name, int *ret)
{
	unsigned long sub = 0;
	int err = 0;

	if (name->folder[0] == '\0') {
		*ret = restore->folder;
		return 0;
	}
	err = open_below(restore, name->folder, ret);
	if (err != 0 || name->sub[0] == '\0') {
		return err;
	}
	sub = strtoul(name->sub, NULL, 16) % FOLDERS;
	if (restore->parts[sub] < 0) {
		err = file_directory(restore->ops, *ret, name->sub, &restore->parts[sub]);
	}
	*ret = restore->parts[sub];
	return err;
}

static int on_begin(void *context, const struct backup_name *name, uint64_t size)
{
	struct restore *restore = context;
	int dir = -1, err = open_folder(restore, name, &dir);

	(void)size;
	if (err == 0) {
		restore->file = restore->ops->openat(restore->ops, dir, name->file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, name->mode);
		err = restore->file < 0 ? file_error() : 0;
	}
	if (err == 0 && restore->ops->fchmod(restore->ops, restore->file, name->mode) != 0) {
		err = file_error();
	}
	return err;
}

static int on_data(void *context, struct span bytes)
{
	struct restore *restore = context;

	return file_write_all(restore->ops, restore->file, bytes.data, bytes.length);
}

static int on_end(void *context)
{
	struct restore *restore = context;
	int err = restore->ops->fsync(restore->ops, restore->file) == 0 ? 0 : file_error();

	file_close(restore->ops, &restore->file);
	return err;
}

static ssize_t on_read(void *context, void *buffer, size_t size)
{
	const struct restore *restore = context;

	return fd_read_full(restore->in, buffer, size);
}

/* The names of files are durable when their folder is. */
static int sync_folders(struct restore *restore)
{
	int err = 0;

	for (size_t i = 0; i < FOLDERS && err == 0; i++) {
		err = restore->parts[i] < 0 ? 0 : file_sync_directory(restore->ops, restore->parts[i]);
	}
	for (size_t i = 0; i < FOLDERS_TOP && err == 0; i++) {
		err = file_sync_directory(restore->ops, restore->fds[i]);
	}
	return err != 0 ? err : file_sync_directory(restore->ops, restore->folder);
}

static int check_space(const struct restore *restore)
{
	struct stat status;
	struct statvfs space;

	if (fstat(restore->in, &status) != 0 || !S_ISREG(status.st_mode) || restore->ops->fstatvfs(restore->ops, restore->data_dir, &space) != 0) {
		return 0; /* a pipe: what does not fit is found out on the way */
	}
	return (uint64_t)space.f_bavail * space.f_frsize < (uint64_t)status.st_size ? ERR_SPACE : 0;
}

static int unpack(struct restore *restore, struct backup_found *found)
{
	struct backup_reader reader = { .read = on_read, .begin = on_begin, .data = on_data, .end = on_end, .context = restore };
	int err = check_space(restore), code = 0;

	if (err == 0) {
		err = make_folders(restore);
	}
	if (err == 0) {
		err = backup_read(&reader, found);
	}
	if (err == ERR_FORMAT || err == ERR_EXISTS) {
		code = refuse(restore, EXIT_DAMAGE, N_("the backup cannot be used"), err == ERR_EXISTS ? N_("a name stands there twice") : found->why,
		              found->name);
	} else if (err == 0) {
		err = sync_folders(restore);
	}
	return code != 0 ? code : err != 0 ? refuse(restore, EXIT_NO, words_of(err), NULL, NULL) : 0;
}

/* --- is it what it says? --- */

static int check_object(void *context, const struct record *record, struct span role, const struct journal_ref *ref, char why[JOURNAL_TEXT_SIZE])
{
	(void)record;
	(void)role;
	for (size_t i = 0; i < ref->part_count; i++) {
		int err = vault_part_check(context, ref->parts[i]);

		if (err != 0) {
			(void)snprintf(why, JOURNAL_TEXT_SIZE, "part %zu of an object of the vault is %s", i + 1, err == ERR_NOTFOUND ? "missing" : "damaged");
			return err;
		}
	}
	return 0;
}

static int verify(struct restore *restore, const struct backup_found *found, struct verify_result *ret)
{
	struct verify_options options = { .ops = restore->ops, .data_fd = restore->folder, .until = UINT64_MAX, .on_object = check_object };
	struct vault *vault = NULL;
	char detail[JOURNAL_TEXT_SIZE + 64];
	int err = vault_open_reading(restore->ops, restore->folder, &vault);

	options.context = vault;
	if (err == 0) {
		err = journal_verify(&options, NULL, ret);
	}
	vault_free(vault);
	if (err != 0) {
		return refuse(restore, EXIT_DAMAGE, N_("the backup does not hold a journal that can be read"), NULL, err_name(err));
	}
	if (ret->damaged) {
		(void)snprintf(detail, sizeof detail, "%llu: %s", (unsigned long long)ret->index, ret->why);
		return refuse(restore, EXIT_DAMAGE, N_("the journal in the backup is damaged"), NULL, detail);
	}
	if (ret->records != found->manifest.records || memcmp(ret->root, found->manifest.root, sizeof ret->root) != 0 ||
	    strcmp(ret->origin, found->manifest.origin) != 0) {
		return refuse(restore, EXIT_DAMAGE, N_("the journal in the backup is not the one that its manifest names"), NULL, NULL);
	}
	return 0;
}

/* --- in place --- */

static int write_instance(struct restore *restore)
{
	uint8_t random[INSTANCE_BYTES];
	char text[2 * INSTANCE_BYTES + 2];
	int dir = -1, err = open_below(restore, "journal", &dir);

	if (err == 0 && getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
		err = ERR_SYSTEM;
	}
	if (err == 0) {
		hex_encode(random, sizeof random, text);
		memcpy(text + 2 * sizeof random, "\n", 2);
		err = file_replace(restore->ops, dir, "instance", text, strlen(text), 0640);
	}
	return err;
}

/* The journal last: without it there is no box. */
static int put_in_place(struct restore *restore)
{
	static const char *const names[] = { "vault", "keys", "quarantine", "seen.key", "seen", "journal" };
	const struct fileops *ops = restore->ops;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (ops->renameat2(ops, restore->folder, names[i], restore->data_dir, names[i], 0) != 0 && errno != ENOENT) {
			return file_error();
		}
	}
	if (file_sync_directory(ops, restore->data_dir) != 0 || ops->unlinkat(ops, restore->data_dir, RESTORE_FOLDER, AT_REMOVEDIR) != 0) {
		return ERR_SYSTEM;
	}
	return file_sync_directory(ops, restore->data_dir);
}

static void tell(struct restore *restore, const struct backup_found *found, const struct verify_result *verified)
{
	char root[2 * JOURNAL_HASH_BYTES + 1];

	hex_encode(found->manifest.root, JOURNAL_HASH_BYTES, root);
	lines_set_u64(restore->result, "archived-parts", found->archived);
	lines_set_u64(restore->result, "bytes", found->bytes);
	lines_set_u64(restore->result, "cases", verified->cases);
	lines_set(restore->result, "created", found->manifest.created);
	lines_set_u64(restore->result, "files", found->files);
	lines_set(restore->result, "keys", found->manifest.keys ? "yes" : "no");
	lines_set_u64(restore->result, "objects", verified->objects);
	lines_set(restore->result, "origin", found->manifest.origin);
	lines_set_u64(restore->result, "records", verified->records);
	lines_set(restore->result, "root", root);
}

static int work(struct restore *restore)
{
	static struct backup_found found;
	static struct verify_result verified;
	int code = unpack(restore, &found), err = 0;

	if (code == 0) {
		code = verify(restore, &found, &verified);
	}
	if (code != 0) {
		return code;
	}
	err = write_instance(restore);
	if (err != 0) {
		return refuse(restore, EXIT_NO, words_of(err), NULL, NULL);
	}
	restore->placing = true;
	if (put_in_place(restore) != 0) {
		return refuse(restore, EXIT_NO,
		              N_("it was unpacked and checked, but could not be moved into place: empty the data directory, then begin again"), NULL, NULL);
	}
	tell(restore, &found, &verified);
	return 0;
}

static void close_all(struct restore *restore)
{
	file_close(restore->ops, &restore->file);
	for (size_t i = 0; i < FOLDERS; i++) {
		file_close(restore->ops, &restore->parts[i]);
	}
	for (size_t i = 0; i < FOLDERS_TOP; i++) {
		file_close(restore->ops, &restore->fds[i]);
	}
	file_close(restore->ops, &restore->folder);
}

int restore_run(const struct fileops *ops, int data_dir, int in, struct lines *result)
{
	static struct restore restore;
	int code = EXIT_NO, err = file_list(ops, data_dir, is_empty, NULL);

	restore = (struct restore){ .ops = ops, .data_dir = data_dir, .in = in, .folder = -1, .file = -1, .result = result };
	memset(restore.parts, -1, sizeof restore.parts);
	memset(restore.fds, -1, sizeof restore.fds);
	if (err == ERR_STATE) {
		return refuse(&restore, EXIT_NO, N_("a restore was interrupted there: empty the data directory, then begin again"), NULL, NULL);
	}
	if (err == ERR_EXISTS) {
		return refuse(&restore, EXIT_NO, N_("the data directory is not empty: nothing is ever overwritten; move it away first"), NULL, NULL);
	}
	err = err != 0 ? err : file_directory(ops, data_dir, RESTORE_FOLDER, &restore.folder);
	if (err != 0) {
		return refuse(&restore, EXIT_NO, errno == EACCES ? N_("the data directory does not belong to the user of the store") : words_of(err), NULL,
		              NULL);
	}
	code = work(&restore);
	close_all(&restore);
	if (code != 0 && !restore.placing) {
		lines_set(result, "clean", remove_below(ops, data_dir, RESTORE_FOLDER, 0) == 0 ? "yes" : "no");
	}
	return code;
}

int restore_main(const char *data_dir)
{
	struct sandbox_path path = { .path = data_dir, .write = true };
	struct sandbox sandbox = { .groups = SANDBOX_OPEN | SANDBOX_CHANGE, .paths = &path, .path_count = 1 };
	_cleanup_lines_ struct lines result = { 0 };
	_cleanup_close_ int fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint8_t warm[JOURNAL_HASH_BYTES];
	static char text[LINES_BODY_MAX + 1];
	int code = EXIT_NO, length = 0;

	log_open("podatelna-store");
	/* libcrypto loads what it needs on first use, some of it from paths that the sandbox closes. */
	if (fd < 0 || tree_plain_hash(span_of("", 0), warm) != 0 || sandbox_enter(&sandbox) < 0) {
		log_error("the data directory cannot be opened, or the sandbox not entered");
		return EXIT_NO;
	}
	code = restore_run(&fileops_posix, fd, RESTORE_FD, &result);
	length = lines_finish(&result, text, sizeof text);
	if (length < 0 || fd_write_all(STDOUT_FILENO, text, (size_t)length) != 0) {
		return EXIT_NO;
	}
	return code;
}
