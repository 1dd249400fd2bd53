/* podatelna-store and what is collected for the auditor: file, then record, and nothing else in journal/trust/. */
#include "vault_play.h"

#include <dirent.h>
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

#include "appliance/base/cleanup.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"

#define CERT "by: box\nevent: cert\npurpose: tsa\ntime: 2026-01-01T00:00:00.000Z\ntsa: own\nuntil: 2030-01-01T00:00:00.000Z\n"
#define LIST "by: box\ndetail: http://crl.example/\nevent: crl\npurpose: signer\ntime: 2026-01-01T00:00:00.000Z\nuntil: 2026-01-08T00:00:00.000Z\n"

static void begin(struct wire_message *message, const char *lines, const void *bytes, size_t length, uint64_t said)
{
	wire_begin(message, WIRE_STORE_TRUST, 0, 0);
	wire_put_bytes(message, WIRE_F_LINES, span_of_string(lines));
	wire_put_number(message, WIRE_F_SIZE, said);
	wire_put_fd(message, fd_memfd_sealed("trust", bytes, length));
}

static uint64_t keep(struct play *play, const char *lines, const char *content)
{
	struct wire_message message, answer;

	begin(&message, lines, content, strlen(content), strlen(content));
	play_ask(play, &message, WIRE_STORE_APPENDED, &answer);
	return wire_number(&answer, WIRE_F_INDEX, 0);
}

static int refused(struct play *play, const char *lines, const char *content, uint64_t said)
{
	struct wire_message message;

	begin(&message, lines, content, strlen(content), said);
	return play_refused(play, &message);
}

/* How many files lie there; each is named by its own hash, and read-only. */
static size_t count_files(const struct play *play)
{
	char path[256];
	size_t count = 0;
	DIR *folder = NULL;

	(void)snprintf(path, sizeof path, "%s/journal/trust", play->data);
	folder = opendir(path);
	for (struct dirent *each = NULL; folder != NULL && (each = readdir(folder)) != NULL;) {
		char name[600], command[900];
		struct stat status;

		if (each->d_name[0] == '.') {
			continue;
		}
		count++;
		(void)snprintf(name, sizeof name, "%s/%s", path, each->d_name);
		assert_int_equal(stat(name, &status), 0);
		assert_int_equal(status.st_mode & 0222, 0);
		assert_int_equal(strlen(each->d_name), 68);
		(void)snprintf(command, sizeof command, "sha256sum %s | grep -q '^%.64s '", name, each->d_name);
		assert_int_equal(system(command), 0);
	}
	if (folder != NULL) {
		(void)closedir(folder);
	}
	return count;
}

static uint64_t verify(struct play *play)
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_VERIFY, 0, 0);
	play_ask(play, &message, WIRE_STORE_VERIFIED, &answer);
	return wire_number(&answer, WIRE_F_CODE, 9);
}

static void test_kept(void **state)
{
	struct play *play = *state;
	uint64_t first = keep(play, CERT, "certificate");

	assert_string_equal(play->recorded_type, "anchor");
	assert_int_equal(count_files(play), 1);
	assert_true(keep(play, LIST, "list") > first);
	assert_true(keep(play, CERT, "certificate") > first); /* the same again: no second file */
	assert_int_equal(count_files(play), 2);
	assert_int_equal(verify(play), 0);
	play_kill(play);
	play_start(play);
	assert_int_equal(count_files(play), 2);
	assert_int_equal(verify(play), 0);
}

static void test_refused(void **state)
{
	struct play *play = *state;
	struct wire_message message;
	int fd = fd_memfd_open("open");

	assert_int_equal(refused(play, CERT, "x", 2), ERR_FORMAT);
	assert_int_equal(refused(play, CERT, "", 0), ERR_FORMAT);
	assert_int_equal(refused(play, "event: stamp\n", "x", 1), ERR_FORMAT);
	assert_int_equal(refused(play, "by: box\n", "x", 1), ERR_FORMAT);
	assert_int_equal(refused(play, "event: crl\nfile: ../x\n", "x", 1), ERR_FORMAT);
	assert_int_equal(refused(play, "event: crl\nsha256: 00\n", "x", 1), ERR_FORMAT);
	assert_int_equal(refused(play, "event: crl\nroot: 00\n", "x", 1), ERR_FORMAT);
	assert_int_equal(refused(play, "event: crl\nname: x\n", "x", 1), ERR_FORMAT);
	/* Bytes that somebody may still change. */
	assert_int_equal(write(fd, "x", 1), 1);
	wire_begin(&message, WIRE_STORE_TRUST, 0, 0);
	wire_put_bytes(&message, WIRE_F_LINES, span_of_string(CERT));
	wire_put_number(&message, WIRE_F_SIZE, 1);
	wire_put_fd(&message, fd);
	assert_int_equal(play_refused(play, &message), ERR_FORMAT);
	assert_int_equal(count_files(play), 0);
}

/* A file that is gone or another is damage; one that no record names is none. */
static void test_verified(void **state)
{
	struct play *play = *state;
	char command[512];

	(void)keep(play, LIST, "list");
	(void)snprintf(command, sizeof command, "echo orphan > %s/journal/trust/orphan.crl", play->data);
	assert_int_equal(system(command), 0);
	assert_int_equal(verify(play), 0);
	(void)snprintf(command, sizeof command, "cd %s/journal/trust && rm orphan.crl && chmod u+w *.crl && for i in *.crl; do echo x >> $i; done", play->data);
	assert_int_equal(system(command), 0);
	assert_int_equal(verify(play), 5);
	(void)snprintf(command, sizeof command, "rm %s/journal/trust/*.crl", play->data);
	assert_int_equal(system(command), 0);
	assert_int_equal(verify(play), 5);
}

/* What a crash left under the temporary name is in nobody's way. */
static void test_left_over(void **state)
{
	struct play *play = *state;
	char command[512];

	(void)keep(play, LIST, "list");
	(void)snprintf(command, sizeof command, "cd %s/journal/trust && for i in *.crl; do mv $i $i.tmp; done", play->data);
	assert_int_equal(system(command), 0);
	(void)keep(play, LIST, "list");
	assert_int_equal(count_files(play), 1);
	assert_int_equal(verify(play), 0);
}

static uint64_t checkpoint(struct play *play, bool anew)
{
	struct wire_message message, answer;

	wire_begin(&message, WIRE_STORE_CHECKPOINT, 0, 0);
	if (anew) {
		wire_put_number(&message, WIRE_F_BITS, 1);
	}
	play_ask(play, &message, WIRE_STORE_NOTE, &answer);
	return wire_number(&answer, WIRE_F_INDEX, 0);
}

/* Quiet records ask for no checkpoint; a renewal asks for one all the same. */
static void test_anew(void **state)
{
	struct play *play = *state;
	uint64_t size = checkpoint(play, false), index = keep(play, LIST, "list");

	assert_true(index > size);
	assert_int_equal(checkpoint(play, false), size);
	assert_true(checkpoint(play, true) > index);
	assert_int_equal(verify(play), 0);
}

static int read_anchor(struct play *play, const char *name, char *ret, size_t size)
{
	struct wire_message message, answer;
	_cleanup_close_ int fd = fd_memfd_open("anchor");
	uint64_t id = 0;

	wire_begin(&message, WIRE_STORE_ANCHOR_READ, 0, 0);
	wire_put_string(&message, WIRE_F_NAME, name);
	wire_put_fd(&message, dup(fd));
	id = play_send(play, &message);
	play_answer(play, id, &answer);
	if (answer.type == WIRE_ERROR) {
		return -(int)wire_number(&answer, WIRE_F_CODE, 0);
	}
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	memset(ret, 0, size);
	assert_int_equal(read(fd, ret, size - 1), (ssize_t)wire_number(&answer, WIRE_F_SIZE, 0));
	return 0;
}

static void test_read(void **state)
{
	static const char *const bad[] = { "../origin", "origin", "1.note/../../origin", "", "x", "01.note" };
	struct play *play = *state;
	char name[64], text[4096];

	(void)snprintf(name, sizeof name, "%llu.note", (unsigned long long)checkpoint(play, false));
	assert_int_equal(read_anchor(play, name, text, sizeof text), 0);
	assert_true(strncmp(text, "podatelna.invalid/", 18) == 0);
	assert_int_equal(read_anchor(play, "999.note", text, sizeof text), ERR_NOTFOUND);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(read_anchor(play, bad[i], text, sizeof text), ERR_FORMAT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kept, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_refused, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_verified, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_left_over, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_anew, play_set_up, play_tear_down),
		cmocka_unit_test_setup_teardown(test_read, play_set_up, play_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
