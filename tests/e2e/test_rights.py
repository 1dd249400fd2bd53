"""Programs and rights (design 2): what is linked, who runs as whom, what nobody can open, who is restarted."""

import errno
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

import evil
import forms
import proc
from box import TOP, USERS, is_root, proc_status, until
from conftest import BIN, SANITIZED

# design 2: NEEDED beside libc and libseccomp; `maybe` may be missing because the linker drops what nothing uses.
NEEDED = {"podatelnad": {"libconfuse"}, "podatelna": set(), "podatelna-token": {"libp11", "libcrypto"},
          "podatelna-transport": {"libcurl", "libcrypto", "libssl"}, "podatelna-partner": {"libxml2", "libcrypto", "libz", "libzip"},
          "podatelna-store": {"libcrypto"}}
MAYBE = {"podatelna-token": {"libpcsclite"}, "podatelna": {"libconfuse"}}
COMMON = {"libc", "libseccomp"}
ROLES = ("store", "token", "partner", "transport", "hub")
MIB = 1024
root_only = pytest.mark.skipif(not is_root(), reason="needs root: own users and a look into other programs")


@pytest.mark.skipif(SANITIZED, reason="sanitized programs link the sanitizer")
@pytest.mark.parametrize("program", sorted(NEEDED))
def test_linked_libraries(program):
    listing = subprocess.run(["readelf", "-d", os.path.join(BIN, program)], check=True, stdout=subprocess.PIPE).stdout.decode()
    found = {name.split(".so")[0] for name in re.findall(r"NEEDED.*\[(.*?)\]", listing)} - COMMON
    assert found - MAYBE.get(program, set()) == NEEDED[program]


@pytest.mark.skipif(SANITIZED, reason="the sanitizer adds its own")
@pytest.mark.parametrize("program", sorted(NEEDED))
def test_hardening(program):
    """Position independent, immediate binding, read-only relocations, no executable stack."""
    path = os.path.join(BIN, program)
    text = subprocess.run(["readelf", "-hldW", path], check=True, stdout=subprocess.PIPE).stdout.decode()
    assert "DYN (Position-Independent" in text and "GNU_RELRO" in text and "NOW" in text
    assert re.search(r"GNU_STACK.* RW +0x", text)


# --- what the kernel says of running programs ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pids(shared):
    return {role: shared.pid(role) for role in ROLES}


@pytest.mark.parametrize("role", ROLES)
def test_status_of_process(shared, pids, role):
    status = proc_status(pids[role])
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2" and int(status["Seccomp_filters"]) >= 1
    if is_root():
        uid = pwd.getpwnam(USERS[role]).pw_uid
        assert set(status["Uid"].split()) == {str(uid)}
        assert 0 not in map(int, status["Groups"].split())
        allowed = 1 << 28 if role == "hub" else 0  # CAP_LEASE
        assert int(status["CapEff"], 16) & ~allowed == 0 and int(status["CapPrm"], 16) & ~allowed == 0


@root_only
def test_users_differ(shared, pids):
    assert len({proc_status(p)["Uid"] for p in pids.values()}) == len(ROLES)


@root_only
def test_no_dumps(shared, pids):
    """/proc/PID of a process that cannot be dumped belongs to root."""
    for role, pid in pids.items():
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0, role


def test_status_names_protection(shared):
    """`podatelna status` says what is in force; compared with the kernel's own word."""
    for name, row in shared.programs().items():
        words, status = row["protection"].split(), proc_status(int(row["pid"]))
        assert ("seccomp" in words) == (status["Seccomp"] == "2"), name
        assert ("no-new-privs" in words) == (status["NoNewPrivs"] == "1"), name
        assert ("user" in words) == (is_root() and status["Uid"].split()[0] != "0"), name
        assert "landlock" in words and "no-dump" in words, name
    assert any(r["software"] == "yes" for r in shared.rows("status", kind="token")), "a software token is named"


# --- what they cannot open ------------------------------------------------------------------------------------------------

REFUSED = (errno.EPERM, errno.EACCES, errno.ENOSYS)


def refused(result):
    """The call failed for lack of a right, or the kernel ended the process."""
    return result is None or -result in REFUSED


def try_calls(shared, role, *calls):
    """What the kernel answers to these system calls of that program. getpid goes first: it shows that the way works."""
    if not proc.can_inject():
        pytest.skip("only as root on x86-64")
    pid = shared.pid(role)
    results = proc.in_its_place(pid, [(proc.SYS_GETPID,), *calls])
    assert results[0] == pid, results
    return results[1:]


@pytest.fixture
def healed(shared):
    """Whatever the test did to it, the box works again afterwards."""
    yield shared
    until(shared.healthy, 30, "the box heals")


@root_only
@pytest.mark.skipif(SANITIZED, reason="the sanitizer needs more system calls")
@pytest.mark.parametrize("role", ROLES)
def test_world_readable_file(healed, role):
    """Not even a file that every user may read."""
    path = os.path.join(healed.dir, "open-to-all")
    healed.write(path, b"x", 0o644)
    results = try_calls(healed, role, proc.open_call(path))
    assert refused(results[0]), results


@root_only
@pytest.mark.skipif(SANITIZED, reason="the sanitizer needs more system calls")
@pytest.mark.parametrize("role,family", [("store", socket.AF_INET), ("token", socket.AF_INET), ("token", socket.AF_INET6),
                                         ("token", socket.AF_UNIX), ("partner", socket.AF_INET), ("partner", socket.AF_UNIX),
                                         ("hub", socket.AF_INET), ("hub", socket.AF_INET6), ("transport", socket.AF_PACKET)])
def test_no_socket(healed, role, family):
    results = try_calls(healed, role, proc.socket_call(family))
    assert refused(results[0]), results


@root_only
@pytest.mark.skipif(SANITIZED, reason="the sanitizer needs more system calls")
def test_transport_opens_only_its_own(healed):
    """Control: a file of the resolver can be opened. Vault, journal, module, configuration, share cannot."""
    paths = ["/etc/hosts", os.path.join(healed.data, "journal", "origin"), healed.data, healed.hsm.conf, healed.hsm.tokens[0]["keys"][0]["cert"],
             healed.config, healed.place("Podat"), "/tmp"]
    for path in paths[1:]:
        assert os.path.exists(path), path
    results = try_calls(healed, "transport", *[proc.open_call(p) for p in paths])
    assert results[0] is not None and results[0] >= 0, results
    for path, result in zip(paths[1:], results[1:]):
        assert refused(result), (path, results)


@root_only
@pytest.mark.skipif(SANITIZED, reason="the sanitizer needs more system calls")
@pytest.mark.parametrize("role", ["partner", "transport", "token"])
def test_cannot_write(healed, role):
    flags = os.O_WRONLY | os.O_CREAT
    paths = ["/tmp/podatelna-probe", os.path.join(healed.stage, "probe"), os.path.join(healed.place("Podat"), "probe")]
    results = try_calls(healed, role, *[proc.open_call(p, flags) for p in paths])
    assert all(refused(r) for r in results), results
    assert not any(os.path.exists(p) for p in paths)


@root_only
@pytest.mark.skipif(SANITIZED, reason="the sanitizer needs more system calls")
def test_store_only_its_directory(healed):
    paths = [os.path.join(healed.data, "journal", "origin"), healed.place("Podat"), healed.hsm.conf, healed.config]
    results = try_calls(healed, "store", *[proc.open_call(p) for p in paths])
    assert results[0] is not None and results[0] >= 0, results
    assert all(refused(r) for r in results[1:]), results


def test_others_cannot_read_the_data(shared):
    assert os.stat(shared.data).st_mode & 0o077 == 0


# --- the token's module from inside ---------------------------------------------------------------------------------------


def test_token_from_inside_its_module(epo, make_box, work):
    """Code in the module itself can open no socket, write no file outside its tokens, read nothing of the box, start nothing."""
    box = make_box(epo, start=False)
    readable = os.path.join(box.dir, "open-to-all")
    box.write(readable, b"x", 0o666)
    os.chmod(readable, 0o666)
    evil.insert(box, evil.build(work), PROBE=1, WRITE=f"{box.stage}:{box.place('Podat')}:{readable}:{box.dir}",
                READ=f"{readable}:{box.config}:/proc/1/status", CONNECT=f"{box.run}/control")
    box.start()
    box.wait_token()
    box.drop("a.xml", forms.dphdp3(note="evil"))
    box.wait_state("a.xml", "done")
    lines = [line for line in box.log().splitlines() if "evil: probe" in line]
    assert sum("probe done" in line for line in lines) >= 2, lines  # in C_Login and in C_SignInit
    seen = [line for line in lines if "refused" in line]
    for what in ("socket inet:", "socket inet6:", "socket unix:", "socket netlink:", "write /tmp:", f"write {box.stage}:", f"write {readable}:",
                 f"read {readable}:", f"connect {box.run}/control:", "fork -:", "exec /bin/true:"):
        assert any(what in line for line in seen), (what, lines)
    allowed = [line for line in lines if "ALLOWED" in line]
    assert not allowed, allowed
    assert len(epo.ledger("accepted")) == 1


# --- the hub and content --------------------------------------------------------------------------------------------------


@root_only
def test_content_never_passes_through_the_hub(epo, make_box):
    """A word of the document is looked for in the hub's memory all the while; the partner's job shows that the search finds."""
    epo.switch({"slow_ms.test": 400, "slow_ms.file": 400})
    box = make_box(epo)
    box.wait_token()
    needle = b"Hledane-slovo-" + os.urandom(6).hex().encode()
    assert proc.memory_holds(os.getpid(), needle), "the search itself works"
    hub, parent = box.pid("hub"), box.pid("parent")
    document = forms.dphkh1(note=needle.decode(), rows=400)
    box.drop("a.xml", document)
    looks = 0
    while True:
        assert not proc.memory_holds(hub, needle), "content stands in the hub's memory"
        assert not proc.memory_holds(parent, needle)
        looks += 1
        case = box.case("a.xml")
        if case and case["state"] == "done":
            break
        assert looks < 400, case
    box.result(case["case"])
    assert not proc.memory_holds(hub, needle) and looks >= 3


def rss(pid):
    status = proc_status(pid)
    return {k: int(status[k].split()[0]) for k in ("VmHWM", "VmRSS", "RssAnon")}


@pytest.mark.skipif(SANITIZED, reason="the sanitizer takes memory")
def test_memory_of_the_hub(epo, make_box):
    """Two filings of 10 MiB leave the hub within a few MiB."""
    box = make_box(epo)
    box.wait_token()
    before = rss(box.pid("hub"))
    for n in (1, 2):
        box.drop(f"{n}.xml", forms.dphkh1(note=f"{n}", size=10 * 1024 * 1024 - 5000))
    box.wait_count(2, "done", 120)
    after = rss(box.pid("hub"))
    assert after["RssAnon"] < 6 * MIB and after["VmHWM"] - before["VmHWM"] < 3 * MIB, (before, after)


# --- breaking the protocol, dying ----------------------------------------------------------------------------------------

GARBAGE = {"garbage": os.urandom(200), "empty header": b"PDW\x01" + bytes(20), "unknown type": proc.message(999),
           "unexpected answer": proc.message(7, 12345, [(1, (1).to_bytes(8, "little"))]), "wrong direction": proc.message(6)}


@root_only
@pytest.mark.parametrize("what", sorted(GARBAGE))
@pytest.mark.parametrize("role", ["store", "token", "partner", "transport"])
def test_offender_is_killed_and_restarted(healed, role, what):
    """The packet is put on the link to the hub (the last one that the program got) in the program's place."""
    pid = healed.pid(role)
    links = proc.packet_sockets(pid)
    assert len(links) >= 2, "the link to the parent and at least one more"
    proc.send_as(pid, links[1], GARBAGE[what])
    until(lambda: not os.path.exists(f"/proc/{pid}") or proc_status(pid)["State"].startswith("Z"), 10, f"{role} is ended")
    until(lambda: any(name.startswith(role) and int(row["pid"]) != pid for name, row in healed.healthy().items()), 30, f"{role} is started anew")


@root_only
@pytest.mark.parametrize("role", ROLES)
def test_nonsense_to_the_parent(healed, role):
    """On the link to podatelnad itself: the parent ends the program and goes on."""
    pid, parent = healed.pid(role), healed.pid("parent")
    proc.send_as(pid, 3, b"nonsense")
    until(lambda: not os.path.exists(f"/proc/{pid}") or proc_status(pid)["State"].startswith("Z"), 10, f"{role} is ended")
    until(lambda: healed.cli("status")[0] == 0, 30, "it works again")
    assert healed.process.poll() is None and healed.pid("parent") == parent and healed.pid(role) != pid


def test_nonsense_on_the_control_socket(healed):
    """A caller may say anything: only he is cut off."""
    hub = healed.pid("hub")
    for packet in [b"", b"x", os.urandom(5000)] + list(GARBAGE.values()):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
            caller.connect(os.path.join(healed.run, "control"))
            caller.settimeout(5)
            try:
                caller.send(packet)
                caller.recv(100)
            except OSError:
                pass
    assert healed.cli("status")[0] == 0 and healed.pid("hub") == hub


@pytest.mark.sanitized
@pytest.mark.parametrize("role", ROLES)
def test_killed_at_work(epo, make_box, role):
    """Any of them killed in the middle only delays the work."""
    epo.switch({"slow_ms": 150})
    box = make_box(epo)
    box.wait_token()
    for n in range(6):
        box.drop(f"{n}.xml", forms.dphdp3(note=f"{role} {n}"))
    for _ in range(4):
        time.sleep(0.4)
        pids = box.pid_of_executable("podatelnad" if role == "hub" else f"podatelna-{role}", "--hub" if role == "hub" else None)
        if pids:
            os.kill(pids[0], signal.SIGKILL)
    box.wait_count(6, ("done", "uncertain"), 90)
    assert sorted({a["xml_sha256"] for a in epo.ledger("accepted")}) == sorted(a["xml_sha256"] for a in epo.ledger("accepted"))
    uncertain = [c for c in box.cases() if c["state"] == "uncertain"]
    # While the network program lives it knows which sessions were begun, and a session delivers its reply whoever died: nothing is uncertain.
    if role != "transport":
        assert not uncertain, uncertain  # the session lives on and delivers its reply
        assert len(epo.ledger("accepted")) == 6
    assert box.cli("journal", "verify")[0] == 0


def stop_store_at(box, record, size, seconds=20):
    """Stops the store as soon as a record of this type stands behind `size` bytes of the journal; its process number."""
    store, end = box.pid("store"), time.monotonic() + seconds
    segment = glob.glob(os.path.join(box.data, "journal", "segment", "*.open"))[0]
    with open(segment, "rb") as journal:
        journal.seek(size)
        found = b""
        while record not in found:
            assert time.monotonic() < end, f"no record {record} came"
            found += journal.read()
    os.kill(store, signal.SIGSTOP)
    return store


def test_killed_between_sending_and_session(epo, make_box):
    """The hub dies when `sending` is durable and no session is begun yet: the network program knows that nothing was sent, and the filing goes on."""
    box = make_box(epo)
    box.wait_token()
    for n in range(24):  # a race with the disk: it is met within a few rounds, rarely later
        size = os.path.getsize(glob.glob(os.path.join(box.data, "journal", "segment", "*.open"))[0])
        box.drop(f"{n}.xml", forms.dphdp3(note=f"between {n}"))
        store = stop_store_at(box, b" sending ", size)
        box.kill("hub")
        os.kill(store, signal.SIGCONT)
        box.wait_count(n + 1, ("done", "uncertain"), 60)
        assert [c["state"] for c in box.cases(all_cases=True)] == ["done"] * (n + 1)
        case = max(c["case"] for c in box.cases(all_cases=True))
        if "not-sent" in box.types(case):  # otherwise the session was begun before the hub died: one more
            break
    else:
        raise AssertionError("the moment was never met")
    assert len(epo.ledger("accepted")) == len({a["xml_sha256"] for a in epo.ledger("accepted")}) == n + 1


def test_nothing_outlives_the_parent(epo, make_box):
    """SIGKILL to podatelnad ends every program of the box."""
    box = make_box(epo)
    box.wait_token()
    assert len(box.processes()) >= 6
    os.kill(box.process.pid, signal.SIGKILL)
    box.process.wait()
    assert not box.settle(5)
    box.process = None


def test_stops_in_order(epo, make_box):
    box = make_box(epo)
    box.wait_token()
    assert box.stop() == 0


@root_only
def test_without_root(work):
    """Everything works for one ordinary user too; `status` shows that the programs share one (the demo is the test)."""
    programs = os.path.join(work, "programs")
    shutil.copytree(BIN, os.path.join(programs, "bin"))
    if os.path.isdir(os.path.join(BIN, "..", "share")):
        shutil.copytree(os.path.join(BIN, "..", "share"), os.path.join(programs, "share"))
    nobody = pwd.getpwnam("nobody")
    done = subprocess.run(["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", sys.executable, "-B",
                           os.path.join(TOP, "tests", "lib", "demo.py"), "--bin", os.path.join(programs, "bin")], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150, check=False)
    text = done.stdout.decode()
    if "Permission denied" in text and TOP in text:
        pytest.skip("the tree cannot be read by other users")
    assert done.returncode == 0, text
    assert " user " not in text and "seccomp" in text
