"""The evidence of cases of ČSSZ: the signature stands beside its content and the result is XML with a seal in it. Checked by the commands of OVERENI.txt taken
literally (openssl, xmllint, a shell), and by podatelna-audit."""

import os
import shutil

import pytest

import cssz_forms
from box import Box, Tokens
from conftest import BIN, finish
from exported import audit, blocks_that_fail, export, findings, follow, put, read
from simulator import Simulator

SEALED = "zapecetena-odpoved.xml"


@pytest.fixture(scope="module")
def exports(work, pki_dir, running_vrep, tmp_path_factory):
    """{name: folder} of three cases: accepted, the result indented and declared around; accepted in part; over SOAP. And whom their reader trusts."""
    if running_vrep.process is None:
        running_vrep.start()
    running_vrep.reset(ledger=True)
    with Simulator("tsa", str(tmp_path_factory.mktemp("tsa")), pki_dir) as tsa:
        tokens = Tokens(os.path.join(work, "tokens-cssz-evidence"), {"office": ["sign", "vault", "journal/ec"]}, pki_dir)
        authority = os.path.join(pki_dir, "ca.pem")
        box = Box(os.path.join(work, "cssz-evidence"), BIN, running_vrep, tokens,
                  settings={'tsa "razitka"': {"urls": (tsa.url,), "ca_file": authority, "anchors": authority, "check_every": "0", "day_end": False},
                            "journal": {"quiet": "200 ms"}}, pki_dir=pki_dir)
        box.wait_token()
        cases = {}
        running_vrep.switch(layout="indented", root_xsig="inherited")
        box.drop("cele.xml", cssz_forms.regzec("evidence", forms=2))
        cases["whole"] = box.wait_state("cele.xml")["case"]
        running_vrep.reset()
        running_vrep.switch(partial="once", refuse_forms="2", seal_attributes="off")
        box.drop("zcasti.xml", cssz_forms.nempri("evidence", forms=3))
        cases["partial"] = box.wait_state("zcasti.xml", "data-error")["case"]
        running_vrep.reset()
        box.stop()
        box.set('partner "cssz"', options=["vs=" + cssz_forms.VS, "road=ws"])
        box.start()
        box.wait_token()
        box.drop("soap.xml", cssz_forms.pvpoj("evidence"))
        cases["soap"] = box.wait_state("soap.xml")["case"]
        for case in cases.values():
            box.result(case)
        assert "orazítkován" in box.text("journal", "stamp")
        trust = [box.hsm.describe()["ca"], authority, os.path.join(pki_dir, "confirm-ca.pem"), os.path.join(pki_dir, "dis-ca.pem")]
        yield {name: export(box, case, name) for name, case in cases.items()}, trust
        finish([box], False)


def test_followed_by_the_letter(exports, tmp_path):
    folders, trust = exports
    for name, made in folders.items():
        folder = shutil.copytree(made, tmp_path / name)
        names = set(os.listdir(folder))
        assert {"original", "podano.p7s", "odeslano", SEALED, "potvrzeni.xml"} <= names and "potvrzeni.p7s" not in names
        assert blocks_that_fail(folder, trust) == [], follow(folder, trust, 4).stdout.decode()
        done = follow(folder, trust, 4).stdout.decode()
        assert done.count("CMS Verification successful") == 2 and "the seal agrees" in done
        assert read(folder, "podepsano") == read(folder, "original")


def test_altered(exports, tmp_path):
    """Another content beside the signature, another result under the seal, another message that came: block (4) fails by itself."""
    folders, trust = exports
    for name, file, old, new in (("whole", "original", b"9900000001", b"9900000002"), ("partial", "potvrzeni.xml", b'count="3"', b'count="2"'),
                                 ("whole", SEALED, b'countWar="0"', b'countWar="1"')):
        folder = shutil.copytree(folders[name], tmp_path / f"{name}-{file}")
        data = read(folder, file)
        assert old in data
        put(os.path.join(folder, file), data.replace(old, new))
        assert 4 in blocks_that_fail(folder, trust), (name, file)


def test_the_verifier(exports, tmp_path):
    """Yes to sound cases, and it says what it did not compare; a signature or a seal of something else is damage."""
    folders, trust = exports
    for name, folder in folders.items():
        _, said = audit(BIN, folder, *trust, code=0)
        assert not findings(said), said
        assert [f for f in said["findings"] if f["weight"] == "remark" and f["kind"] == "cms" and "not compared" in f["why"] and SEALED in f["why"]]
    nobody = audit(BIN, folders["whole"], *trust[:3], code=1)[1]
    assert [f for f in nobody["findings"] if f["weight"] == "doubt" and SEALED in f["why"]] and not findings(nobody, "damaged")


def test_what_is_special_is_said(exports):
    folders, _ = exports
    whole, partial = (read(folders[name], "OVERENI.txt").decode() for name in ("whole", "partial"))
    for words in ("podepsán je soubor original", "what is signed is the file original", "libxml2-utils", "Canonical XML"):
        assert words in whole and words in partial
    assert "verdict partial" in partial and "verdict partial" not in whole
