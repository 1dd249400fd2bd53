/* The partner cssz looks at forms when they come: what it finds unfit, what it says to people then, and what it tells of those that are fit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance/base/err.h"
#include "partner_help.h"

#define EMPLOYEE "<employee><comp vs=\"9900000001\"/></employee>"

static void begin(struct try *try, const char *name, const char *value)
{
	try_begin(try, "check", "cssz");
	try_set(try, "language", "cs");
	try_set(try, "option.class", "CSSZ_REGZEC");
	try_set(try, "option.etype", "REGZEC25");
	try_set(try, "option.vs-path", "//employee/comp/@vs");
	try_set(try, "option.forms-path", "//employee");
	if (name != NULL) {
		try_set(try, name, value);
	}
}

/* So many forms. To be freed. */
static char *make_forms(size_t count)
{
	char *text = malloc(64 + count * sizeof EMPLOYEE), *place = text;

	assert_non_null(text);
	place += sprintf(place, "<REGZEC>");
	for (size_t i = 0; i < count; i++) {
		place += sprintf(place, EMPLOYEE);
	}
	(void)strcpy(place, "</REGZEC>");
	return text;
}

static void check_unfit(const char *form, const char *name, const char *value, const char *reason, const char *words, const char *advice)
{
	struct try try;
	char *report = NULL;
	size_t length = 0;

	begin(&try, name, value);
	try_in_text(&try, form);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "fit", "no");
	assert_result(&try, "reason", reason);
	assert_result(&try, "report", "yes");
	assert_result(&try, "forms", "-");
	report = try_output(&try, 2, &length);
	assert_non_null(strstr(report, words));
	assert_non_null(strstr(report, advice));
	free(report);
	try_end(&try);
}

static void check_fit(const char *form, const char *name, const char *value, const char *forms, const char *deferred)
{
	struct try try;

	begin(&try, name, value);
	try_in_text(&try, form);
	try_out(&try);
	assert_int_equal(try_run(&try), 0);
	assert_result(&try, "fit", "yes");
	assert_result(&try, "report", "no");
	assert_result(&try, "forms", forms);
	assert_result(&try, "deferred", deferred);
	try_end(&try);
}

static void test_count(void **state)
{
	char *fits = make_forms(1500), *many = make_forms(1501), *below = make_forms(299), *evening = make_forms(300);

	(void)state;
	check_fit("<REGZEC>" EMPLOYEE "</REGZEC>", NULL, NULL, "1", "-");
	check_fit(below, NULL, NULL, "299", "-");
	check_fit(evening, NULL, NULL, "300", "yes");
	check_fit(evening, "option.deferred-from", "301", "300", "-");
	check_fit(evening, "option.deferred-from", "0", "300", "-");
	check_fit(fits, NULL, NULL, "1500", "yes");
	check_unfit(many, NULL, NULL, "there are more forms in it than one filing may have", "více formulářů", "Co udělat: Rozdělte");
	check_unfit("<REGZEC><comp vs='1'/></REGZEC>", "option.vs", "1", "there is no form in it", "žádný formulář", "Co udělat");
	check_unfit("<REGZEC>" EMPLOYEE EMPLOYEE "</REGZEC>", "option.forms-max", "1", "there are several forms in it: exactly one is allowed", "právě jeden",
	            "Opravte data");
	free(fits);
	free(many);
	free(below);
	free(evening);
}

static void test_symbol(void **state)
{
	(void)state;
	check_unfit("<REGZEC><employee/></REGZEC>", NULL, NULL, "there is no variable symbol: neither in the form nor in the configuration", "Chybí",
	            "Porovnejte variabilní symbol");
	check_unfit("<REGZEC><employee><comp vs='1'/></employee><employee><comp vs='2'/></employee></REGZEC>", NULL, NULL,
	            "the form has several variable symbols: one filing may have one", "různé variabilní symboly", "Porovnejte");
	check_unfit("<REGZEC>" EMPLOYEE "</REGZEC>", "option.vs", "9900000002", "the variable symbol in the form is not the configured one", "nastavení",
	            "Porovnejte");
	check_unfit("<REGZEC>" EMPLOYEE "</REGZEC>", "option.etype", "", "the catalogue does not say class and etype of this form", "Katalog", "správci");
	check_unfit("<REGZEC>" EMPLOYEE, NULL, NULL, "the form cannot be read", "nejde přečíst", "Opravte data");
}

/* What counts is the request as it is sent: what can be packed may be longer. */
static void test_size(void **state)
{
	static char text[60000 + 200];
	unsigned seed = 1;
	int at = sprintf(text, "<REGZEC>" EMPLOYEE "<!-- ");

	(void)state;
	memset(text + at, 'a', 60000);
	(void)strcpy(text + at + 60000, " --></REGZEC>");
	check_fit(text, "option.request-max", "60000", "1", "-");
	for (int i = 0; i < 60000; i++) {
		seed = seed * 1103515245U + 12345U;
		text[at + i] = (char)('a' + (seed >> 16) % 26);
	}
	check_fit(text, NULL, NULL, "1", "-");
	check_unfit(text, "option.request-max", "60000", "the request is larger than ČSSZ takes", "větší, než ČSSZ přijímá", "Rozdělte");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_symbol),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
