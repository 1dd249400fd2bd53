#!/usr/bin/python3
"""Simulator of the trivial second partner "toy": proves that a partner is data and a folder, nothing in the core.

  toy.py --pki DIR [--listen 127.0.0.1:0] [--port-file FILE] [--control-port-file FILE] [--ledger FILE] [--set …]

The protocol, whole:
  * One address, one phase (`file`): POST /inbox. No test run, no polling, no compression, no encryption.
  * Body: CMS SignedData, DER, attached, one signer, SHA-256, RSA or P-256, as a filing with EPO is signed.
    Content-Type: application/pkcs7-mime.
  * Content: an XML document  <Toy xmlns="urn:example:toy" id="…">…</Toy>;  id: 1 to 64 of A-Z a-z 0-9 . _ -
  * Reply: 200, text/xml, unsigned (evidence: channel):
      <ToyReceipt id="…" sha256="lower-case hex SHA-256 of the XML" result="ok"/>
    or, when signature, XML or id are wrong, or the content has an element <Bad/>:
      <ToyReceipt id="…" sha256="…" result="bad" reason="…"/>      (id and sha256 empty when unreadable)
    result="bad" means that nothing was taken. Only a receipt with the sha256 of what was sent counts.

Ledger kinds: accepted (id, sha256 = xml_sha256, cms_sha256, signer_subject, signer_serial) | refused | dropped |
broken | not-found. The same filing is accepted again: who sends twice is caught.
"""

import hashlib
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import quoteattr

import portal_cms
from portal_base import Portal, Reply, media_type, run
from portal_switches import DELIVERY, Switch

NAMESPACE = "{urn:example:toy}"
BODY_TYPE = "application/pkcs7-mime"


class Refused(Exception):
    """result="bad"; the message is the reason."""


class Toy(Portal):
    NAME, BASE, PHASES = "toy", "/inbox", ("file",)
    SWITCHES = dict(DELIVERY)
    SWITCHES["bad"] = Switch("fault", "off", 'result="bad" for a sound filing', take=False)
    SWITCHES["wrong_sha256"] = Switch("fault", "off", "the receipt names another SHA-256")
    SWITCHES["wrong_id"] = Switch("fault", "off", "the receipt names another id")

    def __init__(self, args):
        self.anchors = portal_cms.read_anchors(os.path.join(args.pki, "ca.pem"))
        super().__init__(args)

    def load(self, lines):
        """Nothing but the ledger is remembered."""

    def phase(self, request):
        return "file" if (request.method, request.path) == ("POST", self.BASE) else None

    def check(self, request):
        """(XML, id, Signed). Raises Refused."""
        if media_type(request.headers) != BODY_TYPE:
            raise Refused("content type")
        try:
            signed = portal_cms.verify(request.body, portal_cms.Policy(self.anchors, allow_ec=True))
            root = ElementTree.fromstring(signed.content)
        except (portal_cms.CmsError, ElementTree.ParseError) as fault:
            raise Refused(str(fault)) from fault
        name = root.get("id", "")
        if root.tag != NAMESPACE + "Toy" or not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name):
            raise Refused("not a Toy, or its id")
        if root.find(NAMESPACE + "Bad") is not None:
            raise Refused("an element Bad")
        return signed.content, name, signed

    def process(self, request, phase):
        shot = self.fire(request, phase, *self.BEFORE_CHECKS, *self.REPLACING, "bad")
        name, digest, reason, signed = "", "", None, None
        try:
            content, name, signed = self.check(request)
            digest = hashlib.sha256(content).hexdigest()
        except Refused as refused:
            reason = str(refused)
        if shot is not None and not shot.take:
            reason = reason or f"fault {shot.name}"
        told = digest if reason or not self.fire(request, phase, "wrong_sha256") else hashlib.sha256(b"").hexdigest()
        told_id = name if reason or not self.fire(request, phase, "wrong_id") else name + "x"
        reply = Reply(self.receipt(told_id, told, reason))
        if shot is not None and shot.name != "bad":
            reply = self.replace(shot)
        plan = self.deliver(request, phase)
        fields = {"id": name, "sha256": digest, "xml_sha256": digest,
                  "cms_sha256": hashlib.sha256(request.body).hexdigest()}
        if reason:
            self.ledger.add("refused", reason=reason, **fields, **request.trace())
        else:
            self.ledger.add("accepted", **fields, signer_subject=signed.subject, signer_serial=signed.serial,
                            notes=signed.notes, **request.trace())
        return self.apply(plan, reply)

    def receipt(self, name, digest, reason):
        more = f" reason={quoteattr(reason)}" if reason else ""
        text = (f'<?xml version="1.0" encoding="UTF-8"?>\n<ToyReceipt id={quoteattr(name)} sha256={quoteattr(digest)} '
                f'result="{"bad" if reason else "ok"}"{more}/>\n')
        return text.encode() + b" " * (self.switches.get("huge_reply", "file") - len(text))


if __name__ == "__main__":
    sys.exit(run(Toy, __doc__))
