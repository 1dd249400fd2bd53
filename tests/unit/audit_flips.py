#!/usr/bin/python3
"""Every single-bit flip of a sealed segment of 1 MB (audit_flips.c) and every length that a segment, closed or open, may be cut down to (audit_cuts.c): all of them with
PODATELNA_LONG, else a sample.

  audit_flips.py flips|cuts DRIVER
"""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import logmaker  # noqa: E402

LONG = bool(os.environ.get("PODATELNA_LONG"))
FLIPPED_BYTES, FLIPPED_CASES, FLIP_SAMPLE = 1 << 20, 260, 1499  # a prime, so that every column of a record gets its turn
CUT_CASES, CUT_SAMPLE = (16, 4), 37  # in the closed segment, in the open one


class Nobody:
    """Signs nothing: the segments alone are looked at."""

    def sign(self, origin, size, text):
        return b"", None


def write(folder, closed, still_open):
    """A journal of two segments; its data directory and their names and sizes."""
    log, data = logmaker.Log(), os.path.join(folder, "data")
    log.boot()
    for _ in range(closed):
        log.filing()
    log.cut("s")
    for _ in range(still_open):
        log.filing()
    logmaker.write(log, data, Nobody(), vault=False)
    segments = os.path.join(data, "journal", "segment")
    return data, [(name, os.path.getsize(os.path.join(segments, name))) for name in sorted(os.listdir(segments))]


def run_all(commands):
    """What each said, in order; those of one list run at once."""
    running = [subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) for command in commands]
    return [(process.communicate()[0], process.returncode) for process in running]


def count(said):
    return sum(int(text.split()[1]) for text, code in said if code == 0)


def parts(sample):
    """Stride and first ones of what is tried: the long form is divided among the processors."""
    cpus = len(os.sched_getaffinity(0))
    return (cpus, range(cpus)) if LONG else (sample, range(1))


def flips(driver, folder):
    data, segments = write(folder, FLIPPED_CASES, 0)
    name, size = segments[0]
    assert size >= FLIPPED_BYTES, size
    stride, firsts = parts(FLIP_SAMPLE)
    said = run_all([driver, os.path.join(data, "journal", "segment", name), stride, first] for first in firsts)
    return size, said, sum(len(range(first, 8 * size, stride)) for first in firsts)


def cuts(driver, folder):
    """Each process has a copy of its own: it cuts in place."""
    stride, firsts = parts(CUT_SAMPLE)
    said, wanted, sizes = [], 0, 0
    for number in range(2):
        data, commands = None, []
        for first in firsts:
            data, segments = write(os.path.join(folder, f"{number}.{first}"), *CUT_CASES)
            commands.append([driver, data, segments[number][0], stride, first])
        said += run_all(commands)
        wanted += sum(len(range(first, segments[number][1], stride)) for first in firsts)
        sizes += segments[number][1]
    return sizes, said, wanted


def main():
    what, driver = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="audit-flips-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        begun = time.monotonic()
        size, said, wanted = {"flips": flips, "cuts": cuts}[what](driver, folder)
        print(f"{size} bytes, {count(said)} {what} of {wanted} in {time.monotonic() - begun:.0f} s: {[text.strip() for text, _ in said]}")
    return 0 if all(code == 0 for _, code in said) and count(said) == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
