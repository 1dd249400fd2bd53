"""Which lines of the product the tests ran through: the counts of gcc's --coverage, gathered from all users and sandboxes of a box.

tests/run coverage builds with PODATELNA_COVERAGE (tests/coverage/leave.c says what is other about that build), runs unit and end-to-end tests
with Counts.env, and prints the lines covered per room. A process that is killed takes its counts with it: the true figure is a little higher.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile

ROOMS = ("appliance/base", "appliance/wire", "appliance/cli", "appliance/hub", "appliance/parent", "appliance", "config", "store", "token",
         "transport/net", "transport")
AIM_PERCENT = 85
REPORT_S = 600


class Counts:
    """The counts of one build directory. prepare() after the build, the tests with env(), then report(); end() in any case."""

    def __init__(self, top, build):
        self.top, self.build, self.directory = top, build, None

    def env(self):
        return {"GCOV_PREFIX": self.directory} if self.directory else {}

    def files(self, suffix):
        return [os.path.join(at, n) for at, _, names in os.walk(self.build) for n in names if n.endswith(suffix)]

    def prepare(self):
        """An empty file for each object, which any user of the box may fill: a sandboxed process could not make one."""
        self.directory = tempfile.mkdtemp(prefix="podatelna-coverage-", dir="/tmp")
        os.chmod(self.directory, 0o755)
        for note in self.files(".gcno"):
            path = self.directory + note[: -len(".gcno")] + ".gcda"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb"):
                os.chmod(path, 0o666)

    def collect(self):
        for old in self.files(".gcda"):
            os.unlink(old)
        for at, _, names in os.walk(self.directory):
            for path in (os.path.join(at, n) for n in names):
                if os.path.getsize(path) > 0:
                    shutil.copyfile(path, path[len(self.directory):])

    def end(self):
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.directory = None

    def read(self):
        """{path: (lines, [lines that nothing ran])} of the product; RuntimeError when gcovr fails. Writes BUILD/html/index.html."""
        os.makedirs(os.path.join(self.build, "html"), exist_ok=True)
        found = os.path.join(self.build, "coverage.json")
        folders = sorted({room.split("/")[0] for room in ROOMS})
        # Counts of processes that were killed while they wrote them may not add up; gcovr 5.2 hangs on a negative one where it works with several threads.
        done = subprocess.run(["gcovr", "--root", self.top, "-j", str(os.cpu_count() or 2), "--gcov-ignore-parse-errors",
                               *[word for f in folders for word in ("--filter", f"{re.escape(self.top)}/{f}/")],
                               "--json", found, "--html-details", os.path.join(self.build, "html", "index.html"),
                               *[os.path.join(self.build, f) for f in folders]],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=REPORT_S, check=False, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stdout[-2000:])
        with open(found, encoding="utf-8") as f:
            files = json.load(f)["files"]
        result = {}
        for one in files:
            lines = [line for line in one["lines"] if not line.get("gcovr/noncode")]
            result[one["file"]] = (len(lines), [line["line_number"] for line in lines if line["count"] == 0])
        return result

    def report(self):
        """(percentage, the table). BUILD/uncovered.txt names the lines that nothing ran."""
        self.collect()
        totals, rows = {}, [f"{'room':18} {'lines':>7} {'covered':>8} {'%':>6}"]
        with open(os.path.join(self.build, "uncovered.txt"), "w", encoding="utf-8") as out:
            for path, (lines, missing) in sorted(self.read().items()):
                for key in (next(room for room in ROOMS if path.startswith(room + "/")), "in all"):
                    have = totals.setdefault(key, [0, 0])
                    have[0], have[1] = have[0] + lines, have[1] + lines - len(missing)
                if missing:
                    out.write(f"{path}: {ranges(missing)}\n")
        for key in [room for room in ROOMS if room in totals] + ["in all"]:
            lines, covered = totals[key]
            rows.append(f"{key:18} {lines:7} {covered:8} {100 * covered / lines:6.1f}")
        return 100 * totals["in all"][1] / totals["in all"][0], "\n".join(rows)


def ranges(numbers):
    """"3-5 9" from [3, 4, 5, 9]."""
    spans = []
    for n in numbers:
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    return " ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in spans)
