"""Certificates that a partner wants its messages encrypted for and seals its answers with: none counts before it is approved. Told by the gateway, which decrypts
with the keys it is given, and by the journal."""

import datetime
import os

import pytest

import cssz_forms
import journal
import pki
from box import until
from mailsink import MailSink

pytestmark = pytest.mark.usefixtures("vrep")
CSSZ = 'partner "cssz"'


def bundle(box, *stems):
    """A file of the box with these certificates."""
    path = os.path.join(box.dir, "encrypt-to.pem")
    texts = []
    for stem in stems:
        with open(os.path.join(box.pki, stem + ".pem"), "rb") as text:
            texts.append(text.read())
    pki.write_file(path, b"".join(texts), 0o644)
    return path


def print_of(box, stem):
    return pki.fingerprint(os.path.join(box.pki, stem + ".pem"))


def started(vrep, make_box, file_of, approved):
    box = make_box(vrep, start=False)
    box.set(CSSZ, encrypt_to=bundle(box, *file_of), encrypt_to_sha256=[print_of(box, stem) for stem in approved] or None)
    box.start()
    box.wait_token()
    return box


def states(box):
    return {row["sha256"]: row["state"] for row in box.rows("partner", "certs", kind="partner-cert")}


def why(box, name):
    return (box.case(name) or {}).get("why", "")


def words(box):
    return [r for r in journal.read(box.data) if r.type == "config"]


def test_nothing_is_used_before_it_is_approved(vrep, make_box):
    """A certificate in the file alone is a proposal: what is to be filed waits unsigned. A person's word is a record, and it outlives the box."""
    box = started(vrep, make_box, ["dis"], [])
    sha256 = print_of(box, "dis")
    box.drop("ceka.xml", cssz_forms.regzec("approval"))
    until(lambda: "schválit" in why(box, "ceka.xml"), 30, "the case does not say what it waits for")
    assert states(box) == {sha256: "proposed"}
    case = box.case("ceka.xml")["case"]
    assert "intent" not in box.types(case) and not vrep.ledger("accepted")

    assert box.cli("partner", "approve-cert", "cssz", sha256)[0] == 2
    assert box.cli("partner", "approve-cert", "cssz", "0" * 64, "--reason", "překlep")[0] == 4
    assert not words(box)
    spoken = ":".join(sha256[i:i + 2] for i in range(0, 64, 2)).upper()
    assert box.cli("partner", "approve-cert", "cssz", spoken, "--reason", "porovnáno po telefonu")[0] == 0
    box.wait_state("ceka.xml")
    (word,) = words(box)
    assert (word.fields["what"], word.fields["partner"], word.fields["sha256"]) == ("certificate-approved", "cssz", sha256)
    assert word.fields["by"] == f"uid:{os.geteuid()}" and word.fields["reason"] == "porovnáno po telefonu"

    box.restart()
    box.wait_token()
    until(lambda: states(box) == {sha256: "used"}, 30, "the word did not outlive the box")
    assert box.cli("partner", "revoke-cert", "cssz", sha256, "--reason", "klíč vyzrazen")[0] == 0
    assert states(box) == {sha256: "revoked"}
    box.drop("odvolano.xml", cssz_forms.regzec("revoked"))
    until(lambda: "schválit" in why(box, "odvolano.xml"), 30, "a revoked certificate is still used")
    assert len(vrep.ledger("accepted")) == 1


def test_the_next_one_only_from_its_day(vrep, make_box):
    """Two at once: the one that begins later, but not before the day that was said with its approval."""
    box = started(vrep, make_box, ["dis", "dis-next"], ["dis"])
    old, new = print_of(box, "dis"), print_of(box, "dis-next")
    day = (datetime.date.today() + datetime.timedelta(days=20)).isoformat()
    until(lambda: states(box) == {old: "used", new: "proposed"}, 30, "the file was not read")
    assert box.cli("partner", "approve-cert", "cssz", new, "--reason", "z webu ČSSZ", "--from", day)[0] == 0
    assert states(box) == {old: "used", new: "waiting"}
    box.drop("stary.xml", cssz_forms.regzec("old key"))
    box.wait_state("stary.xml")
    vrep.switch(dis_decrypt="dis-next", dis_seal="dis-next")
    assert box.cli("partner", "approve-cert", "cssz", new, "--reason", "změna už dnes")[0] == 0
    assert states(box) == {old: "approved", new: "used"}
    box.drop("novy.xml", cssz_forms.regzec("new key"))
    box.wait_state("novy.xml")
    assert len(vrep.ledger("accepted")) == 2


def test_one_that_is_over_is_not_used(vrep, make_box):
    """Approved, but no longer valid: filings wait, unsigned, and say why."""
    box = started(vrep, make_box, ["dis-old"], ["dis-old"])
    box.drop("prosly.xml", cssz_forms.regzec("expired"))
    until(lambda: "neplatí" in why(box, "prosly.xml"), 30, "the case does not say what it waits for")
    assert "intent" not in box.types(box.case("prosly.xml")["case"]) and not vrep.ledger("accepted")
    assert states(box) == {print_of(box, "dis-old"): "over"}


@pytest.mark.sanitized
def test_an_unknown_seal_waits_for_a_person(vrep, make_box):
    """ČSSZ changed its key before anybody said so: the answer proves nothing and is kept, also over a restart; once its certificate is approved it is verified by
    itself, and nothing was asked or sent again."""
    box = started(vrep, make_box, ["dis"], ["dis"])
    new = print_of(box, "dis-next")
    vrep.switch(dis_seal="dis-next")
    box.drop("pecet.xml", cssz_forms.regzec("unknown seal"))
    case = box.wait_state("pecet.xml", "uncertain")["case"]
    until(lambda: states(box).get(new) == "proposed", 30, "the signer of the answer is not proposed")
    box.restart()
    box.wait_token()
    until(lambda: states(box).get(new) == "proposed", 60, "the proposal did not outlive the box")
    row = next(row for row in box.rows("partner", "certs", kind="partner-cert") if row["sha256"] == new)
    assert "DIS.TEST.3" in row["subject"] and row["case"] == case and row["until"]
    told = box.text("status")
    assert new in told.replace("\n", "").replace(" ", ""), told
    until(lambda: new in box.overview(), 30, "the overview does not show the proposal")
    polls = len(vrep.ledger("poll"))
    kinds = box.types(case)
    assert kinds.count("verified") == 1 and box.case(case)["state"] == "uncertain"
    assert box.cli("partner", "approve-cert", "cssz", new, "--reason", "otisk z úřední desky")[0] == 0
    box.wait_state("pecet.xml")
    assert len(vrep.ledger("poll")) == polls and len(vrep.ledger("accepted")) == 1
    verified = [r for r in journal.read(box.data) if r.fields.get("case") == case and r.type == "verified"]
    assert [(r.fields["result"], r.fields["signer"]) for r in verified] == [("invalid", new), ("valid", new)]


def new_certificate(box, name, **options):
    """A certificate for a new signing key, as an authority would give it; the key is nobody's here."""
    path = os.path.join(box.dir, name + ".pem")
    pki.write_file(path, pki.cert_pem(pki.issue_user(box.pki, pki.rsa_key(), **options)), 0o644)
    return path


@pytest.mark.sanitized
def test_announcement_of_a_new_certificate(vrep, make_box):
    """A new qualified certificate is announced under the old signature, after a person approved the message; the gateway's register knows it then."""
    box = started(vrep, make_box, ["dis"], ["dis"])
    good = new_certificate(box, "new", qualified=True)
    for path, code, word in ((new_certificate(box, "plain"), 4, "kvalifikovaný"), (new_certificate(box, "old", qualified=True, state="expired"), 4, "neplatí"),
                             (bundle(box, "dis", "dis-next"), 4, "víc"), (box.config, 4, "není certifikát")):
        done = box.run_cli("cssz", "announce-cert", path)
        assert done.returncode == code and word in done.stderr.decode(), (path, done)
    assert not box.cases(all_cases=True)
    assert box.cli("cssz", "announce-cert", good)[0] == 0
    case = box.wait_state("USRCERT.xml", "held")
    received = next(r for r in journal.read(box.data) if r.type == "received")
    assert received.fields["kind"] == "task" and received.fields["by"] == f"uid:{os.geteuid()}" and case["form"] == "USRCERT"
    assert not vrep.ledger("accepted")
    assert box.cli("approve", case["case"])[0] == 0
    box.wait_state("USRCERT.xml", "done")
    (line,) = vrep.ledger("accepted")
    assert (line["class"], line["etype"]) == ("CSSZ_USRCERT", "USRCERT")
    (registered,) = vrep.ledger("registered")
    assert int(registered["serial"], 16) == pki.load_cert(good).serial_number


def test_only_a_new_one_is_announced(vrep, make_box):
    """The certificate that signs already needs no announcement: who hands that over took the wrong file. Without a template nothing is made up."""
    box = started(vrep, make_box, ["dis"], ["dis"])
    signing = next(key["cert"] for token in box.hsm.tokens for key in token["keys"] if key["name"] == "sign")
    box.set(CSSZ, options=["vs=" + cssz_forms.VS, "announce-qualified=no"])
    box.restart()
    box.wait_token()
    done = box.run_cli("cssz", "announce-cert", signing)
    assert done.returncode == 4 and "už podepisuje" in done.stderr.decode(), done
    box.set(CSSZ, options=["vs=" + cssz_forms.VS, "announce-template=<USRCERT/>"])
    box.restart()
    done = box.run_cli("cssz", "announce-cert", new_certificate(box, "new", qualified=True))
    assert done.returncode == 4 and "announce-template" in done.stderr.decode(), done
    assert not box.cases(all_cases=True) and not vrep.ledger("accepted")


def test_reminder_to_announce(vrep, make_box):
    """A signing certificate near its end: status and overview say that the new one is to be announced, until it is; with one that is over it is too late."""
    box = make_box(vrep, start=False)
    box.hsm.replace_cert("office", "sign", days=(-1, 20))
    box.start()
    box.wait_token()
    command = "announce-cert cssz"
    until(lambda: command in box.text("status"), 30, "status does not remind")
    until(lambda: command in box.overview(), 30, "the overview does not remind")
    done = box.run_cli("partner", "announce-cert", "cssz", new_certificate(box, "new", qualified=True))
    assert done.returncode == 0, done
    box.wait_state("USRCERT.xml", "held")
    assert command not in box.text("status")
    case = box.case("USRCERT.xml")["case"]
    assert box.cli("reject", case, "--reason", "omyl")[0] == 0
    until(lambda: command in box.text("status"), 30, "a rejected announcement counts as one")
    box.stop()
    box.hsm.replace_cert("office", "sign", state="expired")
    box.start()
    box.wait_token()
    until(lambda: "skončila" in box.text("status"), 30, "the certificate is not known to be over")
    assert command not in box.text("status")
    done = box.run_cli("cssz", "announce-cert", new_certificate(box, "late", qualified=True))
    assert done.returncode == 4 and "pozdě" in done.stderr.decode(), done
    assert not vrep.ledger("accepted")


def test_a_proposal_is_mailed_once(vrep, make_box, work, pki_dir):
    """Who looks after the box learns of a proposed certificate by e-mail: all that is to be compared; not again after a restart."""
    sink = MailSink(os.path.join(work, "sink-certs"), pki_dir).start()
    try:
        box = make_box(vrep, start=False)
        box.set(CSSZ, encrypt_to=bundle(box, "dis", "dis-next"), encrypt_to_sha256=[print_of(box, "dis")])
        box.set("mail", url=sink.smtps, to=["office@firma.example"], ca_file=os.path.join(box.pki, "ca.pem"), interval="10 ms",
                state_dir=os.path.join(box.dir, "mail"), events=["none"], **{"from": "podatelna@firma.example"})
        box.start()
        until(sink.messages, 60, "nobody was told")
        (message,) = sink.messages()
        assert "čeká na schválení" in message.subject and print_of(box, "dis-next") in "".join(message.body.split()), message.body
        assert "import-cert" not in message.body
        box.restart()
        box.wait_token()
        until(lambda: states(box).get(print_of(box, "dis-next")) == "proposed", 60, "the file was not read")
        assert box.cli("partner", "approve-cert", "cssz", print_of(box, "dis-next"), "--reason", "web")[0] == 0
        assert len(sink.messages()) == 1
    finally:
        sink.stop()
