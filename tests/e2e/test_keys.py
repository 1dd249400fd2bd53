"""Keys and certificates as people see them: `token list`, `token test`."""

import os
import re
import subprocess

import pytest

import evil
import journal
from box import until


def objects(box, **wanted):
    return [r for r in box.rows("token", "list", kind="object") if all(r.get(k) == v for k, v in wanted.items())]


def recorded_tests(box):
    """Details of the `token` records that tell of a test."""
    return [r.fields["detail"] for r in journal.read(box.data) if r.type == "token" and r.fields.get("event") == "tested"]


@pytest.fixture
def half_known(make_box):
    """A token with four keys; the configuration knows two of them."""
    box = make_box([], tokens={"office": ["sign", "vault", "tls/ec", "journal/ec+no-cert"]}, pki_dir=None, start=False)
    for name in ("tls", "journal"):
        box.settings.pop(f'key "{name}"')
    return box


def test_list_tells_what_openssl_tells(half_known):
    """Certificates on the token as openssl reads them, configured or not; a reader with its token; the key without a certificate."""
    box = half_known
    box.start()
    box.wait_token()
    for key in box.hsm.tokens[0]["keys"]:
        row = objects(box, id=key["id"])[0]
        assert row["uri"] == key["uri"] and row["label"] == key["label"] and row["private"] == "yes"
        if "cert" not in key:
            assert row["certificate"] == "no" and "key" not in row
            continue
        text = subprocess.run(["openssl", "x509", "-in", key["cert"], "-noout", "-serial", "-fingerprint", "-sha256", "-subject", "-issuer", "-nameopt", "RFC2253,-esc_msb"],
                              stdout=subprocess.PIPE, check=True).stdout.decode()
        assert f"serial={row['serial'].upper()}\n" in text and row["sha256"].upper() in text.replace(":", "")
        assert f"subject={row['subject']}\n" in text and f"issuer={row['issuer']}\n" in text
        assert row.get("key") == (key["name"] if key["name"] in ("sign", "vault") else None)
    assert objects(box, id="03")[0]["suited"].split()[0] == "tls" and objects(box, id="02")[0]["suited"] == "vault decrypt"
    readers = box.rows("token", "list", kind="reader")
    assert [r["label"] for r in readers if r.get("configured") == "office"] == ["office"]
    assert [r for r in readers if r["holds"] == "blank"], "SoftHSM always offers one token to be initialised"
    assert [r for r in readers if r.get("label") == "office"][0]["serial"] == box.hsm.tokens[0]["serial"]


def test_configuration_from_what_is_printed(half_known):
    """What `token list` proposes is put into podatelna.conf as it stands there, and the key works."""
    box = half_known
    box.start()
    box.wait_token()
    text = box.text("token", "list")
    assert max(len(line) for line in text.splitlines() if not re.search("Držitel|URI|uri", line)) <= 110
    proposed = re.search(r'^ +key "tls" \{\n(.*\n)*? +\}\n', text, re.M).group()
    box.stop()
    box.write_config()
    with open(box.config, "a", encoding="utf-8") as f:
        f.write(proposed)
    box.write_config = lambda: None
    box.start()
    box.wait_token()
    code, rows = box.cli("token", "test", "tls")
    assert code == 0 and [r["algorithm"] for r in rows] == ["ecdsa-p256"]
    assert objects(box, id="03")[0]["key"] == "tls"


def test_locked_token_is_shown(half_known):
    """Without the PIN: certificates, and that private keys are not shown; no PIN is tried."""
    box = half_known
    box.set('token "office"', pin="prompt")
    box.start()
    box.wait_token("pin-needed")
    assert {r["certificate"] for r in objects(box) if r["id"] in ("01", "02", "03")} == {"yes"}
    assert {r["private"] for r in objects(box)} == {"not-shown"}
    code, rows = box.cli("token", "test")
    assert code == 1 and {r["result"] for r in rows} == {"failed"} and all("PIN" in r["text"] for r in rows)
    assert "pin-try" not in [r.type for r in journal.read(box.data)]


@pytest.mark.sanitized
@pytest.mark.parametrize("kinds", [["sign", "vault"], ["sign/ec", "vault/ec"], ["sign/rsa3072", "tls/ec", "journal/ec", "vault"]], ids="+".join)
def test_every_kind_of_key(make_box, kinds):
    box = make_box([], tokens={"office": kinds}, pki_dir=None)
    box.wait_token()
    code, rows = box.cli("token", "test")
    assert code == 0 and {(r["key"], r["result"]) for r in rows} == {(k.partition("/")[0], "good") for k in kinds}
    assert {r["operation"] for r in rows if r["key"] == "vault"} == {"decrypt"}
    until(lambda: len(recorded_tests(box)) == len(kinds), 5, lambda: recorded_tests(box))
    assert box.cli("token", "test", "sign")[1][0]["key"] == "sign" and box.cli("token", "test", "nobody")[0] == 1


@pytest.mark.parametrize("how", ["fail", "flip"])
def test_key_that_does_not_work(make_box, work, how):
    """A signature that is refused, or wrong in one bit, is found and recorded."""
    box = make_box([], start=False)
    evil.insert(box, evil.build(work), SIGN=how)
    box.start()
    box.wait_token()
    code, rows = box.cli("token", "test", "sign")
    assert code == 1 and rows[0]["result"] == "failed" and rows[0]["text"], rows
    until(lambda: any("sign sign: failed" in d for d in recorded_tests(box)), 5, lambda: recorded_tests(box))


def test_partner_that_does_not_take_the_key(epo, make_box):
    """Known before anything is filed: the tax portal takes RSA only, unless its options say otherwise."""
    box = make_box(epo, tokens={"office": ["sign/ec", "vault"]}, pki_dir=None)
    box.wait_token()
    told = [r["value"] for r in box.rows("status", kind="field") if r["name"] == "certificate"]
    assert told == ["epo certifikát klíče sign nepřijímá"]
    page = os.path.join(box.share, "Prehled.html")

    def says(words):
        if not os.path.exists(page):
            return False
        with open(page, encoding="utf-8") as f:
            return words in f.read()
    until(lambda: says("certifikát klíče sign nepřijímá"), 20, "the page")
    box.stop()
    box.set('partner "epo"', options=["sign-want=epo epo-ecdsa"])
    box.start()
    box.wait_token()
    assert not [r for r in box.rows("status", kind="field") if r["name"] == "certificate"]


def test_certificate_of_another_key(make_box):
    box = make_box([], tokens={"office": ["sign+mismatch", "vault"]}, pki_dir=None)
    box.wait_token()
    row = [r for r in box.rows("token", "list", kind="key") if r["key"] == "sign"][0]
    assert row["state"] == "mismatch" and "jinému klíči" in row["note"]
    assert box.cli("token", "test", "sign")[0] == 1 and box.cli("token", "test", "vault")[0] == 0
