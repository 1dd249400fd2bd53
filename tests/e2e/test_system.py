"""The files for the machine around the box: unit, users, folders, udev, Samba. The tools that will read them read them here."""

import os
import re
import shutil
import stat
import subprocess

import pytest

from box import TOP, USERS
from test_install import prefix, pytestmark  # noqa: F401  (fixture and condition)

UNIT = "lib/systemd/system/podatelna.service"


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True, **options)


@pytest.fixture
def root(tmp_path, prefix):  # noqa: F811
    """A machine's root folder with nothing but the base of its user data base and what was installed."""
    for name, text in (("etc/passwd", "root:x:0:0::/root:/bin/sh\n"), ("etc/group", "root:x:0:\n")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for folder in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(os.path.join(prefix, "lib", folder), tmp_path / "usr/lib" / folder)
    done = run("systemd-sysusers", f"--root={tmp_path}")
    assert done.returncode == 0 and "Failed" not in done.stdout and "invalid" not in done.stdout, done.stdout
    return tmp_path


def test_unit(prefix):  # noqa: F811
    """systemd finds nothing to complain about, and would start the installed program."""
    path = os.path.join(prefix, UNIT)
    done = run("systemd-analyze", "verify", "--man=no", path)
    ours = [line for line in done.stdout.splitlines() if "podatelna" in line]
    assert not ours, done.stdout
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert f"ExecStart={prefix}/sbin/podatelnad " in text
    assert "@" not in re.sub(r"@system-service\b", "", text)


def test_verify_sees_faults(prefix, tmp_path):  # noqa: F811
    """The check above can fail."""
    broken = tmp_path / "podatelna.service"
    with open(os.path.join(prefix, UNIT), encoding="utf-8") as f:
        broken.write_text(f.read().replace("WatchdogSec=60", "WatchdogSec=often"))
    assert "often" in run("systemd-analyze", "verify", "--man=no", str(broken)).stdout


def test_every_directive_has_its_reason():
    """A line above each directive says why it stands there."""
    with open(os.path.join(TOP, "image", "systemd", "podatelna.service.in"), encoding="utf-8") as f:
        lines = f.read().splitlines()
    said = ("Description", "Documentation", "ExecStart", "WantedBy")
    bare = [line for above, line in zip(lines, lines[1:]) if re.match(r"[A-Z]\w*=", line) and line.partition("=")[0] not in said and above[:1] != "#"]
    assert not bare


def test_users(root):
    """One for each program, as the configuration names them; the hub alone is in the group of the share."""
    users = {line.split(":")[0]: line.split(":") for line in (root / "etc/passwd").read_text().splitlines()}
    assert set(USERS.values()) == set(users) - {"root"}
    assert len({users[name][2] for name in USERS.values()}) == len(USERS)
    assert all(users[name][6].endswith("nologin") for name in USERS.values())
    members = {line.split(":")[0]: line.split(":")[3] for line in (root / "etc/group").read_text().splitlines()}
    assert members["podatelna"] == "podatelna-hub"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: folders of other users")
def test_folders(root):
    done = run("systemd-tmpfiles", f"--root={root}", "--create")
    assert done.returncode == 0, done.stdout
    uids = {line.split(":")[0]: int(line.split(":")[2]) for line in (root / "etc/passwd").read_text().splitlines()}
    gids = {line.split(":")[0]: int(line.split(":")[2]) for line in (root / "etc/group").read_text().splitlines()}

    def look(path):
        status = os.stat(root / path)
        return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    store, hub = uids["podatelna-store"], uids["podatelna-hub"]
    assert look("var/lib/podatelna") == look("var/lib/podatelna-mark") == (0o700, store, gids["podatelna-store"])
    assert look("srv/podatelna/Podat") == (0o2770, hub, gids["podatelna"])
    assert look("srv/podatelna/Vyrizeno") == (0o2750, hub, gids["podatelna"])
    assert look("srv/podatelna.claim") == (0o700, hub, gids["podatelna-hub"])
    assert look("etc/podatelna") == (0o755, 0, 0)


def test_folders_are_those_of_the_configuration():
    """Each folder that the box writes by default is made by tmpfiles.d, and the unit lets it be written."""
    with open(os.path.join(TOP, "config", "podatelna.conf.example"), encoding="utf-8") as f:
        example = f.read()
    wanted = {key: re.search(rf'^[# ]*{key} = "(/[^"]+)"', example, re.M)[1] for key in ("data_dir", "mark_file", "run_dir", "path", "claim_dir", "state_dir")}
    wanted["mark_file"] = os.path.dirname(wanted["mark_file"])
    with open(os.path.join(TOP, "image", "systemd", "tmpfiles.conf"), encoding="utf-8") as f:
        made = {line.split()[1] for line in f if line.startswith("d ")}
    with open(os.path.join(TOP, "image", "systemd", "podatelna.service.in"), encoding="utf-8") as f:
        writable = [path.lstrip("-") for path in re.search(r"^ReadWritePaths=(.*)$", f.read(), re.M)[1].split()]
    assert set(wanted.values()) <= made
    for path in wanted.values():
        assert any(path == top or path.startswith(top + "/") for top in writable), path


def test_samba_example(prefix):  # noqa: F811
    """testparm takes it; staff write, auditors only read, and nobody else comes in."""
    path = os.path.join(prefix, "share/doc/podatelna/examples/smb.conf.example")
    done = subprocess.run(["testparm", "-s", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False, text=True)
    assert done.returncode == 0, done.stderr
    assert not re.search("(?i)unknown parameter|invalid|found in service section|error", done.stderr), done.stderr
    shares = {name: dict(line.strip().split(" = ", 1) for line in text.splitlines() if " = " in line)
              for name, text in re.findall(r"^\[(.+?)\]\n((?:\t.*\n)*)", done.stdout + "\n", re.M)}
    audit = {"podatelna-audit": "/var/lib/podatelna/journal", "podatelna-checkpoints": "/srv/podatelna-checkpoints"}
    assert set(shares) == {"global", "podatelna", *audit}
    assert shares["podatelna"]["read only"] == "No" and shares["podatelna"]["force group"] == "podatelna"
    for name, path in audit.items():
        assert shares[name].get("read only", "Yes") == "Yes" and shares[name]["path"] == path
    assert all("valid users" in shares[name] for name in ("podatelna", *audit))


def test_udev_rules(prefix):  # noqa: F811
    """Each rule is a list of KEY{attribute} operator "value"; udev itself has no check of a file in Debian 12."""
    with open(os.path.join(prefix, "lib/udev/rules.d/70-podatelna.rules"), encoding="utf-8") as f:
        rules = [line for line in f.read().splitlines() if line and not line.startswith("#")]
    word = r'(ACTION|SUBSYSTEM|KERNEL|ENV\{\w+\}|TEST|ATTR\{[\w/]+\}|RUN)(==|\+=|=)"[^"]*"'
    assert len(rules) == 2 and all(re.fullmatch(rf"{word}(, {word})*", rule) for rule in rules), rules
