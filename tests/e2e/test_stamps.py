"""Time stamps (spec timestamps): what the authority granted, by its own ledger and by openssl's verdict, against what lies in the box."""

import csv
import hashlib
import io
import os
import subprocess
import tempfile
import time

import pytest
from asn1crypto import cms

import forms
import journal
from box import until
from simulator import Simulator

NAME = "razitka"
USER, PASSWORD = "tester", "Heslo123"


@pytest.fixture
def tsa(work, pki_dir):
    """One authority; its directory and so its ledger is that of the test alone."""
    with Simulator("tsa", tempfile.mkdtemp(prefix="tsa-", dir=work), pki_dir) as authority:
        yield authority
        assert not authority.ledger("simulator-error")


def settings(pki_dir, *urls, **more):
    """Nothing is stamped by itself but by the schedule that a test asks for."""
    return {f'tsa "{NAME}"': {"urls": urls, "ca_file": os.path.join(pki_dir, "ca.pem"), "anchors": os.path.join(pki_dir, "ca.pem"),
                              "check_every": "0", "day_end": False, **more},
            "journal": {"quiet": "200 ms"}}


def granted(tsa):
    return len(tsa.ledger("granted"))


def records(box):
    """The journal of a box that may be writing at this moment: a record that is not whole yet is looked at again."""
    for _ in range(20):
        try:
            return journal.read(box.data)
        except journal.JournalFault:
            time.sleep(0.1)
    return journal.read(box.data)


def anchors(box, event):
    """The fields of all records `anchor` with that event, as they stand in the journal."""
    return [r.fields for r in records(box) if r.type == "anchor" and r.fields.get("event") == event]


def verified(box, pki_dir, record):
    """openssl's verdict about the stamp of a record: over the CMS of its checkpoint, or over the text of the note where that was not signed in time."""
    folder = os.path.join(box.data, "journal", "anchor")
    stem, text = os.path.join(folder, record["size"]), os.path.join(box.dir, "text")
    with open(stem + ".note", "rb") as note, open(text, "wb") as f:
        f.write(note.read().split(b"\n\n")[0].rstrip(b"\n") + b"\n")
    for data in (stem + ".p7s", text):
        done = subprocess.run(["openssl", "ts", "-verify", "-data", data, "-in", os.path.join(folder, record["file"]), "-CAfile",
                               os.path.join(pki_dir, "ca.pem")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode == 0 and b"Verification: OK" in done.stdout:
            return True
    return False


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as f:
        return f.read()


def row(box, kind="tsa", *words):
    return box.rows("stamps", *words, kind=kind)[0]


def wait_left(box, left):
    until(lambda: row(box)["left"] == str(left), 20, lambda: f"{left} left: {row(box)}\n{box.log_tail()}")


@pytest.mark.parametrize("keys", [(), ("journal",)], ids=["unsigned", "signed"])
def test_the_journal_is_stamped(tsa, epo, make_box, pki_dir, keys):
    """By its schedule, when there is something new and only then; what lies in the box is what was granted, and openssl agrees."""
    box = make_box(epo, tokens={"office": ["sign", "vault", *keys]}, settings=settings(pki_dir, tsa.url, anchor_every="2 s"), pki_dir=pki_dir)
    box.wait_token()
    until(lambda: anchors(box, "stamp"), 30, box.log_tail)
    box.drop("dph.xml", forms.dphdp3(note="stamped"))
    box.result(box.wait_state("dph.xml")["case"])
    until(lambda: len(anchors(box, "stamp")) >= 2 and "stamp-waits-time" not in str(box.cli("stamps")), 30, box.log_tail)
    time.sleep(4)
    stamped = anchors(box, "stamp")
    assert len(stamped) == granted(tsa), "a stamp was asked for twice, or while nothing was new"
    for record in stamped:
        assert verified(box, pki_dir, record), record
        assert record["purpose"] == "schedule" and record["tsa"] == NAME and abs(int(record["off-ms"])) < 300000
    assert bool(keys) == os.path.exists(os.path.join(box.data, "journal", "anchor", stamped[-1]["size"] + ".p7s"))
    assert box.run_cli("journal", "verify").returncode == 0


@pytest.mark.sanitized
def test_a_person_and_the_trial(tsa, make_box, pki_dir):
    """The trial stamps once, also over a restart; a person has a stamp at once; the overview counts both."""
    box = make_box(settings=settings(pki_dir, tsa.url, check_every="1 d", anchor_every="1 h", package=10))
    until(lambda: anchors(box, "stamp"), 30, box.log_tail)
    box.restart()
    time.sleep(5)
    assert granted(tsa) == 1 and [r["purpose"] for r in anchors(box, "stamp")] == ["check"]
    assert "orazítkován" in box.text("journal", "stamp")
    assert granted(tsa) == 2 and anchors(box, "stamp")[-1]["purpose"] == "person" and verified(box, pki_dir, anchors(box, "stamp")[-1])
    assert row(box)["left"] == "8" and row(box)["of"] == "10" and row(box)["state"] == "ok"
    month = time.strftime("%Y-%m")
    uses = {r["purpose"]: r for r in box.rows("stamps", "--since", "2026-01-01", kind="stamp-use")}
    assert set(uses) == {"check", "person"} and all(u["count"] == "1" and u["bad"] == "0" for u in uses.values())
    assert not box.rows("stamps", "--month", "2020-01", kind="stamp-use")
    table = list(csv.DictReader(io.StringIO(box.text("stamps", "--csv"))))
    assert {(r["purpose"], r["count"], r["case"]) for r in table} == {("check", "1", ""), ("person", "1", "")}
    assert abs(int(month.replace("-", "")) - int(table[0]["month"].replace("-", ""))) <= 89  # the Czech month may be the next one
    assert "zkouška" in box.text("stamps", "--since", "2026-01-01")


def test_three_addresses(work, pki_dir, make_box):
    """One down, two down: the next one is asked, and one stamp is spent. A login that is refused is asked once and nowhere else, until a person asks."""
    with Simulator("tsa", os.path.join(work, "tsa-three"), pki_dir, settings=[f"user={USER}", f"password={PASSWORD}"]) as last, \
            Simulator("tsa", os.path.join(work, "tsa-two"), pki_dir, settings=[f"user={USER}", f"password={PASSWORD}"]) as second:
        box = make_box(settings={**settings(pki_dir, "https://127.0.0.1:9/tsa", second.url, last.url, anchor_every="1 h", user=USER)}, start=False)
        secret = os.path.join(box.dir, "tsa.password")
        box.write_pin(secret, PASSWORD)
        box.set(f'tsa "{NAME}"', password_file=secret)
        box.start()
        assert "orazítkován" in box.text("journal", "stamp")
        assert (granted(second), granted(last)) == (1, 0)
        second.stop()
        assert "orazítkován" in box.text("journal", "stamp")
        assert granted(last) == 1 and len(anchors(box, "stamp")) == 2
        last.stop()
        said = box.run_cli("journal", "stamp")
        assert said.returncode == 1 and row(box)["state"] == "failing"
        second.start(), last.start()
        second.reset(ledger=True), last.reset(ledger=True)
        box.write_pin(secret, "wrong")
        box.set(f'tsa "{NAME}"', anchor_every="1 s")
        box.restart()
        until(lambda: row(box)["state"] == "put-off", 20, box.log_tail)
        time.sleep(3)
        assert len(second.ledger("refused")) == 1 and not last.ledger("refused"), "a refused login is not tried again, nor elsewhere"
        assert granted(second) + granted(last) == 0
        assert "journal stamp" in box.text("stamps")
        box.run_cli("journal", "stamp")
        assert len(second.ledger("refused")) == 2


def test_package_stop_line_and_correction(tsa, make_box, pki_dir):
    """Counted down over restarts to the stop line; a person corrects with a reason and the right; the portal's own empty package is told in words."""
    box = make_box(settings=settings(pki_dir, tsa.url, anchor_every="1 h", package=5, stop_line=2))
    figures = os.path.join(box.dir, "figures")
    os.makedirs(figures, exist_ok=True)
    os.chmod(figures, 0o777)
    box.set("", metrics_file=os.path.join(figures, "podatelna.prom"), metrics_every="1 s")
    for left in (4, 3):
        box.text("journal", "stamp")
        wait_left(box, left)
    box.restart()
    assert row(box)["left"] == "3" and granted(tsa) == 2
    until(lambda: f'podatelna_stamps_left{{tsa="{NAME}"}} 3\n' in read(os.path.join(figures, "podatelna.prom")), 20, box.log_tail)
    assert f'podatelna_stamps_spent_total{{tsa="{NAME}"}} 2\n' in read(os.path.join(figures, "podatelna.prom"))
    assert box.run_cli("stamps", "set-remaining", "1").returncode == 2, "without a reason"
    assert box.run_cli("stamps", "set-remaining", "6", "--reason", "x").returncode == 4, "more than was bought"
    assert box.run_cli("stamps", "set-remaining", "mnoho", "--reason", "x").returncode == 2
    if os.geteuid() == 0:
        denied = box.run_cli("stamps", "set-remaining", "5", "--reason", "x", user=(65534, 65534, [os.stat(box.run).st_gid]))
        assert denied.returncode != 0
    box.text("stamps", "set-remaining", "1", "--reason", "tak to ukazuje portál")
    record = anchors(box, "package")[-1]
    assert record["used"] == "4" and record["reason"] == "tak to ukazuje portál" and record["by"].startswith("uid:")
    assert row(box)["left"] == "1"
    assert "rezerva" in box.text("stamps")
    box.restart()
    box.text("journal", "stamp")  # the journal is stamped below the stop line too
    assert row(box)["left"] == "0" and granted(tsa) == 3
    assert "vyčerpána" in box.text("status")
    tsa.switch(package=3)
    assert box.run_cli("journal", "stamp").returncode == 1
    assert row(box)["state"] == "put-off" and granted(tsa) == 3
    assert box.run_cli("journal", "verify").returncode == 0


def test_clock_that_is_off(tsa, make_box, pki_dir):
    """Beyond five minutes: the stamp is one, and people are told by how much the clock is off."""
    tsa.switch(clock_off_s="-3600")
    box = make_box(settings=settings(pki_dir, tsa.url, anchor_every="1 h", package=10))
    box.text("journal", "stamp")
    record = anchors(box, "stamp")[0]
    assert verified(box, pki_dir, record) and 3590000 < int(record["off-ms"]) < 3610000 and row(box)["left"] == "9"
    assert "napřed" in box.text("stamps")
    tsa.reset()
    box.text("journal", "stamp")
    assert "napřed" not in box.text("stamps")


@pytest.mark.sanitized
def test_a_stamp_that_does_not_hold(tsa, make_box, pki_dir):
    """It is kept, counted, never taken for a stamp, and not asked for again at once, also after a restart."""
    tsa.switch(wrong_imprint="on")
    box = make_box(settings=settings(pki_dir, tsa.url, anchor_every="1 s", package=10))
    until(lambda: anchors(box, "bad-stamp"), 30, box.log_tail)
    time.sleep(3)
    box.restart()
    time.sleep(5)
    assert granted(tsa) == 1 and len(anchors(box, "bad-stamp")) == 1 and not anchors(box, "stamp")
    record = anchors(box, "bad-stamp")[0]
    assert record["reason"] and os.path.exists(os.path.join(box.data, "quarantine", record["file"]))
    assert row(box)["left"] == "9" and row(box)["state"] == "pause"
    tsa.reset()
    box.text("journal", "stamp")
    assert verified(box, pki_dir, anchors(box, "stamp")[0]) and row(box)["state"] == "ok" and row(box)["left"] == "8"
    assert box.run_cli("journal", "verify").returncode == 0


def test_killed_while_stamping(tsa, make_box, pki_dir):
    """The hub dies between the question and the record: at most one stamp is lost each time, and there is no storm."""
    tsa.switch(slow_ms=1500)
    box = make_box(settings=settings(pki_dir, tsa.url, anchor_every="1 s", package=50))
    kills = 3
    for n in range(kills):
        until(lambda n=n: granted(tsa) > n, 40, box.log_tail)
        box.kill("hub")
        time.sleep(0.5)
    tsa.reset()
    until(lambda: anchors(box, "stamp"), 40, box.log_tail)
    until(lambda: "stamp-waits-time" not in str(box.cli("stamps")), 20, box.log_tail)
    kept = len(anchors(box, "stamp"))
    assert kept <= granted(tsa) <= kept + kills
    assert all(verified(box, pki_dir, r) for r in anchors(box, "stamp"))


def test_freshness(tsa, epo, make_box, pki_dir):
    """Without a stamp for too long nothing new is filed; with one it goes on by itself."""
    box = make_box(epo, settings=settings(pki_dir, tsa.url, anchor_every="1 s"))
    until(lambda: anchors(box, "stamp"), 30, box.log_tail)
    tsa.switch(status500="on")
    box.set("journal", stamp_warn_after="1 s", stamp_stop_after="3 s")
    box.restart()
    box.wait_token()
    until(lambda: "stamp-trouble" in str(box.cli("stamps")) and "nepodává" in str(box.cli("stamps")), 20, box.log_tail)
    box.restart()  # the state is in the records
    box.wait_token()
    box.drop("dph.xml", forms.dphdp3(note="too old"))
    box.wait_state("dph.xml", "ready")
    time.sleep(3)
    case = box.case("dph.xml")
    assert case["state"] == "ready" and "razítko" in case["why"] and not epo.ledger("accepted")
    assert box.rows("status", kind="field") and next(r for r in box.rows("status", kind="field") if r["name"] == "led")["value"] == "slow"
    tsa.reset()
    box.wait_state("dph.xml", timeout=60)
    assert len(epo.ledger("accepted")) == 1


def test_login_with_a_certificate(tsa, make_box, pki_dir):
    """A key in the token is who we are; while the token is locked nothing is stamped, and it goes on by itself."""
    tsa.switch(login="certificate")
    box = make_box(tokens={"office": ["sign", "vault", "tls"]}, pki_dir=pki_dir, pin="prompt",
                   settings=settings(pki_dir, tsa.url, anchor_every="1 s", tls_key="tls"))
    time.sleep(4)
    assert granted(tsa) == 0 and row(box)["state"] != "put-off"
    assert box.login().returncode == 0
    until(lambda: anchors(box, "stamp"), 40, lambda: f"{row(box)}\n{box.log_tail()}")
    assert verified(box, pki_dir, anchors(box, "stamp")[0])
    assert "CN=" in tsa.ledger("granted")[0]["by"]
    assert any(r.type == "tls" for r in records(box))


def test_two_authorities(work, pki_dir, tsa, make_box):
    """The second one is asked while the first says no; a person may name one."""
    with Simulator("tsa", tempfile.mkdtemp(prefix="tsa-", dir=work), pki_dir) as other:
        conf = settings(pki_dir, tsa.url, anchor_every="1 s", package=10)
        conf['tsa "jina"'] = {**conf[f'tsa "{NAME}"'], "urls": [other.url], "package": 20}
        tsa.switch(status403="on")
        box = make_box(settings=conf)
        until(lambda: anchors(box, "stamp"), 30, box.log_tail)
        time.sleep(2)
        assert granted(other) == 1 and granted(tsa) == 0 and len(tsa.ledger("refused")) == 1
        assert {r["tsa"]: r["left"] for r in box.rows("stamps", kind="tsa")} == {NAME: "10", "jina": "19"}
        assert box.run_cli("stamps", "set-remaining", "3", "--reason", "x").returncode == 2, "which?"
        box.text("stamps", "set-remaining", "3", "--reason", "x", "--tsa", "jina")
        tsa.reset()
        box.text("journal", "stamp", "--tsa", NAME)
        assert {r["tsa"]: (r["left"], r["state"]) for r in box.rows("stamps", kind="tsa")} == {NAME: ("9", "ok"), "jina": ("3", "ok")}
        assert box.run_cli("journal", "stamp", "--tsa", "nikdo").returncode == 2


def test_without_an_authority(epo, make_box):
    """Nothing is stamped, nothing waits for it."""
    box = make_box(epo)
    box.set("journal", stamp_warn_after="1 s", stamp_stop_after="1 s")
    box.restart()
    box.wait_token()
    time.sleep(2)
    box.drop("dph.xml", forms.dphdp3(note="no authority"))
    box.wait_state("dph.xml")
    assert box.run_cli("stamps").returncode == 4 and not anchors(box, "stamp")
    assert "stamp" not in str(box.rows("status", kind="field"))


@pytest.fixture
def toy(work, pki_dir):
    with Simulator("toy", tempfile.mkdtemp(prefix="toy-", dir=work), pki_dir) as partner:
        yield partner
        assert not partner.ledger("simulator-error")


def stamping_toy(make_box, toy, **more):
    """The trivial partner takes signatures with a time stamp (CAdES-T)."""
    box = make_box(toy, start=False, **more)
    path = os.path.join(box.catalogue, "toy.conf")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace('partner "toy" {', 'partner "toy" {\n    stamp = true', 1))
    box.start()
    box.wait_token()
    return box


def embedded(path):
    """(signature value, time-stamp token) of the one signer of a CMS."""
    with open(path, "rb") as f:
        signer = cms.ContentInfo.load(f.read())["content"]["signer_infos"][0]
    stamps = [a for a in signer["unsigned_attrs"] if a["type"].dotted == "1.2.840.113549.1.9.16.2.14"]
    assert len(stamps) == 1 and len(stamps[0]["values"]) == 1
    return signer["signature"].native, stamps[0]["values"][0].dump()


@pytest.mark.sanitized
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_signature_with_a_stamp(tsa, toy, make_box, pki_dir, digest):
    """CAdES-T: what was filed carries a stamp over its signature value, as openssl sees it; it is counted to its case."""
    box = stamping_toy(make_box, toy, settings=settings(pki_dir, tsa.url, anchor_every="1 h", package=10, hash=digest))
    box.drop("hračka.xml", forms.toy(id="toy-t"))
    case = box.wait_state("hračka.xml")["case"]
    value, token = embedded(os.path.join(box.result(case), "podano.p7s"))
    for name, data in (("value", value), ("token", token)):
        with open(os.path.join(box.dir, name), "wb") as f:
            f.write(data)
    done = subprocess.run(["openssl", "ts", "-verify", "-token_in", "-data", os.path.join(box.dir, "value"), "-in", os.path.join(box.dir, "token"),
                           "-CAfile", os.path.join(pki_dir, "ca.pem")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0 and b"Verification: OK" in done.stdout, done.stdout
    line = tsa.ledger("granted")
    assert [each["hash"] for each in line] == [digest]
    with open(os.path.join(box.result(case), "podano.p7s"), "rb") as f:
        assert toy.ledger("accepted")[0]["cms_sha256"] == hashlib.sha256(f.read()).hexdigest(), "what lies there is what was filed"
    assert box.types(case).index("stamped") == box.types(case).index("signed") + 1
    use = box.rows("stamps", "--since", "2026-01-01", kind="stamp-use")
    assert [(u["purpose"], u["case"], u["count"]) for u in use] == [("filing", case, "1")] and row(box)["left"] == "9"
    assert box.run_cli("journal", "verify").returncode == 0


def test_a_filing_waits_for_its_stamp(tsa, toy, make_box, pki_dir):
    """Below the stop line, and while the authority is down: it says why, goes on by itself, is filed once. A bad stamp is counted to it."""
    box = stamping_toy(make_box, toy, settings=settings(pki_dir, tsa.url, anchor_every="1 h", package=10, stop_line=9))
    box.text("journal", "stamp")
    wait_left(box, 9)
    box.drop("hračka.xml", forms.toy(id="toy-w"))
    box.wait_state("hračka.xml", "ready")
    until(lambda: "málo" in box.case("hračka.xml")["why"], 10, lambda: str(box.case("hračka.xml")))
    tsa.switch(status500="on")
    box.text("stamps", "set-remaining", "10", "--reason", "nový balíček")
    until(lambda: "nepodařilo získat" in box.case("hračka.xml")["why"], 20, lambda: str(box.case("hračka.xml")))
    assert not toy.ledger("accepted")
    tsa.reset()
    tsa.switch(wrong_imprint="once")
    until(lambda: anchors(box, "bad-stamp"), 60, box.log_tail)
    case = box.case("hračka.xml")["case"]
    assert anchors(box, "bad-stamp")[0]["detail"] == case and anchors(box, "bad-stamp")[0]["purpose"] == "filing"
    until(lambda: "neobstálo" in box.case("hračka.xml")["why"], 20, lambda: str(box.case("hračka.xml")))
    box.text("journal", "stamp")  # a good one ends the pause
    box.text("stamps", "set-remaining", "10", "--reason", "nový balíček")
    box.run_cli("send", case)
    box.wait_state("hračka.xml", timeout=60)
    assert len(toy.ledger("accepted")) == 1 and len(tsa.ledger("granted")) == 4
    bad = next(u for u in box.rows("stamps", "--since", "2026-01-01", kind="stamp-use") if u["purpose"] == "filing")
    assert (bad["case"], bad["count"], bad["bad"]) == (case, "2", "1")
