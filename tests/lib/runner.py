#!/usr/bin/python3
"""Builds and runs the groups of tests; started by tests/run, see there.

Each part is one command with a log of its own under BUILD/log; the log's end is shown when the part fails. Counts come from
what the tools report (ctest, JUnit files of pytest), one for a program that only has an exit code.
"""

import argparse
import concurrent.futures
import fnmatch
import glob
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import counts  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = os.path.join(TOP, "tests")
GROUPS = ("lint", "unit", "e2e", "card", "portals", "crash", "fuzz", "coverage", "bench", "image")
CPUS = os.cpu_count() or 2
# What stands in none is the last part.
E2E_PARTS = (("test_filing.py", "test_people.py", "test_toy.py", "test_rights.py"), ("test_inbox.py", "test_token.py", "test_console.py", "test_attacks.py"),
             ("test_stamps.py", "test_stamp_causes.py", "test_client_tls.py", "test_anchors.py", "test_report.py"),
             ("test_clock.py", "test_tool.py", "test_keys.py", "test_mail.py", "test_proxy.py", "test_several_tokens.py"),
             ("test_archive.py", "test_backup.py", "test_erase.py", "test_evidence.py", "test_maintenance.py", "test_renew.py", "test_second_route.py",
              "test_audit.py", "test_audit_anchors.py", "test_attacks_anchors.py"),
             ("test_cssz*.py",))
TAIL_LINES = 60
FAILED_LINE = re.compile(r"^(?:FAILED|ERROR) (tests/\S+)|^\s+\d+ - (\S+) \((?:Failed|Timeout|SEGFAULT|Subprocess aborted|Not Run|SIG\w+|Child killed|Exception: \S+)\)", re.M)
FAILED_NAMES_MAX = 40
PYTEST_NOTHING = 5  # its exit code when a mark or a name leaves no test
GOOD_LINE = re.compile(r"^ +Start +\d+: |Test +#\d+: .* Passed |^\[ +(RUN|OK) +\] ")  # not worth showing when something failed
SHOWN = ("bench",)  # groups whose output is worth reading when nothing failed, too
FUZZ_SHORT_S, FUZZ_LONG_S = 10, 600
SANITIZER = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
BUILDS = {
    "plain": ["-DCMAKE_BUILD_TYPE=RelWithDebInfo"],
    "coverage": ["-DCMAKE_BUILD_TYPE=Debug", "-DPODATELNA_COVERAGE=ON"],
    "asan": ["-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DPODATELNA_SANITIZE=ON"],
    "fuzz": ["-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DPODATELNA_SANITIZE=ON", "-DPODATELNA_FUZZ=ON",
             "-DPODATELNA_TESTS=OFF", "-DCMAKE_C_COMPILER=clang"],
}


class Result:
    """What one part came to."""

    def __init__(self, name, passed=0, failed=0, skipped=0, note="", log=""):
        self.name, self.passed, self.failed, self.skipped, self.note, self.log = name, passed, failed, skipped, note, log
        self.seconds, self.shown = 0.0, False


class Runner:
    def __init__(self, build, long_forms):
        self.build, self.long = os.path.abspath(build), long_forms
        self.log_dir = os.path.join(self.build, "log")
        os.makedirs(self.log_dir, exist_ok=True)
        self.children = set()
        self.counts = counts.Counts(TOP, os.path.join(self.build, "coverage"))

    # --- programs ---

    def command(self, name, command, timeout, env=None, cwd=TOP):
        """(exit code or None, path of the log). The whole process group ends at the deadline."""
        log = os.path.join(self.log_dir, name.replace("/", "-") + ".log")
        with open(log, "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                                       env={**os.environ, **({"PODATELNA_LONG": "1"} if self.long else {}), **(env or {})}, start_new_session=True)
            self.children.add(process)
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                code = None
                self.end(process)
                out.write(f"\nended after {timeout} s\n".encode())
            finally:
                self.children.discard(process)
        return code, log

    @staticmethod
    def end(process):
        for number, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
            try:
                os.killpg(process.pid, number)
                process.wait(seconds)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def stop(self):
        for process in list(self.children):
            self.end(process)

    # --- builds ---

    def make(self, name):
        directory = os.path.join(self.build, name)
        say(f"building {name}")
        code, log = self.command(f"configure-{name}", ["cmake", "-S", TOP, "-B", directory, "-G", "Ninja", *BUILDS[name]], 300)
        if code == 0:
            code, log = self.command(f"build-{name}", ["cmake", "--build", directory, "-j", str(CPUS)], 1200)
        return Result(f"build {name}", passed=int(code == 0), failed=int(code != 0), log=log)

    # --- groups ---

    def ctest(self, build, env):
        name = f"unit {build}"
        directory = os.path.join(self.build, build)
        code, log = self.command(f"unit-{build}", ["ctest", "--test-dir", directory, "--output-on-failure", "-j", str(CPUS),
                                                   "--timeout", "300"], 7200 if self.long else 1200, env)
        match = re.search(r"(\d+) tests failed out of (\d+)", read(log))
        if match is None:
            return Result(name, failed=1, note=f"ctest ended with {code}", log=log)
        failed, total = int(match[1]), int(match[2])
        return Result(name, total - failed, max(failed, int(code != 0)), log=log)

    def pytest(self, name, paths, timeout, *arguments, env=None):
        report = os.path.join(self.log_dir, name.replace(" ", "-") + ".xml")
        if os.path.exists(report):
            os.unlink(report)
        code, log = self.command(name.replace(" ", "-"), [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rsfE",
                                                          f"--junitxml={report}", *arguments,
                                                          *[os.path.join(TESTS, p) for p in paths]],
                                 timeout, env)
        try:
            suite = ElementTree.parse(report).getroot().find("testsuite")
            total, bad, skipped = (int(suite.get(k)) for k in ("tests", "failures", "skipped"))
            bad += int(suite.get("errors"))
        except (OSError, ElementTree.ParseError, AttributeError, TypeError):
            return Result(name, failed=1, note=f"pytest ended with {code}", log=log)
        if total == 0 and code == PYTEST_NOTHING:
            return Result(name, skipped=1, note="none of these tests is meant for it", log=log)
        return Result(name, total - bad - skipped, max(bad, int(code != 0)), skipped, log=log)

    def fuzz_target(self, path):
        name = os.path.basename(path)
        seeds = os.path.join(TESTS, "fuzz", "corpus", name)
        own = os.path.join(self.build, "corpus", name)
        os.makedirs(own, exist_ok=True)
        seconds = FUZZ_LONG_S if self.long else FUZZ_SHORT_S
        crashes = os.path.join(self.log_dir, f"crash-{name}-")
        code, log = self.command(name, [path, f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-verbosity=0",
                                        "-print_final_stats=1", f"-artifact_prefix={crashes}", own,
                                        *([seeds] if os.path.isdir(seeds) else [])], seconds + 120, SANITIZER)
        runs = re.search(r"number_of_executed_units: (\d+)", read(log))
        good = code == 0 and runs is not None
        note = f"{runs[1]} inputs" if runs else f"ended with {code}"
        return Result(f"fuzz {name}", passed=int(good), failed=int(not good), note=note, log=log)

    def fuzz(self, at_once):
        made = timed(self.make, "fuzz")
        return [made] if made.failed else [made, *self.fuzz_targets(at_once)]

    def fuzz_targets(self, at_once):
        targets = sorted(glob.glob(os.path.join(self.build, "fuzz", "fuzz", "fuzz_*")))
        targets = [t for t in targets if os.access(t, os.X_OK) and os.path.isfile(t)]
        if not targets:
            return [Result("fuzz", failed=1, note="no targets were built")]
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda t: timed(self.fuzz_target, t), targets))

    def coverage(self):
        try:
            percent, table = self.counts.report()
        except (RuntimeError, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as error:
            return Result("coverage", failed=1, note=str(error))
        say(f"{table}\n{self.counts.build}/html/index.html, uncovered.txt")
        reached = percent >= counts.AIM_PERCENT
        return Result("coverage", passed=int(reached), failed=int(not reached), note=f"{percent:.1f} % of the lines, the aim is {counts.AIM_PERCENT} %")

    def script(self, group, timeout):
        """A group whose tests are a program of their own; its last lines may say "N passed, N failed"."""
        path = os.path.join(TESTS, group, "run")
        if not os.access(path, os.X_OK):
            return Result(group, skipped=1, note="not there yet")
        code, log = self.command(group, [path, *(["--long"] if self.long else [])], timeout,
                                 {"PODATELNA_BUILD": self.build, "PODATELNA_BIN": os.path.join(self.build, "plain", "bin")})
        counts = re.findall(r"(\d+) passed, (\d+) failed", read(log))
        passed, failed = map(int, counts[-1]) if counts else (int(code == 0), 0)
        result = Result(group, passed, max(failed, int(code != 0)), log=log)
        result.shown = group in SHOWN
        return result


def say(text):
    print(text, flush=True)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def failed_names(log):
    names = [pytest or ctest for pytest, ctest in FAILED_LINE.findall(read(log))]
    return list(dict.fromkeys(names))[:FAILED_NAMES_MAX]


def timed(function, *arguments, **named):
    begun = time.monotonic()
    result = function(*arguments, **named)
    result.seconds = time.monotonic() - begun
    report(result)
    return result


def report(result):
    word = "FAILED" if result.failed else "ok" if result.passed else "skipped"
    skipped = f", {result.skipped} skipped" if result.skipped and result.passed else ""
    note = f" ({result.note})" if result.note else ""
    say(f"{word:7} {result.name:24} {result.passed:4} passed, {result.failed} failed{skipped}{note}  {result.seconds:.0f} s")
    if result.shown:
        say("\n".join("    " + line for line in read(result.log).splitlines()))
    elif result.failed and result.log:
        for name in failed_names(result.log):  # all of them before any one's own words: a reader may get only the beginning
            say(f"    failed: {name}")
        lines = [line for line in read(result.log).splitlines() if not GOOD_LINE.search(line)]
        say("\n".join("    " + line for line in lines[-TAIL_LINES:]))
        say(f"    whole log: {result.log}")


def e2e_parts():
    """Lists of test files that take about the same time."""
    files = sorted(os.path.relpath(p, TESTS) for p in glob.glob(os.path.join(TESTS, "e2e", "test_*.py")))
    parts = [[f for f in files if any(fnmatch.fnmatch(os.path.basename(f), pattern) for pattern in part)] for part in E2E_PARTS]
    return [part for part in (*parts, [f for f in files if not any(f in p for p in parts)]) if part]


def run_groups(runner, groups):
    results, wanted = [], set(groups)

    def add(function, *arguments, **named):
        results.append(timed(function, *arguments, **named))
        return not results[-1].failed

    # With `coverage` its build runs what the plain one would: each test runs with two builds of three, crash and bench with the plain one.
    counting = "coverage" in wanted
    first = "coverage" if counting else "plain"
    plain = add(runner.make, "plain") if wanted & {"lint", "card", "crash", "bench", "image"} or (wanted & {"unit", "e2e"} and not counting) else False
    counted = add(runner.make, "coverage") if counting else False
    asan = add(runner.make, "asan") if wanted & {"unit", "e2e"} else False
    there = counted if counting else plain
    if counted:
        runner.counts.prepare()
    first_env = {**runner.counts.env(), "PODATELNA_SLOW": "3"} if counting else {}
    if wanted & {"unit", "coverage"} and there:
        add(runner.ctest, first, first_env)
    if "unit" in wanted and asan:
        add(runner.ctest, "asan", SANITIZER)
    # Simulators and the box wait much and compute little: several share the machine.
    with concurrent.futures.ThreadPoolExecutor(CPUS + 2) as pool:
        parts = []
        for part, files in enumerate(e2e_parts(), 1):
            if wanted & {"e2e", "coverage"} and there:
                parts.append(pool.submit(timed, runner.pytest, f"e2e {first} {part}", files, 7200 if runner.long else 1500,
                                         env={**first_env, "PODATELNA_BIN": os.path.join(runner.build, first, "bin")}))
            if "e2e" in wanted and asan:
                parts.append(pool.submit(timed, runner.pytest, f"e2e asan {part}", files, 1500, "-m", "sanitized",
                                         env={"PODATELNA_BIN": os.path.join(runner.build, "asan", "bin"), "PODATELNA_SLOW": "3", **SANITIZER}))
        if "portals" in wanted:
            parts.append(pool.submit(timed, runner.pytest, "portals", ["portals"], 900))
        if "lint" in wanted:
            parts.append(pool.submit(timed, runner.script, "lint", 2700))
        results += [p.result() for p in parts]
    if counted:
        add(runner.coverage)
    # Killing and cards wait for what comes back, fuzzing computes: side by side they fill the machine, and kills meet processes at more places.
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(timed, runner.script, group, 7200 if runner.long else 1800) for group in ("crash", "card") if group in wanted and plain]
        if "fuzz" in wanted:
            results += runner.fuzz(max(1, CPUS - 1) if waiting else CPUS)
        results += [w.result() for w in waiting]
    for group in ("bench", "image"):
        if group in wanted:
            add(runner.script, group, 7200)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=" ".join(GROUPS))
    args = parser.parse_args()
    groups = args.groups or [g for g in GROUPS if g != "image"]
    runner, begun = Runner(args.build, args.long), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        results = run_groups(runner, groups)
    finally:
        runner.stop()
        runner.counts.end()
    passed, failed = sum(r.passed for r in results), sum(r.failed for r in results)
    say(f"in {time.monotonic() - begun:.0f} s")
    say(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
