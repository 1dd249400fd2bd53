"""Virtual PIV cards in virtual readers: for each place a pcscd of its own with the driver vpcd, and tests/card as the cards.

  with Cards(work + "/cards", {"office": ["sign", "vault", "tls"]}, pki_dir, program) as cards, Box(work, bin, epo, cards) as box:
      cards["office"].tell("latency", 300)
      cards["office"].pull(); cards["office"].insert()
      cards["office"].verifies()                   ["ok", "refused 2", ...]: what the card itself saw

KEY is as in softhsm.py, with the slot behind an @ where it is not that of the name (sign 9C, vault 9D, tls 9A, journal 9E): "sign/ec@9A".

pcscd and the cards live in mount and network namespaces of their own, so that several places stand side by side and vpcd, which listens on all
addresses, is heard by nobody else. Its socket is a file that everybody sees: a program finds it by PCSCLITE_CSOCK_NAME. vpcd has two slots, so two
cards share a place. Without root a user namespace is added. Nothing outlives the program that made it.
"""

import ctypes
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pki  # noqa: E402
import softhsm  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = ("/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so", "/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so", "/usr/lib/opensc-pkcs11.so")
DRIVERS = "/usr/lib/pcsc/drivers"
PLIST = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>CFBundleName</key><string>PODATELNA</string>
<key>CFBundleExecutable</key><string>reader.so</string>
<key>ifdVendorID</key><array><string>0x1209</string></array>
<key>ifdProductID</key><array><string>0x0001</string></array>
<key>ifdFriendlyName</key><array><string>Virtual PCD</string></array>
</dict></plist>
"""
SLOT_OF = {"sign": "9C", "vaul": "9D", "tls": "9A", "jour": "9E"}
ID_OF = {"9A": "01", "9C": "02", "9D": "03", "9E": "04"}  # as OpenSC numbers the keys of a PIV card
PORT, SLOTS = 0x8C7B, 2
START_S, STOP_S = 20, 5
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, SIOCSIFFLAGS, IFF_UP_RUNNING = 1, 0x8914, 0x41
libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def program(bin_dir):
    """The card, as it was built beside these programs."""
    return os.path.join(os.path.dirname(os.path.abspath(bin_dir)), "card", "podatelna-card")


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.01)


def make_card(directory, keys, pki_dir, pin="123456", tries=3, outside="", pool=None):
    """A card's directory with new keys. keys: KEY specifications. Returns the keys' dictionaries. outside: a folder for copies of the certificates that
    the box may read."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    pki.write_file(os.path.join(directory, "guid"), secrets.token_hex(16).encode() + b"\n")
    pki.write_file(os.path.join(directory, "pin"), pin.encode() + b"\n", 0o600)
    pki.write_file(os.path.join(directory, "tries"), f"{tries} {tries}\n".encode())
    made, certifier = [], object.__new__(softhsm.SoftHsm)
    certifier.pki = pki_dir
    for spec in keys:
        head, _, slot = spec.partition("@")
        slot, *options = slot.split("+")
        key = softhsm.Key(head + "".join("+" + o for o in options), 1)
        slot = slot or SLOT_OF[key.name[:4].rstrip("-")]
        private = new_key(key.type, pool and os.path.join(pool, f"{slot}-{key.type}.key"))
        stem = os.path.join(directory, slot)
        pki.write_file(stem + ".key", pki.key_pem(private), 0o600)
        fields = {"name": key.name, "id": ID_OF[slot], "slot": slot, "type": key.type, "uri": f"pkcs11:id=%{ID_OF[slot]}"}
        if "no-cert" not in key.options:
            cert = certifier.certify(key, private.public_key().public_bytes(pki.serialization.Encoding.PEM,
                                                                            pki.serialization.PublicFormat.SubjectPublicKeyInfo))
            pki.write_file(stem + ".pem", pki.cert_pem(cert))
            if outside:
                fields["cert"] = os.path.join(outside, f"{os.path.basename(directory)}-{key.name}.pem")
                pki.write_file(fields["cert"], pki.cert_pem(cert))
        made.append(fields)
    return made


def new_key(kind, kept=None):
    """kept: a file in which it is kept, or found."""
    if kept and os.path.exists(kept):
        return pki.load_key(kept)
    if kind.startswith("rsa"):
        key = pki.rsa_key(int(kind[3:]))
    else:
        key = pki.ec.generate_private_key(pki.ec.SECP256R1() if kind == "ec" else pki.ec.SECP384R1())
    if kept:
        os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
        pki.write_file(kept, pki.key_pem(key), 0o600)
    return key


class Card:
    """One running card: the program, what it is told, what it wrote down."""

    def __init__(self, place, number, directory, binary):
        self.place, self.number, self.dir, self.binary = place, number, directory, binary
        self.control = os.path.join(place.dir, f"card{number}")
        self.ledger_path = os.path.join(place.dir, f"card{number}.ledger")
        self.process = place.run([binary, "--directory", directory, "--port", str(PORT + number), "--control", self.control,
                                  "--ledger", self.ledger_path])
        until(lambda: os.path.exists(self.control) or self.process.poll() is not None, START_S, "the card did not start")

    def tell(self, *words):
        """One order; its answer. ValueError when the card refuses."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(self.control)
            link.sendall(" ".join(map(str, words)).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                piece = link.recv(4096)
                assert piece, f"the card said nothing to {words}"
                answer += piece
        answer = answer.decode().strip()
        if answer.startswith("error"):
            raise ValueError(f"{words}: {answer}")
        return answer

    def pull(self):
        self.tell("pull")

    def exchange(self, directory):
        """Another card instead, slowly enough for pcscd, which looks every 0.4 s."""
        self.pull()
        self.wait_unseen()
        self.insert(directory)
        self.wait_seen()

    def insert(self, directory=None):
        self.tell("insert", *([directory] if directory else []))

    def wait_unseen(self):
        """Until pcscd has noticed that the card is out."""
        def noticed():
            with open(self.place.log, encoding="utf-8", errors="replace") as f:
                lines = [line for line in f if line.rstrip().endswith(f"Virtual PCD {self.number:02X} 00") and "Card " in line]
            return not lines or "Removed" in lines[-1]
        until(noticed, START_S, "pcscd did not notice that the card is out")

    def wait_seen(self):
        """Until the reader has given it power since it was put in."""
        def powered():
            words = [w[0] for _, w in self.ledger()]
            return "power-on" in words[len(words) - words[::-1].index("connected"):] if "connected" in words else False
        until(powered, START_S, lambda: f"pcscd does not see the card: {self.place.words()}")

    def tries(self):
        """(left, most) of the PIN, as the card keeps them."""
        with open(os.path.join(self.dir, "tries"), encoding="ascii") as f:
            return tuple(map(int, f.read().split()))

    def ledger(self, word=None):
        """[(seconds of CLOCK_MONOTONIC, [word, ...])] in order; only lines that begin with `word`."""
        with open(self.ledger_path, encoding="ascii") as f:
            lines = [line.split() for line in f]
        return [(int(ms) / 1000, words) for ms, *words in lines if word in (None, words[0])]

    def verifies(self):
        """Each try of the PIN: "ok", "refused LEFT", "blocked"."""
        return [" ".join(words[1:]) for _, words in self.ledger("verify")]

    def operations(self, slot=None, status=None):
        """Uses of private keys: (slot, algorithm, status word), all in hex."""
        return [tuple(w[1:4]) for _, w in self.ledger("key") if slot in (None, w[1]) and status in (None, w[3])]

    def stop(self):
        end(self.process)


def end(process):
    if process is not None and process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def need_a_root():
    """Namespaces of mounts can be made private only from a root that is a mount itself, which that of a plain chroot is not."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as f:
        if not any(line.split()[4] == "/" for line in f):
            raise RuntimeError("cards need a root that is a mount point: in a chroot, mount --bind DIR DIR before it is entered")


class Place:
    """A pcscd with two readers, in namespaces of its own."""

    def __init__(self, directory, driver):
        need_a_root()
        self.dir = os.path.abspath(directory)
        self.run_dir = os.path.join(self.dir, "pcscd")
        self.socket = os.path.join(self.run_dir, "pcscd.comm")
        self.log = os.path.join(self.dir, "pcscd.log")
        self.driver = driver
        self.plugs, self.bundles, self.empty = (os.path.join(self.dir, name) for name in ("plugs", "bundles", "empty"))
        binaries = os.path.join(self.bundles, "podatelna.bundle", "Contents", "Linux")
        for path in (self.run_dir, self.plugs, self.empty, binaries):
            os.makedirs(path, exist_ok=True)
        os.symlink(driver, os.path.join(binaries, "reader.so"))
        # Our folder lies over that of the system, whose other drivers would only look for USB devices.
        shutil.copytree(os.path.join(DRIVERS, "serial"), os.path.join(self.bundles, "serial"))
        pki.write_file(os.path.join(os.path.dirname(binaries), "Info.plist"), PLIST.encode())
        for number in range(SLOTS):
            pki.write_file(os.path.join(self.plugs, f"reader{number}"), b"")
        self.spaces, self.process = [], None
        begun, ready = os.pipe()
        # It holds the namespaces while pcscd dies and comes again.
        self.keeper = subprocess.Popen(["sleep", "infinity"], preexec_fn=lambda: self.enter_new(ready), pass_fds=[ready],
                                       stdin=subprocess.DEVNULL)
        os.close(ready)
        with os.fdopen(begun, "rb") as f:
            f.read(1)
        for name in (["user"] if os.geteuid() != 0 else []) + ["mnt", "net"]:
            self.spaces.append(os.open(f"/proc/{self.keeper.pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC))
        # Entering a name space of mounts leads to its own root: back to this one, where we are in a chroot ourselves.
        self.root = os.open(f"/proc/{self.keeper.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.start()

    def enter_new(self, ready):
        """In the child, before its program: private namespaces, our folder at /run/pcscd, loopback."""
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        uid, gid = os.geteuid(), os.getegid()
        check(libc.unshare(CLONE_NEWNS | CLONE_NEWNET | (CLONE_NEWUSER if uid != 0 else 0)), "unshare")
        if uid != 0:
            for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as f:
                    f.write(text)
        check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount")
        if not os.path.isdir("/run/pcscd"):
            check(libc.mount(b"none", b"/run", b"tmpfs", 0, None), "mount")
            os.mkdir("/run/pcscd")
        check(libc.mount(self.run_dir.encode(), b"/run/pcscd", None, MS_BIND, None), "mount")
        check(libc.mount(self.bundles.encode(), DRIVERS.encode(), None, MS_BIND | MS_REC, None), "mount")
        with socket.socket() as link:
            fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_RUNNING))
        os.write(ready, b"x")

    def enter(self):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for space in self.spaces:
            check(libc.setns(space, 0), "setns")
        os.fchdir(self.root)
        os.chroot(".")

    def run(self, command, **options):
        """A program in the place."""
        with open(self.log, "ab") as log:
            return subprocess.Popen(command, preexec_fn=self.enter, stdin=subprocess.DEVNULL,
                                    **{"stdout": log, "stderr": log, **options})

    def start(self):
        for name in ("pcscd.comm", "pcscd.pid"):
            if os.path.exists(os.path.join(self.run_dir, name)):
                os.unlink(os.path.join(self.run_dir, name))
        debug = ["--debug", "--apdu"] if os.environ.get("PODATELNA_DEBUG") else ["--info"]
        self.process = self.run(["/usr/sbin/pcscd", "--foreground", *debug, "-c", self.empty],
                                env={**os.environ, "PODATELNA_PLUGS": self.plugs, "LD_PRELOAD": self.driver})
        until(lambda: os.path.exists(self.socket) or self.process.poll() is not None, START_S, "pcscd did not start")
        assert self.process.poll() is None, f"pcscd ended: {self.words()}"
        return self

    def kill(self):
        """As a crash: at once, its socket stays."""
        self.process.kill()
        self.process.wait()

    def unplug(self, number=0):
        """Takes a reader away, as one pulls out its cable."""
        os.unlink(os.path.join(self.plugs, f"reader{number}"))

    def give_pad(self, number=0):
        """The reader has a PIN pad, from the next time on that it is asked."""
        pki.write_file(os.path.join(self.plugs, f"pad{number}"), b"")

    def type(self, words, number=0):
        """A person at the pad: digits, or "cancel". They wait until the reader asks."""
        pki.write_file(os.path.join(self.plugs, f"typed{number}"), words.encode() + b"\n")

    def plug(self, number=0):
        pki.write_file(os.path.join(self.plugs, f"reader{number}"), b"")

    def words(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]

    def environment(self):
        return {"PCSCLITE_CSOCK_NAME": self.socket}

    def stop(self):
        end(self.process)
        for space in [*self.spaces, *([self.root] if self.spaces else [])]:
            os.close(space)
        self.spaces = []
        if self.keeper.poll() is None:
            self.keeper.kill()
            self.keeper.wait()


class Cards:
    """Cards for one box: takes the place of box.Tokens there. tokens: {label: [KEY, ...]}, two labels to a place."""

    software = False

    def __init__(self, directory, tokens, pki_dir, binary, pin="123456", tries=3, pool=None):
        """pool: a folder in which keys are kept to be used again by other cards of the same run; making them takes its time."""
        self.dir, self.pin, self.hsm = os.path.abspath(directory), pin, self
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        self.pki = pki.make(pki_dir)
        self.module = next((m for m in MODULES if os.path.exists(m)), MODULES[0])
        self.conf = os.path.join(self.dir, "opensc", "opensc.conf")
        os.makedirs(os.path.dirname(self.conf), exist_ok=True)
        with open(os.path.join(TOP, "image", "opensc", "opensc.conf"), "rb") as f:
            pki.write_file(self.conf, f.read())
        self.places, self.cards, self.tokens, self.pool = [], {}, [], pool
        try:
            for number, (label, keys) in enumerate(tokens.items()):
                self.add(number, label, keys, binary, tries)
            for card in self.cards.values():
                card.wait_seen()
        except BaseException:
            self.stop()
            raise

    def add(self, number, label, keys, binary, tries):
        if number % SLOTS == 0:
            self.places.append(Place(os.path.join(self.dir, f"place{number // SLOTS}"),
                                     os.path.join(os.path.dirname(binary), "podatelna-reader.so")))
        home = os.path.join(self.dir, label)
        made = make_card(home, keys, self.pki, self.pin, tries, self.dir, self.pool and os.path.join(self.pool, str(number)))
        self.cards[label] = Card(self.places[-1], number % SLOTS, home, binary)
        serial = serial_of(home)
        self.tokens.append({"label": label, "serial": serial, "uri": f"pkcs11:serial={serial}", "keys": made})

    def __getitem__(self, label):
        return self.cards[label]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        for card in self.cards.values():
            card.stop()
        for place in self.places:
            place.stop()

    def environment(self, label):
        """Of a program that uses this token."""
        return {**self.cards[label].place.environment(), "OPENSC_CONF": self.conf}

    # --- what box.Box asks of tokens ---

    def settings(self, token):
        return {"module": self.module, "uri": token["uri"], "pcsc": True,
                "environment": [f"{k}={v}" for k, v in self.environment(token["label"]).items()]}

    def give(self):
        """Cards are what they are; their folders belong to whoever made them."""

    def describe(self):
        return {"module": self.module, "conf": self.conf, "pki": self.pki, "pin": self.pin, "tokens": self.tokens}


def serial_of(directory):
    """As OpenSC shows it in PKCS#11."""
    with open(os.path.join(directory, "guid"), encoding="ascii") as f:
        return f.read().strip()[-16:]
