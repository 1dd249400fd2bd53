"""The second partner (design 8): a catalogue file, a folder under transport/, a simulator; nothing in the core knows it."""

import os
import subprocess
import time

import pytest

import forms
from box import TOP, until
from simulator import Simulator


@pytest.fixture(scope="module")
def running_toy(work, pki_dir):
    with Simulator("toy", os.path.join(work, "toy"), pki_dir) as portal:
        yield portal


@pytest.fixture
def toy(running_toy):
    running_toy.reset(ledger=True)
    yield running_toy
    assert not running_toy.ledger("simulator-error")


def test_core_does_not_know_partners():
    """No partner is named in the hub, the store, the token, the network program or the command line."""
    for folder in ("appliance", "store", "token", os.path.join("transport", "net"), os.path.join("transport", "base")):
        found = subprocess.run(["grep", "-rniwE", "toy|hračka|Pisemnost|DPHDP3", "--include=*.c", "--include=*.h", os.path.join(TOP, folder)],
                               stdout=subprocess.PIPE, check=False).stdout.decode()
        code = [line for line in found.splitlines() if not line.split(":", 2)[2].lstrip().startswith(("*", "/*", "//"))
                and "\t/*" not in line]
        assert not code, code


@pytest.mark.sanitized
def test_both_partners(epo, toy, make_box):
    """One box, two partners: each gets its own, each closed by its own evidence."""
    box = make_box([epo, toy])
    box.wait_token()
    box.drop("dph.xml", forms.dphdp3(note="two partners"))
    box.drop("hračka.xml", forms.toy(id="toy-7"))
    box.wait_state("dph.xml")
    case = box.wait_state("hračka.xml")
    assert case["partner"] == "toy" and case["form"] == "Toy"
    assert [line["id"] for line in toy.ledger("accepted")] == ["toy-7"] and len(epo.ledger("accepted")) == 1
    closed = next(r for r in box.rows("show", case["case"], kind="record") if r["type"] == "closed")
    assert "evidence=channel" in closed["detail"]
    assert "stav.txt" in os.listdir(box.result(case["case"]))


def test_refused_by_the_toy(toy, make_box):
    box = make_box(toy)
    box.wait_token()
    box.drop("špatná.xml", forms.toy(id="toy-8", bad=True))
    box.wait_state("špatná.xml", "data-error")
    assert not toy.ledger("accepted")


@pytest.mark.parametrize("fault", ["wrong_sha256", "cut_after_request", "garbage"])
def test_unclear_reply_of_the_toy(toy, make_box, fault):
    toy.switch({fault: "on"})
    box = make_box(toy)
    box.wait_token()
    box.drop("nejistá.xml", forms.toy(id="toy-9"))
    box.wait_state("nejistá.xml", "uncertain")
    toy.reset()
    time.sleep(2)
    assert len(toy.ledger("accepted")) == 1


def test_approval_by_catalogue(toy, make_box):
    """`approval = "needed"` for a file name pattern: the hub asks a person, whatever a parser says."""
    box = make_box(toy)
    box.wait_token()
    box.drop("prosím schvalit.xml", forms.toy(id="toy-10"))
    case = box.wait_state("prosím schvalit.xml", "held")
    time.sleep(1.5)
    assert not toy.ledger("accepted")
    until(lambda: any(case["case"] in n for n in box.listing("KeSchvaleni") + box.listing("Chyby")), 10,
          lambda: f"something for the person who approves: {box.listing('KeSchvaleni')}")
    assert box.cli("approve", case["case"])[0] == 0
    box.wait_state(case["case"], "done")
    assert len(toy.ledger("accepted")) == 1


def test_partner_not_configured(epo, make_box):
    """The catalogue knows it, the configuration does not: put aside, not lost."""
    box = make_box(epo, start=False)
    import shutil
    shutil.copy(os.path.join(TOP, "tests", "lib", "catalogue", "toy.conf"), box.catalogue)
    box.start()
    box.drop("hračka.xml", forms.toy())
    box.wait_state("hračka.xml", "unknown")
