"""The whole way of a filing with one card: 9C signs, 9D opens the vault, and 9A logs in at a server that wants a certificate."""

import hashlib

import pytest

import pki
from test_client_tls import certificate, drop, requests, tls_records
from test_pin import wait_token, waits_with


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", ["tls", "tls/ec"])
def test_login_with_9a(epo, make_box, make_cards, kind, version):
    """The ledgers of both sides agree: the server saw the card's certificate, and each connection cost the card one use of 9A and no PIN."""
    epo.switch(tls=version, client_cert="needed")
    cards = make_cards({"office": ["sign", "vault", kind]})
    card = cards["office"]
    box = make_box(epo, cards, settings={'partner "epo"': {"tls_key": "tls"}})
    box.wait_token()
    box.wait_state(drop(box, f"karta-{version}"), "done")
    came = requests(epo)
    assert {line["client_cert"] for line in came} == {certificate(box, "office")} and {line["tls"] for line in came} == {f"TLSv{version}"}
    with open(f"{card.dir}/9A.pem", "rb") as f:
        shown = pki.x509.load_pem_x509_certificate(f.read()).public_bytes(pki.serialization.Encoding.DER)
    assert {line["client_cert"] for line in came} == {hashlib.sha256(shown).hexdigest()}
    assert len(epo.ledger("accepted")) == 1
    assert len(card.operations("9A", "9000")) == len(card.operations("9A")) == len(tls_records(box)) == len({line["conn"] for line in came})
    # The login of the token, and before the one signature of 9C.
    assert card.verifies() == ["ok", "ok"] and len(card.operations("9C", "9000")) == 1


def test_login_waits_for_the_card(epo, make_box, make_cards):
    """Without the card nothing is begun; when it is back, the filing goes, once."""
    epo.switch(client_cert="needed")
    cards = make_cards({"office": ["sign", "vault"], "door": ["tls"]})
    box = make_box(epo, cards, settings={'partner "epo"': {"tls_key": "tls"}})
    box.wait_token(label="office")
    box.wait_token(label="door")
    cards["door"].pull()
    cards["door"].wait_unseen()
    number = waits_with(box, "token")
    assert not requests(epo)
    cards["door"].insert()
    box.wait_state(number, "done", 60)
    assert len(epo.ledger("accepted")) == 1
    wait_token(box, "ready")
