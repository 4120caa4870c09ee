"""Which distance does a critic see? Exact W1 between samples of pictures, and between the patches that they are made of.

A convolutional critic whose outputs are averaged over places sees pictures by the patches of its receptive field alone: its value is at most the W1 of
*pooled* patches, all places together (Elnekave, Weiss, "Understanding the role of patches in discrete generators", ICLR 2025). With K patches that do not overlap,

    pooled patch W1 <= mean over places of the *local* patch W1 <= (W1 of pictures) / sqrt(K),

for plans of places make a plan of all, and an image plan makes one of each place (Cauchy, Schwarz). Vectors count as pictures of one row. On *shuffled*
pictures, whose patches were exchanged between pictures at each place, the first two are 0.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial.distance import cdist

from w1bench.arrays import F64, Array
from w1bench.diagnostics.batch import exact_plan, flat, weiszfeld
from w1bench.diagnostics.record import PatchW1
from w1bench.errors import InputError

MOST_PATCHES = 4096  # of a side in an exact plan: ten seconds or so
_DIRECTIONS = 256


def patch_w1(
    inputs: Array, targets: Array, size: int, *, stride: int | None = None, most: int = MOST_PATCHES
) -> PatchW1:
    """The distances between as many pictures of both as have `most` patches; `stride` is `size` unless it is given."""
    step = stride or size
    count = places(inputs.shape[1:], size, step)
    n = min(len(inputs), len(targets), max(2, most // count))
    x, y = inputs[:n], targets[:n]
    of_x, of_y = (cut(points, size, step) for points in (x, y))
    width = of_x.shape[2]
    local = [exact_plan(of_x[:, k], of_y[:, k])[0] for k in range(count)]
    return PatchW1(
        n, size, count, exact_plan(x, y)[0], exact_plan(of_x.reshape(-1, width), of_y.reshape(-1, width))[0],
        float(np.mean(local)), sliced_w1(x, y),
    )  # fmt: skip


def places(shape: tuple[int, ...], size: int, stride: int) -> int:
    """How many patches a picture has.

    Raises:
        InputError: the patch is larger than the picture.
    """
    sides = shape[1:] if len(shape) == 3 else shape
    if not 1 <= size <= min(sides) or stride < 1:
        raise InputError(
            f"The patch came as {size} with stride {stride}; pictures of {'x'.join(map(str, sides))} need a size from 1 to {min(sides)}."
        )
    return prod((side - size) // stride + 1 for side in sides)


def cut(points: Array, size: int, stride: int) -> F64:
    """The patches of pictures (n, channels, height, width), or of vectors (n, D): (n, K, values)."""
    x = np.asarray(points, np.float64)
    places(x.shape[1:], size, stride)
    if x.ndim == 2:
        return np.ascontiguousarray(sliding_window_view(x, size, axis=1)[:, ::stride])
    windows = sliding_window_view(x, (size, size), axis=(2, 3))[
        :, :, ::stride, ::stride
    ]  # n, c, rows, columns, size, size
    n, channels, rows, columns = windows.shape[:4]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, rows * columns, channels * size * size)


def joined(patches: F64, shape: tuple[int, ...], size: int) -> F64:
    """The pictures of `shape` that these patches, cut without overlap, make; what no patch covers is 0."""
    n, out = len(patches), np.zeros((len(patches), *shape))
    if len(shape) == 1:
        out[:, : patches.shape[1] * size] = patches.reshape(n, -1)
        return out
    channels, rows, columns = shape[0], shape[1] // size, shape[2] // size
    blocks = patches.reshape(n, rows, columns, channels, size, size).transpose(0, 3, 1, 4, 2, 5)
    out[:, :, : rows * size, : columns * size] = blocks.reshape(n, channels, rows * size, columns * size)
    return out


def shuffled(pictures: Array, size: int, rng: np.random.Generator) -> F64:
    """The same pictures with the patches of each place exchanged between them: patch W1 0, image W1 above 0.

    Raises:
        InputError: the patches do not cover a picture.
    """
    shape = pictures.shape[1:]
    if any(side % size for side in (shape[1:] if len(shape) == 3 else shape)):
        raise InputError(
            f"Patches of {size} do not cover pictures of {'x'.join(map(str, shape))}; give a size that divides their sides."
        )
    return joined(_permuted(cut(pictures, size, size), rng), shape, size)


def sliced_w1(inputs: Array, targets: Array, directions: int = _DIRECTIONS, seed: int = 0) -> float:
    """The mean W1 of as many one-dimensional projections, at most W1 (Bonneel, Rabin, Peyre, Pfister, 2015)."""
    x, y = flat(inputs), flat(targets)
    normal = np.random.default_rng(seed).standard_normal((x.shape[1], directions))
    frame = normal / np.linalg.norm(normal, axis=0)
    return float(np.abs(np.sort(x @ frame, axis=0) - np.sort(y @ frame, axis=0)).mean())


def ot_means(draws: Array, count: int, *, rounds: int = 20, seed: int = 0) -> tuple[F64, list[float]]:
    """A discrete generator: `count` points that stand for as many equal parts of the draws, and the exact W1 after each step.

    Exact plan and one step of Weiszfeld's towards the geometric medians of what each point is assigned alternate; neither increases W1. Draws beyond a multiple of `count` are left out.

    Raises:
        InputError: there are fewer draws than points.
    """
    points = flat(draws)
    share = len(points) // count
    if not share:
        raise InputError(f"{count} points were asked for of {len(points)} draws; give at most as many.")
    points = points[: share * count]
    rng = np.random.default_rng(seed)
    generator, costs = points[rng.choice(len(points), count, replace=False)], list[float]()
    for _ in range(rounds):
        cost, order = exact_plan(np.repeat(generator, share, axis=0), points)
        owned = points[order].reshape(count, share, -1)
        moved = weiszfeld(generator, owned)
        costs += [cost, float(np.linalg.norm(moved[:, None] - owned, axis=2).mean())]
        generator = moved
    return generator, costs


def nearest(points: Array, draws: Array) -> F64:
    """The distance of each of `points` to the nearest of `draws`: 0 where a generator copies its data."""
    return cdist(flat(points), flat(draws)).min(axis=1)


def _permuted(patches: F64, rng: np.random.Generator) -> F64:
    """The patches of each place in an order of its own."""
    return np.stack([patches[rng.permutation(len(patches)), k] for k in range(patches.shape[1])], axis=1)
