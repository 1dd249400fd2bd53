"""A filing client for tests of the simulators: signs with the openssl command, posts with http.client."""

import http.client
import io
import ssl
import subprocess
import urllib.parse
import xml.etree.ElementTree as ElementTree
import zipfile

FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}
SIGNED_TYPE = {"Content-Type": "application/pkcs7-signature"}


def sign(content, cert, key, *options, form="DER", workdir="/tmp"):
    """CMS of the content by `openssl cms`."""
    command = ["openssl", "cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-md", "sha256", "-outform", form,
               "-signer", cert, "-inkey", key, *options]
    return subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True, cwd=workdir).stdout


def verify(cms, ca):
    """Content of a signed reply, verified by `openssl cms`. Raises CalledProcessError."""
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", ca, "-purpose", "any"]
    return subprocess.run(command, input=cms, capture_output=True, check=True).stdout


def zipped(xml, name="DPHKH1.xml", method=zipfile.ZIP_DEFLATED, more=()):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, xml)
        for other in more:
            archive.writestr(other, b"<a/>")
    return out.getvalue()


class Client:
    """Posts to one simulator; one connection for each request unless keep() is used."""

    def __init__(self, port, ca):
        self.port = port
        self.context = ssl.create_default_context(cafile=ca)

    def connect(self, timeout=20):
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=timeout)

    def post(self, path, body, headers=None, connection=None):
        """(status, headers, body). A cut connection raises OSError or http.client.HTTPException."""
        own = connection or self.connect()
        try:
            own.request("POST", path, body, headers or SIGNED_TYPE)
            reply = own.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            if connection is None:
                own.close()

    def get(self, path):
        connection = self.connect()
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read()

    def test(self, body, more="", headers=None):
        return ElementTree.fromstring(self.post("/dpr/epo_podani?test=1" + more, body, headers)[2])

    def file(self, body, headers=None):
        return self.post("/dpr/epo_podani", body, headers)[2]

    def ask(self, what, number, password):
        """Raw reply of epo_stav or epo_prijeti."""
        return self.post(f"/dpr/{what}", urllib.parse.urlencode({"C": number, "H": password}), FORM_TYPE)[2]


def classes(root):
    """Typ of every Chyba."""
    return [e.get("Typ") for e in root.iter("Chyba")]


def codes(root):
    return [e.get("Zkr") for e in root.iter("Chyba")]
