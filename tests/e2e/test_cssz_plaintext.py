"""What ČSSZ answers to a query is read on the share and in the vault, and lies nowhere else in clear, whatever dies on the way."""

import glob
import os
import sys
import time

import pytest

import cssz_forms
from box import until

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
    box.stop()
    lying = plaintext.search(box, since=began)
    assert not lying, lying

    class Checks:
        failed = []

        def check(self, good, what, detail=""):
            if not good:
                self.failed.append((what, detail))

    plaintext.prove(box, Checks())
    assert not Checks.failed
