"""Queries of ČSSZ: a request file in the inbox becomes a signed query, what comes back stands in Dosle, each notification once."""

import datetime
import glob
import os
import re

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


@pytest.mark.sanitized
def test_state_of_a_report(vrep, box):
    """DZMH: recognised by its first line, asked as any filing is, its plain answer in words, as XML and as a page; asked again with the same bytes it is no duplicate."""
    box.drop("jmhz.xml", cssz_forms.FORMS["jmhz"]("asked about"))
    box.wait_state("jmhz.xml", "sent")
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


def numbers(box, suffix=".xml"):
    """IdNotifikace of what stands in Dosle, in the order of its names."""
    return [re.search(r"<IdNotifikace>([^<]*)<", text(path)).group(1).split("-")[1] for path in arrived(box, suffix)]


def ask_days(box, name, begin="2026-02-01", end="2026-03-03", what="DZDPN", **more):
    box.drop(name, asking(what, **{"vs": VS, "from": begin, "to": end}))
    return box.wait_state(name, "done", **more)["case"]


def wait_papers(box, case):
    until(lambda: os.path.exists(os.path.join(box.result(case), "stav.txt")), 30, lambda: f"no papers of {case}:\n{box.log_tail()}")


@pytest.mark.sanitized
def test_notifications_once(vrep, asker):
    """Encrypted for our certificate, opened by the token, unpacked, taken apart; what an overlapping query brings again stays away, also after a restart."""
    vrep.switch(notifications=3)
    first = ask_days(asker, "prvni.txt")
    wait_papers(asker, first)
    assert numbers(asker) == ["1", "2", "3"]
    assert len(arrived(asker, ".html")) == 3 and all(first in path for path in arrived(asker, ".html"))
    assert "Příkladná 1" in text(arrived(asker, ".html")[0])
    assert records(asker, first, "closed")[0].fields["data"] == "enveloped"
    assert [r.fields.get("item") for r in records(asker, first, "delivered")] == [None, "1", "2", "3", None]
    unwraps = [r for r in journal.read(asker.data) if r.type == "unwrap" and r.fields.get("key") == "decrypt"]
    assert [r.fields["what"] for r in unwraps] == [first + " attachment"]
    asker.stop()
    asker.start()
    asker.wait_token(label="answers")
    vrep.switch(notifications=5)
    second = ask_days(asker, "druhy.txt", "2026-02-10", "2026-03-05")
    wait_papers(asker, second)
    assert numbers(asker) == ["1", "2", "3", "4", "5"]
    assert "Dosle" in paper(asker, second, "stav.txt")
    third = ask_days(asker, "treti.txt", "2026-02-10", "2026-03-05")
    wait_papers(asker, third)
    assert numbers(asker) == ["1", "2", "3", "4", "5"]
    assert "nic nového" in paper(asker, third, "stav.txt")
    assert asker.cli("journal", "verify")[0] == 0


def test_old_version_and_benefits(vrep, asker):
    """DZDPN of the old version, and DZNP by the number of a decision: each under its own form code; no template leaves anything out that the gateway looks at."""
    vrep.switch(notifications=1)
    case = ask_days(asker, "stary.txt", what="DZDPN20")
    wait_papers(asker, case)
    asker.drop("davka.txt", asking("DZNP", vs=VS, number="A0000042"))
    benefit = asker.wait_state("davka.txt", "done")["case"]
    wait_papers(asker, benefit)
    assert [a["etype"] for a in vrep.ledger("accepted")] == ["DZDPN20", "DZNP25"]
    assert "A0000042" in text(next(path for path in arrived(asker, ".xml") if benefit in path))


def test_too_many_days(vrep, asker):
    """32 days are refused before anything is sent; another limit is a line of configuration."""
    asker.drop("dlouhy.txt", asking("DZDPN", **{"vs": VS, "from": "2026-02-01", "to": "2026-03-04"}))
    case = asker.wait_state("dlouhy.txt", "refused")["case"]
    card = until(lambda: glob.glob(os.path.join(asker.share, "Chyby", case + "*dlouhy.txt.txt")), 20, "no card")
    assert "31" in text(card[0]) and "32" in text(card[0])
    assert not vrep.ledger("accepted")


def test_the_token_that_opens_is_away(vrep, make_box, commercial):
    """The answer is stored and the gateway told so; it waits for the PIN with words, over a restart, and is then opened. Nothing is asked twice."""
    box = make_box(vrep, tokens=commercial, settings={'partner "cssz"': {"answer_key": ["decrypt"]}, 'token "answers"': {"pin": "prompt"}})
    box.wait_token(label="office")
    vrep.switch(notifications=2)
    case = ask_days(box, "dotaz.txt")
    for again in (False, True):
        if again:
            box.stop()
            box.start()
            box.wait_token(label="office")
        until(lambda: "PIN" in box.run_cli("show", case).stdout.decode(), 30, lambda: box.run_cli("show", case).stdout.decode())
        assert not arrived(box, ".xml")
    box.login("answers")
    wait_papers(box, case)
    assert numbers(box) == ["1", "2"]
    assert len(vrep.ledger("accepted")) == 1


@pytest.mark.parametrize("fault", ["data_bomb", "data_cut_gzip", "data_garbage"])
def test_data_that_cannot_be_taken_apart(vrep, asker, fault):
    """Kept and put beside the papers as they came; the box goes on."""
    vrep.switch(**{fault: "once"}, notifications=1)
    case = ask_days(asker, "dotaz.txt")
    wait_papers(asker, case)
    assert os.path.getsize(os.path.join(asker.result(case), "odpoved-data")) > 0
    after = ask_days(asker, "dalsi.txt", "2026-02-02")
    wait_papers(asker, after)
    assert numbers(asker) == ["1"]


def test_data_for_somebody_else(vrep, asker):
    """Encrypted for another certificate: kept, and the case says why nothing of it can be shown."""
    vrep.switch(data_other="once", notifications=1)
    case = ask_days(asker, "dotaz.txt")
    until(lambda: "answer_key" in asker.run_cli("show", case).stdout.decode(), 30, lambda: asker.run_cli("show", case).stdout.decode())
    assert not arrived(asker, ".xml")


def test_killed_between_items(vrep, asker):
    """Whatever is killed while notifications are put away: each is there once in the end, under one name."""
    vrep.switch(notifications=12)
    asker.drop("dotaz.txt", asking("DZDPN", **{"vs": VS, "from": "2026-02-01", "to": "2026-03-03"}))
    for count in (2, 5, 8):
        until(lambda: len(arrived(asker, ".xml")) >= count, 60, lambda: asker.log_tail())
        asker.kill("hub" if count != 5 else "store")
    case = asker.wait_state("dotaz.txt", "done")["case"]
    until(lambda: case in str(arrived(asker, ".xml")) and len(arrived(asker, ".html")) == 12, 60, lambda: asker.log_tail())
    wait_papers(asker, case)
    assert sorted(numbers(asker), key=int) == [str(n) for n in range(1, 13)]
    assert [r.fields["item"] for r in records(asker, case, "delivered") if "item" in r.fields] == [str(n) for n in range(1, 13)]


def test_asked_by_command(vrep, asker):
    """The command line hands in the very text that staff would write; the journal names who asked."""
    vrep.switch(notifications=1)
    code, rows = asker.cli("cssz", "dzdpn", "--from", "1. 2. 2026", "--to", "2026-03-03", "--vs", VS)
    assert code == 0
    case = next(row["value"] for row in rows if row.get("name") == "case")
    wait_papers(asker, case)
    assert numbers(asker) == ["1"]
    received = records(asker, case, "received")[0].fields
    assert (received["kind"], received["source"], received["by"]) == ("query", "cli", f"uid:{os.getuid()}")
    with open(os.path.join(asker.result(case), "DZDPN.txt"), "rb") as handed_in:
        assert handed_in.read() == f"podatelna-query: DZDPN\nvs: {VS}\nfrom: 1. 2. 2026\nto: 2026-03-03\nend:\n".encode()
    assert asker.cli("cssz", "dzdpn", "--from", "2026-02-01")[0] == 2
    code, rows = asker.cli("cssz", "dzmh", "--month", "4")
    refused = next(row["value"] for row in rows if row.get("name") == "case")
    until(lambda: "refused" in asker.types(refused), 30, lambda: asker.types(refused))


def test_once_a_day(vrep, make_box, commercial):
    """By the clock, without anybody: one query a day whatever is started anew, today the last of its days, in the name of the box."""
    box = make_box(vrep, tokens=commercial, settings={'partner "cssz"': {"answer_key": ["decrypt"]},
                                                      'query "notifications"': {"partner": "cssz", "what": "DZDPN", "at": "00:00", "days": 3}})
    box.wait_token(label="answers")
    vrep.switch(notifications=2)
    case = until(lambda: box.rows("list", kind="case"), 60, lambda: box.log_tail())[0]["case"]
    until(lambda: len(arrived(box, ".html")) == 2, 60, lambda: box.log_tail())
    received = records(box, case, "received")[0].fields
    assert (received["kind"], received["source"], received["by"]) == ("query", "timer.notifications", "box")
    wait_papers(box, case)
    lines = dict(line.split(": ", 1) for line in paper(box, case, "DZDPN.txt").splitlines() if ": " in line)
    assert (datetime.date.fromisoformat(lines["to"]) - datetime.date.fromisoformat(lines["from"])).days == 2
    box.kill("hub")
    box.wait_ready()
    box.stop()
    box.start()
    box.wait_token(label="answers")
    other = ask_days(box, "rucne.txt", "2026-02-01")  # the clock has been looked at meanwhile
    wait_papers(box, other)
    today = [r for r in journal.read(box.data) if r.type == "received" and r.fields["source"].startswith("timer.")]
    assert len({r.time[:10] for r in today}) == len(today)
