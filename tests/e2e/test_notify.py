"""What systemd hears (sd_notify): real datagrams to a socket of the test, and silence when a program hangs."""

import os
import signal
import socket
import struct
import time

import pytest

from box import SLOW, until

WATCHDOG_S = 2 * SLOW


class Manager:
    """The socket that systemd would hold."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(address)
        if not address.startswith("\0"):
            os.chmod(address, 0o600)
        self.lines, self.unheard, self.senders = [], [], set()

    def listen(self, seconds=0.0):
        """All new lines, and those that come within so long; self.lines keeps everything."""
        got, deadline = self.unheard, time.monotonic() + seconds
        self.unheard = []
        already = len(got)
        while True:
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data, more, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
            except TimeoutError:
                break
            self.senders |= {struct.unpack("iII", value)[0] for level, kind, value in more if kind == socket.SCM_CREDENTIALS}
            got += data.decode().split("\n")
        self.lines += got[already:]
        return got

    def hear(self, wanted, timeout=30):
        """Until a line begins so; that line. What came after it stays unheard."""
        def came():
            got = self.listen(0.05)
            found = next((i for i, line in enumerate(got) if line.startswith(wanted)), None)
            if found is None:
                return None
            self.unheard = got[found + 1:]
            return got[found]
        return until(came, timeout, lambda: f"{wanted}: {self.lines[-40:]}")


@pytest.fixture
def told(make_box, work):
    """told(address, **options): a box that is not started yet, and its manager."""
    managers = []

    def make(address=None, watchdog=WATCHDOG_S, **options):
        box = make_box(start=False, **options)
        manager = Manager(address or os.path.join(box.dir, "notify"))
        managers.append(manager)
        box.environment = {"NOTIFY_SOCKET": (address or os.path.join(box.dir, "notify")).replace("\0", "@")}
        if watchdog:
            box.environment["WATCHDOG_USEC"] = str(int(watchdog * 1000000))
        return box, manager

    yield make
    for manager in managers:
        manager.socket.close()


@pytest.mark.parametrize("address", [None, f"\0podatelna-{os.getpid()}"], ids=["path", "abstract"])
def test_from_start_to_stop(told, address):
    """READY once commands are taken, words about what it waits for, STOPPING; and one program alone speaks."""
    box, manager = told(address, pin="prompt")
    box.start(wait=False)
    manager.hear("READY=1")
    assert box.cli("list") == (0, [])
    manager.hear("STATUS=pracuje; token office: čeká na PIN")
    assert box.login().returncode == 0
    assert manager.hear("STATUS=pracuje") == "STATUS=pracuje"
    box.drop("x.xml", b"<nic/>")
    manager.hear("STATUS=pracuje; případy, které čekají na člověka: 1")
    children = [pid for pid in box.processes() if pid != box.process.pid]
    for pid in children:
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert b"NOTIFY_SOCKET" not in f.read()
    assert manager.senders == {box.process.pid}
    parent = box.process.pid
    box.stop()
    manager.hear("STOPPING=1")
    assert manager.senders == {parent} and manager.lines.count("READY=1") == 1


def test_not_ready_without_hub(told):
    """A hub that cannot work takes no commands: systemd is not told that the box is ready."""
    box, manager = told()
    with open(os.path.join(box.catalogue, "epo.conf"), "a", encoding="utf-8") as f:
        f.write("this is no catalogue\n")
    box.start(wait=False)
    manager.hear("STATUS=krabice se spouští")
    until(lambda: box.log().count("podatelna-hub: error") >= 3, 20, "the hub does not try again")
    assert "READY=1" not in manager.listen() + manager.lines


@pytest.mark.parametrize("program", ["hub", "store"])
def test_hung_program(told, program):
    """Silence while a program hangs: the watchdog of systemd ends the box. It is told again when the program goes on."""
    box, manager = told()
    box.start()
    manager.hear("WATCHDOG=1")
    pid = box.kill(program, signal.SIGSTOP)
    try:
        manager.hear(f"STATUS=některý program krabice neodpovídá: {program}")
        assert "WATCHDOG=1" not in manager.listen(1.5 * WATCHDOG_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    manager.hear("WATCHDOG=1")
    assert box.pid(program) == pid


def test_dead_program(told):
    """A program that died is started again by the parent: no reason for systemd to end the others."""
    box, manager = told()
    box.start()
    for program in ("hub", "store", "token"):
        manager.listen()
        before = box.kill(program)
        until(lambda: before not in box.processes(), 10, "it lives on")
        manager.hear("WATCHDOG=1")
        box.wait_ready()
        assert box.pid(program) != before


def test_no_watchdog_wanted(told):
    box, manager = told(watchdog=None)
    box.start()
    manager.hear("READY=1")
    box.wait_token()
    assert "WATCHDOG=1" not in manager.listen(3)


def test_severity_in_the_journal(make_box):
    """Where standard error is the journal's, each line begins with its severity, and log_level of the configuration says how much is written."""
    box = make_box(start=False, settings={"": {"log_level": "error"}})
    with open(box.log_file, "wb") as f:
        status = os.fstat(f.fileno())
    box.environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
    box.start()
    box.stop()
    assert box.log() == ""
    box.set("", log_level="info")
    box.start()
    box.kill("store")
    until(lambda: "it is started again" in box.log(), 20, box.log_tail)
    box.stop()
    lines = box.log().splitlines()
    marks = {"error": "<3>", "warning": "<4>", "info": "<6>"}
    assert lines and all(line[:3] == marks[line.split(": ")[1]] for line in lines), lines
    assert {line[:3] for line in lines} >= {"<4>", "<6>"}
