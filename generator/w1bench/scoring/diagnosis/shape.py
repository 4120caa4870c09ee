"""The shape of a gradient field: how much of it is the way to the middle, and how much is one constant vector."""

from math import prod
from typing import NamedTuple

import numpy as np

from w1bench.arrays import F64, RowArray, blocks

_BLOCK_BYTES = 1 << 23
_ROUNDING = 1e-12  # of a squared length, below which what is left of a vector is rounding


class Shape(NamedTuple):
    """The field's mean cosine with the way to the targets' mean, and with the truth when the parts along that way are taken out of both; the share of
    its square that one constant vector has; the truth's own cosine with that way."""

    radial: float
    beyond_radial: float
    constant: float
    true_radial: float


def shape_of(gradient: RowArray, truth: RowArray, inputs: RowArray, targets: RowArray) -> Shape:
    """The shape of gradients at inputs, about the targets' mean, block by block."""
    middle = _mean(targets)
    sums, total, square = np.zeros(3), np.zeros(prod(truth.shape[1:])), 0.0
    for rows in blocks(truth, _BLOCK_BYTES):
        g, t, x = (_flat(array, rows) for array in (gradient, truth, inputs))
        inward = _unit(middle - x)
        along_g, along_t = np.vecdot(g, inward), np.vecdot(t, inward)
        gg, tt = np.vecdot(g, g), np.vecdot(t, t)
        left = np.maximum(gg - along_g**2, 0), np.maximum(tt - along_t**2, 0)
        known = (left[0] > _ROUNDING * gg) & (left[1] > _ROUNDING * tt)
        rest = _quotient(np.vecdot(g, t) - along_g * along_t, np.sqrt(left[0] * left[1]))
        sums += [_quotient(along_g, np.sqrt(gg)).sum(), np.where(known, rest, 0).sum(), along_t.sum()]
        total += g.sum(0)
        square += float(gg.sum())
    count = len(truth)
    constant = float(total @ total) / count / square if square > 0 else 1.0
    radial, rest, true_radial = (float(value) / count for value in sums)
    return Shape(radial, rest, constant, true_radial)


def _mean(points: RowArray) -> F64:
    return sum(
        (_flat(points, rows).sum(0) for rows in blocks(points, _BLOCK_BYTES)), np.zeros(prod(points.shape[1:]))
    ) / len(points)


def _unit(vectors: F64) -> F64:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def _quotient(a: F64, b: F64) -> F64:
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _flat(array: RowArray, rows: slice) -> F64:
    block = np.asarray(array[rows], np.float64)
    return block.reshape(len(block), -1)
