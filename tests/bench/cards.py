"""Over OpenSC, pcscd and virtual PIV cards: the token program beside raw C_Sign, four slow cards beside one, and how fast the box is back after a card was away."""

import os
import time

import card as cards_lib
import tails
from box import Box
from keys import together
from place import Unmeasured

TYPES = (("rsa2048", "RSA-2048"), ("ec", "P-256"))
SLOW_MS = 400
ROUND_MS = {False: 1500, True: 6000}
ROUNDS = {False: 2, True: 5}
PULLS = {False: 4, True: 20}
PER_CARD = {False: 20, True: 60}
LIMIT_S = 120
KEEP = {"pin": "prompt", "keep_pin": True}


def make(place, name, tokens):
    if not os.path.exists(cards_lib.DRIVERS) or not os.path.exists("/usr/sbin/pcscd"):
        raise Unmeasured("pcscd and vpcd are not installed")
    return cards_lib.Cards(os.path.join(place.dir, name), tokens, place.pki, cards_lib.program(place.bin), pool=os.path.join(place.dir, "card-keys"))


def rates(place):
    """{type: {latency: {"raw": [..], "ours": [..]}}}: key 9A, which keeps its login."""
    found = {}
    for kind, _ in TYPES:
        with make(place, f"card-{kind}", {"office": [f"sign{'' if kind == 'rsa2048' else '/' + kind}@9A"]}) as cards:
            key, duration = cards.tokens[0]["keys"][0], str(ROUND_MS[place.long])
            environment = {**os.environ, **cards.environment("office"), "PODATELNA_BENCH_PIN": cards.pin}
            raw = [[place.helper("sign_rate"), cards.module, "serial=" + cards.tokens[0]["serial"], key["id"], duration]]
            ours = [[place.helper("token_rate"), os.path.join(place.bin, "podatelna-token"), cards.module, cards.tokens[0]["uri"], key["uri"],
                     key["cert"], duration]]
            found[kind] = {}
            for latency in (0, SLOW_MS):
                cards["office"].tell("latency", latency)
                rounds = [(together(raw, environment), together(ours, environment)) for _ in range(ROUNDS[place.long])]
                found[kind][latency] = {"raw": [a for a, _ in rounds], "ours": [b for _, b in rounds]}
    return found


def new_box(place, name, cards, keys, **token):
    box = Box(os.path.join(place.dir, name), place.bin, place.portal, tokens=cards, start=False,
              settings={'partner "epo"': {"sign_key": keys, "poll_first": "1 h", "poll_max": "2 h"},
                        **{f'token "{label}"': token for label in cards.cards if token}})
    place.boxes.append(box)
    box.start()
    for label in cards.cards:
        if token:
            box.wait_token("pin-needed", label)
            if box.login(label).returncode != 0:
                raise Unmeasured(f"no login at {label}: {box.log_tail()}")
        box.wait_token(label=label)
    return box


def filed(place, name, count):
    """Signatures per second of a box with so many slow cards, by the ledgers of the cards: from the end of the first signature to that of the last."""
    labels = {f"card-{n}": [f"sign-{n}@9A"] + (["vault"] if n == 0 else []) for n in range(count)}
    with make(place, name, labels) as cards:
        box = new_box(place, name + "-box", cards, [f"sign-{n}" for n in range(count)])
        for each in cards.cards.values():
            each.tell("latency", SLOW_MS)
        before = {label: len(each.operations("9A")) for label, each in cards.cards.items()}
        journal, forms = tails.Journal(box.data), place.forms(count * PER_CARD[place.long])
        sent = journal.snapshot()[0]["sent"]
        for form, content in forms:
            box.drop(form, content)
        journal.wait("sent", sent + len(forms), LIMIT_S)
        box.stop()
        at = sorted(when for label, each in cards.cards.items() for when, words in [k for k in each.ledger("key") if k[1][1] == "9A"][before[label]:])
        if len(at) != len(forms):
            raise Unmeasured(f"{len(forms)} forms, {len(at)} signatures")
        return len(at) / (at[-1] - at[0] + SLOW_MS / 1000)


def recovery(place):
    """Seconds, a list for each: the card is put back (its PIN was kept), pcscd is killed and started again; until the token is ready."""
    found = {"card put back": [], "pcscd again": []}
    with make(place, "card-away", {"office": ["sign", "vault"]}) as cards:
        box, office = new_box(place, "card-away-box", cards, ["sign"], **KEEP), cards["office"]
        for what, away, back in (("card put back", office.pull, office.insert), ("pcscd again", cards.places[0].kill, cards.places[0].start)):
            for _ in range(PULLS[place.long]):
                away()
                box.wait_token("absent")
                begun = time.monotonic()
                back()
                box.wait_token("ready")
                found[what].append(time.monotonic() - begun)
        box.stop()
    return found


def measure(place):
    one, four = filed(place, "one-card", 1), filed(place, "four-cards", 4)
    return {"rates": rates(place), "one": one, "four": four, "ratio": four / one, "recovery": recovery(place), "slow_ms": SLOW_MS, "per_card": PER_CARD[place.long]}

