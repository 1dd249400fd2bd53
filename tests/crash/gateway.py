"""The gateway of ČSSZ in the survival tests: forms for it, and what its ledger says became of them."""

import datetime

import common  # first: it tells where tests/lib is
import cssz_forms

SWITCHES = ("deferred=20", "polls=1")
SETTINGS = {'partner "cssz"': {"poll_first": "200 ms", "poll_max": "600 ms", "poll_deferred": "600 ms", "interval": "0", "deadline": "20 s"}}
KINDS = {"regzec": 4, "nempri": 3, "pvpoj": 2, "deferred": 2, "many": 1}
FAULTS = {"cut_after_request.submit": "p=0.06", "cut_midreply.submit": "p=0.02", "status500.submit": "p=0.02", "gateway_1000.submit": "p=0.02",
          "gateway_1020.submit": "p=0.03", "keepalive_then_close.submit": "p=0.05", "cut_after_request.poll": "p=0.02", "status500.poll": "p=0.02",
          "gateway_2000.poll": "p=0.02", "late.poll": "p=0.1", "seal_wrong_key.poll": "p=0.03", "seal_altered_result.poll": "p=0.02",
          "wrong_correlation.poll": "p=0.03", "cut_after_request.close": "p=0.1", "dis_103": "p=0.05", "partial": "p=0.05", "warnings": "p=0.05",
          "slow_ms.submit": "60"}
# After these nobody can tell from the answer to a submission what became of it, or a result is not to be believed.
UNKNOWN = {"cut_after_request", "cut_midreply", "status500", "gateway_1000"}
REFUSALS = (103, 604)  # of the switches: any other number would say that the box sent something that is not sound
DOUBTFUL = {"seal_wrong_key", "seal_altered_result"}


def moment(line):
    return datetime.datetime.fromisoformat(line["time"]).timestamp()


class Form(common.Filing):
    """One document for ČSSZ. How its case ends is not known before: the ledger says what the office made of it."""

    portal = "cssz"

    def __init__(self, kind):
        number = self.count()
        note = f"{common.MARKER} n{number}"
        made = {"regzec": lambda: cssz_forms.regzec(note, forms=1 + number % 5), "nempri": lambda: cssz_forms.nempri(note, forms=1 + number % 3),
                "pvpoj": lambda: cssz_forms.pvpoj(note), "deferred": lambda: cssz_forms.nempri(note, forms=20),
                "many": lambda: cssz_forms.regzec(note, forms=900)}
        self.outcome, self.form, self.states, self.entries, self.unclear = kind, "cssz", (), 1, False
        self.take(made[kind](), f"podani-{number:05d}-cssz-{kind}.xml")

    def expect(self, lines):
        """Taken as a whole: done. Refused by the office, or a part of it: an error in the data."""
        whole = [line for line in lines if line["kind"] == "accepted" and line["state"] == "ok"]
        unsound = [line for line in lines if line["kind"] == "refused" and line["number"] not in REFUSALS]
        self.states = () if unsound or not lines else ("done",) if len(whole) == len(lines) else ("data-error",)

    def faults(self, ledger, start, end):
        """Those that make its outcome unknown. A submission that was turned away at the door leaves no digest: then the time says which it was."""
        ids = {line["correlation"] for line in ledger if line.get("sha256") == self.sha256}
        found = set()
        for line in ledger:
            named, unnamed = line.get("sha256") == self.sha256, line.get("sha256") is None and start <= moment(line) <= end
            if line["kind"] in ("accepted", "refused") and (named or unnamed):
                found |= set(line["faults"]) & UNKNOWN
            elif line["kind"] == "poll" and line["correlation"] in ids:
                found |= set(line["faults"]) & DOUBTFUL
        return found


    def doubts(self, ledger):
        """What was wrong with the last result that the gateway gave out before it was asked no more: the one that closed the case."""
        ids = {line["correlation"] for line in ledger if line.get("sha256") == self.sha256}
        given = [line for line in ledger if line["kind"] == "poll" and line["correlation"] in ids and line["answer"] != "acknowledgement" and not line["number"]]
        return set(given[-1]["faults"]) & DOUBTFUL if given else set()


class Gateway(common.Simulator):
    """The simulator, as the survival tests use it."""

    def __init__(self, directory, pki_dir, seed=None):
        super().__init__("vrep", directory, pki_dir, settings=list(SWITCHES), seed=seed)

    def make(self, dice):
        return Form(dice.choices(list(KINDS), list(KINDS.values()))[0])

    def release(self):
        """What waits for the evening is processed."""
        self.post("/release", {})

    def taken(self):
        """{sha256 of the form: [ledger lines]} of what was acknowledged, whatever the office said of it afterwards."""
        found = {}
        for line in self.ledger():
            if line["kind"] == "accepted" or (line["kind"] == "refused" and line["by"] == "dis"):
                found.setdefault(line["sha256"], []).append(line)
        return found
