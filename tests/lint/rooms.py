"""The walls of the house (design 2; README, "A house of rooms"): what each room may include, and what a header must say."""

import os
import re

BASE, WIRE = "appliance/base", "appliance/wire"
# Room: the rooms whose headers it may read beside its own.
MAY_READ = {
    "appliance/base": set(),
    "appliance/wire": {BASE},
    "appliance/cli": {BASE, WIRE},
    "appliance/hub": {BASE, WIRE, "config"},
    "appliance/parent": {BASE, WIRE, "config"},
    "appliance": {BASE, WIRE, "config", "appliance/hub", "appliance/parent"},  # main.c of podatelnad becomes the parent or the hub
    "config": {BASE},
    "store": {BASE, WIRE},
    "store/audit": set(),
    "token": {BASE, WIRE},
    "transport": {BASE, WIRE, "transport/base", "transport/cssz", "transport/epo", "transport/toy"},  # partners.c lists the partners
    "transport/base": {BASE, WIRE},
    "transport/net": {BASE, WIRE},
}
PARTNER_MAY_READ = {BASE, "transport/base"}  # transport/<partner>: none knows another, nor the control plane
# First part of a system header: the rooms that may link its library. What is not named here belongs to libc and the kernel.
LIBRARIES = {
    "confuse.h": ("config",),
    "curl": ("transport/net",),
    "libp11.h": ("token",),
    "libxml": ("transport", "transport/base"),
    "mbedtls": ("store/audit",),
    "openssl": ("store", "token", "transport", "transport/base", "transport/net"),
    "p11-kit": ("token",),
    "PCSC": ("token",),
    "seccomp.h": ("appliance/base",),
    "winscard.h": ("token",),
    "zip.h": ("transport/base",),
    "zlib.h": ("transport/base",),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
DECLARATION = re.compile(r"^(?!static|typedef|struct \w+ \{)[A-Za-z_][\w \*]*\b\w+\([^;{]*\)[^;{]*;", re.M | re.S)


def room_of(path):
    """The longest folder that is a room; a sub-folder without rules of its own belongs to the room above it."""
    folder = os.path.dirname(path)
    while folder and folder not in MAY_READ and os.path.dirname(folder) != "transport":
        folder = os.path.dirname(folder)
    return folder


def include_complaints(top, name, text):
    room = room_of(name)
    readable = MAY_READ.get(room, PARTNER_MAY_READ) | {room}
    for kind, target in INCLUDE.findall(text):
        if kind == "<":
            first = target.split("/")[0]
            if first in LIBRARIES and room not in LIBRARIES[first]:
                yield f"{name}: <{target}> belongs to a library that {room} does not link"
            continue
        near = os.path.normpath(os.path.join(os.path.dirname(name), target))
        path = near if os.path.exists(os.path.join(top, near)) else os.path.normpath(target)
        if not os.path.exists(os.path.join(top, path)):
            yield f'{name}: "{target}" is not in the tree'
        elif room_of(path) not in readable:
            yield f'{name}: "{target}" is of {room_of(path)}, which {room} must not know'


def header_complaints(name, text):
    words = os.path.basename(name)
    if not text.startswith(f"/* {words} - "):
        yield f"{name}: does not open with `/* {words} - ` and what it is for"
    guard = text.partition("\n#define ")[2].partition("#endif")[0]
    for paragraph in re.split(r"\n\s*\n", guard):
        code = re.sub(r"/\*.*?\*/", "", paragraph, flags=re.S)
        declared = DECLARATION.search(code)
        # One function that is a whole header is told by the header's first words.
        if declared and "/*" not in paragraph and len(DECLARATION.findall(guard)) > 1:
            yield f"{name}: no words about `{' '.join(declared[0].split())}`"


def complaints(top, name):
    with open(os.path.join(top, name), encoding="utf-8") as f:
        text = f.read()
    found = list(include_complaints(top, name, text))
    return found + list(header_complaints(name, text)) if name.endswith(".h") else found
