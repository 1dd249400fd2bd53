#!/usr/bin/python3
"""SoftHSM tokens for tests and the demo: tokens, keys made inside them, certificates from the test PKI.

Command line:
  softhsm.py DIR [--pki DIR] --token LABEL:KEY[,KEY...] [--token ...] [--pin 123456] [--so-pin 12345678]

KEY is  NAME[/ec|/rsa3072][+OPTION...]
  NAME begins with  sign | vault | tls | journal  and decides the certificate:
    sign*     qualified-like, digitalSignature + nonRepudiation, IK MPSV
    vault*    keyEncipherment (RSA) or keyAgreement (EC)
    tls*      client authentication
    journal*  digitalSignature
  OPTION: expired | not-yet | wrong-usage | mismatch | no-ik | ik-in-subject | no-cert (key without a certificate)
Examples:  --token office:sign,vault     --token a:sign/ec --token b:vault,journal/ec

Writes DIR/softhsm2.conf, DIR/tokens/, DIR/<token>-<name>.pem and .der, DIR/softhsm.json (also printed):
  module, conf, pki, ca, pin, so_pin, tokens[]: label, serial, uri,
  keys[]: name, id, label, type, uri ("pkcs11:id=%01", as in podatelna.conf), key_uri (whole), cert, cert_der
A program that uses the tokens needs SOFTHSM2_CONF = conf in its environment.
"""

import argparse
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pki  # noqa: E402

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
KEY_TYPES = {"rsa2048": "rsa:2048", "rsa3072": "rsa:3072", "rsa4096": "rsa:4096", "ec": "EC:prime256v1",
             "p384": "EC:secp384r1"}
OPTIONS = ("expired", "not-yet", "wrong-usage", "mismatch", "no-ik", "ik-in-subject", "no-cert")


class Key:
    """One key pair of a token; the attributes are the JSON fields."""

    def __init__(self, spec, number):
        head, *options = spec.split("+")
        self.name, _, kind = head.partition("/")
        self.type = kind or "rsa2048"
        self.options = options
        self.id = f"{number:02x}"
        self.label = self.name
        if self.type not in KEY_TYPES:
            raise ValueError(f"unknown key type {self.type!r}; known: {', '.join(KEY_TYPES)}")
        for option in options:
            if option not in OPTIONS:
                raise ValueError(f"unknown option {option!r}; known: {', '.join(OPTIONS)}")


class SoftHsm:
    """Tokens in one directory. All methods raise RuntimeError with the tool's words when a tool fails."""

    def __init__(self, directory, pki_dir=None, pin="123456", so_pin="12345678"):
        self.dir = os.path.abspath(directory)
        self.module = next((m for m in MODULES if os.path.exists(m)), MODULES[0])
        self.conf = os.path.join(self.dir, "softhsm2.conf")
        self.pin, self.so_pin = pin, so_pin
        self.tokens = []
        os.makedirs(os.path.join(self.dir, "tokens"), mode=0o700, exist_ok=True)
        pki.write_file(self.conf, (f"directories.tokendir = {self.dir}/tokens\nobjectstore.backend = file\n"
                                   "log.level = ERROR\nslots.removable = false\n").encode())
        self.pki = pki.make(pki_dir or os.path.join(self.dir, "pki"))

    def environment(self):
        return dict(os.environ, SOFTHSM2_CONF=self.conf)

    def run(self, *command):
        done = subprocess.run(command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60, check=False)
        if done.returncode != 0:
            words = done.stdout.decode("utf-8", "replace").strip()
            raise RuntimeError(f"{os.path.basename(command[0])} failed ({done.returncode}): {words}")
        return done.stdout

    def tool(self, label, *arguments, login=True):
        secret = ("--login", "--pin", self.pin) if login else ()
        return self.run("pkcs11-tool", "--module", self.module, "--token-label", label, *secret, *arguments)

    def add_token(self, label, keys):
        """keys: list of KEY specifications. Returns the token's dictionary."""
        self.run("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", self.pin,
                 "--so-pin", self.so_pin)
        token = {"label": label, "serial": self.serial(label), "uri": "", "keys": []}
        token["uri"] = f"pkcs11:token={label};serial={token['serial']}"
        for number, spec in enumerate(keys, 1):
            token["keys"].append(self.add_key(token, Key(spec, number)))
        self.tokens.append(token)
        return token

    def serial(self, label):
        listing = self.run("softhsm2-util", "--show-slots").decode()
        serial = None
        for line in listing.splitlines():
            field, _, value = line.strip().partition(":")
            if field == "Serial number":
                serial = value.strip()
            if field == "Label" and value.strip() == label:
                return serial
        raise RuntimeError(f"token {label} is not listed")

    def add_key(self, token, key):
        label = token["label"]
        usage = []
        if key.type.startswith("rsa"):
            usage = ["--usage-decrypt"] if key.name.startswith(("vault", "decrypt")) else ["--usage-sign"]
        elif key.name.startswith("vault"):
            usage = ["--usage-derive"]
        self.tool(label, "--keypairgen", "--key-type", KEY_TYPES[key.type], "--id", key.id,
                  "--label", key.label, *usage)
        stem = os.path.join(self.dir, f"{label}-{key.name}")
        fields = {"name": key.name, "id": key.id, "label": key.label, "type": key.type,
                  "uri": f"pkcs11:id=%{key.id}",
                  "key_uri": f"{token['uri']};id=%{key.id};object={key.label};type=private"}
        if "no-cert" not in key.options:
            self.tool(label, "--read-object", "--type", "pubkey", "--id", key.id, "--output-file", stem + ".pub",
                      login=False)
            with open(stem + ".pub", "rb") as f:
                cert = self.certify(key, f.read())
            pki.write_file(stem + ".pem", pki.cert_pem(cert))
            pki.write_file(stem + ".der", cert.public_bytes(pki.serialization.Encoding.DER))
            self.tool(label, "--write-object", stem + ".der", "--type", "cert", "--id", key.id, "--label", key.label)
            fields.update(cert=stem + ".pem", cert_der=stem + ".der")
        return fields

    def certify(self, key, public):
        state = next((o for o in key.options if o in ("expired", "not-yet")), "valid")
        if key.name.startswith("vault"):
            return pki.issue_vault(self.pki, public, state=state)
        if key.name.startswith("decrypt"):
            return pki.issue_vault(self.pki, public, common="Podatelna test commercial", state=state)
        usage = {"sign": "qualified", "jour": "signature"}.get(key.name[:4], "tls")
        if "wrong-usage" in key.options:
            usage = "encipherment"
        person = usage == "qualified" or key.name.startswith("sign")
        return pki.issue_user(self.pki, public, usage=usage, state=state, mismatch="mismatch" in key.options,
                              ik_mpsv=pki.DEFAULT_IK if person and "no-ik" not in key.options else None,
                              ik_in_subject="ik-in-subject" in key.options,
                              common="Jana Nováková" if person else f"Podatelna test {key.name}")

    def replace_cert(self, label, key_name, **options):
        """Puts another certificate over the same key (options of pki.issue_user). Returns its PEM path."""
        token = next(t for t in self.tokens if t["label"] == label)
        key = next(k for k in token["keys"] if k["name"] == key_name)
        stem = os.path.join(self.dir, f"{label}-{key_name}")
        with open(stem + ".pub", "rb") as f:
            cert = pki.issue_user(self.pki, f.read(), **options)
        pki.write_file(stem + ".pem", pki.cert_pem(cert))
        pki.write_file(stem + ".der", cert.public_bytes(pki.serialization.Encoding.DER))
        self.tool(label, "--delete-object", "--type", "cert", "--id", key["id"])
        self.tool(label, "--write-object", stem + ".der", "--type", "cert", "--id", key["id"],
                  "--label", key["label"])
        return stem + ".pem"

    def describe(self):
        return {"module": self.module, "conf": self.conf, "pki": self.pki, "ca": os.path.join(self.pki, "ca.pem"),
                "pin": self.pin, "so_pin": self.so_pin, "tokens": self.tokens}

    def save(self):
        pki.write_file(os.path.join(self.dir, "softhsm.json"),
                       json.dumps(self.describe(), indent=2).encode() + b"\n", 0o600)


def make(directory, tokens, pki_dir=None, pin="123456", so_pin="12345678"):
    """tokens: {label: [KEY, ...]}. Returns the SoftHsm object; its JSON is beside."""
    for keys in tokens.values():
        for spec in keys:
            Key(spec, 1)
    hsm = SoftHsm(directory, pki_dir, pin, so_pin)
    for label, keys in tokens.items():
        hsm.add_token(label, keys)
    hsm.save()
    return hsm


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("--pki", help="directory of the PKI; DIR/pki when not given; made when missing")
    parser.add_argument("--token", action="append", required=True, metavar="LABEL:KEY,KEY")
    parser.add_argument("--pin", default="123456")
    parser.add_argument("--so-pin", default="12345678")
    args = parser.parse_args(argv)
    tokens = {}
    for spec in args.token:
        label, _, keys = spec.partition(":")
        tokens[label] = [k for k in keys.split(",") if k]
    try:
        hsm = make(args.dir, tokens, args.pki, args.pin, args.so_pin)
    except (RuntimeError, ValueError) as fault:
        print(f"softhsm.py: {fault}", file=sys.stderr)
        return 1
    print(json.dumps(hsm.describe(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
