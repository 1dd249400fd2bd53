/* What a vault token hands back as the content of a key file: the text, and the CMS around a part under any key. */
#include "store/vault_cms.h"

#include <stdlib.h>
#include <string.h>

#include "store/keys_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t kek[VAULT_KEK_BYTES] = { 7 };
	static uint8_t content[4096];
	struct key_text text;
	size_t length = 0;

	if (key_text_parse(span_of(data, size), &text) == 0) {
		char again[KEYS_TEXT_MAX_BYTES];
		int wrote = key_text_format(&text, again, sizeof again);

		/* The form is canonical. */
		if (wrote < 0 || (size_t)wrote != size || memcmp(again, data, size) != 0) {
			abort();
		}
	}
	(void)vault_cms_open(span_of(data, size), kek, "00/2026-000001/1", content, sizeof content, &length);
	return 0;
}
