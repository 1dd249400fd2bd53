"""A partner whose server asks for a certificate before it talks to anybody: the box logs in with a key in a token, of which the network program never sees more
than the public half. What came in, and with which certificate, is told by the portal's ledger."""

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import forms
import journal
import pki
from box import Tokens, until
from proc import memory_holds
from simulator import Simulator

VERSIONS = ("1.2", "1.3")
# Long enough for a case to be tried again when nothing but its own timers moves it.
PATIENCE = 60


@pytest.fixture(scope="module")
def login_tokens(work, pki_dir):
    """The tokens of a kind of key: signing and vault in one, logging in with the other."""
    made = {}

    def get(kind):
        if kind not in made:
            keys = {"office": ["sign", "vault"], "door": [f"tls/{kind}" if kind != "rsa" else "tls"]}
            made[kind] = Tokens(os.path.join(work, f"tokens-login-{kind}"), keys, pki_dir)
        return made[kind]
    return get


@pytest.fixture
def login_box(epo, make_box, login_tokens):
    """login_box(kind, **options of Box): the partner's server wants a certificate, and `tls_key` says with which key."""
    def make(kind="rsa", settings=None, **options):
        epo.switch(client_cert="needed")
        wanted = {'partner "epo"': {"tls_key": "tls"}, **(settings or {})}
        return make_box(epo, login_tokens(kind), settings=wanted, **options)

    yield make
    epo.reset()


def certificate(box, label="door", key="tls"):
    """SHA-256 of the certificate in the token."""
    token = next(t for t in box.hsm.tokens if t["label"] == label)
    return hashlib.sha256(pki.load_cert(next(k["cert"] for k in token["keys"] if k["name"] == key))
                          .public_bytes(Encoding.DER)).hexdigest()


def drop(box, note):
    name = f"{note}.xml"
    box.drop(name, forms.dphdp3(note=f"login {note} {os.getpid()}"))
    return name


def requests(epo):
    """Everything that arrived, whatever became of it."""
    return [line for line in epo.ledger() if "conn" in line]


def waits(box, name, words):
    return until(lambda: words in ((box.case(name) or {}).get("reason") or "") and box.case(name), PATIENCE,
                 lambda: f"{box.case(name)}\n{box.story(box.case(name))}")


def tls_records(box):
    return [r.fields for r in journal.read(box.data) if r.type == "tls"]


@pytest.mark.sanitized
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_filed_with_a_login(epo, login_box, version, kind):
    epo.switch(tls=version)
    box = login_box(kind)
    box.wait_token(label="office")
    box.wait_token(label="door")
    name = drop(box, f"prihlaseni-{kind}-{version}")
    box.wait_state(name, "done")
    came = requests(epo)
    assert {line["client_cert"] for line in came} == {certificate(box)} and {line["tls"] for line in came} == {f"TLSv{version}"}
    assert len(epo.ledger("accepted")) == 1
    # One signature for each connection, each with its record, and that before the request arrived.
    records = tls_records(box)
    assert len(records) == len({line["conn"] for line in came})
    assert {r["key"] for r in records} == {"tls"} and {r["token"] for r in records} == {"door"}
    assert all(len(r["sha256"]) == 64 and len(r["peer"]) == 64 for r in records)
    assert {r["algorithm"] for r in records} <= ({"ECDSA+SHA256"} if kind == "ec" else {"RSA-PSS+SHA256", "RSA+SHA256"})
    if (kind, version) == ("rsa", "1.3"):
        assert {r["algorithm"] for r in records} == {"RSA-PSS+SHA256"}
    code, rows = box.cli("journal", "verify")
    assert code == 0, rows


def test_server_that_says_nothing(epo, login_box):
    """TLS 1.3 without tickets: the server has no word for a certificate that it takes. The filing waits a while for a refusal, then goes."""
    epo.switch(tls="1.3", tickets=0)
    box = login_box()
    box.wait_token(label="door")
    box.wait_state(drop(box, "bez-listku"), "done")
    assert len(epo.ledger("accepted")) == 1


def test_locked_token(epo, login_box):
    """The token that logs in waits for its PIN: nothing is begun, nothing announced; after the login the case goes on by itself."""
    box = login_box(settings={'token "door"': {"pin": "prompt"}})
    box.wait_token(label="office")
    box.wait_token("pin-needed", label="door")
    name = drop(box, "zamceno")
    case = waits(box, name, "PIN")
    assert not requests(epo) and not tls_records(box)
    assert not [r for r in box.types(case["case"]) if r in ("intent", "request", "sending", "unclear")] and case["state"] == "ready"
    assert box.login("door").returncode == 0
    box.wait_state(name, "done")
    assert len(epo.ledger("accepted")) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_wrong_certificate(epo, login_box, version):
    """The server takes only another issuer's: nothing is filed, and never is it unclear whether. When the server is set right, the case goes on."""
    epo.switch(tls=version)
    box = login_box()
    epo.switch(client_cert="foreign")
    box.wait_token(label="door")
    name = drop(box, f"cizi-{version}")
    case = waits(box, name, "certifikát, kterým se box přihlašuje")
    assert not epo.ledger("accepted") and not requests(epo)
    types = box.types(case["case"])
    assert "not-sent" in types and not [t for t in types if t in ("reply", "unclear")]
    epo.switch(client_cert="needed")
    assert box.run_cli("send", case["case"]).returncode == 0
    box.wait_state(name, "done", timeout=PATIENCE)
    assert len(epo.ledger("accepted")) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_filing_refused_at_the_door(epo, login_box, version):
    """No test run before it: the very filing meets the refusal, and is `not-sent`, not uncertain; then it goes, once."""
    epo.switch(tls=version)
    box = login_box(settings={'partner "epo"': {"tls_key": "tls", "test_first": False}})
    epo.switch(client_cert="foreign")
    box.wait_token(label="door")
    name = drop(box, f"podani-{version}")
    case = waits(box, name, "certifikát, kterým se box přihlašuje")
    records = [r for r in journal.read(box.data) if r.fields.get("case") == case["case"]]
    assert [r.type for r in records if r.type in ("sending", "not-sent", "unclear", "reply")] == ["sending", "not-sent"]
    assert records[-1].fields["far"] == "connected" and not requests(epo)
    epo.switch(client_cert="needed")
    assert box.run_cli("send", case["case"]).returncode == 0
    box.wait_state(name, "done", timeout=PATIENCE)
    assert len(epo.ledger("accepted")) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_no_key_configured(epo, make_box, version):
    """The server wants a certificate and the box has none to show: it says what is missing."""
    epo.switch(client_cert="needed", tls=version)
    box = make_box(epo, settings={'partner "epo"': {"test_first": False}})
    box.wait_token()
    name = drop(box, f"bez-klice-{version}")
    case = waits(box, name, "tls_key")
    assert not requests(epo) and "unclear" not in box.types(case["case"])
    epo.reset()


def test_software_token_in_production(epo, login_box):
    """P1: there a key that is not in hardware logs in nowhere, unless the configuration says so."""
    box = login_box(settings={'partner "epo"': {"tls_key": "tls", "env": "production", "allow_software_token": False}})
    box.wait_token(label="door")
    case = waits(box, drop(box, "ostry-provoz"), "klíč pro přihlášení je v softwarovém tokenu")
    assert not requests(epo) and not tls_records(box) and "intent" not in box.types(case["case"])


def test_key_for_something_else(epo, make_box):
    """A key that is not for logging in is refused before the box starts."""
    box = make_box(epo, settings={'partner "epo"': {"tls_key": "sign"}}, start=False)
    box.write_config()
    done = box.run_cli("config", "check")
    assert done.returncode == 1 and "tls" in done.stdout.decode() + done.stderr.decode()


def test_token_goes_away_and_comes_back(epo, login_box):
    """The token program dies while cases are filed: each is filed once."""
    box = login_box()
    box.wait_token(label="door")
    names = [drop(box, f"pad-{i}") for i in range(3)]
    until(lambda: tls_records(box), PATIENCE, "no login at all")
    box.kill("token door")
    for name in names:
        box.wait_state(name, "done", timeout=PATIENCE)
    accepted = epo.ledger("accepted")
    assert len(accepted) == 3 and len({line["xml_sha256"] for line in accepted}) == 3


STAMPS = {"check_every": "0", "day_end": False, "anchor_every": "1 h"}


@pytest.mark.parametrize("pin", ["file", "prompt"])
def test_time_stamp_with_a_login(work, pki_dir, make_box, login_tokens, pin):
    """An authority that knows the box by its certificate. While the token waits for its PIN nothing is asked there, and the command says why."""
    with Simulator("tsa", os.path.join(work, f"tsa-login-{pin}"), pki_dir, settings=["login=certificate"]) as tsa:
        ca_file = os.path.join(pki_dir, "ca.pem")
        box = make_box(tokens=login_tokens("ec"), settings={'tsa "razitka"': {"urls": [tsa.url], "ca_file": ca_file, "anchors": ca_file, "tls_key": "tls", **STAMPS}})
        if pin == "prompt":
            box.set('token "door"', pin="prompt")
            box.restart()
            box.wait_token("pin-needed", label="door")
            assert "PIN tokenu, kterým se box přihlašuje" in box.text("journal", "stamp", check=False)
            assert not tsa.ledger("granted") and not requests(tsa)
            assert box.login("door").returncode == 0
        box.wait_token(label="door")
        assert "orazítkován" in box.text("journal", "stamp")
        assert [line["client_cert"] for line in tsa.ledger("granted")] == [certificate(box)]
        assert [(r["key"], r["algorithm"], r.get("session")) for r in tls_records(box)] == [("tls", "ECDSA+SHA256", None)]
        assert not tsa.ledger("simulator-error")


@pytest.mark.skipif(os.geteuid() != 0, reason="looks into other processes' memory")
def test_private_key_stays_in_the_token(epo, make_box, work, pki_dir):
    """With a key that the test knows: the network program holds its public half while a session that logged in with it is under way, and never the private one."""
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.private_numbers()
    tokens = Tokens(os.path.join(work, "tokens-known"), {"office": ["sign", "vault"], "door": []}, pki_dir)
    stem = os.path.join(tokens.dir, "known")
    cert = pki.issue_user(pki_dir, key, usage="tls", ik_mpsv=None)
    pki.write_file(stem + ".pem", pki.cert_pem(cert))
    pki.write_file(stem + ".der", cert.public_bytes(Encoding.DER))
    pki.write_file(stem + ".key", key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()), 0o600)
    for kind, path in (("privkey", stem + ".key"), ("cert", stem + ".der")):
        tokens.hsm.tool("door", "--write-object", path, "--type", kind, "--id", "09", "--label", "tls", *(["--usage-sign"] if kind == "privkey" else []))
    os.unlink(stem + ".key")
    tokens.hsm.tokens[1]["keys"].append({"name": "tls", "id": "09", "label": "tls", "type": "ec", "uri": "pkcs11:id=%09", "cert": stem + ".pem"})
    epo.switch(client_cert="needed", slow_ms=3000)
    box = make_box(epo, tokens, settings={'partner "epo"': {"tls_key": "tls"}})
    box.wait_token(label="door")
    name = drop(box, "pamet")
    until(lambda: tls_records(box), PATIENCE, "no login at all")
    found = {"public": 0, "private": 0}

    def look():
        for pid in box.pid_of_executable("podatelna-transport"):
            try:
                found["public"] += memory_holds(pid, numbers.public_numbers.x.to_bytes(32, "big"))
                found["private"] += any(memory_holds(pid, numbers.private_value.to_bytes(32, order)) for order in ("big", "little"))
            except (OSError, ValueError):
                pass  # it ended meanwhile
        return found["public"]
    until(look, PATIENCE, "not even the public half was seen: nothing was looked at")
    assert not found["private"]
    box.wait_state(name, "done", timeout=PATIENCE)
    look()
    assert not found["private"] and len(epo.ledger("accepted")) == 1
    epo.reset()
