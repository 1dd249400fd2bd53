"""The operator's path at a serial console: a real pseudo-terminal of 80x24, seen through a model of a VT100."""

import os
import re
import signal

import pytest

import forms
from box import Tokens, until
from terminal import Terminal


@pytest.fixture
def waiting(make_box, running_epo):
    running_epo.reset(ledger=True)
    box = make_box(running_epo, pin="prompt")
    box.wait_token("pin-needed")
    return box


def test_from_power_on_to_the_receipt(waiting, running_epo):
    """console: status says what to do, a wrong PIN is said, the right one lets the filing go, watch shows it, show tells it."""
    document = forms.dphdp3()
    waiting.drop("přiznání.xml", document)
    with Terminal(waiting.command("console"), rows=60) as console:
        def ask(words, answer):
            console.wait(lambda: console.lines()[console.screen.cursor.y].endswith("podatelna>"))
            before = len(console.raw)
            console.type(words + "\n")
            console.wait(lambda: words.encode() in console.raw[before:])  # its echo, not that of the same words before
            console.wait(lambda: answer in console.text().rpartition("podatelna> " + words)[2])

        ask("status", "Dioda: bliká pomalu: pracuje a čeká na člověka")
        ask("token login", "PIN tokenu „office“:")
        console.type("999999\n")
        console.wait(lambda: "PIN je chybný" in console.text())
        ask("token login", "PIN tokenu „office“:")
        console.type(waiting.hsm.pin + "\n")
        console.wait(lambda: "token office je přihlášen" in console.text())
        assert waiting.hsm.pin.encode() not in console.raw and b"999999" not in console.raw
        waiting.wait_state("přiznání.xml", "done")
        ask("watch", "uzavřeno, přijato")
        console.type("q")
        ask("list --state done", "uzavřeno, přijato")
        ask("show 1", "Podací číslo")
        ask("konec", "")
        assert console.end() == 0
        assert console.settings() == console.before
        assert console.screen.wraps == 0
    assert len(running_epo.ledger("accepted")) == 1


def test_nothing_is_wider_than_the_terminal(waiting):
    """Long names, reasons and holders are broken or cut, never wrapped by the terminal."""
    waiting.drop("velmi dlouhý název souboru, jaký umí jen účetní program " * 3 + ".xml", b"<nothing/>")
    waiting.drop("přiznání.xml", forms.dphdp3())
    waiting.login()
    waiting.wait_state("přiznání.xml", "done")
    for words in (["status"], ["list"], ["show", "1"], ["show", "2"], ["token", "list"], ["journal", "verify"], ["help"], ["help", "list"]):
        for columns in (80, 60):
            with Terminal(waiting.command(*words), rows=200, columns=columns) as terminal:
                assert terminal.end() == 0, words
                assert terminal.screen.wraps == 0, f"{words}:\n{terminal.text()}"


def test_login_without_a_name_names_the_tokens(make_box, work, pki_dir):
    """With two tokens nobody types a PIN for nothing: it asks which; the last one that waits is taken by itself."""
    tokens = Tokens(os.path.join(work, "tokens-two"), {"office": ["sign", "vault"], "second": ["sign-b"]}, pki_dir)
    box = make_box([], tokens=tokens, pin="prompt")
    box.wait_token("pin-needed", "second")
    box.wait_token("pin-needed", "office")
    with Terminal(box.command("token", "login")) as terminal:
        assert terminal.end() == 1
        assert "office: čeká na PIN, second: čeká na PIN" in terminal.text().replace("\n", "") and "PIN tokenu" not in terminal.text()
    box.login("office")
    with Terminal(box.command("token", "login")) as terminal:
        terminal.wait(lambda: "PIN tokenu „second“:" in terminal.text())
        terminal.type(box.hsm.pin + "\n")
        assert terminal.end() == 0 and "token second je přihlášen" in terminal.text()


def test_progress_is_for_a_terminal_only(waiting, tmp_path):
    """A line that is taken away again; nothing of it where the output is no terminal."""
    waiting.login()
    waiting.drop("přiznání.xml", forms.dphdp3())
    waiting.wait_state(state="done")
    out = tmp_path / "out"
    out.mkdir()
    with Terminal(waiting.command("export", "1", str(out))) as terminal:
        assert terminal.end() == 0
        assert re.search(rb"\r *\d+ %  ", terminal.raw) and b"\x1b" not in terminal.raw
        assert terminal.lines()[0].startswith(f"zapsaných souborů: {len(list(out.iterdir()))}.") and "%" not in terminal.text()
    again = tmp_path / "again"
    again.mkdir()
    done = waiting.run_cli("export", "1", str(again))
    assert done.returncode == 0 and not done.stderr and b"%" not in done.stdout


def test_start_tells_how_far_the_journal_is_read(waiting):
    """While the store stands still the hub has no records yet: status says so, watch too, and both go on."""
    store = waiting.pid("store")
    os.kill(store, signal.SIGSTOP)
    try:
        waiting.kill("hub")
        until(lambda: "deník se čte" in waiting.text("status", check=False) or "čte" in waiting.text("status", check=False), 20,
              lambda: waiting.text("status", check=False))
    finally:
        os.kill(store, signal.SIGCONT)
    waiting.wait_ready()
