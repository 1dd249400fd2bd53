#!/usr/bin/python3
"""Every single-bit flip of a sealed segment of 1 MB (audit_flips.c): all of them with PODATELNA_LONG, else a sample.

  audit_flips.py DRIVER
"""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import logmaker  # noqa: E402

BYTES, SAMPLE = 1 << 20, 1499  # a prime, so that every column of a record gets its turn


class Nobody:
    """Signs nothing: the segment alone is looked at."""

    def sign(self, origin, size, text):
        return b"", None


def main():
    driver = sys.argv[1]
    log = logmaker.Log()
    log.boot()
    with tempfile.TemporaryDirectory(prefix="audit-flips-") as folder:
        for _ in range(260):
            log.filing()
        log.cut("s")
        written = logmaker.write(log, os.path.join(folder, "data"), Nobody(), vault=False)
        segment = os.path.join(folder, "data", "journal", "segment", "000000000000.s")
        size = os.path.getsize(segment)
        assert size >= BYTES, size
        cpus = len(os.sched_getaffinity(0))
        stride, parts = (cpus, range(cpus)) if os.environ.get("PODATELNA_LONG") else (SAMPLE, range(1))
        running = [subprocess.Popen([driver, segment, str(stride), str(part)], stdout=subprocess.PIPE, text=True) for part in parts]
        said = [(process.communicate()[0], process.returncode) for process in running]
    tried = sum(int(text.split()[1]) for text, code in said if code == 0)
    print(f"{len(written.records)} records, {size} bytes, {tried} flips: {[text.strip() for text, _ in said]}")
    return 0 if all(code == 0 for _, code in said) and tried == sum(len(range(part, 8 * size, stride)) for part in parts) else 1


if __name__ == "__main__":
    sys.exit(main())
