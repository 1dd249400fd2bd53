"""See what you sign (design 6): a form and its exact bytes, by command and in KeSchvaleni/, looked at in a real browser; approval, by two where asked for."""

import hashlib
import html.parser
import io
import os
import pty
import re
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile

import grp
import pytest

import browser
import forms
from box import GROUP, is_root, until
from simulator import Simulator

root_only = pytest.mark.skipif(not is_root(), reason="needs root: files and callers of several users")
FILER, APPROVER, READER = 60011, 60012, 60013
# What a person reads as values, without the page's own words.
VALUES = """Array.from(document.querySelectorAll('main dd, main section > .t')).map(e => { e = e.cloneNode(true);
            e.querySelectorAll('summary, i:not(.u)').forEach(x => x.remove()); return e.textContent; })"""


def caller(uid):
    return (uid, uid, [grp.getgrnam(GROUP).gr_gid])


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def values_of(document):
    """All attribute values and texts of a document, in its order."""
    found = []
    for element in ElementTree.fromstring(document).iter():
        found += list(element.attrib.values())
        assert not (element.tail or "").strip()
        if (element.text or "").strip():
            found.append(element.text.strip())
    return found


def content_of(signed):
    """What a SignedData holds."""
    return subprocess.run(["openssl", "cms", "-verify", "-noverify", "-binary", "-inform", "DER"], input=signed, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout


@pytest.fixture(scope="module")
def running_toy(work, pki_dir):
    with Simulator("toy", os.path.join(work, "toy"), pki_dir) as portal:
        yield portal


@pytest.fixture
def toy(running_toy):
    running_toy.reset(ledger=True)
    yield running_toy
    assert not running_toy.ledger("simulator-error")


@pytest.fixture(scope="module")
def done_case(shared, running_epo):
    document = forms.dphdp3(note="Příliš žluťoučký kůň. " * 50, company='Žluťoučký "kůň" <&> synové')
    shared.drop("přiznání.xml", document)
    case = shared.wait_state("přiznání.xml")
    shared.result(case["case"])
    return case["case"], document


def shown(box, number):
    return [r for r in box.rows("show", number, kind="record") if r["type"] == "shown"]


# --- the exact bytes ------------------------------------------------------------------------------------------------------


def test_xml_is_what_was_handed_in_and_what_was_signed(shared, done_case):
    number, document = done_case
    before = len(shown(shared, number))
    done = shared.run_cli("show", number, "--xml")
    assert done.returncode == 0 and not done.stderr and sha256(done.stdout) == sha256(document)
    path = os.path.join(shared.dir, "shown.xml")
    assert shared.run_cli("show", number, "--xml", path).returncode == 0
    with open(path, "rb") as f:
        assert sha256(f.read()) == sha256(document)
    with open(os.path.join(shared.result(number), "podano.p7s"), "rb") as f:
        assert sha256(content_of(f.read())) == sha256(document)
    rows = shown(shared, number)
    assert len(rows) == before + 2 and all("original xml" in r["detail"] and f"uid:{os.geteuid()}" in r["detail"] for r in rows[before:])
    # Never over what stands there.
    done = shared.run_cli("show", number, "--xml", path)
    assert done.returncode == 1 and b"shown.xml" in done.stderr


def test_xml_inside_a_signed_zip(shared, running_epo):
    document = forms.dphkh1(note="zip")
    shared.drop("hlášení.xml", document)
    number = shared.wait_state("hlášení.xml")["case"]
    assert shared.run_cli("show", number, "--xml").stdout == document
    with open(os.path.join(shared.result(number), "podano.p7s"), "rb") as f:
        archive = zipfile.ZipFile(io.BytesIO(content_of(f.read())))
    assert [archive.read(name) for name in archive.namelist()] == [document]


def test_not_onto_a_terminal(shared, done_case):
    number, _ = done_case
    before = len(shown(shared, number))
    for kind in ("--form", "--xml"):
        master, slave = pty.openpty()
        try:
            done = subprocess.run(shared.command("show", number, kind), stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE, check=False,
                                  timeout=60)
        finally:
            os.close(slave)
            os.close(master)
        assert done.returncode == 2 and kind.encode() in done.stderr
    assert shared.run_cli("show", number, "--form", "--xml").returncode == 2
    assert len(shown(shared, number)) == before


@root_only
def test_rights(epo, make_box):
    """Who may not read gets neither content nor a record."""
    box = make_box(epo, start=False)
    box.set(f'user "{READER}"', rights=["read"])
    box.set(f'user "{FILER}"', rights=["file"])
    box.start()
    box.wait_token()
    box.drop("a.xml", forms.dphdp3(note="rights"))
    number = box.wait_state("a.xml")["case"]
    for kind in ("--form", "--xml"):
        done = box.run_cli("show", number, kind, user=caller(FILER))
        assert done.returncode == 4 and not done.stdout
    assert not shown(box, number)
    assert box.run_cli("show", number, "--form", user=caller(READER)).stdout.startswith(b"<!DOCTYPE html>")
    rows = shown(box, number)
    assert len(rows) == 1 and f"uid:{READER}" in rows[0]["detail"] and "original form" in rows[0]["detail"]


# --- the page -------------------------------------------------------------------------------------------------------------


class Outside(html.parser.HTMLParser):
    """Everything in a page that could run or fetch."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "audio", "svg", "a"):
            self.found.append(tag)
        self.found += [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "style", "background", "action")]


def page_of(box, number, tmp_path):
    path = os.path.join(tmp_path, "form.html")
    assert box.run_cli("show", number, "--form", path).returncode == 0
    return path


def test_page_in_a_browser(shared, done_case, tmp_path):
    number, document = done_case
    path = page_of(shared, number, tmp_path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    parser = Outside()
    parser.feed(text)
    assert not parser.found and "default-src 'none'" in text
    with browser.page(path, 360, 640) as page:
        assert page.evaluate(VALUES) == values_of(document)
        assert page.requests == [browser.address(path)] and not page.console
        assert page.size()[0] == 360
        assert page.evaluate("document.characterSet + document.documentElement.lang") == "UTF-8cs"
        assert page.evaluate("document.querySelector('h1').textContent") == "Přiznání k dani z přidané hodnoty"
        head = page.evaluate("document.querySelector('header').textContent")
        assert number in head and sha256(document) in head and "Zkušební prostředí" in head and "sandbox" in head
        assert page.evaluate("document.querySelector('#sha256 dd').textContent.trim()") == sha256(document)
        body = page.evaluate("document.querySelector('main').textContent")
        assert "Vlastní daň" in body and "Daňový subjekt" in body and "DIČ" in body
        # Folded, and whole when unfolded or printed.
        assert page.evaluate("document.querySelectorAll('details:not([open])').length") == 1
    with browser.page(path, 1280, 800) as page:
        assert page.size()[0] == 1280
        page.pdf(os.path.join(tmp_path, "form.pdf"))
    printed = subprocess.run(["pdftotext", "-layout", os.path.join(tmp_path, "form.pdf"), "-"], stdout=subprocess.PIPE, check=True).stdout.decode()
    assert printed.count("žluťoučký kůň.") == 50 and sha256(document) in re.sub(r"\s", "", printed)
    assert "A4" in subprocess.run(["pdfinfo", os.path.join(tmp_path, "form.pdf")], stdout=subprocess.PIPE, check=True).stdout.decode()


def test_hostile_form_in_a_browser(shared, running_epo, tmp_path):
    """Markup in values stays text; signs that nobody would see are named."""
    document = forms.dphdp3(company='"><script>document.title="bad"</script><img src=http://example.invalid/x onerror=alert(1)>',
                            note="1\u202e00\u200b Kč")
    document = document.replace(b"</Pisemnost>", b"<!-- <script>x</script> --></Pisemnost>")
    shared.drop("zlé.xml", document)
    number = shared.wait_state("zlé.xml")["case"]
    path = page_of(shared, number, tmp_path)
    with browser.page(path) as page:
        expected = [value.replace("\u202e", "U+202E").replace("\u200b", "U+200B") for value in values_of(document)]
        assert page.evaluate(VALUES) == expected
        assert page.requests == [browser.address(path)] and not page.console
        assert page.evaluate("document.querySelectorAll('script, img').length") == 0
        assert page.evaluate("document.querySelectorAll('i.u').length") == 2
        assert page.evaluate("document.querySelector('.note').textContent").endswith("<script>x</script> ")


def test_letters_do_not_turn_the_order(shared, running_epo, tmp_path):
    """Amounts beside letters that are written from right to left stay in the order of the bytes."""
    document = forms.dphdp3(company="\u05d0 100 200")
    shared.drop("směr.xml", document)
    number = shared.wait_state("směr.xml")["case"]
    with browser.page(page_of(shared, number, tmp_path)) as page:
        # Where each character begins on the screen.
        left = page.evaluate("""(() => { const text = Array.from(document.querySelectorAll('dd')).find(e => e.textContent.startsWith('\u05d0')).firstChild;
            return Array.from({length: text.length}, (_, i) => { const r = document.createRange(); r.setStart(text, i); r.setEnd(text, i + 1);
            return r.getBoundingClientRect().left; }); })()""")
    assert left == sorted(left) and len(left) == 9


def test_looking_does_not_disturb(shared, portal):
    """A case that is looked at all the time while it is filed is filed once."""
    document = forms.dphdp3(note="looked at")
    shared.drop("díváme se.xml", document)
    number = until(lambda: (shared.case("díváme se.xml") or {}).get("case"), 20, "the case")
    looks = 0
    while shared.case(number)["state"] != "done":
        assert shared.run_cli("show", number, "--xml" if looks % 2 else "--form").returncode in (0, 4)
        looks += 1
        assert looks < 500
    assert len(portal.accepted(document)) == 1 and len(portal.filings(document)) == 1


def test_what_is_not_shown_is_said_and_recorded(toy, make_box, tmp_path):
    """A text that begins like an attachment and is none: the page says so, so does the journal, and so does the command."""
    box = make_box(toy)
    box.wait_token()
    box.drop("schvalit.xml", forms.toy(id="toy-43", note="QUFB" * 2000 + " a přece ne"))
    number = box.wait_state("schvalit.xml", "held")["case"]
    until(lambda: len(box.listing("KeSchvaleni")) == 3, 10, "papers")
    with browser.page(box.place("KeSchvaleni", f"{number} schvalit.xml.html")) as page:
        assert "neukazuje vše" in page.evaluate("document.querySelector('#not-whole').textContent")
        assert page.evaluate("document.querySelectorAll('main .bad').length") == 1
    until(lambda: "delivered" in box.types(number), 10, "delivered")
    delivered = next(r for r in box.rows("show", number, kind="record") if r["type"] == "delivered")
    assert "not whole" in delivered["detail"]
    path = os.path.join(tmp_path, "form.html")
    done = box.run_cli("show", number, "--form", path)
    assert done.returncode == 0 and "neukazuje vše" in done.stderr.decode() and os.path.getsize(path) > 0
    assert ["not whole" in r["detail"] for r in shown(box, number)] == [False, True]
    assert box.cli("reject", number, "--reason", "nečitelné")[0] == 0


# --- approval -------------------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
def test_papers_for_approval(toy, make_box):
    """Card, page and untouched bytes in KeSchvaleni/ while a person is asked; nothing there when it is decided."""
    box = make_box(toy)
    box.wait_token()
    for name, command in (("schvalit ano.xml", ["approve"]), ("schvalit ne.xml", ["reject", "--reason", "ne"])):
        document = forms.toy(id=name[:3] + command[0], note="Žluťoučký kůň")
        box.drop(name, document)
        number = box.wait_state(name, "held")["case"]
        papers = [f"{number} {name}", f"{number} {name}.html", f"{number} {name}.txt"]
        until(lambda: box.listing("KeSchvaleni") == papers, 10, lambda: f"papers: {box.listing('KeSchvaleni')}")
        with open(box.place("KeSchvaleni", papers[0]), "rb") as f:
            assert sha256(f.read()) == sha256(document)
        with browser.page(box.place("KeSchvaleni", papers[1])) as page:
            assert page.evaluate(VALUES)[-1] == "Žluťoučký kůň" and sha256(document) in page.evaluate("document.body.textContent")
        assert "podatelna approve" in box.cards("KeSchvaleni")[papers[2]]
        before = len(toy.ledger("accepted"))
        assert box.cli(command[0], number, *command[1:])[0] == 0
        until(lambda: not box.listing("KeSchvaleni"), 10, lambda: f"papers stay: {box.listing('KeSchvaleni')}")
        box.wait_state(number, ("done", "refused"))
        assert len(toy.ledger("accepted")) == before + (1 if command[0] == "approve" else 0)
    assert not box.listing("KeSchvaleni")


def test_papers_go_before_the_filing(toy, make_box):
    """Taken away when approved, even while nothing can be sent yet; a restart in between changes nothing."""
    box = make_box(toy, pin="file")
    box.wait_token()
    box.drop("schvalit.xml", forms.toy(id="toy-40"))
    number = box.wait_state("schvalit.xml", "held")["case"]
    until(lambda: len(box.listing("KeSchvaleni")) == 3, 10, "papers")
    toy.stop()
    assert box.cli("approve", number)[0] == 0
    until(lambda: not box.listing("KeSchvaleni"), 10, lambda: f"papers stay: {box.listing('KeSchvaleni')}")
    toy.start()
    box.wait_state(number, "done", 60)


def test_approve_what_was_looked_at(toy, make_box):
    box = make_box(toy)
    box.wait_token()
    document = forms.toy(id="toy-41")
    box.drop("schvalit.xml", document)
    number = box.wait_state("schvalit.xml", "held")["case"]
    done = box.run_cli("approve", number, "--sha256", sha256(b"other"))
    assert done.returncode == 4 and "otisk" in done.stderr.decode()
    assert box.run_cli("approve", number, "--sha256", "abc").returncode == 2
    assert box.case(number)["state"] == "held" and "approved" not in box.types(number)
    done = box.run_cli("approve", number, "--sha256", sha256(document).upper())
    assert done.returncode == 0
    assert "Hračka ke schválení" in done.stdout.decode() and sha256(document) in done.stdout.decode()
    box.wait_state(number, "done")
    assert len(toy.ledger("accepted")) == 1


@root_only
@pytest.mark.parametrize("where", ["catalogue", "configuration"])
def test_two_persons(toy, make_box, where):
    """Who owned the file on the share cannot approve it; `approved` names who did."""
    box = make_box(toy, start=False)
    for uid in (FILER, APPROVER):
        box.set(f'user "{uid}"', rights=["file", "read", "send", "approve"])
    box.set(f'user "{READER}"', rights=["read", "send"])
    if where == "configuration":
        box.set('partner "toy"', approval="two-person")
    else:
        path = os.path.join(box.catalogue, "toy.conf")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        box.write(path, text.replace('approval = "needed"', 'approval = "two-person"').encode(), 0o644)
    box.start()
    box.wait_token()
    name = "obyčejný.xml" if where == "configuration" else "schvalit.xml"
    staged = os.path.join(box.stage, "mine")
    box.write(staged, forms.toy(id="toy-42"))
    os.chown(staged, FILER, -1)
    os.rename(staged, box.place("Podat", name))
    number = box.wait_state(name, "held")["case"]
    for uid in (FILER, READER):
        done = box.run_cli("approve", number, user=caller(uid))
        assert done.returncode == 4 and done.stderr, uid
    assert "druhá osoba" in box.run_cli("approve", number, user=caller(FILER)).stderr.decode()
    assert box.case(number)["state"] == "held" and not toy.ledger("accepted")
    until(lambda: box.cards("KeSchvaleni"), 10, "a card")
    assert "druhá osoba" in "".join(box.cards("KeSchvaleni").values())
    assert box.run_cli("approve", number, user=caller(APPROVER)).returncode == 0
    box.wait_state(number, "done")
    row = next(r for r in box.rows("show", number, kind="record") if r["type"] == "approved")
    assert f"by=uid:{APPROVER}" in row["detail"] and len(toy.ledger("accepted")) == 1


def test_nothing_is_approved_unread(toy, make_box):
    """While the vault is locked nobody can say what is approved."""
    box = make_box(toy)
    box.wait_token()
    document = forms.toy(id="toy-44")
    box.drop("schvalit.xml", document)
    number = box.wait_state("schvalit.xml", "held")["case"]
    box.stop()
    box.set('token "office"', pin="prompt")
    box.start()
    box.wait_token("pin-needed")
    for words in (["approve", number], ["show", number, "--xml"], ["show", number, "--form"]):
        done = box.run_cli(*words)
        assert done.returncode == 4 and "trezor" in done.stderr.decode() and not done.stdout, (words, done)
    assert box.case(number)["state"] == "held"
    box.login()
    assert box.run_cli("show", number, "--xml").stdout == document
    assert box.cli("approve", number)[0] == 0
    box.wait_state(number, "done")


@root_only
def test_no_way_round_by_a_rollback(toy, make_box):
    """What was held when the journal was rolled back still needs its approval: `retry` is none."""
    box = make_box(toy, start=False)
    for uid, rights in ((FILER, ["file", "read", "send", "approve"]), (READER, ["read", "send"]), (APPROVER, ["read", "send", "approve"])):
        box.set(f'user "{uid}"', rights=rights)
    box.set('partner "toy"', approval="two-person")
    box.start()
    box.wait_token()
    staged = os.path.join(box.stage, "mine")
    box.write(staged, forms.toy(id="toy-45"))
    os.chown(staged, FILER, -1)
    os.rename(staged, box.place("Podat", "a.xml"))
    number = box.wait_state("a.xml", "held")["case"]
    until(lambda: len(box.listing("KeSchvaleni")) == 3, 10, "papers")
    box.stop()
    os.unlink(box.mark)
    box.start(wait=False)
    until(lambda: box.cli("journal", "accept", "--reason", "zkouška")[0] == 0, 30, "the box answers")
    box.wait_token()
    box.wait_state(number, "uncertain")
    until(lambda: not box.listing("KeSchvaleni"), 10, lambda: f"papers stay: {box.listing('KeSchvaleni')}")
    for uid in (FILER, READER):
        assert box.run_cli("retry", number, "--reason", "x", user=caller(uid)).returncode == 4, uid
    assert not toy.ledger("accepted")
    assert box.run_cli("retry", number, "--reason", "x", user=caller(APPROVER)).returncode == 0
    box.wait_state(number, "done")
    assert len(toy.ledger("accepted")) == 1


@root_only
def test_accepting_a_rollback_outruns_nothing(toy, make_box):
    """A person accepts before the box came to say of each case that its outcome is not known, and of more cases than it works on at once: none is left out."""
    count = 30
    box = make_box(toy, start=False)
    box.set('partner "toy"', approval="needed")
    box.start()
    box.wait_token()
    for n in range(count):
        box.drop(f"{n}.xml", forms.toy(id=f"toy-{n}"))
    box.wait_count(count, "held", 120)
    box.stop()
    os.unlink(box.mark)
    box.start(wait=False)
    until(lambda: box.cli("journal", "accept", "--reason", "zkouška")[0] == 0, 30, "the box answers")
    box.wait_token()
    box.wait_count(count, "uncertain", 120)
    assert not toy.ledger("accepted")
