"""Filings with ČSSZ (VREP) through the whole box and through a shell loop that does the same steps, in turns; and the memory that a file of 1,500 forms takes."""

import contextlib
import os
import random
import subprocess
import threading
import time

import accounts
import tails
from place import HERE, TOKEN, Simulator, Unmeasured, is_root  # it also tells where tests/lib is
from box import Box
import cssz_forms

CLASS, ETYPE = "CSSZ_REGZEC", "REGZEC25"
FORM_BYTES, FORMS_EACH = 20 * 1024, 10
MANY, MANY_BYTES = 1500, 5 * 1000 * 1000
ROUNDS, BOX_FILINGS, LOOP_FILINGS = {False: 3, True: 10}, {False: 15, True: 50}, {False: 8, True: 25}
LIMIT_S, SETTLE_S, IDLE_S = 300, 1.0, 3.0
PEAK_PAUSE_S = 0.002
SETTINGS = {'partner "cssz"': {"poll_first": "100 ms", "poll_max": "500 ms", "poll_deferred": "100 ms"}}
WORDS = ("smlouva", "pracovní", "poměr", "náměstí", "ulice", "zaměstnanec", "činnost", "datum", "nástup", "účet", "pojištění", "sídlo", "pobočka", "změna")


class Office:
    """The gateway, one box that files with it, its journal and the gateway's ledger."""

    def __init__(self, place):
        self.place, self.dice, self.made = place, random.Random(1500), 0
        self.portal = Simulator("vrep", place.folder("vrep"), place.pki, settings=["polls=0", "deferred=1000000"], keep=False)
        self.portal.start()
        self.ledger = tails.Ledger(self.portal.ledger_path)
        self.box = Box(os.path.join(place.dir, "box-vrep"), place.bin, self.portal, tokens=place.tokens, settings=SETTINGS, start=False)
        place.boxes.append(self.box)
        self.box.start()
        self.box.wait_token()
        self.session, self.journal = self.box.process.pid, tails.Journal(self.box.data)

    def close(self):
        self.box.stop()
        self.portal.stop()

    def words(self, length):
        """Text as it stands in forms: words and numbers, which gzip makes some times shorter."""
        text = ""
        while len(text) < length:
            text += f"{self.dice.choice(WORDS)} {self.dice.randrange(10 ** 6)} "
        return text[:length]

    def form(self, forms=FORMS_EACH, size=FORM_BYTES, fill=None):
        """(file name, content): all different. fill(length): what stands in each form beside what the gateway looks at."""
        self.made += 1
        bare = cssz_forms.regzec(f"n{self.made}", forms=forms).decode()
        each = max(0, (size - len(bare.encode())) // forms - len("<note></note>"))
        parts = bare.split("</employee>")
        text = "".join(f"{part}<note>{(fill or self.words)(each)}</note></employee>" for part in parts[:-1]) + parts[-1]
        return f"podani-{self.made:06d}.xml", text.encode()

    def file(self, forms):
        """Until the papers of all are on the share and the submissions are closed."""
        before, closed = self.journal.snapshot()[0], len(self.closes())
        for name, content in forms:
            self.box.drop(name, content)
        self.journal.wait("delivered", before["delivered"] + len(forms), LIMIT_S)
        deadline = time.monotonic() + LIMIT_S
        while len(self.closes()) < closed + len(forms):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.closes()) - closed} submissions of {len(forms)} were closed")
            time.sleep(tails.STEP_S)

    def closes(self):
        return [line for line in self.ledger.kind("close") if line["closed"]]


def box_round(office, count):
    forms = [office.form() for _ in range(count)]
    portal, start, begun = accounts.cpu_of(office.portal.process.pid), accounts.cpu(office.session), time.monotonic()
    office.file(forms)
    seconds = time.monotonic() - begun
    time.sleep(SETTLE_S)
    return {"count": count, "s": seconds, "cpu": accounts.cpu_since(office.session, start), "portal_cpu": accounts.cpu_of(office.portal.process.pid) - portal}


def loop_round(office, number, count):
    place, folder = office.place, office.place.folder(f"vrep-loop-{number}")
    for name, content in (office.form() for _ in range(count)):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)
    key = f"pkcs11:token={TOKEN};id=%{place.key['id']};type=private?pin-value={place.hsm.pin}"
    environment = {**place.hsm.environment(), "KEY": key, "CERT": place.key["cert"], "PKCS11_MODULE_PATH": place.hsm.module, "CLASS": CLASS, "ETYPE": ETYPE,
                   "VS": cssz_forms.VS}
    portal, begun = accounts.cpu_of(office.portal.process.pid), time.monotonic()
    process = subprocess.Popen([os.path.join(HERE, "cssz_loop.sh"), folder, office.portal.url, place.pki], env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process.stderr:
        words = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Unmeasured(f"the loop fails ({process.returncode}): {words}")
    return {"count": count, "s": time.monotonic() - begun, "user": usage.ru_utime, "system": usage.ru_stime,
            "portal_cpu": accounts.cpu_of(office.portal.process.pid) - portal}


class Peaks:
    """with Peaks(session) as seen: the highest RSS of a process of each program (VmHWM, which the kernel keeps, read so often that processes of some
    milliseconds are met), and the memory files that the programs hold together."""

    def __init__(self, session):
        self.session, self.highest, self.files, self.samples = session, {}, 0, 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()

    def run(self):
        while not self.ending.is_set():
            self.take()
            time.sleep(PEAK_PAUSE_S)

    def take(self):
        files = {}
        for pid, program, _ in accounts.processes(self.session):
            with contextlib.suppress(OSError, KeyError):
                self.highest[program] = max(self.highest.get(program, 0), accounts.numbers(f"/proc/{pid}/status", ("VmHWM",))["VmHWM"])
                self.memory_files(pid, files)
        self.files = max(self.files, sum(files.values()))
        self.samples += 1

    @staticmethod
    def memory_files(pid, files):
        for name in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{name}"
            with contextlib.suppress(OSError):
                if os.readlink(path).startswith("/memfd:"):
                    status = os.stat(path)
                    files[status.st_ino] = status.st_blocks * 512


def noise(dice):
    """What gzip cannot make shorter than three quarters, as base64 of pictures."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
    return lambda length: "".join(dice.choices(alphabet, k=length))


def memory(office, idle, fill):
    """One file of 1,500 forms, from the drop to the closed submission. idle: before the first of these, so that what a program keeps of them counts too."""
    form = office.form(MANY, MANY_BYTES, fill)
    accounts.reset_peaks(office.session)
    begun = time.monotonic()
    with Peaks(office.session) as peaks, accounts.Sampler(office.session) as seen:
        office.file([form])
    held = {name: max(0, values["pss"] - idle[name]["pss"]) for name, values in seen.highest.items() if name in idle}
    above = {name: max(held.get(name, 0), high - idle[name]["rss"]) for name, high in peaks.highest.items() if name in idle}
    return {"bytes": len(form[1]), "s": time.monotonic() - begun, "idle": {name: idle[name]["rss"] for name in idle}, "peak": peaks.highest, "above": above,
            "pss": held, "files": peaks.files, "samples": peaks.samples}


def measure(place):
    """{"box": [rounds], "loop": [rounds], "memory": {kind of content: what it took}}"""
    office = Office(place)
    try:
        box_round(office, 3)  # the first ones pay for what is done once
        loop_round(office, "first", 1)
        found = {"box": [], "loop": [], "memory": {}}
        for number in range(ROUNDS[place.long]):
            found["box"].append(box_round(office, BOX_FILINGS[place.long]))
            found["loop"].append(loop_round(office, number, LOOP_FILINGS[place.long]))
        expected = 4 + sum(each["count"] for each in found["box"] + found["loop"])
        if is_root():
            time.sleep(IDLE_S)
            idle = accounts.memory(office.session)
            found["memory"] = {"words": memory(office, idle, None), "noise": memory(office, idle, noise(office.dice))}
            expected += 2
        accepted = [line for line in office.ledger.kind("accepted") if line["state"] == "ok"]
        if len(accepted) != expected or len(office.closes()) != expected:
            raise Unmeasured(f"the gateway took {len(accepted)} filings and closed {len(office.closes())} of {expected}")
        return found
    finally:
        office.close()
