"""The service as it is, but that it draws the resamples of every submission anew, one after the other, as scoring once did.

PYTHONPATH=tests python -m load.drawn_anew, with the settings in W1BENCH_* variables
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from w1bench.rng import stream
from w1bench.scoring.intervals import bootstrap
from w1bench.scoring.scorecard import RESAMPLES
from w1bench_server.settings import Settings
from w1bench_server.web.serve import serve

_AT_ONCE = 25


def _draw(digest: str, points: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, RESAMPLES, _AT_ONCE):
        rng = stream(0, f"bootstrap/{digest}", start)
        draws = (rng.integers(points, size=points) for _ in range(2 * _AT_ONCE))
        yield np.stack([np.bincount(draw, minlength=points) for draw in draws]).reshape(2, _AT_ONCE, points)


# Scoring processes import this module, too, because it is the main one.
bootstrap._COUNTS._most_bytes = 0  # pyright: ignore[reportPrivateUsage]
bootstrap._draw = _draw  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]

if __name__ == "__main__":
    serve(Settings())
