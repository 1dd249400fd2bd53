"""The second route: a journal is checked by nothing but the commands that FORMAT.txt gives (sha256sum, openssl cms, openssl ts and what every shell has), taken from
the text literally. What they say is also shown to depend on the journal: one that was changed does not pass them."""

import base64
import datetime
import os
import shutil

import pytest

import auditor
import journal
import logmaker
import pki
import route
import tiles
import tsa_token
from conftest import BIN

LONG = bool(os.environ.get("PODATELNA_LONG"))
needs_audit = pytest.mark.skipif(not os.path.exists(auditor.program(BIN)), reason="podatelna-audit is not built")


def proof(records, index, size, note):
    """A C2SP tlog-proof, from RFC 6962 2.1.1."""
    leaves = [bytes.fromhex(r.hash) for r in records[:size]]

    def path(at, part):
        if len(part) == 1:
            return []
        split = 1 << (len(part) - 1).bit_length() - 1
        if at < split:
            return [*path(at, part[:split]), journal.root(part[split:])]
        return [*path(at - split, part[split:]), journal.root(part[:split])]

    hashes = "".join(base64.b64encode(h).decode() + "\n" for h in path(index, leaves))
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n".encode() + note


class Journal:
    """A journal whose signer and authority have ended since, with its lists; two thirds into it there is a checkpoint."""

    def __init__(self, folder, pki_dir):
        day = logmaker.DAY_S
        self.pki_dir = pki_dir
        ca, days = logmaker.old_ca(pki_dir), (-60, -20)
        notary = logmaker.Notary(pki_dir, stem="ended", ca=ca, authority=tsa_token.Authority(pki_dir, days=days, ca=ca), days=days)
        self.end = int(pki.now().timestamp()) - 40 * day
        log = logmaker.Log(end_s=self.end)
        log.boot()
        for n in range(4):
            log.filing(big=1 << 20 if n == 1 else 0)
        log.trust("crl", logmaker.crl(pki_dir, ca=ca, this_s=self.end - day, next_s=self.end + 20 * day))
        log.checkpoint("kept")
        log.stamp("kept")
        log.cut("s")
        log.boot()
        log.filing()
        self.data = os.path.join(folder, "data")
        self.written = logmaker.write(log, self.data, notary)
        self.records = journal.read(self.data)
        self.size = self.written.checkpoints["kept"][0]
        self.scripts = route.scripts(os.path.join(self.data, "journal", "FORMAT.txt"), self.size)
        self.trust = {name: os.path.join(pki_dir, "old-ca.pem") for name in ("duvera.pem", "tsa.pem")}

    def desk(self, folder, data=None):
        return route.desk(str(folder), data or self.data, self.trust)

    def changed(self, folder):
        """A copy of the directory that may be written."""
        shutil.copytree(self.data, str(folder))
        for at, _, names in os.walk(str(folder)):
            for name in names:
                os.chmod(os.path.join(at, name), 0o644)
        return str(folder)


@pytest.fixture(scope="module")
def kept(work, pki_dir):
    return Journal(os.path.join(work, "second-route"), pki_dir)


def text_of(desk, size):
    note = logmaker.load(os.path.join(desk, "journal", "anchor", f"{size}.note"))
    logmaker.save(os.path.join(desk, "text"), b"".join(note.splitlines(True)[:3]))


def test_leaves_root_chains_and_vault(kept, tmp_path):
    desk = kept.desk(tmp_path / "desk")
    assert route.run(desk, kept.scripts[route.LEAVES]) == (0, "")
    assert logmaker.load(os.path.join(desk, "listy")).decode().split() == [r.hash for r in kept.records]
    assert route.run(desk, kept.scripts[route.ROOT]) == (0, "OK\n")
    assert route.run(desk, kept.scripts[route.CHAINS]) == (0, "")
    assert route.run(desk, kept.scripts[route.VAULT]) == (0, "")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 15, 31, 32, 33])
def test_root_of_any_size(kept, tmp_path, size):
    """Also where odd ones move up; and another root is not OK."""
    data = kept.changed(tmp_path / "data")
    root = journal.roots(kept.records, size)
    for shown, good in ((root, True), (bytes([root[0] ^ 1]) + root[1:], False)):
        text = f"{kept.written.log.origin}\n{size}\n{base64.b64encode(shown).decode()}\n".encode()
        logmaker.save(os.path.join(data, "journal", "anchor", f"{size}.note"), text)
        desk = kept.desk(tmp_path / f"desk-{good}", data)
        logmaker.save(os.path.join(desk, "listy"), "".join(f"{r.hash}\n" for r in kept.records).encode())
        code, said = route.run(desk, route.scripts(logmaker.FORMAT, size)[route.ROOT])
        assert (code == 0, said) == (good, "OK\n" if good else "")


def test_years_later(kept, tmp_path):
    """Certificates that have ended since are judged at the time of the stamp."""
    desk = kept.desk(tmp_path / "desk")
    now = route.lines(kept.scripts[route.CHECKPOINT])
    text_of(desk, kept.size)
    assert "-CAfile duvera.pem" in now[1] and "ts -verify" in now[5]
    code, said = route.run(desk, now[1])
    assert code != 0 and "expired" in said
    code, said = route.run(desk, now[5])
    assert code != 0 and "expired" in said
    code, said = route.run(desk, kept.scripts[route.YEARS_LATER])
    assert code == 0 and "Verification: OK" in said and said.count("CMS Verification successful") == 2


def test_years_later_revoked(kept, tmp_path):
    """A list that revokes the signer: openssl says so whenever it was, as FORMAT.txt warns, and tells the day."""
    signer = pki.load_cert(os.path.join(kept.pki_dir, "ended-p256-old-ca.pem"))
    for name, when in (("before", kept.end - logmaker.DAY_S), ("after", kept.end + logmaker.DAY_S)):
        data = kept.changed(tmp_path / name)
        trust = os.path.join(data, "journal", "trust")
        shutil.rmtree(trust)
        revoked = logmaker.crl(kept.pki_dir, [(signer, when)], "old-ca", kept.end - logmaker.DAY_S, kept.end + 20 * logmaker.DAY_S)
        logmaker.save(os.path.join(trust, "list.crl"), revoked)
        desk = kept.desk(tmp_path / f"desk-{name}", data)
        text_of(desk, kept.size)
        code, said = route.run(desk, kept.scripts[route.YEARS_LATER])
        assert code != 0 and "Verification: OK" in said and said.count("CMS Verification successful") == 1 and "certificate revoked" in said
        code, said = route.run(desk, "openssl crl -inform DER -in journal/trust/list.crl -noout -text")
        assert code == 0 and f"Revocation Date: {datetime.datetime.utcfromtimestamp(when):%b %e %H:%M:%S %Y} GMT" in said


@pytest.mark.parametrize("index", [0, 1, 17, 31, 32, -1])
def test_proof_of_one_record(kept, tmp_path, index):
    desk = kept.desk(tmp_path / "desk")
    index %= kept.size
    note = logmaker.load(os.path.join(kept.data, "journal", "anchor", f"{kept.size}.note"))
    logmaker.save(os.path.join(desk, "dukaz"), proof(kept.records, index, kept.size, note))
    leaves = [r.hash for r in kept.records]
    logmaker.save(os.path.join(desk, "listy"), "".join(f"{h}\n" for h in leaves).encode())
    assert route.run(desk, kept.scripts[route.PROOF]) == (0, "OK\n")
    leaves[index] = leaves[index - 1]
    logmaker.save(os.path.join(desk, "listy"), "".join(f"{h}\n" for h in leaves).encode())
    code, said = route.run(desk, kept.scripts[route.PROOF])
    assert code != 0 and "OK" not in said


def change(path, at, mask=1):
    raw = bytearray(logmaker.load(path))
    raw[at] ^= mask
    logmaker.save(path, bytes(raw))


def test_what_is_changed_does_not_pass(kept, tmp_path):
    """A byte of a record, a record left out, a prev that names another, a byte of the vault."""
    first = "000000000000.s"
    leaves, chains, vault = (kept.scripts[n] for n in (route.LEAVES, route.CHAINS, route.VAULT))

    data = kept.changed(tmp_path / "byte")
    place = kept.written.records[9]
    change(os.path.join(data, "journal", "segment", first), place.offset + 100)
    assert route.run(kept.desk(tmp_path / "desk-byte", data), leaves)[0] != 0

    data = kept.changed(tmp_path / "removed")
    path = os.path.join(data, "journal", "segment", first)
    raw = logmaker.load(path)
    logmaker.save(path, raw[:place.offset] + raw[place.offset + place.length:])
    desk = kept.desk(tmp_path / "desk-removed", data)
    assert route.run(desk, leaves)[0] == 0
    assert "OK" not in route.run(desk, kept.scripts[route.ROOT])[1]
    assert route.run(desk, chains)[0] != 0

    data = kept.changed(tmp_path / "vault")
    part = next(r for r in kept.records if r.type == "received").objects()["original"][3][0]
    change(os.path.join(data, "vault", part[:2], part), 200)
    code, said = route.run(kept.desk(tmp_path / "desk-vault", data), vault)
    assert code != 0 and part in said

    data = kept.changed(tmp_path / "missing")
    os.unlink(os.path.join(data, "vault", part[:2], part))
    assert route.run(kept.desk(tmp_path / "desk-missing", data), vault) == (0, part + "\n")


@pytest.mark.skipif(not LONG, reason="long form: the commands over a longer journal")
def test_a_longer_journal(pki_dir, tmp_path):
    data = str(tmp_path / "data")
    written = logmaker.write(logmaker.ordinary(cases=60), data, logmaker.Notary(pki_dir), vault=False)
    size = written.checkpoints["last"][0]
    scripts = route.scripts(logmaker.FORMAT, size)
    desk = route.desk(str(tmp_path / "desk"), data, {})
    assert route.run(desk, scripts[route.LEAVES]) == (0, "") and route.run(desk, scripts[route.ROOT]) == (0, "OK\n")


# --- tiles for other people's tools -----------------------------------------------------------------------------------------


def tiles_of(folder, log, hand, vault=False):
    """(process, writer, out) of `podatelna-audit tiles`."""
    data, out = os.path.join(folder, "data"), os.path.join(folder, "out")
    written = logmaker.write(log, data, hand, vault=vault)
    return auditor.run(BIN, "tiles", data, out), written, out


@needs_audit
@pytest.mark.parametrize("records", [1, 2, 255, 256, 257, 600])
def test_tiles(pki_dir, tmp_path, records):
    """Of a checkpoint of exactly so many records, with some behind it."""
    log = logmaker.Log()
    for n in range(records):
        log.add("token", event="present" if n % 2 else "removed", token="office")
    log.checkpoint("kept")
    log.boot()
    notary = logmaker.Notary(pki_dir)
    done, written, out = tiles_of(str(tmp_path), log, notary)
    assert done.returncode == 0, done.stderr
    origin, size, entries = tiles.check(out)
    assert (origin, size) == (log.origin, records)
    assert entries == [r.leaf for r in journal.read(written.data)][:records]
    assert logmaker.load(os.path.join(out, "checkpoint")) == logmaker.load(written.anchor(f"{records}.note"))


@needs_audit
def test_tiles_of_the_newest_signed_checkpoint(pki_dir, tmp_path):
    log = logmaker.Log()
    log.boot()
    log.checkpoint("signed")
    log.filing()
    log.checkpoint("unsigned", sign=False)
    done, written, out = tiles_of(str(tmp_path), log, logmaker.Notary(pki_dir))
    assert done.returncode == 0, done.stderr
    assert tiles.check(out)[1] == written.checkpoints["signed"][0]


@needs_audit
def test_tiles_are_not_made_of_damage(kept, tmp_path):
    """Neither of damaged records, nor beside the records, nor over something that is there."""
    data = kept.changed(tmp_path / "data")
    segment = os.path.join(data, "journal", "segment", "000000000000.s")
    change(segment, kept.written.records[9].offset + 100)
    done = auditor.run(BIN, "tiles", data, tmp_path / "out")
    assert done.returncode == auditor.DAMAGED and not os.path.exists(tmp_path / "out" / "checkpoint")

    data = kept.changed(tmp_path / "forked")
    note = os.path.join(data, "journal", "anchor", f"{kept.size}.note")
    text = logmaker.load(note).split(b"\n")
    text[2] = base64.b64encode(bytes(32))
    logmaker.save(note, b"\n".join(text))
    done = auditor.run(BIN, "tiles", data, tmp_path / "out2")
    assert done.returncode == auditor.DAMAGED and not os.path.exists(tmp_path / "out2" / "checkpoint")

    os.makedirs(tmp_path / "full")
    logmaker.save(str(tmp_path / "full" / "something"), b"mine")
    done = auditor.run(BIN, "tiles", kept.data, tmp_path / "full")
    assert done.returncode == auditor.NO and os.listdir(tmp_path / "full") == ["something"]


@needs_audit
@pytest.mark.skipif(not LONG, reason="long form: three levels of tiles and numbers of more than three digits need 260000 records")
def test_tiles_of_many(pki_dir, tmp_path):
    log = logmaker.Log(step_ms=10)
    for n in range(260000):
        log.add("token", event="present" if n % 2 else "removed", token="office")
    log.checkpoint("kept")
    done, _, out = tiles_of(str(tmp_path), log, logmaker.Notary(pki_dir))
    assert done.returncode == 0, done.stderr
    assert tiles.check(out)[1] == 260000 and os.path.exists(os.path.join(out, "tile", "entries", "x001", "000"))


@needs_audit
@pytest.mark.parametrize("index", [0, 17, -1])
def test_proof_made_by_the_program(kept, tmp_path, index):
    """`prove`: what it prints leads to the checkpoint by the commands alone."""
    index %= kept.size
    done = auditor.run(BIN, "prove", kept.data, index)
    assert done.returncode == 0, done.stderr
    desk = kept.desk(tmp_path / "desk")
    logmaker.save(os.path.join(desk, "dukaz"), done.stdout)
    logmaker.save(os.path.join(desk, "listy"), "".join(f"{r.hash}\n" for r in kept.records).encode())
    assert done.stdout.startswith(b"c2sp.org/tlog-proof@v1\nindex %d\n" % index)
    assert route.run(desk, kept.scripts[route.PROOF]) == (0, "OK\n")
