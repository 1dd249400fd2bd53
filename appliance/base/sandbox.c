#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "err.h"
#include "fdio.h"
#include "log.h"

/* Rights of later kernels than the header knows (Debian 12 ships ABI 1 to 3 by kernel). */
#define RIGHT_REFER (1ULL << 13)
#define RIGHT_TRUNCATE (1ULL << 14)

#define READ_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ALL_RIGHTS_ABI1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* Of a rule on a file, not a directory, only these are lawful. */
#define FILE_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | RIGHT_TRUNCATE)

static int add_path(int ruleset, const struct sandbox_path *path, uint64_t handled)
{
	_cleanup_close_ int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .allowed_access = READ_RIGHTS };
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0) {
		return 0; /* what is not there cannot be opened anyway */
	}
	if (path->write) {
		rule.allowed_access = handled & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
	}
	if (!S_ISDIR(status.st_mode)) {
		rule.allowed_access &= FILE_RIGHTS;
	}
	rule.allowed_access &= handled;
	rule.parent_fd = fd;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : ERR_SYSTEM;
}

/* True when in force. A kernel without landlock is no error: the status says so. */
static bool enter_landlock(const struct sandbox *sandbox)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attributes = { .handled_access_fs = ALL_RIGHTS_ABI1 };
	_cleanup_close_ int ruleset = -1;

	if (abi < 1) {
		return false;
	}
	attributes.handled_access_fs |= abi >= 2 ? RIGHT_REFER : 0;
	attributes.handled_access_fs |= abi >= 3 ? RIGHT_TRUNCATE : 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
	if (ruleset < 0) {
		return false;
	}
	for (size_t i = 0; i < sandbox->path_count; i++) {
		if (add_path(ruleset, &sandbox->paths[i], attributes.handled_access_fs) != 0) {
			log_error("landlock refuses a rule: errno %d", errno);
			return false;
		}
	}
	return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
}

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0) {
			return ERR_SYSTEM;
		}
	}
	return 0;
}

#define ALLOW(filter, ...) allow(filter, (const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static int allow_base(scmp_filter_ctx filter)
{
	return ALLOW(filter, SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv),
	             SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect),
	             SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	             SCMP_SYS(sigaltstack), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	             SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	             SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(poll),
	             SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
	             SCMP_SYS(epoll_pwait), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(shutdown),
	             SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(socketpair), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3),
	             SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(uname), SCMP_SYS(sysinfo),
	             SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(restart_syscall),
	             SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(alarm), SCMP_SYS(setitimer), SCMP_SYS(tgkill), SCMP_SYS(eventfd2), SCMP_SYS(membarrier),
	             SCMP_SYS(getcpu), SCMP_SYS(splice), SCMP_SYS(munlock));
}

/* What libc and libcurl ask of descriptors; nothing that reaches a terminal's input or a device. */
static int allow_ioctls(scmp_filter_ctx filter)
{
	static const scmp_datum_t requests[] = { FIONBIO, FIONREAD, FIOCLEX, TCGETS, TIOCGWINSZ };

	for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, requests[i], 0)) != 0) {
			return ERR_SYSTEM;
		}
	}
	return 0;
}

static int allow_sockets(scmp_filter_ctx filter, uint32_t groups)
{
	static const int net[] = { AF_INET, AF_INET6, AF_NETLINK };
	int err = 0;

	if ((groups & (SANDBOX_NET | SANDBOX_UNIX)) == 0) {
		return 0;
	}
	err = ALLOW(filter, SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getpeername), SCMP_SYS(setsockopt), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
	            SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4));
	for (size_t i = 0; err == 0 && (groups & SANDBOX_NET) != 0 && i < sizeof net / sizeof net[0]; i++) {
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)net[i], 0));
	}
	if (err == 0 && (groups & SANDBOX_UNIX) != 0) {
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	}
	return err == 0 ? 0 : ERR_SYSTEM;
}

static int allow_groups(scmp_filter_ctx filter, uint32_t groups)
{
	int err = allow_sockets(filter, groups);

	if (err == 0 && (groups & SANDBOX_OPEN) != 0) {
		err = ALLOW(filter, SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(access),
		            SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd),
		            SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch), SCMP_SYS(inotify_rm_watch),
		            SCMP_SYS(fadvise64), SCMP_SYS(chdir), SCMP_SYS(fchdir));
	}
	if (err == 0 && (groups & SANDBOX_CHANGE) != 0) {
		err = ALLOW(filter, SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rmdir),
		            SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(chmod), SCMP_SYS(fchmod), SCMP_SYS(fchmodat),
		            SCMP_SYS(fchown), SCMP_SYS(fchownat), SCMP_SYS(truncate), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(fallocate),
		            SCMP_SYS(sync_file_range), SCMP_SYS(pwritev), SCMP_SYS(utimensat), SCMP_SYS(umask), SCMP_SYS(copy_file_range), SCMP_SYS(syncfs));
	}
	if (err == 0 && (groups & SANDBOX_LOCKS) != 0) {
		err = ALLOW(filter, SCMP_SYS(flock), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(mlockall));
	}
	if (err == 0 && (groups & SANDBOX_FORK) != 0) {
		err = ALLOW(filter, SCMP_SYS(clone), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(kill), SCMP_SYS(prctl), SCMP_SYS(seccomp),
		            SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self), SCMP_SYS(prlimit64),
		            SCMP_SYS(setrlimit), SCMP_SYS(signalfd4), SCMP_SYS(close_range));
	} else if (err == 0 && (groups & SANDBOX_THREADS) != 0) {
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	}
	/* glibc tries clone3 first and falls back to clone, whose flags a filter can read. */
	if (err == 0) {
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	}
	return err == 0 ? 0 : ERR_SYSTEM;
}

#ifdef PODATELNA_SANITIZED
/* What the sanitizer's own runtime does: it maps its shadow, reads /proc/self and stops threads for the leak check. */
static int allow_sanitizer(scmp_filter_ctx filter)
{
	return ALLOW(filter, SCMP_SYS(personality), SCMP_SYS(readlink), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(prctl), SCMP_SYS(wait4),
	             SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler));
}
#endif

/* A compiled filter, as the kernel takes it. */
struct sandbox_filter {
	struct sock_fprog program;
};

static void cleanup_rules(scmp_filter_ctx *rules)
{
	seccomp_release(*rules);
}

static int add_rules(scmp_filter_ctx rules, uint32_t groups)
{
	/* A tree instead of a chain: the kernel walks it for every call number when a filter is loaded, and children load one each. */
	int err = seccomp_attr_set(rules, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 ? 0 : ERR_SYSTEM;

	if (err == 0) {
		err = allow_base(rules);
	}
	if (err == 0) {
		err = allow_ioctls(rules);
	}
	if (err == 0) {
		err = allow_groups(rules, groups);
	}
#ifdef PODATELNA_SANITIZED
	if (err == 0) {
		err = allow_sanitizer(rules);
	}
#endif
	return err;
}

/* libseccomp gives its work away only through a descriptor. */
static int compile(scmp_filter_ctx rules, struct sandbox_filter *ret)
{
	_cleanup_close_ int fd = fd_memfd_open("filter");
	_cleanup_free_ uint8_t *bytes = NULL;
	size_t length = 0;

	if (fd < 0 || seccomp_export_bpf(rules, fd) != 0 || lseek(fd, 0, SEEK_SET) != 0 ||
	    fd_read_all(fd, BPF_MAXINSNS * sizeof(struct sock_filter), &bytes, &length) != 0 || length == 0 || length % sizeof(struct sock_filter) != 0) {
		return ERR_SYSTEM;
	}
	ret->program.len = (unsigned short)(length / sizeof(struct sock_filter));
	ret->program.filter = (struct sock_filter *)(void *)bytes;
	bytes = NULL;
	return 0;
}

struct sandbox_filter *sandbox_filter_new(uint32_t groups)
{
	_cleanup_(cleanup_rules) scmp_filter_ctx rules = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	struct sandbox_filter *filter = calloc(1, sizeof *filter);

	if (rules == NULL || filter == NULL || add_rules(rules, groups) != 0 || compile(rules, filter) != 0) {
		sandbox_filter_free(filter);
		return NULL;
	}
	return filter;
}

void sandbox_filter_free(struct sandbox_filter *filter)
{
	if (filter != NULL) {
		free(filter->program.filter);
		free(filter);
	}
}

int sandbox_narrow(const struct sandbox_filter *filter)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter->program) == 0 ? 0 : ERR_SYSTEM;
}

static int enter_seccomp(uint32_t groups)
{
	struct sandbox_filter *filter = sandbox_filter_new(groups);
	int err = filter == NULL ? ERR_SYSTEM : sandbox_narrow(filter);

	sandbox_filter_free(filter);
	return err;
}

int sandbox_enter(const struct sandbox *sandbox)
{
	struct rlimit no_core = { 0, 0 };
	unsigned bits = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		return ERR_SYSTEM;
	}
	bits |= PROTECT_NO_NEW_PRIVS;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && setrlimit(RLIMIT_CORE, &no_core) == 0) {
		bits |= PROTECT_NO_DUMP;
	}
	if (sandbox->lock_memory && mlockall(MCL_CURRENT | MCL_FUTURE) == 0) {
		bits |= PROTECT_MEMORY_LOCKED;
	}
	if (!sandbox->no_landlock && enter_landlock(sandbox)) {
		bits |= PROTECT_LANDLOCK;
	}
	if (enter_seccomp(sandbox->groups) != 0) {
		return ERR_SYSTEM;
	}
	bits |= PROTECT_SECCOMP;
	return (int)bits;
}
