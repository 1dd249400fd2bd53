"""The people's side: exit codes, --json, rights by the caller's user, two languages, configuration check, clean logs."""

import json
import os
import re
import subprocess

import pytest

import forms
from box import GROUP, is_root, until

import grp

root_only = pytest.mark.skipif(not is_root(), reason="needs root: another caller's user")
CZECH = re.compile("[ěščřžýáíéúůťďňĚŠČŘŽÝÁÍÉÚŮ]")
READER, FILER, APPROVER, STRANGER = 60001, 60002, 60003, 60004


def caller(uid):
    return (uid, uid, [grp.getgrnam(GROUP).gr_gid])


@pytest.fixture(scope="module")
def done_case(shared, running_epo):
    running_epo.reset()
    document = forms.dphdp3(note=f"people {os.getpid()}")
    shared.drop("Tajný název souboru.xml", document)
    case = shared.wait_state("Tajný název souboru.xml")
    shared.result(case["case"])
    return case


# --- exit codes -----------------------------------------------------------------------------------------------------------


def test_usage(shared):
    for words in (["nonsense"], ["show"], ["send"], ["classify", "1"], [], ["token"], ["reject", "1"], ["show", "1", "2"], ["--bad"]):
        done = shared.run_cli(*words)
        assert done.returncode == 2 and (done.stderr or done.stdout), words


def test_unreachable(shared, tmp_path):
    done = subprocess.run([os.path.join(shared.bin, "podatelna"), "--socket", str(tmp_path / "none"), "list"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3 and done.stderr


def test_no_such_case(shared):
    assert shared.run_cli("show", "1999-000001").returncode == 1


def test_not_in_this_state(shared, done_case):
    number = done_case["case"]
    attachment = os.path.join(shared.dir, "something")
    shared.write(attachment, b"x")
    for words in (["approve", number], ["reject", number, "--reason", "x"], ["retry", number, "--reason", "x"], ["delete", number],
                  ["attach", number, attachment], ["classify", number, "DPHDP3"], ["send", number], ["poll", number], ["journal", "accept", "--reason", "x"],
                  ["clock", "accept", "--reason", "x"]):
        assert shared.run_cli(*words).returncode == 4, words
    assert shared.case(number)["state"] == "done"


def test_help_and_version(shared):
    for words in (["help"], ["version"]):
        done = shared.run_cli(*words)
        assert done.returncode == 0 and done.stdout
    text = shared.run_cli("help").stdout.decode()
    for command in ("status", "list", "show", "send", "poll", "classify", "approve", "reject", "retry", "attach", "delete", "export", "token", "config",
                    "journal", "console"):
        assert command in text


def test_short_numbers(shared, done_case):
    """`show 1` for 2026-000001."""
    number = str(int(done_case["case"].split("-")[1]))
    code, rows = shared.cli("show", number)
    assert code == 0 and any(r.get("value") == done_case["case"] for r in rows)


# --- JSON -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["status"], ["list"], ["list", "--all"], ["token", "list"], ["token", "test"], ["journal", "verify"]], ids=" ".join)
def test_json(shared, done_case, words):
    done = shared.run_cli(*words, json_output=True)
    rows = json.loads(done.stdout)
    assert done.returncode == 0 and isinstance(rows, list) and rows and all("kind" in r for r in rows)
    assert all(isinstance(v, str) for r in rows for v in r.values())


def test_json_show(shared, done_case):
    code, rows = shared.cli("show", done_case["case"])
    types = [r["type"] for r in rows if r["kind"] == "record"]
    assert code == 0 and types[0] == "received" and "closed" in types


def test_json_ids_do_not_depend_on_language(shared, done_case):
    assert [c["state"] for c in shared.cases() if c["case"] == done_case["case"]] == ["done"]


# --- languages ------------------------------------------------------------------------------------------------------------


def test_czech(shared, done_case):
    text = shared.text("list")
    assert "uzavřeno, přijato" in text and "closed, accepted" not in text
    assert CZECH.search(shared.text("help"))
    assert CZECH.search(shared.run_cli("show", "1999-000001").stderr.decode())
    verified = shared.text("journal", "verify")
    assert re.search(r"^Záznamů: \d+$", verified, re.M) and re.search(r"^Segmentů po neřádném konci: 0$", verified, re.M)
    status = shared.text("status")
    assert CZECH.search(status) and "works" not in status


def test_papers_are_czech(shared, done_case):
    with open(os.path.join(shared.result(done_case["case"]), "stav.txt"), encoding="utf-8") as f:
        text = f.read()
    assert "uzavřeno, přijato" in text and "closed" not in text and "State" not in text


def test_english(epo, make_box):
    box = make_box(epo, settings={"": {"language": "en"}})
    box.drop("a.xml", forms.dphdp3(note="english"))
    case = box.wait_state("a.xml")
    assert "closed, accepted" in box.text("list") and not CZECH.search(box.text("status")) and not CZECH.search(box.text("help"))
    with open(os.path.join(box.result(case["case"]), "stav.txt"), encoding="utf-8") as f:
        assert "closed, accepted" in f.read()


# --- rights ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(epo, make_box):
    """A box with users of different rights, and a held case."""
    box = make_box(epo, start=False)
    for uid, rights in ((READER, ["read"]), (FILER, ["file", "read", "send"]), (APPROVER, ["read", "approve"])):
        box.set(f'user "{uid}"', rights=rights)
    box.start()
    box.wait_token()
    document = forms.dphdp3(note="rights")
    for name in ("a.xml", "b.xml"):
        box.drop(name, document)
        box.wait_state(name, ("done", "held"))
    return box


@root_only
def test_rights_by_caller(people):
    box, held = people, people.wait_state("b.xml", "held")["case"]
    for uid, words, code in ((READER, ["list"], 0), (READER, ["status"], 0), (READER, ["approve", held], 4), (READER, ["send", "--all"], 4),
                             (READER, ["token", "logout"], 4), (READER, ["journal", "checkpoint"], 4), (FILER, ["send", "--all"], 0),
                             (FILER, ["approve", held], 4), (FILER, ["token", "logout"], 4), (STRANGER, ["list"], 4), (STRANGER, ["status"], 4),
                             (STRANGER, ["show", held], 4), (APPROVER, ["retry", held, "--reason", "x"], 4)):
        done = box.run_cli(*words, user=caller(uid))
        assert done.returncode == code, (uid, words, done)
    assert box.case(held)["state"] == "held"
    assert box.run_cli("approve", held, user=caller(APPROVER)).returncode == 0
    box.wait_state(held, "done")
    row = next(r for r in box.rows("show", held, kind="record") if r["type"] == "approved")
    assert f"uid:{APPROVER}" in row["detail"]


@root_only
def test_outside_the_group(people):
    """The socket's mode keeps out who is not in its group."""
    done = people.run_cli("list", user=(STRANGER, STRANGER, []))
    assert done.returncode == 4 and not done.stdout


@root_only
def test_export_is_the_callers(people):
    """Files of `export` are made by the caller himself."""
    target = os.path.join(people.stage, "export")
    os.mkdir(target)
    os.chown(target, READER, READER)
    case = people.wait_state("a.xml")["case"]
    assert people.run_cli("export", case, target, user=caller(READER)).returncode == 0
    names = os.listdir(target)
    assert {"podano.p7s", "potvrzeni.p7s"} <= set(names)
    for name in names:
        status = os.stat(os.path.join(target, name))
        assert status.st_uid == READER and status.st_mode & 0o077 == 0


# --- commands -------------------------------------------------------------------------------------------------------------


def test_classify_and_delete(epo, make_box):
    box = make_box(epo)
    box.drop("neznámé.txt", b"neco jineho\n")
    case = box.wait_state("neznámé.txt", "unknown")
    assert box.run_cli("classify", case["case"], "NENI").returncode == 1
    assert box.run_cli("delete", case["case"]).returncode == 0
    assert not box.cases()
    assert [c["state"] for c in box.cases(True)] == ["deleted"]
    assert "deleted" in box.types(case["case"])


def test_console(shared, done_case):
    done = shared.run_cli("console", stdin=b"list\nstatus\nnonsense\nshow 1\n")
    assert done.returncode in (0, 1, 2) and "uzavřeno, přijato" in done.stdout.decode()


def test_password_is_not_shown(shared, done_case, running_epo):
    text = shared.text("show", done_case["case"]) + shared.run_cli("show", done_case["case"], json_output=True).stdout.decode()
    for line in running_epo.ledger("accepted"):
        assert line["heslo"] not in text


# --- configuration check --------------------------------------------------------------------------------------------------


def test_config_check_good(shared):
    assert shared.run_cli("config", "check").returncode == 0


@pytest.mark.parametrize("change,words", [(("share", {"quiet": "two"}), "quiet"), (("share", {"nonsense": "1"}), "nonsense"),
                                          (('partner "epo"', {"url": "http://127.0.0.1/x"}), "url"), (('partner "epo"', {"sign_key": "none"}), "none"),
                                          (('key "sign"', {"token": "other"}), "other"), (("", {"language": "de"}), "language"),
                                          (("", {"mark_file": None, "data_dir": "relative"}), "data_dir")], ids=lambda v: str(v)[:30])
def test_config_check_bad(epo, make_box, change, words):
    """File, line, what was found; and the box does not start with it."""
    box = make_box(epo, start=False)
    box.set(change[0], **change[1])
    box.write_config()
    done = box.run_cli("config", "check")
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == 1 and words in text and re.search(r"podatelna\.conf:\d+: ", text), text
    daemon = subprocess.run([os.path.join(box.bin, "podatelnad"), "--config", box.config], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            check=False, timeout=20)
    assert daemon.returncode != 0 and words in daemon.stderr.decode()


def test_config_check_says_all(epo, make_box):
    box = make_box(epo, start=False)
    box.set("share", quiet="two", scan_interval="three", path=None)
    box.write_config()
    text = box.run_cli("config", "check").stdout.decode()
    assert "quiet" in text and "scan_interval" in text and "path" in text


def test_example_configuration_is_good():
    """Every key of the shipped example is known (files it names are not here)."""
    from box import TOP
    from conftest import BIN
    done = subprocess.run([os.path.join(BIN, "podatelnad"), "--config", os.path.join(TOP, "config", "podatelna.conf.example"), "--get", "language"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0 and done.stdout.strip() == b"cs", done


# --- logs -----------------------------------------------------------------------------------------------------------------


def test_log_has_no_names_or_secrets(shared, done_case, running_epo):
    """Neither file names nor numbers of people nor passwords, at the most talkative level too."""
    log = shared.log()
    words = ["Tajný", "název souboru", "Žluťoučký", "12345678", "Nováková", shared.hsm.so_pin]
    for line in running_epo.ledger("accepted"):
        words += [line["heslo"], line["cislo"]]
    assert not [w for w in words if w in log]
    assert len(log.splitlines()) > 5


def test_debug_log_has_no_names_or_secrets(epo, make_box):
    box = make_box(epo, settings={"": {"log_level": "debug"}})
    box.drop("Tajný název.xml", forms.dphdp3(note="tajemství"))
    box.drop("Nepoužitelný název.xml", b"")
    box.result(box.wait_state("Tajný název.xml")["case"])
    until(lambda: "Nepoužitelný název.xml" not in box.listing("Podat"), 15, "put aside")
    accepted = epo.ledger("accepted")[0]
    log = box.log()
    for word in ("Tajný", "Nepoužitelný", "tajemství", "Žluťoučký", "12345678", accepted["heslo"], accepted["cislo"]):
        assert word not in log, word
