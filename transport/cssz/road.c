#include "road.h"

#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

#define REPLY_MAX_BYTES (UINT64_C(20) << 20)
#define DEADLINE_MS 60000 /* spec/cssz 2 */
#define WORD_SIZE 33

/* 0, or a failure that is told. */
static int read_road(struct job *job, bool *ret_soap)
{
	char word[WORD_SIZE];

	(void)job_parameter(job, "option.road", "pox", word, sizeof word);
	*ret_soap = strcmp(word, "ws") == 0;
	if (strcmp(word, "isds") == 0) {
		return job_fail(job, ERR_UNSUPPORTED, "the box has no channel for data messages (ISDS) yet");
	}
	return *ret_soap || strcmp(word, "pox") == 0 ? 0 : job_fail(job, ERR_UNSUPPORTED, "the option road knows pox and ws");
}

static int read_body_form(struct job *job, bool *ret_enveloped)
{
	char word[WORD_SIZE];

	(void)job_parameter(job, "option.ws-body", "govtalk", word, sizeof word);
	*ret_enveloped = strcmp(word, "govtalk") == 0;
	return *ret_enveloped || strcmp(word, "message") == 0 ? 0 : job_fail(job, ERR_UNSUPPORTED, "the option ws-body knows govtalk and message");
}

int road_check(struct job *job)
{
	bool soap = false, enveloped = false;
	int err = read_road(job, &soap);

	return err != 0 || !soap ? err : read_body_form(job, &enveloped);
}

static const char *path_option(bool soap, enum envelope_kind kind, const char **ret_default)
{
	bool submission = kind == ENVELOPE_SUBMIT || kind == ENVELOPE_CLOSE_REQUEST;

	*ret_default = soap ? "/VREP/ws/public.svc" : submission ? "/VREP/submission" : "/VREP/poll";
	return soap ? "option.path-ws" : submission ? "option.path-submit" : "option.path-poll";
}

static void read_path(const struct job *job, bool soap, enum envelope_kind kind, char ret[CSSZ_PATH_SIZE])
{
	const char *otherwise = NULL, *name = path_option(soap, kind, &otherwise);

	(void)job_parameter(job, name, otherwise, ret, CSSZ_PATH_SIZE);
}

static int begin_soap(struct job *job, int fd, struct soap_request *request)
{
	if (job_parameter_whole(job, "url", request->url, sizeof request->url) != 0 || request->url[0] == '\0' ||
	    job_parameter_whole(job, "email", request->email, sizeof request->email) != 0) {
		return job_fail(job, ERR_FORMAT, "the address of the partner or the e-mail address is missing or too long");
	}
	read_path(job, true, request->envelope->kind, request->path);
	return soap_begin(fd, request);
}

int road_begin(struct job *job, int fd, const struct envelope *envelope, struct road *ret)
{
	static const char declaration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
	int err = 0;

	*ret = (struct road){ .enveloped = true, .request = { .envelope = envelope } };
	err = read_road(job, &ret->soap);
	err = err != 0 || !ret->soap ? err : read_body_form(job, &ret->enveloped);
	ret->enveloped = ret->enveloped && (!ret->soap || envelope->kind == ENVELOPE_SUBMIT);
	err = err != 0 ? err : fd_write_all(fd, declaration, sizeof declaration - 1);
	err = err != 0 || !ret->soap ? err : begin_soap(job, fd, &ret->request);
	return err != 0 || !ret->enveloped ? err : envelope_begin(fd, envelope);
}

int road_end(int fd, const struct road *road)
{
	int err = road->enveloped ? envelope_end(fd) : 0;

	return err != 0 || !road->soap ? err : soap_end(fd, &road->request);
}

int road_tell_outside(struct job *job, enum envelope_kind kind)
{
	char path[CSSZ_PATH_SIZE];
	bool soap = false;
	int err = read_road(job, &soap);

	if (err != 0) {
		return err;
	}
	read_path(job, soap, kind, path);
	lines_set(&job->result, "method", "POST");
	lines_set(&job->result, "path", path);
	if (soap) {
		lines_setf(&job->result, "header.1", "Content-Type: application/soap+xml; charset=utf-8; action=\"%s%s\"", SOAP_ACTIONS, soap_operation(kind));
	} else {
		lines_set(&job->result, "header.1", "Content-Type: text/xml; charset=utf-8");
	}
	lines_set_u64(&job->result, "reply-limit", REPLY_MAX_BYTES);
	lines_set_u64(&job->result, "deadline-ms", DEADLINE_MS);
	return 0;
}
