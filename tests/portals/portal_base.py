"""What all portal simulators share: HTTPS server, ledger, control port, command line.

Ledger: JSON lines. A line is appended and fsynced before the reply that it explains is sent. `kind` says what it is;
`accepted` alone means that a filing was taken. Every line has `seq`, `time` (UTC), `kind`, and, when it came from a
request, `conn` (number of the connection since start), `conn_request` (1 = first on that connection), `faults`, and, in
seconds since 1970, `connected` (the connection was accepted) and `begun` (the head of the request was read).
`tls` is the version that was spoken, `client_cert` the SHA-256 of the certificate that the client logged in with.
A line `simulator-error` is a mistake of the simulator: no test should have one.

Control port (plain HTTP, loopback only):
  GET  /ledger[?kind=accepted]   JSON array of the ledger's lines
  GET  /counts                   {kind: number}, and connections, tls_failures, parallel_max (requests at once)
  GET  /switches                 {"values":…, "defaults":…, "fired":…}
  POST /switch  {"name": "value", "name.phase": "value", …}
  POST /reset   [{"ledger": true}]   switches as at start; with "ledger" also forgets filings and empties the file
"""

import argparse
import datetime
import hashlib
import http.server
import json
import os
import secrets
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import traceback
import urllib.parse

from portal_switches import SwitchError, Switches

BODY_MAX = 64 * 1024 * 1024
IDLE_S = 60
HANDSHAKE_S = 10
DOOMED_IDLE_S = 2
HTML = ("<!DOCTYPE html><html><head><title>Odstávka</title></head>"
        "<body><h1>Služba je dočasně nedostupná</h1></body></html>")


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


class Ledger:
    """Append-only JSON lines, durable before add() returns; thread-safe."""

    def __init__(self, path):
        self.path, self.lock, self.lines = path, threading.Lock(), []
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                # A line torn by a kill was never answered: it is dropped.
                text = f.read()
                self.lines = [json.loads(line) for line in text.split("\n")[:-1] if line]
            if not text.endswith("\n"):
                self.rewrite()
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644) if path else None

    def rewrite(self):
        with open(self.path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines)

    def add(self, kind, **fields):
        with self.lock:
            line = {"seq": len(self.lines) + 1, "time": utc_now().isoformat(timespec="milliseconds"), "kind": kind}
            line.update(fields)
            if self.fd is not None:
                os.write(self.fd, json.dumps(line, ensure_ascii=False).encode("utf-8") + b"\n")
                os.fdatasync(self.fd)
            self.lines.append(line)
            return line

    def read(self, kind=None):
        with self.lock:
            return [line for line in self.lines if kind in (None, line["kind"])]

    def clear(self):
        with self.lock:
            self.lines = []
            if self.fd is not None:
                os.ftruncate(self.fd, 0)
                os.fdatasync(self.fd)


class Request:
    """One HTTP request. body is None until read. doomed: the connection was promised and will be closed."""

    def __init__(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        self.method, self.path = handler.command, url.path
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.headers, self.body = handler.headers, None
        self.client = handler.connection.getpeercert(binary_form=True)  # DER of the client's certificate, or None
        self.tls = handler.connection.version()
        self.conn, self.conn_request, self.doomed = handler.conn, handler.conn_request, handler.doomed
        self.connected, self.begun = handler.connected, time.time()
        self.faults = []

    def form(self):
        """Fields of an x-www-form-urlencoded body, or None when it is not one."""
        if media_type(self.headers) != "application/x-www-form-urlencoded":
            return None
        try:
            return dict(urllib.parse.parse_qsl(self.body.decode("ascii"), keep_blank_values=True))
        except UnicodeDecodeError:
            return None

    def trace(self):
        """What a ledger line says about the request's way here."""
        head = self.headers
        return {"conn": self.conn, "conn_request": self.conn_request, "faults": list(self.faults),
                "connected": round(self.connected, 6), "begun": round(self.begun, 6),
                "content_type": head.get("Content-Type"), "accept": head.get("Accept"),
                "user_agent": head.get("User-Agent"), "expect": head.get("Expect"),
                "host": head.get("Host"), "authorization": bool(head.get("Authorization")),
                "tls": self.tls, "client_cert": hashlib.sha256(self.client).hexdigest() if self.client else None,
                "proxy_authorization": bool(head.get("Proxy-Authorization")),
                "chunked_request": "chunked" in (head.get("Transfer-Encoding") or "")}


class Reply:
    """What to answer. cut: None | before (no byte of a reply) | mid."""

    def __init__(self, body=b"", content_type="text/xml;charset=UTF-8", status=200, headers=()):
        self.body, self.content_type, self.status = body, content_type, status
        self.headers, self.cut, self.doom, self.slow_ms, self.chunked = dict(headers), None, False, 0, False
        self.odd = False


def media_type(headers):
    return (headers.get("Content-Type") or "").split(";")[0].strip().lower()


class Portal:
    """Base of a simulator. A subclass gives NAME, PHASES, SWITCHES and these three methods:

    phase(request)             the phase, from method, path and query only; None = not found
    process(request, phase)    carries the request out, writes the ledger, returns a Reply; calls replace() and
                               deliver() at the right moments, so that faults are known before the ledger line
    load(lines)                rebuilds the state from the ledger's lines at start and after reset
    """

    NAME, PHASES, SWITCHES = "portal", (), {}
    BEFORE_CHECKS = ("redirect302",)
    REPLACING = ("status500", "html200", "empty200", "garbage")

    def __init__(self, args):
        self.args = args
        self.ledger = Ledger(args.ledger)
        self.switches = Switches(self.SWITCHES, self.PHASES + ("connect",), args.set, args.seed)
        self.connections, self.tls_failures, self.lock = 0, 0, threading.Lock()
        self.parallel, self.parallel_max = 0, 0
        self.load(self.ledger.read())

    def load(self, lines):
        raise NotImplementedError

    def phase(self, request):
        raise NotImplementedError

    def process(self, request, phase):
        raise NotImplementedError

    @staticmethod
    def prepare_tls(context, args):
        """For a simulator that wants client certificates."""

    def control(self, method, path, query, body):
        """Further control addresses: (status, content type, bytes) or None."""
        return None

    def busy(self, change):
        """Counts the requests that are in work."""
        with self.lock:
            self.parallel += change
            self.parallel_max = max(self.parallel_max, self.parallel)

    def next_connection(self):
        with self.lock:
            self.connections += 1
            return self.connections

    def fire(self, request, phase, *names):
        """The first of the faults that fires; it is noted on the request."""
        for name in names:
            shot = self.switches.fire(name, phase)
            if shot is not None:
                request.faults.append(name)
                return shot
        return None

    def replace(self, shot):
        """Reply of one of the faults REPLACING or BEFORE_CHECKS."""
        return {
            "redirect302": lambda: Reply(status=302, headers={"Location": "/odstavka"}),
            "status500": lambda: Reply(HTML.encode(), "text/html;charset=UTF-8", 500),
            "html200": lambda: Reply(HTML.encode(), "text/html;charset=UTF-8"),
            "empty200": Reply,
            "garbage": lambda: Reply(b"\x07" + secrets.token_bytes(700), "application/pkcs7-signature"),
        }[shot.name]()

    def deliver(self, request, phase):
        """Plan of how the reply will travel, decided before the ledger line is written."""
        plan = Reply()
        plan.slow_ms = self.switches.get("slow_ms", phase)
        cut_names = [n for n in ("cut_after_request", "take_and_close") if n in self.SWITCHES]
        if request.doomed:
            request.faults.append("keepalive_then_close")
            plan.cut = "before"
        elif self.fire(request, phase, *cut_names):
            plan.cut = "before"
        elif self.fire(request, phase, "cut_midreply"):
            plan.cut = "mid"
        elif self.fire(request, phase, "keepalive_then_close"):
            plan.doom = True
        plan.odd = self.fire(request, phase, "odd_content_type") is not None
        plan.chunked = self.fire(request, phase, "chunked") is not None
        return plan

    @staticmethod
    def apply(plan, reply):
        reply.cut, reply.doom, reply.slow_ms, reply.chunked = plan.cut, plan.doom, plan.slow_ms, plan.chunked
        if plan.odd:
            reply.content_type = "text/plain; charset=us-ascii"
        return reply


class Handler(http.server.BaseHTTPRequestHandler):
    """One TLS connection, any number of requests."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.portal = self.server.portal
        self.conn, self.conn_request, self.doomed = self.portal.next_connection(), 0, False
        self.connected = self.request.connected

    def log_message(self, *_):
        """Silence: the ledger is the log."""

    def read_body(self):
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return self.read_chunked()
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= BODY_MAX:
            raise ConnectionError("length of the body")
        body = self.rfile.read(length)
        if len(body) != length:
            raise ConnectionError("the client broke off")
        return body

    def read_chunked(self):
        parts, total = [], 0
        while True:
            size = int(self.rfile.readline(100).split(b";")[0], 16)
            total += size
            if total > BODY_MAX:
                raise ConnectionError("length of the body")
            part = self.rfile.read(size)
            self.rfile.readline(100)
            if size == 0:
                return b"".join(parts)
            parts.append(part)

    def do_any(self):
        self.portal.busy(+1)
        try:
            self.serve()
        finally:
            self.portal.busy(-1)

    def serve(self):
        self.conn_request += 1
        request = Request(self)
        phase = self.portal.phase(request)
        if phase and self.portal.fire(request, phase, "cut_before_read"):
            self.portal.ledger.add("dropped", phase=phase, **request.trace())
            self.cut()
            return
        try:
            request.body = self.read_body()
        except (OSError, ValueError) as broken:
            self.portal.ledger.add("broken", phase=phase, reason=str(broken), **request.trace())
            self.cut()
            return
        if phase is None:
            self.portal.ledger.add("not-found", method=request.method, path=request.path, **request.trace())
            reply = Reply(b"", "text/plain", 404)
        else:
            reply = self.process(request, phase)
        self.answer(reply)

    def process(self, request, phase):
        """A mistake of the simulator is a line `simulator-error` and a 500, not a silent cut."""
        try:
            return self.portal.process(request, phase)
        except Exception as fault:
            traceback.print_exc()
            self.portal.ledger.add("simulator-error", phase=phase, reason=repr(fault), **request.trace())
            return Reply(b"", "text/plain", 500)

    do_GET = do_POST = do_HEAD = do_PUT = do_any

    def answer(self, reply):
        if reply.slow_ms:
            time.sleep(reply.slow_ms / 1000)
        if reply.cut == "before":
            self.cut()
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.body or reply.status == 200:
            self.send_header("Content-Type", reply.content_type)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(reply.body)))
        if reply.doom:
            self.send_header("Connection", "keep-alive")
        self.end_headers()
        body = chunks(reply.body) if reply.chunked else reply.body
        if reply.cut == "mid":
            self.wfile.write(body[:len(body) // 2])
            self.cut()
            return
        self.wfile.write(body)
        if reply.doom:
            self.doomed = True
            self.connection.settimeout(DOOMED_IDLE_S)

    def version_string(self):
        return f"{self.portal.NAME}-simulator"

    def cut(self):
        """Ends the connection with no close_notify, by FIN or RST."""
        self.close_connection = True
        if self.portal.switches.get("cut_style") == "rst":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            self.wfile.flush()
        except OSError:
            pass


def chunks(body):
    parts = []
    for at in range(0, len(body), 4000):
        piece = body[at:at + 4000]
        parts.append(b"%x\r\n%s\r\n" % (len(piece), piece))
    return b"".join(parts) + b"0\r\n\r\n"


class Server(socketserver.ThreadingTCPServer):
    """TLS handshake in the connection's own thread."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    VERSIONS = {"any": (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), "1.2": (ssl.TLSVersion.TLSv1_2,) * 2,
                "1.3": (ssl.TLSVersion.TLSv1_3,) * 2}
    CLIENTS = {"needed": "ca.pem", "foreign": "foreign-ca.pem"}

    def __init__(self, address, portal):
        self.portal, self.contexts = portal, {}
        self.context()
        super().__init__(address, Handler)

    def context(self):
        """As the switches say now."""
        switches, pki = self.portal.switches, self.portal.args.pki
        chosen = tuple(switches.get(name) for name in ("tls", "client_cert", "tickets"))
        if chosen not in self.contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(os.path.join(pki, "tls.pem"), os.path.join(pki, "tls.key"))
            context.minimum_version, context.maximum_version = self.VERSIONS[chosen[0]]
            context.num_tickets = chosen[2]
            if chosen[1] in self.CLIENTS:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(os.path.join(pki, self.CLIENTS[chosen[1]]))
            self.portal.prepare_tls(context, self.portal.args)
            self.contexts[chosen] = context
        return self.contexts[chosen]

    def finish_request(self, request, client_address):
        if self.portal.switches.fire("refuse_connection", "connect"):
            return
        request.settimeout(HANDSHAKE_S)
        connected = time.time()
        try:
            secured = self.context().wrap_socket(request, server_side=True)
        except (OSError, ssl.SSLError):
            with self.portal.lock:
                self.portal.tls_failures += 1
            return
        secured.connected = connected
        try:
            Handler(secured, client_address, self)
        except (ConnectionError, ssl.SSLError, TimeoutError, ValueError):
            pass
        finally:
            secured.close()

    def handle_error(self, request, client_address):
        kind, fault, _ = sys.exc_info()
        print(f"{self.portal.NAME}: {kind.__name__}: {fault}", file=sys.stderr, flush=True)
        if not isinstance(fault, OSError):
            sys.excepthook(*sys.exc_info())


class Control(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Silence."""

    def reply(self, status, content_type, body):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, value, status=200):
        self.reply(status, "application/json", json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n")

    def body(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        value = json.loads(data) if data.strip() else {}
        if not isinstance(value, dict):
            raise ValueError("expected a JSON object")
        return value

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        portal = self.server.portal
        if url.path == "/ledger":
            self.json(portal.ledger.read(query.get("kind")))
        elif url.path == "/counts":
            self.json(counts(portal))
        elif url.path == "/switches":
            self.json(portal.switches.show())
        else:
            self.other("GET", url.path, query, {})

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        portal = self.server.portal
        try:
            body = self.body()
            if url.path == "/switch":
                with portal.switches.lock:
                    for name, value in body.items():
                        portal.switches.set(name, value)
                self.json(portal.switches.show())
            elif url.path == "/reset":
                portal.switches.reset()
                if body.get("ledger"):
                    portal.ledger.clear()
                    portal.load([])
                self.json({"reset": True})
            else:
                self.other("POST", url.path, {}, body)
        except (SwitchError, ValueError) as fault:
            self.json({"error": str(fault)}, 400)

    def other(self, method, path, query, body):
        found = self.server.portal.control(method, path, query, body)
        if found is None:
            self.json({"error": "not found"}, 404)
        else:
            self.reply(*found)


def counts(portal):
    table = {"connections": portal.connections, "tls_failures": portal.tls_failures,
             "parallel_max": portal.parallel_max}
    for line in portal.ledger.read():
        table[line["kind"]] = table.get(line["kind"], 0) + 1
    return table


class ControlServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, portal):
        self.portal = portal
        super().__init__(address, Control)


def address_of(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}: expected HOST:PORT")
    return host, int(port)


def port_file(path, port):
    if path:
        tmp = f"{path}.{os.getpid()}.tmp"
        with open(tmp, "w", encoding="ascii") as f:
            f.write(f"{port}\n")
        os.rename(tmp, path)


def arguments(portal_class, doc):
    help_text = Switches(portal_class.SWITCHES, portal_class.PHASES + ("connect",)).help()
    parser = argparse.ArgumentParser(description=doc, epilog=help_text,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=address_of, default=("127.0.0.1", 0), metavar="HOST:PORT",
                        help="HTTPS address; port 0 takes a free one (default 127.0.0.1:0)")
    parser.add_argument("--port-file", metavar="FILE", help="the chosen HTTPS port is written here")
    parser.add_argument("--control-port-file", metavar="FILE", help="the chosen control port is written here")
    parser.add_argument("--control", type=address_of, default=("127.0.0.1", 0), metavar="HOST:PORT")
    parser.add_argument("--pki", required=True, metavar="DIR", help="directory made by tests/lib/pki.py")
    parser.add_argument("--ledger", metavar="FILE", help="JSON lines; read back at start (default: memory only)")
    parser.add_argument("--keep", metavar="DIR", help="keep every accepted request here, so that a restarted "
                                                      "simulator can confirm it again")
    parser.add_argument("--set", action="append", default=[], metavar="NAME[.PHASE]=VALUE", help="a switch")
    parser.add_argument("--seed", type=int, help="seed of the probabilities")
    return parser


def run(portal_class, doc, argv=None):
    """Command line of a simulator: serves until SIGTERM or SIGINT, then exits 0."""
    args = arguments(portal_class, doc).parse_args(argv)
    try:
        portal = portal_class(args)
        servers = (Server(args.listen, portal), ControlServer(args.control, portal))
    except (OSError, ssl.SSLError, ValueError) as fault:
        print(f"{portal_class.NAME}: {fault}", file=sys.stderr)
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    port, control = (server.server_address[1] for server in servers)
    port_file(args.control_port_file, control)
    port_file(args.port_file, port)
    print(f"{portal.NAME}: https://{args.listen[0]}:{port}{portal.BASE}  control http://127.0.0.1:{control}/",
          file=sys.stderr, flush=True)
    stop.wait()
    for server in servers:
        server.shutdown()
    return 0
