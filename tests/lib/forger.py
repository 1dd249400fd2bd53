"""A right journal, copies of it for the clumsy forger, plans of it for the clever one (logmaker.py), and what podatelna-audit has to say of them."""

import os
import shutil

import auditor
import journal
import logmaker
from logmaker import load, save


class Bench:
    """A right journal of two segments, and copies of it to spoil."""

    def __init__(self, bin_dir, folder, pki_dir, log=None):
        self.bin_dir, self.folder, self.pki_dir, self.number = bin_dir, folder, pki_dir, 0
        self.notary = logmaker.Notary(pki_dir)
        self.trust = ("--trust", os.path.join(pki_dir, "ca.pem"))
        self.log = log or logmaker.ordinary()
        self.data = os.path.join(folder, "right")
        self.written = logmaker.write(self.log, self.data, self.notary)
        self.records, self.places = self.written.records, self.written.places
        self.last = self.records[-1].index + 1
        self.second = next((r.first for r in self.records if r.first), None)  # first record of the second segment

    def new(self):
        self.number += 1
        return os.path.join(self.folder, f"copy{self.number}")

    def copy(self):
        """A copy that may be written."""
        data = self.new()
        shutil.copytree(self.data, data)
        for at, _, names in os.walk(data):
            for name in names:
                os.chmod(os.path.join(at, name), 0o644)
        return data

    def forge(self, change, hand=None, **options):
        """The clever forger: the plan changed, everything recomputed, signatures and stamps copied where there are some of that name."""
        log = self.log.copy()
        change(log)
        data = self.new()
        return data, logmaker.write(log, data, hand or logmaker.Copyist(self.data), **options)

    def note(self, label="last"):
        """What an auditor kept of the right journal: a checkpoint."""
        return self.written.anchor(f"{self.written.checkpoints[label][0]}.note")

    def check(self, data, *options):
        return auditor.verify(self.bin_dir, data, *self.trust, *options)

    def segment(self, data, number=0):
        return journal.segments(data)[number]

    def edit(self, change, number=0):
        """The clumsy forger: bytes of a segment changed by a function; the directory."""
        data = self.copy()
        path = self.segment(data, number)
        save(path, bytes(change(bytearray(load(path)))))
        return data


def named(verdict, kind, index):
    """It is damage, it is called that and is there, and nothing before it is called damaged."""
    assert verdict.code == auditor.DAMAGED, verdict
    assert index in verdict.named(kind, "damaged"), verdict
    if index is not None:
        assert min(i for i in verdict.named(weight="damaged") if i is not None) >= index, verdict
