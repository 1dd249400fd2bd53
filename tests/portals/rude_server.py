#!/usr/bin/python3
"""A TLS server without manners, for the tests of podatelna-transport.

rude_server.py DIR makes its own throw-away CA and certificates with openssl in DIR, opens loopback ports, prints one line

    tls=PORT wronghost=PORT foreign=PORT cuttcp=PORT cuttls=PORT plain=PORT proxy=PORT

and serves until its standard input ends. DIR/ca.pem is to be trusted. What a request gets is said by its path (class Handler below).
Every request head that arrived is one line of DIR/ledger: METHOD PATH BODY-BYTES-READ SHA256-OF-THEM, appended when the server is done reading. The proxy
port opens tunnels for whoever logs in as box; its lines are CONNECT TARGET 0 -, and DENIED TARGET 0 - without the right login.
"""

import base64
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from email.utils import formatdate

LEDGER_LOCK = threading.Lock()


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_ca(directory, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", f"{directory}/{name}.key", "-out", f"{directory}/{name}.pem")


def make_leaf(directory, name, ca, names):
    extensions = f"{directory}/{name}.ext"
    with open(extensions, "w", encoding="ascii") as out:
        out.write(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{directory}/{name}.key", "-out", f"{directory}/{name}.csr")
    openssl("x509", "-req", "-in", f"{directory}/{name}.csr", "-CA", f"{directory}/{ca}.pem", "-CAkey", f"{directory}/{ca}.key",
            "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", f"{directory}/{name}.pem")


def context_for(directory, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/{name}.pem", f"{directory}/{name}.key")
    return context


class Handler:
    """One connection: reads a request head, then does what do_<path> says."""

    def __init__(self, connection, server):
        self.connection = connection
        self.server = server
        self.buffer = b""
        self.body = b""

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            data = self.connection.recv(65536)
            if not data:
                return False
            self.buffer += data
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        return True

    def read_body(self):
        length = int(self.headers.get("content-length", "0"))
        while len(self.buffer) < length:
            data = self.connection.recv(65536)
            if not data:
                break
            self.buffer += data
        self.body, self.buffer = self.buffer[:length], self.buffer[length:]

    def note(self):
        line = f"{self.method} {self.target} {len(self.body)} {hashlib.sha256(self.body).hexdigest()}\n"
        with LEDGER_LOCK, open(self.server.ledger, "a", encoding="ascii") as out:
            out.write(line)

    def send(self, data):
        self.connection.sendall(data)

    def reply(self, status, body=b"", extra="", version="HTTP/1.1"):
        self.send(f"{version} {status} X\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode("latin-1") + body)

    def close_cleanly(self):
        self.connection.settimeout(2)
        try:
            self.connection.unwrap().close()
        except (OSError, ssl.SSLError, ValueError):
            self.connection.close()

    # Cutting is closing without close_notify: Python's close() does just that.

    def run(self):
        if not self.read_head():
            return
        name = self.target.strip("/").split("?")[0].replace("-", "_")
        if name in ("cut_headers", "early"):
            self.note()
            getattr(self, "do_" + name)()
            return
        self.read_body()
        self.note()
        getattr(self, "do_" + name)()

    def do_ok(self):
        text = f"{self.method} {len(self.body)} {hashlib.sha256(self.body).hexdigest()}\n"
        self.reply(200, text.encode(), "Content-Type: text/plain; charset=utf-8\r\n")
        self.close_cleanly()

    def do_date(self):
        """A clock that is 100 seconds ahead; the second Date, in a trailer's place, must not count."""
        ahead = formatdate(time.time() + 100, usegmt=True)
        self.reply(200, b"", f"Date: {ahead}\r\nDate: Thu, 01 Jan 1970 00:00:01 GMT\r\n")
        self.close_cleanly()

    def do_no_date(self):
        self.reply(200, b"", "Date: yesterday, or so\r\n")
        self.close_cleanly()

    def do_headers(self):
        text = "".join(f"{k}={v}\n" for k, v in sorted(self.headers.items()))
        self.reply(200, text.encode())
        self.close_cleanly()

    def do_cut_headers(self):
        pass

    def do_early(self):
        self.reply(413, b"too much", "Connection: close\r\n")
        self.read_body()
        self.close_cleanly()

    def do_cut_body(self):
        pass

    def do_keepalive_close(self):
        self.reply(200, b"kept", "Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n")
        time.sleep(0.1)

    def do_redirect(self):
        self.reply(302, b"", f"Location: https://127.0.0.1:{self.server.ports['tls']}/ok\r\n")
        self.close_cleanly()

    def do_redirect_again(self):
        self.reply(307, b"", f"Location: https://127.0.0.1:{self.server.ports['tls']}/ok\r\n")
        self.close_cleanly()

    def do_login(self):
        self.reply(401, b"who", "WWW-Authenticate: Basic realm=\"x\"\r\n")
        self.read_again()

    def do_proxy_login(self):
        """What only a proxy may say, said by the server at the end of the tunnel."""
        self.reply(407, b"who", "Proxy-Authenticate: Basic realm=\"x\"\r\n")
        self.read_again()

    def do_expectation(self):
        self.reply(417, b"")
        self.read_again()

    def do_reuse_408(self):
        self.reply(408, b"", "Connection: close\r\n")
        self.close_cleanly()

    def read_again(self):
        """Another request on the same connection would be a repetition: it is noted too."""
        self.connection.settimeout(2)
        try:
            if self.read_head():
                self.read_body()
                self.note()
                self.reply(200, b"again")
        except OSError:
            pass

    def do_huge(self):
        self.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(256):
            self.send(b"x" * 16384)
        self.close_cleanly()

    def do_big(self):
        self.reply(200, b"0123456789abcdef" * 196608)
        self.close_cleanly()

    def do_many_headers(self):
        self.reply(200, b"", "".join(f"X-{i}: y\r\n" for i in range(1000)))
        self.close_cleanly()

    def do_slow(self):
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            self.send(b"z")
            time.sleep(0.1)

    def do_hang(self):
        time.sleep(8)

    def do_http10(self):
        self.send(b"HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\nold style")
        self.close_cleanly()

    def do_http10_cut(self):
        self.send(b"HTTP/1.0 200 OK\r\n\r\nold sty")

    def do_chunked(self):
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nchun\r\n3\r\nked\r\n0\r\n\r\n")
        self.close_cleanly()

    def do_chunked_cut(self):
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nchun\r\n3\r\nk")
        self.close_cleanly()

    def do_short(self):
        self.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        self.close_cleanly()

    def do_continue(self):
        self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.do_ok()

    def do_continue_cut(self):
        self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def do_garbage(self):
        self.send(b"\x00\x01 220 mail.example ESMTP\r\n\r\n" * 10)
        self.close_cleanly()

    def do_odd_head(self):
        self.send(b"HTTP/1.1 503 Busy\r\nContent-Type: text/\xff\x1b[31mhtml\r\nLocation: https://example.invalid/\xc5\x99\r\nContent-Length: 0\r\n\r\n")
        self.close_cleanly()


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve_tunnel(raw, ledger):
    """CONNECT with a login, and bytes to and fro (RFC 9110 section 9.3.6)."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = raw.recv(65536)
        if not data:
            return
        head += data
    lines = head.decode("latin-1").split("\r\n")
    target = lines[0].split(" ")[1]
    login = "Proxy-Authorization: Basic " + base64.b64encode(b"box:secret of the proxy").decode()
    word = "CONNECT" if lines[0].startswith("CONNECT ") and login in lines else "DENIED"
    with LEDGER_LOCK, open(ledger, "a", encoding="ascii") as out:
        out.write(f"{word} {target} 0 -\n")
    if word == "DENIED":
        raw.sendall(b"HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
        return
    host, port = target.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as far:
        raw.sendall(b"HTTP/1.1 200 Open\r\nContent-Type: text/from-the-proxy\r\n\r\n")
        back = threading.Thread(target=pump, args=(far, raw), daemon=True)
        back.start()
        pump(raw, far)
        back.join()


class Server:
    def __init__(self, directory):
        self.ledger = f"{directory}/ledger"
        self.ports = {}
        open(self.ledger, "w", encoding="ascii").close()

    def serve_one(self, raw, context, mode):
        try:
            if mode == "cuttcp":
                return
            if mode == "plain":
                raw.sendall(b"HTTP/1.1 400 this port speaks no TLS\r\n\r\n")
                time.sleep(0.2)
                return
            raw.settimeout(20)
            if mode == "proxy":
                serve_tunnel(raw, self.ledger)
                return
            connection = context.wrap_socket(raw, server_side=True)
            if mode != "cuttls":
                Handler(connection, self).run()
            connection.close()
        except (OSError, ssl.SSLError):
            pass
        finally:
            raw.close()

    def serve(self, mode, context):
        listener = socket.create_server(("127.0.0.1", 0))
        self.ports[mode] = listener.getsockname()[1]

        def accept():
            while True:
                raw, _ = listener.accept()
                threading.Thread(target=self.serve_one, args=(raw, context, mode), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()


def main():
    directory = sys.argv[1]
    make_ca(directory, "ca")
    make_ca(directory, "foreign-ca")
    make_leaf(directory, "good", "ca", "IP:127.0.0.1,DNS:localhost")
    make_leaf(directory, "wronghost", "ca", "DNS:elsewhere.example")
    make_leaf(directory, "foreign", "foreign-ca", "IP:127.0.0.1,DNS:localhost")
    server = Server(directory)
    good = context_for(directory, "good")
    server.serve("tls", good)
    server.serve("wronghost", context_for(directory, "wronghost"))
    server.serve("foreign", context_for(directory, "foreign"))
    for mode in ("cuttcp", "cuttls", "plain", "proxy"):
        server.serve(mode, good)
    print(" ".join(f"{k}={v}" for k, v in server.ports.items()), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
