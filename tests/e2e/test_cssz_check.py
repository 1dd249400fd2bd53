"""What the partner `cssz` rests on when it closes a case, and what it does when the gateway has no answer: told by the gateway's ledger, the journal and the cards."""

import re

import pytest

import cssz_forms
import journal
from box import until

pytestmark = pytest.mark.usefixtures("vrep")


def records(box, case, kind):
    return [r for r in journal.read(box.data) if r.fields.get("case") == case and r.type == kind]


def started(make_box, portal, **settings):
    """A box whose catalogue of ČSSZ waits for a person only so long."""
    box = make_box(portal, start=False)
    with open(f"{box.catalogue}/cssz.conf", encoding="utf-8") as file:
        text = file.read()
    for name, value in settings.items():
        text, count = re.subn(rf"(?m)^(\s*{name} = ).*$", rf'\g<1>"{value}"', text)
        assert count == 1
    with open(f"{box.catalogue}/cssz.conf", "w", encoding="utf-8") as file:
        file.write(text)
    box.start()
    box.wait_token()
    return box


@pytest.mark.parametrize("mine, other", [(cssz_forms.nempri("mine", forms=1), cssz_forms.nempri("other", forms=2)),
                                         (cssz_forms.regzec("mine", forms=2), cssz_forms.regzec("other", forms=1))], ids=["nempri", "regzec"])
def test_result_of_another_filing(vrep, make_box, mine, other):
    """The result of another of our filings, sealed and under the right CorrelationID, closes nothing; asked anew, the right one does."""
    box = make_box(vrep)
    box.wait_token()
    box.drop("jine.xml", other)
    box.wait_state("jine.xml")
    vrep.switch(swapped_result="on")
    box.drop("moje.xml", mine)
    case = box.wait_state("moje.xml", "uncertain")["case"]
    assert not records(box, case, "closed") and records(box, case, "verified")[0].fields["result"] == "valid"
    assert "another filing" in records(box, case, "unclear")[0].fields["reason"]
    cards = until(lambda: [text for name, text in box.cards("Chyby").items() if case in name], 20, "no card")
    assert "patří k jinému podání" in cards[0] and "podatelna poll" in cards[0]
    vrep.switch(swapped_result="off")
    assert box.cli("poll", case)[0] == 0
    box.wait_state("moje.xml")
    assert len(vrep.ledger("accepted")) == 2


def test_not_known_for_a_moment(vrep, make_box):
    """2000 is asked again."""
    box = make_box(vrep)
    box.wait_token()
    vrep.switch(**{"gateway_2000.poll": "once"})
    box.drop("podani.xml", cssz_forms.regzec("2000 once"))
    box.wait_state("podani.xml")
    assert [line["number"] for line in vrep.ledger("poll")][0] == 2000


def test_not_known_for_long(vrep, make_box):
    """2000 always makes a person look in the end, with the ways out on the card; to ask by hand is one of them."""
    box = started(make_box, vrep, ask_person_after="1 s")
    vrep.switch(**{"gateway_2000.poll": "on"})
    box.drop("podani.xml", cssz_forms.regzec("2000 always"))
    case = box.wait_state("podani.xml", "uncertain", timeout=60)["case"]
    assert "2000" in records(box, case, "unclear")[0].fields["reason"]
    cards = until(lambda: [text for name, text in box.cards("Chyby").items() if case in name], 20, "no card")
    assert all(words in cards[0] for words in ("nezná", "podatelna poll", "podatelna attach", "podatelna retry"))
    vrep.switch(**{"gateway_2000.poll": "off"})
    assert box.cli("poll", case)[0] == 0
    box.wait_state("podani.xml")
    assert len(vrep.ledger("accepted")) == 1


def test_gone_after_the_end_is_fine(vrep, make_box):
    """A close that is answered 2000 changes nothing about a case that is done."""
    box = make_box(vrep)
    box.wait_token()
    vrep.switch(**{"gateway_2000.close": "on"})
    box.drop("podani.xml", cssz_forms.regzec("gone after the end"))
    case = box.wait_state("podani.xml")["case"]
    until(lambda: vrep.ledger("close"), 20, "no close")
    vrep.switch(**{"gateway_2000.close": "off"})
    assert box.case("podani.xml")["state"] == "done" and not records(box, case, "unclear")


def test_reservations_are_counted(vrep, make_box):
    """`list` says with how many reservations a filing was taken, in its own column and for machines."""
    box = make_box(vrep)
    box.wait_token()
    vrep.switch(warnings="once")
    box.drop("podani.xml", cssz_forms.nempri("reservations", forms=3))
    box.wait_state("podani.xml")
    assert box.case("podani.xml")["warnings"] == "3"
    assert "výhrady protistrany: 3" in box.text("list")
    page = until(lambda: "s výhrad" in open(box.place("Prehled.html"), encoding="utf-8").read(), 20, "the overview does not say it")
    assert page
