"""What `cmake --install` puts where, and a box that is nothing but that."""

import os
import subprocess

import pytest

import forms
from box import TOP
from conftest import BIN, SANITIZED

BUILD = os.path.dirname(BIN)
HELPERS = ("store", "token", "partner", "transport")
FILES = (["bin/podatelna", "bin/podatelna-audit", "sbin/podatelnad", *[f"libexec/podatelna/podatelna-{name}" for name in HELPERS],
          "share/locale/cs/LC_MESSAGES/podatelna.mo", "share/podatelna/podatelna.conf.example",
          "share/doc/podatelna/FORMAT.txt", "share/doc/podatelna/README.md", "share/doc/podatelna/LICENSE", "share/doc/podatelna/examples/smb.conf.example", "share/podatelna/opensc.conf",
          "share/man/man1/podatelna.1", "share/man/man8/podatelnad.8", "share/man/man5/podatelna.conf.5", "share/man/cs/man1/podatelna.1",
          "share/bash-completion/completions/podatelna", "lib/systemd/system/podatelna.service", "lib/sysusers.d/podatelna.conf", "lib/tmpfiles.d/podatelna.conf", "lib/udev/rules.d/70-podatelna.rules"])
FILES += [f"share/podatelna/catalogue/{name}" for name in os.listdir(os.path.join(TOP, "config", "catalogue"))]

pytestmark = pytest.mark.skipif(SANITIZED or not os.path.exists(os.path.join(BUILD, "cmake_install.cmake")),
                                reason="needs a build directory of cmake")


def install(prefix, destdir=None):
    done = subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], env={**os.environ, **({"DESTDIR": destdir} if destdir else {})},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout.decode()


def tree(top):
    return {os.path.relpath(os.path.join(at, name), top) for at, _, names in os.walk(top) for name in names}


@pytest.fixture(scope="module")
def prefix(work):
    path = os.path.join(work, "installed")
    install(path)
    return path


def test_what_is_installed(prefix):
    """Programs where the file system standard has them, and nothing of build or tests."""
    found = tree(prefix)
    assert found == set(FILES)
    for name in found:
        runs = os.access(os.path.join(prefix, name), os.X_OK)
        assert runs == (name.split("/")[0] in ("bin", "sbin", "libexec")), name


def test_destdir(work, prefix):
    """A package is built below DESTDIR; what is in the files names the prefix alone."""
    stage = os.path.join(work, "stage")
    install("/usr", stage)
    assert tree(os.path.join(stage, "usr")) == tree(prefix)
    assert os.listdir(stage) == ["usr"]
    for name in tree(stage):
        with open(os.path.join(stage, name), "rb") as f:
            assert stage.encode() not in f.read(), name


def test_filing_with_installed_programs(prefix, epo, make_box):
    """No program, catalogue or translation of the build is used."""
    box = make_box(epo, start=False)
    box.bin = os.path.join(prefix, "bin")
    box.set("", catalogue_dir=None)
    box.start()
    box.wait_token()
    running = {os.path.relpath(os.readlink(f"/proc/{pid}/exe"), prefix) for pid in box.processes()}
    assert running == {"sbin/podatelnad", *[f"libexec/podatelna/podatelna-{name}" for name in HELPERS]}
    assert "pracuje" in box.text("status")
    document = forms.dphdp3()
    box.drop("dph.xml", document)
    case = box.wait_state("dph.xml", "done")
    assert len(epo.ledger("accepted")) == 1
    assert "potvrzeni.p7s" in os.listdir(box.result(case["case"]))


def test_incomplete_installation(work):
    """A podatelna without its podatelnad says so."""
    place = os.path.join(work, "incomplete", "bin")
    os.makedirs(place)
    subprocess.run(["cp", os.path.join(BIN, "podatelna"), place], check=True)
    done = subprocess.run([os.path.join(place, "podatelna"), "--language", "en", "--config", os.path.join(TOP, "config", "podatelna.conf.example"),
                           "config", "check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"installation is not complete" in done.stderr
