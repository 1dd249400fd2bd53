#include "base64.h"

#include <limits.h>
#include <stdlib.h>

#include "../../appliance/base/fdio.h"
#include "libcrypto.h"

#define PIECE_IN 49152 /* a multiple of 3: pieces join without padding between them */
#define PIECE_OUT (PIECE_IN / 3 * 4 + 1)

int base64_write(int fd, struct span from)
{
	unsigned char text[PIECE_OUT];
	struct span piece;
	int err = 0;

	while (err == 0 && from.length > 0) {
		(void)span_read_bytes(&from, from.length < PIECE_IN ? from.length : PIECE_IN, &piece);
		err = fd_write_all(fd, text, (size_t)EVP_EncodeBlock(text, piece.data, (int)piece.length));
	}
	return err;
}

bool base64_decode(struct span text, size_t limit, uint8_t **ret, size_t *ret_length)
{
	EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
	int first = 0, last = 0;
	bool good = false;

	*ret = text.length > limit || text.length > INT_MAX - 4 ? NULL : malloc(text.length + 4);
	if (context != NULL && *ret != NULL) {
		EVP_DecodeInit(context);
		good = EVP_DecodeUpdate(context, *ret, &first, text.data, (int)text.length) >= 0 && EVP_DecodeFinal(context, *ret + first, &last) == 1;
	}
	EVP_ENCODE_CTX_free(context);
	*ret_length = good ? (size_t)first + (size_t)last : 0;
	return good && *ret_length > 0;
}
