"""Confinement: the layers that keep a jailed process from everything but the descriptors it was given.

Which of them are in force depends on the kernel, and on whether the service was started as root. What needs neither is
always done: the process has no capability and cannot gain any, and others of its user cannot read its memory.
"""

import os
import pwd
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from w1bench.errors import InputError
from w1bench_server.sandbox.landlock import forbid_files_and_signals
from w1bench_server.sandbox.seccomp import forbid_system_calls
from w1bench_server.sandbox.syscalls import drop_capabilities, give_up_new_privileges, has_capabilities, make_unreadable

LAYERS = ("user", "landlock", "seccomp")
_KILL, _SETGID, _SETUID = 5, 6, 7  # whoever starts a process of another user must be able to end it


@dataclass(frozen=True)
class Account:
    """The user and group that a jailed process belongs to."""

    uid: int
    gid: int


def account_of(name: str) -> Account | None:
    """The account of a user's name or number, for jailed processes; None where this process is not root and has no choice.

    Raises:
        InputError: there is no such user, or it is root.
    """
    if os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        raise InputError(f"There is no user {name!r}; give W1BENCH_JAIL_USER the name of one without rights.") from None
    if user.pw_uid == 0:
        raise InputError(f"{name!r} is root; give W1BENCH_JAIL_USER the name of a user without rights.")
    return Account(user.pw_uid, user.pw_gid)


def confine(account: Account | None, layers: Sequence[str] = LAYERS) -> list[str]:
    """Confine this process, which has one thread, for good; returns which of `layers` are in force."""
    give_up_new_privileges()
    in_force: list[str] = []
    if "user" in layers and account is not None and has_capabilities(_KILL, _SETGID, _SETUID):
        with suppress(OSError):  # a user namespace may not have the account
            _become(account)
            in_force.append("user")
    drop_capabilities()
    make_unreadable()
    for name, forbid in (("landlock", forbid_files_and_signals), ("seccomp", forbid_system_calls)):
        if name in layers:
            with suppress(OSError):  # the kernel lacks it
                forbid()
                in_force.append(name)
    return in_force


def _become(account: Account) -> None:
    os.setgroups([])
    os.setresgid(account.gid, account.gid, account.gid)
    os.setresuid(account.uid, account.uid, account.uid)
