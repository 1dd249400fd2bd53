"""Fixtures of the tests over the card: those of tests/e2e, with virtual PIV cards where they have SoftHSM."""

import importlib.util
import os
import shutil
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(os.path.dirname(HERE), "e2e")
sys.path[:0] = [HERE, E2E, os.path.join(os.path.dirname(HERE), "lib")]


def fixtures_of(path):
    """The conftest of another folder, under another name."""
    spec = importlib.util.spec_from_file_location("box_fixtures", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["box_fixtures"] = module
    spec.loader.exec_module(module)
    return module


box_fixtures = fixtures_of(os.path.join(E2E, "conftest.py"))
# The end-to-end tests that run here unchanged say `from conftest import ...`.
from box_fixtures import *  # noqa: E402,F401,F403
from box_fixtures import BIN, NUMBERS, Box, finish  # noqa: E402
from card import Cards, program  # noqa: E402

OFFICE = {"office": ["sign", "vault", "tls"]}


# End-to-end tests that tell more of the portal than of the card.
LONG = ("test_outcome_unknown", "test_bad_confirmation", "test_poll_all_asks_in_turn", "test_sent_until_decided")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        items[:] = [i for i in items if i.originalname not in LONG]


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long forms")


@pytest.fixture
def rounds(request):
    """rounds(short, long): how often, in this form."""
    return lambda short, long: long if request.config.getoption("--long") else short


@pytest.fixture(scope="session")
def make_session_cards(work, pki_dir):
    """make_session_cards({label: [KEY, ...]}, **options of Cards): cards that live until the end."""
    made = []

    def make(tokens=None, **options):
        directory = os.path.join(work, f"cards-{next(NUMBERS)}")
        cards = Cards(directory, tokens or OFFICE, pki_dir, program(BIN), pool=os.path.join(work, "keys"), **options)
        made.append(cards)
        return cards

    yield make
    for cards in made:
        cards.stop()


@pytest.fixture(scope="session")
def office(make_session_cards):
    """The card of the box that a module shares."""
    return make_session_cards()


@pytest.fixture
def make_cards(request, work, pki_dir):
    """The same, until the end of the test."""
    made = []

    def make(tokens=None, **options):
        directory = os.path.join(work, f"cards-{next(NUMBERS)}")
        made.append(Cards(directory, tokens or OFFICE, pki_dir, program(BIN), pool=os.path.join(work, "keys"), **options))
        return made[-1]

    yield make
    for cards in made:
        if getattr(request.node, "failed_call", False):
            print(*(f"--- ledger of {label} ---\n{''.join(open(card.ledger_path, encoding='ascii').readlines()[-40:])}"
                    for label, card in cards.cards.items()), *(p.words() for p in cards.places), sep="\n")
        cards.stop()
        shutil.rmtree(cards.dir, ignore_errors=True)


@pytest.fixture
def make_box(request, work, make_cards):
    """As in tests/e2e; each box has a card of its own, unless it is given some."""
    boxes = []

    def make(portals=(), tokens=None, **options):
        boxes.append(Box(os.path.join(work, f"box-{next(NUMBERS)}"), BIN, portals, tokens or make_cards(), **options))
        return boxes[-1]

    yield make
    finish(boxes, getattr(request.node, "failed_call", False))
