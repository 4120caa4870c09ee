"""How near a generator's pictures are to real ones that it was not trained on, and whether it has memorised those that it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.rng import stream

F32 = NDArray[np.float32]
# Draws `count` pictures, (count, channels, height, width), from a stream.
Draw = Callable[[np.random.Generator, int], F32]
_ROWS = 4096
_REFERENCE = 8  # times as many held-out patches, so that their own scatter does not count
_NEIGHBOURS = 5  # times as many training patches, among which the nearest is looked for
_DIRECTIONS = 512
_BLOCK = 1024  # training patches that are compared at once
_DETAIL = 8  # side of the windows that texture is seen through


@dataclass(frozen=True)
class Fidelity:
    """Sliced W1 to held-out patches of the generator's samples, of training patches and of a Gaussian fit to these.

    `detail` is the same for windows of 8 x 8 pixels less their own mean, which see texture and no colour; `nearest` the median Euclidean
    distance to the nearest of five times as many training patches.
    """

    samples: float
    training: float
    gaussian: float
    samples_detail: float
    training_detail: float
    gaussian_detail: float
    samples_nearest: float
    held_out_nearest: float

    def summary(self) -> Mapping[str, Any]:
        """Three digits of each figure, by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def measure(samples: Draw, training: Draw, held_out: Draw, *, seed: int, rows: int = _ROWS) -> Fidelity:
    """The figures of a generator that draws `samples`, trained on `training`, from `rows` pictures of each."""
    drawn = {
        "samples": samples(stream(seed, "fidelity.samples", 0), rows),
        "training": training(stream(seed, "fidelity.training", 0), rows),
    }
    drawn["gaussian"] = gaussian_like(drawn["training"], stream(seed, "fidelity.gaussian", 0))
    against = held_out(stream(seed, "fidelity.held_out", 0), _REFERENCE * rows)
    whole = {n: sliced_w1(p, against, stream(seed, "fidelity.whole", 0)) for n, p in drawn.items()}
    detail = {
        n: sliced_w1(windows(p), windows(against[:rows]), stream(seed, "fidelity.detail", 0)) for n, p in drawn.items()
    }
    drawn["held_out"] = against
    neighbours = training(stream(seed, "fidelity.neighbours", 0), _NEIGHBOURS * rows)
    near = {name: float(np.median(nearest(drawn[name][: rows // 8], neighbours))) for name in ("samples", "held_out")}
    return Fidelity(
        whole["samples"], whole["training"], whole["gaussian"], detail["samples"], detail["training"], detail["gaussian"],
        near["samples"], near["held_out"],
    )  # fmt: skip


def sliced_w1(a: F32, b: F32, rng: np.random.Generator, directions: int = _DIRECTIONS) -> float:
    """Mean of W1 between the projections of `a` (n, ...) and of `b` (m n, ...) on random unit directions.

    Rabin, Peyré, Delon, Bernot, "Wasserstein barycenter and its application to texture mixing", 2011.
    """
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    direction = rng.standard_normal((a.shape[1], directions), dtype=np.float32)
    direction /= np.linalg.norm(direction, axis=0)
    near, far = np.sort(a @ direction, axis=0), np.sort(b @ direction, axis=0)
    return float(np.abs(near[:, None] - far.reshape(len(a), -1, directions)).mean())


def gaussian_like(pictures: F32, rng: np.random.Generator) -> F32:
    """As many draws of the normal distribution with the mean and covariance of `pictures` (n, ...)."""
    flat = pictures.reshape(len(pictures), -1)
    mean = flat.mean(axis=0)
    weights = rng.standard_normal((len(flat), len(flat)), dtype=np.float32) / np.float32(np.sqrt(len(flat) - 1))
    return (mean + weights @ (flat - mean)).reshape(pictures.shape)


def windows(pictures: F32) -> F32:
    """Windows of 8 x 8 pixels side by side, less the mean of each channel in each: (m, channels, 8, 8)."""
    n, channels, height, width = pictures.shape
    cut = pictures[:, :, : height - height % _DETAIL, : width - width % _DETAIL]
    cut = cut.reshape(n, channels, height // _DETAIL, _DETAIL, width // _DETAIL, _DETAIL)
    cut = cut.transpose(0, 2, 4, 1, 3, 5).reshape(-1, channels, _DETAIL, _DETAIL)
    return cut - cut.mean(axis=(2, 3), keepdims=True)


def nearest(pictures: F32, others: F32) -> NDArray[np.float64]:
    """The distance of each of `pictures` (n, ...) to the nearest of `others` (m, ...): (n,)."""
    a, least = pictures.reshape(len(pictures), -1).astype(np.float64), np.full(len(pictures), np.inf)
    for start in range(0, len(others), _BLOCK):
        b = others[start : start + _BLOCK].reshape(-1, a.shape[1]).astype(np.float64)
        np.minimum(least, (np.square(b).sum(axis=1) - 2 * a @ b.T).min(axis=1), out=least)
    return np.sqrt((np.square(a).sum(axis=1) + least).clip(0))
