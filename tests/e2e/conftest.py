"""Fixtures of the end-to-end tests: the built programs (PODATELNA_BIN), SoftHSM, portal simulators, boxes.

What a test asserts comes from the simulator's ledger, from the share, from the data directory or from the kernel; what our own
programs say is asserted only where the saying is the thing tested.
"""

import hashlib
import itertools
import os
import re
import shutil
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(os.path.dirname(HERE), "lib")
sys.path[:0] = [HERE, LIB]

import pki  # noqa: E402
from box import TOP, Box, Tokens, die_with_parent, workdir  # noqa: E402
from simulator import Simulator  # noqa: E402

Simulator.PREEXEC = staticmethod(die_with_parent)

BIN = os.environ.get("PODATELNA_BIN") or os.path.join(TOP, "build", "plain", "bin")
NUMBERS = itertools.count(1)
SANITIZED = "ASAN_OPTIONS" in os.environ
# Leaks are looked for by the unit tests: the leak checker needs system calls that the sandboxes refuse.
if SANITIZED:
    os.environ["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"].replace("detect_leaks=1", "detect_leaks=0")


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitized: runs with the sanitized programs too")


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed_call = True


@pytest.fixture(scope="session")
def work():
    """A directory that all users of the box can pass through."""
    assert os.path.exists(os.path.join(BIN, "podatelnad")), f"{BIN} holds no programs: build first, or set PODATELNA_BIN"
    path = workdir("podatelna-e2e-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def pki_dir(work):
    path = pki.make(os.path.join(work, "pki"))
    os.chmod(path, 0o755)
    return path


@pytest.fixture(scope="session")
def office(work, pki_dir):
    """One token with a sign key and a vault key; each box gets a copy."""
    return Tokens(os.path.join(work, "tokens-office"), {"office": ["sign", "vault"]}, pki_dir)


@pytest.fixture(scope="session")
def commercial(work, pki_dir):
    """The office token, and another one with the commercial key that opens answers."""
    return Tokens(os.path.join(work, "tokens-commercial"), {"office": ["sign", "vault"], "answers": ["decrypt"]}, pki_dir)


@pytest.fixture(scope="session")
def running_epo(work, pki_dir):
    with Simulator("epo", os.path.join(work, "epo"), pki_dir, seed=7) as portal:
        yield portal


@pytest.fixture
def epo(running_epo):
    """The portal without faults and with an empty ledger."""
    if running_epo.process is None:
        running_epo.start()
    running_epo.reset(ledger=True)
    yield running_epo
    if running_epo.process is None:
        running_epo.start()
    assert not running_epo.ledger("simulator-error")


@pytest.fixture(scope="session")
def running_vrep(work, pki_dir):
    with Simulator("vrep", os.path.join(work, "vrep"), pki_dir, seed=7) as portal:
        yield portal


@pytest.fixture
def vrep(running_vrep):
    """The gateway of ČSSZ without faults and with an empty ledger."""
    if running_vrep.process is None:
        running_vrep.start()
    running_vrep.reset(ledger=True)
    yield running_vrep
    assert not running_vrep.ledger("simulator-error")


class Portal:
    """The session's portal for tests that share a box: the ledger is never emptied, documents tell the tests apart."""

    def __init__(self, simulator):
        self.simulator = simulator

    def of(self, document, kind=None):
        """Ledger lines about this document."""
        digest = hashlib.sha256(document).hexdigest()
        return [line for line in self.simulator.ledger(kind) if line.get("xml_sha256") == digest]

    def accepted(self, document):
        return self.of(document, "accepted")

    def filings(self, document):
        """Every real filing that reached the portal whole, taken or not."""
        return [line for line in self.of(document) if line["kind"] in ("accepted", "refused")]


def check_log(box, secrets):
    """No secret and no personal data in the log, and no report of a sanitizer (design 2)."""
    log = box.log()
    for name, secret in secrets.items():
        assert secret not in log, f"{name} stands in the log of the box"
    for word in ("AddressSanitizer", "runtime error:", "LeakSanitizer"):
        assert word not in log, box.log_tail(120)


def secrets_of(box):
    found = {"the PIN": "PIN " + box.hsm.pin, "company": "Žluťoučký", "DIČ": "dic="}
    for portal in box.portals:
        if portal.process is None:
            continue
        for line in portal.ledger("accepted"):
            for field in ("heslo", "heslo_predani"):
                if line.get(field):
                    found[f"{field} of {line['cislo']}"] = line[field]
    return found


@pytest.fixture
def make_box(request, work, office):
    """make_box(portals, tokens=None, **options of Box): a box that is stopped and checked at the end of the test."""
    boxes = []

    def make(portals=(), tokens=None, **options):
        name = re.sub(r"[^A-Za-z0-9_]+", "-", request.node.name)[:40]
        directory = os.path.join(work, f"{name}-{next(NUMBERS)}")
        box = Box(directory, BIN, portals, tokens or office, **options)
        boxes.append(box)
        return box

    yield make
    finish(boxes, getattr(request.node, "failed_call", False))


def finish(boxes, failed):
    faults = []
    for box in boxes:
        if failed:
            print(box.log_tail(120))
        try:
            check_log(box, secrets_of(box))
        except AssertionError as fault:
            faults.append(str(fault))
        try:
            box.stop()
        except AssertionError as fault:
            faults.append(str(fault))
        if not (failed and os.environ.get("PODATELNA_KEEP")):
            shutil.rmtree(box.dir, ignore_errors=True)
    assert not faults, "\n".join(faults)


@pytest.fixture
def asker(vrep, make_box, commercial):
    """A box that can put queries to ČSSZ and open what comes back."""
    box = make_box(vrep, tokens=commercial, settings={'partner "cssz"': {"answer_key": ["decrypt"]}})
    box.wait_token(label="answers")
    box.wait_token(label="office")
    return box


@pytest.fixture
def box(epo, make_box):
    """A box with one token, logged in, and the portal."""
    made = make_box(epo)
    made.wait_token()
    return made


@pytest.fixture(scope="module")
def shared(work, office, running_epo):
    """One box for all tests of a module; each test brings a document of its own."""
    if running_epo.process is None:
        running_epo.start()
    running_epo.reset(ledger=True)
    made = Box(os.path.join(work, f"shared-{os.getpid()}-{id(office)}"), BIN, running_epo, office)
    made.wait_token()
    yield made
    finish([made], False)


@pytest.fixture
def portal(shared, running_epo):
    running_epo.reset()
    yield Portal(running_epo)
    running_epo.reset()
