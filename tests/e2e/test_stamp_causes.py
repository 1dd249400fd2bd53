"""Each way in which a time stamp can fail tells its own cause: in the record of what was kept, and in the words of the person who asked (spec timestamps 3)."""

import os
import re
import tempfile

import pytest

from box import TOP
from simulator import Simulator
from test_stamps import anchors, granted, row, settings, verified

# Switches of the authority → the cause. With `spent` a stamp of the package is gone and what came is kept; else nothing is.
SPOILT = [
    ({"wrong_nonce": "once"}, "nonce"), ({"no_nonce": "once"}, "nonce"), ({"wrong_imprint": "once"}, "imprint"), ({"wrong_hash": "once"}, "imprint-hash"),
    ({"wrong_policy": "once"}, "policy"), ({"no_token": "once"}, "no-token"), ({"bad_signature": "once"}, "signature"), ({"no_certs": "once"}, "signer-missing"),
    ({"no_ess": "once"}, "signer-id-missing"), ({"wrong_ess": "once"}, "signer-id"), ({"usage_missing": "once"}, "usage-missing"),
    ({"usage_not_critical": "once"}, "usage-not-critical"), ({"usage_not_alone": "once"}, "usage-not-alone"), ({"cert_expired": "once"}, "certificate-expired"),
    ({"cert_not_yet": "once"}, "certificate-not-yet"), ({"foreign": "once"}, "issuer-unknown"), ({"weak_hash": "once"}, "weak"),
    ({"odd_content_type": "once"}, "content-type"),
]
REFUSED = [
    ({"status401": "once"}, "http-login"), ({"status403": "once"}, "http-forbidden"), ({"status500": "once"}, "http-away"), ({"html200": "once"}, "html"),
    ({"empty200": "once,notake"}, "empty"), ({"garbage": "once,notake"}, "content-type"), ({"reject": "once", "fail": "badAlg"}, "bad-alg"),
    ({"reject": "once", "fail": "badRequest"}, "bad-request"), ({"reject": "once", "fail": "badDataFormat"}, "bad-data-format"),
    ({"reject": "once", "fail": "timeNotAvailable"}, "time-not-available"), ({"reject": "once", "fail": "unacceptedPolicy"}, "unaccepted-policy"),
    ({"reject": "once", "fail": "unacceptedExtension"}, "unaccepted-extension"), ({"reject": "once", "fail": "addInfoNotAvailable"}, "add-info-not-available"),
    ({"reject": "once", "fail": "systemFailure"}, "system-failure"), ({"reject": "once"}, "rejected"), ({"reject": "once", "status": 3}, "waiting"),
    ({"reject": "once", "status": 4}, "revocation"), ({"reject": "once", "status": 5}, "revocation"),
]


def czech():
    """Cause → the words that people read: the table of the program, and its translation."""
    with open(os.path.join(TOP, "appliance", "base", "stampcause.c"), encoding="utf-8") as f:
        table = re.findall(r'\{\s*"([a-z-]+)",\s*N_\(((?:\s*"(?:[^"\\]|\\.)*")+)\)', f.read())
    with open(os.path.join(TOP, "config", "po", "cs", "stampcause.po"), encoding="utf-8") as f:
        words = dict(re.findall(r'msgid "((?:[^"\\]|\\.)+)"\nmsgstr "((?:[^"\\]|\\.)*)"', f.read()))
    return {cause: words["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))] for cause, text in table}


@pytest.fixture
def tsa(work, pki_dir):
    with Simulator("tsa", tempfile.mkdtemp(prefix="tsa-", dir=work), pki_dir) as authority:
        yield authority
        assert not authority.ledger("simulator-error")


def test_the_words_are_there():
    table = czech()
    assert len(table) >= 40 and {cause for _, cause in SPOILT + REFUSED} <= set(table)


def told(box):
    """What the person who asks for a stamp now is told; broken lines are whole again."""
    done = box.run_cli("journal", "stamp")
    return done.returncode, " ".join((done.stdout + done.stderr).decode().split())


def test_spoilt_stamps(tsa, make_box, pki_dir):
    box = make_box(settings=settings(pki_dir, tsa.url, anchor_every="1 h", package=100, policy="1.2.3.4.1"))
    words = czech()
    for count, (switches, cause) in enumerate(SPOILT, 1):
        tsa.reset()
        tsa.switch(switches)
        code, said = told(box)
        assert code == 1 and words[cause] in said, (cause, said)
        records = anchors(box, "bad-stamp")
        assert len(records) == count == granted(tsa), cause
        assert records[-1]["reason"].startswith(cause + ": "), records[-1]
        assert row(box)["left"] == str(100 - count) and not anchors(box, "stamp")
    tsa.reset()
    assert told(box)[0] == 0 and verified(box, pki_dir, anchors(box, "stamp")[0])
    assert box.run_cli("journal", "verify").returncode == 0


def test_refusals(tsa, make_box, pki_dir):
    box = make_box(settings=settings(pki_dir, tsa.url, anchor_every="1 h", package=100))
    words = czech()
    for switches, cause in REFUSED:
        tsa.reset()
        tsa.switch(switches)
        code, said = told(box)
        assert code == 1 and words[cause] in said, (cause, said)
        assert not granted(tsa) and not anchors(box, "bad-stamp") and row(box)["left"] == "100", cause
    tsa.reset()
    assert told(box)[0] == 0 and granted(tsa) == len(anchors(box, "stamp")) == 1
