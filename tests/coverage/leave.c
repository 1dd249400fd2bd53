/* In a coverage build (CMakeLists.txt, PODATELNA_COVERAGE) the linker puts these in front of what the programs call.
 *
 * Processes of the box leave by _exit, which writes no counts: here they are written first. And they write them from within the sandbox: here
 * it has a door more, the folder of the counts (GCOV_PREFIX, whose files tests/lib/counts.py has made), whose name outlives a cleared environment.
 * None of this is part of any other build.
 */
#include <stdlib.h>
#include <string.h>

#include "appliance/base/sandbox.h"

#define PATHS_MAX 32

void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
_Noreturn void __wrap__Exit(int status);
int __real_clearenv(void);
int __wrap_clearenv(void);
/* Weak: the auditor's program and tests of one room have no sandbox and call neither. */
struct sandbox_filter *__real_sandbox_filter_new(uint32_t groups) __attribute__((weak));
struct sandbox_filter *__wrap_sandbox_filter_new(uint32_t groups);
int __real_sandbox_enter(const struct sandbox *sandbox) __attribute__((weak));
int __wrap_sandbox_enter(const struct sandbox *sandbox);

int __wrap_clearenv(void)
{
	const char *names[] = { "GCOV_PREFIX", "GCOV_PREFIX_STRIP" };
	char *values[2];
	int err = 0;

	for (size_t i = 0; i < 2; i++) {
		const char *value = getenv(names[i]);

		values[i] = value == NULL ? NULL : strdup(value);
	}
	err = __real_clearenv();
	for (size_t i = 0; i < 2; i++) {
		if (values[i] != NULL) {
			(void)setenv(names[i], values[i], 1);
			free(values[i]);
		}
	}
	return err;
}

_Noreturn void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}

_Noreturn void __wrap__Exit(int status)
{
	__wrap__exit(status);
}

struct sandbox_filter *__wrap_sandbox_filter_new(uint32_t groups)
{
	return __real_sandbox_filter_new(getenv("GCOV_PREFIX") == NULL ? groups : groups | SANDBOX_OPEN);
}

int __wrap_sandbox_enter(const struct sandbox *sandbox)
{
	struct sandbox_path paths[PATHS_MAX];
	struct sandbox wider = *sandbox;
	const char *counts = getenv("GCOV_PREFIX");

	if (counts == NULL || sandbox->path_count >= PATHS_MAX) {
		return __real_sandbox_enter(sandbox);
	}
	if (sandbox->path_count > 0) {
		memcpy(paths, sandbox->paths, sandbox->path_count * sizeof paths[0]);
	}
	paths[sandbox->path_count] = (struct sandbox_path){ counts, true };
	wider.paths = paths;
	wider.path_count++;
	wider.groups |= SANDBOX_OPEN;
	return __real_sandbox_enter(&wider);
}
