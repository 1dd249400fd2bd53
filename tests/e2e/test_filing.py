"""A filing from the folder to the receipt, with everything that the portal may do on the way (spec/epo)."""

import hashlib
import itertools
import os
import subprocess
import time
import zipfile
import io

import pytest

import forms
import portal_files
from box import until
from conftest import Portal

MONTHS = itertools.count()
QUIET_S = 2.0


def fresh(make=forms.dphdp3, **more):
    """(file name, document) that no other test has."""
    number = next(MONTHS)
    note = f"zkouška {os.getpid()} {number}"
    return f"podání {number}.xml", make(note=note, month=number % 12 + 1, year=2030 + number // 12, **more)


def file_one(box, make=forms.dphdp3, state="done", timeout=30, **more):
    """Drops a fresh document; (document, case)."""
    name, document = fresh(make, **more)
    box.drop(name, document)
    return document, box.wait_state(name, state, timeout)


# --- happy paths -------------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("make", [forms.dphdp3, forms.dphkh1, forms.dphshv, forms.dpfdp7, forms.dppdp9],
                         ids=lambda m: m.__name__)
def test_accepted(shared, portal, make):
    name, document = fresh(make)
    shared.drop(name, document)
    case = shared.wait_state(name)
    accepted = portal.accepted(document)
    assert len(accepted) == 1 and accepted[0]["form"] == make.__name__.upper()
    # The test run went first, on a connection of its own, with the same signed bytes.
    lines = portal.of(document)
    assert [line["kind"] for line in lines] == ["test", "accepted"]
    assert lines[0]["passed"] and lines[0]["cms_sha256"] == lines[1]["cms_sha256"]
    folder = shared.result(case["case"])
    assert case["form"] in os.path.basename(folder) and name in os.path.basename(folder)
    assert portal_files.read(folder, name) == document
    assert hashlib.sha256(portal_files.read(folder, "podano.p7s")).hexdigest() == accepted[0]["cms_sha256"]
    status = portal_files.read(folder, "stav.txt").decode()
    assert accepted[0]["cislo"] in status and accepted[0]["heslo"] in status and case["case"] in status
    # Staff open it in the editor of Windows; what the other papers are stands below what they look for first.
    assert status.count("\n") == status.count("\r\n") and status.endswith("\r\n")
    listed = status.partition("Vedle tohoto souboru:")[2]
    assert sorted(os.listdir(folder)) == sorted(["stav.txt", *(line.partition(": ")[0] for line in listed.split("\r\n") if line)])
    assert status.index("Převzato krabicí") < status.index(accepted[0]["cislo"]) < status.index("Vedle tohoto souboru")
    # Nothing is left in the inbox.
    assert name not in shared.listing("Podat")


def test_what_is_filed_is_the_signed_form(shared, portal, tmp_path):
    """Independent check of what went out: openssl verifies the CMS, the content is the file, in DER."""
    document, case = file_one(shared)
    folder = shared.result(case["case"])
    out = tmp_path / "content"
    subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-in", os.path.join(folder, "podano.p7s"), "-CAfile",
                    os.path.join(shared.pki, "ca.pem"), "-purpose", "any", "-out", out], check=True, stderr=subprocess.PIPE)
    assert out.read_bytes() == document
    parsed = subprocess.run(["openssl", "asn1parse", "-inform", "DER", "-in", os.path.join(folder, "podano.p7s")], check=True,
                            stdout=subprocess.PIPE).stdout.decode()
    assert "inf" not in [line.split("l=")[1].split()[0] for line in parsed.splitlines() if "l=" in line], "indefinite length"
    subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-in", os.path.join(folder, "potvrzeni.p7s"), "-CAfile",
                    os.path.join(shared.pki, "confirm-ca.pem"), "-purpose", "any", "-out", out], check=True, stderr=subprocess.PIPE)
    assert hashlib.md5(document).hexdigest().encode() in out.read_bytes().lower()


def test_control_statement_is_zipped(shared, portal, tmp_path):
    document, case = file_one(shared, forms.dphkh1)
    out = tmp_path / "content"
    subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-in",
                    os.path.join(shared.result(case["case"]), "podano.p7s"), "-CAfile", os.path.join(shared.pki, "ca.pem"),
                    "-purpose", "any", "-out", out], check=True, stderr=subprocess.PIPE)
    with zipfile.ZipFile(io.BytesIO(out.read_bytes())) as archive:
        assert len(archive.namelist()) == 1 and archive.namelist()[0].endswith(".xml")
        assert archive.read(archive.namelist()[0]) == document


def test_large_form(shared, portal):
    """XML close to the limit of 10 MiB."""
    document, case = file_one(shared, forms.dphkh1, size=10 * 1024 * 1024 - 4096, timeout=90)
    assert len(portal.accepted(document)) == 1
    assert len(document) > 10_000_000


@pytest.mark.sanitized
def test_sent_until_decided(epo, make_box):
    """Confirmed but undecided is `sent`; `done` only after state 3."""
    epo.switch(stav_polls=100000)
    box = make_box(epo)
    document, case = file_one(box, state="sent")
    until(lambda: len(epo.ledger("state")) >= 3, 20, "the box asks for the state")
    assert box.case(case["case"])["state"] == "sent" and not box.results()
    assert all(line["stav"] == "1" for line in epo.ledger("state"))
    epo.switch(stav_polls=0)
    box.wait_state(case["case"], "done")
    assert epo.ledger("state")[-1]["stav"] == "3" and len(epo.ledger("accepted")) == 1


def test_poll_schedule_grows(epo, make_box):
    """Less and less often: 0.5, 1, 2 s, never more than the maximum (10 s here)."""
    epo.switch(stav_polls=100000)
    box = make_box(epo, settings={'partner "epo"': {"poll_first": "500 ms", "poll_max": "10 s"}})
    file_one(box, state="sent")
    time.sleep(5)
    assert 2 <= len(epo.ledger("state")) <= 4


def test_poll_now(epo, make_box):
    epo.switch(stav_polls=0)
    box = make_box(epo, settings={'partner "epo"': {"poll_first": "1 h", "poll_max": "1 h"}})
    document, case = file_one(box, state="sent")
    time.sleep(1)
    assert not epo.ledger("state")
    assert box.cli("poll", case["case"])[0] == 0
    box.wait_state(case["case"], "done")


def test_poll_all_asks_in_turn(epo, make_box):
    """All are asked though more wait than are looked after at once (12): nobody is left until its own time, nothing is overrun."""
    epo.switch({"slow_ms.stav": 300}, stav_polls=0)
    box = make_box(epo, settings={'partner "epo"': {"poll_first": "1 h", "poll_max": "1 h"}})
    for name, document in (fresh() for _ in range(20)):
        box.drop(name, document)
    box.wait_count(20, "sent")
    begun = len(epo.ledger())
    assert box.cli("poll", "--all")[0] == 0
    box.wait_count(20, "done")
    asked = [line["begun"] for line in epo.ledger()[begun:] if line["kind"] == "state"]
    assert len(asked) == 20
    # Each answer takes 0.3 s: those that were under way at any moment had been asked within that time before it.
    assert max(sum(0 <= at - other < 0.3 for other in asked) for at in asked) <= 12


# --- the test run ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["k_list", "s_list", "unknown_typ", "cert_refused", "n_only"])
def test_refused_by_test_run(shared, portal, fault):
    portal.simulator.switch({f"{fault}.test": "on"})
    document, case = file_one(shared, state="data-error")
    assert not portal.filings(document), "a filing whose test run failed was filed"
    folder = shared.result(case["case"])
    assert "protokol.txt" in os.listdir(folder)
    protocol = portal_files.read(folder, "protokol.txt").decode()
    assert protocol.count("\n") == protocol.count("\r\n") > 0
    assert portal_files.FIRST_WORDS[fault] in protocol


@pytest.mark.parametrize("fault", ["e_list", "no_test_rezim", "test_odpoved", "redirect302", "status500", "html200", "empty200",
                                   "garbage", "cut_after_request", "cut_midreply", "take_and_close", "cut_before_read"])
def test_test_run_is_repeated(shared, portal, fault):
    """Nothing is filed by a test run: it may be asked again, and the filing goes out once."""
    portal.simulator.switch({f"{fault}.test": "once"})
    document, case = file_one(shared, timeout=40)
    assert len(portal.accepted(document)) == 1 and len(portal.filings(document)) == 1


def test_passable_errors_do_not_stop(shared, portal):
    portal.simulator.switch({"p_list.test": "on"})
    document, case = file_one(shared)
    assert len(portal.accepted(document)) == 1


def test_without_test_run(epo, make_box):
    box = make_box(epo, settings={'partner "epo"': {"test_first": False}})
    file_one(box)
    assert not epo.ledger("test") and len(epo.ledger("accepted")) == 1


# --- replies to the filing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["k_list", "s_list", "unknown_typ", "cert_refused"])
def test_filing_refused(shared, portal, fault):
    portal.simulator.switch({f"{fault}.file": "on"})
    document, case = file_one(shared, state="data-error")
    assert len(portal.filings(document)) == 1 and not portal.accepted(document)
    folder = shared.result(case["case"])
    assert portal_files.FIRST_WORDS[fault] in portal_files.read(folder, "protokol.txt").decode()


UNCLEAR = ["n_only", "p_list", "e_list", "status500", "html200", "empty200", "garbage", "cut_after_request", "cut_midreply",
           "take_and_close"]


@pytest.mark.sanitized
@pytest.mark.parametrize("fault", UNCLEAR)
@pytest.mark.parametrize("taken", ["take", "notake"])
def test_outcome_unknown(shared, portal, fault, taken):
    """Whatever became of it: never a second POST (P3)."""
    known = fault not in ("cut_after_request", "cut_midreply", "take_and_close")
    if not known and taken == "notake":
        pytest.skip("these faults carry the request out")
    portal.simulator.switch({f"{fault}.file": "on" + ("," + taken if known else "")})
    document, case = file_one(shared, state="uncertain")
    portal.simulator.reset()
    time.sleep(QUIET_S)
    assert shared.case(case["case"])["state"] == "uncertain"
    assert len(portal.filings(document)) == 1
    assert len(portal.accepted(document)) == int(taken == "take")
    card = until(lambda: [t for n, t in shared.cards("Chyby").items() if n.startswith(case["case"])], 10, "a card")
    assert case["case"] in card[0]


def test_cut_before_body_is_read(shared, portal):
    """The request went out in part or whole; the portal says nothing: nobody knows."""
    portal.simulator.switch({"cut_before_read.file": "on"})
    document, case = file_one(shared, state="uncertain")
    dropped = [line for line in portal.simulator.ledger("dropped") if line.get("phase") == "file"]
    portal.simulator.reset()
    time.sleep(QUIET_S)
    assert not portal.filings(document) and len(dropped) == len(
        [line for line in portal.simulator.ledger("dropped") if line.get("phase") == "file"])


@pytest.mark.parametrize("style", ["fin", "rst"])
def test_cut_styles(shared, portal, style):
    portal.simulator.switch({"cut_after_request.file": "once", "cut_style": style})
    document, case = file_one(shared, state="uncertain")
    time.sleep(QUIET_S)
    assert len(portal.accepted(document)) == 1


@pytest.mark.parametrize("phase", ["test", "file", "stav"])
def test_keepalive_then_close(shared, portal, phase):
    """A filing never rides on a connection that was used before: libcurl would repeat the POST by itself."""
    portal.simulator.switch({f"keepalive_then_close.{phase}": "on"})
    document, case = file_one(shared)
    assert len(portal.filings(document)) == 1
    portal.simulator.reset()


@pytest.mark.parametrize("phase", ["test", "file"])
def test_redirect_is_maintenance(shared, portal, phase):
    """302: nothing was filed; the box waits and files later, and follows nobody."""
    portal.simulator.switch({f"redirect302.{phase}": 2})
    document, case = file_one(shared, timeout=60)
    assert len(portal.accepted(document)) == 1
    assert not portal.simulator.ledger("redirect-followed")


def test_huge_reply_within_limit(shared, portal):
    portal.simulator.switch({"huge_reply.file": 2_000_000})
    document, case = file_one(shared)
    assert len(portal.accepted(document)) == 1


def test_reply_over_limit(shared, portal):
    """A reply larger than 2 × XML + 2 MiB of the largest XML is cut off; the outcome is unknown."""
    portal.simulator.switch({"huge_reply.file": 30_000_000})
    document, case = file_one(shared, state="uncertain", timeout=60)
    time.sleep(QUIET_S)
    assert len(portal.filings(document)) == 1


@pytest.mark.parametrize("switch", [{"odd_content_type": "on"}, {"chunked": "on"}, {"data_form": "base64"}, {"data_form": "zip"},
                                    {"datum_form": "offset"}, {"datum_form": "czech"}, {"charset": "windows-1250"},
                                    {"charset": "iso-8859-2"}, {"stav_form": "attributes"}, {"stav_form": "both"}, {"ber": "on"},
                                    {"missing_kc": "on"}, {"slow_ms": 300}],
                         ids=lambda s: "-".join(map(str, next(iter(s.items())))))
def test_odd_but_good(shared, portal, switch):
    portal.simulator.switch(switch)
    document, case = file_one(shared)
    assert len(portal.accepted(document)) == 1


# --- confirmations -----------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("fault", ["wrong_kc", "unknown_signer", "wrong_cn", "tampered_confirmation", "no_cislo", "no_heslo",
                                   "no_datum"])
def test_bad_confirmation(shared, portal, fault):
    """Kept whole, never `done`, never filed again (spec/epo 7.2)."""
    portal.simulator.switch({f"{fault}.file": "on"})
    document, case = file_one(shared, state="uncertain")
    portal.simulator.reset()
    time.sleep(QUIET_S)
    assert shared.case(case["case"])["state"] == "uncertain"
    assert len(portal.filings(document)) == 1
    target = os.path.join(shared.dir, f"export-{case['case']}")
    os.mkdir(target)
    assert shared.cli("export", case["case"], target)[0] == 0
    kept = [n for n in os.listdir(target) if n.startswith(("odpoved", "potvrzeni"))]
    assert kept, os.listdir(target)
    assert any(portal_files.read(target, name)[:1] == b"\x30" for name in kept)


def test_attach_by_hand(shared, portal):
    """A confirmation found on the portal ends an uncertain case."""
    portal.simulator.switch({"cut_after_request.file": "once"})
    document, case = file_one(shared, state="uncertain")
    found = os.path.join(shared.dir, "potvrzeni-z-portalu.p7s")
    shared.write(found, portal.simulator.confirmation(md5=hashlib.md5(document).hexdigest()))
    assert shared.cli("attach", case["case"], found)[0] == 0
    shared.wait_state(case["case"], "done")
    assert len(portal.filings(document)) == 1
    folder = shared.result(case["case"])
    assert portal_files.read(folder, "potvrzeni.p7s") == portal_files.read(shared.dir, "potvrzeni-z-portalu.p7s")
    until(lambda: not [n for n in shared.cards("Chyby") if n.startswith(case["case"])], 5, "the card is gone")


@pytest.mark.parametrize("what", ["other filing", "garbage", "xml"])
def test_attach_something_else(shared, portal, what):
    portal.simulator.switch({"cut_after_request.file": "once"})
    document, case = file_one(shared, state="uncertain")
    other, _ = file_one(shared)
    wrong = {"other filing": portal.simulator.confirmation(md5=hashlib.md5(other).hexdigest()), "garbage": os.urandom(900),
             "xml": b"<?xml version='1.0'?><Odpoved><Potvrzeni ID_predani='1' Heslo='x'/></Odpoved>"}[what]
    path = os.path.join(shared.dir, "wrong.p7s")
    shared.write(path, wrong)
    shared.cli("attach", case["case"], path)
    time.sleep(QUIET_S)
    assert shared.case(case["case"])["state"] == "uncertain"
    assert len(portal.filings(document)) == 1


def test_retry_by_a_person(shared, portal):
    """Lost on the way (DIČ 99997): the person looked, it is not there, it goes out again, once."""
    document, case = file_one(shared, state="uncertain", dic=forms.MARKS["lost"])
    assert len(portal.filings(document)) == 1 and not portal.accepted(document)
    assert shared.run_cli("retry", case["case"]).returncode == 2, "a reason is needed"
    assert shared.cli("retry", case["case"], "--reason", "na portálu není")[0] == 0
    shared.wait_state(case["case"], "done")
    assert len(portal.accepted(document)) == 1 and len(portal.filings(document)) == 2


def test_checked_again_with_other_anchors(epo, make_box):
    """An unverified confirmation is checked again from what was kept."""
    box = make_box(epo, start=False)
    right = box.settings['partner "epo"']["anchors"]
    box.set('partner "epo"', anchors=os.path.join(box.pki, "foreign-ca.pem"))
    box.start()
    document, case = file_one(box, state="uncertain")
    box.set('partner "epo"', anchors=right)
    box.restart()
    box.wait_token()
    assert box.cli("poll", case["case"])[0] == 0
    box.wait_state(case["case"], "done")
    assert len(epo.ledger("accepted")) == 1 and not epo.ledger("refused")


def test_pinned_signer(epo, make_box):
    """Sandbox signers are pinned by SHA-256; another certificate of the same name does not count."""
    import pki
    box = make_box(epo, start=False)
    box.set('partner "epo"', signer_sha256=[pki.fingerprint(os.path.join(box.pki, "confirm.pem"))])
    box.start()
    file_one(box)
    box.set('partner "epo"', signer_sha256=[pki.fingerprint(os.path.join(box.pki, "foreign.pem"))])
    box.restart()
    file_one(box, state="uncertain")


# --- off-line filings --------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_offline(shared, portal):
    portal.simulator.switch(offline_polls=3)
    document, case = file_one(shared, dic=forms.MARKS["offline"], timeout=60)
    assert len(portal.accepted(document)) == 1
    number = portal.accepted(document)[0]["cislo"]
    results = [line["result"] for line in portal.simulator.ledger("prijeti") if line["cislo"] == number]
    assert results[-1] == "confirmation" and len(results) == 4
    assert number in portal_files.read(shared.result(case["case"]), "stav.txt").decode()


def test_offline_refused(shared, portal):
    document, case = file_one(shared, dic=forms.MARKS["offline_refused"], state="data-error", timeout=60)
    assert len(portal.filings(document)) == 1
    assert "protokol.txt" in os.listdir(shared.result(case["case"]))


def test_errors_and_receipt_in_one(shared, portal):
    portal.simulator.switch(chyby_and_potvrzeni="once")
    document, case = file_one(shared, timeout=60)
    assert len(portal.accepted(document)) == 1


@pytest.mark.parametrize("fault", ["wrong_kc", "unknown_signer"])
def test_offline_bad_confirmation(shared, portal, fault):
    portal.simulator.switch({f"{fault}.prijeti": "on"})
    document, case = file_one(shared, dic=forms.MARKS["offline"], state="uncertain", timeout=60)
    assert len(portal.filings(document)) == 1


# --- asking for the state ----------------------------------------------------------------------------------------------


def test_refused_by_the_office(shared, portal):
    document, case = file_one(shared, dic=forms.MARKS["state_refused"], state="data-error")
    assert len(portal.filings(document)) == 1


@pytest.mark.parametrize("fault", ["stav_wrong", "e_list", "redirect302", "status500", "html200", "empty200", "garbage", "cut_midreply",
                                   "cut_after_request", "cut_before_read"])
def test_asking_goes_on(shared, portal, fault):
    """A question may be repeated: a bad answer decides nothing."""
    portal.simulator.switch({f"{fault}.stav": 2})
    document, case = file_one(shared, timeout=60)
    assert len(portal.filings(document)) == 1


def test_unknown_state_decides_nothing(epo, make_box):
    epo.switch(stav_polls=0, stav_result="7")
    box = make_box(epo)
    document, case = file_one(box, state="sent")
    time.sleep(QUIET_S)
    assert box.case(case["case"])["state"] == "sent"
    epo.switch(stav_result="3")
    box.wait_state(case["case"], "done")


# --- marked DIČ, all at once ---------------------------------------------------------------------------------------------

OUTCOMES = {"test_refused": ("data-error", 0), "state_refused": ("data-error", 1), "file_refused": ("data-error", 0),
            "n_only": ("uncertain", 1), "cut": ("uncertain", 1), "offline": ("done", 1), "offline_refused": ("data-error", 1),
            "lost": ("uncertain", 0), "foreign": ("uncertain", 1)}


@pytest.mark.sanitized
def test_every_outcome_at_once(epo, make_box):
    box, portal, documents = make_box(epo), Portal(epo), {}
    for mark in OUTCOMES:
        name, document = fresh(dic=forms.MARKS[mark])
        documents[mark] = (name, document)
        box.drop(name, document)
    for mark, (state, taken) in OUTCOMES.items():
        name, document = documents[mark]
        box.wait_state(name, state, 60)
        assert len(portal.accepted(document)) == taken, mark
        assert len(portal.filings(document)) <= 1, mark


# --- network ------------------------------------------------------------------------------------------------------------


def test_refused_connection_waits(epo, make_box):
    """No network is no failure: the case waits, says why, and goes by itself."""
    box = make_box(epo)
    epo.switch(refuse_connection="on")
    name, document = fresh()
    box.drop(name, document)
    box.wait_state(name, ("ready", "signing", "testing"))
    time.sleep(QUIET_S)
    assert box.case(name)["state"] in ("ready", "signing", "testing") and box.case(name)["reason"]
    epo.switch(refuse_connection="off")
    box.wait_state(name, "done", 60)
    assert len(epo.ledger("accepted")) == 1


def test_portal_down_then_up(epo, make_box):
    box = make_box(epo)
    epo.stop()
    name, document = fresh()
    box.drop(name, document)
    box.wait_state(name, ("ready", "signing", "testing"))
    time.sleep(1)
    epo.start()
    case = box.wait_state(name, "done", 60)
    assert len(epo.ledger("accepted")) == 1, case


def test_connection_lost_between_test_run_and_filing(epo, make_box):
    """Refused at the filing's own connection: recorded not-sent, sent later, once."""
    box = make_box(epo)
    epo.switch({"slow_ms.test": 1500})
    name, document = fresh()
    box.drop(name, document)
    until(lambda: epo.counts().get("connections", 1), 10, "the test run")
    box.wait_state(name, "testing")
    time.sleep(0.5)
    epo.switch(refuse_connection=2)
    case = box.wait_state(name, "done", 60)
    assert len(epo.ledger("accepted")) == 1
    assert "not-sent" in box.types(case["case"])


def test_wrong_server_certificate(epo, make_box):
    """TLS under a CA that is not trusted: nothing is sent."""
    box = make_box(epo, start=False)
    right = box.settings['partner "epo"']["ca_file"]
    box.set('partner "epo"', ca_file=os.path.join(box.pki, "foreign-ca.pem"))
    box.start()
    name, document = fresh()
    box.drop(name, document)
    box.wait_state(name, ("ready", "signing", "testing"))
    time.sleep(QUIET_S)
    assert not epo.ledger("test") and not epo.ledger("accepted")
    box.set('partner "epo"', ca_file=right)
    box.restart()
    box.wait_state(name, "done", 60)
    assert len(epo.ledger("accepted")) == 1


def test_slow_portal_past_the_deadline(epo, make_box):
    """No answer within the deadline after the body went out: nobody knows."""
    box = make_box(epo, settings={'partner "epo"': {"connect_timeout": "1 s", "deadline": "2 s"}})
    epo.switch({"slow_ms.file": 5000})
    document, case = file_one(box, state="uncertain")
    epo.reset()
    time.sleep(QUIET_S + 4)
    assert len(epo.ledger("accepted")) == 1 and box.case(case["case"])["state"] == "uncertain"


def test_many_at_once(epo, make_box):
    """Twenty filings: each exactly once, in one journal that is in order."""
    box, documents = make_box(epo), {}
    for _ in range(20):
        name, document = fresh()
        documents[name] = document
        box.drop(name, document)
    box.wait_count(20, "done", 90)
    assert sorted(line["xml_sha256"] for line in epo.ledger("accepted")) == sorted(
        hashlib.sha256(d).hexdigest() for d in documents.values())
    assert box.cli("journal", "verify")[0] == 0
