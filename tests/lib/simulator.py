"""Starts a portal simulator as a program of its own and speaks to its control port; for tests and the demo.

  with Simulator("epo", workdir, pki_dir, settings=["stav_polls=0"]) as portal:
      portal.url            https://127.0.0.1:PORT/dpr
      portal.switch(**{"cut_after_request.file": "once"})
      portal.ledger("accepted")
"""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request

import pki

PORTALS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "portals")
START_S = 20
STOP_S = 10


class Simulator:
    """One running simulator. port: a fixed HTTPS port, so that a restarted one is found again."""

    BASES = {"epo": "/dpr", "toy": "/inbox", "tsa": "/TSS/TSS_user/", "vrep": "/VREP"}
    PARTNERS = {"vrep": "cssz"}  # whose gateway it is, where the names differ
    PREPARE = {"vrep": pki.make_dis}  # long work of the first start, outside of START_S
    PREEXEC = None  # called in the child before the program starts; tests let the kernel end it with its parent

    def __init__(self, name, workdir, pki_dir, settings=(), port=0, seed=None, keep=True):
        os.makedirs(workdir, exist_ok=True)
        self.partner = self.PARTNERS.get(name, name)
        self.name, self.dir, self.pki = name, os.path.abspath(workdir), os.path.abspath(pki_dir)
        self.settings, self.port, self.seed, self.keep = list(settings), port, seed, keep
        self.ledger_path = os.path.join(self.dir, f"{name}.ledger")
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def path(self, suffix):
        return os.path.join(self.dir, f"{self.name}.{suffix}")

    def start(self):
        if self.name in self.PREPARE:
            self.PREPARE[self.name](self.pki)
        for suffix in ("port", "control-port"):
            if os.path.exists(self.path(suffix)):
                os.unlink(self.path(suffix))
        command = ["/usr/bin/python3", os.path.join(PORTALS, f"{self.name}.py"), "--pki", self.pki,
                   "--listen", f"127.0.0.1:{self.port}", "--ledger", self.ledger_path,
                   "--port-file", self.path("port"), "--control-port-file", self.path("control-port")]
        command += ["--keep", self.path("keep")] if self.keep else []
        command += ["--seed", str(self.seed)] if self.seed is not None else []
        for setting in self.settings:
            command += ["--set", setting]
        with open(self.path("stderr"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=self.PREEXEC)
        self.port = self.wait_port("port")
        self.control_port = self.wait_port("control-port")
        self.base = f"https://127.0.0.1:{self.port}"
        self.url = self.base + self.BASES[self.name]
        self.control = f"http://127.0.0.1:{self.control_port}"
        return self

    def wait_port(self, suffix):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                with open(self.path(suffix), encoding="ascii") as f:
                    return int(f.read())
            except FileNotFoundError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        with open(self.path("stderr"), encoding="utf-8", errors="replace") as f:
            words = f.read()[-2000:]
        self.stop()
        raise RuntimeError(f"the simulator {self.name} did not start: {words}")

    def stop(self):
        """Ends it by SIGTERM; returns its exit code (0 = clean)."""
        if self.process is None:
            return None
        self.process.terminate()
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process = None
        return code

    def restart(self):
        self.stop()
        return self.start()

    def get(self, path):
        with urllib.request.urlopen(self.control + path, timeout=30) as reply:
            return reply.read()

    def post(self, path, value):
        request = urllib.request.Request(self.control + path, json.dumps(value).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as fault:
            raise ValueError(fault.read().decode()) from None

    def ledger(self, kind=None):
        return json.loads(self.get("/ledger" + (f"?kind={kind}" if kind else "")))

    def counts(self):
        return json.loads(self.get("/counts"))

    def switches(self):
        return json.loads(self.get("/switches"))

    def switch(self, settings=None, **more):
        """switch({"cut_after_request.file": "once"}) or switch(slow_ms=100)."""
        return self.post("/switch", {**(settings or {}), **more})

    def reset(self, ledger=False):
        return self.post("/reset", {"ledger": ledger})

    def confirmation(self, md5=None, cislo=None):
        """The good confirmation of an accepted filing, as a person would download it."""
        return self.get(f"/confirmation?cislo={cislo}" if cislo else f"/confirmation?md5={md5}")
