#include "envelope.h"

#include <stdio.h>
#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

#define HEAD_BYTES 2048

static const char *const qualifiers[] = { "request", "poll", "poll", "request" }, *const functions[] = { "submit", "submit", "delete", "delete" };

int envelope_begin(int fd, const struct envelope *envelope)
{
	char head[HEAD_BYTES], id[CSSZ_ID_SIZE + 64] = "<CorrelationID/>";
	int length = 0;

	if (envelope->correlation_id[0] != '\0') {
		(void)snprintf(id, sizeof id, "<CorrelationID>%s</CorrelationID>", envelope->correlation_id);
	}
	length = snprintf(head, sizeof head,
	                  "<GovTalkMessage xmlns=\"http://www.govtalk.gov.uk/CM/envelope\"><EnvelopeVersion>2.0</EnvelopeVersion>"
	                  "<Header><MessageDetails><Class>%s</Class><Qualifier>%s</Qualifier><Function>%s</Function>%s%s</MessageDetails></Header>"
	                  "<GovTalkDetails><Keys>%s%s%s%s%s</Keys>"
	                  "<GatewayAdditions><Flags><TimestampVersion>xmldsig</TimestampVersion></Flags></GatewayAdditions></GovTalkDetails><Body>",
	                  envelope->class_name, qualifiers[envelope->kind], functions[envelope->kind], id,
	                  envelope->kind == ENVELOPE_SUBMIT ? "<Transformation>XML</Transformation>" : "", envelope->vs[0] == '\0' ? "" : "<Key Type=\"",
	                  envelope->vs[0] == '\0' ? "" : envelope->key_type, envelope->vs[0] == '\0' ? "" : "\">", envelope->vs,
	                  envelope->vs[0] == '\0' ? "" : "</Key>");
	return length < 0 || (size_t)length >= sizeof head ? ERR_LIMIT : fd_write_all(fd, head, (size_t)length);
}

int envelope_end(int fd)
{
	static const char tail[] = "</Body></GovTalkMessage>\n";

	return fd_write_all(fd, tail, sizeof tail - 1);
}
