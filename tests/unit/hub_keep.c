/* What the hub keeps over a start: for every place in a journal, what was kept there and the replay of the rest make the hub that a replay of everything makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/lines.h"
#include "appliance/hub/hub.h"
#include "appliance/hub/metrics_private.h"

#define BEGIN_MS INT64_C(1795258800000)
#define RECORDS_MAX 1024
#define REF "2048 1 00000000000000000000000000000000000000000000000000000000000000ff 11111111111111111111111111111111111111111111111111111111111111ee"
#define HASH "00000000000000000000000000000000000000000000000000000000000000ff"

/* One way that a case may go; %c is its number, %p the index of the record before. */
struct step {
	const char *type, *lines;
};

static const struct step filed[] = {
	{ "received", "by: uid:1000\ncase: %c\nclaim: 17\nkind: filing\nobject-name: " REF "\nobject-original: " REF "\nseen: 2026-000001\n" },
	{ "recognised", "approval: none\ncase: %c\nenv: test\nform: DPHDP3\npartner: epo\n" },
	{ "approved", "by: box\ncase: %c\n" },
	{ "intent", "attempt: 1\ncase: %c\nform: cades\nkey: sign\n" },
	{ "abandoned", "case: %c\nintent: %p\nreason: restart\n" },
	{ "intent", "attempt: 2\ncase: %c\nform: cades\nkey: sign\n" },
	{ "signed", "case: %c\nobject-signed: " REF "\n" },
	{ "stamped", "case: %c\nobject-signed: " REF "\noff-ms: -120\nsha256: " HASH "\ntsa: own\n" },
	{ "request", "attempt: 2\ncase: %c\nobject-request: " REF "\npurpose: test\n" },
	{ "reply", "answers: %p\ncase: %c\ndate-off-ms: 400\nfar: reply-done\nhttp-status: 200\n" },
	{ "tested", "case: %c\nobject-report: " REF "\nverdict: passed\n" },
	{ "request", "attempt: 2\ncase: %c\nobject-request: " REF "\npurpose: file\n" },
	{ "sending", "attempt: 2\ncase: %c\nobject-request: " REF "\n" },
	{ "not-sent", "answers: %p\ncase: %c\nerror: no route\nfar: nothing\n" },
	{ "intent", "attempt: 3\ncase: %c\nform: cades\nkey: sign\n" },
	{ "signed", "case: %c\nobject-signed: " REF "\n" },
	{ "request", "attempt: 2\ncase: %c\nobject-request: " REF "\npurpose: file\n" },
	{ "sending", "attempt: 2\ncase: %c\nobject-request: " REF "\n" },
	{ "reply", "answers: %p\ncase: %c\nfar: reply-done\nhttp-status: 200\n" },
	{ "verified", "case: %c\nobject-confirmation: " REF "\nresult: valid\n" },
	{ "sent", "case: %c\nevidence: signed\nobject-receipt: " REF "\nstage: state\n" },
	{ "request", "attempt: 2\ncase: %c\nobject-request: " REF "\npurpose: poll\n" },
	{ "reply", "answers: %p\ncase: %c\nfar: reply-done\nhttp-status: 200\n" },
	{ "closed", "case: %c\nevidence: signed\nkeep-until: 2036-12-31\nobject-report: " REF "\nverdict: accepted\n" },
	{ "delivered", "case: %c\nplace: " HASH "\n" },
	{ "erased", "basis: GDPR 17\nby: uid:1000\ncase: %c\nstage: asked\n" },
	{ "archived", "basis: age\nby: uid:1000\ncase: %c\nevent: out\nplace: 00112233445566ff\n" },
	{ "erased", "asked-by: uid:1000\nbasis: GDPR 17\nby: uid:1001\ncase: %c\n" },
};
static const struct step rejected[] = {
	{ "received", "by: uid:1001\ncase: %c\nclaim: 18\nkind: filing\nobject-name: " REF "\nobject-original: " REF "\n" },
	{ "recognised", "approval: two-person\ncase: %c\nenv: test\nform: A VERY LONG FOREIGN NAME OF A FORM\npartner: epo\n" },
	{ "held", "case: %c\nreason: approval\n" },
	{ "delivered", "case: %c\nplace: " HASH "\n" },
	{ "rejected", "by: uid:1000\ncase: %c\nreason: not ours\n" },
	{ "delivered", "case: %c\nplace: " HASH "\n" },
	{ "deleted", "by: uid:1000\ncase: %c\n" },
};
static const struct step unclear[] = {
	{ "received", "by: uid:1001\ncase: %c\nclaim: 19\nkind: filing\nobject-name: " REF "\nobject-original: " REF "\n" },
	{ "recognised", "approval: none\ncase: %c\nenv: test\nform: SH\npartner: other\n" },
	{ "approved", "by: box\ncase: %c\n" },
	{ "intent", "attempt: 1\ncase: %c\nform: cades\nkey: archive\n" },
	{ "signed", "case: %c\nobject-signed: " REF "\n" },
	{ "request", "attempt: 1\ncase: %c\nobject-request: " REF "\npurpose: file\n" },
	{ "sending", "attempt: 1\ncase: %c\nobject-request: " REF "\n" },
	{ "unclear", "case: %c\nreason: no answer\n" },
	{ "attached", "by: uid:1000\ncase: %c\nobject-reply: " REF "\n" },
	{ "closed", "case: %c\nevidence: person\nverdict: data-error\n" },
	{ "deleted", "by: uid:1000\ncase: %c\n" },
};
static const struct step box_ways[] = {
	{ "boot", "version: 1\n" },
	{ "anchor", "root: " HASH "\nsize: %p\n" },
	{ "anchor", "event: stamp\noff-ms: 250\npurpose: schedule\nsize: %p\ntsa: own\n" },
	{ "token", "event: login\ntoken: office\n" },
	{ "token", "event: pin-refused\ntoken: office\n" },
	{ "anchor", "by: uid:1000\nevent: package\nreason: counted\ntsa: own\nused: 3\n" },
	{ "rolled-back", "reason: behind-mark\nsize: %p\n" },
	{ "anchor", "event: bad-stamp\npurpose: check\nsize: %p\ntsa: own\n" },
	{ "rolled-back", "accepted: yes\nby: uid:1000\nreason: restored\n" },
	{ "clock-accepted", "by: uid:1000\nreason: right\n" },
};

struct written {
	char leaf[2048];
	size_t length;
	uint8_t hash[32];
};

static struct written journal[RECORDS_MAX];
static size_t count;
static struct config *config;

static void fill(const char *lines, const char *number, char *ret, size_t size)
{
	size_t at = 0;

	for (const char *c = lines; *c != '\0' && at + 32 < size; c++) {
		if (c[0] == '%' && c[1] == 'c') {
			at += (size_t)snprintf(ret + at, size - at, "%s", number);
			c++;
		} else if (c[0] == '%' && c[1] == 'p') {
			at += (size_t)snprintf(ret + at, size - at, "%zu", count - 1);
			c++;
		} else {
			ret[at++] = *c;
		}
	}
	ret[at] = '\0';
}

static void write_record(const struct step *step, const char *number)
{
	struct record record = { .index = count, .utc_ms = BEGIN_MS + (int64_t)count * 61000 };
	struct written *to = &journal[count];
	char body[1800], header[RECORD_HEADER_BYTES + 1];

	assert_true(count < RECORDS_MAX);
	fill(step->lines, number, body, sizeof body);
	assert_true(lines_valid(span_of_string(body)));
	(void)snprintf(record.type, sizeof record.type, "%s", step->type);
	record_format_header(&record, (uint32_t)strlen(body), header);
	to->length = (size_t)snprintf(to->leaf, sizeof to->leaf, "%s%s", header, body);
	memset(to->hash, (int)(count % 251) + 1, sizeof to->hash);
	count++;
}

#define WAY(way) way, sizeof way / sizeof way[0]

/* Cases of each way, interleaved with one another and with records of the box. */
static void write_journal(void)
{
	const struct {
		const struct step *steps;
		size_t count;
	} ways[] = { { WAY(filed) }, { WAY(rejected) }, { WAY(unclear) } };
	size_t done[18] = { 0 };
	unsigned random = 1;
	bool more = true;

	count = 0;
	write_record(&box_ways[0], "");
	while (more) {
		more = false;
		for (size_t i = 0; i < 18; i++) {
			char number[24];

			random = random * 1103515245U + 12345U;
			(void)snprintf(number, sizeof number, "2026-%06zu", i + 1);
			if (done[i] < ways[i % 3].count && (random >> 16) % 3 != 0 && (i == 0 || done[i - 1] > 0)) {
				write_record(&ways[i % 3].steps[done[i]++], number);
			}
			if ((random >> 18) % 11 == 0) {
				write_record(&box_ways[(random >> 20) % (sizeof box_ways / sizeof box_ways[0])], "");
			}
			more = more || done[i] < ways[i % 3].count;
		}
	}
}

static struct hub *make_hub(void)
{
	struct hub *hub = calloc(1, sizeof *hub);

	assert_non_null(hub);
	hub->config = config;
	hub->stamp_book.config = config;
	hub->metrics = calloc(1, sizeof *hub->metrics);
	hub->keep.program = 42;
	assert_non_null(hub->metrics);
	return hub;
}

static void free_hub(struct hub *hub)
{
	cases_free(&hub->cases);
	stamp_book_free(&hub->stamp_book);
	free(hub->metrics);
	free(hub);
}

static void replay(struct hub *hub, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		hub_record(hub, span_of(journal[i].leaf, journal[i].length), span_of(journal[i].hash, sizeof journal[i].hash));
	}
}

static struct span pack(const struct hub *hub)
{
	uint8_t *data = NULL;
	size_t length = 0;

	assert_int_equal(keep_pack(hub, &data, &length), 0);
	return span_of(data, length);
}

static int begin(void **state)
{
	static struct config_report report;
	static const char text[] = "language = \"en\"\nshare { path = \"/tmp\" }\ntoken \"office\" { module = \"/lib/p11.so\" uri = \"pkcs11:\" }\n"
	                           "key \"archive\" { token = \"office\" uri = \"pkcs11:id=%02\" use = { \"vault\" } }\n"
	                           "key \"sign\" { token = \"office\" uri = \"pkcs11:id=%03\" use = { \"sign\" } }\n"
	                           "tsa \"own\" { urls = { \"https://127.0.0.1/\" } }\n";

	(void)state;
	if (config_parse(span_of_string(text), "made-up", &config, &report) != 0) {
		config_report_print(&report, stderr);
		return -1;
	}
	write_journal();
	return 0;
}

static int end(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

static void every_cut(void **state)
{
	struct hub *whole = make_hub();
	struct span truth;

	(void)state;
	replay(whole, 0, count);
	assert_int_equal(whole->cases.count, 18);
	assert_true(whole->stamp_book.use_count > 0);
	truth = pack(whole);
	for (size_t cut = 0; cut <= count; cut++) {
		struct hub *first = make_hub(), *second = make_hub();
		struct span kept, found;

		replay(first, 0, cut);
		if (cut % 3 == 0) {
			cases_sweep(&first->cases); /* as between two looks */
		}
		kept = pack(first);
		assert_true(keep_unpack(second, kept));
		found = pack(second);
		assert_true(span_equals(kept, found));
		free((void *)(uintptr_t)found.data);
		replay(second, cut, count);
		found = pack(second);
		assert_true(span_equals(truth, found));
		assert_int_equal(second->cases.count, whole->cases.count);
		assert_int_equal(second->rolled_back, whole->rolled_back);
		free((void *)(uintptr_t)found.data);
		free((void *)(uintptr_t)kept.data);
		free_hub(first);
		free_hub(second);
	}
	free((void *)(uintptr_t)truth.data);
	free_hub(whole);
}

/* The list of open cases is that of a whole replay, in the order of the cases. */
static void open_cases(void **state)
{
	struct hub *first = make_hub(), *second = make_hub();
	struct span kept;
	size_t cut = 0;

	(void)state;
	/* Until the first case is closed and others are not. */
	while (cut < count && (first->cases.count < 2 || first->cases.open_count == first->cases.count)) {
		replay(first, cut, cut + 1);
		cut++;
		cases_sweep(&first->cases);
	}
	kept = pack(first);
	assert_true(keep_unpack(second, kept));
	assert_int_equal(second->cases.open_count, first->cases.open_count);
	assert_true(first->cases.open_count > 0 && first->cases.open_count < first->cases.count);
	for (const struct hub_case *each = second->cases.open; each != NULL; each = each->next_open) {
		const struct hub_case *other = case_find(&first->cases, each->number);

		assert_true(other != NULL && other->is_open && other->in_open_list);
		assert_int_equal(each->state, other->state);
		assert_true((each->request_ref == NULL) == (other->request_ref == NULL));
	}
	free((void *)(uintptr_t)kept.data);
	free_hub(first);
	free_hub(second);
}

static bool is_untouched(const struct hub *hub)
{
	return hub->cases.count == 0 && hub->cases.all == NULL && hub->stamp_book.use_count == 0 && hub->checkpoint_ms == 0 && hub->metrics->journal_bytes == 0;
}

/* Cut short anywhere, longer by a byte, with a bit turned, of another program, without metrics: not taken, and the hub knows nothing. */
static void unusable(void **state)
{
	struct hub *first = make_hub();
	struct span kept;
	uint8_t *bytes = NULL;

	(void)state;
	replay(first, 0, count);
	kept = pack(first);
	bytes = malloc(kept.length + 1);
	assert_non_null(bytes);
	memcpy(bytes, kept.data, kept.length);
	bytes[kept.length] = 0;
	for (size_t length = 0; length <= kept.length + 1; length += length + 64 > kept.length ? 1 : 13) {
		struct hub *second = make_hub();

		if (length != kept.length) {
			assert_false(keep_unpack(second, span_of(bytes, length)));
			assert_true(is_untouched(second));
		}
		free_hub(second);
	}
	for (size_t at = 0; at < kept.length; at += 3) {
		struct hub *second = make_hub();

		bytes[at] ^= (uint8_t)(1U << at % 8);
		assert_false(keep_unpack(second, span_of(bytes, kept.length)));
		assert_true(is_untouched(second));
		bytes[at] ^= (uint8_t)(1U << at % 8);
		free_hub(second);
	}
	for (int other = 0; other < 2; other++) {
		struct hub *second = make_hub();

		second->keep.program += other == 0 ? 1 : 0;
		if (other == 1) {
			free(second->metrics);
			second->metrics = NULL;
		}
		assert_false(keep_unpack(second, kept));
		assert_int_equal(second->cases.count, 0);
		free_hub(second);
	}
	free(bytes);
	free((void *)(uintptr_t)kept.data);
	free_hub(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cut),
		cmocka_unit_test(open_cases),
		cmocka_unit_test(unusable),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
