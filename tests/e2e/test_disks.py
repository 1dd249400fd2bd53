"""Disks that fill up: people are told at 90 and at 95 %, nothing new is taken in before the journal is in danger, and work under way ends.

What is full is said by the kernel; what people see is read from the page, the LED's files and the mail server's ledger."""

import os
import pwd
import subprocess

import pytest

import forms
from box import USERS, is_root, until
from mailsink import MailSink

pytestmark = pytest.mark.skipif(not is_root(), reason="only root may mount a disk of its own")
MIB = 1 << 20
SIZE_MIB = 1024


class Disk:
    """An ext4 of its own for the data directory; what fills it is only promised, so that it costs no room here."""

    def __init__(self, box):
        self.at, self.image = box.data, os.path.join(box.dir, "disk.img")
        os.makedirs(self.at, exist_ok=True)
        with open(self.image, "wb") as f:
            f.truncate(SIZE_MIB * MIB)
        for command in (["mkfs.ext4", "-q", "-m", "0", self.image], ["mount", "-o", "loop", self.image, self.at]):
            if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode != 0:
                pytest.skip("no file system can be mounted here")
        owner = pwd.getpwnam(USERS["store"])
        os.chown(self.at, owner.pw_uid, owner.pw_gid)
        os.chmod(self.at, 0o750)
        self.filler = os.path.join(self.at, "filler")

    def used(self):
        """As df says it, rounded up."""
        space = os.statvfs(self.at)
        used = space.f_blocks - space.f_bfree
        return -(-100 * used // (used + space.f_bavail))

    def fill(self, percent):
        self.clear()
        space = os.statvfs(self.at)
        total = (space.f_blocks - space.f_bfree + space.f_bavail) * space.f_frsize
        length = int(total * (percent - 0.5) / 100) - (space.f_blocks - space.f_bfree) * space.f_frsize
        with open(self.filler, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, length)
        assert self.used() == percent

    def clear(self):
        if os.path.exists(self.filler):
            os.unlink(self.filler)

    def close(self):
        subprocess.run(["umount", "-l", self.at], check=False)


@pytest.fixture
def disk_box(epo, make_box, pki_dir):
    made = []
    box = make_box(epo, start=False)
    led = os.path.join(box.dir, "led")
    os.makedirs(led)
    for name in ("trigger", "delay_on", "delay_off", "brightness"):
        with open(os.path.join(led, name), "w", encoding="utf-8"):
            pass
        os.chmod(os.path.join(led, name), 0o666)
    os.chmod(led, 0o755)
    sink = MailSink(os.path.join(box.dir, "sink"), pki_dir).start()
    made.append(sink)
    box.set("", led=led)
    box.set("share", overview_heartbeat="2 s", min_free="48 MiB")
    box.set("mail", url=sink.smtps, to=["ucetni@firma.example"], ca_file=os.path.join(box.pki, "ca.pem"), interval="10 ms", retry="300 ms",
            state_dir=os.path.join(box.dir, "mail"), events=["none"], **{"from": "podatelna@firma.example"})
    disk = Disk(box)
    made.append(disk)
    box.start()
    box.wait_token()
    yield box, disk, sink, led
    box.kill_all()
    sink.stop()
    disk.close()


def level(box):
    return {r["disk"]: r["level"] for r in box.rows("status", kind="disk")}.get("data")


def read(led, name):
    with open(os.path.join(led, name), encoding="utf-8") as f:
        return f.read()


def subjects(sink):
    return [m.subject for m in sink.messages()]


def test_told_at_two_levels(disk_box):
    """Status, page, LED and one e-mail for each level; quiet again with room, and told again afterwards."""
    box, disk, sink, led = disk_box
    box.drop("a.xml", forms.dphdp3(note="disk a"))
    box.wait_state("a.xml", "done")
    disk.fill(89)
    assert level(box) == "good"
    until(lambda: read(led, "trigger").startswith("none"), 20, "a steady LED")
    assert "se plní" not in box.overview() and sink.messages() == []

    disk.fill(90)
    assert level(box) == "warn"
    assert any(r["name"] == "disk" and "90 %" in r["value"] for r in box.rows("status", kind="field"))
    until(lambda: "Disk krabice se plní (90" in box.overview(), 20, lambda: box.overview()[-3000:])
    until(lambda: read(led, "trigger").startswith("timer") and read(led, "delay_on").startswith("1000"), 20, "a LED that blinks slowly")
    until(lambda: len(sink.messages()) == 1, 60, sink.story)

    disk.fill(95)
    assert level(box) == "urgent"
    until(lambda: "Disk krabice je téměř plný (95" in box.overview(), 20, lambda: box.overview()[-3000:])
    until(lambda: len(sink.messages()) == 2, 60, sink.story)

    disk.clear()
    assert level(box) == "good"
    until(lambda: "se plní" not in box.overview() and "téměř plný" not in box.overview(), 20, lambda: box.overview()[-3000:])
    until(lambda: read(led, "trigger").startswith("none"), 20, "a steady LED")


def test_stop_before_loss(disk_box, epo):
    """Less than min_free: files wait where they are, and the reason is said. What is under way ends, and all goes on by itself once there is room."""
    box, disk, _, _ = disk_box
    epo.switch({"status500.test": "on"})
    box.drop("open.xml", forms.dphdp3(note="disk open"))
    box.wait_state("open.xml", "testing")
    disk.fill(92)  # room for the reply, and for what comes in
    epo.switch({"status500.test": "off"})
    box.cli("send", "--all")
    box.wait_state("open.xml", "done", 60)
    disk.fill(96)  # less than min_free
    path = box.drop("waits.xml", forms.dphdp3(note="disk waits"))
    until(lambda: any(r.get("name") == "inbox-waits" and "min_free" in r["value"] for r in box.rows("status", kind="field")), 30, "the reason is said")
    assert len(box.cases()) == 1
    claimed = os.listdir(box.share + ".claim")
    assert os.path.exists(path) or claimed, "the file is kept"
    size = os.path.getsize(os.path.join(box.data, "journal", "segment", os.listdir(os.path.join(box.data, "journal", "segment"))[0]))
    assert box.cli("journal", "checkpoint")[0] == 0, "the journal has its reserve"
    assert os.path.getsize(os.path.join(box.data, "journal", "segment", os.listdir(os.path.join(box.data, "journal", "segment"))[0])) > size
    disk.clear()
    box.wait_state("waits.xml", "done", 60)
    assert len(epo.ledger("accepted")) == 2
    assert box.cli("journal", "verify")[0] == 0
