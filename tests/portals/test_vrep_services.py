"""The simulator of VREP: services with their Items, monthly reports and questions about them, encrypted answers, WS, the validator."""

import base64
import gzip
import hashlib
import itertools
import re
import uuid
import xml.etree.ElementTree as ElementTree

import pytest

import pki
import vrep_client
import vrep_samples as samples
from vrep_client import VS, nempri, openssl
from vrep_samples import REPORT

RC = "7001010001"


@pytest.fixture(scope="module")
def askers(pki_dir):
    """name → (certificate, key): commercial certificates for encryption."""
    return {"good": pki.software_user(pki_dir, "asker", usage="encipherment", ik_mpsv=None),
            "expired": pki.software_user(pki_dir, "asker-old", usage="encipherment", state="expired"),
            "ec": pki.software_user(pki_dir, "asker-ec", usage="encipherment", curve=pki.ec.SECP256R1())}


def der64(path):
    return base64.b64encode(openssl("x509", "-in", path, "-outform", "DER")).decode()


# --- Items of each class --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("cls, etype, data, items", [
    ("CSSZ_NEM_PRI", "NEMPRI20", nempri(2, year="20"), [("1", RC, "NEMPRI20"), ("2", "7001010002", "NEMPRI20")]),
    ("CSSZ_NEM_PRI", "HZUPN20", samples.hzupn(2), [("1", RC, "HZUPN20"), ("2", RC, "HZUPN20")]),
    ("CSSZ_OZUSPOJ", "OZUSPOJ23", samples.ozuspoj(), [("0", RC, "OZUSPOJ23")]),
    ("CSSZ_PVPOJ", "PVPOJ25", samples.pvpoj(), [("1", "", "PVPOJ25")]),
    ("CSSZ_ONZ", "ONZ22", samples.onz(2), [("1", RC, "ONZ22"), ("2", RC, "ONZ22")]),
    ("CSSZ_RELDP", "ELDP09", samples.eldp(1), [("1", RC, "ELDP09")]),
    ("CSSZ_REGZEC", "REGZEC25", samples.employees(more='ikmpsv="19" idppv="3"'), [("10", RC + ";19;3", "REGZEC25")]),
    ("CSSZ_REGZEC", "REGZEC25", samples.employees(act="2"), [("10", RC, "REGZEC25")]),
    ("CSSZ_PREZEC", "PREZEC26", samples.employees("PREZEC", 2026, act="9", more=f'id="{REPORT}"'), [("10", f"{RC};{REPORT}", "PREZEC26")]),
    ("CSSZ_JMHZ", "JMHZ25", samples.jmhz(), [
        (REPORT[:-4] + "AAAA", ";", "SOUHRN"), (REPORT[:-4] + "BBBB", ";", "PVPOJ"), (REPORT[:-4] + "0001", "1900000001;1", "FORM"),
        (REPORT[:-4] + "0002", "1900000002;2", "FORM")])], ids=itertools.count())
def test_items(vrep, cls, etype, data, items):
    result = vrep.result(data, cls, etype=etype)
    assert (result.qualifier, result.protocol.get("type"), result.protocol.get("count")) == ("response", cls, str(len(items)))
    general = "" if cls == "CSSZ_JMHZ" else etype
    assert [(i["sqnr"], i["identifier"], i["subtype"]) for i in result.items] == [("", "", general)] + items
    assert vrep.sealed(result.raw) is None
    line, = vrep.portal.ledger("accepted")
    assert (line["class"], line["etype"], line["forms"], line["notes"]) == (cls, etype, len(items), [])


@pytest.mark.parametrize("cls, etype, data, number", [
    ("CSSZ_OZUSPOJ", "OZUSPOJ23", samples.ozuspoj(2), 62), ("CSSZ_PVPOJ", "PVPOJ25", samples.pvpoj(2), 62),
    ("CSSZ_PVPOJ", "PVPOJ23", samples.pvpoj(), 51107), ("CSSZ_OZUSPOJ", "OZUSPOJ23", samples.ozuspoj(0), 64),
    ("CSSZ_NEM_PRI", "HZUPN20", samples.hzupn(vs="9900000009"), 63), ("CSSZ_REGZEC", "REGZEC25", samples.employees(vs="9900000009"), 63),
    ("CSSZ_ONZ", "ONZ22", samples.onz(vs="9900000009"), 63), ("CSSZ_REGZEC", "PREZEC26", samples.employees(), 17813),
    ("CSSZ_NEM_PRI", "HZUPN20", samples.hzupn().replace(b"</PodaniHZUPN>", samples.hzupn(vs="99").partition(b">")[2]), 63),
    ("CSSZ_REGZEC", "REGZEC25", samples.employees(forms=1501), 305), ("CSSZ_REGZEC", "REGZEC25", samples.employees().replace(b"sqnr", b"nr"), 61),
    ("CSSZ_JMHZ", "JMHZ25", samples.jmhz(vs="9900000009"), 63), ("CSSZ_JMHZ", "JMHZ25", samples.jmhz(forms=1501), 305),
    ("CSSZ_JMHZ", "JMHZ25", samples.jmhz(forms=0, summary=False), 64), ("CSSZ_JMHZ", "JMHZ25", samples.jmhz("S"), 61),
    ("CSSZ_JMHZ", "JMHZ25", samples.jmhz(name=REPORT.lower()), 61), ("CSSZ_JMHZ", "JMHZ25", samples.jmhz(summary=False), 61),
    ("CSSZ_JMHZ", "JMHZ25", samples.jmhz(position=3, packages=2), 61), ("CSSZ_JMHZ", "JMHZ25", samples.jmhz("X"), 61),
    ("CSSZ_DZMH", "DZMH25", samples.dzmh(month=""), 61)], ids=itertools.count())
def test_bad_forms(vrep, cls, etype, data, number):
    assert vrep.result(data, cls, etype=etype).number == number and not vrep.portal.ledger("accepted")


def test_vs_is_needed_where_it_belongs(vrep):
    assert vrep.result(vs=None).number == 63
    data = b'<OSVC xmlns="http://schemas.cssz.cz/OSVC2025" version="1.0"><prehled/></OSVC>'
    assert vrep.result(data, "CSSZ_OSVC_PRE", None, etype="OSVC25").qualifier == "response"


def test_whole_and_single_refusals(vrep):
    """One bad form refuses all of ONZ, some of NEMPRI and of JMHZ."""
    vrep.portal.switch(partial="on", refuse_forms="2")
    answer = vrep.result(samples.onz(3), "CSSZ_ONZ", etype="ONZ22")
    assert (answer.qualifier, answer.items[0]["result"], answer.protocol.get("countErr")) == ("error", "ERROR", "1")
    answer = vrep.result(nempri(3))
    assert (answer.qualifier, answer.protocol.get("result"), answer.error) == ("response", "ERROR", None)
    assert [i["result"] for i in answer.items] == ["OK", "OK", "ERROR", "OK"] and answer.items[2]["errNum"] == "604"
    assert answer.items[2]["errMsg"] == "NEMPRI25_LT: 604 - Číslo účtu & kód banky <neznámé>" == answer.protocol.get("errMsg")
    answer = vrep.result(samples.jmhz(), "CSSZ_JMHZ", etype="JMHZ25")
    assert (answer.qualifier, answer.number, answer.items[0]["result"]) == ("error", 3001, "OK")
    assert [line["state"] for line in vrep.portal.ledger() if line.get("state")] == ["refused", "partial", "partial"]
    vrep.portal.switch(refuse_forms="all", duplicates="off")
    answer = vrep.result(nempri(2))
    assert (answer.qualifier, answer.number, answer.protocol.get("countErr"), answer.items[0]["result"]) == ("error", 3001, "2", "OK")


# --- monthly reports ------------------------------------------------------------------------------------------------

def state(vrep, **asked):
    """(code, correlations, error codes) of a DZMHOdpoved."""
    result = vrep.result(samples.dzmh(**asked), "CSSZ_DZMH", etype="DZMH25")
    data = result.data()
    assert vrep.sealed(result.raw) is None and data.get("encryptionAlgorithm") is None and data.get("compression") is None
    root = ElementTree.fromstring(base64.b64decode(data.text))
    assert root.tag == "{http://schemas.cssz.cz/JMHZ/dotazNaStav/2025}DZMHOdpoved"

    def all_of(path):
        return [e.text for e in root.iterfind("{*}" + path.replace("/", "/{*}"))]
    protocol = "protokoly/protokol/"
    return all_of("stavMH/kod")[0], all_of(protocol + "idKonkretnihoPodani"), all_of(protocol + "chybySeznam/chyba/kod")


def test_report_in_two_packages(vrep):
    assert state(vrep)[0] == "2"
    first = vrep.result(samples.jmhz(packages=2), "CSSZ_JMHZ", etype="JMHZ25").correlation
    assert [state(vrep)[0] for _ in range(3)] == ["5", "5", "5"]
    second = vrep.result(samples.jmhz(position=2, packages=2, summary=False), "CSSZ_JMHZ", etype="JMHZ25").correlation
    assert state(vrep)[0] == "5"
    assert state(vrep) == ("1", [first, second], []) == state(vrep, name=REPORT)
    assert state(vrep, month=5)[0] == "2" and state(vrep, vs=VS, name=REPORT.replace("0", "1"))[0] == "2"
    assert vrep.portal.post("/jmhz", {"idPodani": REPORT, "state": 4, "errors": [{"code": 40101, "part": "form", "text": "a < b"}]}) == {"reports": 1}
    assert state(vrep) == ("4", [first, second], ["40101", "40101"])
    assert vrep.portal.stop() == 0
    vrep.portal.start()
    assert (state(vrep)[0], state(vrep)[:2]) == ("5", ("1", [first, second]))
    with pytest.raises(ValueError):
        vrep.portal.post("/jmhz", {"state": 9})


def test_length_of_processing(vrep):
    vrep.portal.switch(jmhz_polls=3)
    vrep.result(samples.jmhz(), "CSSZ_JMHZ", etype="JMHZ25")
    assert [state(vrep)[0] for _ in range(4)] == ["5", "5", "5", "1"]


def test_correction_storno_and_repetition(vrep):
    data = samples.jmhz()
    vrep.result(data, "CSSZ_JMHZ", etype="JMHZ25")
    answer = vrep.result(data, "CSSZ_JMHZ", etype="JMHZ25")
    assert (answer.number, answer.items[0]["errNum"], answer.items[0]["result"]) == (20022, "20022", "ERROR")
    for part in (samples.jmhz("O", summary=False, forms=1), samples.jmhz("S", summary=False, forms=0)):
        assert vrep.result(part, "CSSZ_JMHZ", etype="JMHZ25").qualifier == "response"
    assert len(state(vrep)[1]) == 3


# --- encrypted answers ----------------------------------------------------------------------------------------------

def opened(result, pair):
    """Plain XML of a returned block."""
    data = result.data()
    assert [data.get(n) for n in ("encryptionAlgorithm", "compression", "contentEncoding")] == ["aes128", "gzip", "base64"]
    raw = base64.b64decode(data.text)
    shown = openssl("cms", "-cmsout", "-print", "-inform", "DER", data=raw).decode()
    assert "aes-128-cbc" in shown and "rsaEncryption" in shown and shown.count("d.ktri") == 1
    packed = openssl("cms", "-decrypt", "-binary", "-inform", "DER", "-recip", pair[0], "-inkey", pair[1], data=raw)
    return ElementTree.fromstring(gzip.decompress(packed))


def test_notifications(vrep, askers):
    result = vrep.result(samples.dzdpn(der64(askers["good"][0])), "CSSZ_DZDPN", etype="DZDPN20-V2")
    assert vrep.sealed(result.raw) is None and [i["subtype"] for i in result.items] == ["DZDPN20-V2"]
    root = opened(result, askers["good"])
    names = [e.tag.rpartition("}")[2] for e in root.find("{*}Notifikace")]
    assert names == ["VznikDpnInfo", "TrvaniDpnInfo", "UkonceniDpnInfo", "ZmenaDpnInfo", "StornoDpnInfo"]
    assert root.findtext("{*}DatumOd") == "2026-02-01" and {e.text for e in root.iter() if e.tag.endswith("}VariabilniSymbol")} == {VS}
    vrep.portal.switch(notifications=0)
    root = opened(vrep.result(samples.dzdpn(der64(askers["good"][0])), "CSSZ_DZDPN", etype="DZDPN20-V2"), askers["good"])
    assert len(root.find("{*}Notifikace")) == 0
    root = opened(vrep.result(samples.dznp(der64(askers["good"][0])), "CSSZ_DZNP", etype="DZNP25"), askers["good"])
    assert root.findtext("{*}CisloRozhodnuti") == "A0000042"
    vrep.portal.switch(duplicate_queries="on")
    assert vrep.result(samples.dznp(der64(askers["good"][0])), "CSSZ_DZNP", etype="DZNP25").qualifier == "response"
    assert vrep.result(samples.dznp(der64(askers["good"][0])), "CSSZ_DZNP", etype="DZNP25").number == 300


@pytest.mark.parametrize("who, change, number", [
    ("good", {"end": "2026-03-04"}, 400), ("good", {"end": "2026-01-31"}, 400), ("good", {"begin": "1.2.2026"}, 61), ("expired", {}, 202),
    ("ec", {}, 201), (None, {}, 201)])
def test_bad_questions(vrep, askers, who, change, number):
    cert = der64(askers[who][0]) if who else "MAMCAQU="
    assert vrep.result(samples.dzdpn(cert, **change), "CSSZ_DZDPN", etype="DZDPN20-V2").number == number


def test_longest_range(vrep, askers):
    vrep.portal.switch(max_days=29)
    assert vrep.result(samples.dzdpn(der64(askers["good"][0])), "CSSZ_DZDPN", etype="DZDPN20-V2").number == 400
    assert vrep.result(samples.dzdpn(der64(askers["good"][0]), end="2026-03-01"), "CSSZ_DZDPN", etype="DZDPN20-V2").qualifier == "response"


def test_spoiled_data(vrep, askers):
    """Each fault of the returned data is what its name says."""
    pair = askers["good"]

    def block(fault, data=None, cls="CSSZ_DZDPN", etype="DZDPN20-V2"):
        vrep.portal.switch({fault: "once"})
        result = vrep.result(samples.dzdpn(der64(pair[0])) if data is None else data, cls, etype=etype)
        assert result.qualifier == "response" and vrep.sealed(result.raw) is None and last_faults(vrep) == [fault]
        return result.data()

    def decrypted(data, check=True):
        return openssl("cms", "-decrypt", "-binary", "-inform", "DER", "-recip", pair[0], "-inkey", pair[1], data=base64.b64decode(data.text),
                       check=check)
    plain = block("data_plain")
    assert plain.get("encryptionAlgorithm") == "aes128" and gzip.decompress(base64.b64decode(plain.text)).startswith(b"<?xml")
    unmarked = block("data_unmarked")
    assert unmarked.get("encryptionAlgorithm") is None and gzip.decompress(decrypted(unmarked))
    other = base64.b64decode(block("data_other").text)
    assert openssl("cms", "-decrypt", "-inform", "DER", "-recip", vrep.path("dis"), "-inkey", vrep.path("dis")[:-3] + "key", data=other)
    assert decrypted(block("data_not_gzip")).startswith(b"<?xml")
    packed = decrypted(block("data_bomb"))
    assert len(packed) < 1 << 20 and int.from_bytes(packed[-4:], "little") == 512 << 20
    assert decrypted(block("data_truncated"), check=False) is None
    with pytest.raises(EOFError):
        gzip.decompress(decrypted(block("data_cut_gzip")))
    assert base64.b64decode(block("data_garbage").text)[:1] == b"\x07" and block("data_not_base64").text[0] == "%"
    assert not gzip.decompress(decrypted(block("data_not_xml"))).startswith(b"<")
    assert block("data_missing") is None
    assert b"9900000999" in gzip.decompress(decrypted(block("data_other_vs")))
    question = samples.dzmh(), "CSSZ_DZMH", "DZMH25"
    assert b"9900000999" in base64.b64decode(block("data_other_vs", *question).text) and block("data_missing", *question) is None


def last_faults(vrep):
    return vrep.portal.ledger("accepted")[-1]["faults"]


def test_announced_certificate(vrep):
    vrep.portal.switch(registration="listed")
    with open(vrep.people["good"][0], encoding="ascii") as f:
        vrep.portal.post("/signers", {"pem": f.read()})
    assert vrep.result(who="no-ik").number == 103
    data = samples.usrcert(der64(vrep.people["no-ik"][0]))
    assert vrep.result(data, "CSSZ_USRCERT", None, etype="USRCERT").qualifier == "response"
    assert vrep.result(who="no-ik").qualifier == "response"
    assert vrep.result(samples.usrcert("nic"), "CSSZ_USRCERT", None, etype="USRCERT").number == 201


# --- WS -------------------------------------------------------------------------------------------------------------

URI = "http://www.government-gateway.cz/wcf/submission"
SOAP_TYPE = {"Content-Type": "application/soap+xml; charset=utf-8"}


def ws(vrep, operation, inside, action=None, headers=None):
    """(status, action of the answer, {name: text} of all leaves)."""
    action = action or f"{URI}/IBusinessTransactions/{operation}"
    body = (f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>'
            f"<a:Action>{action}</a:Action><a:MessageID>urn:uuid:1</a:MessageID><a:To>https://x/</a:To></s:Header>"
            f'<s:Body><{operation} xmlns="{URI}">{inside}</{operation}></s:Body></s:Envelope>').encode()
    status, _, raw = vrep.client.post("/VREP/ws/public.svc", body, headers or SOAP_TYPE)
    root = ElementTree.fromstring(raw)
    leaves = {e.tag.rpartition("}")[2]: e.text for e in root.iter() if len(e) == 0}
    return status, leaves.get("Action"), leaves


def ws_submit(vrep, content, vs=VS, cls="CSSZ_NEM_PRI", **how):
    key = (f"<optionals><OptionalParameter><ParameterName>key</ParameterName><ParameterType>vars</ParameterType><ParameterValue>{vs}"
           f"</ParameterValue></OptionalParameter></optionals>")
    return ws(vrep, "Submit", f"<tclass>{cls}</tclass><bodies><BodyPart><Body>{content}</Body><Id>0</Id></BodyPart></bodies>{key}", **how)


@pytest.mark.parametrize("form", ["govtalk", "message"])
def test_ws(vrep, form):
    message = vrep.message(nempri(2))
    wrapped = vrep.envelope(body=message).decode().partition("?>")[2]
    status, action, data = ws_submit(vrep, wrapped if form == "govtalk" else message)
    assert (status, action.rpartition("/")[2], data["Qualifier"], data["PollInterval"]) == (200, "SubmitResponse", "acknowledgement", "PT1S")
    number = data["CorrelationID"]
    assert data["BodyBase64XML"] is None and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}", data["GatewayTimestamp"])
    poll = f"<correlationid>{number}</correlationid>"
    assert ws(vrep, "Poll", poll)[2]["Qualifier"] == "acknowledgement"
    data = ws(vrep, "Poll", poll)[2]
    assert (data["Qualifier"], data["CorrelationID"]) == ("response", number)
    content = base64.b64decode(data["BodyBase64XML"])
    assert ElementTree.fromstring(content).tag == f"{{{URI}}}bodies" and vrep.sealed(content) is None
    assert ws(vrep, "Dispose", poll)[0] == 200
    status, action, data = ws(vrep, "Poll", poll)
    assert (status, action.rpartition("/")[2], data["Number"], data["RaisedBy"]) == (500, "PollGGErrorExceptionFault", "2000", "VREP")
    vrep.portal.switch(ws_errors="data")
    status, _, data = ws(vrep, "Poll", poll)
    assert (status, data["Qualifier"], data["Number"]) == (200, "error", "2000")
    assert vrep.portal.ledger("close")[-1]["variant"] == "WS" and vrep.portal.ledger("accepted")[-1]["notes"] == []
    assert ws(vrep, "Dispose", "<correlationid/>")[2].get("Number") is None and vrep.portal.ledger("close")[-1]["number"] == 1035


def test_ws_faults(vrep):
    message = vrep.message(nempri())
    assert ws_submit(vrep, "")[2]["Number"] == "1042"
    assert ws_submit(vrep, vrep.envelope("CSSZ_ONZ", body=message).decode().partition("?>")[2])[2]["Number"] == "1001"
    assert ws_submit(vrep, message, action="urn:x")[0] == 500 == ws_submit(vrep, message, headers={"Content-Type": "text/xml"})[0]
    assert ws(vrep, "DataRequest", "")[0] == 500 == ws(vrep, "Submit", "<bodies/>")[0]
    for body in (b"", b"<a/>", b"<s:Envelope/>"):
        assert vrep.client.post("/VREP/ws/public.svc", body, SOAP_TYPE)[0] == 500
    assert {line["by"] for line in vrep.portal.ledger("refused")} == {"gateway", "soap"} and not vrep.portal.ledger("accepted")
    vrep.portal.switch(ws_body="govtalk")
    assert ws_submit(vrep, message)[2]["Number"] == "1001"
    vrep.portal.switch({"ws_body": "message", "dis_310": "once", "polls": 0, "ws_errors": "data"})
    number = ws_submit(vrep, message)[2]["CorrelationID"]
    data = ws(vrep, "Poll", f"<correlationid>{number}</correlationid>")[2]
    assert (data["Qualifier"], data["Number"]) == ("error", "310") and b'errNumber="310"' in base64.b64decode(data["BodyBase64XML"])
    vrep.portal.switch({"cut_after_request.submit": "once"})
    with pytest.raises(Exception):
        ws_submit(vrep, message)
    assert vrep.portal.ledger("accepted")[-1]["sha256"] == hashlib.sha256(nempri()).hexdigest()


# --- the validator --------------------------------------------------------------------------------------------------

def validated(vrep, data, name=None, action='"ePodaniValidace"'):
    """(status, {name: text})"""
    name = name or str(uuid.uuid4())
    data = data.decode().rpartition("?>")[2]
    body = (f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><ValidujPodani xmlns="urn:cz:isvs:cssz:schemas:'
            f'ePodaniValidace:v1"><PozadavekId>{name}</PozadavekId><PozadavekCas>2026-05-01T10:00:00.000</PozadavekCas>{data}</ValidujPodani>'
            f"</s:Body></s:Envelope>").encode()
    status, _, raw = vrep.client.post("/ePodaniValidace.svc", body, {**vrep_client.XML_TYPE, "SOAPAction": action})
    found = {e.tag.rpartition("}")[2]: e.text for e in ElementTree.fromstring(raw).iter()}
    assert status == 500 or found["PozadavekId"] == name
    return status, found


def test_validator(vrep):
    for data in (nempri(2), samples.jmhz(), samples.employees(), samples.employees("PREZEC", 2026)):
        assert validated(vrep, data)[1]["VysledekKod"] == "OK"
    for data, code in ((nempri(0), "64"), (samples.pvpoj(), "51107"), (samples.jmhz("X"), "61"), (b"<a/>", "51107")):
        found = validated(vrep, data)[1]
        assert (found["VysledekKod"], found["Kod"], found["Kategorie"]) == ("CHYBA", code, "Podani")
    vrep.portal.switch(validate_error="once")
    assert validated(vrep, nempri())[1]["Kategorie"] == "Formular"
    assert validated(vrep, nempri(), "nic")[0] == 500 == validated(vrep, nempri(), action="x")[0]
    assert len(vrep.portal.ledger("validate")) == 11
