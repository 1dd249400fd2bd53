/* The largest inputs that are allowed, in bounded memory: each job runs in a process of its own and tells how much it grew. */
#include "partner_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance/base/fdio.h"
#include "partner_tsa.h"

#define XML_BYTES (10U << 20)
#define STREAM_KIB (6 * 1024)      /* streaming jobs */
#define VERIFY_KIB (4 * 22 * 1024) /* encoded, decoded, and what the parser holds */
#define STAMP_KIB (140 * 1024)     /* a signed file of 64 MiB once, in a buffer that grows by doubling */
#define BUFFER_BYTES 65536

static long peak_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

/* `head`, then `body` until there are `size` bytes or more, then `tail`; in a file of memory, which is not the process's own. */
static int make(const char *head, const char *body, size_t size, const char *tail)
{
	int fd = fd_memfd_open("large");
	char block[BUFFER_BYTES];
	size_t length = strlen(body), filled = 0, have = 0;

	assert_true(fd >= 0);
	while (filled + length <= sizeof block) {
		memcpy(block + filled, body, length);
		filled += length;
	}
	assert_int_equal(fd_write_all(fd, head, strlen(head)), 0);
	for (; have < size; have += filled) {
		assert_int_equal(fd_write_all(fd, block, filled), 0);
	}
	assert_int_equal(fd_write_all(fd, tail, strlen(tail)), 0);
	return fd;
}

static void grows_less_than(struct try *try, long most_kib, const char *name, const char *value)
{
	int ends[2], status = 0;
	long grown = -1;
	char got[64] = "";
	pid_t pid = 0;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		long before = peak_kib();
		int err = try_run(try);

		grown = err == 0 ? peak_kib() - before : -2;
		(void)snprintf(got, sizeof got, "%s", try_get(try, name));
		_exit(write(ends[1], &grown, sizeof grown) > 0 && write(ends[1], got, sizeof got) > 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(ends[0], &grown, sizeof grown), sizeof grown);
	assert_int_equal(read(ends[0], got, sizeof got), sizeof got);
	assert_string_equal(got, value);
	print_message("%s: %ld KiB\n", try->job.kind, grown);
#ifndef PODATELNA_SANITIZED
	assert_true(grown >= 0 && grown < most_kib);
#else
	(void)most_kib;
#endif
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void add(struct try *try, int fd)
{
	try->job.fds[try->job.fd_count++] = fd;
}

static int make_form(void)
{
	return make("<Pisemnost><DPHKH1>", "<VetaA4 c_radku='1' dic_odb='12345678' zakl_dane1='1000.00'/>\n", XML_BYTES - 200000, "</DPHKH1></Pisemnost>");
}

static void test_recognise_and_compose(void **state)
{
	struct try try;

	(void)state;
	try_begin(&try, "recognise", "");
	add(&try, make_form());
	grows_less_than(&try, STREAM_KIB, "complete", "yes");
	try_end(&try);
	try_begin(&try, "recognise", "");
	add(&try, make("<Pisemnost><A>", "0123456789abcdef", XML_BYTES - 100000, "</A></Pisemnost>"));
	grows_less_than(&try, STREAM_KIB, "complete", "yes");
	try_end(&try);
	try_begin(&try, "compose", "epo");
	try_set(&try, "what", "content");
	try_set(&try, "form", "DPHKH1");
	add(&try, make_form());
	try_out(&try);
	grows_less_than(&try, STREAM_KIB, "same", "no");
	try_end(&try);
}

/* The page is larger than the form, and so are some of its texts; none of it is held. */
static void test_render(void **state)
{
	static const char *const parts[] = { "<VetaA4 c_radku='1' dic_odb='12345678' zakl_dane1='1000.00'/>\n", "slovo za slovem ",
		                             "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\n", "<!-- nic -->" };
	struct try try;

	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		try_begin(&try, "render", "");
		add(&try, make("<Pisemnost><A>", parts[i], XML_BYTES - 200000, "</A></Pisemnost>"));
		try_in_text(&try, "VetaA4=Věta\n");
		try_out(&try);
		grows_less_than(&try, STREAM_KIB, "whole", i % 3 == 0 ? "no" : "yes"); /* many small things make a page too long */
		try_end(&try);
	}
}

static void test_classify(void **state)
{
	static const char *const parts[] = { "<Chyba Typ='K'><Text>Chyba.</Text></Chyba>", "<!-- nic -->", " \n", "<![CDATA[x]]>" };
	struct try try;

	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		try_begin(&try, "classify", "epo");
		try_set(&try, "purpose", "file");
		add(&try, make("<Chyby><Chyba Typ='K'/>", parts[i], 2 * XML_BYTES, "</Chyby>"));
		try_out(&try);
		try_in_text(&try, "");
		try_out(&try);
		try_out(&try);
		grows_less_than(&try, STREAM_KIB, "verdict", "refused");
		try_end(&try);
	}
	try_begin(&try, "classify", "epo");
	try_set(&try, "purpose", "confirmation");
	add(&try,
	    make("<Pisemnost><Data>", "3C3F786D6C20 76657273696F6E\n", 2 * XML_BYTES, "</Data><Podani Cislo='1' Datum='2030-01-01' Heslo='x'/></Pisemnost>"));
	add(&try, make_form());
	try_in_text(&try, "");
	try_out(&try);
	try_out(&try);
	grows_less_than(&try, STREAM_KIB, "verdict", "mismatch");
	try_end(&try);
}

static void test_verify(void **state)
{
	struct pki_identity *signer = pki_new(PKI_P256, "x", "y", NULL, -1, 10);
	size_t size = 21U << 20, length = 0;
	char *content = calloc(1, size);
	struct try try;

	(void)state;
	assert_non_null(content);
	for (unsigned how = 0; how <= PKI_BER; how += PKI_BER) {
		unsigned char *cms = pki_sign(signer, content, size, how, &length);

		try_begin(&try, "verify", "");
		try_set(&try, "signer-sha256", signer->sha256);
		try_in(&try, cms, length);
		free(cms);
		try_in_text(&try, "");
		try_out(&try);
		grows_less_than(&try, VERIFY_KIB, "reason", "the signer's certificate is not for signatures");
		try_end(&try);
	}
	free(content);
	pki_free(signer);
}

/* The largest signed file: its content is never copied. */
static void test_stamp(void **state)
{
	struct pki_identity *authority = pki_new(PKI_P256, "Test CA", "Test", NULL, -1, 10), *signer = pki_new(PKI_P256, "x", "y", authority, -1, 10);
	struct pki_identity *tsa = tsa_new(PKI_P256, "TSA", authority, -1, 10, TSA_USAGE);
	size_t size = 64U << 20, length = 0, token_length = 0;
	char *content = calloc(1, size);
	unsigned char *cms = NULL;
	uint8_t imprint[32];
	struct tsa_order order = { .signer = tsa, .imprint = imprint, .imprint_length = sizeof imprint };
	uint8_t *token = NULL;
	char number[32];
	struct try try;

	(void)state;
	assert_non_null(content);
	cms = pki_sign(signer, content, size, 0, &length);
	free(content);
	try_begin(&try, "stamp-imprint", "");
	try_in(&try, cms, length);
	assert_int_equal(try_run(&try), 0);
	assert_true(span_parse_hex(span_of_string(try_get(&try, "imprint")), imprint, sizeof imprint));
	try_end(&try);
	token = tsa_token(&order, &token_length);
	try_begin(&try, "stamp-embed", "");
	try_in(&try, cms, length);
	free(cms);
	try_in(&try, token, token_length);
	try_out(&try);
	/* The lengths of six elements need no more bytes than before; a header of attributes, of the attribute, its name and its set come with the token. */
	(void)snprintf(number, sizeof number, "%zu", length + token_length + 4 + 4 + 13 + 4);
	grows_less_than(&try, STAMP_KIB, "size", number);
	try_end(&try);
	free(token);
	pki_free(authority);
	pki_free(signer);
	pki_free(tsa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recognise_and_compose),
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
