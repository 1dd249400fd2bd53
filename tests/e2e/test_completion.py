"""Completion in a real bash: what Tab offers for a line, asked of the completion's own functions."""

import json
import os
import subprocess

import pytest

import forms
from conftest import BIN, SANITIZED

SCRIPT = os.path.join(os.path.dirname(BIN), "share", "bash-completion", "completions", "podatelna")
# compopt works only while bash itself completes; there it says how a file name is to be written.
DRIVER = r"""
compopt() { :; }
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_podatelna
printf '%s\n' "${COMPREPLY[@]}"
"""

pytestmark = pytest.mark.skipif(SANITIZED or not os.path.exists(SCRIPT), reason="needs a build directory of cmake")


def tab(*words, cwd=None):
    """The candidates for the last word."""
    done = subprocess.run(["bash", "--norc", "-u", "-c", DRIVER, "bash", SCRIPT, os.path.join(BIN, "podatelna"), *words], cwd=cwd, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def table():
    done = subprocess.run([os.path.join(BIN, "podatelna"), "--json", "help"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def test_is_a_script():
    assert subprocess.run(["bash", "-n", SCRIPT], check=False).returncode == 0


def test_commands():
    commands = {row["name"] for row in table() if row["kind"] == "command"}
    assert set(tab("")) == commands and len(commands) > 15
    assert tab("appr") == ["approve"]
    assert set(tab("help", "")) == commands
    assert tab("nonsense", "") == []


def test_sub_commands():
    subs = {row["sub"] for row in table() if row["kind"] == "command" and row["name"] == "token" and row.get("sub")}
    assert set(tab("token", "")) == subs and "login" in subs
    assert tab("--json", "journal", "ver") == ["verify"]


def test_options():
    """Those of the command and those of all; each command its own."""
    rows = table()
    everywhere = {"--" + row["name"] for row in rows if row["kind"] == "option" and row.get("global")}
    assert set(tab("-")) == everywhere
    for row in rows:
        if row["kind"] == "command":
            own = {"--" + name for name in row.get("options", "").split()}
            assert set(tab(row["name"], *filter(None, [row.get("sub")]), "-")) == own | everywhere, row


def test_values():
    states = {row["state"] for row in table() if row["kind"] == "state"}
    assert set(tab("list", "--state", "")) == states | {"open", "closed"} and "uncertain" in states
    assert sorted(tab("--language", "")) == ["cs", "en"]
    assert "root" in tab("list", "--by", "ro")


def test_files(tmp_path):
    (tmp_path / "a.conf").write_text("")
    (tmp_path / "folder").mkdir()
    assert sorted(tab("--config", "", cwd=tmp_path)) == ["a.conf", "folder"]
    assert sorted(tab("attach", "2026-000001", "", cwd=tmp_path)) == ["a.conf", "folder"]
    assert tab("export", "2026-000001", "", cwd=tmp_path) == ["folder"]


def test_nobody_answers(tmp_path):
    assert tab("--socket", str(tmp_path / "none"), "show", "") == []


def test_cases(shared):
    """Numbers with state and name while there are several, the bare number once it is clear; only those the command is for."""
    shared.drop("prvni.xml", forms.dphdp3(note="completion"))
    done = shared.wait_state("prvni.xml", "done")["case"]
    shared.drop("druhy.xml", b"<nic/>")
    unknown = shared.wait_state("druhy.xml", "unknown")["case"]
    to = ("--config", shared.config)
    offered = tab(*to, "show", "")
    assert f"{done}  (done, prvni.xml)" in offered and f"{unknown}  (unknown, druhy.xml)" in offered
    assert tab(*to, "show", done) == [done]
    assert unknown in {line.split()[0] for line in tab(*to, "classify", "")} and done not in " ".join(tab(*to, "classify", ""))
    assert tab(*to, "token", "login", "") == ["office"]
    assert tab(*to, "list", "--partner", "") == ["epo"]
