"""Four cards in four readers that share the work of one role."""

from box import until
from test_filing import fresh

LATENCY_MS = 500
LABELS = ("office", "second", "third", "fourth")
FOUR = {label: ["sign" if n == 0 else f"sign-{n + 1}"] + (["vault"] if n == 0 else []) for n, label in enumerate(LABELS)}
SIGNING = {"sign_key": ["sign", "sign-2", "sign-3", "sign-4"], "test_first": False, "poll_first": "1 h", "poll_max": "1 h"}


def drop_many(box, count):
    for name, document in (fresh() for _ in range(count)):
        box.drop(name, document)


def signatures(cards):
    """Moments at which private keys were asked to sign, per card."""
    return {label: [at for at, words in card.ledger("key") if words[1] == "9C"] for label, card in cards.cards.items()}


def rate(moments):
    """Signatures per second, from the beginning of the first to the end of the last."""
    return len(moments) / (moments[-1] - moments[0] + LATENCY_MS / 1000)


def sign_all(epo, make_box, cards, count):
    """{label: moments} of `count` filings with these cards."""
    for card in cards.cards.values():
        card.tell("latency", LATENCY_MS)
    keys = [key["name"] for token in cards.tokens for key in token["keys"] if key["name"].startswith("sign")]
    box = make_box(epo, cards, settings={'partner "epo"': {**SIGNING, "sign_key": keys}})
    for label in cards.cards:
        box.wait_token(label=label)
    drop_many(box, count)
    until(lambda: len(epo.ledger("accepted")) == count, 60 + count, lambda: box.log_tail())
    box.stop()
    return signatures(cards)


def test_four_share(epo, make_box, make_cards, rounds):
    """Each takes its part; the rate is printed, in the long form beside that of one card."""
    count = rounds(24, 200)
    cards = make_cards(FOUR)
    per_card = sign_all(epo, make_box, cards, count)
    every = sorted(at for moments in per_card.values() for at in moments)
    print(f"\nfour cards of {LATENCY_MS} ms: {rate(every):.2f} signatures a second; { {label: len(m) for label, m in per_card.items()} }")
    assert len(every) == count and all(len(moments) >= count / 8 for moments in per_card.values()), per_card
    # They work at the same time: within the latency of one signature others begin.
    beginnings = [(at, label) for label, moments in per_card.items() for at in moments]
    assert max(len({other for then, other in beginnings if 0 <= then - at < LATENCY_MS / 1000}) for at, _ in beginnings) >= 3
    # One PIN for each login, one for each signature, none refused.
    assert all(card.verifies() == ["ok"] * (1 + len(per_card[label])) for label, card in cards.cards.items())
    if rounds(False, True):
        epo.reset(ledger=True)
        one = sign_all(epo, make_box, make_cards({"office": FOUR["office"]}), count // 4)["office"]
        print(f"one card: {rate(one):.2f} signatures a second; four do {rate(every) / rate(one):.2f} times as much")


def test_one_of_four_is_pulled(epo, make_box, make_cards):
    """The others do its part; nothing is filed twice."""
    cards = make_cards(FOUR)
    for card in cards.cards.values():
        card.tell("latency", LATENCY_MS)
    box = make_box(epo, cards, settings={'partner "epo"': SIGNING})
    for label in LABELS:
        box.wait_token(label=label)
    cards["third"].tell("pull-in", 2, LATENCY_MS // 2)
    drop_many(box, 16)
    until(lambda: len(epo.ledger("accepted")) == 16, 60, lambda: box.log_tail())
    assert len({line["xml_sha256"] for line in epo.ledger("accepted")}) == 16
    assert "pulled" in [words[0] for _, words in cards["third"].ledger()] and len(signatures(cards)["third"]) == 2
    assert {v for card in cards.cards.values() for v in card.verifies()} == {"ok"}
