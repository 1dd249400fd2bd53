"""Builds the PKCS#11 module that misbehaves (tests/lib/evil_module) and puts it between a box and its token."""

import os
import subprocess

from box import TOP


def build(work):
    """Path of the module, in a folder of its own: the token process may read its module's folder."""
    folder = os.path.join(work, "evil")
    path = os.path.join(folder, "evil-pkcs11.so")
    if not os.path.exists(path):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        flags = subprocess.run(["pkg-config", "--cflags", "p11-kit-1"], stdout=subprocess.PIPE, check=True).stdout.decode().split()
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", *flags,
                        os.path.join(TOP, "tests", "lib", "evil_module", "evil.c"), "-o", path, "-ldl"], check=True)
    return path


def insert(box, module, label="office", **switches):
    """EVIL_* switches of the module; the box must be (re)started."""
    environment = [f"SOFTHSM2_CONF={box.hsm.conf}", f"EVIL_REAL={box.hsm.module}"]
    environment += [f"EVIL_{name}={value}" for name, value in switches.items()]
    box.set(f'token "{label}"', module=module, environment=environment, readable=[box.hsm.dir, os.path.dirname(box.hsm.module)])


def logins(box):
    """How often C_Login was called."""
    return box.log().count("evil: C_Login\n")
