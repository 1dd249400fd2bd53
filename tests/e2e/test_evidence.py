"""The evidence of one case: what `podatelna export` writes is checked with openssl and a shell alone, by the commands of OVERENI.txt taken literally, and every file
of it against the journal by the independent reader."""

import grp
import os
import shutil
import subprocess

import pytest

import exported
import forms
import journal
from box import GROUP, is_root
from conftest import BIN
from exported import blocks, blocks_that_fail, export, findings, follow, put, read
from simulator import Simulator

STAMP = "razitka"
WORDS = {"OVERENI.txt", "FORMAT.txt", "stav.txt"}  # for people: no evidence, and nothing vouches for them


@pytest.fixture(scope="module")
def stamped(work, pki_dir, running_epo, tmp_path_factory):
    """A box with a journal key and an authority, a case that is done and covered by a stamp, exported: (box, case, folder)."""
    from box import Box, Tokens
    from conftest import finish
    if running_epo.process is None:
        running_epo.start()
    running_epo.reset(ledger=True)
    with Simulator("tsa", str(tmp_path_factory.mktemp("tsa")), pki_dir) as tsa:
        tokens = Tokens(os.path.join(work, "tokens-evidence"), {"office": ["sign", "vault", "journal/ec"]}, pki_dir)
        authority = os.path.join(pki_dir, "ca.pem")
        box = Box(os.path.join(work, "evidence"), BIN, running_epo, tokens,
                  settings={f'tsa "{STAMP}"': {"urls": (tsa.url,), "ca_file": authority, "anchors": authority, "check_every": "0", "day_end": False},
                            "journal": {"quiet": "200 ms"}}, pki_dir=pki_dir)
        box.wait_token()
        box.drop("dph.xml", forms.dphdp3(note="evidence"))
        box.drop("jine.xml", forms.dphdp3(note="of another case"))
        case = box.wait_state("dph.xml")["case"]
        box.wait_state("jine.xml")
        box.result(case)
        assert "orazítkován" in box.text("journal", "stamp")
        yield box, case, export(box, case, "first")
        finish([box], False)


def records(box, case):
    return [r for r in journal.read(box.data) if r.fields.get("case") == case]


def trusted(box, pki_dir):
    return [box.hsm.describe()["ca"], os.path.join(pki_dir, "ca.pem"), os.path.join(pki_dir, "confirm-ca.pem")]


def copy(folder, tmp_path, name="copy"):
    return shutil.copytree(folder, tmp_path / name)


def test_what_is_in_it(stamped):
    """Every record byte by byte, every object as the vault has it, under names that say what it is."""
    box, case, folder = stamped
    mine = records(box, case)
    names = set(os.listdir(folder))
    until = max(int(n[7:19]) for n in names if n.endswith(".leaf"))
    assert {f"zaznam-{r.index:012d}.leaf" for r in mine if r.index <= until} == {n for n in names if n.endswith(".leaf")}
    for record in mine:
        if record.index <= until:
            assert read(folder, f"zaznam-{record.index:012d}.leaf") == record.leaf
            assert f"zaznam-{record.index:012d}.tlog-proof" in names
    wanted = WORDS | {"obsah.txt", "original", "jmeno.txt", "podano.p7s", "potvrzeni.p7s", "potvrzeni.xml", "protistrana.pem"}
    assert not wanted - names, names
    assert read(folder, "original") == forms.dphdp3(note="evidence")
    assert b"dph.xml" in read(folder, "jmeno.txt")
    listed = {line.split(" ")[0]: line.split(" ")[1:3] for line in read(folder, "obsah.txt").decode().splitlines()}
    told = {tuple(parts[3]) for r in mine for role, parts in r.objects().items() if role != "receipt"}
    assert len(listed) == len(told)
    for name, (index, role) in listed.items():
        size = next(r for r in mine if r.index == int(index)).objects()[role][0]
        assert len(read(folder, name)) == size
    notes = [n for n in names if n.startswith("kontrolni-bod-")]
    first = min(int(n.split("-")[2].split(".")[0]) for n in notes)
    for suffix in ("note", "p7s", "tsr"):
        assert read(folder, f"kontrolni-bod-{first}.{suffix}") == read(box.data, "journal", "anchor", f"{first}.{suffix}")
    assert not [n for n in names if "receipt" in n]
    assert all(os.stat(os.path.join(folder, n)).st_mode & 0o077 == 0 for n in names)


def test_shown_stands_before_content(stamped):
    """The record of who took it is durable before the first byte leaves: it is in what was exported, proved like the others."""
    box, case, folder = stamped
    shown = [r for r in records(box, case) if r.type == "shown" and r.fields["what"] == "export"]
    assert shown and shown[0].fields["by"] == f"uid:{os.getuid()}"
    assert read(folder, f"zaznam-{shown[0].index:012d}.leaf") == shown[0].leaf
    assert os.path.exists(os.path.join(folder, f"zaznam-{shown[0].index:012d}.tlog-proof"))
    before = len(journal.read(box.data))
    assert box.run_cli("export", case, os.path.join(box.dir, "is-not-there")).returncode == 1
    assert len(journal.read(box.data)) == before, "recorded although nothing was asked of the box"


def test_followed_by_the_letter(stamped, pki_dir, tmp_path):
    """OVERENI.txt with openssl, sha256sum, base64 and xxd alone."""
    box, case, folder = stamped
    folder = copy(folder, tmp_path)
    assert sorted(blocks(folder)) == [1, 2, 3, 4, 5]
    said = ""
    for number in blocks(folder):
        done = follow(folder, trusted(box, pki_dir), number)
        assert done.returncode == 0, f"block {number}: {done.stdout.decode()}"
        said += done.stdout.decode()
    assert "WITHOUT PROOF" not in said and "Verification: OK" in said and "CMS Verification successful" in said and "Verified OK" in said
    assert "Time stamp:" in said and read(folder, "podepsano") == read(folder, "original")
    assert said.count("is in the journal") == len([n for n in os.listdir(folder) if n.endswith(".leaf")])


def test_an_altered_file_is_found_by_the_letter(stamped, pki_dir, tmp_path):
    """A byte of each kind of file: one block fails."""
    box, _, folder = stamped
    names = os.listdir(folder)
    first = min(int(n.split("-")[2].split(".")[0]) for n in names if n.startswith("kontrolni-bod-"))
    leaf = sorted(n for n in names if n.endswith(".leaf"))[2]
    expected = {"original": 2, "podano.p7s": 2, "potvrzeni.p7s": 2, "protistrana.pem": 2, leaf: 1, leaf.replace(".leaf", ".tlog-proof"): 1,
                f"kontrolni-bod-{first}.note": 1, f"kontrolni-bod-{first}.p7s": 3, f"kontrolni-bod-{first}.tsr": 3}
    for name, block in expected.items():
        altered = copy(folder, tmp_path, f"altered-{name}")
        data = bytearray(read(altered, name))
        data[-10 if name.endswith(".tsr") else len(data) // 2] ^= 1  # a token carries certificates that nothing depends on; at its end is the signature
        os.chmod(os.path.join(altered, name), 0o600)
        with open(os.path.join(altered, name), "wb") as f:
            f.write(data)
        assert block in blocks_that_fail(altered, trusted(box, pki_dir)), name
    assert blocks_that_fail(copy(folder, tmp_path, "untouched"), trusted(box, pki_dir)) == []


# --- podatelna-audit evidence --------------------------------------------------------------------------------------------------


def audit(folder, *trust, code=None):
    return exported.audit(BIN, folder, *trust, code=code)


def test_the_verifier_says_yes(stamped, pki_dir):
    box, case, folder = stamped
    _, said = audit(folder, *trusted(box, pki_dir), code=0)
    leaves = [n for n in os.listdir(folder) if n.endswith(".leaf")]
    assert said["case"] == case and said["records"] == said["proved"] == len(leaves) and said["signed"] and said["stamped_time"]
    assert said["contents"] == len(read(folder, "obsah.txt").splitlines())
    with open(os.path.join(box.data, "journal", "origin"), encoding="utf-8") as f:
        assert said["origin"] == f.read().strip()
    # The record of the export itself is younger than the stamp; lists of revoked certificates nobody has made.
    shown = [r.index for r in records(box, case) if r.type == "shown"][0]
    assert findings(said, "remark") - {("revocation-unknown", None)} - {("revocation-unknown", f["index"]) for f in said["findings"]} == {("unstamped", shown)}


def test_whom_the_auditor_does_not_trust(stamped, pki_dir):
    """Without certificates, or with others, nothing is proved; nothing is called damaged either."""
    _, _, folder = stamped
    assert ("certificate", None) in findings(audit(folder, code=1)[1])
    said = audit(folder, os.path.join(pki_dir, "foreign-ca.pem"), code=1)[1]
    assert said["stamped_time"] is None and not findings(said, "damaged")


def alter(path, at):
    data = bytearray(read(path))
    data[at if at >= 0 else len(data) + at] ^= 1
    os.chmod(path, 0o600)
    with open(path, "wb") as f:
        f.write(data)


def test_each_altered_file_is_named(stamped, pki_dir, tmp_path):
    """A byte of each file that is evidence: damage, and the finding names the file or its record."""
    box, _, folder = stamped
    trust = trusted(box, pki_dir)
    assert audit(copy(folder, tmp_path, "whole"), *trust)[0] == 0
    for name in sorted(set(os.listdir(folder)) - WORDS):
        altered = copy(folder, tmp_path, "altered")
        # A stamp carries certificates that nothing depends on; at its end is the signature.
        alter(altered / name, -10 if name.endswith((".tsr", ".p7s")) else len(read(folder, name)) // 2)
        _, said = audit(altered, *trust, code=5)
        index = int(name[7:19]) if name.startswith("zaznam-") else None
        assert [f for f in said["findings"] if f["weight"] == "damaged" and (name in f["why"] or (index is not None and f["index"] == index) or
                                                                            name == "obsah.txt")], (name, said)
        shutil.rmtree(altered)


def test_each_missing_file_is_named(stamped, pki_dir, tmp_path):
    box, _, folder = stamped
    trust = trusted(box, pki_dir)
    for name in sorted(set(os.listdir(folder)) - WORDS):
        less = copy(folder, tmp_path, "less")
        os.unlink(less / name)
        code, said = audit(less, *trust)
        # The last record may be left out by whoever shows the folder: nothing after it misses it. The newest checkpoint may be unsigned then. A collected
        # certificate only helps: the signatures here bring theirs along.
        last = sorted(n for n in os.listdir(folder) if n.endswith(".leaf"))[-1]
        assert code in (1, 5) or name == last or name.endswith((".cer", ".crl")) or findings(said, "remark") != findings(audit(folder, *trust)[1], "remark"), (name, said)
        shutil.rmtree(less)


def test_forgers(stamped, pki_dir, tmp_path):
    """Who makes everything agree that needs no key: each is found, and named."""
    box, case, folder = stamped
    trust = trusted(box, pki_dir)
    other = next(c["case"] for c in box.cases() if c["case"] != case)
    theirs = export(box, other, "other")
    leaves = sorted(n for n in os.listdir(folder) if n.endswith(".leaf"))

    mixed = copy(folder, tmp_path, "mixed")  # a record of another case, proved well
    foreign = sorted(n for n in os.listdir(theirs) if n.endswith(".leaf"))[1]
    for suffix in ("leaf", "tlog-proof"):
        put(mixed / foreign.replace("leaf", suffix), read(theirs, foreign.replace("leaf", suffix)))
    assert ("chain", int(foreign[7:19])) in findings(audit(mixed, *trust, code=5)[1])

    without = copy(folder, tmp_path, "without")  # a record in the middle, with its proof
    gone = leaves[4]
    os.unlink(without / gone)
    os.unlink(without / gone.replace(".leaf", ".tlog-proof"))
    assert ("chain", int(leaves[5][7:19])) in findings(audit(without, *trust, code=5)[1])

    swapped = copy(folder, tmp_path, "swapped")  # the content of another case under its own salt
    salts = {line.split(" ")[0]: line for line in read(theirs, "obsah.txt").decode().splitlines()}
    mine = read(folder, "obsah.txt").decode().splitlines()
    put(swapped / "original", read(theirs, "original"))
    put(swapped / "obsah.txt", "".join((" ".join([*line.split(" ")[:3], salts["original"].split(" ")[3]]) if line.startswith("original ") else line) + "\n"
                                       for line in mine).encode())
    received = int(leaves[0][7:19])
    assert ("object-changed", received) in findings(audit(swapped, *trust, code=5)[1])

    first = min(int(n.split("-")[2].split(".")[0]) for n in os.listdir(folder) if n.startswith("kontrolni-bod-"))
    restamped = copy(folder, tmp_path, "restamped")  # the stamp of another checkpoint
    assert "orazítkován" in box.text("journal", "stamp")
    stamps = sorted((n for n in os.listdir(os.path.join(box.data, "journal", "anchor")) if n.endswith(".tsr")), key=lambda n: int(n.split(".")[0]))
    assert not stamps[-1].startswith(f"{first}.")
    put(restamped / f"kontrolni-bod-{first}.tsr", read(box.data, "journal", "anchor", stamps[-1]))
    assert ("stamp", None) in findings(audit(restamped, *trust, code=5)[1], "damaged")

    unlisted = copy(folder, tmp_path, "unlisted")  # content silently left out
    put(unlisted / "obsah.txt", "".join(line + "\n" for line in mine if not line.startswith("potvrzeni.p7s")).encode())
    os.unlink(unlisted / "potvrzeni.p7s")
    assert [f for f in audit(unlisted, *trust, code=1)[1]["findings"] if f["kind"] == "object-missing"]

    for line in ("../../etc/passwd 000000000004 original " + 64 * "0", "original 000000000004", "", "original 999999999999 original " + 64 * "0"):
        put(unlisted / "obsah.txt", (line + "\n").encode())
        assert ("object-changed", None) in findings(audit(unlisted, *trust, code=5)[1])
    empty = tmp_path / "empty"
    empty.mkdir()
    assert ("truncated", None) in findings(audit(empty, *trust, code=5)[1])


def test_the_verifier_in_words(stamped, pki_dir):
    """One verdict line in the language asked for."""
    box, case, folder = stamped
    for language, words in (("cs", f"případ {case}: důkaz je v pořádku"), ("en", f"case {case}: the evidence is good")):
        done = subprocess.run([os.path.join(BIN, "podatelna-audit"), "evidence", folder, "--language", language,
                               *[w for path in trusted(box, pki_dir) for w in ("--trust", path)]], stdout=subprocess.PIPE, check=True)
        assert words in done.stdout.decode().splitlines()[0]


# --- at the edges --------------------------------------------------------------------------------------------------------------


def test_nothing_is_overwritten(stamped):
    box, case, _ = stamped
    folder = os.path.join(box.dir, "full")
    os.makedirs(folder)
    with open(os.path.join(folder, "original"), "w", encoding="utf-8") as f:
        f.write("mine")
    done = box.run_cli("export", case, folder)
    assert done.returncode == 1 and "original" in done.stderr.decode() and "prázdné složky" in done.stderr.decode()
    assert read(folder, "original") == b"mine"


def test_an_earlier_case_keeps_its_stamp(stamped, pki_dir, tmp_path):
    """What comes later in the journal changes nothing: the earliest checkpoint that covers the case and has a stamp is taken, not the newest."""
    box, case, folder = stamped
    first = min(int(n.split("-")[2].split(".")[0]) for n in os.listdir(folder) if n.startswith("kontrolni-bod-"))
    box.drop("dalsi.xml", forms.dphdp3(note="later"))
    box.wait_state("dalsi.xml")
    assert "orazítkován" in box.text("journal", "stamp")
    again = export(box, case, "again")
    assert os.path.exists(os.path.join(again, f"kontrolni-bod-{first}.tsr"))
    assert blocks_that_fail(copy(again, tmp_path), trusted(box, pki_dir)) == []


def test_without_stamp_and_signature(make_box, epo, pki_dir, tmp_path):
    """No journal key, no authority: OVERENI.txt and the command say what is missing; what there is can be checked."""
    box = make_box(epo, settings={"journal": {"quiet": "200 ms"}})
    box.wait_token()
    box.drop("dph.xml", forms.dphdp3())
    case = box.wait_state("dph.xml")["case"]
    box.result(case)
    folder = os.path.join(box.dir, "out")
    os.makedirs(folder)
    said = box.text("export", case, folder)
    assert "není podepsán" in said and "razítko" in said
    words = read(folder, "OVERENI.txt").decode()
    assert "A time stamp: none covers" in words and "The signature of the checkpoint" in words
    assert not [n for n in os.listdir(folder) if n.endswith((".p7s", ".tsr")) and n.startswith("kontrolni")]
    assert blocks_that_fail(copy(folder, tmp_path), trusted(box, pki_dir)) == []


def test_locked_vault(make_box, epo):
    """Nothing is written while a key is missing; the person is told what to do."""
    box = make_box(epo)
    box.wait_token()
    box.drop("dph.xml", forms.dphdp3())
    case = box.wait_state("dph.xml")["case"]
    box.restart()
    box.wait_token()
    assert box.run_cli("token", "logout").returncode == 0
    box.wait_token("pin-needed")
    folder = os.path.join(box.dir, "out")
    os.makedirs(folder)
    done = box.run_cli("export", case, folder)
    assert done.returncode == 4 and "trezor" in done.stderr.decode()
    assert os.listdir(folder) == []


def test_content_that_is_gone(make_box, epo, pki_dir, tmp_path):
    """A part that is missing from the vault: the rest is exported, the exit code and both texts say so."""
    box = make_box(epo)
    box.wait_token()
    box.drop("dph.xml", forms.dphdp3())
    case = box.wait_state("dph.xml")["case"]
    box.result(case)
    part = next(r for r in records(box, case) if r.type == "received").objects()["original"][3][0]
    os.unlink(os.path.join(box.data, "vault", part[:2], part))
    folder = os.path.join(box.dir, "out")
    os.makedirs(folder)
    done = box.run_cli("export", case, folder)
    assert done.returncode == 1 and "chybí obsah" in done.stderr.decode() + done.stdout.decode()
    assert "original" not in os.listdir(folder) and "podano.p7s" in os.listdir(folder)
    assert "could not be read (1 pieces)" in read(folder, "OVERENI.txt").decode()
    assert "object-missing" in {kind for kind, _ in findings(audit(folder, *trusted(box, pki_dir), code=1)[1])}
    assert blocks_that_fail(copy(folder, tmp_path), trusted(box, pki_dir)) == []


@pytest.mark.skipif(not is_root(), reason="needs root: a second person")
def test_erased_case(make_box, epo, pki_dir, tmp_path):
    """Records and proofs are left and can be checked; the record that erased the content is named."""
    box = make_box(epo, start=False)
    box.set('user "60021"', rights=["read", "erase"])
    box.start()
    box.wait_token()
    box.drop("dph.xml", forms.dphdp3())
    case = box.wait_state("dph.xml")["case"]
    box.result(case)
    assert box.run_cli("erase", case, "--basis", "x", user=(60021, 60021, [grp.getgrnam(GROUP).gr_gid])).returncode == 0
    assert box.run_cli("erase", case, "--basis", "x").returncode == 0
    erased = records(box, case)[-1]
    folder = os.path.join(box.dir, "out")
    os.makedirs(folder)
    done = box.run_cli("export", case, folder)
    assert done.returncode == 1 and f"vymazán záznamem {erased.index}" in (done.stdout + done.stderr).decode()
    names = os.listdir(folder)
    assert "original" not in names and f"zaznam-{erased.index:012d}.tlog-proof" in names and not read(folder, "obsah.txt")
    assert f"erased by record {erased.index}" in read(folder, "OVERENI.txt").decode()
    _, said = audit(folder, *trusted(box, pki_dir), code=1)  # no stamp, no signature; nothing else
    assert {kind for kind, _ in findings(said)} == {"unsigned", "unstamped"} and ("erased", erased.index) in findings(said, "remark")
    assert blocks_that_fail(copy(folder, tmp_path), trusted(box, pki_dir)) == []
