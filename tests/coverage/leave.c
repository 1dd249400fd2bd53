/* In a coverage build (CMakeLists.txt, PODATELNA_COVERAGE) the linker puts these in front of what the programs call.
 *
 * Processes of the box leave by _exit, which writes no counts: here they are written first; the name of the folder of the counts (GCOV_PREFIX) outlives a
 * cleared environment. How they get there from within the sandbox: door.c.
 * None of this is part of any other build.
 */
#include <stdlib.h>
#include <string.h>

void __gcov_dump(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
_Noreturn void __wrap__Exit(int status);
int __real_clearenv(void);
int __wrap_clearenv(void);

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
