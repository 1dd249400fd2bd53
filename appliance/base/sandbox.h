/* sandbox.h - what a process gives up before it touches foreign bytes: new privileges, dumps, system calls (seccomp), paths (landlock).
 *
 * Order in a child: load libraries and open what stays open; sandbox_enter; then read input. Rights can only be taken away.
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is in force; `podatelna status` prints them. */
#define PROTECT_NO_NEW_PRIVS (1U << 0)
#define PROTECT_NO_DUMP (1U << 1)
#define PROTECT_SECCOMP (1U << 2)
#define PROTECT_LANDLOCK (1U << 3)
#define PROTECT_OWN_USER (1U << 4)
#define PROTECT_MEMORY_LOCKED (1U << 5)

/* Groups of system calls beyond the base (memory, time, signals for oneself, reading and writing open descriptors, sending on open sockets, epoll). */
#define SANDBOX_OPEN (1U << 0)    /* openat and stat by path (landlock says where) */
#define SANDBOX_CHANGE (1U << 1)  /* rename, unlink, mkdir, truncate, chmod by path; fsync, fallocate */
#define SANDBOX_NET (1U << 2)     /* socket(AF_INET, AF_INET6, AF_NETLINK), connect, bind; name service by files and DNS only */
#define SANDBOX_UNIX (1U << 3)    /* socket(AF_UNIX), connect: pcscd, the control socket */
#define SANDBOX_FORK (1U << 4)    /* clone, wait4, kill of own children, prctl(PDEATHSIG) */
#define SANDBOX_THREADS (1U << 5) /* clone of threads: modules and resolvers that need them */
#define SANDBOX_LOCKS (1U << 6)   /* flock, fcntl locks and leases, mlock */

struct sandbox_path {
	const char *path; /* a missing path is skipped */
	bool write;       /* read always; write means create, change, remove below it */
};

struct sandbox {
	uint32_t groups;
	const struct sandbox_path *paths; /* landlock: only these, and what is open already; with no paths nothing can be opened */
	size_t path_count;
	bool no_landlock; /* a process that needs no path rule because SANDBOX_OPEN is absent still gets landlock; true only for bench programs */
	bool lock_memory; /* mlockall: the process that holds a PIN or keys */
};

/* Applies everything that the kernel offers. Returns the PROTECT_* in force, or a negative error when seccomp or no-new-privs failed (then: exit).
 * Landlock missing in the kernel is no failure; its bit is then absent. */
int sandbox_enter(const struct sandbox *sandbox);

/* For a parent that forks many short-lived children: the filter is compiled once, and loading it in the child is one system call. NULL without memory or for
 * groups that the kernel cannot filter. The caller frees it; never needed where it lives as long as the program. */
struct sandbox_filter *sandbox_filter_new(uint32_t groups);
void sandbox_filter_free(struct sandbox_filter *filter);
/* In a child of a process that went through sandbox_enter: what that took away (privileges, dumps, paths) is taken from its children too, so that only the
 * system calls are narrowed further. 0 or ERR_SYSTEM (then: exit). */
int sandbox_narrow(const struct sandbox_filter *filter);

/* Under AddressSanitizer the filter lets through what the sanitizer needs (and only then). */

#endif
