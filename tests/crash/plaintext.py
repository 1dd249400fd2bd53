"""Looks for words of the filings on the disk of a box: in every file that it or its programs could have written, outside of its share.

A layer that leaves content behind would leave it as that layer has it: as it is, in another encoding of characters, in base64, or
compressed. All of these are looked for; prove() plants each of them and sees it found, so that a search that finds nothing says something.
"""

import base64
import contextlib
import gzip
import os
import pwd
import zipfile
import zlib

import common
from common import boxes

GZIP = b"\x1f\x8b\x08"
ZIP_ENTRY = b"PK\x03\x04"
ZIP_HEAD = 30         # bytes of a local file header before name and extra field (APPNOTE 4.3.7)
INFLATED_MAX = 64 << 20
FILE_MAX = 512 << 20
# Where programs that forget their own folders leave things; of these only what belongs to the box's users and is new counts.
ELSEWHERE = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/", "/var/lib/systemd/coredump")


def encodings(marker):
    """All byte strings that a marker may have become, without compression."""
    plain = marker.encode()
    found = {"as it is": plain, "UTF-16": marker.encode("utf-16-le"), "UTF-16, high byte first": marker.encode("utf-16-be")}
    with contextlib.suppress(UnicodeEncodeError):
        found["windows-1250"] = marker.encode("windows-1250")
    found["XML references"] = marker.encode("ascii", "xmlcharrefreplace")
    found["JSON"] = marker.encode("unicode_escape")
    for shift in range(3):  # base64 has the marker in three ways, by where it begins; what its neighbours decide is left away
        text = base64.b64encode(b"\0" * shift + plain)
        found[f"base64 from byte {shift}"] = text[(0, 2, 3)[shift]:len(text) // 4 * 4 - 4]
    return found


def inflated(data, start, window):
    """What a stream that begins there holds, as far as it goes; b"" when it is none."""
    stream = zlib.decompressobj(window)
    try:
        return stream.decompress(data[start:], INFLATED_MAX)
    except zlib.error:
        return b""


def streams(data):
    """Compressed content inside of the bytes: gzip members and entries of a ZIP, wherever they begin."""
    for magic in (GZIP, ZIP_ENTRY):
        at = data.find(magic)
        while at >= 0:
            if magic == GZIP:
                yield inflated(data, at, zlib.MAX_WBITS | 16)
            elif at + ZIP_HEAD <= len(data):
                names = int.from_bytes(data[at + 26:at + 28], "little") + int.from_bytes(data[at + 28:at + 30], "little")
                yield inflated(data, at + ZIP_HEAD + names, -zlib.MAX_WBITS)
            at = data.find(magic, at + 1)


def ways(data, needles):
    found = [way for way, needle in needles.items() if needle in data]
    found += [f"{way}, compressed" for inside in streams(data) for way, needle in needles.items() if needle in inside]
    return found


def own_files(box):
    """Everything below the box's folder but the share's own folders and the test's stage. The claim folder, which is not exported, is not the share."""
    kept = {os.path.realpath(p) for p in (box.share, box.stage)}
    for at, folders, names in os.walk(box.dir):
        folders[:] = [f for f in folders if os.path.realpath(os.path.join(at, f)) not in kept]
        yield from (os.path.join(at, n) for n in names)


def strange_files(since):
    """New files of the box's users outside of its folder; and memory dumps, whoever they belong to."""
    users = {pwd.getpwnam(u).pw_uid for u in boxes.USERS.values()} if boxes.is_root() else set()
    for top in ELSEWHERE:
        with contextlib.suppress(OSError), os.scandir(top) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    dump = entry.name.startswith("core")
                    if entry.is_file(follow_symlinks=False) and status.st_mtime >= since and (dump or status.st_uid in users):
                        yield entry.path


def search(box, markers=(common.MARKER,), since=0.0):
    """["path (way)", ...]: where words of the filings lie in clear."""
    needles = {f"{marker[:8]}… {way}": needle for marker in markers for way, needle in encodings(marker).items()}
    found = []
    for path in [*own_files(box), *strange_files(since)]:
        with contextlib.suppress(OSError):
            if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > FILE_MAX:
                continue
            with open(path, "rb") as f:
                found += [f"{path} ({way})" for way in ways(f.read(), needles)]
    return found


def plants(marker):
    """(name, bytes): the marker inside of something longer, in each of the ways."""
    text = f"before it {marker} after it"
    yield "plain", text.encode()
    yield "wide", text.encode("utf-16-le")
    yield "wide-be", text.encode("utf-16-be")
    yield "single", text.encode("windows-1250")
    yield "references", text.encode("ascii", "xmlcharrefreplace")
    yield "json", text.encode("unicode_escape")
    for shift in range(3):
        yield f"base64-{shift}", base64.b64encode(b"x" * shift + text.encode())
    yield "gzip", b"in front" + gzip.compress(text.encode() * 3) + b"behind"
    yield "gzip-wide", gzip.compress(text.encode("utf-16-le"))
    yield "gzip-torn", gzip.compress(text.encode() + os.urandom(5000))[:-2000]


def prove(box, checks, marker=common.MARKER):
    """Plants the marker in each way, in each place that is looked at, and sees it found there."""
    places = [os.path.join(box.data, "quarantine"), os.path.dirname(box.mark), box.run, box.dir, box.share + ".claim"]
    for at, (name, data) in enumerate(plants(marker)):
        folder = places[at % len(places)]
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"planted-{name}")
        with open(path, "wb") as f:
            f.write(data)
        try:
            checks.check(any(line.startswith(path + " ") for line in search(box, (marker,))), "the search for plaintext finds what is planted", path)
        finally:
            os.unlink(path)
    path = os.path.join(box.dir, "planted.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("form.xml", f"<a>{marker}</a>" * 3)
    checks.check(any(line.startswith(path + " ") for line in search(box, (marker,))), "the search for plaintext finds what is planted", path)
    os.unlink(path)
