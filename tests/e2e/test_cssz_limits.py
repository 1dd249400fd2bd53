"""What ČSSZ takes and when: files that can never be filed are refused right when they come, and the queue goes on."""

import datetime
import os
import random
import zoneinfo

import pytest

import auditor
import cssz_forms
import journal
from box import until

pytestmark = pytest.mark.usefixtures("vrep")


@pytest.fixture
def box(vrep, make_box):
    box = make_box(vrep)
    box.wait_token()
    return box


def records(box, case, kind):
    return [r for r in journal.read(box.data) if r.fields.get("case") == case and r.type == kind]


def noise(length):
    """Text that cannot be packed."""
    return "".join(random.Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


UNFIT = {
    "mnoho.xml": (cssz_forms.regzec("too many", forms=1501), "more forms", "nejvýše 1500"),
    "prazdny.xml": (cssz_forms.regzec("none", forms=0), "no form", "žádný formulář"),
    "dva-symboly.xml": (cssz_forms.document("REGZEC", cssz_forms.S + "REGZEC/2025", f'<employee sqnr="1"><comp vs="{cssz_forms.VS}"/></employee>'
                                            '<employee sqnr="2"><comp vs="9900000002"/></employee>'), "several variable symbols", "různé variabilní symboly"),
    "cizi.xml": (cssz_forms.regzec("other", vs="9900000002"), "not the configured one", "nastavení krabice"),
    "velky.xml": (cssz_forms.regzec(noise(60000)), "larger than", "větší, než ČSSZ přijímá"),
    "dva-ozuspoj.xml": (cssz_forms.document("podaniOzuspoj", cssz_forms.S + "POJ/OZUSPOJ23",
                                            f"<formularOzuspoj><zamestnavatel><vs>{cssz_forms.VS}</vs></zamestnavatel></formularOzuspoj>" * 2),
                        "exactly one", "právě jeden"),
}


@pytest.mark.sanitized
def test_unfit(vrep, make_box):
    """Refused at intake, with a card that says why in Czech; nothing of them is signed or sent, and what came with them goes out."""
    box = make_box(vrep)
    box.set('partner "cssz"', options=[f"vs={cssz_forms.VS}", "request-max=60000"])
    box.restart()
    box.wait_token()
    for name, (document, _, _) in UNFIT.items():
        box.drop(name, document)
    box.drop("dobry.xml", cssz_forms.regzec("good"))
    box.wait_state("dobry.xml", timeout=60)
    for name, (document, reason, words) in UNFIT.items():
        case = box.wait_state(name, "refused", timeout=60)["case"]
        refused = records(box, case, "refused")
        assert len(refused) == 1 and refused[0].fields["reason"].startswith("unfit: ") and reason in refused[0].fields["reason"]
        assert not records(box, case, "intent") and not records(box, case, "approved")
        until(lambda: "delivered" in box.types(case), 20, f"no card of {case}")
        card = next(text for at, text in box.cards("Chyby").items() if case in at)
        assert words in card and "Co udělat" in card, card
        with open(box.place("Chyby", f"{case} {name}"), "rb") as kept:
            assert kept.read() == document
    assert len(vrep.ledger("accepted")) == 1


def test_unfit_by_a_persons_word(vrep, box):
    """A person says what a file is, and it cannot be filed as that: refused all the same, by the one way that the table of states has."""
    box.drop("cosi.xml", b"<?xml version=\"1.0\"?>\n<cosi/>\n")
    case = box.wait_state("cosi.xml", "unknown")["case"]
    assert box.cli("classify", case, "REGZEC25")[0] == 0
    box.wait_state("cosi.xml", "refused")
    kinds = [kind for kind in box.types(case) if kind in ("recognised", "held", "rejected", "refused", "approved", "intent")]
    assert kinds == ["recognised", "held", "rejected"]
    until(lambda: [text for at, text in box.cards("Chyby").items() if case in at and "žádný formulář" in text], 20, "no card")
    assert not box.cards("Nezname") and not box.cards("KeSchvaleni")
    box.stop()
    verdict = auditor.verify(box.bin, box.data)
    assert verdict.code == auditor.YES, verdict


def reason(box, name):
    return (box.case(name) or {"reason": ""})["reason"]


def test_deferred(vrep, make_box):
    """300 forms are processed in the evening: lists say so, and nobody is bothered with questions meanwhile; a person may ask at any time."""
    box = make_box(vrep)
    box.set('partner "cssz"', poll_deferred="1 h")
    box.restart()
    box.wait_token()
    box.drop("mnoho.xml", cssz_forms.regzec("deferred", forms=300))
    case = box.wait_state("mnoho.xml", "sent", timeout=60)["case"]
    until(lambda: "večerním zpracování" in reason(box, "mnoho.xml"), 20, lambda: reason(box, "mnoho.xml"))
    box.drop("jeden.xml", cssz_forms.regzec("at once"))
    box.wait_state("jeden.xml", timeout=60)  # asked and answered meanwhile
    assert not [r for r in records(box, case, "request") if r.fields["purpose"] == "poll"]
    assert records(box, case, "approved")[0].fields["forms"] == "300" and records(box, case, "approved")[0].fields["deferred"] == "yes"
    until(lambda: "ve večerním zpracování" in box.overview(), 20, "the overview does not say it")
    vrep.post("/release", {})
    until(lambda: box.cli("poll", case) and box.case(case)["state"] == "done", 60, lambda: box.case(case), step=1)
    with open(os.path.join(box.result(case), "stav.txt"), encoding="utf-8") as text:
        assert "Formulářů: 300" in text.read()


def test_duplicate(vrep, make_box):
    """Approved by a person, the same content still waits until the gateway no longer takes it for a duplicate; lists say why and until when."""
    vrep.switch(duplicates="off")
    box = make_box(vrep)
    box.wait_token()
    document = cssz_forms.regzec("twice")
    box.drop("prvni.xml", document)
    first = box.wait_state("prvni.xml", timeout=60)["case"]
    box.drop("druhy.xml", document)
    second = box.wait_state("druhy.xml", "held")["case"]
    assert box.cli("approve", second)[0] == 0
    until(lambda: "duplicitní" in reason(box, "druhy.xml"), 20, lambda: reason(box, "druhy.xml"))
    sent = datetime.datetime.fromisoformat(records(box, first, "sending")[0].time.replace("Z", "+00:00"))
    when = (sent + datetime.timedelta(hours=48)).astimezone(zoneinfo.ZoneInfo("Europe/Prague"))
    assert f"{when.day}. {when.month}. {when.year} {when:%H:%M}" in reason(box, "druhy.xml")
    assert box.case(second)["state"] == "ready"
    box.drop("jiny.xml", cssz_forms.regzec("another"))  # nothing else waits for it
    box.wait_state("jiny.xml", timeout=60)
    assert not records(box, second, "intent") and len(vrep.ledger("accepted")) == 2
    box.set('partner "cssz"', duplicate_wait="1 ms")
    box.restart()
    box.wait_token()
    box.wait_state("druhy.xml", timeout=60)
    assert len(vrep.ledger("accepted")) == 3
