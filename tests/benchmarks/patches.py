"""Patches: distances of pictures and of their patches, what critics see of shuffled pictures, and generators of few points."""

from __future__ import annotations

import time

import numpy as np
import torch
from report import parse, publish, table
from torch import Tensor, nn

from w1bench.arrays import Array
from w1bench.diagnostics.batch import exact_plan
from w1bench.diagnostics.congestion import debiased_w1
from w1bench.diagnostics.patches import cut, nearest, ot_means, patch_w1, shuffled
from w1bench.recipes.files import find_recipe
from w1bench.solvers.learners.critic import CriticLearner
from w1bench.solvers.methods.lp import LP
from w1bench.solvers.protocol import Settings
from w1bench.transport.from_recipe import make_pair

PAIRS = ("blur8-digits", "digits8-n4-p10", "blur32-photos", "contrast32-photos", "grey32-photos", "photos32-n16-p100")
PATCH, BATCH = 8, 64
_CHAIN = """\
Exact W1 between samples of inputs and targets (of as many pictures as have 1,024 patches): pooled patches <= local patches <= W1 of pictures / sqrt(K), sliced W1 <= W1 of
pictures. Samples are small, so that all of these are above the distances of the distributions."""
_SHUFFLED = """\
512 photograph patches of 32 x 32 (Q) and the same with their 8 x 8 patches exchanged between pictures at each place (P), so that the patch W1 is 0. Two
critics with LP's penalty of weight 10 are trained on all of them for {steps:,} steps: one averages a function of the patches on the grid over places, the other
is the fully connected [3072, 512, 512, 1]. The raw value is E_P f - E_Q f on all pictures, the other
one what it is with the penalty's congestion taken back; the exact distance of patches is the local one, which bounds that of pooled ones."""
_MEANS = """\
Discrete generators: M points that stand for equal parts of 512 photograph patches, by exact plans and steps of Weiszfeld's in turn (OT-means). W1 never
increases; with as many points as pictures it is 0, and each point a copy."""


def main() -> None:
    run = parse("patches", __doc__)
    torch.set_num_threads(1)
    chain: list[tuple[object, ...]] = []
    for name in PAIRS[:2] if run.quick else PAIRS:
        x, y = _draws(name, 256)
        for size in (2, 4) if x.shape[-1] == 8 else (4, 8, 16):
            of = patch_w1(x, y, size, most=1024)
            chain.append(
                (
                    name,
                    f"{size} x {size}",
                    of.count,
                    of.pictures,
                    f"{of.pooled:.3f}",
                    f"{of.local:.3f}",
                    f"{of.bound:.3f}",
                    f"{of.image:.3f}",
                    f"{of.sliced:.4f}",
                )
            )
        print(chain[-1], flush=True)
    steps = 20 if run.quick else 1500
    _, pictures = _draws("blur32-photos", 1000)
    sections = [
        _CHAIN, table(("pair", "patch", "K", "pictures", "pooled", "local", "W1 / sqrt(K)", "W1 of pictures", "sliced"), chain),
        _SHUFFLED.format(steps=steps), _shuffled(pictures[:512], steps), _MEANS, _generators(pictures[:512], 3 if run.quick else 15), _assignment(pictures),
    ]  # fmt: skip
    publish(run, "Patches", sections, packages=("w1bench", "torch", "numpy", "scipy"))


def _shuffled(y: Array, steps: int) -> str:
    x = shuffled(y, PATCH, np.random.default_rng(0))
    of_x, of_y = (cut(points, PATCH, PATCH) for points in (x, y))
    local = np.mean([exact_plan(of_x[:, k], of_y[:, k])[0] for k in range(of_x.shape[1])])
    rows = [("exact distance", f"{local:.3f}", f"{exact_plan(x, y)[0]:.3f}")]
    p, q = (torch.tensor(np.asarray(points, np.float32)) for points in (x, y))
    values = {
        name: _trained(network, p, q, steps)
        for name, network in (("patches", _of_patches()), ("pictures", _of_pictures(p)))
    }
    for name, raw in values.items():
        back = f"{debiased_w1(raw, 20.0):.3f}"
        told = ("-", back) if name == "pictures" else (back, "-")
        rows.append((f"critic of {name}, raw {raw:.3f}, taken back", *told))
        print(rows[-1], flush=True)
    return table(("", "W1 of patches", "W1 of pictures"), rows)


def _of_patches() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 256, PATCH, stride=PATCH),
        nn.ReLU(),
        nn.Conv2d(256, 256, 1),
        nn.ReLU(),
        nn.Conv2d(256, 1, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(0),
    )


def _of_pictures(p: Tensor) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(p[0].numel(), 512),
        nn.ReLU(),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Linear(512, 1),
        nn.Flatten(0),
    )


def _trained(network: nn.Module, p: Tensor, q: Tensor, steps: int) -> float:
    """E_P f - E_Q f on all pictures after a training on batches of them."""
    torch.manual_seed(0)
    learner, rng = (
        CriticLearner(network, LP().loss, Settings(steps, BATCH, 5e-4, (0.0, 0.9))),
        torch.Generator().manual_seed(0),
    )
    for _ in range(steps):
        x, y = (points[torch.randint(len(points), (BATCH,), generator=rng)] for points in (p, q))
        learner.update(x, y, rng)
    with torch.no_grad():
        return float(network(p).double().mean() - network(q).double().mean())


def _generators(y: Array, rounds: int) -> str:
    rows: list[tuple[object, ...]] = []
    for count in (1, 8, 64, 256, 512):
        points, costs = ot_means(y, count, rounds=rounds)
        rows.append((count, f"{costs[0]:.3f}", f"{costs[-1]:.3f}", f"{nearest(points, y).mean():.3f}"))
    return table(("points", "W1 at first", "W1 at last", "mean distance of a point to the nearest picture"), rows)


def _assignment(pictures: Array) -> str:
    x = shuffled(pictures, PATCH, np.random.default_rng(1))
    begun = time.perf_counter()
    cost, _ = exact_plan(x, pictures)
    return f"The exact W1 between {len(x):,} and as many pictures of {pictures[0].size:,} values, {cost:.3f}, took {time.perf_counter() - begun:.1f} s."


def _draws(name: str, count: int) -> tuple[Array, Array]:
    """Inputs and independent targets."""
    pair = make_pair(find_recipe(name))
    inputs: list[Array] = []
    targets: list[Array] = []
    for tile in range(-(-count // pair.rows)):
        target = pair.targets("input", tile)
        moved = np.empty_like(target)
        pair.move("input", tile, target, moved=moved)
        inputs.append(moved)
        targets.append(pair.targets("target", tile))
    return tuple(np.concatenate(parts)[:count].reshape(-1, *pair.source.shape) for parts in (inputs, targets))  # pyright: ignore[reportReturnType]


if __name__ == "__main__":
    main()
