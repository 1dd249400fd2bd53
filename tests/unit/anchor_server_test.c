/* podatelna-store and its checkpoints: signed by a token played here, stamped by the openssl command, put on the auditors' share, checked from the files. */
#include "vault_play.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "seal_help.h"
#include "store/anchor_note.h"

/* What the last STORE_NOTE said. */
static struct {
	uint64_t size;
	bool is_signed;
	uint8_t hash[32];
	char text[2048], signer[65], why[256];
} told;

static void read_note(const struct wire_message *answer)
{
	struct span lines = wire_span(answer, WIRE_F_LINES);

	memset(&told, 0, sizeof told);
	assert_int_equal(answer->type, WIRE_STORE_NOTE);
	told.size = wire_number(answer, WIRE_F_INDEX, 0);
	told.is_signed = wire_number(answer, WIRE_F_BITS, 0) == 1;
	memcpy(told.hash, wire_span(answer, WIRE_F_HASH).data, 32);
	assert_true(span_copy_string(wire_span(answer, WIRE_F_BYTES), told.text, sizeof told.text));
	(void)lines_find_string(lines, "signer", told.signer, sizeof told.signer);
	(void)lines_find_string(lines, "why", told.why, sizeof told.why);
}

static uint64_t send_checkpoint(struct play *play)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, 0);
	return play_send(play, &message);
}

static void checkpoint(struct play *play)
{
	struct wire_message answer;

	play_answer(play, send_checkpoint(play), &answer);
	read_note(&answer);
}

/* The token's link is ready and has the journal key with this certificate. */
static void link_key(struct play *play, X509 *certificate)
{
	static char lines[512];
	char signer[65];

	seal_help_signer(certificate, signer);
	(void)snprintf(lines, sizeof lines, "key.0.name: seal\nkey.0.sha256: %s\nkey.0.state: ok\nlabel: test\n", signer);
	play->token_lines = lines;
	play_link_token(play, "ready");
}

enum wrong { RIGHT, REFUSES, OTHER_TEXT, OTHER_CERTIFICATE, OTHER_LINE, GARBAGE };

static void answer_refusal(struct play *play, const struct wire_message *request)
{
	struct wire_message answer;

	wire_begin(&answer, WIRE_ERROR, request->id, CLOCK_NEVER_MS);
	wire_put_number(&answer, WIRE_F_CODE, -ERR_TOKEN);
	wire_put_string(&answer, WIRE_F_TEXT, "the card was pulled out");
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &answer, clock_deadline(PLAY_MS)), 0);
}

/* Plays the token for one TOKEN_SEAL; the size of its tree. */
static uint64_t seal(struct play *play, EVP_PKEY *key, X509 *certificate, enum wrong wrong)
{
	struct wire_message request, answer;
	char text[512], lines[1024], *base64 = NULL;
	uint8_t *cms = NULL;
	size_t length = 0;
	uint64_t size = 0;

	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_SEAL, &request);
	size = wire_number(&request, WIRE_F_INDEX, 0);
	assert_true(span_equals_string(wire_span(&request, WIRE_F_KEY), "seal"));
	assert_true(span_copy_string(wire_span(&request, WIRE_F_BYTES), text, sizeof text));
	if (wrong == REFUSES) {
		answer_refusal(play, &request);
		return size;
	}
	if (wrong == OTHER_CERTIFICATE) {
		key = play->bench.rsa;
		certificate = play->bench.rsa_cert;
	}
	cms = seal_help_cms(key, certificate, wrong == OTHER_TEXT ? span_of_string("another text\n") : span_of_string(text), &length);
	base64 = EVP_PKEY_is_a(key, "EC") == 1 ? seal_help_note(key, certificate, span_of_string(text)) : strdup("");
	if (wrong == OTHER_LINE) {
		base64[9] = base64[9] == 'A' ? 'B' : 'A';
	}
	(void)snprintf(lines, sizeof lines, base64[0] == '\0' ? "algorithm: x\n%s%ssigner: x\n" : "algorithm: x\nnote: %s%ssigner: x\n", base64,
	               base64[0] == '\0' ? "" : "\n");
	wire_begin(&answer, WIRE_TOKEN_SEALED, request.id, CLOCK_NEVER_MS);
	wire_put_bytes(&answer, WIRE_F_BYTES, wrong == GARBAGE ? span_of_string("garbage") : span_of(cms, length));
	wire_put_bytes(&answer, WIRE_F_LINES, span_of_string(lines));
	assert_int_equal(wire_send_blocking(play->token, WIRE_TOKEN, WIRE_STORE, &answer, clock_deadline(PLAY_MS)), 0);
	free(base64);
	free(cms);
	return size;
}

static size_t load(const struct play *play, const char *name, uint8_t *ret, size_t size)
{
	char path[256];
	FILE *file = NULL;
	size_t length = 0;

	(void)snprintf(path, sizeof path, "%s/%s", play->data, name);
	file = fopen(path, "r");
	if (file == NULL) {
		return 0;
	}
	length = fread(ret, 1, size, file);
	(void)fclose(file);
	return length;
}

static size_t load_anchor(const struct play *play, uint64_t size, const char *suffix, uint8_t *ret, size_t room)
{
	char name[96];

	(void)snprintf(name, sizeof name, "journal/anchor/%llu.%s", (unsigned long long)size, suffix);
	return load(play, name, ret, room);
}

static void verify(struct play *play, uint64_t expected_code, char ret_figures[4096])
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_VERIFY, 0, 0);
	play_ask(play, &message, WIRE_STORE_VERIFIED, &answer);
	assert_true(span_copy_string(wire_span(&answer, WIRE_F_LINES), ret_figures, 4096));
	if (wire_number(&answer, WIRE_F_CODE, 9) != expected_code) {
		fail_msg("verify says %llu: %.*s", (unsigned long long)wire_number(&answer, WIRE_F_CODE, 9), (int)wire_span(&answer, WIRE_F_TEXT).length,
		         (const char *)wire_span(&answer, WIRE_F_TEXT).data);
	}
}

static uint64_t figure(const char *figures, const char *name)
{
	uint64_t value = 0;

	assert_true(lines_find_u64(span_of_string(figures), name, &value));
	return value;
}

/* --- signatures --- */

static void test_sealed(void **state)
{
	struct play *play = *state;
	struct wire_message answer;
	struct anchor_note note;
	uint8_t cms[8192], hash[32], text[2048];
	char figures[4096];
	uint64_t id = 0;
	size_t length = 0;

	checkpoint(play); /* no token */
	assert_false(told.is_signed);
	assert_string_equal(told.why, "no token with a journal key is ready");
	assert_int_equal(EVP_Digest(told.text, strlen(told.text), hash, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(hash, told.hash, 32);

	for (int ec = 0; ec < 2; ec++) {
		EVP_PKEY *key = ec ? play->bench.ec : play->bench.rsa;
		X509 *certificate = ec ? play->bench.ec_cert : play->bench.rsa_cert;
		char number[16], signer[65];
		uint8_t prev[32];

		play_approved(play, number, prev, ec ? "<ec/>" : "<rsa/>");
		link_key(play, certificate);
		if (!ec) {
			(void)seal(play, key, certificate, RIGHT); /* the newest, by itself, as soon as the token is there */
		}
		play_sync_token(play);
		id = send_checkpoint(play);
		(void)seal(play, key, certificate, RIGHT);
		play_answer(play, id, &answer);
		read_note(&answer);
		assert_true(told.is_signed);
		seal_help_signer(certificate, signer);
		assert_string_equal(told.signer, signer);
		length = load_anchor(play, told.size, "p7s", cms, sizeof cms);
		assert_true(length > 0);
		assert_int_equal(EVP_Digest(cms, length, hash, NULL, EVP_sha256(), NULL), 1);
		assert_memory_equal(hash, told.hash, 32);
		length = load_anchor(play, told.size, "note", text, sizeof text);
		assert_int_equal(length, strlen(told.text));
		assert_memory_equal(text, told.text, length);
		assert_int_equal(anchor_note_parse(span_of(text, length), &note), 0);
		assert_int_equal(note.count, ec);
		assert_true(!ec || span_equals(note.lines[0].name, note.origin));
		assert_true(lines_find_string(span_of_string(play->hello), "seal-signer", figures, sizeof figures));
		assert_string_equal(figures, signer);
		assert_int_equal(figure(play->hello, "seal-size"), told.size);
	}
	verify(play, 0, figures);
	assert_int_equal(figure(figures, "signed-notes"), 3);
	assert_int_equal(figure(figures, "note-signatures"), 1);
}

/* A slow card: records become durable and are answered while it signs, and a checkpoint that came meanwhile is signed after it. */
static void test_slow(void **state)
{
	struct play *play = *state;
	struct wire_message answer;
	char number[16];
	uint8_t prev[32];
	uint64_t first = 0, second = 0, size = 0;

	checkpoint(play);
	link_key(play, play->bench.ec_cert);
	(void)seal(play, play->bench.ec, play->bench.ec_cert, RIGHT);
	play_approved(play, number, prev, "<a/>");
	first = send_checkpoint(play);
	play_approved(play, number, prev, "<b/>"); /* asserts its answers */
	second = send_checkpoint(play);
	play_approved(play, number, prev, "<c/>");
	size = seal(play, play->bench.ec, play->bench.ec_cert, RIGHT);
	play_answer(play, first, &answer);
	read_note(&answer);
	assert_true(told.is_signed);
	assert_int_equal(told.size, size);
	assert_true(seal(play, play->bench.ec, play->bench.ec_cert, RIGHT) > size);
	play_answer(play, second, &answer);
	read_note(&answer);
	assert_true(told.is_signed);
	assert_true(told.size > size);
}

/* What does not fit is not written, whoever says it. */
static void test_refused(void **state)
{
	static const struct {
		enum wrong wrong;
		const char *why;
	} cases[] = {
		{ REFUSES, "the card was pulled out" },
		{ OTHER_TEXT, "the signature does not fit the text" },
		{ OTHER_CERTIFICATE, "it is by another certificate than that of the key" },
		{ OTHER_LINE, "the signature of the note does not fit" },
		{ GARBAGE, "it is not a CMS signature" },
	};
	struct play *play = *state;
	struct wire_message answer;
	uint8_t cms[8192];
	uint64_t id = 0;

	link_key(play, play->bench.ec_cert);
	play_sync_token(play);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		id = send_checkpoint(play); /* the same one again: asked for, it is tried again */
		(void)seal(play, play->bench.ec, play->bench.ec_cert, cases[i].wrong);
		play_answer(play, id, &answer);
		read_note(&answer);
		assert_false(told.is_signed);
		assert_string_equal(told.why, cases[i].why);
		assert_int_equal(load_anchor(play, told.size, "p7s", cms, sizeof cms), 0);
	}
	/* The token ends while it signs. */
	id = send_checkpoint(play);
	play_receive(play, play->token, WIRE_TOKEN, WIRE_STORE, WIRE_TOKEN_SEAL, &answer);
	play_link_token(play, "pin-needed");
	play_answer(play, id, &answer);
	read_note(&answer);
	assert_false(told.is_signed);
	play_token_status(play, "ready");
	(void)seal(play, play->bench.ec, play->bench.ec_cert, RIGHT);
	play_sync_token(play);
	checkpoint(play);
	assert_true(told.is_signed);
}

/* Killed between note and CMS: the signature is made again. */
static void test_resumed(void **state)
{
	struct play *play = *state;
	struct wire_message answer;
	char path[256], figures[4096];
	uint64_t id = 0, size = 0;

	link_key(play, play->bench.ec_cert);
	play_sync_token(play);
	id = send_checkpoint(play);
	size = seal(play, play->bench.ec, play->bench.ec_cert, RIGHT);
	play_answer(play, id, &answer);
	read_note(&answer);
	play_kill(play);
	(void)snprintf(path, sizeof path, "%s/journal/anchor/%llu.p7s", play->data, (unsigned long long)size);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof path, "%s/journal/anchor/%llu.p7s.tmp", play->data, (unsigned long long)size);
	assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0444)), 0);
	play_start(play);
	verify(play, 0, figures); /* no false alarm */
	link_key(play, play->bench.ec_cert);
	assert_int_equal(seal(play, play->bench.ec, play->bench.ec_cert, RIGHT), size);
	play_sync_token(play);
	assert_true(load_anchor(play, size, "p7s", (uint8_t *)figures, sizeof figures) > 0);
	assert_int_not_equal(access(path, F_OK), 0);
	verify(play, 0, figures);
	assert_int_equal(figure(figures, "note-signatures"), 1);
}

/* --- stamps --- */

static int anchor(struct play *play, uint64_t size, struct span reply, const char *lines)
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_ANCHOR, 0, 0);
	wire_put_number(&message, WIRE_F_INDEX, size);
	wire_put_bytes(&message, WIRE_F_BYTES, reply);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(lines));
	play_answer(play, play_send(play, &message), &answer);
	return answer.type == WIRE_ERROR ? -(int)wire_number(&answer, WIRE_F_CODE, 0) : 0;
}

#define STAMP "event: stamp\nserial: 1f\ntime: 2026-11-22T03:00:00Z\ntsa: own\n"
#define BAD "event: bad-stamp\nreason: the nonce is another\ntsa: own\n"

static uint64_t sealed_checkpoint(struct play *play)
{
	struct wire_message answer;
	uint64_t id = 0;

	link_key(play, play->bench.ec_cert);
	play_sync_token(play);
	id = send_checkpoint(play);
	(void)seal(play, play->bench.ec, play->bench.ec_cert, RIGHT);
	play_answer(play, id, &answer);
	read_note(&answer);
	return told.size;
}

static void test_stamps(void **state)
{
	struct play *play = *state;
	uint8_t cms[8192], found[16384];
	char figures[4096], path[256], text[1024];
	uint64_t size = 0;
	size_t length = 0, reply_length = 0, second_length = 0;
	uint8_t *reply = NULL, *second = NULL;

	seal_help_tsa(play->bench.path);
	size = sealed_checkpoint(play);
	length = load_anchor(play, size, "p7s", cms, sizeof cms);
	reply = seal_help_stamp(play->bench.path, span_of(cms, length), "sha256", &reply_length);
	second = seal_help_stamp(play->bench.path, span_of(told.text, (size_t)(strstr(told.text, "\n\n") + 1 - told.text)), "sha512", &second_length);

	assert_int_equal(anchor(play, size + 1, span_of(reply, reply_length), STAMP), ERR_NOTFOUND);
	assert_int_equal(anchor(play, size, span_of("", 0), STAMP), ERR_FORMAT);
	assert_int_equal(anchor(play, size, span_of("other bytes", 11), STAMP), ERR_MISMATCH);
	assert_int_equal(anchor(play, size, span_of(reply, reply_length), "event: stamp\nsha256: 00\ntime: x\ntsa: own\n"), ERR_FORMAT);
	assert_int_equal(anchor(play, size, span_of(reply, reply_length), "event: stamp\nfile: ../../x\ntime: x\ntsa: own\n"), ERR_FORMAT);
	assert_int_equal(anchor(play, size, span_of(reply, reply_length), "event: nonsense\ntime: x\ntsa: own\n"), ERR_FORMAT);
	assert_int_equal(load_anchor(play, size, "tsr", found, sizeof found), 0); /* a refused one leaves no file */

	assert_int_equal(anchor(play, size, span_of(reply, reply_length), STAMP), 0);
	assert_string_equal(play->recorded_type, "anchor");
	assert_int_equal(load_anchor(play, size, "tsr", found, sizeof found), reply_length);
	assert_memory_equal(found, reply, reply_length);
	assert_int_equal(anchor(play, size, span_of(second, second_length), STAMP), 0);
	assert_int_equal(load_anchor(play, size, "2.tsr", found, sizeof found), second_length);
	assert_int_equal(anchor(play, size, span_of(reply, reply_length), "event: renewal\ntime: 2026-11-22T03:00:00Z\ntsa: own\n"), 0);
	assert_int_equal(load_anchor(play, size, "3.tsr", found, sizeof found), 0); /* the same bytes keep their name */
	assert_int_equal(anchor(play, size, span_of("<html>", 6), BAD), 0);
	assert_int_equal(load_anchor(play, size, "3.tsr", found, sizeof found), 0);
	verify(play, 0, figures);
	assert_int_equal(figure(figures, "stamps"), 2);
	assert_int_equal(figure(figures, "bad-stamps"), 1);
	assert_int_equal(figure(figures, "unrecorded-stamps"), 0);
	assert_int_equal(figure(figures, "unknown-files"), 0);

	/* Each file is looked at: changed, taken away, laid beside. */
	static const char *const damages[] = {
		"printf x >> %s.p7s",
		"rm %s.p7s",
		"printf x >> %s.note",
		"rm %s.note",
		"printf x >> %s.tsr",
		"rm %s.2.tsr",
		"cp %s.tsr %s.2.tsr",
		"rm ../../quarantine/*.tsr",
		"sed -i s/html/HTML/ ../../quarantine/*.tsr",
		"cp %s.tsr 1.tsr",
	};
	(void)snprintf(path, sizeof path, "%s/journal/anchor", play->data);
	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		char command[1024], number[24];

		(void)snprintf(number, sizeof number, "%llu", (unsigned long long)size);
		(void)snprintf(command, sizeof command, "rm -rf %s.kept && cp -a %s %s.kept && chmod -R u+w %s && cd %s && N=%s && ", play->data, play->data,
		               play->data, play->data, path, number);
		for (const char *from = damages[i]; *from != '\0'; from++) {
			size_t at = strlen(command);

			if (strncmp(from, "%s", 2) == 0) {
				(void)snprintf(command + at, sizeof command - at, "$N");
				from++;
			} else {
				(void)snprintf(command + at, sizeof command - at, "%c", *from);
			}
		}
		assert_int_equal(system(command), 0);
		verify(play, 5, figures);
		(void)snprintf(command, sizeof command,
		               "cd / && rm -rf %s/journal/anchor %s/quarantine && cp -a %s.kept/journal/anchor %s/journal/ && cp -a %s.kept/quarantine %s/",
		               play->data, play->data, play->data, play->data, play->data, play->data);
		assert_int_equal(system(command), 0);
	}
	(void)snprintf(text, sizeof text, "touch %s/strange %s/7.p7s.old && cp %s/%llu.tsr %s/%llu.3.tsr", path, path, path, (unsigned long long)size, path,
	               (unsigned long long)size);
	assert_int_equal(system(text), 0);
	verify(play, 0, figures);
	assert_int_equal(figure(figures, "unknown-files"), 2);
	assert_non_null(strstr(figures, "strange"));
	assert_int_equal(figure(figures, "unrecorded-stamps"), 1);
	free(reply);
	free(second);
}

/* A box at rest makes nothing new: neither signature nor stamp nor their records are a reason for another checkpoint. */
static void test_rest(void **state)
{
	struct play *play = *state;
	uint8_t cms[8192];
	size_t length = 0, reply_length = 0;
	uint8_t *reply = NULL;
	uint64_t size = 0, last = 0;
	char figures[4096];

	assert_int_equal(play_stop(play), 0);
	(void)snprintf(play->quiet, sizeof play->quiet, "50");
	play_start(play);
	seal_help_tsa(play->bench.path);
	link_key(play, play->bench.ec_cert);
	size = seal(play, play->bench.ec, play->bench.ec_cert, RIGHT); /* of the timer, after boot */
	play_sync_token(play);
	checkpoint(play);
	assert_true(told.is_signed);
	assert_int_equal(told.size, size);
	for (int i = 0; i < 3; i++) {
		length = load_anchor(play, size, "p7s", cms, sizeof cms);
		reply = seal_help_stamp(play->bench.path, span_of(cms, length), "sha256", &reply_length);
		assert_int_equal(anchor(play, size, span_of(reply, reply_length), STAMP), 0);
		free(reply);
		play_sync_token(play); /* a `token` record: quiet, too */
		(void)usleep(400000);
	}
	checkpoint(play);
	assert_int_equal(told.size, size);
	last = play->recorded_index;
	assert_int_equal(last, size + 7); /* `anchor` of the checkpoint, then a note of the token, three stamps, three notes */
	verify(play, 0, figures);
	assert_int_equal(figure(figures, "notes"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sealed, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_slow, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_refused, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_resumed, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_stamps, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_rest, play_set_up, play_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
