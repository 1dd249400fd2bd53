"""Where the built programs are."""

import os


def find_bin(given=None):
    """Folder of the built programs: --bin, PODATELNA_BIN, or build directories of tests/run and tests/demo."""
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    tries = [given, os.environ.get("PODATELNA_BIN")]
    tries += [os.path.join(os.environ.get("PODATELNA_BUILD", os.path.join(top, "build")), *more)
              for more in (("plain", "bin"), ("bin",), ("demo", "bin"))]
    for path in tries:
        if path and os.path.exists(os.path.join(path, "podatelnad")):
            return os.path.abspath(path)
    raise SystemExit("no built programs: give --bin DIR or PODATELNA_BIN")
