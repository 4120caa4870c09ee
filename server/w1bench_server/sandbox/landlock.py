"""Landlock: a process takes from itself every right to files, TCP ports, and processes outside (Linux, landlock(7))."""

import ctypes
import os

from w1bench_server.sandbox.syscalls import system_call

# The same numbers on every architecture.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_QUERY_VERSION = 1
# (since version, all rights to files, to TCP ports, and scopes), as in linux/landlock.h.
_RIGHTS = (
    (1, 0x1FFF, 0, 0),
    (2, 0x3FFF, 0, 0),  # moving files between folders
    (3, 0x7FFF, 0, 0),  # truncating
    (4, 0x7FFF, 0b11, 0),  # binding and connecting
    (5, 0xFFFF, 0b11, 0),  # ioctl of devices
    (6, 0xFFFF, 0b11, 0b11),  # abstract Unix sockets and signals
)


def forbid_files_and_signals() -> None:
    """Leave this process no more than the descriptors that it has; from version 6 on it can signal no other process.

    Raises:
        OSError: the kernel has no Landlock.
    """
    version = system_call(_CREATE_RULESET, 0, 0, _QUERY_VERSION)
    rights = max(row for row in _RIGHTS if row[0] <= version)[1:]
    attributes = (ctypes.c_uint64 * len(rights))(*rights)
    # An older kernel knows fewer fields.
    known = ctypes.sizeof(attributes) if version >= 6 else 16 if version >= 4 else 8
    ruleset = system_call(_CREATE_RULESET, ctypes.addressof(attributes), known, 0)
    try:
        system_call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
