/* What jobs of partners are told by the hub. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/hub/flow.h"

#define PARTNER "partner \"p\" { label_cs = x label_en = x evidence = signed options = { \"a=partner\", \"b=partner\", \"c=partner\" } }\n"
#define FORM "form \"F\" { partner = \"p\" label_cs = x label_en = x root = \"R\" options = { \"b=form\", \"c=form\", \"d=form=1\" } }\n"
#define PLAIN "form \"G\" { partner = \"p\" label_cs = x label_en = x root = \"S\" }\n"

/* An option of the form goes before the same one of its partner, and the configuration before both. */
static void test_options(void **state)
{
	static char name[] = "p", of_box[] = "c=box", other[] = "e=box";
	static char *options[] = { of_box, other };
	static struct config_partner of_config = { .name = name, .options = { options, 2 } };
	static struct config config = { .partners = &of_config, .partner_count = 1 };
	static struct hub hub = { .config = &config };
	struct hub_case of = { .form = "F" };
	struct config_report report = { 0 };
	_cleanup_lines_ struct lines told = { 0 };
	_cleanup_lines_ struct lines plain = { 0 };

	(void)state;
	assert_int_equal(catalogue_parse(span_of_string(PARTNER FORM PLAIN), "c", "en", &hub.catalogue, &report), 0);
	hub.partners[0] = (struct hub_partner){ .config = &of_config, .catalogue = catalogue_partner_find(hub.catalogue, "p") };
	of.partner = name;
	of.env = "test";
	flow_job_parameters(&hub, &of, &told);
	assert_int_equal(told.err, 0);
	assert_int_equal(told.count, 7);
	assert_string_equal(lines_get(&told, "form"), "F");
	assert_string_equal(lines_get(&told, "env"), "test");
	assert_string_equal(lines_get(&told, "option.a"), "partner");
	assert_string_equal(lines_get(&told, "option.b"), "form");
	assert_string_equal(lines_get(&told, "option.c"), "box");
	assert_string_equal(lines_get(&told, "option.d"), "form=1");
	assert_string_equal(lines_get(&told, "option.e"), "box");
	(void)snprintf(of.form, sizeof of.form, "G");
	flow_job_parameters(&hub, &of, &plain);
	assert_string_equal(lines_get(&plain, "option.b"), "partner");
	assert_null(lines_get(&plain, "option.d"));
	catalogue_free(hub.catalogue);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_options) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
