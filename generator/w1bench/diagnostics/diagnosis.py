"""The diagnosis: what a pair does to methods before any is run on it, and what a submission's figures say is wrong with its critic."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from w1bench.archive.manifest import Manifest
from w1bench.arrays import RowArray
from w1bench.diagnostics.batch import (
    SIZES,
    BatchValues,
    FalseMinima,
    Oracle,
    batch_values,
    bias_curve,
    false_minima,
    oracle,
)
from w1bench.diagnostics.findings.evidence import gather
from w1bench.diagnostics.findings.facts import BatchFigures, Facts, PatchFigures
from w1bench.diagnostics.findings.words import Finding, findings
from w1bench.diagnostics.patches import PatchW1, patch_w1
from w1bench.errors import SubmissionError
from w1bench.scoring.baseline.baseline import baseline_of
from w1bench.scoring.score import score_resampled
from w1bench.scoring.scorecard import Scorecard
from w1bench.scoring.submission import Submission

_SIZES = SIZES[:-1]  # of batches: seconds
_FALSE, _ORACLE = 64, 256  # sizes of batches of false minima and of the oracle
_MOST_VALUES = 1 << 27  # of a data set that is read at once
_PATCHES = 1024  # of a side in an exact plan


@dataclass(frozen=True)
class PairDiagnosis:
    """Of a pair alone: W1, the cosines of trivial critics, the bias curve of its batches, false minima of its targets, the oracle of the batch, and distances of patches."""

    pair: str
    w1: float
    trivial: Mapping[str, float]
    curve: tuple[BatchValues, ...]
    false_minima: FalseMinima | None
    oracle: Oracle | None
    patches: tuple[PatchW1, ...]


def diagnose_pair(
    manifest: Manifest, test: Mapping[str, RowArray], *, sizes: tuple[int, ...] = _SIZES
) -> PairDiagnosis:
    """The diagnosis of an open pair from the data sets of its role `test`."""
    rows = min(len(test["input"]), max(_FALSE * 4, *sizes) * 2, _MOST_VALUES // manifest.dim)
    half = rows // 2
    x, y, t, f = (test[name][:rows] for name in ("input", "target", "gradient", "input_potential"))
    sides = manifest.shape[1:]
    patches = [size for size in (2, 4, 8, 16) if sides and size < min(sides) and not any(side % size for side in sides)]
    return PairDiagnosis(
        manifest.name, manifest.known_w1.value, dict(baseline_of(manifest.digest(), test, manifest.known_w1.value, family=manifest.family).trivial),
        tuple(bias_curve(x[:half], y[:half], x[half:], f[:half], sizes=sizes)),
        false_minima(y, _FALSE) if len(y) >= 2 * _FALSE else None,
        oracle(x, y, t, min(_ORACLE, len(x))) if len(x) > 1 else None,
        tuple(patch_w1(x, y, size, most=_PATCHES) for size in patches),
    )  # fmt: skip


def diagnose_submission(
    manifest: Manifest, test: Mapping[str, RowArray], probe: RowArray, submission: Submission, facts: Facts
) -> tuple[Scorecard, tuple[Finding, ...]]:
    """A checked submission's scorecard, and what it and the facts say is wrong.

    Raises:
        SubmissionError: the declared receptive field is larger than a picture.
    """
    card = score_resampled(manifest, test, submission).card
    evidence = gather(
        card, test, probe, submission, facts, batch=_batch(test, facts), patches=_patches(manifest, test, facts)
    )
    return card, findings(evidence)


def _batch(test: Mapping[str, RowArray], facts: Facts) -> BatchFigures | None:
    """What batches of the declared size say, of as many as the test points have: of larger ones the largest that there are."""
    if facts.batch is None or facts.native_value is None:
        return None
    size = min(facts.batch, SIZES[-1] // 2, len(test["input"]) // 2)
    rows = min(len(test["input"]) // 2, 2048)
    half = slice(0, rows), slice(rows, 2 * rows)
    found = batch_values(
        test["input"][half[0]], test["target"][half[0]], test["input"][half[1]], test["input_potential"][half[0]], size
    )
    return found and BatchFigures(size, found.emd.value, found.c_transform.value)


def _patches(manifest: Manifest, test: Mapping[str, RowArray], facts: Facts) -> PatchFigures | None:
    size, sides = facts.receptive_field, manifest.shape[1:] or manifest.shape
    if size is None:
        return None
    if size > min(sides):
        raise SubmissionError(
            f"The receptive field came as {size}, but points are {'x'.join(map(str, sides))}; give at most {min(sides)}."
        )
    rows = min(len(test["input"]), _PATCHES)
    found = patch_w1(np.asarray(test["input"][:rows]), np.asarray(test["target"][:rows]), size, most=_PATCHES)
    return PatchFigures(size, found.count, found.pooled, found.image, square=len(manifest.shape) > 1)
