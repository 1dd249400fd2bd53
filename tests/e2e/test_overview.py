"""Prehled.html: made-up pages in a real browser (unit/hub_overview writes them), and the page of a box that works."""

import os
import re
import subprocess
import time

import browser
import forms
import pytest
from box import is_root, until
from conftest import BIN

PAGES = ("empty", "states", "english", "many", "pin", "stopped")
PHONE, DESK = (360, 640), (1280, 800)
MAKER = os.path.join(os.path.dirname(BIN), "unit", "hub_overview")

needs_browser = pytest.mark.skipif(browser.program() is None, reason="no browser")


@pytest.fixture(scope="module")
def pages(work):
    if not os.path.exists(MAKER):
        pytest.skip("built without unit tests")
    folder = os.path.join(work, "overview")
    os.makedirs(folder)
    subprocess.run([MAKER, folder], check=True, timeout=60)
    return folder


def visible(page):
    """The text as a person sees it."""
    return page.evaluate("document.body.innerText")


@needs_browser
@pytest.mark.parametrize("name", PAGES)
def test_layout(pages, name):
    """Nothing is wider than the window, on a phone and on a desk; nothing is asked for; the page's own policy is not offended; scripts are not needed."""
    with browser.page(os.path.join(pages, name + ".html"), *PHONE, script=False) as page:
        for width, height in (PHONE, DESK):
            page.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
            assert page.size()[0] <= width, (name, width, page.size())
            wide = page.evaluate(f"[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > {width} + 0.5)"
                                 ".map(e => e.outerHTML.slice(0, 99))")
            assert not wide, (name, width, wide)
        assert len(page.requests) == 1 and not page.console, (page.requests, page.console)
        assert page.evaluate("document.scripts.length") == 0


@needs_browser
def test_cards_on_a_phone(pages):
    """A row is a block as wide as the window allows; on a desk it is a row of a table with its heads."""
    path = os.path.join(pages, "states.html")
    shape = "[getComputedStyle(document.querySelector('tbody tr')).display, document.querySelector('tbody td.story').getBoundingClientRect().width]"
    with browser.page(path, *PHONE) as page:
        display, width = page.evaluate(shape)
        assert display == "block" and width > 280
        assert page.evaluate("document.querySelector('thead').getBoundingClientRect().width") <= 1
        least = page.evaluate("Math.min(...[...document.querySelectorAll('td.state, td.form')].map(e => e.getBoundingClientRect().width))")
        assert least > 280, "a cell is squeezed"
    with browser.page(path, *DESK) as page:
        assert page.evaluate(shape)[0] == "table-row"
        assert page.evaluate("document.querySelector('th').getBoundingClientRect().height") > 10


@needs_browser
def test_hostile_names(pages):
    """A name of a file is only text: no element, no turned letters, and the whole of it can be read."""
    with browser.page(os.path.join(pages, "states.html"), *DESK) as page:
        assert page.evaluate("document.images.length") == 0
        names = page.evaluate("[...document.querySelectorAll('.file')].map(e => [e.textContent, e.title])")
        hostile = next(n for n in names if "<img" in n[0])
        assert hostile[0].startswith("<img src=x onerror=alert(1)>\"'&amp; př") and hostile[0].endswith("…")
        assert hostile[1].endswith("12345678901234567890.xml") and "\u202e" not in hostile[0] + hostile[1]
        links = page.evaluate("[...document.querySelectorAll('a')].map(a => decodeURIComponent(a.getAttribute('href')))")
        assert any(re.fullmatch(r"Vyrizeno/\d{4}-\d{2}/2026-000012 DPHDP3 přiznání k DPH leden 100 %\.xml/", link) for link in links), links


@needs_browser
def test_print(pages, tmp_path):
    """On paper: the table, the heads on every page, on A4."""
    with browser.page(os.path.join(pages, "many.html"), *DESK) as page:
        page.pdf(str(tmp_path / "many.pdf"))
        page.call("Emulation.setEmulatedMedia", media="print")
        assert page.evaluate("getComputedStyle(document.querySelector('thead')).display") == "table-header-group"
        page.call("Emulation.setDeviceMetricsOverride", width=703, height=1000, deviceScaleFactor=1, mobile=False)  # 186 mm
        assert page.evaluate("getComputedStyle(document.querySelector('tbody tr')).display") == "table-row"
        assert page.size()[0] <= 703
    pdf = (tmp_path / "many.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12
    assert re.search(rb"/MediaBox\s*\[0 0 59[45][.\d]* 84[12]", pdf)


@needs_browser
def test_says_by_words(pages):
    """What is told by colour is told by words too."""
    with browser.page(os.path.join(pages, "pin.html"), *PHONE) as page:
        text = visible(page)
        for words in ("Krabice pracuje a čeká na člověka.", "čeká na PIN, zadává se na konzoli krabice", "brzy vyprší (zbývá dnů: 12)", "docházejí (zbývá: 5)",
                      "Čeká na PIN tokenu"):
            assert words.lower() in text.lower(), words
    with browser.page(os.path.join(pages, "stopped.html"), *PHONE) as page:
        assert "Krabice nepracuje. Zavolejte obsluhu." in visible(page) and "vypršel" in visible(page)
    with browser.page(os.path.join(pages, "empty.html"), *PHONE) as page:
        assert "Krabice pracuje." in visible(page) and "Nic se nezpracovává." in visible(page)
        assert page.evaluate("document.querySelector('meta[http-equiv=refresh]').content") == "30"


# --- a box that works -----------------------------------------------------------------------------------------------------


def wait_page(box, *words, timeout=30):
    return until(lambda: all(w in box.overview() for w in words) and box.overview(), timeout, lambda: f"{words} in {box.overview()}\n{box.log_tail()}")


def stamp(page):
    return re.search(r'<time datetime="([^"]+)">', page)[1]


@pytest.mark.sanitized
def test_page_of_a_box(epo, make_box):
    """From the PIN that is missing to the link that leads to the papers; no name of a file anywhere."""
    box = make_box(epo, pin="prompt", settings={"share": {"overview_content": "numbers"}})
    page = wait_page(box, "čeká na PIN")
    assert "<b>Obsluha:</b> Token office" in page and "verdict soon" in page
    assert box.login().returncode == 0
    box.wait_token()
    box.drop("Novák přiznání.xml", forms.dphdp3(dic="12345678"))
    box.drop("Novák tajné.txt", b"to krabice neznala\n")
    done = box.wait_state(lambda c: c.get("form") == "DPHDP3")
    unknown = box.wait_state(lambda c: c["state"] == "unknown", "unknown")
    folder = box.result(done["case"])
    page = wait_page(box, f"/\">{done['case']}</a>", f"<a href=\"Nezname/\">{unknown['case']}</a>", "verdict soon")
    assert "Nov" not in page and "čeká na PIN" not in page
    assert re.search(r'href="(Vyrizeno/\d{4}-\d\d/)"', page)[1] == os.path.relpath(os.path.dirname(folder), box.share) + "/"
    assert re.search(r"Certifikát klíče sign</dt><dd>platí do \d+\. \d+\. \d{4} \d\d:\d\d, zbývá dnů: \d+", page)
    assert not [n for n in os.listdir(box.share) if n.startswith(".")], "a temporary file is left"
    box.stop()
    assert "Krabice byla vypnuta." in box.overview()


@needs_browser
@pytest.mark.sanitized
def test_page_with_names(epo, make_box):
    """full: names as the store tells them while the vault is open; a link leads into the folder of the case."""
    box = make_box(epo, settings={"share": {"overview_content": "full"}})
    box.wait_token()
    name = "<b>Žluťoučký & kůň 100 %.xml"
    box.drop(name, forms.dphdp3(dic="12345678"))
    case = box.wait_state(name)
    folder = box.result(case["case"])
    wait_page(box, "&lt;b&gt;", case["case"], "%25")
    with browser.page(box.place("Prehled.html"), *PHONE) as page:
        assert page.evaluate("document.querySelector('td .file').textContent") == name
        linked = page.evaluate("decodeURIComponent(new URL(document.querySelector('td a').href).pathname)")
        assert os.path.samefile(linked, folder)


def test_written_when_due(epo, make_box):
    """A box where nothing happens leaves the page alone until its time would get too old."""
    quiet = make_box(epo, settings={"share": {"overview_heartbeat": "1 h"}})
    quiet.wait_token()
    wait_page(quiet, "Krabice pracuje.")
    until(lambda: time.time() - os.stat(quiet.place("Prehled.html")).st_mtime > 12, 60, "nothing changes any more")  # a checkpoint may come first
    quiet.stop()
    lively = make_box(epo, settings={"share": {"overview_heartbeat": "6 s"}})
    first = stamp(wait_page(lively, "Krabice pracuje."))
    until(lambda: stamp(lively.overview()) != first, 60, "the page's time goes on")
    assert "starší než 1 minut" in lively.overview()


def test_stuck_in_the_inbox(epo, make_box):
    """A folder where the box has no rights, with something that cannot be used: nobody would know of it otherwise."""
    if not is_root():
        pytest.skip("needs root")
    box = make_box(epo)
    box.wait_token()
    os.makedirs(box.place("Podat", "mzdy", "2026"), mode=0o755)
    os.chmod(box.place("Podat", "mzdy"), 0o755)
    wait_page(box, "nelze použít ani odložit (1)", "verdict soon")
    os.rmdir(box.place("Podat", "mzdy", "2026"))
    until(lambda: "verdict good" in box.overview(), 30, lambda: f"{box.overview()}\n{box.log_tail()}")


def test_no_page(epo, make_box):
    """none: no page, and one of an earlier configuration is taken away."""
    box = make_box(epo, start=False, settings={"share": {"overview_content": "none"}})
    box.write(box.place("Prehled.html"), b"old")
    box.start()
    until(lambda: not os.path.exists(box.place("Prehled.html")), 20, "the old page is gone")
    box.drop("a.txt", b"neznama\n")
    box.wait_state("a.txt", "unknown")
    assert not os.path.exists(box.place("Prehled.html"))


def test_partner_down(epo, make_box):
    """No network is nobody's task: the page says since when, and when it is tried again."""
    box = make_box(epo, settings={'partner "epo"': {"url": "https://127.0.0.1:1/dpr"}})
    box.wait_token()
    box.drop("a.xml", forms.dphdp3(dic="12345678"))
    page = wait_page(box, "nedostupný od", timeout=60)
    assert "Čeká na člověka" not in page and "Zpracovává se <span class=\"count\">1</span>" in page
