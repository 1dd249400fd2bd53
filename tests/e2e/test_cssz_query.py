"""Queries of ČSSZ: a request file in the inbox becomes a signed query, what comes back stands in Dosle, each notification once."""

import glob
import os

import pytest

import cssz_forms
import journal

from box import until

pytestmark = pytest.mark.usefixtures("vrep")
VS = cssz_forms.VS


def asking(what, **fields):
    return ("".join([f"podatelna-query: {what}\r\n"] + [f"{name}: {value}\r\n" for name, value in fields.items()]) + "end:\r\n").encode()


def records(box, case, kind):
    return [r for r in journal.read(box.data) if r.fields.get("case") == case and r.type == kind]


def arrived(box, suffix):
    return sorted(glob.glob(os.path.join(box.share, "Dosle", "*", "*" + suffix)))


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def paper(box, case, name):
    return text(os.path.join(box.result(case), name))


@pytest.fixture
def box(vrep, make_box):
    box = make_box(vrep)
    box.wait_token()
    return box


def test_state_of_a_report(vrep, box):
    """DZMH: recognised by its first line, asked as any filing is, its plain answer in words, as XML and as a page; asked again with the same bytes it is no duplicate."""
    box.drop("jmhz.xml", cssz_forms.FORMS["jmhz"]("asked about"))
    box.wait_state("jmhz.xml", "done")
    vrep.post("/jmhz", {"state": 4, "errors": [{"part": "form", "code": 40101, "text": "Rodné číslo <neexistuje>"}]})
    question = asking("DZMH", vs=VS, month="04", year=2026)
    for name in ("stav.txt", "stav znovu.txt"):
        box.drop(name, question)
        case = box.wait_state(name, "done")["case"]
        until(lambda: os.path.exists(os.path.join(box.result(case), "protokol.txt")), 20, "no report")
        report = paper(box, case, "protokol.txt")
        assert "zčásti" in report.lower() or "částečně" in report.lower() or "[4]" in report, report
        assert "40101" in report and "Rodné číslo <neexistuje>" in report
        assert [r.fields["kind"] for r in records(box, case, "recognised")] == ["query"]
        assert records(box, case, "closed")[0].fields["data"] == "plain"
        assert any(case in path and "DZMHOdpoved" in path for path in arrived(box, ".xml"))
        page = text(next(path for path in arrived(box, ".html") if case in path))
        assert "Rodné číslo &lt;neexistuje&gt;" in page
    assert [a["etype"] for a in vrep.ledger("accepted")] == ["JMHZ25", "DZMH25", "DZMH25"]
    assert all(not a["notes"] for a in vrep.ledger("accepted"))


@pytest.mark.parametrize("question, words", [
    (asking("DZMH", vs=VS, month=4), "year"), (asking("DZMH", vs=VS), "id month"), (asking("DZMH", vs="12a", month=4, year=2026), "vs"),
    (asking("DZMH", vs=VS, month=13, year=2026), "month"), (asking("DZMH", vs=VS, month=4, year=2026, den=1), "den"),
    (asking("DZMH", vs="1234567890", month=4, year=2026), "symbol")])
def test_questions_that_cannot_be_asked(vrep, box, question, words):
    """Refused with a card and what is wrong, before anything is signed or sent."""
    box.drop("dotaz.txt", question)
    case = box.wait_state("dotaz.txt", "refused")["case"]
    found = until(lambda: glob.glob(os.path.join(box.share, "Chyby", case + "*dotaz.txt.txt")), 20, "no card")
    assert words in text(found[0]), text(found[0])
    assert not vrep.ledger("accepted") and not records(box, case, "intent")
