#include "receipt.h"

#include <string.h>

#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"

void receipt_wipe(struct lines *receipt)
{
	for (size_t i = 0; i < receipt->count; i++) {
		explicit_bzero(receipt->values[i], strlen(receipt->values[i]));
	}
	lines_free(receipt);
}

int receipt_write(int fd, struct lines *receipt)
{
	char text[RECEIPT_MAX_BYTES];
	int length = lines_finish(receipt, text, sizeof text);
	int err = length < 0 ? length : fd_write_all(fd, text, (size_t)length);

	explicit_bzero(text, sizeof text);
	receipt_wipe(receipt);
	return err;
}
