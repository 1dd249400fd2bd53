"""`podatelna watch` in a real pseudo-terminal, seen through a model of a VT100."""

import re
import signal

import pytest

import forms
from terminal import Terminal

# A line of 9600 baud carries 960 bytes a second: an update in which only the clock moved must be next to nothing, the first picture two seconds.
IDLE_MAX_BYTES, LINE_MAX_BYTES, PICTURE_MAX_BYTES = 40, 100, 2600


def watch(box, **options):
    return Terminal(box.command("watch"), **options)


def settled(terminal):
    return terminal.wait(lambda: terminal.lines()[-1].startswith("q: konec"))


def check_plain(terminal):
    assert terminal.screen.wraps == 0 and terminal.screen.scrolls == 0
    assert not terminal.strange()


@pytest.fixture
def waiting(make_box, running_epo):
    """A box whose token waits for its PIN, with a file of no known type."""
    running_epo.reset(ledger=True)
    box = make_box(running_epo, pin="prompt")
    box.wait_token("pin-needed")
    box.drop("Žluťoučký kůň.xml", b"<nothing/>")
    box.wait_state(state="unknown")
    return box


def test_from_the_pin_to_the_verdict(waiting):
    """80x24: what waits and why, then the PIN, then a filing that goes through; each shown without being asked for."""
    with watch(waiting) as terminal:
        terminal.wait(lambda: "Token office: čeká na PIN  -> podatelna token login office" in terminal.text())
        settled(terminal)
        text = terminal.text()
        assert re.search(r"^Podatelna: pracuje .* \d+\. \d+\. \d{4} \d\d:\d\d:\d\d$", terminal.lines()[0])
        assert "Dioda bliká pomalu: pracuje a čeká na člověka" in text
        assert "Partner epo (sandbox): zatím nedotázán" in text
        assert re.search(r"^2\d{3}-000001 +\d\d:\d\d +neznámý typ", text, re.MULTILINE)
        waiting.login()
        terminal.wait(lambda: "Token office: připraven" in terminal.text())
        waiting.drop("přiznání.xml", forms.dphdp3())
        terminal.wait(lambda: re.search(r"^2\d{3}-000002 +\d\d:\d\d +DPHDP3 +uzavřeno, přijato", terminal.text(), re.MULTILINE))
        assert "Partner epo (sandbox): odpovídá" in terminal.text()
        check_plain(terminal)
        assert max(terminal.updates()) <= PICTURE_MAX_BYTES
        assert all(len(line) <= 79 for line in terminal.lines())


def test_little_is_drawn_when_little_changes(waiting):
    with watch(waiting) as terminal:
        settled(terminal)
        before = len(terminal.updates())
        terminal.wait(lambda: len(terminal.updates()) >= before + 4)
        seconds = sorted(terminal.updates()[before + 1:])
        assert seconds[0] <= IDLE_MAX_BYTES
        assert seconds[-1] <= IDLE_MAX_BYTES + LINE_MAX_BYTES  # the room on the disk may change with the clock
        check_plain(terminal)


@pytest.mark.parametrize("leave", ["q", "\x03", "\x04", signal.SIGTERM, signal.SIGHUP])
def test_leaving_restores_the_terminal(waiting, leave):
    with watch(waiting) as terminal:
        settled(terminal)
        assert terminal.settings() != terminal.before
        terminal.type(leave) if isinstance(leave, str) else terminal.signal(leave)
        assert terminal.end() == 0
        assert terminal.settings() == terminal.before
        assert terminal.screen.cursor.x == 0 and terminal.lines()[-1] == ""
        check_plain(terminal)


def test_resized(waiting):
    """Larger and smaller: drawn anew, cut to the new width, the last line is the last."""
    with watch(waiting) as terminal:
        settled(terminal)
        for rows, columns in ((40, 132), (12, 50), (24, 80)):
            terminal.screen.reset()
            terminal.size(rows, columns)
            terminal.wait(lambda: terminal.lines()[-1].startswith("q: konec") and terminal.lines()[0].startswith("Podatelna"))
            assert len(terminal.lines()) == rows and all(len(line) < columns for line in terminal.lines())
        terminal.type("q")
        assert terminal.end() == 0
        check_plain(terminal)


def test_survives_a_restart_of_the_box(waiting):
    with watch(waiting) as terminal:
        settled(terminal)
        waiting.kill("hub")
        waiting.wait_ready()
        terminal.wait(lambda: terminal.lines()[-1].startswith("q: konec") and "pracuje" in terminal.lines()[0])
        waiting.stop()
        terminal.wait(lambda: "krabice neodpovídá" in terminal.lines()[0] and "zkouším to znovu" in terminal.lines()[-1])
        assert "neznámý typ" in terminal.text()  # what was known last stays
        waiting.start()
        terminal.wait(lambda: terminal.lines()[-1].startswith("q: konec") and "Podatelna: pracuje" in terminal.lines()[0])
        terminal.type("q")
        assert terminal.end() == 0
        check_plain(terminal)


def test_more_cases_than_lines(waiting):
    """The newest are shown; names that no terminal should get and long reasons are cut by columns."""
    for number in range(30):
        waiting.drop(f"složka {number}.xml", f"<nothing{number}/>".encode())
    waiting.wait_count(31, "unknown", timeout=90)
    with watch(waiting) as terminal:
        settled(terminal)
        found = re.findall(r"^2\d{3}-(\d{6})", terminal.text(), re.MULTILINE)
        assert found[0] == "000031" and found == sorted(found, reverse=True) and len(found) >= 10
        check_plain(terminal)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_dumb_terminal(waiting, term):
    """Changed lines are printed, one after the other, with nothing but text and line ends."""
    with watch(waiting, term=term, rows=200) as terminal:
        terminal.wait(lambda: "neznámý typ" in terminal.text())
        before = terminal.raw
        waiting.login()
        terminal.wait(lambda: "Token office: připraven" in terminal.text())
        came = terminal.raw[len(before):].decode().replace("\r\n", "\n")
        assert "neznámý typ" not in came and "Token office: připraven" in came
        assert all(re.match(r"\d\d:\d\d:\d\d \S", line) for line in came.splitlines())
        assert b"\x1b" not in terminal.raw and terminal.screen.wraps == 0
        terminal.type("q")
        assert terminal.end() == 0


def test_refused_without_a_right(waiting):
    if waiting.run_cli("status", user=(65534, 65534, [])).returncode == 0:
        pytest.skip("the present user may read")
    done = waiting.run_cli("watch", user=(65534, 65534, []))
    assert done.returncode in (3, 4) and done.stderr
