#include "soap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/escape.h"
#include "../../appliance/base/fdio.h"

#define ADDRESSING_SPACE "http://www.w3.org/2005/08/addressing"
#define INSTANCE_SPACE "http://www.w3.org/2001/XMLSchema-instance"
#define HEAD_BYTES 16384 /* the longest address, every sign of it escaped, and what is around it */
#define ESCAPE_FACTOR 6
#define UUID_BYTES 16
#define UUID_SIZE 37

const char *soap_operation(enum envelope_kind kind)
{
	return kind == ENVELOPE_SUBMIT ? "Submit" : kind == ENVELOPE_POLL ? "Poll" : "Dispose";
}

static int make_uuid(char ret[UUID_SIZE])
{
	uint8_t bits[UUID_BYTES];
	size_t have = 0;

	if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits) {
		return ERR_SYSTEM;
	}
	bits[6] = (uint8_t)((bits[6] & 0x0f) | 0x40); /* version 4, */
	bits[8] = (uint8_t)((bits[8] & 0x3f) | 0x80); /* variant of RFC 4122 */
	for (size_t i = 0; i < UUID_BYTES; i++) {
		have += (size_t)snprintf(ret + have, UUID_SIZE - have, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", (unsigned)bits[i]);
	}
	return 0;
}

/* One line, printf-like; ERR_LIMIT when it is longer than any can be. */
__attribute__((format(printf, 2, 3))) static int put(int fd, const char *format, ...)
{
	char text[HEAD_BYTES];
	va_list arguments;
	int length = 0;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	return length < 0 || (size_t)length >= sizeof text ? ERR_LIMIT : fd_write_all(fd, text, (size_t)length);
}

static int write_head(int fd, const struct soap_request *request)
{
	char to[ESCAPE_FACTOR * (SOAP_URL_SIZE + CSSZ_PATH_SIZE)], address[SOAP_URL_SIZE + CSSZ_PATH_SIZE], id[UUID_SIZE];
	int err = make_uuid(id);

	(void)snprintf(address, sizeof address, "%s%s", request->url, request->path);
	(void)escape_text(ESCAPE_HTML, span_of_string(address), to, sizeof to);
	return err != 0 ? err
	                : put(fd,
	                      "<s:Envelope xmlns:s=\"" SOAP_SPACE "\" xmlns:a=\"" ADDRESSING_SPACE "\"><s:Header>"
	                      "<a:Action s:mustUnderstand=\"1\">" SOAP_ACTIONS "%s</a:Action><a:MessageID>urn:uuid:%s</a:MessageID>"
	                      "<a:ReplyTo><a:Address>" ADDRESSING_SPACE "/anonymous</a:Address></a:ReplyTo>"
	                      "<a:To s:mustUnderstand=\"1\">%s</a:To></s:Header><s:Body>",
	                      soap_operation(request->envelope->kind), id, to);
}

static int write_parameter(int fd, const char *name, const char *type, const char *value)
{
	char escaped[ESCAPE_FACTOR * SOAP_EMAIL_SIZE];

	if (value[0] == '\0') {
		return 0;
	}
	(void)escape_text(ESCAPE_HTML, span_of_string(value), escaped, sizeof escaped);
	return put(fd, "<OptionalParameter><ParameterName>%s</ParameterName>%s%s%s<ParameterValue>%s</ParameterValue></OptionalParameter>", name,
	           type[0] == '\0' ? "<ParameterType i:nil=\"true\"/>" : "<ParameterType>", type, type[0] == '\0' ? "" : "</ParameterType>", escaped);
}

/* The e-mail address only with a submission: questions repeat the key alone (spec/cssz 11). */
static int write_optionals(int fd, const char *email, const struct envelope *envelope)
{
	int err = 0;

	if (email[0] == '\0' && envelope->vs[0] == '\0') {
		return 0;
	}
	err = put(fd, "<optionals xmlns:i=\"" INSTANCE_SPACE "\">");
	err = err != 0 ? err : write_parameter(fd, "email", "", email);
	err = err != 0 ? err : write_parameter(fd, "key", envelope->key_type, envelope->vs);
	return err != 0 ? err : put(fd, "</optionals>");
}

/* The optional parameters stand behind the content; what goes there is known now. */
static int write_question(int fd, const struct soap_request *request)
{
	const struct envelope *envelope = request->envelope;
	const char *operation = soap_operation(envelope->kind);
	int err = put(fd, "<%s xmlns=\"" SOAP_CONTRACT "\"><correlationid>%s</correlationid>", operation, envelope->correlation_id);

	err = err != 0 ? err : write_optionals(fd, "", envelope);
	return err != 0 ? err : put(fd, "</%s>", operation);
}

int soap_begin(int fd, const struct soap_request *request)
{
	int err = write_head(fd, request);

	if (err != 0 || request->envelope->kind != ENVELOPE_SUBMIT) {
		return err != 0 ? err : write_question(fd, request);
	}
	return put(fd, "<Submit xmlns=\"" SOAP_CONTRACT "\"><tclass>%s</tclass><bodies><BodyPart><Body>", request->envelope->class_name);
}

int soap_end(int fd, const struct soap_request *request)
{
	int err = 0;

	if (request->envelope->kind == ENVELOPE_SUBMIT) {
		err = put(fd, "</Body><Id>0</Id></BodyPart></bodies>");
		err = err != 0 ? err : write_optionals(fd, request->email, request->envelope);
		err = err != 0 ? err : put(fd, "</Submit>");
	}
	return err != 0 ? err : put(fd, "</s:Body></s:Envelope>\n");
}
