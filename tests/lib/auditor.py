"""podatelna-audit as an auditor runs it: a process, an exit code, a JSON object."""

import json
import os
import subprocess

DEADLINE_S = 120
YES, NO, USAGE, DAMAGED = 0, 1, 2, 5


class Verdict:
    """What one run said. `findings`: [(kind, index or None, weight, why)]."""

    def __init__(self, code, said):
        self.code, self.said = code, said
        self.findings = [(f["kind"], f["index"], f["weight"], f["why"]) for f in said["findings"]]

    def named(self, kind=None, weight=None):
        """The indexes of such findings."""
        return [i for k, i, w, _ in self.findings if kind in (None, k) and weight in (None, w)]

    def kinds(self, weight=None):
        return {k for k, _, w, _ in self.findings if weight in (None, w)}

    def __repr__(self):
        return f"exit {self.code}: {self.said['line']}\n" + "\n".join(map(repr, self.findings[:20]))


def program(bin_dir):
    return os.path.join(bin_dir, "podatelna-audit")


def run(bin_dir, *words, env=None):
    """The finished process."""
    return subprocess.run([program(bin_dir), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE_S, check=False,
                          env={**os.environ, **(env or {})})


def verify(bin_dir, data, *options):
    done = run(bin_dir, "verify", data, "--json", *options)
    assert done.returncode in (YES, NO, DAMAGED), (done.returncode, done.stderr.decode(errors="replace"))
    verdict = Verdict(done.returncode, json.loads(done.stdout))
    assert verdict.said["exit"] == done.returncode
    return verdict
