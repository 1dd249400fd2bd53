"""`podatelna list` with filters: by state, partner, period, person and text, on cases that went through the whole box."""

import datetime
import os
import zoneinfo

import pytest

import forms

pytestmark = pytest.mark.sanitized


@pytest.fixture(scope="module")
def three(shared):
    """Two filings and one file of no known type."""
    shared.drop("Přiznání říjen.xml", forms.dphdp3())
    shared.drop("hlášení.xml", forms.dphkh1())
    shared.drop("poznámky.xml", b"<nothing/>")
    return {name: shared.wait_state(name, state)["case"]
            for name, state in (("Přiznání říjen.xml", "done"), ("hlášení.xml", "done"), ("poznámky.xml", "unknown"))}


def numbers(box, *words):
    code, rows = box.cli("list", *words)
    assert code == 0
    return [row["case"] for row in rows]


def test_by_state_and_partner(shared, three):
    done = [three["Přiznání říjen.xml"], three["hlášení.xml"]]
    assert sorted(numbers(shared, "--state", "done")) == sorted(done)
    assert sorted(numbers(shared, "--partner", "epo", "--state", "closed")) == sorted(done)
    assert numbers(shared, "--state", "open") == [three["poznámky.xml"]]
    assert len(numbers(shared, "--state", "done,unknown")) == 3


def test_text_in_names_and_labels(shared, three):
    """Without regard to case and accents; the names are those that only the unlocked vault knows."""
    assert numbers(shared, "--text", "PRIZNANI RIJEN") == [three["Přiznání říjen.xml"]]
    assert numbers(shared, "--text", "hlášení.x") == [three["hlášení.xml"]]
    assert three["hlášení.xml"] in numbers(shared, "--text", "kontrolní")  # the form's label in the catalogue
    assert numbers(shared, "--text", "dphkh1") == [three["hlášení.xml"]]
    assert "neodpovídá žádný případ" in shared.text("list", "--text", "nic takového")


def test_period_and_person(shared, three):
    today = datetime.datetime.now(zoneinfo.ZoneInfo("Europe/Prague")).date()
    tomorrow = today + datetime.timedelta(days=1)
    assert len(numbers(shared, "--since", today.isoformat())) == 3
    assert len(numbers(shared, "--month", f"{today.month}/{today.year}")) == 3
    assert numbers(shared, "--since", f"{tomorrow.day}. {tomorrow.month}. {tomorrow.year}") == []
    owner = str(os.geteuid())
    assert len(numbers(shared, "--by", owner)) == 3
    assert numbers(shared, "--by", "54321") == []
    assert numbers(shared, "--limit", "1") == [max(three.values())]


def test_wrong_words_are_refused_with_the_right_ones(shared, three):
    for words, expected in ((("--state", "hotovo"), "received, unknown, held, ready"), (("--partner", "berňák"), "epo"),
                            (("--month", "říjen"), "2026-11")):
        done = shared.run_cli("list", *words)
        assert done.returncode == 2 and expected in done.stderr.decode() and not done.stdout, words


def test_locked_names_are_not_searched(make_box, running_epo):
    box = make_box(running_epo, pin="prompt")
    box.login()
    box.wait_token()
    box.drop("tajné jméno.xml", forms.dphdp3())
    number = box.wait_state("tajné jméno.xml", "done")["case"]
    assert numbers(box, "--text", "tajne") == [number]
    box.restart()
    done = box.run_cli("list", "--text", "tajne")
    assert done.returncode == 0 and number not in done.stdout.decode() and "přihlaste token" in done.stdout.decode()
    assert numbers(box, "--text", "dphdp3") == [number]
