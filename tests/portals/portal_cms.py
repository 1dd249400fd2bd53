"""CMS for the simulators: a strict check of signed filings (spec/epo 3.3) and the making of signed replies (7.2)."""

import datetime
import functools
import hashlib

from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import portal_der as der

DATA, SIGNED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"
SHA256, RSA = "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.1"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{n}" for n in (3, 4, 5))
IK_MPSV = "1.3.6.1.4.1.11801.2.1"
RSA_BITS_MIN = 2048


class CmsError(ValueError):
    """A filing that is not signed as it should be; the message is in English, for the ledger."""


class CertificateError(CmsError):
    """The signature may be sound, the certificate is not acceptable."""


class Signed:
    """What a good signed filing holds: content, signer's certificate (DER and Cert), all certificates, notes."""

    def __init__(self, content, signer_der, certs, notes):
        self.content, self.signer_der, self.certs, self.notes = content, signer_der, certs, notes
        self.cert = parse_cert(signer_der)
        self.subject, self.serial = self.cert.subject_text, f"{self.cert.serial:X}"
        self.ik_mpsv = self.cert.ik_mpsv


class Policy:
    """anchors: CA certificates as Cert, or None when the chain is not to be checked."""

    def __init__(self, anchors=None, allow_ec=False, require_ik=False):
        self.anchors, self.allow_ec, self.require_ik = anchors, allow_ec, require_ik


class Cert:
    """What the simulators need of a certificate, taken out at once: reading the extensions of one object of the
    cryptography library from two threads fails with "Already borrowed"."""

    def __init__(self, cert_der):
        cert = x509.load_der_x509_certificate(cert_der)
        extensions = cert.extensions
        self.der, self.key = cert_der, cert.public_key()
        self.issuer, self.subject = cert.issuer.public_bytes(), cert.subject.public_bytes()
        self.subject_text, self.serial = cert.subject.rfc4514_string(), cert.serial_number
        self.not_before, self.not_after = cert.not_valid_before, cert.not_valid_after
        self.signature, self.tbs = cert.signature, cert.tbs_certificate_bytes
        self.hash = cert.signature_hash_algorithm
        usage = extension(extensions, x509.KeyUsage)
        self.has_usage = usage is not None
        self.signs = self.has_usage and (usage.digital_signature or usage.content_commitment)
        constraints = extension(extensions, x509.BasicConstraints)
        self.is_ca = constraints is not None and constraints.ca
        self.ik_mpsv = ik_mpsv(cert.subject, extension(extensions, x509.SubjectAlternativeName))


def extension(extensions, kind):
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


@functools.lru_cache(maxsize=256)
def parse_cert(cert_der):
    """Cert of these bytes; the same object may be given to several threads."""
    return Cert(cert_der)


def require(condition, words, kind=CmsError):
    if not condition:
        raise kind(words)


def parse(body):
    """ContentInfo → (SignedData, content). Raises CmsError."""
    try:
        der.check(body)
        info = asn1_cms.ContentInfo.load(body, strict=True)
        require(info["content_type"].dotted == SIGNED_DATA, "not signedData")
        signed = info["content"]
        encap = signed["encap_content_info"]
        require(encap["content_type"].dotted == DATA, "eContentType is not id-data")
        content = encap["content"].native
        require(content is not None, "detached signature")
        return signed, content
    except CmsError:
        raise
    except der.DerError as fault:
        raise CmsError(f"not DER: {fault}") from fault
    except (ValueError, TypeError, KeyError) as fault:
        raise CmsError(f"not CMS: {fault}") from fault


def certificates(signed):
    return [c.chosen.dump() for c in signed["certificates"] or [] if c.name == "certificate"]


def verify(body, policy):
    """Checks a filing's signature; returns Signed or raises CmsError / CertificateError."""
    signed, content = parse(body)
    try:
        signers = signed["signer_infos"]
        require(len(signers) == 1, f"{len(signers)} signatures")
        signer = signers[0]
        require(signed["version"].native == "v1" and signer["version"].native == "v1", "version is not 1")
        require(signer["sid"].name == "issuer_and_serial_number", "signer is not named by issuer and serial number")
        require(signer["digest_algorithm"]["algorithm"].dotted == SHA256, "digest is not SHA-256")
        require([a["algorithm"].dotted for a in signed["digest_algorithms"]] == [SHA256],
                "digestAlgorithms is not just SHA-256")
        attributes, notes = signed_attributes(signer, content)
        certs = certificates(signed)
        signer_der = find_signer(certs, signer["sid"].chosen)
        check_signature(signer, attributes, parse_cert(signer_der), policy)
        result = Signed(content, signer_der, certs, notes)
        check_certificate(result, policy)
    except CmsError:
        raise
    except (ValueError, TypeError, KeyError) as fault:
        raise CmsError(f"not CMS: {fault}") from fault
    if len(certs) == 1:
        notes.append("no intermediate certificates")
    return result


def signed_attributes(signer, content):
    """(DER that is signed, notes). RFC 5652 5.3, 5.4, 11."""
    attributes = signer["signed_attrs"]
    require(len(attributes) > 0, "no signed attributes")
    raw = b"\x31" + attributes.dump()[1:]
    # The implicit tag hides the SET from the general check.
    der.check(raw)
    values, notes = {}, []
    for attribute in attributes:
        name = attribute["type"].dotted
        require(name not in values, f"signed attribute {name} twice")
        require(len(attribute["values"]) == 1, f"signed attribute {name} has not one value")
        values[name] = attribute["values"][0]
    require(CONTENT_TYPE in values and values[CONTENT_TYPE].dotted == DATA, "attribute contentType")
    require(MESSAGE_DIGEST in values, "attribute messageDigest is missing")
    require(values[MESSAGE_DIGEST].native == hashlib.sha256(content).digest(), "messageDigest does not match")
    require(SIGNING_TIME in values, "attribute signingTime is missing")
    others = sorted(set(values) - {CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME})
    notes.extend(f"signed attribute {name}" for name in others)
    if len(signer["unsigned_attrs"]) > 0:
        notes.append("unsigned attributes")
    return raw, notes


def find_signer(certs, sid):
    issuer, serial = sid["issuer"].dump(), sid["serial_number"].native
    for cert_der in certs:
        cert = asn1_x509.Certificate.load(cert_der)
        if cert.serial_number == serial and cert.issuer.dump() == issuer:
            return cert_der
    raise CmsError("the signer's certificate is not included")


def check_signature(signer, attributes, cert, policy):
    algorithm = signer["signature_algorithm"]["algorithm"].native
    signature, key = signer["signature"].native, cert.key
    try:
        if isinstance(key, rsa.RSAPublicKey):
            require(algorithm in ("rsassa_pkcs1v15", "sha256_rsa"), f"signature algorithm {algorithm}")
            require(key.key_size >= RSA_BITS_MIN, f"RSA key of {key.key_size} bits")
            key.verify(signature, attributes, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and policy.allow_ec:
            require(algorithm == "sha256_ecdsa", f"signature algorithm {algorithm}")
            key.verify(signature, attributes, ec.ECDSA(hashes.SHA256()))
        else:
            raise CmsError(f"key of the kind {type(key).__name__}")
    except InvalidSignature as fault:
        raise CmsError("the signature does not match") from fault


def check_certificate(signed, policy):
    cert, now = signed.cert, datetime.datetime.utcnow()

    def wrong(condition, words):
        require(not condition, words, CertificateError)

    wrong(now < cert.not_before, "certificate is not valid yet")
    wrong(now > cert.not_after, "certificate is no longer valid")
    wrong(cert.issuer == cert.subject, "self-signed certificate")
    wrong(not cert.has_usage, "no keyUsage")
    wrong(not cert.signs, "keyUsage does not allow signatures")
    if policy.anchors is not None:
        wrong(not chained(cert, [parse_cert(c) for c in signed.certs], policy.anchors), "issuer is not trusted")
    wrong(policy.require_ik and not signed.ik_mpsv, "no IK MPSV")


def chained(cert, pool, anchors, depth=5):
    """Is there a path of signatures to an anchor?"""
    if any(issued_by(cert, anchor) for anchor in anchors):
        return True
    return depth > 0 and any(issued_by(cert, other) and chained(other, pool, anchors, depth - 1)
                             for other in pool if other != cert)


def issued_by(cert, issuer):
    if cert.issuer != issuer.subject or not issuer.is_ca:
        return False
    try:
        if isinstance(issuer.key, rsa.RSAPublicKey):
            issuer.key.verify(cert.signature, cert.tbs, padding.PKCS1v15(), cert.hash)
        else:
            issuer.key.verify(cert.signature, cert.tbs, ec.ECDSA(cert.hash))
        return True
    except InvalidSignature:
        return False


def ik_mpsv(subject, names):
    """IK MPSV of a certificate, or None: SAN first, then the subject (spec/epo 4)."""
    wanted = x509.ObjectIdentifier(IK_MPSV)
    for other in names.get_values_for_type(x509.OtherName) if names is not None else ():
        if other.type_id == wanted and other.value[:2] == b"\x0c\x0a" and len(other.value) == 12:
            return other.value[2:].decode("ascii")
    found = subject.get_attributes_for_oid(wanted)
    return found[0].value if found else None


class Signer:
    """A key and a certificate from files, with the certificates of its chain."""

    def __init__(self, cert_path, key_path, *chain_paths):
        self.cert, *self.chain = [read_pem(p) for p in (cert_path, *chain_paths)]
        with open(key_path, "rb") as f:
            self.key = serialization.load_pem_private_key(f.read(), None)
        parsed = asn1_x509.Certificate.load(self.cert)
        self.sid = der.sequence(parsed.issuer.dump(), der.integer(parsed.serial_number))

    def sign(self, content, emit=None, ber=False):
        """CMS SignedData over content, attached. emit: carry these bytes instead (a forgery). ber: indefinite
        lengths (BER)."""
        moment = datetime.datetime.utcnow().strftime("%y%m%d%H%M%SZ").encode()
        attributes = [attribute(CONTENT_TYPE, der.oid(DATA)), attribute(SIGNING_TIME, der.tlv(0x17, moment)),
                      attribute(MESSAGE_DIGEST, der.octets(hashlib.sha256(content).digest()))]
        to_sign = der.set_of(*attributes)
        signature = self.key.sign(to_sign, padding.PKCS1v15(), hashes.SHA256())
        digest = der.sequence(der.oid(SHA256))
        signer = der.sequence(der.integer(1), self.sid, digest, b"\xa0" + to_sign[1:],
                              der.sequence(der.oid(RSA), der.null()), der.octets(signature))
        return envelope(content if emit is None else emit, [self.cert] + self.chain, der.set_of(digest),
                        der.set_of(signer), ber)


def attribute(name, value):
    return der.sequence(der.oid(name), der.set_of(value))


def envelope(content, certs, digests, signers, ber):
    """ContentInfo of a SignedData; content None leaves eContent out (certificates only)."""
    if ber:
        carried = [] if content is None else [der.indefinite(0xA0, der.ber_octets(content))]
        data = der.indefinite(0x30, der.oid(DATA), *carried)
        body = der.indefinite(0x30, der.integer(1), digests, data, der.indefinite(0xA0, *certs), signers)
        return der.indefinite(0x30, der.oid(SIGNED_DATA), der.indefinite(0xA0, body))
    carried = [] if content is None else [der.tlv(0xA0, der.octets(content))]
    body = der.sequence(der.integer(1), digests, der.sequence(der.oid(DATA), *carried),
                        der.tlv(0xA0, *sorted(certs)), signers)
    return der.sequence(der.oid(SIGNED_DATA), der.tlv(0xA0, body))


def certificates_only(certs):
    """PKCS#7 in BER with certificates and no signature, as in `Certifikaty` (spec/epo 6, 7.2)."""
    return envelope(None, certs, der.set_of(), der.set_of(), True)


def read_pem(path):
    """DER of the first certificate of a PEM file."""
    with open(path, "rb") as f:
        cert = x509.load_pem_x509_certificate(f.read())
    return cert.public_bytes(serialization.Encoding.DER)


def read_anchors(path):
    """All certificates of a PEM file, as Cert."""
    with open(path, "rb") as f:
        text = f.read()
    mark = b"-----END CERTIFICATE-----"
    return [parse_cert(x509.load_pem_x509_certificate(part + mark).public_bytes(serialization.Encoding.DER))
            for part in text.split(mark)[:-1]]
