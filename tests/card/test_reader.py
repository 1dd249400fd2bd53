"""Readers and pcscd that go away under the box, and come again; other programs at the same card."""

import os
import subprocess
import time

import pytest

from box import until
from test_filing import file_one, fresh
from test_pin import QUIET_S, token_row, wait_token, waits_with


def measured(what, seconds):
    print(f"\n{what}: {seconds:.2f} s")


def test_reader_unplugged(epo, make_box, make_cards):
    """The case waits with the reason, and goes on by itself when the reader is back; the PIN comes from its file, once for each session."""
    cards = make_cards()
    place, card = cards.places[0], cards["office"]
    box = make_box(epo, cards)
    file_one(box)
    place.unplug()
    wait_token(box, "absent")
    number = waits_with(box, "token")
    place.plug()
    begun = time.monotonic()
    box.wait_state(number, "done", 40)
    measured("reader plugged in to filing done", time.monotonic() - begun)
    assert len(epo.ledger("accepted")) == 2 and set(card.verifies()) == {"ok"}


def test_reader_unplugged_while_signing(epo, make_box, make_cards):
    """The signature that was under way is nobody's; the filing goes out once."""
    cards = make_cards()
    place, card = cards.places[0], cards["office"]
    card.tell("latency", 800)
    box = make_box(epo, cards)
    box.wait_token()
    name, document = fresh()
    box.drop(name, document)
    until(lambda: card.operations("9C"), 20, lambda: box.log_tail())
    place.unplug()
    until(lambda: token_row(box)["state"] not in ("ready",), 30, lambda: f"{token_row(box)}\n{box.log_tail()}")
    assert not epo.ledger("accepted")
    place.plug()
    begun = time.monotonic()
    box.wait_state(name, "done", 60)
    measured("reader plugged in to filing done, unplugged while signing", time.monotonic() - begun)
    assert len(epo.ledger("accepted")) == 1 and set(card.verifies()) == {"ok"}


def test_pcscd_killed(epo, make_box, make_cards):
    cards = make_cards()
    place = cards.places[0]
    box = make_box(epo, cards)
    file_one(box)
    place.kill()
    number = waits_with(box, "token")
    time.sleep(QUIET_S)
    place.start()
    begun = time.monotonic()
    box.wait_state(number, "done", 60)
    measured("pcscd started to filing done", time.monotonic() - begun)
    assert len(epo.ledger("accepted")) == 2 and set(cards["office"].verifies()) == {"ok"}


@pytest.mark.parametrize("reset", ["by another program", "by a glitch"])
def test_card_forgets_the_login(epo, make_box, make_cards, reset):
    """The box logs in again, with a PIN of which it knows that it is right, and files."""
    cards = make_cards()
    card = cards["office"]
    box = make_box(epo, cards)
    file_one(box)
    if reset == "by a glitch":
        card.tell("reset")
    else:
        subprocess.run(["opensc-tool", "--reset=warm"], env={**os.environ, **cards.environment("office")}, check=True, timeout=30, stdout=subprocess.DEVNULL)
        assert card.ledger("reset") or card.ledger("power-off")
    file_one(box, timeout=60)
    assert len(epo.ledger("accepted")) == 2 and set(card.verifies()) == {"ok"} and card.tries() == (3, 3)
