"""The discipline of PINs. What was tried, and what became of it, is the card's own ledger."""

import time

import pytest

import card as cards_lib
from box import until
from test_filing import file_one, fresh

QUIET_S = 3
WRONG = ("654321", "111111", "222222")
WAITING = ("received", "ready", "signing", "testing")


def token_row(box):
    return next(iter(box.rows("token", "list", kind="token")), {"state": None})


def wait_token(box, state):
    until(lambda: token_row(box)["state"] == state, 30, lambda: f"{token_row(box)}, not {state}\n{box.log_tail()}")


def waits_with(box, word):
    """Drops a filing; it waits, and its reason has the word."""
    name, document = fresh()
    box.drop(name, document)
    case = box.wait_state(name, WAITING)
    until(lambda: word in box.case(case["case"])["reason"], 20, lambda: f"{box.case(case['case'])}\n{box.log_tail()}")
    assert box.case(case["case"])["state"] in WAITING
    return case["case"]


def test_wrong_file_is_tried_once(epo, make_box, make_cards):
    """Once on the card, over restarts of the token program and of the box."""
    cards = make_cards()
    box = make_box(epo, cards, pin=WRONG[0])
    wait_token(box, "pin-refused")
    box.kill("token")
    time.sleep(QUIET_S)
    box.restart()
    wait_token(box, "pin-refused")
    number = waits_with(box, "PIN")
    assert cards["office"].verifies() == ["refused 2"] and not cards["office"].operations() and not epo.ledger()
    box.write_pin(box.settings['token "office"']["pin"], box.hsm.pin)
    box.restart()
    box.wait_state(number, "done")
    assert cards["office"].verifies()[:2] == ["refused 2", "ok"] and len(epo.ledger("accepted")) == 1


def test_persons_never_reach_the_last_try(epo, make_box, make_cards):
    """Each PIN of a person costs one try, the same one none; the last try is left for the tools of the card's maker."""
    cards = make_cards()
    box = make_box(epo, cards, pin="prompt")
    wait_token(box, "pin-needed")
    assert box.login(pin=WRONG[0]).returncode != 0
    assert box.login(pin=WRONG[0]).returncode != 0
    assert cards["office"].verifies() == ["refused 2"]
    assert box.login(pin=WRONG[1]).returncode != 0
    assert box.login(pin=WRONG[2]).returncode != 0
    wait_token(box, "pin-last-try")
    assert box.login().returncode != 0
    assert cards["office"].verifies() == ["refused 2", "refused 1"] and cards["office"].tries() == (1, 3)


@pytest.mark.parametrize("left,state", [(1, "pin-last-try"), (0, "pin-blocked")])
def test_last_try_and_block(epo, make_box, make_cards, left, state):
    """The right PIN in the file is not tried either. The card keeps its count while it is out."""
    cards = make_cards()
    card = cards["office"]
    card.tell("tries", left)
    card.exchange(card.dir)
    box = make_box(epo, cards)
    wait_token(box, state)
    waits_with(box, "PIN")
    box.kill("token")
    time.sleep(QUIET_S)
    wait_token(box, state)
    assert box.login().returncode != 0
    assert not card.verifies() and card.tries() == (left, 3) and not epo.ledger()


def test_pin_changed_elsewhere(epo, make_box, make_cards):
    """9C wants the PIN anew: a kept one that the card refuses is not tried a second time, whatever waits for a signature."""
    cards = make_cards()
    card = cards["office"]
    box = make_box(epo, cards, pin="prompt")
    wait_token(box, "pin-needed")
    assert box.login().returncode == 0
    file_one(box)
    card.tell("pin", "777777")
    waits_with(box, "PIN")
    time.sleep(QUIET_S)
    assert card.verifies() == ["ok", "ok", "refused 2"] and card.tries() == (2, 3)
    wait_token(box, "pin-needed")
    assert box.login(pin="777777").returncode == 0
    until(lambda: len(epo.ledger("accepted")) == 2, 30, lambda: box.log_tail())


def test_another_card(epo, make_box, make_cards):
    """It has the same PIN and a key in the same place: it is asked for nothing, and the message says that it is another one."""
    cards = make_cards()
    card = cards["office"]
    box = make_box(epo, cards)
    box.wait_token()
    file_one(box)
    used = len(card.ledger("key")), len(card.verifies())
    other = cards.dir + "/other"
    cards_lib.make_card(other, ["sign", "vault"], cards.pki)
    card.exchange(other)
    until(lambda: token_row(box)["state"] in ("absent", "foreign"), 20, lambda: f"{token_row(box)}\n{box.log_tail()}")
    number = waits_with(box, "token")
    time.sleep(QUIET_S)
    assert (len(card.ledger("key")), len(card.verifies())) == used, "the other card was used"
    card.exchange(card.dir)
    box.wait_state(number, "done", 40)
    assert len(epo.ledger("accepted")) == 2
