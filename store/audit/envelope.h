/* envelope.h - the outside of a part of the vault: CMS AuthEnvelopedData with one KEKRecipientInfo (RFC 5083, RFC 5652 6.2.3), as far as it says whose it is.
 *
 * A fixed reader: definite lengths in shortest form, each element where it must be. Nothing is decrypted. */
#ifndef STORE_AUDIT_ENVELOPE_H
#define STORE_AUDIT_ENVELOPE_H

#include "audit.h"

#define ENVELOPE_HEAD_BYTES 1024 /* everything before the encrypted content is within these */
#define ENVELOPE_ID_SIZE 64

struct envelope {
	char key_id[ENVELOPE_ID_SIZE]; /* "<16 digits>/<case>/<generation>" */
	uint64_t content_bytes;        /* of encrypted content; with AES-GCM as many as in clear */
};

/* `head` are the first bytes of a file of `file_bytes`. */
bool envelope_read(struct bytes head, uint64_t file_bytes, struct envelope *ret);

#endif
