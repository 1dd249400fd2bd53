"""What ČSSZ answers to a query is read on the share and in the vault, and lies nowhere else in clear, whatever dies on the way."""

import glob
import os
import sys
import time

import pytest

import cssz_forms
from box import until
from test_cssz_query import arrived, asking

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "crash"))
import common  # noqa: E402
import plaintext  # noqa: E402

pytestmark = pytest.mark.usefixtures("vrep")
QUERIES, KILLED = 6, ("partner", "store", "transport", "hub", "token")


def question(month):
    return f"podatelna-query: DZMH\r\nvs: {cssz_forms.VS}\r\nmonth: {month}\r\nyear: 2026\r\nend:\r\n".encode()


def test_answers_to_queries(vrep, make_box):
    """The words of a report's errors come back as plain data: packed, opened, split and rendered by processes that are killed meanwhile."""
    began = time.time()
    box = make_box(vrep, settings={"journal": {"segment": "64 KiB"}})
    box.wait_token()
    box.drop("jmhz.xml", cssz_forms.FORMS["jmhz"](common.MARKER))
    box.wait_state("jmhz.xml", "sent", timeout=60)  # taken in: what comes of it is asked below
    vrep.post("/jmhz", {"state": 4, "errors": [{"part": "form", "code": 40101, "text": common.MARKER}]})
    for number in range(QUERIES):
        # The month of the report is asked about each time; the file's own name makes it another one.
        box.drop(f"dotaz-{number}.txt", question(4) + b"\r\n" * number)
        if number < len(KILLED):
            until(lambda n=number: box.case(f"dotaz-{n}.txt") is not None, 60, box.log_tail)
            box.kill(KILLED[number])
            until(lambda: box.cli("status")[0] == 0, 60, box.log_tail)
    numbers = [box.wait_state(f"dotaz-{number}.txt", ("done", "uncertain"), timeout=90)["case"] for number in range(QUERIES)]
    answered = [n for n in numbers if box.case(n)["state"] == "done"]
    assert answered, box.cases()
    until(lambda: all("delivered" in box.types(n) for n in answered), 60, box.log_tail)
    said = [open(path, encoding="utf-8").read() for n in answered for path in glob.glob(os.path.join(box.share, "Dosle", "*", f"*{n}*.xml"))]
    assert said and all(common.MARKER in text for text in said), "the answers are there for people"
    nowhere_else(box, began, common.MARKER)


def test_notifications(vrep, asker):  # noqa: F811
    """The same of notifications, which the token opens: names of people, who are in no form of ours."""
    began, name = time.time(), "Příkladná"
    vrep.switch(notifications=12)
    asker.drop("dotaz.txt", asking("DZDPN", **{"vs": cssz_forms.VS, "from": "2026-02-01", "to": "2026-03-03"}))
    for count, program in ((1, "hub"), (3, "partner"), (6, "store"), (9, "token")):
        until(lambda n=count: len(arrived(asker, ".xml")) >= n, 60, asker.log_tail)
        asker.kill(program)
    case = asker.wait_state("dotaz.txt", "done", timeout=60)["case"]
    until(lambda: len(arrived(asker, ".html")) == 12 and os.path.exists(os.path.join(asker.result(case), "stav.txt")), 60, asker.log_tail)
    said = [open(path, encoding="utf-8").read() for path in arrived(asker, ".xml")]
    assert len(said) == 12 and all(name in text for text in said), "they are there for people, each once"
    nowhere_else(asker, began, name)


class Checks:
    """What plaintext.prove() tells."""

    def __init__(self):
        self.failed = []

    def check(self, good, what, detail=""):
        if not good:
            self.failed.append((what, detail))


def nowhere_else(box, began, marker):
    box.stop()
    lying = plaintext.search(box, (marker,), since=began)
    assert not lying, lying
    checks = Checks()
    plaintext.prove(box, checks, marker)
    assert not checks.failed, "the search finds what is planted"
