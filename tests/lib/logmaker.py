"""An independent writer of journals, from store/FORMAT.txt alone: whole data directories, right ones and such as a forger would leave behind.

It shares no code with the store. A Log is a plan: what records there shall be, with references between them kept as labels. write() makes the directory from it: indexes,
CRC, hashes, prev, roots, heads, checkpoints, vault and keys follow from the plan. So there are two forgers:

  the clumsy one  takes a directory that was written and changes its bytes;
  the clever one  changes the plan and has it written anew, everything recomputed. What he cannot do is sign and stamp: his Copyist has only the signatures and stamps
                  of the right directory, and an impostor has keys of his own.

The same plan gives the same records, whoever signs: keys and nonces of the vault are drawn from the names of things.
"""

import base64
import copy
import datetime
import hashlib
import hmac
import os
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "portals")]

import journal  # noqa: E402
import pki  # noqa: E402
import portal_der as der  # noqa: E402
import tsa_token  # noqa: E402

AUTH_ENVELOPED, DATA = "1.2.840.113549.1.9.16.1.23", "1.2.840.113549.1.7.1"
AES_WRAP, AES_GCM, RSA = "2.16.840.1.101.3.4.1.45", "2.16.840.1.101.3.4.1.46", "1.2.840.113549.1.1.1"
PART_BYTES = 1048576
FORMAT = os.path.join(os.path.dirname(os.path.dirname(HERE)), "store", "FORMAT.txt")
DAY_S = 86400


def utc(ms):
    when = datetime.datetime.utcfromtimestamp(ms // 1000)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def digest(*parts):
    return hashlib.sha256(b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)).digest()


class Tree:
    """Roots of a tree that grows (RFC 6962 2.1): the full subtrees of the right edge."""

    def __init__(self):
        self.size, self.edge = 0, []  # (leaves, hash), largest first

    def add(self, leaf):
        node, leaves = leaf, 1
        while self.edge and self.edge[-1][0] == leaves:
            node, leaves = digest(b"\1", self.edge.pop()[1], node), leaves * 2
        self.edge.append((leaves, node))
        self.size += 1

    def root(self):
        if not self.edge:
            return digest(b"")
        node = self.edge[-1][1]
        for _, left in reversed(self.edge[:-1]):
            node = digest(b"\1", left, node)
        return node


# --- the plan --------------------------------------------------------------------------------------------------------------


class Item:
    """A record to be. Values of fields are text, or functions of the Writer that give text. `make`: what is done before the record is written; it may add fields, or
    say None: no such record after all."""

    def __init__(self, kind, fields, case=None, label=None, batch=False, make=None):
        self.type, self.fields, self.case, self.label, self.batch, self.make = kind, fields, case, label, batch, make
        self.utc_ms, self.prev, self.cut = None, None, ""  # prev: what stands there instead of the right hash


def index_of(label):
    return lambda writer: str(writer.places[label].index)


def content(role, data, case=None, generation=1):
    """The reference to an object of the vault that is made where it is first needed. `case`: of another one than the record's."""
    return lambda writer: writer.store(case or writer.item.case, generation, role, data)


class Log:
    def __init__(self, origin="podatelna.invalid/0123456789abcdef", start_ms=None, step_ms=500, end_s=None):
        """end_s: the time of the last record is about this (default: two minutes ago); the start is found when it is written."""
        self.origin, self.start_ms, self.step_ms, self.items = origin, start_ms, step_ms, []
        self.end_s = end_s or int(datetime.datetime.now().timestamp()) - 120
        self.state, self.instance = "open ", digest("instance", origin).hex()[:32]
        self.cases = 0

    def copy(self):
        """A plan to change; records are told by label or by place."""
        other = copy.copy(self)
        other.items = [copy.copy(item) for item in self.items]
        for item in other.items:
            item.fields = dict(item.fields)
        return other

    def at(self, label):
        return next(n for n, item in enumerate(self.items) if item.label == label)

    def add(self, what, /, case=None, label=None, batch=False, make=None, **fields):
        self.items.append(Item(what, {name.replace("_", "-"): value for name, value in fields.items()}, case, label, batch, make))
        return self.items[-1]

    def settle(self):
        """Every record gets its time, once: changes of the plan do not shift the others'."""
        start = self.start_ms if self.start_ms is not None else self.end_s * 1000 - self.step_ms * len(self.items)
        for n, item in enumerate(self.items):
            if item.utc_ms is None:
                item.utc_ms = start + n * self.step_ms
        return self

    # --- records of the box ---
    def boot(self, **fields):
        return self.add("boot", version="1.0.0", boot_id="0f0e0d0c-0b0a-4908-8706-050403020100", **fields)

    def checkpoint(self, label=None, sign=True):
        """The record, its note and, where the writer's hand can, the signature."""
        return self.add("anchor", label=label, make=lambda writer: writer.checkpoint(sign), size=lambda w: str(w.tree.size), root=lambda w: w.tree.root().hex())

    def stamp(self, of, label=None, event="stamp", name="", when=None, text=False):
        """A stamp over the checkpoint `of`; name: "" or "2", "3"; when: seconds since 1970 (default: the time of the record); text: over the text of the note."""
        return self.add("anchor", label=label, make=lambda writer: writer.stamp(of, name, when, text), event=event, tsa="own", purpose="schedule")

    def trust(self, event, data, purpose="signer", **fields):
        """A list or certificate that was collected."""
        hashed = hashlib.sha256(data).hexdigest()
        name = f"{hashed}.{'crl' if event == 'crl' else 'cer'}"
        return self.add("anchor", make=lambda writer: writer.trust(name, data), event=event, file=name, sha256=hashed, purpose=purpose, **fields)

    def cut(self, how="s"):
        """The segment ends: in order ("s") with its record, or after an unclean stop ("u") without."""
        if how == "s":
            self.add("segment", first=lambda w: str(w.first), last=lambda w: str(w.tree.size), count=lambda w: str(w.tree.size - w.first + 1),
                     root=lambda w: w.tree.root().hex())
        self.items[-1].cut = how

    # --- cases ---
    def filing(self, text=None, big=0):
        """A filing that went well, all its records; its number. Labels are NUMBER.TYPE. big: bytes of the original, for contents of several parts."""
        self.cases += 1
        case = f"2026-{self.cases:06d}"
        text = text or f"<form>{case}</form>".encode()
        original = content("original", text + bytes(big))

        def step(what, /, **fields):
            label = f"{case}.{what}"
            again = sum(1 for item in self.items[-20:] if item.case == case and item.type == what)
            self.add(what, case=case, label=label + str(again + 1) if again else label, **fields)

        exchange = {"env": "test", "url": "https://adisspr.invalid/form", "attempt": "1"}
        step("received", by="uid:1000", kind="filing", object_original=original, object_name=content("name", b"dph.xml"), source="inbox")
        step("recognised", form="dphdp3", label_id="DPHDP3", partner="epo", owes="signed", approval="none", kind="filing")
        step("approved", by="box")
        step("intent", attempt="1", digest="sha256", form="cades", key="office", purpose="filing", object_original=original)
        step("signed", algorithm="rsa-sha256", intent=index_of(f"{case}.intent"), object_signed=content("signed", b"signed " + text), signer=digest("signer").hex())
        step("request", object_request=content("request", b"request " + text), purpose="file", **exchange)
        step("sending", object_request=content("request", b"request " + text), **exchange)
        step("reply", answers=index_of(f"{case}.sending"), far="done", http_status="200", object_peer=content("peer", b"peer"),
             object_reply=content("reply", b"reply " + text))
        step("verified", evidence="signed", result="valid")
        step("closed", evidence="signed", verdict="accepted", keep_until="2036-12-31")
        step("delivered", place="vyrizeno")
        return case

    def shown(self, case):
        self.add("shown", case=case, label=f"{case}.shown", by="uid:1001", what="original form")

    def erased(self, case, **fields):
        return self.add("erased", case=case, label=f"{case}.erased", **{"basis": "GDPR 17", "by": "uid:1000", **fields})


def ordinary(cases=12, segments=2, stamps=2, **options):
    """A journal with everything an ordinary one has: batches, segments closed both ways, checkpoints, stamps, an unclean stop."""
    log = Log(**options)
    log.boot()
    log.add("config", sha256=digest("config").hex())
    log.add("token", event="present", token="office")
    stamped = 0
    for n in range(cases):
        log.filing()
        if n % 3 == 1:
            log.shown(f"2026-{n + 1:06d}")
        if (n + 1) % max(1, cases // (segments * stamps)) == 0:
            label = f"checkpoint{stamped}"
            log.checkpoint(label)
            if stamped < segments * stamps - 1:
                log.stamp(label, label=f"stamp{stamped}")
            stamped += 1
        if segments > 1 and (n + 1) % -(-cases // segments) == 0 and n + 1 < cases:
            log.cut("s" if n < cases // 2 + 1 else "u")
            log.boot(**({} if log.items[-1].cut != "u" else {"unclean": "yes"}))
    log.checkpoint("last", sign=True)
    log.stamp("last", label="last-stamp")
    return log.settle()


# --- those who sign --------------------------------------------------------------------------------------------------------


def old_ca(pki_dir, stem="old-ca", days=(-8000, 8000)):
    """A root that was there long before and will be; its stem, for `ca`."""
    if not os.path.exists(os.path.join(pki_dir, stem + ".pem")):
        key, subject = ec.generate_private_key(ec.SECP256R1()), pki.name(f"Podatelna {stem}", "Podatelna test")
        pki.save(pki_dir, stem, pki.sign_cert(subject, key.public_key(), subject, key, pki.key_usage("key_cert_sign", "crl_sign"), days=days, ca=True), key)
    return stem


class Notary:
    """A key for checkpoints and a time-stamp authority. kind: p256 or rsa. Files of certificates and keys lie in `pki_dir`."""

    def __init__(self, pki_dir, kind="p256", stem="journal", ca="ca", authority=None, **certificate):
        self.pki_dir, self.kind = pki_dir, kind
        self.cert_path, self.key_path = (os.path.join(pki_dir, f"{stem}-{kind}-{ca}.{end}") for end in ("pem", "key"))
        if not os.path.exists(self.cert_path) or certificate:
            pki.software_user(pki_dir, f"{stem}-{kind}-{ca}", curve=ec.SECP256R1() if kind == "p256" else None, common="Podatelna journal", ik_mpsv=None, ca=ca,
                              **certificate)
        self.cert, self.key = pki.load_cert(self.cert_path), pki.load_key(self.key_path)
        self.authority = authority or tsa_token.Authority(pki_dir, ca=ca)
        self.serial = 0

    def line(self, origin, text):
        if self.kind != "p256":
            return b""
        spki = self.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        blob = base64.b64encode(digest(spki)[:4] + self.key.sign(text, ec.ECDSA(hashes.SHA256())))
        return b"\n\xe2\x80\x94 " + origin.encode() + b" " + blob + b"\n"

    def cms(self, text):
        return subprocess.run(["openssl", "cms", "-sign", "-binary", "-cades", "-nosmimecap", "-md", "sha256", "-outform", "DER", "-signer", self.cert_path,
                               "-inkey", self.key_path], input=text, stdout=subprocess.PIPE, check=True).stdout

    def sign(self, origin, size, text):
        """(what follows the text in the note, the .p7s), None where there is none."""
        return self.line(origin, text), self.cms(text)

    def stamp(self, name, data, when_s):
        self.serial += 1
        order = tsa_token.Order("sha256", hashlib.sha256(data).digest(), time=datetime.datetime.utcfromtimestamp(when_s), serial=self.serial + 1000)
        return tsa_token.response(0, tsa_token.token(order, self.authority))


class Openssl(Notary):
    """Stamps by the real `openssl ts -reply`, of the time that it is."""

    def stamp(self, name, data, when_s):
        with open(os.path.join(self.pki_dir, "ts.config"), "w", encoding="ascii") as f:
            f.write("[tsa]\ndefault_tsa = t\n[t]\nserial = ts.serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n"
                    "digests = sha256\naccuracy = secs:1\ness_cert_id_alg = sha256\n")
        if not os.path.exists(os.path.join(self.pki_dir, "ts.serial")):
            with open(os.path.join(self.pki_dir, "ts.serial"), "w", encoding="ascii") as f:
                f.write("1000\n")
        query = subprocess.run(["openssl", "ts", "-query", "-digest", hashlib.sha256(data).hexdigest(), "-sha256", "-cert"], cwd=self.pki_dir, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, check=True).stdout
        with open(os.path.join(self.pki_dir, "ts.query"), "wb") as f:
            f.write(query)
        return subprocess.run(["openssl", "ts", "-reply", "-config", "ts.config", "-queryfile", "ts.query"], cwd=self.pki_dir, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=True).stdout


class Copyist:
    """Whoever forges without a key: has only what lies in a right directory, by name."""

    def __init__(self, data):
        self.anchor = os.path.join(data, "journal", "anchor")

    def old(self, name):
        path = os.path.join(self.anchor, name)
        return load(path) if os.path.exists(path) else None

    def sign(self, origin, size, text):
        note = self.old(f"{size}.note")
        return (b"" if note is None else note[len(b"".join(note.splitlines(True)[:3])):]), self.old(f"{size}.p7s")

    def stamp(self, name, data, when_s):
        return self.old(name)


# --- the writer ------------------------------------------------------------------------------------------------------------


def load(path):
    with open(path, "rb") as f:
        return f.read()


def save(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def auth_enveloped(recipient, key, nonce, data):
    sealed = AESGCM(key).encrypt(nonce, data, None)
    inner = der.sequence(der.oid(DATA), der.sequence(der.oid(AES_GCM), der.sequence(der.octets(nonce), der.integer(16))), der.tlv(0x80, sealed[:-16]))
    return der.sequence(der.oid(AUTH_ENVELOPED), der.tlv(0xA0, der.sequence(der.integer(0), der.set_of(recipient), inner, der.octets(sealed[-16:]))))


class Place:
    """Where a record lies."""

    def __init__(self, index, kind, first, offset, length, leaf, case):
        self.index, self.type, self.first, self.offset, self.length, self.leaf, self.case = index, kind, first, offset, length, leaf, case


class Writer:
    """One directory being written. After write(): `records` (Places in order), `places` by label, `checkpoints` {label: size}."""

    def __init__(self, log, data, hand, vault=True, vault_certificate=None):
        self.log, self.data, self.hand, self.with_vault, self.vault_certificate = log, data, hand, vault, vault_certificate
        self.tree, self.records, self.places, self.checkpoints, self.heads = Tree(), [], {}, {}, []
        self.first, self.text, self.prev, self.item, self.batch, self.stored = 0, bytearray(), {}, None, 0, {}

    def path(self, *names):
        return os.path.join(self.data, *names)

    # --- vault ---
    def keys(self, case, generation):
        seed = f"{self.log.origin}/{case}/{generation}"
        return digest("kek", seed), digest("salt", seed)

    def identifier(self, case, generation):
        return f"{digest(self.log.origin).hex()[:16]}/{case}/{generation}".encode()

    def store(self, case, generation, role, data):
        if (case, generation, role, data) in self.stored:
            return self.stored[case, generation, role, data]
        kek, salt = self.keys(case, generation)
        parts = [] if self.with_vault else [digest("no vault", self.identifier(case, generation), role, data).hex()] * (-(-len(data) // PART_BYTES) or 1)
        for n, at in enumerate(range(0, max(1, len(data)), PART_BYTES) if self.with_vault else ()):
            seed = digest("part", self.identifier(case, generation), role, digest(data), str(n))
            recipient = der.tlv(0xA2, der.integer(4), der.sequence(der.octets(self.identifier(case, generation))), der.sequence(der.oid(AES_WRAP)),
                                der.octets(keywrap.aes_key_wrap(kek, digest("cek", seed))))
            part = auth_enveloped(recipient, digest("cek", seed), seed[:12], data[at:at + PART_BYTES])
            parts.append(hashlib.sha256(part).hexdigest())
            save(self.path("vault", parts[-1][:2], parts[-1]), part)
        own = hmac.new(salt, parts[0].encode(), hashlib.sha256).digest()
        self.stored[case, generation, role, data] = f"{len(data)} {generation} {hmac.new(own, data, hashlib.sha256).hexdigest()} {','.join(parts)}"
        if self.with_vault and not os.path.exists(self.path("keys", f"{case}.{generation}")):
            self.write_key(case, generation)
        return self.stored[case, generation, role, data]

    def write_key(self, case, generation):
        kek, salt = self.keys(case, generation)
        lines = f"case: {case}\ngeneration: {generation}\nkek: {kek.hex()}\norigin: {self.log.origin}\nsalt: {salt.hex()}\n".encode()
        key, nonce = digest("key", lines), digest("nonce", lines)[:12]
        recipient = der.tlv(0xA2, der.integer(4), der.sequence(der.octets(b"vault")), der.sequence(der.oid(AES_WRAP)),
                            der.octets(keywrap.aes_key_wrap(digest("vault"), key)))
        if self.vault_certificate is not None:
            issuer = der.sequence(self.vault_certificate.issuer.public_bytes(), der.integer(self.vault_certificate.serial_number))
            wrapped = self.vault_certificate.public_key().encrypt(key, padding.PKCS1v15())
            recipient = der.sequence(der.integer(0), issuer, der.sequence(der.oid(RSA), der.null()), der.octets(wrapped))
        save(self.path("keys", f"{case}.{generation}"), auth_enveloped(recipient, key, nonce, lines))

    # --- checkpoints ---
    def anchor(self, name):
        return self.path("journal", "anchor", name)

    def note_text(self):
        return f"{self.log.origin}\n{self.tree.size}\n{base64.b64encode(self.tree.root()).decode()}\n".encode()

    def checkpoint(self, sign):
        size, text = self.tree.size, self.note_text()
        self.checkpoints[self.item.label] = (size, self.tree.root())
        line, seal = self.hand.sign(self.log.origin, size, text) if sign else (b"", None)
        save(self.anchor(f"{size}.note"), text + line)
        if seal is not None:
            save(self.anchor(f"{size}.p7s"), seal)
        return {}

    def stamp(self, of, number, when, over_text):
        size, root = self.checkpoints[of]
        name = f"{size}.{number}.tsr" if number else f"{size}.tsr"
        if over_text or not os.path.exists(self.anchor(f"{size}.p7s")):
            what = b"".join(load(self.anchor(f"{size}.note")).splitlines(True)[:3])
        else:
            what = load(self.anchor(f"{size}.p7s"))
        when = when if when is not None else self.item.utc_ms // 1000
        reply = self.hand.stamp(name, what, when)
        if reply is None:
            return None
        save(self.anchor(name), reply)
        return {"file": name, "size": str(size), "root": root.hex(), "sha256": hashlib.sha256(reply).hexdigest(), "time": utc(when * 1000)}

    def trust(self, name, data):
        save(self.path("journal", "trust", name), data)
        return {}

    # --- records ---
    def fields(self, item):
        fields = dict(item.fields)
        if item.make is not None:
            more = item.make(self)
            if more is None:
                return None
            fields.update({name: value for name, value in more.items() if name not in fields})
        for name, value in fields.items():
            if callable(value):
                fields[name] = value(self)
        if item.case is not None:
            fields["case"] = item.case
            if item.prev is not None or item.case in self.prev:
                fields["prev"] = item.prev or self.prev[item.case]
        return fields

    def record(self, item):
        self.item = item
        fields = self.fields(item)
        if fields is None:
            return
        index, offset = self.tree.size, len(self.text)
        self.batch = self.batch if item.batch and offset else index
        body = "".join(f"{name}: {fields[name]}\n" for name in sorted(fields)).encode()
        leaf = f"\x1eJ1 {index:012d} {utc(item.utc_ms)} {item.type:16} {self.batch:012d} {len(body):05d} {journal.crc32c(body):08x}\n".encode() + body
        hashed = digest(b"\0", leaf)
        self.text += leaf + f".{index:012d} {hashed.hex()}\n".encode()
        self.tree.add(hashed)
        self.prev[item.case] = hashed.hex()
        place = Place(index, item.type, self.first, offset, len(self.text) - offset, hashed, item.case)
        self.records.append(place)
        if item.label:
            self.places[item.label] = place
        if item.cut:
            self.close(item.cut)
        self.heads = [*self.heads[-1:], (self.tree.size, self.tree.root(), self.first, len(self.text))]

    def close(self, suffix):
        path = self.path("journal", "segment", f"{self.first:012d}.{suffix}")
        save(path, bytes(self.text))
        os.chmod(path, 0o444)
        self.first, self.text = self.tree.size, bytearray()

    def head(self, sequence, size, root, segment, offset):
        text = f"podatelna-head 1 {sequence:012d} {size:012d} {root.hex()} {segment:012d} {offset:012d} {self.log.state} {'-' * 36} "
        return f"{text}{journal.crc32c(text.encode()):08x}\n".encode()

    def write(self):
        self.log.settle()
        for item in self.log.items:
            self.record(item)
        save(self.path("journal", "segment", f"{self.first:012d}.open"), bytes(self.text))
        for name, sequence, head in zip("ab", (self.tree.size + 6, self.tree.size + 7), self.heads):
            save(self.path("journal", f"head.{name}"), self.head(sequence, *head))
        save(self.path("journal", "origin"), f"{self.log.origin}\n".encode())
        save(self.path("journal", "instance"), f"{self.log.instance}\n".encode())
        save(self.path("journal", "FORMAT.txt"), load(FORMAT))
        os.makedirs(self.path("journal", "anchor"), exist_ok=True)
        return self


def write(log, data, hand, **options):
    return Writer(log, data, hand, **options).write()


# --- revocation ------------------------------------------------------------------------------------------------------------


def crl(pki_dir, revoked=(), ca="ca", this_s=None, next_s=None, reason=None):
    """A list in DER by that CA. revoked: [(certificate, seconds since 1970)]."""
    now = int(datetime.datetime.now().timestamp())
    issuer, key = pki.load_cert(os.path.join(pki_dir, ca + ".pem")), pki.load_key(os.path.join(pki_dir, ca + ".key"))
    day = datetime.datetime.utcfromtimestamp
    builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(day(this_s or now - 60)).next_update(day(next_s or now + 30 * DAY_S))
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False).add_extension(x509.CRLNumber(1), critical=False))
    for certificate, when in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(day(when))
        if reason:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
