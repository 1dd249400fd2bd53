/* queryform.h - makes the message of a query (base/query.h) from a template of the catalogue, and says what is wrong with the query where none can be made.
 *
 * Options of the form (option.<name>):
 *   template   the message: {name} is the value of a field, {certificate} base64 (one line) of the DER of the certificate whose key opens answers, {version} of this program.
 *              What stands in [ ] is left out when none of the fields in it is given; fields outside of [ ] must be given
 *   fields     "name:type ...": all there are. Types: symbol (1 to 10 digits), day (2026-02-01 or 1. 2. 2026; written as the first), month (1 to 12), year, guid, word (letters,
 *              digits, - and /, at most 40)
 *   one-of     "name name": exactly one of these fields must be given
 *   range, max-days   "from to": two fields of type day, the second not before the first, both and what is between at most so many days
 * A field `vs` that is not given is the option vs where that is there.
 */
#ifndef TRANSPORT_BASE_QUERYFORM_H
#define TRANSPORT_BASE_QUERYFORM_H

#include "../../appliance/base/query.h"
#include "job.h"
#include "report.h"

#define QUERYFORM_TEMPLATE_MAX_BYTES 8192
#define QUERYFORM_MAX_BYTES 32768 /* of the message */
#define QUERYFORM_DAYS_MAX 31     /* where the catalogue does not say */

/* The message for the query in `text` into `ret` (terminated). NULL; otherwise a word of catalogue.h: query-field, query-range, query-certificate; then the report has lines that
 * tell a person (in `language`). `*ret_err`: 0, or a negative error when the catalogue is wrong or memory ran out (the word says nothing then). */
const char *queryform_make(const struct job *job, struct span text, struct span certificate_pem, const char *language, struct report *report, char *ret,
                           size_t size, int *ret_err);

#endif
