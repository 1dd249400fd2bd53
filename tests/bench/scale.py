"""A journal of years: how soon a box works on it, lists and shows, how fast podatelna-audit goes through it beside SHA-256 alone, what a case takes.

The journal is that of journal_make (100,000 records; --long: a million). Every figure is of the same journal on the same disk in one run; auditor and
floor take turns, and each ratio is of one round."""

import json
import os
import shutil
import statistics
import subprocess
import time

import tails
from place import Unmeasured  # it also tells where tests/lib and tests/e2e are
import logmaker
from box import Box, until

RECORDS = {False: 100_000, True: 1_000_000}
STARTS, SHOWN, ROUNDS = {False: 3, True: 5}, 9, {False: 9, True: 5}
THREADS = (1, 2)
CHECKPOINTS = {False: 60, True: 600}
KEPT_FILINGS = 8
FIRST_START_S, KEPT_START_S, LIMIT_S = 600, 120, 300
GAP_S = 0.02


def run(*command):
    """(stdout, wall seconds, CPU seconds) of a program that must succeed."""
    begun = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Unmeasured(f"{' '.join(command)}: exit {process.returncode}, {out[-500:]!r}")
    return out, time.monotonic() - begun, usage.ru_utime + usage.ru_stime


def sizes(folder):
    """(bytes of a file or of all files in a folder, bytes of disk that they take)"""
    infos = [os.lstat(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names] if os.path.isdir(folder) else [os.lstat(folder)]
    return sum(i.st_size for i in infos), sum(i.st_blocks * 512 for i in infos)


# --- the box -----------------------------------------------------------------------------------------------------------------


def give(path, owner):
    """The path and all below to whom the box's own would belong."""
    for at, folders, names in os.walk(path):
        for name in [".", *folders, *names]:
            os.chown(os.path.join(at, name), owner.st_uid, owner.st_gid)


def make(place, box):
    """(records, cases) that were put into the box's data directory, in the place of what its first start had made."""
    box.start()
    box.stop()
    owner, marked = os.stat(os.path.join(box.data, "journal")), os.stat(box.mark)
    for name in os.listdir(box.data):
        path = os.path.join(box.data, name)
        (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
    os.unlink(box.mark)
    out, _, _ = run(place.helper("journal_make"), box.data, box.mark, str(RECORDS[place.long]))
    give(box.data, owner)
    os.chown(box.mark, marked.st_uid, marked.st_gid)
    records, cases = out.split()
    return int(records), int(cases)


def start(box, limit_s):
    """Seconds from the start of podatelnad until `podatelna list` has answered."""
    begun = time.monotonic()
    box.start(wait=False)
    while box.run_cli("list").returncode != 0:
        if box.process.poll() is not None or time.monotonic() - begun > limit_s:
            raise Unmeasured(f"the box does not list:\n{box.log_tail()}")
        time.sleep(GAP_S)
    return time.monotonic() - begun


def asked(box, *words, wanted):
    """Seconds of a question whose answer holds the words. Its exit code says that names and contents of these cases, which do not exist, are missing."""
    begun = time.monotonic()
    done = box.run_cli(*words)
    seconds = time.monotonic() - begun
    if wanted not in done.stdout.decode():
        raise Unmeasured(f"{words}: {done.stderr.decode(errors='replace')}")
    return seconds


def moments(place, box):
    """Starts without and with what is kept, then questions to the box that runs."""
    shutil.rmtree(os.path.join(box.data, "index"), ignore_errors=True)
    found = {"first": [start(box, FIRST_START_S)], "kept": []}
    until(lambda: os.path.exists(os.path.join(box.data, "index", "hub")), KEPT_START_S, box.log_tail)  # the hub hands it over when it has nothing to do
    for _ in range(STARTS[place.long]):
        box.stop()
        found["kept"].append(start(box, KEPT_START_S))
    numbers = [row["case"] for row in box.cases(all_cases=True)]
    chosen = [numbers[len(numbers) * n // SHOWN] for n in range(SHOWN)]
    found["list"] = [asked(box, "list", wanted=numbers[-1]) for _ in chosen]
    found["show"] = [asked(box, "show", number, wanted=number) for number in chosen]
    found["listed"] = len(numbers)
    box.stop()
    return found


def per_case(place):
    """Bytes of a data directory per case, by its folders: of a few real filings, content included, and what a box takes that had none taken away."""
    box = place.box("scale-filings")
    journal, forms = tails.Journal(box.data), place.forms(KEPT_FILINGS)
    folders = ("journal", "vault", "keys")
    empty = {name: sizes(os.path.join(box.data, name)) for name in folders}
    for name, content in forms:
        box.drop(name, content)
    journal.wait("sent", len(forms), LIMIT_S)
    box.run_cli("poll", "--all")
    until(lambda: len(box.results()) >= len(forms), LIMIT_S, box.log_tail)
    box.stop()
    full = {name: sizes(os.path.join(box.data, name)) for name in folders}
    return {name: [(full[name][i] - empty[name][i]) / len(forms) for i in (0, 1)] for name in folders}


# --- the auditor ---------------------------------------------------------------------------------------------------------------


def audit(place, data, threads):
    """Seconds and CPU seconds of the whole program, per record."""
    out, wall, cpu = run(os.path.join(place.bin, "podatelna-audit"), "verify", data, "--no-signatures", "--no-objects", "--json", "--threads", str(threads))
    told = json.loads(out)
    if told["verdict"] != "yes":
        raise Unmeasured(told["line"])
    return {"records": told["records"], "wall": wall / told["records"], "cpu": cpu / told["records"]}


def floor(place, data, kind, threads):
    out, _, _ = run(place.helper("hash_rate"), kind, os.path.join(data, "journal"), str(threads))
    records, hashed, wall, cpu = out.split()
    return {"records": int(records), "bytes": int(hashed), "wall": float(wall) / int(records), "cpu": float(cpu) / int(records)}


def auditor(place, data):
    """{"audit-1": [rounds], "tree-1", "stream-1", "audit-2", ...}; 1, 2: threads."""
    found = {f"{who}-{threads}": [] for threads in THREADS for who in ("audit", "tree", "stream")}
    audit(place, data, 1)  # into the page cache
    for _ in range(ROUNDS[place.long]):
        for threads in THREADS:
            found[f"tree-{threads}"].append(floor(place, data, "tree", threads))
            found[f"audit-{threads}"].append(audit(place, data, threads))
            found[f"stream-{threads}"].append(floor(place, data, "stream", threads))
    whole = {each["records"] for rounds in found.values() for each in rounds}
    if len(whole) != 1:
        raise Unmeasured(f"not the same records: {whole}")
    return found


def signatures(place):
    """{threads: [checkpoints per second]}: each with its line, its CMS (both P-256) and a stamp (RSA-2048), all trusted."""
    notary, log, data = logmaker.Notary(place.pki), logmaker.Log(), place.folder("scale-signatures")
    log.boot()
    for n in range(CHECKPOINTS[place.long]):
        log.filing()
        log.checkpoint(f"checkpoint{n}")
        log.stamp(f"checkpoint{n}", label=f"stamp{n}")
    logmaker.Writer(log.settle(), data, notary, vault=False).write()
    found = {threads: [] for threads in THREADS}
    for _ in range(ROUNDS[place.long]):
        for threads in THREADS:
            out, _, _ = run(os.path.join(place.bin, "podatelna-audit"), "verify", data, "--no-objects", "--json", "--threads", str(threads), "--trust",
                            os.path.join(place.pki, "ca.pem"))
            told = json.loads(out)
            if (told["trusted_signatures"], told["trusted_stamps"]) != (CHECKPOINTS[place.long],) * 2:
                raise Unmeasured(told["line"])
            found[threads].append(CHECKPOINTS[place.long] / told["seconds"]["signatures"])
    return found


def measure(place):
    box = Box(os.path.join(place.dir, "scale"), place.bin, place.portal, tokens=place.tokens, start=False)
    place.boxes.append(box)
    records, cases = make(place, box)
    found = {"records": records, "cases": cases, "made": {name: sizes(os.path.join(box.data, name)) for name in ("journal", "index", "seen")}}
    found["moments"] = moments(place, box)
    found["audit"] = auditor(place, box.data)
    found["signatures"] = signatures(place)
    found["per_case"] = per_case(place)
    return found


def ratios(found, threads, by, kind="tree"):
    """Share of the floor, of each round; by: wall or cpu."""
    return [low[by] / ours[by] for low, ours in zip(found["audit"][f"{kind}-{threads}"], found["audit"][f"audit-{threads}"])]


def gain(found, who):
    """How many times faster two threads are than one, by the clock."""
    one, two = (statistics.median([r["wall"] for r in found["audit"][f"{who}-{threads}"]]) for threads in THREADS)
    return one / two
