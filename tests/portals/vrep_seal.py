"""Results of ČSSZ and their seal (spec/cssz 6.1, 6.3, 14.4 to 14.8), good and spoiled."""

import base64
import datetime
import hashlib
import secrets

import vrep_cms
import vrep_xml
from vrep_xml import escape, quoteattr

MESSAGE_URI = "http://www.cssz.cz/XMLSchema/envelope"
ALGORITHMS = {"sha512": "http://www.w3.org/2001/04/xmlenc#sha512", "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
              "sha256": "http://www.w3.org/2001/04/xmlenc#sha256", "sha1": "http://www.w3.org/2000/09/xmldsig#sha1"}
XSIG = "http://www.w3.org/2000/09/xmldsig#"
FAULTS = {
    "seal_wrong_key": "signed by a key with the right name under a foreign CA",
    "seal_old_key": "signed by the expired certificate of DIS",
    "seal_altered_result": "an attribute of ProcessingResult changed after sealing",
    "seal_altered_digest": "the CMS holds and signs another digest than that of the message",
    "seal_bad_signature": "one bit of the signature value changed",
    "seal_expired_time": "TimeStamp is ten years after the end of the certificate",
    "seal_early_time": "TimeStamp is ten years before the beginning of the certificate",
    "seal_garbage": "SignatureValue is base64 of something else than CMS",
    "seal_not_base64": "SignatureValue is not base64",
    "seal_empty": "SignatureValue is empty",
    "seal_missing": "the header holds no Signature",
    "seal_detached": "the CMS carries no digest",
    "seal_hex_digest": "the CMS holds the digest in hexadecimal",
    "seal_false_algorithm": "DigestMethod names another algorithm than the one used",
}


def general_item(etype, result="OK", text="", number=""):
    return item("", "", etype, "", result, text, number)


def item(sqnr, identifier, subtype, period="", result="OK", text="", number=""):
    return {"sqnr": sqnr, "identifier": identifier, "subtype": subtype, "period": period, "result": result, "errMsg": text,
            "errNum": str(number)}


def attributes(pairs):
    return "".join(f" {name}={quoteattr(value)}" for name, value in pairs)


def body_xml(cls, outcome):
    """Message/Body of a result. outcome: see vrep_rules.Outcome."""
    bad = outcome.result != "OK"
    head = (("type", cls), ("version", "1,0"), ("result", outcome.result), ("errMsg", outcome.text), ("errNumber", str(outcome.number)),
            ("count", str(outcome.count)), ("countErr", str(outcome.errors)), ("countWar", str(outcome.warnings)))
    raised = "<RaisedBy>CSSZDIS</RaisedBy>" if bad else "<RaisedBy/>"
    words = f"<Text>{escape(outcome.text)}</Text>" if outcome.text else "<Text/>"
    error = f"<Error>{raised}<Number>{outcome.number}</Number><Type>{escape(cls)}</Type>{words}</Error>"
    items = "".join(f"<Item{attributes(i.items())}/>" for i in outcome.items)
    more = ""
    if outcome.data is not None:
        more = f"<ProcessingResponse><Data{attributes(outcome.data['attributes'])}>{outcome.data['text']}</Data></ProcessingResponse>"
    return f"<Body><ProcessingResult{attributes(head)}>{error}<Details>{items}</Details></ProcessingResult>{more}</Body>"


def message_xml(seal, body):
    return f'<Message xmlns="{MESSAGE_URI}" version="1.2" eType="response"><Header>{seal}</Header>{body}</Message>'


def seal_xml(algorithm, moment, value):
    return (f'<Signature xmlns="http://www.cssz.cz/emp/timestamp" Version="1.0"><DigestMethod Algorithm="{ALGORITHMS[algorithm]}"/>'
            f"<TimeStamp><date>{moment:%Y%m%d}</date><time>{moment:%H:%M:%S}</time></TimeStamp>"
            f"<SignatureValue>{value}</SignatureValue></Signature>")


class Sealer:
    """keys: {name: vrep_cms.Key} of pki.make_dis()."""

    def __init__(self, keys):
        self.keys = keys

    def message(self, cls, outcome, signer="dis", algorithm="sha512", attributes_on=True, inherited=(), fault=None, cms_digest="sha256"):
        """The sealed Message as text. inherited: namespace declarations, (prefix, uri), of the envelope that the seal is made over."""
        key = self.keys[{"seal_wrong_key": "dis-foreign", "seal_old_key": "dis-old"}.get(fault, signer)]
        moment = datetime.datetime.utcnow().replace(microsecond=0)
        if fault == "seal_expired_time":
            moment = key.cert.not_after + datetime.timedelta(days=3653)
        elif fault == "seal_early_time":
            moment = key.cert.not_before - datetime.timedelta(days=3653)
        body = body_xml(cls, outcome)
        if fault == "seal_missing":
            return message_xml("", body)
        named = algorithm if fault != "seal_false_algorithm" else "sha256" if algorithm != "sha256" else "sha512"
        digest = self.digest(message_xml(seal_xml(named, moment, ""), body), algorithm, inherited)
        value = self.value(key, digest, fault, attributes_on, cms_digest)
        if fault == "seal_altered_result":
            count = f'count="{outcome.count}"'
            body = body.replace(count, f'count="{outcome.count + 1}"', 1)
        return message_xml(seal_xml(named, moment, value), body)

    @staticmethod
    def digest(text, algorithm, inherited):
        wrap = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in inherited)
        root = vrep_xml.parse(f"<E{wrap}>{text}</E>".encode(), strip=True)
        return hashlib.new(algorithm, vrep_xml.canonical(root.elements()[0])).digest()

    @staticmethod
    def value(key, digest, fault, attributes_on, cms_digest):
        if fault == "seal_empty":
            return ""
        if fault == "seal_not_base64":
            return "%%% není base64 %%%"
        if fault == "seal_garbage":
            return base64.b64encode(secrets.token_bytes(900)).decode()
        if fault == "seal_altered_digest":
            digest = bytes([digest[0] ^ 1]) + digest[1:]
        if fault == "seal_hex_digest":
            digest = digest.hex().encode()
        signed = bytearray(vrep_cms.sign_attached(key, digest, cms_digest, attributes_on, fault != "seal_detached"))
        if fault == "seal_bad_signature":
            signed[-10] ^= 1
        return base64.b64encode(bytes(signed)).decode()
