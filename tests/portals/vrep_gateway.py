"""GovTalk envelopes of the VREP simulator: reading requests, writing answers (spec/cssz 3, 4, 14.1 to 14.7)."""

import re

import vrep_xml
from vrep_xml import escape

URI = "http://www.govtalk.gov.uk/CM/envelope"
ORDER = ("Class", "Qualifier", "Function", "TransactionID", "AuditID", "CorrelationID", "ResponseEndPoint", "Transformation",
         "GatewayTest", "GatewayTimestamp")
DETAILS = ("Keys", "TargetDetails", "GatewayValidation", "ChannelRouting", "GovTalkErrors", "GatewayAdditions")
CORRELATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
ERRORS = {
    1000: ("internal failure", "recoverable"), 1001: ("the envelope is not valid", "fatal"),
    1002: ("authentication failure", "fatal"), 1020: ("CorrelationID must be empty", "fatal"),
    1035: ("delete needs a CorrelationID", "fatal"), 1042: ("Body is empty", "fatal"),
    1046: ("authorisation failure", "fatal"), 2000: ("correlation id not found", "recoverable"),
}


class GatewayError(Exception):
    """The gateway itself refuses. number may be text. why: for the ledger."""

    def __init__(self, number, why=None, text=None):
        words, self.kind = ERRORS.get(number, ("error", "fatal"))
        self.number, self.text = number, text or words
        self.why = why or self.text
        super().__init__(self.why)


class Envelope:
    """A request. phase: submit | poll | close. variant of a close: A | B. body: the element in Body, or None."""

    def __init__(self):
        self.cls = self.qualifier = self.function = self.correlation = ""
        self.vs = self.body = self.phase = self.variant = self.email = None
        self.notes = []


def malformed(why):
    return GatewayError(1001, why)


def read(data):
    """Envelope of a request's bytes. Raises GatewayError; the part that was read is its attribute `envelope`."""
    envelope = Envelope()
    try:
        if data.startswith(b"\xef\xbb\xbf"):
            envelope.notes.append("byte order mark")
        try:
            root = vrep_xml.parse(data)
        except vrep_xml.XmlError as fault:
            raise malformed(str(fault)) from fault
        take(envelope, root)
    except GatewayError as fault:
        fault.envelope = envelope
        raise
    return envelope


def take(envelope, root):
    if root.local != "GovTalkMessage" or root.uri != URI:
        raise malformed("root is not GovTalkMessage of its namespace")
    parts = [e.local for e in root.elements() if e.uri == URI]
    if parts != ["EnvelopeVersion", "Header", "GovTalkDetails", "Body"] or len(root.elements()) != 4:
        raise malformed(f"children of the root: {', '.join(parts)[:200]}")
    if root.value("EnvelopeVersion") != "2.0":
        raise malformed("EnvelopeVersion is not 2.0")
    details = root.find("Header/MessageDetails")
    if details is None:
        raise malformed("no MessageDetails")
    read_details(envelope, details)
    read_keys(envelope, root.find("GovTalkDetails"))
    envelope.email = root.value("Header/SenderDetails/EmailAddress") or None
    body = root.elements("Body")[0]
    inside = body.elements()
    if len(inside) > 1 or (inside and body.text()):
        raise malformed("Body holds more than one element")
    envelope.body = inside[0] if inside else None
    route(envelope, bool(body.text()))


def read_details(envelope, details):
    names = [e.local for e in details.elements()]
    if any(n not in ORDER for n in names) or len(set(names)) != len(names) or any(e.uri != URI for e in details.elements()):
        raise malformed(f"MessageDetails: {', '.join(names)[:200]}")
    if names != sorted(names, key=ORDER.index):
        raise malformed("order of MessageDetails")
    envelope.cls, envelope.qualifier, envelope.function = (details.value(n) for n in ORDER[:3])
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", envelope.cls):
        raise malformed("Class")
    if details.find("CorrelationID") is None:
        raise malformed("no CorrelationID, not even an empty one")
    envelope.correlation = details.value("CorrelationID")
    if envelope.correlation and not CORRELATION.fullmatch(envelope.correlation):
        raise malformed("form of CorrelationID")
    if details.value("Transformation", "XML") not in ("", "XML"):
        raise malformed("Transformation")
    for name in ("TransactionID", "AuditID", "ResponseEndPoint", "GatewayTest", "GatewayTimestamp"):
        if details.value(name):
            envelope.notes.append(f"{name} is not empty")


def read_keys(envelope, details):
    if any(e.local not in DETAILS for e in details.elements()):
        raise malformed("GovTalkDetails")
    values = [k.text() for k in details.all("Keys/Key") if k.get("Type") == "vars"]
    if len(values) > 1:
        raise malformed("more than one key of the type vars")
    envelope.vs = values[0] if values and values[0] else None
    version = details.value("GatewayAdditions/Flags/TimestampVersion")
    if version != "xmldsig":
        envelope.notes.append(f"TimestampVersion {version!r}")


def route(envelope, words):
    """Phase from Qualifier and Function, and the CorrelationID and Body that belong to it (spec/cssz 14.13)."""
    pair = (envelope.qualifier, envelope.function)
    phases = {("request", "submit"): ("submit", None), ("poll", "submit"): ("poll", None), ("poll", "delete"): ("close", "A"),
              ("request", "delete"): ("close", "B")}
    if envelope.qualifier not in ("request", "poll"):
        raise GatewayError(1001, f"qualifier {envelope.qualifier[:40]!r}", "Invalid qualifier")
    if pair not in phases:
        raise GatewayError(1001, f"function {envelope.function[:40]!r}", "Invalid function")
    envelope.phase, envelope.variant = phases[pair]
    if envelope.phase == "submit":
        if envelope.correlation:
            raise GatewayError(1020)
        if envelope.body is None:
            raise GatewayError(1042)
        return
    if not envelope.correlation:
        raise GatewayError(1035 if envelope.phase == "close" else 2000, "no CorrelationID")
    if envelope.body is not None or words:
        raise malformed("Body of a poll or close is not empty")


class Answer:
    """Fields of an answering envelope."""

    def __init__(self, cls, qualifier, function="submit", correlation="", end_point=None, interval=1, timestamp="", error=None,
                 message=None, xsig=False):
        self.cls, self.qualifier, self.function, self.correlation = cls, qualifier, function, correlation
        self.end_point, self.interval, self.timestamp, self.error = end_point, interval, timestamp, error
        self.message, self.xsig = message, xsig

    def details(self):
        def leaf(name, value):
            return f"<{name}>{escape(value)}</{name}>" if value else f"<{name}/>"
        out = leaf("Class", self.cls) + leaf("Qualifier", self.qualifier) + leaf("Function", self.function) + "<TransactionID/>"
        out += leaf("CorrelationID", self.correlation)
        if self.end_point:
            out += f'<ResponseEndPoint PollInterval="{vrep_xml.attribute_text(str(self.interval))}">{escape(self.end_point)}</ResponseEndPoint>'
        if self.message:
            out += "<Transformation>XML</Transformation>"
        return out + leaf("GatewayTimestamp", self.timestamp)

    def errors(self):
        if self.error is None:
            return ""
        raised, number, text, kind = self.error
        words = f"<Text>{escape(text)}</Text>"
        kinds = f"<Type>{escape(kind)}</Type>"
        # The two skeletons of the specification differ in the order of the last two (14.5, 14.7).
        tail = words + kinds if raised == "CSSZDIS" else kinds + words
        mark = ' Id="0"' if raised == "CSSZDIS" else ""
        return f"<GovTalkErrors><Error{mark}><RaisedBy>{escape(raised)}</RaisedBy><Number>{escape(str(number))}</Number>{tail}</Error></GovTalkErrors>"

    def xml(self):
        keys = '<Keys><Key Type="SpokeName">VREP</Key></Keys>' if self.message else "<Keys/>"
        sender = "" if self.message else "<SenderDetails/>"
        body = f'<Body Id="1">{self.message}</Body>' if self.message else "<Body/>"
        xsig = ' xmlns:xsig="http://www.w3.org/2000/09/xmldsig#"' if self.xsig else ""
        return (f'<GovTalkMessage xmlns="{URI}"{xsig}><EnvelopeVersion>2.0</EnvelopeVersion><Header><MessageDetails>{self.details()}'
                f"</MessageDetails>{sender}</Header><GovTalkDetails>{keys}{self.errors()}</GovTalkDetails>{body}</GovTalkMessage>")


def indented(text):
    """The document with line ends and blanks between elements, as a kind gateway might write it."""
    def show(element, above, depth):
        name, pad = vrep_xml.name_of(element.prefix, element.local), "\r\n" + "  " * depth
        inner = "".join(show(c, element.scope, depth + 1) for c in element.elements())
        inner = inner + pad if inner else "".join(vrep_xml.plain_text(c) for c in element.children)
        return f"{pad}{vrep_xml.start_tag(element, above)}{inner}</{name}>"
    return show(vrep_xml.parse(text.encode()), {"": ""}, 0).lstrip()
