/* Answers of WS: as they come, and the content that one carries in base64; the first byte chooses. */
#include <stdio.h>
#include <string.h>

#include "fuzz_job.h"
#include "transport/base/libcrypto.h"
#include "transport/cssz/soap.h"

#define RECEIPT "class: CSSZ_REGZEC\ncorrelation-id: 0A1B2C3D4E5F60718293A4B5C6D7E8F9\nvs: 9900000001\n"
#define SERVICE "http-status: 200\noption.class: CSSZ_REGZEC\noption.road: ws\noption.vs: 9900000001\n"
#define HEAD "<s:Envelope xmlns:s=\"" SOAP_SPACE "\"><s:Body><PollResponse xmlns=\"" SOAP_CONTRACT "\"><PollResult><BodyBase64XML>"
#define TAIL                                                                                                                                                   \
	"</BodyBase64XML><Class>CSSZ_REGZEC</Class><CorrelationID>0A1B2C3D4E5F60718293A4B5C6D7E8F9</CorrelationID><Function>submit</Function>"                 \
	"<Qualifier>response</Qualifier></PollResult></PollResponse></s:Body></s:Envelope>"

static void all(const uint8_t *data, size_t size)
{
	fuzz_classify("cssz", SERVICE "purpose: file\n", data, size, "<a/>", RECEIPT);
	fuzz_classify("cssz", SERVICE "purpose: poll\nstage: result\n", data, size, "<a/>", RECEIPT);
	fuzz_verify("cssz", data, size);
}

static void inside(const uint8_t *data, size_t size)
{
	size_t room = sizeof HEAD + sizeof TAIL + 4 * (size / 3 + 1) + 1;
	char *text = malloc(room);

	if (text == NULL) {
		abort();
	}
	memcpy(text, HEAD, sizeof HEAD);
	(void)EVP_EncodeBlock((unsigned char *)text + sizeof HEAD - 1, data, (int)size);
	memcpy(text + strlen(text), TAIL, sizeof TAIL);
	all((const uint8_t *)text, strlen(text));
	free(text);
}

static void duration(const uint8_t *data, size_t size)
{
	char *text = calloc(size + 1, 1);
	uint64_t seconds = 0;

	if (text == NULL) {
		abort();
	}
	memcpy(text, data, size);
	if (soap_duration_parse(text, &seconds) && seconds > UINT64_C(366) * 86400) {
		abort();
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	if (data[0] % 3 == 0) {
		all(data + 1, size - 1);
	} else if (data[0] % 3 == 1) {
		inside(data + 1, size - 1);
	} else {
		duration(data + 1, size - 1);
	}
	return 0;
}
