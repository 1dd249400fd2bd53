"""A checker of C2SP tlog-tiles, written from the specification: reads a folder as a web server would hand it out, and trusts nothing but the checkpoint's root."""

import base64
import hashlib
import os

WIDTH = 256


class Fault(Exception):
    pass


def path(level, number, width):
    """tile/<L>/<N>[.p/<W>], N in groups of three digits, all but the last begin with x."""
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03d}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < WIDTH else "")


def read(folder, name, expected=None):
    try:
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
    except OSError as fault:
        raise Fault(f"{name}: {fault}") from fault
    if expected is not None and len(data) != expected:
        raise Fault(f"{name}: {len(data)} bytes, not {expected}")
    return data


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def level_hashes(folder, level, size):
    """All hashes of a level of tiles for a tree of that size."""
    count, found = size >> (8 * level), []
    for number in range(-(-count // WIDTH)):
        width = min(WIDTH, count - number * WIDTH)
        data = read(folder, path(level, number, width), 32 * width)
        found += [data[at:at + 32] for at in range(0, len(data), 32)]
    return found


def above(hashes):
    """The hash that a full tile has in the level above."""
    while len(hashes) > 1:
        hashes = [node(*hashes[at:at + 2]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def root(hashes):
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(root(hashes[:split]), root(hashes[split:]))


def entries(folder, size):
    found = []
    for number in range(-(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        name = path("entries", number, width)
        data, at = read(folder, name), 0
        for _ in range(width):
            length = int.from_bytes(data[at:at + 2], "big")
            if at + 2 + length > len(data):
                raise Fault(f"{name} is cut short")
            found.append(data[at + 2:at + 2 + length])
            at += 2 + length
        if at != len(data):
            raise Fault(f"{name}: bytes are left over")
    return found


def files(folder):
    """Every path below it."""
    return {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}


def check(folder):
    """(origin, size, entries); Fault when anything does not fit, or when there are files that the tree does not have."""
    lines = read(folder, "checkpoint").decode().split("\n")
    origin, size, told = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    found, expected, level = entries(folder, size), {"checkpoint"}, 0
    expected |= {path("entries", n, min(WIDTH, size - n * WIDTH)) for n in range(-(-size // WIDTH))}
    below = [hashlib.sha256(b"\0" + entry).digest() for entry in found]
    while size >> (8 * level):
        hashes = level_hashes(folder, level, size)
        if hashes != below:
            raise Fault(f"level {level} is not made of what is below it")
        expected |= {path(level, n, min(WIDTH, len(hashes) - n * WIDTH)) for n in range(-(-len(hashes) // WIDTH))}
        if level == 0 and root(hashes) != told:
            raise Fault("the root is not that of the checkpoint")
        below = [above(hashes[at:at + WIDTH]) for at in range(0, len(hashes) - WIDTH + 1, WIDTH)]
        level += 1
    if files(folder) != expected:
        raise Fault(f"files: {sorted(files(folder) ^ expected)[:10]}")
    return origin, size, found
