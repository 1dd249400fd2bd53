"""The metrics file: read by a strict parser of the exposition format, compared with the portal's ledger, the journal and the kernel."""

import os
import pwd
import re
import stat

import pytest

import exposition
import forms
import journal
from box import USERS, is_root, until

FOLDER = "node-exporter"


def prepare(box):
    folder = os.path.join(box.dir, FOLDER)
    os.makedirs(folder, exist_ok=True)
    if is_root():
        os.chown(folder, pwd.getpwnam(USERS["hub"]).pw_uid, -1)
    box.set("", metrics_file=os.path.join(folder, "podatelna.prom"), metrics_every="1 s")
    return os.path.join(folder, "podatelna.prom")


@pytest.fixture
def measured(make_box, epo):
    box = make_box(epo, start=False)
    box.metrics = prepare(box)
    box.start()
    box.wait_token()
    return box


def read(box):
    with open(box.metrics, encoding="utf-8") as f:
        return exposition.parse(f.read())


def value(box, name, **labels):
    metric = read(box)["podatelna_" + re.sub(r"(?<=seconds)_(?:count|sum)$", "", name)]
    return metric["samples"].get(("podatelna_" + name, tuple(sorted(labels.items()))))


def wait_value(box, name, expected, **labels):
    return until(lambda: os.path.exists(box.metrics) and value(box, name, **labels) == expected, 20,
                 lambda: f"{name}{labels}: {os.path.exists(box.metrics) and value(box, name, **labels)} instead of {expected}\n{box.log_tail()}")


def counted(records, kind, **fields):
    return len([r for r in records if r.type == kind and all(r.fields.get(k) == v for k, v in fields.items())])


def test_figures_agree_with_ledger_and_journal(measured, epo):
    for number in range(3):
        measured.drop(f"{number}.xml", forms.dphdp3(note=f"n{number}"))
    measured.drop("other.xml", b"<nothing/>")
    measured.wait_count(3, "done")
    measured.wait_state("other.xml", "unknown")
    accepted = len(epo.ledger("accepted"))
    assert accepted == 3
    wait_value(measured, "closed_total", accepted, partner="epo", result="done")
    wait_value(measured, "cases", 1, partner="", state="unknown")
    assert value(measured, "cases", partner="epo", state="done") == accepted
    assert value(measured, "closed_total", partner="epo", result="data-error") == 0
    assert value(measured, "token_signatures_total", token="office") == accepted
    assert value(measured, "token_logins_total", token="office") == 1
    assert value(measured, "token_ready", token="office") == 1
    assert value(measured, "working") == 1 and value(measured, "waits_for_person") == 1  # the unknown file
    for name in ("first_post_seconds", "signing_seconds", "verdict_seconds"):
        assert value(measured, name + "_count") == accepted and value(measured, name + "_sum") >= 0
    # The certificates of softhsm.make live for three years.
    assert 1000 < value(measured, "certificate_days", token="office", key="sign") < 1100
    assert value(measured, "partner_reachable", partner="epo") == 1
    free = os.statvfs(measured.data)
    assert abs(value(measured, "disk_free_bytes", place="journal") - free.f_bavail * free.f_frsize) < 0.2 * free.f_bavail * free.f_frsize + 1e9
    measured.stop()
    assert counted(journal.read(measured.data), "signed") == accepted


def test_size_of_the_journal(measured):
    """Records and bytes are those on the disk; a checkpoint's time is its record's."""
    def same():
        size = sum(os.path.getsize(path) for path in journal.segments(measured.data))
        return os.path.exists(measured.metrics) and value(measured, "journal_bytes") == size and value(measured, "checkpoint_timestamp_seconds") > 0
    measured.text("journal", "checkpoint")
    until(same, 20, lambda: f"{read(measured)['podatelna_journal_bytes']}, {journal.segments(measured.data)}")


def test_the_same_after_a_restart(measured):
    """Counters never fall: they are made of the journal."""
    measured.drop("a.xml", forms.dphdp3())
    measured.wait_state("a.xml", "done")
    wait_value(measured, "closed_total", 1, partner="epo", result="done")
    before = {key: number for metric in read(measured).values() if metric["type"] in ("counter", "histogram")
              for key, number in metric["samples"].items() if key[0] != "podatelna_program_restarts_total"}
    measured.kill("hub")
    measured.wait_ready()
    wait_value(measured, "program_restarts_total", 1, program="hub")
    after = {key: number for metric in read(measured).values() for key, number in metric["samples"].items()}
    for key, number in before.items():
        assert after[key] >= number, key


def test_refusals_and_a_waiting_box(make_box, epo):
    box = make_box(epo, start=False, pin="prompt")
    box.metrics = prepare(box)
    box.start()
    wait_value(box, "token_ready", 0, token="office")
    assert value(box, "waits_for_person") == 1
    box.login(pin="999999")
    wait_value(box, "token_pin_refusals_total", 1, token="office")
    box.login()
    wait_value(box, "token_ready", 1, token="office")
    assert value(box, "token_logins_total", token="office") == 1


def test_file_and_folder(measured):
    """Readable by all, nothing else left in the folder, no personal data; always whole."""
    wait_value(measured, "token_ready", 1, token="office")
    measured.drop("Jana Nováková.xml", forms.dphdp3())
    measured.wait_state(state="done")
    seen = set()
    for _ in range(200):
        seen.add(os.stat(measured.metrics).st_ino)
        read(measured)
    assert stat.S_IMODE(os.stat(measured.metrics).st_mode) == 0o644
    until(lambda: os.listdir(os.path.dirname(measured.metrics)) == ["podatelna.prom"], 5, "something was left")
    with open(measured.metrics, encoding="utf-8") as f:
        text = f.read()
    for word in ("Nov", "Jana", "uid", "12345678", "serialNumber"):
        assert word not in text


def test_folder_that_is_not_there(make_box):
    """Said by the check; the box works without."""
    box = make_box(start=False)
    box.set("", metrics_file=os.path.join(box.dir, "missing", "podatelna.prom"))
    box.write_config()
    done = box.run_cli("config", "check")
    assert done.returncode != 0 and "metrics_file" in (done.stdout + done.stderr).decode()
    box.start()
    assert "metrics_file" in box.log()
