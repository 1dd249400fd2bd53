"""The second route: the commands that FORMAT.txt gives to people who check a journal without our programs, taken from the text and run as they stand there.

Between the heading of part three and the table of records each run of indented lines is one script; CHECKPOINT ... PROOF say which comes when. Lines indented
deeper than a script's first that begin with a bracket are remarks.
"""

import os
import re
import shutil
import subprocess

CHECKPOINT, YEARS_LATER, LEAVES, ROOT, CHAINS, VAULT, PROOF = range(7)
DEADLINE_S = 300


def scripts(format_path, size=17):
    """All of them; `size` stands where the text has checkpoint 17."""
    with open(format_path, encoding="utf-8") as f:
        part = f.read().split("PART THREE", 1)[1].split("\ntype / typ\n", 1)[0]
    found = [re.sub(r"\n? {6}\(.*\)$", "", text, flags=re.M) for text in re.findall(r"(?:^  .*\n)+", part, flags=re.M)]
    assert len(found) == PROOF + 1
    return [re.sub(r"\b17\.", f"{size}.", text).replace("head -n 17", f"head -n {size}") for text in found]


def lines(script):
    """The commands of a script where each stands on one line."""
    return [line.strip() for line in script.splitlines()]


def desk(folder, data, trust):
    """Where an auditor would sit: a folder with the journal and the certificates that the auditor trusts. trust: {name: path}."""
    os.makedirs(folder)
    for name in ("journal", "vault"):
        if os.path.isdir(os.path.join(data, name)):
            os.symlink(os.path.join(data, name), os.path.join(folder, name))
    for name, path in trust.items():
        shutil.copy(path, os.path.join(folder, name))
    return folder


def run(folder, script):
    """(exit code, what was printed), as typed into a plain shell that stops at the first failure."""
    done = subprocess.run(["sh", "-ec", script], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S, check=False)
    return done.returncode, done.stdout.decode(errors="replace")
