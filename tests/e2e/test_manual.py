"""Manual pages: whole, without warnings of the formatter, and neither more nor less than the programs know."""

import os
import re
import subprocess

import pytest

from box import TOP
from conftest import BIN, SANITIZED

MAN = os.path.join(os.path.dirname(BIN), "share", "man")
PAGES = ("man1/podatelna.1", "man8/podatelnad.8", "man5/podatelna.conf.5", "cs/man1/podatelna.1")
ENVIRONMENT = {**os.environ, "MANWIDTH": "80", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8", "PODATELNA_LANGUAGE": "en"}

pytestmark = pytest.mark.skipif(SANITIZED or not os.path.isdir(MAN), reason="needs a build directory of cmake")


def render(page):
    """The page as a person sees it, and what the formatter complains about."""
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", os.path.join(MAN, page)], env=ENVIRONMENT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr
    return re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout.decode()), done.stderr.decode()


def source(page):
    with open(os.path.join(MAN, page), encoding="utf-8") as f:
        return f.read()


def told(program, *words):
    return subprocess.run([os.path.join(BIN, program), *words], stdout=subprocess.PIPE, env=ENVIRONMENT, check=True).stdout.decode()


@pytest.mark.parametrize("page", PAGES)
def test_renders(page):
    text, complaints = render(page)
    assert not complaints
    assert all(len(line) <= 80 for line in text.splitlines()), [line for line in text.splitlines() if len(line) > 80]
    assert "@" not in re.sub(r"\S+@\S+\.\w+", "", text) and "Podatelna 0" in text and "\\f" not in text
    heads = re.findall(r"^\S.*$", text, re.M)
    assert heads[1] == ("NÁZEV" if page.startswith("cs/") else "NAME")


@pytest.mark.parametrize("page, language", [("man1/podatelna.1", "en"), ("cs/man1/podatelna.1", "cs")])
def test_commands_and_options(page, language):
    """All of `podatelna help`, command by command, with their words, and no other command or option."""
    text = " ".join(render(page)[0].split())
    listing = told("podatelna", "--language", language, "help")
    commands = set(re.findall(r"^  ([a-z][a-z]+)(?: ([a-z][a-z-]+))?", listing, re.M))
    known = set(re.findall(r"--([a-z-]+)", listing))
    for name, sub in commands:
        help_text = told("podatelna", "--language", language, "help", name, *([sub] if sub else []))
        known |= set(re.findall(r"--([a-z-]+)", help_text))
        assert " ".join((name + " " + sub).split()) in text
        assert " ".join(help_text.splitlines()[1].split()) in text, (name, sub)
    shown = set(re.findall(r"--([a-z-]+)", text.replace("‐", "-")))
    assert shown == known
    listed = re.findall(r"^\.TP\n\\fB([a-z]+(?: [a-z-]+)?)\\fR", source(page).replace("\\-", "-"), re.M)
    assert {tuple(word.split()) for word in listed} == {tuple(filter(None, c)) for c in commands}


def test_daemon():
    help_text = told("podatelnad", "--help")
    text = render("man8/podatelnad.8")[0]
    known = set(re.findall(r"^  (--[a-z]+)", help_text, re.M))
    assert len(known) >= 5 and set(re.findall(r"^\s+(--[a-z]+)", text, re.M)) == known


def test_keys():
    """Each key of the schema, and none that it does not have."""
    with open(os.path.join(TOP, "config", "config_schema.c"), encoding="utf-8") as f:
        schema = f.read()
    fields = set(re.findall(r'^\t\{ "(\w+)", +SCHEMA_', schema, re.M))
    sections = set(re.findall(r'\[SECTION_\w+\] += \{ "(\w+)"', schema))
    page = source("man5/podatelna.conf.5")
    assert len(fields) > 50 and set(re.findall(r"^\\fB(\w+)\\fR = ", page, re.M)) == fields
    assert {m.split("\\")[0].split()[0] for m in re.findall(r'^\.SS "(\w+.*)"$', page, re.M)} == sections


def test_every_key_is_explained():
    """No key stands alone with its value: the words of the example came along."""
    text = render("man5/podatelna.conf.5")[0]
    flat = " ".join(text.split())
    assert "Group whose members may connect to that socket" in flat
    assert "When to ask about the result: first after this" in flat
    assert re.search(r"poll_first = .*\n\s+poll_max = .*\n\s+When to ask", text)
