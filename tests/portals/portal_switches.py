"""Fault switches of the portal simulators.

A switch is set as  NAME=VALUE  or, for one phase of the protocol only,  NAME.PHASE=VALUE.

Kinds:
  fault   off | on | once | N (the next N requests) | p=0.1 (each request with that probability)
          each may be followed by ",take" or ",notake": whether a filing request that meets the fault is taken
          (written to the ledger as accepted) before the bad reply; every fault has its own default
  number  a whole number
  text    any text; where choices are listed, one of them

A phase's own value goes first; when it does not fire, the value without a phase is asked.
"""

import random
import threading


class SwitchError(ValueError):
    """Unknown switch, phase or value: the message says which."""


class Switch:
    """Definition. take: for a fault in the phase that files, is the filing taken by default; None = not applicable."""

    def __init__(self, kind, default, doc, phases=None, take=None, choices=None):
        self.kind, self.default, self.doc = kind, str(default), doc
        self.phases, self.take, self.choices = phases, take, choices


class Shot:
    """A fault that fires for one request."""

    def __init__(self, name, take):
        self.name, self.take = name, take


class FaultValue:
    """Parsed value of a fault switch: how many are left (None = for ever) and with what probability."""

    def __init__(self, text, take):
        head, _, modifier = text.strip().partition(",")
        self.text = text
        self.take = {"": take, "take": True, "notake": False}.get(modifier.strip(), "bad")
        self.left, self.probability = None, 1.0
        head = head.strip().lower()
        if self.take == "bad":
            raise SwitchError(f"{text!r}: after the comma only take or notake")
        if head in ("on", "true"):
            pass
        elif head in ("off", "false", ""):
            self.left = 0
        elif head == "once":
            self.left = 1
        elif head.startswith("p="):
            self.probability = parse_probability(head[2:], text)
        elif head.isdigit():
            self.left = int(head)
        else:
            raise SwitchError(f"{text!r}: expected on, off, once, a number or p=0.1")

    def ready(self):
        return self.left is None or self.left > 0

    def fires(self, dice):
        if not self.ready() or (self.probability < 1.0 and dice.random() >= self.probability):
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def show(self):
        if self.left is None:
            return self.text
        modifier = "," + self.text.split(",", 1)[1] if "," in self.text else ""
        return ("off" if self.left == 0 else str(self.left)) + modifier


def parse_probability(digits, text):
    try:
        value = float(digits)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise SwitchError(f"{text!r}: the probability must be between 0 and 1")
    return value


class Switches:
    """All switches of one simulator; thread-safe."""

    def __init__(self, definitions, phases, settings=(), seed=None):
        self.definitions, self.phases = definitions, phases
        self.lock = threading.RLock()
        self.dice = random.Random(seed)
        self.seed = seed
        self.start_settings = [s.partition("=")[::2] for s in settings]
        self.reset()

    def reset(self):
        with self.lock:
            self.values, self.fired = {}, {}
            self.dice.seed(self.seed)
            for name, value in self.start_settings:
                self.set(name, value)

    def set(self, name, value):
        """name: NAME or NAME.PHASE; value: text, number or bool."""
        base, _, phase = name.strip().partition(".")
        definition = self.definitions.get(base)
        if definition is None:
            raise SwitchError(f"no switch {base!r}; known: {', '.join(sorted(self.definitions))}")
        allowed = definition.phases or self.phases
        if phase and phase not in allowed:
            raise SwitchError(f"switch {base!r} has no phase {phase!r}; its phases: {', '.join(allowed)}")
        if isinstance(value, bool):
            value = "on" if value else "off"
        with self.lock:
            self.values[(base, phase)] = self.parse(definition, str(value))

    @staticmethod
    def parse(definition, text):
        if definition.kind == "fault":
            return FaultValue(text, definition.take)
        if definition.kind == "number":
            if not text.strip().isdigit():
                raise SwitchError(f"{text!r}: expected a whole number")
            return int(text)
        if definition.choices and text not in definition.choices:
            raise SwitchError(f"{text!r}: expected one of {', '.join(definition.choices)}")
        return text

    def fire(self, name, phase):
        """Shot if the fault happens to this request, else None. Counts down."""
        with self.lock:
            definition = self.definitions[name]
            if phase not in (definition.phases or self.phases):
                return None
            for key in ((name, phase), (name, "")):
                value = self.values.get(key)
                if value is not None and value.fires(self.dice):
                    label = f"{name}.{phase}"
                    self.fired[label] = self.fired.get(label, 0) + 1
                    return Shot(name, value.take)
            return None

    def peek(self, name, phase):
        """Would the fault fire now? Counts nothing."""
        with self.lock:
            found = [self.values.get((name, phase)), self.values.get((name, ""))]
            return any(v is not None and v.ready() for v in found)

    def get(self, name, phase=""):
        """Value of a number or text switch."""
        with self.lock:
            for key in ((name, phase), (name, "")):
                if key in self.values:
                    return self.values[key]
            return self.parse(self.definitions[name], self.definitions[name].default)

    def show(self):
        with self.lock:
            now = {}
            for (base, phase), value in sorted(self.values.items()):
                now[base + ("." + phase if phase else "")] = value.show() if isinstance(value, FaultValue) else value
            defaults = {name: d.default for name, d in self.definitions.items()}
            return {"values": now, "defaults": defaults, "fired": dict(self.fired)}

    def help(self):
        lines = ["switches (--set NAME[.PHASE]=VALUE, repeatable; or POST /switch on the control port):",
                 f"  phases: {' | '.join(self.phases)}",
                 "  fault values: off | on | once | N | p=0.1, optionally with ,take or ,notake", ""]
        for name, d in self.definitions.items():
            kind = d.kind if not d.choices else " | ".join(d.choices)
            notes = [kind] + ([f"default {d.default}"] if d.kind != "fault" else [])
            if d.take is not None:
                notes.append("filing taken" if d.take else "filing not taken")
            if d.phases:
                notes.append("phases " + ", ".join(d.phases))
            lines.append(f"  {name:<22} [{'; '.join(notes)}]")
            lines.append(f"      {d.doc}")
        return "\n".join(lines)


DELIVERY = {
    "refuse_connection": Switch("fault", "off", "the connection is closed before the TLS handshake",
                                phases=("connect",)),
    "cut_before_read": Switch("fault", "off", "the connection is closed after the header, before the body is read; "
                              "never taken"),
    "redirect302": Switch("fault", "off", "302 to /odstavka with an empty body, as in maintenance", take=False),
    "status500": Switch("fault", "off", "500 with a page of HTML", take=False),
    "html200": Switch("fault", "off", "200 with a page of HTML", take=False),
    "empty200": Switch("fault", "off", "200 with no body", take=True),
    "garbage": Switch("fault", "off", "200 with random bytes", take=True),
    "cut_after_request": Switch("fault", "off", "the request is read and carried out, then the connection closed "
                                "without a reply"),
    "cut_midreply": Switch("fault", "off", "the request is carried out; header and half of the reply, then closed"),
    "keepalive_then_close": Switch("fault", "off", "the reply promises keep-alive; the next request on that connection "
                                   "is carried out, then closed without a reply; with none within 2 s it is closed"),
    "odd_content_type": Switch("fault", "off", "the reply says Content-Type: text/plain; charset=us-ascii"),
    "chunked": Switch("fault", "off", "the reply has Transfer-Encoding: chunked"),
    "slow_ms": Switch("number", 0, "wait before the reply, in ms"),
    "huge_reply": Switch("number", 0, "the reply is padded to at least that many bytes and stays valid"),
    "client_cert": Switch("text", "no", "no: nobody is asked for a certificate; needed: only who has one under ca.pem comes in; foreign: only who has one "
                          "under foreign-ca.pem", choices=("no", "needed", "foreign")),
    "tls": Switch("text", "any", "the one version of TLS that is spoken", choices=("any", "1.2", "1.3")),
    "tickets": Switch("number", 2, "session tickets after a handshake of TLS 1.3"),
    "cut_style": Switch("text", "fin", "how connections are cut: TCP FIN without close_notify, or RST",
                        choices=("fin", "rst")),
}
