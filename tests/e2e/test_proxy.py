"""Filings through a real squid: with and without a login, refused, gone, hanging, and one that replaces certificates."""

import os
import socket
import time

import pytest

import forms
import pki
from box import proc_status, until
from squid import Squid, available, free_port

pytestmark = pytest.mark.skipif(not available(), reason="needs root and squid-openssl")
QUIET_S = 2.0
LOGIN = {"krabice": "tajné-heslo-proxy"}


@pytest.fixture
def squid(work, request):
    """squid(**options of Squid): a running one."""
    made = []

    def make(**options):
        made.append(Squid(os.path.join(work, f"squid-{request.node.name}-{len(made)}".replace("[", "-").replace("]", "")), **options).start())
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def own_box(epo, make_box, work):
    """own_box(url, **keys of proxy): a box that goes through it; not started with start=False."""
    def make(url, password=None, start=True, **keys):
        if password is not None:
            keys["password_file"] = os.path.join(work, f"proxy-{time.monotonic_ns()}.password")
            pki.write_file(keys["password_file"], password.encode() + b"\n", 0o600)
        box = make_box(epo, settings={"proxy": {"mode": "own", "url": url, **keys}}, start=False)
        if start:
            box.start()
            box.wait_token()
        return box
    return make


def drop(box, note):
    name, document = f"{note}.xml", forms.dphdp3(note=f"proxy {note} {os.getpid()}")
    box.drop(name, document)
    return name


def target(epo):
    return epo.base.removeprefix("https://")


def waits_because(box, name, words):
    """Waits until `list` gives this reason for the case, in Czech."""
    return until(lambda: (box.case(name) or {}).get("reason") == words and box.case(name), 30,
                 lambda: f"{box.case(name)}\n{box.story(box.case(name))}")


def not_sent(box, epo, case):
    """Nothing reached the partner, and the journal knows."""
    assert not epo.ledger("test") and not epo.ledger("accepted") and not epo.ledger("refused")
    records = box.rows("show", case["case"], kind="record")
    ends = [r for r in records if r["type"] == "not-sent"]
    assert ends and not [r for r in records if r["type"] in ("reply", "sending", "unclear")]
    return ends


# --- what works --------------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("login", [False, True], ids=["open", "login"])
def test_filed_through_proxy(epo, own_box, squid, login):
    proxy = squid(users=LOGIN if login else None)
    before = epo.counts().get("connections", 0)
    box = own_box(proxy.url, **({"user": "krabice", "password": LOGIN["krabice"]} if login else {}))
    name = drop(box, "skrz")
    box.wait_state(name, "done")
    accepted = epo.ledger("accepted")
    assert len(accepted) == 1 and not accepted[0]["proxy_authorization"] and not accepted[0]["authorization"]
    # Test run, filing, and at least one question, each in a tunnel of its own, and nothing past the proxy.
    tunnels = until(lambda: len(proxy.tunnels("200")) >= 3 and proxy.tunnels("200"), 10, proxy.story)
    assert {t[1] for t in tunnels} == {target(epo)} and len(tunnels) == epo.counts()["connections"] - before
    if login:
        assert {t[4] for t in tunnels} == {"krabice"}
        # No unauthenticated try goes before it.
        assert not proxy.tunnels("407")
        hidden(box, LOGIN["krabice"])


def hidden(box, password):
    """The password is in no log, journal, status, environment or process list."""
    assert password not in box.log() and password not in box.text("status")
    for pid in box.processes():
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                assert password.encode() not in f.read(), (proc_status(pid).get("Name"), name)
    for at, _, files in os.walk(box.data):
        for name in files:
            with open(os.path.join(at, name), "rb") as f:
                assert password.encode() not in f.read(), name


def test_direct_ignores_environment(epo, make_box, monkeypatch):
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    box = make_box(epo)
    box.wait_state(drop(box, "rovnou"), "done")
    assert len(epo.ledger("accepted")) == 1


def test_system(epo, make_box, squid, monkeypatch):
    """With a login in the variable, as people write it there; it is handed to no program but the one with the network."""
    proxy = squid(users={"krabice": "heslo@x"})
    monkeypatch.setenv("https_proxy", f"http://krabice:heslo%40x@127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", "intranet.example")
    box = make_box(epo, settings={"proxy": {"mode": "system"}})
    box.wait_state(drop(box, "soustava"), "done")
    assert len(epo.ledger("accepted")) == 1
    assert until(lambda: len(proxy.tunnels("200")) >= 3, 10, proxy.story) and {t[4] for t in proxy.tunnels()} == {"krabice"}
    for pid in box.processes()[1:]:
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert b"heslo" not in f.read(), proc_status(pid).get("Name")


def test_exceptions(epo, own_box, squid):
    proxy = squid()
    box = own_box(proxy.url, no_proxy=["intranet.example", "127.0.0.0/8"])
    box.wait_state(drop(box, "mimo"), "done")
    assert len(epo.ledger("accepted")) == 1 and not proxy.tunnels()


# --- what does not, and what people are told ---------------------------------------------------------------------------


@pytest.mark.parametrize("how, words", [
    ("none", "proxy chce přihlášení: nastavte user a password_file v „proxy“"),
    ("wrong", "proxy odmítla přihlášení: zkontrolujte user a password_file v „proxy“"),
    ("other", "proxy nepřijímá jednoduché přihlášení (Basic): požádejte správce sítě o výjimku pro Podatelnu")], ids=["none", "wrong", "other"])
def test_login_refused(epo, own_box, squid, how, words):
    """Told in words, and never tried so often that an account would be locked."""
    proxy = squid(users=LOGIN, scheme="negotiate" if how == "other" else "basic")
    login = {} if how == "none" else {"user": "krabice", "password": "jiné-heslo"}
    box = own_box(proxy.url, **login)
    case = waits_because(box, drop(box, "login"), words)
    assert "jiné-heslo" not in box.log()
    not_sent(box, epo, case)
    tries = len(proxy.tunnels("407"))
    time.sleep(QUIET_S)
    assert tries == len(proxy.tunnels("407")) == 1
    assert words in box.text("status", check=False)


def test_right_password_later(epo, own_box, squid, work):
    """After the password was put right and the box restarted, the case goes on by itself."""
    proxy = squid(users=LOGIN)
    box = own_box(proxy.url, user="krabice", password="překlep")
    name = drop(box, "později")
    waits_because(box, name, "proxy odmítla přihlášení: zkontrolujte user a password_file v „proxy“")
    pki.write_file(box.settings["proxy"]["password_file"], (LOGIN["krabice"] + "\n").encode(), 0o600)
    box.restart()
    box.wait_state(name, "done", 60)
    assert len(epo.ledger("accepted")) == 1


def test_password_file_unusable(epo, own_box, squid):
    """Readable by others: the box neither does without the login nor goes past the proxy."""
    proxy = squid()
    box = own_box(proxy.url, user="krabice", password="x", start=False)
    os.chmod(box.settings["proxy"]["password_file"], 0o644)
    box.start()
    case = waits_because(box, drop(box, "čitelné"), "nastavení proxy nelze použít: podívejte se na „proxy“ v konfiguraci")
    not_sent(box, epo, case)
    assert not proxy.tunnels()


def test_forbidden(epo, own_box, squid):
    proxy = squid(deny=True)
    box = own_box(proxy.url)
    case = waits_because(box, drop(box, "zákaz"), "proxy Podatelnu nepustila: požádejte správce sítě o výjimku pro Podatelnu")
    not_sent(box, epo, case)
    assert len(proxy.tunnels("403")) == 1


def test_gone(epo, own_box, squid):
    """Nobody there; once the proxy is back, the filing goes through, once."""
    proxy = squid()
    proxy.kill()
    box = own_box(proxy.url)
    name = drop(box, "nikdo")
    case = waits_because(box, name, "proxy neodpovídá")
    not_sent(box, epo, case)
    proxy.start()
    box.cli("send", case["case"])
    box.wait_state(name, "done", 60)
    assert len(epo.ledger("accepted")) == 1


def test_hangs(epo, own_box):
    """It takes the connection and says nothing: over at connect_timeout, not sent."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        box = own_box(f"http://127.0.0.1:{deaf.getsockname()[1]}", start=False)
        box.set('partner "epo"', connect_timeout="500 ms")
        box.start()
        case = waits_because(box, drop(box, "mlčí"), "proxy neodpovídá")
        not_sent(box, epo, case)


def test_interception(epo, own_box, squid):
    """squid bumps TLS with a CA of its own: nobody's certificate. The issuer is told, nothing is sent, and it is not tried again and again."""
    cert, key = (os.path.join(epo.pki, name) for name in ("foreign-ca.pem", "foreign-ca.key"))
    proxy = squid(intercept=(cert, key))
    box = own_box(proxy.url)
    case = waits_because(box, drop(box, "výměna"), "certifikát serveru má cizího vydavatele: vyměňuje ho proxy nebo někdo po cestě; "
                                                   "požádejte správce sítě o výjimku pro Podatelnu")
    assert "far=connected" in not_sent(box, epo, case)[0]["detail"]
    assert "Podatelna foreign CA" in box.text("status", check=False)
    tries = len(proxy.tunnels())
    time.sleep(QUIET_S)
    assert len(proxy.tunnels()) == tries


# --- killed in the middle ----------------------------------------------------------------------------------------------


def test_killed_before_the_filing(epo, own_box, squid):
    """The test run went through, then the proxy dies: the filing is not sent, and later filed once."""
    proxy = squid()
    epo.switch({"slow_ms.test": 1500})
    box = own_box(proxy.url)
    name = drop(box, "před")
    until(lambda: epo.ledger("test"), 20, box.log_tail)
    proxy.kill()
    case = until(lambda: box.case(name)["reason"] == "proxy neodpovídá" and box.case(name), 30, lambda: box.story(box.case(name)))
    assert not epo.ledger("accepted")
    epo.reset()
    proxy.start()
    box.cli("send", case["case"])
    box.wait_state(name, "done", 60)
    assert len(epo.ledger("accepted")) == 1


def test_killed_after_the_body(epo, own_box, squid):
    """The partner has it, the reply dies with the proxy: uncertain, and never sent again."""
    proxy = squid()
    epo.switch({"slow_ms.file": 3000})
    box = own_box(proxy.url)
    name = drop(box, "po těle")
    until(lambda: epo.ledger("accepted"), 20, box.log_tail)
    proxy.kill()
    case = box.wait_state(name, "uncertain")
    proxy.start()
    epo.reset()
    time.sleep(QUIET_S)
    assert len(epo.ledger("accepted")) == 1 and box.case(case["case"])["state"] == "uncertain"
