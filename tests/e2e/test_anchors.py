"""Checkpoints of the journal: signed by a token, put on the auditors' share, and checked without our programs: by the commands that FORMAT.txt gives, taken from
the file, and by a reader of C2SP signed notes that shares no code with the product."""

import base64
import hashlib
import os
import pwd
import re
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import forms
import journal
import route
from box import USERS, is_root, until
from simulator import Simulator

KINDS = {"rsa": "journal", "p256": "journal/ec"}


def audit_folder(box):
    path = os.path.join(box.dir, "audit")
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o755)
    if is_root():
        os.chown(path, pwd.getpwnam(USERS["store"]).pw_uid, -1)
    return path


@pytest.fixture
def anchored(make_box, request):
    """make(kind): a box with a journal key and an auditors' share."""
    def make(kind, **options):
        box = make_box(tokens={"office": ["sign", "vault", KINDS[kind]]}, start=False, **options)
        box.set("journal", notes_dir=audit_folder(box), quiet="500 ms")
        box.start()
        return box
    return make


def anchor(box, name=""):
    return os.path.join(box.data, "journal", "anchor", name)


def load(path):
    with open(path, "rb") as f:
        return f.read()


def sizes(box, suffix):
    return sorted(int(name.split(".")[0]) for name in os.listdir(anchor(box)) if name.endswith(suffix) and name.count(".") == 1)


def signed_checkpoint(box):
    """The size of a checkpoint that is signed."""
    def look():
        done = box.run_cli("journal", "checkpoint")
        return done.returncode == 0 and ".p7s" in "".join(os.listdir(anchor(box))) and sizes(box, ".p7s")[-1:] == sizes(box, ".note")[-1:] and done
    box.wait_token()
    done = until(look, 30, lambda: f"no signed checkpoint\n{box.log_tail()}")
    return sizes(box, ".note")[-1], done.stdout.decode() + done.stderr.decode()


# --- an independent reader -------------------------------------------------------------------------------------------------


def read_note(raw):
    """(text, [(name, key id, signature)]) of a C2SP signed note."""
    head, separator, tail = raw.rpartition(b"\n\n")
    if not separator:
        return raw, []
    found = []
    for line in tail.decode().splitlines():
        dash, name, signature = line.split(" ")
        assert dash == "\u2014" and "+" not in name
        blob = base64.b64decode(signature, validate=True)
        found.append((name, blob[:4], blob[4:]))
    return head + b"\n", found


def check_note(raw, certificate):
    """Raises unless the note's own line is by this certificate's key (type 0x02)."""
    text, lines = read_note(raw)
    key = certificate.public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    mine = [signature for name, key_id, signature in lines if name == text.decode().split("\n")[0] and key_id == hashlib.sha256(spki).digest()[:4]]
    assert len(mine) == 1
    key.verify(mine[0], text, ec.ECDSA(hashes.SHA256()))


def commands(box, size):
    """What FORMAT.txt of this journal says to type, for this checkpoint."""
    found = route.lines(route.scripts(os.path.join(box.data, "journal", "FORMAT.txt"), size)[route.CHECKPOINT])
    assert len(found) == 6
    return found


def follow(box, size, folder, trust):
    """Runs them where an auditor would: a folder with the journal and the certificates that the auditor trusts."""
    route.desk(folder, box.data, trust)
    said = []
    for line in commands(box, size):
        if ("tail" in line or "dgst" in line) and not read_note(load(anchor(box, f"{size}.note")))[1]:
            continue
        if " ts " in line and not os.path.exists(anchor(box, f"{size}.tsr")):
            continue
        code, words = route.run(folder, line)
        assert code == 0, f"{line}: {words}"
        said.append(words)
    return said


def journal_certificate(box):
    return next(k for k in box.hsm.tokens[0]["keys"] if k["name"] == "journal")["cert"]


# --- signatures ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_checked_by_the_format_alone(anchored, kind, tmp_path):
    box = anchored(kind)
    size, said = signed_checkpoint(box)
    assert "podepsán" in said and "není podepsán" not in said
    records = journal.read(box.data)
    raw = load(anchor(box, f"{size}.note"))
    text, lines = read_note(raw)
    origin, told, root = journal.note(anchor(box, f"{size}.note"))
    assert told == size and root == journal.roots(records, size) and text == f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
    verdicts = follow(box, size, str(tmp_path / "auditor"), {"duvera.pem": box.hsm.describe()["ca"]})
    assert "successful" in verdicts[1]
    with open(tmp_path / "auditor" / "kdo.pem", "rb") as f:
        signer = x509.load_pem_x509_certificate(f.read())
    with open(journal_certificate(box), "rb") as f:
        assert signer == x509.load_pem_x509_certificate(f.read())
    if kind == "p256":
        assert "Verified OK" in "".join(verdicts)
        check_note(raw, signer)
        with pytest.raises(Exception):
            check_note(raw.replace(b"\n%d\n" % size, b"\n%d\n" % (size + 1)), signer)
    else:
        assert not lines
    figures = {r["name"]: r["value"] for r in box.rows("journal", "verify", kind="field")}
    assert int(figures["signed-notes"]) >= 1 and int(figures["note-signatures"]) == (int(figures["signed-notes"]) if kind == "p256" else 0)
    status = {r["name"]: r["value"] for r in box.rows("status", kind="field")}
    assert "CN=" in status["seal-signer"] and status["checkpoint-time"] and status["seal-time"]


def test_a_changed_signature_is_found(anchored):
    box = anchored("p256")
    size, _ = signed_checkpoint(box)
    path = anchor(box, f"{size}.p7s")
    right = load(path)
    os.chmod(path, 0o644)
    with open(path, "wb") as f:
        f.write(right[:-5] + bytes([right[-5] ^ 1]) + right[-4:])
    done = box.run_cli("journal", "verify")
    assert done.returncode == 5
    with open(path, "wb") as f:
        f.write(right)
    assert box.run_cli("journal", "verify").returncode == 0


def test_locked_token_signs_the_newest_later(anchored):
    """Without the PIN checkpoints are made all the same; after the login the newest is signed and no older one."""
    box = anchored("p256", pin="prompt")
    box.wait_token("pin-needed")
    done = box.run_cli("journal", "checkpoint")
    assert done.returncode == 0 and "není podepsán" in (done.stdout + done.stderr).decode()
    first = sizes(box, ".note")[-1]
    assert not sizes(box, ".p7s")
    box.stop()
    box.start()
    box.wait_token("pin-needed")
    until(lambda: sizes(box, ".note")[-1] > first, 30, "a newer checkpoint")
    assert box.login().returncode == 0
    until(lambda: sizes(box, ".p7s"), 30, box.log_tail)
    assert first not in sizes(box, ".p7s")
    assert sizes(box, ".p7s")[-1] == sizes(box, ".note")[-1]


def lasting(box):
    """How many records, but for certificates and lists: these are collected once, a moment after the first signature."""
    return len([r for r in journal.read(box.data) if r.fields.get("event") not in ("cert", "crl")])


def test_at_rest_nothing_grows(anchored):
    """Neither a signature nor what is recorded of it is a reason for the next checkpoint."""
    box = anchored("rsa")
    size, _ = signed_checkpoint(box)
    before = sorted(os.listdir(anchor(box)))
    records = lasting(box)
    for _ in range(3):
        assert box.run_cli("journal", "checkpoint").returncode == 0
    with pytest.raises(AssertionError):
        until(lambda: sorted(os.listdir(anchor(box))) != before, 1, "something new")
    assert sizes(box, ".note")[-1] == size and lasting(box) == records


# --- stamps ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_stamp_checked_by_the_format_alone(anchored, kind, work, pki_dir, tmp_path):
    """`journal stamp`: file, record, share; openssl's verdict by the command of FORMAT.txt; the stamp is no reason for another checkpoint."""
    with Simulator("tsa", str(tmp_path / "tsa"), pki_dir) as authority:
        ca = os.path.join(pki_dir, "ca.pem")
        box = anchored(kind, settings={'tsa "own"': {"urls": [authority.url], "ca_file": ca, "anchors": ca, "check_every": "0", "day_end": False,
                                                     "anchor_every": "1 h"}})
        signed_checkpoint(box)
        stamped = set(name for name in os.listdir(anchor(box)) if name.endswith(".tsr"))
        assert box.run_cli("journal", "stamp").returncode == 0
        new = sorted(set(name for name in os.listdir(anchor(box)) if name.endswith(".tsr")) - stamped)
        assert len(new) == 1 and os.path.exists(anchor(box, new[0].split(".")[0] + ".p7s"))
        if new[0].count(".") == 1:
            said = follow(box, int(new[0].split(".")[0]), str(tmp_path / "auditor"), {"duvera.pem": box.hsm.describe()["ca"], "tsa.pem": ca})
            assert "Verification: OK" in said[-1]
        records = [r for r in journal.read(box.data) if r.type == "anchor" and r.fields.get("event") == "stamp"]
        assert records[-1].fields["file"] == new[0] and records[-1].fields["sha256"] == hashlib.sha256(load(anchor(box, new[0]))).hexdigest()
        assert len(records) == len(authority.ledger("granted"))
        folder = box.settings["journal"]["notes_dir"]
        until(lambda: same(box, folder), 30, box.log_tail)
        before = sorted(os.listdir(anchor(box)))
        with pytest.raises(AssertionError):
            until(lambda: sorted(os.listdir(anchor(box))) != before, 1, "something new")
        figures = {r["name"]: r["value"] for r in box.rows("journal", "verify", kind="field")}
        assert int(figures["stamps"]) == len(records) and figures["unrecorded-stamps"] == "0"


# --- the auditors' share ---------------------------------------------------------------------------------------------------


def same(box, folder):
    """The share has exactly what the journal has."""
    ours = {name: load(anchor(box, name)) for name in os.listdir(anchor(box)) if not name.endswith(".tmp")}
    theirs = {name: load(os.path.join(folder, name)) for name in os.listdir(folder) if not name.endswith(".tmp")}
    return {**ours, **{name: load(os.path.join(box.data, "journal", name)) for name in ("origin", "FORMAT.txt")}} == theirs


def share_words(box):
    return {r["name"]: r["value"] for r in box.rows("status", kind="field")}["notes-share"]


def test_auditors_share(anchored):
    box = anchored("p256")
    folder = box.settings["journal"]["notes_dir"]
    signed_checkpoint(box)
    until(lambda: same(box, folder), 30, lambda: f"{os.listdir(folder)}\n{box.log_tail()}")
    assert all(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode) == 0o444 for name in os.listdir(folder))
    assert "všechny" in share_words(box)

    # Something else lies there under the name of the next checkpoint: it stays, and it is told.
    box.stop()
    size = len(journal.read(box.data))  # boot, perhaps a record of the token, then the checkpoint
    others = [os.path.join(folder, f"{n}.note") for n in range(size + 1, size + 30)]
    for path in others:
        with open(path, "wb") as f:
            f.write(b"podatelna.invalid/0000000000000000\n1\n\n")
    box.start()
    words = until(lambda: re.search(r"(\d+)\.note", share_words(box)), 30, lambda: share_words(box))
    assert int(words.group(1)) > size and "auditor" in words.string
    assert all(load(path) == b"podatelna.invalid/0000000000000000\n1\n\n" for path in others)
    box.stop()
    for path in others:
        os.unlink(path)
    box.start()
    until(lambda: same(box, folder) and "všechny" in share_words(box), 30, box.log_tail)


def test_auditors_share_away(anchored):
    """The share is gone: the box works on, says how much is missing, and catches up by itself."""
    box = anchored("rsa")
    folder = box.settings["journal"]["notes_dir"]
    size, _ = signed_checkpoint(box)
    until(lambda: same(box, folder), 30, box.log_tail)
    os.rename(folder, folder + ".away")
    box.drop("a.xml", forms.dphdp3(note="away"))
    box.wait_count(1, "unknown" if not box.portals else "done")
    later, _ = signed_checkpoint(box)
    assert later > size
    until(lambda: "chybí" in share_words(box), 30, lambda: share_words(box))
    os.rename(folder + ".away", folder)
    until(lambda: same(box, folder) and "všechny" in share_words(box), 30, lambda: f"{share_words(box)}\n{box.log_tail()}")
