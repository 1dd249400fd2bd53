"""The EPO simulator by itself: every check, every fault, with openssl and http.client/curl as clients."""

import base64
import hashlib
import http.client
import json
import os
import re
import subprocess
import threading
import time
import xml.etree.ElementTree as ElementTree

import pytest

import forms
import pki
import portal_client
from portal_client import classes, codes, zipped

CUT = (OSError, http.client.HTTPException)


def last(bench, kind="accepted"):
    return bench.portal.ledger(kind)[-1]


def confirmation_parts(content):
    root = ElementTree.fromstring(content)
    return root, next(root.iter("Soubor")), next(root.iter("Podani"))


# --- the plain path -------------------------------------------------------------------------------------------------

def test_plain_path(epo):
    xml = forms.dphdp3()
    body = epo.signed(xml, "good", "-certfile", epo.ca)
    root = epo.client.test(body, "&email=ucto%40example.invalid")
    assert (classes(root), codes(root)) == (["I"], ["TEST_REZIM"])
    reply = epo.client.file(body)
    root, file_part, filed = confirmation_parts(epo.confirmed(reply))
    assert file_part.get("KC") == hashlib.md5(xml).hexdigest()
    assert bytes.fromhex(root.find("Data").text) == xml
    line = last(epo)
    assert (filed.get("Cislo"), filed.get("Heslo")) == (line["cislo"], line["heslo"])
    assert line["xml_sha256"] == hashlib.sha256(xml).hexdigest()
    assert line["cms_sha256"] == hashlib.sha256(body).hexdigest()
    assert (line["form"], line["dic"], line["test"], line["ik_mpsv"], line["notes"]) == \
        ("DPHDP3", "12345678", False, pki.DEFAULT_IK, [])
    assert last(epo, "test")["email"] == "ucto@example.invalid"
    first, second = (ElementTree.fromstring(epo.client.ask("epo_stav", line["cislo"], line["heslo"])) for _ in "12")
    assert (first.findtext("stav_podapl"), second.findtext("stav_podapl")) == ("1", "3")
    assert second.findtext("por_podani") == line["cislo"]


def test_signer_of_the_confirmation(epo, tmp_path):
    epo.client.file(epo.signed(forms.dphdp3()))
    path = tmp_path / "c.p7s"
    path.write_bytes(epo.portal.confirmation(cislo=last(epo)["cislo"]))
    text = subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-in", path, "-print_certs", "-noout"],
                          capture_output=True, check=True, text=True).stdout
    assert text.count("subject=") == 2 and "C = CZ" in text
    assert len(pki.fingerprint(os.path.join(epo.pki, "confirm.pem"))) == 64


def test_certificates_block_is_ber(epo, tmp_path):
    content = epo.confirmed(epo.client.file(epo.signed(forms.dphdp3(), "good", "-certfile", epo.ca)))
    block = base64.b64decode(ElementTree.fromstring(content).findtext("Kontrola/Certifikaty"))
    assert block[:2] == b"\x30\x80"
    (tmp_path / "b").write_bytes(block)
    text = subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-in", tmp_path / "b", "-print_certs"],
                          capture_output=True, check=True, text=True).stdout
    assert text.count("BEGIN CERTIFICATE") == 2


def test_control_statement_is_zipped_and_reduced(epo):
    xml = forms.dphkh1(rows=5)
    refused = ElementTree.fromstring(epo.client.file(epo.signed(xml)))
    assert classes(refused) == ["K"] and codes(refused) == ["ZIP"]
    root, file_part, _ = confirmation_parts(epo.confirmed(epo.client.file(epo.signed(zipped(xml)))))
    kept = bytes.fromhex(root.find("Data").text)
    assert file_part.get("KC") == hashlib.md5(xml).hexdigest()
    assert b"VetaA4" not in kept and "ř".encode() not in kept[:120] and b'obrat23="75000.00"' in kept
    assert last(epo)["zipped"] and last(epo)["rows"] == 5


def test_same_filing_twice_is_two_lines(epo):
    body = epo.signed(forms.dphdp3())
    epo.client.file(body)
    epo.client.file(body)
    assert len(epo.portal.ledger("accepted")) == 2


def test_unsigned_xml_only_in_a_test_run(epo):
    headers = {"Content-Type": "text/xml; charset=utf-8"}
    assert codes(epo.client.test(forms.dphkh1(), headers=headers)) == ["TEST_REZIM"]
    assert classes(ElementTree.fromstring(epo.client.file(forms.dphdp3(), headers))) == ["K"]
    assert not epo.portal.ledger("accepted")


@pytest.mark.parametrize("code", sorted(set(forms.FORMS) - {"toy", "dphkh1"}))
def test_every_sample_form(epo, code):
    epo.confirmed(epo.client.file(epo.signed(forms.make(code))))
    assert last(epo)["form"] == code.upper() and last(epo)["dic"]


# --- what must be refused -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("who, words", [
    ("expired", "no longer valid"), ("not-yet", "not valid yet"), ("foreign", "issuer is not trusted"),
    ("wrong-usage", "keyUsage"), ("self", "self-signed"), ("short", "1024 bits"), ("ec", "key of the kind")])
def test_bad_certificates(epo, who, words):
    body = epo.signed(forms.dphdp3(), who)
    assert "K" in classes(epo.client.test(body))
    assert classes(ElementTree.fromstring(epo.client.file(body))) == ["K"]
    assert words in last(epo, "refused")["reason"] and not epo.portal.ledger("accepted")


def test_options_of_the_certificate_check(epo):
    epo.portal.switch(check_ca="off", allow_ec="on", require_ik_mpsv="on")
    for who in ("foreign", "ec", "good", "ik-subject"):
        epo.confirmed(epo.client.file(epo.signed(forms.dphdp3(), who)))
    assert codes(ElementTree.fromstring(epo.client.file(epo.signed(forms.dphdp3(), "no-ik")))) == ["PODPIS"]


@pytest.mark.parametrize("change, words", [
    (lambda b: b.signed(forms.dphdp3(), "good", "-stream"), "indefinite length"),
    (lambda b: portal_client.sign(forms.dphdp3(), *b.people["good"], "-md", "sha512"), "SHA-256"),
    (lambda b: b.signed(forms.dphdp3(), "good", "-keyid"), "version"),
    (lambda b: b.signed(forms.dphdp3(), "good", "-noattr"), "signed attributes"),
    (lambda b: b.signed(forms.dphdp3(), "good", "-nocerts"), "not included"),
    (lambda b: b.signed(forms.dphdp3(), "good", "-econtent_type", "1.2.3.4"), "id-data"),
    (lambda b: b.signed(forms.dphdp3()) + b"\x00", "after the end"),
    (lambda b: b.signed(forms.dphdp3())[:-1], "reaches over"),
    (lambda b: b.signed(forms.dphdp3()).replace(b"1000", b"9000"), "messageDigest"),
    (lambda b: b.signed(forms.dphdp3())[:-1] + b"\x00", "does not match"),
    (lambda b: b.signed(forms.dphdp3(), "good", "-signer", b.people["ik-subject"][0], "-inkey",
                        b.people["ik-subject"][1]), "2 signatures"),
    (lambda b: b"", "cut short"), (lambda b: b"\x30\x03\x02\x01\x05", "not CMS")])
def test_bad_signatures(epo, change, words):
    body = change(epo)
    assert classes(ElementTree.fromstring(epo.client.file(body))) == ["K"]
    assert words in last(epo, "refused")["reason"]


def test_detached_is_refused(epo, tmp_path):
    path = tmp_path / "f.xml"
    path.write_bytes(forms.dphdp3())
    cert, key = epo.people["good"]
    body = subprocess.run(["openssl", "cms", "-sign", "-binary", "-md", "sha256", "-outform", "DER", "-signer", cert,
                           "-inkey", key, "-in", path], capture_output=True, check=True).stdout
    epo.client.file(body)
    assert last(epo, "refused")["reason"] == "detached signature"


@pytest.mark.parametrize("content, words", [
    (zipped(forms.dphkh1(), more=["b.xml"]), "2 entries"), (zipped(forms.dphkh1(), "a.txt"), "no .xml"),
    (zipped(forms.dphkh1(), "d/a.xml"), "directory"), (zipped(forms.dphkh1(), method=0), "deflate"),
    (zipped(forms.dphkh1())[:-30], "ZIP"), (b"PK\x03\x04", "ZIP")])
def test_bad_zip(epo, content, words):
    assert codes(ElementTree.fromstring(epo.client.file(epo.signed(content)))) == ["ZIP"]
    assert words in last(epo, "refused")["reason"]


@pytest.mark.parametrize("xml, typ", [
    (b"<Pisemnost/>", "S"), (b"<Pisemnost><A/><B/></Pisemnost>", "S"), (b"<Jiny><A/></Jiny>", "S"),
    (b"<Pisemnost><A></Pisemnost>", "S"), (b'<Pisemnost xmlns="urn:a"><A/></Pisemnost>', "S"), (b"nic", "S"),
    (b"<!DOCTYPE Pisemnost><Pisemnost><A/></Pisemnost>", "S"), (b"<Pisemnost><OSSEI1/></Pisemnost>", "K"),
    (b"<Pisemnost><OSSRPE/></Pisemnost>", "K")])
def test_bad_xml(epo, xml, typ):
    body = epo.signed(xml)
    assert classes(ElementTree.fromstring(epo.client.file(body))) == [typ]
    assert classes(epo.client.test(body)) == [typ, "I"]


def test_wrong_content_type(epo):
    body = epo.signed(forms.dphdp3())
    assert codes(ElementTree.fromstring(epo.client.file(body, {"Content-Type": "text/plain"}))) == ["HLAVICKA"]
    epo.confirmed(epo.client.file(body, {"Content-Type": "application/octet-stream"}))


# --- faults of the answer -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("fault, taken", [("cut_before_read", False), ("cut_after_request", True),
                                          ("take_and_close", True), ("cut_midreply", True)])
@pytest.mark.parametrize("style", ["fin", "rst"])
def test_cuts(epo, fault, taken, style):
    epo.portal.switch({f"{fault}.file": "once", "cut_style": style})
    body = epo.signed(forms.dphdp3())
    assert codes(epo.client.test(body)) == ["TEST_REZIM"]
    with pytest.raises(CUT):
        epo.client.file(body)
    assert len(epo.portal.ledger("accepted")) == int(taken)
    if taken:
        assert last(epo)["faults"] == [fault]
        epo.confirmed(epo.portal.confirmation(md5=hashlib.md5(forms.dphdp3()).hexdigest()))
    epo.confirmed(epo.client.file(body))


def test_cut_of_a_test_run(epo):
    epo.portal.switch(take_and_close=1)
    with pytest.raises(CUT):
        epo.client.test(epo.signed(forms.dphdp3()))
    assert len(epo.portal.ledger("test")) == 1


def test_refused_connection(epo):
    epo.portal.switch(refuse_connection="once")
    with pytest.raises(CUT):
        epo.client.file(epo.signed(forms.dphdp3()))
    assert not epo.portal.ledger()


def test_keepalive_then_close(epo):
    epo.portal.switch({"keepalive_then_close.test": "once"})
    body, begun = epo.signed(forms.dphdp3()), time.time()
    connection = epo.client.connect()
    epo.client.post("/dpr/epo_podani?test=1", body, connection=connection)
    with pytest.raises(CUT):
        epo.client.post("/dpr/epo_podani", body, connection=connection)
    line = last(epo)
    assert (line["conn_request"], line["faults"]) == (2, ["keepalive_then_close"])
    assert begun < line["connected"] < line["begun"] < time.time()
    # curl repeats by itself on a connection that it reuses: the trap works.
    epo.portal.reset(ledger=True)
    epo.portal.switch({"keepalive_then_close.test": "once"})
    path = os.path.join(epo.portal.dir, "body")
    with open(path, "wb") as f:
        f.write(body)
    one = ["--cacert", epo.ca, "-sS", "--http1.1", "--data-binary", "@" + path,
           "-H", "Content-Type: application/pkcs7-signature", "-o", "/dev/null"]
    url = epo.portal.url + "/epo_podani"
    subprocess.run(["curl", *one, url + "?test=1", "--next", *one, url], check=True)
    assert len(epo.portal.ledger("accepted")) == 2


def test_idle_close_of_a_promised_connection(epo):
    epo.portal.switch({"keepalive_then_close.test": "once"})
    connection = epo.client.connect()
    epo.client.post("/dpr/epo_podani?test=1", epo.signed(forms.dphdp3()), connection=connection)
    began = time.monotonic()
    connection.sock.settimeout(10)
    try:
        assert connection.sock.recv(1) == b""
    except OSError as fault:
        assert "timed out" not in str(fault)
    assert 1 < time.monotonic() - began < 8


@pytest.mark.parametrize("fault, status, taken", [("redirect302", 302, False), ("status500", 500, False),
                                                  ("html200", 200, False), ("empty200", 200, True),
                                                  ("garbage", 200, True)])
def test_replaced_replies(epo, fault, status, taken):
    body = epo.signed(forms.dphdp3())
    epo.portal.switch({fault + ".file": "once"})
    got, headers, data = epo.client.post("/dpr/epo_podani", body)
    assert got == status and len(epo.portal.ledger("accepted")) == int(taken)
    assert (headers["Location"], data) == ("/odstavka", b"") if status == 302 else True
    epo.portal.switch({fault + ".file": "once," + ("notake" if taken else "take")})
    epo.client.post("/dpr/epo_podani", body)
    assert len(epo.portal.ledger("accepted")) == 1
    for phase in ("stav", "prijeti", "test"):
        epo.portal.switch({f"{fault}.{phase}": "once"})
    assert epo.client.post("/dpr/epo_podani?test=1", body)[0] == status
    assert epo.client.post("/dpr/epo_stav", b"C=1&H=2", portal_client.FORM_TYPE)[0] == status
    assert epo.client.post("/dpr/epo_prijeti", b"C=1&H=2", portal_client.FORM_TYPE)[0] == status


def test_followed_redirect_is_betrayed(epo):
    assert epo.client.get("/odstavka")[0] == 200
    assert len(epo.portal.ledger("redirect-followed")) == 1


@pytest.mark.parametrize("fault, typ, taken", [("p_list", "P", True), ("n_only", "N", True), ("k_list", "PK", False),
                                               ("s_list", "S", False), ("e_list", "E", False),
                                               ("unknown_typ", "Z", False), ("cert_refused", "K", False)])
def test_lists(epo, fault, typ, taken):
    body = epo.signed(forms.dphdp3())
    epo.portal.switch({fault: 2})
    assert "".join(classes(epo.client.test(body))) == typ + "I"
    assert last(epo, "test")["passed"] == (fault == "p_list")
    assert "".join(classes(ElementTree.fromstring(epo.client.file(body)))) == typ
    assert len(epo.portal.ledger("accepted")) == int(taken)
    assert epo.portal.switches()["values"][fault] == "off"
    epo.confirmed(epo.client.file(body))


def test_odd_test_replies(epo):
    body = epo.signed(forms.dphdp3())
    epo.portal.switch(no_test_rezim="once")
    assert classes(epo.client.test(body)) == []
    epo.portal.switch(test_odpoved="once")
    assert epo.client.test(body).tag == "Odpoved"


# --- faults of the confirmation -------------------------------------------------------------------------------------

def fault_content(epo, fault, xml=None, **more):
    epo.portal.switch({fault: "once", **more})
    return epo.client.file(epo.signed(xml or forms.dphdp3()))


@pytest.mark.parametrize("fault, path, name", [("missing_kc", "Kontrola/Soubor", "KC"), ("no_cislo", "Podani", "Cislo"),
                                               ("no_heslo", "Podani", "Heslo"), ("no_datum", "Podani", "Datum")])
def test_missing_parts(epo, fault, path, name):
    root = ElementTree.fromstring(epo.confirmed(fault_content(epo, fault)))
    assert root.find(path) is not None and name not in root.find(path).attrib


def test_wrong_kc_and_data(epo):
    root = ElementTree.fromstring(epo.confirmed(fault_content(epo, "wrong_kc")))
    assert root.find("Kontrola/Soubor").get("KC") != hashlib.md5(forms.dphdp3()).hexdigest()
    root = ElementTree.fromstring(epo.confirmed(fault_content(epo, "wrong_data")))
    assert bytes.fromhex(root.findtext("Data")) != forms.dphdp3()


@pytest.mark.parametrize("fault", ["unknown_signer", "tampered_confirmation"])
def test_unverifiable(epo, fault):
    reply = fault_content(epo, fault)
    with pytest.raises(subprocess.CalledProcessError):
        epo.confirmed(reply)
    if fault == "unknown_signer":
        portal_client.verify(reply, os.path.join(epo.pki, "foreign-ca.pem"))
    epo.confirmed(epo.portal.confirmation(cislo=last(epo)["cislo"]))


def test_wrong_cn(epo):
    reply = fault_content(epo, "wrong_cn")
    epo.confirmed(reply)
    assert "Testovací".encode() not in reply and "jiného".encode() in reply


def test_ber(epo):
    reply = fault_content(epo, "ber")
    assert reply[:2] == b"\x30\x80"
    xml = ElementTree.fromstring(epo.confirmed(reply))
    assert xml.find("Podani").get("Cislo") == last(epo)["cislo"]


@pytest.mark.parametrize("form", ["base64", "zip"])
def test_data_forms(epo, form):
    epo.portal.switch(data_form=form)
    root = ElementTree.fromstring(epo.confirmed(epo.client.file(epo.signed(forms.dphdp3()))))
    text = root.findtext("Data")
    data = base64.b64decode(text) if form == "base64" else bytes.fromhex(text)
    assert data == forms.dphdp3() if form == "base64" else data[:4] == b"PK\x03\x04"


@pytest.mark.parametrize("form, pattern", [("local", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"),
                                           ("offset", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0[12]:00"),
                                           ("czech", r"\d\d\.\d\d\.\d{4}")])
def test_date_forms(epo, form, pattern):
    epo.portal.switch(datum_form=form)
    filed = ElementTree.fromstring(epo.confirmed(epo.client.file(epo.signed(forms.dphdp3())))).find("Podani")
    assert re.fullmatch(pattern, filed.get("Datum"))


@pytest.mark.parametrize("charset", ["windows-1250", "iso-8859-2"])
def test_charsets(epo, charset):
    epo.portal.switch(charset=charset)
    body = epo.signed(forms.dphdp3())
    raw = epo.client.post("/dpr/epo_podani?test=1", body)[2]
    assert f'encoding="{charset.upper()}"'.encode() in raw and "nebylo přijato".encode(charset) in raw
    content = epo.confirmed(epo.client.file(body))
    assert charset.upper().encode() in content and content.decode(charset)


def test_size_delay_type_and_chunks(epo):
    body = epo.signed(forms.dphdp3())
    epo.portal.switch({"huge_reply": 3000000, "slow_ms.file": 300, "odd_content_type": 2, "chunked": 2})
    began = time.monotonic()
    status, headers, reply = epo.client.post("/dpr/epo_podani", body)
    assert time.monotonic() - began >= 0.3 and len(reply) >= 3000000 and status == 200
    assert headers["Content-Type"].startswith("text/plain") and headers["Transfer-Encoding"] == "chunked"
    epo.confirmed(reply)
    raw = epo.client.post("/dpr/epo_podani?test=1", body)[2]
    assert len(raw) >= 3000000 and ElementTree.fromstring(raw).tag == "Chyby"


# --- off-line, state, marks -----------------------------------------------------------------------------------------

def offline(epo, dic="12345678", **how):
    root = ElementTree.fromstring(epo.client.file(epo.signed(forms.dphdp3(dic=dic, **how))))
    assert root.tag == "Odpoved"
    given = root.find("Potvrzeni")
    return given.get("ID_predani"), given.get("Heslo")


def test_offline_path(epo):
    epo.portal.switch(offline="on", offline_polls=3)
    test_text = epo.client.test(epo.signed(forms.dphdp3()))
    assert "rozsáhl" in "".join(test_text.itertext())
    number, password = offline(epo)
    seen = [ElementTree.fromstring(epo.client.ask("epo_prijeti", number, password)).get("Stav") for _ in range(3)]
    assert seen == ["1", "2", "2"]
    for _ in "12":
        _, file_part, filed = confirmation_parts(epo.confirmed(epo.client.ask("epo_prijeti", number, password)))
        assert file_part.get("KC") == last(epo)["xml_md5"] and filed.get("Cislo") == last(epo)["cislo"]
    assert last(epo)["id_predani"] == number and last(epo)["reply"] == "odpoved"
    assert codes(ElementTree.fromstring(epo.client.ask("epo_prijeti", number, "jiné"))) == ["NENALEZENO"]


def test_offline_refused(epo):
    epo.portal.switch(offline="once", offline_polls=0, offline_refuse="once")
    number, password = offline(epo)
    for _ in "12":
        root = ElementTree.fromstring(epo.client.ask("epo_prijeti", number, password))
        assert root.get("Stav") == "3" and "K" in classes(root)
    assert last(epo, "prijeti")["result"] == "refused"


def test_offline_by_rows(epo):
    epo.portal.switch(offline_rows=10)
    assert epo.confirmed(epo.client.file(epo.signed(zipped(forms.dphkh1(rows=10)))))
    assert ElementTree.fromstring(epo.client.file(epo.signed(zipped(forms.dphkh1(rows=11))))).tag == "Odpoved"


def test_errors_and_receipt(epo):
    epo.portal.switch(chyby_and_potvrzeni="once")
    root = ElementTree.fromstring(epo.client.file(epo.signed(forms.dphdp3())))
    assert classes(root) == ["P", "N"] and root.find("Potvrzeni").get("ID_predani")


@pytest.mark.parametrize("form", ["elements", "attributes", "both"])
@pytest.mark.parametrize("result", ["2", "3"])
def test_state(epo, form, result):
    epo.portal.switch(stav_form=form, stav_polls=2, stav_result=result)
    epo.client.file(epo.signed(forms.dphdp3()))
    line, seen = last(epo), []
    for _ in range(4):
        root = ElementTree.fromstring(epo.client.ask("epo_stav", line["cislo"], line["heslo"]))
        values = {root.get("stav_podapl"), root.findtext("stav_podapl")} - {None}
        assert len(values) == 1
        assert (root.get("por_podani") is None) == (form == "elements") and (len(root) == 0) == (form == "attributes")
        seen.append(values.pop())
    assert seen == ["1", "1", result, result]


def test_state_errors(epo):
    epo.client.file(epo.signed(forms.dphdp3()))
    line = last(epo)
    assert codes(ElementTree.fromstring(epo.client.ask("epo_stav", line["cislo"], "x"))) == ["NENALEZENO"]
    assert codes(ElementTree.fromstring(epo.client.ask("epo_stav", "1", line["heslo"]))) == ["NENALEZENO"]
    epo.portal.switch(stav_wrong="once")
    assert codes(ElementTree.fromstring(epo.client.ask("epo_stav", line["cislo"], line["heslo"]))) == ["NENALEZENO"]
    raw = epo.client.post("/dpr/epo_stav", b"C=1&H=2", {"Content-Type": "text/plain"})[2]
    assert codes(ElementTree.fromstring(raw)) == ["HLAVICKA"]


def test_marked_numbers(epo):
    client, marks = epo.client, forms.MARKS
    bodies = {name: epo.signed(forms.dphdp3(dic=dic)) for name, dic in marks.items()}
    assert "K" in classes(client.test(bodies["test_refused"]))
    for name in ("file_refused", "n_only", "cut", "state_refused"):
        assert codes(client.test(bodies[name])) == ["TEST_REZIM"]
    assert "K" in classes(ElementTree.fromstring(client.file(bodies["file_refused"])))
    assert not epo.portal.ledger("accepted")
    assert classes(ElementTree.fromstring(client.file(bodies["n_only"]))) == ["N"]
    with pytest.raises(CUT):
        client.file(bodies["cut"])
    assert [(line["dic"], line["faults"]) for line in epo.portal.ledger("accepted")] == \
        [(marks["n_only"], []), (marks["cut"], ["marked-cut"])]
    assert "rozsáhl" in "".join(client.test(bodies["offline"]).itertext())
    assert ElementTree.fromstring(client.file(bodies["offline"])).tag == "Odpoved"
    client.file(bodies["state_refused"])
    epo.portal.switch(stav_polls=0)
    root = ElementTree.fromstring(client.ask("epo_stav", last(epo)["cislo"], last(epo)["heslo"]))
    assert root.findtext("stav_podapl") == "2"


def test_marked_numbers_that_end_badly(epo):
    client, marks = epo.client, forms.MARKS
    lost, foreign, refused = (epo.signed(forms.dphdp3(dic=marks[n])) for n in ("lost", "foreign", "offline_refused"))
    with pytest.raises(CUT):
        client.file(lost)
    assert not epo.portal.ledger("accepted") and last(epo, "refused")["reason"] == "lost"
    epo.confirmed(client.file(lost))
    with pytest.raises(subprocess.CalledProcessError):
        epo.confirmed(client.file(foreign))
    epo.confirmed(epo.portal.confirmation(md5=last(epo)["xml_md5"]))
    epo.portal.switch(offline_polls=0)
    given = ElementTree.fromstring(client.file(refused)).find("Potvrzeni")
    raw = client.ask("epo_prijeti", given.get("ID_predani"), given.get("Heslo"))
    assert ElementTree.fromstring(raw).get("Stav") == "3" and last(epo, "prijeti")["result"] == "refused"


def test_form_opener_and_code_lists(epo):
    headers = {"Content-Type": "application/xml"}
    raw = epo.client.post("/dpr/epo_podani?otevriFormular=1", forms.dphdp3(), headers)[2]
    root = ElementTree.fromstring(raw)
    assert root.tag == "URL" and root.text.startswith("https://")
    raw = epo.client.post("/dpr/epo_podani?otevriFormular=1", b"<a/>", headers)[2]
    assert ElementTree.fromstring(raw).tag == "Chyby"
    raw = epo.client.post("/dpr/epo_podani?otevriFormular=1&test=1", forms.dphdp3(), headers)[2]
    assert ElementTree.fromstring(raw).tag == "Chyby"
    assert ElementTree.fromstring(epo.client.get("/dpr/epo_ciselnik?C=ufo")[1]).tag == "Ciselnik"
    assert ElementTree.fromstring(epo.client.get("/dpr/epo_ciselnik?C=x")[1]).tag == "Chyby"
    assert epo.client.get("/dpr/jiny")[0] == 404 and not epo.portal.ledger("accepted")


# --- the simulator's own behaviour ----------------------------------------------------------------------------------

def test_switch_values(epo):
    for bad in ({"nic": "on"}, {"offline.test": "on"}, {"empty200": "maybe"}, {"empty200": "p=2"}, {"slow_ms": "x"},
                {"charset": "ebcdic"}, {"empty200": "once,perhaps"}):
        with pytest.raises(ValueError):
            epo.portal.switch(bad)
    epo.portal.switch({"empty200.test": "p=0.5"})
    body = epo.signed(forms.dphdp3())
    hits = sum(not epo.client.post("/dpr/epo_podani?test=1", body)[2] for _ in range(40))
    assert 5 < hits < 35 and epo.portal.switches()["fired"]["empty200.test"] == hits
    epo.portal.reset()
    assert epo.portal.switches()["values"] == {} and epo.portal.counts()["test"] == 40


def test_restart_remembers(epo):
    xml = forms.dphdp3(note="restart")
    epo.portal.switch({"offline.file": "once", "offline_polls": 0})
    number, password = offline(epo, note="a")
    epo.client.file(epo.signed(xml))
    line = last(epo)
    assert epo.portal.stop() == 0
    with open(epo.portal.ledger_path, "a", encoding="utf-8") as f:
        f.write('{"torn')
    epo.portal.start()
    epo.portal.switch(offline_polls=0)
    assert last(epo) == line
    epo.confirmed(epo.client.ask("epo_prijeti", number, password))
    epo.confirmed(epo.portal.confirmation(md5=hashlib.md5(xml).hexdigest()))
    epo.client.file(epo.signed(xml))
    assert int(last(epo)["cislo"]) == int(line["cislo"]) + 1
    with open(epo.portal.ledger_path, encoding="utf-8") as f:
        assert [json.loads(t) for t in f] == epo.portal.ledger()


def test_ledger_before_reply(epo):
    """While the reply is held back the line is already there."""
    epo.portal.switch({"slow_ms.file": 1500})
    body = epo.signed(forms.dphdp3())
    thread = threading.Thread(target=epo.client.file, args=(body,))
    thread.start()
    deadline = time.monotonic() + 1.3
    while time.monotonic() < deadline and not epo.portal.ledger("accepted"):
        time.sleep(0.02)
    found, alive = epo.portal.ledger("accepted"), thread.is_alive()
    thread.join()
    assert len(found) == 1 and alive


def test_ten_mebibytes(epo):
    xml = forms.dphdp3(size=10 * 1024 * 1024)
    assert len(xml) == 10 * 1024 * 1024
    reply = epo.client.file(epo.signed(xml))
    assert len(reply) <= 2 * len(xml) + 2 * 1024 * 1024
    root, file_part, _ = confirmation_parts(epo.confirmed(reply))
    assert file_part.get("KC") == hashlib.md5(xml).hexdigest() and bytes.fromhex(root.findtext("Data")) == xml
    epo.client.file(epo.signed(zipped(forms.dphkh1(size=10 * 1024 * 1024))))
    assert last(epo)["xml_bytes"] == 10 * 1024 * 1024


def test_rate(epo):
    """Filings from four clients at once, new connection each; the figure is the simulator's, printed."""
    body, total, failures = epo.signed(forms.dphdp3()), 120, []

    def work():
        for _ in range(total // 4):
            try:
                if epo.client.file(body)[:1] != b"\x30":
                    failures.append("reply")
            except CUT as fault:
                failures.append(fault)
    threads = [threading.Thread(target=work) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = total / (time.monotonic() - began)
    print(f"{rate:.0f} filings/s")
    numbers = [line["cislo"] for line in epo.portal.ledger("accepted")]
    assert not failures and len(set(numbers)) == total and rate > 30


def test_help_names_every_switch():
    text = subprocess.run(["/usr/bin/python3", os.path.join(os.path.dirname(__file__), "epo.py"), "--help"],
                          capture_output=True, check=True, text=True).stdout
    for name in ("redirect302", "keepalive_then_close", "stav_form", "99995"):
        assert re.search(rf"\b{name}\b", text)
