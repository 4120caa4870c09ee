"""Canaries: critics with known scores, which are scored first; a service whose scorer gets one wrong does not start.

They are the truth of a small synthetic pair, its negation, its double, zero, and the truth with its rows shifted by one. Their
scores are computed from the definitions in docs/metrics.md, row by row in plain Python, without any code of the scorer.
"""

from collections.abc import Mapping, Sequence
from math import dist, isclose, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.errors import CheckFailedError
from w1bench.rng import stream
from w1bench.scoring.baseline.baseline import make_baseline
from w1bench.scoring.score import measure, points_of

_POINTS, _DIM, _W1 = 48, 3, 1.5
_VALUES = ("input_potential", "target_potential")
_GROUPS = (8, 64, 512)
_RELATIVE, _ABSOLUTE = 1e-9, 1e-9
Arrays = Mapping[str, NDArray[np.float64]]


def check_scorer() -> None:
    """Score the canaries.

    Raises:
        CheckFailedError: the scorer gives one another score than the definitions do.
    """
    test = _test()
    baseline = make_baseline(test, _W1)
    nearest = {count: _nearest(test["input"].tolist(), count) for count in _GROUPS}
    for name, critic in _critics(test).items():
        metrics = measure(
            points_of(_W1, test, critic, baseline), critic, w1=_W1, baseline=baseline, seed="canary"
        ).metrics
        for metric, expected in _expected(test, critic, nearest).items():
            interval = metrics[metric]
            got = None if interval is None else interval.value
            if got is None or not isclose(got, expected, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE):
                raise CheckFailedError(
                    f"The scorer is wrong: it gives the canary `{name}` a {metric} of {got}; needed {expected:.12g}. "
                    "Install a release of w1bench whose tests pass."
                )


def _test() -> Arrays:
    """The data sets of a test.h5: arbitrary points, with unit vectors and arbitrary values as the truth."""
    rng = stream(0, "canaries", 0)
    gradient = rng.normal(size=(_POINTS, _DIM))
    gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
    points = {name: rng.normal(size=(_POINTS, _DIM)) for name in ("input", "target")}
    values = {name: rng.normal(size=_POINTS) for name in ("input_potential", "target_potential")}
    transported = points["input"] - rng.exponential(_W1, (_POINTS, 1)) * gradient
    return {"gradient": gradient, "transported": transported, **points, **values}


def _critics(test: Arrays) -> dict[str, dict[str, Any]]:
    truth = {name: test[name] for name in ("gradient", "input_potential", "target_potential")}
    return {
        "truth": truth,
        "negated": {name: -array for name, array in truth.items()},
        "doubled": {name: 2 * array for name, array in truth.items()},
        "zero": {name: 0 * array for name, array in truth.items()},
        "shuffled": {name: np.roll(array, 1, axis=0) for name, array in truth.items()},
    }


def _expected(test: Arrays, critic: Arrays, nearest: Mapping[int, Sequence[int]]) -> dict[str, float]:
    """The metrics by their definitions; `nearest` are the groups of pooled cosines."""
    rows = list(zip(critic["gradient"].tolist(), test["gradient"].tolist(), strict=True))
    cosines = [_cosine(g, t) for g, t in rows]
    trivial = max(
        0.0,
        *(
            sum(_cosine(of_it, t) for of_it, (_, t) in zip(rows_of, rows, strict=True)) / _POINTS
            for rows_of in _trivial(test)
        ),
    )
    squares = [sum((a - b) ** 2 for a, b in zip(g, t, strict=True)) for g, t in rows]
    f = [sum(critic[name].tolist()) / _POINTS for name in _VALUES]
    estimate = _estimate(test, critic)
    cos = sum(cosines) / _POINTS
    return {
        "cos": cos,
        "skill": (cos - trivial) / (1 - trivial),
        **{f"pooled_{count}": _pooled(rows, groups) for count, groups in nearest.items()},
        **{
            f"progress_{name}": _gain(test, critic, part * _W1) / _gain(test, test, part * _W1)
            for name, part in (("quarter", 0.25), ("full", 1.0))
        },
        "l2": sum(squares) / _POINTS,
        "dev": 100 * abs(_W1 - estimate) / _W1,
        "w1_estimate": estimate,
        "w1_raw": f[0] - f[1],
    }


def _trivial(test: Arrays) -> list[list[list[float]]]:
    """The gradients of the trivial critics, row by row: towards the mean target, and from the mean target to the mean input."""
    inputs, targets, partners = (test[name].tolist() for name in ("input", "target", "transported"))
    mean_input, mean_target, mean_partner = (
        [sum(column) / _POINTS for column in zip(*points, strict=True)] for points in (inputs, targets, partners)
    )
    center = [(a + b) / 2 for a, b in zip(mean_target, mean_partner, strict=True)]
    return [
        [[b - a for a, b in zip(x, center, strict=True)] for x in inputs],
        [[a - b for a, b in zip(mean_input, mean_partner, strict=True)]] * _POINTS,
    ]


def _nearest(inputs: list[list[float]], count: int) -> list[int]:
    """Which of the first `count` inputs is the nearest to each one."""
    centers = inputs[:count]
    return [min(range(len(centers)), key=[dist(x, center) for center in centers].__getitem__) for x in inputs]


def _pooled(rows: list[tuple[list[float], list[float]]], nearest: Sequence[int]) -> float:
    """The cosine of mean gradients of the points with the same nearest one, averaged over all points."""
    groups: dict[int, list[tuple[list[float], list[float]]]] = {}
    for row, group in zip(rows, nearest, strict=True):
        groups.setdefault(group, []).append(row)
    sums = [
        (len(group), *([sum(column) for column in zip(*of_side, strict=True)] for of_side in zip(*group, strict=True)))
        for group in groups.values()
    ]
    return sum(size * _cosine(g, t) for size, g, t in sums) / _POINTS


def _gain(test: Arrays, critic: Arrays, step: float) -> float:
    """How much nearer to its partner a step along -grad f moves an input, on average, by the length of the step."""
    total = 0.0
    for x, y, g in zip(
        *(arrays[name].tolist() for arrays, name in ((test, "input"), (test, "transported"), (critic, "gradient"))),
        strict=True,
    ):
        moved = [a - step * b for a, b in zip(x, g, strict=True)]
        total += dist(x, y) - dist(moved, y)
    return total / step / _POINTS


def _estimate(test: Arrays, critic: Arrays) -> float:
    """E_P f - E_Q f, less beta times what the truth's own means are off, with beta fitted on every other point and used at those between."""
    f, truth = ([arrays[name].tolist() for name in _VALUES] for arrays in (critic, test))
    estimate = 0.0
    for half in (0, 1):
        products = squares = 0.0
        for values, true in zip(f, truth, strict=True):
            v, t = values[1 - half :: 2], true[1 - half :: 2]
            mean_v, mean_t = sum(v) / len(v), sum(t) / len(t)
            products += sum((a - mean_v) * (b - mean_t) for a, b in zip(v, t, strict=True))
            squares += sum((b - mean_t) ** 2 for b in t)
        beta = products / squares
        rests = [
            sum(a - beta * b for a, b in zip(v[half::2], t[half::2], strict=True))
            for v, t in zip(f, truth, strict=True)
        ]
        estimate += (rests[0] - rests[1]) / _POINTS + beta * _W1 / 2
    return estimate


def _cosine(x: Sequence[float], y: Sequence[float]) -> float:
    return _dot(x, y) / sqrt(_dot(x, x) * _dot(y, y)) if any(x) and any(y) else 0.0


def _dot(x: Sequence[float], y: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(x, y, strict=True))
