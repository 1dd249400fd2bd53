"""Services of ČSSZ that return data (spec/cssz 6.4, 8.2, 8.3, 14.8 to 14.10): DZDPN and DZNP, encrypted for the asker, DZMH, plain; and
the register's service USRCERT. What persons appear here are invented.

The state of a monthly report: its packages are the submissions of CSSZ_JMHZ with one idPodani. It is in processing (5) until all packages
are here and jmhz_polls questions were asked, then complete (1), or what POST /jmhz said.
"""

import base64
import datetime
import gzip
import re
import zlib

from cryptography import x509

import vrep_cms
from vrep_rules import Refused
from vrep_services import guid_of, jmhz_parts, symbols
from vrep_xml import escape

V1, V2 = ("urn:cz:isvs:cssz:schemas:IkrMessageTypes:" + v for v in ("v1", "v2"))
STATUS_URI = "http://schemas.cssz.cz/JMHZ/dotazNaStav/2025"
STATES = {1: "Hlášení je zpracováno a je úplné", 2: "Hlášení není přijato", 3: "Hlášení je odmítnuto", 4: "Hlášení je částečně přijato",
          5: "Hlášení se zpracovává", 6: "Hlášení obsahuje propustné chyby"}
KINDS = ("VznikDpnInfo", "TrvaniDpnInfo", "UkonceniDpnInfo", "ZmenaDpnInfo", "StornoDpnInfo")
BOMB_MIB = 512
FAULTS = {
    "data_plain": "returned data say aes128 and are not encrypted", "data_unmarked": "returned data are encrypted, the attribute is missing",
    "data_other": "returned data are encrypted for somebody else", "data_not_gzip": "returned data say gzip and are not packed",
    "data_bomb": f"returned data unpack to {BOMB_MIB} MiB of zeros", "data_truncated": "half of the returned CMS",
    "data_cut_gzip": "half of the packed data, encrypted", "data_garbage": "returned data are base64 of something else than CMS",
    "data_not_base64": "returned data are not base64", "data_not_xml": "returned data are no XML",
    "data_missing": "no ProcessingResponse at all", "data_other_vs": "returned data of another employer",
}


def now():
    return datetime.datetime.now().replace(microsecond=0)


# --- DZDPN, DZNP ----------------------------------------------------------------------------------------------------

def asker(root):
    """DER of the certificate in the request. 201, 202."""
    found = [e for e in root.walk() if e.local == "SifrovaciCertifikat"]
    try:
        cert_der = base64.b64decode(re.sub(r"\s", "", found[0].text()) if found else "", validate=True)
        cert = vrep_cms.read_cert(cert_der)
        if not isinstance(x509.load_der_x509_certificate(cert_der).public_key(), vrep_cms.rsa.RSAPublicKey):
            raise ValueError("not RSA")
    except vrep_cms.CMS_FAULTS as fault:
        raise Refused(201, f"SifrovaciCertifikat: {fault}") from fault
    if cert.not_after < datetime.datetime.utcnow():
        raise Refused(202, "SifrovaciCertifikat has expired")
    return cert_der


def check_range(root, max_days):
    """DatumOd, DatumDo of a DZDPN: 400 when they are no range of at most so many days."""
    try:
        begin, end = (datetime.date.fromisoformat(root.value(n)) for n in ("DatumOd", "DatumDo"))
    except ValueError as fault:
        raise Refused(61, f"DatumOd, DatumDo: {fault}") from fault
    if not 0 <= (end - begin).days < max_days:
        raise Refused(400, f"{(end - begin).days + 1} days are asked for")
    return begin, end


def notification(kind, number, vs, begin):
    """One invented notification."""
    person = (f"<t:Zamestnanec><t:Jmeno>Žofie</t:Jmeno><t:Prijmeni>Příkladná {number}</t:Prijmeni><t:DatumNarozeni>1970-01-01</t:DatumNarozeni>"
              f"<t:RodneCislo>70010100{number:02}</t:RodneCislo></t:Zamestnanec>")
    employer = (f"<t:Zamestnani><t:NazevZamestnavatele>Ukázka s.r.o.</t:NazevZamestnavatele><t:VariabilniSymbol>{escape(vs)}</t:VariabilniSymbol>"
                f"</t:Zamestnani>")
    until = f"<DatumNeschopenDo>{begin + datetime.timedelta(days=number)}</DatumNeschopenDo>" if kind == "UkonceniDpnInfo" else ""
    return (f'<{kind} xmlns="{V2}" xmlns:t="{V1}"><IdNotifikace>{vs}-{number}</IdNotifikace><IdPripadu>P{number}</IdPripadu>'
            f"<CisloRozhodnuti>A{number:07}</CisloRozhodnuti>{employer}{person}<DatumNeschopenOd>{begin}</DatumNeschopenOd>{until}"
            f"<Poznamka>prodavačka; izolace</Poznamka></{kind}>")


def dzdpn(root, vs, count, max_days):
    begin, end = check_range(root, max_days)
    rows = "".join(notification(KINDS[at % len(KINDS)], at + 1, vs or "", begin) for at in range(count))
    body = f"<Notifikace>{rows}</Notifikace>" if rows else "<Notifikace/>"
    return xml(f'<DZDPN xmlns="http://schemas.cssz.cz/nem/DZDPN20-V2"><DatumOd>{begin}</DatumOd><DatumDo>{end}</DatumDo>{body}</DZDPN>')


def dznp(root, vs):
    """Basic data of one decision; the schema is not known, its words are invented."""
    number = next((e.text() for e in root.walk() if e.local.lower().startswith("cislo") and e.text()), "")
    return xml(f'<DZNP xmlns="http://schemas.cssz.cz/nem/DZNP25"><VariabilniSymbol>{escape(vs or "")}</VariabilniSymbol>'
               f"<CisloRozhodnuti>{escape(number)}</CisloRozhodnuti><DatumNeschopenOd>2026-02-01</DatumNeschopenOd></DZNP>")


def xml(text):
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + text.encode()


def bomb():
    """gzip of BOMB_MIB of zeros, made in pieces."""
    packer, piece = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(1 << 20)
    return b"".join(packer.compress(piece) for _ in range(BOMB_MIB)) + packer.flush()


def returned(plain, cert_der, fault=None, other=None):
    """ProcessingResponse of data; cert_der None: not encrypted, not packed (DZMH). other: DER of somebody else's certificate."""
    if fault == "data_missing":
        return None
    if fault == "data_not_xml":
        plain = "Žádná data.\n".encode()
    if cert_der is None:
        words = base64.b64encode(plain).decode()
        return {"attributes": [("contentEncoding", "base64")], "text": "%" + words if fault == "data_not_base64" else words}
    packed = bomb() if fault == "data_bomb" else plain if fault == "data_not_gzip" else gzip.compress(plain, 6)
    packed = packed[:len(packed) // 2] if fault == "data_cut_gzip" else packed
    sealed = packed if fault == "data_plain" else vrep_cms.encrypt_for(other if fault == "data_other" else cert_der, packed)
    sealed = sealed[:len(sealed) // 2] if fault == "data_truncated" else b"\x07" * 300 if fault == "data_garbage" else sealed
    words = base64.b64encode(sealed).decode()
    marks = [] if fault == "data_unmarked" else [("encryptionAlgorithm", "aes128")]
    return {"attributes": marks + [("compression", "gzip"), ("contentEncoding", "base64")],
            "text": "%" + words if fault == "data_not_base64" else words}


# --- USRCERT --------------------------------------------------------------------------------------------------------

def new_certificate(root):
    """DER of the certificate that a USRCERT announces: the first text that is one. The schema is not known. 201 when there is none."""
    for element in root.walk():
        words = re.sub(r"\s", "", element.text())
        if len(words) < 400:
            continue
        try:
            cert_der = base64.b64decode(words, validate=True)
            vrep_cms.read_cert(cert_der)
            return cert_der
        except vrep_cms.CMS_FAULTS:
            continue
    raise Refused(201, "no certificate in the data")


# --- JMHZ and DZMH --------------------------------------------------------------------------------------------------

class Report:
    """One monthly report. packages: {(position, kind): correlation}; said: state and errors of POST /jmhz."""

    def __init__(self, name, vs, month, year, count):
        self.name, self.vs, self.month, self.year, self.count = name, vs, month, year, count
        self.packages, self.protocols, self.asked, self.said, self.errors = {}, [], 0, None, []

    def enter(self, correlation, position, kind, form):
        self.packages[(position, kind)] = correlation
        self.protocols.append((correlation, now().isoformat(), kind, form))
        self.asked, self.said, self.errors = 0, None, []

    def complete(self):
        return {p for p, kind in self.packages if kind == "R"} >= set(range(1, self.count + 1))

    def state(self, polls):
        if self.asked <= polls:
            return 5
        if self.said is not None:
            return self.said
        return 1 if self.complete() else 5


class Reports:
    """All monthly reports by idPodani."""

    def __init__(self):
        self.by_name = {}

    def take(self, correlation, vs, root):
        """An accepted package of a report; returns what a ledger line says of it."""
        head = {n: root.value("hlavicka/" + n) for n in ("idPodani", "typPodani", "mesic", "rok", "balikPoradi", "balikyPocet")}
        return self.enter({"id_podani": head["idPodani"], "kind": head["typPodani"], "month": int(head["mesic"]), "year": int(head["rok"]),
                           "package": int(head["balikPoradi"]), "packages": int(head["balikyPocet"]),
                           "first_form": next((guid_of(e) for e in jmhz_parts(root)[2]), "")}, correlation, vs)

    def enter(self, line, correlation, vs):
        report = self.by_name.setdefault(line["id_podani"], Report(line["id_podani"], vs, line["month"], line["year"], line["packages"]))
        report.count = line["packages"] if line["kind"] == "R" else report.count
        report.enter(correlation, line["package"], line["kind"], line["first_form"])
        return line

    def find(self, root):
        """Report that a DZMH asks for, or None."""
        vs, name = root.value("variabilniSymbol"), root.value("idPodani")
        if name:
            found = self.by_name.get(name)
            return found if found is not None and found.vs == vs else None
        period = (root.value("mesic").lstrip("0"), root.value("rok"))
        return next((r for r in reversed(list(self.by_name.values())) if r.vs == vs and (str(r.month), str(r.year)) == period), None)

    def say(self, body):
        """POST /jmhz {"idPodani": …, "state": 1 to 6, "errors": [{"part": "form", "code": 40101, "text": …}, …]}; without an id: all."""
        state, errors = body.get("state"), body.get("errors") or []
        if state not in STATES or not all(isinstance(e, dict) for e in errors):
            raise ValueError("state: 1 to 6; errors: objects")
        found = [r for r in self.by_name.values() if body.get("idPodani") in (None, r.name)]
        for report in found:
            report.said, report.errors, report.asked = state, errors, 1 << 30
        return {"reports": len(found)}

    def answer(self, root, polls, other_vs=False):
        """DZMHOdpoved, plain. A report that nobody sent: 2."""
        report = self.find(root)
        if report is not None:
            report.asked += 1
        state = report.state(polls) if report else 2
        vs = "9900000999" if other_vs else root.value("variabilniSymbol")
        name = f"<idPodani>{escape(root.value('idPodani'))}</idPodani>" if root.value("idPodani") else ""
        month, year = (report.month, report.year) if report else (root.value("mesic"), root.value("rok"))
        dated = f"<mesic>{escape(str(month))}</mesic><rok>{escape(str(year))}</rok>" if month and year else ""
        protocols = "".join(self.protocol(report, *p, state) for p in report.protocols) if report else ""
        return xml(f'<DZMHOdpoved xmlns="{STATUS_URI}" verze="2025.0"><variabilniSymbol>{escape(vs)}</variabilniSymbol>{name}{dated}'
                   f"<stavMH><kod>{state}</kod><nazev>{STATES[state]}</nazev><datumZpracovani>{now().isoformat()}</datumZpracovani></stavMH>"
                   f"<protokoly>{protocols}</protokoly></DZMHOdpoved>")

    @staticmethod
    def protocol(report, correlation, moment, _, form, state):
        errors = ""
        for at, error in enumerate(report.errors if state not in (1, 5) else [], 1):
            named = f"<idFormulare>{escape(form)}</idFormulare>" if error.get("part", "form") == "form" and form else ""
            errors += (f"<chyba><id>{at}</id><typChyby>{escape(str(error.get('kind', 'zpracovani')))}</typChyby>"
                       f"<castPodani>{escape(str(error.get('part', 'form')))}</castPodani>{named}<kod>{escape(str(error.get('code', 40000)))}</kod>"
                       f"<popis>{escape(str(error.get('text', 'Kontrola obsahu')))}</popis></chyba>")
        errors = f"<chybySeznam>{errors}</chybySeznam>" if errors else ""
        words = STATES[state].replace("Hlášení", "Podání")
        return (f"<protokol><datumProtokolu>{now().isoformat()}</datumProtokolu><datumPodani>{moment}</datumPodani>"
                f"<idKonkretnihoPodani>{correlation}</idKonkretnihoPodani><kod>{state}</kod><nazev>{words}</nazev>{errors}</protokol>")


def reply(portal, submission, fault, other):
    """ProcessingResponse of an accepted query, or None. Raises Refused."""
    service, root = submission.service, submission.root
    get = portal.switches.get
    inside = symbols(service, root)
    vs = "9900000999" if fault == "data_other_vs" else submission.vs or (inside[0] if inside else "")
    if service.reply == "dzmh":
        return returned(portal.reports.answer(root, get("jmhz_polls"), fault == "data_other_vs"), None, fault)
    if service.reply == "usrcert":
        return None
    cert_der = asker(root)
    plain = dzdpn(root, vs, get("notifications"), get("max_days")) if service.reply == "dzdpn" else dznp(root, vs)
    try:
        return returned(plain, cert_der, fault, other)
    except vrep_cms.CMS_FAULTS as failed:
        raise Refused(201, f"nothing can be encrypted for SifrovaciCertifikat: {failed}") from failed
