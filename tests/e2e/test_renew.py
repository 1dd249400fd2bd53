"""The journal in later years: stamps are renewed before they grow old, and what is needed to judge them is collected while it can be had. What is asserted stands in the
ledger of the authority, in the files of the journal, and in what the openssl command says of them at a given time."""

import calendar
import datetime
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

import ages
import auditor
import exported
import forms
import journal
from box import until
from conftest import BIN
from shifted import prepare, set_clock
from simulator import Simulator

NAME = "razitka"
YEAR_S = 365 * 86400
LIMIT_HOURS = 10 * 366 * 24


@pytest.fixture(scope="module")
def old_pki(work):
    return ages.make(os.path.join(work, "ages"))


@pytest.fixture
def tsa(work, old_pki):
    with Simulator("tsa", tempfile.mkdtemp(prefix="tsa-", dir=work), old_pki) as authority:
        yield authority
        assert not authority.ledger("simulator-error")


def settings(pki_dir, tsa, **more):
    """Nothing is stamped by itself but what is renewed."""
    return {f'tsa "{NAME}"': {"urls": [tsa.url], "ca_file": os.path.join(pki_dir, "ca.pem"), "anchors": os.path.join(pki_dir, "ca.pem"), "check_every": "0",
                              "day_end": False, "anchor_every": "366 d"},
            "journal": {"quiet": "200 ms", "stamp_warn_after": "0", "stamp_stop_after": "0", "crl_every": "2 s", **more}}


def records(box, event):
    for _ in range(20):
        try:
            return [r for r in journal.read(box.data) if r.type == "anchor" and r.fields.get("event") == event]
        except journal.JournalFault:
            time.sleep(0.1)
    return [r for r in journal.read(box.data) if r.type == "anchor" and r.fields.get("event") == event]


def fields(box, event):
    return [r.fields for r in records(box, event)]


def moment(text):
    return calendar.timegm(datetime.datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").timetuple())


def trust(box, record):
    """The collected file of a record, which has the hash that its name and the record say."""
    path = os.path.join(box.data, "journal", "trust", record["file"])
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    assert digest == record["sha256"] and record["file"].startswith(digest + ".")
    return path


def openssl(*words):
    return subprocess.run(["openssl", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def text_of(path, *what):
    return openssl(*what, "-inform", "DER", "-in", path, "-noout").stdout.decode()


def crl_url(tsa, stem):
    return f"{tsa.control}/crl/{stem}"


def collected(box, tsa, stem, after=0):
    """The lists from that address that were made after a moment."""
    return [r for r in fields(box, "crl") if r["detail"] == crl_url(tsa, stem) and moment(r["time"]) >= after]


def signing_box(make_box, tsa, pki_dir, portals=(), more=None):
    """A box whose key of the journal has a certificate that lasts, with a list of revoked ones."""
    box = make_box(portals, tokens={"office": ["sign", "vault", "journal"]}, pki_dir=pki_dir, start=False, settings=settings(pki_dir, tsa, **(more or {})))
    box.hsm.replace_cert("office", "journal", days=ages.LASTING, usage="signature", ik_mpsv=None, common="Podatelna test journal",
                         crl=crl_url(tsa, "ca"))
    box.hsm.replace_cert("office", "vault", days=ages.LASTING, usage="encipherment", ik_mpsv=None, common="Podatelna test vault")
    pem = os.path.join(box.dir, "chain.pem")
    shutil.copy(os.path.join(pki_dir, "ca.pem"), pem)
    os.chmod(pem, 0o644)
    box.set("journal", chain=pem)
    return box


def test_what_is_collected(tsa, make_box, old_pki):
    """The chains of stamp and checkpoint as certificates, and the lists of their authorities, once, as they were given; openssl reads and verifies them; no storm."""
    ages.add(old_pki, "now", (0, 6), tsa.control)
    tsa.switch(generation="now")
    box = signing_box(make_box, tsa, old_pki, more={"crl_every": "1 d"})
    box.start()
    box.wait_token()
    box.text("journal", "stamp")
    until(lambda: len(fields(box, "cert")) >= 4 and len(fields(box, "crl")) >= 2, 40, lambda: f"{fields(box, 'cert')} {fields(box, 'crl')}\n{box.log_tail()}")
    time.sleep(3)
    found = {text_of(trust(box, r), "x509", "-subject").strip(): r for r in fields(box, "cert")}
    assert len(found) == len(fields(box, "cert")) == 4
    for part, purpose in (("TSA now", "tsa"), ("TSA CA now", "tsa"), ("test CA", "tsa"), ("test journal", "signer")):
        record = next(r for s, r in found.items() if s.endswith(part) or part in s)
        assert record["purpose"] == purpose or part == "test CA", (part, record)
    lists = fields(box, "crl")
    given = {line["ca"]: line["sha256"] for line in tsa.ledger("crl")}
    assert {r["detail"]: r["sha256"] for r in lists} == {crl_url(tsa, stem): given[stem] for stem in ("ca", "now-ca")}
    assert len(lists) == 2 and len(tsa.ledger("crl")) <= 3, "asked again though nothing is due"
    for record, issuer in zip(sorted(lists, key=lambda r: r["detail"]), ("ca", "now-ca")):
        said = openssl("crl", "-inform", "DER", "-in", trust(box, record), "-noout", "-CAfile", os.path.join(old_pki, issuer + ".pem")).stdout
        assert b"verify OK" in said, said
    stamp = fields(box, "stamp")[0]
    assert stamp["detail"] == "sha256 sha256" and stamp["until"] == end_of(old_pki, "now")
    rows = {r["url"]: r for r in box.rows("stamps", kind="crl")}
    assert set(rows) == {crl_url(tsa, "ca"), crl_url(tsa, "now-ca")} and not any(r.get("text") for r in rows.values())
    assert box.run_cli("journal", "verify").returncode == 0
    # Nothing of it is asked for again after a restart within the day.
    asked = len(tsa.ledger("crl"))
    box.restart()
    time.sleep(4)
    assert len(tsa.ledger("crl")) == asked and len(fields(box, "cert")) == 4


def end_of(pki_dir, stem):
    said = openssl("x509", "-in", os.path.join(pki_dir, stem + ".pem"), "-noout", "-enddate").stdout.decode().strip().partition("=")[2]
    return datetime.datetime.strptime(said, "%b %d %H:%M:%S %Y %Z").strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.mark.parametrize("kind", ["absent", "forged", "old", "huge", "garbage"])
def test_lists_that_are_not_kept(tsa, make_box, old_pki, kind):
    """What is no present list of that authority is never kept; it is said why; a good one is kept as soon as there is one; stamps do not wait for it."""
    ages.add(old_pki, "bad", (0, 6), tsa.control)
    tsa.switch(generation="bad", crl=kind)
    box = make_box(settings=settings(old_pki, tsa), tokens={"office": ["sign", "vault"]}, pki_dir=old_pki)
    box.text("journal", "stamp")
    until(lambda: len(tsa.ledger("crl")) >= 4, 40, box.log_tail)
    assert not fields(box, "crl") and len(fields(box, "stamp")) == 1
    assert all(r["text"] and not r.get("from") for r in box.rows("stamps", kind="crl")), box.rows("stamps", kind="crl")
    assert not [n for n in os.listdir(os.path.join(box.data, "journal", "trust")) if not n.endswith(".cer")]
    tsa.switch(crl="good")
    until(lambda: collected(box, tsa, "bad-ca"), 20, box.log_tail)
    assert box.run_cli("journal", "verify").returncode == 0


def test_addresses_of_the_configuration(tsa, make_box, pki_dir, work):
    """Certificates that name no list: nothing is asked; an address in the configuration is."""
    with Simulator("tsa", tempfile.mkdtemp(prefix="tsa-", dir=work), pki_dir) as plain:
        box = make_box(settings=settings(pki_dir, plain), pki_dir=pki_dir)
        box.text("journal", "stamp")
        until(lambda: len(fields(box, "cert")) == 2, 20, box.log_tail)
        time.sleep(3)
        assert not plain.ledger("crl") and "není známa" in box.text("stamps")
        box.set(f'tsa "{NAME}"', crl_urls=[crl_url(plain, "ca")])
        box.restart()
        until(lambda: collected(box, plain, "ca"), 20, box.log_tail)


class Years:
    """A box that is switched on now and then over the years, with its authority in the same time."""

    def __init__(self, box, tsa, work):
        self.box, self.tsa = box, tsa
        prepare(box, work)

    def visit(self, year, generation):
        """The box runs in that year, after one word of a person about the clock."""
        self.box.stop()
        seconds = round(year * YEAR_S)
        self.tsa.switch(generation=generation, shift_s=seconds)
        set_clock(self.box, seconds * 1000)
        self.box.start(wait=False)
        until(lambda: self.box.cli("status")[0] in (0, 1), 30, self.box.log_tail)
        if year > 0:
            until(lambda: self.box.cli("clock", "accept", "--reason", "po letech")[0] == 0 or self.box.cli("status")[0] == 0, 30, self.box.log_tail)
        self.box.wait_ready()
        self.box.wait_token()


def verify_link(box, pki_dir, record):
    """openssl's verdict on one stamp of the chain, at the time that it says itself; and not after its certificate is over."""
    folder = os.path.join(box.data, "journal", "anchor")
    data = os.path.join(folder, record["size"] + ".p7s")
    untrusted = os.path.join(box.dir, "untrusted.pem")
    with open(untrusted, "wb") as out:
        for cert in fields(box, "cert"):
            out.write(openssl("x509", "-inform", "DER", "-in", trust(box, cert)).stdout)

    def say(at):
        done = openssl("ts", "-verify", "-data", data, "-in", os.path.join(folder, record["file"]), "-CAfile", os.path.join(pki_dir, "ca.pem"), "-untrusted",
                       untrusted, "-attime", str(at))
        return done.returncode == 0 and b"Verification: OK" in done.stdout
    return say(moment(record["time"])) and not say(moment(record["until"]) + 86400)


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def audited(data, pki_dir, at):
    """podatelna-audit at that time. Years lie between records and stamps here, so the limit for that is years, too."""
    return auditor.verify(BIN, data, "--trust", os.path.join(pki_dir, "ca.pem"), "--limit", str(LIMIT_HOURS), "--at", at)


def altered(folder, name, **files):
    """A copy of an export with other files in it; None: without."""
    copy = shutil.copytree(folder, folder + "-" + name)
    for file, content in files.items():
        path = os.path.join(copy, file)
        if content is None:
            os.unlink(path)
        else:
            exported.put(path, content)
    return copy


def check_exported(box, pki_dir, folder, at, links):
    """The folder of the fifteenth year alone, by who trusts the roots alone: yes, by our program and by openssl; no, where a renewal is not what it was."""
    trust = [os.path.join(pki_dir, "ca.pem"), box.hsm.describe()["ca"], os.path.join(pki_dir, "confirm-ca.pem")]
    renewed = sorted(n for n in os.listdir(folder) if n.startswith("obnova-") and n.endswith(".leaf"))
    assert renewed == [f"obnova-{r.index:012d}.leaf" for r in links], os.listdir(folder)
    for name, record in zip(renewed, links):
        assert exported.read(folder, name) == record.leaf
    said = exported.audit(BIN, folder, *trust, code=0, at=at)[1]
    assert not exported.findings(said) and said["renewals"] == len(links) and said["signed"], said
    assert abs(moment(said["stamped_time"].replace(" ", "T")) - moment(links[0].fields["time"])) <= 1
    # The words of the folder by the letter, by the clock of that year.
    letter = altered(folder, "letter")
    for number in exported.blocks(letter):
        done = exported.follow(letter, trust, number, box.environment)
        assert done.returncode == 0, f"block {number}: {done.stdout.decode()}"
    first, second = renewed
    second_tree = links[1].fields["size"]
    later = exported.read(folder, f"kontrolni-bod-{second_tree}.tsr")
    wrong = {
        "missing": {first: None, first.replace(".leaf", ".tlog-proof"): None},
        "without-proof": {second.replace(".leaf", ".tlog-proof"): None},
        "without-stamp": {f"kontrolni-bod-{second_tree}.tsr": None},
        "altered": {first: exported.read(folder, first).replace(b"sha256: ", b"sha256: 0", 1)},
        "altered-proof": {second.replace(".leaf", ".tlog-proof"): exported.read(folder, first.replace(".leaf", ".tlog-proof"))},
        "altered-stamp": {f"kontrolni-bod-{second_tree}.tsr": later[:-10] + bytes([later[-10] ^ 1]) + later[-9:]},
        "other-log": {f"kontrolni-bod-{second_tree}.note": b"other.invalid/0123456789abcdef\n" +
                      exported.read(folder, f"kontrolni-bod-{second_tree}.note").partition(b"\n")[2]},
    }
    for name, files in wrong.items():
        copy = altered(folder, name, **files)
        said = exported.audit(BIN, copy, *trust, at=at)[1]
        assert "stamp-age" in {kind for kind, _ in exported.findings(said, "doubt")} and said["exit"] != 0, (name, said)
        assert exported.blocks_that_fail(copy, trust, box.environment), name
    # Later than the last of them holds: nothing does.
    said = exported.audit(BIN, folder, *trust, code=1, at=iso(moment(links[-1].fields["until"]) + 20 * YEAR_S))[1]
    assert "stamp-age" in {kind for kind, _ in exported.findings(said, "doubt")} and not exported.findings(said, "damaged"), said


def test_fifteen_years(work, old_pki, make_box, tsa):
    """Three generations of the authority's certificates, a box that is on now and then: what was filed in the first year is proved in the fifteenth, by a chain of stamps of which each
    was made over the record of the one before, while that one's certificate lasted. Without the renewals it is not."""
    for stem, years in (("age0", (0, 6)), ("age1", (4, 11)), ("age2", (9, 20))):
        ages.add(old_pki, stem, years, tsa.control)
    with Simulator("epo", os.path.join(work, "epo-ages"), old_pki) as epo:
        box = signing_box(make_box, tsa, old_pki, epo)
        years = Years(box, tsa, work)
        years.visit(0, "age0")
        box.drop("dph.xml", forms.dphdp3(note="in the first year"))
        case = box.wait_state("dph.xml", timeout=60)["case"]
        assert len(epo.ledger("accepted")) == 1
        box.text("journal", "stamp")
        until(lambda: collected(box, tsa, "age0-ca", moment(fields(box, "stamp")[-1]["time"])), 30, box.log_tail)
        early = exported.export(box, case, "early")
        visits = ((2.5, "age0", 0), (5.85, "age1", 1), (8, "age1", 1), (10.85, "age2", 2), (13, "age2", 2), (15, "age2", 2))
        for year, generation, renewals in visits:
            years.visit(year, generation)
            until(lambda n=renewals: len(fields(box, "renewal")) >= n, 40, lambda: f"{year}: {fields(box, 'renewal')}\n{box.log_tail()}")
            if year == 2.5:
                box.stop()
                shutil.copytree(box.data, os.path.join(box.dir, "withheld"))
                years.visit(year, generation)
            newest = (fields(box, "stamp") + fields(box, "renewal"))[-1]
            if generation != "age0":
                until(lambda g=generation, n=newest: collected(box, tsa, g + "-ca", moment(n["time"])), 30, box.log_tail)
        time.sleep(3)
        links = sorted(records(box, "stamp") + records(box, "renewal"), key=lambda r: r.index)
        # The last one is an ordinary stamp of what came in the years since.
        assert [r.fields["event"] for r in links] == ["stamp", "renewal", "renewal", "stamp"] and len(tsa.ledger("granted")) == 4, [r.fields for r in links]
        for earlier, later in zip(links, links[1:]):
            assert int(later.fields["size"]) > earlier.index, "the renewal does not lie above the record of the stamp that it renews"
            assert moment(later.fields["time"]) < moment(earlier.fields["until"])
        assert [r.fields["until"] for r in links] == [end_of(old_pki, stem) for stem in ("age0", "age1", "age2", "age2")]
        for link in links:
            assert verify_link(box, old_pki, link.fields), link.fields
        assert len({r["sha256"] for r in fields(box, "cert")}) == 3 * 2 + 2
        assert box.run_cli("journal", "verify").returncode == 0
        at = iso(moment(links[-1].fields["time"]) + 3600)
        check_exported(box, old_pki, exported.export(box, case, "late"), at, links[:2])
        years.box.stop()
        # What was exported before the renewals has none.
        said = exported.audit(BIN, early, os.path.join(old_pki, "ca.pem"), box.hsm.describe()["ca"], os.path.join(old_pki, "confirm-ca.pem"), at=at, code=1)[1]
        assert "stamp-age" in {kind for kind, _ in exported.findings(said, "doubt")}, said
        # The auditor in the fifteenth year, who trusts the root alone; and what he would say had the box not renewed.
        said = audited(box.data, old_pki, at)
        assert said.code == auditor.YES and not said.named(weight="damage") and not said.named(weight="doubt"), said
        assert said.said["trusted_stamps"] == 4 and said.said["signed_size"] >= int(links[-1].fields["size"]), said
        withheld = os.path.join(box.dir, "withheld")
        said = audited(withheld, old_pki, iso(moment(links[0].fields["until"]) - 86400))
        assert said.code == auditor.YES, said
        said = audited(withheld, old_pki, at)
        assert said.code == auditor.NO and "stamp-age" in said.kinds() and not said.named(weight="damage"), said


def test_an_authority_that_goes_on(work, old_pki, make_box, tsa):
    """Its certificate comes to its end and it has no other: it is asked once on each of few days, people are told; a second authority is asked as soon as there is one."""
    ages.add(old_pki, "only", (0, 2), tsa.control)
    ages.add(old_pki, "other", (1, 8), tsa.control)
    box = make_box(tokens={"office": ["sign", "vault"]}, pki_dir=old_pki, start=False, settings=settings(old_pki, tsa))
    years = Years(box, tsa, work)
    years.visit(0, "only")
    box.text("journal", "stamp")
    assert "razítkuje certifikátem" not in box.text("status")
    years.visit(2 - 60 / 365, "only")
    until(lambda: fields(box, "renewal"), 30, box.log_tail)
    assert "razítkuje certifikátem" in box.text("status") and "razítkuje certifikátem" in box.text("stamps")
    until(lambda: "razítkuje certifikátem" in box.overview(), 20, "the overview does not say it")
    time.sleep(4)
    assert len(tsa.ledger("granted")) == 2, "asked again in vain"
    years.visit(2 - 20 / 365, "only")
    until(lambda: len(fields(box, "renewal")) == 2, 30, box.log_tail)
    with Simulator("tsa", tempfile.mkdtemp(prefix="tsa-", dir=work), old_pki) as second:
        second.switch(generation="other", shift_s=round((2 - 18 / 365) * YEAR_S))
        box.set('tsa "druha"', **{**box.settings[f'tsa "{NAME}"'], "urls": [second.url]})
        years.visit(2 - 18 / 365, "only")
        until(lambda: len(fields(box, "renewal")) == 3, 30, box.log_tail)
        assert fields(box, "renewal")[-1]["tsa"] == "druha" and len(second.ledger("granted")) == 1
        assert "razítkuje certifikátem" not in box.text("status")


def test_a_person_renews(work, old_pki, make_box, tsa):
    """`podatelna journal stamp` takes over what was stamped before, where that is near its end."""
    ages.add(old_pki, "short", (0, 0.2), tsa.control)
    tsa.switch(generation="short")
    box = make_box(tokens={"office": ["sign", "vault"]}, pki_dir=old_pki, settings=settings(old_pki, tsa, crl_every="0"))
    box.text("journal", "stamp")
    box.text("journal", "stamp")
    first, second = records(box, "stamp")
    assert int(second.fields["size"]) > first.index
    assert re.search(r"Razítka platí do", box.text("stamps"))
    assert not fields(box, "cert") and not tsa.ledger("crl")
