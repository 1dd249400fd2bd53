/* receipt.h - the secret part of what EPO answered: a small object of lines.h text.
 *
 * From a confirmation: cislo, heslo, datum, zarep (yes|no). From an off-line receipt: id-predani, heslo. All but zarep as the portal wrote them.
 */
#ifndef TRANSPORT_EPO_RECEIPT_H
#define TRANSPORT_EPO_RECEIPT_H

#include <stdbool.h>

#include "../base/receipt.h"

/* A moment as the portal writes it (spec/epo 7.2): ISO date and time, with or without offset, or dd.MM.yyyy. False when it is none of these;
 * otherwise ret is "20.02.2030 10:00:00", with the offset behind if there was one. */
bool epo_receipt_date(const char *text, char *ret, size_t size);

#endif
