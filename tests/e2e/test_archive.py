"""The archive: content of closed cases moved to another folder and back; what lies where is looked at in the files, what can be read with openssl."""

import concurrent.futures
import fcntl
import hashlib
import os
import shutil
import signal
import time

import pytest

import exported
import forms
from box import SLOW, is_root, until
from conftest import BIN
from test_backup import QUIET_S, backup, give_to_store, ids, manifest, restore, unpacked
from test_erase import FIRST, SECOND, audit, erase, file_one, key_files, openssl_vault, parts_of, people, present, records, whole

root_only = pytest.mark.skipif(not is_root(), reason="needs root: other callers' users")
TOMORROW = "2099-01-01"


@pytest.fixture
def depot(epo, make_box):
    """A box with a folder for its archive, two filings, and a way to unmount it: the folder is put elsewhere."""
    made = make_box(epo, start=False)
    made.archive = os.path.join(made.dir, "archives", "disk")
    os.makedirs(made.archive)
    made.set("", archive_dir=made.archive)
    people(made)
    made.start()
    for path in (os.path.dirname(made.archive), made.archive):
        shutil.chown(path, os.stat(made.data).st_uid, os.stat(made.data).st_gid)
    made.wait_token()
    return made


def run(box, *words):
    code, rows = box.cli("archive", *words)
    return code, {r["name"]: r["value"] for r in rows if r["kind"] == "field"}


def init(box):
    code, said = run(box, "--init", "--same-disk")
    assert code == 0 and len(said["archive"]) == 16
    return said["archive"]


def events(box, number):
    return [(r.fields["event"], r.fields["place"]) for r in records(box, number) if r.type == "archived"]


@root_only
def test_out_and_back(depot):
    box = depot
    number, document = file_one(box, "první.xml", "one")
    other, _ = file_one(box, "druhé.xml", "two")
    parts, others = parts_of(box, number), parts_of(box, other)
    assert run(box, "--before", TOMORROW)[0] != 0, "a folder without its marker is no archive"
    assert run(box, "--init")[0] == 4, "the disk of the journal itself"
    place = init(box)
    assert run(box, "--init", "--same-disk")[0] != 0
    hashes = {p: hashlib.sha256(open(os.path.join(box.data, "vault", p[:2], p), "rb").read()).hexdigest() for p in parts}
    assert set(hashes) == set(hashes.values())

    assert run(box, "--before", "2001-01-01") == (0, {"archive-out": "0"})
    assert run(box, "--before", TOMORROW) == (0, {"archive-out": "2"})
    assert events(box, number) == events(box, other) == [("out", place)]
    assert not present(box.data, parts | others) and present(box.archive, parts | others) == parts | others
    assert key_files(box.data, number), "keys stay"
    assert run(box, "--before", TOMORROW) == (0, {"archive-out": "0"}), "once is enough"

    # What a crash would leave between the record and the removal: the next look takes it away, but only while the archive has it whole.
    one, two = sorted(parts)[:2]
    for part in (one, two):
        shutil.copy(os.path.join(box.archive, "vault", part[:2], part), os.path.join(box.data, "vault", part[:2], part))
        shutil.chown(os.path.join(box.data, "vault", part[:2], part), os.stat(box.data).st_uid, os.stat(box.data).st_gid)
    os.rename(os.path.join(box.archive, "vault", two[:2], two), os.path.join(box.dir, "kept-part"))
    assert run(box)[0] == 0
    until(lambda: not present(box.data, {one}), 10, box.log_tail)
    assert present(box.data, {two})
    os.rename(os.path.join(box.dir, "kept-part"), os.path.join(box.archive, "vault", two[:2], two))
    assert run(box)[0] == 0
    until(lambda: not present(box.data, {two}), 10, box.log_tail)

    # It is read where it is, by the box and by openssl.
    shown = os.path.join(box.dir, "shown.xml")
    assert box.run_cli("show", number, "--xml", shown).returncode == 0
    with open(shown, "rb") as f:
        assert f.read() == document
    both = os.path.join(box.dir, "both")
    shutil.copytree(box.data, both)
    shutil.copytree(os.path.join(box.archive, "vault"), os.path.join(both, "vault"), dirs_exist_ok=True)
    assert document in whole(openssl_vault(box, both), box, number)
    code, rows = box.cli("journal", "verify")
    assert code == 0 and [r["value"] for r in rows if r.get("name") == "archived"] == ["2"]

    assert audit(box, "--archive", box.archive) == set()

    # A part that was changed there is found; one that is missing too.
    path = os.path.join(box.archive, "vault", sorted(parts)[0][:2], sorted(parts)[0])
    whole_part = open(path, "rb").read()
    os.unlink(path)
    assert box.cli("journal", "verify")[0] == 5
    assert {(kind, weight) for kind, weight, _ in audit(box, "--archive", box.archive)} == {("object-missing", "damaged")}
    with open(path, "wb") as f:
        f.write(whole_part[:-1] + bytes([whole_part[-1] ^ 1]))
    shutil.chown(path, os.stat(box.data).st_uid, os.stat(box.data).st_gid)
    assert box.cli("journal", "verify")[0] == 5
    assert run(box, "--restore", number)[0] == 5, "damaged content is not brought back for good"
    assert events(box, number) == [("out", place)]
    with open(path, "wb") as f:
        f.write(whole_part)

    # Unmounted: said, nothing is lost, nothing is damage; another folder in its place is no archive.
    away = box.archive + ".away"
    os.rename(box.archive, away)
    done = box.run_cli("show", number, "--xml", os.path.join(box.dir, "none.xml"))
    assert done.returncode != 0 and "archiv".encode() in done.stderr
    assert box.cli("journal", "verify")[0] == 0
    os.mkdir(box.archive)
    shutil.chown(box.archive, os.stat(box.data).st_uid, os.stat(box.data).st_gid)
    assert run(box, "--restore", number)[0] != 0
    with open(os.path.join(box.archive, "podatelna-archive"), "w", encoding="utf-8") as f:
        f.write(f"id: {place}\norigin: podatelna.invalid/0123456789abcdef\n")
    os.mkdir(os.path.join(box.archive, "vault"))
    assert run(box)[0] == 4
    shutil.rmtree(box.archive)
    os.rename(away, box.archive)

    assert run(box, "--restore", number) == (0, {"archive-back": "1"})
    assert events(box, number) == [("out", place), ("back", place)]
    assert present(box.data, parts) == parts and not present(box.archive, parts) and present(box.archive, others) == others
    assert document in whole(openssl_vault(box, box.data), box, number)
    assert run(box, "--restore", "--since", "2020-01-01") == (0, {"archive-back": "1"})
    assert present(box.data, others) == others
    assert box.cli("journal", "verify")[0] == 0


@root_only
def test_broken_off_and_begun_again(depot):
    """Killed in the middle of a run: nothing is lost, the next run brings it to its end."""
    box = depot
    numbers = [file_one(box, f"{i}.xml", f"broken {i}")[0] for i in range(3)]
    parts = set().union(*(parts_of(box, n) for n in numbers))
    init(box)
    # The archive takes one part of the second case, and then its folder is not writable: the run stops there.
    second = sorted(parts_of(box, numbers[1]))
    blocked = os.path.join(box.archive, "vault", second[-1][:2])
    with open(blocked, "w", encoding="utf-8"):
        pass
    done = box.run_cli("archive", "--before", TOMORROW)
    assert done.returncode == 1
    assert not events(box, numbers[1]) and present(box.data, parts_of(box, numbers[1])) == set(second)
    os.unlink(blocked)
    box.kill("store")
    until(box.healthy, 30, box.log_tail)
    until(lambda: run(box, "--before", TOMORROW)[0] == 0, 30, box.log_tail)
    assert present(box.archive, parts) == parts and not present(box.data, parts)
    assert all([e for e, _ in events(box, n)] == ["out"] for n in numbers)
    assert box.cli("journal", "verify")[0] == 0


@root_only
def test_erasure_of_what_is_archived(depot):
    """Keys go at once; the content in the archive too, or when the archive is there again."""
    box = depot
    number, _ = file_one(box, "a.xml", "here")
    other, _ = file_one(box, "b.xml", "away")
    parts, others = parts_of(box, number), parts_of(box, other)
    init(box)
    assert run(box, "--before", TOMORROW)[1]["archive-out"] == "2"
    for uid in (FIRST, SECOND):
        assert erase(box, number, uid).returncode == 0
    assert not key_files(box.data, number) and not present(box.archive, parts) and present(box.archive, others) == others
    away = box.archive + ".away"
    os.rename(box.archive, away)
    assert erase(box, other, FIRST).returncode == 0
    code, rows = box.cli("erase", other, "--basis", "x")
    assert code == 0 and len([r for r in rows if r.get("name") == "not-erased"]) == 2
    assert not key_files(box.data, other) and present(away, others) == others
    os.rename(away, box.archive)
    assert run(box)[0] == 0
    until(lambda: not present(box.archive, others), 20, box.log_tail)
    assert box.cli("journal", "verify")[0] == 0


class Held:
    """Nobody else can open the file for now: the kernel makes whoever tries wait (a lease, fcntl(2)), and tells us that somebody does."""

    def __init__(self, path):
        self.path, self.fd, self.waited_for = path, -1, False

    def __enter__(self):
        self.before = signal.signal(signal.SIGIO, self.on_wait)
        self.fd = os.open(self.path, os.O_RDONLY)
        fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        return self

    def on_wait(self, *_):
        self.waited_for = True

    def __exit__(self, *_):
        os.close(self.fd)
        signal.signal(signal.SIGIO, self.before)


@root_only
def test_a_look_while_content_is_moved(depot):
    """The box removes what was erased, one case after the other; who looks meanwhile waits for his turn, and what he makes it look for is not put off."""
    box = depot
    numbers = [file_one(box, f"{i}.xml", f"moved {i}")[0] for i in range(3)]
    parts = [parts_of(box, n) for n in numbers]
    init(box)
    assert run(box, "--before", TOMORROW)[1]["archive-out"] == "3"
    away, copy = box.archive + ".away", os.path.join(box.dir, "copy")
    os.rename(box.archive, away)
    for count, number in enumerate(numbers, 1):
        assert all(erase(box, number, uid).returncode == 0 for uid in (FIRST, SECOND))
        until(lambda c=count: f"{c} erased cases have content that could not be removed" in box.log(), 20, box.log_tail)
    os.rename(away, box.archive)  # nobody looks for it now
    first = sorted(parts[0])[0]
    shutil.copy2(os.path.join(box.archive, "vault", first[:2], first), copy)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with Held(os.path.join(box.archive, "vault", *(lambda p: (p[:2], p))(sorted(parts[1])[0]))) as held:
            assert run(box)[0] == 0
            until(lambda: held.waited_for, 30, box.log_tail)
            assert not present(box.archive, parts[0]) and present(box.archive, parts[2]) == parts[2]
            shutil.copy2(copy, os.path.join(box.archive, "vault", first[:2], first))
            shutil.chown(os.path.join(box.archive, "vault", first[:2], first), os.stat(box.data).st_uid, os.stat(box.data).st_gid)
            look = pool.submit(run, box)
            concurrent.futures.wait([look], 1)  # so that it is asked while the box is at work; were it not, the test would see less
        assert look.result()[0] == 0, look.result()
    until(lambda: not present(box.archive, set().union(*parts)), 30 / SLOW, box.log_tail)
    assert box.cli("journal", "verify")[0] == 0


def export(box, number, name):
    folder = os.path.join(box.dir, name)
    os.makedirs(folder)
    return box.run_cli("export", number, folder), folder


def exported_contents(box, pki_dir, folder):
    """The verifier's word on the contents of an export: damage, and how many agree."""
    said = exported.audit(BIN, folder, box.hsm.describe()["ca"], os.path.join(pki_dir, "ca.pem"), os.path.join(pki_dir, "confirm-ca.pem"))[1]
    assert not exported.findings(said, "damaged"), said
    return {kind for kind, _ in exported.findings(said)}, said["contents"]


@root_only
@pytest.mark.parametrize("with_keys", [True, False], ids=["with-keys", "without-keys"])
def test_a_backup_beside_the_archive(depot, epo, make_box, pki_dir, with_keys):
    """What the archive holds is not in the backup, and not lost: put back on another box, the case is read, exported and brought back from the archive; while that is not
    mounted it is said, and nothing is taken for damage. A box that was put back files nothing until a person agrees."""
    box = depot
    moved, document = file_one(box, "pryč.xml", "moved away")
    init(box)
    assert run(box, "--before", TOMORROW) == (0, {"archive-out": "1"})
    stays, other = file_one(box, "zde.xml", "stays here")
    parts, others = parts_of(box, moved), parts_of(box, stays)
    epo.switch({"status500.test": "on"})
    box.drop("otevřené.xml", forms.dphdp3(note="was open"))
    opened = box.wait_state("otevřené.xml", "testing")["case"]
    path = backup(box, "box.tar", *(["--with-keys"] if with_keys else []))
    epo.switch({"status500.test": "off"})
    box.cli("send", "--all")
    box.wait_state(opened, "done", 60)
    box.stop()
    heard = len(epo.ledger())

    folder = unpacked(path, os.path.join(box.dir, "unpacked"))
    ends = [line for line in exported.read(folder, "backup", "end").decode().splitlines() if line.startswith("archived-parts: ")]
    assert ends == [f"archived-parts: {len(parts)}"] and manifest(folder)["keys"] == ("yes" if with_keys else "no")
    assert not present(folder, parts) and present(folder, others) == others

    again = make_box(epo, start=False)
    again.set("", archive_dir=box.archive)
    people(again)
    done = restore(again, path)
    assert done.returncode == 0, done.stderr.decode()
    if not with_keys:
        assert not os.path.exists(os.path.join(again.data, "keys")) or not os.listdir(os.path.join(again.data, "keys"))
        shutil.copytree(os.path.join(box.data, "keys"), os.path.join(again.data, "keys"), dirs_exist_ok=True)
        for name in os.listdir(os.path.join(again.data, "keys")):
            give_to_store(os.path.join(again.data, "keys", name))

    # Not mounted.
    away = box.archive + ".away"
    os.rename(box.archive, away)
    again.start()
    assert "rolled-back" in ids(again.cli("status")[1])
    again.wait_token()
    done = again.run_cli("show", moved, "--xml")
    assert done.returncode != 0 and b"archiv" in done.stderr
    assert again.run_cli("show", stays, "--xml").stdout == other
    code, rows = again.cli("journal", "verify")
    assert code == 0 and ids(rows)["archived"] == "1"
    done, out = export(again, moved, "unmounted")
    assert done.returncode == 1 and "archivu" in (done.stdout + done.stderr).decode()
    assert exported_contents(again, pki_dir, out) == ({"unsigned", "unstamped"}, 0)
    code, rows = again.cli("maintenance", "leftovers")
    assert (code, ids(rows)["orphans"]) == (0, "0")
    assert present(away, parts) == parts

    # Mounted again, and still rolled back: read it may be, filed nothing.
    os.rename(away, box.archive)
    assert again.run_cli("show", moved, "--xml").stdout == document
    again.wait_state(opened, "uncertain", 30)
    for words in (("send", "--all"), ("poll", "--all"), ("retry", opened, "--reason", "a try")):
        again.run_cli(*words)
    time.sleep(QUIET_S)
    assert len(epo.ledger()) == heard, "a box that was put back asks and files nothing"
    assert again.cli("journal", "accept", "--reason", "put back")[0] == 0

    done, out = export(again, moved, "mounted")
    assert done.returncode == 0, done.stderr.decode()
    assert exported.read(out, "original") == document
    kinds, contents = exported_contents(again, pki_dir, out)
    assert kinds == {"unsigned", "unstamped"} and contents > 0
    assert run(again, "--restore", moved) == (0, {"archive-back": "1"})
    assert [event for event, _ in events(again, moved)] == ["out", "back"]
    assert present(again.data, parts) == parts and not present(box.archive, parts)
    assert again.run_cli("show", moved, "--xml").stdout == document
    done, out = export(again, moved, "back")
    assert done.returncode == 0 and exported.read(out, "original") == document
    assert document in whole(openssl_vault(again, again.data), again, moved)
    code, rows = again.cli("journal", "verify")
    assert code == 0 and ids(rows).get("archived", "0") == "0"
    assert audit(again) == set()
    assert again.case(opened)["state"] == "uncertain"
    accepted = [line["xml_sha256"] for line in epo.ledger("accepted")]
    assert len(accepted) == len(set(accepted)) == 3
