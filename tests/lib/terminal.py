"""A terminal for tests: a real pseudo-terminal, and a model of a VT100 (pyte) that keeps what a person would see.

  with Terminal(["podatelna", "watch"], rows=24, columns=80) as terminal:
      terminal.wait(lambda: "PIN" in terminal.text())
      terminal.type("q")
      assert terminal.end() == 0
"""

import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import time

import pyte

SEQUENCE = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[ -/]*[0-~])")
# Cursor address, erase to the end of the line and of the screen: all that a VT100 line needs.
PLAIN = re.compile(rb"\x1b\[(?:\d+;\d+)?H|\x1b\[[JK]")


class Screen(pyte.Screen):
    """Counts what must not happen: lines that wrap, a picture that scrolls."""

    wraps = scrolls = 0

    def draw(self, data):
        for character in data:
            line = self.cursor.y
            super().draw(character)
            self.wraps += self.cursor.y != line

    def index(self):
        self.scrolls += self.cursor.y == self.lines - 1
        super().index()


class Terminal:
    def __init__(self, command, rows=24, columns=80, term="vt100", env=None, user_input=True):
        self.master, self.slave = os.openpty()
        self.screen = Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.size(rows, columns, tell=False)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(command, stdin=self.slave if user_input else subprocess.DEVNULL, stdout=self.slave, stderr=self.slave,
                                        env={**os.environ, **(env or {}), "TERM": term}, start_new_session=True, preexec_fn=self.take)
        os.set_blocking(self.master, False)

    def take(self):
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def size(self, rows, columns, tell=True):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.screen.resize(rows, columns)

    def read(self):
        """What came since the last time, drawn on the model."""
        came = b""
        while True:
            try:
                piece = os.read(self.master, 65536)
            except (BlockingIOError, OSError):
                break
            if not piece:
                break
            came += piece
        self.raw += came
        self.stream.feed(came)
        return came

    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait(self, check, timeout=30, step=0.05):
        deadline = time.monotonic() + timeout * float(os.environ.get("PODATELNA_SLOW", "1"))
        while True:
            self.read()
            value = check()
            if value:
                return value
            assert time.monotonic() < deadline, "not seen on the terminal:\n" + self.text()
            time.sleep(step)

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self, timeout=20):
        """The exit code; what came until then is drawn."""
        self.wait(lambda: self.process.poll() is not None, timeout)
        self.read()
        return self.process.returncode

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def settings(self):
        return termios.tcgetattr(self.slave)

    def strange(self):
        """Escape sequences that a VT100 line does not need."""
        return [found for found in SEQUENCE.findall(self.raw) if not PLAIN.fullmatch(found)]

    def updates(self):
        """Lengths of the pieces that end with the cursor at its resting place (the last line, first column)."""
        rest = f"\x1b[{self.screen.lines};1H".encode()
        return [len(piece) + len(rest) for piece in self.raw.split(rest)[:-1]]
