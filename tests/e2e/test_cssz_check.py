"""What the partner `cssz` rests on when it closes a case, and what it does when the gateway has no answer: told by the gateway's ledger, the journal and the cards."""

import json
import os
import re
import subprocess

import pytest

import cssz_forms
import journal
from box import until
from conftest import BIN

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
    page = until(lambda: "s výhrad" in box.overview(), 20, "the overview does not say it")
    assert page


# --- the validator ---


def asking(make_box, portal, *options):
    box = make_box(portal, settings={'partner "cssz"': {"options": ["vs=" + cssz_forms.VS, "check=yes", *options]}})
    box.wait_token()
    return box


@pytest.mark.sanitized
def test_asked_before_it_is_signed(vrep, make_box):
    """What the validator passes is signed and filed; the question is a record before the intent. Forms that it does not know are not shown to it."""
    box = asking(make_box, vrep)
    box.drop("podani.xml", cssz_forms.regzec("asked", forms=2))
    case = box.wait_state("podani.xml")["case"]
    asked = vrep.ledger("validate")
    assert len(asked) == 1 and asked[0]["codes"] == [] and not asked[0]["reason"]
    kinds = box.types(case)
    assert kinds.index("request") < kinds.index("tested") < kinds.index("intent")
    assert records(box, case, "request")[0].fields["purpose"] == "check" and records(box, case, "tested")[0].fields["verdict"] == "passed"
    box.drop("pvpoj.xml", cssz_forms.pvpoj("not asked"))
    box.wait_state("pvpoj.xml")
    assert len(vrep.ledger("validate")) == 1
    # The auditor finds nothing wrong with a journal in which a question came before the signature.
    said = subprocess.run([os.path.join(BIN, "podatelna-audit"), "verify", box.data, "--json"], stdout=subprocess.PIPE, check=False)
    assert said.returncode in (0, 1) and not [f for f in json.loads(said.stdout)["findings"] if f["weight"] == "damaged"], said.stdout


def test_found_wrong_before_it_is_signed(vrep, make_box):
    """Errors: nothing is signed, nothing is sent, and the protocol says which."""
    box = asking(make_box, vrep)
    vrep.switch(validate_error="once")
    box.drop("podani.xml", cssz_forms.regzec("wrong", forms=2))
    case = box.wait_state("podani.xml", "data-error")["case"]
    assert not {"intent", "signed", "sending"} & set(box.types(case)) and not vrep.ledger("accepted")
    folder = box.result(case)
    with open(f"{folder}/protokol.txt", encoding="utf-8") as file:
        text = file.read()
    assert all(str(code) in text for code in vrep.ledger("validate")[0]["codes"]) and vrep.ledger("validate")[0]["codes"], text


def test_validator_is_away(vrep, make_box):
    """No result: it waits; where the configuration says so, it is signed all the same after some questions, and the journal tells that."""
    box = asking(make_box, vrep, "check-unreachable=skip", "check-tries=2")
    vrep.switch(**{"status503.validate": "on"})
    box.drop("podani.xml", cssz_forms.regzec("away"))
    case = box.wait_state("podani.xml", timeout=60)["case"]
    assert [r.fields["verdict"] for r in records(box, case, "tested")] == ["unavailable", "unavailable"]
    vrep.switch(**{"status503.validate": "off"})
    waits = asking(make_box, vrep)
    vrep.switch(**{"status503.validate": "on"})
    waits.drop("ceka.xml", cssz_forms.regzec("waits"))
    until(lambda: waits.case("ceka.xml") and len(records(waits, waits.case("ceka.xml")["case"], "tested")) >= 3, 60, "not asked again")
    assert not records(waits, waits.case("ceka.xml")["case"], "intent")
    vrep.switch(**{"status503.validate": "off"})
    waits.wait_state("ceka.xml", timeout=60)
