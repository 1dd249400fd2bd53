/* trust_step.c - one step of the collection: bytes from the store or the network, a job that looks at them, the store that keeps them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "errand.h"
#include "flow.h"
#include "trust_private.h"

#define PUT_OFF_MS 60000 /* after a failure of our own programs */
#define CONNECT_TIMEOUT_MS 10000
#define DEADLINE_MS 120000
#define WORDS_SIZE 256

struct trust_step {
	struct trust *trust;
	struct trust_source *source;
	struct trust_point *point; /* of a list */
	size_t n;                  /* of a certificate */
	int fd;                    /* what came, -1 */
};

static void end(struct trust_step *step)
{
	step->trust->step = NULL;
	cleanup_close(&step->fd);
	free(step);
}

/* Nobody's fault out there: a program of the box did not do it. */
static void put_off(struct trust_step *step, const char *why)
{
	log_warning("what the auditor will need cannot be collected now: %s", why);
	step->trust->not_before_ms = clock_utc_ms() + PUT_OFF_MS;
	end(step);
}

static struct trust_step *begin(struct trust *trust, struct trust_source *source)
{
	struct trust_step *step = calloc(1, sizeof *step);

	if (step == NULL) {
		trust->not_before_ms = clock_utc_ms() + PUT_OFF_MS;
		return NULL;
	}
	*step = (struct trust_step){ .trust = trust, .source = source, .fd = -1 };
	trust->step = step;
	return step;
}

/* Job with what was signed and the certificates beside it, after `first` (-1: none). */
static void ask_job(struct trust_step *step, const char *kind, int first, struct lines *parameters, work_done done)
{
	const struct trust_source *source = step->source;
	struct work *work = work_begin(step->trust->hub, NULL);
	_cleanup_close_ int beside = fd_memfd_sealed("beside", source->beside != NULL ? (const void *)source->beside : "", source->beside_length);
	struct work_input inputs[3] = { { .fd = first } };
	size_t count = first < 0 ? 0 : 1;

	if (work == NULL || beside < 0) {
		if (work != NULL) {
			work_end(work);
		}
		put_off(step, "no memory");
		return;
	}
	inputs[count++].fd = source->signed_fd;
	inputs[count++].fd = beside;
	work->context = step;
	work_output_keep(work);
	work_job(work, kind, "", parameters, inputs, count, done);
}

/* --- to the store --- */

static void on_kept(void *context, int err, struct wire_message *message)
{
	struct trust_step *step = context;

	if (err != 0 || message->type == WIRE_ERROR) {
		put_off(step, err != 0 ? "the store does not answer" : "the store did not keep it");
		return;
	}
	if (step->point != NULL) {
		trust_tried(step->trust, step->point, NULL);
	}
	end(step);
}

/* `lines`: event, time, until, detail. */
static int send_kept(struct trust_step *step, struct lines *lines)
{
	static char text[LINES_BODY_MAX + 1];
	struct hub *hub = step->trust->hub;
	struct wire_message message;
	off_t size = fd_seal(step->fd) != 0 ? -1 : lseek(step->fd, 0, SEEK_END);
	int length = 0;

	lines_set(lines, "by", "box");
	lines_set(lines, "purpose", step->source->name[0] == '\0' ? "signer" : "tsa");
	if (step->source->name[0] != '\0') {
		lines_set(lines, "tsa", step->source->name);
	}
	length = lines_finish(lines, text, sizeof text);
	if (length < 0 || size <= 0 || hub->store == NULL) {
		return ERR_GONE;
	}
	wire_begin(&message, WIRE_STORE_TRUST, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&message, WIRE_F_SIZE, (uint64_t)size);
	wire_put_fd(&message, step->fd);
	return channel_request(hub->store, &message, HUB_STORE_TIMEOUT_MS, on_kept, step, NULL);
}

static void keep(struct trust_step *step, struct lines *lines)
{
	if (send_kept(step, lines) != 0) {
		put_off(step, "the store cannot be asked");
	}
}

/* --- whose signature it is --- */

static void on_chain(struct work *work)
{
	struct trust_step *step = work->context;

	bool read = work->err == ERR_FORMAT || work->err == ERR_LIMIT;

	if (work->err != 0 && read) {
		trust_unseen(step->trust, step->source, work->why);
	} else if (work->err == 0) {
		trust_seen(step->trust, step->source, &work->result);
	}
	read = read || work->err == 0;
	work_end(work);
	if (read) {
		end(step);
	} else {
		put_off(step, "nobody looked at a signature");
	}
}

static void on_read(void *context, int err, struct wire_message *message)
{
	struct trust_step *step = context;
	_cleanup_lines_ struct lines parameters = { 0 };

	if (err != 0) {
		put_off(step, "the store does not answer");
		return;
	}
	if (message->type == WIRE_ERROR || fd_seal(step->fd) != 0) {
		trust_unseen(step->trust, step->source, "the store does not have it");
		end(step);
		return;
	}
	cleanup_close(&step->source->signed_fd);
	step->source->signed_fd = take_fd(&step->fd);
	ask_job(step, "trust-chain", -1, &parameters, on_chain);
}

void trust_step_look(struct trust *trust, struct trust_source *source)
{
	struct trust_step *step = begin(trust, source);
	struct wire_message message;

	if (step == NULL) {
		return;
	}
	step->fd = fd_memfd_open("signed");
	wire_begin(&message, WIRE_STORE_ANCHOR_READ, 0, CLOCK_NEVER_MS);
	wire_put_string(&message, WIRE_F_NAME, source->file);
	wire_put_fd(&message, step->fd);
	if (step->fd < 0 || channel_request(trust->hub->store, &message, HUB_STORE_TIMEOUT_MS, on_read, step, NULL) != 0) {
		put_off(step, "the store cannot be asked");
	}
}

/* --- a certificate --- */

static void set_moment(struct lines *lines, const char *name, int64_t utc_ms)
{
	char text[CLOCK_UTC_SIZE];

	clock_format_utc(utc_ms, text);
	lines_set(lines, name, text);
}

static void on_cert(struct work *work)
{
	struct trust_step *step = work->context;
	const struct trust_cert *cert = &step->source->chain[step->n];
	_cleanup_lines_ struct lines lines = { 0 };
	int err = work->err;

	step->fd = take_fd(&work->outputs[0].memfd);
	work_end(work);
	if (err != 0) {
		put_off(step, "a certificate could not be taken out");
		return;
	}
	lines_set(&lines, "event", "cert");
	set_moment(&lines, "time", cert->from_ms);
	set_moment(&lines, "until", cert->until_ms);
	keep(step, &lines);
}

void trust_step_cert(struct trust *trust, struct trust_source *source, size_t n)
{
	struct trust_step *step = begin(trust, source);
	_cleanup_lines_ struct lines parameters = { 0 };

	if (step != NULL) {
		step->n = n;
		lines_set_u64(&parameters, "n", n);
		ask_job(step, "trust-chain", -1, &parameters, on_cert);
	}
}

/* --- a list --- */

static void fail(struct trust_step *step, const char *error)
{
	trust_tried(step->trust, step->point, error);
	end(step);
}

/* The same list again, or an older one, brings nothing. */
static bool is_news(const struct trust_step *step, const struct work *work)
{
	const struct trust_list *last = trust_book_list(&step->trust->hub->trust_book, step->point->urls[step->point->next]);
	int64_t time_ms = 0;

	return last == NULL || (strcmp(last->sha256, work_result(work, "sha256")) != 0 &&
	                        clock_parse_utc(span_of_string(work_result(work, "time")), &time_ms) && time_ms > last->time_ms);
}

static void on_judged(struct work *work)
{
	struct trust_step *step = work->context;
	_cleanup_lines_ struct lines lines = { 0 };
	bool good = work->err == 0 && work_result_is(work, "verdict", "good"), news = good && is_news(step, work);
	char words[WORDS_SIZE];

	(void)snprintf(words, sizeof words, "%.*s", (int)sizeof words - 1, work->err != 0 ? work->why : work_result(work, "reason"));
	cleanup_close(&step->fd);
	step->fd = take_fd(&work->outputs[0].memfd);
	lines_set(&lines, "event", "crl");
	lines_set(&lines, "time", work_result(work, "time"));
	lines_set(&lines, "until", work_result(work, "until"));
	lines_set(&lines, "detail", step->point->urls[step->point->next]);
	work_end(work);
	if (!good) {
		fail(step, words);
	} else if (!news) {
		fail(step, NULL);
	} else {
		keep(step, &lines);
	}
}

static void on_reply(void *context, const struct errand_result *result)
{
	struct trust_step *step = context;
	_cleanup_lines_ struct lines parameters = { 0 };
	char far[32] = "", words[WORDS_SIZE] = "";
	struct span value;

	(void)lines_find_string(result->lines, "far", far, sizeof far);
	if (strcmp(far, "reply-done") != 0 || result->reply < 0) {
		if (!lines_find_string(result->lines, "error", words, sizeof words)) {
			(void)snprintf(words, sizeof words, "the connection broke off");
		}
		fail(step, words);
		return;
	}
	step->fd = dup(result->reply);
	if (lines_find(result->lines, "http-status", &value)) {
		lines_set_span(&parameters, "http-status", value);
	}
	lines_set_u64(&parameters, "at", (uint64_t)clock_utc_ms());
	ask_job(step, "trust-crl", step->fd, &parameters, on_judged);
}

void trust_step_list(struct trust *trust, struct trust_source *source, struct trust_point *point)
{
	struct trust_step *step = begin(trust, source);
	_cleanup_lines_ struct lines lines = { 0 };

	if (step == NULL) {
		return;
	}
	step->point = point;
	lines_set(&lines, "method", "GET");
	lines_set(&lines, "url", point->urls[point->next]);
	lines_set(&lines, "proxy", "configured");
	lines_set(&lines, "user-agent", "Podatelna/" PODATELNA_VERSION);
	lines_set_u64(&lines, "connect-timeout-ms", CONNECT_TIMEOUT_MS);
	lines_set_u64(&lines, "deadline-ms", DEADLINE_MS);
	lines_set_u64(&lines, "reply-limit", TRUST_CRL_MAX_BYTES);
	if (errand_begin(trust->hub, &lines, -1, on_reply, step, NULL) != 0) {
		put_off(step, "the network program cannot be asked");
	}
}
