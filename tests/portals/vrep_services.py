"""Services of ČSSZ as the VREP simulator knows them (spec/cssz 6.1, 7, 8.1): classes, form codes, roots, forms, variable symbols.

Where the spec does not know a schema, forms are counted and variable symbols looked for by general rules; the functions say which.
"""

import re

GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
BIRTH_NUMBER_NAMES = {"rc", "bno", "rodnecislo", "rodnecislopojistence"}
VS_NAMES = {"vs", "variabilnisymbol", "vszamestnavatel", "vszamestnavatele"}
JMHZ = "http://schemas.cssz.cz/JMHZ/"
SCHEMAS = "http://schemas.cssz.cz/"
FORMS_MAX = 1500
JMHZ_PARTS_MAX = 1502


class Service:
    """One row of the catalogue. etype, uri: patterns; uri None = the namespace was not found. forms: path of the form's element.

    vs: path of the variable symbol, "@" before an attribute. organisation: the envelope must carry the VS.
    single: exactly one form. whole: one bad form refuses all. first: number of the first form."""

    def __init__(self, cls, etype, root, uri, forms=None, vs=None, organisation=True, single=False, whole=False, first=1, reply=None):
        self.cls, self.etype, self.root, self.uri, self.forms, self.vs = cls, etype, root, uri, forms, vs
        self.organisation, self.single, self.whole, self.first, self.reply = organisation, single, whole, first, reply


SERVICES = (
    Service("CSSZ_ONZ", r"ONZ|ONZ\d\d", "ONZ", SCHEMAS + r"ONZ20\d\d", whole=True),
    Service("CSSZ_RELDP", r"ELDP09", "RELDP", SCHEMAS + "ELDP09", forms="eldp09", whole=True),
    Service("CSSZ_NEM_PRI", r"NEMPRI\d\d", "NEMPRI", SCHEMAS + "nem/{etype}", "datovaVeta", "datovaVeta/zamestnani/VSZamestnavatel"),
    Service("CSSZ_NEM_PRI", r"HZUPN20", "PodaniHZUPN", SCHEMAS + "nem/HZUPN20", "FormularHZUPN",
            "FormularHZUPN/zamestnani/variabilniSymbol"),
    Service("CSSZ_PVPOJ", r"PVPOJ\d\d", "pvpoj", SCHEMAS + "POJ/PVPOJ20{year}", single=True, whole=True),
    Service("CSSZ_OZUSPOJ", r"OZUSPOJ23", "podaniOzuspoj", SCHEMAS + "POJ/OZUSPOJ23", "formularOzuspoj",
            "formularOzuspoj/zamestnavatel/vs", single=True, first=0),
    Service("CSSZ_OSVC_PRE", r"OSVC\d\d", "OSVC", SCHEMAS + r"OSVC20\d\d", organisation=False, single=True, whole=True),
    Service("CSSZ_POSTP", r"POSTP09", None, None, organisation=False, whole=True),
    Service("CSSZ_HPN", r"HPN10|HPN18", None, None, organisation=False),
    Service("CSSZ_DZDPN", r"DZDPN20-V2", "DZDPN", SCHEMAS + "nem/DZDPN20-V2", vs="VariabilniSymbol", reply="dzdpn"),
    Service("CSSZ_DZDPN", r"DZDPN20", "DZDPN", None, reply="dzdpn"),
    Service("CSSZ_DZNP", r"DZNP25", None, None, reply="dznp"),
    Service("CSSZ_ZZVDPN", r"ZZVDPN20", None, None, organisation=False),
    Service("CSSZ_VPDPP", r"VPDPP24", None, None, forms="formularVpdpp"),
    Service("CSSZ_USRCERT", r"USRCERT", None, None, organisation=False, reply="usrcert"),
    Service("CSSZ_PRIHL", r"PRIHL", "PRIHL", None),
    Service("CZZS_NPOSVC", r"NPOSVC25", None, None, organisation=False),
    Service("CSSZ_JMHZ", r"JMHZ25", "jmhz", JMHZ + "podani/1.0", vs="hlavicka/variabilniSymbol"),
    Service("CSSZ_DZMH", r"DZMH25", "DZMH", JMHZ + "dotazNaStav/2025", vs="variabilniSymbol", reply="dzmh"),
    Service("CSSZ_REGZEC", r"REGZEC25", "REGZEC", SCHEMAS + "REGZEC/2025", "employee", "employee/comp/@vs"),
    Service("CSSZ_PREZEC", r"PREZEC26", "PREZEC", SCHEMAS + "PREZEC/2026", "employee", "employee/comp/@vs"),
    Service("CSSZ_REGZELDOPL", r"REGZELDOPL25", "REGZELDOPL", SCHEMAS + "REGZELDOPL/2025"),
)
CLASSES = {s.cls for s in SERVICES}


def find(cls, etype):
    """The row of this Class and eType, or None: 17813."""
    return next((s for s in SERVICES if s.cls == cls and re.fullmatch(s.etype, etype)), None)


def of_root(root):
    """The row that a data XML belongs to by its root alone (the validator), with its eType; (None, None) otherwise."""
    for service in SERVICES:
        etype = re.split(r"[|\\]", service.etype)[0]
        year = re.search(r"(\d\d)$", root.uri)
        candidates = [etype] if re.fullmatch(service.etype, etype) else [etype + year.group(1)] if year else []
        for name in candidates:
            if service.root == root.local and service.uri and re.fullmatch(uri_of(service, name), root.uri):
                return service, name
    return None, None


def uri_of(service, etype):
    return service.uri.replace("{etype}", re.escape(etype)).replace("{year}", etype[-2:])


def root_fault(service, etype, root):
    """What is wrong with the root: (number, words) or None (51107: wrong namespace; 51105: unknown data)."""
    if service.root is not None and root.local != service.root:
        return 51105, f"root {root.local}, expected {service.root}"
    if service.uri is not None and not re.fullmatch(uri_of(service, etype), root.uri):
        return 51107, f"namespace {root.uri or 'missing'}"
    return None


class Form:
    """What a result says of one form. part: form | souhrn | pvpoj (JMHZ only)."""

    def __init__(self, sqnr, identifier, subtype, period="", part="form"):
        self.sqnr, self.identifier, self.subtype, self.period, self.part = sqnr, identifier, subtype, period, part


def forms_of(service, etype, root):
    """Forms of the data in their order."""
    if service.cls == "CSSZ_JMHZ":
        return jmhz_forms(root)
    if service.reply in ("dzdpn", "dznp", "dzmh", "usrcert"):
        return [Form("", "", etype)] if root.elements() else []
    if service.forms:
        found = root.elements(service.forms)
    else:
        found = repeated(root)
    return [Form(number_of(service, element, at), identifier(service, element), etype, period(element))
            for at, element in enumerate(found)]


def repeated(root):
    """Forms of an unknown schema: the children of the name that occurs most often, VENDOR and SENDER aside."""
    groups = {}
    for child in root.elements():
        if child.local not in ("VENDOR", "SENDER"):
            groups.setdefault(child.local, []).append(child)
    return max(groups.values(), key=len, default=[])


def number_of(service, element, at):
    if service.cls in ("CSSZ_REGZEC", "CSSZ_PREZEC"):
        return element.get("sqnr") or ""
    return str(at + service.first)


def named(element, names):
    """First value under an element whose name, of an element or an attribute, is one of these whatever its case."""
    for inner in element.walk():
        for _, local, _, value in inner.attributes:
            if local.lower() in names and value.strip():
                return value.strip()
        if inner.local.lower() in names and not inner.elements() and inner.text():
            return inner.text()
    return ""


def identifier(service, element):
    """`identifier` of an Item; the names of the fields inside are not in the spec and are guessed."""
    birth = named(element, BIRTH_NUMBER_NAMES)
    if service.cls == "CSSZ_REGZEC" and named(element, {"act", "akce", "action", "dep"}) in ("", "1"):
        return f"{birth};{named(element, {'ikmpsv'})};{named(element, {'idppv'})}"
    if service.cls == "CSSZ_PREZEC":
        return f"{birth};{guid_of(element)}"
    return birth


def period(element):
    month, year = named(element, {"mesic"}), named(element, {"rok"})
    return f"{year}{month:0>2}" if re.fullmatch(r"\d{1,2}", month) and re.fullmatch(r"\d{4}", year) else ""


def guid_of(element):
    for inner in element.walk():
        for words in [a[3] for a in inner.attributes] + [inner.text()]:
            if GUID.fullmatch(words.strip()):
                return words.strip()
    return ""


def tops(root, uri):
    """Outermost elements of a namespace."""
    found, waiting = [], list(reversed(root.elements()))
    while waiting:
        element = waiting.pop()
        if element.uri == uri:
            found.append(element)
        else:
            waiting.extend(reversed(element.elements()))
    return found


def jmhz_parts(root):
    """(summaries, PVPOJ parts, person forms): told apart by their namespaces (spec/cssz 8.1)."""
    return tuple(tops(root, JMHZ + name + "/1.0") for name in ("souhrn", "PVPOJ", "form"))


def jmhz_forms(root):
    summaries, pvpoj, persons = jmhz_parts(root)
    items = [Form(guid_of(e), ";", "SOUHRN", part="souhrn") for e in summaries]
    items += [Form(guid_of(e), ";", "PVPOJ", part="pvpoj") for e in pvpoj]
    items += [Form(guid_of(e), f"{named(e, {'ikmpsv'})};{named(e, {'idppv'})}", "FORM") for e in persons]
    return items


def symbols(service, root):
    """Every variable symbol in the data, in order, without repetition. With no path in the catalogue: whatever is named like one."""
    if service.vs is None:
        found = []
        for element in root.walk():
            found += [a[3] for a in element.attributes if a[1].lower() in VS_NAMES]
            if element.local.lower() in VS_NAMES and not element.elements():
                found.append(element.text())
    elif "@" in service.vs:
        path, _, name = service.vs.partition("/@")
        found = [e.get(name) or "" for e in root.all(path)]
    else:
        found = [e.text() for e in root.all(service.vs)]
    return list(dict.fromkeys(v.strip() for v in found if v.strip()))


def count_fault(service, root, forms):
    """(number, words) of a wrong number of forms, or None (spec/cssz 7.1: 64, 62, 305)."""
    persons = [f for f in forms if f.part == "form"]
    if service.cls == "CSSZ_JMHZ":
        if len(persons) > FORMS_MAX or len(forms) > JMHZ_PARTS_MAX:
            return 305, f"{len(persons)} forms of persons, at most {FORMS_MAX}"
        if not forms and root.value("hlavicka/typPodani") != "S":
            return 64, "no record in the data"
        return None
    if not forms:
        return 64, "no record in the data"
    if service.single and len(forms) != 1:
        return 62, f"{len(forms)} forms, exactly one is required"
    if len(forms) > FORMS_MAX:
        return 305, f"{len(forms)} forms, at most {FORMS_MAX}"
    return None


def structure_fault(service, root, forms):
    """What a schema would find (61), as far as the spec tells it, or None."""
    if service.vs is not None and not symbols(service, root):
        return f"no variable symbol at {service.root}/{service.vs}"
    if service.cls == "CSSZ_JMHZ":
        return jmhz_fault(root, forms)
    if service.cls in ("CSSZ_REGZEC", "CSSZ_PREZEC") and any(not f.sqnr for f in forms):
        return "employee without @sqnr"
    if service.cls == "CSSZ_DZMH" and not root.value("idPodani") and not (root.value("mesic") and root.value("rok")):
        return "neither idPodani nor mesic and rok"
    return None


def jmhz_fault(root, forms):
    """Rules of the header and of the three kinds of a report (spec/cssz 8.3)."""
    head = {name: root.value("hlavicka/" + name) for name in (
        "idPodani", "typPodani", "mesic", "rok", "balikPoradi", "balikyPocet", "formularePocetVBaliku", "formularePocetCelkem")}
    if not GUID.fullmatch(head["idPodani"]) or head["idPodani"] != head["idPodani"].upper():
        return "idPodani is not a GUID in upper case"
    numbers = ("mesic", "rok", "balikPoradi", "balikyPocet", "formularePocetVBaliku", "formularePocetCelkem")
    if any(not re.fullmatch(r"\d{1,6}", head[name]) for name in numbers):
        return "a number of the header is missing"
    if not 1 <= int(head["balikPoradi"]) <= int(head["balikyPocet"]):
        return "balikPoradi is not within balikyPocet"
    if int(head["formularePocetVBaliku"]) > JMHZ_PARTS_MAX:
        return "formularePocetVBaliku"
    summaries, pvpoj, persons = jmhz_parts(root)
    if head["typPodani"] == "R" and int(head["balikyPocet"]) == 1 and not (summaries and pvpoj and persons):
        return "a regular report needs the summary, PVPOJ and forms"
    if head["typPodani"] == "O" and not forms:
        return "an empty correction"
    if head["typPodani"] == "S" and forms:
        return "a storno with forms"
    return None if head["typPodani"] in ("R", "O", "S") else "typPodani"
