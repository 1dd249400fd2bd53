"""What the survival tests share: where the programs are, checks that are counted, a box with a simulated portal, filings.

Every test prints what it does, one line per check that fails, and as its last line "N passed, N failed".
"""

import argparse
import glob
import hashlib
import os
import re
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TESTS, "lib"))
sys.dont_write_bytecode = True
import box as boxes  # noqa: E402
from built import find_bin  # noqa: E402
import forms  # noqa: E402
import pki  # noqa: E402
from simulator import Simulator  # noqa: E402

# Stands in every filing: no file of the box outside vault (encrypted) and share may contain it.
MARKER = "Tajná-Zkušební-Značka-7401"


def parser(doc):
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--bin", help="folder of the built programs (PODATELNA_BIN)")
    made.add_argument("--long", action="store_true", help="the long form")
    made.add_argument("--keep", action="store_true", help="keep the work directory")
    return made


class Checks:
    """Counts what held and what did not."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, what, detail=""):
        if good:
            self.passed += 1
        else:
            self.failed += 1
            text = detail() if callable(detail) else detail
            print(f"FAILED: {what}" + (f": {text}" if text else ""), flush=True)
        return bool(good)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.failed == 0 else 1


def say(*words, sep=" "):
    print(*words, sep=sep, flush=True)


def describe(pid):
    """What a process is and what it waits for, in one line: for a message about one that should not be there."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words, open(f"/proc/{pid}/status", encoding="utf-8") as status:
            facts = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
            name = words.read().replace(b"\0", b" ").decode(errors="replace").strip() or facts.get("Name")
        with open(f"/proc/{pid}/wchan", encoding="utf-8") as waits:
            return f"{pid} {name} state {facts.get('State')} parent {facts.get('PPid')} in {waits.read()}"
    except OSError:
        return f"{pid} (gone by now)"


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Place:
    """A work directory with PKI, simulator and box; everything is stopped and removed at the end, kept after a failure."""

    def __init__(self, name, args, checks, switches=("stav_polls=1",), seed=None, settings=None, start=True, gateway=None):
        """gateway: makes a second portal beside the tax portal, from a directory, the PKI and a seed (gateway.Gateway)."""
        self.began = time.time()
        self.checks, self.keep = checks, args.keep
        self.dir = boxes.workdir(f"podatelna-{name}-")
        self.pki = os.path.join(self.dir, "pki")
        self.portal = self.gateway = self.box = None
        try:
            pki.make(self.pki)
            self.portal = Simulator("epo", os.path.join(self.dir, "epo"), self.pki, settings=list(switches), seed=seed)
            self.portal.start()
            if gateway is not None:
                self.gateway = gateway(os.path.join(self.dir, "vrep"), self.pki, seed)
                self.gateway.start()
            self.box = boxes.Box(os.path.join(self.dir, "box"), find_bin(args.bin), self.portals(), pki_dir=self.pki,
                                 settings=settings, start=start)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and issubclass(kind, AssertionError):
            self.checks.check(False, str(value))
        self.close()
        return kind is not None and issubclass(kind, AssertionError)

    def close(self):
        try:
            if self.box is not None and self.box.process is not None:
                self.box.stop()
        except AssertionError as fault:
            self.checks.check(False, "the box stops in an orderly way", str(fault))
        finally:
            if self.box is not None:
                self.box.kill_all()
            for portal in self.portals():
                portal.stop()
        if self.keep or self.checks.failed or sys.exc_info()[0] not in (None, AssertionError):
            say(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def portals(self):
        return [p for p in (self.portal, self.gateway) if p is not None]

    # --- the portals' view ---

    def accepted(self):
        """{md5 of the XML: [ledger lines]} of the tax portal"""
        found = {}
        for line in self.portal.ledger("accepted"):
            found.setdefault(line["xml_md5"], []).append(line)
        return found


# What the simulated office does with a filing, by its DIČ (tests/portals/epo.py): how the case ends, how many entries it leaves,
# and whether its outcome stays unknown to the box until a person acts.
OUTCOMES = {
    "plain": (None, ("done",), 1, False),
    "test_refused": ("test_refused", ("data-error",), 0, False),
    "state_refused": ("state_refused", ("data-error",), 1, False),
    "offline": ("offline", ("done",), 1, False),
    "file_refused": ("file_refused", ("data-error",), 0, False),
    "n_only": ("n_only", ("done",), 1, True),
    "cut": ("cut", ("done",), 1, True),
    # When a person attached a confirmation, the box learns of the acceptance only.
    "offline_refused": ("offline_refused", ("data-error", "done"), 1, False),
    "lost": ("lost", ("done",), 1, True),
    "foreign": ("foreign", ("done",), 1, True),
}


# Faults of the portal that leave nothing but silence or nonsense: the box cannot know what became of the filing.
OBSCURE = {"cut_after_request", "status500", "marked-cut", "unknown_signer", "n_only", "cut_before_read", "cut_midreply"}


class Filing:
    """One document for the box; each is different from all others. This one is for the tax portal."""

    portal = "epo"
    number = 0

    def __init__(self, outcome="plain", form="dphdp3", size=0):
        number = self.count()
        mark, self.states, self.entries, self.unclear = OUTCOMES[outcome]
        self.outcome, self.form = outcome, form
        dic = forms.MARKS[mark] if mark else "12345678"
        options = {"dic": dic, "company": MARKER, "note": f"n{number}", "month": 1 + number % 12}
        self.take(forms.make(form, size=size, **options), f"podani-{number:05d}-{outcome}-{form}.xml")

    @staticmethod
    def count():
        Filing.number += 1
        return Filing.number

    def take(self, xml, name):
        self.xml, self.name, self.case = xml, name, None
        self.md5, self.sha256 = md5(xml), hashlib.sha256(xml).hexdigest()

    def expect(self, lines):
        """What the portal's ledger has of it, where only that says how its case must end."""

    def faults(self, ledger, _start, _end):
        """Faults of the portal that make its outcome unknown."""
        found = set()
        for line in ledger:
            if line.get("xml_md5") == self.md5 and line["kind"] in ("accepted", "refused"):
                found |= set(line.get("faults", ()))
                found |= {line["reply"]} & OBSCURE if line["kind"] == "accepted" else set()
                found |= {"lost"} if line.get("reason") == "lost" else set()
        return found & (OBSCURE | {"lost"})

    def __str__(self):
        return f"{self.name} ({self.case or 'no case'}, md5 {self.md5})"


def subfolder(box, name):
    """A folder of staff in Podat/, with the rights that the share gives."""
    path = box.place("Podat", name)
    os.makedirs(path, exist_ok=True)
    status = os.stat(box.place("Podat"))
    if os.geteuid() == 0:
        os.chown(path, status.st_uid, status.st_gid)
    os.chmod(path, status.st_mode & 0o7777)


def claimed_files(box):
    return [p for p in glob.glob(os.path.join(box.share + ".claim", "*", "*", "*")) if os.path.isfile(p)]


def inbox_files(box):
    return [n for n in box.listing("Podat") if os.path.isfile(box.place("Podat", n))]


def records(box, number):
    """The records of a case, oldest first: {index, time (s since 1970), type, detail {name: value}}."""
    code, rows = box.cli("show", number)
    found = []
    for row in rows:
        if row["kind"] == "record":
            details = dict(p.split("=", 1) for p in re.split(r", (?=[a-z-]+=)", row["detail"]) if "=" in p)
            found.append({"index": int(row["index"]), "time": parse_time(row["time"]), "type": row["type"],
                          "detail": details})
    assert code == 0 and found, f"show {number}: exit {code}, {rows}"
    return sorted(found, key=lambda r: r["index"])


def parse_time(text):
    """2026-11-21T21:43:03.873Z"""
    whole, _, milliseconds = text.rstrip("Z").partition(".")
    seconds = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    import calendar
    return calendar.timegm(seconds) + int(milliseconds or 0) / 1000


def story(found):
    return " ".join(r["type"] + (f"({r['detail'].get('purpose') or r['detail'].get('verdict') or r['detail'].get('reason') or r['detail'].get('far')})"
                                 if r["detail"] else "") for r in found)


def settle(box, expected, deadline_s, states=boxes.SETTLED):
    """Waits until the inbox is empty and every case is in one of the states. Returns (cases, what still waits).
    A box that does not answer, as it is being restarted, has settled nothing."""
    deadline = time.monotonic() + deadline_s * boxes.SLOW
    while True:
        try:
            code, rows = box.cli("list")
        except (AssertionError, OSError):
            code, rows = -1, []
        answers, cases = code == 0, sorted((r for r in rows if r["kind"] == "case"), key=lambda r: r["case"])
        waiting = [c for c in cases if c["state"] not in states]
        inbox, claims = inbox_files(box), claimed_files(box)
        if answers and not waiting and not inbox and not claims and len(cases) >= expected:
            return cases, []
        if time.monotonic() > deadline:
            left = [] if answers else ["the box does not answer"]
            left += [f"{c['case']} {c['state']}: {c.get('reason')}" for c in waiting]
            left += [f"in Podat: {n}" for n in inbox] + [f"in the claim folder: {n}" for n in claims]
            left += [f"only {len(cases)} cases of {expected}"] if len(cases) < expected else []
            return cases, left
        time.sleep(0.3)


def verify_journal(box, checks, what="the journal is in order"):
    done = box.run_cli("journal", "verify")
    return checks.check(done.returncode == 0, what,
                        f"exit {done.returncode}: {done.stdout.decode()} {done.stderr.decode()}")


def original(box, number):
    """The document of a case as the vault has it; None when it cannot be had."""
    target = os.path.join(box.dir, "export")
    shutil.rmtree(target, ignore_errors=True)
    os.makedirs(target)
    done = box.run_cli("export", number, target)
    try:
        names = [n for n in os.listdir(target) if n.startswith("original")]
        if not names:
            say(f"export of {number} ends with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
            return None
        with open(os.path.join(target, names[0]), "rb") as f:
            return f.read()
    finally:
        shutil.rmtree(target, ignore_errors=True)
