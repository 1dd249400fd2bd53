"""CPU time and memory of the processes of a box, per program, from /proc.

CPU: utime and stime of the program's processes plus those of their children that have ended and been waited for. The kernel's sum
of both is exact to its clock's tick (printed in 10 ms); how it is split into user and system is sampled at the timer's interrupt,
so that the split of processes that live a few milliseconds is rough.
"""

import os
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
PROGRAMS = ("parent", "hub", "store", "token", "partner", "transport")
COMM = {"podatelna-store": "store", "podatelna-token": "token", "podatelna-partn": "partner", "podatelna-trans": "transport"}
KIB = 1024
PAUSE_S = 0.05


def stat(pid):
    """(name, fields from the state on) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            head, _, tail = f.read().rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return head.partition("(")[2], tail.split()


def program_of(pid, session, name):
    if name == "podatelnad":
        return "parent" if pid == session else "hub"
    return COMM.get(name, name)


def processes(session):
    """[(pid, program, fields)] of a session, those not yet waited for included."""
    found = []
    for entry in os.listdir("/proc"):
        known = stat(entry) if entry.isdigit() else None
        if known is not None and int(known[1][3]) == session:
            found.append((int(entry), program_of(int(entry), session, known[0]), known[1]))
    return found


def times(fields):
    """(user, system) in seconds, ended children included."""
    utime, stime, cutime, cstime = (int(x) / TICKS for x in fields[11:15])
    return utime + cutime, stime + cstime


def cpu(session):
    """{program: (user, system)} in seconds since its start."""
    total = {name: [0.0, 0.0] for name in PROGRAMS}
    for _, program, fields in processes(session):
        user, system = times(fields)
        place = total.setdefault(program, [0.0, 0.0])
        place[0] += user
        place[1] += system
    return {name: tuple(pair) for name, pair in total.items()}


def cpu_since(session, before):
    now = cpu(session)
    return {name: (now[name][0] - before.get(name, (0, 0))[0], now[name][1] - before.get(name, (0, 0))[1]) for name in now}


def whole(parts):
    return sum(user + system for user, system in parts.values())


def cpu_of(pid):
    """Seconds of one process and its ended children."""
    return sum(times(stat(pid)[1]))


# --- memory -------------------------------------------------------------------------------------------------------------


def numbers(path, wanted):
    """{name: bytes} of the lines "Name:  N kB"."""
    found = {}
    with open(path, encoding="ascii", errors="replace") as f:
        for line in f:
            name, _, rest = line.partition(":")
            if name in wanted:
                found[name] = int(rest.split()[0]) * KIB
    return found


def memory_of(pid):
    """rss, peak (highest rss since reset_peak), pss, private, anonymous in bytes; None when the process has gone."""
    try:
        rolled = numbers(f"/proc/{pid}/smaps_rollup", ("Rss", "Pss", "Private_Clean", "Private_Dirty", "Anonymous"))
        peak = numbers(f"/proc/{pid}/status", ("VmHWM",))
    except (FileNotFoundError, ProcessLookupError):
        return None
    if "Rss" not in rolled or "VmHWM" not in peak:
        return None
    return {"rss": rolled["Rss"], "peak": max(peak["VmHWM"], rolled["Rss"]), "pss": rolled["Pss"], "anonymous": rolled["Anonymous"],
            "private": rolled["Private_Clean"] + rolled["Private_Dirty"]}


def memory(session):
    """{program: sums over its processes, count, and the greatest rss, peak and private of one of them}"""
    found = {}
    for pid, program, _ in processes(session):
        each = memory_of(pid)
        if each is None:
            continue
        place = found.setdefault(program, {"count": 0, "pss": 0, "private_sum": 0, "rss": 0, "peak": 0, "private": 0, "anonymous": 0})
        place["count"] += 1
        place["pss"] += each["pss"]
        place["private_sum"] += each["private"]
        for name in ("rss", "peak", "private", "anonymous"):
            place[name] = max(place[name], each[name])
    return found


def reset_peaks(session):
    """proc(5), clear_refs: VmHWM begins anew."""
    for pid, _, _ in processes(session):
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as f:
            f.write("5\n")


class Sampler:
    """with Sampler(session) as seen: ...; seen.highest = {program: each value's maximum over all samples}"""

    def __init__(self, session):
        self.session, self.highest, self.samples = session, {}, 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        self.take()

    def run(self):
        while not self.ending.is_set():
            self.take()
            time.sleep(PAUSE_S)

    def take(self):
        self.samples += 1
        for program, values in memory(self.session).items():
            place = self.highest.setdefault(program, dict(values))
            for name, value in values.items():
                place[name] = max(place[name], value)
