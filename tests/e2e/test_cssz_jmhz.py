"""Monthly reports of an employer (JMHZ): packages, corrections and cancellations of one report are shown together, with what is missing."""

import os

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


def file_one(box, name, **how):
    box.drop(name, cssz_forms.jmhz(name, **how))
    return box.wait_state(name, FILED, timeout=60)["case"]


def row(box, case):
    return next(r for r in box.cases() if r["case"] == case)


def closes(portal):
    return [line for line in portal.ledger("close") if line["closed"]]


def protocol(state, report=1, vs=cssz_forms.VS, month=4, mistakes=()):
    """ProtokolOZpracovani as it comes to the data box (spec/cssz 8.3)."""
    wrong = "".join(f"<chyba><id>{n}</id><typChyby>zpracovani</typChyby><castPodani>form</castPodani><idFormulare>{cssz_forms.guid(9)}</idFormulare>"
                    f"<kod>40{n:03d}</kod><popis>{words}</popis></chyba>" for n, words in enumerate(mistakes, 1))
    return (f'<?xml version="1.0" encoding="UTF-8"?><ProtokolOZpracovani xmlns="{cssz_forms.S}JMHZ/ProtokolOZpracovani/2026"><variabilniSymbol>{vs}</variabilniSymbol>'
            f"<idPodani>{cssz_forms.guid(report)}</idPodani><mesic>{month}</mesic><rok>2026</rok><stavMH><kod>{state}</kod><nazev>stav</nazev>"
            f"<datumZpracovani>2026-05-02T08:00:00</datumZpracovani></stavMH><protokoly><protokol><kod>1</kod><nazev>x</nazev><chybySeznam>{wrong}</chybySeznam>"
            "</protokol></protokoly></ProtokolOZpracovani>").encode()


def attach(box, case, name, content):
    path = os.path.join(box.dir, name)
    with open(path, "wb") as made:
        made.write(content)
    return box.cli("attach", case, path)[0]


def attached(box, case, name, content):
    """Attached, and found to be no final word on this report."""
    before = len(records(box, case, "sent"))
    assert attach(box, case, name, content) == 0
    until(lambda: len(records(box, case, "sent")) > before, 30, "what was attached is not settled")
    assert box.case(case)["state"] == "sent"
    return records(box, case, "sent")[-1].fields["reason"]


FILED = "sent"  # and taken in by DIS: the final word comes later


def test_packages(vrep, box):
    """Two of three packages came: lists name the other one, and the one that is missing, until it comes. Each is a submission of its own."""
    first = file_one(box, "prvni.xml", package=1, packages=3)
    third = file_one(box, "treti.xml", package=3, packages=3, parts=("form",))
    alone = file_one(box, "jine.xml", report=2)
    assert row(box, first)["group"] == row(box, third)["group"] != row(box, alone)["group"]
    words = row(box, first)["together"]
    assert "balík 1 z 3" in words and third in words and "chybí balíky 2" in words, words
    assert "together" not in row(box, alone)
    until(lambda: "chybí balíky 2" in box.overview(), 20, "the overview does not say what is missing")
    assert "chybí balíky 2" in box.run_cli("show", third).stdout.decode()
    second = file_one(box, "druhy.xml", package=2, packages=3, parts=("form",))
    words = row(box, third)["together"]
    assert first in words and second in words and "chybí" not in words, words
    approved = records(box, second, "approved")[0].fields
    assert (approved["package"], approved["packages"], approved["act"]) == ("2", "3", "regular")
    assert cssz_forms.guid(1) not in str([r.fields for r in journal.read(box.data)])
    assert len({a["correlation"] for a in vrep.ledger("accepted")}) == 4


def test_correction_and_cancellation(box):
    """Known for what they are, and shown beside the report that they are about, in both directions."""
    whole = file_one(box, "radne.xml")
    correction = file_one(box, "oprava.xml", kind="O", parts=("form",))
    cancellation = file_one(box, "storno.xml", kind="S", parts=())
    assert [row(box, c)["act"] for c in (whole, correction, cancellation)] == ["regular", "correction", "cancellation"]
    assert f"oprava případu {whole}" in row(box, correction)["together"]
    assert f"storno případu {whole}" in row(box, cancellation)["together"]
    words = row(box, whole)["together"]
    assert f"opraveno případem {correction}" in words and f"zrušeno případem {cancellation}" in words, words
    stray = file_one(box, "cizi.xml", report=7, kind="O", parts=("form",))
    assert "které krabice nemá" in row(box, stray)["together"]


@pytest.mark.parametrize("how, words", [({"parts": ("PVPOJ", "form")}, "chybí souhrn"), ({"kind": "S"}, "Storno hlášení"),
                                        ({"kind": "O", "parts": ()}, "prázdné"), ({"persons": 1501}, "více formulářů")],
                         ids=["no-summary", "full-cancellation", "empty-correction", "too-many"])
def test_refused(vrep, box, how, words):
    box.drop("vadne.xml", cssz_forms.jmhz("refused", **how))
    case = box.wait_state("vadne.xml", "refused", timeout=60)["case"]
    until(lambda: any(words in text for at, text in box.cards("Chyby").items() if case in at), 20, lambda: box.cards("Chyby"))
    assert not vrep.ledger("accepted")


@pytest.mark.sanitized
def test_two_stages(vrep, box):
    """Taken in by DIS is not the end: lists say so, the gateway is told that its result is stored, and the protocol that a person attaches closes the case, when it is about
    this very report. It bears no seal: the evidence is the person's word."""
    case = file_one(box, "hlaseni.xml")
    until(lambda: "přijato DIS, čeká na zpracování MPSV" in row(box, case)["reason"], 60, lambda: row(box, case))
    until(lambda: "přijato DIS" in box.overview(), 20, lambda: box.overview()[-3000:])
    assert [r.fields["evidence"] for r in records(box, case, "sent")] == ["channel", "signed"]
    until(lambda: closes(vrep), 30, "the submission was not closed")
    assert "another report" in attached(box, case, "cizi.xml", protocol(1, report=2))
    assert "another report" in attached(box, case, "jine-obdobi.xml", protocol(1, month=5))
    assert "another report" in attached(box, case, "jina-firma.xml", protocol(1, vs="9900000002"))
    assert "still being processed" in attached(box, case, "probiha.xml", protocol(5))
    assert "not a signed confirmation" in attached(box, case, "cosi.xml", b"<cosi/>")
    assert attach(box, case, "hotovo.xml", protocol(6, mistakes=["Neobvyklá výše příjmu"])) == 0
    box.wait_state("hlaseni.xml", "done", timeout=60)
    closed = records(box, case, "closed")[0].fields
    assert (closed["verdict"], closed["evidence"], closed["warnings"]) == ("accepted", "person", "1")
    with open(os.path.join(box.result(case), "protokol.txt"), encoding="utf-8") as text:
        assert "[40001] Neobvyklá výše příjmu" in text.read()
    assert not [r for r in records(box, case, "request")[2:] if r.fields["purpose"] == "file"] and len(vrep.ledger("accepted")) == 1
    box.stop()
    verdict = auditor.verify(box.bin, box.data)
    assert verdict.code == auditor.YES, verdict


def test_second_stage_refuses(vrep, box):
    """The protocol may refuse what DIS took in; and what DIS itself refuses is the end at once."""
    case = file_one(box, "hlaseni.xml")
    until(lambda: "přijato DIS" in row(box, case)["reason"], 60, lambda: row(box, case))
    assert attach(box, case, "ne.xml", protocol(3, mistakes=["Chybí formulář"])) == 0
    box.wait_state("hlaseni.xml", "data-error", timeout=60)
    assert records(box, case, "closed")[0].fields["evidence"] == "person"
    vrep.switch(dis_103="once")
    box.drop("nepodani.xml", cssz_forms.jmhz("refused by DIS", report=5))
    refused = box.wait_state("nepodani.xml", "data-error", timeout=60)["case"]
    assert records(box, refused, "closed")[0].fields["evidence"] == "signed"
