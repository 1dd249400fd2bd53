"""What people see of a card, and what they cannot do to it: `token list`, `token test`, `token init` over OpenSC and the virtual PIV card."""

import os
import subprocess

from box import until

SUBJECT = "CN=Jana Nováková,C=CZ"


def rows(box, kind):
    return box.rows("token", "list", kind=kind)


def test_list_and_test(make_box, make_cards):
    """Reader, card, all three keys with their certificates, the one without a place in the configuration with a proposal; each key used once for real."""
    cards = make_cards({"office": ["sign", "vault", "tls/ec"]})
    box = make_box([], cards, start=False)
    box.settings.pop('key "tls"')
    box.start()
    box.wait_token()
    reader = [r for r in rows(box, "reader") if r.get("configured") == "office"]
    assert len(reader) == 1 and reader[0]["holds"] == "yes" and reader[0]["pin"] == "ok" and reader[0]["uri"].startswith("pkcs11:token=")
    seen = {r["id"]: r for r in rows(box, "object") if r["certificate"] == "yes"}
    for key in box.hsm.tokens[0]["keys"]:
        done = subprocess.run(["openssl", "x509", "-in", key["cert"], "-noout", "-fingerprint", "-sha256"], stdout=subprocess.PIPE, check=True).stdout.decode()
        match = [r for r in seen.values() if r["sha256"].upper() in done.replace(":", "")]
        assert len(match) == 1 and (match[0].get("key") is None) == (key["name"] == "tls")
    assert [r["suited"].split()[0] for r in seen.values() if r.get("key") is None] == ["tls"]
    before = len(cards["office"].operations())
    code, tested = box.cli("token", "test")
    assert code == 0 and {(r["key"], r["operation"]) for r in tested} == {("sign", "sign"), ("vault", "decrypt")}, tested
    assert len(cards["office"].operations()) == before + 2 and cards["office"].operations("9C", "9000") and cards["office"].operations("9D", "9000")


def test_locked_card_is_shown_without_a_try(make_box, make_cards):
    """Certificates are seen before the PIN; the card counts no try."""
    cards = make_cards()
    box = make_box([], cards, pin="prompt")
    box.wait_token("pin-needed")
    assert {r["key"] for r in rows(box, "object") if r["certificate"] == "yes" and "key" in r} >= {"sign", "vault"}
    assert box.cli("token", "test")[0] == 1
    assert not cards["office"].verifies()


def test_certificate_of_another_key_is_found(make_box, make_cards):
    """Only a signature shows it over OpenSC: the test finds it before a filing does."""
    cards = make_cards({"office": ["sign+mismatch", "vault"]})
    box = make_box([], cards)
    box.wait_token()
    code, tested = box.cli("token", "test", "sign")
    assert code == 1 and tested[0]["result"] == "failed" and tested[0]["text"], tested
    # A wrong signature makes the token program look at the card anew.
    until(lambda: box.cli("token", "test", "vault")[0] == 0, 10, lambda: box.cli("token", "test", "vault"))


def test_piv_is_set_up_elsewhere(make_box, make_cards):
    """OpenSC neither sets up PIV cards nor makes keys on them: said in words, and nothing on the card is lost."""
    cards = make_cards()
    box = make_box([], cards, start=False)
    box.write_config()
    pin = box.settings['token "office"']["pin"]
    until(lambda: box.cli("token", "list")[0] == 3, 5, "no box runs")
    serial = "nothing"
    for words in (["init", "office", "--wipe", serial, "--so-pin-file", pin], ["make-key", "office", "--subject", SUBJECT, "--out", os.path.join(box.dir, "a.pem")],
                  ["import-cert", "office", box.hsm.tokens[0]["keys"][1]["cert"], "--replace"]):
        done = box.run_cli("token", *words, "--pin-file", pin)
        assert done.returncode == 1 and done.stderr.decode().count("podatelna:") == 1, done
        assert not os.path.exists(os.path.join(box.dir, "a.pem"))
    box.start()
    box.wait_token()
    assert box.cli("token", "test")[0] == 0
