"""Monthly reports of an employer (JMHZ): packages, corrections and cancellations of one report are shown together, with what is missing."""

import os

import pytest

import cssz_forms
import journal
import portal_files
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


def overview(box):
    path = box.place("Prehled.html")
    return portal_files.read(box.share, "Prehled.html").decode() if os.path.exists(path) else ""


FILED = "done"


def test_packages(vrep, box):
    """Two of three packages came: lists name the other one, and the one that is missing, until it comes. Each is a submission of its own."""
    first = file_one(box, "prvni.xml", package=1, packages=3)
    third = file_one(box, "treti.xml", package=3, packages=3, parts=("form",))
    alone = file_one(box, "jine.xml", report=2)
    assert row(box, first)["group"] == row(box, third)["group"] != row(box, alone)["group"]
    words = row(box, first)["together"]
    assert "balík 1 z 3" in words and third in words and "chybí balíky 2" in words, words
    assert "together" not in row(box, alone)
    until(lambda: "chybí balíky 2" in overview(box), 20, "the overview does not say what is missing")
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
