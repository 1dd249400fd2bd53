"""Tokens, PINs, keys and certificates. The PIN's tries are counted in the module itself."""

import os
import time

import pytest

import evil
import forms
import journal
from box import until

QUIET_S = 2.5
WRONG = "654321"
WAITING = ("received", "ready", "signing")


def document(note):
    return forms.dphdp3(note=f"token {os.getpid()} {note}")


def token_state(box, label=None):
    rows = [r for r in box.rows("token", "list", kind="token") if label in (None, r["token"])]
    return rows[0]["state"] if rows else None


# --- the PIN --------------------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_pin_by_file(epo, make_box):
    box = make_box(epo)
    box.drop("a.xml", document("file"))
    box.wait_state("a.xml")
    assert len(epo.ledger("accepted")) == 1


@pytest.mark.sanitized
def test_pin_by_login(epo, make_box):
    """Without a PIN cases wait and say why; after the login they go."""
    box = make_box(epo, pin="prompt")
    box.drop("a.xml", document("prompt"))
    case = box.wait_state(lambda c: True, WAITING)
    time.sleep(QUIET_S)
    case = box.case(case["case"])
    assert case["state"] in WAITING and "PIN" in case["reason"], case
    assert not epo.ledger() and token_state(box) == "pin-needed"
    assert box.login().returncode == 0
    box.wait_state(case["case"], "done")
    assert len(epo.ledger("accepted")) == 1


def test_pin_on_standard_input(epo, make_box):
    box = make_box(epo, pin="prompt")
    done = box.run_cli("token", "login", stdin=box.hsm.pin.encode() + b"\n")
    assert done.returncode == 0, done
    box.wait_token()


def test_logout(epo, make_box):
    box = make_box(epo, pin="prompt")
    assert box.login().returncode == 0
    box.wait_token()
    assert box.cli("token", "logout")[0] == 0
    until(lambda: token_state(box) == "pin-needed", 10, lambda: token_state(box))
    box.drop("a.xml", document("after logout"))
    time.sleep(QUIET_S)
    assert not epo.ledger()
    assert box.login().returncode == 0
    box.wait_state(None, "done")


def test_wrong_pin_by_person(epo, make_box, work):
    """Refused once, not tried again by itself; the right one works afterwards."""
    box = make_box(epo, pin="prompt", start=False)
    evil.insert(box, evil.build(work))
    box.start()
    done = box.login(pin=WRONG)
    assert done.returncode in (1, 4)
    time.sleep(QUIET_S)
    assert evil.logins(box) == 1
    assert box.login().returncode == 0
    assert evil.logins(box) == 2
    box.wait_token()


def test_same_wrong_pin_twice_by_person(epo, make_box, work):
    """A person who repeats the PIN that was refused does not cost another try."""
    box = make_box(epo, pin="prompt", start=False)
    evil.insert(box, evil.build(work))
    box.start()
    assert box.login(pin=WRONG).returncode != 0
    assert box.login(pin=WRONG).returncode != 0
    assert evil.logins(box) == 1


@pytest.mark.sanitized
def test_wrong_pin_file_is_tried_once(epo, make_box, work):
    """Over restarts of the token program, of the box and of everything: once, until the file changes."""
    box = make_box(epo, pin=WRONG, start=False)
    evil.insert(box, evil.build(work))
    box.start()
    until(lambda: token_state(box) == "pin-refused", 15, lambda: box.log_tail())
    assert evil.logins(box) == 1
    box.kill("token")
    time.sleep(QUIET_S)
    box.restart()
    time.sleep(QUIET_S)
    box.kill_all()
    box.start()
    time.sleep(QUIET_S)
    assert evil.logins(box) == 1, "a refused PIN was tried again"
    assert token_state(box) == "pin-refused"
    box.drop("a.xml", document("wrong PIN"))
    case = box.wait_state(lambda c: True, WAITING)
    time.sleep(1)
    assert "PIN" in box.case(case["case"])["reason"]
    box.write_pin(box.settings['token "office"']["pin"], box.hsm.pin)
    box.restart()
    box.wait_state(case["case"], "done")
    assert evil.logins(box) == 2


def test_pin_try_is_recorded_first(epo, make_box, work):
    """The record `pin-try` is durable before C_Login (design 7)."""
    box = make_box(epo, pin=WRONG, start=False)
    evil.insert(box, evil.build(work))
    box.start()
    until(lambda: evil.logins(box) == 1, 15, lambda: box.log_tail())
    box.kill_all()
    types = [r.type for r in journal.read(box.data)]
    assert types.count("pin-try") == 1


@pytest.mark.parametrize("flags,state", [("final-try", "pin-last-try"), ("locked", "pin-blocked")])
def test_last_try_is_never_used(epo, make_box, work, flags, state):
    box = make_box(epo, start=False)
    evil.insert(box, evil.build(work), FLAGS=flags)
    box.start()
    until(lambda: token_state(box) == state, 15, lambda: f"{token_state(box)}\n{box.log_tail()}")
    box.drop("a.xml", document(flags))
    assert box.login().returncode != 0
    time.sleep(QUIET_S)
    assert evil.logins(box) == 0 and not epo.ledger()


@pytest.mark.parametrize("how,state", [("ok", "ready"), ("cancel", "pin-needed"), ("refuse", "pin-refused")])
def test_pin_at_the_reader(epo, make_box, work, how, state):
    """pin = "pinpad": nothing by itself; after `token login` a person enters it there, and the journal has the try."""
    box = make_box(epo, pin="prompt", start=False)
    evil.insert(box, evil.build(work), PINPAD=how, PIN=box.hsm.pin)
    box.set('token "office"', pin="pinpad")
    box.start()
    until(lambda: token_state(box) == "pin-needed", 15, lambda: box.log_tail())
    time.sleep(QUIET_S)
    assert evil.logins(box) == 0
    done = box.run_cli("token", "login", "office")
    assert (done.returncode == 0) == (how == "ok"), done
    assert evil.logins(box) == 1 and box.log().count("evil: pin pad\n") == 1
    until(lambda: token_state(box) == state, 10, lambda: token_state(box))
    box.stop()
    assert [r.fields["source"] for r in journal.read(box.data) if r.type == "pin-try"] == ["pinpad"]


def test_pin_file_that_others_can_read(epo, make_box):
    """Not used: the token waits for a person."""
    box = make_box(epo, start=False)
    os.chmod(box.settings['token "office"']["pin"], 0o644)
    box.start()
    time.sleep(QUIET_S)
    assert token_state(box) == "pin-needed"
    assert box.run_cli("config", "check").returncode == 1


def test_serial_of_another_token(epo, make_box, work):
    """A token with another serial number than the configured one gets no PIN."""
    box = make_box(epo, start=False)
    evil.insert(box, evil.build(work))
    box.set('token "office"', serial="0000000000000000")
    box.start()
    until(lambda: token_state(box) == "foreign", 15, lambda: f"{token_state(box)}\n{box.log_tail()}")
    time.sleep(1)
    assert evil.logins(box) == 0


# --- keys and certificates ------------------------------------------------------------------------------------------------

BAD_KEYS = {"sign+expired": "expired", "sign+not-yet": "not-yet", "sign+mismatch": "mismatch", "sign+wrong-usage": "bad-usage"}


@pytest.mark.parametrize("key", sorted(BAD_KEYS))
def test_certificates_that_cannot_be_used(epo, make_box, key):
    """Nothing is signed, the case waits, the state is named."""
    box = make_box(epo, tokens={"office": [key, "vault"]}, pki_dir=None)
    box.wait_token()
    rows = [r for r in box.rows("token", "list", kind="key") if "sign" in r["use"]]
    assert rows[0]["state"] == BAD_KEYS[key], rows
    assert box.cli("token", "test")[0] == 1
    box.drop("a.xml", document(key))
    time.sleep(QUIET_S + 2)
    assert not epo.ledger()
    case = box.case(None)
    assert case["state"] in WAITING + ("failed",) and case["reason"], case


def test_without_ik_mpsv(epo, make_box, pki_dir):
    """EPO may refuse such a certificate: a warning, no obstacle."""
    box = make_box(epo, tokens={"office": ["sign+no-ik", "vault"]}, pki_dir=pki_dir)
    box.wait_token()
    row = [r for r in box.rows("token", "list", kind="key") if "sign" in r["use"]][0]
    assert row["state"] == "ok" and "IK MPSV" in row["warning"]
    box.drop("a.xml", document("no IK"))
    box.wait_state("a.xml")
    assert epo.ledger("accepted")[0]["ik_mpsv"] is None


@pytest.mark.parametrize("kind", ["sign/rsa3072", "sign/ec"])
def test_other_keys(epo, make_box, pki_dir, kind):
    """RSA 3072; P-256 where the configuration says that the partner takes it, and not otherwise (spec/epo 3.3)."""
    epo.switch(allow_ec="on")
    box = make_box(epo, tokens={"office": [kind, "vault"]}, pki_dir=pki_dir)
    box.wait_token()
    box.drop("a.xml", document(kind))
    if kind.endswith("ec"):
        time.sleep(QUIET_S)
        assert not epo.ledger()
        box.stop()
        box.set('partner "epo"', options=["sign-want=epo epo-ecdsa"])
        box.write_config()
        box.start()
        box.wait_token()
    box.wait_state("a.xml")
    assert len(epo.ledger("accepted")) == 1


@pytest.mark.parametrize("vault", ["vault", "vault/ec"])
def test_two_tokens(epo, make_box, pki_dir, vault):
    """Sign key and vault key in two tokens, each with its own process."""
    box = make_box(epo, tokens={"podpis": ["sign"], "archiv": [vault]}, pki_dir=pki_dir)
    box.wait_token(label="podpis")
    box.wait_token(label="archiv")
    pids = {r["pid"] for n, r in box.programs().items() if n.startswith("token")}
    assert len(pids) == 2
    box.drop("a.xml", document("two tokens"))
    box.wait_state("a.xml")
    box.restart()
    box.wait_token(label="archiv")
    until(lambda: box.case("a.xml"), 10, "names after the restart")
    assert len(epo.ledger("accepted")) == 1


def test_vault_token_logged_out(epo, make_box, pki_dir):
    """Only the vault's token needs a person: what was taken in before goes out, because keys are in memory or new."""
    box = make_box(epo, tokens={"podpis": ["sign"], "archiv": ["vault"]}, pki_dir=pki_dir, start=False)
    box.set('token "archiv"', pin="prompt")
    box.start()
    box.wait_token(label="podpis")
    box.drop("a.xml", document("vault locked"))
    case = box.wait_state(lambda c: True, "done")
    assert len(epo.ledger("accepted")) == 1
    assert box.login("archiv").returncode == 0
    until(lambda: box.case(case["case"]).get("name") == "a.xml", 10, lambda: box.case(case["case"]))


def test_production_refuses_software_token(epo, make_box):
    """P1: a software token signs nothing for a production partner unless the configuration says so."""
    box = make_box(epo, start=False)
    box.set('partner "epo"', env="production", allow_software_token=False)
    box.start()
    box.drop("a.xml", document("production"))
    time.sleep(QUIET_S + 1)
    assert not epo.ledger()
    case = box.case(None)
    assert case is None or case["state"] in WAITING


# --- a module that misbehaves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["fail", "flip", "crash"])
def test_bad_signature_never_leaves(epo, make_box, work, how):
    """The signature is verified before it leaves; the token's failure delays the case and loses nothing."""
    box = make_box(epo, start=False)
    evil.insert(box, evil.build(work), SIGN=how)
    box.start()
    box.drop("a.xml", document(how))
    case = box.wait_state(lambda c: True, WAITING)
    until(lambda: "abandoned" in box.types(case["case"]), 20, lambda: box.story(case))
    time.sleep(1)
    assert not epo.ledger()
    evil.insert(box, evil.build(work))
    box.restart()
    box.wait_state(case["case"], "done", 60)
    assert len(epo.ledger("accepted")) == 1


def test_token_without_raw_rsa(epo, make_box, work):
    """Qualified devices refuse CKM_RSA_X_509: signing and unwrapping work without it."""
    box = make_box(epo, start=False)
    evil.insert(box, evil.build(work), NO_RAW_RSA=1)
    box.start()
    box.drop("a.xml", document("no raw RSA"))
    box.wait_state("a.xml")
    box.restart()
    until(lambda: box.case("a.xml"), 15, "the vault opens")


@pytest.mark.sanitized
def test_token_pulled_and_put_back(epo, make_box, work):
    """P6: the case waits while the token is away, and goes when it is back."""
    box = make_box(epo, start=False)
    gone = os.path.join(box.hsm.dir, "tokens", "gone")
    evil.insert(box, evil.build(work), GONE=gone, REMOVABLE=1)
    box.start()
    box.wait_token()
    open(gone, "wb").close()
    box.drop("a.xml", document("pulled"))
    time.sleep(QUIET_S)
    assert not epo.ledger()
    os.unlink(gone)
    box.wait_state(lambda c: True, "done", 60)
    assert len(epo.ledger("accepted")) == 1


def test_broken_module_path(epo, make_box):
    """A module that is not there: the box runs, says so, and waits."""
    box = make_box(epo, start=False)
    box.set('token "office"', module="/usr/lib/softhsm/neni.so")
    box.start(wait=False)
    until(lambda: box.cli("status")[0] in (0, 1), 20, "an answer")
    box.drop("a.xml", document("no module"))
    time.sleep(QUIET_S)
    assert token_state(box) in ("absent", "broken") and not epo.ledger()
