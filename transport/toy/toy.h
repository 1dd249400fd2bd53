/* toy.h - the trivial second partner (design 8): proves that a partner is a folder, a line in the list and a catalogue file.
 *
 * Its protocol: POST /inbox with a signed attached DER of <Toy xmlns="urn:example:toy" id="…">; reply 200 with the unsigned
 * <ToyReceipt id="…" sha256="hex of the XML" result="ok|bad" reason="…"/>. No test run, no polls, no compression.
 */
#ifndef TRANSPORT_TOY_TOY_H
#define TRANSPORT_TOY_TOY_H

#include "../base/partner.h"

extern const struct partner toy_partner;

#endif
