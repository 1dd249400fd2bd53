"""What the VREP simulator remembers: registered signers, submissions and their outcomes, duplicates."""

import datetime
import hashlib
import json
import os

from cryptography import x509
from cryptography.hazmat.primitives import serialization

import portal_cms
from vrep_rules import NUMBERS, Outcome, Refused
from vrep_seal import general_item


class Register:
    """Signers by issuer and serial number, each with its services and variable symbols; an empty list allows all (spec/cssz 7.5)."""

    def __init__(self):
        self.signers = {}

    @staticmethod
    def line(body):
        """Fields of a ledger line from a control request. ValueError when there is no certificate."""
        cert = x509.load_pem_x509_certificate(str(body.get("pem", "")).encode())
        return Register.line_of(cert.public_bytes(serialization.Encoding.DER), body.get("classes"), body.get("vs"))

    @staticmethod
    def line_of(cert_der, classes=None, symbols=None):
        cert = portal_cms.parse_cert(cert_der)
        return {"issuer": cert.issuer.hex(), "serial": f"{cert.serial:X}", "classes": list(classes or []), "vs": list(symbols or [])}

    def enter(self, line):
        if line.get("clear"):
            self.signers.clear()
        else:
            self.signers[(line["issuer"], line["serial"])] = line

    def why_not(self, signature, service, vs):
        """Why a signer may not send this, or None."""
        found = self.signers.get((signature.issuer.hex(), f"{signature.serial:X}"))
        if found is None:
            return "the certificate is not registered"
        if found["classes"] and service.cls not in found["classes"]:
            return f"no authority for {service.cls}"
        if found["vs"] and vs is not None and vs not in found["vs"]:
            return f"no authority for VS {vs}"
        return None


class Taken:
    """One acknowledged submission. messages: sealed results by the settings they were made with."""

    def __init__(self, correlation, cls, vs, outcome, deferred):
        self.correlation, self.cls, self.vs, self.outcome, self.deferred = correlation, cls, vs, outcome, deferred
        self.polls = self.closes = 0
        self.released = self.closed = self.collected = False
        self.messages = {}

    def show(self):
        return {"correlation": self.correlation, "class": self.cls, "vs": self.vs, "state": self.outcome.state,
                "number": self.outcome.number, "deferred": self.deferred, "released": self.released, "polls": self.polls,
                "collected": self.collected, "closed": self.closed}


class Store:
    """Submissions by id. keep: folder of outcomes, for a restart; without it a restarted simulator knows no forms of old results."""

    def __init__(self, keep):
        self.keep, self.taken, self.seen = keep, {}, {}

    def get(self, correlation):
        return self.taken.get(correlation)

    def all(self):
        return list(self.taken.values())

    def path(self, correlation, suffix):
        return os.path.join(self.keep, f"vrep-{correlation}.{suffix}")

    def add(self, taken, data):
        """data: plain data to be kept, or None."""
        self.taken[taken.correlation] = taken
        if not self.keep:
            return
        self.write(self.path(taken.correlation, "json"), json.dumps(taken.outcome.store(), ensure_ascii=False).encode())
        if data is not None:
            self.write(self.path(taken.correlation, "xml"), data)

    @staticmethod
    def write(path, data):
        with open(path + ".tmp", "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.rename(path + ".tmp", path)

    def recall(self, line):
        """One line of the ledger, at start."""
        correlation = line.get("correlation")
        if line["kind"] in ("accepted", "refused") and correlation:
            taken = Taken(correlation, line["class"], line["vs"], self.outcome(line), line["deferred"])
            self.taken[correlation] = taken
            if line["kind"] == "accepted":
                moment = datetime.datetime.fromisoformat(line["time"]).timestamp()
                self.seen.setdefault((line["class"], line["sha256"]), []).append((moment, correlation))
        elif line["kind"] == "poll" and correlation in self.taken:
            taken = self.taken[correlation]
            taken.polls, taken.collected = line["count"], taken.collected or line["answer"] in ("response", "error")
        elif line["kind"] == "close" and correlation in self.taken:
            self.taken[correlation].closed |= line["closed"]

    def outcome(self, line):
        try:
            with open(self.path(line["correlation"], "json"), encoding="utf-8") as f:
                return Outcome(**json.load(f))
        except (OSError, TypeError):
            made = Outcome(count=line["forms"], items=[general_item(line["etype"])], state=line["state"])
            if line["state"] == "refused":
                number = line["number"]
                text = NUMBERS.get(number, "refused")
                made = Outcome(result="ERROR", number=number, text=text, count=max(1, line["forms"]), errors=max(1, line["forms"]),
                               items=[general_item("", "", "")], qualifier="error", govtalk=("CSSZDIS", number, text, "business"),
                               state="refused")
            return made

    def check_duplicate(self, submission, correlation, get):
        """300, for JMHZ 20022: same Class and same plain data within duplicate_hours. Queries are not filings: they may repeat."""
        service = submission.service
        if get("duplicates") == "off" or (service.reply in ("dzdpn", "dznp", "dzmh") and get("duplicate_queries") == "off"):
            return
        key = (submission.cls, hashlib.sha256(submission.data).hexdigest())
        moment = datetime.datetime.now(datetime.timezone.utc).timestamp()
        oldest = moment + get("age_s") - get("duplicate_hours") * 3600
        earlier = [c for when, c in self.seen.get(key, []) if when > oldest]
        self.seen.setdefault(key, []).append((moment, correlation))
        if not earlier:
            return
        number = 20022 if service.cls == "CSSZ_JMHZ" else int(get("duplicate_number"))
        words = f"{NUMBERS[number]}: {', '.join(earlier)}"
        if get("duplicates") == "all":
            self.refuse_earlier(earlier, number, words)
        raise Refused(number, words, words)

    def refuse_earlier(self, earlier, number, words):
        """Sent in quick succession, all are refused: those whose result nobody has seen yet (spec/cssz 7.3)."""
        for correlation in earlier:
            taken = self.taken.get(correlation)
            if taken is not None and not taken.collected:
                old = taken.outcome
                taken.messages.clear()
                taken.outcome = Outcome(result="ERROR", number=number, text=words, count=old.count, errors=old.count,
                                        items=[general_item("", "", "")], qualifier="error",
                                        govtalk=("CSSZDIS", number, words, "business"), state="refused")

    def forget_duplicate(self, correlation):
        """A refused submission makes no later one a duplicate."""
        for found in self.seen.values():
            found[:] = [pair for pair in found if pair[1] != correlation]
