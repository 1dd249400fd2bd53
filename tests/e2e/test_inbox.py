"""The folder Podat/ (design 3, claim): what is taken, what is left alone, what is put aside with a card."""

import errno
import grp
import hashlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

import forms
import portal_files
from box import CLOSED, GROUP, is_root, until

QUIET_S = 1.5
STAY = ["~$vykaz.xml", "~WRL0001.tmp", "kopie.tmp", "kopie.TMP", ".skryty.xml", "desktop.ini", "Desktop.ini", "Thumbs.db", "x.part",
        "x.crdownload", "x.filepart", ".DS_Store", "._dph.xml", "dph.xml~", ".dph.xml.aB3dEf"]
root_only = pytest.mark.skipif(not is_root(), reason="needs root")


def document(note, **more):
    return forms.dphdp3(note=f"inbox {os.getpid()} {note}", **more)


def card_for(box, folder, name, timeout=15):
    """The text of the card beside a file that was put aside."""
    def found():
        return [t for n, t in box.cards(folder).items() if n.endswith(name + ".txt")]
    return until(found, timeout, lambda: f"no card for {name} in {folder}: {box.listing(folder)}\n{box.log_tail()}")[0]


CZECH = re.compile("[ěščřžýáíéúůťďň]")


def check_card(text, name=None):
    """A Czech text file for Windows' editor: what the box saw, why, what to do."""
    assert CZECH.search(text), text
    assert text.count("\r\n") == text.count("\n") >= 3
    assert name is None or name in text


# --- what is left alone ---------------------------------------------------------------------------------------------------


def test_foreign_temporary_files_stay(shared, portal):
    content = document("temporary")
    for name in STAY:
        shared.drop(name, content)
    time.sleep(QUIET_S + 2)
    left = shared.listing("Podat")
    assert not set(STAY) - set(left)
    for name in STAY:
        os.unlink(shared.place("Podat", name))
    assert not portal.of(content)


def test_renamed_from_temporary(shared, portal):
    """Office and browsers: a temporary name, then the final one."""
    content = document("renamed")
    path = shared.drop("výkaz.xml.tmp", content)
    time.sleep(0.5)
    os.rename(path, shared.place("Podat", "výkaz.xml").encode())
    shared.wait_state("výkaz.xml")
    assert len(portal.accepted(content)) == 1


# --- files that grow ------------------------------------------------------------------------------------------------------


def test_file_being_written(shared, portal):
    """Open for writing all the while, quiet for longer than `quiet` in between, longer than no_end_after."""
    content = document("slow")
    writer = threading.Thread(target=shared.slow, args=("pomalé.xml", content), kwargs={"pieces": 5, "pause": 1.0})
    writer.start()
    time.sleep(3.5)
    assert shared.case("pomalé.xml") is None and "pomalé.xml" in shared.listing("Podat")
    writer.join()
    shared.wait_state("pomalé.xml")
    assert len(portal.accepted(content)) == 1


def test_file_open_for_long_and_then_closed(epo, make_box):
    """A file that somebody holds open for longer than no_end_after is not taken half, whatever becomes of it."""
    box = make_box(epo, settings={"share": {"no_end_after": "60 s"}})
    content = document("held open")
    with open(box.place("Podat", "a.xml"), "wb", buffering=0) as f:
        os.chmod(f.fileno(), 0o660)
        f.write(content)
        time.sleep(3)
        assert box.case(None) is None
    box.wait_state(None)
    assert len(epo.ledger("accepted")) == 1


def test_half_copied_then_finished(shared, portal):
    """A copy that broke off, continued later: the end decides, not the size."""
    content = document("half")
    path = shared.place("Podat", "půlka.xml")
    shared.write(path, content[:len(content) // 2])
    time.sleep(1.0)
    assert shared.case("půlka.xml") is None
    with open(path, "ab") as f:
        f.write(content[len(content) // 2:])
    shared.wait_state("půlka.xml")
    assert len(portal.accepted(content)) == 1


def test_half_copied_for_ever(shared, portal):
    content = document("half for ever")
    shared.drop("uříznuté.xml", content[:-20])
    text = card_for(shared, "Chyby", "uříznuté.xml")
    check_card(text, "uříznuté.xml")
    assert any("uříznuté.xml" in n and not n.endswith(".txt") for n in shared.listing("Chyby")), "the file itself is beside its card"
    assert "uříznuté.xml" not in shared.listing("Podat")


def test_pre_sized_file(shared, portal):
    """Windows sets the final size first: the size says nothing."""
    content = document("pre-sized")
    path = shared.place("Podat", "předem.xml")
    with open(path, "wb", buffering=0) as f:
        os.chmod(path, 0o660)
        f.truncate(len(content))
        time.sleep(0.5)
        for start in range(0, len(content), 300):
            f.write(content[start:start + 300])
            time.sleep(0.15)
    shared.wait_state("předem.xml")
    assert len(portal.accepted(content)) == 1


def test_pre_sized_and_broken_off(shared, portal):
    """The client died half-way: final size, zeros at the end."""
    content = document("pre-sized, broken off")
    path = shared.place("Podat", "nuly.xml")
    with open(path, "wb") as f:
        f.truncate(len(content))
        f.write(content[:len(content) // 2])
    os.chmod(path, 0o660)
    check_card(card_for(shared, "Chyby", "nuly.xml"), "nuly.xml")
    assert not portal.of(content)


def test_created_closed_and_written_later(shared, portal):
    """Two CLOSE_WRITE: empty first, then the content."""
    content = document("twice")
    path = shared.place("Podat", "dvakrát.xml")
    open(path, "wb").close()
    os.chmod(path, 0o660)
    time.sleep(0.7)
    with open(path, "wb") as f:
        f.write(content)
    shared.wait_state("dvakrát.xml")
    assert len(portal.accepted(content)) == 1


def test_changed_just_before_the_claim(epo, make_box):
    """A file rewritten again and again within `quiet` is taken once, in its last form."""
    box = make_box(epo, settings={"share": {"quiet": "700 ms"}})
    for n in range(8):
        last = document(f"version {n}")
        box.drop("a.xml", last)
        time.sleep(0.25)
    box.wait_state(None)
    assert [a["xml_sha256"] for a in epo.ledger("accepted")] == [hashlib.sha256(last).hexdigest()]


# --- what is refused ------------------------------------------------------------------------------------------------------


def test_symbolic_link(shared, portal):
    content = document("behind a link")
    target = os.path.join(shared.stage, "target.xml")
    shared.write(target, content)
    os.symlink(target, shared.place("Podat", "odkaz.xml"))
    check_card(card_for(shared, "Chyby", "odkaz.xml"), "odkaz.xml")
    assert not portal.of(content)
    with open(target, "rb") as f:
        assert f.read() == content


def test_symbolic_link_as_folder(shared, portal):
    """A sub-folder that is a link leads nowhere."""
    content = document("behind a linked folder")
    outside = os.path.join(shared.dir, "outside")
    os.makedirs(outside, exist_ok=True)
    shared.write(os.path.join(outside, "venku.xml"), content)
    link = shared.place("Podat", "odkaz-na-složku")
    os.symlink(outside, link)
    time.sleep(QUIET_S)
    assert not portal.of(content) and os.listdir(outside) == ["venku.xml"]
    if os.path.islink(link):
        os.unlink(link)


def test_hard_link(shared, portal):
    """Two names at once: somebody else keeps a hand on the content. Refused after a while, and taken once the other name is gone."""
    content = document("two names")
    first = os.path.join(shared.stage, "first.xml")
    shared.write(first, content)
    os.link(first, shared.place("Podat", "dvě jména.xml"))
    check_card(card_for(shared, "Chyby", "dvě jména.xml"), "dvě jména.xml")
    assert not portal.of(content)
    os.unlink(first)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_special_files(shared, portal, kind):
    if kind == "device" and not is_root():
        pytest.skip("needs root")
    name = f"{kind}.xml"
    path = shared.place("Podat", name)
    if kind == "fifo":
        os.mkfifo(path, 0o660)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(path)
    else:
        os.mknod(path, 0o666 | 0o020000, os.makedev(1, 3))
    check_card(card_for(shared, "Chyby", name), name)
    assert name not in shared.listing("Podat")


def test_folder_in_a_sub_folder(shared):
    os.makedirs(shared.place("Podat", "epo", "hluboko"), exist_ok=True)
    for path in ("epo", "epo/hluboko"):
        os.chmod(shared.place("Podat", path), 0o2775)
    check_card(card_for(shared, "Chyby", "hluboko"), "hluboko")


def test_empty_file(shared, portal):
    shared.drop("prázdný.xml", b"")
    check_card(card_for(shared, "Chyby", "prázdný.xml"), "prázdný.xml")


def test_too_large(shared, portal):
    shared.drop("velký.xml", forms.dphkh1(note="too large", size=10 * 1024 * 1024 + 1))
    check_card(card_for(shared, "Chyby", "velký.xml"), "velký.xml")
    assert not [line for line in portal.simulator.ledger() if line.get("xml_bytes", 0) > 10 * 1024 * 1024]


@root_only
def test_unreadable_file(shared, portal):
    shared.drop("zamčený.xml", document("unreadable"), mode=0o600)
    os.chown(shared.place("Podat", "zamčený.xml"), 0, 0)
    check_card(card_for(shared, "Chyby", "zamčený.xml"), "zamčený.xml")


def test_read_only_file(shared, portal):
    content = document("read-only")
    shared.drop("jen ke čtení.xml", content, mode=0o440)
    shared.wait_state("jen ke čtení.xml")
    assert len(portal.accepted(content)) == 1 and "jen ke čtení.xml" not in shared.listing("Podat")


UNKNOWN = {"text.txt": b"Ahoj, tohle nen\xc3\xad XML.\n", "jine.xml": b'<?xml version="1.0"?><Faktura xmlns="urn:x"><a/></Faktura>\n',
           "obrazek.png": b"\x89PNG\r\n\x1a\n" + bytes(200) + b"IEND\xaeB`\x82", "dokument.pdf": b"%PDF-1.4\nxxx\n%%EOF\n"}


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_unknown_type(shared, name):
    shared.drop(name, UNKNOWN[name])
    case = shared.wait_state(name, ("unknown", "refused"))
    folder = "Nezname" if case["state"] == "unknown" else "Chyby"
    check_card(card_for(shared, folder, name), name)
    stored = [n for n in shared.listing(folder) if name in n and not n.endswith(".txt.txt") and n.endswith(name)]
    assert stored and portal_files.read(shared.place(folder), stored[0]) == UNKNOWN[name]


BAD_XML = {"doctype.xml": b'<?xml version="1.0"?>\n<!DOCTYPE Pisemnost [<!ENTITY a "b">]>\n<Pisemnost><DPHDP3 verzePis="01.02"/></Pisemnost>\n',
           "oss.xml": b'<?xml version="1.0" encoding="UTF-8"?>\n<Pisemnost nazevSW="x" verzeSW="1"><OSSEI1 verzePis="01.01"/></Pisemnost>\n',
           "namespace.xml": b'<?xml version="1.0"?>\n<Pisemnost xmlns="urn:x"><DPHDP3/></Pisemnost>\n',
           "dve-deti.xml": b'<?xml version="1.0"?>\n<Pisemnost><DPHDP3/><DPHKH1/></Pisemnost>\n'}


@pytest.mark.parametrize("name", sorted(BAD_XML))
def test_forms_that_cannot_be_filed(shared, portal, name):
    shared.drop(name, BAD_XML[name])
    case = shared.wait_state(name, ("refused", "unknown"))
    check_card(card_for(shared, "Chyby" if case["state"] == "refused" else "Nezname", name), name)
    assert not portal.of(BAD_XML[name])


def test_other_encoding_is_refused(shared, portal):
    """windows-1250: nothing says that the portal takes it."""
    content = document("1250").decode().replace("UTF-8", "windows-1250").encode("cp1250")
    shared.drop("win1250.xml", content)
    case = shared.wait_state("win1250.xml", ("refused", "unknown"))
    check_card(card_for(shared, "Chyby" if case["state"] == "refused" else "Nezname", "win1250.xml"))
    assert not portal.of(content)


def test_bad_file_does_not_stop_the_queue(shared, portal):
    content = document("after the bad ones")
    for n in range(5):
        shared.drop(f"špatný {n}.xml", b"<Pisemnost><DPH" + bytes([n]) * 50)
    shared.drop("dobrý.xml", content)
    shared.wait_state("dobrý.xml")
    assert len(portal.accepted(content)) == 1


# --- names ----------------------------------------------------------------------------------------------------------------

NAMES = {"composed": "Přiznání – žluťoučký kůň.xml".encode(), "decomposed": "Pr\u030cizna\u0301ni\u0301.xml".encode(),
         "windows-1250": "Přiznání kůň.xml".encode("cp1250"), "iso-8859-2": "žádost.xml".encode("iso-8859-2"), "invalid": b"\xff\xfe\xc3.xml",
         "200 bytes": b"d" * 196 + b".xml", "240 bytes": b"e" * 236 + b".xml", "200 bytes, diacritics": ("ž" * 98).encode() + b".xml",
         "spaces and quotes": b" a 'b' \"c\" ; $(d) `e` .xml", "line end": b"a\nb\r.xml", "escape": b"\x1b[31mred\x1b[0m.xml", "html": b"<b>&amp;.xml",
         "no suffix": b"dphdp3", "dots": b"a..b...xml", "upper case": b"DPH.XML", "dash": b"--help"}


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_names(shared, portal, kind):
    content = document(f"name {kind}")
    known = {c["case"] for c in shared.cases()}
    shared.drop(NAMES[kind], content)
    case = shared.wait_state(lambda c: c["case"] not in known, "done")
    assert len(portal.accepted(content)) == 1
    folder = shared.result(case["case"])
    originals = [n for n in os.listdir(os.fsencode(folder)) if portal_files.read(os.fsencode(folder), n) == content]
    assert len(originals) == 1, os.listdir(folder)
    text = portal_files.read(folder, "stav.txt")
    text.decode("utf-8")
    for place in (os.path.basename(folder), originals[0].decode("utf-8"), shared.run_cli("list").stdout.decode()):
        assert "\x1b" not in place and "\r" not in place
    assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f]", text)
    if kind == "windows-1250":
        assert "Přiznání kůň" in os.path.basename(folder)


def test_same_name_twice(shared, portal):
    """Other content under the name of an earlier file: two cases, two folders."""
    one, two = document("same name 1"), document("same name 2")
    shared.drop("stejný.xml", one)
    first = shared.wait_state("stejný.xml")
    shared.drop("stejný.xml", two)
    second = shared.wait_state(lambda c: c.get("name") == "stejný.xml" and c["case"] != first["case"])
    assert len(portal.accepted(one)) == 1 and len(portal.accepted(two)) == 1
    assert shared.result(first["case"]) != shared.result(second["case"])


def test_same_bad_name_twice(shared):
    """Two bad files of one name do not overwrite each other in Chyby/."""
    for _ in range(2):
        shared.drop("stejně špatný.xml", b"")
        until(lambda: "stejně špatný.xml" not in shared.listing("Podat"), 15, "put aside")
    assert len([n for n in shared.listing("Chyby") if "stejně špatný" in n and not n.endswith(".txt")]) == 2


@pytest.mark.sanitized
def test_same_file_twice(shared, portal):
    """The same bytes under another name: held, with a card that names the earlier case; goes out only when a person says so."""
    content = document("same bytes")
    shared.drop("poprvé.xml", content)
    first = shared.wait_state("poprvé.xml")
    shared.drop("podruhé.xml", content)
    second = shared.wait_state("podruhé.xml", "held")
    card = until(lambda: [t for f in ("KeSchvaleni", "Chyby") for n, t in shared.cards(f).items() if second["case"] in n], 15,
                 lambda: f"a card: {shared.listing('KeSchvaleni')} {shared.listing('Chyby')}")[0]
    check_card(card, first["case"])
    assert len(portal.accepted(content)) == 1
    assert shared.cli("approve", second["case"], "--reason", "opravdu znovu")[0] == 0
    shared.wait_state(second["case"], "done")
    assert len(portal.accepted(content)) == 2


def test_same_file_twice_rejected(shared, portal):
    content = document("same bytes, rejected")
    shared.drop("a1.xml", content)
    shared.wait_state("a1.xml")
    shared.drop("a2.xml", content)
    second = shared.wait_state("a2.xml", "held")
    assert shared.run_cli("reject", second["case"]).returncode == 2
    assert shared.cli("reject", second["case"], "--reason", "omyl")[0] == 0
    shared.wait_state(second["case"], "refused")
    assert len(portal.accepted(content)) == 1


def test_same_file_twice_at_once(shared, portal):
    """Both in the folder at the same moment: one goes, one is held."""
    content = document("same bytes at once")
    shared.drop("naráz 1.xml", content)
    shared.drop("naráz 2.xml", content)
    until(lambda: sorted(c["state"] for c in shared.cases() if c.get("name", "").startswith("naráz")) == ["done", "held"], 30,
          lambda: [c for c in shared.cases() if c.get("name", "").startswith("naráz")])
    time.sleep(QUIET_S)
    assert len(portal.accepted(content)) == 1


# --- sub-folders ----------------------------------------------------------------------------------------------------------


def test_sub_folder_of_the_partner(shared, portal):
    content = document("in a sub-folder")
    os.makedirs(shared.place("Podat", "epo"), exist_ok=True)
    os.chmod(shared.place("Podat", "epo"), 0o2775)
    if is_root():
        os.chown(shared.place("Podat", "epo"), -1, grp.getgrnam(GROUP).gr_gid)
    shared.drop("v podsložce.xml", content, folder="epo")
    shared.wait_state("v podsložce.xml")
    assert len(portal.accepted(content)) == 1


def test_folder_without_rights_stops_nothing(shared, portal):
    """One folder that the box may not change: its file waits, the others go."""
    if not is_root():
        pytest.skip("needs root")
    closed = shared.place("Podat", "financni-sprava")
    os.makedirs(closed, exist_ok=True)
    shared.write(os.path.join(closed, "nejde.xml"), document("cannot be moved"))
    os.chown(closed, 0, 0)
    os.chmod(closed, 0o755)
    time.sleep(1)
    content = document("goes all the same")
    shared.drop("jde.xml", content)
    shared.wait_state("jde.xml", timeout=40)
    assert len(portal.accepted(content)) == 1
    shutil.rmtree(closed)


# --- results --------------------------------------------------------------------------------------------------------------


def test_results_are_for_the_group(shared, portal):
    """Staff may read what the box writes; nobody else."""
    content = document("rights of the result")
    shared.drop("práva.xml", content)
    folder = shared.result(shared.wait_state("práva.xml")["case"])
    for path in [folder] + [os.path.join(folder, n) for n in os.listdir(folder)]:
        status = os.lstat(path)
        assert status.st_mode & 0o027 == 0 and status.st_mode & 0o040
        if is_root():
            assert status.st_gid == grp.getgrnam(GROUP).gr_gid
    assert re.fullmatch(r"\d{4}-\d\d", os.path.basename(os.path.dirname(folder)))


def test_without_archive(epo, make_box):
    """archive_inbox = false: the original is only in the vault."""
    box = make_box(epo, settings={"share": {"archive_inbox": False}})
    box.drop("a.xml", document("no archive"))
    folder = box.result(box.wait_state("a.xml")["case"])
    assert "a.xml" not in os.listdir(folder) and "stav.txt" in os.listdir(folder) and "potvrzeni.p7s" in os.listdir(folder)
    assert not box.listing("Podat")


@pytest.mark.parametrize("level", ["full", "no-password", "none"])
def test_receipt_on_share(epo, make_box, level):
    box = make_box(epo, settings={"share": {"receipt_on_share": level}})
    box.drop("a.xml", document(f"receipt {level}"))
    folder = box.result(box.wait_state("a.xml")["case"])
    accepted = epo.ledger("accepted")[0]
    whole = b"".join(portal_files.read(folder, n) for n in os.listdir(folder))
    assert (accepted["heslo"].encode() in whole) == (level == "full")
    assert (accepted["cislo"].encode() in portal_files.read(folder, "stav.txt")) == (level != "none")


@root_only
def test_overview_page(shared, portal):
    """Prehled.html lists the cases with their states; names are escaped."""
    content = document("overview")
    shared.drop("<script>přehled.xml", content)
    case = shared.wait_state("<script>přehled.xml")
    page = until(lambda: os.path.exists(shared.place("Prehled.html")) and case["case"] in
                 portal_files.read(shared.share, "Prehled.html").decode() and portal_files.read(shared.share, "Prehled.html").decode(), 20,
                 "Prehled.html names the case")
    assert "<script>" not in page and "uzavřeno" in page


# --- much and full --------------------------------------------------------------------------------------------------------


def test_thousand_files_at_once(epo, make_box):
    """All are seen and none is lost; here they are files that the box does not know, so that the portal is not what is measured."""
    box = make_box(epo)
    known = document("among the thousand")
    for n in range(1000):
        box.drop(f"{n:04d}.txt", f"soubor {n}\n".encode())
    box.drop("podání.xml", known)
    box.wait_state("podání.xml", "done", 180)
    until(lambda: not box.listing("Podat"), 180, lambda: f"{len(box.listing('Podat'))} files are left\n{box.log_tail()}", step=0.5)
    # "2026-000001 0028.txt": cards lie beside them, and what is just being written has another name.
    def put_aside():
        return [n for n in box.listing("Nezname") if re.fullmatch(r"\d{4}-\d{6} \d{4}\.txt", n)]
    until(lambda: len(put_aside()) == 1000, 180, lambda: f"{len(box.listing('Nezname'))} entries in Nezname\n{box.log_tail()}", step=0.5)
    contents = {portal_files.read(box.place("Nezname"), n) for n in put_aside()}
    assert contents == {f"soubor {n}\n".encode() for n in range(1000)}
    assert len(epo.ledger("accepted")) == 1


@root_only
def test_full_disk(epo, make_box, work):
    """No space for the data: nothing is taken in, nothing is lost, `status` says why; it goes on by itself when there is space."""
    image, mount = os.path.join(work, "small.ext4"), os.path.join(work, "small")
    with open(image, "wb") as f:
        f.truncate(96 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
    os.makedirs(mount, exist_ok=True)
    if subprocess.run(["mount", "-o", "loop", image, mount], stderr=subprocess.PIPE, check=False).returncode != 0:
        pytest.skip("no loop mounts here")
    try:
        import pwd
        owner = pwd.getpwnam("podatelna-store")
        os.makedirs(os.path.join(mount, "data"))
        os.chown(os.path.join(mount, "data"), owner.pw_uid, owner.pw_gid)
        os.chmod(os.path.join(mount, "data"), 0o700)
        box = make_box(epo, start=False)
        box.data = os.path.join(mount, "data")
        box.set("", data_dir=box.data)
        box.set("share", min_free="4 MiB")
        box.start()
        box.wait_token()
        filler = os.path.join(mount, "filler")
        with open(filler, "wb") as f:
            try:
                while True:
                    f.write(bytes(65536))
                    f.flush()
            except OSError as fault:
                assert fault.errno == errno.ENOSPC
        content = document("full disk")
        box.drop("a.xml", content)
        time.sleep(4)
        assert not epo.ledger("accepted")
        assert "a.xml" in box.listing("Podat") or any(files for _, _, files in os.walk(box.share + ".claim"))
        os.unlink(filler)
        box.wait_state("a.xml", "done", 90)
        assert len(epo.ledger("accepted")) == 1
        assert box.cli("journal", "verify")[0] == 0
        box.stop()
    finally:
        subprocess.run(["umount", "-l", mount], check=False)


def test_share_of_two_boxes_is_not_mixed(epo, make_box):
    """The claim folder is empty when nothing is under way."""
    box = make_box(epo)
    box.drop("a.xml", document("claim folder"))
    box.result(box.wait_state("a.xml")["case"])
    assert not [f for _, _, files in os.walk(box.share + ".claim") for f in files]


def test_claim_left_by_a_power_cut(epo, make_box):
    """Killed at any time with files in the folder: each is filed once."""
    box = make_box(epo)
    documents = {f"{n}.xml": document(f"power cut {n}") for n in range(6)}
    for name, content in documents.items():
        box.drop(name, content)
    for pause in (0.15, 0.3, 0.45, 0.6):
        time.sleep(pause)
        box.kill_all()
        box.start()
    box.wait_count(6, CLOSED + ("uncertain",), 90)
    hashes = [a["xml_sha256"] for a in epo.ledger("accepted")]
    assert len(hashes) == len(set(hashes))
    for name, content in documents.items():
        states = {c["state"] for c in box.cases() if c.get("name") == name}
        assert states <= {"done", "uncertain"}, states
    assert sum(c["state"] == "uncertain" for c in box.cases()) + len(hashes) >= 6
