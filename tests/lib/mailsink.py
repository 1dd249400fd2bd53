"""Starts tests/portals/smtp_sink.py and reads its ledger.

  with MailSink(directory, pki_dir, login="box:secret") as sink:
      sink.messages()           [Message] in the order in which they were taken
"""

import base64
import email
import email.header
import email.policy
import json
import os
import subprocess

from box import die_with_parent
from simulator import PORTALS


class Message:
    def __init__(self, line):
        self.line = line
        self.sender, self.to, self.login, self.tls = line["from"], line["to"], line["login"], line["tls"]
        self.raw = base64.b64decode(line["raw"])
        self.parsed = email.message_from_bytes(self.raw, policy=email.policy.SMTP)
        self.subject = self.parsed["Subject"]
        self.body = self.parsed.get_content().replace("\r\n", "\n")
        self.id = self.parsed["Message-ID"]

    def __repr__(self):
        return f"<{self.to} {self.subject!r}>"


class MailSink:
    """stem: which certificate of the PKI it shows."""

    def __init__(self, directory, pki_dir, login=None, stem="tls"):
        self.dir, self.pki, self.login, self.stem = directory, pki_dir, login, stem
        self.process, self.ports = None, {}
        os.makedirs(directory)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = ["/usr/bin/python3", os.path.join(PORTALS, "smtp_sink.py"), self.dir, "--cert", os.path.join(self.pki, self.stem + ".pem"),
                   "--key", os.path.join(self.pki, self.stem + ".key")]
        command += ["--login", self.login] if self.login else []
        for name, port in self.ports.items():
            command += [f"--{name}-port", str(port)]
        with open(os.path.join(self.dir, "stderr"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, preexec_fn=die_with_parent)
        words = self.process.stdout.readline().decode()
        assert words, self.story()
        self.ports = {name: int(port) for name, port in (pair.split("=") for pair in words.split())}
        return self

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def story(self):
        with open(os.path.join(self.dir, "stderr"), encoding="utf-8", errors="replace") as f:
            return f"{self.lines()}\n{f.read()[-2000:]}"

    @property
    def smtps(self):
        return f"smtps://127.0.0.1:{self.ports['smtps']}"

    @property
    def starttls(self):
        return f"smtp://127.0.0.1:{self.ports['starttls']}"

    def faults(self, *lines):
        path = os.path.join(self.dir, "faults")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write("\n".join(lines) + "\n")
        os.rename(path + ".new", path)

    def lines(self, kind=None):
        path = os.path.join(self.dir, "ledger")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            found = [json.loads(line) for line in f.read().splitlines()]
        return [line for line in found if kind in (None, line["kind"])]

    def messages(self):
        return [Message(line) for line in self.lines("message")]
