#include "../../token/p11uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../appliance/base/err.h"

static int parse(const char *text, struct p11uri *ret)
{
	const char *why = NULL;
	int err = p11uri_parse(span_of_string(text), ret, &why);

	assert_true(err == 0 || why != NULL);
	return err;
}

static void test_good(void **state)
{
	struct p11uri uri;

	(void)state;
	assert_int_equal(parse("pkcs11:token=Kancel%C3%A1%C5%99;serial=0123456789abcdef;model=PKCS%2315%20emulated;manufacturer=A%3BB", &uri), 0);
	assert_string_equal(uri.token, "Kancelář");
	assert_string_equal(uri.serial, "0123456789abcdef");
	assert_string_equal(uri.model, "PKCS#15 emulated");
	assert_string_equal(uri.manufacturer, "A;B");
	assert_int_equal(uri.id_length, 0);
	assert_int_equal(parse("pkcs11:id=%01%00%ff;object=a=b&c;type=private", &uri), 0);
	assert_int_equal(uri.id_length, 3);
	assert_memory_equal(uri.id, "\x01\x00\xff", 3);
	assert_string_equal(uri.object, "a=b&c");
	assert_int_equal(uri.type, P11URI_PRIVATE);
	assert_int_equal(parse("pkcs11:", &uri), 0);
	assert_int_equal(uri.type, P11URI_ANY);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		{ "", ERR_FORMAT },
		{ "pkcs11", ERR_FORMAT },
		{ "PKCS11:token=a", ERR_FORMAT },
		{ "pkcs11:token", ERR_FORMAT },
		{ "pkcs11:token=", ERR_FORMAT },
		{ "pkcs11:id=", ERR_FORMAT },
		{ "pkcs11:;", ERR_FORMAT },
		{ "pkcs11:token=a;", ERR_FORMAT },
		{ "pkcs11:token=a;;model=b", ERR_FORMAT },
		{ "pkcs11:token=a;token=b", ERR_FORMAT },
		{ "pkcs11:token=a b", ERR_FORMAT },
		{ "pkcs11:token=a/b", ERR_FORMAT },
		{ "pkcs11:token=%", ERR_FORMAT },
		{ "pkcs11:token=%4", ERR_FORMAT },
		{ "pkcs11:token=%4g", ERR_FORMAT },
		{ "pkcs11:token=%00", ERR_FORMAT },
		{ "pkcs11:token=%ff", ERR_FORMAT },
		{ "pkcs11:colour=red", ERR_FORMAT },
		{ "pkcs11:type=secret-key", ERR_UNSUPPORTED },
		{ "pkcs11:slot-id=1", ERR_UNSUPPORTED },
		{ "pkcs11:library-version=1.2", ERR_UNSUPPORTED },
		{ "pkcs11:token=a?pin-value=1234", ERR_UNSUPPORTED },
		{ "pkcs11:serial=01234567890123456", ERR_LIMIT },
		{ "pkcs11:token=012345678901234567890123456789012", ERR_LIMIT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct p11uri uri;

		memset(&uri, 0x5a, sizeof uri);
		assert_int_equal(parse(cases[i].text, &uri), cases[i].err);
		assert_int_equal(((unsigned char *)&uri)[0], 0x5a);
	}
}

static void test_limits(void **state)
{
	struct p11uri uri;
	char text[4096];

	(void)state;
	(void)snprintf(text, sizeof text, "pkcs11:object=%0255d", 1);
	assert_int_equal(parse(text, &uri), 0);
	(void)snprintf(text, sizeof text, "pkcs11:object=%0256d", 1);
	assert_int_equal(parse(text, &uri), ERR_LIMIT);
	(void)snprintf(text, sizeof text, "pkcs11:object=%02000d", 1);
	assert_int_equal(parse(text, &uri), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
