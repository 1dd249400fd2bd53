"""Under what conditions the figures came about."""

import datetime
import os
import re
import subprocess

from place import FORM, FORM_BYTES, TESTS

PACKAGES = ("openssl", "libssl3", "libcurl4", "curl", "softhsm2", "libp11-3", "libengine-pkcs11-openssl", "libxml2", "libseccomp2", "python3")


def output(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, cwd=TESTS).stdout.decode(errors="replace").strip()
    except OSError:
        return ""


def first(path, pattern, otherwise="?"):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            match = re.search(pattern, f.read(), re.M)
    except OSError:
        return otherwise
    return match[1].strip() if match else otherwise


def commit():
    """The commit, and whether something was changed since; nothing outside a clone."""
    name = output("git", "log", "-1", "--format=%h of %cs")
    changed = output("git", "status", "--porcelain", "--untracked-files=no")
    return (name or "unknown") + (", changed since" if changed else "")


def collect(place):
    """[(name, words)]"""
    build = os.path.dirname(place.bin)
    memory = int(first("/proc/meminfo", r"^MemTotal: +(\d+)", "0")) / 1048576
    disk = output("findmnt", "-n", "-o", "FSTYPE,SOURCE", "-T", place.dir).split()
    packages = output("dpkg-query", "-W", "-f", "${Package} ${Version}, ", *PACKAGES).rstrip(", ")
    return [
        ("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC") + (", long form" if place.long else ", short form")),
        ("machine", f"{first('/proc/cpuinfo', r'^model name.*: (.*)$')}, {len(os.sched_getaffinity(0))} cores, {memory:.1f} GiB, "
                    f"Linux {os.uname().release}, load before {os.getloadavg()[0]:.1f}"),
        ("disk", " on ".join(disk) + f" ({os.path.dirname(place.dir)})"),
        ("programs", f"{first(os.path.join(build, 'compile_commands.json'), r' (-O[^ ]+) ')}, {output('cc', '--version').partition(chr(10))[0]}, commit {commit()}"),
        ("packages", packages or "not Debian"),
        ("filings", f"{FORM.upper()} of {FORM_BYTES} bytes, all different; RSA-2048 in SoftHSM; the portal is a simulator in Python on the same machine"),
        ("CPU", "of the named programs with their ended children; simulator and this program apart; user and system are sampled by the kernel's timer: rough"),
    ]
