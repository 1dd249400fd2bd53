"""Attacks on what a journal is checked against: checkpoints, signatures, certificates, stamps, content, and the auditor's own note. The clever forger recomputes all
records; then a checkpoint that was signed, a stamp, or the note that the auditor kept must find it."""

import base64
import os
import shutil

import pytest
from cryptography import x509

import auditor
import logmaker
import tsa_token
from conftest import BIN
from forger import Bench, named
from logmaker import load, save

DAY = logmaker.DAY_S
pytestmark = pytest.mark.skipif(not os.path.exists(auditor.program(BIN)), reason="podatelna-audit is not built")


@pytest.fixture(scope="module")
def bench(work, pki_dir):
    made = Bench(BIN, os.path.join(work, f"attacks-anchors-{os.getpid()}"), pki_dir)
    verdict = made.check(made.data, "--since", made.note())
    assert verdict.code == auditor.YES, verdict
    return made


def anchor(data, name):
    return os.path.join(data, "journal", "anchor", name)


def sizes(bench):
    return sorted(size for size, _ in bench.written.checkpoints.values())


# --- the clever forger --------------------------------------------------------------------------------------------------------


def alter(log):
    """One word of one record, early."""
    log.items[log.at("2026-000002.received")].fields["source"] = "mail"


def drop(log):
    """A record that nothing refers to."""
    del log.items[log.at("2026-000002.shown")]


def insert(log):
    at = log.at("2026-000002.shown")
    log.items.insert(at, logmaker.Item("shown", {"by": "uid:1003", "what": "original xml"}, case="2026-000002"))
    log.items[at].utc_ms = log.items[at + 1].utc_ms


def reorder(log):
    """Two cases change places as a whole."""
    first, second = ([n for n, item in enumerate(log.items) if item.case == case] for case in ("2026-000005", "2026-000006"))
    both = [log.items[n] for n in second] + [log.items[n] for n in first]
    for place, item in zip(sorted(first + second), both):
        log.items[place] = item


def recipient(log):
    """Which bytes were filed."""
    for kind in ("request", "sending"):
        log.items[log.at(f"2026-000002.{kind}")].fields["object-request"] = logmaker.content("request", b"another request")


def test_altered_and_recomputed(bench):
    """The number of records is the same, so the old signatures are there, and none of them fits: the first checkpoint behind the change is named."""
    data, forged = bench.forge(alter)
    index = forged.places["2026-000002.received"].index
    size = next(s for s in sizes(bench) if s > index)
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and verdict.kinds("damaged") & {"cms", "note-signature"}, verdict
    assert min(i for i in verdict.named(weight="damaged") if i is not None) >= index
    assert any(i is not None and size - 1 <= i <= size + 1 for kind in ("cms", "note-signature") for i in verdict.named(kind, "damaged")), (size, verdict)
    assert "fork" in bench.check(data, "--since", bench.note()).kinds("damaged")


def test_altered_and_recomputed_with_the_old_notes(bench):
    """He leaves the notes as they were: their roots are not those of the records."""
    data, forged = bench.forge(alter)
    shutil.rmtree(anchor(data, ""))
    shutil.copytree(anchor(bench.data, ""), anchor(data, ""))
    index = forged.places["2026-000002.received"].index
    verdict = bench.check(data)
    size = next(s for s in sizes(bench) if s > index)
    assert verdict.code == auditor.DAMAGED and any(i is not None and size - 1 <= i <= size for i in verdict.named("root", "damaged")), (size, verdict)
    assert not [s for s in sizes(bench) if s <= index and s in verdict.named("root", "damaged")]


@pytest.mark.parametrize("change", [drop, insert, reorder, recipient], ids=lambda f: f.__name__)
def test_rewritten(bench, change):
    """Whatever is rewritten: without the key nobody stands for it, and the note that the auditor kept tells two histories."""
    data, _ = bench.forge(change)
    verdict = bench.check(data)
    assert verdict.code != auditor.YES, verdict
    assert verdict.kinds() & {"cms", "note-signature", "unsigned", "unstamped", "stamp", "note"}, verdict
    verdict = bench.check(data, "--since", bench.note())
    assert verdict.code == auditor.DAMAGED and verdict.kinds("damaged") & {"fork", "rolled-back"}, verdict


def test_rewritten_without_any_checkpoint(bench):
    """He drops signatures, stamps and the records about them as well: nothing is left that contradicts, and nothing that proves."""
    def change(log):
        alter(log)
        log.items = [item for item in log.items if item.type != "anchor"]
    data, _ = bench.forge(change)
    verdict = bench.check(data)
    assert verdict.code == auditor.NO and verdict.kinds() >= {"unsigned"} and verdict.said["signed_size"] == verdict.said["stamped_size"] == 0, verdict
    verdict = bench.check(data, "--since", bench.note("checkpoint0"))
    assert verdict.code == auditor.DAMAGED and verdict.kinds("damaged") & {"fork", "rolled-back"}, verdict


def test_impostor(bench, pki_dir):
    """Everything signed and stamped anew, by keys that lead to nobody whom the auditor trusts."""
    data, _ = bench.forge(alter, hand=logmaker.Notary(pki_dir, stem="impostor", ca="foreign-ca"))
    verdict = bench.check(data)
    assert verdict.code != auditor.YES and "certificate" in verdict.kinds() and verdict.said["signed_size"] == verdict.said["stamped_size"] == 0, verdict


# --- the auditor's note -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [1, 30, 100])
def test_rolled_back(bench, left):
    """The whole directory as it was some time ago, heads and all: by itself it is right."""
    def change(log):
        del log.items[left:]
    data, forged = bench.forge(change)
    assert bench.check(data).code in (auditor.YES, auditor.NO)
    named(bench.check(data, "--since", bench.note()), "rolled-back", len(forged.records))


def test_rolled_back_and_grown(bench):
    """Rolled back, and then it went on differently, beyond the size of the note."""
    def change(log):
        del log.items[30:]
        for _ in range(20):
            log.filing()
        log.settle()
    data, forged = bench.forge(change)
    assert len(forged.records) > bench.last
    verdict = bench.check(data, "--since", bench.note())
    assert verdict.code == auditor.DAMAGED and "fork" in verdict.kinds("damaged"), verdict


def test_a_note_of_another_log(bench, tmp_path):
    note = str(tmp_path / "note")
    save(note, load(bench.note()).replace(bench.log.origin.encode(), b"podatelna.invalid/ffffffffffffffff"))
    verdict = bench.check(bench.data, "--since", note)
    assert verdict.code == auditor.DAMAGED and "origin" in verdict.kinds("damaged"), verdict


# --- checkpoints --------------------------------------------------------------------------------------------------------------


def test_checkpoint_replaced_by_an_older_one(bench):
    """Under the name of a later one; with its signature, too."""
    older, later = bench.written.checkpoints["checkpoint0"][0], bench.written.checkpoints["last"][0]
    for endings in ((".note",), (".note", ".p7s"), (".note", ".p7s", ".tsr")):
        data = bench.copy()
        for end in endings:
            shutil.copy(anchor(data, f"{older}{end}"), anchor(data, f"{later}{end}"))
        verdict = bench.check(data)
        assert verdict.code == auditor.DAMAGED and later in verdict.named("note", "damaged"), (endings, verdict)


def test_checkpoint_replaced_by_a_forked_one(bench, pki_dir):
    """Of the same size, from a history where one record differs; signed by the same key: then somebody has the key, and the records decide."""
    size, label = bench.written.checkpoints["checkpoint2"][0], "checkpoint2"
    forged_data, forged = bench.forge(alter, hand=bench.notary)
    assert forged.checkpoints[label][0] == size
    for endings in ((".note",), (".note", ".p7s")):
        data = bench.copy()
        for end in endings:
            shutil.copy(anchor(forged_data, f"{size}{end}"), anchor(data, f"{size}{end}"))
        verdict = bench.check(data)
        assert verdict.code == auditor.DAMAGED and size in verdict.named("root", "damaged"), (endings, verdict)


def test_checkpoint_removed(bench):
    """The record about it knows better; a signature or a stamp that is gone leaves only the next one."""
    size = bench.written.checkpoints["checkpoint1"][0]
    data = bench.copy()
    os.unlink(anchor(data, f"{size}.note"))
    verdict = bench.check(data)
    assert verdict.code != auditor.YES and "note" in verdict.kinds(), verdict
    data = bench.copy()
    os.unlink(anchor(data, f"{size}.tsr"))
    verdict = bench.check(data)
    assert verdict.code != auditor.YES and "stamp" in verdict.kinds(), verdict


def test_signature_line_altered(bench):
    """Another key's line, a flipped signature, one of another checkpoint."""
    size, older = bench.written.checkpoints["last"][0], bench.written.checkpoints["checkpoint0"][0]
    right = load(anchor(bench.data, f"{size}.note"))
    text, line = b"".join(right.splitlines(True)[:3]), right.splitlines()[-1].split(b" ")
    blob = bytearray(base64.b64decode(line[2]))
    blob[20] ^= 1
    foreign = load(anchor(bench.data, f"{older}.note")).splitlines(True)[-1]
    for other in (b" ".join([*line[:2], base64.b64encode(bytes(blob))]) + b"\n", foreign):
        data = bench.copy()
        save(anchor(data, f"{size}.note"), text + b"\n" + other)
        verdict = bench.check(data)
        assert verdict.code == auditor.DAMAGED and size in verdict.named("note-signature", "damaged"), verdict


def test_cms_of_another_checkpoint(bench):
    size, older = bench.written.checkpoints["last"][0], bench.written.checkpoints["checkpoint0"][0]
    data = bench.copy()
    shutil.copy(anchor(data, f"{older}.p7s"), anchor(data, f"{size}.p7s"))
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and size in verdict.named("cms", "damaged"), verdict


def test_cms_flipped(bench):
    """A bit here and there in the signature of a checkpoint: never good."""
    size = bench.written.checkpoints["last"][0]
    right = load(anchor(bench.data, f"{size}.p7s"))
    data = bench.copy()
    for at in range(3, len(right), max(1, len(right) // 25)):
        raw = bytearray(right)
        raw[at] ^= 0x10
        save(anchor(data, f"{size}.p7s"), bytes(raw))
        verdict = bench.check(data, "--no-objects")
        assert verdict.code != auditor.YES and verdict.kinds() & {"cms", "certificate", "stamp"}, (at, verdict)


# --- of another log -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(work, pki_dir):
    """Another box of the same firm: the same keys, the same authority."""
    return Bench(BIN, os.path.join(work, f"attacks-other-{os.getpid()}"), pki_dir, logmaker.ordinary(origin="podatelna.invalid/fedcba9876543210"))


def test_foreign_origin(bench):
    """The line in journal/origin is another one; or none."""
    for text in (b"podatelna.invalid/fedcba9876543210\n", b"podatelna.invalid/FEDCBA\n", b""):
        data = bench.copy()
        save(os.path.join(data, "journal", "origin"), text)
        verdict = bench.check(data)
        assert verdict.code == auditor.DAMAGED and "origin" in verdict.kinds("damaged"), (text, verdict)


def test_anchor_of_another_log(bench, other):
    """A checkpoint with all that belongs to it, of the same size or of one that this journal has none of."""
    size = other.written.checkpoints["checkpoint2"][0]
    for name in (size, size + 1):
        data = bench.copy()
        for end in (".note", ".p7s"):
            shutil.copy(anchor(other.data, f"{size}{end}"), anchor(data, f"{name}{end}"))
        verdict = bench.check(data)
        assert verdict.code == auditor.DAMAGED and "origin" in verdict.kinds("damaged"), verdict


def test_two_logs_spliced(bench, other):
    """The first segment of this journal, the second of the other one, which has as many records: heads, and checkpoints, and origin of either."""
    data = bench.copy()
    second = f"{bench.second:012d}.open"
    shutil.copy(os.path.join(other.data, "journal", "segment", second), os.path.join(data, "journal", "segment", second))
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and verdict.kinds("damaged") >= {"root", "head"}, verdict
    assert min(i for i in verdict.named(weight="damaged") if i is not None) >= bench.second, verdict
    for name in ("head.a", "head.b", "origin"):
        shutil.copy(os.path.join(other.data, "journal", name), os.path.join(data, "journal", name))
    shutil.rmtree(anchor(data, ""))
    shutil.copytree(anchor(other.data, ""), anchor(data, ""))
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and "root" in verdict.kinds("damaged"), verdict


def test_content_of_another_log(bench, other):
    """The other box's files for a case of the same number: the record names another file, and the strange ones belong to nothing."""
    index, parts = object_of(bench, "2026-000003.received", "original")
    _, foreign = object_of(other, "2026-000003.received", "original")
    data = bench.copy()
    save(part(data, parts[0]), load(part(other.data, foreign[0])))
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and index in verdict.named("object-changed", "damaged") + verdict.named("object-swapped", "damaged"), verdict
    data = bench.copy()
    save(part(data, foreign[0]), load(part(other.data, foreign[0])))
    verdict = bench.check(data)
    assert verdict.code == auditor.YES and "stray" in verdict.kinds(), verdict


# --- stamps and certificates --------------------------------------------------------------------------------------------------


def restamped(bench, **options):
    """The plan with the last stamp made otherwise; the record about it is right for what lies there."""
    def change(log):
        log.items[log.at("last-stamp")].make = lambda writer: writer.stamp("last", "", options.get("when"), False)
    return bench.forge(change, hand=options["hand"])


class Over(logmaker.Notary):
    """Stamps, but not what it was given."""

    def stamp(self, name, data, when_s):
        return super().stamp(name, data + b".", when_s)


def test_stamp_over_other_bytes(bench, pki_dir):
    """By the right authority; the record names this very file. And a right stamp of another checkpoint in its place."""
    hand = Over(pki_dir, authority=bench.notary.authority)
    data, forged = restamped(bench, hand=hand)
    size = forged.checkpoints["last"][0]
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and "stamp" in verdict.kinds("damaged") and verdict.said["stamped_size"] == 0, verdict
    data = bench.copy()
    shutil.copy(anchor(data, f"{bench.written.checkpoints['checkpoint0'][0]}.tsr"), anchor(data, f"{size}.tsr"))
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and "stamp" in verdict.kinds("damaged"), verdict
    assert any(i in (size, bench.places["last-stamp"].index) for i in verdict.named("stamp", "damaged")), verdict


def make(folder, pki_dir, notary, build):
    """A small journal: two cases, a checkpoint, a stamp; (directory, log, writer)."""
    log = logmaker.Log()
    log.boot()
    log.filing()
    build(log)
    log.settle()
    data = os.path.join(str(folder), "data")
    return data, logmaker.write(log, data, notary)


def small(log):
    log.checkpoint("c")
    log.stamp("c")


def verify(data, pki_dir, *options):
    return auditor.verify(BIN, data, "--trust", os.path.join(pki_dir, "old-ca.pem"), *options)


SIGNERS = {"expired": (-90, -2), "not yet valid": (2, 90)}


@pytest.mark.parametrize("state", SIGNERS)
def test_signer_not_valid_at_the_stamp(pki_dir, tmp_path, state):
    """The key that signed the checkpoint had no valid certificate when the stamp was made; a certificate that ended later does no harm."""
    ca, authority = logmaker.old_ca(pki_dir), None
    authority = tsa_token.Authority(pki_dir, ca=ca, days=(-400, 400))
    hand = logmaker.Notary(pki_dir, stem="unfit", ca=ca, authority=authority, days=SIGNERS[state])
    data, written = make(tmp_path, pki_dir, hand, small)
    verdict = verify(data, pki_dir)
    assert verdict.code == auditor.DAMAGED and written.checkpoints["c"][0] in verdict.named("expired", "damaged"), verdict

    def a_month_ago(log):
        log.end_s -= 30 * DAY
        small(log)
    good, _ = make(tmp_path / "good", pki_dir, logmaker.Notary(pki_dir, stem="ended", ca=ca, authority=authority, days=(-90, -2)), a_month_ago)
    verdict = verify(good, pki_dir)
    assert "expired" not in verdict.kinds() and verdict.code != auditor.DAMAGED and verdict.said["signed_size"] > 0, verdict


def test_authority_not_valid_at_the_stamp(pki_dir, tmp_path):
    ca = logmaker.old_ca(pki_dir)
    hand = logmaker.Notary(pki_dir, stem="fit", ca=ca, authority=tsa_token.Authority(pki_dir, ca=ca, days=(-90, -2)))
    data, _ = make(tmp_path, pki_dir, hand, small)
    verdict = verify(data, pki_dir)
    assert verdict.code == auditor.DAMAGED and verdict.kinds("damaged") & {"expired", "stamp"} and verdict.said["stamped_size"] == 0, verdict


REVOKED = {"signer before": (-5, None, True), "signer after": (5, None, False), "authority before": (-5, x509.ReasonFlags.superseded, True),
           "authority after, superseded": (5, x509.ReasonFlags.superseded, False), "authority after, no reason": (5, None, True)}


@pytest.mark.parametrize("how", REVOKED)
def test_revoked(pki_dir, tmp_path, how):
    """Revoked before the stamp, or only after it; the list lies in journal/trust/ as the box collected it. An authority that was revoked without a reason loses all its
    stamps (RFC 3161 section 4)."""
    who, (hours, reason, harm) = how.split(" ", 1)[0], REVOKED[how]
    ca = logmaker.old_ca(pki_dir)
    hand = logmaker.Notary(pki_dir, stem=f"revoked{hours}{who}{reason is None}", ca=ca, authority=tsa_token.Authority(pki_dir, ca=ca))
    certificate = hand.cert if who == "signer" else hand.authority.cert

    def build(log):
        log.end_s -= 12 * 3600
        small(log)
        when = log.end_s + hours * 3600
        listed = logmaker.crl(pki_dir, [(certificate, when)], ca, this_s=log.end_s + 6 * 3600, next_s=log.end_s + 30 * DAY, reason=reason)
        log.trust("crl", listed, purpose="signer" if who == "signer" else "tsa")
    data, written = make(tmp_path, pki_dir, hand, build)
    verdict = verify(data, pki_dir)
    if harm:
        assert verdict.code == auditor.DAMAGED and "revoked" in verdict.kinds("damaged"), verdict
    else:
        assert "revoked" not in verdict.kinds() and verdict.code != auditor.DAMAGED and verdict.said["stamped_size"] > 0, verdict


def test_list_altered(pki_dir, tmp_path):
    """A list whose date of revocation was changed: it does not count, and its record knows another file."""
    ca = logmaker.old_ca(pki_dir)
    hand = logmaker.Notary(pki_dir, stem="listed", ca=ca, authority=tsa_token.Authority(pki_dir, ca=ca))
    listed = logmaker.crl(pki_dir, [(hand.cert, 1700000000)], ca)

    def build(log):
        small(log)
        log.trust("crl", listed)
    data, _ = make(tmp_path, pki_dir, hand, build)
    assert "revoked" in verify(data, pki_dir).kinds("damaged")
    folder = os.path.join(data, "journal", "trust")
    path = os.path.join(folder, os.listdir(folder)[0])
    save(path, load(path).replace(b"231114221320Z", b"991114221320Z"))
    verdict = verify(data, pki_dir)
    assert verdict.code != auditor.YES and "revoked" not in verdict.kinds() and verdict.kinds() & {"note", "revocation-unknown", "certificate"}, verdict


# --- content ------------------------------------------------------------------------------------------------------------------


def part(data, hashed):
    return os.path.join(data, "vault", hashed[:2], hashed)


def object_of(bench, label, role):
    """(record's index, its parts)."""
    place = bench.places[label]
    raw = load(os.path.join(bench.data, "journal", "segment", f"{place.first:012d}.s"))[place.offset:place.offset + place.length].decode()
    line = next(line for line in raw.splitlines() if line.startswith(f"object-{role}: "))
    return place.index, line.split(" ")[4].split(",")


def test_object_swapped_between_cases(bench):
    """Two files exchange their contents: neither is what its name says."""
    (one, first), (two, second) = (object_of(bench, f"2026-00000{n}.received", "original") for n in (2, 3))
    data = bench.copy()
    a, b = part(data, first[0]), part(data, second[0])
    left, right = load(a), load(b)
    save(a, right)
    save(b, left)
    verdict = bench.check(data)
    assert verdict.code == auditor.DAMAGED and {one, two} <= set(verdict.named("object-changed", "damaged") + verdict.named("object-swapped", "damaged")), verdict


def test_object_swapped_between_cases_and_recomputed(bench):
    """The clever forger: the record names the other case's file, everything recomputed. The file's own label tells whose it is."""
    def change(log):
        item = log.items[log.at("2026-000003.reply")]
        item.fields["object-reply"] = logmaker.content("reply", b"reply <form>2026-000002</form>", case="2026-000002")
    data, forged = bench.forge(change)
    verdict = bench.check(data, "--no-signatures")
    assert verdict.code == auditor.DAMAGED and forged.places["2026-000003.reply"].index in verdict.named("object-swapped", "damaged"), verdict


@pytest.fixture(scope="module")
def big(work, pki_dir):
    """A journal with content of three parts."""
    log = logmaker.Log()
    log.boot()
    log.filing(big=2 << 20)
    log.checkpoint("c")
    log.stamp("c")
    return Bench(BIN, os.path.join(work, f"attacks-big-{os.getpid()}"), pki_dir, log)


def test_parts_reordered(big):
    """In the record, everything recomputed: parts of unlike length are named; any order is what no signature fits. And the files exchanged."""
    label = "2026-000001.received"
    right = big.written.stored[next(k for k in big.written.stored if k[2] == "original")]
    head, parts = right.rsplit(" ", 1)[0], right.rsplit(" ", 1)[1].split(",")
    assert len(parts) == 3
    for order, by_itself in (((0, 2, 1), True), ((1, 0, 2), False)):
        def change(log, order=order):
            for item in log.items:
                if item.case and "object-original" in item.fields:
                    item.fields["object-original"] = f"{head} {','.join(parts[n] for n in order)}"
        data, forged = big.forge(change)
        shutil.rmtree(os.path.join(data, "vault"))
        shutil.copytree(os.path.join(big.data, "vault"), os.path.join(data, "vault"))
        shutil.copytree(os.path.join(big.data, "keys"), os.path.join(data, "keys"), dirs_exist_ok=True)
        verdict = big.check(data)
        assert verdict.code == auditor.DAMAGED and verdict.kinds("damaged") & {"cms", "note-signature"}, verdict
        if by_itself:
            assert forged.places[label].index in verdict.named("object-swapped", "damaged"), verdict
    data = big.copy()
    first, second = load(part(data, parts[0])), load(part(data, parts[1]))
    save(part(data, parts[0]), second)
    save(part(data, parts[1]), first)
    verdict = big.check(data)
    assert verdict.code == auditor.DAMAGED and verdict.kinds("damaged") & {"object-changed", "object-swapped"}, verdict


def test_object_missing_and_changed(bench):
    index, parts = object_of(bench, "2026-000002.signed", "signed")
    data = bench.copy()
    raw = bytearray(load(part(data, parts[0])))
    raw[-1] ^= 1
    save(part(data, parts[0]), bytes(raw))
    named(bench.check(data), "object-changed", index)
    os.unlink(part(data, parts[0]))
    named(bench.check(data), "object-missing", index)
    os.unlink(os.path.join(data, "keys", "2026-000003.1"))
    assert "key" in bench.check(data).kinds("damaged")
