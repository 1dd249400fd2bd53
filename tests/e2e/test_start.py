"""The administrator's first start: each error says what happened, to which file, and what to do next."""

import os
import re
import subprocess

import pytest

from box import until
from conftest import BIN, SANITIZED

ENGLISH = {**os.environ, "PODATELNA_LANGUAGE": "en"}


def daemon(*words):
    return subprocess.run([os.path.join(BIN, "podatelnad"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENGLISH,
                          text=True, check=False, timeout=20)


@pytest.mark.parametrize("words", [(), ("--check",)])
def test_no_configuration(tmp_path, words):
    """An example is named, and it is there."""
    done = daemon("--config", str(tmp_path / "podatelna.conf"), *words)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and str(tmp_path / "podatelna.conf") in said
    assert os.path.isfile(re.search(r"begin with a copy of (\S+)", said)[1])


def test_configuration_that_cannot_be_read(tmp_path):
    done = daemon("--config", str(tmp_path))
    assert done.returncode == 1 and "cannot be read" in done.stderr
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    done = daemon("--config", str(loop))
    assert done.returncode == 1 and "Too many levels" in done.stderr


@pytest.mark.parametrize("words", [("--bogus",), ("word",), ("--config",), ("--check", "word")])
def test_wrong_usage(words):
    """The word that is not understood, and what would be."""
    done = daemon(*words)
    assert done.returncode == 2 and f"not understood: {words[-1]}\n" in done.stderr and "--config FILE" in done.stderr


def test_help_and_version():
    done = daemon("--help")
    assert done.returncode == 0 and "--check" in done.stdout and not done.stderr and all(len(line) <= 80 for line in done.stdout.splitlines())
    versions = [subprocess.run([os.path.join(BIN, name), "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
                for name in ("podatelnad", "podatelna")]
    assert versions[0][0] == "podatelnad" and versions[0][1] == versions[1][1]


@pytest.mark.skipif(SANITIZED, reason="looks at words of the log only")
def test_certificate_that_is_not_there(make_box):
    """The log names the file, not only that a program ended; the box goes on once it is there."""
    box = make_box(start=False)
    cert = box.settings['key "vault"']["cert"]
    box.set('key "vault"', cert=cert + ".later")
    box.start(wait=False)
    until(lambda: "podatelna-store cannot be given its settings" in box.log(), 20, box.log_tail)
    assert cert + ".later" in box.log() and "killed by signal" not in box.log()
    os.rename(cert, cert + ".later")
    box.wait_ready()
