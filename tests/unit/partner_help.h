/* partner_help.h - runs one job of podatelna-partner inside a test. */
#ifndef TESTS_UNIT_PARTNER_HELP_H
#define TESTS_UNIT_PARTNER_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transport/base/partner.h"

struct
try {
	struct job job;
	struct lines parameters;
	char text[LINES_BODY_MAX + 1];
};

void try_begin(struct try *try, const char *kind, const char *partner);
void try_set(struct try *try, const char *name, const char *value);
/* The next descriptor: a memfd with these bytes, or an empty one to write to. */
void try_in(struct try *try, const void *data, size_t length);
void try_in_text(struct try *try, const char *text);
void try_out(struct try *try);
/* Runs it; the job's return value. */
int try_run(struct try *try);
/* A value of the result, or "-" when there is none. */
const char *try_get(const struct try *try, const char *name);
/* What was written to descriptor n; to be freed; zero-terminated. */
char *try_output(const struct try *try, size_t n, size_t *ret_length);
void try_end(struct try *try);

#define assert_result(try, name, value) assert_string_equal(try_get(try, name), value)

#endif
