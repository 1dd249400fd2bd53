"""Where everything is measured: a work directory with PKI, one token, one simulated portal that serves the box and the loop, and boxes."""

import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TESTS, "lib"), os.path.join(TESTS, "e2e")]
import forms  # noqa: E402
import pki  # noqa: E402
from box import Box, Tokens, die_with_parent, is_root, workdir  # noqa: E402
from simulator import Simulator  # noqa: E402

FORM, FORM_BYTES = "dphdp3", 20 * 1024
TOKEN, KEY = "office", "sign"
# Asked for the result of a filing only when told to (`poll --all`): what costs what can be told apart.
SETTINGS = {'partner "epo"': {"poll_first": "1 h", "poll_max": "2 h"}}


class Unmeasured(Exception):
    """Something could not be measured; the words say why."""


class NeedsRoot(Exception):
    """Something that only root may look at; nobody's fault."""


class Place:
    """portal, tokens (their original; every box has a copy of the same keys) and boxes; all is stopped and removed at the end."""

    def __init__(self, bin_dir, long_form, keep=False):
        self.bin, self.long, self.keep = bin_dir, long_form, keep
        self.helpers = os.path.join(os.path.dirname(bin_dir), "bench")
        self.dir = workdir("podatelna-bench-")
        self.boxes, self.made = [], 0
        self.pki = pki.make(os.path.join(self.dir, "pki"))
        os.chmod(self.pki, 0o755)
        Simulator.PREEXEC = staticmethod(die_with_parent)
        self.portal = Simulator("epo", os.path.join(self.dir, "epo"), self.pki, settings=["stav_polls=0"], keep=False)
        self.tokens = Tokens(os.path.join(self.dir, "tokens"), {TOKEN: [KEY, "vault"]}, self.pki)
        self.hsm = self.tokens.hsm
        self.key = next(k for k in self.hsm.tokens[0]["keys"] if k["name"] == KEY)

    def __enter__(self):
        try:
            self.portal.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for box in self.boxes:
            box.kill_all()
        self.portal.stop()
        if self.keep:
            print(f"kept: {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def box(self, name, prepare=None, tokens=None):
        """A box that works, its token logged in. prepare(box): before the start. tokens: others than the one of this place."""
        made = Box(os.path.join(self.dir, name), self.bin, self.portal, tokens=tokens or self.tokens, settings=SETTINGS, start=False)
        self.boxes.append(made)
        if prepare is not None:
            prepare(made)
        made.start()
        made.wait_token()
        return made

    def forms(self, count):
        """[(file name, content)], all different."""
        made = []
        for _ in range(count):
            self.made += 1
            made.append((f"podani-{self.made:06d}.xml", forms.make(FORM, note=f"n{self.made}", size=FORM_BYTES)))
        return made

    def helper(self, name):
        path = os.path.join(self.helpers, name)
        if not os.access(path, os.X_OK):
            raise Unmeasured(f"{path} is not built")
        return path

    def folder(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path)
        return path


def need_root(what):
    if not is_root():
        raise NeedsRoot(f"{what} needs root")
