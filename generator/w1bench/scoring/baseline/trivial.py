"""The trivial critics: what anyone gets who knows two means and nothing else.

`radial` is f(x) = -||x - mean of Q||, `shift` the constant gradient from the mean of Q to the mean of P. The means are those of the test points: of Q the targets
and the inputs' partners, and the mean of P less that of Q is that of the inputs less their partners', which has less noise. A critic that learned no more than
these has learned nothing about the pair.
"""

from math import prod

import numpy as np

from w1bench.arrays import F64, RowArray, blocks

_BLOCK_BYTES = 1 << 23


def trivial_cosines(inputs: RowArray, partners: RowArray, targets: RowArray, truth: RowArray) -> dict[str, F64]:
    """The cosine of each trivial critic with the truth at every input, (m,) each; 0 where its gradient is 0."""
    mean_partner = _mean(partners)
    mean_target, constant = (_mean(targets) + mean_partner) / 2, _mean(inputs) - mean_partner
    radial, shift = np.zeros((2, len(truth)))
    for rows in blocks(truth, _BLOCK_BYTES):
        t, x = (np.asarray(array[rows], np.float64).reshape(rows.stop - rows.start, -1) for array in (truth, inputs))
        length = np.linalg.norm(t, axis=1)
        outward = mean_target - x
        radial[rows] = _cosine(np.vecdot(outward, t), np.linalg.norm(outward, axis=1), length)
        shift[rows] = _cosine(t @ constant, np.linalg.norm(constant), length)
    return {"radial": radial, "shift": shift}


def _mean(points: RowArray) -> F64:
    total = np.zeros(prod(points.shape[1:]))
    for rows in blocks(points, _BLOCK_BYTES):
        total += np.asarray(points[rows], np.float64).reshape(rows.stop - rows.start, -1).sum(0)
    return total / len(points)


def _cosine(product: F64, length: F64 | np.floating, other: F64) -> F64:
    scale = length * other
    return np.divide(product, scale, out=np.zeros_like(product), where=scale > 0)
