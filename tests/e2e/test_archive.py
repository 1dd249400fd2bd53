"""The archive: content of closed cases moved to another folder and back; what lies where is looked at in the files, what can be read with openssl."""

import hashlib
import os
import shutil

import pytest

import journal
from box import is_root, until
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
