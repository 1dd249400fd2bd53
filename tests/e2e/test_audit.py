"""podatelna-audit: over the data directory of a real box it says yes; over planned journals (tests/lib/logmaker.py) it names what breaks the rules of FORMAT.txt; it
is one static program that only reads."""

import base64
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess

import pytest

import forms
import journal
import logmaker
from conftest import BIN, SANITIZED
from test_anchors import anchored, signed_checkpoint  # noqa: F401  (a fixture)

PROGRAM = os.path.join(BIN, "podatelna-audit")
YES, NO, USAGE, DAMAGED = 0, 1, 2, 5


def audit(*words, env=None):
    """(exit code, stdout, stderr)"""
    done = subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=300,
                          env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "", "LC_MESSAGES": "", **(env or {})})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def verify(data, *words):
    """(exit code, the JSON object)"""
    code, out, err = audit("verify", data, "--json", *words)
    assert err == "" and code in (YES, NO, DAMAGED), (code, out, err)
    told = json.loads(out)
    assert told["exit"] == code
    return code, told


def records_only(data, *words):
    return verify(data, "--no-signatures", *words)


def damage(told):
    return [(f["kind"], f["index"]) for f in told["findings"] if f["weight"] == "damaged"]


def snapshot(folder):
    """{path: (mode, mtime, SHA-256)} of everything below it."""
    found = {}
    for at, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(at, name)
            info = os.lstat(path)
            data = hashlib.sha256(logmaker.load(path)).hexdigest() if stat.S_ISREG(info.st_mode) else ""
            found[os.path.relpath(path, folder)] = (info.st_mode, info.st_mtime_ns, data)
    return found


# --- a real box ------------------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_a_box_and_its_auditor(epo, anchored, pki_dir, tmp_path):  # noqa: F811
    """Filed, signed, closed: the auditor's copy is whole; it grew out of the note of an earlier check, and not out of another."""
    box = anchored("p256", portals=epo, pki_dir=pki_dir)
    box.drop("první.xml", forms.dphdp3(note="audit 1"))
    first = box.wait_state("první.xml")
    size, _ = signed_checkpoint(box)
    kept = tmp_path / "kept.note"
    shutil.copy(os.path.join(box.data, "journal", "anchor", f"{size}.note"), kept)
    # While the box works.
    code, told = records_only(box.data)
    assert code == YES and told["records"] >= size and not damage(told)
    box.drop("druhý.xml", forms.dphdp3(note="audit 2", month=2))
    box.wait_state("druhý.xml")
    box.stop()
    copy = str(tmp_path / "stick")
    shutil.copytree(box.data, copy)
    before = snapshot(copy)
    records = journal.read(copy)
    code, told = records_only(copy, "--since", str(kept))
    assert code == YES and told["records"] == len(records) and told["cases"] == 2 and told["origin"] == journal.note(kept)[0]
    assert told["root"] == journal.roots(records, len(records)).hex()
    parts = {part for record in records for _, _, _, parts in record.objects().values() for part in parts}
    assert told["parts"] == len(parts) and told["keys"] == 2 and told["looked_at"]["objects"] and told["looked_at"]["keys"]
    assert owes(records) == {"signed"}
    # The same from journal/ alone, and from what nobody may write to.
    code, told = records_only(os.path.join(copy, "journal"))
    assert code == YES and told["records"] == len(records) and not told["looked_at"]["objects"]
    code, out, _ = audit("list", copy)
    assert code == YES and [line.split(" ")[0] for line in out.splitlines()] == sorted({r.fields["case"] for r in records if "case" in r.fields})
    assert first["case"] in out
    code, out, _ = audit("list", copy, "--records")
    assert [line.split(" ")[0] + " " + line.split(" ")[4] for line in out.splitlines()] == [f"{r.index} {r.type}" for r in records]
    code, out, _ = audit("show", copy, "5")
    assert code == YES and out.encode() == records[5].leaf[1:] + f".{5:012d} {records[5].hash}\n".encode()
    assert snapshot(copy) == before
    # Rolled back, and a fork: the note is of the same log, and later or other.
    code, told = records_only(copy, "--since", note_of(told["origin"], len(records) + 1, b"\1" * 32, tmp_path))
    assert code == DAMAGED and damage(told) == [("rolled-back", len(records))]
    code, told = records_only(copy, "--since", note_of(told["origin"], size, b"\1" * 32, tmp_path))
    assert code == DAMAGED and damage(told) == [("fork", size)]
    code, told = records_only(copy, "--since", note_of("podatelna.invalid/" + "f" * 16, size, journal.roots(records, size), tmp_path))
    assert code == DAMAGED and damage(told) == [("origin", None)]


def owes(records):
    return {r.fields.get("owes") for r in records if r.type == "recognised"}


def note_of(origin, size, root, folder):
    path = os.path.join(folder, "other.note")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n")
    return path


@pytest.mark.skipif(SANITIZED or "GCOV_PREFIX" in os.environ, reason="sanitizers and counters are not linked statically")
def test_one_static_program():
    dynamic = subprocess.run(["readelf", "-d", PROGRAM], stdout=subprocess.PIPE, check=True).stdout.decode()
    header = subprocess.run(["readelf", "-l", PROGRAM], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert "NEEDED" not in dynamic and "INTERP" not in header


# --- planned journals --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def notary(pki_dir):
    return logmaker.Notary(pki_dir)


@pytest.fixture
def plan(notary, tmp_path):
    """write(log): the directory of a plan."""
    def write(log, name="data"):
        path = str(tmp_path / name)
        shutil.rmtree(path, ignore_errors=True)
        return path, logmaker.write(log, path, notary)
    return write


def test_usage(tmp_path):
    for words in ((), ("verify",), ("nothing",), ("verify", "/", "--nothing"), ("verify", "/", "--limit", "0"), ("verify", "/", "--at", "yesterday"),
                  ("verify", "/", "--language", "de"), ("verify", "/", "more"), ("verify", "/", "--threads", "17"), ("show", "/"), ("prove", "/", "x")):
        code, out, err = audit(*words)
        assert code == USAGE and out == "" and err != "", words
    for words in (("verify", str(tmp_path)), ("verify", str(tmp_path / "none")), ("list", str(tmp_path))):
        code, out, err = audit(*words)
        assert code == NO and out == "" and str(tmp_path) in err, words
    assert audit("--help")[0] == YES


def test_languages(plan):
    data, _ = plan(logmaker.ordinary(cases=2))
    english = audit("verify", data, "--no-signatures")[1]
    assert "the journal agrees with itself" in english
    for czech in (audit("verify", data, "--no-signatures", "--language", "cs"), audit("verify", data, "--no-signatures", env={"LANG": "cs_CZ.UTF-8"})):
        assert czech[0] == YES and "deník souhlasí sám se sebou" in czech[1]
    assert audit("verify", data, "--no-signatures", "--language", "en", env={"LANG": "cs_CZ.UTF-8"})[1] == english


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_threads_say_the_same(plan, threads):
    """Also over what is damaged; blocks and chunks are crossed."""
    log = logmaker.ordinary(cases=500, segments=3)
    data, writer = plan(log)
    code, told = records_only(data, "--threads", threads)
    assert code == YES and told["records"] == len(writer.records) and told["root"] == writer.tree.root().hex() and told["cases"] == 500
    for index in (0, 255, 256, 4095, 4096, len(writer.records) - 3):
        flip(data, writer.records[index])
    code, told = records_only(data, "--threads", threads)
    assert {index for _, index in damage(told)} == {0, 255, 256, 4095, 4096, len(writer.records) - 3} and code == DAMAGED


def flip(data, place, at=90, bit=0):
    """Turns a bit in the body of a record."""
    folder = os.path.join(data, "journal", "segment")
    path = next(os.path.join(folder, n) for n in os.listdir(folder) if n.startswith(f"{place.first:012d}"))
    os.chmod(path, 0o644)
    raw = bytearray(logmaker.load(path))
    raw[place.offset + at] ^= 1 << bit
    logmaker.save(path, bytes(raw))


def test_prove(plan, tmp_path):
    """The proof, checked by a reader of our own: C2SP tlog-proof."""
    data, writer = plan(logmaker.ordinary(cases=7))
    for place in writer.records[:-2:9]:
        code, out, _ = audit("prove", data, str(place.index))
        head, note = out.split("\n\n", 1)
        title, index, *hashes = head.split("\n")
        assert code == YES and title == "c2sp.org/tlog-proof@v1" and index == f"index {place.index}"
        kept = tmp_path / "proof.note"
        kept.write_text(note, encoding="utf-8")
        origin, size, root = journal.note(kept)
        assert origin == writer.log.origin and size == max(s for s, _ in writer.checkpoints.values())
        assert climb(place.leaf, place.index, size, [base64.b64decode(h, validate=True) for h in hashes]) == root
    assert audit("prove", data, str(len(writer.records)))[0] == NO


def climb(leaf, index, size, path):
    """The root that an inclusion proof leads to, by RFC 6962 2.1.1 turned around."""
    if size == 1:
        assert not path
        return leaf
    split = 1
    while split * 2 < size:
        split *= 2
    if index < split:
        return hashlib.sha256(b"\1" + climb(leaf, index, split, path[:-1]) + path[-1]).digest()
    return hashlib.sha256(b"\1" + path[-1] + climb(leaf, index - split, size - split, path[:-1])).digest()


# --- duties ------------------------------------------------------------------------------------------------------------------


def remove(*labels):
    def change(log):
        log.items = [item for item in log.items if item.label not in labels]
    return change


def fields(label, **values):
    def change(log):
        item = log.items[log.at(label)]
        item.fields.update({name.replace("_", "-"): value for name, value in values.items()})
        for name in [n for n, v in item.fields.items() if v is None]:
            del item.fields[name]
    return change


def doubled(label):
    def change(log):
        at = log.at(label)
        twin = logmaker.Item(log.items[at].type, log.items[at].fields, log.items[at].case, label + ".twin")
        log.items.insert(at + 1, twin)
        twin.utc_ms = log.items[at].utc_ms
    return change


def both(*changes):
    def change(log):
        for each in changes:
            each(log)
    return change


CASE = "2026-000002"
DUTIES = {
    "signed-without-intent": (both(remove(f"{CASE}.intent"), fields(f"{CASE}.signed", intent="0")), "signed", "duty"),
    "sent-without-request": (remove(f"{CASE}.request"), "sending", "duty"),
    "sent-without-signature": (remove(f"{CASE}.intent", f"{CASE}.signed"), "sending", "duty"),
    "requested-without-signature": (remove(f"{CASE}.intent", f"{CASE}.signed"), "request", "duty"),
    "nobody-approved-what-was-shown": (both(remove(f"{CASE}.intent", f"{CASE}.signed", f"{CASE}.sending", f"{CASE}.reply"), fields(f"{CASE}.request", purpose="check"),
                                            fields(f"{CASE}.recognised", approval="needed")), "request", "duty"),
    "another-object-sent": (fields(f"{CASE}.sending", object_request=logmaker.content("request", b"something else")), "sending", "duty"),
    "sent-twice": (both(doubled(f"{CASE}.sending"), doubled(f"{CASE}.request")), "sending.twin", "duty"),
    "closed-twice": (doubled(f"{CASE}.closed"), "closed.twin", "duty"),
    "accepted-by-the-channel-alone": (fields(f"{CASE}.closed", evidence="channel"), "closed", "duty"),
    "accepted-without-verified": (remove(f"{CASE}.verified"), "closed", "duty"),
    "partial-by-the-channel-alone": (fields(f"{CASE}.closed", evidence="channel", verdict="partial"), "closed", "duty"),
    "partial-without-verified": (both(remove(f"{CASE}.verified"), fields(f"{CASE}.closed", verdict="partial")), "closed", "duty"),
    "accepted-though-invalid": (fields(f"{CASE}.verified", result="invalid"), "closed", "duty"),
    "nobody-approved": (fields(f"{CASE}.recognised", approval="needed"), "intent", "duty"),
    "approved-by-the-same-person": (both(fields(f"{CASE}.recognised", approval="two-person"), fields(f"{CASE}.approved", by="uid:1000")), "intent", "duty"),
    "intent-of-another-case": (fields(f"{CASE}.signed", intent=logmaker.index_of("2026-000001.intent")), "signed", "duty"),
    "answer-to-another-case": (fields(f"{CASE}.reply", answers=logmaker.index_of("2026-000001.sending")), "reply", "duty"),
    "answer-to-no-exchange": (fields(f"{CASE}.reply", answers=logmaker.index_of(f"{CASE}.signed")), "reply", "duty"),
    "unheard-of-type": (lambda log: setattr(log.items[log.at(f"{CASE}.delivered")], "type", "unheard-of"), "delivered", "table"),
    "unheard-of-field": (fields(f"{CASE}.closed", colour="red"), "closed", "table"),
    "missing-field": (fields(f"{CASE}.reply", far=None), "reply", "table"),
    "begins-with-recognised": (remove(f"{CASE}.received"), "recognised", "table"),
    "verified-out-of-nothing": (remove(f"{CASE}.reply"), "verified", "table"),
    "prev-of-another": (lambda log: setattr(log.items[log.at(f"{CASE}.reply")], "prev", "ab" * 32), "reply", "chain"),
    "checkpoint-of-another-size": (fields("checkpoint0", size="3"), None, "table"),
    "checkpoint-of-another-root": (fields("checkpoint0", root="ab" * 32), None, "root"),
}


@pytest.mark.parametrize("name", DUTIES)
def test_duties(plan, name):
    """Journals that a box which broke its rules would have written: everything fits, but it must not have been done."""
    change, at, kind = DUTIES[name]
    log = logmaker.ordinary(cases=3)
    change(log)
    data, writer = plan(log)
    label = "checkpoint0" if at is None else f"{CASE}.{at}"
    code, told = records_only(data)
    assert code == DAMAGED
    assert (kind, writer.places[label].index) in damage(told), told["findings"]
    # Nothing else is held against anybody else.
    assert {writer.records[index].case for _, index in damage(told)} == {writer.places[label].case}, told["findings"]


def other_hash(text):
    return ("1" if text[0] == "0" else "0") + text[1:]


OTHER_REFERENCES = {
    "the same": lambda size, generation, own, parts: (size, generation, own, parts),
    "size": lambda size, generation, own, parts: (str(int(size) + 1), generation, own, parts),
    "generation": lambda size, generation, own, parts: (size, "2", own, parts),
    "commitment": lambda size, generation, own, parts: (size, generation, other_hash(own), parts),
    "last part": lambda size, generation, own, parts: (size, generation, own, [*parts[:-1], other_hash(parts[-1])]),
    "order": lambda size, generation, own, parts: (size, generation, own, parts[::-1]),
}


@pytest.mark.parametrize("big", (0, 2 << 20), ids=("one-part", "three-parts"))
def test_what_was_sent_is_what_was_requested(plan, big):
    """Each word of the reference counts, whether the content has one part or several."""
    made = logmaker.content("request", b"request" + bytes(big))
    for name, change in OTHER_REFERENCES.items():
        def other(writer, change=change):
            size, generation, own, parts = made(writer).split(" ")
            size, generation, own, parts = change(size, generation, own, parts.split(","))
            return f"{size} {generation} {own} {','.join(parts)}"
        log = logmaker.ordinary(cases=3)
        both(fields(f"{CASE}.request", object_request=made), fields(f"{CASE}.sending", object_request=other))(log)
        data, writer = plan(log)
        code, told = records_only(data, "--no-objects")
        good = name == "the same" or (name == "order" and not big)
        assert damage(told) == ([] if good else [("duty", writer.places[f"{CASE}.sending"].index)]), (name, told["findings"])
        assert code == (YES if good else DAMAGED)


def test_taken_up_again(plan):
    """closed: failed may be taken up again by a person with a reason, and not otherwise."""
    for by, reason, verdict, good in (("uid:1000", "again", "failed", True), ("box", "again", "failed", False), ("uid:1000", None, "failed", False),
                                      ("uid:1000", "again", "data-error", False), ("uid:1000", "again", "partial", False)):
        log = logmaker.Log()
        log.boot()
        case = log.filing()
        fields(f"{case}.closed", verdict=verdict)(log)
        log.add("approved", case=case, label="again", by=by, **({"reason": reason} if reason else {}))
        log.checkpoint("last")
        data, writer = plan(log)
        code, told = records_only(data)
        assert damage(told) == ([] if good else [("duty", writer.places["again"].index)]), (by, reason, verdict)


def test_partial(plan):
    """Taken in part, with reservations, by a verified reply: a good end like any other."""
    log = logmaker.ordinary(cases=3)
    fields(f"{CASE}.closed", verdict="partial", warnings="2", errors="1")(log)
    data, _ = plan(log)
    _, told = records_only(data)
    assert damage(told) == []


# --- content -----------------------------------------------------------------------------------------------------------------


def part_path(data, name):
    return os.path.join(data, "vault", name[:2], name)


def parts_of(data, case):
    """{role: [part]} of a case."""
    return {role: parts for record in journal.read(data) if record.fields.get("case") == case
            for role, (_, _, _, parts) in record.objects().items()}


def test_content_missing_and_changed(plan):
    data, writer = plan(logmaker.ordinary(cases=3))
    parts, received = parts_of(data, CASE), writer.places[f"{CASE}.received"].index
    os.unlink(part_path(data, parts["original"][0]))
    path = part_path(data, parts["name"][0])
    raw = bytearray(logmaker.load(path))
    raw[-1] ^= 1
    logmaker.save(path, bytes(raw))
    code, told = records_only(data)
    assert code == DAMAGED and sorted(damage(told)) == [("object-changed", received), ("object-missing", received)]
    assert records_only(data, "--no-objects")[0] == YES


def test_content_swapped(plan):
    """Files that change places are named by what lies there."""
    data, writer = plan(logmaker.ordinary(cases=3))
    mine, other = parts_of(data, CASE)["reply"][0], parts_of(data, "2026-000003")["reply"][0]
    one, two = logmaker.load(part_path(data, mine)), logmaker.load(part_path(data, other))
    logmaker.save(part_path(data, mine), two)
    logmaker.save(part_path(data, other), one)
    code, told = records_only(data)
    assert code == DAMAGED
    assert sorted(damage(told)) == sorted([("object-swapped", writer.places[f"{CASE}.reply"].index), ("object-swapped", writer.places["2026-000003.reply"].index)])
    assert any("2026-000003" in f["why"] for f in told["findings"])


def test_content_of_another_key(plan):
    """A record that names a part of another case: everything recomputed, and the key identifier inside tells."""
    log = logmaker.ordinary(cases=3)
    fields(f"{CASE}.received", object_name=logmaker.content("name", b"foreign", case="2026-000001"))(log)
    data, writer = plan(log)
    code, told = records_only(data)
    assert code == DAMAGED and damage(told) == [("object-swapped", writer.places[f"{CASE}.received"].index)]


def test_parts_in_another_order(plan):
    log = logmaker.Log()
    log.boot()
    case = log.filing(big=2 * 1048576 + 5)
    log.checkpoint("last")
    reference = log.items[log.at(f"{case}.received")].fields["object-original"]

    def turned(writer):
        head, parts = reference(writer).rsplit(" ", 1)
        parts = parts.split(",")
        return f"{head} {','.join([parts[2], parts[1], parts[0]])}"

    data, _ = plan(log.copy())
    assert records_only(data)[0] == YES
    for label in (f"{case}.received", f"{case}.intent"):
        fields(label, object_original=turned)(log)
    data, writer = plan(log)
    code, told = records_only(data)
    assert code == DAMAGED and ("object-swapped", writer.places[f"{case}.received"].index) in damage(told)


def test_keys(plan):
    data, writer = plan(logmaker.ordinary(cases=3))
    os.unlink(os.path.join(data, "keys", f"{CASE}.1"))
    code, told = records_only(data)
    assert code == DAMAGED and damage(told) == [("key", writer.places[f"{CASE}.received"].index)]
    shutil.rmtree(os.path.join(data, "keys"))
    code, told = records_only(data)
    assert code == YES and not told["looked_at"]["keys"] and told["looked_at"]["objects"]
    shutil.rmtree(os.path.join(data, "vault"))
    code, told = records_only(data)
    assert code == DAMAGED and damage(told) == [("object-missing", None)]


def erase(data, case):
    for parts in parts_of(data, case).values():
        for part in parts:
            if os.path.exists(part_path(data, part)):
                os.unlink(part_path(data, part))
    for name in os.listdir(os.path.join(data, "keys")):
        if name.startswith(case + "."):
            os.unlink(os.path.join(data, "keys", name))


def test_erased(plan):
    """Two people while it must be kept; gone by a record is no damage, still there is a doubt, and a wish erases nothing."""
    log = logmaker.ordinary(cases=3)
    log.erased(CASE, stage="asked").label = "asked"
    log.erased(CASE, asked_by="uid:1000", by="uid:1001")
    log.checkpoint("end")
    data, writer = plan(log)
    index = writer.places[f"{CASE}.erased"].index
    code, told = records_only(data)
    assert code == NO and {(f["kind"], f["index"]) for f in told["findings"]} == {("erased", index), ("not-erased", index)}
    erase(data, CASE)
    code, told = records_only(data)
    assert code == YES and [(f["kind"], f["index"]) for f in told["findings"]] == [("erased", index)] and f"record {index}" in told["findings"][0]["why"]
    assert told["erased"] == 1


@pytest.mark.parametrize("more", [{}, {"asked_by": "uid:1000", "by": "uid:1000"}, {"asked_by": "uid:1002", "by": "uid:1001"}], ids=["alone", "same", "unasked"])
def test_erased_against_the_rules(plan, more):
    log = logmaker.ordinary(cases=3)
    log.erased(CASE, stage="asked").label = "asked"
    log.erased(CASE, **more)
    log.checkpoint("end")
    data, writer = plan(log)
    erase(data, CASE)
    code, told = records_only(data)
    assert code == DAMAGED and damage(told) == [("duty", writer.places[f"{CASE}.erased"].index)]


def test_archived(plan, tmp_path):
    """Content that a record moved away is looked for in the archive when it is given."""
    log = logmaker.ordinary(cases=3)
    log.add("archived", case=CASE, label="out", basis="old", by="uid:1000", event="out", place="0123456789abcdef")
    log.checkpoint("end")
    data, writer = plan(log)
    archive, moved = tmp_path / "archive", [p for parts in parts_of(data, CASE).values() for p in parts]
    for part in set(moved):
        os.makedirs(archive / "vault" / part[:2], exist_ok=True)
        shutil.move(part_path(data, part), archive / "vault" / part[:2] / part)
    code, told = records_only(data)
    assert code == YES and [(f["kind"], f["index"]) for f in told["findings"]] == [("archived", writer.places["out"].index)]
    code, told = records_only(data, "--archive", str(archive))
    assert code == YES and told["findings"] == [] and told["archived"] == 1
    os.unlink(archive / "vault" / moved[0][:2] / moved[0])
    code, told = records_only(data, "--archive", str(archive))
    assert code == DAMAGED and [kind for kind, _ in damage(told)] == ["object-missing"]


# --- ends --------------------------------------------------------------------------------------------------------------------


def open_segment(data):
    folder = os.path.join(data, "journal", "segment")
    return next(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".open"))


def test_unfinished_end(plan):
    """What nobody was told of may lie broken at the end; what a head or a checkpoint counts may not."""
    log = logmaker.ordinary(cases=3)
    data, writer = plan(log)
    path, last = open_segment(data), writer.records[-1]
    raw = logmaker.load(path)
    more = raw[last.offset:last.offset + last.length].replace(f"{last.index:012d}".encode(), f"{last.index + 1:012d}".encode())
    for length in (1, 86, 87, 100, len(more) - 1):
        logmaker.save(path, raw + more[:length])
        code, told = records_only(data)
        assert code == YES and told["records"] == len(writer.records), told["findings"]
        assert [(f["kind"], f["index"]) for f in told["findings"]] == [("tail", len(writer.records))] and told["tail_bytes"] == length
    for length in (1, 79, last.length - 1, last.length):
        logmaker.save(path, raw[:-length])
        code, told = records_only(data)
        assert code == DAMAGED and damage(told) == [("truncated", last.index)], told["findings"]


def test_heads(plan):
    data, writer = plan(logmaker.ordinary(cases=3))
    heads = [os.path.join(data, "journal", name) for name in ("head.a", "head.b")]
    good = logmaker.load(heads[1])
    os.unlink(heads[0])
    assert records_only(data)[0] == YES
    logmaker.save(heads[1], good[:-9] + b"00000000\n")
    code, told = records_only(data)
    assert code == NO and [f["kind"] for f in told["findings"]] == ["head"]
    # One that was valid many batches ago.
    size = writer.places[f"{CASE}.received"].index
    old = writer.head(3, size, journal.roots(journal.read(data), size), 0, writer.records[size].offset)
    logmaker.save(heads[1], old)
    code, told = records_only(data)
    assert code == DAMAGED and damage(told) == [("head", size)]
    # One of records that never were.
    other = writer.head(99, len(writer.records), b"\1" * 32, writer.first, len(writer.text))
    logmaker.save(heads[1], other)
    code, told = records_only(data)
    assert code == DAMAGED and damage(told) == [("head", len(writer.records))]


def test_json_is_what_its_header_says(plan):
    """Every key that json.c documents is there, and no other."""
    source = logmaker.load(os.path.join(os.path.dirname(logmaker.FORMAT), "audit", "json.c")).decode()
    comment = source.split("*/", 1)[0]
    documented = set(re.findall(r'"([a-z_]+)":', comment))
    data, writer = plan(logmaker.ordinary(cases=2))
    flip(data, writer.records[3])
    _, told = records_only(data)
    found = set(told)
    for inner in (told["looked_at"], told["seconds"], told["counts"], told["findings"][0]):
        found |= set(inner)
    assert found == documented
