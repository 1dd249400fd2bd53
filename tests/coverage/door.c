/* In a coverage build (CMakeLists.txt, PODATELNA_COVERAGE), part of podatelna_base: the sandbox has a door more, to the folder of the counts (GCOV_PREFIX, whose
 * files tests/lib/counts.py has made). A file of its own beside leave.c, because programs without a sandbox have no podatelna_base either.
 * None of this is part of any other build.
 */
#include <stdlib.h>
#include <string.h>

#include "appliance/base/sandbox.h"

#define PATHS_MAX 32

struct sandbox_filter *__real_sandbox_filter_new(uint32_t groups);
struct sandbox_filter *__wrap_sandbox_filter_new(uint32_t groups);
int __real_sandbox_enter(const struct sandbox *sandbox);
int __wrap_sandbox_enter(const struct sandbox *sandbox);

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
