"""A real squid of its own on a loopback port, with an own configuration, and what its access log says.

  with Squid(directory, users={"box": "secret"}) as squid:
      squid.url                 http://127.0.0.1:PORT
      squid.tunnels("200")      log lines of CONNECT requests that ended so
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess

from box import die_with_parent, until

SQUID = shutil.which("squid") or "/usr/sbin/squid"
HELPERS = "/usr/lib/squid"
OWNER = "proxy"


def available():
    return os.path.exists(SQUID) and os.path.exists(os.path.join(HELPERS, "security_file_certgen")) and os.geteuid() == 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Squid:
    """users: logins that it asks for (Basic); scheme "negotiate": it takes no other login than that. deny: refuses every CONNECT.
    intercept: (certificate, key) of the CA with which it replaces certificates."""

    def __init__(self, directory, users=None, scheme="basic", deny=False, intercept=None):
        self.dir, self.process = directory, None
        os.makedirs(directory)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.access, self.words = os.path.join(directory, "access.log"), os.path.join(directory, "cache.log")
        lines = [f"http_port 127.0.0.1:{self.port}{self.bump(intercept)}", f"pid_filename {directory}/pid", f"cache_log {self.words}",
                 f"logformat ours %ts %rm %ru %>Hs %Ss %un\naccess_log stdio:{self.access} ours\nlogfile_rotate 0", "cache deny all\ncache_mem 8 MB",
                 "shutdown_lifetime 0 seconds\npinger_enable off\nnetdb_filename none\nvisible_hostname proxy.example\nworkers 1",
                 f"coredump_dir {directory}\ncache_effective_user {OWNER}\nmax_filedescriptors 1024"]
        if intercept:
            lines += [f"sslcrtd_program {HELPERS}/security_file_certgen -s {directory}/certs -M 4MB\nsslcrtd_children 1",
                      "ssl_bump bump all\nsslproxy_cert_error allow all\ntls_outgoing_options flags=DONT_VERIFY_PEER"]
        lines += self.login(users, scheme)
        lines += ["http_access deny all" if deny else "http_access allow known" if users else "http_access allow all", "http_access deny all"]
        self.conf = self.write("squid.conf", "\n".join(lines) + "\n")
        os.chown(directory, pwd.getpwnam(OWNER).pw_uid, -1)
        os.chmod(directory, 0o755)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def bump(self, intercept):
        if not intercept:
            return ""
        subprocess.run([f"{HELPERS}/security_file_certgen", "-c", "-s", f"{self.dir}/certs", "-M", "4MB"], check=True, stdout=subprocess.DEVNULL)
        for at, folders, files in os.walk(f"{self.dir}/certs"):
            for name in [at, *(os.path.join(at, f) for f in folders + files)]:
                os.chown(name, pwd.getpwnam(OWNER).pw_uid, -1)
        return f" ssl-bump generate-host-certificates=on tls-cert={intercept[0]} tls-key={intercept[1]}"

    def login(self, users, scheme):
        if not users:
            return []
        if scheme == "negotiate":
            return ["auth_param negotiate program /bin/cat\nauth_param negotiate children 1", "acl known proxy_auth REQUIRED"]
        hashes = [f"{user}:" + subprocess.run(["openssl", "passwd", "-6", password], check=True, stdout=subprocess.PIPE).stdout.decode()
                  for user, password in users.items()]
        path = self.write("passwords", "".join(hashes))
        return [f"auth_param basic program {HELPERS}/basic_ncsa_auth {path}\nauth_param basic children 1\nauth_param basic realm test",
                "acl known proxy_auth REQUIRED"]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with open(os.path.join(self.dir, "out"), "ab") as out:
            self.process = subprocess.Popen([SQUID, "-N", "-f", self.conf], stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=die_with_parent,
                                            start_new_session=True)
        until(self.answers, 30, self.story)
        return self

    def answers(self):
        assert self.process.poll() is None, self.story()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def story(self):
        found = ""
        for name in ("out", "cache.log", "access.log"):
            path = os.path.join(self.dir, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as f:
                    found += f"--- {name} ---\n" + f.read()[-3000:]
        return found

    def kill(self):
        """At once, with every connection."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self):
        if self.process is not None:
            self.kill()

    def log(self):
        """[(method, target, status, squid's own word, user)]"""
        if not os.path.exists(self.access):
            return []
        with open(self.access, encoding="utf-8") as f:
            return [tuple(line.split()[1:]) for line in f if len(line.split()) == 6]

    def tunnels(self, status=None):
        """CONNECT requests. One that was let through is in the log only when it is over."""
        return [line for line in self.log() if line[0] == "CONNECT" and status in (None, line[2])]
