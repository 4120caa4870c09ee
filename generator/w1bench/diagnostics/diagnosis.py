"""The diagnosis: what a pair does to methods before any is run on it, and what a submission's figures say is wrong with its critic."""

from collections.abc import Mapping
from math import sqrt

import numpy as np

from w1bench.archive.manifest import Manifest
from w1bench.arrays import RowArray
from w1bench.diagnostics.batch import SIZES, bias_curve, false_minima, oracle
from w1bench.diagnostics.patches import patch_w1
from w1bench.diagnostics.record import PairDiagnosis
from w1bench.scoring.baseline.trivial import trivial_cosines

_SIZES = tuple(size for size in SIZES if size <= 1024)  # of batches
_FALSE, _ORACLE = 64, 256  # sizes of batches of false minima and of the oracle
_SIDES = (2, 4, 8, 16, 32)  # of patches
_PATCHES = 512  # of a side in an exact plan
_MOST_PRODUCTS = 1 << 29  # n x n x D of the largest cost matrix: half a second
_DISJOINT = 4  # batches of the largest size that the test points give, at least
_TWO_SIDED = 1.96  # standard errors of a 95 % interval


def diagnose_pair(
    manifest: Manifest, test: Mapping[str, RowArray], *, sizes: tuple[int, ...] = _SIZES
) -> PairDiagnosis:
    """The diagnosis of an open pair from the data sets of its role `test`; batches are smaller where points are long or few, so that it takes seconds.

    `resolution` is the least difference of the cosines of two critics, each as scattered as the most scattered trivial one and independent of each
    other, that lies outside of a 95 % interval over so many test points.
    """
    most = max(_FALSE, min(int(sqrt(_MOST_PRODUCTS / manifest.dim)), len(test["input"]) // _DISJOINT))
    fitting = [size for size in sizes if size <= most]
    rows = min(len(test["input"]), 2 * max(2 * _FALSE, *fitting))
    half = rows // 2
    x, y, t, f = (test[name][:rows] for name in ("input", "target", "gradient", "input_potential"))
    cosines = trivial_cosines(test["input"], test["transported"], test["target"], test["gradient"])
    scatter = max(float(cosine.std()) for cosine in cosines.values())
    sides = manifest.shape[1:] or manifest.shape
    patches = [size for size in _SIDES if size < min(sides) and not any(side % size for side in sides)]
    return PairDiagnosis(
        pair=manifest.name, pair_digest=manifest.digest(), shape=manifest.shape, w1=manifest.known_w1.value,
        trivial={name: float(cosine.mean()) for name, cosine in cosines.items()},
        resolution=_TWO_SIDED * scatter * sqrt(2 / len(test["input"])),
        curve=tuple(bias_curve(x[:half], y[:half], x[half:], f[:half], sizes=fitting)),
        false_minima=false_minima(y, _FALSE) if len(y) >= 2 * _FALSE else None,
        oracle=oracle(x, y, t, min(_ORACLE, most, len(x))) if len(x) > 1 else None,
        patches=tuple(patch_w1(np.asarray(x), np.asarray(y), size, most=min(_PATCHES, most)) for size in patches),
    )  # fmt: skip
