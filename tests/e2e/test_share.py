"""The share itself: mounted late, or another disk in its place."""

import os
import subprocess

import forms
import pytest
from box import is_root, until


@pytest.fixture
def disk():
    """mount(path): an empty file system there, until the test is over."""
    mounted = []

    def mount(path):
        if not is_root() or subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0711,size=32m", "tmpfs", path], check=False,
                                           stderr=subprocess.PIPE).returncode != 0:
            pytest.skip("mounting is not possible here")
        mounted.append(path)
    yield mount
    for path in reversed(mounted):
        subprocess.run(["umount", "--lazy", path], check=True)


def on_a_disk(make_box, epo):
    """A box whose share and claim folder stand below one mount point."""
    box = make_box(epo, start=False)
    place = os.path.join(box.dir, "disk")
    os.mkdir(place, 0o711)
    os.rename(box.share, os.path.join(place, "share"))
    box.share = os.path.join(place, "share")
    box.set("share", path=box.share)
    return box, place


def make_share(box, place):
    box.make_share()
    box.stage = os.path.join(place, "stage")  # files are renamed into the share: on the same file system
    os.mkdir(box.stage)


def test_mounted_after_the_start(epo, make_box, disk):
    """The folders below the mount point were there at the start; then the disk comes. The hub alone starts anew, what is dropped there is filed."""
    box, place = on_a_disk(make_box, epo)
    box.start()
    box.wait_token()
    before = {name: row["pid"] for name, row in box.programs().items()}
    disk(place)
    make_share(box, place)
    content = forms.dphdp3(dic="12345678")
    box.drop("a.xml", content)
    case = box.wait_state("a.xml")
    assert os.path.isfile(os.path.join(box.result(case["case"]), "stav.txt"))
    assert len(epo.ledger("accepted")) == 1
    after = {name: row["pid"] for name, row in box.programs().items()}
    assert after.pop("hub") != before.pop("hub") and after == before
    assert os.path.isdir(box.share + ".claim"), "the claim folder is on the new disk"


def test_missing_at_the_start(epo, make_box, disk):
    """No share at all: the box starts, says so, and goes on by itself when it is there."""
    box, place = on_a_disk(make_box, epo)
    os.rename(place, place + ".away")
    box.start(wait=False)
    until(lambda: [r for r in box.cli("status")[1] if "inbox-waits" in str(r)], 30, lambda: f"{box.cli('status')}\n{box.log_tail()}")
    assert "sdílená složka není k dispozici" in box.text("status", check=False)
    os.mkdir(place, 0o711)
    disk(place)
    make_share(box, place)
    box.drop("a.xml", forms.dphdp3(dic="12345678"))
    box.wait_state("a.xml", timeout=60)
    assert len(epo.ledger("accepted")) == 1
