/* server_known.h - what the latest records say of objects, so that the journal need not be read again for every step of a case.
 *
 * The newest SERVER_KNOWN_MAX references, oldest first out: as long as an older one of the same case and role is here, so is the newest.
 */
#ifndef STORE_SERVER_KNOWN_H
#define STORE_SERVER_KNOWN_H

#include <stdbool.h>

#include "appliance/base/record.h"
#include "object.h"
#include "table.h"

#define SERVER_KNOWN_MAX 512
#define SERVER_KNOWN_TEXT_SIZE 320 /* of a reference with up to three parts; longer ones are looked up in the journal */

struct server_known {
	struct server_known_entry {
		uint64_t index; /* of the record */
		char case_number[TABLE_CASE_SIZE], role[OBJECT_ROLE_SIZE];
		char text[SERVER_KNOWN_TEXT_SIZE]; /* empty: too long to be kept */
	} entries[SERVER_KNOWN_MAX];
	size_t next; /* is overwritten next; the newest stands before it */
};

/* A durable record of a case. */
void server_known_follow(struct server_known *known, const struct record *record, const char *case_number);
/* The object of this role in record `index`, or the latest with 0. False: not known here, the journal is to be asked. */
bool server_known_find(const struct server_known *known, const char *case_number, const char *role, uint64_t index, struct object_ref *ret);

#endif
