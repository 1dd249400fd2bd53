"""Several slow tokens with the same role beside one: do they share the work?"""

import re

import evil
import tails
from box import Tokens
from place import KEY, TOKEN, Unmeasured

CARD_MS = 400  # a real card takes 100 to 500 ms for RSA-2048
FOUR = 4
PER_TOKEN = {False: 20, True: 60}
LIMIT_S = 300


def key_name(n):
    return KEY if n == 0 else f"{KEY}-{n + 1}"


def rate(place, name, tokens, count, module):
    """Signatures per second of a box with so many tokens: from the beginning of the first one to the end of the last, as the modules saw them."""
    labels = [TOKEN if n == 0 else f"{TOKEN}-{n + 1}" for n in range(tokens)]

    def prepare(box):
        for label in labels:
            evil.insert(box, module, label, SIGN_MS=CARD_MS)
        box.set('partner "epo"', sign_key=[key_name(n) for n in range(tokens)])

    original = Tokens(f"{place.dir}/tokens-{name}", {label: [key_name(n)] + (["vault"] if n == 0 else []) for n, label in enumerate(labels)}, place.pki)
    box = place.box(name, prepare, tokens=original)
    for label in labels:
        box.wait_token(label=label)
    journal = tails.Journal(box.data)
    before, forms = journal.snapshot()[0], place.forms(count)
    for form, content in forms:
        box.drop(form, content)
    journal.wait("sent", before["sent"] + len(forms), LIMIT_S)
    box.stop()
    signed = sorted(int(ms) / 1000 for ms in re.findall(r"^evil: C_Sign (\d+)$", box.log(), re.M))
    if len(signed) != count:
        raise Unmeasured(f"{count} forms: {len(signed)} signatures")
    return count / (signed[-1] - signed[0] + CARD_MS / 1000)


def measure(place):
    module, each = evil.build(place.dir), PER_TOKEN[place.long]
    one, four = rate(place, "one-slow", 1, each, module), rate(place, "four-slow", FOUR, FOUR * each, module)
    return {"count": each, "card_ms": CARD_MS, "one": one, "four": four, "ratio": four / one}
