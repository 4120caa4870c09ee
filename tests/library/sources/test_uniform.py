"""The uniform distributions on the cube and on the ball."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, kstest

from w1bench.sources.uniform import UniformBall, UniformCube


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_the_cube_is_filled_uniformly() -> None:
    x = UniformCube(3, 2.5).draw(rng(), 20_000)
    assert all(kstest(column / 5 + 0.5, "uniform").pvalue > 1e-6 for column in x.T)


@pytest.mark.parametrize("dim", [1, 2, 16])
def test_the_ball_is_filled_uniformly(dim: int) -> None:
    x = UniformBall(dim, 10.0).draw(rng(), 20_000)
    assert kstest(np.linalg.norm(x, axis=1) / 10, beta(dim, 1).cdf).pvalue > 1e-6
    assert np.abs(x.mean(axis=0)).max() < 0.3
