"""Linux system calls that Python has no function for."""

import ctypes
import os

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522  # linux/capability.h: effective, permitted and inheritable, 32 bits of each, twice


def system_call(number: int, *arguments: int) -> int:
    """The result of a system call.

    Raises:
        OSError: the kernel refused it, or does not have it.
    """
    return _checked(_LIBC.syscall(ctypes.c_long(number), *map(ctypes.c_ulong, arguments)))


def prctl(option: int, *arguments: int) -> None:
    """Change a property of this process; raises as `system_call`."""
    _checked(_LIBC.prctl(ctypes.c_int(option), *map(ctypes.c_ulong, (*arguments, 0, 0, 0, 0)[:4])))


def make_unreadable() -> None:
    """Close this process's memory, environment and descriptors to other processes of its user; it leaves no core dump."""
    prctl(_PR_SET_DUMPABLE, 0)


def give_up_new_privileges() -> None:
    """Make sure that no program that this process starts has more rights than the process itself."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def has_capabilities(*numbers: int) -> bool:
    """Whether this process may use all of these capabilities, numbered as in linux/capability.h."""
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    _checked(_LIBC.capget(header, sets))
    return all(sets[0] >> number & 1 for number in numbers)


def drop_capabilities() -> None:
    """Take every capability from this process; what remains to root is the ownership of root's files."""
    _checked(_LIBC.capset((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(code := ctypes.get_errno(), os.strerror(code))
    return result
