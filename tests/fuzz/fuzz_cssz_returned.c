/* What a query brought back: the sealed message with its data, and data as they stand in it in base64; the first byte chooses. */
#include "fuzz_job.h"
#include "transport/base/libcrypto.h"

#define ORIGINAL "<DZMH><variabilniSymbol>9900000001</variabilniSymbol><mesic>4</mesic><rok>2026</rok></DZMH>"
#define SERVICE "option.class: CSSZ_DZMH\noption.vs-path: /DZMH/variabilniSymbol\npurpose: confirmation\nquery: yes\n"
#define HEAD "<Message><Body><ProcessingResult type=\"CSSZ_DZMH\" result=\"OK\" count=\"1\" countErr=\"0\" countWar=\"0\"/><ProcessingResponse><Data>"
#define TAIL "</Data></ProcessingResponse></Body></Message>"

static void inside(const char *parameters, const uint8_t *data, size_t size)
{
	char *text = malloc(sizeof HEAD + sizeof TAIL + 4 * (size / 3 + 1) + 1);

	if (text == NULL) {
		abort();
	}
	memcpy(text, HEAD, sizeof HEAD);
	(void)EVP_EncodeBlock((unsigned char *)text + sizeof HEAD - 1, data, (int)size);
	memcpy(text + strlen(text), TAIL, sizeof TAIL);
	fuzz_classify("cssz", parameters, text, strlen(text), ORIGINAL, "");
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const languages[] = { "form: DZMH25\nlanguage: cs\n" SERVICE, "form: DZMH25\nlanguage: en\n" SERVICE };

	if (size == 0) {
		return 0;
	}
	if (data[0] % 3 == 0) {
		fuzz_classify("cssz", languages[0], data + 1, size - 1, ORIGINAL, "");
	} else {
		inside(languages[data[0] % 3 - 1], data + 1, size - 1);
	}
	return 0;
}
