"""Forms for ČSSZ with invented data (variable symbols and birth numbers of the test ranges); only what the gateway looks at is there."""

VS = "9900000001"
S = "http://schemas.cssz.cz/"


def document(root, namespace, inside, note=""):
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{namespace}">'
            f'<VENDOR productName="Ukázka" productVersion="1"/><!-- {note} -->{inside}</{root}>\n').encode()


def pvpoj(note="", vs=VS):
    return document("pvpoj", S + "POJ/PVPOJ2025", f"<prehled><variabilniSymbol>{vs}</variabilniSymbol><castka>1000</castka></prehled>", note)


def person(n):
    """A birth number of nobody: month 70 + x was never given out."""
    return f"70{n % 100:02d}01{n % 10000:04d}"


def regzec(note="", vs=VS, forms=1):
    return document("REGZEC", S + "REGZEC/2025", "".join(
        f'<employee sqnr="{n}"><comp vs="{vs}"/><client bno="{person(n)}"/></employee>' for n in range(1, forms + 1)), note)


def nempri(note="", vs=VS, forms=1):
    return document("NEMPRI", S + "nem/NEMPRI25", "".join(
        f"<datovaVeta><zamestnani><VSZamestnavatel>{vs}</VSZamestnavatel></zamestnani><pojistenec><rodneCislo>{person(n)}</rodneCislo></pojistenec></datovaVeta>"
        for n in range(1, forms + 1)), note)


def vs_element(vs):
    return f"<variabilniSymbol>{vs}</variabilniSymbol>"


def guid(n):
    return f"018F0000-0000-7000-8000-{n:012d}"


def jmhz_inside(report=1, kind="R", package=1, packages=1, persons=1, parts=("souhrn", "PVPOJ", "form"), **head):
    """One package of a report, whole by default: the summary, PVPOJ and one person. head: fields that are other than usual."""
    names = [name for name in parts for _ in range(persons if name == "form" else 1)]
    counts = {"mesic": 4, "rok": 2026, "balikPoradi": package, "balikyPocet": packages, "formularePocetVBaliku": len(names),
              "formularePocetCelkem": len(names) * packages, **head}
    written = "".join(f"<{name}>{value}</{name}>" for name, value in counts.items())
    inside = "".join(f'<{name.lower()} xmlns="{S}JMHZ/{name}/1.0" id="{guid(1000 * report + n)}"/>' for n, name in enumerate(names, 2))
    return f"<hlavicka><idPodani>{guid(report)}</idPodani><typPodani>{kind}</typPodani>{vs_element(VS)}{written}</hlavicka>{inside}"


def jmhz(note="", **how):
    return document("jmhz", S + "JMHZ/podani/1.0", jmhz_inside(**how), note)


FORMS = {
    "pvpoj": pvpoj, "regzec": regzec, "nempri": nempri,
    "hzupn": lambda note: document("PodaniHZUPN", S + "nem/HZUPN20", f"<FormularHZUPN><zamestnani>{vs_element(VS)}</zamestnani></FormularHZUPN>", note),
    "onz": lambda note: document("ONZ", S + "ONZ2022", "<onz/>", note),
    "eldp": lambda note: document("RELDP", S + "ELDP09", "<eldp09/>", note),
    "ozuspoj": lambda note: document("podaniOzuspoj", S + "POJ/OZUSPOJ23",
                                     f"<formularOzuspoj><zamestnavatel><vs>{VS}</vs></zamestnavatel></formularOzuspoj>", note),
    "osvc": lambda note: document("OSVC", S + "OSVC2025", "<prehled/>", note),
    "jmhz": jmhz,
    "prezec": lambda note: document("PREZEC", S + "PREZEC/2026", f'<employee sqnr="1"><comp vs="{VS}"/></employee>', note),
    "regzeldopl": lambda note: document("REGZELDOPL", S + "REGZELDOPL/2025", "<zamestnavatel/>", note),
}
