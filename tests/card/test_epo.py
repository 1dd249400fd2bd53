"""The end-to-end tests of the tax portal, unchanged, with a card: 9C signs and wants the PIN for each signature, 9D opens the vault."""

import pytest

from box import until
from test_filing import file_one, test_accepted, test_what_is_filed_is_the_signed_form, test_control_statement_is_zipped  # noqa: F401
from test_filing import test_sent_until_decided, test_without_test_run, test_poll_all_asks_in_turn, test_attach_by_hand  # noqa: F401
from test_filing import test_outcome_unknown, test_bad_confirmation  # noqa: F401

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("pin", ["file", "prompt"])
def test_pin_anew_for_each_signature(epo, make_box, make_cards, pin):
    """The card's own count: one PIN for the login, one before each signature; 9C refused none for the lack of it."""
    cards = make_cards()
    box = make_box(epo, cards, pin=pin)
    if pin == "prompt":
        box.wait_token("pin-needed")
        assert box.login().returncode == 0
    box.wait_token()
    for _ in range(3):
        file_one(box)
    card = cards["office"]
    assert card.operations("9C") == [("9C", "07", "9000")] * 3
    assert card.verifies() == ["ok"] * 4
    assert len(epo.ledger("accepted")) == 3
    # What is sealed to the vault key only the card opens.
    opened = len(card.operations("9D"))
    box.restart()
    if pin == "prompt":
        box.wait_token("pin-needed")
        assert box.login().returncode == 0
    box.wait_token()
    until(lambda: len(card.operations("9D", "9000")) > opened, 20, "the vault is opened on the card")
    assert all(status == "9000" for _, _, status in card.operations())
