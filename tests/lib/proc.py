"""Looking into running programs as root may: memory, descriptors, packets and system calls in their place."""

import ctypes
import os
import socket
import struct

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


# --- system calls in the place of another process (x86-64; ptrace(2)) ---------------------------------------------------

PTRACE_SINGLESTEP, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, PTRACE_DETACH = 9, 12, 13, 16, 17
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs "
             "gs").split()
SYSCALL_INSTRUCTION = b"\x0f\x05"
SYS_SOCKET, SYS_OPENAT, SYS_GETPID, SYS_CLOSE = 41, 257, 39, 3
AT_FDCWD = -100
RED_ZONE = 4096


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in REGISTERS]


def can_inject():
    return os.uname().machine == "x86_64" and os.geteuid() == 0


def ptrace(request, pid, data=None):
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


def wait_stop(pid):
    """False when the process ended."""
    _, status = os.waitpid(pid, 0x40000000)  # __WALL
    return os.WIFSTOPPED(status)


def in_its_place(pid, calls):
    """Makes a sleeping process do system calls: [(number, *arguments), ...]; an argument may be bytes (a path).
    Returns the kernel's answers (negative: -errno); None from the call on that ended the process."""
    results = []
    ptrace(PTRACE_ATTACH, pid)
    if not wait_stop(pid):
        return [None] * len(calls)
    saved = Registers()
    ptrace(PTRACE_GETREGS, pid, ctypes.addressof(saved))
    with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
        memory.seek(saved.rip - 2)
        if memory.read(2) != SYSCALL_INSTRUCTION:
            ptrace(PTRACE_DETACH, pid)
            raise RuntimeError("the process is not asleep in a system call")
        for number, *arguments in calls:
            place = saved.rsp - RED_ZONE
            registers = Registers.from_buffer_copy(saved)
            registers.rip, registers.rax, registers.orig_rax = saved.rip - 2, number, (1 << 64) - 1
            for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments):
                if isinstance(value, bytes):
                    memory.seek(place)
                    memory.write(value + b"\0")
                    value = place
                setattr(registers, name, value & ((1 << 64) - 1))
            ptrace(PTRACE_SETREGS, pid, ctypes.addressof(registers))
            ptrace(PTRACE_SINGLESTEP, pid)
            if not wait_stop(pid):
                return results + [None] * (len(calls) - len(results))
            ptrace(PTRACE_GETREGS, pid, ctypes.addressof(registers))
            results.append(ctypes.c_longlong(registers.rax).value)
    ptrace(PTRACE_SETREGS, pid, ctypes.addressof(saved))
    ptrace(PTRACE_DETACH, pid)
    return results


def open_call(path, flags=os.O_RDONLY):
    return (SYS_OPENAT, AT_FDCWD, os.fsencode(path), flags | os.O_CLOEXEC, 0o600)


def socket_call(family=socket.AF_INET, kind=socket.SOCK_STREAM):
    return (SYS_SOCKET, int(family), int(kind) | socket.SOCK_CLOEXEC, 0)
