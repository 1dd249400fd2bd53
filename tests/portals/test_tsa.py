"""The simulated time-stamp authority by itself; what it grants is judged by `openssl ts -verify`."""

import base64
import datetime
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import urllib.error

import pytest

import pki
import tsa_token

HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
PATH = "/TSS/TSS_user/"
# Fault → what `openssl ts -verify` says.
SPOILT = {
    "wrong_nonce": "nonce mismatch", "no_nonce": "nonce not returned", "wrong_imprint": "message imprint mismatch",
    "wrong_hash": "message imprint mismatch", "wrong_policy": "policy mismatch", "no_token": "verification: failed",
    "bad_signature": "signature failure", "usage_missing": "certificate verify error",
    "usage_not_critical": "certificate verify error", "cert_expired": "certificate has expired",
    "cert_not_yet": "certificate is not yet valid", "foreign": "certificate verify error", "wrong_ess": "ess",
    "no_ess": "ess", "no_certs": "certificate",
}


def ask(data=b"journal", policy=None, tool_options=()):
    """TimeStampReq by openssl."""
    command = ["openssl", "ts", "-query", "-digest", hashlib.sha256(data).hexdigest(), "-sha256", "-cert",
               *(["-tspolicy", policy] if policy else []), *tool_options]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def send(tsa, query, headers=None):
    return tsa.client.post(PATH, query, {**HEADERS, **(headers or {})})


def verified(tsa, query, reply, tmp_path):
    """"" when openssl says yes, its words otherwise."""
    (tmp_path / "query").write_bytes(query)
    (tmp_path / "reply").write_bytes(reply)
    command = ["openssl", "ts", "-verify", "-queryfile", str(tmp_path / "query"), "-in", str(tmp_path / "reply"),
               "-CAfile", tsa.ca]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return "" if done.returncode == 0 else done.stdout.decode().lower()


def status_of(reply):
    return tsa_token.read_response(reply)[0]


@pytest.mark.parametrize("policy", [None, "1.2.3.4.2"])
def test_granted(tsa, tmp_path, policy):
    query = ask(policy=policy)
    code, headers, reply = send(tsa, query)
    assert (code, headers["Content-Type"]) == (200, "application/timestamp-reply")
    assert verified(tsa, query, reply, tmp_path) == ""
    line, = tsa.portal.ledger("granted")
    assert line["imprint"] == hashlib.sha256(b"journal").hexdigest() and line["good"] and line["hash"] == "sha256"
    assert line["policy"] == (policy or "1.2.3.4.1") and int(line["nonce"], 16) > 0 and line["cert_req"] is True
    assert tsa.portal.get(f"/query?seq={line['seq']}") == query
    assert tsa.portal.get(f"/reply?seq={line['seq']}") == reply


def test_serials_differ(tsa):
    for _ in range(2):
        send(tsa, ask())
    assert len({line["serial"] for line in tsa.portal.ledger("granted")}) == 2


@pytest.mark.parametrize("fault", sorted(SPOILT))
def test_spoilt(tsa, tmp_path, fault):
    tsa.portal.switch({fault: "once"})
    query = ask(policy="1.2.3.4.1")
    reply = send(tsa, query)[2]
    assert SPOILT[fault] in verified(tsa, query, reply, tmp_path)
    line, = tsa.portal.ledger("granted")
    assert line["faults"] == [fault] and not line["good"]
    assert verified(tsa, query, send(tsa, query)[2], tmp_path) == ""


@pytest.mark.parametrize("fault", ["usage_not_alone", "weak_hash", "with_mods"])
def test_what_openssl_takes(tsa, fault):
    """openssl itself says yes or no as it likes here: the token holds what it should."""
    tsa.portal.switch({fault: "once"})
    status, token = tsa_token.read_response(send(tsa, ask())[2])
    signed = token["content"]
    certificate = signed["certificates"][0].chosen
    uses = certificate.extended_key_usage_value.native
    assert (len(uses) == 2) == (fault == "usage_not_alone") and "time_stamping" in uses
    assert signed["signer_infos"][0]["digest_algorithm"]["algorithm"].native == ("sha1" if fault == "weak_hash" else "sha256")
    assert status["status"] == ("granted_with_mods" if fault == "with_mods" else "granted")


@pytest.mark.parametrize("status", [2, 3, 4, 5])
def test_statuses(tsa, status):
    tsa.portal.switch(reject="once", status=status, text="Dnes ne")
    told = status_of(send(tsa, ask())[2])
    words = ["rejection", "waiting", "revocation_warning", "revocation_notification"]
    assert told["status"] == words[status - 2] and told["status_string"] == ["Dnes ne"]
    assert not tsa.portal.ledger("granted") and len(tsa.portal.ledger("refused")) == 1


@pytest.mark.parametrize("name, told", [
    ("badAlg", "bad_alg"), ("badRequest", "bad_request"), ("badDataFormat", "bad_data_format"),
    ("timeNotAvailable", "time_not_available"), ("unacceptedPolicy", "unaccepted_policy"),
    ("unacceptedExtension", "unaccepted_extensions"), ("addInfoNotAvailable", "add_info_not_available"),
    ("systemFailure", "system_failure")])
def test_failures(tsa, name, told):
    tsa.portal.switch(reject="once", fail=name)
    assert status_of(send(tsa, ask())[2])["fail_info"] == {told}


def test_openssl_refuses_by_itself(tsa):
    assert status_of(send(tsa, ask(policy="1.2.3.9"))[2])["fail_info"] == {"unaccepted_policy"}
    assert "unaccepted_policy" in tsa.portal.ledger("refused")[0]["reason"]
    assert status_of(send(tsa, b"no query")[2])["fail_info"] == {"bad_data_format"}
    assert status_of(send(tsa, ask(), {"Content-Type": "text/plain"})[2])["fail_info"] == {"bad_request"}
    assert not tsa.portal.ledger("granted")


def test_basic_login(tsa):
    tsa.portal.switch(user="F210000", password="Heslo1")
    right = {"Authorization": "Basic " + base64.b64encode(b"F210000:Heslo1").decode()}
    wrong = {"Authorization": "Basic " + base64.b64encode(b"F210000:heslo1").decode()}
    code, headers, _ = send(tsa, ask())
    assert code == 401 and headers["WWW-Authenticate"].startswith("Basic ")
    assert [send(tsa, ask(), h)[0] for h in (wrong, right)] == [401, 200]
    assert [line["by"] for line in tsa.portal.ledger("granted")] == ["F210000"]


def test_client_certificate(tsa):
    tsa.portal.switch(login="certificate")
    assert send(tsa, ask())[0] == 401
    cert, key = pki.software_user(tsa.pki, "tsa-client", usage="tls", ik_mpsv=None)
    tsa.client.context.load_cert_chain(cert, key)
    assert send(tsa, ask())[0] == 200
    assert "Jana Nov" in tsa.portal.ledger("granted")[0]["by"]
    cert, key = pki.software_user(tsa.pki, "tsa-foreign", usage="tls", ca="foreign-ca")
    tsa.client.context.load_cert_chain(cert, key)
    with pytest.raises((OSError, http.client.HTTPException, ssl.SSLError)):
        send(tsa, ask())


def test_package(tsa):
    tsa.portal.switch(package=2)
    assert [send(tsa, ask())[0] for _ in range(3)] == [200, 200, 403]
    tsa.portal.switch(package=3)
    tsa.portal.switch(reject="once")
    assert [send(tsa, ask())[0] for _ in range(3)] == [200, 200, 403]
    assert len(tsa.portal.ledger("granted")) == 3


def test_package_after_a_restart(tmp_path, pki_dir):
    from simulator import Simulator
    import portal_client
    with Simulator("tsa", str(tmp_path), pki_dir, settings=["package=2"]) as portal:
        client = portal_client.Client(portal.port, os.path.join(pki_dir, "ca.pem"))
        assert client.post(PATH, ask(), HEADERS)[0] == 200
        portal.restart()
        assert [client.post(PATH, ask(), HEADERS)[0] for _ in range(2)] == [200, 403]


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_clock_off(tsa, tmp_path, seconds):
    tsa.portal.switch(clock_off_s=seconds)
    query = ask()
    reply = send(tsa, query)[2]
    assert verified(tsa, query, reply, tmp_path) == ""
    line, = tsa.portal.ledger("granted")
    off = datetime.datetime.fromisoformat(line["gen_time"]) - datetime.datetime.fromisoformat(line["time"])
    assert abs(off.total_seconds() - seconds) < 60 and not line["good"]


def test_delivery(tsa):
    for fault, code, granted in (("status500", 500, 0), ("html200", 200, 0), ("empty200", 200, 1), ("garbage", 200, 2),
                                 ("status401", 401, 2), ("status403", 403, 2), ("redirect302", 302, 2)):
        tsa.portal.switch({fault: "once"})
        assert (send(tsa, ask())[0], len(tsa.portal.ledger("granted"))) == (code, granted), fault
    tsa.portal.switch(odd_content_type="once")
    assert send(tsa, ask())[1]["Content-Type"].startswith("text/plain")
    for fault in ("cut_after_request", "cut_midreply", "refuse_connection", "cut_before_read"):
        tsa.portal.switch({fault: "once"})
        with pytest.raises((OSError, http.client.HTTPException)):
            send(tsa, ask())
    assert tsa.client.post("/elsewhere", ask(), HEADERS)[0] == 404
    assert send(tsa, ask())[0] == 200


def test_control(tsa):
    with pytest.raises(urllib.error.HTTPError):
        tsa.portal.get("/reply?seq=99")
    assert json.loads(tsa.portal.get("/counts"))["connections"] >= 0
