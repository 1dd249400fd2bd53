/* This program does not read the configuration: podatelnad does. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/fdio.h"
#include "../base/place.h"
#include "../base/text.h"
#include "cli.h"

/* Runs it with standard output into `output` (-1: as it is). The exit code, 127 when it could not be run. */
static pid_t start(char *const words[], int output)
{
	char path[PLACE_MAX_BYTES];
	pid_t child = place_program("podatelnad", path) == 0 ? fork() : -1;

	if (child == 0) {
		if (output >= 0 && dup2(output, STDOUT_FILENO) < 0) {
			_exit(127);
		}
		(void)execv(path, words);
		_exit(127);
	}
	return child;
}

static int wait_for(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR) {
			return 127;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

void cli_daemon_exec(char *const words[])
{
	char path[PLACE_MAX_BYTES];

	if (place_program("podatelnad", path) == 0) {
		(void)execv(path, words);
	}
}

bool cli_daemon_get(const char *config, const char *key, char *ret, size_t size)
{
	char *const words[] = { (char *)(uintptr_t) "podatelnad", (char *)(uintptr_t) "--config", (char *)(uintptr_t)config,
		                (char *)(uintptr_t) "--get",      (char *)(uintptr_t)key,         NULL };
	_cleanup_close_ int from = -1;
	_cleanup_close_ int to = -1;
	ssize_t length = -1;
	pid_t child = -1;

	if (fd_pipe(&from, &to) < 0) {
		return false;
	}
	child = start(words, to);
	cleanup_close(&to);
	if (child < 0) {
		return false;
	}
	length = fd_read_full(from, ret, size - 1);
	cleanup_close(&from);
	if (wait_for(child) != 0 || length <= 0 || (size_t)length >= size - 1) {
		return false;
	}
	ret[length] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	return ret[0] != '\0';
}

int cli_daemon_check(struct cli *cli)
{
	const char *config = cli->config != NULL ? cli->config : CLI_DEFAULT_CONFIG;
	char *const words[] = { (char *)(uintptr_t) "podatelnad", (char *)(uintptr_t) "--config", (char *)(uintptr_t)config, (char *)(uintptr_t) "--check",
		                NULL };
	pid_t child = -1;
	int code = 127;

	(void)fflush(cli->out);
	child = start(words, -1);
	code = child < 0 ? 127 : wait_for(child);
	if (code == 127) {
		(void)fputs(_("podatelna: podatelnad, which reads the configuration, was not found: the installation is not complete\n"), cli->err);
		return CLI_NO;
	}
	return code <= CLI_DAMAGE ? code : CLI_NO;
}
