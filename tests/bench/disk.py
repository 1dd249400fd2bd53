"""Records per second of the journal with 1 and 64 writers, beside append and fdatasync alone (one record each, and 64) and SQLite, on the same disk with records
as long."""

import subprocess

from place import Unmeasured
import sqlite

WRITERS = (1, 64)
SQLITE = {"sqlite-1": (1, 1), "sqlite-64": (64, 1), "sqlite-rows": (1, 64)}  # connections, rows in a transaction
ROUNDS, MILLISECONDS = {False: 3, True: 7}, {False: 600, True: 4000}


def run(place, name, kind, size):
    done = subprocess.run([place.helper("journal_rate"), kind, place.folder(name), str(size), str(MILLISECONDS[place.long])], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Unmeasured(done.stderr.decode(errors="replace").strip())
    records, seconds, cpu, size = done.stdout.split()
    return {"rate": int(records) / float(seconds), "cpu": float(cpu) / int(records), "bytes": int(size)}


def measure(place):
    """{"append": [rounds], "group": [rounds], 1: [rounds], 64: [rounds], "sqlite-1", "sqlite-64", "sqlite-rows"} in turns."""
    found = {"append": [], "group": [], **{name: [] for name in SQLITE}, **{writers: [] for writers in WRITERS}}
    for number in range(ROUNDS[place.long]):
        for writers in WRITERS:
            found[writers].append(run(place, f"journal-{writers}-{number}", "journal", writers))
        for kind in ("append", "group"):
            found[kind].append(run(place, f"{kind}-{number}", kind, found[1][-1]["bytes"]))
        for name, (writers, rows) in SQLITE.items():
            rate = sqlite.rate(place.folder(f"{name}-{number}"), found[1][-1]["bytes"], MILLISECONDS[place.long], writers, rows)
            found[name].append({"rate": rate, "cpu": 0, "bytes": found[1][-1]["bytes"]})
    return found
