"""Everything a key can do, over cards: the rows of tests/unit/token_matrix_test.c, with openssl as the other side."""

import os
import subprocess

import pytest

from conftest import BIN

TEST = os.path.join(os.path.dirname(os.path.abspath(BIN)), "unit", "token_matrix_test")
LIMIT_S = 200
SIGNATURES = 12  # three digests, two paddings, with signed attributes and without


@pytest.mark.parametrize("sign,opens", [("sign", "vault"), ("sign/ec", "vault/ec"), ("sign/rsa3072", "vault/p384"), ("sign/p384@9A", "vault/rsa3072")])
def test_rows(make_cards, sign, opens):
    """Signatures with every digest and padding, messages of every kind; the card did each of them once, and refused none."""
    cards = make_cards({"office": [sign, opens]})
    token = cards.tokens[0]
    key, opener = token["keys"]
    environment = {"CARD_MODULE": cards.module, "CARD_URI": token["uri"], "CARD_SIGN": key["id"], "CARD_OPEN": opener["id"], "CARD_CERT": opener["cert"],
                   "CARD_KIND": opener["type"][:3] if opener["type"].startswith("rsa") else "ec", "CARD_CA": os.path.join(cards.pki, "ca.pem"),
                   "CARD_ENVIRONMENT": ",".join(f"{k}={v}" for k, v in cards.environment("office").items())}
    done = subprocess.run([TEST], env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False, text=True,
                          errors="replace")
    assert done.returncode == 0, done.stdout[-4000:]
    card = cards["office"]
    assert [status for _, _, status in card.operations(key["slot"])] == ["9000"] * SIGNATURES
    assert {status for _, _, status in card.operations(opener["slot"])} == {"9000"}
    # A login, and where the slot asks for it, a PIN before each signature.
    assert card.verifies() == ["ok"] * (1 + SIGNATURES if key["slot"] == "9C" else 1)
