"""The simulator of VREP: every switch does what its help says."""

import base64
import hashlib
import http.client
import random
import re
import time

import pytest

import vrep_answers
import vrep_rules
import vrep_samples as samples
import vrep_seal
import vrep_switches
from vrep_client import XML_TYPE, nempri, openssl

CUT = (OSError, http.client.HTTPException)
OTHER = "CSSZ_ONZ"


def last(vrep, kind="accepted"):
    return vrep.portal.ledger(kind)[-1]


def raw(vrep, data=None, path="/VREP/submission"):
    """(status, headers, body) of a submission."""
    return vrep.client.post(path, vrep.envelope(body=vrep.message(data or nempri())), XML_TYPE)


# --- the wire -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("fault, taken", [("cut_before_read", 0), ("cut_after_request", 1), ("cut_midreply", 1)])
@pytest.mark.parametrize("style", ["fin", "rst"])
def test_cuts(vrep, fault, taken, style):
    vrep.portal.switch({f"{fault}.submit": "once", "cut_style": style})
    with pytest.raises(CUT):
        vrep.submit()
    assert len(vrep.portal.ledger("accepted")) == taken
    answer = vrep.result()
    assert answer.number == (300 if taken else None)
    if taken:
        assert last(vrep)["faults"] == [fault] and last(vrep)["correlation"] in answer.protocol.get("errMsg")


@pytest.mark.parametrize("phase", ["poll", "close"])
def test_cuts_of_questions(vrep, phase):
    vrep.portal.switch({f"cut_after_request.{phase}": "once", "polls": 0})
    number = vrep.submit().correlation
    ask = getattr(vrep, phase)
    with pytest.raises(CUT):
        ask(number)
    assert last(vrep, phase)["faults"] == ["cut_after_request"] and (last(vrep, phase)["answer"], vrep.poll(number).number) == (
        "response", 2000 if phase == "close" else None)
    assert vrep.portal.switches()["fired"] == {f"cut_after_request.{phase}": 1}


@pytest.mark.parametrize("fault, status, taken", [("status500", 500, False), ("status503", 503, False), ("html200", 200, False),
                                                  ("redirect302", 302, False), ("empty200", 200, True), ("garbage", 200, True)])
def test_answers_that_are_none(vrep, fault, status, taken):
    for modifier, expected in (("", taken), (",take", True), (",notake", False)):
        vrep.portal.reset(ledger=True)
        vrep.portal.switch({fault + ".submit": "once" + modifier})
        got, headers, body = raw(vrep)
        assert got == status and not body.startswith(b"<?xml") and len(vrep.portal.ledger("accepted")) == expected
        assert fault != "status503" or headers["Retry-After"] == "120"
    number = vrep.submit(nempri(3)).correlation
    for phase in ("poll", "close"):
        vrep.portal.switch({f"{fault}.{phase}": "once,notake"})
        body = vrep.envelope("CSSZ_NEM_PRI", "poll", "delete" if phase == "close" else "submit", number)
        assert vrep.client.post("/VREP/poll", body, XML_TYPE)[0] == status
    assert vrep.poll(number).number is None and last(vrep, "close")["closed"] is False


def test_slow_and_long_answers(vrep):
    vrep.portal.switch(slow_ms=600, huge_reply=300000)
    body, begun = vrep.envelope(body=vrep.message(nempri())), time.monotonic()
    answer = vrep.post(body)
    assert time.monotonic() - begun >= 0.6 and len(answer.raw) == 300000 and len(vrep.portal.ledger("accepted")) == 1
    vrep.portal.reset()
    vrep.portal.switch(chunked="once", odd_content_type="once")
    _, headers, _ = raw(vrep, nempri(2))
    assert headers["Transfer-Encoding"] == "chunked" and headers["Content-Type"].startswith("text/plain")


# --- the gateway ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", vrep_switches.GATEWAY)
def test_errors_of_the_gateway(vrep, name):
    code = int(name.rpartition("_")[2])
    vrep.portal.switch({name: 3, "polls": 0})
    answer = vrep.submit()
    assert (answer.qualifier, answer.number, answer.error["RaisedBy"], answer.message) == ("error", code, "VREP", None)
    assert not vrep.portal.ledger("accepted") and last(vrep, "refused")["number"] == code
    vrep.portal.switch({name + ".submit": "once,take", name: "off"})
    assert vrep.submit().number == code and len(vrep.portal.ledger("accepted")) == 1
    number = last(vrep)["correlation"]
    vrep.portal.switch({name: 2})
    assert vrep.poll(number).number == code == vrep.close(number).number
    assert vrep.poll(number).number is None and vrep.close(number).qualifier == "response"


def test_invalid_qualifier(vrep):
    vrep.portal.switch(invalid_qualifier="on", polls=0)
    number = vrep.submit().correlation
    vrep.poll(number)
    answer = vrep.close(number)
    assert (answer.qualifier, answer.number, answer.error["Text"]) == ("error", 1001, "Invalid qualifier")
    vrep.portal.switch(invalid_qualifier_number=1046)
    assert vrep.close(number).number == 1046 and vrep.close(number, variant="B").qualifier == "response"


def test_intervals_spellings_and_lateness(vrep):
    vrep.portal.switch({"poll_interval": 60, "poll_interval.poll": 3600, "end_point": "small", "polls": 3})
    first = vrep.submit()
    assert first.end.get("PollInterval") == "60" and first.end.text.endswith("/VREP/poll")
    polled = [vrep.poll(first.correlation) for _ in range(4)]
    assert [p.qualifier for p in polled] == ["acknowledgement"] * 3 + ["response"] and polled[0].end.get("PollInterval") == "3600"
    assert polled[3].end.text.endswith("/VREP/submission")
    for words in ("0", "-5", "99999999999999999999", 'nic "<&>'):
        vrep.portal.switch({"poll_interval.submit": words})
        assert vrep.submit(nempri(2, note=str(len(words)))).end.get("PollInterval") == words
    vrep.portal.switch(late=2)
    assert [vrep.poll(first.correlation).qualifier for _ in range(3)] == ["acknowledgement"] * 2 + ["response"]


def test_early_errors(vrep):
    vrep.portal.switch(early_errors="on")
    answer = vrep.submit(nempri(0))
    assert (answer.qualifier, answer.number, answer.protocol.get("errNumber")) == ("error", 64, "64") and vrep.sealed(answer.raw) is None
    assert vrep.submit().qualifier == "acknowledgement"


# --- results --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", list(vrep_rules.NUMBERS))
def test_every_number_of_dis(vrep, number):
    vrep.portal.switch({f"dis_{number}": "once", "polls": 0})
    answer = vrep.result()
    assert (answer.qualifier, answer.number, answer.protocol.get("errNumber")) == ("error", number, str(number))
    assert vrep.sealed(answer.raw) is None and last(vrep, "refused")["reason"] == f"{number}: switch dis_{number}"
    assert vrep.result().qualifier == "response"


def test_names_of_the_answer(vrep):
    vrep.portal.switch(polls=0)
    number = vrep.submit().correlation
    vrep.portal.switch(padded_class="once")
    assert b"<Class>CSSZ_NEM_PRI </Class>" in vrep.poll(number).raw
    vrep.portal.switch(wrong_class="once")
    answer = vrep.poll(number)
    assert (answer.cls, answer.protocol.get("type"), vrep.sealed(answer.raw)) == (OTHER, "CSSZ_NEM_PRI", None)
    vrep.portal.switch(wrong_type="once")
    answer = vrep.poll(number)
    assert (answer.cls, answer.protocol.get("type"), vrep.sealed(answer.raw)) == ("CSSZ_NEM_PRI", OTHER, None)
    vrep.portal.switch(wrong_correlation="once")
    assert vrep.poll(number).correlation != number == vrep.poll(number).correlation


def test_result_of_another_submission(vrep):
    vrep.portal.switch(polls=0)
    mine, other = vrep.submit(nempri(1)), vrep.submit(nempri(4))
    vrep.portal.switch(swapped_result="once")
    answer = vrep.poll(mine.correlation)
    assert (answer.correlation, answer.protocol.get("count"), vrep.sealed(answer.raw)) == (mine.correlation, "4", None)
    assert vrep.poll(mine.correlation).protocol.get("count") == "1" and other.correlation != mine.correlation
    vrep.portal.reset(ledger=True)
    vrep.portal.switch(polls=0, swapped_result="once")
    assert len(vrep.result(nempri(3)).items) == 2


def test_results_that_contradict_themselves(vrep):
    vrep.portal.switch(polls=0)
    number = vrep.submit(nempri(2)).correlation
    vrep.portal.switch(ok_with_error="once")
    answer = vrep.poll(number)
    assert (answer.qualifier, answer.protocol.get("result"), answer.items[-1]["result"]) == ("response", "OK", "ERROR")
    vrep.portal.switch(response_refused="once")
    answer = vrep.poll(number)
    assert (answer.qualifier, answer.error, answer.protocol.get("result"), answer.protocol.get("countErr")) == ("response", None, "ERROR", "2")
    vrep.portal.switch(general_error="once")
    answer = vrep.poll(number)
    assert (answer.qualifier, answer.number, answer.items[0]["result"], answer.items[1]["result"]) == ("error", 17800, "ERROR", "OK")
    assert vrep.poll(number).protocol.get("result") == "OK" and vrep.sealed(answer.raw) is None


def test_partial_and_warnings(vrep):
    vrep.portal.switch(partial="once", refuse_forms="1,3", form_number=112, form_text="Chyba")
    answer = vrep.result(nempri(4))
    assert [i["errNum"] for i in answer.items] == ["", "112", "", "112", ""] and answer.protocol.get("countErr") == "2"
    assert answer.items[1]["errMsg"] == "NEMPRI25_LT: 112 - Chyba" and last(vrep)["state"] == "partial"
    vrep.portal.switch(warnings="once", warn_forms="2")
    answer = vrep.result(nempri(5))
    assert [answer.protocol.get(n) for n in ("result", "countErr", "countWar")] == ["OK", "0", "1"] and answer.qualifier == "response"
    assert [(i["result"], i["errNum"]) for i in answer.items][2] == ("OK", "112")


# --- the seal -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("fault, found", [
    ("seal_wrong_key", "CMS"), ("seal_old_key", "signer"), ("seal_altered_result", "digest"), ("seal_altered_digest", "digest"),
    ("seal_bad_signature", "CMS"), ("seal_expired_time", "time"), ("seal_early_time", "time"), ("seal_garbage", "CMS"),
    ("seal_not_base64", "not base64"), ("seal_empty", "CMS"), ("seal_missing", "no seal"), ("seal_detached", "CMS"),
    ("seal_hex_digest", "digest"), ("seal_false_algorithm", "digest")])
def test_spoiled_seals(vrep, fault, found):
    vrep.portal.switch({fault: "once", "polls": 0})
    number = vrep.submit().correlation
    answer = vrep.poll(number)
    assert (answer.qualifier, answer.protocol is None, vrep.sealed(answer.raw)) == ("response", False, found)
    assert last(vrep, "poll")["faults"] == [fault] and vrep.sealed(vrep.poll(number).raw) is None


def test_every_fault_of_the_seal_and_of_data_is_tested():
    with open(__file__, encoding="utf-8") as f:
        mine = f.read()
    with open(__file__.replace("faults", "services"), encoding="utf-8") as f:
        services = f.read()
    assert all(f'("{name}",' in mine for name in vrep_seal.FAULTS) and all(f'block("{name}"' in services for name in vrep_answers.FAULTS)
    named = set(re.findall(r"\w+", mine + services))
    with open(__file__.replace("_faults", ""), encoding="utf-8") as f:
        named |= set(re.findall(r"\w+", f.read()))
    left = set(vrep_switches.table()) - set(vrep_switches.DELIVERY) - named - set(vrep_switches.GATEWAY) - set(vrep_switches.DIS)
    assert not left


@pytest.mark.parametrize("algorithm", ["sha512", "sha384", "sha256", "sha1"])
@pytest.mark.parametrize("settings", [{}, {"seal_attributes": "off"}, {"seal_cms_digest": "sha512", "layout": "indented"},
                                      {"seal_cms_digest": "sha1", "root_xsig": "alone"}, {"root_xsig": "inherited", "layout": "indented"}])
def test_seals_of_every_kind(vrep, algorithm, settings):
    vrep.portal.switch(polls=0, seal_algorithm=algorithm, **settings)
    answer = vrep.result()
    inherited = settings.get("root_xsig") == "inherited"
    assert vrep.sealed(answer.raw, xsig=inherited) is None and (not inherited or vrep.sealed(answer.raw) == "digest")
    assert (b"\r\n  " in answer.raw) == ("layout" in settings) and (b"xmlns:xsig" in answer.raw) == ("root_xsig" in settings)
    value = base64.b64decode(answer.root.findtext("Body/Message/Header/Signature/SignatureValue"))
    content = openssl("cms", "-verify", "-noverify", "-binary", "-inform", "DER", data=value)
    assert len(content) == hashlib.new(algorithm).digest_size
    assert f"#{algorithm}" in answer.root.find("Body/Message/Header/Signature/DigestMethod").get("Algorithm")
    shown = openssl("cms", "-cmsout", "-print", "-inform", "DER", data=value).decode()
    assert settings.get("seal_cms_digest", "sha256") in shown
    assert ("messageDigest" in shown) == (settings.get("seal_attributes") != "off")


def test_changeover(vrep):
    """The next certificate first opens, then seals, then alone opens."""
    vrep.portal.switch(polls=0, duplicates="off")
    assert vrep.result(recipient="dis-next").number == 17810
    vrep.portal.switch(dis_decrypt="dis,dis-next")
    assert vrep.sealed(vrep.result(recipient="dis-next").raw) is None and last(vrep)["recipient"] == "dis-next"
    vrep.portal.switch(dis_seal="dis-next")
    answer = vrep.result()
    assert vrep.sealed(answer.raw, "dis-next") is None and vrep.sealed(answer.raw) == "signer"
    vrep.portal.switch(dis_decrypt="dis-next")
    assert vrep.result().number == 17810


def spoiled(dice, data):
    """A few bytes changed, left out, put in or doubled."""
    data = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 5))):
        at = dice.randrange(len(data))
        kind = dice.randrange(4)
        if kind == 0:
            data[at] = dice.randrange(256)
        elif kind == 1:
            del data[at:at + dice.choice((1, 3, 40))]
        elif kind == 2:
            data[at:at] = dice.choice((b"<", b">", b"&", b"\0", b"\xff", b"9" * 30, b"<a/>", "č".encode()))
        else:
            data[at:at] = data[at:at + dice.randrange(60)]
    return bytes(data)


@pytest.mark.parametrize("what", ["envelope", "data", "signature", "body", "poll"])
def test_bad_input_is_answered(vrep, what):
    """Whatever comes is answered by an envelope and, when it was acknowledged, by a sealed result; the fixture looks for lines `simulator-error`."""
    vrep.portal.switch(polls=0, duplicates="off")
    dice, data, number = random.Random(what), samples.jmhz(), vrep.submit().correlation
    signature, body = vrep.sign(data), vrep.encrypt(data)
    for _ in range(60 if what != "data" else 15):
        if what == "poll":
            sent = spoiled(dice, vrep.envelope("CSSZ_NEM_PRI", "poll", dice.choice(("submit", "delete")), number))
        elif what == "data":
            sent = vrep.envelope("CSSZ_JMHZ", body=vrep.message(spoiled(dice, data), "JMHZ25"))
        else:
            parts = {n: base64.b64encode(spoiled(dice, part) if what == n else part).decode() for n, part in (("signature", signature), ("body", body))}
            sent = vrep.envelope("CSSZ_JMHZ", body=vrep.message(data, "JMHZ25", encoding="raw", **parts))
            sent = spoiled(dice, sent) if what == "envelope" else sent
        answer = vrep.post(sent)
        if answer.qualifier == "acknowledgement" and answer.function == "submit":
            result = vrep.poll(answer.correlation, answer.cls)
            assert result.protocol is not None and result.qualifier in ("response", "error")
            assert (result.qualifier == "error") == (result.number is not None)
        else:
            assert answer.number is not None or answer.qualifier in ("response", "acknowledgement")


def test_times_of_faults_and_bad_switches(vrep):
    vrep.portal.switch({"gateway_1000.poll": 2})
    number = vrep.submit().correlation
    assert [vrep.poll(number).number for _ in range(3)] == [1000, 1000, None]
    for bad in ({"nic": "on"}, {"dis_103.poll": "on"}, {"seal_algorithm": "md5"}, {"polls": "x"}, {"dis_999": "once"}):
        with pytest.raises(ValueError):
            vrep.portal.switch(bad)


def test_errors_that_name_an_identifier(vrep):
    """With error_id the error of a submission names one: its own where it was taken all the same, otherwise one that nobody knows."""
    vrep.portal.switch({"gateway_1000.submit": "once,take", "error_id": "on", "polls": 0})
    answer = vrep.submit(nempri(note="taken"))
    assert answer.number == 1000 and answer.correlation == last(vrep)["correlation"]
    assert vrep.poll(answer.correlation).protocol is not None
    vrep.portal.switch({"gateway_1000.submit": "once"})
    answer = vrep.submit(nempri(note="not taken"))
    assert answer.number == 1000 and len(answer.correlation) == 32 and len(vrep.portal.ledger("accepted")) == 1
    assert vrep.poll(answer.correlation).number == 2000
