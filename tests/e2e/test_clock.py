"""The clock (design 3): nothing is sent while it cannot be believed. The box is given another time of day than the portal has."""

import os
import shutil
import time

import pytest

import forms
import journal
import pki
from box import until
from shifted import DAY_MS, HOUR_MS, MINUTE_MS, prepare, set_clock

WAIT_S = 5  # long enough for a filing, and for the box to have asked for the date several times


@pytest.fixture
def make_box(make_box, work):
    """Boxes whose clock can be set (shifted.py)."""
    def make(*arguments, **more):
        box = make_box(*arguments, **{**more, "start": False})
        prepare(box, work)
        if more.get("start", True):
            box.start()
        return box
    return make


def field(box, name):
    return next((r for r in box.rows("status", kind="field") if r["name"] == name), None)


def accepted(box):
    return [r for r in journal.read(box.data) if r.type == "clock-accepted"]


def aged(make_box, portal, days, **more):
    """A box whose journal ends so many days ago."""
    box = make_box(portal, start=False, **more)
    set_clock(box, -days * DAY_MS)
    box.start()
    box.stop()
    set_clock(box, 0)
    return box


def in_doubt(box, portal, note):
    """It takes nothing in, and the portal sees nothing but looks at its clock."""
    box.drop("a.xml", forms.dphdp3(note=note))
    time.sleep(WAIT_S)
    assert box.cli("status")[0] == 1 and "hodiny" in field(box, "box")["value"]
    assert field(box, "clock-wrong"), box.text("status")
    assert not portal.ledger("accepted") and not box.cases()


def test_quiet_for_long_and_right(epo, make_box):
    """40 days without a record: the portal's date over verified TLS confirms the clock, the journal says so, and the filing goes."""
    box = aged(make_box, epo, 40)
    box.start(wait=False)
    box.wait_ready(60)
    record = accepted(box)[-1]
    assert record.fields["by"] == "box" and epo.base.split("//")[1].rstrip("/") in record.fields["reason"]
    assert abs(int(record.fields["off-ms"])) < 10000
    box.drop("a.xml", forms.dphdp3(note="right"))
    box.wait_state("a.xml")
    assert len(epo.ledger("accepted")) == 1


def test_quiet_for_less(epo, make_box):
    """20 days: nobody is asked."""
    box = aged(make_box, epo, 20)
    box.start()
    assert not accepted(box)


def test_ahead_and_other_clocks_say_no(epo, make_box):
    """The box runs 40 days ahead: the portal's date does not confirm it; by how much it is off is told; a person may accept it all the same."""
    box = make_box(epo)
    box.stop()
    set_clock(box, 40 * DAY_MS)
    box.start(wait=False)
    until(lambda: box.cli("status")[0] == 1, 30, lambda: box.log_tail())
    in_doubt(box, epo, "ahead")
    until(lambda: abs(int((field(box, "clock") or {}).get("off-ms", 0)) - 40 * DAY_MS) < 60000, 30, lambda: box.text("status"))
    assert "40 d" in field(box, "clock-wrong")["value"] and not accepted(box)
    assert box.cli("clock", "accept", "--reason", "zkouška")[0] == 0
    box.wait_ready()
    assert accepted(box)[-1].fields["by"].startswith("uid:")


def test_one_of_two_does_not_answer(epo, make_box):
    """Where two hosts are configured both must agree."""
    box = aged(make_box, epo, 40, settings={'tsa "dead"': {"urls": ["https://127.0.0.1:9/"]}})
    box.start(wait=False)
    until(lambda: "hodiny" in (field(box, "box") or {}).get("value", ""), 30, lambda: box.log_tail())
    in_doubt(box, epo, "one of two")
    assert not accepted(box)


def test_untrusted_server(epo, make_box, work):
    """A date without a trusted certificate confirms nothing."""
    other = os.path.join(work, "another-ca")
    pki.make(other)
    box = aged(make_box, epo, 40)
    shutil.copy(os.path.join(other, "ca.pem"), os.path.join(box.dir, "other-ca.pem"))
    os.chmod(os.path.join(box.dir, "other-ca.pem"), 0o644)
    box.set('partner "epo"', ca_file=os.path.join(box.dir, "other-ca.pem"))
    box.start(wait=False)
    until(lambda: "hodiny" in (field(box, "box") or {}).get("value", ""), 30, lambda: box.log_tail())
    in_doubt(box, epo, "untrusted")
    assert not accepted(box)


def test_before_the_last_record(epo, make_box):
    """A clock before the last record is never accepted by dates, not even by true ones; set right, it works without a word of a person."""
    box = make_box(epo, start=False)
    set_clock(box, 2 * HOUR_MS)
    box.start()
    box.stop()
    set_clock(box, 0)
    box.start(wait=False)
    until(lambda: "hodiny" in (field(box, "box") or {}).get("value", ""), 30, lambda: box.log_tail())
    in_doubt(box, epo, "before")
    assert not accepted(box) and not epo.ledger()
    box.stop()
    set_clock(box, 3 * HOUR_MS)
    box.start()


@pytest.mark.parametrize("step", [-2 * HOUR_MS, 40 * DAY_MS], ids=["back", "ahead"])
def test_step_while_it_runs(epo, make_box, step):
    """A clock that jumps under the running box: nothing goes out until it is right again; then everything goes by itself."""
    box = make_box(epo)
    box.wait_token()
    set_clock(box, step)
    until(lambda: box.cli("status")[0] == 1, 20, lambda: box.text("status"))
    in_doubt(box, epo, f"step {step}")
    set_clock(box, 0)
    box.wait_state("a.xml", timeout=60)
    assert len(epo.ledger("accepted")) == 1 and not accepted(box)


def test_put_back_in_a_quiet_box(epo, make_box):
    """Put back, yet after the last record that was believed: the portal's date decides. A record made before the box saw the step does not count."""
    box = make_box(epo)
    box.wait_token()
    until(lambda: [r for r in journal.read(box.data) if r.type == "anchor"], 30, "no checkpoint: the box is not quiet yet")
    set_clock(box, 2 * HOUR_MS)
    time.sleep(3)
    assert box.cli("status")[0] == 0, "a step of hours ahead is not implausible by itself"
    set_clock(box, HOUR_MS)
    assert box.cli("token", "logout")[0] == 0
    assert [r for r in journal.read(box.data) if r.type == "token"][-1].fields["event"] == "logout"
    until(lambda: "vráceny" in field(box, "box")["value"], 20, lambda: box.text("status"))
    in_doubt(box, epo, "put back")
    assert not accepted(box)
    set_clock(box, 0)
    until(lambda: accepted(box), 120, lambda: box.log_tail())
    assert box.login().returncode == 0
    box.wait_state("a.xml")
    assert accepted(box)[-1].fields["by"] == "box" and len(epo.ledger("accepted")) == 1


def test_off_by_minutes(epo, make_box):
    """Ten minutes ahead: it works, and says by how much and what to do."""
    box = make_box(epo, start=False)
    set_clock(box, 10 * MINUTE_MS)
    box.start()
    box.drop("a.xml", forms.dphdp3(note="minutes"))
    box.wait_state("a.xml")
    assert len(epo.ledger("accepted")) == 1
    off = int(field(box, "clock")["off-ms"])
    assert 590000 < off < 610000 and "napřed o" in field(box, "clock-wrong")["value"]
