"""Tokens set up by `podatelna token init`, `make-key` and `import-cert`: what came of it is judged by openssl and by pkcs11-tool, and the box signs with it."""

import os
import subprocess

import pytest

import forms
import pki
from box import until

SUBJECT = "CN=Jana Nováková,O=Ukázka s.r.o.,C=CZ"
SO_PIN, PIN = "87654321", "135790"


@pytest.fixture
def bare(epo, make_box):
    """A box that does not run, with a second token in its configuration that does not exist yet."""
    box = make_box(epo, start=False)
    box.set('token "novy"', **{**box.settings['token "office"'], "uri": "pkcs11:token=novy", "pin": box.pin_file("novy", PIN)})
    box.write_config()
    box.tokens.give()
    box.write_pin(os.path.join(box.dir, "so.pin"), SO_PIN)
    return box


def tool(box, *words, pin=PIN, **more):
    box.write_pin(os.path.join(box.dir, "user.pin"), pin)
    officer = ["--so-pin-file", os.path.join(box.dir, "so.pin")] if words[0] == "init" else []
    return box.run_cli("token", *words, "--pin-file", os.path.join(box.dir, "user.pin"), *officer, **more)


def path(box, name):
    return os.path.join(box.dir, name)


def request_of(file):
    """Public half and text of a request that openssl verifies."""
    done = subprocess.run(["openssl", "req", "-in", file, "-verify", "-noout", "-text", "-nameopt", "RFC2253,-esc_msb"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    assert b"verify OK" in done.stdout
    public = subprocess.run(["openssl", "req", "-in", file, "-pubkey", "-noout"], stdout=subprocess.PIPE, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, stdout=subprocess.PIPE, check=True).stdout
    return der, done.stdout.decode()


def certify(box, request, **options):
    """The test authority's certificate for a request, as a file."""
    der, _ = request_of(request)
    file = request + ".crt"
    with open(file, "wb") as f:
        f.write(pki.cert_pem(pki.issue_user(box.pki, der, **{"usage": "qualified", "ik_mpsv": pki.DEFAULT_IK, **options})))
    return file


def objects(box, label, kind):
    text = box.hsm.run("pkcs11-tool", "--module", box.hsm.module, "--token-label", label, "--login", "--pin", PIN, "--list-objects", "--type", kind)
    return text.decode()


def test_from_a_blank_card_to_a_filing(bare, epo):
    """Two commands and the authority in between; then the box files with the key."""
    done = tool(bare, "init", "novy", "--subject", SUBJECT, "--out", path(bare, "zadost.pem"))
    assert done.returncode == 0, done
    assert f"token = \"novy\"" in done.stdout.decode() and PIN not in (done.stdout + done.stderr).decode()
    _, text = request_of(path(bare, "zadost.pem"))
    assert f"Subject: C=CZ,O=Ukázka s.r.o.,CN=Jana Nováková" in text and "(2048 bit)" in text and "sha256WithRSAEncryption" in text
    keys = objects(bare, "novy", "privkey")
    assert "sensitive, always sensitive, never extractable, local" in keys
    done = tool(bare, "import-cert", "novy", certify(bare, path(bare, "zadost.pem")))
    assert done.returncode == 0, done
    assert "Jana" in objects(bare, "novy", "cert")
    bare.set('key "novy"', token="novy", uri="pkcs11:id=%01", use=["sign"])
    bare.set('partner "epo"', sign_key="novy")
    bare.start()
    bare.wait_token(label="novy")
    assert bare.cli("token", "test", "novy")[0] == 0
    bare.drop("a.xml", forms.dphdp3(note="new token"))
    bare.wait_state("a.xml")
    assert len(epo.ledger("accepted")) == 1
    done = tool(bare, "make-key", "novy", "--subject", SUBJECT, "--out", path(bare, "druha.pem"))
    assert done.returncode == 4 and not os.path.exists(path(bare, "druha.pem")), "the box holds the token"


@pytest.mark.parametrize("kind,use", [("rsa-2048", "vault"), ("rsa-3072", "sign"), ("p-256", "sign"), ("p-256", "vault"), ("p-384", "tls")])
def test_kinds_of_keys(bare, kind, use):
    """Each kind has a request that verifies, and next to it the free ids are used in turn."""
    assert tool(bare, "init", "novy").returncode == 0
    for n, name in enumerate(("a.pem", "b.pem"), 1):
        done = tool(bare, "make-key", "novy", "--type", kind, "--use", use, "--subject", SUBJECT, "--out", path(bare, name))
        assert done.returncode == 0 and f"id=%0{n}" in done.stdout.decode(), done
        text = request_of(path(bare, name))[1]
        assert {"rsa-2048": "(2048 bit)", "rsa-3072": "(3072 bit)", "p-256": "prime256v1", "p-384": "secp384r1"}[kind] in text
    usage = [line for line in objects(bare, "novy", "privkey").splitlines() if "Usage" in line]
    assert len(usage) == 2 and all(("decrypt" in u or "derive" in u) == (use == "vault") for u in usage)


def test_a_token_with_content_is_not_touched(bare):
    """Without --wipe, with a wrong serial number, never; with the right one everything on it is gone."""
    serial = bare.hsm.tokens[0]["serial"]
    before = bare.hsm.tool("office", "--list-objects")
    for words in (["init", "office"], ["init", "office", "--wipe", "0000000000000000"]):
        done = tool(bare, *words)
        assert done.returncode == 1 and bare.hsm.tool("office", "--list-objects") == before, done
    bare.write_pin(path(bare, "so.pin"), bare.hsm.so_pin)
    assert tool(bare, "init", "office", "--wipe", serial).returncode == 0
    assert objects(bare, "office", "privkey").strip() == ""


def test_wrong_pin_is_tried_once(bare):
    assert tool(bare, "init", "novy").returncode == 0
    done = tool(bare, "make-key", "novy", "--subject", SUBJECT, "--out", path(bare, "x.pem"), pin="000000")
    assert done.returncode == 1 and "PIN" in done.stderr.decode() and not os.path.exists(path(bare, "x.pem"))
    assert objects(bare, "novy", "privkey").strip() == ""


def test_certificates_that_are_refused(bare):
    """Of another key; a second one without --replace; no certificate at all. With --replace the new one stands alone."""
    assert tool(bare, "init", "novy", "--subject", SUBJECT, "--out", path(bare, "a.pem")).returncode == 0
    right = certify(bare, path(bare, "a.pem"))
    for file in (bare.hsm.tokens[0]["keys"][0]["cert"], path(bare, "a.pem")):
        done = tool(bare, "import-cert", "novy", file)
        assert done.returncode == 1 and objects(bare, "novy", "cert").strip() == "", done
    assert tool(bare, "import-cert", "novy", right).returncode == 0
    os.rename(right, right + ".1")
    newer = certify(bare, path(bare, "a.pem"), common="Jana Nová")
    assert tool(bare, "import-cert", "novy", newer).returncode == 1
    assert "Nov\\xC3\\xA1kov" in objects(bare, "novy", "cert") or "Nováková" in objects(bare, "novy", "cert")
    assert tool(bare, "import-cert", "novy", newer, "--replace").returncode == 0
    assert objects(bare, "novy", "cert").count("Certificate Object") == 1 and "Nováková" not in objects(bare, "novy", "cert")


def test_existing_id_and_file(bare):
    assert tool(bare, "init", "novy", "--subject", SUBJECT, "--out", path(bare, "a.pem")).returncode == 0
    assert tool(bare, "make-key", "novy", "--id", "01", "--subject", SUBJECT, "--out", path(bare, "b.pem")).returncode == 1
    before = open(path(bare, "a.pem"), "rb").read()
    assert tool(bare, "make-key", "novy", "--subject", SUBJECT, "--out", path(bare, "a.pem")).returncode == 1
    assert open(path(bare, "a.pem"), "rb").read() == before and objects(bare, "novy", "privkey").count("Private Key Object") == 1


def test_secrets_are_in_no_argument(bare):
    """PINs reach podatelna-token by pipes: neither arguments nor environment of any process of it hold them."""
    import threading
    seen, end = [], threading.Event()

    def watch():
        while not end.is_set():
            for pid in filter(str.isdigit, os.listdir("/proc")):
                for what in ("cmdline", "environ"):
                    try:
                        with open(f"/proc/{pid}/{what}", "rb") as f:
                            text = f.read()
                    except OSError:
                        continue
                    if b"podatelna-token\0--tool" in text:
                        seen.append(pid)
                    if SO_PIN.encode() in text:
                        seen.append("SECRET")

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        assert tool(bare, "init", "novy", "--type", "rsa-3072", "--subject", SUBJECT, "--out", path(bare, "a.pem")).returncode == 0
    finally:
        end.set()
        thread.join()
    assert seen and "SECRET" not in seen
