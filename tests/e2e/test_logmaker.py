"""The writer of journals that the attacks are made with writes what FORMAT.txt says: another reader, openssl, and a count of its own agree."""

import os
import subprocess

import journal
import logmaker
import pki


def test_a_written_journal_is_a_journal(pki_dir, tmp_path):
    vault_certificate, vault_key = pki.software_user(pki_dir, "logmaker-vault", usage="encipherment", ik_mpsv=None)
    log, notary = logmaker.ordinary(cases=5), logmaker.Openssl(pki_dir)
    data = str(tmp_path / "data")
    written = logmaker.write(log, data, notary, vault_certificate=pki.load_cert(vault_certificate))
    records = journal.read(data)
    assert [(r.index, r.type, r.hash) for r in records] == [(p.index, p.type, p.leaf.hex()) for p in written.records]
    assert len(journal.segments(data)) == 2 and {r.type for r in records} >= {"segment", "anchor", "closed", "shown"}

    trust = os.path.join(pki_dir, "ca.pem")
    assert len(written.checkpoints) >= 4
    for size, root in written.checkpoints.values():
        assert journal.note(written.anchor(f"{size}.note")) == (log.origin, size, root) and root == journal.roots(records, size)
        text = str(tmp_path / "text")
        with open(written.anchor(f"{size}.note"), "rb") as note, open(text, "wb") as f:
            f.write(b"".join(note.read().splitlines(True)[:3]))
        subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", written.anchor(f"{size}.p7s"), "-content", text, "-CAfile", trust,
                        "-purpose", "any", "-out", "/dev/null"], check=True, stderr=subprocess.PIPE)
    stamps = [r for r in records if r.fields.get("event") == "stamp"]
    for record in stamps:
        size = record.fields["size"]
        subprocess.run(["openssl", "ts", "-verify", "-in", written.anchor(record.fields["file"]), "-data", written.anchor(f"{size}.p7s"), "-CAfile", trust], check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert len(stamps) >= 3

    vault = journal.Vault(data, vault_certificate, ["-inkey", vault_key])
    first = next(r for r in records if r.type == "received")
    assert vault.content(first.fields["case"], first.objects()["original"]) == f"<form>{first.fields['case']}</form>".encode()


def test_the_same_plan_gives_the_same_records(pki_dir, tmp_path):
    """Whoever signs: otherwise a forger's history would differ from the start."""
    log = logmaker.ordinary(cases=4)
    honest = logmaker.write(log, str(tmp_path / "a"), logmaker.Notary(pki_dir))
    copied = logmaker.write(log.copy(), str(tmp_path / "b"), logmaker.Copyist(str(tmp_path / "a")))
    assert [p.leaf for p in honest.records] == [p.leaf for p in copied.records]
    other = log.copy()
    other.items[other.at("2026-000003.received")].fields["source"] = "mail"
    forged = logmaker.write(other, str(tmp_path / "c"), logmaker.Copyist(str(tmp_path / "a")))
    at = honest.places["2026-000003.received"].index
    assert [p.leaf for p in honest.records][:at] == [p.leaf for p in forged.records][:at] and honest.records[at].leaf != forged.records[at].leaf
    assert journal.read(str(tmp_path / "c"))[at].fields["source"] == "mail"
