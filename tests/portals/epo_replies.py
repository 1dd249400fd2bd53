"""What the EPO simulator says (spec/epo 7, 8, 12): lists of errors, states, off-line receipts, confirmations."""

import base64
import hashlib
import io
import re
import xml.etree.ElementTree as ElementTree
import zipfile
from xml.sax.saxutils import escape, quoteattr

import portal_cms

XML_TYPE, CMS_TYPE = "text/xml;charset={}", "application/pkcs7-signature"
STATES = {"1": "Dosud nezpracováno", "2": "Odmítnuto", "3": "Přijato"}


class Chyba:
    """One entry of an error list."""

    def __init__(self, typ, zkr, text, polozka=None, oddil=None, radek=None):
        self.typ, self.zkr, self.text = typ, zkr, text
        self.more = {"Polozka": polozka, "Oddil": oddil, "Radek": radek}

    def xml(self):
        attributes = {"Typ": self.typ, "Zkr": self.zkr, **self.more}
        pairs = "".join(f" {k}={quoteattr(v)}" for k, v in attributes.items() if v is not None)
        return f"<Chyba{pairs}><Text>{escape(self.text)}</Text></Chyba>"

    def stops(self):
        return self.typ not in ("I", "P")


CERT_REFUSED = Chyba("K", "PODPIS", "Certifikát není určen pro uznávaný podpis.")
TEST_REZIM = Chyba("I", "TEST_REZIM", "Testovací režim, nic nebylo přijato.")
TEST_REZIM_LARGE = Chyba("I", "TEST_REZIM", "Testovací režim, nic nebylo přijato. Jde o rozsáhlé podání, "
                                            "bude zpracováno off-line.")
NOT_FOUND = Chyba("K", "NENALEZENO", "Podání nebylo nalezeno nebo nesouhlasí heslo.")
LISTS = {
    "p_list": (Chyba("P", "UKAZKA1", "Upozornění: údaj neodpovídá číselníku.", "c_okec", "VetaD", "1"),),
    "n_only": (Chyba("N", "UKAZKA3", "Závažná chyba: součet nesouhlasí.", "dan_zocelk", "Veta6", "1"),),
    "k_list": (Chyba("P", "UKAZKA1", "Upozornění.", "c_okec", "VetaD", "1"),
               Chyba("K", "UKAZKA2", "Kritická chyba: <neznámé> DIČ & jiné.", "dic", "VetaP", "1")),
    "s_list": (Chyba("S", "STRUKTURA", "Chyba struktury: neznámý atribut.", "xyz", "Veta1", "3"),),
    "e_list": (Chyba("E", "VYJIMKA", "Výjimka serveru, zkuste později."),),
    "unknown_typ": (Chyba("Z", "NOVINKA", "Chyba dosud neznámého druhu."),),
    "cert_refused": (CERT_REFUSED,),
    "stav_wrong": (NOT_FOUND,),
}


def document(body, charset, at_least=0):
    """XML document in the given encoding, padded by white space to a size."""
    text = f'<?xml version="1.0" encoding="{charset.upper()}"?>\n{body}\n'.encode(charset, "xmlcharrefreplace")
    return text + b" " * max(0, at_least - len(text))


def error_list(errors):
    return "<Chyby>" + "".join(e.xml() for e in errors) + "</Chyby>"


def offline_receipt(transfer_id, password):
    return f"<Odpoved><Potvrzeni ID_predani={quoteattr(transfer_id)} Heslo={quoteattr(password)}/></Odpoved>"


def errors_and_receipt(transfer_id, password):
    """Both in one reply: the receipt wins (spec/epo 6)."""
    return (f"<Odpoved>{error_list(LISTS['p_list'] + LISTS['n_only'])}"
            f"<Potvrzeni ID_predani={quoteattr(transfer_id)} Heslo={quoteattr(password)}/></Odpoved>")


def processing(state, errors=()):
    inner = error_list(errors) if errors else ""
    return f"<StavZpracovani Stav={quoteattr(state)}>{inner}</StavZpracovani>"


def state(number, value, form):
    """Stav with child elements, attributes, or both."""
    fields = {"por_podani": number, "stav_podapl": value, "stav_podapl_text": STATES.get(value, "Jiný stav"),
              "stav_podpre": "1"}
    pairs = "".join(f" {k}={quoteattr(v)}" for k, v in fields.items())
    children = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in fields.items())
    if form == "attributes":
        return f"<Stav{pairs}/>"
    return f"<Stav{pairs if form == 'both' else ''}>{children}</Stav>"


def opener(link):
    return f"<URL>{escape(link)}</URL>"


def code_list(name):
    rows = {"ufo": (("451", "Finanční úřad pro hlavní město Prahu"),
                    ("461", "Finanční úřad pro Jihomoravský kraj")),
            "obce": (("554782", "Praha"), ("582786", "Brno"))}[name]
    items = "".join(f"<Polozka Kod={quoteattr(k)} Nazev={quoteattr(v)}/>" for k, v in rows)
    return f"<Ciselnik Nazev={quoteattr(name)}>{items}</Ciselnik>"


def reduced(xml):
    """What the office keeps of a DPHKH1: no detail rows, another software name, numbers reformatted (7.2)."""
    root = ElementTree.fromstring(xml)
    root.set("nazevSW", "EPO MF ČR")
    form = root[0]
    for row in [r for r in form if re.fullmatch(r"Veta[AB][0-9]", r.tag)]:
        form.remove(row)
    for total in form.findall("VetaC"):
        for key, value in total.attrib.items():
            if re.fullmatch(r"-?[0-9]+", value):
                total.set(key, value + ".00")
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def kept_data(filing, style):
    """Content of the element Data."""
    data = reduced(filing.xml) if filing.form.code == "DPHKH1" else filing.xml
    if style == "zip":
        data = zipped(filing.form.code + ".xml", data)
    return base64.b64encode(data).decode() if style == "base64" else data.hex().upper()


class Confirmation:
    """Content of a confirmation and the ways to spoil it; sign() gives the bytes that are sent.

    filing: epo_rules.Filing; number, password, moment: what the office gave it."""

    def __init__(self, filing, number, password, moment):
        self.filing, self.number, self.password, self.moment = filing, number, password, moment

    def content(self, faults=(), charset="utf-8", data_form="hex", at_least=0):
        filing, form = self.filing, self.filing.form
        checksum = hashlib.md5(filing.xml).hexdigest()
        if "wrong_kc" in faults:
            checksum = hashlib.md5(filing.xml + b" ").hexdigest()
        data = kept_data(filing, data_form)
        if "wrong_data" in faults:
            data = data[:-2] + ("00" if data[-2:] != "00" else "01")
        file_fields = {"Delka": str(len(filing.xml)), "KC": checksum, "Nazev": f"{form.code}-{form.dic}",
                       "c_ufo": form.office}
        given = {"Cislo": self.number, "Datum": self.moment, "Heslo": self.password, "ZAREP": "true", "KC": "00000000"}
        for fault, fields, name in (("missing_kc", file_fields, "KC"), ("no_cislo", given, "Cislo"),
                                    ("no_heslo", given, "Heslo"), ("no_datum", given, "Datum")):
            if fault in faults:
                del fields[name]
        certs = base64.b64encode(portal_cms.certificates_only(filing.signed.certs)).decode()
        head = f'<?xml version="1.0" encoding="{charset.upper()}"?>\n<Pisemnost>\n  <Data>'
        tail = (f"</Data>\n  <Kontrola>\n    <Soubor{pairs(file_fields)}/>\n"
                f"    <Certifikaty>{certs}</Certifikaty>\n  </Kontrola>\n  <Podani{pairs(given)}/>\n</Pisemnost>\n")
        padding = "\n" * max(0, at_least - len(head) - len(data) - len(tail))
        return (head + data + padding + tail).encode(charset, "xmlcharrefreplace")

    def sign(self, signers, faults=(), **how):
        """signers: dict good, foreign, wrong_cn of portal_cms.Signer."""
        content = self.content(faults, **how)
        signer = signers["foreign" if "unknown_signer" in faults else "wrong_cn" if "wrong_cn" in faults else "good"]
        emit = None
        if "tampered_confirmation" in faults:
            emit = content.replace(b'ZAREP="true"', b'ZAREP="1"   ', 1)
        return signer.sign(content, emit=emit, ber="ber" in faults)


def pairs(fields):
    return "".join(f" {k}={quoteattr(v)}" for k, v in fields.items())
