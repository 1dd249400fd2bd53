"""The two SOAP interfaces of ČSSZ: WS of VREP (SOAP 1.2, spec/cssz 11, 14.11) and the validator ePodaniValidace (SOAP 1.1, spec/cssz 9)."""

import base64
import datetime
import uuid

import vrep_gateway as gateway
import vrep_services as services
import vrep_xml
from portal_base import Reply, media_type
from vrep_xml import escape, quoteattr

SOAP11, SOAP12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING, NIL = "http://www.w3.org/2005/08/addressing", "http://www.w3.org/2001/XMLSchema-instance"
URI = "http://www.government-gateway.cz/wcf/submission"
ACTIONS = URI + "/IBusinessTransactions/"
OPERATIONS = {"Submit": "submit", "Poll": "poll", "Dispose": "close"}
VALIDATE_URI = "urn:cz:isvs:cssz:schemas:ePodaniValidace:v1"
VALIDATED = ("CSSZ_JMHZ", "CSSZ_REGZEC", "CSSZ_PREZEC", "CSSZ_NEM_PRI")


class SoapFault(Exception):
    """The message is no good as SOAP or as this operation."""


def need(condition, words):
    if not condition:
        raise SoapFault(words)


class Call:
    """One call of WS; show() is what the simulator answers with instead of a POX envelope."""

    def __init__(self, portal, request):
        self.portal, self.request = portal, request
        self.operation, self.message_id = "Submit", ""

    def serve(self):
        try:
            envelope, fault = self.read()
        except (SoapFault, vrep_xml.XmlError) as refused:
            self.portal.ledger.add("refused", by="soap", reason=str(refused), correlation=None, **self.request.trace())
            return self.portal.apply(self.portal.deliver(self.request, "ws"), self.soap_fault("s:Sender", str(refused)))
        return getattr(self.portal, OPERATIONS[self.operation])(self.request, envelope, fault, self.show)

    def read(self):
        """(gateway.Envelope, GatewayError or None)."""
        need(media_type(self.request.headers) == "application/soap+xml", "Content-Type is not that of SOAP 1.2")
        need(len(self.request.body) <= self.portal.switches.get("max_request"), "too long")
        root = vrep_xml.parse(self.request.body)
        need(root.local == "Envelope" and root.uri == SOAP12, "not an envelope of SOAP 1.2")
        head, body = root.elements("Header"), root.elements("Body")
        need(len(head) == len(body) == 1 and len(body[0].elements()) == 1, "Header and Body with one operation")
        values = {e.local: e for e in head[0].elements() if e.uri == ADDRESSING}
        need("MessageID" in values and "Action" in values and "To" in values, "WS-Addressing")
        self.message_id = values["MessageID"].text()
        call = body[0].elements()[0]
        self.operation = call.local if call.local in OPERATIONS else "Submit"
        need(call.uri == URI and call.local in OPERATIONS, f"no operation {call.local[:40]!r}")
        need(values["Action"].text() == ACTIONS + call.local, "Action")
        return self.submission(call) if call.local == "Submit" else self.question(call)

    @staticmethod
    def optionals(call):
        """{(name, type): value}"""
        found = {}
        for element in call.all("optionals/OptionalParameter"):
            names = [c.local for c in element.elements()]
            need(names == ["ParameterName", "ParameterType", "ParameterValue"], "order of an optional parameter")
            found[(element.value("ParameterName"), element.value("ParameterType"))] = element.value("ParameterValue")
        return found

    def submission(self, call):
        need([e.local for e in call.elements()] in (["tclass", "bodies", "optionals"], ["tclass", "bodies"]), "order of Submit")
        parts = call.all("bodies/BodyPart")
        need(len(parts) == 1 and [e.local for e in parts[0].elements()] == ["Body", "Id"], "one BodyPart of Body and Id")
        more = self.optionals(call)
        envelope = gateway.Envelope()
        envelope.cls, envelope.qualifier, envelope.function, envelope.phase = call.value("tclass"), "request", "submit", "submit"
        envelope.vs, envelope.email = more.get(("key", "vars")) or None, more.get(("email", "")) or None
        if parts[0].value("Id") != "0":
            envelope.notes.append(f"BodyPart/Id {parts[0].value('Id')!r}")
        inside = parts[0].find("Body").elements()
        wanted = self.portal.switches.get("ws_body")
        try:
            if not inside:
                raise gateway.GatewayError(1042)
            if len(inside) > 1 or (wanted != "any" and wanted != {"GovTalkMessage": "govtalk"}.get(inside[0].local, "message")):
                raise gateway.GatewayError(1001, f"content of BodyPart: {inside[0].local[:40]!r}")
            envelope.body = self.wrapped(envelope, inside[0]) if inside[0].local == "GovTalkMessage" else inside[0]
        except gateway.GatewayError as fault:
            return envelope, fault
        return envelope, None

    @staticmethod
    def wrapped(envelope, root):
        """Message of a GovTalkMessage; its Class and VS must be those of the call."""
        inner = gateway.Envelope()
        gateway.take(inner, root)
        if inner.phase != "submit" or inner.cls != envelope.cls:
            raise gateway.GatewayError(1001, "the GovTalkMessage is no submission of that class")
        if inner.vs is not None and envelope.vs is not None and inner.vs != envelope.vs:
            raise gateway.GatewayError(1001, "VS of the GovTalkMessage and of the call")
        envelope.vs = envelope.vs or inner.vs
        envelope.notes += inner.notes
        return inner.body

    def question(self, call):
        need([e.local for e in call.elements()] in (["correlationid", "optionals"], ["correlationid"]), f"order of {call.local}")
        envelope = gateway.Envelope()
        envelope.phase, envelope.correlation, envelope.function = OPERATIONS[call.local], call.value("correlationid"), "submit"
        envelope.qualifier, envelope.variant = "poll", "WS" if call.local == "Dispose" else None
        envelope.vs = self.optionals(call).get(("key", "vars")) or None
        if not envelope.correlation:
            return envelope, gateway.GatewayError(1035 if call.local == "Dispose" else 2000, "no correlationid")
        return envelope, None

    # --- answers ------------------------------------------------------------------------------------------------

    def soap(self, action, body, status=200):
        text = (f'<s:Envelope xmlns:s="{SOAP12}" xmlns:a="{ADDRESSING}"><s:Header><a:Action s:mustUnderstand="1">{escape(action)}</a:Action>'
                f"<a:RelatesTo>{escape(self.message_id)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>")
        return Reply(text.encode(), "application/soap+xml; charset=utf-8", status)

    def soap_fault(self, code, words, detail=""):
        action = ACTIONS + self.operation + "GGErrorExceptionFault" if detail else ADDRESSING + "/soap/fault"
        detail = f"<s:Detail>{detail}</s:Detail>" if detail else ""
        body = (f'<s:Fault><s:Code><s:Value>{code}</s:Value></s:Code><s:Reason><s:Text xml:lang="en">{escape(words)}</s:Text></s:Reason>'
                f"{detail}</s:Fault>")
        return self.soap(action, body, 500)

    def show(self, _, result, phase):
        """SOAP of a Result: data, an empty answer to Dispose, or a fault for an error of the gateway."""
        if result.error is not None and result.message is None and self.portal.switches.get("ws_errors") == "fault":
            raised, number, text, kind = result.error
            detail = (f'<GGErrorException xmlns="{URI}"><GatewayTimeStamp>{timestamp()}</GatewayTimeStamp><Location/><Number>{number}</Number>'
                      f"<RaisedBy>{escape(raised)}</RaisedBy><Text>{escape(text)}</Text><Type>{escape(kind)}</Type></GGErrorException>")
            return self.soap_fault("s:Receiver", text, detail)
        name = self.operation
        inside = "" if name == "Dispose" else f'<{name}Result xmlns:i="{NIL}">{self.data(result, phase)}</{name}Result>'
        return self.soap(f"{ACTIONS}{name}Response", f'<{name}Response xmlns="{URI}">{inside}</{name}Response>')

    def data(self, result, phase):
        """PollResponseData in its order."""
        def leaf(name, value):
            return f"<{name}>{escape(value)}</{name}>" if value else f'<{name} i:nil="true"/>'
        content, errors = "", ""
        if result.message:
            body = f'<bodies xmlns="{URI}"><Body xmlns="{gateway.URI}" Id="1">{result.message}</Body></bodies>'
            content = base64.b64encode(body.encode()).decode()
        if result.error is not None:
            raised, number, text, kind = result.error
            error = (f"<GatewayTimeStamp>{timestamp()}</GatewayTimeStamp><Id>0</Id><Location/><Number>{number}</Number>"
                     f"<RaisedBy>{escape(raised)}</RaisedBy><Text>{escape(text)}</Text><Type>{escape(kind)}</Type>")
            errors = f"<GovTalkErrors><Errors><Error>{error}</Error></Errors></GovTalkErrors>"
        interval = f"PT{self.portal.switches.get('poll_interval', phase)}S"
        return (leaf("BodyBase64XML", content) + leaf("Class", result.cls) + leaf("CorrelationID", result.correlation)
                + leaf("Function", result.function) + leaf("GatewayTimestamp", timestamp()) + (errors or leaf("GovTalkErrors", ""))
                + leaf("PollInterval", interval) + leaf("Qualifier", result.qualifier) + leaf("GatewayAdditions", ""))


def timestamp():
    return datetime.datetime.now().isoformat(timespec="microseconds") + "0"


# --- the validator --------------------------------------------------------------------------------------------------

def findings(root, forced):
    """[(category, code, words, form)] that the validator has against a data XML."""
    if forced:
        return [("Formular", "604", "Číslo účtu & kód banky", "1")]
    service, etype = services.of_root(root)
    if service is None or service.cls not in VALIDATED:
        return [("Podani", "51107", f"neznámé podání {root.local[:60]}", "")]
    forms = services.forms_of(service, etype, root)
    fault = services.count_fault(service, root, forms)
    if fault:
        return [("Podani", str(fault[0]), fault[1], "")]
    words = services.structure_fault(service, root, forms)
    return [("Podani", "61", words, "")] if words else []


def validate(portal, request):
    """ePodaniValidace: reply, and a ledger line `validate`."""
    name, wrong, found = "", None, []
    shot = portal.fire(request, "validate", *portal.BEFORE_CHECKS, *portal.REPLACING)
    forced = portal.fire(request, "validate", "validate_error") is not None
    try:
        need(media_type(request.headers) == "text/xml", "Content-Type is not that of SOAP 1.1")
        need((request.headers.get("SOAPAction") or "").strip('"') == "ePodaniValidace", "SOAPAction")
        need(len(request.body) <= portal.switches.get("max_request"), "too long")
        root = vrep_xml.parse(request.body)
        need(root.local == "Envelope" and root.uri == SOAP11, "not an envelope of SOAP 1.1")
        call = root.find("Body/ValidujPodani")
        need(call is not None and call.uri == VALIDATE_URI, "no ValidujPodani")
        parts = call.elements()
        need([p.local for p in parts[:2]] == ["PozadavekId", "PozadavekCas"] and len(parts) == 3, "PozadavekId, PozadavekCas and the data")
        name = str(uuid.UUID(parts[0].text()))
        datetime.datetime.fromisoformat(parts[1].text())
        found = findings(parts[2], forced)
    except (SoapFault, vrep_xml.XmlError, ValueError) as fault:
        wrong = str(fault)
    reply = validation_fault(wrong) if wrong else validation(name, found)
    reply = portal.replace(shot) if shot else reply
    plan = portal.deliver(request, "validate")
    portal.ledger.add("validate", id=name, reason=wrong, codes=[f[1] for f in found], **request.trace())
    return portal.apply(plan, reply)


def soap11(body, status=200):
    text = f'<s:Envelope xmlns:s="{SOAP11}"><s:Body>{body}</s:Body></s:Envelope>'
    return Reply(text.encode(), "text/xml; charset=utf-8", status)


def validation_fault(words):
    return soap11(f"<s:Fault><faultcode>s:Client</faultcode><faultstring>{escape(words)}</faultstring></s:Fault>", 500)


def validation(name, found):
    errors = "".join(f"<Chyba><Kategorie>{kind}</Kategorie><Kod>{code}</Kod><Popis>{escape(words)}</Popis>"
                     f"<FormularIdentifikace>{escape(form)}</FormularIdentifikace></Chyba>" for kind, code, words, form in found)
    moment = datetime.datetime.utcnow().isoformat(timespec="milliseconds")
    return soap11(f"<ValidujPodaniResponse xmlns={quoteattr(VALIDATE_URI)}><PozadavekId>{name}</PozadavekId><OdpovedCas>{moment}</OdpovedCas>"
                  f"<VysledekKod>{'CHYBA' if found else 'OK'}</VysledekKod>{errors}</ValidujPodaniResponse>")
