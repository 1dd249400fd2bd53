/* Which of a partner's addresses a request goes to, and when one is put off (appliance/hub/address.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "appliance/base/clock.h"
#include "appliance/hub/address.h"

#define FIRST "https://first.example/a"
#define SECOND "https://second.example"
#define THIRD "https://third.example"

static char *backups[] = { (char *)(uintptr_t)SECOND, (char *)(uintptr_t)THIRD };
static struct config_partner config;
static struct hub_partner partner;
static struct hub_case of;

static uint32_t server(const char *url)
{
	return case_server(span_of_string(url));
}

static int fresh(void **state)
{
	(void)state;
	config = (struct config_partner){ .url = (char *)(uintptr_t)FIRST, .backup_urls = { backups, 2 } };
	partner = (struct hub_partner){ .config = &config };
	of = (struct hub_case){ .filed_at = server(SECOND "/submission"), .asked_at = server(FIRST) };
	return 0;
}

static void fail_at(const char *url, enum cause cause)
{
	of.asked_at = server(url);
	partner.cause = cause;
	address_result(&partner, &of, false);
}

static void test_servers(void **state)
{
	(void)state;
	assert_true(server("https://a.example:444/x?y=/z") == server("https://A.EXAMPLE:444"));
	assert_true(server("https://a.example") != server("https://a.example:444"));
	assert_true(server("https://a.example/b") != server("https://b.example/b"));
}

static void test_in_their_order(void **state)
{
	(void)state;
	assert_string_equal(address_choose(&partner, &of, PURPOSE_FILE), FIRST);
	assert_null(address_fallen_over(&partner));
	fail_at(FIRST "/submission", CAUSE_NO_ANSWER);
	assert_string_equal(address_choose(&partner, &of, PURPOSE_FILE), SECOND);
	assert_string_equal(address_fallen_over(&partner), SECOND);
	assert_true(clock_expired(partner.not_before_ms)); /* somewhere it can go at once */
	fail_at(SECOND, CAUSE_NO_ANSWER);
	assert_string_equal(address_choose(&partner, &of, PURPOSE_TEST), THIRD);
	fail_at(THIRD, CAUSE_NO_ANSWER);
	assert_false(clock_expired(partner.not_before_ms));
	assert_string_equal(address_choose(&partner, &of, PURPOSE_FILE), FIRST); /* whose turn comes first */
	address_hurry(&partner);
	assert_string_equal(address_choose(&partner, &of, PURPOSE_FILE), FIRST);
	assert_true(clock_expired(partner.not_before_ms));
}

static void test_pauses_grow_and_end(void **state)
{
	uint64_t first = 0;

	(void)state;
	fail_at(FIRST, CAUSE_NO_ANSWER);
	first = partner.addresses[0].not_before_ms;
	for (size_t i = 0; i < 40; i++) {
		fail_at(FIRST, CAUSE_NO_ANSWER);
	}
	assert_true(partner.addresses[0].not_before_ms > first);
	assert_true(partner.addresses[0].not_before_ms <= clock_deadline(HUB_RETRY_MAX_MS));
	assert_true(partner.addresses[1].not_before_ms == 0);
	address_result(&partner, &of, true);
	assert_string_equal(address_choose(&partner, &of, PURPOSE_FILE), FIRST);
	assert_true(partner.addresses[0].failures == 0);
}

/* A question goes to where the filing is, also while the first address works. */
static void test_questions(void **state)
{
	(void)state;
	assert_string_equal(address_choose(&partner, &of, PURPOSE_POLL), SECOND);
	fail_at(SECOND, CAUSE_NO_ANSWER);
	assert_string_equal(address_choose(&partner, &of, PURPOSE_POLL), FIRST);
	of.filed_at = server("https://gone-from-the-configuration.example");
	assert_string_equal(address_choose(&partner, &of, PURPOSE_POLL), FIRST);
}

/* A proxy that does not let us through stands before all of them: a login that it refused is not tried once for each address. */
static void test_a_proxy_is_before_all(void **state)
{
	(void)state;
	fail_at(FIRST, CAUSE_PROXY_LOGIN_REFUSED);
	for (size_t i = 0; i < 3; i++) {
		assert_false(clock_expired(partner.addresses[i].not_before_ms));
	}
	assert_true(partner.not_before_ms >= clock_deadline(cause_pause_ms(CAUSE_PROXY_LOGIN_REFUSED)) - 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_servers, fresh),
		cmocka_unit_test_setup(test_in_their_order, fresh),
		cmocka_unit_test_setup(test_pauses_grow_and_end, fresh),
		cmocka_unit_test_setup(test_questions, fresh),
		cmocka_unit_test_setup(test_a_proxy_is_before_all, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
