"""The token by itself: raw C_Sign beside podatelna-token (whole CMS signatures, asked for as the store does), for each type of key, one token and four."""

import os
import subprocess

from box import Tokens
from place import Unmeasured

TYPES = (("rsa2048", "RSA-2048"), ("rsa3072", "RSA-3072"), ("ec", "P-256"))
ROUND_MS = {False: 700, True: 4000}
ROUNDS = {False: 3, True: 8}
FOUR = 4
LIMIT_S = 120


def together(commands, environment):
    """All at once; signatures per second of all of them."""
    started = [subprocess.Popen(c, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for c in commands]
    rate = 0.0
    for process in started:
        out, err = process.communicate(timeout=LIMIT_S)
        if process.returncode != 0:
            raise Unmeasured(err.decode(errors="replace").strip())
        count, seconds = out.split()[:2]
        rate += int(count) / float(seconds)
    return rate


def measure(place):
    """{type: {"raw": {1: [rates], 4: [rates]}, "ours": the same}}"""
    tokens = Tokens(os.path.join(place.dir, "tokens-keys"),
                    {f"card-{n}": [f"sign-{kind}-{n}/{kind}" for kind, _ in TYPES] for n in range(FOUR)}, place.pki)
    hsm = tokens.hsm
    environment = {**hsm.environment(), "PODATELNA_BENCH_PIN": hsm.pin}
    duration = str(ROUND_MS[place.long])
    found = {}
    for place_of, (kind, _) in enumerate(TYPES):
        keys = [(token["label"], token["keys"][place_of]) for token in hsm.tokens]
        raw = [[place.helper("sign_rate"), hsm.module, label, key["id"], duration] for label, key in keys]
        ours = [[place.helper("token_rate"), os.path.join(place.bin, "podatelna-token"), hsm.module, f"pkcs11:token={label}", key["uri"], key["cert"],
                 duration, hsm.dir] for label, key in keys]
        rates = {"raw": {1: [], FOUR: []}, "ours": {1: [], FOUR: []}}
        for _ in range(ROUNDS[place.long]):
            for many in (1, FOUR):
                rates["raw"][many].append(together(raw[:many], environment))
                rates["ours"][many].append(together(ours[:many], environment))
        found[kind] = rates
    return found
