"""DER by hand: an encoder for what the simulators send, and a strict check of what they get.

check() walks one value and refuses everything that BER allows and DER does not (X.690 section 10 and 11): indefinite
and non-minimal lengths, constructed strings, unsorted SETs, sloppy BOOLEANs and INTEGERs, data after the end.
"""

DEPTH_MAX = 64
STRING_TAGS = {3, 4, 12, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30}


class DerError(ValueError):
    """Not DER: the message says what and at which offset."""


def length_bytes(size):
    if size < 0x80:
        return bytes([size])
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(digits)]) + digits


def tlv(tag, *parts):
    content = b"".join(parts)
    return bytes([tag]) + length_bytes(len(content)) + content


def sequence(*parts):
    return tlv(0x30, *parts)


def set_of(*parts):
    return tlv(0x31, *sorted(parts))


def octets(data):
    return tlv(0x04, data)


def null():
    return b"\x05\x00"


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = bytearray([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        septets = [arc & 0x7F]
        while arc > 0x7F:
            arc >>= 7
            septets.append(0x80 | (arc & 0x7F))
        out.extend(reversed(septets))
    return tlv(0x06, bytes(out))


def indefinite(tag, *parts):
    """BER: constructed, indefinite length."""
    return bytes([tag, 0x80]) + b"".join(parts) + b"\x00\x00"


def ber_octets(data, piece=1000):
    """BER: constructed OCTET STRING of indefinite length."""
    return indefinite(0x24, *(octets(data[at:at + piece]) for at in range(0, len(data), piece)))


def check(data):
    """Raises DerError unless data is exactly one DER value."""
    data = memoryview(data)
    end = walk(data, 0, len(data), 0)
    if end != len(data):
        raise DerError(f"{len(data) - end} bytes after the end")


def header(data, at, end):
    """(tag byte, number, start of the content, end of the content)."""
    if at + 2 > end:
        raise DerError(f"cut short at {at}")
    tag, number, pos = data[at], data[at] & 0x1F, at + 1
    if number == 0x1F:
        raise DerError(f"high tag number at {at}")
    size, pos = data[pos], pos + 1
    if size == 0x80:
        raise DerError(f"indefinite length at {at}")
    if size > 0x80:
        digits = size & 0x7F
        if digits > 8 or pos + digits > end:
            raise DerError(f"length at {at}")
        size = int.from_bytes(data[pos:pos + digits], "big")
        if size < 0x80 or data[pos] == 0:
            raise DerError(f"length not minimal at {at}")
        pos += digits
    if pos + size > end:
        raise DerError(f"value reaches over the end at {at}")
    return tag, number, pos, pos + size


def walk(data, at, end, depth):
    if depth > DEPTH_MAX:
        raise DerError("nested too deep")
    tag, number, start, stop = header(data, at, end)
    universal, constructed = tag & 0xC0 == 0, bool(tag & 0x20)
    if universal:
        check_universal(data, at, number, constructed, start, stop)
    if not constructed:
        return stop
    previous, pos = None, start
    while pos < stop:
        begin = pos
        pos = walk(data, pos, stop, depth + 1)
        if tag == 0x31:
            item = bytes(data[begin:pos])
            if previous is not None and item < previous:
                raise DerError(f"SET not sorted at {begin}")
            previous = item
    return stop


def check_universal(data, at, number, constructed, start, stop):
    if constructed != (number in (16, 17)):
        raise DerError(f"{'constructed' if constructed else 'primitive'} value of tag {number} at {at}")
    if number == 1 and (stop - start != 1 or data[start] not in (0, 0xFF)):
        raise DerError(f"BOOLEAN at {at}")
    if number == 5 and stop != start:
        raise DerError(f"NULL with content at {at}")
    if number == 2:
        if stop == start:
            raise DerError(f"empty INTEGER at {at}")
        if stop - start > 1 and (data[start], data[start + 1] & 0x80) in ((0, 0), (0xFF, 0x80)):
            raise DerError(f"INTEGER not minimal at {at}")
