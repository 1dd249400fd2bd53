"""Erasure: who may, in which order, what is gone and what is not; looked at with openssl and the token's own key, and in the files."""

import datetime
import glob
import grp
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time

import pytest

import forms
import journal
import shifted
from box import GROUP, is_root, until
from simulator import Simulator

root_only = pytest.mark.skipif(not is_root(), reason="needs root: other callers' users")
FIRST, SECOND, READER = 60021, 60022, 60023
SECRET = "Žluťoučký kůň"  # of forms: the taxpayer
BASIS = "GDPR čl. 17 odst. 1 písm. a)"


def caller(uid):
    return (uid, uid, [grp.getgrnam(GROUP).gr_gid])


def people(box):
    for uid in (FIRST, SECOND):
        box.set(f'user "{uid}"', rights=["read", "erase"])
    box.set(f'user "{READER}"', rights=["read", "send", "approve", "file", "token"])


@pytest.fixture
def staffed(epo, make_box):
    made = make_box(epo, start=False)
    people(made)
    made.start()
    made.wait_token()
    return made


def file_one(box, name, note):
    document = forms.dphdp3(note=note)
    box.drop(name, document)
    number = box.wait_state(name)["case"]
    box.result(number)
    until(lambda: "delivered" in box.types(number), 10, "papers")
    return number, document


def records(box, number=None):
    for _ in range(20):
        try:
            found = journal.read(box.data)
            return [r for r in found if number is None or r.fields.get("case") == number]
        except journal.JournalFault:
            time.sleep(0.1)
    return [r for r in journal.read(box.data) if number is None or r.fields.get("case") == number]


def parts_of(box, number):
    return {part for r in records(box, number) for ref in r.objects().values() for part in ref[3]}


def present(data, parts):
    return {p for p in parts if os.path.exists(os.path.join(data, "vault", p[:2], p))}


def key_files(data, owner):
    return sorted(glob.glob(os.path.join(data, "keys", owner + ".*")))


def openssl_vault(box, data):
    """The data directory as openssl reads it, with the real key of the token."""
    vault_key = next(k for k in box.hsm.tokens[0]["keys"] if k["name"] == "vault")
    uri = f"{vault_key['key_uri']};pin-value={box.hsm.pin}"
    return journal.Vault(data, vault_key["cert"], ["-engine", "pkcs11", "-keyform", "engine", "-inkey", uri],
                         dict(os.environ, SOFTHSM2_CONF=box.hsm.conf, PKCS11_MODULE_PATH=box.hsm.module))


def whole(vault, box, number):
    """All content of the case, by openssl."""
    return [vault.content(number, ref) for r in records(box, number) for ref in r.objects().values()]


def names_by_openssl(vault, data):
    """What openssl makes of every file of names in `data` with every key that is to be had there."""
    shown = b""
    for path in glob.glob(os.path.join(data, "names", "*")):
        for key_file in glob.glob(os.path.join(data, "keys", "names-*")):
            owner, _, generation = os.path.basename(key_file).rpartition(".")
            key = vault.key_of(owner, int(generation))
            identifier = f"{hashlib.sha256(vault.origin.encode()).hexdigest()[:16]}/{owner}/{generation}".encode().hex()
            done = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-in", path, "-secretkey", key["kek"], "-secretkeyid", identifier],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            shown += done.stdout if done.returncode == 0 else b""
    return shown


def audit(box, *more):
    """(kind, weight, index) of what the auditor's own program finds that is about content, keys or erasure."""
    done = subprocess.run([box.program("podatelna-audit"), "verify", box.data, "--json", "--no-signatures", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, timeout=120)
    assert done.stdout, done.stderr
    return {(f["kind"], f["weight"], int(f["index"])) for f in json.loads(done.stdout)["findings"]
            if f["kind"] in ("erased", "not-erased", "key", "duty", "record-table") or f["kind"].startswith("object")}


def erase(box, number, uid=FIRST, *more):
    return box.run_cli("erase", number, "--basis", BASIS, *more, user=caller(uid))


def twice(box, number):
    assert erase(box, number, FIRST).returncode == 0
    done = erase(box, number, SECOND)
    assert done.returncode == 0, done.stderr
    return done


@root_only
def test_two_persons_before_its_time(staffed):
    box = staffed
    number, _ = file_one(box, "první.xml", "first")
    other, other_document = file_one(box, "druhé.xml", "second")
    closed = next(r for r in records(box, number) if r.type == "closed")
    until_year = int(closed.time[:4]) + 10
    assert closed.fields["keep-until"].startswith(f"{until_year}-")
    parts, others = parts_of(box, number), parts_of(box, other)
    before = os.path.join(box.dir, "before")
    shutil.copytree(box.data, before)
    assert any(SECRET.encode() in c for c in whole(openssl_vault(box, before), box, number)), "the test looks for what is not there"

    # One person alone: a wish, which erases nothing; the same person again is no second one.
    done = erase(box, number, FIRST)
    assert done.returncode == 0 and closed.fields["keep-until"].encode() in done.stdout
    wish = records(box, number)[-1]
    assert wish.type == "erased" and wish.fields["stage"] == "asked" and wish.fields["by"] == f"uid:{FIRST}" and wish.fields["basis"] == BASIS
    assert present(box.data, parts) == parts and key_files(box.data, number)
    assert erase(box, number, FIRST).returncode == 4
    assert box.run_cli("erase", number, "--basis", BASIS, user=caller(READER)).returncode == 4
    assert box.run_cli("show", number, "--xml", user=caller(READER)).returncode == 0

    done = erase(box, number, SECOND)
    assert done.returncode == 0 and "Vyrizeno".encode() in done.stdout
    record = records(box, number)[-1]
    assert record.type == "erased" and record.fields["asked-by"] == f"uid:{FIRST}" and record.fields["by"] == f"uid:{SECOND}" and "stage" not in record.fields
    assert not present(box.data, parts) and not key_files(box.data, number)
    assert present(box.data, others) == others and key_files(box.data, other)
    with open(os.path.join(box.data, "seen"), encoding="utf-8") as f:
        noted = f.read()
    assert number not in noted and other in noted

    # The records stay, the state too; nothing is shown any more, and that is said.
    case = next(c for c in box.cases() if c["case"] == number)
    assert case["state"] == "done" and case["erased"] == str(record.index) and not case.get("name")
    assert next(c for c in box.cases() if c["case"] == other)["name"] == "druhé.xml"
    for words in (["show", number, "--xml"], ["show", number, "--form"], ["erase", number, "--basis", "again"]):
        done = box.run_cli(*words, user=caller(FIRST))
        assert done.returncode == 4 and str(record.index).encode() in done.stderr, words
    target = os.path.join(box.dir, "export")
    os.mkdir(target)
    box.run_cli("export", number, target)
    for name in os.listdir(target):
        with open(os.path.join(target, name), "rb") as f:
            assert SECRET.encode() not in f.read(), name
    code, rows = box.cli("journal", "verify")
    said = {r["name"]: r["value"] for r in rows if r["kind"] == "field"}
    assert code == 0 and said["erased"] == "1" and said["erased-names"] == f"{number} (record {record.index})"

    assert audit(box) == {("erased", "remark", record.index)}

    # Yesterday's copy with today's keys: the content stays secret, for who holds the token too; the other case can be read.
    shutil.rmtree(os.path.join(before, "keys"))
    shutil.copytree(os.path.join(box.data, "keys"), os.path.join(before, "keys"))
    vault = openssl_vault(box, before)
    assert present(before, parts) == parts
    with pytest.raises(AssertionError):
        whole(vault, box, number)
    assert other_document in whole(vault, box, other)
    assert "první.xml".encode() not in names_by_openssl(vault, before)
    assert "druhé.xml".encode() in names_by_openssl(openssl_vault(box, box.data), box.data)
    for part in parts:
        path = os.path.join(before, "vault", part[:2], part)
        for key_file in glob.glob(os.path.join(before, "keys", "*")):
            owner, _, generation = os.path.basename(key_file).rpartition(".")
            key = vault.key_of(owner, int(generation))
            done = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-in", path, "-secretkey", key["kek"]], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False)
            assert done.returncode != 0 and SECRET.encode() not in done.stdout

    # That copy in the place of the data, with its old keys not even there: the box starts, and the erased stays erased.
    assert box.stop() == 0
    for name in ("vault", "names"):
        shutil.copytree(os.path.join(before, name), os.path.join(box.data, name), dirs_exist_ok=True)
    for at, folders, files in os.walk(box.data):
        for name in folders + files:
            shutil.chown(os.path.join(at, name), os.stat(box.data).st_uid, os.stat(box.data).st_gid)
    box.start()
    box.wait_token()
    until(lambda: not present(box.data, parts), 20, "the store removes again what came back")
    assert box.cli("journal", "verify")[0] == 0


@root_only
def test_keys_that_come_back_go_again(staffed):
    """keys/ of a backup over the data: before anything else is done they are destroyed again, by the record."""
    box = staffed
    number, _ = file_one(box, "a.xml", "back")
    kept = os.path.join(box.dir, "kept")
    shutil.copytree(box.data, kept)
    twice(box, number)
    assert box.stop() == 0
    for path in key_files(kept, number):
        shutil.copy(path, os.path.join(box.data, "keys"))
        shutil.chown(os.path.join(box.data, "keys", os.path.basename(path)), os.stat(box.data).st_uid, os.stat(box.data).st_gid)
    assert key_files(box.data, number)
    box.start()
    box.wait_token()
    assert not key_files(box.data, number)
    assert box.run_cli("show", number, "--xml").returncode == 4


@root_only
def test_one_person_after_its_time(epo, make_box, work):
    """The day itself still counts; the next one needs one person only. A wish that is older than 30 days is none."""
    box = make_box(epo, start=False, settings={'partner "epo"': {"retention": "40 days"}})
    people(box)
    shifted.prepare(box, work)
    box.start()
    box.wait_token()
    number, _ = file_one(box, "a.xml", "time")
    late, _ = file_one(box, "b.xml", "late")
    day = datetime.date.fromisoformat(next(r for r in records(box, number) if r.type == "closed").fields["keep-until"])
    assert 39 <= (day - datetime.date.today()).days <= 41
    assert erase(box, number, FIRST).returncode == 0
    box.stop()
    shifted.set_clock(box, 31 * shifted.DAY_MS)
    box.start(wait=False)
    until(lambda: box.cli("clock", "accept", "--reason", "test")[0] == 0, 30, box.log_tail)
    box.wait_ready()
    assert erase(box, number, SECOND).returncode == 0
    assert records(box, number)[-1].fields.get("stage") == "asked", "an old wish was taken for one"
    assert key_files(box.data, number)
    box.stop()
    shifted.set_clock(box, 42 * shifted.DAY_MS)
    box.start()
    assert erase(box, late, FIRST).returncode == 0
    assert not key_files(box.data, late) and "asked-by" not in records(box, late)[-1].fields


@root_only
def test_only_what_is_at_rest(staffed):
    box = staffed
    box.drop("divné.xml", b"<?xml version='1.0'?><neznamy/>")
    number = box.wait_state("divné.xml", "unknown")["case"]
    assert erase(box, number).returncode == 4
    assert box.run_cli("erase", number, user=caller(FIRST)).returncode == 2
    until(lambda: box.cli("delete", number)[0] == 0, 10, "delete")
    until(lambda: erase(box, number).returncode == 0, 10, lambda: erase(box, number).stderr)
    assert records(box, number)[-1].type == "erased" and not key_files(box.data, number), "never closed, so nothing is to be kept"


@root_only
def test_locked_names_go_at_the_next_login(epo, make_box):
    """The list of names is encrypted with a key that the box does not have now: said, and done as soon as it can be."""
    box = make_box(epo, start=False, pin="prompt")
    people(box)
    box.start()
    box.wait_token("pin-needed")
    assert box.login().returncode == 0
    box.wait_token()
    number, _ = file_one(box, "jméno k výmazu.xml", "locked")
    until(lambda: glob.glob(os.path.join(box.data, "names", "*")), 10, "names")
    before = os.path.join(box.dir, "before")
    box.restart()
    box.wait_token("pin-needed")
    shutil.copytree(box.data, before)
    assert erase(box, number, FIRST).returncode == 0
    code, rows = box.cli("erase", number, "--basis", BASIS)
    assert code == 0 and len([r for r in rows if r.get("name") == "not-erased"]) == 2
    assert not key_files(box.data, number)
    assert box.login().returncode == 0
    box.wait_token()
    old = [os.path.join(box.data, "keys", "names-" + os.path.basename(path)) for path in glob.glob(os.path.join(before, "names", "*"))]
    until(lambda: old and not any(map(os.path.exists, old)), 20, lambda: f"{old} {os.listdir(os.path.join(box.data, 'keys'))} {box.log_tail()}")
    shutil.rmtree(os.path.join(before, "keys"))
    shutil.copytree(os.path.join(box.data, "keys"), os.path.join(before, "keys"))
    assert "jméno k výmazu".encode() not in names_by_openssl(openssl_vault(box, before), before)
    assert not [c for c in box.cases() if c["case"] == number and c.get("name")]


@root_only
def test_a_stamp_comes_before(epo, make_box, pki_dir, work):
    """With an authority, what was recorded is stamped before it can be checked no more; without its word nothing is erased unless a person says so."""
    with Simulator("tsa", tempfile.mkdtemp(prefix="tsa-", dir=work), pki_dir) as tsa:
        settings = {'tsa "razitka"': {"urls": [tsa.url], "ca_file": os.path.join(pki_dir, "ca.pem"), "anchors": os.path.join(pki_dir, "ca.pem"), "check_every": "0",
                                      "day_end": False, "anchor_every": "30 d"}, "journal": {"quiet": "200 ms"}}
        box = make_box(epo, start=False, settings=settings, pki_dir=pki_dir)
        people(box)
        box.start()
        box.wait_token()
        number, _ = file_one(box, "a.xml", "stamp")
        other, _ = file_one(box, "b.xml", "no stamp")
        assert not tsa.ledger("granted")
        twice(box, number)
        assert len(tsa.ledger("granted")) == 1
        found = records(box)
        stamp = next(r for r in found if r.type == "anchor" and r.fields.get("event") == "stamp")
        erased = next(r for r in found if r.type == "erased" and "stage" not in r.fields)
        assert stamp.fields["purpose"] == "erasure" and stamp.index < erased.index
        assert int(stamp.fields["size"]) > max(r.index for r in found if r.fields.get("case") == number and r.index < stamp.index and r.type != "erased")
        assert erase(box, other, FIRST).returncode == 0
        tsa.stop()
        done = erase(box, other, SECOND)
        assert done.returncode == 4 and b"--without-stamp" in done.stderr and key_files(box.data, other)
        assert erase(box, other, SECOND, "--without-stamp").returncode == 0
        assert records(box, other)[-1].fields["detail"] and not key_files(box.data, other)
