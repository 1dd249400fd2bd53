"""A submission to ČSSZ whose acknowledgement was lost, and the ways out of it that a person has: the sealed result, attached; or sent again when it surely is not there."""

import pytest

import cssz_forms
import cssz_person
import journal
from box import until

pytestmark = pytest.mark.usefixtures("vrep")


@pytest.fixture
def box(vrep, make_box):
    box = make_box(vrep)
    box.wait_token()
    return box


def lose(vrep, box, fault, document, **more):
    """A case whose outcome is unknown, and the ledger's line when the gateway has it."""
    vrep.switch({f"{fault}.submit": "once"}, **more)
    box.drop("podani.xml", document)
    case = box.wait_state("podani.xml", "uncertain", timeout=60)["case"]
    lines = [line for line in vrep.ledger() if line["kind"] in ("accepted", "refused") and line.get("correlation")]
    assert len(lines) <= 1
    return case, lines[0] if lines else None


def attach(box, case, content):
    path = f"{box.dir}/vysledek.xml"
    with open(path, "wb") as f:
        f.write(content)
    return box.run_cli("attach", case, path).returncode


def types(box, case):
    return [r.type for r in journal.read(box.data) if r.fields.get("case") == case]


def closed(box, case):
    return [r.fields for r in journal.read(box.data) if r.fields.get("case") == case and r.type == "closed"]


def still_uncertain(box, case, content):
    """What was attached was looked at, and changed nothing."""
    before = types(box, case).count("unclear")
    assert attach(box, case, content) == 0
    until(lambda: types(box, case).count("unclear") > before, 30, lambda: f"{types(box, case)}\n{box.log_tail()}")
    assert box.case(case)["state"] == "uncertain" and not closed(box, case)


def test_the_gateway_has_it(vrep, box):
    case, line = lose(vrep, box, "cut_after_request", cssz_forms.regzec("lost, taken", forms=2))
    good = cssz_person.sealed_result(vrep, line)
    assert b'result="OK"' in good
    still_uncertain(box, case, b"<GovTalkMessage/>")
    still_uncertain(box, case, good.replace(b'count="2"', b'count="3"'))
    still_uncertain(box, case, good.replace(b"CSSZ_REGZEC", b"CSSZ_NEM_PRI"))
    assert attach(box, case, good) == 0
    box.wait_state(case, "done")
    assert [(c["verdict"], c["evidence"]) for c in closed(box, case)] == [("accepted", "signed")]
    assert types(box, case).count("sending") == 1 and len(vrep.ledger("accepted")) == 1


def test_the_office_refused_it(vrep, box):
    case, line = lose(vrep, box, "cut_midreply", cssz_forms.regzec("lost, refused"), dis_103="once")
    assert line["kind"] == "refused" and line["by"] == "dis"
    assert attach(box, case, cssz_person.sealed_result(vrep, line)) == 0
    box.wait_state(case, "data-error")
    assert [(c["verdict"], c["evidence"]) for c in closed(box, case)] == [("data-error", "signed")]
    assert types(box, case).count("sending") == 1 and not vrep.ledger("accepted")


def test_the_gateway_does_not_have_it(vrep, box):
    """Only a person, and only with a reason, has it sent again."""
    case, line = lose(vrep, box, "cut_before_read", cssz_forms.regzec("lost on the way"))
    assert line is None
    for words in (("send", case), ("send", "--all"), ("poll", case), ("retry", case)):
        box.run_cli(*words)
    assert box.case(case)["state"] == "uncertain" and types(box, case).count("sending") == 1
    assert box.run_cli("retry", case, "--reason", "not found in the office's list").returncode == 0
    box.wait_state(case, "done", timeout=60)
    assert types(box, case).count("sending") == 2 and len(vrep.ledger("accepted")) == 1
