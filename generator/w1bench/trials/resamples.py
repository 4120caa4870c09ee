"""A row's metrics over the bootstrap's resamples, compactly: 16 bits a value, between the least and the largest one."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np

from w1bench.errors import InputError
from w1bench.scoring.score import Scored
from w1bench.scoring.scorecard import RESAMPLES

_LEVELS = 2**16 - 1


def packed(scored: Scored) -> dict[str, Any]:
    """The resamples of each metric that has some, to be written as JSON; wrong by at most 1 / 131,070 of their range."""
    names = [name for name, interval in scored.card.metrics.items() if interval is not None]
    values = np.frombuffer(scored.resampled, "<f8").reshape(len(names), RESAMPLES)
    return {name: _of_metric(of_it) for name, of_it in zip(names, values, strict=True)}


def unpacked(metrics: Mapping[str, Any], resamples: Mapping[str, Any]) -> bytes:
    """The resamples of a row's metrics, as `Scored` has them.

    Raises:
        InputError: there are none of a metric, or they are damaged.
    """
    try:
        return b"".join(
            values_of(resamples[name]).astype("<f8").tobytes() for name, value in metrics.items() if value is not None
        )
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise InputError(
            "The resamples of a row of results are damaged; run `w1bench trial` again, or remove its `resamples`."
        ) from None


def _of_metric(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    low, high = float(values.min()), float(values.max())
    step = high / _LEVELS - low / _LEVELS
    levels = np.rint((values - low) / step) if step > 0 else np.zeros_like(values)
    return {"low": low, "step": step, "levels": base64.b64encode(levels.astype("<u2").tobytes()).decode()}


def values_of(of_metric: Mapping[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The resamples of one metric; a ValueError where there are not as many as there should be."""
    levels = np.frombuffer(base64.b64decode(of_metric["levels"], validate=True), "<u2")
    if len(levels) != RESAMPLES:
        raise ValueError
    return of_metric["low"] + of_metric["step"] * levels.astype(np.float64)
