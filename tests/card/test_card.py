"""The card itself, without a reader: a program that tests trust must be right about PINs and keys. We are vpcd here."""

import os
import socket
import struct
import subprocess
import types

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

import pki
from box_fixtures import BIN
from box import die_with_parent
from card import Card, end, make_card, program

PIN, WRONG = b"123456\xff\xff", b"654321\xff\xff"
SELECT = bytes.fromhex("00A4040009A00000030800001000")
RSA, P256 = 0x07, 0x11


class Wire:
    """One card and the reader's end of its wire."""

    def __init__(self, directory, home):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        self.process = None
        place = types.SimpleNamespace(dir=str(directory), run=self.run)
        # Card adds its number to vpcd's port; a loopback port of our own stands there.
        self.card = Card(place, 0, str(home), program(BIN))
        self.accept()

    def run(self, command):
        command[command.index("--port") + 1] = str(self.listener.getsockname()[1])
        self.process = subprocess.Popen(command, preexec_fn=die_with_parent)
        return self.process

    def accept(self):
        self.link = self.listener.accept()[0]
        self.link.settimeout(10)

    def frame(self, data, answered=True):
        self.link.sendall(struct.pack(">H", len(data)) + data)
        if not answered:
            return None
        answer = b""
        while len(answer) < 2 or len(answer) < 2 + struct.unpack(">H", answer[:2])[0]:
            piece = self.link.recv(70000)
            assert piece, "the card hung up"
            answer += piece
        return answer[2:]

    def send(self, apdu):
        """(data, status word); what is left is fetched."""
        answer = self.frame(apdu)
        data, status = answer[:-2], answer[-2:].hex().upper()
        while status.startswith("61"):
            answer = self.frame(bytes.fromhex("00C0000000"))
            data, status = data + answer[:-2], answer[-2:].hex().upper()
        return data, status

    def verify(self, pin=None):
        return self.send(b"\x00\x20\x00\x80" + (bytes([len(pin)]) + pin if pin else b""))[1]

    def use(self, slot, algorithm, data, tag=0x81):
        """GENERAL AUTHENTICATE in pieces of 200 bytes: what the private key makes, and the status word."""
        inner = b"\x82\x00" + bytes([tag]) + length(data) + data
        whole, pieces = b"\x7c" + length(inner) + inner, []
        while whole:
            pieces.append(whole[:200])
            whole = whole[200:]
        for n, piece in enumerate(pieces):
            last = n == len(pieces) - 1
            answer, status = self.send(bytes([0 if last else 0x10, 0x87, algorithm, slot, len(piece)]) + piece + (b"\x00" if last else b""))
            assert last or status == "9000"
        made = answer
        for _ in range(2 if made else 0):
            made = made[2 + (made[1] & 0x7F if made[1] > 0x7F else 0):]
        return made, status

    def close(self):
        self.link.close()
        self.listener.close()
        end(self.process)


def length(data):
    return bytes([len(data)]) if len(data) < 0x80 else b"\x82" + struct.pack(">H", len(data))


@pytest.fixture(scope="module")
def home(tmp_path_factory, pki_dir):
    path = tmp_path_factory.mktemp("card")
    make_card(str(path / "home"), ["sign", "vault/ec", "tls/ec"], pki_dir)
    return path / "home"


@pytest.fixture
def wire(tmp_path, home):
    pki.write_file(str(home / "tries"), b"3 3\n")
    made = Wire(tmp_path, home)
    made.send(SELECT)
    yield made
    made.close()


def test_tries_are_counted_and_survive(wire, tmp_path, home):
    assert [wire.verify(), wire.verify(WRONG), wire.verify(), wire.verify(PIN), wire.verify()] == ["63C3", "63C2", "63C2", "9000", "9000"]
    assert wire.send(bytes.fromhex("0020FF80"))[1] == "9000" and wire.verify() == "63C3"
    assert [wire.verify(WRONG) for _ in range(3)] == ["63C2", "63C1", "6983"]
    assert wire.verify(PIN) == "6983" and wire.verify() == "6983"
    assert wire.card.verifies() == ["refused 2", "ok", "refused 2", "refused 1", "refused 0", "blocked"]
    wire.close()
    again = Wire(tmp_path, home)
    again.send(SELECT)
    assert again.verify(PIN) == "6983" and again.card.tries() == (0, 3)
    again.close()


def test_9c_signs_once_for_each_pin(wire, home):
    with open(home / "9C.pem", "rb") as f:
        public = pki.x509.load_pem_x509_certificate(f.read()).public_key()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(b"text")
    info = bytes.fromhex("3031300d060960864801650304020105000420") + digest.finalize()
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(info)) + b"\x00" + info
    assert wire.use(0x9C, RSA, block)[1] == "6982"
    assert wire.verify(PIN) == "9000"
    made, status = wire.use(0x9C, RSA, block)
    assert status == "9000"
    public.verify(made, b"text", padding.PKCS1v15(), hashes.SHA256())
    assert wire.use(0x9C, RSA, block)[1] == "6982"
    # Anything between the PIN and the signature ends the leave.
    wire.verify(PIN)
    wire.send(SELECT)
    assert wire.use(0x9C, RSA, block)[1] == "6982"
    assert wire.card.operations("9C") == [("9C", "07", s) for s in ("6982", "9000", "6982", "6982")]


def test_9a_signs_and_9d_agrees_while_the_pin_lasts(wire, home):
    with open(home / "9A.pem", "rb") as f:
        login = pki.x509.load_pem_x509_certificate(f.read()).public_key()
    with open(home / "9D.pem", "rb") as f:
        vault = pki.x509.load_pem_x509_certificate(f.read()).public_key()
    mine = ec.generate_private_key(ec.SECP256R1())
    point = mine.public_key().public_bytes(pki.serialization.Encoding.X962, pki.serialization.PublicFormat.UncompressedPoint)
    assert wire.use(0x9A, P256, os.urandom(32))[1] == wire.use(0x9D, P256, point, 0x85)[1] == "6982"
    wire.verify(PIN)
    for _ in range(2):
        digest = os.urandom(32)
        made, status = wire.use(0x9A, P256, digest)
        assert status == "9000"
        login.verify(made, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        assert wire.use(0x9D, P256, point, 0x85) == (mine.exchange(ec.ECDH(), vault), "9000")
    assert wire.use(0x9A, RSA, digest)[1] == "6A88" and wire.use(0x9D, P256, b"\x04" + bytes(64), 0x85)[1] == "6A80"
    # A reset of the reader, and a glitch, end the login.
    wire.frame(b"\x02", answered=False)
    wire.send(SELECT)
    assert wire.use(0x9A, P256, digest)[1] == "6982"
    wire.verify(PIN)
    wire.card.tell("reset")
    wire.send(SELECT)
    assert wire.verify() == "63C3"


def test_faults(wire):
    wire.verify(PIN)
    wire.card.tell("fail", "6581", 2)
    assert [wire.use(0x9A, P256, bytes(32))[1] for _ in range(3)] == ["6581", "6581", "9000"]
    wire.card.tell("latency", 500)
    wire.card.tell("pull-in", 2, 10)
    assert wire.use(0x9A, P256, bytes(32))[1] == "9000"
    with pytest.raises((AssertionError, ConnectionError)):
        wire.use(0x9A, P256, bytes(32))
    assert wire.card.tell("state").startswith("out alone")
    wire.card.insert()
    wire.accept()
    assert wire.frame(b"\x04") == bytes.fromhex("3B8380015049564D")
    wire.card.tell("hang")
    wire.link.settimeout(0.5)
    with pytest.raises(TimeoutError):
        wire.send(SELECT)
    with pytest.raises(ValueError):
        wire.card.tell("insert")
