"""The page of podatelna-audit --report, read in a real browser: the verdict, both languages, nothing from elsewhere, nothing foreign obeyed, and on A4."""

import hashlib
import os
import re
import shutil
import subprocess

import pytest

import auditor
import browser
import journal
import logmaker
from conftest import BIN
from logmaker import load, save

pytestmark = [pytest.mark.skipif(not os.path.exists(auditor.program(BIN)), reason="podatelna-audit is not built"),
              pytest.mark.skipif(browser.program() is None, reason="no Chromium")]
WORDS = {"cs": {"title": "Kontrola deníku Podatelny", "damage": "Poškozeno", "findings": "Nálezy", "keep": "K uschování"},
         "en": {"title": "Check of a Podatelna journal", "damage": "Damaged", "findings": "Findings", "keep": "Note to keep"}}


@pytest.fixture(scope="module")
def right(work, pki_dir):
    """A journal with a case that was erased by a record, and rightly so."""
    log = logmaker.ordinary(cases=8)
    data = os.path.join(work, "report")
    written = logmaker.write(log, data, logmaker.Notary(pki_dir))
    return data, written


def spoil(data, folder):
    copy = os.path.join(str(folder), "spoilt")
    shutil.copytree(data, copy)
    path = journal.segments(copy)[0]
    os.chmod(path, 0o644)
    raw = bytearray(load(path))
    raw[500] ^= 1
    save(path, bytes(raw))
    return copy


def report(data, folder, language, *options, code=None):
    """The path of the page."""
    page = os.path.join(str(folder), f"report-{language}.html")
    done = auditor.run(BIN, "verify", data, "--report", page, "--language", language, *options)
    assert done.returncode in ((auditor.YES, auditor.NO) if code is None else (code,)), (done.stdout, done.stderr)
    return page


def look(page, expression="document.body.innerText"):
    with browser.page(page) as opened:
        text = opened.evaluate(expression)
        assert opened.requests == [browser.address(page)] and not opened.console, (opened.requests, opened.console)
    return text


@pytest.mark.parametrize("language", WORDS)
def test_verdict_and_findings(right, tmp_path, language):
    data, written = right
    words = WORDS[language]
    good = look(report(data, tmp_path, language))
    assert words["title"] in good and words["findings"] in good and words["damage"] not in good
    assert written.log.origin in good and str(len(written.records)) in good
    bad = look(report(spoil(data, tmp_path), tmp_path, language, code=auditor.DAMAGED))
    assert words["damage"] in bad and "leaf-hash" in bad and words["keep"] not in bad
    # Where the findings are told there is what they mean, in the language.
    assert look(os.path.join(str(tmp_path), f"report-{language}.html"), "document.documentElement.lang") == language


def test_the_note_to_keep_is_one(right, tmp_path):
    """The three lines on the page are a checkpoint of all records, their hash is the one beside them, and --since takes them."""
    data, written = right
    page = report(data, tmp_path, "en")
    text = look(page, "document.querySelector('pre').textContent")
    lines = text.split("\n")
    assert lines[0] == written.log.origin and int(lines[1]) == len(written.records) and len(lines) == 4 and lines[3] == ""
    shown = re.sub(r"\s", "", look(page))
    assert hashlib.sha256(text.encode()).hexdigest() in shown and written.tree.root().hex() in shown
    note = str(tmp_path / "kept.note")
    save(note, text.encode())
    assert auditor.verify(BIN, data, "--since", note).code in (auditor.YES, auditor.NO)
    other = written.log.copy()
    other.items[1].fields["sha256"] = "0" * 64
    forged = str(tmp_path / "forged")
    logmaker.write(other, forged, logmaker.Copyist(data))
    assert "fork" in auditor.verify(BIN, forged, "--since", note).kinds("damaged")


def test_foreign_text_is_only_text(right, tmp_path):
    """Names and values that would be a page of their own: in the path, in the origin, in a file's name, in a record."""
    evil = "<script>document.title='owned'</script><img src=http://evil.invalid/x onerror=alert(1)>\"'&\u202e\x01"
    data = os.path.join(str(tmp_path), "a<b>&'\"<i>c")
    log = logmaker.ordinary(cases=2)
    log.items[log.at("2026-000001.received")].type = "x"
    log.checkpoint("evil", sign=False)
    log.items.append(logmaker.Item("anchor", {"event": "stamp", "file": evil[:80].replace("\x01", ""), "root": "0" * 64, "sha256": "0" * 64, "size": "3", "tsa": "<b>tsa</b>",
                                              "time": "<u>never</u>"}))
    logmaker.write(log, data, logmaker.Copyist(data))
    save(os.path.join(data, "journal", "anchor", "<script>alert(1)<"), b"<script>")
    since = os.path.join(str(tmp_path), "<h1>note")
    save(since, f"podatelna.invalid/<script>\n3\n{'A' * 43}=\n".encode())
    page = report(data, tmp_path, "en", "--since", since, code=auditor.DAMAGED)
    with browser.page(page) as opened:
        assert opened.evaluate("document.title") == WORDS["en"]["title"]
        assert opened.evaluate("document.querySelectorAll('script, img, i, u, b, iframe, link, object').length") == 0
        assert opened.evaluate("document.querySelectorAll('h1').length") == 1
        assert opened.requests == [browser.address(page)] and not opened.console
        shown = opened.evaluate("document.body.innerText")
    assert "a<b>&'\"<i>c" in shown and "<b>tsa</b>" in shown and "<script>document.title" in shown
    raw = load(page).decode("utf-8")
    assert "\u202e" not in raw and "\x01" not in raw and not re.search(r"<[^>]*(?:src|href)\s*=|url\(|@import|<script", raw)


def test_printed_on_a4(right, tmp_path):
    """As a person prints it: A4, the verdict on the first page, the whole of it as text, nothing wider than the paper."""
    data, written = right
    for language, spoilt in (("cs", False), ("en", True)):
        page = report(spoil(data, tmp_path) if spoilt else data, tmp_path, language, code=auditor.DAMAGED if spoilt else None)
        pdf = str(tmp_path / f"{language}.pdf")
        with browser.page(page) as opened:
            opened.pdf(pdf)
        first = subprocess.run(["pdftotext", "-l", "1", pdf, "-"], stdout=subprocess.PIPE, check=True).stdout.decode()
        assert WORDS[language]["title"] in first and (WORDS["en"]["damage"] in first) == spoilt
        every = subprocess.run(["pdftotext", pdf, "-"], stdout=subprocess.PIPE, check=True).stdout.decode()
        assert written.log.origin in every and "FORMAT.txt" in every
        info = subprocess.run(["pdfinfo", pdf], stdout=subprocess.PIPE, check=True).stdout.decode()
        width, height = map(float, re.search(r"Page size:\s+([\d.]+) x ([\d.]+)", info).groups())
        assert abs(width - 595.3) < 2 and abs(height - 841.9) < 2
    with browser.page(page, width=400) as opened:
        assert opened.size()[0] <= 400


def test_many_findings_and_anchors(pki_dir, tmp_path):
    """A page that a person can still read: lists are cut and say how much more there is."""
    log = logmaker.Log()
    for n in range(700):
        log.add("token", event="present", token="office", label=f"t{n}")
        if n % 7 == 0:
            log.checkpoint(sign=False)
    data = str(tmp_path / "data")
    written = logmaker.write(log, data, logmaker.Notary(pki_dir))
    path = journal.segments(data)[0]
    raw = bytearray(load(path))
    for place in written.records:
        if place.type == "token" and place.index % 2:
            raw[place.offset + 90] ^= 1
    save(path, bytes(raw))
    page = report(data, tmp_path, "en", code=auditor.DAMAGED)
    assert os.path.getsize(page) < 200000
    with browser.page(page) as opened:
        rows = opened.evaluate("[...document.querySelectorAll('table.list')].map(t => t.tBodies[0].rows.length)")
        text = opened.evaluate("document.body.innerText")
    assert max(rows) <= 101 and re.search(r"and \d+ more\b", text)
    damaged = sum(p.type == "token" and p.index % 2 for p in written.records)
    assert f"and {damaged - 100} more" in text
    assert f"{sum(p.type == 'anchor' for p in written.records) - 45} more" in text


def test_it_cannot_be_written(right, tmp_path):
    """Said, and the exit is not that of a check that went well."""
    data, _ = right
    done = auditor.run(BIN, "verify", data, "--report", str(tmp_path / "missing" / "x.html"))
    assert done.returncode == auditor.NO and done.stderr
    if os.path.exists("/dev/full"):
        done = auditor.run(BIN, "verify", data, "--report", "/dev/full")
        assert done.returncode == auditor.NO and done.stderr
