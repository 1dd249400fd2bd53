"""A PKI for tests that let years pass: a root that lasts, and several generations of time-stamping certificates, each under an authority of its own.

  make(DIR)                              pki.make(DIR) whose ca.pem and tls.pem last 40 years
  add(DIR, "age0", (0, 6), CRL_URL)      age0.pem age0.key (for stamps) under age0-ca.pem under ca.pem, from now to 6 years on; age0.chain.pem: what is above it.
                                         Their lists of revoked certificates are at CRL_URL/crl/age0-ca and CRL_URL/crl/ca (tests/portals/tsa.py)
"""

import os

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

import pki

YEAR_DAYS = 365
LASTING = (-1, 40 * YEAR_DAYS)


def again(directory, stem, issuer):
    """The same certificate for another time."""
    old, key, issuer_key = (load(os.path.join(directory, name)) for load, name in
                            ((pki.load_cert, stem + ".pem"), (pki.load_key, stem + ".key"), (pki.load_key, issuer + ".key")))
    kept = (x509.BasicConstraints, x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier, x509.KeyUsage)
    more = [(e.value, e.critical) for e in old.extensions if not isinstance(e.value, kept)]
    usage = old.extensions.get_extension_for_class(x509.KeyUsage).value
    made = pki.sign_cert(old.subject, key.public_key(), old.issuer, issuer_key, usage, days=LASTING, ca=stem == issuer, extensions=more)
    pki.write_file(os.path.join(directory, stem + ".pem"), pki.cert_pem(made))


def make(directory):
    pki.make(directory)
    os.chmod(directory, 0o755)
    again(directory, "ca", "ca")
    again(directory, "tls", "ca")
    return directory


def add(directory, stem, years, crl_url):
    """years: (from, until), from now. The authority lasts a year longer at both ends."""
    first, last = (round(y * YEAR_DAYS) for y in years)
    root, root_key = pki.load_cert(os.path.join(directory, "ca.pem")), pki.load_key(os.path.join(directory, "ca.key"))
    key, ca_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = pki.sign_cert(pki.name(f"Podatelna test TSA CA {stem}", "Podatelna test"), ca_key.public_key(), root.subject, root_key,
                       pki.key_usage("key_cert_sign", "crl_sign"), days=(max(first - YEAR_DAYS, -1), last + YEAR_DAYS), ca=True,
                       extensions=((pki.crl_extension(crl_url + "/crl/ca"), False),))
    cert = pki.sign_cert(pki.name(f"Podatelna test TSA {stem}", "Podatelna test"), key.public_key(), ca.subject, ca_key,
                         pki.key_usage("digital_signature", "content_commitment"), days=(first - 1, last),
                         extensions=((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
                                     (pki.crl_extension(f"{crl_url}/crl/{stem}-ca"), False)))
    pki.save(directory, stem + "-ca", ca, ca_key)
    pki.save(directory, stem, cert, key)
    pki.write_file(os.path.join(directory, stem + ".chain.pem"), pki.cert_pem(ca))
