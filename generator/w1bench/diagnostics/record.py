"""The record of a pair: what batches, patches and trivial critics make of it, computed when it is built and kept in diagnostics.json beside its manifest.

Pairs that were built before have none. While a pair is sealed, its record is kept back with its truth.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from w1bench.archive.folder import DIAGNOSTICS
from w1bench.diagnostics.findings.facts import BatchFigures, PatchFigures
from w1bench.errors import CheckFailedError
from w1bench.storage.canonical import first_fault

FORMAT_VERSION = 1
_DIGITS = 8  # more than another machine's rounding changes


@dataclass(frozen=True)
class Mean:
    """A mean over batches, with its standard error (0 of one batch)."""

    value: float
    stderr: float


@dataclass(frozen=True)
class BatchValues:
    """Between batches of `size`: exact transport of P to Q and of P to P again, and the c-transform of the true potential and of zero."""

    size: int
    emd: Mean
    same: Mean
    c_transform: Mean
    zero: Mean


@dataclass(frozen=True)
class FalseMinima:
    """What a fresh batch of `size` draws of Q costs to another one, to copies of its mean, and to as many k-means and k-medians centres."""

    size: int
    real: Mean
    mean: Mean
    k_means: Mean
    k_medians: Mean

    @property
    def ratio(self) -> float:
        """By how much copies of the mean beat real data: above 1 they do."""
        return self.real.value / self.mean.value


@dataclass(frozen=True)
class Oracle:
    """Exact transport between batches of `size`, used as a critic: its value, and its mean cosine with the truth."""

    size: int
    value: Mean
    cosine: Mean


@dataclass(frozen=True)
class PatchW1:
    """Of two samples of `pictures` pictures, cut into `count` patches of side `size` each: all exact, but `sliced`, a mean over directions."""

    pictures: int
    size: int
    count: int
    image: float
    pooled: float
    local: float
    sliced: float

    @property
    def bound(self) -> float:
        """The W1 of pictures over sqrt(K): what `local` is at most, where patches do not overlap."""
        return self.image / sqrt(self.count)


@dataclass(frozen=True)
class PairDiagnosis:
    """Of a pair alone: W1, the cosines of trivial critics, the least difference of two cosines that its points tell from noise, the bias curve of its batches,
    false minima of its targets, the oracle of the batch, and distances of patches."""

    pair: str
    pair_digest: str
    shape: tuple[int, ...]
    w1: float
    trivial: Mapping[str, float]
    resolution: float
    curve: tuple[BatchValues, ...]
    false_minima: FalseMinima | None
    oracle: Oracle | None
    patches: tuple[PatchW1, ...]

    def batch(self, size: int) -> BatchFigures | None:
        """What batches of a size say, between those of the curve by the logarithm of the size, beyond them as the nearest; None without a curve."""
        if not self.curve:
            return None
        sizes = [of.size for of in self.curve]
        near = min(max(size, sizes[0]), sizes[-1])
        at = [
            float(np.interp(np.log(near), np.log(sizes), values))
            for values in ([of.emd.value for of in self.curve], [of.c_transform.value for of in self.curve])
        ]
        return BatchFigures(near, *at)

    def patch(self, size: int) -> PatchFigures | None:
        """What patches of a size say, between those that were measured by logarithms of size and W1; None outside them."""
        sizes = [of.size for of in self.patches]
        if not sizes or not sizes[0] <= size <= sizes[-1]:
            return None
        sides = self.shape[1:] or self.shape
        pooled = [max(of.pooled, np.finfo(float).tiny) for of in self.patches]
        count = int(np.prod([side // size for side in sides]))
        at = float(np.exp(np.interp(np.log(size), np.log(sizes), np.log(pooled))))
        return PatchFigures(size, count, at, square=len(self.shape) > 1)

    def text(self) -> str:
        """The file's content."""
        return json.dumps({"format_version": FORMAT_VERSION, **_rounded(asdict(self))}, indent=1) + "\n"


_ADAPTER = TypeAdapter(PairDiagnosis)


def read_record(folder: Path, pair_digest: str) -> PairDiagnosis | None:
    """The record of the pair of that digest in its folder; None where there is none, or one of another format or pair.

    Raises:
        CheckFailedError: it is damaged.
    """
    path = folder / DIAGNOSTICS
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        document = json.loads(content)
        if document["format_version"] != FORMAT_VERSION or document["pair_digest"] != pair_digest:
            return None
        return _ADAPTER.validate_python(document)
    except ValidationError as error:
        fault = first_fault(error, "the document")
    except (ValueError, KeyError, TypeError):
        fault = "it is not the JSON of a record"
    raise CheckFailedError(f"{path} is damaged: {fault}. Remove it, or build the pair again.") from None


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The figures of a record as plain values, by their paths, e.g. .curve.0.emd.value."""
    if isinstance(value, Mapping | list | tuple):
        named = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, each in named:
            yield from leaves(each, f"{path}.{name}")
    else:
        yield path, value


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
