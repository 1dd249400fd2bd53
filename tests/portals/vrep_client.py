"""A client of VREP for tests of its simulator: openssl signs, encrypts and verifies, http.client posts; and sample data.

It shares nothing with the simulator but the specification (spec/cssz); the canonical form for the seal comes from ElementTree.
"""

import base64
import gzip
import hashlib
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree

import portal_client

XML_TYPE = {"Content-Type": "text/xml; charset=utf-8"}
VS = "9900000001"
DT = "urn:schemas-microsoft-com:datatypes"


def openssl(*command, data=b"", check=True):
    done = subprocess.run(["openssl", *command], input=data, capture_output=True, check=False)
    assert done.returncode == 0 or not check, done.stderr.decode()
    return done.stdout if done.returncode == 0 else None


def nempri(forms=1, vs=VS, note="", year="25"):
    rows = "".join(f"<datovaVeta><pojistenec><rc>70010100{at:02}</rc></pojistenec><zamestnani><VSZamestnavatel>{vs}</VSZamestnavatel>"
                   f"</zamestnani><poznamka>{note}</poznamka></datovaVeta>" for at in range(1, forms + 1))
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<NEMPRI xmlns="http://schemas.cssz.cz/nem/NEMPRI{year}" version="1.0">'
            f'<VENDOR productName="Ukázka" productVersion="1"/>{rows}</NEMPRI>').encode()


class Answer:
    """A parsed answer of POX."""

    def __init__(self, raw):
        self.raw, self.root = raw, ElementTree.fromstring(raw)
        for element in self.root.iter():
            element.tag = element.tag.rpartition("}")[2]
        text = {n: self.root.findtext(f"Header/MessageDetails/{n}") for n in ("Class", "Qualifier", "Function", "CorrelationID")}
        self.cls, self.qualifier, self.function, self.correlation = (text[n] or "" for n in ("Class", "Qualifier", "Function", "CorrelationID"))
        self.end = self.root.find("Header/MessageDetails/ResponseEndPoint")
        self.timestamp = self.root.findtext("Header/MessageDetails/GatewayTimestamp")
        error = self.root.find("GovTalkDetails/GovTalkErrors/Error")
        self.error = None if error is None else {child.tag: child.text for child in error}
        self.number = None if error is None else int(self.error["Number"])
        self.message = self.root.find("Body/Message")
        self.protocol = self.root.find("Body/Message/Body/ProcessingResult")
        self.items = [] if self.protocol is None else [i.attrib for i in self.protocol.findall("Details/Item")]

    def data(self):
        return self.root.find("Body/Message/Body/ProcessingResponse/Data")


class Bench:
    """A running simulator, a client, people who sign."""

    def __init__(self, portal, pki_dir, people):
        self.portal, self.pki, self.people = portal, pki_dir, people
        self.client = portal_client.Client(portal.port, os.path.join(pki_dir, "ca.pem"))

    def path(self, stem):
        return os.path.join(self.pki, stem + ".pem")

    def sign(self, data, who="good", *options):
        cert, key = self.people[who]
        return openssl("cms", "-sign", "-binary", "-noattr", "-md", "sha256", "-outform", "DER", "-signer", cert, "-inkey", key, *options,
                       data=data)

    def encrypt(self, data, recipient="dis", cipher="-aes-256-cbc", *options):
        return openssl("cms", "-encrypt", "-binary", cipher, "-outform", "DER", *options, self.path(recipient), data=data)

    def message(self, data, etype="NEMPRI25", who="good", encoding="gzip", recipient="dis", signature=None, body=None, version="1.2", **_):
        signature = base64.b64encode(self.sign(data, who)).decode() if signature is None else signature
        if body is None:
            packed = gzip.compress(data, 6) if encoding == "gzip" else data
            body = base64.b64encode(self.encrypt(packed, recipient)).decode()
        return (f'<Message xmlns="http://www.cssz.cz/XMLSchema/envelope" version="{version}" eType="{etype}"><Header>'
                f'<Signature xmlns:dt="{DT}" dt:dt="bin.base64">{signature}</Signature><Vendor productName="Zkouška" version="1.0"/></Header>'
                f'<Body xmlns:dt="{DT}" encrypted="yes" contentEncoding="{encoding}" dt:dt="bin.base64">{body}</Body></Message>')

    @staticmethod
    def envelope(cls="CSSZ_NEM_PRI", qualifier="request", function="submit", correlation="", vs=VS, body=""):
        keys = f'<Keys><Key Type="vars">{vs}</Key></Keys>' if vs is not None else "<Keys/>"
        return (f'<?xml version="1.0" encoding="UTF-8"?><GovTalkMessage xmlns="http://www.govtalk.gov.uk/CM/envelope">'
                f"<EnvelopeVersion>2.0</EnvelopeVersion><Header><MessageDetails><Class>{cls}</Class><Qualifier>{qualifier}</Qualifier>"
                f"<Function>{function}</Function><CorrelationID>{correlation}</CorrelationID></MessageDetails></Header><GovTalkDetails>{keys}"
                f"<GatewayAdditions><Flags><TimestampVersion>xmldsig</TimestampVersion></Flags></GatewayAdditions></GovTalkDetails>"
                f"<Body>{body}</Body></GovTalkMessage>").encode()

    def post(self, body, path="/VREP/submission"):
        status, _, raw = self.client.post(path, body, XML_TYPE)
        assert status == 200, status
        return Answer(raw)

    def submit(self, data=None, cls="CSSZ_NEM_PRI", vs=VS, **how):
        return self.post(self.envelope(cls, vs=vs, body=self.message(nempri() if data is None else data, **how)))

    def poll(self, correlation, cls="CSSZ_NEM_PRI", vs=VS, path="/VREP/poll"):
        return self.post(self.envelope(cls, "poll", "submit", correlation, vs), path)

    def close(self, correlation, cls="CSSZ_NEM_PRI", vs=VS, variant="A"):
        qualifier, path = ("poll", "/VREP/poll") if variant == "A" else ("request", "/VREP/submission")
        return self.post(self.envelope(cls, qualifier, "delete", correlation, vs), path)

    def result(self, data=None, cls="CSSZ_NEM_PRI", vs=VS, **how):
        """Submits and polls until there is more than an acknowledgement."""
        answer = self.submit(data, cls, vs, **how)
        for _ in range(20):
            if answer.qualifier != "acknowledgement":
                return answer
            answer = self.poll(answer.correlation, cls, vs)
        raise AssertionError("nothing but acknowledgements")

    def sealed(self, raw, signer="dis", xsig=False):
        """None when the seal is good, else what is wrong with it (spec/cssz 6.3)."""
        text = raw.decode()
        found = re.search(r"<Message\b.*</Message>", text, re.S)
        message = re.sub(r">\s+<", "><", found.group())
        value = re.search(r"<SignatureValue>(.*?)</SignatureValue>", message, re.S)
        algorithm = re.search(r'DigestMethod Algorithm="[^"]*#(\w+)"', message)
        if value is None or algorithm is None:
            return "no seal"
        try:
            cms = base64.b64decode(value.group(1), validate=True)
        except ValueError:
            return "not base64"
        digest = hashlib.new(algorithm.group(1), self.canonical(message.replace(value.group(1), "", 1), xsig)).digest()
        with tempfile.NamedTemporaryFile() as out:
            signed = openssl("cms", "-verify", "-binary", "-inform", "DER", "-CAfile", self.path("dis-ca"), "-purpose", "any",
                             "-no_check_time", "-signer", out.name, data=cms, check=False)
            if not signed:
                return "CMS"
            fingerprints = [openssl("x509", "-in", n, "-noout", "-fingerprint", "-sha256") for n in (out.name, self.path(signer))]
        if fingerprints[0] != fingerprints[1]:
            return "signer"
        if digest != signed:
            return "digest"
        date, time = (re.search(f"<{n}>([^<]*)</{n}>", message).group(1) for n in ("date", "time"))
        return self.at(signer, f"{date}{time.replace(':', '')}")

    def at(self, signer, moment):
        """None when the certificate was valid at yyyymmddhhmmss."""
        text = openssl("x509", "-in", self.path(signer), "-noout", "-startdate", "-enddate", "-dateopt", "iso_8601").decode()
        begin, end = (re.sub(r"\D", "", line.partition("=")[2]) for line in text.split("\n")[:2])
        return None if begin <= moment <= end else "time"

    @staticmethod
    def canonical(message, xsig):
        """Canonical XML 1.0 by way of 2.0: the same where every declared namespace is used; the unused xsig is put in where 1.0 has it."""
        text = ElementTree.canonicalize(message)
        return (text.replace(' eType="', ' xmlns:xsig="http://www.w3.org/2000/09/xmldsig#" eType="', 1) if xsig else text).encode()
