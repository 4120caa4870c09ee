"""Congested transport where its optimum is known: closed forms, primal and dual, and what a critic at the optimum shows of itself."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np
import pytest
from numpy.typing import NDArray

from w1bench.diagnostics.congestion import congestion, debiased_w1
from w1bench.diagnostics.optimum import Optimum, ball_pair, line, point_masses
from w1bench.diagnostics.plane import congestion_map, disagreement, transport_density

F64 = NDArray[np.float64]
LAM, RADIUS, SAMPLES = 20.0, 10.0, 2_000_000
WEIGHT = LAM / 2
# (W1, raw) of GP and LP on the four image pairs of Korotin, Kolesov, Burnaev (NeurIPS 2022): metrics/ of their repository.
PUBLISHED = (
    (58.378, 214.131), (58.378, 215.234), (29.782, 64.389), (29.782, 66.019),
    (29.657, 66.248), (29.657, 66.793), (18.824, 36.163), (18.824, 36.754),
)  # fmt: skip


def radii(dim: int, power: float, count: int, seed: int = 0) -> tuple[F64, F64, F64]:
    """||x||, ||y|| and ||z|| of independent draws of a ball pair: two coordinates of random directions have the angle's law."""
    rng = np.random.default_rng(seed)
    x, y, t = rng.random((3, count))
    x, y = RADIUS * (0 * x if np.isinf(power) else x ** (power / dim)), RADIUS * y ** (1 / dim)
    if dim == 1:
        cosine = rng.choice([-1.0, 1.0], count)
    else:
        normal = rng.standard_normal(count)
        cosine = normal / np.sqrt(normal**2 + rng.chisquare(dim - 1, count))
    z = np.sqrt(np.maximum((1 - t) ** 2 * x**2 + t**2 * y**2 + 2 * t * (1 - t) * x * y * cosine, 0))
    return x, y, z


def vectors(dim: int, count: int, seed: int = 1) -> tuple[F64, F64, F64]:
    """x, y and z of the pair with power 8 in the ball."""
    rng = np.random.default_rng(seed)
    y, other = rng.standard_normal((2, count, dim))
    y, other = (
        points / np.linalg.norm(points, axis=1, keepdims=True) * RADIUS * rng.random((count, 1)) ** (1 / dim)
        for points in (y, other)
    )
    x = other * (np.linalg.norm(other, axis=1, keepdims=True) / RADIUS) ** 7
    t = rng.random((count, 1))
    partner = rng.permutation(count)
    return x, y, (1 - t) * x + t * y[partner]


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (lambda: point_masses(6.0, LAM), (6.0, 6.9, 7.8)),
        (lambda: line(lambda q: q, lambda q: q + 2, LAM), (2.0, 2.1004, 2.2009)),
        (lambda: line(lambda q: q, lambda q: q + 10, LAM), (10.0, 12.5005, 15.0010)),
        (lambda: ball_pair(2, inf, RADIUS, LAM), (20 / 3, 7.8125, 8.958333)),
        (lambda: ball_pair(2, 8, RADIUS, LAM), (14 / 3, 5.2220, 5.7772)),
        (lambda: ball_pair(3, 8, RADIUS, LAM), (4.772727, 5.3473, 5.9219)),
    ],
    ids=["points", "line 2", "line 10", "disc to centre", "disc", "ball"],
)
def test_closed_forms(found: Callable[[], Optimum], known: tuple[float, float, float]) -> None:
    optimum = found()
    assert (optimum.w1, optimum.cost, optimum.raw) == pytest.approx(known, rel=1e-3)


def test_the_slope_of_the_disc_is_the_closed_form() -> None:
    optimum = ball_pair(2, inf, RADIUS, LAM)
    r = np.linspace(0, RADIUS, 50)
    assert optimum.slope_at(r) == pytest.approx(1 + (RADIUS + r) / (2 * LAM), abs=2e-3)


@pytest.mark.parametrize("power", [8.0, inf])
@pytest.mark.parametrize("dim", [1, 2, 3, 16, 128])
def test_primal_and_dual_of_samples_meet_at_the_analytic_critic(dim: int, power: float) -> None:
    optimum = ball_pair(dim, power, RADIUS, LAM)
    x, y, z = radii(dim, power, SAMPLES)
    e = optimum.slope_at(z) - 1
    raw = (optimum.height_at(y) - optimum.height_at(x)).mean()
    primal, dual = LAM * (e + e**2 / 2).mean(), raw - LAM / 2 * (e**2).mean()
    assert primal == pytest.approx(optimum.cost, rel=2e-3)
    assert dual == pytest.approx(optimum.cost, rel=2e-3)
    assert raw == pytest.approx(optimum.raw, rel=2e-3)
    assert LAM * e.mean() == pytest.approx(optimum.w1, rel=2e-3)
    assert abs(raw - LAM * (e * (1 + e)).mean()) / raw < 2e-3
    other = optimum.slope_at(z) * 1.1 - 1  # a critic of another size pays more than it gains
    assert 1.1 * raw - LAM / 2 * (other**2).mean() < dual


@pytest.mark.parametrize("dim", [2, 3, 16])
def test_the_analytic_critic_is_found_congested_and_others_are_not(dim: int) -> None:
    optimum = ball_pair(dim, 8, RADIUS, LAM)
    x, y, z = vectors(dim, SAMPLES // dim)
    lengths = [np.linalg.norm(points, axis=1) for points in (x, y, z)]
    outward = z / np.maximum(lengths[2], 1e-300)[:, None]
    given = {"probe": z, "inputs": x, "targets": y}
    values = -optimum.height_at(lengths[0]), -optimum.height_at(lengths[1])
    gradient = -optimum.slope_at(lengths[2])[:, None] * outward
    found = congestion(WEIGHT, values=values, probe_gradient=gradient, **given)
    assert found.is_congested
    assert abs(found.stationarity.value) / found.raw < 1e-3 + 3 * found.stationarity.stderr / found.raw
    for residual in (found.mean, found.square):
        assert abs(residual.value) / residual.scale < 5e-3
    assert found.dual_value == pytest.approx(found.flow_cost, rel=3e-3)
    assert found.gradient_w1 == pytest.approx(optimum.w1, rel=3e-3)
    assert not congestion(WEIGHT / 2, values=values, probe_gradient=gradient, **given).is_congested
    flipped = congestion(WEIGHT, values=(-values[0], -values[1]), probe_gradient=-gradient, **given)
    truth = congestion(WEIGHT, values=(-lengths[0], -lengths[1]), probe_gradient=-outward, **given)
    assert not flipped.is_congested
    assert not truth.is_congested
    assert truth.gradient_w1 == pytest.approx(0, abs=1e-12)


def test_the_residuals_of_the_disc_are_within_their_bounds_at_two_million_samples() -> None:
    optimum = ball_pair(2, 8, RADIUS, LAM)
    x, y, z = vectors(2, SAMPLES, seed=3)
    lengths = [np.linalg.norm(points, axis=1) for points in (x, y, z)]
    gradient = -(optimum.slope_at(lengths[2]) / lengths[2])[:, None] * z
    values = -optimum.height_at(lengths[0]), -optimum.height_at(lengths[1])
    found = congestion(WEIGHT, values=values, probe=z, probe_gradient=gradient, inputs=x, targets=y)
    assert abs(found.stationarity.value) / found.raw < 1e-3
    assert max(abs(r.value) / r.scale for r in (found.mean, found.square)) < 5e-3


@pytest.mark.parametrize(("w1", "raw"), PUBLISHED)
def test_the_published_values_of_gradient_penalties_on_pictures_are_explained(w1: float, raw: float) -> None:
    assert 0.92 < raw / w1 - 1 < 2.7
    assert abs(debiased_w1(raw, 20.0) / w1 - 1) <= 0.09


@pytest.mark.parametrize("distance", [0.1, 3.0, 50.0])
def test_debiased_values_of_point_masses_are_their_distance(distance: float) -> None:
    assert debiased_w1(point_masses(distance, LAM).raw, LAM) == pytest.approx(distance)


def test_the_congestion_map_is_the_transport_density_in_the_plane() -> None:
    """At the optimum lam e sigma is the flow, which in a ball pair is optimal transport's own."""
    optimum = ball_pair(2, 8, RADIUS, LAM)
    x, _, z = vectors(2, 500_000)
    r = np.linalg.norm(z, axis=1)
    gradient = -(optimum.slope_at(r) / r)[:, None] * z
    far = np.linalg.norm(x, axis=1, keepdims=True)
    partners = x * (far / RADIUS) ** (1 / 8 - 1)
    found = congestion_map(z, gradient, LAM, RADIUS, 20)
    true = transport_density(x, partners, RADIUS, 20)
    assert true.sum() == pytest.approx(optimum.w1, rel=5e-3)
    assert found.sum() == pytest.approx(optimum.w1, rel=5e-3)
    assert disagreement(found, true) < 0.02
    assert disagreement(congestion_map(z, gradient[:, ::-1] * 0.5, LAM, RADIUS, 20), true) == 1.0
    elsewhere = congestion_map(z, gradient * (1 + (z[:, :1] > 0)), LAM, RADIUS, 20)
    assert disagreement(elsewhere, true) > 0.2
    middle = np.linspace(-RADIUS, RADIUS, 21)[:-1] + RADIUS / 20
    cell = np.hypot(*np.meshgrid(middle, middle))
    flux = (cell / RADIUS) ** (2 / 8) - (cell / RADIUS) ** 2
    inside = (cell > 2.5) & (cell < 8.5)
    assert true[inside] == pytest.approx((flux / (2 * np.pi * cell))[inside], rel=0.08)
