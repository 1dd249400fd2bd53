#!/usr/bin/python3
"""Sample forms with invented data, as bytes (UTF-8, XML declaration, shapes of spec/epo 12.1).

  forms.dphdp3(dic="12345678", month=1)       VAT return
  forms.dphkh1(rows=3)                        control statement, `rows` detail rows
  forms.dphshv(rows=3)                        recapitulative statement
  forms.dpfdp5() forms.dpfdp7()               personal income tax
  forms.dppdp9()                              corporate income tax
  forms.toy(id="toy-1")                       the toy partner's document (bad=True: it refuses)
  forms.make(code, **options)                 any of them by name
Common options: dic, month, year, company, note (free text that makes a document unique), size (exactly so many bytes,
or what the document needs).
DIČ marks of the EPO simulator: see `tests/portals/epo.py --help`; MARKS names them here.

Command line:  forms.py CODE [--dic N] [--month N] [--year N] [--rows N] [--size BYTES] [--note TEXT] [--out FILE]
"""

import argparse
import sys
from xml.sax.saxutils import escape, quoteattr

COMPANY = "Žluťoučký kůň & synové s.r.o."
SIZE_MAX = 64 * 1024 * 1024
MARKS = {"test_refused": "99990001", "state_refused": "99991001", "offline": "99992001", "file_refused": "99993001",
         "n_only": "99994001", "cut": "99995001", "offline_refused": "99996001", "lost": "99997001",
         "foreign": "99998001"}
LINE = "Příliš žluťoučký kůň úpěl ďábelské ódy. "


def element(tag, **fields):
    return f"    <{tag}" + "".join(f" {k}={quoteattr(str(v))}" for k, v in fields.items()) + "/>"


def document(code, version, sentences, size, filler):
    """filler(n) gives the n-th extra sentence, for a document of `size` bytes."""
    head = ('<?xml version="1.0" encoding="UTF-8"?>\n<Pisemnost nazevSW="PŘÍKLAD" verzeSW="0.1">\n'
            f'  <{code} verzePis="{version}">\n')
    tail = f"\n  </{code}>\n</Pisemnost>\n"
    length = sum(len(s.encode()) + 1 for s in sentences) + len(head.encode()) + len(tail)
    lines, number = list(sentences), 0
    size = min(size, SIZE_MAX)
    while length < size:
        number += 1
        extra = filler(number)
        length += len(extra.encode()) + 1
        if length > size:
            # White space after the root brings it to the byte.
            length -= len(extra.encode()) + 1
            break
        lines.append(extra)
    return (head + "\n".join(lines) + tail).encode() + b"\n" * (size - length + 1 if size > length else 0)


def payer(dic, company, **more):
    return element("VetaP", c_ufo="451", c_pracufo="2001", dic=dic, typ_ds="P", zkrobchjm=company,
                   naz_obce="Ústí nad Orlicí", ulice="Dlážděná", c_pop="1", psc="56201", stat="ČESKÁ REPUBLIKA",
                   **more)


def remark(number, text):
    return element("VetaR", poradi=number, t_prilohy=text)


def filed_on(month, year):
    return f"20.{month % 12 + 1:02d}.{year + month // 12}"


def dphdp3(dic="12345678", month=1, year=2030, company=COMPANY, note="", size=0, base=1000):
    tax = base * 21 // 100
    lines = [element("VetaD", dokument="DP3", k_uladis="DPH", rok=year, mesic=month, dapdph_forma="B", typ_platce="P",
                     d_poddp=filed_on(month, year)),
             payer(dic, company), element("Veta1", obrat23=base, dan23=tax),
             element("Veta6", dan_zocelk=tax, dano_da=tax)]
    if note:
        lines.append(remark(1, note))
    return document("DPHDP3", "01.02", lines, size, lambda n: remark(n + 1, LINE * 10))


def dphkh1(dic="12345678", month=1, year=2030, company=COMPANY, rows=3, note="", size=0):
    def row(n):
        return element("VetaA4", c_radku=n, dic_odb=f"{10000000 + n % 89999999:08d}",
                       c_evid_dd=f"FV{note}{year}-{n:06d}", dppd=f"15.{month:02d}.{year}", zakl_dane1=15000 + n,
                       dan1=(15000 + n) * 21 // 100, kod_rezim_pl=0, zdph_44="N")
    lines = [element("VetaD", dokument="KH1", k_uladis="DPH", rok=year, mesic=month, khdph_forma="B",
                     d_poddp=filed_on(month, year)), payer(dic, company)]
    lines += [row(n) for n in range(1, rows + 1)]
    # The order of sentences is fixed: totals stand last, so extra rows are counted before.
    total = element("VetaC", obrat23=15000 * rows, obrat5=0, pln23=0, pln5=0, pln_rez_pren=0, rez_pren23=0,
                    rez_pren5=0, celk_zd_a2=0)
    padded = document("DPHKH1", "03.01", lines, size - len(total) - 1 if size else 0, lambda n: row(rows + n))
    return padded.replace(b"\n  </DPHKH1>", b"\n" + total.encode() + b"\n  </DPHKH1>")


def dphshv(dic="12345678", month=1, year=2030, company=COMPANY, rows=3, note="", size=0):
    def row(n):
        return element("VetaR", por_c_stran=(n - 1) // 20 + 1, c_rad=(n - 1) % 20 + 1, k_stat="SK",
                       c_vat=f"{2000000000 + n}", k_pln_eu=0, pln_pocet=1 + n % 9, pln_hodnota=1000 + n)
    lines = [element("VetaD", dokument="SHV", k_uladis="DPH", rok=year, mesic=month, shvies_forma="R",
                     d_poddp=filed_on(month, year), **({"pozn": note} if note else {})), payer(dic, company)]
    lines += [row(n) for n in range(1, rows + 1)]
    return document("DPHSHV", "01.02", lines, size, lambda n: row(rows + n))


def income(code, version, dic, year, name, note, size, month=None):
    lines = [element("VetaD", dokument=code[2:], k_uladis="DPF" if code[2] == "F" else "DPP", rok=year, dap_typ="B",
                     c_ufo_cil="451", zdobd_od=f"01.01.{year}", zdobd_do=f"31.12.{year}", kc_dan_celk=12345),
             element("VetaP", dic=dic, jmeno="Šárka", prijmeni=name, c_pracufo="2001", naz_obce="Město Albrechtice",
                     psc="79395", stat="ČESKÁ REPUBLIKA")]
    if note:
        lines.append(remark(1, note))
    return document(code, version, lines, size, lambda n: remark(n + 1, LINE * 10))


def dpfdp5(dic="7001010000", year=2030, company="Příkladná-Žďárská", note="", size=0, **more):
    return income("DPFDP5", "06.01", dic, year, company, note, size, **more)


def dpfdp7(dic="7001010000", year=2030, company="Příkladná-Žďárská", note="", size=0, **more):
    return income("DPFDP7", "01.01", dic, year, company, note, size, **more)


def dppdp9(dic="12345678", year=2030, company=COMPANY, note="", size=0, **more):
    return income("DPPDP9", "01.01", dic, year, company, note, size, **more)


def toy(id="toy-1", note="", size=0, bad=False, **_):
    text = escape(note or LINE.strip())
    text += (LINE * ((size - len(text)) // len(LINE.encode()) + 1)) if size > len(text) else ""
    extra = "<Bad/>" if bad else ""
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<Toy xmlns="urn:example:toy" id={quoteattr(id)}>'
            f"<Text>{text}</Text>{extra}</Toy>\n").encode()


FORMS = {f.__name__: f for f in (dphdp3, dphkh1, dphshv, dpfdp5, dpfdp7, dppdp9, toy)}


def make(code, **options):
    return FORMS[code.lower()](**options)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("code", choices=sorted(FORMS))
    for name, kind in (("dic", str), ("month", int), ("year", int), ("rows", int), ("size", int), ("note", str),
                       ("company", str), ("id", str)):
        parser.add_argument("--" + name, type=kind)
    parser.add_argument("--out")
    args = parser.parse_args(argv)
    options = {k: v for k, v in vars(args).items() if k not in ("code", "out") and v is not None}
    try:
        data = make(args.code, **options)
    except TypeError as fault:
        parser.error(str(fault))
    if args.out:
        with open(args.out, "wb") as f:
            f.write(data)
    else:
        sys.stdout.buffer.write(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
