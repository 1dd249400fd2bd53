"""The simulator of VREP by itself: the way of a submission, what the gateway and DIS check, what the ledger says."""

import base64
import gzip
import hashlib
import http.client
import json
import os
import re
import subprocess
import threading

import pytest

import vrep_client
import vrep_rules
import vrep_xml
from vrep_client import VS, nempri, openssl

CUT = (OSError, http.client.HTTPException)
UNKNOWN = "0A1B2C3D4E5F60718293A4B5C6D7E8F9"


def last(vrep, kind="accepted"):
    return vrep.portal.ledger(kind)[-1]


# --- the way of a submission ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("encoding", ["gzip", "raw"])
def test_way_of_a_submission(vrep, encoding):
    data = nempri(2)
    answer = vrep.submit(data, encoding=encoding)
    assert (answer.cls, answer.qualifier, answer.function) == ("CSSZ_NEM_PRI", "acknowledgement", "submit")
    assert re.fullmatch("[0-9A-F]{32}", answer.correlation) and answer.message is None
    assert answer.end.get("PollInterval") == "1" and answer.end.text.endswith(f":{vrep.portal.port}/VREP/Poll")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", answer.timestamp)
    line = last(vrep)
    assert line["correlation"] == answer.correlation and line["sha256"] == hashlib.sha256(data).hexdigest() == line["xml_sha256"]
    serial = openssl("x509", "-in", vrep.people["good"][0], "-noout", "-serial").decode().strip().partition("=")[2].lstrip("0")
    assert [line[n] for n in ("class", "etype", "vs", "forms", "encoding", "recipient", "signer_serial", "state", "notes")] == [
        "CSSZ_NEM_PRI", "NEMPRI25", VS, 2, encoding, "dis", serial, "ok", []]
    assert vrep.poll(answer.correlation).qualifier == "acknowledgement"
    result = vrep.poll(answer.correlation)
    assert (result.qualifier, result.correlation, result.cls, result.error) == ("response", answer.correlation, "CSSZ_NEM_PRI", None)
    assert vrep.sealed(result.raw) is None
    assert [result.protocol.get(n) for n in ("type", "version", "result", "errNumber", "count", "countErr", "countWar")] == [
        "CSSZ_NEM_PRI", "1,0", "OK", "0", "2", "0", "0"]
    assert [(i["sqnr"], i["identifier"], i["subtype"], i["result"]) for i in result.items] == [
        ("", "", "NEMPRI25", "OK"), ("1", "7001010001", "NEMPRI25", "OK"), ("2", "7001010002", "NEMPRI25", "OK")]
    assert vrep.poll(answer.correlation).raw.partition(b"<Message ")[2] == result.raw.partition(b"<Message ")[2]
    closed = vrep.close(answer.correlation)
    assert (closed.qualifier, closed.function, closed.end) == ("response", "delete", None)
    assert vrep.poll(answer.correlation).number == 2000 == vrep.close(answer.correlation).number
    assert [(line["count"], line["answer"], line["number"]) for line in vrep.portal.ledger("poll")] == [
        (1, "acknowledgement", 0), (2, "response", 0), (3, "response", 0), (0, "error", 2000)]
    assert [(line["variant"], line["closed"], line["collected"], line["number"]) for line in vrep.portal.ledger("close")] == [
        ("A", True, True, 0), ("A", False, False, 2000)]


def test_close_variant_b_and_before_the_result(vrep):
    number = vrep.submit().correlation
    assert vrep.close(number, variant="B").qualifier == "acknowledgement"
    vrep.poll(number)
    assert vrep.close(number, variant="B").qualifier == "response"
    assert vrep.close(number, variant="B").number == 2000
    first, second, _ = vrep.portal.ledger("close")
    assert (first["variant"], first["closed"], second["closed"], second["collected"]) == ("B", False, True, False)


@pytest.mark.parametrize("path", ["/VREP/submission", "/vrep/Submission", "/VREP/SUBMISSION", "/VREP/Poll", "/vrep/poll/"])
def test_qualifier_not_the_address_decides(vrep, path):
    answer = vrep.post(vrep.envelope(body=vrep.message(nempri())), path)
    assert answer.qualifier == "acknowledgement" and last(vrep)["path"] == path
    assert vrep.poll(answer.correlation, path=path).qualifier == "acknowledgement"


def test_get_is_an_error_envelope(vrep):
    status, raw = vrep.client.get("/VREP/submission")
    answer = vrep_client.Answer(raw)
    assert (status, answer.qualifier, answer.end.get("PollInterval")) == (200, "error", "60")
    assert vrep.client.get("/jinam")[0] == 404


def test_unknown_id(vrep):
    answer = vrep.poll(UNKNOWN)
    assert (answer.qualifier, answer.number, answer.error["RaisedBy"], answer.message) == ("error", 2000, "VREP", None)
    assert vrep.close(UNKNOWN).number == vrep.close(UNKNOWN, variant="B").number == 2000
    number = vrep.submit().correlation
    assert vrep.poll(number, cls="CSSZ_ONZ").number == 2000 and last(vrep, "poll")["reason"].startswith("class CSSZ_ONZ")


def test_vs_of_a_poll(vrep):
    number = vrep.submit().correlation
    assert vrep.poll(number, vs="9900000002").number is None and last(vrep, "poll")["vs_match"] is False
    for value in (1046, 2000):
        vrep.portal.switch(poll_vs=value)
        assert vrep.poll(number, vs="9900000002").number == value
        assert vrep.poll(number).number is None and last(vrep, "poll")["vs_match"] is True


# --- the gateway's checks -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, number, words", [
    ((b"<Qualifier>request", b"<Qualifier>delete"), 1001, "Invalid qualifier"),
    ((b"<Function>submit", b"<Function>list"), 1001, "Invalid function"),
    ((b"<CorrelationID></CorrelationID>", b""), 1001, None), ((b"<CorrelationID>", b"<CorrelationID>AB12"), 1020, None),
    ((b">2.0<", b">1.0<"), 1001, None), ((b"CM/envelope", b"CM/obalka"), 1001, None), ((b"</Header>", b""), 1001, None),
    ((b"<Class>CSSZ_NEM_PRI</Class>", b""), 1001, None), ((b"<Function>submit</Function>", b""), 1001, "Invalid function"),
    ((b"<Header>", b"<Cizi/><Header>"), 1001, None), ((b"?><GovTalk", b"?><!DOCTYPE GovTalkMessage><GovTalk"), 1001, None),
    ((b"</Keys>", b'<Key Type="vars">1</Key></Keys>'), 1001, None)])
def test_bad_envelopes(vrep, change, number, words):
    answer = vrep.post(vrep.envelope(body=vrep.message(nempri())).replace(*change, 1))
    assert (answer.qualifier, answer.number, answer.message) == ("error", number, None)
    assert words in (None, answer.error["Text"])
    line = last(vrep, "refused")
    assert (line["by"], line["number"]) == ("gateway", number) and not vrep.portal.ledger("accepted")


@pytest.mark.parametrize("body", [b"", b"nic", b"<a/>", b"\x00\xff" * 50, b"<GovTalkMessage" * 300, b"<a>" * 5000, b"PK\x03\x04" + bytes(5000)])
def test_what_is_no_envelope(vrep, body):
    for path in ("/VREP/submission", "/VREP/poll"):
        assert vrep.post(body, path).number == 1001
    assert not vrep.portal.ledger("accepted")


def test_empty_body_and_missing_id(vrep):
    assert vrep.post(vrep.envelope()).number == 1042
    assert vrep.post(vrep.envelope(qualifier="poll")).number == 2000
    assert vrep.post(vrep.envelope(qualifier="poll", function="delete")).number == 1035
    assert vrep.post(vrep.envelope(function="delete")).number == 1035
    assert vrep.post(vrep.envelope(qualifier="poll", correlation=UNKNOWN, body="<x/>")).number == 1001


def test_longest_request(vrep):
    vrep.portal.switch(max_request=3000)
    assert vrep.submit().number == 1001 and "long" in last(vrep, "refused")["reason"]


def test_notes_of_the_envelope(vrep):
    body = vrep.envelope(body=vrep.message(nempri())).replace(b"xmldsig", b"ggdsig").replace(b' dt:dt="bin.base64"', b"").replace(b' version="1.0"/>', b"/>")
    vrep.client.post("/VREP/submission", b"\xef\xbb\xbf" + body, {"Content-Type": "application/xml"})
    assert last(vrep)["notes"] == [
        "byte order mark", "TimestampVersion 'ggdsig'", "Content-Type application/xml", "Vendor without productName or version",
        "Signature without dt:dt=bin.base64", "Body without dt:dt=bin.base64"]


# --- what DIS checks, in the order of 14.13 -------------------------------------------------------------------------

def refused(vrep, number, result):
    """A refusal before processing, as in 14.5."""
    assert (result.qualifier, result.number, result.error["RaisedBy"], result.error["Type"]) == ("error", number, "CSSZDIS", "business")
    assert (result.protocol.get("result"), result.protocol.get("errNumber")) == ("ERROR", str(number))
    assert result.protocol.findtext("Error/Number") == str(number) and result.protocol.findtext("Error/RaisedBy") == "CSSZDIS"
    assert [set(i.values()) for i in result.items] == [{""}] and vrep.sealed(result.raw) is None
    line = last(vrep, "refused")
    assert (line["by"], line["number"], line["state"], line["correlation"]) == ("dis", number, "refused", result.correlation)
    assert not vrep.portal.ledger("accepted")
    return line["reason"]


@pytest.mark.parametrize("change, number", [
    (("XMLSchema/envelope", "XMLSchema/obalka"), 17801), (("<Message", "<Zprava"), 17801), ((' encrypted="yes"', ""), 17806),
    ((' encrypted="yes"', ' encrypted="no"'), 17806), (('version="1.2"', 'version="9"'), 17806), (('version="1.2"', 'version="1.1"'), 17808),
    (("NEMPRI25", "PVPOJ25"), 17813), (("NEMPRI25", ""), 17813), (('"gzip"', '"zip"'), 17801)])
def test_bad_message_envelopes(vrep, change, number):
    message = vrep.message(nempri()).replace(*change).replace("</Message>" if change[0] == "<Message" else "\0", "</Zprava>")
    refused(vrep, number, poll_until(vrep, vrep.post(vrep.envelope(body=message))))


def poll_until(vrep, answer, cls="CSSZ_NEM_PRI"):
    while answer.qualifier == "acknowledgement":
        answer = vrep.poll(answer.correlation, cls)
    return answer


@pytest.mark.parametrize("how, number", [
    ({"signature": ""}, 17803), ({"body": ""}, 17804), ({"body": "%%%"}, 17805), ({"body": "AAAA"}, 17805), ({"signature": "***"}, 17807),
    ({"signature": "MAMCAQU="}, 17807), ({"recipient": "dis-next"}, 17810), ({"recipient": "dis-foreign"}, 17810), ({"recipient": "dis-old"}, 202),
    ({"signature": "%", "body": "%"}, 17805), ({"signature": "%", "recipient": "dis-old"}, 17807),
    ({"who": "foreign"}, 101), ({"who": "wrong-usage"}, 101), ({"who": "self"}, 101), ({"who": "ec"}, 101), ({"who": "not-yet"}, 101),
    ({"who": "expired"}, 105)])
def test_bad_blocks_and_signers(vrep, how, number):
    refused(vrep, number, vrep.result(**how))


def test_bad_encryption(vrep):
    packed, data = gzip.compress(nempri()), nempri()

    def sent(content, cipher="-aes-256-cbc", options=()):
        return vrep.result(body=base64.b64encode(vrep.encrypt(content, "dis", cipher, *options)).decode())
    for cipher in ("-aes-128-cbc", "-aes-192-cbc", "-des3"):
        assert sent(packed, cipher).qualifier == "response"
        vrep.portal.reset(ledger=True)
    refused(vrep, 17814, sent(packed, "-camellia256"))
    refused(vrep, 17814, sent(packed, "-aes-256-gcm"))
    oaep = openssl("cms", "-encrypt", "-binary", "-aes256", "-outform", "DER", "-recip", vrep.path("dis"), "-keyopt", "rsa_padding_mode:oaep",
                   data=packed)
    refused(vrep, 17814, vrep.result(body=base64.b64encode(oaep).decode()))
    refused(vrep, 17835, sent(data))
    refused(vrep, 17835, sent(packed[:-3]))
    refused(vrep, 17835, sent(packed + b"x"))
    refused(vrep, 17835, sent(gzip.compress(bytes(65 * 1024 * 1024))))
    refused(vrep, 17840, vrep.result(b""))


@pytest.mark.parametrize("data, number", [
    (b"nic", 17836), (b'<?xml version="1.0" encoding="UTF-8"?><a>\xe1</a>', 17836), (b"<!DOCTYPE a><a/>", 17836),
    (nempri().replace(b"NEMPRI", b"NEMPRX"), 51105), (nempri(year="24"), 51107), (nempri().replace(b"nem/", b"dav/"), 51107),
    (nempri(vs="9900000002"), 63), (nempri(0), 64), (nempri(1).replace(b"VSZam", b"XSZam"), 61)])
def test_bad_data(vrep, data, number):
    refused(vrep, number, vrep.result(data))


def test_bad_signatures(vrep):
    def sent(signature):
        return vrep.result(signature=base64.b64encode(signature).decode())
    good, data = vrep.sign(nempri()), nempri()
    assert "attached" in refused(vrep, 17830, sent(vrep.sign(data, "good", "-nodetach")))
    assert "other data" in refused(vrep, 17830, sent(vrep.sign(data + b"\n")))
    cert, key = vrep.people["good"]
    with_attributes = ["cms", "-sign", "-binary", "-outform", "DER", "-signer", cert, "-inkey", key]
    assert "messageDigest" in refused(vrep, 17830, sent(openssl(*with_attributes, data=data + b"\n")))
    assert "other data" in refused(vrep, 17830, sent(good[:-1] + bytes([good[-1] ^ 1])))
    assert "issuer and serial" in refused(vrep, 17831, sent(vrep.sign(data, "good", "-keyid")))
    assert "not included" in refused(vrep, 17831, sent(vrep.sign(data, "good", "-nocerts")))
    assert "digest" in refused(vrep, 104, sent(openssl(*with_attributes, "-noattr", "-md", "sha1", data=data)))
    assert "2 signatures" in refused(vrep, 17830, sent(vrep.sign(data, "good", "-signer", vrep.people["no-ik"][0], "-inkey",
                                                                 vrep.people["no-ik"][1])))
    vrep.portal.switch(allow_ec="on")
    assert vrep.result(who="ec").qualifier == "response"
    assert sent(openssl(*with_attributes, "-md", "sha384", data=data + b" ")).number == 17830
    vrep.portal.switch(duplicates="off")
    for options in (["-md", "sha384"], ["-md", "sha512", "-noattr"]):
        assert sent(openssl(*with_attributes, *options, data=data)).qualifier == "response"
    assert last(vrep)["digest"] == "sha512"


def test_first_fault_of_several_counts(vrep):
    """Each of these has everything wrong that comes later in 14.13, too."""
    other = {"who": "expired", "vs": "1"}
    bad_data = nempri(0)
    sign_other = base64.b64encode(vrep.sign(b"x", "expired")).decode()
    steps = [({"version": "1.0", "recipient": "dis-next", **other}, bad_data, 17808),
             ({"body": "%", "signature": "%", **other}, bad_data, 17805), ({"recipient": "dis-next", "signature": sign_other, **other}, b"x", 17810),
             ({"encoding": "gzip", "body": base64.b64encode(vrep.encrypt(b"x")).decode(), "signature": sign_other, **other}, b"x", 17835),
             ({"signature": sign_other, **other}, b"x", 17836), ({"signature": sign_other, **other}, bad_data, 17830),
             (other, nempri(0), 105), ({"vs": "1"}, nempri(1501), 63), ({}, nempri(1501), 305)]
    for how, data, number in steps:
        assert vrep.result(data, **how).number == number


def test_registered_signers(vrep):
    vrep.portal.switch(registration="listed", duplicates="off")
    assert "not registered" in refused(vrep, 103, vrep.result())
    with open(vrep.people["good"][0], encoding="ascii") as f:
        pem = f.read()
    vrep.portal.post("/signers", {"pem": pem, "classes": ["CSSZ_ONZ"]})
    assert "no authority for CSSZ_NEM_PRI" in refused(vrep, 103, vrep.result())
    vrep.portal.post("/signers", {"pem": pem, "vs": ["9900000007"]})
    assert "no authority for VS" in refused(vrep, 103, vrep.result())
    vrep.portal.post("/signers", {"pem": pem})
    assert vrep.result().qualifier == "response" and vrep.result(who="no-ik").number == 103
    vrep.portal.post("/signers", {"clear": True})
    assert vrep.result().number == 103
    with pytest.raises(ValueError):
        vrep.portal.post("/signers", {"pem": "nic"})


# --- duplicates, deferral -------------------------------------------------------------------------------------------

def test_duplicates(vrep):
    first = vrep.submit()
    second = vrep.result()
    assert (second.number, first.correlation in second.protocol.get("errMsg")) == (300, True)
    assert poll_until(vrep, first).qualifier == "response" and vrep.result(nempri(note="b")).qualifier == "response"
    vrep.portal.switch(age_s=48 * 3600 - 60, duplicate_number=302)
    assert vrep.result().number == 302
    vrep.portal.switch(age_s=48 * 3600 + 60)
    assert vrep.result().qualifier == "response"
    vrep.portal.switch(duplicate_hours=72)
    assert vrep.result().number == 302
    assert len(vrep.portal.ledger("accepted")) == 3


def test_duplicates_all(vrep):
    vrep.portal.switch(duplicates="all")
    first, second = vrep.submit(), vrep.submit()
    assert [poll_until(vrep, a).number for a in (first, second)] == [300, 300]
    assert vrep.portal.get("/submissions").count(b'"refused"') == 2


def test_refused_is_no_earlier_one(vrep):
    vrep.portal.switch({"dis_17812": "once"})
    assert vrep.result().number == 17812 and vrep.result().qualifier == "response"


def test_deferred(vrep):
    answer = vrep.submit(nempri(300))
    assert last(vrep)["deferred"] and not any(vrep.poll(answer.correlation).message for _ in range(4))
    assert vrep.close(answer.correlation).qualifier == "acknowledgement"
    assert vrep.portal.post("/release", {"correlation": UNKNOWN}) == {"released": 0}
    assert vrep.portal.post("/release", {}) == {"released": 1}
    assert len(vrep.poll(answer.correlation).items) == 301
    assert vrep.result(nempri(299)).qualifier == "response"


def test_ledger_holds_no_data_and_keeping_is_asked_for(vrep):
    data = nempri(note="tajemství")
    keep = vrep.portal.path("keep")

    def kept():
        return [n for n in os.listdir(keep) if "tajemství".encode() in open(os.path.join(keep, n), "rb").read()]
    vrep.submit(data)
    with open(vrep.portal.ledger_path, "rb") as f:
        assert "tajemství".encode() not in f.read() and not kept()
    vrep.portal.switch(keep_data="on")
    number = vrep.submit(data + b"\n").correlation
    assert kept() == [f"vrep-{number}.xml"] and open(os.path.join(keep, kept()[0]), "rb").read() == data + b"\n"


def test_restart_remembers(vrep):
    done, open_one, refusal, big = vrep.submit(), vrep.submit(nempri(2)), vrep.result(nempri(0)), vrep.submit(nempri(301))
    vrep.poll(done.correlation)
    vrep.close(done.correlation)
    before = vrep.portal.ledger()
    assert vrep.portal.stop() == 0
    vrep.portal.start()
    assert vrep.portal.ledger() == before
    assert vrep.poll(done.correlation).number == 2000 and vrep.result().number == 300
    result = poll_until(vrep, open_one)
    assert [i["identifier"] for i in result.items] == ["", "7001010001", "7001010002"] and vrep.sealed(result.raw) is None
    assert vrep.poll(refusal.correlation).number == 64 and vrep.poll(big.correlation).message is None


def test_many_at_once(vrep):
    """Eight clients with the same data: one is accepted, seven are duplicates."""
    body, answers = vrep.envelope(body=vrep.message(nempri())), []
    threads = [threading.Thread(target=lambda: answers.append(vrep.post(body))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({a.correlation for a in answers}) == 8
    assert sorted(poll_until(vrep, a).number or 0 for a in answers) == [0] + [300] * 7


# --- the simulator's own XML ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, wanted", [
    ("<a  b='1'   a = \"2\"/>", '<a a="2" b="1"></a>'),
    ('<p:a xmlns:p="urn:p" xmlns="urn:d"><b/></p:a>', '<p:a xmlns="urn:d" xmlns:p="urn:p"><b></b></p:a>'),
    ('<a xmlns="urn:d"><b xmlns=""><c xmlns=""/></b></a>', '<a xmlns="urn:d"><b xmlns=""><c></c></b></a>'),
    ('<a xmlns:z="urn:a" xmlns:b="urn:z" b:x="1" z:y="2" c="3"/>', '<a xmlns:b="urn:z" xmlns:z="urn:a" c="3" z:y="2" b:x="1"></a>'),
    ("<a t='&quot;&lt;&gt;&amp;&#9;&#10;'>&lt;&gt;&amp;\"&#13;<![CDATA[<x>]]><!-- c --></a>",
     '<a t="&quot;&lt;>&amp;&#x9;&#xA;">&lt;&gt;&amp;"&#xD;&lt;x&gt;</a>')])
def test_canonical_form(text, wanted):
    assert vrep_xml.canonical(vrep_xml.parse(text)).decode() == wanted


def test_canonical_form_of_a_part_has_what_is_in_scope():
    root = vrep_xml.parse('<a xmlns="urn:d" xmlns:u="urn:u">\n <b xmlns:v="urn:v"> x <c/>\n</b></a>', strip=True)
    assert vrep_xml.canonical(root.find("b")).decode() == '<b xmlns="urn:d" xmlns:u="urn:u" xmlns:v="urn:v"> x <c></c></b>'


@pytest.mark.parametrize("text", ["", "<a", "<a></b>", "<p:a/>", "<a xmlns:p='u' xmlns:q='u' p:x='' q:x=''/>", "<a>" * 101 + "</a>" * 101,
                                  "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", "<a>&e;</a>", "<?xml version='1.0' encoding='x-y'?><a/>"])
def test_bad_xml(text):
    with pytest.raises(vrep_xml.XmlError):
        vrep_xml.parse(text.encode())


def test_help_names_every_switch():
    text = subprocess.run(["/usr/bin/python3", os.path.join(os.path.dirname(__file__), "vrep.py"), "--help"],
                          capture_output=True, check=True, text=True).stdout
    for name in ("seal_altered_result", "dis_103", "gateway_2000", "invalid_qualifier", "padded_class", "refuse_forms"):
        assert re.search(rf"\b{name}\b", text)
    assert all(f"dis_{n}" in text for n in vrep_rules.NUMBERS) and json.dumps(text)
