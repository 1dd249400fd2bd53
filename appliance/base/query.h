/* query.h - the text of a request that asks a partner for something: what staff put into the inbox, what the command line makes, what the box makes by its timer.
 *
 *   podatelna-query: DZMH
 *   vs: 9900000001
 *   month: 4
 *   year: 2026
 *   end:
 *
 * The first line says what is asked, the last one is the text's own end. Between them stands one field a line. Written by hand it may begin with a byte order mark, end its
 * lines with CR LF, and hold empty lines, lines that begin with '#', and blanks around names and values. Which fields a query has the catalogue says.
 */
#ifndef BASE_QUERY_H
#define BASE_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "span.h"

#define QUERY_MARK "podatelna-query:"
#define QUERY_END "end"
#define QUERY_MAX_BYTES 4096
#define QUERY_FIELDS_MAX 16
#define QUERY_NAME_SIZE 33
#define QUERY_VALUE_SIZE 129

struct query_field {
	char name[QUERY_NAME_SIZE];   /* a-z, 0-9, '-' */
	char value[QUERY_VALUE_SIZE]; /* printable ASCII */
};

/* Zero-initialise. */
struct query {
	char what[QUERY_NAME_SIZE]; /* letters, digits, '-', '_', '.' */
	struct query_field fields[QUERY_FIELDS_MAX];
	size_t count;
};

/* Could this be the beginning of such a text? */
bool query_begins(struct span head);
/* 0; ERR_AGAIN: good so far, its end is not there yet; ERR_FORMAT: it is none, or damaged; ERR_LIMIT: too long, or too many fields. `what` is filled as far as it is read. */
int query_read(struct span text, struct query *ret);
/* Adds a field; false when it does not fit, is malformed or there already. */
bool query_add(struct query *query, const char *name, const char *value);
/* NULL when there is no such field. */
const char *query_get(const struct query *query, const char *name);
/* The length of the text written (terminated), or ERR_LIMIT, ERR_FORMAT. */
int query_write(const struct query *query, char *ret, size_t size);

#endif
