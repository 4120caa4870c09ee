"""Training: how much of an LP iteration is sampling, with our fresh samplers and with the published tensors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import torch
from report import parse, publish, table
from tensor_rays import TensorMap
from threadpoolctl import threadpool_limits
from timing import medians, once
from torch import Tensor

from w1bench.pair import Pair, make_pair
from w1bench.recipe import parse_recipe
from w1bench.samplers import fresh_inputs, fresh_targets
from w1bench.solvers import LP

_PAIRS = ((16, 256), (128, 256))
_BATCH = 1024

_EXPLANATION = """\
Median milliseconds on one thread for a batch of 1024. An iteration is a draw of inputs, a draw of targets and one update of
LP's critic. Ours are `fresh_inputs` and `fresh_targets`; the published way draws targets in float32 and moves them through
(B, D, N) tensors. Share: that of sampling in its own iteration, update + sampling."""

Draw = Callable[[], tuple[Tensor, Tensor]]


def main() -> None:
    run = parse("training", __doc__)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        rows = [_measure(dim, funnels, quick=run.quick) for dim, funnels in _PAIRS]
    header = (
        "(D, N)",
        "update",
        "our sampling",
        "share",
        "published sampling",
        "share",
        "sampling ratio",
        "iteration ratio",
    )
    publish(run, "Training", [_EXPLANATION, table(header, rows)], packages=("w1bench", "numpy", "numba", "torch"))


def _measure(dim: int, funnels: int, *, quick: bool) -> tuple[str, ...]:
    """The table's row of a pair."""
    pair = _pair(dim, funnels)
    draws = {"ours": _fresh(pair), "published": _tensors(pair)}
    update = _update(dim, *draws["ours"]())
    works = {"update": once(update), **{name: once(draw) for name, draw in draws.items()}}
    took = medians(works, rounds=3 if quick else 15, least_seconds=0.1 if quick else 0.5)
    share = {name: took[name] / (took[name] + took["update"]) for name in draws}
    return (
        f"({dim}, {funnels})", f"{took['update'] * 1e3:.2f}",
        f"{took['ours'] * 1e3:.2f}", f"**{share['ours']:.0%}**",
        f"{took['published'] * 1e3:.1f}", f"{share['published']:.0%}",
        f"{took['published'] / took['ours']:.1f}",
        f"{(took['published'] + took['update']) / (took['ours'] + took['update']):.1f}",
    )  # fmt: skip


def _pair(dim: int, funnels: int) -> Pair:
    fields = {
        "name": "training", "power": 8.0, "half_width": 2.5,
        "source": {"kind": "uniform", "dim": dim}, "funnel": {"count": funnels},
    }  # fmt: skip
    return make_pair(parse_recipe(fields, origin="the benchmark"))


def _fresh(pair: Pair) -> Draw:
    inputs, targets = (sampler(pair, _BATCH, seed=0) for sampler in (fresh_inputs, fresh_targets))
    steps = count()

    def draw() -> tuple[Tensor, Tensor]:
        step = next(steps)
        return inputs(step), targets(step)

    return draw


def _tensors(pair: Pair) -> Draw:
    funnel, half_width = pair.map.funnel, pair.recipe.half_width
    center, offset = (torch.from_numpy(values).float() for values in (funnel.center, funnel.offset))
    tensor_map = TensorMap(center, offset, half_width, pair.recipe.power)
    rng = torch.Generator().manual_seed(0)

    def targets() -> Tensor:
        return (2 * torch.rand(_BATCH, pair.dim, generator=rng) - 1) * half_width

    return lambda: (tensor_map.inputs(targets())[0], targets())


def _update(dim: int, x: Tensor, y: Tensor) -> Callable[[], Tensor]:
    torch.manual_seed(0)
    method = LP()
    learner = method.learner((dim,), method.settings((dim,)))
    rng = torch.Generator().manual_seed(0)
    return lambda: learner.update(x, y, rng)


if __name__ == "__main__":
    main()
