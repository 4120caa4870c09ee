""".npy headers: what numpy and its relatives write is read, anything else is refused, and nothing is evaluated."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from w1bench.errors import SubmissionError
from w1bench.scoring import submission_npy as npy

SOUND = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"
ROWS = np.arange(6, dtype="<f4").reshape(3, 2)


def write(path: Path, header: bytes, version: int = 1, data: bytes = ROWS.tobytes()) -> Path:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    path.write_bytes(npy.MAGIC + bytes([version, 0]) + length + header + data)
    return path


def read(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        return npy.mapped(file, "gradient")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "header",
    [
        SOUND,
        SOUND.ljust(117) + "\n",
        "{'shape': (3, 2), 'fortran_order': False, 'descr': '<f4'}",
        "{'descr':'<f4','fortran_order':False,'shape':(3,2)}",
    ],
)
def test_headers_as_libraries_write_them_are_read(header: str, version: int, tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(write(tmp_path / "x", header.encode(), version)), ROWS, strict=True)


def test_what_numpy_writes_is_mapped_not_loaded(tmp_path: Path) -> None:
    for array in (ROWS, ROWS.astype("<f2"), ROWS.astype("<f8"), ROWS.ravel(), ROWS[:, :, None]):
        np.save(tmp_path / "x.npy", array)
        found = read(tmp_path / "x.npy")
        assert isinstance(found, np.memmap)
        np.testing.assert_array_equal(np.asarray(found), array, strict=True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "{}",
        SOUND + "x",
        "x" + SOUND,
        SOUND[:-1],
        SOUND.replace("(3, 2)", "(3, 2"),
        SOUND.replace("(3, 2)", "(3, 2*1)"),
        SOUND.replace("(3, 2)", "(3, -2)"),
        SOUND.replace("(3, 2)", "(3 2)"),
        SOUND.replace("(3, 2)", "(3,, 2)"),
        SOUND.replace("(3, 2)", "(,)"),
        SOUND.replace("(3, 2)", "(" + "1, " * 33 + ")"),
        SOUND.replace("'<f4'", "[('a', '<f4')]"),
        SOUND.replace("'<f4'", "('<f4', (2,))"),
        SOUND.replace("False", "0"),
        SOUND.replace(" 'fortran_order': False,", ""),
        SOUND.ljust(4097),
    ],
)
def test_other_headers_are_refused(header: str, tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"no sound .npy header"):
        read(write(tmp_path / "x", header.encode()))


@given(st.binary(max_size=300), st.sampled_from([0, 6, 8, 10]), st.booleans())
def test_no_bytes_do_more_than_be_refused(content: bytes, kept: int, closed: bool) -> None:
    stream = io.BytesIO()
    np.save(stream, ROWS)
    body = stream.getvalue()[:kept] + content + (b"}" if closed else b"")
    with io.BytesIO(body) as file:
        header = npy._header(file)
    assert header is None or len(header) == 3
