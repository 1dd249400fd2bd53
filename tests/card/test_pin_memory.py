"""The PIN lives in podatelna-token alone: every other process of the box, and the disk, are searched for it. Needs root.

A PIN that nothing else on the machine is likely to hold is entered by a person. That the search finds what it looks for is shown first. pcscd and the
card, which the PIN must pass, are no processes of the box.
"""

import os
import resource
import subprocess
import time

import pytest

from box import USERS, is_root, until
from test_filing import fresh

PIN = "73951824"  # a PIV PIN has at most eight digits
PIECE = 1 << 20
pytestmark = pytest.mark.skipif(not is_root(), reason="reads the memory of other users' processes")


def count_in_process(pid, needle):
    """How often the bytes stand in the memory of a process, by mapping."""
    found = {}
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
        ranges = [line.split(None, 5) for line in f]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for row in ranges:
            start, end = (int(x, 16) for x in row[0].split("-"))
            name = row[5].strip() if len(row) > 5 else "anonymous"
            if "r" not in row[1] or name in ("[vvar]", "[vsyscall]"):
                continue
            tail = b""
            for at in range(start, end, PIECE):
                try:
                    memory.seek(at)
                    piece = memory.read(min(PIECE, end - at)) or b""
                except OSError:
                    tail = b""
                    continue
                hits = (tail + piece).count(needle)
                if hits:
                    found[name] = found.get(name, 0) + hits
                tail = piece[-(len(needle) - 1):]
    return found


def count_in_files(tops, needle):
    """Paths of files that hold the bytes, in content or name."""
    found = []
    for top in tops:
        for at, folders, files in os.walk(top):
            for name in files:
                path = os.path.join(at, name)
                if needle.decode() in name:
                    found.append(path)
                if not os.path.isfile(path) or os.path.islink(path):
                    continue
                with open(path, "rb") as f:
                    if needle in f.read():
                        found.append(path)
    return sorted(set(found))


def search(box):
    """{program: {mapping: count}} of every process of the box that holds the PIN."""
    found = {}
    for pid in box.processes():
        try:
            hits = count_in_process(pid, PIN.encode())
        except (FileNotFoundError, ProcessLookupError):
            continue  # a job that ended
        if hits:
            found[f"{box.name_of(pid)}"] = hits
    return found


def can_look(user, pid):
    """May this user read that process's memory map? The kernel asks the same question before a trace (ptrace(2), PTRACE_MODE_READ)."""
    return subprocess.run(["setpriv", f"--reuid={user}", "--clear-groups", "cat", f"/proc/{pid}/maps"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def token_alone(found):
    assert set(found) <= {"podatelna-token"}, f"the PIN is in {found}"


def test_the_search_finds_what_is_there(tmp_path):
    """In a process that holds it, split over two reads, and in a file; and not where it is not."""
    holder = subprocess.Popen(["/usr/bin/python3", "-c", "import sys, time; a = sys.stdin.readline(); b = bytearray(3 << 20);"
                               f"b[(1 << 20) - 3:(1 << 20) + 5] = a.strip().encode(); print('ready', flush=True); time.sleep(60)"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        holder.stdin.write(PIN.encode() + b"\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"ready\n"
        assert sum(count_in_process(holder.pid, PIN.encode()).values()) >= 2
        assert not count_in_process(holder.pid, b"73951825" + b"0")
    finally:
        holder.kill()
        holder.wait()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"x" * 5000 + PIN.encode() + b"y")
    assert count_in_files([tmp_path], PIN.encode()) == [str(tmp_path / "deep" / "file")]


@pytest.mark.parametrize("keep", [False, True], ids=["not-kept", "kept"])
def test_nobody_else_has_the_pin(epo, make_box, make_cards, work, keep):
    cards = make_cards({"office": ["sign", "vault", "tls"]}, pin=PIN)
    card = cards["office"]
    box = make_box(epo, cards, pin="prompt", settings={'token "office"': {"keep_pin": keep}})
    disk = [box.dir, "/run/podatelna", "/dev/shm", "/var/tmp"]
    box.wait_token("pin-needed")
    assert not search(box)
    done = box.run_cli("token", "login", stdin=PIN.encode() + b"\n")
    assert done.returncode == 0, done
    box.wait_token()
    held = search(box)
    print("after the login:", held)
    token_alone(held)
    # The key of slot 9C asks before each use, so that the box has to have it: the search reaches the place.
    assert held.get("podatelna-token"), "not even the token program has it: the search is blind"
    assert not count_in_files(disk, PIN.encode())
    # While the card works.
    card.tell("latency", 1500)
    name, document = fresh()
    box.drop(name, document)
    until(lambda: box.case(name) and box.case(name)["state"] == "signing", 20, lambda: box.cases())
    until(lambda: len(card.verifies()) > 1, 20, "the card is asked for a signature")
    token_alone(search(box))
    box.wait_state(name, "done", 60)
    token_alone(search(box))
    assert not count_in_files(disk, PIN.encode())
    # The token program itself cannot be looked into by its own user, and nobody traces it.
    pid = box.pid("token")
    status = open(f"/proc/{pid}/status", encoding="utf-8").read()
    assert "NoNewPrivs:\t1" in status and os.stat(f"/proc/{pid}/mem").st_uid == 0, "dumpable: /proc files belong to its user"
    locked = int(next(line for line in status.splitlines() if line.startswith("VmLck")).split()[1])
    # All of it, where the machine lets a process lock so much; the page with the PIN in any case.
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    assert locked >= (4 if 0 <= limit < 256 << 20 else 5000), f"its memory is not locked: {locked} kB"
    other = subprocess.Popen(["setpriv", f"--reuid={USERS['token']}", "--clear-groups", "sleep", "60"])
    try:
        until(lambda: can_look(USERS["token"], other.pid), 10, "who may not be looked into by the same user is seen by nothing")
        assert not can_look(USERS["token"], pid), "the token program can be traced by its own user"
    finally:
        other.kill()
        other.wait()
    # Pulled: gone at once, unless it is kept.
    card.tell("latency", 0)
    card.pull()
    box.wait_token("absent")
    held = search(box)
    print("after the card was pulled:", held)
    assert bool(held) == keep, held
    token_alone(held)
    card.insert()
    if keep:
        box.wait_token()
    else:
        box.wait_token("pin-needed")
        assert box.run_cli("token", "login", stdin=PIN.encode() + b"\n").returncode == 0
    # After a logout nobody has it, not even OpenSC in the token program.
    assert box.cli("token", "logout")[0] == 0
    box.wait_token("pin-needed")
    time.sleep(0.5)
    assert not search(box)
    box.stop()
    assert not count_in_files(disk, PIN.encode())
