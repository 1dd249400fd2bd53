"""The ways that a filing for ČSSZ may go: the interface WS in place of POX. Told by the ledger of the gateway."""

import hashlib
import time

import pytest

import cssz_forms
import journal
from box import until

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
