"""The potentials of all families by other formulas than the library's: dense projectors, plain differences, bisection, 50 digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import mpmath
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from w1bench.recipes.families import Attenuation
from w1bench.recipes.recipe import Recipe

F64 = NDArray[np.float64]
_DIGITS = 50


def potential_of(recipe: Recipe, shape: tuple[int, ...], truth: Mapping[str, F64]) -> Callable[[F64], F64]:
    """u of points (n, D), from the arrays of a pair of points of `shape`."""
    if recipe.spike:
        frame, core = truth["frame"], potential_of(recipe.model_copy(update={"spike": None}), shape, truth)
        return lambda x: core(np.einsum("nd,kd->nk", x, frame))
    if recipe.attenuation:
        rejector = np.eye(int(np.prod(shape))) - projector(recipe.attenuation, shape, truth)
        return lambda x: np.sqrt(((x @ rejector) ** 2).sum(axis=1))
    if recipe.smooth:
        return lambda x: distance_from_ellipsoid(in_axes(recipe, x, truth), half_axes(recipe))
    if recipe.shift:
        return lambda x: -(x * truth["direction"].ravel()).sum(axis=1)
    center, offset = truth["center"].reshape(len(truth["center"]), -1), truth["offset"]
    if recipe.product:
        m, block = recipe.product.blocks, truth["block"]
        d = center.shape[1]
        return lambda x: sum(
            cones(x[:, i * d : (i + 1) * d], center[block == i], offset[block == i]) for i in range(m)
        ) / np.sqrt(m)  # fmt: skip
    return lambda x: cones(x, center, offset)


def cones(x: F64, center: F64, offset: F64) -> F64:
    """min_n (||x - a_n|| + b_n)."""
    return (np.sqrt(((x[:, None, :] - center) ** 2).sum(axis=2)) + offset).min(axis=1)


def projector(table: Attenuation, shape: tuple[int, ...], truth: Mapping[str, F64]) -> F64:
    """The dense matrix (D, D) of the projector on what is kept."""
    dim = int(np.prod(shape))
    if table.keep == "none":
        return np.zeros((dim, dim))
    if table.keep == "random":
        basis = truth["basis"].reshape(-1, dim)
        return basis.T @ np.linalg.solve(basis @ basis.T, basis)
    channels, height, width = shape
    if table.keep == "grey":
        return np.kron(np.full((channels, channels), 1 / channels), np.eye(height * width))
    size = table.size if table.keep == "lowpass" else 1  # the lowest frequency alone is the mean
    high, wide = (dct(np.eye(n), type=2, norm="ortho", axis=0)[:size] for n in (height, width))
    return np.kron(np.eye(channels), np.kron(high.T @ high, wide.T @ wide))


def half_axes(recipe: Recipe) -> F64:
    """The half axes of the recipe's ellipsoid."""
    assert recipe.smooth
    first, last = np.log(recipe.smooth.axes)
    return np.exp(first + (last - first) * np.arange(recipe.smooth.dim) / (recipe.smooth.dim - 1))


def in_axes(recipe: Recipe, x: F64, truth: Mapping[str, F64]) -> F64:
    """Points in the coordinates of the ellipsoid's axes."""
    return np.einsum("nd,kd->nk", x, truth["rotation"]) if "rotation" in truth else x


def distance_from_ellipsoid(z: F64, axes: F64) -> F64:
    """0 inside; else ||z - b|| for b_j = a_j^2 z_j / (a_j^2 + m), with the m that bisection finds in extended precision."""
    z, square = z.astype(np.longdouble), (axes**2).astype(np.longdouble)
    low, high = np.zeros((len(z), 1), np.longdouble), np.linalg.norm(axes * z.astype(np.float64), axis=1)[:, None]
    high = high.astype(np.longdouble)
    for _ in range(80):
        middle = (low + high) / 2
        outside = (square * (z / (square + middle)) ** 2).sum(axis=1, keepdims=True) > 1
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    return np.sqrt(((low * z / (square + low)) ** 2).sum(axis=1)).astype(np.float64)


def exact_distance(z: F64, axes: F64) -> float:
    """The distance of one point outside from an ellipsoid to 50 digits, by as many bisections as that takes."""
    with mpmath.workdps(_DIGITS):
        pairs = [(mpmath.mpf(float(v)), mpmath.mpf(float(a)) ** 2) for v, a in zip(z, axes, strict=True)]
        low, high = mpmath.mpf(0), mpmath.sqrt(mpmath.fsum(square * v**2 for v, square in pairs))
        for _ in range(250):
            m = (low + high) / 2
            outside = mpmath.fsum(square * (v / (square + m)) ** 2 for v, square in pairs) > 1
            low, high = (m, high) if outside else (low, m)
        return float(mpmath.sqrt(mpmath.fsum((low * v / (square + low)) ** 2 for v, square in pairs)))


def exact_cones(x: F64, center: F64, offset: F64) -> float:
    """min_n (||x - a_n|| + b_n) of one point to 50 digits."""
    with mpmath.workdps(_DIGITS):
        return float(min(
            mpmath.norm([mpmath.mpf(float(v)) - mpmath.mpf(float(w)) for v, w in zip(x, a, strict=True)]) + mpmath.mpf(float(b))
            for a, b in zip(center, offset, strict=True)
        ))  # fmt: skip
