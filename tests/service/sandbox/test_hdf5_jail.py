"""The jail hands over the arrays as they are, and whatever ends its process is the file's fault alone."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from w1bench.errors import SubmissionError
from w1bench.scoring.submission_hdf5 import LARGEST_CHUNK
from w1bench_server.sandbox import hdf5_jail_process as jailed
from w1bench_server.sandbox.hdf5_jail import BrokenJailError, Jail, Limits, NoJailError, NoRoomError

SHAPES = {"gradient": (1500, 2), "input_potential": (1500,)}
LIMITS = Limits(memory=2 << 30, cpu_seconds=20, wall_seconds=60, min_free=0)


@pytest.fixture
def jail() -> Iterator[Jail]:
    """A jail; its last process is gone afterwards."""
    before = set(psutil.Process().children())
    yield (jail := Jail())
    del jail
    for process in set(psutil.Process().children()) - before:
        process.kill()
        process.wait(10)


@pytest.fixture
def gradient() -> NDArray[Any]:
    return np.random.default_rng(0).standard_normal(SHAPES["gradient"])


def read(jail: Jail, path: Path, limits: Limits = LIMITS) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file, jail.arrays(file, SHAPES, limits) as arrays:
        return {name: array.copy() for name, array in arrays.items()}


LAYOUTS: dict[str, dict[str, Any]] = {
    "contiguous": {},
    "chunked": {"chunks": (100, 1)},
    "tall chunks": {"chunks": (1500, 1)},
    "compressed": {"chunks": (700, 2), "compression": "gzip", "shuffle": True, "fletcher32": True},
    "growing": {"chunks": (1000, 4), "maxshape": (None, None)},
}


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_arrays_come_as_they_are(jail: Jail, tmp_path: Path, gradient: NDArray[Any], dtype: str) -> None:
    values, potential = gradient.astype(dtype), np.arange(1500.0)
    for layout in LAYOUTS.values():
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file.create_dataset("gradient", data=values, **layout)
            file["input_potential"] = potential
        found = read(jail, tmp_path / "x.h5")
        assert set(found) == set(SHAPES)
        np.testing.assert_array_equal(found["gradient"], values, strict=True)
        np.testing.assert_array_equal(found["input_potential"], potential, strict=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


@pytest.mark.parametrize("band", [1, 1 << 12, 1 << 14, 1 << 20])
def test_bands_cover_every_row_once(
    tmp_path: Path, gradient: NDArray[Any], band: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jailed, "_BAND_BYTES", band)
    monkeypatch.setattr(jailed, "_TALL_BAND_BYTES", 2 * band)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file, (tmp_path / "copy").open("w+b") as copy:
        for layout in LAYOUTS.values():
            dataset = file.create_dataset(f"{len(file)}", data=gradient, **layout)
            assert jailed._copy(dataset, copy.fileno(), 8) == 8 + gradient.nbytes
            copy.seek(8)
            assert copy.read() == gradient.tobytes()


def test_a_process_waits_and_a_dead_one_is_replaced(jail: Jail, tmp_path: Path, gradient: NDArray[Any]) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["gradient"] = gradient
    seen: set[int] = set()
    for _ in range(3):
        waiting = jail._next._process
        seen.add(waiting.pid)
        waiting.kill()
        waiting.wait()
        np.testing.assert_array_equal(read(jail, tmp_path / "x.h5")["gradient"], gradient)
    assert len(seen) == 3


def test_time_and_signals_are_causes(jail: Jail, tmp_path: Path) -> None:
    path, shape = tmp_path / "long.h5", (1 << 21, 1 << 9)
    packed = zlib.compress(bytes(LARGEST_CHUNK), 1)
    with h5py.File(path, "w") as file:  # 8 GB to unpack
        dataset = file.create_dataset("gradient", shape, "f8", chunks=(1 << 11, 1 << 9), compression="gzip")
        for row in range(0, shape[0], 1 << 11):
            dataset.id.write_direct_chunk((row, 0), packed)
    limits = replace(LIMITS, cpu_seconds=1)
    with path.open("rb") as file:
        for told, causes in ((limits, {"SIGXCPU", "SIGKILL"}), (replace(LIMITS, wall_seconds=0.01), {"time"})):
            with pytest.raises(BrokenJailError, match="died or took too long") as error:  # noqa: SIM117
                with jail.arrays(file, {"gradient": shape}, told):
                    pass
            assert error.value.cause in causes


def test_a_chunk_that_unpacks_to_more_than_it_says_is_refused(jail: Jail, tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("gradient", SHAPES["gradient"], "f8", chunks=(10, 2), compression="gzip")
        dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(1 << 28), 1))
    with pytest.raises(SubmissionError, match="cannot be read"):
        read(jail, path)


def test_memory_is_bounded(jail: Jail, tmp_path: Path, gradient: NDArray[Any]) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("gradient", data=gradient, chunks=(10, 2))
    with pytest.raises(SubmissionError):
        read(jail, tmp_path / "x.h5", replace(LIMITS, memory=1 << 20))


@pytest.mark.parametrize("chunk", [(8192, 256), (690_000, 3), (20, 256)])
def test_what_is_legal_has_memory_enough(jail: Jail, tmp_path: Path, chunk: tuple[int, int]) -> None:
    """The largest chunks, tall ones and small ones, of incompressible and of constant values."""
    values = np.random.default_rng(0).standard_normal((50_000, 256), np.float32)  # 51 MB
    values[:25_000] = 0
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset(
            "gradient", data=values, chunks=chunk, maxshape=(None, None), compression="gzip", compression_opts=1
        )
    with (tmp_path / "x.h5").open("rb") as file, jail.arrays(file, {"gradient": values.shape}, LIMITS) as arrays:
        np.testing.assert_array_equal(arrays["gradient"], values)


def test_a_full_disk_is_not_the_files_fault(jail: Jail, tmp_path: Path, gradient: NDArray[Any]) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["gradient"] = gradient
    with pytest.raises(NoRoomError):
        read(jail, tmp_path / "x.h5", replace(LIMITS, min_free=10**18))


_PROGRAM = "import socket; s = socket.socket(fileno=0); s.sendall(b'\\n'); s.recv(9999); s.sendall({!r})"


@pytest.mark.parametrize("answer", [b"", b"{", b'{"arrays": {"gradient": 1}}', b'{"refusal": 1}', b"\xff" * 100])
def test_what_is_no_answer_is_not_believed(answer: bytes) -> None:
    check_answer(_PROGRAM.format(answer))


def test_an_array_beyond_the_end_is_not_believed() -> None:
    answer = b'{"arrays": {"gradient": {"dtype": "<f8", "copied": false, "offset": 1000000}}}'
    check_answer(_PROGRAM.format(answer))


def check_answer(program: str) -> None:
    """That another program in the jail's place is no more than a broken one."""
    jail = Jail(program=program)
    with pytest.raises(BrokenJailError) as error:
        read(jail, Path(__file__))
    assert error.value.cause == "exit"
    jail.close()


@pytest.mark.parametrize("program", ["import nothing_of_this_name", "import os; os.kill(os.getpid(), 9)", "pass"])
def test_a_process_that_does_not_start_is_not_the_file_s_fault(program: str) -> None:
    jail = Jail(program=program)
    with pytest.raises(NoJailError, match="did not start"):
        read(jail, Path(__file__))
    jail.close()
