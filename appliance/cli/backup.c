/* backup.c - `backup`: the file is made here, with the rights of the person, and written by the store. `restore`: done by podatelna-store itself while no box runs,
 * started through podatelnad, which knows the data directory (store/restore.h). */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/err.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/text.h"
#include "progress.h"
#include "rows.h"

#define RESULT_MAX_BYTES 16384
#define RESTORE_FD 3 /* store/restore.h */
#define FD_HIGH 20   /* above both numbers below */
#define LOOK_MS 300  /* how often progress is looked at */

/* --- backup --- */

/* A name that is not durable would be no backup after a power cut. */
static void sync_folder_of(const char *path)
{
	char folder[CLI_PATH_MAX_BYTES];
	_cleanup_close_ int fd = -1;

	(void)snprintf(folder, sizeof folder, "%s", path);
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
	}
}

int cli_backup(struct cli *cli, const struct cli_call *call)
{
	const char *path = call->words[1];
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int code = CLI_NO;

	if (fd < 0) {
		(void)fprintf(cli->err, _("podatelna: the file \"%s\" cannot be created: %s\n"), path,
		              errno == EEXIST ? _("it is there already, and nothing is overwritten; give another name") : strerror(errno));
		return CLI_NO;
	}
	code = cli_talk(cli, call, 1, fd, -1);
	if (code != CLI_YES) {
		(void)unlink(path);
	} else {
		sync_folder_of(path);
	}
	return code;
}

/* --- restore --- */

struct restoring {
	struct cli *cli;
	int file;
	struct progress progress;
	char result[RESULT_MAX_BYTES + 1];
};

static const char *result(const struct restoring *restoring, const char *name, char ret[1024])
{
	if (!lines_find_string(span_of_string(restoring->result), name, ret, 1024)) {
		ret[0] = '\0';
	}
	return ret;
}

static _Noreturn void become(const struct restoring *restoring, int output)
{
	const char *config = restoring->cli->config != NULL ? restoring->cli->config : CLI_DEFAULT_CONFIG;
	char *const words[] = { (char *)(uintptr_t) "podatelnad", (char *)(uintptr_t) "--config", (char *)(uintptr_t)config, (char *)(uintptr_t) "--restore",
		                NULL };
	int file = fcntl(restoring->file, F_DUPFD_CLOEXEC, FD_HIGH), to = fcntl(output, F_DUPFD_CLOEXEC, FD_HIGH);

	if (file >= 0 && to >= 0 && dup2(to, STDOUT_FILENO) == STDOUT_FILENO && dup2(file, RESTORE_FD) == RESTORE_FD) {
		cli_daemon_exec(words);
	}
	_exit(127);
}

/* The other program reads the same open file: its place in it says how far it is. */
static void look(struct restoring *restoring)
{
	off_t done = lseek(restoring->file, 0, SEEK_CUR);
	struct stat status;

	if (done >= 0 && fstat(restoring->file, &status) == 0 && status.st_size > 0) {
		const char *words = done < status.st_size ? _("bytes of the backup unpacked") : _("bytes unpacked; the journal is being checked");

		progress_show(&restoring->progress, (uint64_t)done, (uint64_t)status.st_size, span_of_string(words));
	}
}

static void read_result(struct restoring *restoring, int from)
{
	size_t have = 0;
	ssize_t length = 1;

	while (length > 0 && have < RESULT_MAX_BYTES) {
		struct pollfd wait = { .fd = from, .events = POLLIN };

		if (poll(&wait, 1, LOOK_MS) <= 0) {
			look(restoring);
			continue;
		}
		length = read(from, restoring->result + have, RESULT_MAX_BYTES - have);
		have += length > 0 ? (size_t)length : 0;
	}
	restoring->result[have] = '\0';
	progress_clear(&restoring->progress);
}

static int run(struct restoring *restoring)
{
	_cleanup_close_ int from = -1;
	_cleanup_close_ int to = -1;
	pid_t child = -1;
	int status = 0;

	(void)fflush(restoring->cli->out);
	if (fd_pipe(&from, &to) < 0 || (child = fork()) < 0) {
		return 127;
	}
	if (child == 0) {
		become(restoring, to);
	}
	cleanup_close(&to);
	read_result(restoring, from);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR) {
			return 127;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

static int complain(const struct restoring *restoring, int code)
{
	char error[1024], why[1024], detail[1024], clean[2048];
	FILE *to = restoring->cli->err;

	if (result(restoring, "error", error)[0] == '\0') {
		(void)fprintf(to, "podatelna: %s\n", _("the backup could not be put back; see what was said above"));
		return CLI_NO;
	}
	(void)result(restoring, "why", why);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(result(restoring, "detail", detail)), clean, sizeof clean);
	(void)fprintf(to, "podatelna: %s%s%s%s%s\n", _(error), why[0] == '\0' ? "" : ": ", why[0] == '\0' ? "" : _(why), clean[0] == '\0' ? "" : ": ", clean);
	if (strcmp(result(restoring, "clean", detail), "yes") == 0) {
		(void)fprintf(to, "podatelna: %s\n", _("nothing was put in place"));
	}
	return code == CLI_DAMAGE ? CLI_DAMAGE : CLI_NO;
}

static void say(const struct restoring *restoring)
{
	char created[1024], records[1024], cases[1024], archived[1024], keys[1024], shown[64];
	FILE *to = restoring->cli->out;

	label_time(result(restoring, "created", created), shown, sizeof shown);
	(void)fprintf(to, _("The backup of %s is put back and checked: %s records, %s cases.\n"), shown, result(restoring, "records", records),
	              result(restoring, "cases", cases));
	if (strcmp(result(restoring, "keys", keys), "yes") != 0) {
		(void)fprintf(to, "%s\n",
		              _("It has no keys: put your copy of the folder keys into the data directory before the box is started, or the content cannot be "
		                "read."));
	}
	if (strcmp(result(restoring, "archived-parts", archived), "0") != 0) {
		(void)fprintf(to, "%s\n", _("Some content is in the archive, not in this backup."));
	}
	(void)fprintf(to, "%s\n",
	              _("Start the box. It files nothing until a person accepts that the data were put back: podatelna journal accept --reason TEXT."));
	(void)fprintf(to, "%s\n", _("What was filed after the backup it does not know: look at the portals first."));
}

static void print(const struct restoring *restoring)
{
	struct rows rows = { 0 };

	if (rows_add(&rows, span_of_string("restored"), span_of_string(restoring->result)) == 0) {
		rows_print_json(&rows, restoring->cli->out);
	}
	rows_free(&rows);
}

int cli_restore(struct cli *cli, const struct cli_call *call)
{
	static struct restoring restoring;
	const char *path = call->words[1];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int link = -1, code = CLI_NO;

	if (fd < 0) {
		(void)fprintf(cli->err, _("podatelna: %s: %s\n"), path, strerror(errno));
		return CLI_NO;
	}
	if (cli_link_connect(cli, &link) == 0) {
		cleanup_close(&link);
		(void)fprintf(cli->err, "podatelna: %s\n", _("the box runs: stop it first (systemctl stop podatelna), and start it again afterwards"));
		return CLI_DENIED;
	}
	restoring = (struct restoring){ .cli = cli, .file = fd, .progress = { .to = cli->err } };
	code = run(&restoring);
	if (code != CLI_YES || !lines_valid(span_of_string(restoring.result))) {
		return complain(&restoring, code);
	}
	if (cli->json) {
		print(&restoring);
	} else {
		say(&restoring);
	}
	return CLI_YES;
}
