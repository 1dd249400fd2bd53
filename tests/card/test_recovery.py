"""Cards that are pulled, exchanged and reset, readers and pcscd that go away, modules that hang and crash: the box goes on by itself.

What the card saw (its ledger) and what the portal took are the truth. Times are printed, not asserted: pytest -s shows them, as does tests/card/run.
"""

import os
import subprocess
import time

import pytest

import card as cards_lib
import evil
import journal
from box import until
from test_filing import fresh

WAITING = ("received", "ready", "signing")
LONG_S = 30
HANG_S = 60  # how long the store lets a token sign
KEEP = {'token "office"': {"pin": "prompt", "keep_pin": True}}


def now():
    """As the card's ledger counts."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


@pytest.fixture
def told(request):
    """told(what, seconds): a measured time, printed at the end of the test, also where pytest keeps what tests print."""
    lines = []
    yield lambda what, seconds: lines.append(f"{what}: {seconds * 1000:.0f} ms")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("", *(f"  {request.node.name}: {line}" for line in lines), sep="\n")


def token_row(box):
    return [r for r in box.rows("token", "list", kind="token") if r["token"] == "office"][0]


def wait_row(box, state, timeout=LONG_S):
    """Until the token's state is that; (row, moment)."""
    def there():
        row = token_row(box)
        return (row, now()) if row["state"] == state else None
    return until(there, timeout, lambda: f"token {state}: {token_row(box)}\n{box.log_tail()}", step=0.02)


def waits_with(box, case, *words):
    """The case waits, and its reason holds one of the words."""
    def said():
        row = box.case(case)
        assert row["state"] in WAITING, row
        return any(word in row["reason"] for word in words)
    until(said, LONG_S, lambda: f"{words}: {box.case(case)}")


def ready_box(epo, make_box, cards, settings=None, login=True):
    """A box whose token is logged in; who enters the PIN is said by the settings."""
    box = make_box(epo, cards, settings=settings, **({"pin": "prompt"} if settings else {}))
    if settings:
        wait_row(box, "pin-needed")
        if login:
            assert box.login().returncode == 0
    box.wait_token("ready" if login else "pin-needed")
    return box


def last_signature(card):
    return card.ledger("key")[-1][0]


# --- the card is pulled ---------------------------------------------------------------------------------------------------


def test_pulled_while_idle(epo, make_box, make_cards, told):
    """Seen at once, the case waits and says why; back in the reader, a person enters the PIN again and the case goes."""
    cards = make_cards()
    box = ready_box(epo, make_box, cards, {'token "office"': {"pin": "prompt"}})
    pid = box.pid("token")
    begun = now()
    cards["office"].pull()
    told("pulled until the status says so", wait_row(box, "absent")[1] - begun)
    name, document = fresh()
    box.drop(name, document)
    case = box.wait_state(lambda c: True, WAITING)["case"]
    waits_with(box, case, "token není připojen")
    begun = now()
    cards["office"].insert()
    told("put back until the PIN is asked for", wait_row(box, "pin-needed")[1] - begun)
    waits_with(box, case, "PIN")
    verifies = len(cards["office"].verifies())
    assert verifies == 1, "the PIN was not kept, so none was tried"
    begun = now()
    assert box.login().returncode == 0
    box.wait_state(case, "done", LONG_S)
    told("login until the signature", last_signature(cards["office"]) - begun)
    assert len(epo.ledger("accepted")) == 1
    assert set(cards["office"].verifies()) == {"ok"}
    assert box.pid("token") == pid, "the process recovered by itself"


@pytest.mark.parametrize("pin", ["file", "kept"])
def test_pulled_while_signing(epo, make_box, make_cards, told, pin):
    """In the middle of the card's work: what was begun is abandoned, and signed anew without anybody when the card is back."""
    cards = make_cards()
    card = cards["office"]
    box = ready_box(epo, make_box, cards, KEEP if pin == "kept" else None)
    card.tell("latency", 500)
    card.tell("pull-in", 1, 200)
    name, document = fresh()
    box.drop(name, document)
    until(lambda: card.ledger("pulled"), LONG_S, "the pull")
    case = box.wait_state(lambda c: True, WAITING)["case"]
    told("pulled until the status says so", wait_row(box, "absent")[1] - card.ledger("pulled")[-1][0])
    waits_with(box, case, "token není připojen")
    begun = now()
    card.insert()
    told("put back until ready", wait_row(box, "ready")[1] - begun)
    box.wait_state(case, "done", LONG_S)
    told("put back until the signature", last_signature(card) - begun)
    assert "abandoned" in box.types(case) and len(epo.ledger("accepted")) == 1
    assert set(card.verifies()) == {"ok"}


def test_pulled_while_waiting_for_the_pin(epo, make_box, make_cards, told):
    cards = make_cards()
    box = ready_box(epo, make_box, cards, KEEP, login=False)
    cards["office"].pull()
    wait_row(box, "absent")
    done = box.login()
    assert done.returncode != 0 and not cards["office"].verifies()
    begun = now()
    cards["office"].insert()
    told("put back until the PIN is asked for", wait_row(box, "pin-needed")[1] - begun)
    assert box.login().returncode == 0
    box.wait_token()
    assert cards["office"].verifies() == ["ok"]


def test_pulled_again_and_again(epo, make_box, make_cards, told, rounds):
    """Pulls in the middle of signatures, as many recoveries, in one process, with one PIN that a person entered."""
    cards, count = make_cards(), rounds(10, 100)
    card = cards["office"]
    box = ready_box(epo, make_box, cards, KEEP)
    pid, times, documents = box.pid("token"), [], []
    card.tell("latency", 120)
    for number in range(count):
        pulls = len(card.ledger("pulled"))
        # At another moment of the card's work each time.
        card.tell("pull-in", 1, (number * 37) % 115)
        name, document = fresh()
        box.drop(name, document)
        until(lambda: len(card.ledger("pulled")) > pulls, LONG_S, lambda: f"pull {number}\n{box.log_tail()}")
        if number % 2:
            wait_row(box, "absent")
        begun = now()
        card.insert()
        box.wait_state(name, "done", LONG_S)
        times.append(last_signature(card) - begun)
        documents.append(document)
    assert len(epo.ledger("accepted")) == count
    assert set(card.verifies()) == {"ok"}
    times.sort()
    told(f"{count} pulls, put back until the signature, fastest", times[0])
    told("median", times[len(times) // 2])
    told("slowest", times[-1])
    assert box.pid("token") == pid, f"a process was lost:\n{box.log_tail()}"


# --- reader, pcscd, other programs ------------------------------------------------------------------------------------------


def test_pcscd_killed(epo, make_box, make_cards, told):
    cards = make_cards()
    box = ready_box(epo, make_box, cards, KEEP)
    place = cards.places[0]
    begun = now()
    place.kill()
    told("killed until the status says so", wait_row(box, "absent")[1] - begun)
    name, document = fresh()
    box.drop(name, document)
    case = box.wait_state(lambda c: True, WAITING)["case"]
    waits_with(box, case, "token není připojen")
    begun = now()
    place.start()
    told("started again until ready", wait_row(box, "ready")[1] - begun)
    box.wait_state(case, "done", LONG_S)
    assert len(epo.ledger("accepted")) == 1 and set(cards["office"].verifies()) == {"ok"}


def test_pcscd_restarted_between_looks(epo, make_box, make_cards, told):
    """Gone and back before anybody looked: the session is dead all the same."""
    cards = make_cards()
    box = ready_box(epo, make_box, cards, KEEP)
    for _ in range(3):
        begun = now()
        cards.places[0].kill()
        cards.places[0].start()
        name, document = fresh()
        box.drop(name, document)
        box.wait_state(name, "done", LONG_S)
        told("killed and started, until the signature", last_signature(cards["office"]) - begun)
    assert len(epo.ledger("accepted")) == 3 and set(cards["office"].verifies()) == {"ok"}
    assert len(os.listdir(f"/proc/{box.pid('token')}/fd")) < 40


def test_reader_gone(epo, make_box, make_cards, told):
    """Reader and card together, as when a USB token is pulled."""
    cards = make_cards()
    box = ready_box(epo, make_box, cards, KEEP)
    begun = now()
    cards.places[0].unplug()
    told("unplugged until the status says so", wait_row(box, "absent")[1] - begun)
    name, document = fresh()
    box.drop(name, document)
    case = box.wait_state(lambda c: True, WAITING)["case"]
    waits_with(box, case, "token není připojen")
    begun = now()
    cards.places[0].plug()
    told("plugged in until ready", wait_row(box, "ready")[1] - begun)
    box.wait_state(case, "done", LONG_S)
    assert len(epo.ledger("accepted")) == 1 and set(cards["office"].verifies()) == {"ok"}


@pytest.mark.parametrize("who", ["power", "program"])
def test_card_reset(epo, make_box, make_cards, told, who):
    """A glitch of its power, or another program: the card forgot the PIN, the box enters it again, recorded, and the case goes."""
    cards = make_cards()
    box = ready_box(epo, make_box, cards, KEEP)
    begun = now()
    if who == "program":
        done = subprocess.run(["opensc-tool", "--reset", "--reader", "0"], env={**os.environ, **cards.environment("office")}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30, check=False)
        assert done.returncode == 0, done.stdout
    else:
        cards["office"].tell("reset")
    name, document = fresh()
    box.drop(name, document)
    box.wait_state(name, "done", LONG_S)
    told("reset until the signature", last_signature(cards["office"]) - begun)
    assert len(epo.ledger("accepted")) == 1
    assert set(cards["office"].verifies()) == {"ok"}
    # Each PIN that the card saw stands in the journal before: as a try, or with the intent of a signature by the key that asks before each use.
    box.stop()
    records = list(journal.read(box.data))
    tries = [r.fields["source"] for r in records if r.type == "pin-try"]
    assert tries[0] == "prompt" and set(tries[1:]) <= {"kept"}, tries
    assert len(cards["office"].verifies()) <= len(tries) + sum(r.type == "intent" for r in records)


def test_other_programs_are_kept_out(epo, make_box, make_cards):
    """As opensc.conf says for a box with one card: no other program can use the card that is logged in."""
    cards = make_cards()
    own = os.path.join(os.path.dirname(cards.conf), "exclusive.conf")
    with open(cards.conf, encoding="utf-8") as f:
        text = f.read()
    assert "connect_exclusive = false" in text
    cards_lib.pki.write_file(own, text.replace("connect_exclusive = false", "connect_exclusive = true").encode())
    shared, cards.conf = cards.conf, own
    box = ready_box(epo, make_box, cards)
    done = subprocess.run(["opensc-tool", "--reset", "--reader", "0"], env={**os.environ, **cards.environment("office"), "OPENSC_CONF": shared},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
    assert done.returncode != 0, done.stdout
    name, document = fresh()
    box.drop(name, document)
    box.wait_state(name, "done", LONG_S)
    assert cards["office"].verifies() == ["ok", "ok"]


# --- another card -----------------------------------------------------------------------------------------------------------


def test_another_card(epo, make_box, make_cards, work, pki_dir, told):
    """Never used, named; the PIN that was kept is not shown to it, nor to the right one afterwards: a person enters it again."""
    cards = make_cards()
    card = cards["office"]
    other = os.path.join(cards.dir, "other")
    cards_lib.make_card(other, ["sign", "vault", "tls"], pki_dir)
    box = ready_box(epo, make_box, cards, KEEP)
    verifies, uses = card.verifies(), card.operations()
    card.pull()
    wait_row(box, "absent")
    begun = now()
    card.insert(other)
    row, moment = wait_row(box, "foreign")
    told("another card put in until it is named", moment - begun)
    assert "token" in row["text"] and row["serial"] == cards_lib.serial_of(other), row
    name, document = fresh()
    box.drop(name, document)
    case = box.wait_state(lambda c: True, WAITING)["case"]
    waits_with(box, case, "jiný token")
    assert box.login().returncode != 0
    time.sleep(2)
    assert card.verifies() == verifies and card.operations() == uses, "the other card was used"
    card.pull()
    wait_row(box, "absent")
    card.insert(card.dir)
    wait_row(box, "pin-needed")
    assert card.verifies() == verifies
    assert box.login().returncode == 0
    box.wait_state(case, "done", LONG_S)
    assert len(epo.ledger("accepted")) == 1


def test_pin_file_is_for_one_card(epo, make_box, make_cards, pki_dir):
    """Where the URI fits many cards: the file's PIN is shown to the first one only, also after restarts (design 7)."""
    cards = make_cards()
    card = cards["office"]
    other = os.path.join(cards.dir, "other")
    cards_lib.make_card(other, ["sign", "vault", "tls"], pki_dir)
    box = make_box(epo, cards, start=False)
    box.set('token "office"', uri="pkcs11:model=PKCS%2315%20emulated")
    box.start()
    box.wait_token()
    card.pull()
    wait_row(box, "absent")
    card.insert(other)
    row, _ = wait_row(box, "pin-needed")
    assert row["serial"] == cards_lib.serial_of(other)
    until(lambda: "jinému tokenu" in token_row(box).get("text", ""), LONG_S, lambda: token_row(box))
    box.restart()
    until(lambda: "jinému tokenu" in token_row(box).get("text", ""), LONG_S, lambda: token_row(box))
    assert card.verifies() == ["ok"]
    card.pull()
    wait_row(box, "absent")
    card.insert(card.dir)
    wait_row(box, "ready")
    assert card.verifies() == ["ok", "ok"]


def test_kept_pin_is_dropped_at_the_first_refusal(epo, make_box, make_cards):
    """Changed by another program while the card was away: one try, no second, also not after the next removal and not after restarts."""
    cards = make_cards()
    card = cards["office"]
    box = ready_box(epo, make_box, cards, KEEP)
    card.pull()
    wait_row(box, "absent")
    cards_lib.pki.write_file(os.path.join(card.dir, "pin"), b"999999\n", 0o600)
    card.insert(card.dir)
    wait_row(box, "pin-refused")
    assert card.verifies() == ["ok", "refused 2"]
    for again in (lambda: (card.pull(), wait_row(box, "absent"), card.insert()), lambda: box.kill("token"), box.restart):
        again()
        wait_row(box, "pin-needed")
        time.sleep(1.5)
        assert card.verifies() == ["ok", "refused 2"]


# --- a card or a module that does not answer --------------------------------------------------------------------------------


@pytest.fixture
def patience(rounds):
    """Each hang lasts until the deadline of its request; tests/unit/token_evil_test has one with a short deadline in every run."""
    if not rounds(0, 1):
        pytest.skip(f"{HANG_S} s each: with --long")


@pytest.mark.usefixtures("patience")
def test_card_hangs(epo, make_box, make_cards, told):
    """Whatever hangs, the process is ended at its limit and another takes over; the case waits."""
    cards = make_cards()
    card = cards["office"]
    box = ready_box(epo, make_box, cards)
    pid = box.pid("token")
    card.tell("hang")
    name, document = fresh()
    box.drop(name, document)
    begun = now()
    until(lambda: not os.path.exists(f"/proc/{pid}"), 120, lambda: f"the process still hangs\n{box.log_tail()}")
    told("hangs until the process is ended", now() - begun)
    card.tell("unhang")
    begun = now()
    box.wait_state(name, "done", LONG_S)
    told("answers again until the case is done", now() - begun)
    assert len(epo.ledger("accepted")) == 1 and set(card.verifies()) == {"ok"}


@pytest.mark.usefixtures("patience")
def test_module_hangs(epo, make_box, work, pki_dir, told):
    misbehaves(epo, make_box, work, pki_dir, told, "hang")


@pytest.mark.parametrize("how", ["crash", "fail", "flip"])
def test_module_misbehaves(epo, make_box, work, pki_dir, told, how):
    misbehaves(epo, make_box, work, pki_dir, told, how)


def misbehaves(epo, make_box, work, pki_dir, told, how):
    """A module that hangs, dies, or signs wrongly while a file says so; over SoftHSM."""
    box = make_box(epo, {"office": ["sign", "vault"]}, pki_dir=pki_dir, start=False)
    sick = os.path.join(box.hsm.dir, "tokens", "sick")
    evil.insert(box, evil.build(work), SIGN=how, WHEN=sick)
    box.start()
    box.wait_token()
    open(sick, "wb").close()
    name, document = fresh()
    box.drop(name, document)
    case = box.wait_state(lambda c: True, WAITING)["case"]
    until(lambda: "abandoned" in box.types(case), 120, lambda: box.story(box.case(case)))
    assert not epo.ledger("accepted")
    os.unlink(sick)
    begun = now()
    # It may hang once more: in the signature that was begun before it was well.
    box.wait_state(case, "done", LONG_S + (2 * HANG_S if how == "hang" else 0))
    told(f"{how}, well again until the case is done", now() - begun)
    assert len(epo.ledger("accepted")) == 1
