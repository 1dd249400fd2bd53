/* The reader of DER. What it calls whole can be read element by element, without anything between or behind. */
#include <stdlib.h>

#include "store/audit/der.h"

static void walk(struct bytes content, size_t depth)
{
	while (content.length > 0) {
		const uint8_t *begin = content.data;
		struct bytes value, whole, again = content;
		int64_t number = 0;
		uint8_t tag = 0;

		if (depth > AUDIT_DER_DEPTH || !audit_der_any(&content, &tag, &value, &whole) || whole.data != begin ||
		    whole.data + whole.length != content.data || value.data + value.length != content.data) {
			abort();
		}
		(void)audit_der_read_time(&again, &number);
		(void)audit_der_read_bits(&again, &whole);
		if (audit_der_number(value, &number) && number < 0) {
			abort();
		}
		if ((tag & 0x20) != 0) {
			walk(value, depth + 1);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes der = { data, size };

	if (audit_der_is_whole(der)) {
		walk(der, 0);
	}
	return 0;
}
