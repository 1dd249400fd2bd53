"""podatelna-audit over what a real box signed with its token and a real authority stamped; the auditor has nothing but the journal and the roots."""

import os
import shutil

import pytest

import auditor
from box import until
from conftest import BIN
from test_stamps import anchors, settings, tsa, verified  # noqa: F401

KINDS = {"rsa": "journal", "p256": "journal/ec"}


@pytest.fixture(params=KINDS)
def stamped(request, tsa, make_box, pki_dir):  # noqa: F811
    """A box that stopped after a checkpoint was signed and stamped; and the roots of both."""
    box = make_box(tokens={"office": ["sign", "vault", KINDS[request.param]]}, settings=settings(pki_dir, tsa.url, anchor_every="1 h"), pki_dir=pki_dir)
    box.wait_token()
    folder = os.path.join(box.data, "journal", "anchor")
    assert box.run_cli("journal", "checkpoint").returncode == 0
    until(lambda: any(name.endswith(".p7s") for name in os.listdir(folder)), 30, box.log_tail)
    assert "orazítkován" in box.text("journal", "stamp")
    until(lambda: anchors(box, "stamp"), 30, box.log_tail)
    record = anchors(box, "stamp")[-1]
    assert verified(box, pki_dir, record)
    box.stop()
    return box, record, [box.hsm.describe()["ca"], os.path.join(pki_dir, "ca.pem")]


def trusting(roots):
    return [word for root in roots for word in ("--trust", root)]


def test_signed_and_stamped(stamped, tmp_path):
    box, record, roots = stamped
    verdict = auditor.verify(BIN, box.data, *trusting(roots))
    assert verdict.code == auditor.YES, verdict
    assert verdict.kinds() <= {"revocation-unknown", "unstamped", "unsigned"}, verdict
    said = verdict.said
    assert said["trusted_signatures"] == said["signed_checkpoints"] >= 1 and said["trusted_stamps"] == said["stamps"] >= 1
    assert said["stamped_size"] == int(record["size"]) and said["signed_size"] >= said["stamped_size"]
    # Who trusts nobody is told so, once for signatures and once for stamps, and nothing else is wrong.
    verdict = auditor.verify(BIN, box.data)
    assert verdict.code == auditor.NO and len(verdict.named("certificate", "doubt")) == 2, verdict
    # What was sent to the auditors' share is checked alone.
    share = tmp_path / "share"
    shutil.copytree(os.path.join(box.data, "journal", "anchor"), share)
    shutil.copy(os.path.join(box.data, "journal", "origin"), share)
    verdict = auditor.verify(BIN, share, *trusting(roots))
    assert verdict.code == auditor.YES and verdict.said["trusted_stamps"] == said["trusted_stamps"], verdict


def flip(path, at):
    os.chmod(path, 0o644)
    with open(path, "r+b") as f:
        f.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        byte = f.read(1)[0]
        f.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        f.write(bytes([byte ^ 1]))


def test_each_file_altered(stamped, tmp_path):
    """One byte of each file of the checkpoint: named, at the checkpoint."""
    box, record, roots = stamped
    size = int(record["size"])
    wanted = {f"{size}.p7s": ("cms", -1), record["file"]: ("stamp", -1), f"{size}.note": ("origin", 3)}
    for number, (name, (kind, at)) in enumerate(wanted.items()):
        copy = tmp_path / str(number)
        shutil.copytree(box.data, copy)
        if os.path.exists(copy / "journal" / "anchor" / name):
            flip(copy / "journal" / "anchor" / name, at)
            verdict = auditor.verify(BIN, copy, *trusting(roots))
            assert verdict.code == auditor.DAMAGED and size in verdict.named(kind, "damaged"), (name, verdict)
        else:
            assert name.endswith(".p7s"), name
