"""CMS of the VREP simulator: detached signatures of submissions, data encrypted for DIS, seals, data encrypted for the asker.

Made from RFC 5652 and spec/cssz 5.2, 5.3, 6.3, 6.4. What DER forbids and BER allows is read and noted: the spec wants DER.
"""

import hashlib
import os

from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import portal_cms
import portal_der as der

DATA, SIGNED_DATA, ENVELOPED_DATA = (f"1.2.840.113549.1.7.{n}" for n in (1, 2, 3))
AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23"
RSA = "1.2.840.113549.1.1.1"
DIGESTS = {"sha1": ("1.3.14.3.2.26", hashes.SHA1), "sha256": ("2.16.840.1.101.3.4.2.1", hashes.SHA256),
           "sha384": ("2.16.840.1.101.3.4.2.2", hashes.SHA384), "sha512": ("2.16.840.1.101.3.4.2.3", hashes.SHA512)}
BY_OID = {oid: name for name, (oid, _) in DIGESTS.items()}
CIPHERS = {"2.16.840.1.101.3.4.1.2": (algorithms.AES, 16), "2.16.840.1.101.3.4.1.22": (algorithms.AES, 24),
           "2.16.840.1.101.3.4.1.42": (algorithms.AES, 32), "1.2.840.113549.3.7": (algorithms.TripleDES, 24)}
AES128_CBC = "2.16.840.1.101.3.4.1.2"
# What the libraries raise over foreign bytes.
CMS_FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, UnsupportedAlgorithm)


class CmsError(ValueError):
    """number: what DIS would answer (spec/cssz 10.2); the message is for the ledger."""

    def __init__(self, number, words):
        super().__init__(words)
        self.number = number


class Key:
    """One certificate of DIS with its key."""

    def __init__(self, name, cert_path, key_path):
        self.name, self.der = name, portal_cms.read_pem(cert_path)
        self.cert = portal_cms.parse_cert(self.der)
        with open(key_path, "rb") as f:
            self.private = serialization.load_pem_private_key(f.read(), None)
        parsed = asn1_x509.Certificate.load(self.der)
        self.issuer, self.serial = parsed.issuer.dump(), parsed.serial_number
        self.sid = der.sequence(self.issuer, der.integer(self.serial))


def read_cert(cert_der):
    """portal_cms.Cert of foreign bytes. ValueError, whatever the library's own kind of error is: it has one for a version, others for
    doubled extensions, names, algorithms."""
    try:
        return portal_cms.parse_cert(cert_der)
    except Exception as fault:
        raise ValueError(f"certificate: {fault}") from fault


def notes_of(data, what, notes):
    try:
        der.check(data)
    except der.DerError as fault:
        notes.append(f"{what} is not DER: {fault}")


class Signature:
    """A verified detached signature: the signer's certificate, its issuer's name (DER) and serial number, digest, notes."""

    def __init__(self, cert, others, digest, notes):
        self.cert, self.others, self.digest, self.notes = cert, others, digest, notes
        self.issuer, self.serial, self.subject = cert.issuer, cert.serial, cert.subject_text


def load_signature(data, notes):
    """SignedData of a Signature block; 17807 when it is none."""
    try:
        info = asn1_cms.ContentInfo.load(data, strict=True)
        if info["content_type"].dotted != SIGNED_DATA:
            raise CmsError(17807, "the signature is not signedData")
        signed = info["content"]
        signed["signer_infos"].native  # lazily parsed: whatever is broken breaks here
    except CmsError:
        raise
    except CMS_FAULTS as fault:
        raise CmsError(17807, f"the signature is not CMS: {fault}") from fault
    notes_of(data, "the signature", notes)
    return signed


def verify_detached(signed, data, notes):
    """Signature over data. Raises CmsError 17830, 17831, 104."""
    try:
        if signed["encap_content_info"]["content"].native is not None:
            raise CmsError(17830, "attached signature")
        signers = signed["signer_infos"]
        if len(signers) != 1:
            raise CmsError(17830, f"{len(signers)} signatures")
        signer = signers[0]
        if signer["sid"].name != "issuer_and_serial_number":
            raise CmsError(17831, "the signer is not named by issuer and serial number")
        certs = portal_cms.certificates(signed)
        try:
            cert_der = portal_cms.find_signer(certs, signer["sid"].chosen)
        except portal_cms.CmsError as fault:
            raise CmsError(17831, str(fault)) from fault
        digest = BY_OID.get(signer["digest_algorithm"]["algorithm"].dotted)
        if digest in (None, "sha1"):
            raise CmsError(104, "digest algorithm of the signature")
        check_signer(signer, read_cert(cert_der), data, digest, notes)
        others = [read_cert(c) for c in certs if c != cert_der]
        return Signature(read_cert(cert_der), others, digest, notes)
    except CmsError:
        raise
    except CMS_FAULTS as fault:
        raise CmsError(104, f"the signature cannot be read: {fault}") from fault


def check_signer(signer, cert, data, digest, notes):
    signed_bytes, attributes = data, signer["signed_attrs"]
    if len(attributes) > 0:
        notes.append("signed attributes")
        values = {a["type"].dotted: a["values"] for a in attributes}
        wanted = hashlib.new(digest, data).digest()
        if portal_cms.MESSAGE_DIGEST not in values or values[portal_cms.MESSAGE_DIGEST][0].native != wanted:
            raise CmsError(17830, "other data were signed (messageDigest)")
        if portal_cms.CONTENT_TYPE not in values or values[portal_cms.CONTENT_TYPE][0].dotted != DATA:
            raise CmsError(17830, "signed attribute contentType")
        signed_bytes = b"\x31" + attributes.dump()[1:]
    algorithm, hashing = signer["signature_algorithm"]["algorithm"].native, DIGESTS[digest][1]()
    try:
        if isinstance(cert.key, rsa.RSAPublicKey):
            if algorithm not in ("rsassa_pkcs1v15", f"{digest}_rsa"):
                raise CmsError(104, f"signature algorithm {algorithm}")
            cert.key.verify(signer["signature"].native, signed_bytes, padding.PKCS1v15(), hashing)
        elif isinstance(cert.key, ec.EllipticCurvePublicKey):
            cert.key.verify(signer["signature"].native, signed_bytes, ec.ECDSA(hashing))
        else:
            raise CmsError(104, "kind of the signer's key")
    except InvalidSignature as fault:
        raise CmsError(17830, "other data were signed") from fault


def load_enveloped(data, notes):
    """EnvelopedData of a Body; 17805 when it is none."""
    try:
        info = asn1_cms.ContentInfo.load(data, strict=True)
        if info["content_type"].dotted == AUTH_ENVELOPED_DATA:
            raise CmsError(17814, "authenticated encryption")
        if info["content_type"].dotted != ENVELOPED_DATA:
            raise CmsError(17805, "the data are not envelopedData")
        enveloped = info["content"]
        enveloped.native
    except CmsError:
        raise
    except CMS_FAULTS as fault:
        raise CmsError(17805, f"the data are not CMS: {fault}") from fault
    notes_of(data, "the encrypted data", notes)
    return enveloped


def decrypt(enveloped, keys, now, notes):
    """(plain bytes, Key). keys: those of DIS that are in use; now: naive UTC. Raises CmsError 17810, 17814, 202."""
    try:
        recipients = enveloped["recipient_infos"]
        key = recipient = None
        for candidate in recipients:
            if candidate.name == "ktri" and candidate.chosen["rid"].name == "issuer_and_serial_number":
                rid = candidate.chosen["rid"].chosen
                key = next((k for k in keys if k.serial == rid["serial_number"].native and k.issuer == rid["issuer"].dump()), None)
                recipient = candidate.chosen
            if key is not None:
                break
        if key is None:
            raise CmsError(17810, "encrypted for somebody else")
        if key.cert.not_after < now:
            raise CmsError(202, f"encrypted for the expired certificate {key.name}")
        if len(recipients) != 1:
            notes.append(f"{len(recipients)} recipients")
        if recipient["key_encryption_algorithm"]["algorithm"].dotted != RSA:
            raise CmsError(17814, "key transport is not RSA PKCS#1 v1.5")
        content_key = key.private.decrypt(recipient["encrypted_key"].native, padding.PKCS1v15())
        info = enveloped["encrypted_content_info"]
        oid = info["content_encryption_algorithm"]["algorithm"].dotted
        if oid not in CIPHERS:
            raise CmsError(17814, f"content cipher {oid}")
        iv = info["content_encryption_algorithm"]["parameters"].native
        return unblock(oid, content_key, iv, info["encrypted_content"].native or b""), key
    except CmsError:
        raise
    except CMS_FAULTS as fault:
        raise CmsError(17810, f"decryption failed: {fault}") from fault


def unblock(oid, content_key, iv, sealed):
    algorithm, size = CIPHERS[oid]
    if len(content_key) != size or not sealed:
        raise CmsError(17810, "length of the content key, or nothing encrypted")
    context = Cipher(algorithm(content_key), modes.CBC(iv)).decryptor()
    unpad = block_padding.PKCS7(algorithm.block_size).unpadder()
    padded = context.update(sealed) + context.finalize()
    return unpad.update(padded) + unpad.finalize()


def encrypt_for(cert_der, data):
    """EnvelopedData, AES-128-CBC, RSA PKCS#1 v1.5, one recipient by issuer and serial number (spec/cssz 6.4)."""
    parsed = asn1_x509.Certificate.load(cert_der)
    key, iv = os.urandom(16), os.urandom(16)
    pad = block_padding.PKCS7(128).padder()
    context = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    sealed = context.update(pad.update(data) + pad.finalize()) + context.finalize()
    public = x509.load_der_x509_certificate(cert_der).public_key()
    recipient = der.sequence(der.integer(0), der.sequence(parsed.issuer.dump(), der.integer(parsed.serial_number)),
                             der.sequence(der.oid(RSA), der.null()), der.octets(public.encrypt(key, padding.PKCS1v15())))
    content = der.sequence(der.oid(DATA), der.sequence(der.oid(AES128_CBC), der.octets(iv)), der.tlv(0x80, sealed))
    body = der.sequence(der.integer(0), der.set_of(recipient), content)
    return der.sequence(der.oid(ENVELOPED_DATA), der.tlv(0xA0, body))


def sign_attached(key, content, digest="sha256", attributes=True, carry=True):
    """SignedData with the content inside, by a Key. carry: False leaves the content out."""
    oid, hashing = DIGESTS[digest]
    to_sign, signed = content, b""
    if attributes:
        values = der.set_of(portal_cms.attribute(portal_cms.CONTENT_TYPE, der.oid(DATA)),
                            portal_cms.attribute(portal_cms.MESSAGE_DIGEST, der.octets(hashlib.new(digest, content).digest())))
        to_sign, signed = values, b"\xa0" + values[1:]
    signature = key.private.sign(to_sign, padding.PKCS1v15(), hashing())
    algorithm = der.sequence(der.oid(oid), der.null())
    signer = der.sequence(der.integer(1), key.sid, algorithm, signed, der.sequence(der.oid(RSA), der.null()), der.octets(signature))
    return portal_cms.envelope(content if carry else None, [key.der], der.set_of(algorithm), der.set_of(signer), False)
