"""A reader with a PIN pad: the PIN is typed there, and no program of the box ever has it."""

import threading

import pytest

from box import until
from test_filing import file_one
from test_pin import token_row, wait_token


@pytest.fixture
def padded(request, epo, make_box, make_cards):
    """A box with such a reader; what is said of the pad in opensc.conf is what its comment asks for."""
    cards = make_cards({"office": ["sign@9A" if "pin_at" in request.node.name else "sign", "vault"]})
    cards.places[0].give_pad()
    with open(cards.conf, encoding="ascii") as f:
        text = f.read()
    with open(cards.conf, "w", encoding="ascii") as f:
        f.write(text.replace("enable_pinpad = false;", "enable_pinpad = true;"))
    box = make_box(epo, cards, start=False)
    box.set('token "office"', pin="pinpad")
    box.start()
    wait_token(box, "pin-needed")
    return box, cards


def login(box):
    """A login that waits for a person at the pad, under way."""
    done = []
    thread = threading.Thread(target=lambda: done.append(box.run_cli("token", "login", "office")))
    thread.start()
    return thread, done


def test_pin_at_the_reader(epo, padded):
    box, cards = padded
    card, place = cards["office"], cards.places[0]
    assert not card.verifies(), "asked for without a person"
    for typed, state in (("cancel", "pin-needed"), ("654321", "pin-refused"), (cards.pin, "ready")):
        thread, done = login(box)
        place.type(typed)
        thread.join(60)
        assert done and (done[0].returncode == 0) == (state == "ready"), done
        until(lambda: token_row(box)["state"] in (state, "pin-needed"), 20, lambda: f"{token_row(box)}\n{box.log_tail()}")
    assert card.verifies() == ["refused 2", "ok"]
    box.wait_token()
    file_one(box)
    assert len(epo.ledger("accepted")) == 1 and len(card.operations("9A", "9000")) == 1


def test_each_signature_at_the_reader(epo, padded):
    """9C asks anew each time: at the reader, one PIN for one signature."""
    box, cards = padded
    card, place = cards["office"], cards.places[0]
    thread, done = login(box)
    place.type(cards.pin)
    thread.join(60)
    assert done and done[0].returncode == 0, done
    box.wait_token()
    for number in (1, 2):
        place.type(cards.pin)
        file_one(box)
        assert len(card.operations("9C", "9000")) == number and card.verifies() == ["ok"] * (1 + number)
    assert len(epo.ledger("accepted")) == 2


def test_pin_of_the_box_beside_a_pad(epo, make_box, make_cards):
    """With the settings as they come the pad is let alone: a PIN file works at such a reader, too."""
    cards = make_cards()
    cards.places[0].give_pad()
    box = make_box(epo, cards)
    file_one(box)
    assert cards["office"].verifies() == ["ok", "ok"] and len(epo.ledger("accepted")) == 1
