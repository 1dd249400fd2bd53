"""An independent reader of the data directory, written from store/FORMAT.txt alone: records, hashes, tree, content by `openssl cms`.

It shares no code with the store. Faults are JournalFault, whose `index` is the record that is wrong.
"""

import base64
import hashlib
import hmac
import os
import re
import subprocess

HEADER, TRAILER = 87, 79
HEADER_FORM = re.compile(rb"\x1eJ1 (\d{12}) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([a-z-]+) +(\d{12}) (\d{5}) ([0-9a-f]{8})\n")
CRC_POLYNOMIAL = 0x82F63B78


def crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (CRC_POLYNOMIAL if n & 1 else 0)
        table.append(n)
    return table


CRC = crc_table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ CRC[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


class JournalFault(Exception):
    def __init__(self, index, words):
        super().__init__(f"record {index}: {words}")
        self.index = index


class Record:
    def __init__(self, index, time, kind, batch, leaf, fields, place):
        self.index, self.time, self.type, self.batch, self.leaf, self.fields = index, time, kind, batch, leaf, fields
        self.hash, self.place = hashlib.sha256(b"\0" + leaf).hexdigest(), place  # place: (file, offset)

    def objects(self):
        """{role: (size, generation, commitment, [parts])}"""
        found = {}
        for name, value in self.fields.items():
            if name.startswith("object-"):
                size, generation, commitment, parts = value.split(" ")
                found[name[7:]] = (int(size), int(generation), commitment, parts.split(","))
        return found


def segments(data):
    folder = os.path.join(data, "journal", "segment")
    return [os.path.join(folder, n) for n in sorted(os.listdir(folder))]


def parse_body(index, body):
    fields, last = {}, b""
    for line in body.split(b"\n")[:-1]:
        name, found, value = line.partition(b": ")
        if not found or not re.fullmatch(rb"[a-z0-9.-]{1,48}", name) or name <= last:
            raise JournalFault(index, f"body line {line[:60]!r}")
        last = name
        fields[name.decode()] = value.decode("utf-8")
    return fields


def parse_record(path, text, at, want):
    head = text[at:at + HEADER]
    match = HEADER_FORM.fullmatch(head)
    if match is None or len(match[3]) > 16 or head[42:58].rstrip() != match[3]:
        raise JournalFault(want, f"header {head!r}")
    index, length = int(match[1]), int(match[5])
    body = text[at + HEADER:at + HEADER + length]
    leaf = head + body
    trailer = text[at + HEADER + length:at + HEADER + length + TRAILER]
    if index != want or len(body) != length or crc32c(body) != int(match[6], 16):
        raise JournalFault(want, "index, length or CRC")
    record = Record(index, match[2].decode(), match[3].decode(), int(match[4]), leaf, parse_body(want, body), (path, at))
    if trailer != f".{index:012d} {record.hash}\n".encode():
        raise JournalFault(want, f"trailer {trailer!r}")
    return record, at + HEADER + length + TRAILER


def read(data):
    """All records; checks framing, hashes, batches and the chains of the cases."""
    records, heads = [], {}
    for path in segments(data):
        with open(path, "rb") as f:
            text = f.read()
        if int(os.path.basename(path).split(".")[0]) != len(records):
            raise JournalFault(len(records), f"segment {path}")
        at = 0
        while at < len(text):
            record, at = parse_record(path, text, at, len(records))
            if record.batch != record.index and record.batch != records[-1].batch:
                raise JournalFault(record.index, "batch")
            case = record.fields.get("case")
            if case is not None and record.fields.get("prev") != heads.get(case):
                raise JournalFault(record.index, "prev")
            heads[case] = record.hash
            records.append(record)
    return records


def root(hashes):
    """RFC 6962 tree hash of leaf hashes (bytes)."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\1" + root(hashes[:split]) + root(hashes[split:])).digest()


def roots(records, size):
    return root([bytes.fromhex(r.hash) for r in records[:size]])


def note(path):
    """(origin, size, root) of a checkpoint."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    return lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)


class Vault:
    """Content, decrypted by the openssl command alone. key: ["-inkey", FILE] or engine options."""

    def __init__(self, data, certificate, key, environment=None, work=None):
        self.data, self.certificate, self.key, self.environment, self.work = data, certificate, key, environment, work or "/tmp"
        with open(os.path.join(data, "journal", "origin"), encoding="utf-8") as f:
            self.origin = f.read().strip()
        self.keys = {}

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise AssertionError(f"openssl {words}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def key_of(self, case, generation):
        """The lines of keys/CASE.GENERATION."""
        if (case, generation) not in self.keys:
            path = os.path.join(self.data, "keys", f"{case}.{generation}")
            text = self.openssl("cms", "-decrypt", "-inform", "DER", "-in", path, "-recip", self.certificate, *self.key)
            self.keys[case, generation] = dict(line.split(": ", 1) for line in text.decode().splitlines())
        return self.keys[case, generation]

    def content(self, case, reference):
        """The bytes of an object; AssertionError when anything is not as FORMAT.txt says."""
        size, generation, commitment, parts = reference
        key = self.key_of(case, generation)
        identifier = f"{hashlib.sha256(self.origin.encode()).hexdigest()[:16]}/{case}/{generation}".encode().hex()
        content = b""
        for part in parts:
            path = os.path.join(self.data, "vault", part[:2], part)
            with open(path, "rb") as f:
                assert hashlib.sha256(f.read()).hexdigest() == part, path
            content += self.openssl("cms", "-decrypt", "-inform", "DER", "-binary", "-in", path, "-secretkey", key["kek"], "-secretkeyid",
                                    identifier)
        assert len(content) == size
        salt = hmac.new(bytes.fromhex(key["salt"]), parts[0].encode(), hashlib.sha256).digest()
        assert hmac.new(salt, content, hashlib.sha256).hexdigest() == commitment
        return content
