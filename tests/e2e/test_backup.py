"""Backup of a working box and putting it back: looked at with tar, sha256sum, openssl and an independent reader; what the portal heard is what counts."""

import glob
import os
import pwd
import random
import shutil
import stat
import subprocess
import tarfile
import threading
import time

import pytest

import forms
import journal
from box import USERS, is_root, until

QUIET_S = 3.0


def document(note, **more):
    return forms.dphdp3(note=f"backup {os.getpid()} {note}", **more)


def file_one(box, name, content, state="done"):
    box.drop(name, content)
    case = box.wait_state(name, state, 60)
    if state == "done":
        box.result(case["case"])
    return case["case"]


def unpacked(path, to):
    """By the tar of the system, and checked with sha256sum."""
    os.makedirs(to)
    subprocess.run(["tar", "-xf", path, "-C", to, "--no-same-owner"], check=True)
    lists = sorted(glob.glob(os.path.join(to, "backup", "*.sha256")))
    assert lists
    for each in lists:
        subprocess.run(["sha256sum", "--check", "--quiet", "--strict", each], cwd=to, check=True)
    return to


def manifest(folder):
    with open(os.path.join(folder, "backup", "manifest"), encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(": ", 1) for line in f)


def give_to_store(path):
    if is_root():
        owner = pwd.getpwnam(USERS["store"])
        os.chown(path, owner.pw_uid, owner.pw_gid)


def restore(box, path):
    return box.run_cli("restore", path)


def put_away(box, name="before"):
    """The data directory moved aside; an empty one is made by `restore`."""
    to = os.path.join(box.dir, name)
    os.rename(box.data, to)
    return to


def backup(box, name="box.tar", *more):
    path = os.path.join(box.dir, name)
    done = box.run_cli("backup", path, *more)
    assert done.returncode == 0, done.stderr.decode()
    return path


def ids(rows):
    return {r["name"]: r["value"] for r in rows if r["kind"] == "field"}


@pytest.fixture(scope="module")
def saved(work, office, running_epo):
    """A stopped box with two backups of it, with and without keys: read-only for the tests."""
    from box import Box
    from conftest import BIN
    running_epo.reset(ledger=True)
    box = Box(os.path.join(work, "saved"), BIN, running_epo, office)
    box.wait_token()
    box.documents = {f"{n}.xml": document(f"saved {n}") for n in range(3)}
    box.documents["velké.xml"] = forms.dphkh1(note="big", size=2_500_000)
    for name, content in box.documents.items():
        file_one(box, name, content)
    box.numbers = {c["name"]: c["case"] for c in box.cases()}
    assert box.cli("journal", "checkpoint")[0] == 0
    box.plain, box.full = backup(box, "plain.tar"), backup(box, "full.tar", "--with-keys")
    box.stop()
    yield box
    shutil.rmtree(box.dir, ignore_errors=True)


# --- what a backup is -------------------------------------------------------------------------------------------------------


def test_plain_tools_read_it(saved, tmp_path):
    """tar and sha256sum are enough; the journal in it is a beginning of that of the box, content and keys are byte for byte those of the box."""
    folder = unpacked(saved.full, os.path.join(tmp_path, "full"))
    facts = manifest(folder)
    records, living = journal.read(folder), journal.read(saved.data)
    assert int(facts["records"]) == len(records) <= len(living)
    assert [r.leaf for r in records] == [r.leaf for r in living[:len(records)]]
    assert facts["root"] == journal.roots(records, len(records)).hex()
    assert facts["head"] == records[-1].hash and facts["keys"] == "yes"
    named = {part for r in records for reference in r.objects().values() for part in reference[3]}
    parts = {os.path.basename(p) for p in glob.glob(os.path.join(folder, "vault", "??", "*"))}
    assert parts == named and len(parts) > 12
    for where in ("vault/??/*", "keys/*", "seen*", "journal/origin", "journal/FORMAT.txt", "journal/anchor/*"):
        for path in glob.glob(os.path.join(folder, where)):
            other = os.path.join(saved.data, os.path.relpath(path, folder))
            with open(path, "rb") as a, open(other, "rb") as b:
                assert a.read() == b.read(), path
    assert not os.path.exists(os.path.join(folder, "journal", "instance")) and not os.path.exists(os.path.join(folder, "names"))
    assert stat.S_IMODE(os.stat(saved.full).st_mode) == 0o600


def test_without_keys_nothing_can_be_read(saved, tmp_path):
    folder = unpacked(saved.plain, os.path.join(tmp_path, "plain"))
    assert manifest(folder)["keys"] == "no" and glob.glob(os.path.join(folder, "vault", "??", "*"))
    assert not os.path.exists(os.path.join(folder, "keys")) and not glob.glob(os.path.join(folder, "seen*"))


def test_content_by_openssl_alone(saved, tmp_path):
    """What the backup holds and the vault's key in the token are enough; no program of ours."""
    folder = unpacked(saved.full, os.path.join(tmp_path, "openssl"))
    token = saved.hsm.tokens[0]
    key = next(k for k in token["keys"] if k["name"].startswith("vault"))
    vault = journal.Vault(folder, key["cert"], ["-engine", "pkcs11", "-keyform", "engine", "-inkey", f"{key['key_uri']};pin-value={saved.hsm.pin}"],
                          dict(os.environ, SOFTHSM2_CONF=saved.hsm.conf, PKCS11_MODULE_PATH=saved.hsm.module))
    received = {r.fields["case"]: r for r in journal.read(folder) if r.type == "received"}
    for name, content in saved.documents.items():
        number = saved.numbers[name]
        assert vault.content(number, received[number].objects()["original"]) == content


# --- while the box works ----------------------------------------------------------------------------------------------------


def test_backup_of_a_busy_box(box, epo, tmp_path):
    """Filings go on while backups are made; each backup is one whole state of the journal."""
    def work():
        for n in range(8):
            box.drop(f"b{n}.xml", document(f"busy {n}"))
            time.sleep(0.1)

    thread = threading.Thread(target=work)
    thread.start()
    sizes = []
    try:
        for n in range(4):
            folder = unpacked(backup(box, f"busy{n}.tar", "--with-keys"), os.path.join(tmp_path, str(n)))
            records = journal.read(folder)
            assert int(manifest(folder)["records"]) == len(records)
            sizes.append(len(records))
    finally:
        thread.join()
    assert sizes == sorted(sizes)
    box.wait_count(8, "done", 60)
    assert len(epo.ledger("accepted")) == 8


def test_never_filed_twice_after_a_restore(box, epo):
    """A case that was open in the backup and was filed after it: the restored box does not file it again, not by itself and not after `journal accept`."""
    closed = file_one(box, "closed.xml", document("closed"))
    epo.switch({"status500.test": "on"})
    late = document("late")
    box.drop("late.xml", late)
    number = box.wait_state("late.xml", "testing")["case"]
    path = backup(box, "busy.tar", "--with-keys")
    refused = restore(box, path)
    assert refused.returncode == 4, refused.stderr.decode()
    epo.switch({"status500.test": "off"})
    box.cli("send", "--all")
    box.wait_state(number, "done", 60)
    file_one(box, "unknown.xml", document("unknown to the backup"))
    box.stop()
    heard = len(epo.ledger())
    before = put_away(box)

    done = restore(box, path)
    assert done.returncode == 0, done.stderr.decode()
    restored = journal.read(box.data)
    assert [r.leaf for r in restored] == [r.leaf for r in journal.read(before)[:len(restored)]]
    if is_root():
        owner = pwd.getpwnam(USERS["store"]).pw_uid
        for at, folders, files in os.walk(box.data):
            assert all(os.lstat(os.path.join(at, name)).st_uid == owner for name in [*folders, *files])
    assert os.path.exists(os.path.join(box.data, "journal", "instance"))

    box.start()
    assert "rolled-back" in ids(box.cli("status")[1])
    box.wait_token()
    box.wait_state(number, "uncertain", 30)
    assert box.case(closed)["state"] == "done"
    for words in (("send", "--all"), ("poll", "--all"), ("retry", number, "--reason", "a try")):
        box.run_cli(*words)
    time.sleep(QUIET_S)
    assert len(epo.ledger()) == heard, "a box that was put back asks and files nothing"
    assert box.cli("journal", "accept", "--reason", "put back")[0] == 0
    box.cli("send", "--all")
    time.sleep(QUIET_S)
    assert box.case(number)["state"] == "uncertain"
    file_one(box, "new.xml", document("new"))
    accepted = [line["xml_sha256"] for line in epo.ledger("accepted")]
    assert len(accepted) == len(set(accepted)) == 4
    assert box.cli("journal", "verify")[0] == 0
    assert box.run_cli("show", closed, "--xml").stdout == document("closed")


# --- putting back -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def empty_box(saved, make_box, epo):
    """A box that was never started."""
    box = make_box(epo, start=False)
    return box


def test_a_mark_of_yesterday_is_no_way_around(saved, empty_box):
    """Even where the mark fits the backup, what was put back is another copy."""
    assert restore(empty_box, saved.full).returncode == 0
    os.makedirs(os.path.dirname(empty_box.mark), exist_ok=True)
    shutil.copy2(saved.mark, empty_box.mark)
    give_to_store(os.path.dirname(empty_box.mark))
    give_to_store(empty_box.mark)
    empty_box.start()
    assert "rolled-back" in ids(empty_box.cli("status")[1])


def test_nothing_is_overwritten(saved, empty_box):
    os.makedirs(empty_box.data)
    give_to_store(empty_box.data)
    keep = os.path.join(empty_box.data, "letter.txt")
    with open(keep, "w", encoding="utf-8") as f:
        f.write("mine")
    done = restore(empty_box, saved.full)
    assert done.returncode == 1 and os.listdir(empty_box.data) == ["letter.txt"]
    os.unlink(keep)
    assert restore(empty_box, saved.full).returncode == 0
    first = sorted(os.listdir(empty_box.data))
    assert restore(empty_box, saved.full).returncode == 1 and sorted(os.listdir(empty_box.data)) == first
    path = os.path.join(empty_box.dir, "there.tar")
    with open(path, "wb") as f:
        f.write(b"mine")
    empty_box.start()
    assert empty_box.run_cli("backup", path).returncode == 1
    with open(path, "rb") as f:
        assert f.read() == b"mine"


def test_an_interrupted_restore_is_no_box(saved, empty_box):
    """What lies in restoring.tmp is no journal; neither a start nor another restore takes it for nothing."""
    os.makedirs(os.path.join(empty_box.data, "restoring.tmp", "vault"))
    for path in (empty_box.data, os.path.join(empty_box.data, "restoring.tmp")):
        give_to_store(path)
    assert restore(empty_box, saved.full).returncode == 1
    empty_box.start(wait=False)
    until(lambda: "a restore was interrupted" in empty_box.log(), 20, "the log says why")
    empty_box.stop()
    assert os.listdir(empty_box.data) == ["restoring.tmp"]


def test_damaged_backups_are_refused(saved, empty_box):
    """Cut short, altered in any place, with foreign names: exit 5, and the data directory is as empty as before."""
    with open(saved.full, "rb") as f:
        whole = f.read()
    chance = random.Random(5)
    cases = [whole[:chance.randrange(len(whole) - 1024)] for _ in range(6)] + [b"", whole[:512], whole[:-1024]]
    for _ in range(20):
        place = chance.randrange(len(whole) - 1024)
        cases.append(whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1:])
    path = os.path.join(empty_box.dir, "bad.tar")
    for bad in cases:
        with open(path, "wb") as f:
            f.write(bad)
        done = restore(empty_box, path)
        assert done.returncode == 5, (len(bad), done.stderr.decode())
        assert os.listdir(empty_box.data) == []


def test_evil_names_are_refused(saved, empty_box, tmp_path):
    folder = unpacked(saved.full, os.path.join(tmp_path, "evil"))
    victim = os.path.join(empty_box.dir, "victim")
    path = os.path.join(empty_box.dir, "evil.tar")
    for name, kind, link in (("../victim", tarfile.REGTYPE, ""), (victim, tarfile.REGTYPE, ""), ("vault/../../victim", tarfile.REGTYPE, ""),
                             ("journal/segment", tarfile.SYMTYPE, empty_box.dir), ("keys/x", tarfile.LNKTYPE, "/etc/passwd"),
                             ("journal/instance", tarfile.REGTYPE, ""), ("seen\0x", tarfile.REGTYPE, "")):
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            tar.add(os.path.join(folder, "backup", "manifest"), "backup/manifest")
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            tar.addfile(member)
            tar.add(os.path.join(folder, "journal", "origin"), "journal/origin")
        assert restore(empty_box, path).returncode == 5, name
        assert os.listdir(empty_box.data) == [] and not os.path.exists(victim)


def test_keys_beside_the_backup(saved, empty_box):
    """A backup without keys and a copy of keys/ kept apart give everything back."""
    assert restore(empty_box, saved.plain).returncode == 0
    shutil.copytree(os.path.join(saved.data, "keys"), os.path.join(empty_box.data, "keys"), dirs_exist_ok=True)
    for name in os.listdir(os.path.join(empty_box.data, "keys")):
        give_to_store(os.path.join(empty_box.data, "keys", name))
    empty_box.start()
    empty_box.wait_token()
    for name, content in saved.documents.items():
        assert empty_box.run_cli("show", saved.numbers[name], "--xml").stdout == content
    until(lambda: {c["name"] for c in empty_box.cases() if c.get("name")} == set(saved.documents), 20, "the names are made again")


# --- what goes wrong while it is written ------------------------------------------------------------------------------------


@pytest.mark.skipif(not is_root(), reason="only root may mount a small disk")
def test_no_room_for_the_backup(box, epo):
    file_one(box, "a.xml", document("no room"))
    small = os.path.join(box.dir, "small")
    os.makedirs(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        done = box.run_cli("backup", os.path.join(small, "b.tar"))
        assert done.returncode == 1 and os.listdir(small) == []
        assert "místo" in done.stderr.decode()
    finally:
        subprocess.run(["umount", small], check=True)
    file_one(box, "b.xml", document("after no room"))


def test_a_store_that_dies_leaves_no_backup(box, epo):
    """Nothing that looks like a backup stays behind, and the box goes on."""
    file_one(box, "a.xml", document("killed"))
    for n in range(3):
        path = os.path.join(box.dir, f"killed{n}.tar")
        running = subprocess.Popen(box.command("backup", path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.02 * n)
        box.kill("store")
        code = running.wait(60)
        assert os.path.exists(path) == (code == 0)
        if code == 0:
            unpacked(path, os.path.join(box.dir, f"killed{n}"))
        box.wait_ready()
    box.wait_token()
    file_one(box, "b.xml", document("after the kills"))


def test_damage_is_said_and_not_backed_up(box, epo):
    file_one(box, "a.xml", document("damaged"))
    part = sorted(glob.glob(os.path.join(box.data, "vault", "??", "*")))[0]
    os.rename(part, part + ".away")
    path = os.path.join(box.dir, "damaged.tar")
    done = box.run_cli("backup", path)
    assert done.returncode == 5 and not os.path.exists(path)
    os.rename(part + ".away", part)
    assert box.run_cli("backup", path).returncode == 0
