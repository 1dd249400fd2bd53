"""What the EPO simulator demands of a filing (spec/epo 3, 12.7): ZIP rules, root rules, forms, marked DIČ."""

import hashlib
import io
import xml.parsers.expat
import zipfile

import epo_replies as replies
import portal_cms

XML_MAX = 64 * 1024 * 1024
MUST_ZIP = ("DPHKH1",)
NOT_HERE = ("OSSEI1", "OSSRPE")
SIGNED_TYPES = ("application/pkcs7-signature", "application/octet-stream")
XML_TYPES = ("text/xml", "application/xml")

# Marked DIČ: the beginning of the number decides what the office does with the filing.
MARK_TEST_REFUSED, MARK_STATE_REFUSED, MARK_OFFLINE = "99990", "99991", "99992"
MARK_FILE_REFUSED, MARK_N_ONLY, MARK_CUT = "99993", "99994", "99995"
MARK_OFFLINE_REFUSED, MARK_LOST, MARK_FOREIGN = "99996", "99997", "99998"


class Refusal(Exception):
    """The filing is refused. errors: list of replies.Chyba; reason: for the ledger, English."""

    def __init__(self, reason, *errors):
        super().__init__(reason)
        self.reason, self.errors = reason, errors


class Form:
    """What the simulator reads of an XML form."""

    def __init__(self, xml):
        self.xml = xml
        self.root, self.code, self.children, self.rows = None, None, 0, {}
        self.dic, self.office, self.namespace, self.depth = "", "", False, 0

    def parse(self):
        parser = xml.parsers.expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
        parser.StartDoctypeDeclHandler = self.doctype
        try:
            parser.Parse(self.xml, True)
        except (xml.parsers.expat.ExpatError, ValueError, LookupError) as fault:
            raise Refusal(f"not XML: {fault}", replies.Chyba("S", "STRUKTURA", "Soubor není správně utvořené XML.")) \
                from fault
        return self

    @staticmethod
    def doctype(*_):
        raise ValueError("document type declaration")

    def start(self, name, attributes):
        if self.depth == 0:
            self.root = name
            self.namespace = "xmlns" in attributes
        elif self.depth == 1:
            self.children += 1
            self.code = name
            self.namespace = self.namespace or "xmlns" in attributes
        elif self.depth == 2:
            self.rows[name] = self.rows.get(name, 0) + 1
            self.sentence(name, attributes)
        self.depth += 1

    def end(self, _):
        self.depth -= 1

    def sentence(self, name, attributes):
        if "dic" in attributes and (not self.dic or name == "VetaP"):
            self.dic = attributes["dic"]
        if not self.office:
            self.office = attributes.get("c_ufo") or attributes.get("c_ufo_cil") or ""

    def most_rows(self):
        return max(self.rows.values(), default=0)


class Filing:
    """A checked filing: XML, form, signature (None for an unsigned test), zipped."""

    def __init__(self, form, signed, zipped):
        self.form, self.signed, self.zipped = form, signed, zipped
        self.xml = form.xml

    def describe(self, body):
        """Fields of a ledger line."""
        form, signed = self.form, self.signed
        return {"form": form.code, "dic": form.dic, "rows": form.most_rows(), "xml_bytes": len(self.xml),
                "xml_sha256": hashlib.sha256(self.xml).hexdigest(), "xml_md5": hashlib.md5(self.xml).hexdigest(),
                "cms_sha256": hashlib.sha256(body).hexdigest(), "zipped": self.zipped,
                "signer_subject": signed.subject if signed else None,
                "signer_serial": signed.serial if signed else None,
                "ik_mpsv": signed.ik_mpsv if signed else None, "notes": signed.notes if signed else []}


def check(body, content_type, policy, test):
    """The whole check of a request body; returns Filing or raises Refusal."""
    if test and content_type in XML_TYPES:
        return check_content(body, None)
    if content_type not in SIGNED_TYPES:
        raise Refusal(f"content type {content_type!r}", replies.Chyba("K", "HLAVICKA", "Neznámý typ obsahu."))
    try:
        signed = portal_cms.verify(body, policy)
    except portal_cms.CertificateError as fault:
        raise Refusal(str(fault), replies.CERT_REFUSED) from fault
    except portal_cms.CmsError as fault:
        raise Refusal(str(fault), replies.Chyba("K", "PODPIS", f"Podpis není v pořádku ({fault}).")) from fault
    return check_content(signed.content, signed)


def check_content(content, signed):
    zipped = content[:4] == b"PK\x03\x04"
    form = Form(unzip(content) if zipped else content).parse()
    if form.root != "Pisemnost" or form.children != 1:
        raise Refusal(f"root {form.root!r} with {form.children} children",
                      replies.Chyba("S", "STRUKTURA", "Kořen musí být Pisemnost s jediným formulářem."))
    if form.namespace:
        raise Refusal("XML namespace", replies.Chyba("S", "STRUKTURA", "Struktura nemá jmenný prostor."))
    if form.code in NOT_HERE:
        raise Refusal(f"form {form.code}", replies.Chyba("K", "OSS", "Přihlaste se do aplikace MOSS/OSS."))
    # Only a signed filing has to be compressed: "compression before signing" (spec/epo 3.2).
    if form.code in MUST_ZIP and not zipped and signed is not None:
        raise Refusal(f"{form.code} is not zipped", replies.Chyba("K", "ZIP", "Podání musí být komprimováno."))
    return Filing(form, signed, zipped)


def unzip(content):
    def wrong(reason):
        return Refusal("ZIP: " + reason, replies.Chyba("K", "ZIP", "Soubor ZIP není v pořádku."))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) != 1:
                raise wrong(f"{len(entries)} entries")
            entry = entries[0]
            if not entry.filename.lower().endswith(".xml"):
                raise wrong("the entry is no .xml")
            if "/" in entry.filename or "\\" in entry.filename:
                raise wrong("a directory in the name")
            if entry.compress_type != zipfile.ZIP_DEFLATED or entry.flag_bits & 1:
                raise wrong("not plain deflate")
            if entry.header_offset != 0 or archive.comment:
                raise wrong("bytes around the entry")
            if entry.file_size > XML_MAX:
                raise wrong("too large")
            return archive.read(entry)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as fault:
        raise wrong(str(fault)) from fault
