"""The seccomp filter of a jailed process: it allows the system calls that reading a file takes; any other ends the process.

What a library may call in good faith (to open, to look for, to duplicate) fails with EACCES instead, so that a file
which asks for another file is refused with a reason.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator

from w1bench_server.sandbox.syscalls import system_call

# Audit architecture, the number of seccomp(2), and the column of the tables below.
_ARCHITECTURES = {"x86_64": (0xC000003E, 317, 0), "aarch64": (0xC00000B7, 277, 1)}
# Numbers on x86_64 and on aarch64, as in asm/unistd_64.h and asm-generic/unistd.h; -1 where there is no such call.
_ALLOWED = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67), "pwrite64": (18, 68),
    "lseek": (8, 62), "close": (3, 57), "fstat": (5, 80),
    "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233), "brk": (12, 214),
    "futex": (202, 98), "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "sysinfo": (99, 179),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94),
    "clock_gettime": (228, 113), "gettimeofday": (96, 169), "time": (201, -1), "getrandom": (318, 278),
    "getpid": (39, 172), "gettid": (186, 178), "getrusage": (98, 165),
    "sendto": (44, 206), "recvfrom": (45, 207), "recvmsg": (47, 212), "getrlimit": (97, 163), "setrlimit": (160, 164),
}  # fmt: skip
_REFUSED = {
    "open": (2, -1), "openat": (257, 56), "openat2": (437, 437), "getdents64": (217, 61), "getcwd": (79, 17),
    "stat": (4, -1), "lstat": (6, -1), "statx": (332, 291), "readlink": (89, -1), "readlinkat": (267, 78),
    "access": (21, -1), "faccessat": (269, 48), "faccessat2": (439, 439), "uname": (63, 160), "prctl": (157, 167),
    "ioctl": (16, 29), "dup": (32, 23), "dup2": (33, -1), "dup3": (292, 24), "pipe": (22, -1), "pipe2": (293, 59),
}  # fmt: skip
_MMAP, _MPROTECT, _NEWFSTATAT, _FCNTL = (9, 222), (10, 226), (262, 79), (72, 25)
_PRLIMIT, _TGKILL = (302, 261), (234, 131)
_PROT_EXEC, _AT_EMPTY_PATH, _F_GETFL = 4, 0x1000, 3

# Classic BPF (linux/filter.h) over struct seccomp_data (linux/seccomp.h): number at 0, architecture at 4, arguments from 16 on.
_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_KILL, _ALLOW, _REFUSE = 0x80000000, 0x7FFF0000, 0x00050000 | errno.EACCES
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
Instruction = tuple[int, int, int, int]  # code, steps to jump where it holds, and where not, operand


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid_system_calls() -> None:
    """Install the filter for all threads of this process and what comes of it; it cannot be removed.

    Raises:
        OSError: the kernel has no seccomp filters, or this is an architecture without a table.
    """
    known = _ARCHITECTURES.get(platform.machine()) if struct.calcsize("P") == 8 else None
    if known is None:
        raise OSError(errno.ENOSYS, f"There is no table of system calls for {platform.machine()}.")
    architecture, seccomp, column = known
    instructions = list(_filter(architecture, column))
    packed = b"".join(struct.pack("HBBI", *each) for each in instructions)
    program = _Program(len(instructions), packed)
    system_call(seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.addressof(program))


def _filter(architecture: int, column: int) -> Iterator[Instruction]:
    yield _load(4)
    yield (_EQUAL, 1, 0, architecture)
    yield _return(_KILL)
    yield _load(0)
    for outcome, calls in ((_ALLOW, _ALLOWED), (_REFUSE, _REFUSED)):
        for numbers in calls.values():
            if numbers[column] >= 0:
                yield from _on(numbers[column], [_return(outcome)])
    for numbers, argument, test, operand, where, else_ in (
        (_MMAP, 2, _ANY_BIT, _PROT_EXEC, _REFUSE, _ALLOW),
        (_MPROTECT, 2, _ANY_BIT, _PROT_EXEC, _REFUSE, _ALLOW),
        (_NEWFSTATAT, 3, _EQUAL, _AT_EMPTY_PATH, _ALLOW, _REFUSE),  # fstat
        (_FCNTL, 1, _GREATER, _F_GETFL, _REFUSE, _ALLOW),  # no owner to be signalled, no duplicate
        (_PRLIMIT, 0, _EQUAL, 0, _ALLOW, _KILL),  # its own limits
        (_TGKILL, 0, _EQUAL, os.getpid(), _ALLOW, _KILL),  # abort()
    ):
        yield from _on(
            numbers[column], [_load(16 + 8 * argument), (test, 0, 1, operand), _return(where), _return(else_)]
        )
    yield _return(_KILL)


def _on(number: int, then: list[Instruction]) -> list[Instruction]:
    """`then`, which returns, for one system call; any other goes on behind it."""
    return [(_EQUAL, 0, len(then), number), *then]


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _return(outcome: int) -> Instruction:
    return (_RETURN, 0, 0, outcome)
