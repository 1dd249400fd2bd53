"""Several tokens at once: keys that a partner may use in turn, a token that is not there, a person's own key."""

import datetime
import grp
import os
import time

import pytest

import evil
import forms
import journal
from box import GROUP, is_root, until

FILER = 24601
TWO = {"office": ["sign", "vault"], "second": ["sign-2"]}
BOTH = {"sign_key": ["sign", "sign-2"]}


def document(note):
    return forms.dphdp3(note=f"several {os.getpid()} {note}")


def drop_many(box, count, note):
    for n in range(count):
        box.drop(f"{note}-{n}.xml", document(f"{note} {n}"))
    until(lambda: len([c for c in box.cases(True) if c["state"] == "done"]) == count, 60, lambda: box.cases())


def signers(epo):
    """Serial numbers of the certificates that the portal saw, one for each filing it took."""
    return [entry["signer_serial"] for entry in epo.ledger("accepted")]


def keys_used(box):
    return [r.fields["key"] for r in journal.read(box.data) if r.type == "intent"]


@pytest.mark.sanitized
def test_two_tokens_share(epo, make_box, pki_dir):
    """Two tokens with the same role: both sign, everything is filed once."""
    box = make_box(epo, tokens=TWO, pki_dir=pki_dir, settings={'partner "epo"': BOTH})
    box.wait_token(label="second")
    drop_many(box, 8, "both")
    used = keys_used(box)
    assert len(used) == 8 and used.count("sign") >= 2 and used.count("sign-2") >= 2, used
    assert len(signers(epo)) == 8 and len(set(signers(epo))) == 2
    assert box.cli("journal", "verify")[0] == 0


def test_done_without_the_one_that_is_not_there(epo, make_box, pki_dir):
    """One token waits for its PIN: the other signs all; with its PIN it takes its share. With neither the case waits and says why."""
    box = make_box(epo, tokens=TWO, pki_dir=pki_dir, settings={'partner "epo"': BOTH, 'token "second"': {"pin": "prompt"}})
    box.wait_token("pin-needed", "second")
    drop_many(box, 4, "alone")
    assert set(keys_used(box)) == {"sign"}
    assert box.login("second").returncode == 0
    box.wait_token(label="second")
    for n in range(6):
        box.drop(f"more-{n}.xml", document(f"more {n}"))
    until(lambda: len(epo.ledger("accepted")) == 10, 60, lambda: box.cases())
    assert "sign-2" in keys_used(box)
    for label in TWO:
        assert box.cli("token", "logout", label)[0] == 0
    box.drop("waits.xml", document("waits"))
    case = box.wait_state(lambda c: c["state"] in ("ready", "received"), ("ready",))
    until(lambda: "PIN" in box.case(case["case"])["reason"], 10, lambda: box.case(case["case"]))
    assert len(epo.ledger("accepted")) == 10


def test_the_other_takes_over(epo, make_box, work, pki_dir):
    """A token whose signatures fail: the other one does what it could not, and each filing is sent once."""
    box = make_box(epo, tokens=TWO, pki_dir=pki_dir, settings={'partner "epo"': BOTH}, start=False)
    evil.insert(box, evil.build(work), "second", SIGN="fail")
    box.start()
    box.wait_token(label="office")
    drop_many(box, 6, "fails")
    signed = [r.fields["serial"] for r in journal.read(box.data) if r.type == "signed"]
    assert len(signed) == 6 and len(set(signed)) == 1 and len(signers(epo)) == 6
    assert "sign-2" in keys_used(box), "the failing token was never tried"


def test_failing_signatures_are_put_off(epo, make_box, work):
    """The only token fails again and again: after some tries the pauses grow, and `podatelna send` tries at once."""
    box = make_box(epo, start=False)
    evil.insert(box, evil.build(work), SIGN="fail")
    box.start()
    box.wait_token()
    box.drop("a.xml", document("fails for ever"))

    def tries():
        return [datetime.datetime.fromisoformat(r.time.replace("Z", "+00:00")) for r in journal.read(box.data) if r.type == "intent"]
    until(lambda: len(tries()) >= 8, 60, tries)
    pauses = [(b - a).total_seconds() for a, b in zip(tries(), tries()[1:])]
    assert [p >= least for p, least in zip(pauses[4:7], (0.9, 1.9, 3.9))] == [True] * 3, pauses
    case = box.case(None)
    assert case["state"] == "ready" and case["reason"], case
    before = len(tries())
    box.cli("send", case["case"])
    until(lambda: len(tries()) > before, 4, tries)
    assert not epo.ledger("accepted")


@pytest.mark.skipif(not is_root(), reason="files of other people need root")
def test_own_key_of_a_person(epo, make_box, pki_dir):
    """user { sign_key }: what this person hands in is signed by her key, everything else by the partner's."""
    box = make_box(epo, tokens=TWO, pki_dir=pki_dir, settings={f'user "{FILER}"': {"rights": ["file"], "sign_key": "sign-2"}})
    box.wait_token(label="second")
    staged = os.path.join(box.stage, "hers.xml")
    with open(staged, "wb") as file:
        file.write(document("hers"))
    os.chown(staged, FILER, grp.getgrnam(GROUP).gr_gid)
    os.chmod(staged, 0o660)
    os.rename(staged, box.place("Podat", "hers.xml"))
    until(lambda: len(epo.ledger("accepted")) == 1, 30, lambda: box.cases())
    assert keys_used(box) == ["sign-2"]
    box.drop("theirs.xml", document("theirs"))
    until(lambda: len(epo.ledger("accepted")) == 2, 30, lambda: box.cases())
    assert keys_used(box) == ["sign-2", "sign"]
    time.sleep(0.1)
    assert len(set(signers(epo))) == 2
