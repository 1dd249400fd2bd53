"""Filing with ČSSZ over VREP, the partner `cssz`: told by the ledger of the gateway, which decrypts and checks the signature by itself."""

import hashlib
import os
import time

import pytest

import cssz_forms
import journal
from box import until

pytestmark = pytest.mark.usefixtures("vrep")


@pytest.fixture
def box(vrep, make_box):
    box = make_box(vrep)
    box.wait_token()
    return box


def file_one(box, document, name="podani.xml", state="done", **more):
    box.drop(name, document)
    return box.wait_state(name, state, **more)["case"]


def closes(portal):
    return [line for line in portal.ledger("close") if line["closed"]]


def records(box, case, kind):
    return [r for r in journal.read(box.data) if r.fields.get("case") == case and r.type == kind]


def paper(box, case, name):
    with open(os.path.join(box.result(case), name), encoding="utf-8") as text:
        return text.read()


@pytest.mark.sanitized
def test_accepted(vrep, box):
    """Signed, compressed, encrypted, enveloped; acknowledged, asked for, the seal verified, closed: and the gateway found nothing odd in any request."""
    document = cssz_forms.regzec("accepted", forms=3)
    case = file_one(box, document)
    accepted = vrep.ledger("accepted")
    assert [a["sha256"] for a in accepted] == [hashlib.sha256(document).hexdigest()]
    assert (accepted[0]["class"], accepted[0]["etype"], accepted[0]["vs"]) == ("CSSZ_REGZEC", "REGZEC25", cssz_forms.VS)
    until(lambda: closes(vrep), 20, "the submission was not closed")
    assert all(not line["notes"] for line in vrep.ledger() if "notes" in line)
    assert {line["correlation"] for line in vrep.ledger("poll") + vrep.ledger("close")} == {accepted[0]["correlation"]}
    kinds = box.types(case)
    assert kinds.index("sent") < kinds.index("verified") < kinds.index("closed")
    # The identifier is durable before anything else is done with it.
    assert "object-receipt" in records(box, case, "sent")[0].fields
    assert kinds[kinds.index("reply") + 1] == "sent"
    assert records(box, case, "closed")[0].fields["evidence"] == "signed"
    assert accepted[0]["correlation"] in paper(box, case, "stav.txt") and "ProcessingResult" in paper(box, case, "potvrzeni.xml")


SERVICES = [("pvpoj", "CSSZ_PVPOJ", "PVPOJ25"), ("nempri", "CSSZ_NEM_PRI", "NEMPRI25"), ("hzupn", "CSSZ_NEM_PRI", "HZUPN20"),
            ("onz", "CSSZ_ONZ", "ONZ22"), ("eldp", "CSSZ_RELDP", "ELDP09"), ("ozuspoj", "CSSZ_OZUSPOJ", "OZUSPOJ23"),
            ("osvc", "CSSZ_OSVC_PRE", "OSVC25"), ("jmhz", "CSSZ_JMHZ", "JMHZ25"), ("prezec", "CSSZ_PREZEC", "PREZEC26"),
            ("regzeldopl", "CSSZ_REGZELDOPL", "REGZELDOPL25")]


def test_services(vrep, box):
    """Each row of the catalogue whose schema is known: recognised, sent under its class and form code, and accepted."""
    for form, _, _ in SERVICES:
        box.drop(f"{form}.xml", cssz_forms.FORMS[form]("services"))
    for form, cls, etype in SERVICES:
        case = box.wait_state(f"{form}.xml", "sent" if form == "jmhz" else "done", timeout=60)  # what comes of a monthly report is told later
        assert case["form"] == etype
        line = next(a for a in vrep.ledger("accepted") if a["etype"] == etype)
        assert line["class"] == cls and set(line["notes"]) <= {"no VS found in the data"}, line  # not all schemas have one that is known


@pytest.mark.parametrize("number, words", [("103", "OSSZ"), ("17810", "šifrovací certifikát"), ("305", "1500")])
def test_refused(vrep, box, number, words):
    """The sealed word of ČSSZ closes the case, with its number and what to do in Czech."""
    vrep.switch(**{f"dis_{number}": "once"})
    case = file_one(box, cssz_forms.regzec(f"refused {number}"), state="data-error")
    closed = records(box, case, "closed")[0]
    assert closed.fields["verdict"] == "data-error" and closed.fields["evidence"] == "signed"
    text = paper(box, case, "stav.txt") + paper(box, case, "protokol.txt")
    assert number in text and words in text, text


@pytest.mark.sanitized
def test_partial(vrep, box):
    """One of three forms refused: neither accepted nor to be sent again as a whole; people read which form it is."""
    vrep.switch(partial="once", refuse_forms="2", form_text="Číslo účtu neexistuje")
    case = file_one(box, cssz_forms.nempri("partial", forms=3), state="data-error")
    assert records(box, case, "closed")[0].fields["verdict"] == "partial"
    until(lambda: "delivered" in box.types(case), 20, "no papers")
    shown = box.run_cli("show", case).stdout.decode()
    assert "zčásti" in shown, shown
    assert box.cli("retry", case, "--reason", "znovu")[0] != 0
    assert len(vrep.ledger("accepted")) == 1


def test_warnings(vrep, box):
    vrep.switch(warnings="once")
    case = file_one(box, cssz_forms.nempri("warnings", forms=2))
    assert records(box, case, "closed")[0].fields["verdict"] == "accepted"
    assert "s výhradou" in paper(box, case, "protokol.txt")


@pytest.mark.parametrize("fault", ["seal_wrong_key", "seal_altered_result", "seal_altered_digest", "seal_missing", "seal_expired_time", "wrong_type",
                                   "ok_with_error", "response_refused"])
def test_doubtful_results(vrep, box, fault):
    """A result whose seal does not hold, or that contradicts itself, is no word of ČSSZ: a person must look. Nothing is sent again."""
    vrep.switch(**{fault: "on"})
    case = file_one(box, cssz_forms.regzec(f"doubtful {fault}"), state="uncertain")
    assert not records(box, case, "closed")
    time.sleep(2)
    assert len(vrep.ledger("accepted")) == 1
    vrep.switch(**{fault: "off"})


@pytest.mark.parametrize("settings", [{"seal_algorithm": "sha256"}, {"seal_algorithm": "sha384"}, {"root_xsig": "inherited"}, {"root_xsig": "alone"},
                                      {"layout": "indented"}, {"padded_class": "on"}, {"seal_attributes": "off"}],
                         ids=lambda s: "-".join(f"{k}-{v}" for k, v in s.items()))
def test_seals_that_hold(vrep, box, settings):
    vrep.switch(**settings)
    case = file_one(box, cssz_forms.regzec(f"holds {settings}"))
    assert records(box, case, "verified")[0].fields["result"] == "valid"


def test_lost_acknowledgement(vrep, box):
    """The gateway has it, its answer never came: nobody knows, nothing is sent again by itself."""
    vrep.switch(**{"cut_after_request.submit": "once"})
    case = file_one(box, cssz_forms.regzec("lost"), state="uncertain")
    time.sleep(3)
    assert len(vrep.ledger("accepted")) == 1 and not records(box, case, "closed")


def test_refused_by_the_gateway(vrep, box):
    """An error of the gateway before it took the message: nothing was filed, the box goes on by itself and says so."""
    vrep.switch(**{"gateway_1020.submit": "once"})
    case = file_one(box, cssz_forms.regzec("gateway"), timeout=60)
    assert "1020" in records(box, case, "not-sent")[0].fields["error"]
    assert len(vrep.ledger("accepted")) == 1


@pytest.mark.parametrize("fault", ["gateway_1000", "status500", "garbage"])
def test_nobody_knows(vrep, box, fault):
    """Failures that do not say whether the message was taken: uncertain, and never a refusal by ČSSZ."""
    vrep.switch(**{f"{fault}.submit": "once"})
    case = file_one(box, cssz_forms.regzec(f"nobody {fault}"), state="uncertain")
    assert not records(box, case, "closed")
    assert len(vrep.ledger("accepted")) <= 1


@pytest.mark.parametrize("fault", ["wrong_correlation", "wrong_class", "gateway_2000", "status503", "late"])
def test_poll_goes_on(vrep, box, fault):
    """An answer to a poll that is not about this filing, or no answer: asked again until the right one comes."""
    vrep.switch(**{f"{fault}.poll": "2"})
    case = file_one(box, cssz_forms.regzec(f"poll {fault}"), timeout=60)
    assert len([r for r in records(box, case, "request") if r.fields["purpose"] == "poll"]) >= 3
    assert len(vrep.ledger("accepted")) == 1


@pytest.mark.parametrize("fault", ["invalid_qualifier", "gateway_2000.close", "cut_after_request.close"])
def test_close_that_fails(vrep, box, fault):
    """Nothing depends on the close: the case is done, and goes on being done."""
    vrep.switch(**{fault: "on"})
    case = file_one(box, cssz_forms.regzec(f"close {fault}"))
    until(lambda: vrep.ledger("close") or vrep.ledger("fault"), 20, "nobody tried to close")
    assert box.case(case)["state"] == "done"
    vrep.switch(**{fault: "off"})


def test_deferred(vrep, box):
    """300 forms wait for the evening: the case waits for its result and nothing is lost."""
    box.drop("mnoho.xml", cssz_forms.regzec("deferred", forms=300))
    case = box.wait_state("mnoho.xml", "sent")["case"]
    time.sleep(3)
    assert box.case("mnoho.xml")["state"] == "sent"
    vrep.post("/release", {})
    box.wait_state("mnoho.xml")
    assert len(vrep.ledger("accepted")) == 1 and case


def test_restart_while_it_waits(vrep, box):
    """The identifier outlives the box: after a start it is asked for, not filed again."""
    vrep.switch(late="on")
    box.drop("ceka.xml", cssz_forms.regzec("restart"))
    box.wait_state("ceka.xml", "sent")
    box.restart()
    vrep.switch(late="off")
    box.wait_token()
    box.wait_state("ceka.xml", timeout=60)
    assert len(vrep.ledger("accepted")) == 1


def test_nothing_in_the_clear(vrep, box):
    """No word of the form stands on the disk outside of vault and share."""
    note = "tajná-poznámka-dvacet-osm"
    case = file_one(box, cssz_forms.regzec(note))
    box.result(case)
    box.stop()
    for at, _, files in os.walk(box.data):
        for name in files:
            with open(os.path.join(at, name), "rb") as held:
                assert note.encode() not in held.read(), os.path.join(at, name)
