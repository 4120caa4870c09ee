"""Rows of results that are made up, as far as comparisons read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def made_row(
    method: str, pair: str, *, family: str | None = None, seed: int = 0, steps: int = 500, version: int = 2, w1: float = 1.0, trivial: float | None = None,
    slope: float | None = None, curve: Sequence[float] = (), error: float = 0.01, data: str = "fresh", **metrics: float,
) -> dict[str, Any]:  # fmt: skip
    """A row with these metrics, and the family, the trivial critic's cosine, slope and cosines on the way that are given."""
    return {
        "method": method, "pair": pair, "law": pair, "seed": seed, "steps": steps, "settings": {"steps": steps}, "data": data, "w1": w1, "recipe_sha256": "0" * 64,
        "metric_version": version, "diagnosis": {"slope_at_least": slope}, "trivial": None if trivial is None else {"radial": trivial, "shift": -1.0},
        "metrics": {name: {"value": value, "low": value - error, "high": value + error} for name, value in metrics.items()} or None,
        "curve": [{"steps": place, "metrics": {"cos": cosine}} for place, cosine in enumerate(curve, start=1)],
    } | ({} if family is None else {"family": family})  # fmt: skip
