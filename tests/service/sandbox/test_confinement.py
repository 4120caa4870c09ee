"""Code of an attacker's that runs in the jail reaches nothing but its own upload: each attack is tried from inside."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from support.jail_attacks import ATTACKS, SIGNAL, Targets
from w1bench.errors import InputError, SubmissionError
from w1bench_server.sandbox.confinement import LAYERS, account_of
from w1bench_server.sandbox.hdf5_jail import BrokenJailError, Jail, Limits, NoJailError

LIMITS = Limits(memory=2 << 30, cpu_seconds=20, wall_seconds=60, min_free=0)
TESTS = Path(__file__).parents[2]
LEDGER, UPLOAD = b"rows that must stay\n" * 10, b"an upload\n" * 10
ACCOUNT = account_of("nobody")
IN_FORCE = LAYERS if ACCOUNT is not None else LAYERS[1:]
HELD: dict[tuple[str, ...], set[str]] = {  # what each layer withstands where it is the only one
    ("user",): {
        "truncate the ledger", "move the ledger", "unlink the ledger", "change the ledger's mode", "change the upload's mode",
        "signal the parent", "signal a sibling", "limit the parent", "fork",
    },
    ("landlock",): {
        "truncate the ledger", "move the ledger", "unlink the ledger", "signal the parent", "signal a sibling",
        "trace a sibling", "read the parent's memory",
    },
}  # fmt: skip
ALONE_SECCOMP = {"map memory as code", "signal the parent by a descriptor"}
# Between processes of root, one without capabilities has no power over one with them, and may start others without limit.
NEEDS_NO_LAYER = {"trace a sibling", "read the parent's memory"} if ACCOUNT else {"fork"}
FATAL = "execute a program"  # where it succeeds, no answer comes


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[Targets]:
    """What an attack is given to attack."""
    ledger = tmp_path / "w1bench.sqlite"
    ledger.write_bytes(LEDGER)
    ledger.chmod(0o600)
    secret = ctypes.create_string_buffer(b"a secret")
    sibling = subprocess.Popen(["sleep", "60"])
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener, inheritable(ledger):
            port = listener.getsockname()[1]
            yield Targets(str(ledger), os.getpid(), sibling.pid, ctypes.addressof(secret), port)
    finally:
        sibling.kill()
        sibling.wait()


@contextmanager
def inheritable(path: Path) -> Iterator[None]:
    """The file is open in this process, in a descriptor that children inherit unless they are kept from it."""
    with path.open("r+b") as file:
        os.set_inheritable(file.fileno(), True)
        yield


def attacked(attacks: Sequence[str], targets: Targets, folder: Path, layers: Sequence[str]) -> dict[str, str]:
    """What became of attacks in one process: "succeeded", an error's name, or for all of them the signal that ended it."""
    program = (
        f"import sys; sys.path[:0] = [{str(TESTS)!r}, *sys.argv[3:]]\n"
        "from support import jail_attacks\nfrom w1bench_server.sandbox.confinement import Account\n"
        "account = Account(*map(int, sys.argv[1:3])) if sys.argv[1] else None\n"
        f"jail_attacks.main({[*attacks]!r}, {asdict(targets)!r}, {tuple(layers)!r}, account)"
    )
    (folder / "upload").write_bytes(UPLOAD)
    (folder / "upload").chmod(0o600)
    jail = Jail(ACCOUNT, program=program)
    try:
        if missing := set(layers) - set(jail.layers):
            pytest.skip(f"this kernel, or this user, has no {missing}")
        with pytest.raises(SubmissionError) as error, (folder / "upload").open("rb") as upload:  # noqa: SIM117
            with jail.arrays(upload, {"gradient": (2, 2)}, LIMITS):
                pass
    finally:
        jail.close()
    if isinstance(error.value, BrokenJailError):
        return dict.fromkeys(attacks, error.value.cause)
    return json.loads(str(error.value))


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_succeeds(attack: str, targets: Targets, tmp_path: Path) -> None:
    arrived: list[int] = []
    before = signal.signal(SIGNAL, lambda number, frame: arrived.append(number))
    try:
        outcome = attacked([attack], targets, tmp_path, IN_FORCE)[attack]
    finally:
        signal.signal(SIGNAL, before)
    assert outcome in {"SIGSYS", "EACCES", "EBADF", "EPERM", "EMFILE", "not allowed to raise maximum limit"}
    assert arrived == []
    assert {path.name for path in tmp_path.iterdir()} == {"w1bench.sqlite", "upload"}
    assert Path(targets.ledger).read_bytes() == LEDGER
    assert (tmp_path / "upload").read_bytes() == UPLOAD
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("layers", HELD, ids=" ".join)
def test_each_layer_alone_holds(layers: tuple[str, ...], targets: Targets, tmp_path: Path) -> None:
    outcomes = attacked(sorted(HELD[layers]), targets, tmp_path, layers)
    assert {name for name, outcome in outcomes.items() if outcome == "succeeded"} == set()


def test_without_layers_the_attacks_succeed(targets: Targets, tmp_path: Path) -> None:
    possible = [name for name in ATTACKS if name in ALONE_SECCOMP.union(*HELD.values()) - NEEDS_NO_LAYER]
    assert attacked(possible, targets, tmp_path, ()) == dict.fromkeys(possible, "succeeded")
    assert not Path(targets.ledger).exists()
    assert attacked([FATAL], targets, tmp_path, ()) == {FATAL: "exit"}


def test_the_kernel_says_the_same_of_the_process_that_waits() -> None:
    jail = Jail(ACCOUNT)
    try:
        assert jail.layers == IN_FORCE
        folder = Path("/proc") / str(jail._next._process.pid)
        status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines())
        assert (status["NoNewPrivs"], status["Seccomp"], int(status["CapPrm"], 16)) == ("1", "2", 0)
        uid, gid = (ACCOUNT.uid, ACCOUNT.gid) if ACCOUNT else (os.getuid(), os.getgid())
        assert {*map(int, status["Uid"].split())} == {uid}  # real, effective, saved, and of the file system
        assert {*map(int, status["Gid"].split())} == {gid}
        assert ACCOUNT is None or status["Groups"].strip() == ""
        assert (folder / "environ").stat().st_uid == 0  # closed to others of its user
    finally:
        jail.close()


def test_a_layer_that_is_required_and_missing_keeps_every_file_out(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(UPLOAD)
    jail = Jail(None, required=["user", "seccomp"])  # without an account to become
    with (tmp_path / "upload").open("rb") as upload, pytest.raises(NoJailError, match="not confined by user,"):  # noqa: SIM117
        with jail.arrays(upload, {"gradient": (2, 2)}, LIMITS):
            pass
    jail.close()


@pytest.mark.skipif(ACCOUNT is None, reason="only root has a choice")
def test_the_account_is_one_without_rights() -> None:
    assert account_of(str(ACCOUNT.uid)) == ACCOUNT
    for wrong in ("no-such-user", "root", "0", "4294967294", "9" * 30):
        with pytest.raises(InputError, match="W1BENCH_JAIL_USER"):
            account_of(wrong)
