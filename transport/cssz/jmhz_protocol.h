/* jmhz_protocol.h - the protocol on the processing of a monthly report (ProtokolOZpracovani, spec/cssz 8.3): the second and final word on it, which comes to the data box of
 * the firm; or the answer to a question for its state (DZMHOdpoved), as it stands in Dosle. What a person attaches bears no seal: what binds it to a report is variable symbol, idPodani and month, and that a person attached it. */
#ifndef TRANSPORT_CSSZ_JMHZ_PROTOCOL_H
#define TRANSPORT_CSSZ_JMHZ_PROTOCOL_H

#include "cssz.h"

/* kind `classify` of a file that may be such a protocol: `from` is at its beginning and stays open. *ret_found false: it is something else, nothing was told. 0 or a
 * negative error. */
int jmhz_protocol_classify(struct job *job, int from, bool *ret_found);

#endif
