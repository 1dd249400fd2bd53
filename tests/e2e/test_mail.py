"""E-mail confirmations and the digest, against a real mail server that delivers nowhere. What arrived is read from its ledger."""

import email.utils
import os
import re
import signal
import time

import pytest

import forms
import pki
from box import is_root, until
from mailsink import MailSink
from shifted import DAY_MS, prepare, set_clock

pytestmark = pytest.mark.skipif(not is_root(), reason="the owner of a file is told by its uid")
QUIET_S = 2.0
OFFICE, OWNER = "ucetni@firma.example", "novakova@firma.example"
LOGIN = "podatelna@firma.example:heslo posty"


@pytest.fixture
def sink(work, pki_dir, request):
    made = []

    def make(**options):
        made.append(MailSink(os.path.join(work, f"sink-{re.sub('[^a-z0-9_]+', '-', request.node.name)}-{len(made)}"), pki_dir, **options).start())
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def mail_box(epo, make_box, work):
    """mail_box(url, **keys of mail): OFFICE is told of everything, OWNER (root, who drops the files here) of their own."""
    def make(url, login=None, start=True, **keys):
        if login:
            keys["user"], password = login.split(":")
            keys["password_file"] = os.path.join(work, f"mail-{time.monotonic_ns()}.password")
            pki.write_file(keys["password_file"], password.encode() + b"\n", 0o600)
        box = make_box(epo, start=False)
        settings = {"url": url, "from": "podatelna@firma.example", "to": [OFFICE], "ca_file": os.path.join(box.pki, "ca.pem"), "interval": "10 ms",
                    "retry": "300 ms", "state_dir": os.path.join(box.dir, "mail"), **keys}
        box.set("mail", **settings)
        box.set('user "0"', rights=["admin"], mail=OWNER)
        if start:
            box.start()
            box.wait_token()
        return box
    return make


def drop(box, note, name=None, **more):
    name, document = name or f"{note}.xml", forms.dphdp3(note=f"mail {note} {os.getpid()}", **more)
    box.drop(name, document)
    return name


def file_one(box, note, state="done", **more):
    return box.wait_state(drop(box, note, **more), state)


def arrived(sink, count, timeout=20):
    """Exactly so many messages, and no more for a while."""
    until(lambda: len(sink.messages()) >= count, timeout, sink.story)
    time.sleep(QUIET_S / 2)
    assert len(sink.messages()) == count, sink.messages()
    return sink.messages()


def fields(box):
    return {r["name"]: r["value"] for r in box.rows("status", kind="field")}


# --- what is written ---------------------------------------------------------------------------------------------------


@pytest.mark.sanitized
@pytest.mark.parametrize("how", ["smtps", "starttls"])
@pytest.mark.parametrize("login", [None, LOGIN], ids=["open", "login"])
def test_done(epo, sink, mail_box, how, login):
    server = sink(login=login)
    box = mail_box(getattr(server, how), login=login)
    case = file_one(box, "hotovo")
    messages = arrived(server, 2)
    assert sorted(m.to for m in messages) == [[OWNER], [OFFICE]]
    assert len({m.id for m in messages}) == 2
    for message in messages:
        assert message.tls and message.sender == "podatelna@firma.example" and message.login == bool(login)
        assert message.subject == f"Podatelna {case['case']} DPHDP3: uzavřeno, přijato"
        assert message.body.startswith(f"Případ: {case['case']}\nTyp: DPHDP3 - ")
        assert "Partner: epo\nStav: uzavřeno, přijato\nOd: " in message.body
        assert "\nCo dál:\nNic. Potvrzení je ve složce Vyrizeno.\n" in message.body
        assert message.parsed["Auto-Submitted"] == "auto-generated" and message.parsed["To"] == message.to[0]
        assert abs(email.utils.parsedate_to_datetime(message.parsed["Date"]).timestamp() - time.time()) < 300
        assert message.parsed["Date"].endswith((" +0100", " +0200"))
        # No personal data: neither the name of the file nor anything of its content.
        accepted = epo.ledger("accepted")[0]
        for word in ("hotovo", "Žluťoučký", accepted["cislo"], accepted["heslo"]):
            assert word not in message.body and word not in message.subject
        message.raw.decode("ascii")
        assert max(map(len, message.raw.split(b"\r\n"))) <= 78
    if login:
        assert {line["good"] for line in server.lines("login")} == {True} and {line["tls"] for line in server.lines("login")} == {True}
        assert "heslo posty" not in box.log() and "heslo posty" not in box.text("status")
        for pid in box.processes():
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", "rb") as f:
                    assert b"heslo posty" not in f.read()


def test_details(epo, sink, mail_box):
    """With the name of the file and the reason; a name that looks like a header stays a name."""
    server = sink()
    box = mail_box(server.smtps, details=True)
    epo.switch({"k_list.test": "on"})
    drop(box, "podrobně", name="přiznání\nBcc: zlo@example.com\n.xml")
    case = box.wait_state(None, "data-error")
    for message in arrived(server, 2):
        assert message.subject == f"Podatelna {case['case']} DPHDP3: uzavřeno s chybou v datech"
        assert re.search(r"^Soubor: přiznání.Bcc: zlo@example\.com.\.xml$", message.body, re.M), message.body
        assert "\nCo dál:\nOpravte údaje a podejte soubor znovu. Co je špatně, najdete ve složce Vyrizeno.\n" in message.body
        assert message.parsed["Bcc"] is None and len(message.to) == 1


def test_events(epo, sink, mail_box):
    """Only what was asked for: nothing of a filing that was accepted, everything of one that nobody understands."""
    server = sink()
    box = mail_box(server.smtps, events=["uncertain"])
    file_one(box, "tiše")
    epo.switch({"cut_after_request.file": "once"})
    case = file_one(box, "nejisté", state="uncertain")
    for message in arrived(server, 2):
        assert message.subject == f"Podatelna {case['case']} DPHDP3: nejistý výsledek"
        assert "Do té doby je nepodávejte jinou cestou." in message.body


# --- servers that refuse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["421 1", "450 2", "drop 1"], ids=["421", "450", "drop"])
def test_tried_again(epo, sink, mail_box, fault):
    server = sink()
    server.faults(fault)
    box = mail_box(server.smtps)
    box.set('user "0"', mail=None)
    box.restart()
    file_one(box, "znovu")
    assert arrived(server, 1)[0].to == [OFFICE]
    assert len(server.lines("refused")) == int(fault.split()[1])
    assert fields(box)["mail-queued"] == "0" and "mail-error" not in fields(box)


def test_answer_lost(epo, sink, mail_box):
    """The server has it, but its answer was lost: it is sent again, under the same Message-ID. Better twice than never."""
    server = sink()
    server.faults("lost 1")
    box = mail_box(server.smtps)
    box.set('user "0"', mail=None)
    box.restart()
    file_one(box, "dvakrát")
    assert len({m.id for m in arrived(server, 2)}) == 1


def test_one_recipient_refused(epo, sink, mail_box):
    """For good: the others get theirs, it is not tried again, and status says so."""
    server = sink()
    server.faults(f"550 - {OFFICE}")
    box = mail_box(server.smtps)
    file_one(box, "jeden")
    assert arrived(server, 1)[0].to == [OWNER]
    assert [line["to"] for line in server.lines("refused")] == [OFFICE]
    assert fields(box)["mail-given-up"] == "1" and fields(box)["mail-queued"] == "0"
    assert OFFICE not in box.log()


def test_no_starttls(epo, sink, mail_box):
    """Never in clear: neither the message nor the login."""
    server = sink(login=LOGIN)
    server.faults("nostarttls")
    box = mail_box(server.starttls, login=LOGIN)
    file_one(box, "nešifrovaně")
    words = "poštovní server nenabízí šifrování (STARTTLS): bez něj se nic neposílá"
    until(lambda: fields(box).get("mail-error", "").startswith(words), 20, lambda: f"{fields(box)}\n{box.log_tail()}")
    assert not server.lines() and fields(box)["mail-queued"] == "2"


def test_foreign_certificate(epo, sink, mail_box):
    server = sink(stem="foreign", login=LOGIN)
    box = mail_box(server.smtps, login=LOGIN)
    file_one(box, "cizí")
    until(lambda: fields(box).get("mail-error", "").startswith("certifikát serveru má cizího vydavatele"), 20, lambda: f"{fields(box)}")
    assert not server.lines()


def test_wrong_login(epo, sink, mail_box):
    """One try, not one after the other: accounts get locked."""
    server = sink(login=LOGIN)
    box = mail_box(server.smtps, login="podatelna@firma.example:překlep")
    file_one(box, "překlep")
    words = "poštovní server odmítl přihlášení: zkontrolujte user a password_file v „mail“"
    until(lambda: fields(box).get("mail-error", "").startswith(words), 20, lambda: f"{fields(box)}\n{server.story()}")
    time.sleep(QUIET_S)
    logins = server.lines("login")
    assert 1 <= len(logins) <= 2 and not server.messages()  # PLAIN, and LOGIN after it, on one connection


# --- what lasts --------------------------------------------------------------------------------------------------------


def test_restart_in_between(epo, sink, mail_box):
    """The server is away; the box is killed, stopped and started. Afterwards each message comes, once."""
    server = sink()
    server.stop()
    box = mail_box(server.smtps)
    first = file_one(box, "první")
    second = file_one(box, "druhé")  # filings do not wait for mail
    until(lambda: fields(box)["mail-queued"] == "4" and fields(box).get("mail-error"), 20, lambda: f"{fields(box)}")
    box.kill("hub", signal.SIGKILL)
    box.wait_ready()
    box.restart()
    assert fields(box)["mail-queued"] == "4"
    server.start()
    messages = arrived(server, 4, timeout=60)
    assert sorted((m.to[0], m.subject.split()[1]) for m in messages) == sorted(
        (to, case["case"]) for to in (OFFICE, OWNER) for case in (first, second))
    box.restart()
    assert len(arrived(server, 4)) == 4
    with open(os.path.join(box.dir, "mail", "state"), encoding="utf-8") as f:
        assert "end 0" in f.read()
    assert os.stat(os.path.join(box.dir, "mail", "state")).st_mode & 0o777 == 0o600


def test_stopped_while_sending(epo, sink, mail_box):
    """An ordinary stop waits for the message under way: it is not sent again afterwards."""
    server = sink()
    server.faults("slow 1 1500")
    box = mail_box(server.smtps)
    box.set('user "0"', mail=None)
    box.restart()
    file_one(box, "zastavení")
    until(server.messages, 20, server.story)
    box.restart()
    assert len(arrived(server, 1)) == 1 and fields(box)["mail-queued"] == "0"


def test_killed_while_sending(epo, sink, mail_box):
    """After a crash it may come twice, but as the same message."""
    server = sink()
    server.faults("slow 1 1500")
    box = mail_box(server.smtps)
    box.set('user "0"', mail=None)
    box.restart()
    file_one(box, "pád")
    until(server.messages, 20, server.story)
    box.kill_all()
    box.start()
    until(lambda: fields(box)["mail-queued"] == "0", 20, lambda: fields(box))
    assert 1 <= len(server.messages()) <= 2 and len({m.id for m in server.messages()}) == 1


def test_nothing_of_the_past(epo, sink, mail_box):
    """A box that begins to tell tells of what happens from now on."""
    server = sink()
    box = mail_box(server.smtps, start=False)
    mail = box.settings.pop("mail")
    box.set('user "0"', mail=None)
    box.start()
    file_one(box, "dávno")
    box.settings["mail"] = mail
    box.restart()
    case = file_one(box, "nyní")
    assert [m.subject.split()[1] for m in arrived(server, 1)] == [case["case"]]


# --- the digest --------------------------------------------------------------------------------------------------------


def set_digest_day(box, day):
    path = os.path.join(box.dir, "mail", "state")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(re.sub(r"^digest \d+$", f"digest {day}", text, flags=re.M))


def test_digest(epo, sink, mail_box):
    """After its time of day, once a day, also over restarts."""
    server = sink()
    box = mail_box(server.smtps, events=["none"], digest_at="00:00")
    epo.switch({"cut_after_request.file": "once"})
    case = file_one(box, "přehled", state="uncertain")
    arrived(server, 0)
    box.stop()
    set_digest_day(box, 20200101)
    box.start()
    message = arrived(server, 1)[0]
    assert message.to == [OFFICE] and message.subject.startswith("Podatelna: přehled za ")
    assert f"Čeká na obsluhu Podatelny:\n  {case['case']} DPHDP3: nejistý výsledek" in message.body
    box.restart()
    assert len(arrived(server, 1)) == 1


@pytest.mark.parametrize("empty", [True, False])
def test_empty_digest(epo, sink, mail_box, empty):
    server = sink()
    box = mail_box(server.smtps, digest_at="00:00", digest_empty=empty)
    box.stop()
    set_digest_day(box, 20200101)
    box.start()
    messages = arrived(server, 1 if empty else 0)
    assert not empty or "Ten den se nic neuzavřelo a nic nečeká." in messages[0].body


# --- certificates ------------------------------------------------------------------------------------------------------


def test_certificate_near_its_end(sink, mail_box, work):
    """Told once at each threshold, not again after a restart; another certificate begins anew."""
    server = sink()
    box = mail_box(server.smtps, start=False, events=["none"])
    prepare(box, work)
    box.hsm.replace_cert("office", "sign", days=(-1, 20))
    box.start()
    message = arrived(server, 1)[0]
    assert message.to == [OFFICE] and "končí platnost certifikátu" in message.subject and "Klíč sign:" in message.body
    assert re.search(r"zbývá dnů: (19|20)\)", message.body) and "vault" not in message.body
    assert "brzy skončí" in fields(box)["certificate"]
    box.restart()
    box.wait_token()
    arrived(server, 1)
    for day, left in ((8, "1[12]"), (14, "[56]"), (19.5, "0")):
        before = len(server.messages())
        box.stop()
        set_clock(box, int(day * DAY_MS))
        box.start()
        box.wait_token()
        message = arrived(server, before + 1)[-1]
        assert re.search(rf"zbývá dnů: {left}\)", message.body), message.body
    box.stop()
    set_clock(box, 0)
    assert len(server.messages()) == 4


def test_certificate_that_is_over(sink, mail_box):
    server = sink()
    box = mail_box(server.smtps, start=False, events=["none"])
    box.hsm.replace_cert("office", "sign", state="expired")
    box.start()
    assert "Klíč sign: platnost certifikátu skončila" in arrived(server, 1)[0].body
    assert "skončila" in fields(box)["certificate"]


# --- by hand -----------------------------------------------------------------------------------------------------------


def test_by_hand(epo, sink, mail_box):
    server = sink()
    box = mail_box(server.smtps)
    done = box.run_cli("mail", "test", "nekdo@firma.example")
    assert done.returncode == 0 and "poštovní server zprávu přijal" in (done.stdout + done.stderr).decode()
    assert [(m.to, m.subject) for m in arrived(server, 1)] == [(["nekdo@firma.example"], "Podatelna: zkouška e-mailu")]
    assert box.run_cli("mail", "test").returncode == 0
    assert server.messages()[-1].to == [OWNER]
    bad = box.run_cli("mail", "test", "nekdo\r\nRCPT TO:<zlo@example.com>")
    assert bad.returncode != 0
    assert len(arrived(server, 2)) == 2
    server.stop()
    gone = box.run_cli("mail", "test")
    assert gone.returncode == 1 and "server neodpovídá" in (gone.stdout + gone.stderr).decode()


def test_not_configured(epo, make_box):
    box = make_box(epo)
    done = box.run_cli("mail", "test", "nekdo@firma.example")
    assert done.returncode == 4 and "e-mail není nastaven" in (done.stdout + done.stderr).decode()
