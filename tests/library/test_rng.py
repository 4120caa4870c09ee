"""Streams: every tile is its own, and nothing else decides what it draws."""

from __future__ import annotations

import numpy as np
import pytest

from w1bench.rng import stream, tile_rows


def test_a_tile_is_a_function_of_seed_purpose_and_index() -> None:
    first = stream(7, "test.input", 3).random(8)
    np.testing.assert_array_equal(stream(7, "test.input", 3).random(8), first)
    for other in (stream(8, "test.input", 3), stream(7, "test.target", 3), stream(7, "test.input", 4)):
        assert not np.isin(other.random(8), first).any()


def test_streams_of_one_purpose_do_not_meet() -> None:
    """A tile may draw 2^128 blocks before it reaches the next tile's."""
    long = stream(1, "a", 0).random(1 << 20)
    assert not np.isin(stream(1, "a", 1).random(1000), long).any()


@pytest.mark.parametrize(("dim", "rows"), [(1, 1024), (128, 1024), (1025, 512), (3072, 256), (12288, 64), (10**6, 64)])
def test_rows_of_a_tile(dim: int, rows: int) -> None:
    assert tile_rows(dim) == rows
