"""Journal and vault from outside (store/FORMAT.txt): read back by an independent reader and openssl, damaged, rolled back."""

import os
import re
import shutil
import subprocess
import time

import pytest

import forms
import journal
import portal_files
from box import until

QUIET_S = 2.0


def document(note, **more):
    return forms.dphdp3(note=f"store {os.getpid()} {note}", **more)


def file_some(box, count, state="done"):
    documents = {}
    for n in range(count):
        documents[f"{n}.xml"] = document(f"{box.dir} {n}")
        box.drop(f"{n}.xml", documents[f"{n}.xml"])
    box.wait_count(count, state)
    for case in box.cases():
        if state == "done":
            box.result(case["case"])
    return documents


@pytest.fixture(scope="module")
def finished(work, office, running_epo):
    """A stopped box with filings of several outcomes: read-only for the tests."""
    from box import Box
    from conftest import BIN
    running_epo.reset(ledger=True)
    box = Box(os.path.join(work, "finished"), BIN, running_epo, office)
    box.wait_token()
    documents = file_some(box, 2)
    for name, content, state in (("k.xml", forms.dphkh1(note="store", rows=5), "done"), ("velké.xml", forms.dphkh1(note="big", size=2_500_000), "done"),
                                 ("o.xml", document("offline", dic=forms.MARKS["offline"]), "done"),
                                 ("x.xml", document("cut", dic=forms.MARKS["cut"]), "uncertain"),
                                 ("r.xml", document("refused", dic=forms.MARKS["file_refused"]), "data-error")):
        documents[name] = content
        box.drop(name, content)
        box.wait_state(name, state, 60)
    box.numbers = {c["name"]: c["case"] for c in box.cases()}
    assert box.cli("journal", "checkpoint")[0] == 0
    box.ledger = running_epo.ledger("accepted")
    box.stop()
    yield box, documents
    shutil.rmtree(box.dir, ignore_errors=True)


# --- reading back -----------------------------------------------------------------------------------------------------------


def test_records_by_the_format_alone(finished):
    """Framing, CRC, leaf hashes, batches, chains of every record; the types are those of the table."""
    box, _ = finished
    records = journal.read(box.data)
    with open(os.path.join(box.data, "journal", "FORMAT.txt"), encoding="utf-8") as f:
        table = set(re.findall(r"^([a-z-]+)\n  of: ", f.read(), re.MULTILINE))
    assert {r.type for r in records} <= table and len(table) >= 35
    assert records[0].type == "boot" and {"received", "intent", "signed", "sending", "reply", "closed"} <= {r.type for r in records}


def test_first_the_record_then_the_act(finished):
    """Every filing in the portal's ledger has its `sending` before it, and the mark covers it (P2)."""
    box, documents = finished
    records = journal.read(box.data)
    assert len([r for r in records if r.type == "sending"]) == len(box.ledger) + 1  # and the refused one
    with open(box.mark, "rb") as f:
        fields = f.read().split()
    size, leaf = int(fields[4]), fields[5].decode()
    assert size > max(r.index for r in records if r.type == "sending")
    assert records[size - 1].hash == leaf
    for case in {r.fields["case"] for r in records if r.type == "sending"}:
        mine = [r for r in records if r.fields.get("case") == case]
        kinds = [r.type for r in mine]
        assert kinds.index("intent") < kinds.index("signed") < kinds.index("sending")
        request = next(r for r in mine if r.type == "request" and r.fields["purpose"] == "file")
        assert request.index < next(r for r in mine if r.type == "sending").index


def test_head_and_checkpoint(finished):
    box, _ = finished
    records = journal.read(box.data)
    with open(os.path.join(box.data, "journal", "head.a"), "rb") as a, open(os.path.join(box.data, "journal", "head.b"), "rb") as b:
        heads = [h.split() for h in (a.read(), b.read())]
    newest = max(heads, key=lambda h: int(h[2]))
    assert int(newest[3]) == len(records) and newest[4].decode() == journal.roots(records, len(records)).hex()
    anchors = os.path.join(box.data, "journal", "anchor")
    notes = [n for n in os.listdir(anchors) if n.endswith(".note")]
    assert notes
    for name in notes:
        origin, size, root = journal.note(os.path.join(anchors, name))
        with open(os.path.join(box.data, "journal", "origin"), encoding="utf-8") as f:
            assert origin == f.read().strip()
        assert name == f"{size}.note" and root == journal.roots(records, size)


def test_everything_back_with_openssl_alone(finished, tmp_path):
    """`openssl cms` and the token's key read every object of every case."""
    box, documents = finished
    vault_key = next(k for k in box.hsm.tokens[0]["keys"] if k["name"] == "vault")
    uri = f"{vault_key['key_uri']};pin-value={box.hsm.pin}"
    vault = journal.Vault(box.data, vault_key["cert"], ["-engine", "pkcs11", "-keyform", "engine", "-inkey", uri],
                          dict(os.environ, SOFTHSM2_CONF=box.hsm.conf, PKCS11_MODULE_PATH=box.hsm.module))
    found = {}
    for record in journal.read(box.data):
        for role, reference in record.objects().items():
            found.setdefault(record.fields["case"], {}).setdefault(role, []).append(vault.content(record.fields["case"], reference))
    for name, content in documents.items():
        case = found[box.numbers[name]]
        assert set(case["original"]) == {content}
        assert f"file: {name}\n".encode() in case["name"][0]
        sent = tmp_path / "sent"
        sent.write_bytes(case["signed"][-1])
        checked = subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", sent, "-CAfile", os.path.join(box.pki, "ca.pem"),
                                  "-purpose", "any", "-binary", "-out", "/dev/null"], stderr=subprocess.PIPE, check=False)
        assert checked.returncode == 0, checked.stderr
    # Multi-part objects exist and the receipt's secret is in the vault.
    assert any(len(ref[3]) > 2 for r in journal.read(box.data) for ref in r.objects().values())
    accepted = next(a for a in box.ledger if a["dic"] == "12345678")
    assert any(accepted["heslo"].encode() in c for case in found.values() for c in case.get("receipt", []))


def test_nothing_in_clear(finished):
    """No content, no name, no secret stands readable in the data directory (design 4: no personal data in a leaf)."""
    box, documents = finished
    words = [b"dphdp3.xml", "velké.xml".encode(), "Žluťoučký".encode(), b"dic=", b"12345678", b"<Pisemnost"]
    words += [a["heslo"].encode() for a in box.ledger] + [a["cislo"].encode() for a in box.ledger]
    for at, _, files in os.walk(box.data):
        for name in files:
            data = portal_files.read(at, name)
            hit = [w for w in words if w in data]
            assert not hit, (os.path.join(at, name), hit)


def test_closed_segments_are_read_only(finished):
    box, _ = finished
    for path in journal.segments(box.data):
        if not path.endswith(".open"):
            assert os.stat(path).st_mode & 0o777 == 0o444


# --- the box's own check, and damage ---------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_verify_agrees_with_the_independent_reader(epo, make_box):
    box = make_box(epo)
    file_some(box, 2)
    until(lambda: box.cli("journal", "checkpoint")[0] == 0, 5, "checkpoint")
    code, rows = box.cli("journal", "verify")
    figures = {r["name"]: r["value"] for r in rows}
    assert code == 0
    box.stop()
    records = journal.read(box.data)
    assert int(figures["cases"]) == 2
    size = int(figures["records"])
    assert size <= len(records) and figures["root"] == journal.roots(records, size).hex()


def stopped_copy(finished, make_box, epo):
    """A new box on a copy of the finished one's data."""
    source, _ = finished
    box = make_box(epo, start=False)
    shutil.rmtree(box.tokens.dir)
    box.tokens = source.tokens.copy(box.tokens.dir)
    for name in ("data", "mark"):
        shutil.copytree(os.path.join(source.dir, name), os.path.join(box.dir, name), dirs_exist_ok=True)
        own(os.path.join(source.dir, name), os.path.join(box.dir, name))
    return box


def own(source, target):
    """shutil does not copy owners."""
    for at, folders, files in os.walk(source):
        to = os.path.join(target, os.path.relpath(at, source))
        for name in ["."] + files:
            status = os.lstat(os.path.join(at, name))
            os.chown(os.path.join(to, name), status.st_uid, status.st_gid)


def verify(box):
    """What `journal verify` says once the box answers: it reads its journal first."""
    def answer():
        done = box.run_cli("journal", "verify")
        return done if done.returncode not in (1, 3) else None
    return until(answer, 20, lambda: f"{box.run_cli('journal', 'verify')}\n{box.log_tail()}")


def flip(path, offset):
    mode = os.stat(path).st_mode
    os.chmod(path, 0o600)
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)
        f.seek(offset)
        f.write(bytes([byte[0] ^ 0x01]))
    os.chmod(path, mode)


@pytest.mark.parametrize("where", ["header", "body", "trailer"])
@pytest.mark.parametrize("share_of", [0.2, 0.7])
def test_flipped_bit_is_named(finished, make_box, epo, where, share_of):
    box = stopped_copy(finished, make_box, epo)
    records = journal.read(box.data)
    record = next(r for r in records[int(len(records) * share_of):] if len(r.leaf) > 100)
    path, at = record.place
    flip(path, at + {"header": 20, "body": len(record.leaf) - 5, "trailer": len(record.leaf) + 30}[where])
    with pytest.raises(journal.JournalFault) as fault:
        journal.read(box.data)
    assert fault.value.index == record.index
    box.start(wait=False)
    done = verify(box)
    assert done.returncode == 5, done
    assert re.search(rf"\b{record.index}\b", (done.stdout + done.stderr).decode()), (record.index, done)


def test_nothing_is_filed_on_a_damaged_journal(finished, make_box, epo):
    box = stopped_copy(finished, make_box, epo)
    records = journal.read(box.data)
    path, at = records[len(records) // 2].place
    flip(path, at + 95)
    box.start(wait=False)
    box.drop("nové.xml", document("on a damaged journal"))
    time.sleep(4)
    assert not epo.ledger() and "nové.xml" in box.listing("Podat")
    code, rows = box.cli("status")
    assert code == 1


def test_damaged_content_is_named(finished, make_box, epo):
    box = stopped_copy(finished, make_box, epo)
    record = next(r for r in journal.read(box.data) if r.type == "received")
    part = record.objects()["original"][3][0]
    path = os.path.join(box.data, "vault", part[:2], part)
    flip(path, os.path.getsize(path) // 2)
    box.start(wait=False)
    done = verify(box)
    assert done.returncode == 5 and re.search(rf"\b{record.index}\b", (done.stdout + done.stderr).decode()), done


def test_missing_content_is_named(finished, make_box, epo):
    box = stopped_copy(finished, make_box, epo)
    record = next(r for r in journal.read(box.data) if r.type == "signed")
    part = record.objects()["signed"][3][0]
    os.unlink(os.path.join(box.data, "vault", part[:2], part))
    box.start(wait=False)
    done = verify(box)
    assert done.returncode == 5 and re.search(rf"\b{record.index}\b", (done.stdout + done.stderr).decode()), done


# --- going back in time ---------------------------------------------------------------------------------------------------


def save(box, name):
    shutil.copytree(box.data, os.path.join(box.dir, name))
    own(box.data, os.path.join(box.dir, name))


def restore(box, name):
    shutil.rmtree(box.data)
    shutil.copytree(os.path.join(box.dir, name), box.data)
    own(os.path.join(box.dir, name), box.data)


@pytest.mark.sanitized
def test_roll_back_sends_nothing(epo, make_box):
    """Data directory restored from a copy: every open case uncertain, nothing goes out until a person accepts (P3)."""
    epo.switch(stav_polls=100000)
    box = make_box(epo)
    file_some(box, 1, "sent")
    box.stop()
    save(box, "backup")
    box.start()
    box.wait_token()
    newer = document("filed after the backup")
    box.drop("novější.xml", newer)
    box.wait_state("novější.xml", "sent")
    box.stop()
    restore(box, "backup")
    epo.reset()
    before = len(epo.ledger("accepted"))
    box.start(wait=False)
    until(lambda: box.cli("list")[0] == 0 and box.cases(), 20, "the box answers")
    box.drop("znovu.xml", newer)
    other = document("dropped after the restore")
    box.drop("další.xml", other)
    until(lambda: box.cases()[0]["state"] == "uncertain", 20, lambda: f"{box.cases()}\n{box.log_tail()}")
    time.sleep(QUIET_S + 2)
    assert len(epo.ledger("accepted")) == before == 2, "something was filed from a restored journal"
    assert not [c for c in box.cases() if c["state"] in ("done", "sent")]
    words = box.run_cli("status")
    assert re.search("obnoven|rolled back|vrácen", words.stdout.decode()), words.stdout.decode()
    assert box.run_cli("journal", "accept").returncode == 2
    assert box.run_cli("journal", "accept", "--reason", "obnova ze zálohy, zkontrolováno").returncode == 0
    until(lambda: [a for a in epo.ledger("accepted")][before:], 40, lambda: f"{box.cases()}\n{box.log_tail()}")
    box.wait_count(1, "done", 40)
    assert box.cli("journal", "verify")[0] == 0
    assert "rolled-back" in {r.type for r in journal.read(box.data)}


def test_clone_sends_nothing(epo, make_box):
    """The data directory on another machine, that is without its mark."""
    box = make_box(epo)
    file_some(box, 1)
    box.stop()
    os.unlink(box.mark)
    box.start(wait=False)
    until(lambda: box.cli("list")[0] == 0, 20, "the box answers")
    box.wait_token()
    box.drop("klon.xml", document("from a clone"))
    time.sleep(QUIET_S + 2)
    assert len(epo.ledger("accepted")) == 1


# --- restarts -------------------------------------------------------------------------------------------------------------


def test_power_cut_keeps_what_was_acknowledged(epo, make_box):
    """SIGKILL to everything: the journal goes on, the tail rule holds, cases are the same."""
    box = make_box(epo)
    file_some(box, 2)
    before = [r.hash for r in journal.read(box.data)]
    box.kill_all()
    box.start()
    box.wait_token()
    assert [c["state"] for c in box.cases()] == ["done", "done"]
    box.drop("po.xml", document("after the power cut"))
    box.wait_state("po.xml")
    assert box.cli("journal", "verify")[0] == 0
    box.stop()
    records = journal.read(box.data)
    assert [r.hash for r in records][:len(before)] == before[:len(records)]
    boots = [r for r in records if r.type == "boot"]
    assert len(boots) == 2 and boots[1].fields.get("unclean") == "yes"
    assert any(p.endswith(".u") for p in journal.segments(box.data))


def test_names_come_back_after_login(epo, make_box):
    """While the vault is locked lists show numbers, types and states, no names."""
    box = make_box(epo)
    file_some(box, 1)
    box.stop()
    box.set('token "office"', pin="prompt")
    box.start()
    cases = box.cases()
    assert [c["state"] for c in cases] == ["done"] and not cases[0].get("name")
    assert box.login().returncode == 0
    until(lambda: box.cases()[0].get("name") == "0.xml", 10, lambda: box.cases())


