"""A folder of `podatelna export` as its reader has it: the commands of OVERENI.txt taken literally, and the verdict of podatelna-audit evidence."""

import json
import os
import re
import subprocess


def read(*parts):
    with open(os.path.join(*parts), "rb") as f:
        return f.read()


def put(path, data):
    if os.path.exists(path):
        os.chmod(path, 0o600)
    with open(path, "wb") as f:
        f.write(data)


def export(box, case, name):
    folder = os.path.join(box.dir, name)
    os.makedirs(folder)
    done = box.run_cli("export", case, folder)
    assert done.returncode == 0, done.stderr.decode()
    return folder


def blocks(folder):
    """{number: shell commands} of OVERENI.txt, literally."""
    text = read(folder, "OVERENI.txt").decode().split("PŘÍKAZY / COMMANDS", 1)[1]
    found = {}
    for part in re.split(r"^\((\d)\)\n", text, flags=re.M)[1:]:
        if part.isdigit() and len(part) == 1:
            number = int(part)
        else:
            found[number] = "".join(line[4:] + "\n" for line in part.splitlines() if line.startswith("    "))
    return found


def follow(folder, trust, number, environment=None):
    """What one block says to type, in the shell that it names. Returns its output, or fails as the shell did."""
    with open(os.path.join(folder, "duvera.pem"), "wb") as f:
        f.write(b"".join(read(path) for path in trust))
    return subprocess.run(["sh", "-eu", "-c", blocks(folder)[number]], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env={**os.environ, **(environment or {})})


def blocks_that_fail(folder, trust, environment=None):
    return [number for number in sorted(blocks(folder)) if follow(folder, trust, number, environment).returncode != 0]


def audit(bin_dir, folder, *trust, code=None, at=None):
    """What the verifier says of the folder: (exit code, its JSON)."""
    words = [word for path in trust for word in ("--trust", path)] + (["--at", at] if at else [])
    done = subprocess.run([os.path.join(bin_dir, "podatelna-audit"), "evidence", str(folder), "--json", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    assert done.stdout, done.stderr.decode()
    said = json.loads(done.stdout)
    assert said["exit"] == done.returncode
    assert code is None or done.returncode == code, said
    return done.returncode, said


def findings(said, *weights):
    return {(f["kind"], f["index"]) for f in said["findings"] if f["weight"] in (weights or ("damaged", "doubt"))}
