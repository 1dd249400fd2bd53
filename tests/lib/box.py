"""One whole box for tests and the demo: tokens in SoftHSM, a share, a configuration, and podatelnad with all its programs.

  with Simulator("epo", work + "/epo", pki) as epo, Box(work, build + "/bin", epo) as box:
      box.drop("dph.xml", forms.dphdp3())
      case = box.wait_state("dph.xml", "done")
      box.result(case["case"])                    Vyrizeno/2026-11/2026-000001 DPHDP3 dph.xml
      code, rows = box.cli("list")

Started by root the programs have their own users (tests/lib/setup.sh makes them); otherwise all have the present one. The
work directory must be one that those users can traverse: workdir() makes such a one. Nothing outlives the box: stop() says
which processes were left, the kernel ends all when the process that started it dies.
"""

import atexit
import ctypes
import grp
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cssz_forms  # noqa: E402
import pki  # noqa: E402
import softhsm  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
GROUP = "podatelna"
SHIPPED = ("epo", "cssz")  # partners whose catalogue comes with the product
USERS = {role: f"podatelna-{role}" for role in ("hub", "store", "token", "partner", "transport")}
CLOSED = ("done", "data-error", "failed", "refused", "deleted")
SETTLED = CLOSED + ("unknown", "held", "uncertain")
START_S, STOP_S, STEP_S = 30, 20, 0.05
PR_SET_PDEATHSIG = 1
# Sanitized programs are some times slower.
SLOW = float(os.environ.get("PODATELNA_SLOW", "1"))


def is_root():
    return os.geteuid() == 0


def workdir(prefix="podatelna-"):
    """A directory that every user of the box can pass through."""
    path = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
    os.chmod(path, 0o711)
    return path


def reachable(bin_dir, directory):
    """The programs where every user of the box can execute them: as they are, or copied (a clone below /root, say)."""
    path = os.path.abspath(bin_dir)
    while path != "/" and os.stat(path).st_mode & 0o001:
        path = os.path.dirname(path)
    if path == "/" or not is_root():
        return os.path.abspath(bin_dir)
    copy = os.path.join(directory, "programs")
    if not os.path.isdir(copy):
        shutil.copytree(os.path.abspath(bin_dir), os.path.join(copy, "bin"))
        share = os.path.join(os.path.dirname(os.path.abspath(bin_dir)), "share")
        if os.path.isdir(share):
            shutil.copytree(share, os.path.join(copy, "share"))
    return os.path.join(copy, "bin")


def until(check, timeout, what, step=STEP_S):
    """The first true value of check(); AssertionError when none came."""
    deadline = time.monotonic() + timeout * SLOW
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout * SLOW:g} s: {what() if callable(what) else what}")
        time.sleep(step)


def die_with_parent():
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def session_of(pid):
    """Session of a process that still runs, or None."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[3])


def proc_status(pid):
    """/proc/PID/status as a dictionary; a process that is gone counts as a zombie."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            return {k: v.strip() for k, _, v in (line.partition(":") for line in f)}
    except (FileNotFoundError, ProcessLookupError):
        return {"State": "Z (gone)"}


def literal(value):
    """A value of podatelna.conf."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(literal(v) for v in value) + " }" if value else "{ }"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Tokens:
    """SoftHSM tokens that the token programs can use; they are made once and copied for each box."""

    software = True

    def __init__(self, directory, tokens, pki_dir, pin="123456"):
        self.hsm = softhsm.make(directory, tokens, pki_dir, pin)
        self.dir = self.hsm.dir

    def copy(self, directory):
        """The same tokens in another place."""
        twin = object.__new__(Tokens)
        shutil.copytree(self.dir, directory)
        text = json.dumps(self.hsm.describe()).replace(self.dir + "/", directory + "/")
        hsm = object.__new__(softhsm.SoftHsm)
        hsm.__dict__.update(self.hsm.__dict__, dir=directory, conf=os.path.join(directory, "softhsm2.conf"),
                            tokens=json.loads(text)["tokens"])
        pki.write_file(hsm.conf, (f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\n"
                                  "log.level = ERROR\nslots.removable = false\n").encode())
        twin.hsm, twin.dir = hsm, directory
        return twin

    def settings(self, token):
        """What the configuration says of how a token is reached."""
        return {"module": self.hsm.module, "uri": f"pkcs11:token={token['label']}", "pcsc": False,
                "environment": [f"SOFTHSM2_CONF={self.hsm.conf}"], "readable": [self.hsm.dir],
                "writable": [os.path.join(self.hsm.dir, "tokens")]}

    def give(self):
        """To the user of the token programs (the tools that make tokens run as root)."""
        os.chmod(self.dir, 0o755)
        if is_root():
            owner = pwd.getpwnam(USERS["token"])
            for at, folders, files in os.walk(os.path.join(self.dir, "tokens")):
                os.chown(at, owner.pw_uid, owner.pw_gid)
                for name in files:
                    os.chown(os.path.join(at, name), owner.pw_uid, owner.pw_gid)


class Box:
    """portals: simulators (their name is that of the partner). tokens: Tokens, card.Cards, or {label: [KEY, ...]} for softhsm.make.
    pin: "file" | "prompt" | a wrong PIN to be put into the file. settings: {section: {key: value}}, added over the
    defaults; section "" is the top of the file, value None takes a key away. start=False: write everything only."""

    def __init__(self, directory, bin_dir, portals=(), tokens=None, pki_dir=None, pin="file", settings=None,
                 start=True, keep=False):
        self.dir, self.keep = os.path.abspath(directory), keep
        self.portals = list(portals) if isinstance(portals, (list, tuple)) else [portals]
        self.process, self.log_file = None, os.path.join(self.dir, "daemon.log")
        self.environment = {}  # of podatelnad, beside our own
        os.makedirs(self.dir, mode=0o711, exist_ok=True)
        self.bin = reachable(bin_dir, self.dir)
        if isinstance(tokens, Tokens):
            self.tokens = tokens.copy(os.path.join(self.dir, "hsm"))
        elif hasattr(tokens, "settings"):
            self.tokens = tokens
        else:
            tokens = tokens or {"office": ["sign", "vault"]}
            self.tokens = Tokens(os.path.join(self.dir, "hsm"), tokens, pki_dir or os.path.join(self.dir, "pki"))
        self.hsm, self.pki = self.tokens.hsm, self.tokens.hsm.pki
        self.share, self.data = os.path.join(self.dir, "share"), os.path.join(self.dir, "data")
        self.mark, self.run = os.path.join(self.dir, "mark", "mark"), os.path.join(self.dir, "run")
        self.config = os.path.join(self.dir, "podatelna.conf")
        self.make_share()
        self.catalogue = os.path.join(self.dir, "catalogue")
        shutil.copytree(os.path.join(TOP, "config", "catalogue"), self.catalogue, dirs_exist_ok=True)
        self.settings = self.defaults(pin)
        for section, values in (settings or {}).items():
            self.set(section, **values)
        self.write_config()
        if start:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # --- what stands on the disk ---

    def make_share(self):
        """The share belongs to a group, as Samba's `force group` would have it."""
        for path in ("", "Podat", "KeSchvaleni", "Vyrizeno", "Nezname", "Chyby", "Dosle"):
            path = os.path.join(self.share, path)
            os.makedirs(path, exist_ok=True)
            if is_root():
                os.chown(path, 0, grp.getgrnam(GROUP).gr_gid)
            os.chmod(path, 0o2775)
        self.stage = os.path.join(self.dir, "stage")
        os.makedirs(self.stage, exist_ok=True)
        if is_root():
            os.chown(self.stage, 0, grp.getgrnam(GROUP).gr_gid)
        os.chmod(self.stage, 0o2777)

    def defaults(self, pin):
        catalogues = [self.catalogue]
        conf = {"": {"language": "cs", "data_dir": self.data, "mark_file": self.mark, "run_dir": self.run,
                     "control_socket": os.path.join(self.run, "control"), "catalogue_dir": catalogues,
                     "log_level": "debug" if os.environ.get("PODATELNA_DEBUG") else "info"},
                "share": {"path": self.share, "scan_interval": "1 s", "quiet": "100 ms", "no_end_after": "3 s",
                          "min_free": "1 MiB"}}
        if is_root():
            conf[""]["control_group"] = GROUP
            conf["share"]["group"] = GROUP
        else:
            conf[f'user "{os.geteuid()}"'] = {"rights": ["admin"]}
        for token in self.hsm.tokens:
            conf[f'token "{token["label"]}"'] = {
                **self.tokens.settings(token), "pin": "prompt" if pin == "prompt" else self.pin_file(token["label"], pin)}
            for key in token["keys"]:
                use = {"sign": "sign", "vaul": "vault", "tls": "tls", "jour": "journal", "decr": "decrypt"}[key["name"][:4].rstrip("-")]
                conf[f'key "{key["name"]}"'] = {"token": token["label"], "uri": key["uri"], "use": [use],
                                                **({"cert": key["cert"]} if use in ("vault", "decrypt") else {})}
        for portal in self.portals:
            conf[f'partner "{portal.partner}"'] = self.partner(portal)
            if portal.partner not in SHIPPED:
                shutil.copy(os.path.join(HERE, "catalogue", portal.name + ".conf"), self.catalogue)
        return conf

    def partner(self, portal):
        # A partner whose whole protocol is one address names it in its own code: there the URL is the server alone.
        url = portal.url if portal.partner == "epo" else portal.base
        values = {"url": url, "env": "sandbox", "sign_key": "sign", "interval": "0",
                  "ca_file": os.path.join(self.pki, "ca.pem"), "allow_software_token": self.tokens.software, "poll_first": "200 ms",
                  "poll_max": "1 s", "connect_timeout": "3 s", "deadline": "20 s"}
        if portal.partner == "epo":
            values.update(anchors=os.path.join(self.pki, "confirm-ca.pem"), signer_cn=[pki.SANDBOX_CN],
                          signer_o=pki.OFFICE_O, test_first=True)
        if portal.partner == "cssz":
            dis = os.path.join(self.pki, "dis.pem")
            values.update(encrypt_to=dis, encrypt_to_sha256=[pki.fingerprint(dis)], options=["vs=" + cssz_forms.VS])
            values["poll_deferred"] = "1 s"
        return values

    def pin_file(self, label, pin="file"):
        path = os.path.join(self.dir, f"{label}.pin")
        self.write_pin(path, self.hsm.pin if pin == "file" else pin)
        return path

    @staticmethod
    def write_pin(path, pin):
        pki.write_file(path, pin.encode() + b"\n", 0o600)

    def set(self, section, **values):
        """Changes the configuration; write_config() or the next start() makes it count."""
        place = self.settings.setdefault(section, {})
        for name, value in values.items():
            if value is None:
                place.pop(name, None)
            else:
                place[name] = value

    def write_config(self):
        lines = ["# Made for a test."]
        for section, values in self.settings.items():
            indent = "    " if section else ""
            lines += [f"{section} {{"] if section else []
            lines += [f"{indent}{name} = {literal(value)}" for name, value in values.items()]
            lines += ["}"] if section else []
        pki.write_file(self.config, ("\n".join(lines) + "\n").encode())

    # --- the programs ---

    def program(self, name):
        """Its path: all lie in one folder as they are built, and in several once installed."""
        paths = [os.path.join(self.bin, *more, name) for more in ((), ("..", "sbin"))]
        return next(path for path in paths if os.path.exists(path))

    def start(self, wait=True):
        """wait=False: does not wait until the box works."""
        self.write_config()
        self.tokens.give()
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([self.program("podatelnad"), "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                            preexec_fn=None if self.keep else die_with_parent, cwd="/",
                                            env={**os.environ, **self.environment})
        atexit.register(self.kill_all)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=START_S):
        def ready():
            assert self.process.poll() is None, f"podatelnad ended ({self.process.returncode}):\n{self.log_tail()}"
            return self.cli("status")[0] == 0
        return until(ready, timeout, lambda: f"the box does not work: {self.cli('status')}\n{self.log_tail()}")

    def wait_token(self, state="ready", label=None, timeout=START_S):
        def found():
            rows = self.rows("token", "list", kind="token")
            return [r for r in rows if r["state"] == state and label in (None, r["token"])]
        return until(found, timeout, lambda: f"token {state}: {self.cli('token', 'list')}\n{self.log_tail()}")

    def processes(self):
        """All living processes of the box, its parent first."""
        if self.process is None:
            return []
        session = self.process.pid
        found = [int(p) for p in os.listdir("/proc") if p.isdigit() and session_of(p) == session]
        return sorted(found, key=lambda p: (p != session, p))

    def stop(self, timeout=STOP_S):
        """SIGTERM, as systemd does. Returns the exit code; AssertionError when something is left running."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout * SLOW)
            left = [(p, proc_status(p).get("Name")) for p in self.settle(2)]
        except subprocess.TimeoutExpired:
            code, left = None, [(p, self.name_of(p)) for p in self.processes()]
        self.kill_all()
        assert code is not None, f"podatelnad did not stop: {left}\n{self.log_tail()}"
        assert not left, f"left running: {left}\n{self.log_tail()}"
        return code

    @staticmethod
    def name_of(pid):
        try:
            return proc_status(pid).get("Name")
        except OSError:
            return "?"

    def settle(self, seconds):
        """Processes that are still there after some time."""
        deadline = time.monotonic() + seconds
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.processes()

    def kill_all(self):
        """At once, by SIGKILL, everything: a power cut as far as processes can feel it."""
        if self.process is None:
            return
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.settle(5)
        self.process = None
        atexit.unregister(self.kill_all)

    def restart(self):
        self.stop()
        return self.start()

    def programs(self):
        """{"hub": row, "store": row, "token office": row, ...} as `status` has it."""
        return {r["program"]: r for r in self.rows("status", kind="program")}

    def healthy(self):
        """As programs() when all of them run and the box answers, {} otherwise: one question, since the next one may find it on its way down."""
        code, rows = self.cli("status")
        found = {r["program"]: r for r in rows if r["kind"] == "program"}
        return found if code == 0 and all(r["pid"] != "0" for r in found.values()) else {}

    def pid(self, program):
        """Of the first program whose name begins so: hub, store, token, partner, transport; parent."""
        if program == "parent":
            return self.process.pid
        def running():
            return [int(r["pid"]) for name, r in self.programs().items() if name.startswith(program) and r["pid"] != "0"]
        return until(running, START_S, lambda: f"{program} does not run: {self.programs()}\n{self.log_tail()}")[0]

    def kill(self, program, number=signal.SIGKILL):
        pid = self.pid(program)
        os.kill(pid, number)
        return pid

    def pid_of_executable(self, name, argument=None):
        """Without asking the box: processes of it that run this program."""
        found = []
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:
                continue
            if os.path.basename(words[0].decode()) == name and (argument is None or argument.encode() in words):
                found.append(pid)
        return found

    # --- the command line ---

    def command(self, *words, json_output=False):
        return [self.program("podatelna"), "--config", self.config, *(["--json"] if json_output else []),
                *words]

    def run_cli(self, *words, json_output=False, user=None, stdin=None, timeout=120, env=None):
        """The finished process. user: (uid, gid, [groups]) of the caller."""
        command = self.command(*words, json_output=json_output)
        if user is not None:
            uid, gid, groups = user
            command = ["setpriv", f"--reuid={uid}", f"--regid={gid}",
                       "--groups=" + ",".join(map(str, groups)) if groups else "--clear-groups", *command]
        return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=timeout * SLOW, env=env, **({} if stdin else {"stdin": subprocess.DEVNULL}))

    def cli(self, *words, user=None):
        """(exit code, rows): what --json printed, [] when nothing."""
        done = self.run_cli(*words, json_output=True, user=user)
        try:
            return done.returncode, json.loads(done.stdout or b"[]")
        except ValueError:
            raise AssertionError(f"{words}: not JSON: {done.stdout[:500]!r} {done.stderr[:500]!r}") from None

    def text(self, *words, check=True):
        """What a person reads."""
        done = self.run_cli(*words)
        words_said = done.stdout.decode() + done.stderr.decode()
        assert not check or done.returncode == 0, f"{words}: exit {done.returncode}: {words_said}"
        return words_said

    def rows(self, *words, kind):
        return [r for r in self.cli(*words)[1] if r["kind"] == kind]

    def login(self, label=None, pin=None):
        path = os.path.join(self.dir, "entered.pin")
        self.write_pin(path, pin or self.hsm.pin)
        try:
            return self.run_cli("token", "login", *([label] if label else []), "--pin-file", path)
        finally:
            os.unlink(path)

    # --- cases ---

    def cases(self, all_cases=False):
        """Oldest first."""
        rows = self.rows("list", *(["--all"] if all_cases else []), kind="case")
        return sorted(rows, key=lambda r: r["case"])

    def case(self, which):
        """By number, file name (the end of the name as staff gave it) or predicate; None: the only one."""
        found = [c for c in self.cases() if which is None or (callable(which) and which(c)) or
                 which in (c["case"], c.get("name"))]
        return found[-1] if found else None

    def wait_state(self, which=None, state="done", timeout=30):
        """state: a state, or several. Fails at once when the case is closed in another."""
        states = (state,) if isinstance(state, str) else tuple(state)
        seen = {}

        def there():
            case = self.case(which)
            seen["case"] = case
            if case is None:
                return None
            if case["state"] not in states and case["state"] in CLOSED:
                raise AssertionError(f"{which}: {case['state']} instead of {states}: {case}\n{self.story(case)}")
            return case if case["state"] in states else None
        return until(there, timeout, lambda: f"{which} -> {states}: {seen['case']}\n{self.story(seen['case'])}")

    def story(self, case):
        return (self.run_cli("show", case["case"]).stdout.decode() if case else "") + self.log_tail()

    def wait_count(self, count, states=CLOSED, timeout=60):
        states = (states,) if isinstance(states, str) else tuple(states)
        return until(lambda: [c for c in self.cases() if c["state"] in states][count - 1:] and self.cases(), timeout,
                     lambda: f"{count} cases in {states}: {self.cases()}\n{self.log_tail()}")

    def types(self, number):
        """The types of the records of a case, in order."""
        return [r["type"] for r in self.rows("show", number, kind="record")]

    # --- the share ---

    def place(self, *parts):
        return os.path.join(self.share, *parts)

    def overview(self):
        """The page for everybody as it is now; "" while there is none."""
        try:
            with open(self.place("Prehled.html"), encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def drop(self, name, data, folder="", mode=0o660):
        """A file that appears whole (copied elsewhere, renamed into Podat/). name: text or bytes. Returns its path."""
        staged = os.path.join(self.stage, f"drop-{time.monotonic_ns()}")
        self.write(staged, data, mode)
        target = os.path.join(os.fsencode(self.place("Podat", folder)), os.fsencode(name))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(staged, target)
        return target

    @staticmethod
    def write(path, data, mode=0o660):
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        if is_root():
            os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)

    def slow(self, name, data, pieces=10, pause=0.2, folder=""):
        """Writes into Podat/ piece by piece under the final name, as a network copy does."""
        path = self.place("Podat", folder, name)
        with open(path, "wb", buffering=0) as f:
            os.chmod(path, 0o660)
            size = -(-len(data) // pieces)
            for start in range(0, len(data), size):
                f.write(data[start:start + size])
                time.sleep(pause)
        return path

    def listing(self, folder):
        path = self.place(folder)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def results(self):
        """{case number: folder in Vyrizeno}"""
        found = {}
        for at, folders, _ in os.walk(self.place("Vyrizeno")):
            for name in folders:
                match = re.match(r"([A-Z]?\d{4}-\d{6}) ", name)
                if match:
                    found[match[1]] = os.path.join(at, name)
        return found

    def result(self, number, timeout=10):
        """The folder in Vyrizeno, once the journal says that the papers are there."""
        until(lambda: "delivered" in self.types(number) and number in self.results(), timeout,
              lambda: f"no papers of {number}: {self.types(number)}\n{self.log_tail()}")
        return self.results()[number]

    def cards(self, folder):
        """{file name: text} of the cards in Chyby or Nezname."""
        texts = {}
        for name in self.listing(folder):
            if name.endswith(".txt") and not name.endswith(".protokol.txt"):
                with open(self.place(folder, name), "rb") as f:
                    texts[name] = f.read().decode("utf-8")
        return texts

    # --- the log ---

    def log(self):
        if not os.path.exists(self.log_file):
            return ""
        with open(self.log_file, encoding="utf-8", errors="replace") as f:
            return f.read()

    def log_tail(self, lines=40):
        return "--- log of the box ---\n" + "\n".join(self.log().splitlines()[-lines:])
