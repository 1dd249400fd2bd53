"""The folder behind a real smbd on loopback: copies, renames, copies that break off (research: what CLOSE_WRITE is worth)."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

import forms
from box import GROUP, die_with_parent, is_root, until

SMBD, CLIENT = shutil.which("smbd") or "/usr/sbin/smbd", shutil.which("smbclient")
pytestmark = pytest.mark.skipif(not os.path.exists(SMBD) or not CLIENT or not is_root(), reason="needs root, smbd and smbclient")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Samba:
    """One share for guests, written as a user of the staff's group."""

    def __init__(self, directory, share):
        self.dir, self.port = directory, free_port()
        os.makedirs(directory)
        folders = {n: os.path.join(directory, n) for n in ("private", "lock", "state", "cache", "pid", "ncalrpc")}
        for path in folders.values():
            os.makedirs(path, mode=0o755)
        self.conf = os.path.join(directory, "smb.conf")
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"""[global]
  smb ports = {self.port}
  interfaces = lo
  bind interfaces only = yes
  disable spoolss = yes
  load printers = no
  printcap name = /dev/null
  security = user
  map to guest = Bad User
  guest account = nobody
  server role = standalone server
  private dir = {folders['private']}
  lock directory = {folders['lock']}
  state directory = {folders['state']}
  cache directory = {folders['cache']}
  pid directory = {folders['pid']}
  ncalrpc dir = {folders['ncalrpc']}
  log file = {directory}/log.%m
  log level = 1
[in]
  path = {share}
  guest ok = yes
  guest only = yes
  read only = no
  force group = {GROUP}
  create mask = 0660
  force create mode = 0660
  directory mask = 2770
""")
        self.process = subprocess.Popen([SMBD, "--foreground", "--no-process-group", "--debug-stdout", "-s", self.conf], stdin=subprocess.DEVNULL,
                                        stdout=open(os.path.join(directory, "smbd.log"), "wb"), stderr=subprocess.STDOUT, start_new_session=True,
                                        preexec_fn=die_with_parent)
        until(self.answers, 20, lambda: open(os.path.join(directory, "smbd.log"), encoding="utf-8", errors="replace").read()[-2000:])

    def answers(self):
        return self.run("ls", check=False).returncode == 0

    def command(self, words):
        return [CLIENT, "-N", "-p", str(self.port), "-s", self.conf, "//127.0.0.1/in", "-c", words]

    def run(self, words, check=True):
        done = subprocess.run(self.command(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        assert not check or done.returncode == 0, done.stdout
        return done

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture(scope="module")
def samba(shared, work):
    os.chmod(shared.place("Podat"), 0o2777)  # guests are nobody
    server = Samba(os.path.join(work, "samba"), shared.place("Podat"))
    yield server
    server.stop()


@pytest.fixture
def local(tmp_path):
    """local(note, **options): (path, document) of a file to be copied."""
    def make(note, maker=forms.dphdp3, **more):
        document = maker(note=f"samba {os.getpid()} {note}", **more)
        path = tmp_path / f"{hashlib.sha256(document).hexdigest()[:8]}.xml"
        path.write_bytes(document)
        return path, document
    return make


def test_copy(shared, portal, samba, local):
    path, document = local("copy")
    samba.run(f"put {path} kopie.xml")
    shared.wait_state("kopie.xml")
    assert len(portal.accepted(document)) == 1


def test_copy_with_diacritics(shared, portal, samba, local):
    path, document = local("diacritics")
    samba.run(f'put {path} "Přiznání žluťoučký kůň.xml"')
    shared.wait_state("Přiznání žluťoučký kůň.xml")
    assert len(portal.accepted(document)) == 1


def test_copy_and_rename(shared, portal, samba, local):
    path, document = local("rename")
    samba.run(f"put {path} kopie.tmp; rename kopie.tmp přejmenováno.xml")
    shared.wait_state("přejmenováno.xml")
    assert len(portal.accepted(document)) == 1


def test_large_copy(shared, portal, samba, local):
    path, document = local("large", forms.dphkh1, size=9_000_000)
    samba.run(f"put {path} velká.xml")
    shared.wait_state("velká.xml", timeout=90)
    assert len(portal.accepted(document)) == 1


def test_client_killed_while_copying(shared, portal, samba, local):
    """smbclient reads from a pipe that stops half-way, then it dies; the copy made again goes through once."""
    path, document = local("killed", forms.dphkh1, size=4_000_000)
    fifo = path.with_suffix(".fifo")
    os.mkfifo(fifo)
    client = subprocess.Popen(samba.command(f"put {fifo} přerušená.xml"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    fd = os.open(fifo, os.O_WRONLY)
    os.write(fd, document[:60000])
    time.sleep(1.0)
    client.kill()
    client.wait()
    os.close(fd)
    time.sleep(1.0)
    assert not portal.of(document) and shared.case("přerušená.xml") is None
    samba.run(f"put {path} přerušená.xml", check=False)
    if "přerušená.xml" not in shared.listing("Podat") and shared.case("přerušená.xml") is None:
        samba.run(f"put {path} přerušená.xml")
    shared.wait_state("přerušená.xml", timeout=60)
    assert len(portal.accepted(document)) == 1


def test_slow_copy(shared, portal, samba, local):
    """The file stands under its final name and grows for longer than no_end_after."""
    path, document = local("slow")
    fifo = path.with_suffix(".fifo")
    os.mkfifo(fifo)
    client = subprocess.Popen(samba.command(f"put {fifo} pomalá.xml"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    fd = os.open(fifo, os.O_WRONLY)
    for start in range(0, len(document), len(document) // 5 + 1):
        os.write(fd, document[start:start + len(document) // 5 + 1])
        time.sleep(0.5)
    os.close(fd)
    assert client.wait(30) == 0
    shared.wait_state("pomalá.xml")
    assert len(portal.accepted(document)) == 1


def test_windows_like_copy(shared, portal, samba, local):
    """Explorer: final name, final size first, then the data, the time stamp set back, close. Made by smbd's own steps on the file system."""
    _, document = local("windows")
    path = shared.place("Podat", "průzkumník.xml")
    with open(path, "wb", buffering=0) as f:
        os.fchmod(f.fileno(), 0o660)
        f.truncate(len(document))
        time.sleep(0.3)
        for start in range(0, len(document), 700):
            f.write(document[start:start + 700])
            time.sleep(0.1)
        os.utime(f.fileno(), (1_600_000_000, 1_600_000_000))
    shared.wait_state("průzkumník.xml")
    assert len(portal.accepted(document)) == 1


def test_read_back_the_result(shared, portal, samba, local):
    """Staff see on the share what was put aside."""
    samba.run(f"put {local('x')[0]} zůstane.tmp")
    time.sleep(1.5)
    assert "zůstane.tmp" in samba.run("ls").stdout.decode("utf-8", "replace")
    samba.run("del zůstane.tmp")
