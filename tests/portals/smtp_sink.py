#!/usr/bin/python3
"""A mail server that delivers nowhere (aiosmtpd): TLS from the beginning on one port, STARTTLS on another, logins, and faults.

smtp_sink.py DIR --cert FILE --key FILE [--login USER:PASSWORD] prints one line

    smtps=PORT starttls=PORT

and serves until its standard input ends. DIR/faults is read anew at each use: lines NAME [COUNT [VALUE]]; a COUNT is used up in memory, without one the fault stays.
  421       greets with 421             450       RCPT is answered 450          550       RCPT of VALUE is answered 550
  553       MAIL is answered 553        drop      the connection ends in the middle of DATA, nothing is taken
  lost      the message is taken, the connection ends before the answer to it says so
  slow      VALUE ms pass between taking a message and saying so                nostarttls  STARTTLS is not offered
DIR/ledger has a JSON object per line: {"kind": "message", "from", "to": [...], "login", "tls", "port", "raw"}, {"kind": "refused", "what", "to"},
{"kind": "login", "user", "good", "tls"}. It is written before the answer goes out.
"""

import argparse
import asyncio
import base64
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def is_encrypted(server):
    return server.transport.get_extra_info("ssl_object") is not None


class Sink:
    def __init__(self, directory, login):
        self.directory, self.login = directory, login
        self.used = {}

    def note(self, **line):
        with open(os.path.join(self.directory, "ledger"), "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
            out.flush()

    def fault(self, name, spend=True):
        """None, or the VALUE ("" without one) when the fault is on; a counted one is spent."""
        try:
            with open(os.path.join(self.directory, "faults"), encoding="utf-8") as f:
                lines = [line.split() for line in f if line.split()]
        except FileNotFoundError:
            return None
        for words in lines:
            if words[0] != name:
                continue
            count = int(words[1]) if len(words) > 1 and words[1] != "-" else None
            key = " ".join(words)
            if count is not None and self.used.get(key, 0) >= count:
                continue
            if spend:
                self.used[key] = self.used.get(key, 0) + 1
            return words[2] if len(words) > 2 else ""
        return None

    def authenticate(self, server, session, envelope, mechanism, data):
        user, password = data.login.decode(), data.password.decode()
        good = self.login == f"{user}:{password}"
        self.note(kind="login", user=user, good=good, tls=is_encrypted(server))
        return AuthResult(success=good, handled=False)

    # --- aiosmtpd's hooks ---

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.login and not session.authenticated:
            return "530 5.7.0 login first"
        if self.fault("553") is not None:
            self.note(kind="refused", what="553", to=None)
            return "553 5.7.1 not from you"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.fault("550", spend=False) == address:
            self.note(kind="refused", what="550", to=address)
            return "550 5.1.1 no such mailbox"
        if self.fault("450") is not None:
            self.note(kind="refused", what="450", to=address)
            return "450 4.2.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.fault("drop") is not None:
            self.note(kind="refused", what="drop", to=envelope.rcpt_tos[0])
            server.transport.abort()
            return "451 never seen"
        self.note(kind="message", **{"from": envelope.mail_from}, to=envelope.rcpt_tos, login=bool(session.authenticated), tls=is_encrypted(server),
                  raw=base64.b64encode(envelope.original_content).decode())
        pause = self.fault("slow")
        if pause:
            await asyncio.sleep(int(pause) / 1000)
        if self.fault("lost") is not None:
            server.transport.abort()
        return "250 taken"


class Server(SMTP):
    """Greets with 421 when told so."""

    def connection_made(self, transport):
        if self.event_handler.fault("421", spend=self.transport is None) is not None and self.transport is None:
            self.event_handler.note(kind="refused", what="421", to=None)
            transport.write(b"421 4.3.2 closing for now\r\n")
            transport.close()
            return
        super().connection_made(transport)


def context_for(options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    return context


async def serve(options):
    sink = Sink(options.directory, options.login)
    context = context_for(options)
    loop = asyncio.get_running_loop()
    common = {"hostname": "sink.example", "authenticator": sink.authenticate if options.login else None, "auth_require_tls": False, "loop": loop}

    def over_tls():
        server = Server(sink, **common)
        return server

    def with_starttls():
        if sink.fault("nostarttls", spend=False) is not None:
            return Server(sink, **common)
        return Server(sink, tls_context=context, require_starttls=True, **common)

    implicit = await loop.create_server(over_tls, "127.0.0.1", options.smtps_port, ssl=context)
    upgrade = await loop.create_server(with_starttls, "127.0.0.1", options.starttls_port)
    print(f"smtps={implicit.sockets[0].getsockname()[1]} starttls={upgrade.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--login")
    parser.add_argument("--smtps-port", type=int, default=0)
    parser.add_argument("--starttls-port", type=int, default=0)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
