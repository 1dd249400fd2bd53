/* seen.h - has this content come before? (design 3: the same bytes as an earlier filing are held.)
 *
 *   seen.key   64 hex digits and LF, mode 0600: a random key of this box, so that the file below cannot be searched for known content
 *   seen       lines "<HMAC-SHA256 of the content, 64 hex> <case>", appended and synced before the object is answered
 *
 * An entry may name a case that never got a record (power cut between the two): the caller takes only a case that the journal knows.
 */
#ifndef STORE_SEEN_H
#define STORE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fileops.h"
#include "table.h"
#include "vault_hmac.h"

#define SEEN_FILE_MAX_BYTES ((size_t)512 * 1024 * 1024)

struct seen;

/* Makes the key when there is none. A torn last line (power cut) is cut off; other malformed lines are passed over and counted in the log.
 * ERR_FORMAT: the key file is not one. */
int seen_open(const struct fileops *ops, int data_dir, struct seen **ret);
void seen_free(struct seen *seen);
/* To be fed with the content. NULL: libcrypto failed. */
struct vault_hmac *seen_begin(const struct seen *seen);
/* The next case with this content, from *cursor (0 at first) on; NULL when there is no more. Borrowed. */
const char *seen_next(const struct seen *seen, const uint8_t hmac[VAULT_HMAC_BYTES], size_t *cursor);
/* Takes out the entries of all cases of which `gone` says so. Durable on 0; the file is the former or the new one, whole. */
int seen_forget(struct seen *seen, bool (*gone)(void *context, const char *case_number), void *context);
/* The highest number that stood in the file when it was opened, "" for none. A number that was noted here but never got a record must not be given to another
 * case, or that case would count as the earlier one. */
const char *seen_highest(const struct seen *seen);
/* Durable on 0. ERR_READONLY after a failed sync: the file is not trusted again by this process. */
int seen_add(struct seen *seen, const uint8_t hmac[VAULT_HMAC_BYTES], const char *case_number);

#endif
