"""The evidence of a submission: every figure that a finding may rest on, from its arrays and a pair's data sets, without a judgement."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from w1bench.arrays import F64, RowArray, blocks
from w1bench.diagnostics.congestion import Congestion, congestion
from w1bench.diagnostics.findings.facts import BatchFigures, Facts, PatchFigures
from w1bench.scoring.metrics import VALUES
from w1bench.scoring.scorecard import Scorecard
from w1bench.scoring.submission import Submission

_BLOCK_BYTES = 1 << 23
_ROUNDING = 1e-12  # of a squared length, below which what is left of a vector is rounding


@dataclass(frozen=True)
class Shape:
    """What the gradient field looks like: its mean cosine with the way to the middle, and with the truth when the parts along that way are taken out of both; the share of
    its square that one constant vector has; the truth's own cosine with that way."""

    radial: float
    beyond_radial: float
    constant: float
    true_radial: float


@dataclass(frozen=True)
class Evidence:
    """A scorecard, the shape of its gradients, the facts, and of the pair what its batches and patches say, where that is known."""

    card: Scorecard
    shape: Shape
    facts: Facts
    congestion: Congestion | None = None
    batch: BatchFigures | None = None
    patches: PatchFigures | None = None


def gather(
    card: Scorecard, test: Mapping[str, RowArray], probe: RowArray, submission: Submission, facts: Facts, *,
    batch: BatchFigures | None = None, patches: PatchFigures | None = None,
) -> Evidence:  # fmt: skip
    """The evidence of a checked submission on the data sets of a pair's role `test` and its probe points."""
    found = None
    if facts.penalty_weight is not None and all(name in submission for name in (*VALUES, "probe_gradient")):
        fx, fy = (np.asarray(submission[name][:], np.float64) for name in VALUES)
        found = congestion(
            facts.penalty_weight, values=(fx, fy), probe=probe[:], probe_gradient=submission["probe_gradient"][:],
            inputs=test["input"][:], targets=test["target"][:],
        )  # fmt: skip
    shape = shape_of(submission["gradient"], test["gradient"], test["input"], _mean(test["target"]))
    return Evidence(card, shape, facts, found, batch, patches)


def shape_of(gradient: RowArray, truth: RowArray, inputs: RowArray, middle: F64) -> Shape:
    """The shape of gradients at inputs, about the targets' mean, block by block."""
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
    return Shape(radial=radial, beyond_radial=rest, constant=constant, true_radial=true_radial)


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
