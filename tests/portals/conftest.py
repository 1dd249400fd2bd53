"""Fixtures for the tests of the simulators: one PKI and one running simulator of each kind for the session."""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import pki  # noqa: E402
import portal_client  # noqa: E402
import vrep_client  # noqa: E402
from simulator import Simulator  # noqa: E402


class Bench:
    """A simulator, a client, and people who sign. signed() caches nothing: each call is a new signature."""

    def __init__(self, portal, pki_dir, people):
        self.portal, self.pki, self.people = portal, pki_dir, people
        self.client = portal_client.Client(portal.port, os.path.join(pki_dir, "ca.pem"))
        self.ca, self.confirm_ca = (os.path.join(pki_dir, n) for n in ("ca.pem", "confirm-ca.pem"))

    def signed(self, content, who="good", *options, **how):
        return portal_client.sign(content, *self.people[who], *options, **how)

    def confirmed(self, reply):
        return portal_client.verify(reply, self.confirm_ca)


@pytest.fixture(scope="session")
def pki_dir(tmp_path_factory):
    return pki.make(str(tmp_path_factory.mktemp("pki")))


@pytest.fixture(scope="session")
def people(pki_dir):
    """name → (certificate, key)"""
    make = pki.software_user
    ec = pki.ec.SECP256R1()
    return {"good": make(pki_dir, "good"), "no-ik": make(pki_dir, "no-ik", ik_mpsv=None),
            "ik-subject": make(pki_dir, "ik-subject", ik_in_subject=True),
            "expired": make(pki_dir, "expired", state="expired"), "not-yet": make(pki_dir, "not-yet", state="not-yet"),
            "wrong-usage": make(pki_dir, "wrong-usage", usage="encipherment"),
            "foreign": make(pki_dir, "by-foreign", ca="foreign-ca"), "ec": make(pki_dir, "user-ec", curve=ec),
            "self": make(pki_dir, "self", self_signed=True), "short": make(pki_dir, "short", bits=1024)}


@pytest.fixture(scope="session")
def running_epo(tmp_path_factory, pki_dir):
    with Simulator("epo", str(tmp_path_factory.mktemp("epo")), pki_dir, seed=7) as portal:
        yield portal


@pytest.fixture(scope="session")
def running_toy(tmp_path_factory, pki_dir):
    with Simulator("toy", str(tmp_path_factory.mktemp("toy")), pki_dir) as portal:
        yield portal


@pytest.fixture(scope="session")
def running_tsa(tmp_path_factory, pki_dir):
    with Simulator("tsa", str(tmp_path_factory.mktemp("tsa")), pki_dir) as portal:
        yield portal


@pytest.fixture(scope="session")
def running_vrep(tmp_path_factory, pki_dir):
    with Simulator("vrep", str(tmp_path_factory.mktemp("vrep")), pki_dir, seed=7) as portal:
        yield portal


@pytest.fixture
def epo(running_epo, pki_dir, people):
    running_epo.reset(ledger=True)
    yield Bench(running_epo, pki_dir, people)
    assert not running_epo.ledger("simulator-error")


@pytest.fixture
def toy(running_toy, pki_dir, people):
    running_toy.reset(ledger=True)
    yield Bench(running_toy, pki_dir, people)
    assert not running_toy.ledger("simulator-error")


@pytest.fixture
def tsa(running_tsa, pki_dir, people):
    running_tsa.reset(ledger=True)
    yield Bench(running_tsa, pki_dir, people)
    assert not running_tsa.ledger("simulator-error")


@pytest.fixture
def vrep(running_vrep, pki_dir, people):
    running_vrep.reset(ledger=True)
    yield vrep_client.Bench(running_vrep, pki_dir, people)
    assert not running_vrep.ledger("simulator-error")
