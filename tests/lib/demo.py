#!/usr/bin/python3
"""The demo behind tests/demo: one box, a simulated portal and time-stamp authority, two filings, a stamped journal; see there."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import forms  # noqa: E402
import pki  # noqa: E402
from box import CLOSED, SETTLED, Box, until, workdir  # noqa: E402
from simulator import Simulator  # noqa: E402

FILES = {"Přiznání DPH leden.xml": lambda: forms.dphdp3(dic="12345678"),
         "kontrolni hlaseni leden.xml": lambda: forms.dphkh1(dic="12345678")}
WAIT_S = 60
LABELS = ("file", "number", "form", "state")


def heading(text):
    print(f"\n\033[1m== {text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


class Table:
    """The cases and their states: drawn again in place on a terminal, a line for each change otherwise."""

    def __init__(self):
        self.begun, self.last, self.lines = time.monotonic(), {}, 0

    def show(self, cases):
        now = {c["case"]: (c.get("name") or "…", c["case"], c.get("form", ""), c["state"]) for c in cases}
        stamp = f"{time.monotonic() - self.begun:5.1f} s"
        if not sys.stdout.isatty():
            for number in sorted(now):
                if now[number][3] != self.last.get(number, ("",) * 4)[3]:
                    print(f"{stamp}  {number}  {now[number][2]:8}  {now[number][3]:10}  {now[number][0]}", flush=True)
        elif now != self.last:
            print(f"\033[{self.lines}A\033[J" if self.lines else "", end="")
            rows = [LABELS] + [now[n] for n in sorted(now)]
            print("\n".join(f"  {r[1]:12}  {r[2]:8}  {r[3]:12}  {r[0]}" for r in rows) + f"\n  ({stamp})", flush=True)
            self.lines = len(rows) + 1
        self.last = now


def watch(box, count):
    """Until so many cases are settled; the cases."""
    table, deadline = Table(), time.monotonic() + WAIT_S
    while True:
        cases = box.cases()
        table.show(cases)
        if len([c for c in cases if c["state"] in SETTLED]) >= count or time.monotonic() > deadline:
            return cases
        time.sleep(0.1)


def command(box, *words):
    heading("podatelna " + " ".join(words))
    done = box.run_cli(*words)
    print((done.stdout + done.stderr).decode().rstrip(), flush=True)
    return done.returncode


def show_papers(box, number):
    folder = box.result(number)
    heading(f"what staff find: Vyrizeno/{os.path.relpath(folder, box.place('Vyrizeno'))}/")
    for name in sorted(os.listdir(folder)):
        print(f"  {os.path.getsize(os.path.join(folder, name)):8}  {name}")
    heading("stav.txt")
    with open(os.path.join(folder, "stav.txt"), encoding="utf-8") as f:
        print(f.read().replace("\r", "").rstrip(), flush=True)


def openssl(*words):
    done = subprocess.run(["openssl", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    last = done.stdout.decode(errors="replace").strip().splitlines()[-1:]
    print(f"  openssl {' '.join(os.path.basename(w) for w in words)}\n    {''.join(last)}", flush=True)
    return done.returncode


def check_without_us(box, pki_dir):
    """The newest stamped checkpoint by public tools alone: what went wrong, as lines."""
    heading("the newest checkpoint, checked without the box")
    folder = os.path.join(box.data, "journal", "anchor")
    stamped = [name[:-4] for name in os.listdir(folder) if name.endswith(".tsr")]
    if not stamped:
        return ["there is no stamp in journal/anchor"]
    stem = os.path.join(folder, max(stamped, key=int))
    with open(stem + ".note", "rb") as note:
        text = note.read()
    print("  " + text.decode().rstrip().replace("\n", "\n  "), flush=True)
    with open(os.path.join(box.dir, "checkpoint.txt"), "wb") as body:
        body.write(text.split(b"\n\n")[0].rstrip(b"\n") + b"\n")
    ca = os.path.join(pki_dir, "ca.pem")
    signature = openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", stem + ".p7s", "-content", body.name, "-CAfile", ca, "-purpose", "any",
                        "-out", "/dev/null")
    stamp = openssl("ts", "-verify", "-data", stem + ".p7s", "-in", stem + ".tsr", "-CAfile", ca)
    return [f"openssl does not accept the {what}" for what, code in (("signature", signature), ("stamp", stamp)) if code != 0]


def judge(box, epo, cases, expected, verified):
    """What went wrong, as lines; the portal's ledger is the judge, not the box."""
    faults = [f"{c['case']} is {c['state']}, not done: {c.get('reason', '')}" for c in cases if c["state"] != "done"]
    accepted = epo.ledger("accepted")
    if sorted(a["form"] for a in accepted) != sorted(expected):
        faults.append(f"the portal took {[a['form'] for a in accepted]}, not {sorted(expected)}")
    if epo.ledger("refused") or epo.ledger("simulator-error"):
        faults.append("the portal refused something")
    if len(cases) != len(expected) or any(c["state"] not in CLOSED for c in cases):
        faults.append(f"{len(cases)} cases instead of {len(expected)}, or some still open")
    if verified != 0:
        faults.append(f"the check of the journal ended with {verified}")
    return faults


def run(args, work, portals, boxes):
    heading("tokens, certificates, portal")
    pki_dir = pki.make(os.path.join(work, "pki"))
    os.chmod(pki_dir, 0o755)
    epo = Simulator("epo", os.path.join(work, "epo"), pki_dir)
    tsa = Simulator("tsa", os.path.join(work, "tsa"), pki_dir)
    portals += [epo, tsa]
    epo.start()
    tsa.start()
    ca = os.path.join(pki_dir, "ca.pem")
    box = Box(os.path.join(work, "box"), args.bin, epo, pki_dir=pki_dir, start=False, keep=args.keep,
              tokens={"office": ["sign", "vault", "journal/ec"]},
              settings={"": {"language": "en" if args.english else "cs"}, "share": {"quiet": "1 s"},
                        'tsa "razitka"': {"urls": [tsa.url], "ca_file": ca, "anchors": ca, "package": 200, "check_every": "0"}})
    boxes.append(box)
    print(f"software token {box.hsm.tokens[0]['label']!r} with keys "
          f"{', '.join(k['name'] for k in box.hsm.tokens[0]['keys'])}; portal at {epo.url}")
    box.start()
    box.wait_token()
    command(box, "status")
    heading(f"two files are copied into {box.place('Podat')}")
    expected = []
    for name, content in FILES.items():
        box.drop(name, content())
        expected.append("DPHDP3" if "DPH" in name else "DPHKH1")
    cases = watch(box, len(FILES))
    command(box, "list")
    done = [c for c in cases if c["state"] == "done"]
    if done:
        until(lambda: all("delivered" in box.types(c["case"]) for c in done), 15, "papers on the share")
        command(box, "show", done[0]["case"])
        show_papers(box, done[0]["case"])
    stamped = command(box, "journal", "stamp")
    command(box, "stamps")
    verified = command(box, "journal", "verify")
    faults = check_without_us(box, pki_dir) if stamped == 0 else ["the journal could not be stamped"]
    heading("the portal's own ledger")
    for line in epo.ledger("accepted"):
        print(f"  accepted {line['form']}, filing number {line['cislo']}, DIČ {line['dic']}, signed by {line['signer_subject']}")
    if len(tsa.ledger("granted")) == 0:
        faults.append("the time-stamp authority granted nothing")
    return judge(box, epo, cases, expected, verified) + faults, box, epo, tsa


def keep_running(box, epo, tsa, work):
    heading("left running")
    print(f"drop a file into  {box.place('Podat')}\n"
          f"                  (samples: tests/lib/forms.py dphdp3 --month 2 --out FILE)\n"
          f"look with         {' '.join(box.command('list'))}\n"
          f"portal faults     curl -d '{{\"cut_after_request.file\": \"once\"}}' {epo.control}/switch\n"
          f"stop it with      kill {box.process.pid} {epo.process.pid} {tsa.process.pid} && rm -rf {work}", flush=True)


def stop_all(portals, boxes):
    faults = []
    for box in boxes:
        try:
            if box.stop() not in (0, None):
                faults.append("podatelnad did not end cleanly")
        except AssertionError as fault:
            faults.append(str(fault))
    for portal in portals:
        portal.stop()
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--english", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun, work, portals, boxes = time.monotonic(), workdir("podatelna-demo-"), [], []
    kept, faults = False, ["it did not get to its end"]
    try:
        faults, box, epo, tsa = run(args, work, portals, boxes)
        if args.keep:
            keep_running(box, epo, tsa, work)
            kept = True
    except (AssertionError, RuntimeError, OSError, subprocess.SubprocessError) as fault:
        faults = [str(fault)]
    except KeyboardInterrupt:
        faults = ["interrupted"]
    finally:
        if not kept:
            faults = faults + stop_all(portals, boxes)
            shutil.rmtree(work, ignore_errors=True)
    heading(f"{'the demo FAILED' if faults else 'both filings are accepted, signed receipts verified, journal in order, signed and stamped'} "
            f"({time.monotonic() - begun:.0f} s)")
    for fault in faults:
        print("  " + fault)
    if kept:
        os._exit(1 if faults else 0)  # the box and the portal go on without this process
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
