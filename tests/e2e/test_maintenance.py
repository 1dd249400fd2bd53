"""Looking after the data directory, and segments that are closed at the end of a month and when they are full. What is left over is made here by hand; what was
taken away is read from the disk, what must stay is read back whole."""

import glob
import hashlib
import os
import pwd
import shutil
import subprocess
import time

import pytest

import forms
import journal
from box import USERS, is_root, until
from shifted import DAY_MS, prepare, set_clock

OLD_S = 3 * 86400


def document(note, **more):
    return forms.dphdp3(note=f"maintenance {os.getpid()} {note}", **more)


def file_one(box, name, content):
    box.drop(name, content)
    case = box.wait_state(name, "done", 60)
    box.result(case["case"])
    return case["case"]


def maintain(box, *words, code=0):
    done, rows = box.cli("maintenance", *words)
    assert done == code, (words, done, rows, box.log_tail())
    return {r["name"]: r["value"] for r in rows if r["kind"] == "field"}


def parts(box):
    return {os.path.basename(p) for p in glob.glob(os.path.join(box.data, "vault", "[0-9a-f][0-9a-f]", "*"))}


def stray(box, path, age_s=OLD_S, content=b"left over"):
    """A file of the store's user that nobody touched for so long."""
    path = os.path.join(box.data, path)
    made = [path] if os.path.isdir(os.path.dirname(path)) else [os.path.dirname(path), path]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content)
    when = time.time() - age_s
    os.utime(path, (when, when))
    if is_root():
        owner = pwd.getpwnam(USERS["store"])
        for name in made:
            os.chown(name, owner.pw_uid, owner.pw_gid)
    return path


def make_old(box):
    for path in glob.glob(os.path.join(box.data, "vault", "??", "*")):
        when = time.time() - OLD_S
        os.utime(path, (when, when))


def test_leftovers_go_and_nothing_else(box):
    numbers = {file_one(box, f"{n}.xml", document(f"left {n}")): document(f"left {n}") for n in range(2)}
    make_old(box)
    before = parts(box)
    orphans = [stray(box, f"vault/{h[:2]}/{h}") for h in ("ab" * 32, "cd" * 32)]
    young = stray(box, "vault/ef/" + "ef" * 32, age_s=3600)
    foreign = [stray(box, f"vault/ab/{name}") for name in ("letter.txt", "cd" * 32)]
    temporaries = [stray(box, name) for name in ("vault/tmp/x", "keys/2026-000001.9.tmp", "journal/head.tmp", "journal/anchor/9.note.tmp")]
    fresh = stray(box, "keys/2026-000002.9.tmp", age_s=60)
    facts = maintain(box, "leftovers")
    # What was taken in and never recorded may still be recorded by this run of the hub: it is left, however old it looks.
    assert (facts["orphans"], facts["temporaries"]) == ("2", "4")
    assert not any(os.path.exists(p) for p in [*orphans, *temporaries])
    assert all(os.path.exists(p) for p in [young, fresh, *foreign])
    assert before <= parts(box)
    assert maintain(box, "leftovers")["orphans"] == "0"
    for path in [young, fresh, *foreign]:
        os.unlink(path)
    assert box.cli("journal", "verify")[0] == 0
    for number, content in numbers.items():
        assert box.run_cli("show", number, "--xml").stdout == content


def test_while_filings_go_on(box, epo):
    """Maintenance again and again beside filings whose content looks old at once: nothing of them goes."""
    for n in range(4):
        box.drop(f"w{n}.xml", document(f"while {n}"))
    for _ in range(6):
        make_old(box)
        stray(box, "vault/ab/" + "ab" * 32)
        maintain(box, "all")
    box.wait_count(4, "done", 60)
    assert len(epo.ledger("accepted")) == 4
    assert box.cli("journal", "verify")[0] == 0


def test_killed_in_the_middle(box):
    file_one(box, "a.xml", document("killed"))
    make_old(box)
    names = [f"{n:02x}" + "ab" * 31 for n in range(256)]
    for name in names:
        stray(box, f"vault/{name[:2]}/{name}")
    for n in range(3):
        running = subprocess.Popen(box.command("maintenance", "all"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03 * (n + 1))
        box.kill("store")
        running.wait(60)
        box.wait_ready()
    box.wait_token()
    until(lambda: box.cli("maintenance", "all")[0] == 0, 30, lambda: f"the maintenance goes through: {box.log_tail()}")
    assert not parts(box) & set(names)
    assert box.cli("journal", "verify")[0] == 0


def test_names_are_made_again(box):
    wanted = {f"jméno {n}.xml" for n in range(3)}
    for name in wanted:
        file_one(box, name, document(name))
    until(lambda: os.listdir(os.path.join(box.data, "names")), 10, "the names are written")
    box.stop()
    shutil.rmtree(os.path.join(box.data, "names"))
    token = next(s for s in box.settings if s.startswith("token"))
    box.set(token, pin="prompt")
    box.start()
    assert maintain(box, "names", code=1)["names-left"] == "3"
    assert box.login().returncode == 0
    box.wait_token()
    until(lambda: maintain(box, "names")["names-left"] == "0", 20, "all names are known")
    assert {c["name"] for c in box.cases()} == wanted


def test_check_and_space(box):
    number = file_one(box, "a.xml", document("space"))
    facts = maintain(box)
    said = int(facts["space-vault"])
    real = sum(os.stat(p).st_blocks * 512 for p in glob.glob(os.path.join(box.data, "vault", "??", "*")))
    assert abs(said - real) <= 65536 and int(facts["space-free"]) > 0 and int(facts["space-segments"]) > 0
    assert int(facts["check-records"]) <= len(journal.read(box.data)) and int(facts["check-objects"]) > 5
    record = next(r for r in journal.read(box.data) if r.type == "received" and r.fields["case"] == number)
    part = record.objects()["original"][3][0]
    path = os.path.join(box.data, "vault", part[:2], part)
    os.rename(path, path + "-away")
    facts = maintain(box, "check", code=5)
    assert facts["check-index"] == str(record.index)
    os.rename(path + "-away", path)
    assert "check-why" not in maintain(box, "check")


def test_rights_and_words(box):
    assert box.run_cli("maintenance", "everything").returncode == 2
    if is_root():
        assert box.run_cli("maintenance", user=(65534, 65534, [])).returncode in (3, 4)


# --- segments ---------------------------------------------------------------------------------------------------------------


def audit(box):
    program = os.path.join(box.bin, "podatelna-audit")
    done = subprocess.run([program, "verify", box.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode != 5, done.stdout.decode()
    return done.stdout.decode()


def closed(box):
    return sorted(n for n in os.listdir(os.path.join(box.data, "journal", "segment")) if n.endswith(".s"))


def test_segments_close_with_the_month(epo, make_box, work):
    """At the end of a Czech month, and not on an ordinary day; the last record of the segment says what it holds."""
    box = make_box(epo, start=False)
    prepare(box, work)
    box.start()
    box.wait_token()
    file_one(box, "a.xml", document("month a"))
    box.stop()
    first = closed(box)
    days = 1
    while time.localtime(time.time() + days * 86400).tm_mon == time.localtime().tm_mon:
        days += 1
    set_clock(box, (days + 2) * DAY_MS)
    box.start()
    box.wait_token()
    until(lambda: len(closed(box)) == len(first) + 1, 30, lambda: closed(box))
    box.stop()
    records = journal.read(box.data)
    last = [r for r in records if r.type == "segment"][-1]
    assert int(last.fields["last"]) == last.index and int(last.fields["count"]) == last.index - int(last.fields["first"]) + 1
    assert last.fields["root"] == journal.roots(records, last.index).hex()
    names = sorted(os.listdir(os.path.join(box.data, "journal", "segment")))
    assert f"{last.index + 1:012d}.open" in names and not any(n.endswith(".u") for n in names)
    audit(box)


def is_whole(path):
    """An index file that ends with the hash of all that stands before."""
    with open(path, "rb") as f:
        data = f.read()
    return data.startswith(b"podatelna-index 1 journal\n") and hashlib.sha256(data[:-32]).digest() == data[-32:]


def test_index_is_made_again(epo, make_box):
    """While the box works: from the records of the closed segments, beside the former file; the next start uses it. Over damage none is made."""
    box = make_box(epo, settings={"journal": {"segment": "64 KiB"}})
    box.wait_token()
    for n in range(10):
        box.drop(f"i{n}.xml", document(f"index {n}"))
    box.wait_count(10, "done", 120)
    folder = os.path.join(box.data, "index")
    path = os.path.join(folder, "journal")
    stray(box, "index/journal", content=b"podatelna-index 1 journal\nnot an index")
    for name in ("hub", "journal.made", "foreign"):
        stray(box, f"index/{name}", content=b"left over")
    box.drop("later.xml", document("index later"))
    facts = maintain(box, "index")
    box.wait_count(11, "done", 60)
    ends = [int(n.split(".")[0]) for n in os.listdir(os.path.join(box.data, "journal", "segment"))]
    assert int(facts["index"]) in ends and int(facts["index"]) > 0 and "check-why" not in facts
    assert os.listdir(folder) == ["journal"] and is_whole(path)
    at = (os.stat(path).st_ino, os.stat(path).st_mtime_ns)
    box.stop()
    before = len(box.log())
    box.start()
    box.wait_token()
    said = box.log()[before:]
    assert "the index is not of these segments" not in said and (os.stat(path).st_ino, os.stat(path).st_mtime_ns) == at, said
    assert len(box.cases()) == 11 and maintain(box, "check")["check-records"]
    # A record of a closed segment is altered under the box.
    segment = os.path.join(box.data, "journal", "segment", closed(box)[0])
    records = journal.read(box.data)
    broken = next(r for r in records if os.path.basename(r.place[0]) == closed(box)[0] and r.type == "received")
    os.chmod(segment, 0o640)
    with open(segment, "r+b") as f:
        f.seek(broken.place[1] + 100)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))
    facts = maintain(box, "index", code=5)
    assert facts["check-index"] == str(broken.index) and facts["check-why"] and not os.path.exists(path)


def test_segments_close_when_full(epo, make_box):
    box = make_box(epo, settings={"journal": {"segment": "64 KiB"}})
    box.wait_token()
    for n in range(10):
        box.drop(f"s{n}.xml", document(f"size {n}"))
    box.wait_count(10, "done", 120)
    assert box.cli("journal", "checkpoint")[0] == 0
    box.stop()
    folder = os.path.join(box.data, "journal", "segment")
    sizes = {n: os.path.getsize(os.path.join(folder, n)) for n in closed(box)}
    assert sizes and all(65536 <= size < 65536 + 4 * 1024 * 1024 for size in sizes.values())
    records = journal.read(box.data)
    for name in closed(box):
        inside = [r for r in records if os.path.basename(r.place[0]) == name]
        assert inside[-1].type == "segment" and os.stat(os.path.join(folder, name)).st_mode & 0o777 == 0o444
        assert inside[-1].place[1] >= 65536 or len(inside) > 1
    audit(box)
