"""The excess of a critic: what its slopes above 1 at the probe points carry, before a gradient penalty's weight makes a flow of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from w1bench.arrays import F64, RowArray, blocks
from w1bench.scoring.scorecard import Excess

_BLOCK_BYTES = 1 << 23


class _Moments(NamedTuple):
    """The means of columns over rows, and the variances of these means."""

    mean: F64
    variance: F64


def excess(
    values: tuple[RowArray, RowArray], probe: RowArray, probe_gradient: RowArray, inputs: RowArray, targets: RowArray
) -> Excess:
    """The excess of f with `values` at `inputs` (m, *shape) and `targets` (n, *shape), and gradients at `probe` (k, *shape); block by block."""

    def of_points(rows: slice, points: RowArray) -> tuple[F64, F64]:
        x = _flat(points, rows)
        return x, np.vecdot(x, x)[:, None] / 2

    def of_probe(rows: slice) -> tuple[F64, F64]:
        z, g = _flat(probe, rows), _flat(probe_gradient, rows)
        length = np.linalg.norm(g, axis=1)
        e = np.maximum(length - 1, 0)
        way = g * (e / np.maximum(length, np.finfo(np.float64).tiny))[:, None]
        return way, np.stack([e, e**2, e * (1 + e), np.vecdot(way, z), e * np.linalg.norm(z, axis=1)], axis=1)

    fx, fy = (_moments(of_side, lambda rows, of=of_side: (_flat(of, rows),))[0] for of_side in values)
    x, half_x = _moments(inputs, lambda rows: of_points(rows, inputs))
    y, half_y = _moments(targets, lambda rows: of_points(rows, targets))
    way, of_e = _moments(probe_gradient, of_probe)
    apart = x.mean - y.mean
    return Excess(
        raw=float(fx.mean[0] - fy.mean[0]), raw_variance=float(fx.variance[0] + fy.variance[0]),
        mean=float(of_e.mean[0]), square=float(of_e.mean[1]), balance_variance=float(of_e.variance[2]),
        apart_square=float(apart @ apart), apart_way=float(apart @ way.mean), way_square=float(way.mean @ way.mean),
        apart_variance=float((x.variance + y.variance).sum()), way_variance=float(way.variance.sum()),
        half_square=float(half_x.mean[0] - half_y.mean[0]), half_square_variance=float(half_x.variance[0] + half_y.variance[0]),
        outward=float(of_e.mean[3]), outward_variance=float(of_e.variance[3]), reach=float(of_e.mean[4]),
    )  # fmt: skip


def _moments(array: RowArray, parts_of: Callable[[slice], tuple[F64, ...]]) -> list[_Moments]:
    """Of each part, (rows, columns), of blocks of rows; squares are taken about the first row, so that little is lost."""
    first: list[F64] = []
    sums: list[F64] = []
    for rows in blocks(array, _BLOCK_BYTES):
        parts = parts_of(rows)
        if not first:
            first = [part[0] for part in parts]
            sums = [np.zeros((2, part.shape[1])) for part in parts]
        for part, about, total in zip(parts, first, sums, strict=True):
            moved = part - about
            total += [moved.sum(0), np.square(moved).sum(0)]
    count = len(array)
    found: list[_Moments] = []
    for about, (total, square) in zip(first, sums, strict=True):
        mean = total / count
        found.append(_Moments(mean + about, np.maximum(square / count - mean**2, 0) / count))
    return found


def _flat(array: RowArray, rows: slice) -> F64:
    block = np.asarray(array[rows], np.float64)
    return block.reshape(len(block), -1)
