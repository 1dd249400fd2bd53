#!/usr/bin/python3
"""Simulator of the gateway of ČSSZ (VREP) and of DIS behind it, from the specification alone (spec/cssz).

  vrep.py --pki DIR [--listen 127.0.0.1:0] [--port-file FILE] [--control-port-file FILE] [--ledger FILE]
          [--keep DIR] [--set NAME[.PHASE]=VALUE]... [--seed N]

By hand:
  tests/lib/pki.py /tmp/pki
  tests/portals/vrep.py --pki /tmp/pki --listen 127.0.0.1:8443 --control 127.0.0.1:8444 --ledger /tmp/ledger
  curl -d '{"cut_after_request.submit": "once", "polls": 3}' http://127.0.0.1:8444/switch
  curl -d '{}' http://127.0.0.1:8444/release

Addresses (letters of either case) and their phases:
  POST /VREP/submission, /VREP/poll    submit, poll, close: Qualifier and Function say which, not the address
  POST /VREP/ws/public.svc             ws: Submit, Poll, Dispose of SOAP 1.2; what they do has the phases submit, poll, close
  POST /ePodaniValidace.svc            validate: the validator, SOAP 1.1
  GET  /VREP/...                       other: an error envelope
Keys lie in the PKI's directory (tests/lib/pki.py, make_dis; made at the first start): submissions are encrypted for dis.pem, results
sealed by dis.key; dis-next.pem is there for a changeover (switches dis_decrypt, dis_seal), dis-old.pem has expired.
Signers: certificates under ca.pem. Switch registration=any takes all, =listed those that POST /signers named.

How a submission fares: the envelope is checked at once (errors 1000 to 2000). All further checks are made at once, too, in the order
of spec/cssz 14.13, and their outcome waits: the first `polls` polls are acknowledgements, then comes the sealed result. From
`deferred` forms on it waits for POST /release. After a close the id is unknown (2000).

A lost acknowledgement is cut_after_request.submit, a cut before reading cut_before_read.submit, a cut answer cut_midreply, a page of
maintenance html200 (200) or status503, a slow answer slow_ms, a late result polls.

Ledger kinds:
  accepted   acknowledged, and DIS found nothing against it as a whole: state ok or partial
  refused    by = gateway or soap: no acknowledgement; by = dis: acknowledged, the result is a refusal. number, reason
  poll       correlation, count (of this id), answer (acknowledgement, response, error), number, vs_match
  close      correlation, variant (A, B, WS), count, answer, number, collected (a result had been handed out)
  validate   id, codes (what the validator found), reason (no good as SOAP)
  get        a request without a body
  dropped | broken | not-found | simulator-error as with every simulator; registered: a signer
accepted and refused: correlation, class, etype, vs, sha256 (of the plain data, also as xml_sha256), bytes, forms, encoding, recipient,
vendor, signer_serial, signer_subject, digest, notes (departures from the specification that have no error number), deferred.
Plain data are written nowhere, unless keep_data=on and --keep say where.

Further control addresses:
  GET  /submissions                  what is known of each id
  POST /release {"correlation": ID}  a deferred result is ready; without an id all of them
  POST /signers {"pem": CERTIFICATE, "classes": [...], "vs": [...]}   registers a signer; {"clear": true} forgets all
  POST /jmhz {"idPodani": GUID, "state": 1 to 6, "errors": [{"part": "form", "code": 40101, "text": "..."}]}
                                     what cJMHZ makes of a monthly report; without an id of all. Otherwise a report is in processing
                                     (5) for jmhz_polls questions of the service DZMH, then complete (1) once all its packages are here
"""

import datetime
import json
import os
import re
import secrets
import sys
import threading
import zoneinfo

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import pki  # noqa: E402
import portal_cms  # noqa: E402
import vrep_answers as answers  # noqa: E402
import vrep_cms  # noqa: E402
import vrep_gateway as gateway  # noqa: E402
import vrep_rules as rules  # noqa: E402
import vrep_seal  # noqa: E402
import vrep_switches  # noqa: E402
import vrep_ws  # noqa: E402
from portal_base import HTML, Portal, Reply, media_type, run  # noqa: E402
from vrep_state import Register, Store, Taken  # noqa: E402

DIS_KEYS = ("dis", "dis-next", "dis-old", "dis-foreign")
XML_TYPE = "text/xml; charset=utf-8"


def czech_now():
    """GatewayTimestamp: Czech time, milliseconds, no zone."""
    moment = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Prague")).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds")


class Result:
    """What the gateway says, whatever the channel. error: (raised by, number, text, type). message: sealed Message as text."""

    def __init__(self, cls, qualifier, function="submit", correlation="", error=None, message=None, where="poll"):
        self.cls, self.qualifier, self.function, self.correlation = cls, qualifier, function, correlation
        self.error, self.message, self.where = error, message, where


class Vrep(Portal):
    NAME, BASE = "vrep", "/VREP"
    PHASES = vrep_switches.PHASES
    SWITCHES = vrep_switches.table()
    REPLACING = Portal.REPLACING + ("status503",)

    def __init__(self, args):
        directory = pki.make_dis(args.pki)
        self.keys = {n: vrep_cms.Key(n, os.path.join(directory, n + ".pem"), os.path.join(directory, n + ".key")) for n in DIS_KEYS}
        self.sealer = vrep_seal.Sealer(self.keys)
        self.anchors = portal_cms.read_anchors(os.path.join(directory, "ca.pem"))
        self.state_lock = threading.RLock()
        if args.keep:
            os.makedirs(args.keep, exist_ok=True)
        super().__init__(args)

    def load(self, lines):
        with self.state_lock:
            self.register, self.store, self.reports = Register(), Store(self.args.keep), answers.Reports()
            for line in lines:
                if line["kind"] == "registered":
                    self.register.enter(line)
                else:
                    self.store.recall(line)
                if line.get("jmhz"):
                    self.reports.enter(line["jmhz"], line["correlation"], line["vs"])

    # --- dispatch -----------------------------------------------------------------------------------------------

    def phase(self, request):
        path = request.path.lower().rstrip("/")
        if request.method == "GET" and (path == "/vrep" or path.startswith("/vrep/")):
            return "other"
        return {("POST", "/vrep/submission"): "submit", ("POST", "/vrep/poll"): "poll",
                ("POST", "/vrep/ws/public.svc"): "ws", ("POST", "/epodanivalidace.svc"): "validate"}.get((request.method, path))

    def process(self, request, phase):
        if phase == "other":
            return self.without_body(request)
        if phase == "ws":
            return vrep_ws.Call(self, request).serve()
        if phase == "validate":
            return vrep_ws.validate(self, request)
        return self.pox(request, phase)

    def replace(self, shot):
        if shot.name == "status503":
            return Reply(HTML.encode(), "text/html;charset=UTF-8", 503, {"Retry-After": "120"})
        return super().replace(shot)

    def end_point(self, request, where):
        host = request.headers.get("Host") or ""
        host = host if re.fullmatch(r"[A-Za-z0-9.\[\]:-]{1,200}", host) else "localhost"
        name = {"poll": "Poll", "submission": "Submission"}[where]
        return f"https://{host}/VREP/{name if self.switches.get('end_point') == 'capitals' else name.lower()}"

    def envelope(self, request, result, phase, interval=None):
        """POX answer of a Result."""
        if interval is None:
            interval = self.switches.get("poll_interval", phase)
        shown = self.end_point(request, result.where) if result.function != "delete" else None
        answer = gateway.Answer(result.cls, result.qualifier, result.function, result.correlation, shown, interval, czech_now(),
                                result.error, result.message, self.switches.get("root_xsig") != "none")
        text = answer.xml()
        if self.switches.get("layout") == "indented":
            text = gateway.indented(text)
        data = b'<?xml version="1.0" encoding="utf-8"?>\r\n' + text.encode()
        return Reply(data + b" " * (self.switches.get("huge_reply", phase) - len(data)), XML_TYPE)

    def without_body(self, request):
        """A GET: an error envelope with PollInterval 60 (spec/cssz 2)."""
        error = ("VREP", 1001, gateway.ERRORS[1001][0], "fatal")
        reply = self.envelope(request, Result("", "error", error=error, where="submission"), "other", 60)
        plan = self.deliver(request, "other")
        self.ledger.add("get", path=request.path, **request.trace())
        return self.apply(plan, reply)

    # --- POX ----------------------------------------------------------------------------------------------------

    def pox(self, request, phase):
        fault = None
        try:
            if len(request.body) > self.switches.get("max_request"):
                fault = gateway.GatewayError(1001, "the request is too long")
                fault.envelope = gateway.Envelope()
            else:
                envelope = gateway.read(request.body)
        except gateway.GatewayError as refused:
            fault = refused
        if fault is not None:
            envelope = fault.envelope
        elif media_type(request.headers) != "text/xml":
            envelope.notes.append(f"Content-Type {request.headers.get('Content-Type')}")
        reply = {"submit": self.submit, "poll": self.poll, "close": self.close}[envelope.phase or phase]
        return reply(request, envelope, fault, self.envelope)

    def gateway_fault(self, request, phase, envelope, fault):
        """(fault of a switch or None, GatewayError or None): a switched error of the gateway goes first."""
        shot = self.fire(request, phase, *self.BEFORE_CHECKS, *self.REPLACING, *vrep_switches.GATEWAY)
        if shot is None and phase == "close" and envelope.variant == "A":
            shot = self.fire(request, phase, "invalid_qualifier")
        if shot is None or shot.name not in vrep_switches.GATEWAY + ("invalid_qualifier",):
            return shot, fault
        if shot.name == "invalid_qualifier":
            return shot, gateway.GatewayError(int(self.switches.get("invalid_qualifier_number")), "switch", "Invalid qualifier")
        return shot, gateway.GatewayError(int(shot.name.rpartition("_")[2]), f"switch {shot.name}")

    @staticmethod
    def refused(envelope, fault, where="poll", correlation=None):
        function = envelope.function if envelope.function in ("submit", "delete") else "submit"
        return Result(envelope.cls, "error", function, correlation or envelope.correlation, ("VREP", fault.number, fault.text, fault.kind), where=where)

    def submit(self, request, envelope, fault, show):
        shot, fault = self.gateway_fault(request, "submit", envelope, fault)
        if fault is not None and not (shot is not None and shot.take):
            return self.turn_away(request, envelope, fault, shot, show)
        if shot is not None and not shot.take:
            return self.turn_away(request, envelope, gateway.GatewayError(1000, f"fault {shot.name}"), shot, show)
        taken, submission, reason = self.judge(request, envelope)
        early = taken.outcome.state == "refused" and self.fire(request, "submit", "early_errors") is not None
        taken.polls = self.switches.get("polls") if early else 0
        result = self.result(request, taken, "submit") if early else Result(envelope.cls, "acknowledgement", correlation=taken.correlation)
        reply = self.replace(shot) if shot is not None and fault is None else None
        if fault is not None:
            named = taken.correlation if self.switches.get("error_id") == "on" else None
            reply = show(request, self.refused(envelope, fault, correlation=named), "submit")
        plan = self.deliver(request, "submit")
        self.enter(request, taken, submission, reason)
        return self.apply(plan, reply or show(request, result, "submit"))

    def turn_away(self, request, envelope, fault, shot, show):
        named = secrets.token_hex(16).upper() if self.switches.get("error_id") == "on" else None
        reply = show(request, self.refused(envelope, fault, "submission", named), "submit")
        if shot is not None and shot.name not in vrep_switches.GATEWAY:
            reply = self.replace(shot)
        plan = self.deliver(request, "submit")
        self.ledger.add("refused", by="gateway", number=fault.number, reason=fault.why, correlation=None,
                        **{"class": envelope.cls, "vs": envelope.vs, "notes": envelope.notes}, **request.trace())
        return self.apply(plan, reply)

    def judge(self, request, envelope):
        """All checks of DIS: (Taken, Submission, reason). Nothing is remembered yet, but duplicates are known from here on."""
        get, correlation = self.switches.get, secrets.token_hex(16).upper()
        submission = rules.Submission(envelope.cls, envelope.vs)
        submission.email, submission.notes = envelope.email, list(envelope.notes)
        keys = [self.keys[n] for n in re.split(r"[ ,]+", get("dis_decrypt")) if n in self.keys]
        listed = self.register.why_not if get("registration") == "listed" else lambda *_: None
        verdicts = self.verdicts(request)
        shot, reason = self.fire(request, "submit", *vrep_switches.DIS), None
        try:
            rules.check(envelope.body, submission, rules.Policy(keys, self.anchors, listed, get("allow_ec") == "on"), rules.utc())
            if shot is not None:
                raise rules.Refused(int(shot.name.rpartition("_")[2]), f"switch {shot.name}")
            with self.state_lock:
                self.store.check_duplicate(submission, correlation, get)
            rules.check_structure(submission)
            outcome = rules.processed(submission, verdicts)
            self.answer_query(request, submission, outcome)
        except rules.Refused as refused:
            reason = f"{refused.number}: {refused.why}"
            outcome = rules.refused(submission, refused)
        if outcome.state == "refused":
            with self.state_lock:
                self.store.forget_duplicate(correlation)
        deferred = reason is None and len(submission.forms) >= get("deferred")
        taken = Taken(correlation, submission.cls, submission.vs, outcome, deferred)
        return taken, submission, reason

    def answer_query(self, request, submission, outcome):
        """Data that a query returns, and the certificate that a USRCERT announces. Raises Refused."""
        reply = submission.service.reply
        if reply is None:
            return
        shot = self.fire(request, "submit", *answers.FAULTS)
        with self.state_lock:
            outcome.data = answers.reply(self, submission, shot.name if shot else None, self.keys["dis"].der)
            if reply == "usrcert":
                line = Register.line_of(answers.new_certificate(submission.root))
                self.register.enter(line)
                self.ledger.add("registered", **line)

    def verdicts(self, request):
        get = self.switches.get
        refuse = get("refuse_forms") if self.fire(request, "submit", "partial") else ""
        warn = get("warn_forms") if self.fire(request, "submit", "warnings") else ""
        return rules.Verdicts(refuse, warn, get("form_number"), get("form_text"))

    def enter(self, request, taken, submission, reason):
        """The submission is taken: memory, files of --keep, then its ledger line."""
        state = taken.outcome.state
        more = {"by": "dis", "number": taken.outcome.number, "reason": reason} if state == "refused" else {}
        with self.state_lock:
            self.store.add(taken, submission.data if self.switches.get("keep_data") == "on" else None)
            if taken.cls == "CSSZ_JMHZ" and state != "refused":
                more["jmhz"] = self.reports.take(taken.correlation, taken.vs, submission.root)
        self.ledger.add("refused" if state == "refused" else "accepted", correlation=taken.correlation, state=state, **more,
                        deferred=taken.deferred, email=submission.email, path=request.path, **submission.describe(), **request.trace())

    # --- polls --------------------------------------------------------------------------------------------------

    def known(self, envelope):
        """The submission of a poll or close. Raises GatewayError 2000; 1046 for a foreign VS when poll_vs says so."""
        taken = self.store.get(envelope.correlation)
        if taken is None or taken.closed:
            raise gateway.GatewayError(2000, "closed" if taken else "unknown")
        if envelope.cls and envelope.cls != taken.cls:
            raise gateway.GatewayError(2000, f"class {envelope.cls}, submitted as {taken.cls}")
        if self.switches.get("poll_vs") != "ignore" and envelope.vs != taken.vs:
            raise gateway.GatewayError(int(self.switches.get("poll_vs")), "another VS")
        return taken

    def ready(self, request, taken):
        """Is the result there? Counts the poll."""
        with self.state_lock:
            taken.polls += 1
            waiting = taken.polls <= self.switches.get("polls") or (taken.deferred and not taken.released)
        return not waiting and not self.fire(request, "poll", "late")

    def poll(self, request, envelope, fault, show):
        shot, fault = self.gateway_fault(request, "poll", envelope, fault)
        taken = None
        try:
            if fault is not None:
                raise fault
            taken = self.known(envelope)
            if self.ready(request, taken):
                result = self.result(request, taken, "poll")
            else:
                result = Result(taken.cls, "acknowledgement", correlation=taken.correlation)
        except gateway.GatewayError as refused:
            fault, result = refused, self.refused(envelope, refused)
        reply = show(request, result, "poll")
        if shot is not None and shot.name not in vrep_switches.GATEWAY:
            reply = self.replace(shot)
        plan = self.deliver(request, "poll")
        if taken is not None and result.message and not plan.cut and not (shot is not None and fault is None):
            taken.collected = True
        self.ledger.add("poll", correlation=envelope.correlation, count=taken.polls if taken else 0, answer=result.qualifier,
                        number=fault.number if fault else 0, reason=fault.why if fault else None, path=request.path, vs=envelope.vs,
                        vs_match=taken is not None and taken.vs == envelope.vs, notes=envelope.notes, **request.trace())
        return self.apply(plan, reply)

    def result(self, request, taken, phase):
        """The sealed result of a submission, spoiled as the switches say."""
        get, cls = self.switches.get, taken.cls
        outcome, changed = vrep_switches.spoil(self, request, taken, phase)
        seal_fault = self.fire(request, phase, *vrep_seal.FAULTS)
        made_for = (get("dis_seal"), get("seal_algorithm"), get("seal_attributes"), get("root_xsig"), get("seal_cms_digest"))
        message = taken.messages.get(made_for)
        if message is None or changed or seal_fault:
            inherited = (("xsig", vrep_seal.XSIG),) if get("root_xsig") == "inherited" else ()
            sealed_type = "CSSZ_ONZ" if changed == "wrong_type" else cls
            message = self.sealer.message(sealed_type, outcome, made_for[0], made_for[1], made_for[2] == "on", inherited,
                                          seal_fault.name if seal_fault else None, made_for[4])
            if not changed and not seal_fault:
                taken.messages[made_for] = message
        if self.fire(request, phase, "padded_class"):
            cls += " "
        elif self.fire(request, phase, "wrong_class"):
            cls = "CSSZ_ONZ" if cls != "CSSZ_ONZ" else "CSSZ_NEM_PRI"
        named = taken.correlation
        if self.fire(request, phase, "wrong_correlation"):
            named = secrets.token_hex(16).upper()
        return Result(cls, outcome.qualifier, "submit", named, outcome.govtalk, message, "submission")

    def close(self, request, envelope, fault, show):
        shot, fault = self.gateway_fault(request, "close", envelope, fault)
        taken = None
        try:
            if fault is not None:
                raise fault
            taken = self.known(envelope)
            waiting = taken.polls < self.switches.get("polls") or (taken.deferred and not taken.released)
            result = Result(taken.cls, "acknowledgement" if waiting else "response", "delete", taken.correlation)
        except gateway.GatewayError as refused:
            fault, result = refused, self.refused(envelope, refused)
        reply = show(request, result, "close")
        if shot is not None and shot.name not in vrep_switches.GATEWAY + ("invalid_qualifier",):
            reply, fault = self.replace(shot), fault or (None if shot.take else gateway.GatewayError(1000, f"fault {shot.name}"))
        plan = self.deliver(request, "close")
        if taken is not None:
            taken.closes += 1
            taken.closed = fault is None and result.qualifier == "response"
        self.ledger.add("close", correlation=envelope.correlation, variant=envelope.variant, count=taken.closes if taken else 0,
                        answer=result.qualifier, closed=bool(taken and taken.closed), collected=bool(taken and taken.collected),
                        number=fault.number if fault else 0, reason=fault.why if fault else None, path=request.path, vs=envelope.vs,
                        vs_match=taken is not None and taken.vs == envelope.vs, notes=envelope.notes, **request.trace())
        return self.apply(plan, reply)

    # --- control ------------------------------------------------------------------------------------------------

    def control(self, method, path, query, body):
        action = {("GET", "/submissions"): self.show_submissions, ("POST", "/release"): self.release,
                  ("POST", "/signers"): self.enrol, ("POST", "/jmhz"): self.say_state}.get((method, path))
        if action is None:
            return None
        return 200, "application/json", json.dumps(action(body), ensure_ascii=False).encode() + b"\n"

    def show_submissions(self, _):
        with self.state_lock:
            return [taken.show() for taken in self.store.all()]

    def release(self, body):
        with self.state_lock:
            found = [t for t in self.store.all() if t.deferred and body.get("correlation") in (None, t.correlation)]
            for taken in found:
                taken.released = True
        return {"released": len(found)}

    def say_state(self, body):
        with self.state_lock:
            return self.reports.say(body)

    def enrol(self, body):
        with self.state_lock:
            line = {"clear": True} if body.get("clear") else Register.line(body)
            self.register.enter(line)
        self.ledger.add("registered", **line)
        return line


if __name__ == "__main__":
    sys.exit(run(Vrep, __doc__))
