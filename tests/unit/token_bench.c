#include "token_bench.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

#define STEP_MS 20000

static char directory[] = "/tmp/podatelna-token-XXXXXX";
static EVP_PKEY *ca_key;
static X509 *ca;

const char *bench_dir(void)
{
	return directory;
}

int bench_run(const char *format, ...)
{
	char command[4096];
	va_list arguments;
	int length = 0;

	va_start(arguments, format);
	length = vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	assert_true(length > 0 && (size_t)length < sizeof command);
	return system(command);
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension = NULL;

	X509V3_set_ctx(&context, ca, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *make_certificate(EVP_PKEY *key, const char *name, long serial, int from_days, int to_days)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_NAME_new();

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0), 1);
	assert_int_equal(X509_set_subject_name(certificate, subject), 1);
	assert_int_equal(X509_set_issuer_name(certificate, ca == NULL ? subject : X509_get_subject_name(ca)), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), from_days * 86400L));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), to_days * 86400L));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	X509_NAME_free(subject);
	return certificate;
}

static EVP_PKEY *public_key(enum bench_key key)
{
	char path[256];
	FILE *file = NULL;
	EVP_PKEY *read = NULL;

	(void)snprintf(path, sizeof path, "%s/%d.pub", directory, (int)key);
	file = fopen(path, "rb");
	assert_non_null(file);
	read = d2i_PUBKEY_fp(file, NULL);
	assert_non_null(read);
	(void)fclose(file);
	return read;
}

X509 *bench_certificate(const struct bench_cert *wanted)
{
	long serial = (long)((uintptr_t)wanted & 0xffffff); /* the same each time: recipients are found by it */
	EVP_PKEY *key = public_key(wanted->key);
	X509 *certificate = make_certificate(key, "Jana Zkušební", serial, wanted->from_days, wanted->to_days);

	add_extension(certificate, NID_subject_key_identifier, "hash");
	if (wanted->usage != NULL) {
		add_extension(certificate, NID_key_usage, wanted->usage);
	}
	if (wanted->san != NULL) {
		add_extension(certificate, NID_subject_alt_name, wanted->san);
	}
	assert_true(X509_sign(certificate, ca_key, EVP_sha256()) > 0);
	EVP_PKEY_free(key);
	return certificate;
}

int bench_pem(const struct bench_cert *wanted)
{
	X509 *certificate = bench_certificate(wanted);
	BIO *text = BIO_new(BIO_s_mem());
	char *data = NULL;
	long length = 0;
	int fd = -1;

	assert_int_equal(PEM_write_bio_X509(text, certificate), 1);
	assert_int_equal(PEM_write_bio_X509(text, ca), 1);
	length = BIO_get_mem_data(text, &data);
	fd = fd_memfd_sealed("certificate", data, (size_t)length);
	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	BIO_free(text);
	X509_free(certificate);
	return fd;
}

static void write_ca(void)
{
	char path[128];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/ca.pem", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, ca), 1);
	assert_int_equal(fclose(file), 0);
}

void bench_make_key(int id, const char *type, const char *more)
{
	assert_int_equal(bench_run("pkcs11-tool --module %s --token-label bench --login --pin " BENCH_PIN
	                           " --keypairgen --key-type %s --id 0%d --label key%d %s >/dev/null 2>&1",
	                           SOFTHSM_MODULE, type, id, id, more),
	                 0);
	if (strcmp(type, "EC:secp384r1") == 0) {
		/* pkcs11-tool cannot write this one: the SubjectPublicKeyInfo is put before the point by hand (RFC 5480). */
		assert_int_equal(
		    bench_run("{ printf 3076301006072a8648ce3d020106052b81040022036200; pkcs11-tool --module %s --token-label bench -O --type pubkey --id 0%d"
		              " 2>/dev/null | sed -n 's/.*EC_POINT: *0461//p'; } | tr -d '\\n' | perl -ne 'print pack(\"H*\", $_)' > %s/%d.pub",
		              SOFTHSM_MODULE, id, directory, id),
		    0);
		return;
	}
	assert_int_equal(bench_run("pkcs11-tool --module %s --token-label bench --read-object --type pubkey --id 0%d -o %s/%d.pub >/dev/null 2>&1",
	                           SOFTHSM_MODULE, id, directory, id),
	                 0);
}

void bench_write(const char *name, const void *data, size_t length)
{
	char path[256];
	FILE *file = NULL;

	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void make_token(void)
{
	static const char *const types[] = { "rsa:2048", "rsa:2048", "EC:prime256v1", "EC:prime256v1" };
	char conf[128];

	(void)snprintf(conf, sizeof conf, "%s/softhsm2.conf", directory);
	assert_int_equal(setenv("SOFTHSM2_CONF", conf, 1), 0);
	assert_int_equal(
	    bench_run("mkdir %s/tokens && printf 'directories.tokendir = %s/tokens\\nobjectstore.backend = file\\n' > %s", directory, directory, conf), 0);
	assert_int_equal(bench_run("softhsm2-util --init-token --free --label bench --pin " BENCH_PIN " --so-pin 12345678 >/dev/null"), 0);
	for (int i = 0; i < 4; i++) {
		bench_make_key(i + 1, types[i], "");
	}
}

void bench_dir_make(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(directory));
}

int bench_group_setup(void **state)
{
	(void)state;
	bench_dir_make();
	ca_key = EVP_EC_gen("P-256");
	assert_non_null(ca_key);
	ca = make_certificate(ca_key, "Zkušební CA", 1, -10, 1000);
	add_extension(ca, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(ca, ca_key, EVP_sha256()) > 0);
	write_ca();
	make_token();
	return 0;
}

int bench_group_teardown(void **state)
{
	(void)state;
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	return bench_run("rm -r %s", directory);
}

void bench_settings(struct lines *lines)
{
	lines_set(lines, "module", SOFTHSM_MODULE);
	lines_set(lines, "uri", "pkcs11:token=bench");
	lines_setf(lines, "environment.0", "SOFTHSM2_CONF=%s/softhsm2.conf", directory);
	lines_set(lines, "pin-file", "no");
	lines_set(lines, "allow-software-token", "yes");
}

void bench_setting_key(struct lines *lines, unsigned n, const char *name, enum bench_key key, const char *use, int cert_fd)
{
	char setting[32];

	(void)snprintf(setting, sizeof setting, "key.%u.name", n);
	lines_set(lines, setting, name);
	(void)snprintf(setting, sizeof setting, "key.%u.uri", n);
	lines_setf(lines, setting, "pkcs11:id=%%%02x;type=private", (unsigned)key);
	(void)snprintf(setting, sizeof setting, "key.%u.use", n);
	lines_set(lines, setting, use);
	(void)snprintf(setting, sizeof setting, "key.%u.cert-fd", n);
	if (cert_fd >= 0) {
		lines_set_u64(lines, setting, (uint64_t)cert_fd);
	}
}

static void send_setup(struct bench *bench, const struct lines *lines, const int *fds, size_t fd_count)
{
	char text[LINES_BODY_MAX + 1];
	struct wire_message message;
	int length = lines_finish(lines, text, sizeof text);

	assert_true(length >= 0);
	wire_begin(&message, WIRE_SETUP, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_string(&message, WIRE_F_NAME, "office");
	for (size_t i = 0; i < fd_count; i++) {
		(void)lseek(fds[i], 0, SEEK_SET);
		wire_put_fd(&message, fds[i]);
	}
	assert_int_equal(wire_send_blocking(bench->parent, WIRE_PARENT, WIRE_TOKEN, &message, clock_deadline(STEP_MS)), 0);
}

void bench_start(struct bench *bench, const struct lines *lines, const int *fds, size_t fd_count)
{
	struct wire_message message;
	int pair[2];

	memset(bench, 0, sizeof *bench);
	bench->hub = bench->store = -1;
	bench->answer = "go";
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	bench->pid = fork();
	assert_true(bench->pid >= 0);
	if (bench->pid == 0) {
		if (pair[1] == 3) {
			pair[1] = dup(pair[1]);
		}
		(void)dup2(pair[1], 3);
		(void)execl(TOKEN_PROGRAM, "podatelna-token", (char *)NULL);
		_exit(127);
	}
	(void)close(pair[1]);
	bench->parent = pair[0];
	send_setup(bench, lines, fds, fd_count);
	if (wire_receive_blocking(bench->parent, WIRE_PARENT, WIRE_TOKEN, bench->packet, &message, clock_deadline(STEP_MS)) == 0) {
		assert_int_equal(message.type, WIRE_READY);
		bench->protection = (unsigned)wire_number(&message, WIRE_F_BITS, 0);
	}
}

static void send_as(struct bench *bench, int fd, const struct wire_message *message)
{
	enum wire_role self = fd == bench->hub ? WIRE_HUB : WIRE_STORE;

	(void)wire_send_blocking(fd, self, WIRE_TOKEN, message, clock_deadline(STEP_MS));
}

/* What a store does by itself. */
static void serve(struct bench *bench, int fd, struct wire_message *message)
{
	static const uint8_t hash[32] = { 7 };
	struct span lines = wire_span(message, WIRE_F_LINES), value;
	struct wire_message answer;

	if (message->type == WIRE_TOKEN_STATUS) {
		assert_true(wire_string(message, WIRE_F_STATE, bench->state, sizeof bench->state));
		assert_true(span_copy_string(lines, bench->lines, sizeof bench->lines));
		memcpy(bench->told[fd == bench->hub], bench->state, sizeof bench->state);
		bench->at_reader += strcmp(bench->state, "pin-at-reader") == 0;
	} else if (message->type == WIRE_TOKEN_PIN_TRY) {
		bench->tries++;
		assert_true(lines_find_string(lines, "fingerprint", bench->fingerprint, sizeof bench->fingerprint));
		assert_true(lines_find(lines, "serial-sha256", &value) && value.length == 64);
		wire_begin(&answer, WIRE_TOKEN_PIN_GO, message->id, CLOCK_NEVER_MS);
		wire_put_string(&answer, WIRE_F_STATE, bench->answer);
		send_as(bench, fd, &answer);
	} else if (message->type == WIRE_TOKEN_NOTE) {
		assert_true(bench->event_count < BENCH_EVENTS_MAX);
		assert_true(lines_find_string(lines, "event", bench->events[bench->event_count++], sizeof bench->events[0]));
		wire_begin(&answer, WIRE_STORE_APPENDED, message->id, CLOCK_NEVER_MS);
		wire_put_number(&answer, WIRE_F_INDEX, 1);
		wire_put_bytes(&answer, WIRE_F_HASH, span_of(hash, sizeof hash));
		wire_put_number(&answer, WIRE_F_TIME, 1);
		send_as(bench, fd, &answer);
	}
}

/* One message from hub or store side, served. False: that link ended. */
static bool pump(struct bench *bench, int fd, struct wire_message *ret, uint64_t deadline_ms)
{
	enum wire_role self = fd == bench->hub ? WIRE_HUB : WIRE_STORE;
	int err = wire_receive_blocking(fd, self, WIRE_TOKEN, bench->packet, ret, deadline_ms);

	if (err == ERR_GONE) {
		return false;
	}
	assert_int_equal(err, 0);
	serve(bench, fd, ret);
	return true;
}

/* Serves the store while something is awaited from the hub's side: a login needs both. */
static void pump_store(struct bench *bench)
{
	struct wire_message message;

	while (bench->store >= 0) {
		int err = wire_receive_blocking(bench->store, WIRE_STORE, WIRE_TOKEN, bench->packet, &message, clock_deadline(5));

		if (err != 0) {
			return;
		}
		serve(bench, bench->store, &message);
	}
}

struct wire_message *bench_wait(struct bench *bench, int fd, enum wire_type type)
{
	static struct wire_message message;
	uint64_t deadline_ms = clock_deadline(STEP_MS);

	for (;;) {
		int err = ERR_INTERNAL;

		if (fd != bench->hub) {
			if (!pump(bench, fd, &message, deadline_ms)) {
				return NULL;
			}
		} else {
			pump_store(bench);
			err = wire_receive_blocking(fd, WIRE_HUB, WIRE_TOKEN, bench->packet, &message, clock_deadline(20));
			if (err == ERR_GONE) {
				return NULL;
			}
			if (err != 0) {
				assert_false(clock_expired(deadline_ms));
				continue;
			}
			serve(bench, fd, &message);
		}
		if (message.type == type || (message.type == WIRE_ERROR && type != WIRE_TOKEN_STATUS && type != WIRE_TOKEN_NOTE)) {
			return &message;
		}
	}
}

void bench_link(struct bench *bench, enum wire_role role)
{
	struct wire_message message;
	int pair[2];
	int *place = role == WIRE_HUB ? &bench->hub : &bench->store;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	cleanup_close(place);
	*place = pair[0];
	wire_begin(&message, WIRE_PEER, 0, CLOCK_NEVER_MS);
	wire_put_number(&message, WIRE_F_ROLE, (uint64_t)role);
	wire_put_number(&message, WIRE_F_INDEX, 0);
	wire_put_fd(&message, pair[1]);
	assert_int_equal(wire_send_blocking(bench->parent, WIRE_PARENT, WIRE_TOKEN, &message, clock_deadline(STEP_MS)), 0);
	(void)close(pair[1]);
	/* The status comes at once on a new link: when it is there, what is sent on other links finds this one in place. */
	bench->state[0] = bench->told[role == WIRE_HUB][0] = '\0';
	assert_non_null(bench_wait(bench, *place, WIRE_TOKEN_STATUS));
}

void bench_wait_state(struct bench *bench, int fd, const char *state)
{
	while (strcmp(bench->told[fd == bench->hub], state) != 0) { /* not the state of the other link: an older one of it may come later */
		assert_non_null(bench_wait(bench, fd, WIRE_TOKEN_STATUS));
	}
}

bool bench_status_is(const struct bench *bench, const char *name, const char *value)
{
	struct span found;

	return lines_find(span_of_string(bench->lines), name, &found) && span_equals_string(found, value);
}

bool bench_saw(const struct bench *bench, const char *event)
{
	for (unsigned i = 0; i < bench->event_count; i++) {
		if (strcmp(bench->events[i], event) == 0) {
			return true;
		}
	}
	return false;
}

int bench_login(struct bench *bench, const char *pin)
{
	static uint64_t id = 100;
	struct wire_message message, *answer = NULL;
	int ends[2], code = ERR_INTERNAL;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], pin, strlen(pin)), (ssize_t)strlen(pin));
	(void)close(ends[1]);
	wire_begin(&message, WIRE_TOKEN_LOGIN, ++id, clock_deadline(STEP_MS));
	wire_put_string(&message, WIRE_F_BY, "uid:1000");
	wire_put_fd(&message, ends[0]);
	send_as(bench, bench->hub, &message);
	(void)close(ends[0]);
	answer = bench_wait(bench, bench->hub, WIRE_TOKEN_DONE);
	if (answer == NULL) {
		return ERR_GONE;
	}
	assert_int_equal(answer->id, id);
	code = bench_code(answer); /* before another message takes its place in the packet */
	pump_store(bench);
	return code;
}

void bench_ready(struct bench *bench, const struct lines *lines, const int *fds, size_t fd_count)
{
	bench_start(bench, lines, fds, fd_count);
	bench_link(bench, WIRE_STORE);
	bench_link(bench, WIRE_HUB);
	bench_wait_state(bench, bench->hub, "pin-needed");
	assert_int_equal(bench_login(bench, BENCH_PIN), 0);
	bench_wait_state(bench, bench->hub, "ready");
}

int bench_wait_exit(struct bench *bench)
{
	int status = 0;

	assert_true(bench->pid > 0); /* 0 would be this whole group of processes */
	for (int i = 0; i < 1000; i++) {
		if (waitpid(bench->pid, &status, WNOHANG) == bench->pid) {
			bench->pid = 0;
			cleanup_close(&bench->parent);
			cleanup_close(&bench->hub);
			cleanup_close(&bench->store);
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1 - WTERMSIG(status);
		}
		(void)usleep(10000);
	}
	(void)kill(bench->pid, SIGKILL);
	fail_msg("the token process does not end");
	return -1;
}

int bench_stop(struct bench *bench)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STOP, 0, CLOCK_NEVER_MS);
	(void)wire_send_blocking(bench->parent, WIRE_PARENT, WIRE_TOKEN, &message, clock_deadline(STEP_MS));
	return bench_wait_exit(bench);
}

struct wire_message *bench_ask(struct bench *bench, const struct wire_message *message, enum wire_type answer)
{
	send_as(bench, bench->store, message);
	return bench_wait(bench, bench->store, answer);
}

int bench_code(const struct wire_message *answer)
{
	if (answer == NULL) {
		return ERR_GONE;
	}
	return answer->type == WIRE_ERROR ? -(int)wire_number(answer, WIRE_F_CODE, 0) : 0;
}
