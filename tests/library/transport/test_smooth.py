"""Distances from ellipsoids where they are hard: inside, on the surface, far away, and on thin axes."""

from __future__ import annotations

import numpy as np
import pytest

from support.potentials import exact_distance
from w1bench.errors import SourceError
from w1bench.transport.families.smooth import DistanceFromEllipsoid, EllipsoidMap

AXES = np.array([1e-3, 1.0, 1e3])


def test_hard_distances_agree_with_fifty_digits() -> None:
    points = np.array(
        [[0.0, 0.0, 1e3 + 1e-6], [1e-3 + 1e-9, 0.0, 0.0], [5.0, 0.0, 0.0], [1e6, -1e6, 1e6], [1e-9, 2.0, -7.0]]
    )
    exact = [exact_distance(point, AXES) for point in points]
    np.testing.assert_allclose(DistanceFromEllipsoid(AXES).value(points), exact, rtol=1e-9, atol=1e-12)


def test_the_distance_is_0_inside_where_no_ray_passes() -> None:
    inside = np.array([[0.0, 0.0, 0.0], [5e-4, 0.5, 100.0]])
    np.testing.assert_array_equal(DistanceFromEllipsoid(AXES).value(inside), 0)
    with pytest.raises(
        SourceError, match="Target 0 lies inside the ellipsoid, where no ray passes; draw targets outside"
    ):
        EllipsoidMap(DistanceFromEllipsoid(AXES), 1.0, 0.5).move(inside)


def test_axes_may_come_in_either_order() -> None:
    points = 2e3 * np.random.default_rng(0).standard_normal((50, 3))
    there, back = DistanceFromEllipsoid(AXES), DistanceFromEllipsoid(AXES[::-1].copy())
    np.testing.assert_allclose(back.value(points[:, ::-1].copy()), there.value(points), rtol=1e-13)
