#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/log.h"
#include "../base/place.h"
#include "../wire/child.h"
#include "parent.h"

#define OPEN_FILES_MAX 8192
#define LOCKED_MEMORY_MAX_BYTES (256UL * 1024 * 1024)

static const char *const proxy_variables[] = { "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" };

static void die(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	_exit(126);
}

/* Keeps one capability over the change of user and over exec (capabilities(7), ambient set). */
static int keep_capability(unsigned capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	data[capability / 32].permitted = 1U << (capability % 32);
	data[capability / 32].effective = data[capability / 32].permitted;
	data[capability / 32].inheritable = data[capability / 32].permitted;
	if (syscall(SYS_capset, &header, data) != 0) {
		return ERR_SYSTEM;
	}
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)capability, 0, 0) == 0 ? 0 : ERR_SYSTEM;
}

/* Gives up root for `program->user`. The hub keeps CAP_LEASE: a lease on a file that staff own tells whether it is still open for writing (design 3, claim). */
void parent_drop_rights(const struct program *program)
{
	const struct passwd *user = NULL;
	bool hub = program->role == WIRE_HUB;

	if (geteuid() != 0) {
		return;
	}
	user = getpwnam(program->user);
	if (user == NULL || user->pw_uid == 0) {
		errno = ENOENT;
		die("its user does not exist");
	}
	if (hub && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) {
		die("PR_SET_KEEPCAPS");
	}
	if (initgroups(user->pw_name, user->pw_gid) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
		die("change of user");
	}
	if (hub && keep_capability(CAP_LEASE) != 0) {
		die("CAP_LEASE");
	}
}

void parent_set_limits(const struct program *program)
{
	struct rlimit files = { OPEN_FILES_MAX, OPEN_FILES_MAX };
	struct rlimit locked = { LOCKED_MEMORY_MAX_BYTES, LOCKED_MEMORY_MAX_BYTES };

	/* Where these cannot be raised (not root) the program works with what it has, and `status` shows that memory is not locked. */
	(void)setrlimit(RLIMIT_NOFILE, &files);
	(void)setrlimit(RLIMIT_MEMLOCK, &locked);
	/* OpenSC formats each command, the PIN in it, for a log that is off, and gives the memory back as it is: here what is freed is overwritten. The caches of
	 * glibc 2.36's threads would keep it from that. */
	if (program->role == WIRE_TOKEN) {
		(void)setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0", 1);
	}
}

static _Noreturn void become(const struct program *program, int link, pid_t parent)
{
	char path[PLACE_MAX_BYTES];
	sigset_t none;

	if (place_program(program->executable, path) != 0) {
		die("its program was not found");
	}
	if (dup2(link, CHILD_PARENT_FD) != CHILD_PARENT_FD || (link == CHILD_PARENT_FD && fcntl(CHILD_PARENT_FD, F_SETFD, 0) != 0)) {
		die("descriptor 3");
	}
	(void)close_range(CHILD_PARENT_FD + 1, ~0U, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* A login may stand in them; who needs it gets it by SETUP. */
	for (size_t i = 0; i < sizeof proxy_variables / sizeof proxy_variables[0]; i++) {
		(void)unsetenv(proxy_variables[i]);
	}
	parent_set_limits(program);
	parent_drop_rights(program);
	/* After the change of user, which would clear it. The check covers a parent that died before. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
		_exit(0);
	}
	(void)execl(path, program->executable, program->argument, (char *)NULL);
	die("exec");
	_exit(126);
}

int parent_spawn(struct program *program)
{
	int ends[2];
	pid_t parent = getpid(), pid = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		return ERR_SYSTEM;
	}
	pid = fork();
	if (pid < 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return ERR_SYSTEM;
	}
	if (pid == 0) {
		become(program, ends[1], parent);
	}
	(void)close(ends[1]);
	program->pid = pid;
	program->starts++;
	program->started_ms = clock_mono_ms();
	program->channel = NULL;
	program->ready = false;
	program->bits = 0;
	return ends[0];
}
