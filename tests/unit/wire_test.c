/* The control plane: every message fits its schema or is refused; channels match answers, keep deadlines and end a peer that breaks the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "appliance/base/clock.h"
#include "appliance/base/err.h"
#include "appliance/wire/channel.h"

struct bench {
	struct loop *loop;
	struct channel *hub, *store;
	int ends, answers, last_error, messages;
	enum channel_end end;
	uint64_t hold; /* id of a request that is not answered */
	bool silent;
};

static int on_hub(void *context, struct channel *channel, struct wire_message *message)
{
	struct bench *bench = context;

	(void)channel;
	bench->messages++;
	return message->type == WIRE_STORE_HELLO ? 0 : ERR_PROTOCOL;
}

static int on_store(void *context, struct channel *channel, struct wire_message *message)
{
	struct bench *bench = context;
	struct wire_message answer;
	char kind[32];

	if (bench->silent) {
		bench->hold = message->id;
		return 0;
	}
	assert_true(wire_string(message, WIRE_F_KIND, kind, sizeof kind));
	wire_begin(&answer, WIRE_STORE_CASE_NUMBER, message->id, CLOCK_NEVER_MS);
	wire_put_string(&answer, WIRE_F_CASE, kind);
	return channel_send(channel, &answer);
}

static void on_end(void *context, struct channel *channel, enum channel_end end, const char *why)
{
	struct bench *bench = context;

	(void)channel;
	(void)why;
	bench->ends++;
	bench->end = end;
}

static void on_answer(void *context, int err, struct wire_message *message)
{
	struct bench *bench = context;

	bench->answers++;
	bench->last_error = err != 0 ? err : message->type == WIRE_ERROR ? -(int)wire_number(message, WIRE_F_CODE, 0) : 0;
}

static void open_bench(struct bench *bench, int *ret_raw)
{
	int ends[2];

	memset(bench, 0, sizeof *bench);
	bench->loop = loop_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	bench->hub = channel_new(bench->loop, ends[0], WIRE_HUB, WIRE_STORE, on_hub, on_end, bench);
	if (ret_raw != NULL) {
		*ret_raw = ends[1];
	} else {
		bench->store = channel_new(bench->loop, ends[1], WIRE_STORE, WIRE_HUB, on_store, on_end, bench);
	}
}

static void close_bench(struct bench *bench)
{
	channel_free(bench->hub);
	channel_free(bench->store);
	loop_free(bench->loop);
}

static void turn(struct bench *bench, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		assert_int_equal(loop_step(bench->loop, clock_deadline(5)), 0);
	}
}

static int ask(struct bench *bench, const char *kind, uint64_t timeout_ms)
{
	struct wire_message message;

	wire_begin(&message, WIRE_STORE_CASE_NEW, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, kind);
	return channel_request(bench->hub, &message, timeout_ms, on_answer, bench, NULL);
}

static void test_request_and_answer(void **state)
{
	struct bench bench;

	(void)state;
	open_bench(&bench, NULL);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(ask(&bench, "filing", 5000), 0);
	}
	for (int i = 0; i < 1000 && bench.answers < 1000; i++) {
		turn(&bench, 1);
	}
	assert_int_equal(bench.answers, 1000);
	assert_int_equal(bench.last_error, 0);
	assert_int_equal(bench.ends, 0);
	close_bench(&bench);
}

static void test_deadline_then_late_answer_is_dropped(void **state)
{
	struct bench bench;

	(void)state;
	open_bench(&bench, NULL);
	bench.silent = true;
	assert_int_equal(ask(&bench, "filing", 20), 0);
	for (int i = 0; i < 100 && bench.answers == 0; i++) {
		turn(&bench, 1);
	}
	assert_int_equal(bench.answers, 1);
	assert_int_equal(bench.last_error, ERR_DEADLINE);
	assert_int_equal(channel_answer_error(bench.store, bench.hold, ERR_BUSY, "late"), 0);
	turn(&bench, 5);
	assert_int_equal(bench.answers, 1);
	assert_int_equal(bench.ends, 0);
	close_bench(&bench);
}

static void test_end_answers_pending(void **state)
{
	struct bench bench;

	(void)state;
	open_bench(&bench, NULL);
	bench.silent = true;
	assert_int_equal(ask(&bench, "filing", 5000), 0);
	turn(&bench, 2);
	channel_free(bench.store);
	bench.store = NULL;
	turn(&bench, 5);
	assert_int_equal(bench.answers, 1);
	assert_int_equal(bench.last_error, ERR_GONE);
	assert_int_equal(bench.ends, 1);
	assert_int_equal(bench.end, CHANNEL_CLOSED);
	assert_int_equal(ask(&bench, "filing", 10), ERR_GONE);
	close_bench(&bench);
}

static void check_broken(const void *packet, size_t length)
{
	struct bench bench;
	int raw = -1;

	open_bench(&bench, &raw);
	assert_true(send(raw, packet, length, 0) == (ssize_t)length);
	turn(&bench, 3);
	assert_int_equal(bench.ends, 1);
	assert_int_equal(bench.end, CHANNEL_BROKEN);
	(void)close(raw);
	close_bench(&bench);
}

static void test_malformed_packets_end_the_peer(void **state)
{
	struct wire_message message;
	uint8_t packet[4096];
	int length = 0;

	(void)state;
	check_broken("x", 1);
	check_broken("PDW\x01", 4);
	wire_begin(&message, WIRE_STORE_CASE_NUMBER, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_CASE, "2026-000001");
	length = wire_encode(&message, WIRE_STORE, WIRE_HUB, packet, sizeof packet);
	assert_true(length > 0);
	check_broken(packet, (size_t)length); /* a notice that is no notice: answers need a request */
	check_broken(packet, (size_t)length - 1);
	packet[4] = 0xff;
	check_broken(packet, (size_t)length);
}

static void test_schema_refuses(void **state)
{
	struct wire_message message;
	uint8_t packet[4096];
	const char *why = NULL;
	int length = 0;

	(void)state;
	/* wrong direction */
	wire_begin(&message, WIRE_STORE_CASE_NEW, 1, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, "filing");
	assert_int_equal(wire_encode(&message, WIRE_STORE, WIRE_HUB, packet, sizeof packet), ERR_PROTOCOL);
	length = wire_encode(&message, WIRE_HUB, WIRE_STORE, packet, sizeof packet);
	assert_true(length > 0);
	assert_int_equal(wire_decode(span_of(packet, (size_t)length), WIRE_TOKEN, WIRE_STORE, &message, &why), ERR_PROTOCOL);
	assert_int_equal(wire_decode(span_of(packet, (size_t)length), WIRE_HUB, WIRE_STORE, &message, &why), 0);
	/* a field twice, a field too many, none, no id, a descriptor too many */
	wire_begin(&message, WIRE_STORE_CASE_NEW, 1, CLOCK_NEVER_MS);
	assert_int_equal(wire_encode(&message, WIRE_HUB, WIRE_STORE, packet, sizeof packet), ERR_PROTOCOL);
	wire_put_string(&message, WIRE_F_KIND, "a");
	wire_put_string(&message, WIRE_F_KIND, "b");
	assert_int_equal(wire_encode(&message, WIRE_HUB, WIRE_STORE, packet, sizeof packet), ERR_PROTOCOL);
	wire_begin(&message, WIRE_STORE_CASE_NEW, 1, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, "a");
	wire_put_number(&message, WIRE_F_SIZE, 1);
	assert_int_equal(wire_encode(&message, WIRE_HUB, WIRE_STORE, packet, sizeof packet), ERR_PROTOCOL);
	wire_begin(&message, WIRE_STORE_CASE_NEW, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_KIND, "a");
	assert_int_equal(wire_encode(&message, WIRE_HUB, WIRE_STORE, packet, sizeof packet), ERR_PROTOCOL);
	message.id = 1;
	wire_put_fd(&message, 0);
	assert_int_equal(wire_encode(&message, WIRE_HUB, WIRE_STORE, packet, sizeof packet), ERR_PROTOCOL);
}

/* Every single-byte change of a good packet either is refused or still obeys the schema: decode never reads outside. */
static void test_every_byte_changed(void **state)
{
	struct wire_message message;
	uint8_t packet[4096];
	const char *why = NULL;
	int length = 0;

	(void)state;
	wire_begin(&message, WIRE_STORE_APPEND, 7, 1234);
	wire_put_string(&message, WIRE_F_CASE, "2026-000001");
	wire_put_bytes(&message, WIRE_F_PREV, span_of("0123456789abcdef0123456789abcdef", 32));
	wire_put_string(&message, WIRE_F_RECORD, "sent\na: b\n");
	wire_put_string(&message, WIRE_F_RECORD, "sent\na: c\n");
	length = wire_encode(&message, WIRE_HUB, WIRE_STORE, packet, sizeof packet);
	assert_true(length > 0);
	for (int i = 0; i < length; i++) {
		for (int value = 0; value < 256; value++) {
			uint8_t kept = packet[i];

			packet[i] = (uint8_t)value;
			memset(&message, 0, sizeof message);
			(void)wire_decode(span_of(packet, (size_t)length), WIRE_HUB, WIRE_STORE, &message, &why);
			packet[i] = kept;
		}
	}
}

static void test_descriptors_travel_once(void **state)
{
	struct wire_message message, got;
	static uint8_t buffer[WIRE_MESSAGE_MAX_BYTES];
	int ends[2], pipe_ends[2], fd = -1;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(pipe(pipe_ends), 0);
	wire_begin(&message, WIRE_CONTENT, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_NAME, "x");
	wire_put_fd(&message, pipe_ends[0]);
	assert_int_equal(wire_send_blocking(ends[0], WIRE_HUB, WIRE_CLI, &message, clock_deadline(1000)), 0);
	assert_int_equal(wire_receive_blocking(ends[1], WIRE_CLI, WIRE_HUB, buffer, &got, clock_deadline(1000)), 0);
	fd = wire_take_fd(&got, 0);
	assert_true(fd >= 0);
	assert_int_equal(wire_take_fd(&got, 0), -1);
	(void)close(fd);
	(void)close(ends[0]);
	assert_int_equal(wire_receive_blocking(ends[1], WIRE_CLI, WIRE_HUB, buffer, &got, clock_deadline(1000)), ERR_GONE);
	(void)close(ends[1]);
	(void)close(pipe_ends[0]);
	(void)close(pipe_ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request_and_answer),      cmocka_unit_test(test_deadline_then_late_answer_is_dropped),
		cmocka_unit_test(test_end_answers_pending),     cmocka_unit_test(test_malformed_packets_end_the_peer),
		cmocka_unit_test(test_schema_refuses),          cmocka_unit_test(test_every_byte_changed),
		cmocka_unit_test(test_descriptors_travel_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
