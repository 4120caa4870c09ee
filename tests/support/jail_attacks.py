"""What code of an attacker's would try in the jail, in the place where a hostile file would have it run."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import resource
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w1bench_server.sandbox import hdf5_jail_process
from w1bench_server.sandbox.confinement import Account

_LIBC = ctypes.CDLL(None, use_errno=True)
_PTRACE_ATTACH, _PTRACE_DETACH = 16, 17
SIGNAL = 23  # SIGURG: by default nothing comes of it


@dataclass(frozen=True)
class Targets:
    """What is attacked: a file of the data folder, two processes, an address in the parent's memory, and a listening port."""

    ledger: str
    parent: int
    sibling: int
    address: int
    port: int


Attack = Callable[[Targets, int, int], object]
"""Given the targets and the descriptors of the upload and of the copy; returns when it succeeded, raises OSError when it failed."""


def main(attacks: Sequence[str], targets: Mapping[str, Any], layers: Sequence[str], account: Account | None) -> None:
    """Run attacks, one after the other, in a jailed process of the given layers.

    It answers what became of each, as if it refused a file: a JSON object of "succeeded" or the error's name.
    """

    def read(upload: int, copy: int, shapes: Mapping[str, tuple[int, ...]], taken: int) -> dict[str, Any]:
        for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
            with suppress(OSError, ValueError):  # the others are worth more with it
                resource.setrlimit(kind, (1024, 1024))
        return {
            "refusal": json.dumps({name: _outcome(ATTACKS[name], Targets(**targets), upload, copy) for name in attacks})
        }

    hdf5_jail_process.main(account, layers, read)


def _outcome(attack: Attack, targets: Targets, upload: int, copy: int) -> str:
    try:
        attack(targets, upload, copy)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    except ValueError as error:  # what setrlimit makes of EPERM
        return str(error)
    return "succeeded"


def _libc(name: str, *arguments: Any) -> int:
    result = getattr(_LIBC, name)(*arguments)
    if result < 0:
        raise OSError(code := ctypes.get_errno(), os.strerror(code))
    return result


def _on_another(upload: int, copy: int, act: Callable[[int], object]) -> None:
    """Whatever `act` succeeds on first among the descriptors that the jail was not given."""
    for number in range(3, 256):
        if number not in (upload, copy):
            with suppress(OSError):
                return act(number)
    raise OSError(errno.EBADF, "no other descriptor is open")


def _read_memory(pid: int, address: int) -> None:
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
    remote = (ctypes.c_size_t * 2)(address, 8)
    _libc("process_vm_readv", pid, local, 1, remote, 1, 0)


def _read_file(path: str, at: int = 0) -> None:
    file = os.open(path, os.O_RDONLY)
    os.pread(file, 8, at)


def _trace(pid: int) -> None:
    _libc("ptrace", _PTRACE_ATTACH, pid, None, None)
    os.waitpid(pid, 0)
    _libc("ptrace", _PTRACE_DETACH, pid, None, None)


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _connect(port: int) -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", port))


def _signal_by_owner(pid: int) -> None:
    """A signal that the kernel sends for a descriptor: kill() without kill()."""
    fcntl.fcntl(0, fcntl.F_SETOWN, pid)
    fcntl.fcntl(0, 10, SIGNAL)  # F_SETSIG
    fcntl.fcntl(0, fcntl.F_SETFL, os.O_ASYNC)
    fcntl.fcntl(0, fcntl.F_SETFL, 0)


def _move(path: str) -> None:
    Path(path).rename(f"{path}.moved")
    Path(f"{path}.moved").rename(path)


def _limit(pid: int) -> None:
    """As it is, so that nothing comes of it where it succeeds."""
    resource.prlimit(pid, resource.RLIMIT_CORE, resource.prlimit(pid, resource.RLIMIT_CORE))


def _raise_limits() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _map_code() -> None:
    address = _LIBC.mmap(None, 4096, 7, 0x22, -1, 0)
    if address in (-1, 0xFFFFFFFFFFFFFFFF):
        raise OSError(code := ctypes.get_errno(), os.strerror(code))


ATTACKS: dict[str, Attack] = {
    "open the ledger": lambda to, upload, copy: os.open(to.ledger, os.O_RDWR),
    "truncate the ledger": lambda to, upload, copy: os.truncate(to.ledger, 0),
    "move the ledger": lambda to, upload, copy: _move(to.ledger),
    "change the ledger's mode": lambda to, upload, copy: Path(to.ledger).chmod(0o666),
    "unlink the ledger": lambda to, upload, copy: Path(to.ledger).unlink(),
    "truncate an inherited descriptor": lambda to, upload, copy: _on_another(
        upload, copy, lambda n: os.ftruncate(n, 0)
    ),
    "write to an inherited descriptor": lambda to, upload, copy: _on_another(upload, copy, lambda n: os.write(n, b"x")),
    "signal the parent": lambda to, upload, copy: os.kill(to.parent, SIGNAL),
    "signal a sibling": lambda to, upload, copy: os.kill(to.sibling, SIGNAL),
    "signal the parent by a descriptor": lambda to, upload, copy: _signal_by_owner(to.parent),
    "trace a sibling": lambda to, upload, copy: _trace(to.sibling),
    "read the parent's memory": lambda to, upload, copy: _read_memory(to.parent, to.address),
    "read the parent's memory as a file": lambda to, upload, copy: _read_file(f"/proc/{to.parent}/mem", to.address),
    "read the parent's environment": lambda to, upload, copy: _read_file(f"/proc/{to.parent}/environ"),
    "limit the parent": lambda to, upload, copy: _limit(to.parent),
    "connect to a port": lambda to, upload, copy: _connect(to.port),
    "fork": lambda to, upload, copy: _fork(),
    "raise its limits": lambda to, upload, copy: _raise_limits(),
    "write to the upload": lambda to, upload, copy: os.pwrite(upload, b"x", 0),
    "open the upload for writing": lambda to, upload, copy: os.open(f"/proc/self/fd/{upload}", os.O_RDWR),
    "change the upload's mode": lambda to, upload, copy: os.fchmod(upload, 0o777),
    "map memory as code": lambda to, upload, copy: _map_code(),
    "execute a program": lambda to, upload, copy: os.execv("/bin/true", ["true"]),
}
