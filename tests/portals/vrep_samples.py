"""Sample data of ČSSZ services for tests: as much of each form as the specification tells (spec/cssz 8.1, 8.3, 14.9, 14.10). All invented."""

VS = "9900000001"
REPORT = "01890A5D-AC96-774B-BCCE-B302099A8057"
BASE = "http://schemas.cssz.cz/"


def hzupn(forms=1, vs=VS):
    rows = f"<FormularHZUPN><zamestnani><variabilniSymbol>{vs}</variabilniSymbol></zamestnani><rc>7001010001</rc></FormularHZUPN>" * forms
    return f'<PodaniHZUPN xmlns="{BASE}nem/HZUPN20" version="1.2">{rows}</PodaniHZUPN>'.encode()


def ozuspoj(forms=1, vs=VS):
    rows = f"<formularOzuspoj><zamestnavatel><vs>{vs}</vs></zamestnavatel><rc>7001010001</rc></formularOzuspoj>" * forms
    return f'<podaniOzuspoj xmlns="{BASE}POJ/OZUSPOJ23">{rows}</podaniOzuspoj>'.encode()


def pvpoj(forms=1, vs=VS, year="2025"):
    rows = f"<prehled><mesic>4</mesic><rok>2025</rok><vs>{vs}</vs></prehled>" * forms
    return f'<pvpoj xmlns="{BASE}POJ/PVPOJ{year}"><VENDOR productName="U" productVersion="1"/>{rows}</pvpoj>'.encode()


def onz(forms=1, vs=VS):
    return f'<ONZ xmlns="{BASE}ONZ2022"><SENDER ISDSreport="3"/>{f"""<oznameni vs="{vs}" bno="7001010001"/>""" * forms}</ONZ>'.encode()


def eldp(forms=1, vs=VS):
    return f'<RELDP xmlns="{BASE}ELDP09" version="2009.1">{f"""<eldp09 vs="{vs}"><rc>7001010001</rc></eldp09>""" * forms}</RELDP>'.encode()


def employees(root="REGZEC", year=2025, forms=1, vs=VS, act="1", more=""):
    rows = "".join(f'<employee sqnr="{10 + at}" act="{act}"><comp vs="{vs}"/><client rc="7001010001" {more}/></employee>' for at in range(forms))
    return f'<{root} xmlns="{BASE}{root}/{year}">{rows}</{root}>'.encode()


def jmhz(kind="R", forms=2, position=1, packages=1, vs=VS, month=4, year=2026, name=REPORT, summary=True, salt=""):
    """A package of a monthly report. kind: R regular, O correction, S storno."""
    parts = "" if not summary else (f'<souhrn xmlns="{BASE}JMHZ/souhrn/1.0"><id>{name[:-4]}AAAA</id></souhrn>'
                                    f'<pvpoj xmlns="{BASE}JMHZ/PVPOJ/1.0"><id>{name[:-4]}BBBB</id></pvpoj>')
    persons = "".join(f'<form xmlns="{BASE}JMHZ/form/1.0"><idFormulare>{name[:-4]}{at:04}</idFormulare><ikmpsv>19000000{at:02}</ikmpsv>'
                      f"<idppv>{at}</idppv></form>" for at in range(1, forms + 1))
    count = forms + (2 if summary else 0)
    return (f'<jmhz xmlns="{BASE}JMHZ/podani/1.0" verze="1.4.3.4"><hlavicka><idPodani>{name}</idPodani><typPodani>{kind}</typPodani>'
            f"<variabilniSymbol>{vs}</variabilniSymbol><mesic>{month}</mesic><rok>{year}</rok><datumVyplneni>2026-05-01{salt}</datumVyplneni>"
            f"<balikPoradi>{position}</balikPoradi><balikyPocet>{packages}</balikyPocet><formularePocetVBaliku>{count}</formularePocetVBaliku>"
            f"<formularePocetCelkem>{count}</formularePocetCelkem></hlavicka>{parts}{persons}</jmhz>").encode()


def dzmh(vs=VS, name=None, month=4, year=2026):
    asked = f"<idPodani>{name}</idPodani>" if name else f"<mesic>{month}</mesic><rok>{year}</rok>"
    return f'<DZMH xmlns="{BASE}JMHZ/dotazNaStav/2025" verze="1.1"><variabilniSymbol>{vs}</variabilniSymbol>{asked}</DZMH>'.encode()


def dzdpn(cert, vs=VS, begin="2026-02-01", end="2026-03-03"):
    """cert: base64 of the DER of the asker's certificate."""
    return (f'<DZDPN xmlns="{BASE}nem/DZDPN20-V2"><VENDOR productName="U" productVersion="1"/><VariabilniSymbol>{vs}</VariabilniSymbol>'
            f"<DatumOd>{begin}</DatumOd><DatumDo>{end}</DatumDo><SifrovaciCertifikat>{cert}</SifrovaciCertifikat></DZDPN>").encode()


def dznp(cert, vs=VS):
    return (f'<DZNP xmlns="{BASE}nem/DZNP25"><VariabilniSymbol>{vs}</VariabilniSymbol><CisloRozhodnuti>A0000042</CisloRozhodnuti>'
            f"<SifrovaciCertifikat>{cert}</SifrovaciCertifikat></DZNP>").encode()


def usrcert(cert):
    return f'<USRCERT xmlns="{BASE}USRCERT"><certifikat>{cert}</certifikat></USRCERT>'.encode()
