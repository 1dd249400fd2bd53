"""Records per second of the journal with 1 and 64 writers, beside append and fdatasync alone on the same disk with records as long."""

import subprocess

from place import Unmeasured

WRITERS = (1, 64)
ROUNDS, MILLISECONDS = {False: 3, True: 7}, {False: 600, True: 4000}


def run(place, name, kind, size):
    done = subprocess.run([place.helper("journal_rate"), kind, place.folder(name), str(size), str(MILLISECONDS[place.long])], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Unmeasured(done.stderr.decode(errors="replace").strip())
    records, seconds, cpu, size = done.stdout.split()
    return {"rate": int(records) / float(seconds), "cpu": float(cpu) / int(records), "bytes": int(size)}


def measure(place):
    """{"append": [rounds], 1: [rounds], 64: [rounds]} in turns."""
    found = {"append": [], **{writers: [] for writers in WRITERS}}
    for number in range(ROUNDS[place.long]):
        for writers in WRITERS:
            found[writers].append(run(place, f"journal-{writers}-{number}", "journal", writers))
        found["append"].append(run(place, f"append-{number}", "append", found[1][-1]["bytes"]))
    return found
