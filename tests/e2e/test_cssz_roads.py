"""The ways that a filing for ČSSZ may go: the interface WS in place of POX, further addresses, questions after a start, data boxes. Told by the ledger of the gateway."""

import hashlib
import os
import ssl
import subprocess
import time
import urllib.request

import pytest

import cssz_forms
import journal
import pki
from box import until
from simulator import Simulator

pytestmark = pytest.mark.usefixtures("vrep")

WS_PATH = "/VREP/ws/public.svc"


@pytest.fixture
def over_ws(vrep, make_box):
    """over_ws("message"): a box whose partner is reached over WS, with these contents of its BodyPart."""
    def make(body="govtalk", **more):
        options = ["vs=" + cssz_forms.VS, "road=ws", f"ws-body={body}"]
        box = make_box(vrep, settings={'partner "cssz"': {"options": options, **more}})
        box.wait_token()
        return box
    return make


def file_one(box, document, name="podani.xml", state="done", **more):
    box.drop(name, document)
    return box.wait_state(name, state, **more)["case"]


def records(box, case, kind):
    return [r for r in journal.read(box.data) if r.fields.get("case") == case and r.type == kind]


def change_catalogue(box, before, after):
    path = os.path.join(box.catalogue, "cssz.conf")
    with open(path, encoding="utf-8") as text:
        words = text.read()
    assert before in words
    pki.write_file(path, words.replace(before, after).encode(), 0o644)


def closes(portal):
    return [line for line in portal.ledger("close") if line["closed"]]


@pytest.mark.parametrize("body", ["govtalk", "message"])
def test_ws_accepted(vrep, over_ws, body):
    """Submitted, asked for and disposed of over WS alone, each message under an id of its own, and the gateway found nothing odd in any of them."""
    vrep.switch(ws_body=body)
    box = over_ws(body)
    document = cssz_forms.regzec(f"ws {body}", forms=3)
    case = file_one(box, document)
    accepted = vrep.ledger("accepted")
    assert [a["sha256"] for a in accepted] == [hashlib.sha256(document).hexdigest()]
    assert (accepted[0]["class"], accepted[0]["etype"], accepted[0]["vs"]) == ("CSSZ_REGZEC", "REGZEC25", cssz_forms.VS)
    until(lambda: closes(vrep), 20, "the submission was not disposed of")
    lines = accepted + vrep.ledger("poll") + vrep.ledger("close")
    assert {line["path"] for line in lines} == {WS_PATH} and closes(vrep)[0]["variant"] == "WS"
    assert all(not line["notes"] for line in lines) and all(line["vs_match"] for line in lines[1:])
    assert not vrep.ledger("refused")
    kinds = box.types(case)
    assert kinds.index("sent") < kinds.index("verified") < kinds.index("closed")
    assert records(box, case, "closed")[0].fields["evidence"] == "signed"
    assert records(box, case, "sending")[0].fields["url"] == vrep.base + WS_PATH


@pytest.mark.parametrize("switches, state, verdict", [({"dis_103": "once"}, "data-error", "data-error"),
                                                      ({"partial": "once", "refuse_forms": "2"}, "data-error", "partial"),
                                                      ({"seal_algorithm": "sha256", "padded_class": "on"}, "done", "accepted")],
                         ids=["refused", "partial", "odd-but-good"])
def test_ws_outcomes(vrep, over_ws, switches, state, verdict):
    vrep.switch(**switches)
    box = over_ws()
    case = file_one(box, cssz_forms.nempri(f"ws {verdict}", forms=3), state=state)
    closed = records(box, case, "closed")[0].fields
    assert closed["verdict"] == verdict and closed["evidence"] == "signed"


def test_ws_doubtful_seal(vrep, over_ws):
    """WS says no more than POX: without a seal that holds nothing is closed."""
    vrep.switch(seal_altered_result="on")
    box = over_ws()
    case = file_one(box, cssz_forms.regzec("ws seal"), state="uncertain")
    assert not records(box, case, "closed")


@pytest.mark.parametrize("style", ["fault", "data"])
@pytest.mark.sanitized
def test_ws_errors_of_the_gateway(vrep, over_ws, style):
    """1020 comes before the message is taken: the box files it itself, once more. 1000 says nothing of that: a person must look. On a poll neither ends anything."""
    vrep.switch(**{"ws_errors": style, "gateway_1020.submit": "once", "gateway_2000.poll": "2"})
    box = over_ws()
    case = file_one(box, cssz_forms.regzec(f"ws errors {style}"), timeout=60)
    assert "1020" in records(box, case, "not-sent")[0].fields["error"]
    assert len(vrep.ledger("accepted")) == 1
    vrep.switch(**{"gateway_1000.submit": "once"})
    case = file_one(box, cssz_forms.regzec(f"ws 1000 {style}"), name="druhe.xml", state="uncertain")
    assert "1000" in records(box, case, "unclear")[0].fields["reason"]
    assert len(vrep.ledger("accepted")) == 1


@pytest.mark.parametrize("fault", ["cut_after_request.submit", "garbage.submit"])
def test_ws_lost_acknowledgement(vrep, over_ws, fault):
    """The gateway has it and nobody can read its word: uncertain, never a second time."""
    vrep.switch(**{fault: "once"})
    box = over_ws()
    case = file_one(box, cssz_forms.regzec(f"ws lost {fault}"), state="uncertain")
    box.restart()
    box.wait_token()
    file_one(box, cssz_forms.regzec("ws after"), name="potom.xml")
    time.sleep(1)
    digest = [line["sha256"] for line in vrep.ledger("accepted")]
    assert len(digest) == len(set(digest)) == 2 and not records(box, case, "closed")


# --- addresses to fall over to ---

@pytest.fixture(scope="module")
def running_second(work, pki_dir):
    with Simulator("vrep", os.path.join(work, "vrep-second"), pki_dir, seed=8) as portal:
        yield portal


@pytest.fixture
def second(running_second):
    """Another gateway of the same kind: it knows nothing of what the first one took."""
    running_second.reset(ledger=True)
    yield running_second
    assert not running_second.ledger("simulator-error")


@pytest.fixture
def two_ways(vrep, second, make_box):
    def make(**more):
        box = make_box(vrep, settings={'partner "cssz"': {"backup_urls": [second.base], **more}})
        box.wait_token()
        return box
    return make


def servers(box, case, kind="sending"):
    return [r.fields["url"].partition("/VREP")[0] for r in records(box, case, kind)]


def test_falls_over_when_not_sent(vrep, second, two_ways):
    """The first address cannot be reached: the filing goes to the second, once, and is asked about there; later ones go to the first again as soon as it is tried."""
    vrep.switch(**{"refuse_connection.connect": "on"})
    box = two_ways()
    document = cssz_forms.regzec("falls over")
    case = file_one(box, document, timeout=60)
    assert not vrep.ledger("accepted") and [a["sha256"] for a in second.ledger("accepted")] == [hashlib.sha256(document).hexdigest()]
    assert servers(box, case) == [vrep.base, second.base]
    refused = records(box, case, "not-sent")
    assert len(refused) == 1 and refused[0].fields["far"] in ("none", "connected")
    assert set(servers(box, case, "request")[-2:]) == {second.base}
    assert vrep.base in box.run_cli("show", case).stdout.decode() and second.base in box.run_cli("show", case).stdout.decode()
    until(lambda: closes(second), 20, "it was not closed where it was taken")
    vrep.switch(**{"refuse_connection.connect": "off"})
    until(lambda: not [r for r in box.rows("status", kind="partner") if r.get("backup")], 60, "the first address stays put off")
    file_one(box, cssz_forms.regzec("the first again"), name="dalsi.xml")
    assert len(vrep.ledger("accepted")) == 1 and len(second.ledger("accepted")) == 1


@pytest.mark.sanitized
def test_falls_over_when_nothing_was_filed(vrep, second, two_ways):
    """An error that the gateway makes before it takes a message: so it says itself."""
    vrep.switch(**{"gateway_1020.submit": "once"})
    box = two_ways()
    case = file_one(box, cssz_forms.regzec("nothing was filed"), timeout=60)
    assert servers(box, case) == [vrep.base, second.base]
    assert not vrep.ledger("accepted") and len(second.ledger("accepted")) == 1


@pytest.mark.parametrize("fault", ["cut_after_request.submit", "status500.submit", "gateway_1000.submit", "cut_midreply.submit"])
def test_never_falls_over_in_doubt(vrep, second, two_ways, fault):
    """Whether the first one has it nobody knows: the second one never hears of it, not after a restart either."""
    vrep.switch(**{fault: "once"})
    box = two_ways()
    case = file_one(box, cssz_forms.regzec(f"doubt {fault}"), state="uncertain")
    box.restart()
    box.wait_token()
    file_one(box, cssz_forms.regzec(f"after doubt {fault}"), name="potom.xml")
    assert servers(box, case) == [vrep.base]
    assert len(vrep.ledger("accepted")) + len(second.ledger("accepted")) <= 2
    assert all(line["sha256"] != hashlib.sha256(cssz_forms.regzec(f"doubt {fault}")).hexdigest() for line in second.ledger("accepted"))


def test_asks_elsewhere_while_the_first_is_away(vrep, second, two_ways):
    """A question files nothing and may go anywhere: to the other address while the one that took the filing is away, and to that again."""
    vrep.switch(late="on")
    box = two_ways()
    box.drop("ceka.xml", cssz_forms.regzec("asks elsewhere"))
    case = box.wait_state("ceka.xml", "sent")["case"]
    vrep.switch(**{"refuse_connection.connect": "on", "late": "off"})
    taken = vrep.ledger("accepted")[0]["correlation"]
    until(lambda: [p for p in second.ledger("poll") if p["correlation"] == taken], 30, "nobody asked the other address")
    vrep.switch(**{"refuse_connection.connect": "off"})
    box.wait_state("ceka.xml", timeout=60)
    assert len(vrep.ledger("accepted")) == 1 and not second.ledger("accepted") and servers(box, case) == [vrep.base]


# --- after a start ---

def test_asked_after_a_start(vrep, make_box):
    """A case whose next question is minutes away is asked about after a start, poll_first after the last word."""
    vrep.switch(late="on")
    box = make_box(vrep, settings={'partner "cssz"': {"poll_first": "50 ms", "poll_max": "10 h"}}, start=False)
    change_catalogue(box, "poll_factor = 2\n", "poll_factor = 100\n")
    box.start()
    box.wait_token()
    box.drop("ceka.xml", cssz_forms.regzec("asked after a start"))
    case = box.wait_state("ceka.xml", "sent")["case"]
    until(lambda: len(vrep.ledger("poll")) == 2, 60, "the questions do not come")  # after 50 ms and 5 s; the next one after 500 s
    box.stop()
    vrep.switch(late="off")
    box.start()
    box.wait_token()
    box.wait_state("ceka.xml")
    assert len(vrep.ledger("poll")) == 3 and len(vrep.ledger("accepted")) == 1
    assert len([r for r in records(box, case, "request") if r.fields["purpose"] == "poll"]) == 3


# --- data boxes: prepared, not there ---

POLL = ('<GovTalkMessage xmlns="http://www.govtalk.gov.uk/CM/envelope"><EnvelopeVersion>2.0</EnvelopeVersion><Header><MessageDetails>'
        "<Class>{}</Class><Qualifier>poll</Qualifier><Function>submit</Function><CorrelationID>{}</CorrelationID></MessageDetails></Header>"
        "<GovTalkDetails><Keys/></GovTalkDetails><Body/></GovTalkMessage>")


def protocol(box, portal, cls, correlation):
    """The sealed answer as ČSSZ would send it to a data box: the same envelope (spec/cssz 12)."""
    request = urllib.request.Request(portal.base + "/VREP/poll", POLL.format(cls, correlation).encode(), {"Content-Type": "text/xml; charset=utf-8"})
    context = ssl.create_default_context(cafile=os.path.join(box.pki, "ca.pem"))

    def asked():
        with urllib.request.urlopen(request, timeout=30, context=context) as reply:
            text = reply.read()
        return text if b"ProcessingResult" in text else None
    return until(asked, 30, "the gateway has no result")


def test_answer_from_a_data_box(vrep, make_box):
    """Nobody knows whether it was taken; a person brings the protocol that came to the data box: under its seal, and only so, the case is closed."""
    box = make_box(vrep)
    box.wait_token()
    vrep.switch(**{"cut_after_request.submit": "once"})
    case = file_one(box, cssz_forms.regzec("by data box", forms=3), state="uncertain")
    line = vrep.ledger("accepted")[-1]
    path = os.path.join(box.stage, f"ČSSZ_Protokol_{line['class']}-{line['correlation']}-123456789.xml")
    sealed = protocol(box, vrep, line["class"], line["correlation"])
    pki.write_file(path, sealed.replace(b'result="OK"', b'result="ERROR"'), 0o644)
    assert box.cli("attach", case, path)[0] == 0
    until(lambda: [r for r in records(box, case, "verified") if r.fields["result"] == "invalid"], 20, "the altered one was not looked at")
    assert not records(box, case, "closed")
    pki.write_file(path, sealed, 0o644)
    until(lambda: box.cli("attach", case, path)[0] == 0, 20, "it cannot be attached")
    until(lambda: box.case(case)["state"] == "done", 30, lambda: f"not done: {box.case(case)}")
    assert records(box, case, "closed")[0].fields["evidence"] == "signed"
    assert len(vrep.ledger("accepted")) == 1


def test_data_box_is_refused_as_a_road(vrep, make_box):
    """There is no channel for it yet, and the check of the configuration says so."""
    box = make_box(vrep, settings={'partner "cssz"': {"options": ["vs=" + cssz_forms.VS, "road=isds"]}}, start=False)
    done = subprocess.run([box.program("podatelnad"), "--config", box.config, "--check"], capture_output=True, check=False, timeout=60)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode != 0 and "road=isds" in said and "nemá kanál" in said, said
    box.set('partner "cssz"', options=["vs=" + cssz_forms.VS, "road=ws"], url="https://epodani.cssz.cz", backup_urls=["https://t-epodani.cssz.cz"])
    box.write_config()
    done = subprocess.run([box.program("podatelnad"), "--config", box.config, "--check"], capture_output=True, check=False, timeout=60)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode != 0 and "road=" not in said and "nesmějí se míchat" in said and "https://epodani.cssz.cz" in said, said
    assert "t-epodani" not in said


# --- an answer that leaves open whether the filing arrived ---

@pytest.fixture
def asking(vrep, second, make_box):
    """A box with two addresses for which a filing that is never known for so long has not arrived."""
    def make(absent_after):
        box = make_box(vrep, settings={'partner "cssz"': {"backup_urls": [second.base]}}, start=False)
        change_catalogue(box, 'absent_after = "15 min"\n', f'absent_after = "{absent_after}"\n')
        box.start()
        box.wait_token()
        return box
    return make


def audited(box):
    """The auditor sees no duty broken: sent again only after it was said not to have arrived."""
    box.stop()
    done = subprocess.run([box.program("podatelna-audit"), "verify", box.data, "--no-signatures", "--json"], capture_output=True, check=False, timeout=120)
    found = [line for line in done.stdout.decode().splitlines() if '"duty"' in line or '"table"' in line]
    assert done.returncode in (0, 1) and not found, done.stdout.decode()


def test_error_with_an_identifier_that_arrived(vrep, second, asking):
    """1000 with a CorrelationID, though the gateway has it: it is asked, and even when it does not know it at first nothing is sent again."""
    vrep.switch(**{"gateway_1000.submit": "once,take", "error_id": "on", "gateway_2000.poll": "2"})
    box = asking("15 min")
    case = file_one(box, cssz_forms.regzec("arrived after all"), timeout=60)
    kinds = box.types(case)
    assert kinds.count("sending") == 1 and "not-sent" not in kinds and "unclear" not in kinds
    assert "object-receipt" in [r for r in records(box, case, "request") if r.fields["purpose"] == "poll"][0].fields
    assert kinds.index("sending") < kinds.index("sent") < kinds.index("closed")
    assert len(vrep.ledger("accepted")) == 1 and not second.ledger("accepted")
    audited(box)


def test_error_with_an_identifier_that_never_arrived(vrep, second, asking):
    """The gateway says 1000, gives it an identifier, and then never knows it: for certain after a while, and then the other address gets it."""
    vrep.switch(**{"gateway_1000.submit": "once", "error_id": "on"})
    box = asking("1 s")
    document = cssz_forms.regzec("never arrived")
    case = file_one(box, document, timeout=60)
    assert not vrep.ledger("accepted") and [a["sha256"] for a in second.ledger("accepted")] == [hashlib.sha256(document).hexdigest()]
    assert servers(box, case) == [vrep.base, second.base]
    named = {line["correlation"] for line in vrep.ledger("poll")}
    assert len(named) == 1 and len([line for line in vrep.ledger("poll") if line["number"] == 2000]) >= 3
    refused = records(box, case, "not-sent")
    assert [r.fields["answers"] for r in refused] == [str(records(box, case, "sending")[0].index)]
    audited(box)


def test_asked_whether_it_arrived_over_a_restart(vrep, second, asking):
    """While nobody knows, a start changes nothing: asked again, not sent again."""
    vrep.switch(**{"gateway_1000.submit": "once", "error_id": "on"})
    box = asking("15 min")
    box.drop("podani.xml", cssz_forms.regzec("over a restart"))
    until(lambda: len(vrep.ledger("poll")) >= 4, 30, "nobody asks")
    case = box.case("podani.xml")["case"]
    box.restart()
    box.wait_token()
    asked = len(vrep.ledger("poll"))
    until(lambda: len(vrep.ledger("poll")) >= asked + 4, 30, "nobody asks after the start")
    assert box.case("podani.xml")["state"] == "sending" and box.types(case).count("sending") == 1
    assert not vrep.ledger("accepted") and not second.ledger("accepted")
