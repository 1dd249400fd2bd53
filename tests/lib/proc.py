"""Looking into running programs as root does: memory, descriptors, system calls made in their place (gdb)."""

import ctypes
import os
import re
import socket
import struct
import subprocess

SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 434, 438
HEADER = struct.Struct("<4sHHQQ")
CHUNK = 4 << 20
libc = ctypes.CDLL(None, use_errno=True)


def steal_fd(pid, number):
    """A descriptor of another process as one of ours (pidfd_getfd(2))."""
    handle = libc.syscall(SYS_PIDFD_OPEN, pid, 0)
    if handle < 0:
        raise OSError(ctypes.get_errno(), "pidfd_open")
    try:
        got = libc.syscall(SYS_PIDFD_GETFD, handle, number, 0)
        if got < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return got
    finally:
        os.close(handle)


def packet_sockets(pid):
    """Numbers of the SOCK_SEQPACKET sockets that a process has open."""
    found = []
    for name in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        try:
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
        except FileNotFoundError:
            continue
        with socket.socket(fileno=steal_fd(pid, int(name))) as link:
            if link.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_SEQPACKET and \
                    not link.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found.append(int(name))
    return found


def send_as(pid, number, packet):
    """Sends a packet as if that process had."""
    with socket.socket(fileno=steal_fd(pid, number)) as link:
        link.send(packet, socket.MSG_DONTWAIT)


def message(kind, number=0, fields=()):
    """A packet of the control plane (appliance/wire/wire.h). fields: (tag, bytes)."""
    body = b"".join(struct.pack("<HI", tag, len(value)) + value for tag, value in fields)
    return HEADER.pack(b"PDW\x01", kind, len(fields), number, (1 << 64) - 1) + body


def memory_holds(pid, needle):
    """True when the bytes stand anywhere in the memory of the process that it can write, or has mapped from anonymous files."""
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
        areas = [line.split() for line in f]
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for area in areas:
            start, end = (int(x, 16) for x in area[0].split("-"))
            name = area[5] if len(area) > 5 else ""
            if "r" not in area[1] or name in ("[vvar]", "[vsyscall]", "[vdso]") or (name.startswith("/") and "w" not in area[1]
                                                                                  and "memfd" not in name):
                continue
            tail = b""
            for at in range(start, end, CHUNK):
                try:
                    memory.seek(at)
                    data = memory.read(min(CHUNK, end - at))
                except (OSError, ValueError):
                    break
                if needle in tail + data:
                    return True
                tail = data[-len(needle):]
    return False


def call(pid, *expressions):
    """Makes a process call functions of libc (through gdb). [(result, errno) or None when the call ended the process, ...]"""
    command = ["gdb", "-batch", "-nx", "-q", "-p", str(pid), "-ex", "set confirm off", "-ex", "set unwindonsignal on"]
    for expression in expressions:
        command += ["-ex", "set var *((int*(*)(void))__errno_location)() = 0", "-ex", f'printf "@ %ld ", (long){expression}', "-ex",
                    'printf "%d\\n", *((int*(*)(void))__errno_location)()']
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    output = done.stdout.decode("utf-8", "replace")
    results = [(int(a), int(b)) for a, b in re.findall(r"@ (-?\d+) (\d+)", output)]
    results += [None] * (len(expressions) - len(results))
    return results, output + done.stderr.decode("utf-8", "replace")


def open_call(path, flags=os.O_RDONLY):
    return f'((int(*)(int,const char*,int,int))openat)(-100, "{path}", {flags}, 384)'


def socket_call(family=socket.AF_INET, kind=socket.SOCK_STREAM):
    return f"((int(*)(int,int,int))socket)({int(family)}, {int(kind)}, 0)"
