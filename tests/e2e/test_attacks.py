"""Attacks on a journal, each found and named by podatelna-audit with the right kind and the right record: the clumsy forger's, who changes bytes, and the clever
forger's, who recomputes everything but can neither sign nor stamp (tests/lib/logmaker.py). Every single-bit flip and every
length to be cut down to: tests/unit/audit_flips.c, audit_cuts.c; here a handful by the whole program.
"""

import os
import random
import shutil

import pytest

import auditor
import journal
import logmaker
from conftest import BIN
from forger import Bench, named
from logmaker import load, save

LONG = bool(os.environ.get("PODATELNA_LONG"))
pytestmark = pytest.mark.skipif(not os.path.exists(auditor.program(BIN)), reason="podatelna-audit is not built")


@pytest.fixture(scope="module")
def bench(work, pki_dir):
    return Bench(BIN, os.path.join(work, f"attacks-{os.getpid()}"), pki_dir)


def test_the_right_one_is_right(bench):
    """And what stands open is said without being damage: without it every attack would be found by accident."""
    verdict = bench.check(bench.data, "--since", bench.note())
    assert verdict.code == auditor.YES and not verdict.named(weight="damaged") and not verdict.named(weight="doubt"), verdict
    assert verdict.said["records"] == bench.last and verdict.said["cases"] == 12
    assert verdict.said["looked_at"]["signatures"]
    assert verdict.said["stamped_size"] == verdict.said["signed_size"] == bench.written.checkpoints["last"][0]
    assert verdict.said["root"] == bench.written.tree.root().hex()


# --- records: the clumsy forger -----------------------------------------------------------------------------------------------


def pick(bench):
    """A record in the middle of the first segment, with one of another length behind it."""
    place = bench.places["2026-000002.signed"]
    return place, bench.records[place.index + 1]


def cut_out(place):
    return lambda raw: raw[:place.offset] + raw[place.offset + place.length:]


def test_record_removed(bench):
    place, _ = pick(bench)
    named(bench.check(bench.edit(cut_out(place))), "order", place.index)


def test_last_record_removed(bench):
    """Of a closed segment: its successor, and its own summary, know better."""
    place = bench.records[bench.second - 1]
    verdict = bench.check(bench.edit(cut_out(place)))
    named(verdict, "segment", place.index - 1)
    assert place.index in verdict.named("truncated", "damaged"), verdict


# offset in the record, and how it is called: header field by field, body, trailer
ALTERED = {"separator": (0, "frame"), "format": (2, "frame"), "index": (10, "order"), "time": (30, "leaf-hash"), "type": (44, "leaf-hash"), "batch": (70, "leaf-hash"),
           "length": (73, "frame"), "crc": (80, "frame"), "line end": (86, "frame"), "body": (120, "leaf-hash"), "trailer index": (-70, "frame"),
           "trailer hash": (-20, "leaf-hash")}


@pytest.mark.parametrize("what", ALTERED)
def test_record_altered(bench, what):
    place, _ = pick(bench)
    offset, kind = ALTERED[what]

    def change(raw):
        at = place.offset + (offset if offset >= 0 else place.length + offset)
        raw[at] = raw[at] ^ 1 if what != "trailer hash" else ord("0" if raw[at] != ord("0") else "1")
        return raw
    named(bench.check(bench.edit(change)), kind, place.index)


def whole(log, label, writer):
    """Changes nothing but the record, whose CRC, leaf hash and trailer are made to fit."""
    place = writer.places[label]
    raw = load(os.path.join(writer.data, "journal", "segment", f"{place.first:012d}.s"))
    record = bytearray(raw[place.offset:place.offset + place.length])
    at = record.index(b"office")
    record[at:at + 6] = b"orrice"
    body = bytes(record[87:-79])
    record[78:86] = f"{journal.crc32c(body):08x}".encode()
    record[-65:-1] = logmaker.digest(b"\0", bytes(record[:-79])).hex().encode()
    return place, bytes(record)


def test_record_altered_with_its_hashes(bench):
    """CRC and trailer recomputed: the next record of the case names another one, and the checkpoint has another root."""
    place, record = whole(bench.log, "2026-000002.intent", bench.written)

    def change(raw):
        raw[place.offset:place.offset + place.length] = record
        return raw
    verdict = bench.check(bench.edit(change))
    named(verdict, "chain", place.index + 1)
    assert verdict.named("root", "damaged"), verdict


def test_records_reordered(bench):
    place, then = pick(bench)

    def change(raw):
        first, second = raw[place.offset:then.offset], raw[then.offset:then.offset + then.length]
        return raw[:place.offset] + second + first + raw[then.offset + then.length:]
    named(bench.check(bench.edit(change)), "order", place.index)


def test_records_reordered_and_numbered(bench):
    """The same with headers and trailers exchanged, so that the indexes run on."""
    place, then = pick(bench)

    def as_index(record, index):
        record[4:16] = f"{index:012d}".encode()
        record[59:71] = f"{index:012d}".encode()
        record[-78:-66] = f"{index:012d}".encode()
        record[-65:-1] = logmaker.digest(b"\0", bytes(record[:-79])).hex().encode()
        return record

    def change(raw):
        first, second = raw[place.offset:then.offset], raw[then.offset:then.offset + then.length]
        return raw[:place.offset] + as_index(second, place.index) + as_index(first, then.index) + raw[then.offset + then.length:]
    verdict = bench.check(bench.edit(change))
    named(verdict, "chain", place.index)
    assert verdict.named("root", "damaged"), verdict


def test_record_inserted(bench):
    """A copy of the record before, and bytes of nothing."""
    place, then = pick(bench)
    named(bench.check(bench.edit(lambda raw: raw[:then.offset] + raw[place.offset:])), "order", then.index)
    named(bench.check(bench.edit(lambda raw: raw[:then.offset] + b"more\n" + raw[then.offset:])), "frame", then.index)


# --- lengths, files -----------------------------------------------------------------------------------------------------------


def lengths(bench, number):
    """What to cut a segment down to: some lengths, and all edges of a few records. Every length: tests/unit/audit_cuts.c."""
    end = os.path.getsize(bench.segment(bench.data, number))
    records = [r for r in bench.records if (r.first > 0) == (number > 0)]
    edges = [r.offset + more for r in (records[0], records[1], records[-2], records[-1]) for more in (0, 1, 87, r.length - 79, r.length - 1)]
    return sorted({*edges, *random.Random(number).sample(range(end), 12)})


@pytest.mark.parametrize("number", [0, 1], ids=["closed", "open"])
def test_truncated(bench, number):
    """The heads count all records, so each is missed: the first that is not whole is named."""
    data = bench.copy()
    path = bench.segment(data, number)
    raw = load(path)
    records = [r for r in bench.records if (r.first > 0) == (number > 0)]
    for length in lengths(bench, number):
        save(path, raw[:length])
        missing = next(r.index for r in records if r.offset + r.length > length)
        verdict = bench.check(data, "--no-signatures", "--no-objects")
        assert verdict.code == auditor.DAMAGED and missing in verdict.named("truncated", "damaged"), (length, missing, verdict)
        assert min(i for i in verdict.named(weight="damaged") if i is not None) >= missing - 1, (length, missing, verdict)


def test_segments_swapped(bench):
    data = bench.copy()
    one, two = journal.segments(data)
    first, second = load(one), load(two)
    save(one, second)
    save(two, first)
    named(bench.check(data), "segment", 0)


@pytest.mark.parametrize("number", [0, 1])
def test_segment_removed(bench, number):
    data = bench.copy()
    os.unlink(bench.segment(data, number))
    named(bench.check(data), "segment" if number == 0 else "truncated", 0 if number == 0 else bench.second)


def test_segment_doubled(bench):
    data = bench.copy()
    shutil.copy(bench.segment(data, 0), os.path.join(data, "journal", "segment", f"{bench.second:012d}.s"))
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and verdict.named("segment", "damaged"), verdict


def shorter(bench, records):
    """The right journal as it was when it had so many records, heads and all."""
    def change(log):
        del log.items[records:]
    return bench.forge(change)


def test_head_replayed(bench):
    """Heads of an earlier day beside today's records; and today's heads beside the records of that day."""
    past, _ = shorter(bench, bench.last - 20)
    data = bench.copy()
    for name in ("head.a", "head.b"):
        shutil.copy(os.path.join(past, "journal", name), os.path.join(data, "journal", name))
    verdict = bench.check(data)
    assert verdict.code != auditor.YES and verdict.named("head"), verdict
    for name in ("head.a", "head.b"):
        shutil.copy(os.path.join(bench.data, "journal", name), os.path.join(past, "journal", name))
    named(bench.check(past), "truncated", bench.last - 20)


def test_head_of_another_history(bench):
    other, _ = bench.forge(lambda log: log.items[1].fields.update(sha256="0" * 64))
    data = bench.copy()
    for name in ("head.a", "head.b"):
        shutil.copy(os.path.join(other, "journal", name), os.path.join(data, "journal", name))
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and bench.last in verdict.named("head", "damaged"), verdict


def test_single_bits_by_the_whole_program(bench):
    """What tests/unit/audit_flips.c shows for every bit, by the whole program for some: damage of this record, and of none before."""
    data = bench.copy()
    path = bench.segment(data)
    right = load(path)
    records = [r for r in bench.records if not r.first]
    for bit in random.Random(1).sample(range(8 * len(right)), 2000 if LONG else 25):
        raw = bytearray(right)
        raw[bit // 8] ^= 1 << bit % 8
        save(path, bytes(raw))
        index = next(r.index for r in records if r.offset + r.length > bit // 8)
        verdict = bench.check(data, "--no-signatures", "--no-objects")
        assert verdict.code == auditor.DAMAGED and index in verdict.named(weight="damaged"), (bit, verdict)
        assert min(i for i in verdict.named(weight="damaged") if i is not None) == index, (bit, verdict)
