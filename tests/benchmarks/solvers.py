"""Solvers: an iteration of each method beside a plain loop, in which sampling goes through a (B, D, N) tensor."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import torch
from plain_solvers import plain_step
from report import parse, publish, table
from tensor_rays import TensorMap
from threadpoolctl import threadpool_limits
from timing import medians, once
from torch import Tensor, nn

from w1bench.recipes.recipe import parse_recipe
from w1bench.solvers import SOLVERS
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.pair import Pair
from w1bench.transport.samplers import fresh_inputs, fresh_targets

_DIMS = (2, 16, 128)
_FUNNELS = (256, 4)
_BATCH = 1024
_SCORED_EVERY = 10  # steps, in the published loop

_EXPLANATION = """\
Median milliseconds on one thread, batches of 1024, published networks. *Plain* is the published loop: targets drawn in float32 and
moved through a (B, D, N) tensor, the loss as it is usually written (`tests/benchmarks/plain_solvers.py`), and a cosine on fresh points every ten
steps. *Ours* are the fresh samplers and the solvers of the package, which are scored once, after training. An iteration is sampling + update
(+ a tenth of a scoring). TTC's iteration is LP's and its pushes; DOT has none."""


def main() -> None:
    run = parse("solvers", __doc__)
    torch.set_num_threads(1)
    rounds, least = (3, 0.05) if run.quick else (7, 0.4)
    with threadpool_limits(1):
        sampling = {
            (dim, funnels): medians(_sampling(dim, funnels), rounds=rounds, least_seconds=least)
            for dim in _DIMS for funnels in _FUNNELS
        }  # fmt: skip
        updates = {dim: medians(_updates(dim), rounds=rounds, least_seconds=least) for dim in _DIMS}
    sections = [_EXPLANATION, "## Sampling and scoring", _sampling_table(sampling)]
    for dim in _DIMS:
        of_dim = {funnels: sampling[dim, funnels] for funnels in _FUNNELS}
        sections += [f"## D = {dim}", _table(updates[dim], of_dim)]
    publish(run, "Solvers", sections, packages=("w1bench", "numpy", "numba", "torch"))


def _table(update: dict[str, float], sampling: dict[int, dict[str, float]]) -> str:
    header = ["method", "plain update", "our update", "ratio"]
    for funnels in sampling:
        header += [f"plain iteration, N = {funnels}", "ours", "ratio", "our sampling"]
    rows: list[list[str]] = []
    for name in _methods():
        plain, ours = update[f"plain {name}"], update[f"our {name}"]
        row = [SOLVERS[name].tag, _ms(plain), _ms(ours), f"{plain / ours:.1f}"]
        for took in sampling.values():
            theirs = plain + took["plain sampling"] + took["plain scoring"] / _SCORED_EVERY
            whole = ours + took["our sampling"]
            row += [_ms(theirs), _ms(whole), f"**{theirs / whole:.1f}**", f"{took['our sampling'] / whole:.0%}"]
        rows.append(row)
    return table(header, rows)


def _sampling_table(sampling: dict[tuple[int, int], dict[str, float]]) -> str:
    names = ("our sampling", "plain sampling", "plain scoring")
    rows = [(f"({dim}, {n})", *(_ms(took[name]) for name in names)) for (dim, n), took in sampling.items()]
    return table(("(D, N)", *names), rows)


def _methods() -> list[str]:
    return [name for name in SOLVERS if name not in ("dot", "ttc")]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}"


def _updates(dim: int) -> dict[str, Callable[[int], object]]:
    """One update of each method, plain and ours, on the same batch."""
    x, y = (sampler(0) for sampler in _samplers(_pair(dim, _FUNNELS[0])))
    works: dict[str, Callable[[int], object]] = {}
    for name in _methods():
        settings = SOLVERS[name].settings((dim,))
        torch.manual_seed(0)
        works[f"plain {name}"] = once(_bound(plain_step(name, dim, settings), x, y))
        learner = SOLVERS[name].learner((dim,), settings)
        rng = torch.Generator().manual_seed(0)
        works[f"our {name}"] = once(_bound(lambda x, y, learner=learner, rng=rng: learner.update(x, y, rng), x, y))
    return works


def _bound(step: Callable[[Tensor, Tensor], object], x: Tensor, y: Tensor) -> Callable[[], object]:
    return lambda: step(x, y)


def _sampling(dim: int, funnels: int) -> dict[str, Callable[[int], object]]:
    """A batch of P and one of Q, drawn by us and through tensors; and the published scoring."""
    pair = _pair(dim, funnels)
    inputs, targets = _samplers(pair)
    steps = count()

    def ours() -> object:
        step = next(steps)
        return inputs(step), targets(step)

    funnel, half_width = pair.map.potential, pair.recipe.half_width
    center, offset = (torch.from_numpy(values).float() for values in (funnel.center, funnel.offset))
    tensor_map = TensorMap(center, offset, half_width, pair.recipe.power)
    critic = SOLVERS["lp"].learner((dim,), SOLVERS["lp"].settings((dim,))).networks

    def drawn() -> Tensor:
        return (2 * torch.rand(_BATCH, dim) - 1) * half_width

    def scoring() -> object:
        truth = tensor_map.move(drawn())
        x = truth.input.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x)
        return nn.functional.cosine_similarity(gradient, truth.gradient).mean()

    return {
        "our sampling": once(ours),
        "plain sampling": once(lambda: (tensor_map.inputs(drawn()), drawn())),
        "plain scoring": once(scoring),
    }


def _samplers(pair: Pair) -> tuple[Callable[[int], Tensor], Callable[[int], Tensor]]:
    return fresh_inputs(pair, _BATCH, seed=0), fresh_targets(pair, _BATCH, seed=0)


def _pair(dim: int, funnels: int) -> Pair:
    fields = {
        "name": "solvers", "power": 8.0, "half_width": 2.5,
        "source": {"kind": "uniform", "dim": dim}, "funnel": {"count": funnels},
    }  # fmt: skip
    return make_pair(parse_recipe(fields, origin="the benchmark"))


if __name__ == "__main__":
    main()
