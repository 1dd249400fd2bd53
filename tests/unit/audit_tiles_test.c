/* Paths of C2SP tlog-tiles: the examples of the specification and its edges. The tiles themselves: tests/e2e/test_second_route.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/audit/tiles.h"

static void test_paths(void **state)
{
	static const struct {
		const char *level;
		uint64_t number;
		unsigned width;
		const char *path;
	} cases[] = {
		{ "0", 0, 256, "tile/0/000" },
		{ "0", 999, 256, "tile/0/999" },
		{ "0", 1000, 256, "tile/0/x001/000" },
		{ "0", 1234067, 256, "tile/0/x001/x234/067" },
		{ "1", 273, 112, "tile/1/273.p/112" },
		{ "2", 1, 1, "tile/2/001.p/1" },
		{ "entries", 1234067, 255, "tile/entries/x001/x234/067.p/255" },
		{ "entries", UINT64_C(3906249999), 256, "tile/entries/x003/x906/x249/999" },
	};
	char path[TILES_PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		tiles_path(cases[i].level, cases[i].number, cases[i].width, path);
		assert_string_equal(path, cases[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_paths) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
