"""Keys of other kinds, and cards that do not do what they should."""

import os
import subprocess
import time

import pytest

from box import until
from test_filing import file_one, fresh
from test_pin import QUIET_S, WAITING, token_row

ECDSA = {'partner "epo"': {"options": ["sign-want=epo epo-ecdsa"]}}


@pytest.mark.parametrize("sign", ["sign/ec", "sign/ec@9A", "sign@9A", "sign/rsa3072"])
def test_other_signing_keys(epo, make_box, make_cards, sign):
    """P-256 and RSA-3072, in 9C and in 9A (which asks for the PIN once); openssl verifies what was filed."""
    epo.switch(allow_ec="on")
    cards = make_cards({"office": [sign, "vault"]})
    box = make_box(epo, cards, settings=ECDSA)
    document, case = file_one(box)
    file_one(box)
    slot = "9A" if sign.endswith("9A") else "9C"
    assert [status for _, _, status in cards["office"].operations(slot)] == ["9000"] * 2
    assert cards["office"].verifies() == ["ok"] * (1 if slot == "9A" else 3)
    assert len(epo.ledger("accepted")) == 2
    done = subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-in", os.path.join(box.result(case["case"]), "podano.p7s"), "-CAfile",
                           os.path.join(box.pki, "ca.pem"), "-purpose", "any"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0 and done.stdout == document, done.stderr


@pytest.mark.parametrize("vault", ["vault/ec", "vault/p384"])
def test_vault_by_agreement(epo, make_box, make_cards, vault):
    """The vault's key is agreed upon (ECDH) instead of unwrapped: what was sealed before a restart is read after it."""
    cards = make_cards({"office": ["sign", vault]})
    box = make_box(epo, cards)
    document, case = file_one(box)
    opened = len(cards["office"].operations("9D", "9000"))
    box.restart()
    box.wait_token()
    until(lambda: len(cards["office"].operations("9D", "9000")) > opened, 20, lambda: f"{cards['office'].ledger()}\n{box.log_tail()}")
    target = os.path.join(box.dir, "export")
    os.mkdir(target)
    assert box.cli("export", case["case"], target)[0] == 0
    assert document in [open(os.path.join(target, name), "rb").read() for name in os.listdir(target)]


def test_certificate_of_another_key(epo, make_box, make_cards):
    """OpenSC makes the public half of a PIV key of the certificate beside it, so that only a signature shows that they do not belong together: what the
    card signs is checked with the certificate before it is anybody's, and nothing goes out."""
    cards = make_cards({"office": ["sign+mismatch", "vault"]})
    box = make_box(epo, cards)
    box.wait_token()
    name, document = fresh()
    box.drop(name, document)
    until(lambda: cards["office"].operations("9C"), 20, lambda: box.log_tail())
    case = box.wait_state(name, (*WAITING, "failed"))
    until(lambda: box.case(name)["reason"], 20, lambda: box.log_tail())
    time.sleep(QUIET_S)
    assert not epo.ledger() and "signed" not in box.types(case["case"])
    assert set(cards["office"].verifies()) == {"ok"}


@pytest.mark.parametrize("status", ["6581", "6F00", "6982"])
def test_error_in_the_middle_of_a_signature(epo, make_box, make_cards, status):
    """The filing goes on, is filed once, and no PIN is wasted."""
    cards = make_cards()
    card = cards["office"]
    box = make_box(epo, cards)
    box.wait_token()
    card.tell("fail", status, 1)
    file_one(box, timeout=40)
    assert len(epo.ledger("accepted")) == 1
    assert [s for _, _, s in card.operations("9C")][-1] == "9000" and card.operations("9C", status)
    assert set(card.verifies()) == {"ok"}


@pytest.mark.parametrize("latency_ms", [300, 1000])
def test_slow_card(epo, make_box, make_cards, latency_ms):
    cards = make_cards()
    cards["office"].tell("latency", latency_ms)
    box = make_box(epo, cards)
    file_one(box)
    assert len(epo.ledger("accepted")) == 1 and len(cards["office"].operations("9C")) == 1


def test_two_cards_in_two_readers(epo, make_box, make_cards):
    """Sign key on one, vault key on the other; each is asked for its own alone."""
    cards = make_cards({"office": ["sign"], "archive": ["vault"]})
    box = make_box(epo, cards)
    file_one(box)
    assert {slot for slot, _, _ in cards["office"].operations()} == {"9C"}
    box.restart()
    box.wait_token(label="archive")
    until(lambda: cards["archive"].operations("9D", "9000"), 20, lambda: box.log_tail())
    assert {slot for slot, _, _ in cards["archive"].operations()} == {"9D"}
    assert token_row(box)["state"]
