"""A box with another time of day than ours (tests/lib/shifted_clock)."""

import os
import struct
import subprocess

DAY_MS, HOUR_MS, MINUTE_MS = 86400000, 3600000, 60000
HERE = os.path.dirname(os.path.abspath(__file__))


def library(work):
    """The library to be preloaded, where every user of a box can load it."""
    folder = os.path.join(work, "shifted_clock")
    path = os.path.join(folder, "shift.so")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", os.path.join(HERE, "shifted_clock", "shift.c"), "-o", path],
                       check=True)
    return path


def prepare(box, work):
    """Of a box that does not run: from its next start set_clock counts."""
    box.shift = os.path.join(box.dir, "shift")
    box.environment = {"LD_PRELOAD": library(work), "SHIFT_CLOCK": box.shift}
    set_clock(box, 0)


def set_clock(box, ms):
    """The clock of the box differs so much from ours from now on, whether it runs or not."""
    with open(box.shift, "r+b" if os.path.exists(box.shift) else "wb") as f:
        f.write(struct.pack("=q", ms))
    os.chmod(box.shift, 0o644)
