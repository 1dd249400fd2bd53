#!/usr/bin/python3
"""A throw-away PKI for tests, the demo and the portal simulators.

make(DIR) writes (PEM; keys unencrypted, mode 0600; nothing is overwritten unless force=True):

  ca.pem           ca.key            root "Podatelna test CA": TLS servers and people's certificates
  tls.pem          tls.key           TLS server, SAN 127.0.0.1, ::1, localhost
  confirm-ca.pem   confirm-ca.key    CA of the signer of EPO confirmations
  confirm.pem      confirm.key       that signer; subject as the EPO sandbox (spec/epo 7.2)
  wrong-cn.pem     wrong-cn.key      the same key certified with a wrong CN
  foreign-ca.pem   foreign-ca.key    a CA that nobody trusts
  foreign.pem      foreign.key       a signer under it with the right name
  tsa.pem          tsa.key           RFC 3161 time-stamping certificate under ca.pem

make_dis(DIR) adds the certificates of the back-end of ČSSZ, which decrypts and seals (spec/cssz 5.3, 6.3):

  dis-ca.pem       dis-ca.key        their CA
  dis.pem          dis.key           the one in use, RSA 4096 as the real one
  dis-next.pem     dis-next.key      the next one, for a changeover
  dis-old.pem      dis-old.key       the last one, expired
  dis-foreign.pem  dis-foreign.key   the name of the one in use under foreign-ca.pem

issue_user() and issue_vault() certify a public key that lives in a token; no private key comes by here.
All names and numbers are invented.

Command line:
  pki.py DIR [--force]                      make the PKI
  pki.py DIR user --pub FILE --out FILE     certify a public key (or --csr FILE); see `pki.py DIR user --help`
"""

import argparse
import concurrent.futures
import datetime
import fcntl
import ipaddress
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SANDBOX_CN = "Testovací zařízení - nelze učinit platné podání"
OFFICE_O = "Generální finanční ředitelství"
IK_MPSV_OID = x509.ObjectIdentifier("1.3.6.1.4.1.11801.2.1")
DEFAULT_IK = "1900000017"
DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def name(common, org=None, country="CZ", serial=None, extra=()):
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, country)]
    if org:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, org))
    parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common))
    if serial:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial))
    parts.extend(extra)
    return x509.Name(parts)


def key_usage(*wanted):
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
             "key_agreement", "key_cert_sign", "crl_sign")
    flags = {n: n in wanted for n in names}
    return x509.KeyUsage(encipher_only=False, decipher_only=False, **flags)


def rsa_key(bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def write_file(path, data, mode=0o644):
    """The file is complete or absent, whoever looks."""
    tmp = f"{path}.{os.getpid()}.tmp"
    fd = os.open(tmp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as out:
        out.write(data)
    os.rename(tmp, path)


def cert_pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def load_cert(path):
    with open(path, "rb") as f:
        return x509.load_pem_x509_certificate(f.read())


def load_key(path):
    with open(path, "rb") as f:
        return serialization.load_pem_private_key(f.read(), None)


def sign_cert(subject, public_key, issuer, issuer_key, usage, days=(-1, 3650), ca=False, extensions=(),
              ca_public=None):
    start = now()
    ca_public = ca_public or issuer_key.public_key()
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
               .serial_number(x509.random_serial_number())
               .not_valid_before(start + days[0] * DAY).not_valid_after(start + days[1] * DAY)
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_public), critical=False))
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def make_ca(directory, stem, common, key):
    subject = name(common, "Podatelna test")
    cert = sign_cert(subject, key.public_key(), subject, key, key_usage("key_cert_sign", "crl_sign"), ca=True)
    save(directory, stem, cert, key)
    return cert, key


def save(directory, stem, cert, key):
    write_file(os.path.join(directory, stem + ".key"), key_pem(key), 0o600)
    write_file(os.path.join(directory, stem + ".pem"), cert_pem(cert))


def make_leaf(directory, stem, subject, ca, usage, key, extensions=(), days=(-1, 3650)):
    ca_cert, ca_key = ca
    cert = sign_cert(subject, key.public_key(), ca_cert.subject, ca_key, usage, days=days, extensions=extensions)
    save(directory, stem, cert, key)


def make(directory, force=False):
    """Makes the PKI; returns the directory's absolute path."""
    directory = os.path.abspath(directory)
    os.makedirs(directory, exist_ok=True)
    if not force and os.path.exists(os.path.join(directory, "complete")):
        return directory
    signing = key_usage("digital_signature", "content_commitment")
    # RSA where the real partner has RSA; the others are quick P-256.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        rsa_keys = list(pool.map(lambda _: rsa_key(), range(4)))
    ec_keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    root = make_ca(directory, "ca", "Podatelna test CA", rsa_keys[0])
    confirm = make_ca(directory, "confirm-ca", "Podatelna test confirmation CA", rsa_keys[1])
    foreign = make_ca(directory, "foreign-ca", "Podatelna foreign CA", ec_keys[0])
    server_names = x509.SubjectAlternativeName([
        x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1"))])
    server_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    make_leaf(directory, "tls", name("localhost", "Podatelna test"), root, key_usage("digital_signature"),
              ec_keys[1], ((server_names, False), (server_auth, False)))
    make_leaf(directory, "confirm", name(SANDBOX_CN, OFFICE_O), confirm, signing, rsa_keys[2])
    make_leaf(directory, "wrong-cn", name("Zařízení jiného úřadu", OFFICE_O), confirm, signing, rsa_keys[2])
    make_leaf(directory, "foreign", name(SANDBOX_CN, OFFICE_O), foreign, signing, rsa_keys[3])
    stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    make_leaf(directory, "tsa", name("Podatelna test TSA", "Podatelna test"), root, signing, ec_keys[2],
              ((stamping, True),))
    write_file(os.path.join(directory, "complete"), b"")
    return directory


def make_dis(directory):
    """Adds what the back-end of ČSSZ has; make() must have run. Several processes may ask at once. Returns the directory."""
    directory = os.path.abspath(directory)
    done = os.path.join(directory, "dis-complete")
    with open(os.path.join(directory, "dis.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(done):
            return directory
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            keys = list(pool.map(rsa_key, (4096, 2048, 2048, 2048, 2048)))
        own = make_ca(directory, "dis-ca", "Podatelna test DIS CA", keys[1])
        foreign = tuple(load(os.path.join(directory, "foreign-ca" + end)) for load, end in ((load_cert, ".pem"), (load_key, ".key")))
        usage = key_usage("digital_signature", "content_commitment", "key_encipherment")
        for stem, common, ca, key, days in (
                ("dis", "DIS.TEST.2", own, keys[0], (-40, 3650)), ("dis-next", "DIS.TEST.3", own, keys[2], (-1, 3650)),
                ("dis-old", "DIS.TEST.1", own, keys[3], (-1100, -5)), ("dis-foreign", "DIS.TEST.2", foreign, keys[4], (-40, 3650))):
            make_leaf(directory, stem, name(common, "Podatelna test DIS"), ca, usage, key, days=days)
        write_file(done, b"")
    return directory


def fingerprint(cert_path):
    """SHA-256 of the certificate, lower-case hex: what a sandbox signer is pinned by (spec/epo 7.2)."""
    return load_cert(cert_path).fingerprint(hashes.SHA256()).hex()


def ik_extension(value):
    """SAN with the IK MPSV: otherName, value UTF8String of ten digits (spec/epo 4)."""
    text = value.encode("ascii")
    other = x509.OtherName(IK_MPSV_OID, bytes([0x0C, len(text)]) + text)
    return x509.SubjectAlternativeName([x509.RFC822Name("ukazka@example.invalid"), other])


def crl_extension(*urls):
    return x509.CRLDistributionPoints([x509.DistributionPoint(
        full_name=[x509.UniformResourceIdentifier(url) for url in urls], relative_name=None, reasons=None, crl_issuer=None)])


USAGES = {
    "qualified": ("digital_signature", "content_commitment"),
    "signature": ("digital_signature",),
    "encipherment": ("key_encipherment",),
    "agreement": ("key_agreement",),
    "tls": ("digital_signature",),
    "none": None,
}


def issue_user(pki_dir, public_key, common="Jana Nováková", ik_mpsv=DEFAULT_IK, ik_in_subject=False,
               usage="qualified", days=(-1, 1095), state="valid", mismatch=False, org="Ukázka s.r.o.",
               serial="P900001", ca="ca", self_signed_key=None, crl=None, qualified=False):
    """Certificate as a qualified CA would give it. public_key: PEM/DER bytes, or a key object.

    ik_mpsv: ten digits, or None to leave it out. state: valid | expired | not-yet.
    mismatch: certify some other key, so that the token's key does not belong to the certificate.
    usage: a key of USAGES (the wrong one is "encipherment"). ca: stem of the issuing CA's files. crl: address of its list of revoked certificates.
    qualified: its authority says that it is a qualified one."""
    key = load_public(public_key)
    if mismatch:
        key = rsa_key().public_key() if isinstance(key, rsa.RSAPublicKey) \
            else ec.generate_private_key(ec.SECP256R1()).public_key()
    days = {"valid": days, "expired": (-400, -35), "not-yet": (30, 400)}[state]
    wanted = USAGES[usage]
    if usage == "encipherment" and not isinstance(key, rsa.RSAPublicKey):
        wanted = USAGES["agreement"]
    extra, extensions = [], []
    if ik_mpsv and ik_in_subject:
        extra.append(x509.NameAttribute(IK_MPSV_OID, ik_mpsv))
    elif ik_mpsv:
        extensions.append((ik_extension(ik_mpsv), False))
    if crl:
        extensions.append((crl_extension(crl), False))
    if qualified:  # qcStatements with QcCompliance (ETSI EN 319 412-5)
        extensions.append((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3"), bytes.fromhex("300a3008060604008e460101")), False))
    if usage == "tls":
        extensions.append((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False))
    issuer = load_cert(os.path.join(pki_dir, ca + ".pem"))
    issuer_key = load_key(os.path.join(pki_dir, ca + ".key"))
    subject = name(common, org, serial=serial, extra=extra)
    issuer_name = issuer.subject
    if self_signed_key is not None:
        issuer_key, issuer_name = self_signed_key, subject
    return sign_cert(subject, key, issuer_name, issuer_key, key_usage(*wanted) if wanted else None,
                     days=days, extensions=extensions)


def issue_vault(pki_dir, public_key, common="Podatelna test vault", state="valid"):
    """Certificate of a key that only unwraps: keyEncipherment (RSA) or keyAgreement (EC)."""
    return issue_user(pki_dir, public_key, common=common, ik_mpsv=None, usage="encipherment", state=state,
                      serial=None)


def load_public(data):
    if not isinstance(data, (bytes, bytearray)):
        return data.public_key() if hasattr(data, "private_bytes") else data
    data = bytes(data)
    if b"CERTIFICATE REQUEST" in data:
        return x509.load_pem_x509_csr(data).public_key()
    if data.startswith(b"-----"):
        return serialization.load_pem_public_key(data)
    return serialization.load_der_public_key(data)


def software_user(pki_dir, stem, bits=2048, curve=None, self_signed=False, **options):
    """A user with a key in a file, for tests of the simulators only. Returns (certificate path, key path)."""
    key = ec.generate_private_key(curve) if curve else rsa_key(bits)
    cert = issue_user(pki_dir, key, self_signed_key=key if self_signed else None, **options)
    save(pki_dir, stem, cert, key)
    return os.path.join(pki_dir, stem + ".pem"), os.path.join(pki_dir, stem + ".key")


def parse_args(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--force", action="store_true", help="make it anew")
    sub = parser.add_subparsers(dest="command")
    for word in ("user", "vault"):
        p = sub.add_parser(word)
        source = p.add_mutually_exclusive_group(required=True)
        source.add_argument("--pub", help="public key, PEM or DER")
        source.add_argument("--csr", help="request, PEM")
        p.add_argument("--out", required=True)
        p.add_argument("--cn")
        p.add_argument("--state", choices=("valid", "expired", "not-yet"), default="valid")
        if word == "user":
            p.add_argument("--ik", default=DEFAULT_IK, help="IK MPSV, ten digits; '' for none")
            p.add_argument("--ik-in-subject", action="store_true")
            p.add_argument("--usage", choices=sorted(USAGES), default="qualified")
            p.add_argument("--mismatch", action="store_true", help="certify another key")
    return parser.parse_args(argv)


def main(argv=None):
    args = parse_args(argv)
    directory = make(args.dir, args.force)
    if args.command:
        with open(args.pub or args.csr, "rb") as f:
            public = f.read()
        named = {"common": args.cn} if args.cn else {}
        if args.command == "user":
            cert = issue_user(directory, public, ik_mpsv=args.ik or None, ik_in_subject=args.ik_in_subject,
                              usage=args.usage, state=args.state, mismatch=args.mismatch, **named)
        else:
            cert = issue_vault(directory, public, state=args.state, **named)
        write_file(args.out, cert_pem(cert))
    else:
        print(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
