"""Offsets by which all funnels of given centres have the same share of the targets.

The shares are the gradient of the concave function b -> E min_n (||y - a_n|| + b_n) - mean(b), whose largest value is semi-discrete
optimal transport from Q to the uniform distribution on the centres (Aurenhammer, Hoffmann, Aronov, 1998); an ascent on a fixed draw
of targets finds it. Offsets are multiples of 2^-12, so that the last bits of distances do not reach them.
"""

from __future__ import annotations

import numpy as np

from w1bench.arrays import F64
from w1bench.rng import stream
from w1bench.sources.source import Source

_TARGETS = 1 << 13
_ROUNDS = 2000
_GRID = 2.0**12


def balanced_offsets(center: F64, source: Source, key: int | str) -> F64:
    """Offsets (N,) of centres (N, D) whose funnels share the draws of `source`, to within a percent or two of the whole."""
    distance = _distances(center, source, key)
    offset = np.zeros(len(center))
    step = float(distance.std()) + 1e-12
    best, least = offset, np.inf
    for round_ in range(_ROUNDS):
        nearest = (distance + offset).argmin(axis=1)
        excess = np.bincount(nearest, minlength=len(center)) / len(distance) - 1 / len(center)
        if (worst := float(np.abs(excess).max())) < least:
            best, least = offset, worst
        offset = offset + step / (1 + round_ / 20) * excess
    return np.round((best - best.mean()) * _GRID) / _GRID


def _distances(center: F64, source: Source, key: int | str) -> F64:
    """From draws of the source to each centre, (n, N)."""
    rng = stream(key, "funnel.balance", 0)
    parts: list[F64] = []
    for _ in range(_TARGETS // 256):
        y = np.asarray(source.draw(rng, 256), np.float64).reshape(256, -1)
        parts.append(np.stack([np.linalg.norm(y - a, axis=1) for a in center], axis=1))
    return np.concatenate(parts)
