"""Images: pairs built end to end against the generator network alone, and 12288-dimensional ones against the published tensors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import THREADS, Case, tile_by_tile
from report import parse, publish, table
from safetensors.torch import save_file
from timing import in_turn, medians, once

from w1bench.builder.build import build
from w1bench.builder.engines.threads import LocalThreads
from w1bench.builder.shards import DRAWN
from w1bench.recipes.recipe import Recipe, parse_recipe
from w1bench.rng import stream
from w1bench.sources.generators.checkpoints import RESNETS
from w1bench.sources.generators.resnet import LATENT_DIM, ResNetGenerator
from w1bench.sources.pictures import NoisyPictures, PictureTable
from w1bench.storage.files import content_sha256
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.pair import Pair

_ROWS = {"wgan-qc-resnet-32-small": 20_000, "wgan-qc-resnet-32": 2000, "wgan-qc-resnet-64": 640}  # of train.h5
_ROUNDS = {"wgan-qc-resnet-32-small": 3, "wgan-qc-resnet-32": 1, "wgan-qc-resnet-64": 1}
_STORED = 2000  # pictures that 12288-dimensional targets are drawn from
_FUNNELS = (1, 16)

_NETWORK = """\
Images a second. *Network alone*: latents through the network in evaluation mode, tile by tile on two worker threads; *end to end*:
`build` of a pair with 16 funnels through the same generator, from the recipe to the published folder: drawing, network, noise, rays,
files, certificate and checksums, counted over every image that it draws. *Rays*: drawing noise, choosing funnels, tracing and moving, on one
thread, in percent of the network's time on one thread. The weights are random; times do not depend on them."""

_TENSORS = """\
Microseconds an image of inputs and gradients in 12288 dimensions, from 64 x 64 images stored in memory: drawn, dequantised, moved. The
published tensors get the same targets in float32, on one or two torch threads, whichever is faster; ours in float64 on two workers."""


@dataclass(frozen=True)
class Network:
    """What was measured of a generator: images a second of the network and of a build, and the rays' share."""

    architecture: str
    alone: float
    built: float
    rays: float


def main() -> None:
    run = parse("images", __doc__)
    with tempfile.TemporaryDirectory() as folder:
        networks = [_network(name, Path(folder), quick=run.quick) for name in _ROWS]
    sections = [_NETWORK, _networks(networks), _TENSORS, _stored(quick=run.quick)]
    publish(run, "Images", sections, packages=("w1bench", "numpy", "numba", "torch"))


def _network(architecture: str, folder: Path, *, quick: bool) -> Network:
    checkpoint = folder / f"{architecture}.safetensors"
    save_file(ResNetGenerator(RESNETS[architecture]).state_dict(), checkpoint)
    recipe = _recipe(architecture, checkpoint, 100 if quick else _ROWS[architecture])
    pair, count = make_pair(recipe), 0
    images = _images(recipe, pair)
    latents = stream(0, "latents", 0).standard_normal((pair.rows, LATENT_DIM), dtype=np.float32)

    def build_again() -> None:
        nonlocal count
        count += 1
        build(recipe, folder / f"{architecture}-{count}", engine=LocalThreads(THREADS))

    one = medians(
        {
            "network": once(partial(_on_workers, 1, pair.source.pictures.decode, [latents])),
            "rays": once(partial(_tile_of_rays, pair)),
        },
        rounds=3,
    )
    # The network is warm by now, and a build takes long enough.
    works = {"alone": partial(_run_network, pair, latents, images), "built": build_again}
    took = in_turn(works, rounds=1 if quick else _ROUNDS[architecture])
    return Network(architecture, images / took["alone"], images / took["built"], one["rays"] / one["network"])


def _recipe(architecture: str, checkpoint: Path, train: int) -> Recipe:
    source = {"kind": "generator", "checkpoint": str(checkpoint), "sha256": content_sha256(checkpoint), "noise": 0.01}
    return parse_recipe(
        {
            "name": architecture, "power": 100.0, "half_width": 1.2, "source": source | {"architecture": architecture},
            "funnel": {"count": 16, "center_half_width": 1.0},
            "sizes": {"train": max(train, 100), "test": 100, "probe": 64, "w1_rays": 128},
        },
        origin="the benchmark",
    )  # fmt: skip


def _images(recipe: Recipe, pair: Pair) -> int:
    """How many images a build draws: inputs and targets, in whole tiles."""
    return sum(2 * pair.rows * -(-getattr(recipe.sizes, role) // pair.rows) for role in DRAWN)


def _run_network(pair: Pair, latents: np.ndarray, images: int) -> None:
    _on_workers(THREADS, pair.source.pictures.decode, [latents] * (images // len(latents)))


def _on_workers(count: int, work: Callable[[Any], object], tasks: Sequence[Any]) -> None:
    """Every task, each on one of so many worker threads; results are let go at once."""
    with LocalThreads(count).started() as run:
        for _ in run(work, tasks):
            pass


def _tile_of_rays(pair: Pair) -> None:
    """All of a tile but the network: noise, rays, inputs and gradients."""
    source = NoisyPictures(_Zeros(pair.source.shape), pair.source.noise, pair.source.half_width)

    def work(tile: int) -> None:
        target = source.draw(stream(0, "rays", tile), pair.rows).reshape(pair.rows, pair.dim)
        pair.map.trace(target, moved=np.empty_like(target), gradient=np.empty_like(target))

    _on_workers(1, work, [0])


@dataclass(frozen=True)
class _Zeros:
    """Pictures at no cost."""

    shape: tuple[int, int, int]

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return np.zeros((count, *self.shape), np.float32)


def _networks(networks: Sequence[Network]) -> str:
    rows = [
        (n.architecture, f"{n.alone:.1f}", f"{n.built:.1f}", f"**{n.built / n.alone:.0%}**", f"{n.rays:.2%}")
        for n in networks
    ]
    return table(("generator", "network alone", "end to end", "of the network", "rays"), rows)


def _stored(*, quick: bool) -> str:
    rows: list[tuple[object, ...]] = []
    stored = stream(0, "stored", 0).random((_STORED, 3, 64, 64), dtype=np.float32) * 2 - 1
    for funnels in _FUNNELS:
        case = Case(12288, funnels, 128 if quick else 512)
        source, ray_map = NoisyPictures(PictureTable(stored), 0.01, case.half_width), case.ray_map()

        def draw(source: NoisyPictures, count: int) -> np.ndarray:
            return source.draw(stream(0, "stored.target", 0), count).reshape(count, -1)

        def ours(target: np.ndarray, draw: Callable[..., np.ndarray] = draw, source: NoisyPictures = source,
                 ray_map: object = ray_map) -> None:  # fmt: skip
            y = draw(source, len(target))
            ray_map.trace(y, moved=np.empty_like(y), gradient=np.empty_like(y))  # type: ignore[attr-defined]

        def published(threads: int, case: Case = case, source: NoisyPictures = source) -> None:
            torch.set_num_threads(threads)
            case.tensor_map().move(torch.from_numpy(draw(source, case.batch)))

        placeholder = np.empty((case.batch, case.dim), np.float32)
        took = medians(
            {
                "ours": partial(tile_by_tile, ours, placeholder),
                "published": once(partial(published, THREADS)),
                "published on one": once(partial(published, 1)),
            },
            rounds=3 if quick else 5,
            least_seconds=0.2,
        )
        other = min(took["published"], took["published on one"]) / case.batch * 1e6
        mine = took["ours"] / case.batch * 1e6
        rows.append((case, f"{other:.0f}", f"{mine:.1f}", f"**{other / mine:.1f}**"))
    return table(("(D, N, B)", "published, µs", "ours, µs", "ratio"), rows)


if __name__ == "__main__":
    main()
