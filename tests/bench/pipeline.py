"""Filings through the whole box, through a shell loop that does the same, and the token alone; in turns, so that noise shows."""

import os
import subprocess
import time

import accounts
import tails
from place import HERE, TOKEN, Unmeasured  # it also tells where tests/lib is
import journal

SETTLE_S = 0.3
LIMIT_S = 300
RAW_MS = {False: 500, True: 2000}
ROUNDS_MIN, ROUNDS, ROUNDS_S = 3, {False: 6, True: 12}, {False: 35, True: 600}  # no new round after so long
BOX_FILINGS = {False: 30, True: 100}
LOOP_FILINGS = {False: 15, True: 50}


class Pipeline:
    """One box, its journal and the portal's ledger."""

    def __init__(self, place):
        self.place = place
        self.box = place.box("box")
        self.session = self.box.process.pid
        self.journal = tails.Journal(self.box.data)
        self.ledger = tails.Ledger(place.portal.ledger_path)

    def file(self, forms):
        """Drops them; when the first was dropped."""
        begun = time.monotonic()
        for name, content in forms:
            self.box.drop(name, content)
        return begun

    def wait(self, kind, count, before):
        return self.journal.wait(kind, before[kind] + count, LIMIT_S)

    def round(self, count):
        """One round: `filed` as far as the loop goes (test run, filing, confirmation verified), `closed` from there to the papers on the share."""
        forms = self.place.forms(count)
        records, size = self.journal.snapshot()
        portal = accounts.cpu_of(self.place.portal.process.pid)
        start = accounts.cpu(self.session)
        begun = self.file(forms)
        filed_s = self.wait("sent", count, records) - begun
        time.sleep(SETTLE_S)
        filed = accounts.cpu_since(self.session, start)
        portal_filed = accounts.cpu_of(self.place.portal.process.pid) - portal
        middle, begun = accounts.cpu(self.session), time.monotonic()
        if self.box.run_cli("poll", "--all").returncode != 0:
            raise Unmeasured("`podatelna poll --all` fails")
        closed_s = self.wait("delivered", count, records) - begun
        time.sleep(SETTLE_S)
        closed = accounts.cpu_since(self.session, middle)
        after, size_after = self.journal.snapshot()
        new = after - records
        return {"count": count, "filed_s": filed_s, "closed_s": closed_s, "filed_cpu": filed, "closed_cpu": closed,
                "portal_cpu": portal_filed, "records": sum(new.values()), "record_bytes": size_after - size}


def loop_round(place, number, count):
    """The loop over as many forms; CPU of the shell and every program that it ran."""
    folder = place.folder(f"loop-{number}")
    for name, content in place.forms(count):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)
    key = f"pkcs11:token={TOKEN};id=%{place.key['id']};type=private?pin-value={place.hsm.pin}"
    environment = {**place.hsm.environment(), "KEY": key, "CERT": place.key["cert"], "PKCS11_MODULE_PATH": place.hsm.module}
    portal, begun = accounts.cpu_of(place.portal.process.pid), time.monotonic()
    process = subprocess.Popen([os.path.join(HERE, "loop.sh"), folder, place.portal.url, os.path.join(place.pki, "ca.pem")],
                               env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with process.stderr:
        words = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        errors = [open(os.path.join(folder, n), encoding="utf-8", errors="replace").read() for n in sorted(os.listdir(folder)) if n.endswith(".err")]
        raise Unmeasured(f"the loop fails ({process.returncode}): {words}{errors[-1:]}")
    return {"count": count, "s": time.monotonic() - begun, "user": usage.ru_utime, "system": usage.ru_stime,
            "portal_cpu": accounts.cpu_of(place.portal.process.pid) - portal}


def raw_round(place, milliseconds, module=None, **environment):
    """C_Sign alone: (signatures, seconds, CPU seconds)."""
    done = subprocess.run([place.helper("sign_rate"), module or place.hsm.module, TOKEN, place.key["id"], str(milliseconds)], check=False,
                          env={**place.hsm.environment(), "PODATELNA_BENCH_PIN": place.hsm.pin, **environment}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Unmeasured(done.stderr.decode(errors="replace").strip())
    count, seconds, cpu = done.stdout.split()
    return {"count": int(count), "s": float(seconds), "cpu": float(cpu)}


def measure(place, pipeline):
    """{"box": [rounds], "loop": [rounds], "raw": [rounds]}; whoever was not accepted was not measured."""
    accepted = len(pipeline.ledger.kind("accepted"))
    pipeline.round(5)  # the first ones pay for what is done once
    loop_round(place, "first", 2)
    found, expected, begun = {"box": [], "loop": [], "raw": []}, 7, time.monotonic()
    for number in range(ROUNDS[place.long]):
        if number >= ROUNDS_MIN and time.monotonic() - begun > ROUNDS_S[place.long]:
            break
        found["raw"].append(raw_round(place, RAW_MS[place.long]))
        found["box"].append(pipeline.round(BOX_FILINGS[place.long]))
        found["loop"].append(loop_round(place, number, LOOP_FILINGS[place.long]))
        expected += found["box"][-1]["count"] + found["loop"][-1]["count"]
    accepted = len(pipeline.ledger.kind("accepted")) - accepted
    if accepted != expected:
        raise Unmeasured(f"the portal took {accepted} filings of {expected}")
    # The journal by a reader that checks every hash: what was counted on the way is what is there.
    if len(journal.read(pipeline.box.data)) != len(pipeline.journal.read().rows):
        raise Unmeasured("the records were not counted rightly")
    return found
