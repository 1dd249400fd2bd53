"""What DIS checks of a ČSSZ Message and what comes of it, in the order of spec/cssz 14.13."""

import base64
import binascii
import datetime
import hashlib
import re
import zlib

import portal_cms
import vrep_cms
import vrep_services as services
import vrep_xml
from vrep_seal import MESSAGE_URI, general_item, item

DT = "urn:schemas-microsoft-com:datatypes"
PLAIN_MAX = 64 * 1024 * 1024
NUMBERS = {
    1: "element missing", 61: "not valid against the schema", 62: "exactly one form required",
    63: "VS in the envelope is not the VS in the data", 64: "no record in the data",
    101: "signing certificate is not a valid qualified certificate", 102: "signature invalid",
    103: "certificate not in the register of submitters", 104: "error verifying the signature", 105: "signing key expired",
    201: "bad encryption certificate", 202: "expired encryption certificate", 300: "duplicate", 302: "duplicate",
    305: "number of forms not 1 to 1500", 310: "service not allowed through this channel", 400: "processing error, check the data",
    17800: "unspecified", 17801: "bad ČSSZ envelope or namespace", 17803: "signature block missing", 17804: "data block missing",
    17805: "data not decodable", 17806: "unknown envelope version or data not encrypted", 17807: "signature not decodable",
    17808: "wrong envelope version for the form", 17810: "decryption failed", 17812: "service not running",
    17813: "unknown Class or wrong eType", 17814: "sent by an outdated program, or not decryptable", 17819: "not XML",
    17820: "error verifying the signature", 17823: "error verifying the signature", 17824: "error verifying the signature",
    17830: "invalid signature", 17831: "problem with the signer's certificate", 17832: "problem with the signer's certificate",
    17833: "problem with the signer's certificate", 17835: "decompression failed", 17836: "decrypted content is not XML",
    17837: "decrypted content cannot be loaded", 17839: "problem with the signer's certificate", 17840: "empty data",
    20000: "technical error of DIS", 20022: "JMHZ: this submission was received already", 40000: "technical error of cJMHZ",
    51105: "unknown data or attributes", 51107: "namespace wrong or missing",
}


class Refused(Exception):
    """DIS refuses before processing. why: for the ledger; text: what the result says."""

    def __init__(self, number, why=None, text=None):
        self.number, self.text = number, text or NUMBERS[number]
        self.why = why or self.text
        super().__init__(self.why)


class Submission:
    """What was read of a Message before anything was refused; every field may be missing."""

    def __init__(self, cls, vs):
        self.cls, self.vs, self.etype, self.service = cls, vs, "", None
        self.data = self.root = self.signature = self.recipient = self.encoding = self.vendor = None
        self.forms, self.notes, self.email = [], [], None

    def describe(self):
        """Fields of a ledger line."""
        digest = hashlib.sha256(self.data).hexdigest() if self.data is not None else None
        signed = self.signature
        return {"class": self.cls, "etype": self.etype, "vs": self.vs, "sha256": digest, "xml_sha256": digest,
                "bytes": None if self.data is None else len(self.data), "forms": len(self.forms), "encoding": self.encoding,
                "recipient": self.recipient, "vendor": self.vendor, "signer_serial": f"{signed.serial:X}" if signed else None,
                "signer_subject": signed.subject if signed else None, "digest": signed.digest if signed else None,
                "notes": list(self.notes)}


class Outcome:
    """Content of a ProcessingResult. qualifier: of the envelope. govtalk: (raised by, number, text, type) or None.

    state: ok | partial | refused. data: {"attributes": [(name, value)], "text": base64} or None."""

    FIELDS = ("result", "number", "text", "count", "errors", "warnings", "items", "qualifier", "govtalk", "state", "data")

    def __init__(self, **fields):
        self.result, self.number, self.text, self.count, self.errors, self.warnings = "OK", 0, "", 0, 0, 0
        self.items, self.qualifier, self.govtalk, self.state, self.data = [], "response", None, "ok", None
        for name, value in fields.items():
            setattr(self, name, value)

    def store(self):
        return {name: getattr(self, name) for name in self.FIELDS}

    def copy(self):
        return Outcome(**{**self.store(), "items": [dict(i) for i in self.items]})


def refusal(number, text, count):
    """Refused before processing: one wholly empty Item and a GovTalkErrors block (spec/cssz 6.1, 14.5)."""
    return Outcome(result="ERROR", number=number, text=text, count=count, errors=count, items=[item("", "", "", result="")],
                   qualifier="error", govtalk=("CSSZDIS", number, text, "business"), state="refused")


def refused(submission, fault):
    """Outcome of a Refused. A control of JMHZ (20000 and more) is reported by the general Item, not as a refusal before processing."""
    count = max(1, len(submission.forms))
    out = refusal(fault.number, fault.text, count)
    if 20000 <= fault.number < 50000 and submission.cls == "CSSZ_JMHZ":
        out.items = [general_item("", "ERROR", f"JMHZ25: {fault.number} - {fault.text}", fault.number)]
    return out


class Verdicts:
    """Which forms a switch wants refused or warned of: numbers from 1, or "all"."""

    def __init__(self, refuse="", warn="", number=604, text="Číslo účtu & kód banky <neznámé>"):
        self.refuse, self.warn, self.number, self.text = refuse, warn, number, text

    @staticmethod
    def hits(wanted, at):
        return wanted == "all" or str(at) in re.split(r"[ ,]+", wanted)


def processed(submission, verdicts):
    """Outcome of a submission that passed all checks: general Item, then one for each form."""
    etype, service = submission.etype, submission.service
    subtype = "" if service.cls == "CSSZ_JMHZ" else etype
    prefix = etype + "_LT"
    items, bad, warned, first = [], 0, 0, ""
    for at, form in enumerate(submission.forms if service.reply is None else [], 1):
        words = f"{prefix}: {verdicts.number} - {verdicts.text}"
        failed, warning = verdicts.hits(verdicts.refuse, at), verdicts.hits(verdicts.warn, at)
        bad, warned = bad + failed, warned + (warning and not failed)
        first = first or (words if failed else "")
        said = (words, verdicts.number) if failed or warning else ("", "")
        items.append(item(form.sqnr, form.identifier, form.subtype, form.period, "ERROR" if failed else "OK", *said))
    count = len(submission.forms)
    out = Outcome(count=count, errors=bad, warnings=warned, items=[general_item(subtype)] + items)
    if bad:
        refuse_forms(out, service, verdicts, first, bad == len(items))
    return out


def refuse_forms(out, service, verdicts, words, everything):
    out.result, out.number, out.text = "ERROR", verdicts.number, words
    out.state = "refused" if everything or service.whole else "partial"
    if service.whole:
        out.items[0].update(result="ERROR", errMsg=words, errNum=str(verdicts.number))
    if out.state == "refused" or service.cls == "CSSZ_JMHZ":
        out.qualifier, out.govtalk = "error", ("CSSZDIS", 3001, words, "business")


class Policy:
    """What the checks need of the simulator. keys: certificates of DIS in use. register(signature, service, vs): why not, or None."""

    def __init__(self, keys, anchors, register, allow_ec=False):
        self.keys, self.anchors, self.register, self.allow_ec = keys, anchors, register, allow_ec


def blocks(message, submission):
    """(signature block, body block) after the checks of the envelope. 17801, 17806, 17808, 17813, 17803, 17804."""
    if message is None or message.local != "Message" or message.uri != MESSAGE_URI:
        raise Refused(17801, "no Message of the namespace of ČSSZ")
    head, body = message.elements("Header"), message.elements("Body")
    if [e.local for e in message.elements()] not in (["Header", "Body"], ["Header"], ["Body"]) or any(e.uri != MESSAGE_URI
                                                                                                     for e in message.elements()):
        raise Refused(17801, "Message does not hold Header and Body")
    submission.etype = message.get("eType") or ""
    if message.get("version") not in ("1.0", "1.1", "1.2"):
        raise Refused(17806, f"version {message.get('version')!r}")
    if body and body[0].get("encrypted") != "yes":
        raise Refused(17806, "encrypted is not yes")
    if message.get("version") != "1.2":
        raise Refused(17808, "version 1.2 is needed")
    submission.service = services.find(submission.cls, submission.etype)
    if submission.service is None:
        raise Refused(17813, f"Class {submission.cls!r} with eType {submission.etype!r}")
    note_form(head[0] if head else None, body[0] if body else None, submission)
    signature = head[0].find("Signature") if head else None
    if signature is None or signature.empty():
        raise Refused(17803)
    if not body or body[0].empty():
        raise Refused(17804)
    return signature, body[0]


def note_form(head, body, submission):
    """Departures from spec/cssz 5 that have no number of their own."""
    vendor = head.find("Vendor") if head else None
    if vendor is None or not vendor.get("productName") or not vendor.get("version"):
        submission.notes.append("Vendor without productName or version")
    else:
        submission.vendor = f"{vendor.get('productName')} {vendor.get('version')}"
    for element in [head.find("Signature") if head else None, body]:
        if element is not None and not any(a[:2] == ("dt", "dt") and a[2:] == (DT, "bin.base64") for a in element.attributes):
            submission.notes.append(f"{element.local} without dt:dt=bin.base64")
    if body is not None:
        submission.encoding = body.get("contentEncoding")


def unbase64(element, number):
    try:
        found = base64.b64decode(re.sub(r"\s+", "", element.text()), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise Refused(number, f"base64: {fault}") from fault
    if not found:
        raise Refused(number, "nothing in the block")
    return found


def gunzip(data):
    """Exactly one gzip member, within PLAIN_MAX. 17835."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(data, PLAIN_MAX)
    except zlib.error as fault:
        raise Refused(17835, str(fault)) from fault
    if not unpacker.eof or unpacker.unused_data:
        raise Refused(17835, "cut short, too long, or something after the end")
    return plain


def check(message, submission, policy, now):
    """Reads a Message into the Submission. Raises Refused; what follows the VS is check_data()."""
    signature_block, body = blocks(message, submission)
    if submission.encoding not in ("raw", "gzip"):
        raise Refused(17801, f"contentEncoding {submission.encoding!r}")
    try:
        # Both blocks are decoded first: a bad one is found whatever is wrong with the other.
        enveloped = vrep_cms.load_enveloped(unbase64(body, 17805), submission.notes)
        signed = vrep_cms.load_signature(unbase64(signature_block, 17807), submission.notes)
        plain, key = vrep_cms.decrypt(enveloped, policy.keys, now, submission.notes)
        submission.recipient = key.name
        data = gunzip(plain) if submission.encoding == "gzip" else plain
        submission.data = data
        if not data:
            raise Refused(17840)
        submission.root = parse(data)
        submission.signature = vrep_cms.verify_detached(signed, data, submission.notes)
    except vrep_cms.CmsError as fault:
        raise Refused(fault.number, str(fault)) from fault
    check_certificate(submission, policy, now)
    check_data(submission)


def parse(data):
    try:
        return vrep_xml.parse(data)
    except vrep_xml.XmlError as fault:
        raise Refused(17836, str(fault)) from fault


def check_certificate(submission, policy, now):
    signature, cert = submission.signature, submission.signature.cert
    try:
        known = cert.issuer != cert.subject and portal_cms.chained(cert, signature.others, policy.anchors)
    except vrep_cms.CMS_FAULTS as fault:
        raise Refused(101, f"the chain cannot be judged: {fault}") from fault
    if not known or not cert.signs:
        raise Refused(101, "not issued by the known authority, or not for signatures")
    if not policy.allow_ec and not isinstance(cert.key, portal_cms.rsa.RSAPublicKey):
        raise Refused(101, "key is not RSA")
    if now > cert.not_after:
        raise Refused(105)
    if now < cert.not_before:
        raise Refused(101, "not valid yet")
    why = policy.register(signature, submission.service, submission.vs)
    if why:
        raise Refused(103, why)


def check_data(submission):
    """VS (63), number of forms (305, 62, 64). What is counted needs the right root: 51105, 51107 come here."""
    service, root = submission.service, submission.root
    fault = services.root_fault(service, submission.etype, root)
    if fault:
        raise Refused(fault[0], fault[1])
    inside = services.symbols(service, root)
    if submission.vs is None and service.organisation:
        raise Refused(63, "the envelope carries no VS")
    if submission.vs is not None and inside and inside != [submission.vs]:
        raise Refused(63, f"envelope {submission.vs}, data {', '.join(inside)}")
    if submission.vs is not None and not inside:
        submission.notes.append("no VS found in the data")
    submission.forms = services.forms_of(service, submission.etype, root)
    fault = services.count_fault(service, root, submission.forms)
    if fault:
        raise Refused(fault[0], fault[1])


def check_structure(submission):
    """61, the last of all checks."""
    fault = services.structure_fault(submission.service, submission.root, submission.forms)
    if fault:
        raise Refused(61, fault, f"{NUMBERS[61]}: {fault}")


def utc():
    return datetime.datetime.utcnow()
