"""Follows the journal of a box and the ledger of a simulator from their files: nobody has to be asked, so that watching costs nearly nothing."""

import collections
import datetime
import json
import os
import re
import time

# store/FORMAT.txt, "record": header line of fixed width.
HEADER = re.compile(rb"\x1eJ1 \d{12} (\S{24}) ([a-z-]+) +\d{12} (\d{5}) [0-9a-f]{8}\n")
AROUND_BYTES = 87 + 79
STEP_S = 0.02


class LineFile:
    """New whole lines of a growing file."""

    def __init__(self, path):
        self.path, self.at = path, 0

    def read(self):
        with open(self.path, "rb") as f:
            f.seek(self.at)
            data = f.read()
        whole = data[:data.rfind(b"\n") + 1]
        self.at += len(whole)
        return whole


class Journal:
    """count: {type: records so far}; bytes: of all records; rows: [(type, seconds since 1970)]."""

    def __init__(self, data):
        self.folder = os.path.join(data, "journal", "segment")
        self.files, self.count, self.bytes, self.rows = {}, collections.Counter(), 0, []
        self.read()

    def read(self):
        for name in sorted(os.listdir(self.folder)):
            stem = name.split(".")[0]
            path = os.path.join(self.folder, name)
            tail = self.files.setdefault(stem, LineFile(path))
            tail.path = path
            try:
                text = tail.read()
            except FileNotFoundError:
                continue  # closed under another name this moment: next time
            for match in HEADER.finditer(text):
                moment = datetime.datetime.fromisoformat(match[1].decode())
                self.rows.append((match[2].decode(), moment.timestamp()))
                self.count[self.rows[-1][0]] += 1
                self.bytes += int(match[3]) + AROUND_BYTES
        return self

    def snapshot(self):
        return self.read().count.copy(), self.bytes

    def wait(self, kind, number, timeout):
        """Until there are so many records of a type; the time (monotonic) when it was seen. TimeoutError."""
        deadline = time.monotonic() + timeout
        while self.read().count[kind] < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.count[kind]} records `{kind}` of {number} within {timeout} s")
            time.sleep(STEP_S)
        return time.monotonic()


class Ledger:
    """lines: all of the simulator's ledger so far."""

    def __init__(self, path):
        self.file, self.lines = LineFile(path), []
        self.read()

    def read(self):
        """The new lines."""
        new = [json.loads(line) for line in self.file.read().splitlines()]
        self.lines += new
        return new

    def kind(self, kind, since=0):
        self.read()
        return [line for line in self.lines[since:] if line["kind"] == kind]

    def wait(self, found, timeout):
        """The first line, old or new, for which found(line) holds."""
        deadline, at = time.monotonic() + timeout, 0
        while True:
            self.read()
            for line in self.lines[at:]:
                if found(line):
                    return line
            at = len(self.lines)
            if time.monotonic() > deadline:
                raise TimeoutError(f"no such line in the ledger within {timeout} s")
            time.sleep(STEP_S)
