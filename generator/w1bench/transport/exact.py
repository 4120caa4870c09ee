"""W1 by a quadrature in place of rays: of attenuated pictures out of finitely many with normal noise, and of a dilated cube.

The mean of a length is an integral of a Laplace transform: with m = E S,
E sqrt(S) = sqrt(m) - (1/2 sqrt(pi)) int_0^inf (E exp(-t S) - exp(-t m)) t^(-3/2) dt, because that of 1 - exp(-t m) is 2 sqrt(pi m).
With t = exp(v) / m the integrand is analytic for |Im v| < pi/2 and falls off on both sides, so that the trapezoidal rule of step h is
exact to about exp(-pi^2 / h). The residual r of a picture with noise of standard deviation s is noncentral chi distributed:
E exp(-t ||r + s z||^2) = (1 + 2 t s^2)^(-k/2) exp(-t ||r||^2 / (1 + 2 t s^2)) in the k dimensions that S leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from math import erfc, pi, prod, sqrt

import numpy as np

from w1bench.arrays import F64, blocks
from w1bench.sources.images.celeba import CelebA
from w1bench.sources.images.photographs import Patches
from w1bench.sources.pictures import NoisyPictures, PictureTable
from w1bench.sources.source import Source
from w1bench.sources.uniform import UniformCube
from w1bench.transport.families.attenuation import AttenuationMap, DistanceFromSubspace, Origin
from w1bench.transport.patches import residual_squares

_STEP = 0.25  # exp(-pi^2 / h) = 7e-18
_NODES = np.arange(-20, 40, _STEP)  # where the integrand is 1e-13 of its peak, and far less
_KNOTS = 4096  # of the spline through a smooth function of one variable: 1e-12
_DECODED = 256  # pictures at once
_NEGLIGIBLE = 1e-12  # of W1: what redrawing at the cube's wall may change of it


def attenuated_w1(ray_map: AttenuationMap, source: Source) -> float | None:
    """W1 of an attenuation of a cube about the origin, or of finitely many pictures with noise; None of other sources."""
    if isinstance(source, UniformCube) and isinstance(ray_map.potential.subspace, Origin):
        return (1 - ray_map.factor) * mean_radius(source.dim, source.half_width)
    if not isinstance(source, NoisyPictures):
        return None
    squares = _squares(source, ray_map.potential)
    noise = float(np.float32(source.noise))  # as it is multiplied
    if squares is None or wall_effect(source, noise) > _NEGLIGIBLE:
        return None
    rank = prod(source.shape) - ray_map.potential.subspace.rank
    return (1 - ray_map.factor) * float(mean_lengths(squares, rank, noise).mean())


def mean_lengths(squares: F64, rank: int, noise: float) -> F64:
    """E ||r + noise z|| for z normal in `rank` dimensions and each ||r||^2 of `squares` (n,): (n,)."""
    from scipy.interpolate import CubicSpline  # here, because it takes as long to import as all else that a build needs

    mean = squares + rank * noise**2
    ends = np.log(mean.min()) - 1e-9, np.log(mean.max()) + 1e-9
    knots = np.linspace(*ends, _KNOTS)
    ratio = np.concatenate([_ratios(np.exp(part), rank, noise) for part in np.array_split(knots, 64)])
    return np.sqrt(mean) * CubicSpline(knots, ratio)(np.log(mean))


def mean_radius(dim: int, half_width: float) -> float:
    """E ||y|| of a uniform point of the cube [-half_width, half_width]^dim."""
    from scipy.special import erf  # here, for the same reason

    mean = dim / 3.0  # of the square, in half widths

    def excess(t: F64) -> F64:
        """log E exp(-t ||y||^2) + t m, of which E exp(-t y^2) = 1F1(1/2; 3/2; -t) is one coordinate's."""
        series = np.zeros_like(t)
        term = np.ones_like(t)
        small = np.minimum(t, 0.1)
        for n in range(1, 14):
            term = term * -small / n
            series += term / (2 * n + 1)
        large = sqrt(pi) / 2 * erf(np.sqrt(t)) / np.sqrt(t)
        return dim * np.where(t < 0.1, np.log1p(series), np.log(large)) + t * mean

    return half_width * sqrt(mean) * float(_ratio(excess, np.array([[mean]]))[0])


def wall_effect(source: NoisyPictures, noise: float) -> float:
    """At most so much of W1 is changed, relatively, by redrawing points that noise takes outside the cube."""
    dim = prod(source.shape)
    redrawn = dim * erfc((source.half_width - 1) / (noise * sqrt(2)))  # pictures lie in [-1, 1]
    return redrawn * 2 * source.half_width * sqrt(dim) / (noise * sqrt(2 / pi))


def _ratios(mean: F64, rank: int, noise: float) -> F64:
    """E ||r + noise z|| / sqrt(mean) where ||r||^2 + rank noise^2 is `mean` (n,)."""
    square = mean[:, None] - rank * noise**2

    def excess(t: F64) -> F64:
        a = 2 * noise**2 * t
        return rank / 2 * (a - np.log1p(a)) + t * square * a / (1 + a)

    return _ratio(excess, mean[:, None])


def _ratio(excess: Callable[[F64], F64], mean: F64) -> F64:
    """E sqrt(S) / sqrt(E S) from log E exp(-t S) + t E S, for each E S of `mean` (n, 1)."""
    scaled = np.exp(_NODES)
    over = excess(scaled / mean)
    near = np.exp(-scaled) * np.expm1(np.minimum(over, 1.0))
    far = np.exp(np.minimum(over - scaled, 0.0)) - np.exp(-scaled)
    difference = np.where(over < 1.0, near, far)
    return 1 - _STEP / (2 * sqrt(pi)) * (difference * np.exp(-_NODES / 2)).sum(axis=1)


def _squares(source: NoisyPictures, u: DistanceFromSubspace) -> F64 | None:
    """||r||^2 of every picture, each as likely as any other; None where they are not finitely many, or too many."""
    pictures = source.pictures
    if isinstance(pictures, PictureTable):
        table = pictures.table.reshape(len(pictures.table), -1)
        return np.concatenate([np.square(u.residual(table[rows])).sum(axis=1) for rows in blocks(table)])
    if isinstance(pictures, CelebA):
        parts = (pictures.read_all(pictures.names[i : i + _DECODED]) for i in range(0, len(pictures.names), _DECODED))
        return np.concatenate([np.square(u.residual(part.reshape(len(part), -1))).sum(axis=1) for part in parts])
    return residual_squares(pictures, u.subspace) if isinstance(pictures, Patches) else None
