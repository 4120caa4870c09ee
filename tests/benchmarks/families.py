"""Families: the map of each family beside what it cannot leave out, and the memory of a build against its number of samples."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from memory import extra_memory
from numpy.typing import NDArray
from report import parse, publish, table
from timing import medians, once

import w1bench
from w1bench.builder.build import build
from w1bench.recipes.files import read_recipe
from w1bench.recipes.recipe import Recipe
from w1bench.transport.families.attenuation import AttenuationMap
from w1bench.transport.families.funnel.rays import RayMap
from w1bench.transport.families.product import ProductMap
from w1bench.transport.families.smooth import EllipsoidMap
from w1bench.transport.families.spike import SpikedMap
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.potential import TransportMap

F64 = NDArray[np.float64]

_RECIPES = Path(w1bench.__file__).parent / "recipes" / "catalogued"
_NAMES = (
    "hd-d16-n64-p8", "smooth-d2", "smooth-d16", "smooth-d128", "product-d4", "product-d16", "product-d128", "spiked-d16-k2", "spiked-d128-k4",
    "spiked-d128-k4-s3", "shift-d128", "dilation-d128", "blur32-photos", "blur64-photos", "contrast32-photos", "grey32-photos", "blur32-patches",
)  # fmt: skip
_OF_MEMORY = (
    "hd-d16-n64-p8",
    "smooth-d16",
    "product-d16",
    "spiked-d16-k2",
    "late-d16-n64-e10",
    "dilation-d128",
    "blur32-photos",
)
_SAMPLES = (2_000, 10_000, 50_000)

_SPEED = """\
Microseconds a target for inputs and gradients, on one thread, median over runs in turn; targets are one tile of the pair's own, and are drawn
before. The floor is what no implementation can leave out: the family's matrix products in float64, and writing the two outputs. Products of a
funnel: targets and centres; smooth: into the axes' coordinates and back; product: each block and its centres; spiked: into the subspace and,
of two outputs, back, with those of the core; attenuation by a low pass: cosines of rows and columns, there and back."""
_WHY = """\
Below half of the floor are families whose work is not in the products. A nearest point on an ellipsoid takes 6.1 to 6.4 steps of Newton's
method on average, each with a division a coordinate: 780 divisions a target of `smooth-d128`. Funnels, alone or as blocks of a product and
cores of a spike, take a square root for each centre, 64 a target of `hd-d16-n64-p8` and of `product-d128`; `rays` takes these steps apart
(docs/benchmarks/rays.md). Dilation has no product: its floor is the writing, before which it
reads each target for its length."""
_MEMORY = """\
The most memory that `build` takes beyond what the imports took, in a fresh process, for so many rows of train.h5 (and a tenth of test.h5),
written and certified. The ratio is that of the last column to the one before it."""


def main() -> None:
    run = parse("families", __doc__)
    rows = [_speed(name, quick=run.quick) for name in _NAMES]
    samples = tuple(count // 10 for count in _SAMPLES) if run.quick else _SAMPLES
    memory = [] if run.quick else [_memory(name, samples) for name in _OF_MEMORY]
    sections = [
        _SPEED, table(("pair", "floor, µs", "ours, µs", "of the floor"), rows),
        _WHY, _MEMORY, table(("pair", *(f"{count:,} samples, MB" for count in samples), "ratio"), memory),
    ]  # fmt: skip
    publish(run, "Families", sections, packages=("w1bench", "numpy", "numba"))


def _speed(name: str, *, quick: bool) -> tuple[str, ...]:
    pair = make_pair(read_recipe(_RECIPES / f"{name}.toml"))
    target = np.asarray(pair.targets("benchmark", 0), np.float64)
    moved, gradient = np.empty((2, *target.shape))
    products = floor(pair.map, target)

    def least() -> None:
        for product in products:
            product()
        moved.fill(1.0)
        gradient.fill(1.0)

    works = {"floor": once(least), "ours": once(lambda: pair.map.move(target, moved=moved, gradient=gradient))}
    took = medians(works, rounds=5 if quick else 15, least_seconds=0.02 if quick else 0.1)
    micros = {work: 1e6 * seconds / len(target) for work, seconds in took.items()}
    return (name, f"{micros['floor']:.3f}", f"{micros['ours']:.3f}", f"{micros['floor'] / micros['ours']:.0%}")


def floor(of_map: TransportMap, target: F64) -> list[Callable[[], object]]:
    """The matrix products that a map needs of `target` (n, D), each into memory that is used again."""
    match of_map:
        case RayMap():
            return [_product(target, of_map.potential.center.T)]
        case EllipsoidMap() if of_map.potential.rotation is not None:
            return [_product(target, of_map.potential.rotation.T), _product(target, of_map.potential.rotation)]
        case ProductMap():
            pairs = zip(of_map.potential.funnels, of_map.potential.blocks(target), strict=True)
            return [_product(block, funnel.center.T) for funnel, block in pairs]
        case SpikedMap():
            core = np.ascontiguousarray(target @ of_map.frame.T)
            return [
                _product(target, of_map.frame.T),
                *floor(of_map.core, core),
                *(_product(core, of_map.frame) for _ in range(2)),
            ]
        case AttenuationMap():
            project = of_map.potential.subspace.project
            return [partial(project, target)] if of_map.potential.subspace.rank else []
        case _:
            return []


def _product(left: F64, right: F64) -> Callable[[], object]:
    return partial(np.matmul, left, right, out=np.empty((len(left), right.shape[1])))


def _memory(name: str, samples: tuple[int, ...]) -> tuple[str, ...]:
    recipe = read_recipe(_RECIPES / f"{name}.toml")
    taken = [
        extra_memory(_prepare, recipe.with_sizes(train=count, test=max(count // 10, 100), w1_rays=20_000))
        for count in samples
    ]
    return (name, *(f"{count / 1e6:.0f}" for count in taken), f"{taken[-1] / taken[-2]:.2f}")


def _prepare(recipe: Recipe) -> Callable[[], None]:
    return partial(_build, recipe)


def _build(recipe: Recipe) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build(recipe, Path(folder))


if __name__ == "__main__":
    main()
