#!/usr/bin/python3
"""Simulator of a time-stamp authority with a prepaid package (spec/timestamps): the real `openssl ts -reply` behind HTTPS.

  tsa.py --pki DIR [--listen 127.0.0.1:0] [--port-file FILE] [--control-port-file FILE] [--ledger FILE] [--set …]

POST /TSS/TSS_user/ with application/timestamp-query. Its certificate is tsa.pem of the PKI, the trust anchor ca.pem.

Login (switch `login`): basic (the switches `user` and `password`; "" for none), certificate (any client certificate under ca.pem), none.
401 without it. The package (switch `package`) counts down what the ledger calls granted; 403 when it is empty.
Several addresses of one authority are several simulators; one that is down is one with refuse_connection=on, or one that was stopped.

Faults that openssl would not make (a certificate that is not for stamps, a clock that is off…) are tokens made by hand (tsa_token.py).
Where a fault spoils only what the authority says, openssl still signs: it is asked with another nonce, imprint or policy.

Generations: the switch `generation` names a certificate of the PKI directory (STEM.pem, STEM.key, the chain above it in STEM.chain.pem) that signs instead of tsa.pem;
`shift_s` is by how much its clock differs from ours, for tests that let years pass: that is no fault.

Lists of revoked certificates are had from the control port, by plain http as usual: GET /crl/STEM is that of the authority STEM.pem, made when it is asked for (ledger
kind crl). POST /revoke {"ca": STEM, "cert": FILE} puts a certificate on it. Switch `crl`: good, absent (404), forged (signed by another key), old, huge, garbage.

Ledger kinds: granted (a stamp of the package is gone: serial, hash, imprint, policy, nonce, good = no fault spoilt it, by = login or subject of the
client certificate, user_agent…) | refused (reason) | dropped | broken | not-found.
Control port: GET /query?seq=N and GET /reply?seq=N, the bytes behind a line of the ledger.
"""

import base64
import dataclasses
import datetime
import hashlib
import os
import ssl
import subprocess
import sys
import tempfile
import threading

from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import tsa_token
from portal_base import HTML, Portal, Reply, media_type, run
from portal_switches import DELIVERY, Switch, SwitchError
from tsa_token import pki

QUERY_TYPE, REPLY_TYPE = "application/timestamp-query", "application/timestamp-reply"
POLICIES = ("1.2.3.4.1", "1.2.3.4.2")
HUGE = 9 << 20  # longer than the box takes
HOURS_10_YEARS = 10 * 366 * 24 * 3600
CONFIG = """[tsa]
default_tsa = the_one
[the_one]
serial = {dir}/serial
crypto_device = builtin
signer_cert = {pki}/tsa.pem
signer_key = {pki}/tsa.key
certs = {pki}/ca.pem
signer_digest = sha256
default_policy = {policies[0]}
other_policies = {policies[1]}
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""

# Faults of a token made by hand: how its order differs, and whose certificate signs it.
BY_HAND = {
    "usage_missing": ("the certificate is not for time stamps", {}, {"usage": "missing"}),
    "usage_not_critical": ("the usage of the certificate is not critical", {}, {"usage": "not-critical"}),
    "usage_not_alone": ("the certificate is for other uses too", {}, {"usage": "not-alone"}),
    "cert_expired": ("the certificate ended yesterday", {}, {"days": (-30, -1)}),
    "cert_not_yet": ("the certificate begins tomorrow", {}, {"days": (1, 30)}),
    "foreign": ("a certificate of an issuer that nobody trusts", {}, {"ca": "foreign-ca"}),
    "wrong_ess": ("SigningCertificateV2 names another certificate", {"ess": "other"}, {}),
    "no_ess": ("no SigningCertificate", {"ess": "missing"}, {}),
    "no_certs": ("the certificate is not in the token", {"certs": False}, {}),
    "weak_hash": ("signed with SHA-1", {"digest": "sha1"}, {}),
}
# Faults that openssl signs: what it is asked instead.
BY_OTHER_QUERY = {
    "wrong_nonce": "another nonce than was asked with", "no_nonce": "no nonce",
    "wrong_imprint": "another imprint", "wrong_hash": "the imprint of another hash", "wrong_policy": "another policy",
}


class Tsa(Portal):
    NAME, BASE, PHASES = "tsa", "/TSS/TSS_user/", ("stamp",)
    SWITCHES = dict(DELIVERY)
    del SWITCHES["huge_reply"]
    SWITCHES["login"] = Switch("text", "basic", "what is demanded", choices=("basic", "certificate", "none"))
    SWITCHES["user"] = Switch("text", "", 'name for Basic; "": no login is demanded')
    SWITCHES["password"] = Switch("text", "", "password for Basic")
    SWITCHES["package"] = Switch("number", 1000000, "stamps bought, used ones included")
    SWITCHES["status401"] = Switch("fault", "off", "401 whatever the login", take=False)
    SWITCHES["status403"] = Switch("fault", "off", "403 as with an empty package", take=False)
    SWITCHES["reject"] = Switch("fault", "off", "PKIStatus `status` with failInfo `fail` and `text`, no token")
    SWITCHES["status"] = Switch("number", 2, "PKIStatus of `reject`")
    SWITCHES["fail"] = Switch("text", "", 'failInfo of `reject`: badAlg, …, "bit-N" or "" for none')
    SWITCHES["text"] = Switch("text", "", "statusString of `reject`")
    SWITCHES["with_mods"] = Switch("fault", "off", "a good token with PKIStatus grantedWithMods")
    SWITCHES["no_token"] = Switch("fault", "off", "granted, without a token")
    SWITCHES["bad_signature"] = Switch("fault", "off", "the last byte of the signature is another one")
    SWITCHES["clock_off_s"] = Switch("text", "0", "the authority's clock is that many seconds ahead (negative: behind)")
    for _name, _words in BY_OTHER_QUERY.items():
        SWITCHES[_name] = Switch("fault", "off", _words)
    SWITCHES["generation"] = Switch("text", "", "stem of the certificate that signs; \"\": tsa")
    SWITCHES["shift_s"] = Switch("number", 0, "seconds that its clock is ahead of ours")
    SWITCHES["crl"] = Switch("text", "good", "what GET /crl gives", choices=("good", "absent", "forged", "old", "huge", "garbage"))
    SWITCHES["crl_days"] = Switch("number", 7, "days from a list to the next")
    for _name, (_words, _, _) in BY_HAND.items():
        SWITCHES[_name] = Switch("fault", "off", _words)

    def __init__(self, args):
        self.signing, self.authorities, self.bytes, self.revoked = threading.Lock(), {}, {}, {}
        self.dir = tempfile.TemporaryDirectory(prefix="tsa-")
        with open(self.path("serial"), "w", encoding="ascii") as f:
            f.write("%032X\n" % int.from_bytes(b"\x10" + os.urandom(7) + bytes(8), "big"))
        with open(self.path("config"), "w", encoding="ascii") as f:
            f.write(CONFIG.format(dir=self.dir.name, pki=os.path.abspath(args.pki), policies=POLICIES))
        super().__init__(args)

    @staticmethod
    def prepare_tls(context, args):
        """A client certificate is asked for, and demanded or not when the request is there."""
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(os.path.join(args.pki, "ca.pem"))

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def load(self, lines):
        self.used = sum(line["kind"] == "granted" for line in lines)

    def phase(self, request):
        return "stamp" if (request.method, request.path) == ("POST", self.BASE) else None

    def control(self, method, path, query, body):
        if method == "GET" and path.startswith("/crl/"):
            return self.crl(path.rpartition("/")[2])
        if (method, path) == ("POST", "/revoke"):
            cert = pki.load_cert(os.path.join(self.args.pki, body["cert"]))
            self.revoked.setdefault(body["ca"], []).append((cert.serial_number, self.now()))
            return 200, "application/json", b"{}"
        kept = self.bytes.get(int(query.get("seq", 0)), {}) if method == "GET" else {}
        name = path.strip("/")
        return (200, "application/octet-stream", kept[name]) if name in kept else None

    def now(self):
        return datetime.datetime.utcnow().replace(microsecond=0) + datetime.timedelta(seconds=self.switches.get("shift_s"))

    # --- lists of revoked certificates ---
    def crl(self, stem):
        kind = self.switches.get("crl")
        path = os.path.join(self.args.pki, os.path.basename(stem))
        if kind == "absent" or not os.path.exists(path + ".key"):
            self.ledger.add("crl", ca=stem, given=None)
            return 404, "text/html", HTML.encode()
        made = self.now() - datetime.timedelta(days=self.switches.get("crl_days") * 2 if kind == "old" else 0)
        builder = x509.CertificateRevocationListBuilder().issuer_name(pki.load_cert(path + ".pem").subject).last_update(made) \
            .next_update(made + datetime.timedelta(days=self.switches.get("crl_days")))
        for serial, when in self.revoked.get(stem, []):
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build())
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "forged" else pki.load_key(path + ".key")
        der = {"huge": bytes(HUGE), "garbage": b"no list"}.get(kind) or builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        self.ledger.add("crl", ca=stem, given=kind, sha256=hashlib.sha256(der).hexdigest(), time=made.isoformat())
        return 200, "application/pkix-crl", der

    # --- who asks ---
    def who(self, request):
        """The login or the subject of the client certificate, "" where nobody need be known; None: 401."""
        how, user = self.switches.get("login"), self.switches.get("user")
        if how == "certificate":
            return x509.load_der_x509_certificate(request.client).subject.rfc4514_string() if request.client else None
        if how == "none" or not user:
            return ""
        wanted = base64.b64encode(f"{user}:{self.switches.get('password')}".encode()).decode()
        return user if request.headers.get("Authorization") == f"Basic {wanted}" else None

    def process(self, request, phase):
        shot = self.fire(request, phase, *self.BEFORE_CHECKS, *self.REPLACING, "status401", "status403")
        who, reason, query = self.who(request), None, None
        if who is None or (shot and shot.name == "status401"):
            reason, reply = "401", Reply(HTML.encode(), "text/html", 401, {"WWW-Authenticate": 'Basic realm="TSS"'})
        elif (shot and shot.name == "status403") or not self.take_one():
            reason, reply = "403", Reply(HTML.encode(), "text/html", 403)
        else:
            reason, query, reply = self.stamp(request, phase, shot)
            if reason:
                self.give_back()
        plan = self.deliver(request, phase)
        if shot is not None and shot.name not in ("status401", "status403"):
            reply = self.replace(shot)
        fields = {**(query or {}), "by": who or "", "good": not request.faults}
        line = self.ledger.add("refused", reason=reason, **fields, **request.trace()) if reason else \
            self.ledger.add("granted", **fields, **request.trace())
        self.bytes[line["seq"]] = {"query": request.body, "reply": reply.body}
        return self.apply(plan, reply)

    def take_one(self):
        """One stamp of the package is spoken for; False when there is none."""
        with self.lock:
            if self.used >= self.switches.get("package"):
                return False
            self.used += 1
            return True

    def give_back(self):
        with self.lock:
            self.used -= 1

    # --- the stamp ---
    def stamp(self, request, phase, shot):
        """(reason why refused or None, what was asked, reply)"""
        if media_type(request.headers) != QUERY_TYPE:
            return "content type", None, Reply(tsa_token.response(2, fail="badRequest"), REPLY_TYPE)
        try:
            query = tsa_token.read_query(request.body)
        except ValueError as fault:
            return f"no TimeStampReq: {fault}", None, Reply(tsa_token.response(2, fail="badDataFormat"), REPLY_TYPE)
        told = {**query, "imprint": query["imprint"].hex(), "nonce": "%016x" % (query["nonce"] or 0)}
        if shot is not None and not shot.take:
            return f"fault {shot.name}", told, Reply()
        if self.fire(request, phase, "reject"):
            body = tsa_token.response(self.switches.get("status"), b"", self.switches.get("fail"),
                                      self.switches.get("text"))
            return "fault reject", told, Reply(body, REPLY_TYPE)
        body = self.answer(request, phase, query)
        status, token = tsa_token.read_response(body)
        if status["status"] not in ("granted", "granted_with_mods"):
            return f"openssl: {status['status']} {status['fail_info']}", told, Reply(body, REPLY_TYPE)
        return None, {**told, **token_facts(token)}, Reply(body, REPLY_TYPE)

    def answer(self, request, phase, query):
        name = next((n for n in (*BY_HAND, *BY_OTHER_QUERY, "with_mods", "no_token", "bad_signature")
                     if self.fire(request, phase, n)), None)
        off = self.clock_off(request)
        if name in BY_HAND or off or self.switches.get("generation") or self.switches.get("shift_s"):
            return self.by_hand(name, query, off)
        if name == "no_token":
            return tsa_token.response(0)
        body = self.openssl(self.other_query(name, query) if name in BY_OTHER_QUERY else request.body)
        if name == "with_mods":
            return tsa_token.response(1, tsa_token.read_response(body)[1].dump())
        return body[:-1] + bytes([body[-1] ^ 1]) if name == "bad_signature" else body

    def clock_off(self, request):
        text = self.switches.get("clock_off_s")
        try:
            seconds = int(text)
        except ValueError as fault:
            raise SwitchError(f"clock_off_s: {text!r} is no number of seconds") from fault
        if abs(seconds) > HOURS_10_YEARS:
            raise SwitchError("clock_off_s: more than ten years")
        if seconds:
            request.faults.append("clock_off_s")
        return seconds

    def openssl(self, query):
        """`openssl ts -reply`, one at a time because of its file of serial numbers."""
        with self.signing:
            with open(self.path("query"), "wb") as f:
                f.write(query)
            command = ["openssl", "ts", "-reply", "-config", self.path("config"), "-queryfile", self.path("query")]
            return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout

    @staticmethod
    def other_query(name, query):
        """The request that somebody else might have made."""
        changed = dict(query)
        if name == "wrong_nonce":
            changed["nonce"] = (query["nonce"] or 0) ^ 1
        elif name == "no_nonce":
            changed["nonce"] = None
        elif name == "wrong_imprint":
            changed["imprint"] = bytes([query["imprint"][0] ^ 1]) + query["imprint"][1:]
        elif name == "wrong_hash":
            changed["hash"], changed["imprint"] = ("sha512", bytes(64)) if query["hash"] != "sha512" else ("sha256", bytes(32))
        elif name == "wrong_policy":
            changed["policy"] = POLICIES[1] if query["policy"] in (None, POLICIES[0]) else POLICIES[0]
        return tsp.TimeStampReq({
            "version": "v1", "nonce": changed["nonce"], "req_policy": changed["policy"], "cert_req": True,
            "message_imprint": {"hash_algorithm": {"algorithm": changed["hash"]},
                                "hashed_message": changed["imprint"]}}).dump()

    def by_hand(self, name, query, off):
        _, changes, authority = BY_HAND.get(name, ("", {}, {"stem": self.switches.get("generation")} if self.switches.get("generation") else {}))
        order = tsa_token.Order(query["hash"], query["imprint"], query["nonce"], query["policy"] or POLICIES[0],
                                int.from_bytes(b"\x20" + os.urandom(8), "big"),
                                self.now() + datetime.timedelta(seconds=off))
        signer, other = self.authority(authority), self.authority({"common": "Podatelna test TSA 2"})
        return tsa_token.response(0, tsa_token.token(dataclasses.replace(order, **changes), signer, other))

    def authority(self, how):
        with self.signing:
            key = repr(sorted(how.items()))
            if key not in self.authorities:
                self.authorities[key] = tsa_token.Authority(self.args.pki, **how)
            return self.authorities[key]


def token_facts(token):
    """What a token says, for the ledger."""
    if token is None:
        return {}
    info = token["content"]["encap_content_info"]["content"].parsed.native
    return {"serial": "%x" % info["serial_number"], "gen_time": info["gen_time"].isoformat(), "policy": info["policy"]}


if __name__ == "__main__":
    sys.exit(run(Tsa, __doc__))
