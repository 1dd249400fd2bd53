"""What is measured at one box beside its rate: the time to the first POST, memory, system calls that cost something, a slow token."""

import collections
import hashlib
import os
import re
import subprocess
import time

import accounts
import tails
from place import Unmeasured, need_root  # it also tells where tests/lib and tests/e2e are
import evil

QUIET_S = 0.1  # share.quiet of the tests' boxes (tests/lib/box.py)
STEPS = ("received", "recognised", "intent", "signed", "request")  # records on the way to the first POST
IDLE_TIMES, IDLE_GAP_S = {False: 9, True: 30}, {False: 1.0, True: 7.0}
MEMORY_FILINGS, MEMORY_SETTLE_S = {False: 40, True: 100}, 1.5
COUNTED_FILINGS = 10
SLOW_MS, SLOW_FILINGS, SLOW_RAW_MS = 300, {False: 20, True: 120}, {False: 1500, True: 6000}
LIMIT_S = 300
CALLS = ("fork", "vfork", "clone", "clone3", "execve", "fsync", "fdatasync", "syncfs", "connect")


def first_post(place, pipeline):
    """Seconds from the end of quiet (the file's last change and share.quiet) until the portal had accepted the connection, and until it had read the
    head of the POST; each time with nothing else going on. steps: until each record on the way was written, by its own time."""
    connected, begun, steps = [], [], {name: [] for name in STEPS}
    for _ in range(IDLE_TIMES[place.long]):
        time.sleep(IDLE_GAP_S[place.long])
        (name, content), = place.forms(1)
        wanted = hashlib.sha256(content).hexdigest()
        before, row = pipeline.journal.snapshot()[0], len(pipeline.journal.rows)
        path = pipeline.box.drop(name, content)
        ready = os.stat(path).st_ctime + QUIET_S
        line = pipeline.ledger.wait(lambda each, sha256=wanted: each["kind"] == "test" and each.get("xml_sha256") == sha256, 20)
        connected.append(line["connected"] - ready)
        begun.append(line["begun"] - ready)
        pipeline.wait("sent", 1, before)
        times = dict(reversed(pipeline.journal.rows[row:]))  # the first of each type
        for step in STEPS:
            steps[step].append(times[step] - ready)
    if min(begun) <= 0:
        raise Unmeasured(f"a POST before the end of quiet: {begun}")
    return {"connected": connected, "begun": begun, "steps": steps}


def memory(place, pipeline):
    """{program: idle, and highest in each phase}; idle: nothing was going on for a while, after the filings of the other measurements.
    Phases: filing, and asking for all results at once, which has as many sessions as the transport allows."""
    need_root("memory of processes that allow no dump")
    time.sleep(MEMORY_SETTLE_S)
    idle = accounts.memory(pipeline.session)
    accounts.reset_peaks(pipeline.session)
    before, forms = pipeline.journal.snapshot()[0], place.forms(MEMORY_FILINGS[place.long])
    with accounts.Sampler(pipeline.session) as filing:
        pipeline.file(forms)
        pipeline.wait("sent", len(forms), before)
    with accounts.Sampler(pipeline.session) as asking:
        pipeline.box.run_cli("poll", "--all")
        pipeline.wait("delivered", len(forms), before)
    above = {phase: {name: max(high["pss"] - idle[name]["pss"], high["peak"] - idle[name]["rss"]) for name, high in seen.highest.items() if name in idle}
             for phase, seen in (("filing", filing), ("asking", asking))}
    return {"idle": idle, "filing": filing.highest, "asking": asking.highest, "samples": filing.samples + asking.samples, "count": len(forms),
            "above": above}


# --- system calls -------------------------------------------------------------------------------------------------------

LINE = re.compile(r"(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed)")


def count_calls(path, programs):
    """{program: Counter of calls} of a log of strace; programs: {pid: program}, children are added from what clone answers."""
    found, programs = collections.defaultdict(collections.Counter), dict(programs)
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            match = LINE.match(line)
            if match is None:
                continue
            program, name = programs.get(int(match[1]), "?"), match[2] or match[3]
            answer = re.search(r"= (\d+)$", line.rstrip())
            if name in ("clone", "fork", "vfork", "clone3"):
                if answer and int(answer[1]) > 0:
                    programs[int(answer[1])] = program
                    found[program]["thread" if "CLONE_THREAD" in line else "fork"] += 1
            elif match[2]:
                found[program]["sync" if "sync" in name else name] += 1
    return found


def calls(place, pipeline):
    """Counts by strace over some filings, which nobody times."""
    need_root("strace of the box")
    programs = {pid: program for pid, program, _ in accounts.processes(pipeline.session)}
    log = os.path.join(place.dir, "strace")
    process = subprocess.Popen(["strace", "-f", "-qq", "-s", "0", "-o", log, "-e", "trace=" + ",".join(CALLS), *(f"-p{pid}" for pid in programs)],
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 10
        while any(attached(pid) != process.pid for pid in programs):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Unmeasured("strace does not attach")
            time.sleep(0.02)
        before, forms = pipeline.journal.snapshot()[0], place.forms(COUNTED_FILINGS)
        pipeline.file(forms)
        pipeline.wait("sent", len(forms), before)
        pipeline.box.run_cli("poll", "--all")
        pipeline.wait("delivered", len(forms), before)
        time.sleep(0.3)
    finally:
        process.terminate()
        process.communicate()
    return {"count": COUNTED_FILINGS, "calls": {name: dict(found) for name, found in count_calls(log, programs).items()}}


def attached(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        return next((int(line.split()[1]) for line in f if line.startswith("TracerPid:")), 0)


# --- a slow token -------------------------------------------------------------------------------------------------------


def slow_token(place, raw_round):
    """The same keys behind a module whose C_Sign takes SLOW_MS: how near the box comes to what the token can do. `box`: from the beginning of the
    first signature to that of the last, as the module saw it; `portal`: the same from when the filings came there, noisier by their journeys."""
    module = evil.build(place.dir)
    own = raw_round(place, SLOW_RAW_MS[place.long], module, EVIL_REAL=place.hsm.module, EVIL_SIGN_MS=str(SLOW_MS))
    box = place.box("slow", lambda made: evil.insert(made, module, SIGN_MS=SLOW_MS))
    journal, ledger = tails.Journal(box.data), tails.Ledger(place.portal.ledger_path)
    before, old, forms = journal.snapshot()[0], len(ledger.lines), place.forms(SLOW_FILINGS[place.long])
    for name, content in forms:
        box.drop(name, content)
    journal.wait("sent", before["sent"] + len(forms), LIMIT_S)
    box.stop()
    signed = [int(ms) / 1000 for ms in re.findall(r"^evil: C_Sign (\d+)$", box.log(), re.M)]
    filed = sorted(line["begun"] for line in ledger.kind("accepted", old))
    if len(filed) != len(forms) or len(signed) != len(forms):
        raise Unmeasured(f"{len(forms)} forms: {len(signed)} signatures, {len(filed)} filings at the portal")
    rates = [(len(at) - 1) / (at[-1] - at[0]) for at in (signed, filed)]
    return {"count": len(forms), "own": own["count"] / own["s"], "nominal": 1000 / SLOW_MS, "box": rates[0], "portal": rates[1],
            "longest_wait": max(b - a for a, b in zip(signed, signed[1:])) - SLOW_MS / 1000}
