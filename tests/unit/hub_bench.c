#include "hub_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/base/fdio.h"

#define STEP_MS 5
#define SETTLE_MS 20000

/* --- the store --- */

static void journal_record(struct bench *bench, const char *type, const char *body)
{
	struct record record = { .index = bench->count, .utc_ms = clock_utc_ms(), .body = span_of_string(body) };
	struct hub_case *of = NULL;

	assert_true(bench->count < BENCH_RECORDS_MAX);
	(void)snprintf(record.type, sizeof record.type, "%s", type);
	(void)snprintf(bench->types[bench->count], sizeof bench->types[0], "%s", type);
	(void)snprintf(bench->bodies[bench->count++], sizeof bench->bodies[0], "%s", body);
	memset(record.hash, (int)bench->count, sizeof record.hash);
	assert_true(lines_valid(record.body));
	assert_int_equal(case_apply(&bench->hub.cases, &record, &of), 0);
	bench->of = of != NULL ? of : bench->of;
}

static void on_append(struct bench *bench, const struct wire_message *message)
{
	struct span text;

	for (size_t i = 0; wire_nth(message, WIRE_F_RECORD, i, &text); i++) {
		char type[RECORD_TYPE_BYTES + 1], body[BENCH_TEXT_SIZE];
		struct span head;

		assert_true(span_read_until(&text, '\n', &head) && span_copy_string(head, type, sizeof type) && span_copy_string(text, body, sizeof body));
		journal_record(bench, type, body);
	}
}

static void on_copy(const struct wire_message *message, int fd)
{
	char role[64], text[128];

	assert_true(wire_string(message, WIRE_F_OBJECT, role, sizeof role));
	(void)snprintf(text, sizeof text, "content of %s", role);
	(void)fd_write_all(fd, text, strlen(text)); /* nobody may want it */
}

static int on_store(void *context, struct channel *channel, struct wire_message *message)
{
	struct bench *bench = context;
	struct wire_message answer;
	int fd = wire_take_fd(message, 0);
	int err = 0;

	switch ((unsigned)message->type) {
	case WIRE_STORE_APPEND:
		on_append(bench, message);
		wire_begin(&answer, WIRE_STORE_APPENDED, message->id, CLOCK_NEVER_MS);
		wire_put_number(&answer, WIRE_F_INDEX, bench->count - 1);
		wire_put_bytes(&answer, WIRE_F_HASH, span_of(bench->of->head, sizeof bench->of->head));
		wire_put_number(&answer, WIRE_F_TIME, 0);
		err = channel_send(channel, &answer);
		break;
	case WIRE_STORE_COPY:
		on_copy(message, fd);
		wire_begin(&answer, WIRE_STORE_COPIED, message->id, CLOCK_NEVER_MS);
		wire_put_number(&answer, WIRE_F_SIZE, 1);
		err = channel_send(channel, &answer);
		break;
	case WIRE_STORE_TAKE:
		wire_begin(&answer, WIRE_STORE_OBJECT, message->id, CLOCK_NEVER_MS);
		wire_put_string(&answer, WIRE_F_REF, "5 1 aa bb");
		wire_put_number(&answer, WIRE_F_SIZE, 5);
		err = channel_send(channel, &answer);
		break;
	case WIRE_STORE_SIGN:
		assert_true(span_copy_string(wire_span(message, WIRE_F_LINES), bench->signing, sizeof bench->signing));
		err = channel_answer_error(channel, message->id, ERR_UNSUPPORTED, "not of this bench");
		break;
	default:
		err = channel_answer_error(channel, message->id, ERR_UNSUPPORTED, "not of this bench");
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return err;
}

/* --- jobs and errands --- */

/* At most so much is read as a pipe holds: the writer is this very process. */
static void read_text(int fd, char ret[BENCH_TEXT_SIZE])
{
	ssize_t length = fd_read_full(fd, ret, BENCH_TEXT_SIZE - 1);

	assert_true(length >= 0);
	ret[length] = '\0';
}

struct late_job {
	struct bench *bench;
	int fds[1 + BENCH_FDS_MAX];
};

/* Later, so that the store has written what the job reads. */
static void run_job(void *context, uint32_t events)
{
	struct late_job *late = context;
	struct bench *bench = late->bench;
	struct wire_message result;

	(void)events;
	for (size_t i = 0; i < bench->job.fd_count; i++) {
		if (i < bench->job_inputs) {
			read_text(late->fds[i + 1], bench->job.inputs[i]);
		} else if (i == bench->job_inputs && bench->job_output != NULL) {
			assert_int_equal(fd_write_all(late->fds[i + 1], bench->job_output, strlen(bench->job_output)), 0);
		}
	}
	if (bench->job_result != NULL) {
		wire_begin(&result, WIRE_JOB_RESULT, 0, CLOCK_NEVER_MS);
		wire_put_number(&result, WIRE_F_CODE, 0);
		wire_put_bytes(&result, WIRE_F_LINES, span_of_string(bench->job_result));
		assert_int_equal(wire_send_blocking(late->fds[0], WIRE_JOB, WIRE_HUB, &result, clock_deadline(1000)), 0);
	}
	for (size_t i = 0; i <= bench->job.fd_count; i++) {
		(void)close(late->fds[i]);
	}
	free(late);
}

static int on_partner(void *context, struct channel *channel, struct wire_message *message)
{
	struct bench *bench = context;
	struct late_job *late = calloc(1, sizeof *late);

	(void)channel;
	assert_non_null(late);
	assert_int_equal(message->type, WIRE_JOB_START);
	bench->job = (struct bench_job){ .fd_count = message->fd_count - 1 };
	assert_true(wire_string(message, WIRE_F_KIND, bench->job.kind, sizeof bench->job.kind));
	assert_true(wire_string(message, WIRE_F_NAME, bench->job.partner, sizeof bench->job.partner));
	assert_true(span_copy_string(wire_span(message, WIRE_F_LINES), bench->job.parameters, sizeof bench->job.parameters));
	assert_in_range(bench->job.fd_count, bench->job_inputs, BENCH_FDS_MAX);
	late->bench = bench;
	for (size_t i = 0; i <= bench->job.fd_count; i++) {
		late->fds[i] = wire_take_fd(message, i);
	}
	bench->jobs++;
	assert_true(loop_timer(bench->hub.loop, clock_deadline(4 * STEP_MS), run_job, late) > 0);
	return 0;
}

static int on_transport(void *context, struct channel *channel, struct wire_message *message)
{
	struct bench *bench = context;
	struct wire_message report;
	int hub = wire_take_fd(message, 0), reply = wire_take_fd(message, 1), body = wire_take_fd(message, 2);

	(void)channel;
	assert_int_equal(message->type, WIRE_ERRAND_START);
	assert_true(span_copy_string(wire_span(message, WIRE_F_LINES), bench->errand, sizeof bench->errand));
	bench->errand_body[0] = '\0';
	if (body >= 0) {
		assert_int_equal(lseek(body, 0, SEEK_SET), 0);
		read_text(body, bench->errand_body);
		(void)close(body);
	}
	bench->errands++;
	if (bench->errand_result != NULL) {
		wire_begin(&report, WIRE_ERRAND_REPORT, 0, CLOCK_NEVER_MS);
		wire_put_bytes(&report, WIRE_F_LINES, span_of_string(bench->errand_result));
		wire_put_number(&report, WIRE_F_SIZE, 0);
		assert_int_equal(wire_send_blocking(hub, WIRE_SESSION, WIRE_HUB, &report, clock_deadline(1000)), 0);
	}
	(void)close(hub);
	(void)close(reply);
	return 0;
}

/* --- the hub's ends --- */

static int on_nothing(void *context, struct channel *channel, struct wire_message *message)
{
	(void)context;
	(void)channel;
	(void)message;
	return ERR_PROTOCOL;
}

static void on_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	(void)context;
	(void)channel;
	if (end != CHANNEL_CLOSED) {
		fail_msg("a link of the bench broke: %s", why);
	}
}

static void link_to(struct bench *bench, enum wire_role role, channel_handler on_message, struct channel **ret_hub, struct channel **ret_far)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	*ret_hub = channel_new(bench->hub.loop, ends[0], WIRE_HUB, role, on_nothing, on_end, bench);
	*ret_far = channel_new(bench->hub.loop, ends[1], role, WIRE_HUB, on_message, on_end, bench);
	assert_true(*ret_hub != NULL && *ret_far != NULL);
}

void bench_record(struct bench *bench, const char *type, const char *lines)
{
	_cleanup_lines_ struct lines record = { 0 };
	char body[BENCH_TEXT_SIZE];

	assert_int_equal(lines_parse(span_of_string(lines), &record), 0);
	lines_set(&record, "case", BENCH_CASE);
	assert_true(lines_finish(&record, body, sizeof body) > 0);
	journal_record(bench, type, body);
}

static struct config *parse(const char *keys)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	char text[BENCH_TEXT_SIZE];

	(void)snprintf(text, sizeof text,
	               "language = \"en\"\nshare { path = \"/tmp\" }\ntoken \"office\" { module = \"/lib/p11.so\" uri = \"pkcs11:\" }\n"
	               "key \"archive\" { token = \"office\" uri = \"pkcs11:id=%%02\" use = { \"vault\" } }\n"
	               "key \"qualified\" { token = \"office\" uri = \"pkcs11:id=%%01\" use = { \"sign\" } }\n"
	               "partner \"p\" { url = \"https://localhost/dpr\" env = \"test\" sign_key = \"qualified\" %s }\n",
	               keys);
	if (config_parse(span_of_string(text), "made-up", &config, &report) != 0) {
		config_report_print(&report, stderr);
		fail();
	}
	return config;
}

void bench_open(struct bench *bench, const char *catalogue, const char *keys)
{
	struct config_report report = { 0 };

	memset(bench, 0, sizeof *bench);
	bench->hub.loop = loop_new();
	bench->hub.config = parse(keys);
	assert_int_equal(catalogue_parse(span_of_string(catalogue), "made-up", "en", &bench->hub.catalogue, &report), 0);
	bench->hub.partners[0] = (struct hub_partner){ .config = bench->hub.config->partners, .catalogue = catalogue_partner_find(bench->hub.catalogue, "p") };
	assert_non_null(bench->hub.partners[0].catalogue);
	link_to(bench, WIRE_STORE, on_store, &bench->hub.store, &bench->store);
	link_to(bench, WIRE_PARTNER, on_partner, &bench->hub.partner, &bench->partner);
	link_to(bench, WIRE_TRANSPORT, on_transport, &bench->hub.transport, &bench->transport);
	link_to(bench, WIRE_TOKEN, on_nothing, &bench->hub.tokens[0].channel, &bench->token);
	(void)snprintf(bench->hub.tokens[0].state, sizeof bench->hub.tokens[0].state, "ready");
	bench_record(bench, "received", "by: uid:1000\nkind: filing\n");
	bench_record(bench, "recognised", "approval: none\nenv: test\nform: F\npartner: p\n");
	bench_record(bench, "approved", "by: box\n");
}

void bench_close(struct bench *bench)
{
	channel_free(bench->hub.store);
	channel_free(bench->hub.partner);
	channel_free(bench->hub.transport);
	channel_free(bench->hub.tokens[0].channel);
	channel_free(bench->token);
	channel_free(bench->store);
	channel_free(bench->partner);
	channel_free(bench->transport);
	loop_free(bench->hub.loop);
	cases_free(&bench->hub.cases);
	catalogue_free(bench->hub.catalogue);
	config_free(bench->hub.config);
}

void bench_to_reply(struct bench *bench)
{
	bench_record(bench, "intent", "attempt: 1\nform: attached-der\n");
	bench_record(bench, "signed", "object-signed: 5 1 aa bb\n");
	bench_record(bench, "request", "attempt: 1\nobject-request: 5 1 aa bb\npurpose: file\n");
	bench_record(bench, "sending", "attempt: 1\nobject-request: 5 1 aa bb\n");
	bench_record(bench, "reply", "far: reply-done\nhttp-status: 200\nobject-reply: 5 1 aa bb\n");
}

void bench_settle(struct bench *bench)
{
	uint64_t until_ms = clock_deadline(SETTLE_MS);

	while (bench->of->work != NULL && !clock_expired(until_ms)) {
		assert_int_equal(loop_step(bench->hub.loop, clock_deadline(STEP_MS)), 0);
	}
	assert_null(bench->of->work);
}

void bench_turn(struct bench *bench, uint64_t ms)
{
	uint64_t until_ms = clock_deadline(ms);

	while (!clock_expired(until_ms)) {
		assert_int_equal(loop_step(bench->hub.loop, clock_deadline(STEP_MS)), 0);
	}
}

size_t bench_count(const struct bench *bench, const char *type)
{
	size_t found = 0;

	for (size_t i = 0; i < bench->count; i++) {
		found += strcmp(bench->types[i], type) == 0 ? 1 : 0;
	}
	return found;
}

const char *bench_said(const struct bench *bench, const char *type, const char *name)
{
	static char value[BENCH_TEXT_SIZE];

	for (size_t i = bench->count; i-- > 0;) {
		if (strcmp(bench->types[i], type) == 0) {
			return lines_find_string(span_of_string(bench->bodies[i]), name, value, sizeof value) ? value : "";
		}
	}
	return "";
}
