/* Which certificate of a partner is used, by what the configuration and persons said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/hub/partner_certs.h"
#include "hub_bench.h"

#define PARTNER "partner \"p\" { label_cs = x label_en = x evidence = signed }\nform \"F\" { partner = \"p\" label_cs = x label_en = x root = \"R\" }\n"
#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

static struct bench bench;
static struct hub_partner *partner;

static void begin(const char *keys)
{
	bench_open(&bench, PARTNER, keys);
	partner = &bench.hub.partners[0];
	partner_certs_begin(partner);
}

static void end(void)
{
	free(partner->certs);
	bench_close(&bench);
}

static void put(const char *sha256, int64_t from_ms, int64_t until_ms, bool listed, bool enciphers)
{
	struct partner_cert *cert = &partner->certs->certs[partner->certs->count++];

	*cert = (struct partner_cert){ .from_ms = from_ms, .until_ms = until_ms, .listed = listed, .enciphers = enciphers };
	(void)snprintf(cert->sha256, sizeof cert->sha256, "%s", sha256);
}

static void say(const char *what, const char *sha256, const char *more)
{
	char body[512];
	struct record record = { .type = "config" };

	(void)snprintf(body, sizeof body, "by: uid:1\n%spartner: p\nreason: r\nsha256: %s\nwhat: certificate-%s\n", more, sha256, what);
	record.body = span_of_string(body);
	partner_certs_record(&bench.hub, &record);
}

static const char *used(int64_t now_ms)
{
	const struct partner_cert *cert = partner_certs_used(&bench.hub, partner, now_ms);

	return cert == NULL ? "" : cert->sha256;
}

static enum partner_cert_state state_of(size_t n, int64_t now_ms)
{
	return partner_certs_state(&bench.hub, partner, &partner->certs->certs[n], now_ms);
}

static void test_used(void **state)
{
	(void)state;
	begin("encrypt_to = \"/nonexistent\" encrypt_to_sha256 = { \"" A "\", \"" C "\" }");
	put(A, 100, 1000, true, true);
	put(B, 200, 2000, true, true);
	put(C, 300, 3000, true, false);
	put(D, 400, 4000, false, true);
	assert_string_equal(used(99), "");
	assert_string_equal(used(100), A);
	assert_string_equal(used(500), A); /* B is not approved, C enciphers nothing, D is not there */
	assert_int_equal(state_of(0, 500), PARTNER_CERT_USED);
	assert_int_equal(state_of(1, 500), PARTNER_CERT_PROPOSED);
	assert_int_equal(state_of(2, 500), PARTNER_CERT_SEAL);
	assert_int_equal(state_of(3, 500), PARTNER_CERT_PROPOSED);
	say("approved", B, "from: 1970-01-01T00:00:00.600Z\n");
	assert_string_equal(used(599), A);
	assert_int_equal(state_of(1, 599), PARTNER_CERT_WAITING);
	assert_string_equal(used(600), B);
	assert_int_equal(state_of(0, 600), PARTNER_CERT_READY);
	say("approved", B, "");
	assert_string_equal(used(200), B); /* the last word counts */
	assert_string_equal(used(199), A);
	say("approved", D, "");
	assert_string_equal(used(500), B);
	say("revoked", B, "");
	assert_string_equal(used(500), A);
	assert_int_equal(state_of(1, 500), PARTNER_CERT_REVOKED);
	say("revoked", A, ""); /* a person's word goes before the configuration */
	assert_string_equal(used(500), "");
	say("approved", A, "");
	assert_string_equal(used(999), A);
	assert_string_equal(used(1000), "");
	assert_int_equal(state_of(0, 1000), PARTNER_CERT_OVER);
	end();
}

static void test_pins(void **state)
{
	char pins[PARTNER_CERT_PINS_SIZE];

	(void)state;
	begin("");
	partner_certs_pins(&bench.hub, partner, pins);
	assert_string_equal(pins, ""); /* a chain to the anchors is enough */
	end();
	begin("encrypt_to = \"/nonexistent\"");
	partner_certs_pins(&bench.hub, partner, pins);
	assert_string_equal(pins, "none"); /* nobody is approved: a chain alone must not do */
	say("approved", A, "");
	partner_certs_pins(&bench.hub, partner, pins);
	assert_string_equal(pins, A);
	end();
	begin("encrypt_to = \"/nonexistent\" signer_sha256 = { \"" A "\" } encrypt_to_sha256 = { \"" B "\" }");
	partner_certs_pins(&bench.hub, partner, pins);
	assert_string_equal(pins, A "|" B);
	say("revoked", A, "");
	say("approved", B, "");
	partner_certs_pins(&bench.hub, partner, pins);
	assert_string_equal(pins, B);
	say("revoked", B, "");
	partner_certs_pins(&bench.hub, partner, pins);
	assert_string_equal(pins, "none");
	end();
}

/* What does not fit is not taken in, and what a person says of what is there fits always. */
static void test_room(void **state)
{
	char sha256[PIN_SHA256_SIZE];

	(void)state;
	begin("");
	for (unsigned i = 0; i < PINS_MAX; i++) {
		(void)snprintf(sha256, sizeof sha256, "%064x", i);
		assert_true(pin_book_has_room(&bench.hub.pin_book, "p", sha256));
		say("approved", sha256, "");
	}
	assert_false(pin_book_has_room(&bench.hub.pin_book, "p", A));
	say("approved", A, "");
	assert_false(partner_certs_approved(&bench.hub, partner, A));
	assert_true(pin_book_has_room(&bench.hub.pin_book, "p", sha256));
	say("revoked", sha256, "");
	assert_false(partner_certs_approved(&bench.hub, partner, sha256));
	assert_true(pin_book_holds(&bench.hub.pin_book));
	bench.hub.pin_book.count = PINS_MAX + 1;
	assert_false(pin_book_holds(&bench.hub.pin_book));
	bench.hub.pin_book.count = 0;
	end();
}

static size_t troubles(int64_t now_ms, struct partner_cert_trouble ret[PARTNER_CERT_TROUBLES_MAX])
{
	return partner_certs_troubles(&bench.hub, now_ms, ret);
}

#define DAY INT64_C(86400000)

/* Proposals, the end that comes near with and without a follower, and nothing to encrypt for at all. */
static void test_troubles(void **state)
{
	static struct partner_cert_trouble found[PARTNER_CERT_TROUBLES_MAX];
	static uint8_t file[] = "x";

	(void)state;
	begin("encrypt_to = \"/nonexistent\" encrypt_to_sha256 = { \"" A "\" }");
	partner->encrypt_to = file;
	partner->certs->read = true;
	put(A, 0, 100 * DAY, true, true);
	assert_int_equal(troubles(69 * DAY, found), 0);
	assert_int_equal(troubles(70 * DAY, found), 1);
	assert_int_equal(found[0].threshold, 30);
	assert_int_equal(found[0].who, ATTENTION_ADMIN);
	assert_string_equal(found[0].id, A);
	assert_non_null(strstr(found[0].text, "none follows"));
	assert_int_equal(troubles(99 * DAY, found), 1);
	assert_int_equal(found[0].threshold, 1);
	put(B, 80 * DAY, 200 * DAY, true, true);
	assert_int_equal(troubles(50 * DAY, found), 1);
	assert_int_equal(found[0].threshold, PARTNER_CERT_NEWS);
	assert_non_null(strstr(found[0].text, B));
	assert_int_equal(troubles(79 * DAY, found), 2); /* the proposal follows only when it is approved */
	assert_non_null(strstr(found[0].text, "none follows"));
	say("approved", B, "");
	assert_int_equal(troubles(79 * DAY, found), 1);
	assert_int_equal(found[0].who, ATTENTION_NOBODY);
	assert_int_equal(troubles(80 * DAY, found), 0); /* B is used */
	say("revoked", B, "");
	assert_int_equal(troubles(50 * DAY, found), 0); /* a person said no: nobody is asked again */
	assert_int_equal(troubles(100 * DAY, found), 1);
	assert_int_equal(found[0].threshold, 0);
	assert_string_equal(found[0].id, "p");
	partner->encrypt_to = NULL;
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_used), cmocka_unit_test(test_pins), cmocka_unit_test(test_room),
		                            cmocka_unit_test(test_troubles) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
