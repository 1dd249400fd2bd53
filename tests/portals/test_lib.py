"""The helpers of tests/lib: PKI, SoftHSM tokens, sample forms."""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import pytest

import forms
import pki
import softhsm

LIB = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")
DATA = b"Podatelna\r\n" * 1000


@pytest.fixture(scope="module")
def hsm(tmp_path_factory, pki_dir):
    began = time.monotonic()
    made = softhsm.make(str(tmp_path_factory.mktemp("hsm")), {"office": ["sign", "vault"],
                                                             "second": ["sign/ec", "vault/ec", "journal/ec"]}, pki_dir)
    print(f"two tokens, five keys: {time.monotonic() - began:.2f} s")
    return made


def openssl(*command, hsm=None, data=None):
    environment = dict(hsm.environment(), PKCS11_MODULE_PATH=hsm.module) if hsm else None
    done = subprocess.run(["openssl", *command], input=data, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_pki_files(pki_dir):
    for stem, ca in (("tls", "ca"), ("tsa", "ca"), ("confirm", "confirm-ca"), ("wrong-cn", "confirm-ca"),
                     ("foreign", "foreign-ca")):
        openssl("verify", "-CAfile", f"{pki_dir}/{ca}.pem", f"{pki_dir}/{stem}.pem")
    text = openssl("x509", "-in", f"{pki_dir}/confirm.pem", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb")
    assert text.decode().strip() == f"subject=CN={pki.SANDBOX_CN},O={pki.OFFICE_O},C=CZ"


@pytest.mark.parametrize("token, key", [("office", "sign"), ("second", "sign"), ("second", "journal")])
def test_token_signs(epo, hsm, token, key, tmp_path):
    entry = next(t for t in hsm.tokens if t["label"] == token)
    fields = next(k for k in entry["keys"] if k["name"] == key)
    xml = tmp_path / "f.xml"
    xml.write_bytes(forms.dphdp3())
    body = openssl("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", "sha256", "-outform", "DER",
                   "-engine", "pkcs11", "-keyform", "engine", "-inkey", f"{fields['key_uri']};pin-value={hsm.pin}",
                   "-signer", fields["cert"], "-in", str(xml), hsm=hsm)
    epo.portal.switch(allow_ec="on")
    epo.confirmed(epo.client.file(body))


def test_vault_key_decrypts(hsm, tmp_path):
    fields = hsm.tokens[0]["keys"][1]
    sealed = openssl("cms", "-encrypt", "-binary", "-aes256", "-outform", "DER", fields["cert"], data=DATA)
    (tmp_path / "e").write_bytes(sealed)
    plain = openssl("cms", "-decrypt", "-binary", "-inform", "DER", "-engine", "pkcs11", "-keyform", "engine", "-inkey",
                    f"{fields['key_uri']};pin-value={hsm.pin}", "-in", str(tmp_path / "e"), "-recip",
                    fields["cert"], hsm=hsm)
    assert plain == DATA


def test_token_certificate_matches(hsm):
    listing = hsm.tool("office", "-O").decode()
    for kind in ("Private Key Object", "Public Key Object", "Certificate Object"):
        assert listing.count(kind) == 2
    assert "never extractable" in listing and hsm.tokens[0]["serial"] in hsm.tokens[0]["uri"]


def test_odd_certificates(hsm, pki_dir, tmp_path):
    odd = softhsm.make(str(tmp_path / "odd"), {"odd": ["sign1/ec+expired", "sign2/ec+mismatch", "sign3/ec+no-ik",
                                                      "sign4/ec+wrong-usage", "sign5/ec+no-cert"]}, pki_dir)
    keys = odd.tokens[0]["keys"]
    assert "cert" not in keys[4]
    text = [openssl("x509", "-in", k["cert"], "-noout", "-text").decode() for k in keys[:4]]
    assert [pki.IK_MPSV_OID.dotted_string in t for t in text] == [True, True, False, True]
    assert "Key Agreement" in text[3] and "Digital Signature" not in text[3]
    match = [openssl("x509", "-in", k["cert"], "-noout", "-pubkey") ==
             openssl("pkey", "-pubin", "-inform", "DER", "-in", k["cert"][:-4] + ".pub") for k in keys[:4]]
    assert match == [True, False, True, True]
    assert subprocess.run(["openssl", "x509", "-checkend", "0", "-noout", "-in", keys[0]["cert"]],
                          stdout=subprocess.DEVNULL, check=False).returncode == 1
    path = odd.replace_cert("odd", "sign1", ik_mpsv="1900000025")
    assert b"1900000025" in openssl("x509", "-in", path, "-noout", "-text")


def test_command_lines(tmp_path):
    run = [sys.executable]
    made = subprocess.run([*run, os.path.join(LIB, "softhsm.py"), str(tmp_path / "h"), "--token", "a:sign/ec,vault"],
                          capture_output=True, check=True)
    value = json.loads(made.stdout)
    assert value == json.loads((tmp_path / "h/softhsm.json").read_bytes()) and len(value["tokens"][0]["keys"]) == 2
    public = value["tokens"][0]["keys"][0]["cert"][:-4] + ".pub"
    subprocess.run([*run, os.path.join(LIB, "pki.py"), str(tmp_path / "h/pki"), "user", "--pub", public, "--out",
                    str(tmp_path / "u.pem"), "--cn", "Petr Řehoř", "--ik", ""], check=True)
    assert b"11801" not in openssl("x509", "-in", str(tmp_path / "u.pem"), "-noout", "-text")
    bad = subprocess.run([*run, os.path.join(LIB, "softhsm.py"), str(tmp_path / "h2"), "--token", "a:sign/dsa"],
                         capture_output=True, check=False)
    assert bad.returncode == 1 and b"unknown key type" in bad.stderr


@pytest.mark.parametrize("code", sorted(forms.FORMS))
@pytest.mark.parametrize("size", [0, 3000, 1000000])
def test_forms(code, size):
    data = forms.make(code, size=size)
    ElementTree.fromstring(data)
    assert any(byte > 127 for byte in data)
    if code != "toy" and size:
        assert len(data) == size
