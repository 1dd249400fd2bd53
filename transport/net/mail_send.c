/* mail_send.c - one process, one message, one recipient: libcurl's SMTP, with TLS or not at all. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../appliance/base/cause.h"
#include "../../appliance/base/clock.h"
#include "../../appliance/base/fdio.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"
#include "mail.h"
#include "peer.h"
#include "report.h"
#include "session.h"

#define REPORT_SEND_MS 5000

struct sending {
	const struct mail_job *job;
	uint8_t *message;
	size_t length, given;
	struct peer peer;
	char words[CURL_ERROR_SIZE];
	char reply[REPORT_TEXT_MAX_BYTES]; /* the last line that the server said */
};

static size_t on_wanted(char *buffer, size_t size, size_t count, void *context)
{
	struct sending *sending = context;
	size_t left = sending->length - sending->given;
	size_t most = size * count < left ? size * count : left;

	memcpy(buffer, sending->message + sending->given, most);
	sending->given += most;
	return most;
}

static size_t on_reply(char *data, size_t size, size_t count, void *context)
{
	struct sending *sending = context;
	size_t length = size * count;

	while (length > 0 && (data[length - 1] == '\n' || data[length - 1] == '\r')) {
		length--;
	}
	report_text(span_of(data, length), sending->reply, sizeof sending->reply);
	return size * count;
}

static CURLcode on_ssl_context(CURL *easy, void *ssl_ctx, void *context)
{
	struct sending *sending = context;

	(void)easy;
	return peer_hook(ssl_ctx, &sending->peer) ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

#define SET(option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

/* CURLUSESSL_ALL: a server without STARTTLS gets nothing, and the login goes out under TLS alone. */
static bool set_tls(CURL *easy, struct sending *sending)
{
	const struct mail *mail = sending->job->mail;
	bool good = SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) && SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
	            SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_context) &&
	            SET(CURLOPT_SSL_CTX_DATA, sending);

	return good && (mail->ca_file[0] == '\0' || (SET(CURLOPT_CAINFO, mail->ca_file) && SET(CURLOPT_CAPATH, NULL)));
}

static bool set_options(CURL *easy, struct sending *sending, const struct curl_slist *to)
{
	const struct mail_job *job = sending->job;
	const struct mail *mail = job->mail;
	bool login = mail->user[0] != '\0';

	return SET(CURLOPT_URL, mail->url) && SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps") && SET(CURLOPT_PROXY, "") && SET(CURLOPT_NOPROXY, "*") &&
	       SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) && SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_ERRORBUFFER, sending->words) &&
	       set_tls(easy, sending) && SET(CURLOPT_CONNECTTIMEOUT_MS, (long)MAIL_CONNECT_MS) && SET(CURLOPT_TIMEOUT_MS, (long)job->deadline_ms) &&
	       SET(CURLOPT_MAIL_FROM, job->from) && SET(CURLOPT_MAIL_RCPT, to) && SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_READFUNCTION, on_wanted) &&
	       SET(CURLOPT_READDATA, sending) && SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)sending->length) && SET(CURLOPT_HEADERFUNCTION, on_reply) &&
	       SET(CURLOPT_HEADERDATA, sending) && (!login || SET(CURLOPT_USERNAME, mail->user)) && (!login || SET(CURLOPT_PASSWORD, mail->password));
}

static enum cause find_cause(const struct sending *sending, CURLcode code, long reply)
{
	switch (code) {
	case CURLE_LOGIN_DENIED:
		return CAUSE_MAIL_LOGIN_REFUSED;
	case CURLE_USE_SSL_FAILED:
		return CAUSE_MAIL_NO_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
		return peer_cause(&sending->peer);
	case CURLE_COULDNT_RESOLVE_HOST:
		return CAUSE_NO_NAME;
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
		return CAUSE_NO_ANSWER;
	default:
		return reply >= 400 ? CAUSE_MAIL_REFUSED : CAUSE_NONE;
	}
}

/* 5xx to the sender, the recipient or the message is for good (RFC 5321 section 4.2.1); to the login or to STARTTLS it is about our settings. */
static bool is_final(CURLcode code, long reply)
{
	return reply >= 500 && reply < 600 && reply != 530 && reply != 534 && reply != 535 && reply != 538 && code != CURLE_LOGIN_DENIED &&
	       code != CURLE_USE_SSL_FAILED;
}

static void put_outcome(struct sending *sending, CURLcode code, long reply, struct lines *ret)
{
	enum cause cause = find_cause(sending, code, reply);
	const char *detail = reply >= 400 && sending->reply[0] != '\0' ? sending->reply : sending->words[0] != '\0' ? sending->words : curl_easy_strerror(code);
	char text[2 * REPORT_TEXT_MAX_BYTES], error[REPORT_TEXT_MAX_BYTES];

	if (reply > 0) {
		lines_setf(ret, "code", "%ld", reply);
	}
	if (code == CURLE_OK) {
		lines_set(ret, "outcome", "sent");
		return;
	}
	(void)snprintf(text, sizeof text, "%s%s%s", cause_text(cause), cause == CAUSE_NONE ? "" : ": ", detail);
	report_text(span_of_string(text), error, sizeof error);
	lines_set(ret, "outcome", is_final(code, reply) ? "never" : "later");
	lines_set(ret, "error", error);
}

static void send_message(struct sending *sending, struct lines *ret)
{
	CURL *easy = curl_easy_init();
	struct curl_slist *to = curl_slist_append(NULL, sending->job->to);
	CURLcode code = CURLE_FAILED_INIT;
	long reply = 0;

	if (easy != NULL && to != NULL && set_options(easy, sending, to)) {
		code = curl_easy_perform(easy);
		(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply);
	}
	put_outcome(sending, code, reply, ret);
	curl_slist_free_all(to);
	curl_easy_cleanup(easy);
}

static void put_failure(struct lines *ret, const char *why)
{
	lines_set(ret, "outcome", "later");
	lines_set(ret, "error", why);
}

_Noreturn void mail_run(const struct mail_job *job)
{
	static char text[LINES_BODY_MAX + 1];
	struct session_start start = {
		.hub = job->hub, .body = job->message, .store = -1, .zygote = -1, .reply = -1, .parent = job->parent, .narrow = job->narrow
	};
	struct sending sending = { .job = job };
	struct lines report = { 0 };
	struct wire_message message;
	int length = 0;

	if (session_become(&start) != 0) {
		put_failure(&report, "the process could not be set up");
	} else if (!job->mail->usable) {
		put_failure(&report, cause_text(CAUSE_MAIL_SETTINGS));
	} else if (fd_read_all(job->message, MAIL_MESSAGE_MAX_BYTES, &sending.message, &sending.length) != 0 || sending.length == 0) {
		put_failure(&report, "the message cannot be read");
	} else {
		send_message(&sending, &report);
	}
	length = lines_finish(&report, text, sizeof text);
	wire_begin(&message, WIRE_MAIL_REPORT, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, length < 0 ? 0 : (size_t)length));
	if (length < 0 || wire_send_blocking(job->hub, WIRE_SESSION, WIRE_HUB, &message, clock_deadline(REPORT_SEND_MS)) != 0) {
		log_warning("what became of an e-mail cannot be told");
	}
	_exit(length < 0 ? 1 : 0);
}
