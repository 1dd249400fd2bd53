"""The toy partner's simulator by itself."""

import hashlib
import http.client
import xml.etree.ElementTree as ElementTree

import pytest

import forms

HEADERS = {"Content-Type": "application/pkcs7-mime"}


def send(toy, body, headers=None):
    return ElementTree.fromstring(toy.client.post("/inbox", body, headers or HEADERS)[2])


@pytest.mark.parametrize("who", ["good", "ec", "no-ik"])
def test_plain_path(toy, who):
    xml = forms.toy(id="t-1.A", size=5000)
    receipt = send(toy, toy.signed(xml, who))
    assert receipt.attrib == {"id": "t-1.A", "sha256": hashlib.sha256(xml).hexdigest(), "result": "ok"}
    line, = toy.portal.ledger("accepted")
    assert (line["id"], line["sha256"]) == ("t-1.A", receipt.get("sha256"))


@pytest.mark.parametrize("content, headers", [
    (b"<Toy/>", None), (forms.toy(id="a b"), None), (forms.toy(bad=True), None), (b"x", None),
    (forms.toy(), {"Content-Type": "text/xml"})])
def test_bad(toy, content, headers):
    assert send(toy, toy.signed(content), headers).get("result") == "bad"
    assert not toy.portal.ledger("accepted") and len(toy.portal.ledger("refused")) == 1


def test_unsigned_and_expired(toy):
    assert send(toy, forms.toy()).get("result") == "bad"
    assert send(toy, toy.signed(forms.toy(), "expired")).get("result") == "bad"


def test_faults(toy):
    body = toy.signed(forms.toy())
    toy.portal.switch(cut_after_request="once")
    with pytest.raises((OSError, http.client.HTTPException)):
        send(toy, body)
    assert len(toy.portal.ledger("accepted")) == 1
    toy.portal.switch(status500="once")
    assert toy.client.post("/inbox", body, HEADERS)[0] == 500
    assert len(toy.portal.ledger("accepted")) == 1
    toy.portal.switch(wrong_sha256="once", wrong_id="once")
    receipt = send(toy, body)
    assert receipt.get("sha256") != hashlib.sha256(forms.toy()).hexdigest() and receipt.get("id") == "toy-1x"
    toy.portal.switch(bad="once")
    assert send(toy, body).get("result") == "bad"
    assert len(toy.portal.ledger("accepted")) == 2
