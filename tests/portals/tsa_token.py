"""Time-stamp tokens by hand, for the faults that `openssl ts -reply` does not make: RFC 3161 and RFC 5816, written from there.

An Order says what stands in a token; everything that is not said is as it should be.
"""

import dataclasses
import datetime
import hashlib
import os
import ssl
import sys

from asn1crypto import cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import portal_der as der

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import pki  # noqa: E402

SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{n}" for n in (3, 4, 5))
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
ECDSA = {"sha256": "1.2.840.10045.4.3.2", "sha1": "1.2.840.10045.4.1"}
HASHES = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2",
          "sha512": "2.16.840.1.101.3.4.2.3"}
FAIL_BITS = {"badAlg": 0, "badRequest": 2, "badDataFormat": 5, "timeNotAvailable": 14, "unacceptedPolicy": 15,
             "unacceptedExtension": 16, "addInfoNotAvailable": 17, "systemFailure": 25}
END = "-----END CERTIFICATE-----\n"
DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate and its key, made when the simulator starts; the key is in memory only. usage: "good", "missing", "not-critical",
    "not-alone"; days: from and until, from now; ca: stem of the issuer's files. stem: one that lies there already, with the chain above it."""

    def __init__(self, pki_dir, usage="good", days=(-1, 3650), ca="ca", common="Podatelna test TSA", stem=None):
        self.chain = []
        if stem:
            path = os.path.join(pki_dir, stem)
            self.key, self.cert = pki.load_key(path + ".key"), pki.load_cert(path + ".pem")
            self.der = self.cert.public_bytes(serialization.Encoding.DER)
            with open(path + ".chain.pem", encoding="ascii") as f:
                self.chain = [ssl.PEM_cert_to_DER_cert(part + END) for part in f.read().split(END)[:-1]]
            return
        stamping, tls = pki.ExtendedKeyUsageOID.TIME_STAMPING, pki.ExtendedKeyUsageOID.SERVER_AUTH
        uses = {"good": ([stamping], True), "missing": ([tls], True), "not-critical": ([stamping], False),
                "not-alone": ([stamping, tls], True)}
        names, critical = uses[usage]
        self.key = ec.generate_private_key(ec.SECP256R1())
        issuer, issuer_key = (load(os.path.join(pki_dir, ca + end))
                              for load, end in ((pki.load_cert, ".pem"), (pki.load_key, ".key")))
        self.cert = pki.sign_cert(pki.name(common, "Podatelna test"), self.key.public_key(), issuer.subject, issuer_key,
                                  pki.key_usage("digital_signature", "content_commitment"), days=days,
                                  extensions=((x509.ExtendedKeyUsage(names), critical),))
        self.der = self.cert.public_bytes(serialization.Encoding.DER)


@dataclasses.dataclass
class Order:
    hash: str
    imprint: bytes
    nonce: int = None
    policy: str = "1.2.3.4.1"
    serial: int = 1
    time: datetime.datetime = None
    accuracy_s: int = 1
    certs: bool = True
    ess: str = "good"  # good, missing, other
    digest: str = "sha256"


def read_query(body):
    """The fields of a TimeStampReq; ValueError when it is none. Strict DER."""
    der.check(body)
    query = tsp.TimeStampReq.load(body, strict=True).native
    imprint = query["message_imprint"]
    return {"version": query["version"], "hash": imprint["hash_algorithm"]["algorithm"],
            "imprint": imprint["hashed_message"], "policy": query["req_policy"], "nonce": query["nonce"],
            "cert_req": query["cert_req"], "extensions": bool(query["extensions"])}


def read_response(body):
    """(PKIStatusInfo as a dict, ContentInfo or None) of a TimeStampResp."""
    der.check(body)
    _, _, at, end = der.header(body, 0, len(body))
    _, _, _, split = der.header(body, at, end)
    status = tsp.PKIStatusInfo.load(body[at:split], strict=True).native
    return status, cms.ContentInfo.load(body[split:end], strict=True) if split < end else None


def digest_algorithm(name):
    return der.sequence(der.oid(HASHES[name]), der.null())


def moment(when):
    return der.tlv(0x18, when.strftime("%Y%m%d%H%M%SZ").encode())


def tst_info(order):
    when = order.time or datetime.datetime.utcnow()
    parts = [der.integer(1), der.oid(order.policy),
             der.sequence(digest_algorithm(order.hash), der.octets(order.imprint)), der.integer(order.serial),
             moment(when), der.sequence(der.integer(order.accuracy_s))]
    return der.sequence(*parts, *([der.integer(order.nonce)] if order.nonce is not None else []))


def attribute(name, value):
    return der.sequence(der.oid(name), der.set_of(value))


def token(order, authority, named=None):
    """ContentInfo. named: the authority whose certificate is named where ess is "other"."""
    content = tst_info(order)
    used = hashlib.new(order.digest)
    used.update(content)
    attributes = [attribute(CONTENT_TYPE, der.oid(TST_INFO)), attribute(MESSAGE_DIGEST, der.octets(used.digest())),
                  attribute(SIGNING_TIME, der.tlv(0x17, (order.time or datetime.datetime.utcnow()).strftime("%y%m%d%H%M%SZ").encode()))]
    if order.ess != "missing":
        cert = (named if order.ess == "other" else authority).der
        ids = der.sequence(der.octets(hashlib.sha256(cert).digest()))
        attributes.append(attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(ids))))
    to_sign = der.set_of(*attributes)
    algorithm = hashes.SHA1() if order.digest == "sha1" else hashes.SHA256()
    signature = authority.key.sign(to_sign, ec.ECDSA(algorithm))
    issuer = der.sequence(authority.cert.issuer.public_bytes(), der.integer(authority.cert.serial_number))
    signer = der.sequence(der.integer(1), issuer, digest_algorithm(order.digest), b"\xa0" + to_sign[1:],
                          der.sequence(der.oid(ECDSA[order.digest])), der.octets(signature))
    certs = [der.tlv(0xA0, b"".join(sorted([authority.der, *authority.chain])))] if order.certs else []
    data = der.sequence(der.integer(3), der.set_of(digest_algorithm(order.digest)),
                        der.sequence(der.oid(TST_INFO), der.tlv(0xA0, der.octets(content))), *certs,
                        der.set_of(signer))
    return der.sequence(der.oid(SIGNED_DATA), der.tlv(0xA0, data))


def response(status, token_der=b"", fail=None, text=""):
    """TimeStampResp. fail: a name of FAIL_BITS, or "bit-N"."""
    parts = [der.integer(status)]
    if text:
        parts.append(der.sequence(der.tlv(0x0C, text.encode())))
    if fail:
        bit = FAIL_BITS[fail] if fail in FAIL_BITS else int(fail.partition("-")[2])
        octets = bytearray(bit // 8 + 1)
        octets[bit // 8] = 0x80 >> bit % 8
        parts.append(der.tlv(0x03, bytes([7 - bit % 8]) + bytes(octets)))
    return der.sequence(der.sequence(*parts), token_der)
