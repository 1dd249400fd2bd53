"""A headless Chromium for pages that the box writes: what a person would see, and what the page asks of the world.

Spoken to through the DevTools protocol on a pipe (--remote-debugging-pipe: JSON messages ended by a zero byte), because a window of a phone's width
cannot be had from the command line. Each call has its own profile folder and its own deadline, and leaves nothing behind. Names of hosts are never resolved.
"""

import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAMS = ("chromium", "chromium-browser")
START_DEADLINE_S = 60
DEADLINE_S = 60
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check",
         "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--disable-default-apps", "--mute-audio", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=cs",
         "--host-resolver-rules=MAP * ~NOTFOUND")


def program():
    """The path of the browser, None when there is none."""
    return next((found for found in map(shutil.which, PROGRAMS) if found), None)


def address(path_or_url):
    text = str(path_or_url)
    return text if "://" in text or text.startswith("data:") else pathlib.Path(text).resolve().as_uri()


class Page:
    """One open page. `requests`: every address that it asked for (itself too); `console`: what the browser complained about."""

    def __init__(self, to, answers, deadline_s):
        self.to, self.answers = to, answers
        self.end = time.monotonic() + deadline_s
        self.buffer, self.number, self.session = b"", 0, None
        self.events, self.requests, self.console = [], [], []

    def _message(self):
        while b"\0" not in self.buffer:
            left = self.end - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                raise TimeoutError("the browser did not answer in time")
            piece = os.read(self.answers, 1 << 20)
            if not piece:
                raise EOFError("the browser ended")
            self.buffer += piece
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def _note(self, message):
        method, values = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])
        elif method == "Log.entryAdded":
            self.console.append(values["entry"]["text"])
        self.events.append(method)

    def call(self, method, **values):
        """One command of the protocol; its result."""
        self.number += 1
        order = {"id": self.number, "method": method, "params": values}
        if self.session:
            order["sessionId"] = self.session
        view = memoryview(json.dumps(order).encode() + b"\0")
        while view:
            view = view[os.write(self.to, view):]
        while True:
            message = self._message()
            if message.get("id") != self.number:
                self._note(message)
                continue
            if "error" in message:
                raise RuntimeError(f"{method}: {message['error']}")
            return message["result"]

    def wait_for(self, event):
        while event not in self.events:
            self._note(self._message())

    def open(self, path_or_url, width, height, script=True):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        if not script:
            self.call("Emulation.setScriptExecutionDisabled", value=True)
        self.events.clear()
        self.call("Page.navigate", url=address(path_or_url))
        self.wait_for("Page.loadEventFired")

    def evaluate(self, expression):
        """The value of a JavaScript expression, asked from outside: the page's own policy and a ban on scripts do not matter."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def dom(self):
        return self.evaluate("document.documentElement.outerHTML")

    def size(self):
        """(width, height) of all there is to scroll, in CSS pixels."""
        return tuple(self.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"))

    def screenshot(self, png, whole=False):
        with open(png, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]))

    def pdf(self, path):
        """As printed on A4."""
        data = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))


def start(command, profile):
    """The browser reads orders from descriptor 3 and answers on 4: the process, our ends of the two pipes."""
    low = [os.open(os.devnull, os.O_RDONLY)]
    while low[-1] < 5:  # 3 and 4 are taken while the process is made, so that nothing of ours can stand there
        low.append(os.open(os.devnull, os.O_RDONLY))
    to_read, to = os.pipe()
    answers, answers_write = os.pipe()

    def place():
        os.dup2(to_read, 3)
        os.dup2(answers_write, 4)

    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   pass_fds=(3, 4, to_read, answers_write), preexec_fn=place, start_new_session=True,
                                   env=dict(os.environ, HOME=profile, XDG_RUNTIME_DIR=profile))
    finally:
        for fd in [*low, to_read, answers_write]:
            os.close(fd)
    return process, to, answers


@contextlib.contextmanager
def page(path_or_url, width=1280, height=800, deadline_s=DEADLINE_S, script=True):
    """The page, open. The deadline is for everything that is done with it."""
    profile = tempfile.mkdtemp(prefix="podatelna-browser-")
    command = [program() or PROGRAMS[0], *FLAGS, f"--user-data-dir={profile}", f"--window-size={max(width, 600)},{height}", "about:blank"]
    process, to, answers = start(command, profile)
    try:
        opened = Page(to, answers, START_DEADLINE_S + deadline_s)
        opened.open(path_or_url, width, height, script)
        opened.end = time.monotonic() + deadline_s
        yield opened
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own session: the browser and its helpers, nobody else
        process.wait()
        os.close(to)
        os.close(answers)
        shutil.rmtree(profile, ignore_errors=True)


def screenshot(path_or_url, png, width=1280, height=800, whole=False, deadline_s=DEADLINE_S):
    """A picture of what the window shows; `whole`: of all the page."""
    with page(path_or_url, width, height, deadline_s) as opened:
        opened.screenshot(png, whole)


def dump_dom(path_or_url, width=1280, deadline_s=DEADLINE_S):
    """The document as the browser understood it."""
    with page(path_or_url, width, 800, deadline_s) as opened:
        return opened.dom()
