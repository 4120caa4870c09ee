"""Canaries: critics with known scores, which are scored first; a service whose scorer gets one wrong does not start.

They are the truth of a small synthetic pair, its negation, its double, zero, and the truth with its rows shifted by one. Their
scores are computed from the definitions in docs/metrics.md, row by row in plain Python, without any code of the scorer.
"""

from collections.abc import Mapping
from math import isclose, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.errors import CheckFailedError
from w1bench.rng import stream
from w1bench.scoring.score import measure, points_of

_POINTS, _DIM, _W1 = 48, 3, 1.5
_RELATIVE, _ABSOLUTE = 1e-9, 1e-9
Arrays = Mapping[str, NDArray[np.float64]]


def check_scorer() -> None:
    """Score the canaries.

    Raises:
        CheckFailedError: the scorer gives one another score than the definitions do.
    """
    test = _test()
    for name, critic in _critics(test).items():
        metrics = measure(points_of(_W1, test, critic), critic, seed="canary").metrics
        for metric, expected in _expected(test, critic).items():
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
    return {"gradient": gradient, **points, **values}


def _critics(test: Arrays) -> dict[str, dict[str, Any]]:
    truth = {name: test[name] for name in ("gradient", "input_potential", "target_potential")}
    return {
        "truth": truth,
        "negated": {name: -array for name, array in truth.items()},
        "doubled": {name: 2 * array for name, array in truth.items()},
        "zero": {name: 0 * array for name, array in truth.items()},
        "shuffled": {name: np.roll(array, 1, axis=0) for name, array in truth.items()},
    }


def _expected(test: Arrays, critic: Arrays) -> dict[str, float]:
    """The metrics by their definitions."""
    rows = list(zip(critic["gradient"].tolist(), test["gradient"].tolist(), strict=True))
    cosines = [_dot(g, t) / sqrt(_dot(g, g) * _dot(t, t)) if any(g) else 0.0 for g, t in rows]
    squares = [sum((a - b) ** 2 for a, b in zip(g, t, strict=True)) for g, t in rows]
    f, truth = (
        [sum(arrays[name].tolist()) / _POINTS for name in ("input_potential", "target_potential")]
        for arrays in (critic, test)
    )
    estimate = _W1 + (f[0] - truth[0]) - (f[1] - truth[1])
    return {
        "cos": sum(cosines) / _POINTS,
        "l2": sum(squares) / _POINTS,
        "dev": 100 * abs(_W1 - estimate) / _W1,
        "w1_estimate": estimate,
        "w1_raw": f[0] - f[1],
    }


def _dot(x: list[float], y: list[float]) -> float:
    return sum(a * b for a, b in zip(x, y, strict=True))
