#!/usr/bin/python3
"""Simulator of the tax portal's machine interface (EPO), from the specification alone (spec/epo, 12.7).

  epo.py --pki DIR [--listen 127.0.0.1:0] [--port-file FILE] [--control-port-file FILE] [--ledger FILE]
         [--keep DIR] [--set NAME[.PHASE]=VALUE]... [--seed N]

By hand:
  tests/lib/pki.py /tmp/pki
  tests/portals/epo.py --pki /tmp/pki --listen 127.0.0.1:8443 --control 127.0.0.1:8444 --ledger /tmp/ledger
  openssl cms -sign -binary -nodetach -nosmimecap -md sha256 -outform DER -signer C -inkey K -in form.xml -out f.p7s
  curl --cacert /tmp/pki/ca.pem --data-binary @f.p7s -H 'Content-Type: application/pkcs7-signature' \\
       'https://127.0.0.1:8443/dpr/epo_podani?test=1'
  curl -d '{"cut_after_request.file": "once"}' http://127.0.0.1:8444/switch

Addresses (base /dpr) and their phases:
  POST /dpr/epo_podani?test=1              test        POST /dpr/epo_stav     stav
  POST /dpr/epo_podani                     file        POST /dpr/epo_prijeti  prijeti
  POST /dpr/epo_podani?otevriFormular=1    formular    GET  /dpr/epo_ciselnik ciselnik
  GET  /odstavka is the page a redirect leads to; the ledger line `redirect-followed` betrays who follows.

A second identical filing is accepted again and written to the ledger again: who files twice is caught.

Marked DIČ (its first five digits):
  99990  refused by the test run and by the real filing (K)
  99991  accepted for processing, epo_stav ends with 2 (rejected)
  99992  taken off-line (Odpoved; the test run says so)
  99993  the test run passes, the real filing is refused (K)
  99994  the real filing is taken, the reply is a list with nothing but N
  99995  the real filing is taken, the connection closed without a reply
  99996  taken off-line, refused at the end (StavZpracovani 3)
  99997  the real filing is read, NOT taken, the connection closed without a reply: the first time of each XML only
  99998  the real filing is taken, the confirmation signed under a foreign CA (unverifiable)

Ledger kinds: accepted | refused | test | state | prijeti | form | ciselnik | dropped | broken | not-found |
redirect-followed | simulator-error.
accepted: cislo, heslo, datum, id_predani and heslo_predani (off-line), xml_sha256, xml_md5, cms_sha256, form, dic,
signer_subject, signer_serial, ik_mpsv, notes, test, reply (confirmation | odpoved | a fault).
An off-line filing is `accepted` when it is handed over; when it is refused later, a `prijeti` line says so (result).

Further control addresses:
  GET /confirmation?cislo=N | ?md5=HEX     the signed confirmation of an accepted filing, always a good one, as a
                                           person would get it on the portal (md5: the latest)
"""

import datetime
import hashlib
import os
import secrets
import sys
import threading
import zlib
import zoneinfo

import epo_replies as replies
import epo_rules as rules
import portal_cms
from portal_base import Portal, Reply, run
from portal_switches import DELIVERY, Shot, Switch

FIRST_NUMBER = 900000001
REPLY_FAULTS = ("test", "file", "stav", "prijeti", "formular", "ciselnik")
LIST_PHASES = ("test", "file", "stav", "prijeti")
CONFIRM_PHASES = ("file", "prijeti")
CONFIRM_FAULTS = {
    "wrong_kc": "KC of another file", "missing_kc": "no KC", "wrong_data": "Data differs from the filing",
    "unknown_signer": "signed under a foreign CA, names as usual", "wrong_cn": "signed by another name of the right CA",
    "tampered_confirmation": "one attribute changed after signing", "no_cislo": "no Cislo", "no_heslo": "no Heslo",
    "no_datum": "no Datum", "ber": "CMS in BER, indefinite lengths",
}


def switch_table():
    table = dict(DELIVERY)
    table["take_and_close"] = Switch("fault", "off", "the request (test run, real filing) is carried out, the "
                                     "connection closed without a reply", phases=("test", "file"))
    for name, take, doc in (
            ("cert_refused", False, "K: the certificate is not meant for a recognised signature"),
            ("k_list", False, "list with P and K"), ("s_list", False, "list with S"),
            ("e_list", False, "list with E"), ("unknown_typ", False, "list with an unknown Typ"),
            ("n_only", True, "list with nothing but N (and TEST_REZIM in a test run)"),
            ("p_list", True, "list with P; the test run passes, the real filing gets no confirmation")):
        table[name] = Switch("fault", "off", doc, phases=LIST_PHASES, take=take)
    table["no_test_rezim"] = Switch("fault", "off", "the test run's list lacks TEST_REZIM", phases=("test",))
    table["test_odpoved"] = Switch("fault", "off", "the test run answers with Odpoved instead of Chyby",
                                   phases=("test",))
    table["chyby_and_potvrzeni"] = Switch("fault", "off", "taken off-line; the reply holds Chyba and Potvrzeni",
                                          phases=("file",))
    table["offline"] = Switch("fault", "off", "taken off-line: Odpoved (a test run says so as long as it is set)",
                              phases=("file",))
    table["offline_rows"] = Switch("number", 0, "more rows of one sentence than this go off-line; 0 = none")
    table["offline_polls"] = Switch("number", 2, "epo_prijeti: so many StavZpracovani (1, then 2) before the result")
    table["offline_refuse"] = Switch("fault", "off", "epo_prijeti: refused, StavZpracovani 3 with Chyby",
                                     phases=("prijeti",))
    for name, doc in CONFIRM_FAULTS.items():
        table[name] = Switch("fault", "off", "confirmation: " + doc, phases=CONFIRM_PHASES)
    table["data_form"] = Switch("text", "hex", "confirmation: how Data is written", choices=("hex", "base64", "zip"))
    table["datum_form"] = Switch("text", "local", "confirmation: Datum as 2030-02-20T10:00:00, the same with an offset, "
                                 "or 20.02.2030", choices=("local", "offset", "czech"))
    table["charset"] = Switch("text", "utf-8", "encoding of XML replies and confirmations",
                              choices=("utf-8", "windows-1250", "iso-8859-2"))
    table["stav_form"] = Switch("text", "elements", "form of Stav", choices=("elements", "attributes", "both"))
    table["stav_polls"] = Switch("number", 1, "epo_stav says 1 (not processed) on the first so many calls")
    table["stav_result"] = Switch("text", "3", "what epo_stav says then (a marked DIČ goes first); 2, 3 or any text")
    table["stav_wrong"] = Switch("fault", "off", "epo_stav, epo_prijeti: Chyby, not found or wrong password",
                                 phases=("stav", "prijeti"))
    table["check_ca"] = Switch("text", "on", "the signer's certificate must come from the PKI", choices=("on", "off"))
    table["allow_ec"] = Switch("text", "off", "take ECDSA signatures", choices=("on", "off"))
    table["require_ik_mpsv"] = Switch("text", "off", "refuse certificates without IK MPSV", choices=("on", "off"))
    return table


def prague_now(form):
    """Datum of a confirmation: Czech time (spec/epo 7.2)."""
    try:
        moment = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Prague"))
    except zoneinfo.ZoneInfoNotFoundError:
        moment = datetime.datetime.now().astimezone()
    if form == "czech":
        return moment.strftime("%d.%m.%Y")
    return (moment if form == "offset" else moment.replace(tzinfo=None)).isoformat(timespec="seconds")


class Taken:
    """An accepted filing: what its ledger line says, counters, and its compressed request (or None)."""

    def __init__(self, line, body):
        self.line, self.packed = line, zlib.compress(body, 1) if body else None
        self.number, self.dic = line["cislo"], line["dic"] or ""
        self.state_calls = self.transfer_calls = 0
        self.refused = False


class Epo(Portal):
    NAME, BASE = "epo", "/dpr"
    PHASES = REPLY_FAULTS
    SWITCHES = switch_table()
    LISTS = ("cert_refused", "k_list", "s_list", "e_list", "unknown_typ", "n_only", "p_list")

    def __init__(self, args):
        pki = args.pki
        chain = os.path.join(pki, "confirm-ca.pem")
        self.signers = {
            "good": portal_cms.Signer(os.path.join(pki, "confirm.pem"), os.path.join(pki, "confirm.key"), chain),
            "wrong_cn": portal_cms.Signer(os.path.join(pki, "wrong-cn.pem"), os.path.join(pki, "wrong-cn.key"), chain),
            "foreign": portal_cms.Signer(os.path.join(pki, "foreign.pem"), os.path.join(pki, "foreign.key"),
                                         os.path.join(pki, "foreign-ca.pem"))}
        self.anchors = portal_cms.read_anchors(os.path.join(pki, "ca.pem"))
        self.state_lock = threading.Lock()
        if args.keep:
            os.makedirs(args.keep, exist_ok=True)
        super().__init__(args)

    def load(self, lines):
        with self.state_lock:
            self.by_number, self.by_transfer, self.by_md5 = {}, {}, {}
            self.lost = {line.get("xml_md5") for line in lines if line.get("reason") == "lost"}
            for line in lines:
                if line["kind"] == "accepted":
                    self.remember(Taken(line, None))
                elif line["kind"] == "prijeti" and line.get("result") == "refused" and line["id"] in self.by_transfer:
                    self.by_transfer[line["id"]].refused = True
            self.next_number = max([FIRST_NUMBER - 1] + [int(n) for n in self.by_number]) + 1

    def remember(self, taken):
        self.by_number[taken.number] = taken
        self.by_md5.setdefault(taken.line["xml_md5"], []).append(taken)
        if taken.line.get("id_predani"):
            self.by_transfer[taken.line["id_predani"]] = taken

    # --- dispatch -----------------------------------------------------------------------------------------------

    def phase(self, request):
        if request.path == "/odstavka":
            return "ciselnik"
        name, query = request.path.removeprefix(self.BASE + "/"), request.query
        if request.method == "POST" and name == "epo_podani":
            return "formular" if query.get("otevriFormular") == "1" else "test" if query.get("test") == "1" else "file"
        return {("POST", "epo_stav"): "stav", ("POST", "epo_prijeti"): "prijeti",
                ("GET", "epo_ciselnik"): "ciselnik"}.get((request.method, name))

    def process(self, request, phase):
        if request.path == "/odstavka":
            self.ledger.add("redirect-followed", method=request.method, bytes=len(request.body), **request.trace())
            return Reply(b"<html>odstavka</html>", "text/html;charset=UTF-8")
        action = {"test": self.test, "file": self.file, "stav": self.stav, "prijeti": self.prijeti,
                  "formular": self.formular, "ciselnik": self.ciselnik}[phase]
        return action(request)

    def xml(self, body, phase):
        charset = self.switches.get("charset", phase)
        data = replies.document(body, charset, self.switches.get("huge_reply", phase))
        return Reply(data, replies.XML_TYPE.format(charset.upper()))

    def policy(self):
        get = self.switches.get
        return portal_cms.Policy(self.anchors if get("check_ca") == "on" else None, get("allow_ec") == "on",
                                 get("require_ik_mpsv") == "on")

    def check(self, request, test):
        """(Filing or None, errors, reason)."""
        content_type = (request.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        try:
            return rules.check(request.body, content_type, self.policy(), test), [], None
        except rules.Refusal as refusal:
            return None, list(refusal.errors), refusal.reason

    # --- test run -----------------------------------------------------------------------------------------------

    def test(self, request):
        filing, errors, reason = self.check(request, True)
        shot = self.fire(request, "test", *self.BEFORE_CHECKS, *self.REPLACING, *self.LISTS, "test_odpoved")
        large = filing is not None and self.goes_offline(filing, peek=True)
        if filing is not None and filing.form.dic.startswith(rules.MARK_TEST_REFUSED):
            errors = list(replies.LISTS["k_list"])
        if shot is not None and shot.name in replies.LISTS:
            errors = list(replies.LISTS[shot.name])
        passed = filing is not None and not any(e.stops() for e in errors)
        if not self.fire(request, "test", "no_test_rezim"):
            errors = errors + [replies.TEST_REZIM_LARGE if large else replies.TEST_REZIM]
        reply = self.xml(replies.error_list(errors), "test")
        if shot is not None and shot.name == "test_odpoved":
            reply = self.xml(replies.offline_receipt("PRED9999", "zkouska"), "test")
        elif shot is not None and shot.name not in replies.LISTS:
            reply = self.replace(shot)
        plan = self.deliver(request, "test")
        self.ledger.add("test", test=True, passed=passed, reason=reason, email=request.query.get("email"), large=large,
                        typ=[e.typ for e in errors], **self.description(filing, request), **request.trace())
        return self.apply(plan, reply)

    @staticmethod
    def description(filing, request):
        if filing is not None:
            return filing.describe(request.body)
        return {"cms_sha256": hashlib.sha256(request.body).hexdigest(), "body_bytes": len(request.body)}

    def goes_offline(self, filing, peek=False, request=None):
        limit = self.switches.get("offline_rows")
        if filing.form.dic[:5] in (rules.MARK_OFFLINE, rules.MARK_OFFLINE_REFUSED) or \
                0 < limit < filing.form.most_rows():
            return True
        if peek:
            return self.switches.peek("offline", "file")
        return self.fire(request, "file", "offline") is not None

    # --- real filing --------------------------------------------------------------------------------------------

    def file(self, request):
        filing, errors, reason = self.check(request, False)
        shot = self.fire(request, "file", *self.BEFORE_CHECKS, *self.REPLACING, *self.LISTS)
        if filing is not None:
            shot, errors, reason = self.marked(filing, shot, errors, reason)
        lost = filing is not None and not errors and self.loses(filing)
        if filing is not None and not errors and not lost and (shot is None or shot.take):
            return self.accept(request, filing, shot)
        if shot is not None:
            reason = reason or f"fault {shot.name}"
            errors = list(replies.LISTS.get(shot.name, errors))
        reply = self.xml(replies.error_list(errors), "file")
        if shot is not None and shot.name not in replies.LISTS:
            reply = self.replace(shot)
        plan = self.deliver(request, "file")
        if lost:
            reason, plan.cut = "lost", "before"
        self.ledger.add("refused", reason=reason, email=request.query.get("email"), typ=[e.typ for e in errors],
                        **self.description(filing, request), **request.trace())
        return self.apply(plan, reply)

    def marked(self, filing, shot, errors, reason):
        """What a marked DIČ makes of a sound filing."""
        mark = filing.form.dic[:5]
        if mark in (rules.MARK_TEST_REFUSED, rules.MARK_FILE_REFUSED):
            return shot, list(replies.LISTS["k_list"]), f"DIČ marked {mark}"
        if mark == rules.MARK_N_ONLY and shot is None:
            shot = Shot("n_only", True)
        return shot, errors, reason

    def loses(self, filing):
        """MARK_LOST: true the first time that this XML comes."""
        if not filing.form.dic.startswith(rules.MARK_LOST):
            return False
        with self.state_lock:
            key = hashlib.md5(filing.xml).hexdigest()
            first = key not in self.lost
            self.lost.add(key)
            return first

    def accept(self, request, filing, shot):
        offline = self.goes_offline(filing, request=request)
        both = self.fire(request, "file", "chyby_and_potvrzeni") is not None
        faults = [] if offline or both or shot else self.confirm_faults(request, "file")
        plan = self.deliver(request, "file")
        if filing.form.dic.startswith(rules.MARK_CUT):
            plan.cut = "before"
            request.faults.append("marked-cut")
        if filing.form.dic.startswith(rules.MARK_FOREIGN):
            faults.append("unknown_signer")
            request.faults.append("unknown_signer")
        kind = shot.name if shot else "odpoved" if offline or both else "confirmation"
        taken = self.enter(request, filing, kind, offline or both)
        if shot is not None:
            known = shot.name in replies.LISTS
            reply = self.xml(replies.error_list(replies.LISTS[shot.name]), "file") if known else self.replace(shot)
        elif offline or both:
            build = replies.errors_and_receipt if both else replies.offline_receipt
            reply = self.xml(build(taken.line["id_predani"], taken.line["heslo_predani"]), "file")
        else:
            reply = self.confirm(taken, filing, faults, "file")
        return self.apply(plan, reply)

    def enter(self, request, filing, kind, offline):
        """Takes the filing: number, ledger line (durable), memory."""
        with self.state_lock:
            number, self.next_number = str(self.next_number), self.next_number + 1
        fields = {"cislo": number, "heslo": secrets.token_hex(5),
                  "datum": prague_now(self.switches.get("datum_form")),
                  "id_predani": f"PRED{number}" if offline else None,
                  "heslo_predani": secrets.token_hex(5) if offline else None}
        if self.args.keep:
            with open(os.path.join(self.args.keep, number + ".p7s"), "wb") as f:
                f.write(request.body)
                os.fsync(f.fileno())
        line = self.ledger.add("accepted", test=False, reply=kind, offline=offline, **fields,
                               email=request.query.get("email"), **filing.describe(request.body), **request.trace())
        taken = Taken(line, None if self.args.keep else request.body)
        with self.state_lock:
            self.remember(taken)
        return taken

    def confirm_faults(self, request, phase):
        return [name for name in CONFIRM_FAULTS if self.fire(request, phase, name)]

    def confirm(self, taken, filing, faults, phase):
        get = self.switches.get
        data = self.confirmation(taken, filing).sign(
            self.signers, faults, charset=get("charset", phase), data_form=get("data_form", phase),
            at_least=get("huge_reply", phase))
        return Reply(data, replies.CMS_TYPE)

    @staticmethod
    def confirmation(taken, filing):
        line = taken.line
        return replies.Confirmation(filing, line["cislo"], line["heslo"], line["datum"])

    def recall(self, taken):
        """The Filing again, or None when its bytes were lost with a restart."""
        if taken.packed is not None:
            body = zlib.decompress(taken.packed)
        else:
            try:
                with open(os.path.join(self.args.keep or "/nonexistent", taken.number + ".p7s"), "rb") as f:
                    body = f.read()
            except OSError:
                return None
        signed, content = portal_cms.parse(body)
        certs = portal_cms.certificates(signed)
        sid = signed["signer_infos"][0]["sid"].chosen
        return rules.check_content(content, portal_cms.Signed(content, portal_cms.find_signer(certs, sid), certs, []))

    # --- asking -------------------------------------------------------------------------------------------------

    def ask(self, request, phase):
        """Common beginning of stav and prijeti: (number, password, ready reply or None)."""
        form = request.form()
        shot = self.fire(request, phase, *self.BEFORE_CHECKS, *self.REPLACING, *self.LISTS, "stav_wrong")
        reply = None
        if shot is not None and shot.name in replies.LISTS:
            reply = self.xml(replies.error_list(replies.LISTS[shot.name]), phase)
        elif shot is not None:
            reply = self.replace(shot)
        elif form is None:
            reply = self.xml(replies.error_list([replies.Chyba("K", "HLAVICKA", "Neznámý typ obsahu.")]), phase)
        form = form or {}
        return form.get("C", ""), form.get("H", ""), reply

    def stav(self, request):
        number, password, reply = self.ask(request, "stav")
        value = None
        taken = self.by_number.get(number)
        if reply is None and (taken is None or taken.line["heslo"] != password):
            reply = self.xml(replies.error_list([replies.NOT_FOUND]), "stav")
        elif reply is None:
            value = self.next_state(taken)
            reply = self.xml(replies.state(number, value, self.switches.get("stav_form")), "stav")
        plan = self.deliver(request, "stav")
        self.ledger.add("state", cislo=number, known=taken is not None, stav=value, **request.trace())
        return self.apply(plan, reply)

    def next_state(self, taken):
        with self.state_lock:
            taken.state_calls += 1
            early = taken.state_calls <= self.switches.get("stav_polls")
        if early:
            return "1"
        return "2" if taken.dic.startswith(rules.MARK_STATE_REFUSED) else self.switches.get("stav_result")

    def prijeti(self, request):
        number, password, reply = self.ask(request, "prijeti")
        taken, result, faults = self.by_transfer.get(number), None, []
        if reply is None and (taken is None or taken.line["heslo_predani"] != password):
            reply, result = self.xml(replies.error_list([replies.NOT_FOUND]), "prijeti"), "not-found"
        elif reply is None:
            result = self.next_transfer(request, taken)
            faults = self.confirm_faults(request, "prijeti") if result == "confirmation" else []
            reply = self.transfer_reply(taken, result, faults)
        plan = self.deliver(request, "prijeti")
        self.ledger.add("prijeti", id=number, cislo=taken.number if taken else None, result=result or "fault",
                        **request.trace())
        return self.apply(plan, reply)

    def next_transfer(self, request, taken):
        """running-1 | running-2 | refused | confirmation."""
        with self.state_lock:
            taken.transfer_calls += 1
            calls = taken.transfer_calls
        if calls <= self.switches.get("offline_polls"):
            return "running-1" if calls == 1 else "running-2"
        if not taken.refused and (taken.dic.startswith(rules.MARK_OFFLINE_REFUSED)
                                  or self.fire(request, "prijeti", "offline_refuse")):
            taken.refused = True
        return "refused" if taken.refused else "confirmation"

    def transfer_reply(self, taken, result, faults):
        if result.startswith("running"):
            return self.xml(replies.processing(result[-1]), "prijeti")
        if result == "refused":
            return self.xml(replies.processing("3", replies.LISTS["k_list"]), "prijeti")
        filing = self.recall(taken)
        if filing is None:
            return self.xml(replies.error_list(replies.LISTS["e_list"]), "prijeti")
        return self.confirm(taken, filing, faults, "prijeti")

    # --- the rest -----------------------------------------------------------------------------------------------

    def formular(self, request):
        content_type = (request.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        shot = self.fire(request, "formular", *self.BEFORE_CHECKS, *self.REPLACING)
        errors = []
        try:
            if content_type not in rules.XML_TYPES or "test" in request.query:
                raise rules.Refusal("header", replies.Chyba("K", "HLAVICKA", "Neznámý typ obsahu."))
            rules.check_content(request.body, None)
        except rules.Refusal as refusal:
            errors = list(refusal.errors)
        link = f"https://mojedane.example.invalid/formular?id={secrets.token_hex(8)}"
        reply = self.xml(replies.error_list(errors) if errors else replies.opener(link), "formular")
        reply = self.replace(shot) if shot else reply
        plan = self.deliver(request, "formular")
        self.ledger.add("form", refused=bool(errors), xml_sha256=hashlib.sha256(request.body).hexdigest(),
                        **request.trace())
        return self.apply(plan, reply)

    def ciselnik(self, request):
        shot = self.fire(request, "ciselnik", *self.BEFORE_CHECKS, *self.REPLACING)
        name = request.query.get("C", "")
        unknown = replies.error_list([replies.Chyba("K", "CISELNIK", "Neznámý číselník.")])
        reply = self.xml(replies.code_list(name) if name in ("ufo", "obce") else unknown, "ciselnik")
        reply = self.replace(shot) if shot else reply
        plan = self.deliver(request, "ciselnik")
        self.ledger.add("ciselnik", name=name, **request.trace())
        return self.apply(plan, reply)

    def control(self, method, path, query, body):
        if (method, path) != ("GET", "/confirmation"):
            return None
        with self.state_lock:
            found = list(self.by_md5.get(query.get("md5", "").lower(), []))
            if query.get("cislo") in self.by_number:
                found = [self.by_number[query["cislo"]]]
        if not found:
            return None
        filing = self.recall(found[-1])
        if filing is None:
            return 410, "text/plain", b"lost with a restart; use --keep\n"
        return 200, replies.CMS_TYPE, self.confirmation(found[-1], filing).sign(self.signers)


if __name__ == "__main__":
    sys.exit(run(Epo, __doc__))
