"""Records per second of the journal with 1 and 64 writers, beside append and fdatasync alone (so many records in one write as there are writers) and SQLite, on the
same disk with records as long.

A disk that others use is twice as fast in one second as in the next. So the journal and its floor take turns of a tenth of a second (journal_rate.c), and what is
compared are neighbours: the ratio is the median over all pairs of turns. SQLite takes its turn after them, and is compared with the journal of its round."""

import glob
import os
import re
import statistics
import subprocess

from place import Unmeasured
import sqlite

WRITERS = (1, 64)
SQLITE = {"sqlite-1": (1, 1), "sqlite-64": (64, 1), "sqlite-rows": (1, 64)}  # connections, rows in a transaction
ROUNDS, MILLISECONDS = {False: 3, True: 7}, {False: 600, True: 4000}


def run(place, name, writers):
    """One round of both: rates over all of it, the ratio of each pair of turns."""
    done = subprocess.run([place.helper("journal_rate"), place.folder(name), str(writers), str(MILLISECONDS[place.long])], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Unmeasured(done.stderr.decode(errors="replace").strip())
    *pairs, (cpu, size) = [[float(word) for word in line.split()] for line in done.stdout.decode().splitlines()]
    records, seconds, floor_records, floor_seconds = (sum(column) for column in zip(*pairs))
    return {"rate": records / seconds, "floor": floor_records / floor_seconds, "ratios": [(a / b) / (c / d) for a, b, c, d in pairs], "cpu": cpu / records,
            "flush": writers * floor_seconds / floor_records, "bytes": int(size)}


def run_store(place, name, writers):
    """podatelna-store over its socket; how many records shared a flush stands in its journal: each names the first of its batch (FORMAT.txt, section 2)."""
    folder = place.folder(name)
    done = subprocess.run([place.helper("store_rate"), os.path.join(place.bin, "podatelna-store"), folder, str(writers), str(MILLISECONDS[place.long])], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Unmeasured(done.stderr.decode(errors="replace").strip())
    records, seconds, cpu = (float(word) for word in done.stdout.split())
    batches = set()
    for path in glob.glob(os.path.join(folder, "data", "journal", "segment", "*")):
        with open(path, "rb") as segment:
            batches.update(re.findall(rb"\x1eJ1 [0-9]{12} \S{24} config {11}([0-9]{12}) ", segment.read()))
    return {"rate": records / seconds, "cpu": cpu / records, "gathered": records / len(batches)}


def measure(place):
    """{1: [rounds], 64: [rounds], "store-1", "store-64", "sqlite-1", "sqlite-64", "sqlite-rows"} in turns."""
    found = {**{writers: [] for writers in WRITERS}, **{f"store-{writers}": [] for writers in WRITERS}, **{name: [] for name in SQLITE}}
    for number in range(ROUNDS[place.long]):
        for writers in WRITERS:
            found[writers].append(run(place, f"journal-{writers}-{number}", writers))
            found[f"store-{writers}"].append(run_store(place, f"store-{writers}-{number}", writers))
        size = found[1][-1]["bytes"]
        for name, (writers, rows) in SQLITE.items():
            found[name].append({"rate": sqlite.rate(place.folder(f"{name}-{number}"), size, MILLISECONDS[place.long], writers, rows)})
    return found


def ratios(found, writers):
    """Journal : floor, of every pair of turns."""
    return [ratio for each in found[writers] for ratio in each["ratios"]]


def beside_sqlite(found, writers, names):
    """Journal : the better of those of SQLite, of every round."""
    return [own["rate"] / max(found[name][number]["rate"] for name in names) for number, own in enumerate(found[writers])]


def reachable(found, writers):
    """What a floor as slow as this one leaves to whoever needs so much CPU for a record beside it: flush : flush + CPU."""
    return statistics.median([each["flush"] / (each["flush"] + writers * each["cpu"]) for each in found[writers]])
